/* V44: puts a request that can be cancelled at any moment into a queue; or makes sure first that it cannot any more. */
#include "kmdf.h"

static void evt_cancel(WDFREQUEST request) {
    WdfRequestComplete(request, STATUS_CANCELLED);
}

static void queueing_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    NTSTATUS status = WdfRequestMarkCancelableEx(request, evt_cancel);
    if (status >= 0 && !broken && WdfRequestUnmarkCancelable(request) == STATUS_CANCELLED)
        return;
    if (status >= 0)
        status = WdfRequestForwardToIoQueue(request, manual);
    if (status < 0)
        WdfRequestComplete(request, status);
}

static void replace(void) {
    queue.EvtIoRead = queueing_read;
}
