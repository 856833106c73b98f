/* V05: holds the last list of receives until the next comes, and over a pause too; or returns it when it pauses. */
#include "breaker.h"

/* One adapter's: of others nothing is held. */
static struct module *holder;
static PNET_BUFFER_LIST held;
static NDIS_PORT_NUMBER held_port;
static ULONG held_count;
static KSPIN_LOCK held_lock;

static void holding_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    if (module != holder || (flags & NDIS_RECEIVE_FLAGS_RESOURCES)) {
        KeReleaseSpinLock(&held_lock, irql);
        receive(context, lists, port, count, flags);
        return;
    }
    PNET_BUFFER_LIST before = held;
    NDIS_PORT_NUMBER before_port = held_port;
    ULONG before_count = held_count;
    held = lists;
    held_port = port;
    held_count = count;
    KeReleaseSpinLock(&held_lock, irql);
    if (before)
        receive(context, before, before_port, before_count, 0);
}

static NDIS_STATUS holding_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    if (!holder)
        holder = context;
    KeReleaseSpinLock(&held_lock, irql);
    return restart(context, parameters);
}

static NDIS_STATUS draining_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct module *module = context;
    PNET_BUFFER_LIST last = 0;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    if (module == holder && !broken) {
        last = held;
        held = 0;
        holder = 0;
    }
    KeReleaseSpinLock(&held_lock, irql);
    if (last)
        NdisFReturnNetBufferLists(module->handle, last, 0);
    return pause(context, parameters);
}

static void replace(void) {
    KeInitializeSpinLock(&held_lock);
    characteristics.ReceiveNetBufferListsHandler = holding_receive;
    characteristics.RestartHandler = holding_restart;
    characteristics.PauseHandler = draining_pause;
}
