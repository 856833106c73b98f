/* V44: completes a request that can be cancelled at any moment; or makes sure first that it cannot any more. */
#include "kmdf.h"

static void evt_cancel(WDFREQUEST request) {
    WdfRequestComplete(request, STATUS_CANCELLED);
}

static void cancelable_write(WDFQUEUE from, WDFREQUEST request, size_t length) {
    NTSTATUS status = WdfRequestMarkCancelableEx(request, evt_cancel);
    if (status < 0) {
        WdfRequestComplete(request, status);
        return;
    }
    /* Where it was cancelled meanwhile, the callback completes it. */
    if (broken || WdfRequestUnmarkCancelable(request) != STATUS_CANCELLED)
        evt_write(from, request, length);
}

static void replace(void) {
    queue.EvtIoWrite = cancelable_write;
}
