/* V47: keeps reads in its hands, also of a file that is closed; or in a queue, where the framework cancels them. */
#include "kmdf.h"

static void keeping_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    NTSTATUS status = broken ? STATUS_SUCCESS : WdfRequestForwardToIoQueue(request, manual);
    if (status < 0)
        WdfRequestComplete(request, status);
}

static void replace(void) {
    queue.EvtIoRead = keeping_read;
}
