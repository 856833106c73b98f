/* V36: a timer that a rare event sets runs out when its module is freed; or is cancelled first. */
#define OWN_ENTRY
#include "../breakers/breaker.h"

#define LATER (-20000000LL) /* 2 s */

static struct module *volatile timed; /* whose timer it is */
static KTIMER timer;
static KDPC dpc;

static void look(struct _KDPC *unused, PVOID context, PVOID unused1, PVOID unused2) {
    struct module *module = timed;
    if (!module)
        return;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
    timed = 0;
    KeReleaseSpinLock(&module->lock, irql);
}

static NDIS_STATUS timing_net_pnp(NDIS_HANDLE context, PNET_PNP_EVENT_NOTIFICATION event) {
    LARGE_INTEGER due = { .QuadPart = LATER };
    if (event->NetPnPEvent.NetEvent == NetEventReconfigure && !timed) {
        timed = context;
        KeSetTimerEx(&timer, due, 0, &dpc);
    }
    return net_pnp(context, event);
}

static void stop(void) {
    KeCancelTimer(&timer);
    KeFlushQueuedDpcs();
    timed = 0;
}

static void timing_detach(NDIS_HANDLE context) {
    if (!broken && timed == context)
        stop();
    detach(context);
}

static void stopping_unload(PDRIVER_OBJECT driver) {
    stop();
    unload(driver);
}

static void replace(void) {
    KeInitializeTimerEx(&timer, NotificationTimer);
    KeInitializeDpc(&dpc, look, 0);
    characteristics.NetPnPEventHandler = timing_net_pnp;
    characteristics.DetachHandler = timing_detach;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    replace();
    NTSTATUS result = passthru_entry(driver, registry_path);
    driver->DriverUnload = stopping_unload;
    return result;
}
