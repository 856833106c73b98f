/* V14: drops every receive by returning it, one that was lent with RESOURCES too; or drops that by doing nothing. */
#include "breaker.h"

static void dropping_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    (void)port;
    (void)count;
    if (!broken && (flags & NDIS_RECEIVE_FLAGS_RESOURCES))
        return;
    NdisFReturnNetBufferLists(module->handle, lists, 0);
}

static void replace(void) {
    characteristics.ReceiveNetBufferListsHandler = dropping_receive;
}
