/* V04: waits in its pause for what never happens; or for what happens soon. */
#include "breaker.h"

static KEVENT happened;

static NDIS_STATUS waiting_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    if (!broken)
        KeSetEvent(&happened, 0, 0);
    KeWaitForSingleObject(&happened, Executive, KernelMode, 0, 0);
    return pause(context, parameters);
}

static void replace(void) {
    KeInitializeEvent(&happened, SynchronizationEvent, 0);
    characteristics.PauseHandler = waiting_pause;
}
