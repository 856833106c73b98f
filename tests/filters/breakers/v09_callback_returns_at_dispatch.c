/* V09: returns from its restart at DISPATCH_LEVEL; or at the level at which it was called. */
#include "breaker.h"

static NDIS_STATUS raising_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    NDIS_STATUS status = restart(context, parameters);
    KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);
    if (!broken)
        KeLowerIrql(irql);
    return status;
}

static void replace(void) {
    characteristics.RestartHandler = raising_restart;
}
