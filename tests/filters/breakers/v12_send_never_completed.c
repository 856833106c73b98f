/* V12: passes sends on and loses them when they come back; or passes them up. */
#include "breaker.h"

static void losing_send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    if (!broken)
        send_complete(context, lists, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsCompleteHandler = losing_send_complete;
}
