/* A control that the driver keeps, marked cancelable, until a timer answers it; a context says whose it is. */
#include "kmdf_device.h"

enum {
    SOUND,
    STAYS_MARKED, /* V44: it is completed without being unmarked */
    FORWARDS_MARKED, /* V44: it is forwarded while it is marked */
    BOTH_COMPLETE, /* V44: the timer completes it without a look at who has it, as its cancel callback does */
    CANCEL_FORGETS, /* V47: its cancel callback does not complete it */
    MARKS_TWICE, /* V44: it is marked twice */
    CANCEL_UNDER_LOCK, /* V39: its cancel callback completes it with the lock held */
    UNMARKS_UNMARKED, /* V44: it is unmarked and was not marked */
    KEEPS_UNMARKED, /* V43: marking it failed, and it is kept as if it had not */
    ASKS_WHILE_MARKED, /* V44: the driver asks whether it is cancelled while it is marked */
};

struct owner { ULONG number; };
CONTEXT_TYPE(owner)

static WDFSPINLOCK lock;
static WDFTIMER timer;
static WDFREQUEST kept;

static void canceled(WDFREQUEST request) {
    WdfSpinLockAcquire(lock);
    if (kept == request && FAULT != BOTH_COMPLETE)
        kept = 0;
    if (FAULT == CANCEL_UNDER_LOCK)
        WdfRequestComplete(request, STATUS_CANCELLED);
    WdfSpinLockRelease(lock);
    if (FAULT != CANCEL_FORGETS && FAULT != CANCEL_UNDER_LOCK)
        WdfRequestComplete(request, STATUS_CANCELLED);
}

/* Takes the request back, unless it is being cancelled. */
static WDFREQUEST take(void) {
    WDFREQUEST request;
    WdfSpinLockAcquire(lock);
    request = kept;
    if (FAULT == STAYS_MARKED || FAULT == FORWARDS_MARKED || FAULT == BOTH_COMPLETE) {
        kept = 0;
    } else if (FAULT == ASKS_WHILE_MARKED) {
        if (request && WdfRequestIsCanceled(request))
            request = 0;
    } else {
        if (request && WdfRequestUnmarkCancelable(request) == STATUS_CANCELLED)
            request = 0;
        if (request)
            kept = 0;
    }
    WdfSpinLockRelease(lock);
    return request;
}

static void tick(WDFTIMER self) {
    WDFREQUEST request = take();
    if (!request)
        return;
    if (FAULT == FORWARDS_MARKED) {
        WdfRequestForwardToIoQueue(request, manual);
        return;
    }
    get_owner(request)->number++;
    WdfRequestComplete(request, STATUS_SUCCESS);
}

static void keep(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(0);
    NTSTATUS status = STATUS_DEVICE_BUSY;
    if (code != IOCTL(0, METHOD_BUFFERED)) {
        WdfRequestComplete(request, STATUS_INVALID_DEVICE_REQUEST);
        return;
    }
    attributes.ContextTypeInfo = &owner_info;
    PVOID context;
    if (WdfObjectAllocateContext(request, &attributes, &context) < 0) {
        WdfRequestComplete(request, STATUS_INSUFFICIENT_RESOURCES);
        return;
    }
    WdfSpinLockAcquire(lock);
    if (!kept) {
        if (FAULT == UNMARKS_UNMARKED)
            WdfRequestUnmarkCancelable(request);
        status = WdfRequestMarkCancelableEx(request, canceled);
        if (FAULT == MARKS_TWICE)
            WdfRequestMarkCancelableEx(request, canceled);
        if (status >= 0 || FAULT == KEEPS_UNMARKED)
            kept = request;
    }
    WdfSpinLockRelease(lock);
    if (status < 0)
        WdfRequestComplete(request, status);
}

static NTSTATUS make_objects(void) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(device);
    WDF_TIMER_CONFIG config = { .Size = sizeof(config), .EvtTimerFunc = tick, .Period = 50 };
    NTSTATUS status = WdfSpinLockCreate(&attributes, &lock);
    if (status >= 0)
        status = WdfTimerCreate(&config, &attributes, &timer);
    if (status >= 0)
        WdfTimerStart(timer, MILLISECONDS(50));
    return status;
}

static void replace(void) { queue.EvtIoDeviceControl = keep; }
