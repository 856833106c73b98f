/* V31: passes the sends of a list down in the opposite order; or in theirs. */
#include "breaker.h"

static void reversing_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    PNET_BUFFER_LIST reversed = broken ? 0 : lists;
    while (broken && lists) {
        PNET_BUFFER_LIST next = lists->Next;
        lists->Next = reversed;
        reversed = lists;
        lists = next;
    }
    send(context, reversed, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = reversing_send;
}
