/* V19: drops sends and leaves what a large one asked for as it was; or says in its place how much was sent. */
#include "breaker.h"

static void dropping_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (!ExAcquireRundownProtection(&module->running)) {
        send(context, lists, port, flags);
        return;
    }
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        if (!broken)
            refuse(list);
        list->Status = NDIS_STATUS_SUCCESS;
    }
    NdisFSendNetBufferListsComplete(module->handle, lists, 0);
    ExReleaseRundownProtection(&module->running);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = dropping_send;
}
