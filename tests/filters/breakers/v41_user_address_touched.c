/* V41: reads a program's buffer at the address that the program uses; or by way of the request. */
#include "kmdf.h"

static void reading_control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    volatile UCHAR *at = WdfRequestWdmGetIrp(request)->UserBuffer;
    if (!broken && WdfRequestRetrieveOutputBuffer(request, 1, (PVOID *)&at, 0) < 0)
        at = 0;
    UCHAR first = at ? *at : 0;
    WdfRequestComplete(request, first ? STATUS_INVALID_PARAMETER : STATUS_INVALID_DEVICE_REQUEST);
}

static void replace(void) {
    queue.EvtIoDeviceControl = reading_control;
}
