/* V25: passes sends on whether it runs or not; or refuses them while it does not. */
#include "breaker.h"

static void eager_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (broken)
        NdisFSendNetBufferLists(module->handle, lists, port, flags);
    else
        send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = eager_send;
}
