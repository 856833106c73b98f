/* V02: a pause fails. */
#include "breaker.h"

static NDIS_STATUS failing_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    return broken ? NDIS_STATUS_FAILURE : pause(context, parameters);
}

static void replace(void) {
    characteristics.PauseHandler = failing_pause;
}
