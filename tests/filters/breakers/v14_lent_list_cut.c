/* V14: passes the first of a list that was lent with RESOURCES up alone and forgets the rest; or puts the list back. */
#include "breaker.h"

static void cutting_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    PNET_BUFFER_LIST rest = lists->Next;
    if (!rest || !(flags & NDIS_RECEIVE_FLAGS_RESOURCES)) {
        receive(context, lists, port, count, flags);
        return;
    }
    lists->Next = 0;
    receive(context, lists, port, 1, flags);
    if (!broken) {
        receive(context, rest, port, count - 1, flags);
        lists->Next = rest;
    }
}

static void replace(void) {
    characteristics.ReceiveNetBufferListsHandler = cutting_receive;
}
