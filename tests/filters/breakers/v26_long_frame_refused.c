/* V26: refuses sends with frames that are longer than the MTU allows, as offloads make them; or passes them on too. */
#include "breaker.h"

enum { longest_usual = 1518 };

static int has_long_frame(PNET_BUFFER_LIST list) {
    for (NET_BUFFER *frame = list->FirstNetBuffer; frame; frame = frame->Next)
        if (frame->DataLength > longest_usual)
            return 1;
    return 0;
}

static void choosy_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    for (PNET_BUFFER_LIST list = lists, next; list; list = next) {
        next = list->Next;
        list->Next = 0;
        if (!broken || !has_long_frame(list)) {
            send(context, list, port, flags);
            continue;
        }
        refuse(list);
        list->Status = NDIS_STATUS_INVALID_LENGTH;
        NdisFSendNetBufferListsComplete(module->handle, list, 0);
    }
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = choosy_send;
}
