/* V31: passes the receives of a list up in the opposite order; or in theirs. */
#include "breaker.h"

static void reversing_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    PNET_BUFFER_LIST reversed = 0;
    if (!broken || (flags & NDIS_RECEIVE_FLAGS_RESOURCES)) {
        receive(context, lists, port, count, flags);
        return;
    }
    while (lists) {
        PNET_BUFFER_LIST next = lists->Next;
        lists->Next = reversed;
        reversed = lists;
        lists = next;
    }
    receive(context, reversed, port, count, flags);
}

static void replace(void) {
    characteristics.ReceiveNetBufferListsHandler = reversing_receive;
}
