/* The framework's objects, as a driver makes them at its start and uses them when it pauses: locks, memory, a collection, a
 * string, a list of memory, a timer, a DPC, a work item, contexts and references. */
#include "kmdf_device.h"

enum {
    SOUND,
    USES_DELETED, /* V36: an object is used after it was deleted */
    CONTEXT_OF_DELETED, /* V36: an object's context is read after the object was deleted */
    WAIT_LOCK_TWICE, /* V39: a wait lock is taken twice */
    WAIT_LOCK_NOT_HELD, /* V39: a wait lock is released that nobody holds */
    WAIT_LOCK_AT_DISPATCH, /* V45: a wait lock is waited for at DISPATCH_LEVEL */
    TIMER_AT_DISPATCH, /* V45: a timer's end is waited for at DISPATCH_LEVEL */
    SPIN_LOCK_TWICE, /* V39: a spin lock is taken twice */
    RETURNS_LOCKED, /* V39: a spin lock is held when the callback returns */
    WRITES_BEYOND, /* V36: memory is written beyond its end */
    WRITES_BEFORE, /* V36: memory is written before its start */
    WORK_AT_DISPATCH, /* V45: a work item is waited for at DISPATCH_LEVEL */
    DELETES_TWICE, /* V36: an object is deleted twice */
    CONTEXT_OVERRUN, /* V36: a context is written beyond its end */
    BOTH_ORDERS, /* V39: two spin locks are taken in both orders */
    REFERENCE_LEFT, /* V35: a reference is never given back */
};

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
    if (FAULT == CONTEXT_OVERRUN)
        ((volatile UCHAR *)state)[sizeof(*state) + 4] = 1;
    WdfObjectReferenceActual(object, 0, __LINE__, __FILE__);
    WdfObjectDelete(object);
    state->count++;
    if (FAULT != REFERENCE_LEFT)
        WdfObjectDereferenceActual(object, 0, __LINE__, __FILE__);
    if (FAULT == USES_DELETED)
        WdfObjectReferenceActual(object, 0, __LINE__, __FILE__);
    else if (FAULT == CONTEXT_OF_DELETED)
        ticks += *(volatile ULONG *)&state->count;
    else if (FAULT == DELETES_TWICE)
        WdfObjectDelete(object);
    attributes = attributes_of(device);
    if (WdfMemoryCreate(&attributes, (POOL_TYPE)512, TAG, 100, &memory, (PVOID *)&bytes) >= 0) {
        bytes[0] = bytes[99] = 1;
        if (FAULT == WRITES_BEYOND)
            bytes[100] = 1;
        else if (FAULT == WRITES_BEFORE)
            bytes[-1] = 1;
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
    if (FAULT == WAIT_LOCK_TWICE)
        WdfWaitLockAcquire(wait, 0);
    WdfWaitLockRelease(wait);
    if (FAULT == WAIT_LOCK_NOT_HELD)
        WdfWaitLockRelease(wait);
    WdfSpinLockAcquire(spin);
    WdfSpinLockAcquire(other);
    if (FAULT == SPIN_LOCK_TWICE)
        WdfSpinLockAcquire(spin);
    else if (FAULT == WAIT_LOCK_AT_DISPATCH)
        WdfWaitLockAcquire(wait, 0);
    WdfSpinLockRelease(other);
    WdfSpinLockRelease(spin);
    if (FAULT == BOTH_ORDERS) {
        WdfSpinLockAcquire(other);
        WdfSpinLockAcquire(spin);
        WdfSpinLockRelease(spin);
        WdfSpinLockRelease(other);
    }
    WdfTimerStart(timer, MILLISECONDS(5));
    WdfDpcEnqueue(dpc);
    WdfWorkItemEnqueue(item);
    if (FAULT == TIMER_AT_DISPATCH || FAULT == WORK_AT_DISPATCH)
        irql = KfRaiseIrql(2);
    if (FAULT == WORK_AT_DISPATCH)
        WdfWorkItemFlush(item);
    WdfTimerStop(timer, 1);
    if (FAULT == TIMER_AT_DISPATCH || FAULT == WORK_AT_DISPATCH)
        KeLowerIrql(irql);
    WdfDpcCancel(dpc, 1);
    WdfWorkItemFlush(item);
}

static NDIS_STATUS use_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    use_objects();
    NDIS_STATUS result = pause(context, parameters);
    if (FAULT == RETURNS_LOCKED)
        WdfSpinLockAcquire(spin);
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
