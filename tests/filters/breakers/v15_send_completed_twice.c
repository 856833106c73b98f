/* V15: refuses sends, and completes them twice; or once. */
#include "breaker.h"

static void refusing_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    (void)port;
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        list->Status = NDIS_STATUS_FAILURE;
    NdisFSendNetBufferListsComplete(module->handle, lists, flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    if (broken)
        NdisFSendNetBufferListsComplete(module->handle, lists, flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = refusing_send;
}
