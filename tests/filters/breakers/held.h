/* Packets held back for a while: they wait in a queue, in their order, until a timer passes them on.
 *
 * The including file defines HOLD_MS, `pass_on`, which passes a list on, and `give_back`, which ends it while the filter
 * pauses. The first adapter's: of others nothing is held. */
#include "breaker.h"

static struct module *holder;
static NDIS_HANDLE timer;
static KSPIN_LOCK held_lock; /* guards what follows */
static PNET_BUFFER_LIST held;
static PNET_BUFFER_LIST *held_end = &held;

static void pass_on(struct module *module, PNET_BUFFER_LIST lists, int is_dispatch);
static void give_back(struct module *module, PNET_BUFFER_LIST lists);

/* All that is held. */
static PNET_BUFFER_LIST take_held(void) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    PNET_BUFFER_LIST lists = held;
    held = 0;
    held_end = &held;
    KeReleaseSpinLock(&held_lock, irql);
    return lists;
}

static void let_go(struct module *module) {
    PNET_BUFFER_LIST lists = take_held();
    if (lists)
        pass_on(module, lists, 0);
}

static void hold(PNET_BUFFER_LIST lists) {
    LARGE_INTEGER due = { .QuadPart = -10000LL * (HOLD_MS) };
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    int is_first = !held;
    *held_end = lists;
    while (*held_end)
        held_end = &(*held_end)->Next;
    KeReleaseSpinLock(&held_lock, irql);
    if (is_first)
        NdisSetTimerObject(timer, due, 0, 0);
}

static void time_is_over(PVOID unused1, PVOID context, PVOID unused2, PVOID unused3) {
    PNET_BUFFER_LIST lists = take_held();
    if (lists)
        pass_on(context, lists, 1);
}

static NDIS_STATUS holding_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    NDIS_TIMER_CHARACTERISTICS timers = {
        .Header = { NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, NDIS_TIMER_CHARACTERISTICS_REVISION_1, sizeof(timers) },
        .AllocationTag = POOL_TAG,
        .TimerFunction = time_is_over,
        .FunctionContext = context,
    };
    struct module *module = context;
    if (!holder && NdisAllocateTimerObject(module->handle, &timers, &timer) == NDIS_STATUS_SUCCESS)
        holder = module;
    return restart(context, parameters);
}

static NDIS_STATUS holding_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct module *module = context;
    if (module == holder) {
        holder = 0;
        PNET_BUFFER_LIST lists = take_held();
        if (lists)
            give_back(module, lists);
        NdisCancelTimerObject(timer);
        KeFlushQueuedDpcs();
        NdisFreeTimerObject(timer);
    }
    return pause(context, parameters);
}

static void hold_back(void) {
    KeInitializeSpinLock(&held_lock);
    characteristics.RestartHandler = holding_restart;
    characteristics.PauseHandler = holding_pause;
}
