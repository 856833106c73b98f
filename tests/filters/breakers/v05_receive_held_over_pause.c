/* V05: holds the last list of receives until the next comes, and over a pause too; or returns it when it pauses. */
#include "breaker.h"

/* One adapter's: of others nothing is held. */
static struct module *holder;
static PNET_BUFFER_LIST held;
static NDIS_PORT_NUMBER held_port;
static ULONG held_count;
static KSPIN_LOCK held_lock;

/* Holds a list, or none, in the place of what is held; passes on what was. */
static void hold_instead(struct module *module, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    PNET_BUFFER_LIST before = held;
    NDIS_PORT_NUMBER before_port = held_port;
    ULONG before_count = held_count;
    held = lists;
    held_port = port;
    held_count = count;
    KeReleaseSpinLock(&held_lock, irql);
    if (before)
        receive(module, before, before_port, before_count, 0);
}

static void holding_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    if (module != holder) {
        receive(module, lists, port, count, flags);
    } else if (flags & NDIS_RECEIVE_FLAGS_RESOURCES) {
        hold_instead(module, 0, 0, 0);
        receive(module, lists, port, count, flags);
    } else {
        hold_instead(module, lists, port, count);
    }
}

static NDIS_STATUS holding_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    if (!holder)
        holder = context;
    return restart(context, parameters);
}

static NDIS_STATUS draining_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct module *module = context;
    if (module == holder && !broken) {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
        PNET_BUFFER_LIST last = held;
        held = 0;
        holder = 0;
        KeReleaseSpinLock(&held_lock, irql);
        if (last)
            NdisFReturnNetBufferLists(module->handle, last, 0);
    }
    return pause(context, parameters);
}

static void replace(void) {
    KeInitializeSpinLock(&held_lock);
    characteristics.ReceiveNetBufferListsHandler = holding_receive;
    characteristics.RestartHandler = holding_restart;
    characteristics.PauseHandler = draining_pause;
}
