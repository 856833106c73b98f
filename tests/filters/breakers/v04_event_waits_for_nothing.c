/* V04: waits, before it passes a network event on, for what never happens; or for what happens soon. */
#include "breaker.h"

static KEVENT happened;

static NDIS_STATUS waiting_net_pnp(NDIS_HANDLE context, PNET_PNP_EVENT_NOTIFICATION event) {
    if (!broken)
        KeSetEvent(&happened, 0, 0);
    KeWaitForSingleObject(&happened, Executive, KernelMode, 0, 0);
    return net_pnp(context, event);
}

static void replace(void) {
    KeInitializeEvent(&happened, SynchronizationEvent, 0);
    characteristics.NetPnPEventHandler = waiting_net_pnp;
}
