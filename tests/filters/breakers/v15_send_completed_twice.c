/* V15: passes completions of sends up twice; or once. */
#include "breaker.h"

static void repeating_send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    send_complete(context, lists, flags);
    if (broken)
        send_complete(context, lists, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsCompleteHandler = repeating_send_complete;
}
