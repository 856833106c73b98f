/* V43: writes to a read's buffer after it has completed the read; or before. */
#include "kmdf.h"

static void late_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    volatile UCHAR *to;
    NTSTATUS status = WdfRequestRetrieveOutputBuffer(request, 1, (PVOID *)&to, 0);
    if (status < 0) {
        WdfRequestComplete(request, status);
        return;
    }
    *to = 1;
    WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, 1);
    if (broken)
        *to = 2;
}

static void replace(void) {
    queue.EvtIoRead = late_read;
}
