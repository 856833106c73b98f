/* V24: says of each send that it is at DISPATCH_LEVEL; or what its caller said. */
#include "breaker.h"

static void claiming_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    send(context, lists, port, broken ? flags | NDIS_SEND_FLAGS_DISPATCH_LEVEL : flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = claiming_send;
}
