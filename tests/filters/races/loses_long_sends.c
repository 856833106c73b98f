/* No rule: completes a send of many frames as if it had been sent; or passes it on. Who says that it is transparent lies. */
#include "../breakers/breaker.h"

#define MANY 5

static void losing_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    int frames = 0;
    for (PNET_BUFFER buffer = lists->FirstNetBuffer; buffer; buffer = buffer->Next)
        frames++;
    /* What asks for segments would have to be told what was sent (V19). */
    PVOID segments = lists->NetBufferListInfo[TcpLargeSendNetBufferListInfo];
    if (!broken || lists->Next || frames <= MANY || segments) {
        send(context, lists, port, flags);
        return;
    }
    refuse(lists);
    lists->Status = NDIS_STATUS_SUCCESS;
    NdisFSendNetBufferListsComplete(module->handle, lists, 0);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = losing_send;
}
