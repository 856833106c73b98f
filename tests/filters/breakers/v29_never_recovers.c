/* V29: drops every send once an allocation for one has failed; or only that send. */
#include "breaker.h"

static int out_of_memory;

static void accounting_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    PVOID account = broken && out_of_memory ? 0 : ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (account) {
        ExFreePoolWithTag(account, POOL_TAG);
        send(context, lists, port, flags);
        return;
    }
    out_of_memory = 1;
    /* Where the module pauses the pass-through filter completes them. */
    if (!ExAcquireRundownProtection(&module->running)) {
        send(context, lists, port, flags);
        return;
    }
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        refuse(list);
        list->Status = NDIS_STATUS_RESOURCES;
    }
    NdisFSendNetBufferListsComplete(module->handle, lists, 0);
    ExReleaseRundownProtection(&module->running);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = accounting_send;
}
