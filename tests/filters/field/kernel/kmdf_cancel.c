/* A control that the driver keeps, marked cancelable, until a timer answers it; a context says whose it is.
 *
 * BREAK 1 V44: it is completed without being unmarked.
 * BREAK 3 V44: it is forwarded while it is marked.
 * BREAK 4 V44: the timer completes it without a look at who has it, as its cancel callback does.
 * BREAK 5 V47: its cancel callback does not complete it.
 * BREAK 6 V44: it is marked twice.
 * BREAK 7 V39: its cancel callback completes it with the lock held.
 * BREAK 8 V44: it is unmarked and was not marked.
 * BREAK 9 V43: marking it failed, and it is kept as if it had not.
 * BREAK 10 V44: the driver asks whether it is cancelled while it is marked.
 */
#include "kmdf_field.h"

struct owner { ULONG number; };
CONTEXT_TYPE(owner)

static WDFSPINLOCK lock;
static WDFTIMER timer;
static WDFREQUEST kept;

static void canceled(WDFREQUEST request) {
    WdfSpinLockAcquire(lock);
    if (kept == request && BREAK != 4)
        kept = 0;
#if BREAK == 7
    WdfRequestComplete(request, STATUS_CANCELLED);
#endif
    WdfSpinLockRelease(lock);
    if (BREAK != 5 && BREAK != 7)
        WdfRequestComplete(request, STATUS_CANCELLED);
}

/* Takes the request back, unless it is being cancelled. */
static WDFREQUEST take(void) {
    WDFREQUEST request;
    WdfSpinLockAcquire(lock);
    request = kept;
#if BREAK == 1 || BREAK == 3
    kept = 0;
#elif BREAK == 4
    kept = 0;
#elif BREAK == 10
    if (request && WdfRequestIsCanceled(request))
        request = 0;
#else
    if (request && WdfRequestUnmarkCancelable(request) == STATUS_CANCELLED)
        request = 0;
    if (request)
        kept = 0;
#endif
    WdfSpinLockRelease(lock);
    return request;
}

static void tick(WDFTIMER self) {
    WDFREQUEST request = take();
    if (!request)
        return;
#if BREAK == 3
    WdfRequestForwardToIoQueue(request, manual);
    return;
#endif
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
#if BREAK == 8
        WdfRequestUnmarkCancelable(request);
#endif
        status = WdfRequestMarkCancelableEx(request, canceled);
#if BREAK == 6
        WdfRequestMarkCancelableEx(request, canceled);
#endif
        if (status >= 0 || BREAK == 9)
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
