/* V26: refuses sends with frames that are longer than the MTU allows, as offloads make them; or passes them on too. */
#include "breaker.h"

enum { longest_usual = 1514 };

static int has_long_frame(PNET_BUFFER_LIST lists) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        for (NET_BUFFER *frame = list->FirstNetBuffer; frame; frame = frame->Next)
            if (frame->DataLength > longest_usual)
                return 1;
    return 0;
}

static void choosy_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (!broken || !has_long_frame(lists)) {
        send(context, lists, port, flags);
        return;
    }
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        refuse(list);
        list->Status = NDIS_STATUS_INVALID_LENGTH;
    }
    NdisFSendNetBufferListsComplete(module->handle, lists, 0);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = choosy_send;
}
