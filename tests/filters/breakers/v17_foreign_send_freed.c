/* V17: drops sends by freeing them, which it did not allocate; or by completing them. */
#include "breaker.h"

static void dropping_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (!ExAcquireRundownProtection(&module->running)) {
        send(context, lists, port, flags);
        return;
    }
    for (PNET_BUFFER_LIST list = lists; list && !broken; list = list->Next) {
        refuse(list);
        list->Status = NDIS_STATUS_SUCCESS;
    }
    if (broken)
        NdisFreeNetBufferList(lists);
    else
        NdisFSendNetBufferListsComplete(module->handle, lists, 0);
    ExReleaseRundownProtection(&module->running);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = dropping_send;
}
