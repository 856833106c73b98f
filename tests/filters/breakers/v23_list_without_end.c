/* V23: passes receives up in a list that begins anew at its end; or that ends. */
#include "breaker.h"

static void circling_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    PNET_BUFFER_LIST last = lists;
    while (last->Next)
        last = last->Next;
    if (!(flags & NDIS_RECEIVE_FLAGS_RESOURCES))
        last->Next = broken ? lists : 0;
    receive(context, lists, port, count, flags);
}

static void replace(void) {
    characteristics.ReceiveNetBufferListsHandler = circling_receive;
}
