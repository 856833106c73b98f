/* V05: holds receives for half a second, and over a pause too; or returns them when it pauses. */
#define HOLD_MS 500
#include "held_receives.h"

/* What NDIS looped back is nobody's to hold. */
static int may_hold(PNET_BUFFER_LIST list) {
    return !(list->NblFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET);
}

static void replace(void) {
    hold_receives();
    if (broken)
        characteristics.PauseHandler = pause;
}
