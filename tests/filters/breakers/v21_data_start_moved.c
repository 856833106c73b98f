/* V21: steps over the Ethernet header of frames that it passes down, and does not step back; or does. */
#include "breaker.h"

enum { header_bytes = 14 };

static void stepping_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        for (NET_BUFFER *frame = list->FirstNetBuffer; frame; frame = frame->Next) {
            NdisAdvanceNetBufferDataStart(frame, header_bytes, 0, 0);
            /* Back into space that is there: this cannot fail. */
            if (!broken)
                NdisRetreatNetBufferDataStart(frame, header_bytes, 0, 0);
        }
    }
    send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = stepping_send;
}
