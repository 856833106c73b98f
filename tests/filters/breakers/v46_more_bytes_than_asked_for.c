/* V46: completes reads with a byte more than was asked for; or with as many. */
#include "kmdf.h"

static void generous_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    volatile UCHAR *to;
    NTSTATUS status = WdfRequestRetrieveOutputBuffer(request, length, (PVOID *)&to, 0);
    for (size_t at = 0; at < length && status >= 0; at++)
        to[at] = 0;
    WdfRequestCompleteWithInformation(request, status, status >= 0 ? length + broken : 0);
}

static void replace(void) {
    queue.EvtIoRead = generous_read;
}
