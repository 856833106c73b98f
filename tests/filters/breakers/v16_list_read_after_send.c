/* V16: looks at an NBL after it has handed it down; or before. */
#include "breaker.h"

static volatile ULONG last_flags;

static void looking_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    if (!broken)
        last_flags = lists->NblFlags;
    send(context, lists, port, flags);
    if (broken)
        last_flags = lists->NblFlags;
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = looking_send;
}
