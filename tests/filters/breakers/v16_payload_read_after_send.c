/* V16: looks at a frame's first byte after it has handed the frame down; or before. */
#include "breaker.h"

static volatile UCHAR last_byte;

static void looking_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    UCHAR copy;
    const UCHAR *first = NdisGetDataBuffer(lists->FirstNetBuffer, 1, &copy, 1, 0);
    if (!broken && first)
        last_byte = *first;
    send(context, lists, port, flags);
    if (broken && first)
        last_byte = *first;
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = looking_send;
}
