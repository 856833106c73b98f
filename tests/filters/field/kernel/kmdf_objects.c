/* The framework's objects, as a driver makes them at its start and uses them when it pauses: locks, memory, a collection, a
 * string, a list of memory, a timer, a DPC, a work item, contexts and references.
 *
 * BREAK 1 V36: an object is used after it was deleted.
 * BREAK 2 V36: an object's context is read after the object was deleted.
 * BREAK 3 V39: a wait lock is taken twice.
 * BREAK 4 V39: a wait lock is released that nobody holds.
 * BREAK 5 V45: a wait lock is waited for at DISPATCH_LEVEL.
 * BREAK 6 V45: a timer's end is waited for at DISPATCH_LEVEL.
 * BREAK 7 V39: a spin lock is taken twice.
 * BREAK 8 V39: a spin lock is held when the callback returns.
 * BREAK 9 V36: memory is written beyond its end.
 * BREAK 10 V36: memory is written before its start.
 * BREAK 11 V45: a work item is waited for at DISPATCH_LEVEL.
 * BREAK 12 V36: an object is deleted twice.
 * BREAK 13 V36: a context is written beyond its end.
 * BREAK 14 V39: two spin locks are taken in both orders.
 * BREAK 15 V35: a reference is never given back.
 */
#include "kmdf_field.h"

struct state { ULONG count; UCHAR rest[29]; };
CONTEXT_TYPE(state)

static WDFSPINLOCK spin, other;
static WDFWAITLOCK wait;
static WDFTIMER timer;
static WDFDPC dpc;
static WDFWORKITEM item;
static WDFCOLLECTION collection;
static WDFSTRING string;
static WDFLOOKASIDE lookaside;
static ULONG ticks;

static void tick(WDFTIMER self) { ticks++; }
static void in_dpc(WDFDPC self) { ticks++; }
static void work(WDFWORKITEM self) {
    WdfWaitLockAcquire(wait, 0);
    ticks++;
    WdfWaitLockRelease(wait);
}

static void use_objects(void) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(device);
    WDFOBJECT object;
    WDFMEMORY memory, from_list;
    UNICODE_STRING text;
    KIRQL irql = 0;
    volatile UCHAR *bytes;
    attributes.ContextTypeInfo = &state_info;
    if (WdfObjectCreate(&attributes, &object) < 0)
        return;
    struct state *state = get_state(object);
    state->count = 1;
#if BREAK == 13
    ((volatile UCHAR *)state)[sizeof(*state) + 4] = 1;
#endif
    WdfObjectReferenceActual(object, 0, __LINE__, __FILE__);
    WdfObjectDelete(object);
    state->count++;
#if BREAK != 15
    WdfObjectDereferenceActual(object, 0, __LINE__, __FILE__);
#endif
#if BREAK == 1
    WdfObjectReferenceActual(object, 0, __LINE__, __FILE__);
#elif BREAK == 2
    ticks += *(volatile ULONG *)&state->count;
#elif BREAK == 12
    WdfObjectDelete(object);
#endif
    attributes = attributes_of(device);
    if (WdfMemoryCreate(&attributes, (POOL_TYPE)512, TAG, 100, &memory, (PVOID *)&bytes) >= 0) {
        bytes[0] = bytes[99] = 1;
#if BREAK == 9
        bytes[100] = 1;
#elif BREAK == 10
        bytes[-1] = 1;
#endif
        if (WdfCollectionAdd(collection, memory) >= 0) {
            if (WdfCollectionGetCount(collection) == 1 && (PVOID)WdfCollectionGetFirstItem(collection) == (PVOID)memory)
                WdfCollectionRemove(collection, memory);
        }
        WdfObjectDelete(memory);
    }
    if (WdfMemoryCreateFromLookaside(lookaside, &from_list) >= 0)
        WdfObjectDelete(from_list);
    WdfStringGetUnicodeString(string, &text);
    WdfWaitLockAcquire(wait, 0);
#if BREAK == 3
    WdfWaitLockAcquire(wait, 0);
#endif
    WdfWaitLockRelease(wait);
#if BREAK == 4
    WdfWaitLockRelease(wait);
#endif
    WdfSpinLockAcquire(spin);
    WdfSpinLockAcquire(other);
#if BREAK == 7
    WdfSpinLockAcquire(spin);
#elif BREAK == 5
    WdfWaitLockAcquire(wait, 0);
#endif
    WdfSpinLockRelease(other);
    WdfSpinLockRelease(spin);
#if BREAK == 14
    WdfSpinLockAcquire(other);
    WdfSpinLockAcquire(spin);
    WdfSpinLockRelease(spin);
    WdfSpinLockRelease(other);
#endif
    WdfTimerStart(timer, MILLISECONDS(5));
    WdfDpcEnqueue(dpc);
    WdfWorkItemEnqueue(item);
    if (BREAK == 6 || BREAK == 11)
        irql = KfRaiseIrql(2);
#if BREAK == 11
    WdfWorkItemFlush(item);
#endif
    WdfTimerStop(timer, 1);
    if (BREAK == 6 || BREAK == 11)
        KeLowerIrql(irql);
    WdfDpcCancel(dpc, 1);
    WdfWorkItemFlush(item);
}

static NDIS_STATUS use_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    use_objects();
    NDIS_STATUS result = pause(context, parameters);
#if BREAK == 8
    WdfSpinLockAcquire(spin);
#endif
    return result;
}

static NTSTATUS make_objects(void) {
    static const UNICODE_STRING text = STRING(L"text");
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(device);
    WDF_TIMER_CONFIG timed = { .Size = sizeof(timed), .EvtTimerFunc = tick };
    WDF_DPC_CONFIG deferred = { .Size = sizeof(deferred), .EvtDpcFunc = in_dpc };
    WDF_WORKITEM_CONFIG worked = { .Size = sizeof(worked), .EvtWorkItemFunc = work };
    NTSTATUS status = WdfSpinLockCreate(&attributes, &spin);
    if (status >= 0)
        status = WdfSpinLockCreate(&attributes, &other);
    if (status >= 0)
        status = WdfWaitLockCreate(&attributes, &wait);
    if (status >= 0)
        status = WdfTimerCreate(&timed, &attributes, &timer);
    if (status >= 0)
        status = WdfDpcCreate(&deferred, &attributes, &dpc);
    if (status >= 0)
        status = WdfWorkItemCreate(&worked, &attributes, &item);
    if (status >= 0)
        status = WdfCollectionCreate(&attributes, &collection);
    if (status >= 0)
        status = WdfStringCreate(&text, &attributes, &string);
    if (status >= 0)
        status = WdfLookasideListCreate(0, 200, (POOL_TYPE)512, 0, TAG, &lookaside);
    return status;
}

static void replace(void) { characteristics.PauseHandler = use_and_pause; }
