/* V23: passes receives up with a wrong count; or with the right one. */
#include "breaker.h"

static void counting_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    count = broken;
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        count++;
    receive(context, lists, port, count, flags);
}

static void replace(void) {
    characteristics.ReceiveNetBufferListsHandler = counting_receive;
}
