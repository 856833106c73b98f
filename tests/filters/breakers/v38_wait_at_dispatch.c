/* V38: waits at DISPATCH_LEVEL; or below. */
#include "breaker.h"

static KEVENT happened;

static NDIS_STATUS waiting_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    KIRQL irql = broken ? KfRaiseIrql(DISPATCH_LEVEL) : PASSIVE_LEVEL;
    KeWaitForSingleObject(&happened, Executive, KernelMode, 0, 0);
    if (broken)
        KeLowerIrql(irql);
    return restart(context, parameters);
}

static void replace(void) {
    KeInitializeEvent(&happened, NotificationEvent, 1);
    characteristics.RestartHandler = waiting_restart;
}
