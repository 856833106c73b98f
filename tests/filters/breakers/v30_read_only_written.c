/* V30: writes each frame's first byte anew, with what it was, those that are read-only too; or not those. */
#include "breaker.h"

static void rewriting_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        volatile UCHAR *first = NdisGetDataBuffer(list->FirstNetBuffer, 1, 0, 1, 0);
        if (first && (broken || !(list->NblFlags & NDIS_NBL_FLAGS_SEND_READ_ONLY)))
            *first = *first;
    }
    send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = rewriting_send;
}
