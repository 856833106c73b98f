/* V49: holds receives that NDIS looped back as it does others; or lets them pass at once. */
#define HOLD_MS 500
#include "held_receives.h"

static int may_hold(PNET_BUFFER_LIST list) {
    return broken || !(list->NblFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET);
}

static void replace(void) {
    hold_receives();
}
