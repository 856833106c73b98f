/* V21: inverts the first byte of frames that it may write; or inverts it back before it passes them on. */
#include "breaker.h"

static void inverting_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        volatile UCHAR *first = NdisGetDataBuffer(list->FirstNetBuffer, 1, 0, 1, 0);
        if (!first || (list->NblFlags & NDIS_NBL_FLAGS_SEND_READ_ONLY))
            continue;
        *first = ~*first;
        if (!broken)
            *first = ~*first;
    }
    send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = inverting_send;
}
