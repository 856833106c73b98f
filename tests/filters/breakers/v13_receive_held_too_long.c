/* V13: holds receives for two seconds, one more than it may; or for half of one. */
#define HOLD_MS (broken ? 2000 : 500)
#include "held_receives.h"

/* What NDIS looped back is nobody's to hold. */
static int may_hold(PNET_BUFFER_LIST list) {
    return !(list->NblFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET);
}

static void replace(void) {
    hold_receives();
}
