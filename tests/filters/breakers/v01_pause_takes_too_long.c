/* V01: a pause takes 11 s, one more than it may; or one second. */
#include "breaker.h"

static NDIS_STATUS slow_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    NdisMSleep(broken ? 11000000 : 1000000);
    return pause(context, parameters);
}

static void replace(void) {
    characteristics.PauseHandler = slow_pause;
}
