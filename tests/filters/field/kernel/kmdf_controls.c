/* Controls of each method in a sequential queue, with file contexts that count them.
 *
 * BREAK 1 V46: Information is a number from the input.
 * BREAK 2 V46: one field of the output is not set.
 * BREAK 3 V36: the input is read beyond its end.
 * BREAK 4 V47: a control with a short buffer is not completed.
 * BREAK 5 V36: a count from the input is believed.
 * BREAK 6 V41: the program's own address is used.
 * BREAK 7 V36: a file's context is used after the file was closed.
 * BREAK 8 V43: what failed to be retrieved is completed, and then again with all else.
 * BREAK 9 V46: the output is copied from pool that was never written.
 * BREAK 10 V43: the input buffer is read after the request was completed.
 * BREAK 11 V45: a symbolic link is made at DISPATCH_LEVEL.
 * BREAK 12 V09: a control returns at DISPATCH_LEVEL.
 */
#include "kmdf_field.h"

struct opened { ULONG controls; ULONG last; };
CONTEXT_TYPE(opened)
struct answer { ULONG count, flags; ULONGLONG when; };

static ULONG sum;
static struct opened *newest;
#if BREAK == 7
static struct opened *closed;
#endif

static void on_close(WDFFILEOBJECT file) {
    if (get_opened(file)->controls > 1000000)
        sum++;
#if BREAK == 7
    if (closed)
        sum += *(volatile ULONG *)&closed->last;
    closed = get_opened(file);
#endif
}

static void control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    size_t done = 0, length;
    ULONG *numbers;
    struct answer *answer;
    newest = get_opened(WdfRequestGetFileObject(request));
    newest->controls++;
    switch (code) {
    case IOCTL(0, METHOD_BUFFERED):
        status = WdfRequestRetrieveOutputBuffer(request, sizeof(*answer), (PVOID *)&answer, 0);
        if (status < 0) {
#if BREAK == 4
            return;
#elif BREAK == 8
            WdfRequestComplete(request, status);
#endif
            break;
        }
        done = sizeof(*answer);
#if BREAK == 9
        struct answer *made = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, sizeof(*made), TAG);
        if (made) {
            made->count = 1;
            memcpy(answer, made, sizeof(*made));
            ExFreePoolWithTag(made, TAG);
            break;
        }
#endif
        answer->count = newest->controls;
        if (BREAK != 2)
            answer->flags = 0;
        answer->when = KeQueryUnbiasedInterruptTime();
        break;
    case IOCTL(1, METHOD_BUFFERED):
        status = WdfRequestRetrieveInputBuffer(request, sizeof(ULONG), (PVOID *)&numbers, &length);
        if (status < 0)
            break;
        length /= sizeof(ULONG);
#if BREAK == 3
        length++;
#elif BREAK == 5
        length = numbers[0];
#endif
        for (size_t at = 0; at < length; at++)
            sum += ((volatile ULONG *)numbers)[at];
        newest->last = sum;
#if BREAK == 1
        done = numbers[0];
#endif
        break;
    case IOCTL(2, METHOD_IN_DIRECT):
    case IOCTL(3, METHOD_OUT_DIRECT): {
        volatile UCHAR *bytes;
        status = WdfRequestRetrieveOutputBuffer(request, 1, (PVOID *)&bytes, &length);
        for (size_t at = 0; at < length && status >= 0; at++)
            if ((code & 3) == METHOD_OUT_DIRECT)
                bytes[at] = (UCHAR)at;
            else
                sum += bytes[at];
        if (status >= 0 && (code & 3) == METHOD_OUT_DIRECT)
            done = length;
        break;
    }
#if BREAK == 6
    case IOCTL(4, METHOD_BUFFERED):
        *(volatile UCHAR *)WdfRequestWdmGetIrp(request)->UserBuffer = 1;
        break;
#elif BREAK == 11
    case IOCTL(6, METHOD_BUFFERED): {
        static const UNICODE_STRING link = STRING(L"\\DosDevices\\another");
        KIRQL irql = KfRaiseIrql(2);
        WdfDeviceCreateSymbolicLink(device, &link);
        KeLowerIrql(irql);
        break;
    }
#elif BREAK == 12
    case IOCTL(7, METHOD_BUFFERED):
        KfRaiseIrql(2);
        break;
#endif
    }
    WdfRequestCompleteWithInformation(request, status, done);
#if BREAK == 10
    if (code == IOCTL(1, METHOD_BUFFERED) && status >= 0)
        sum += *(volatile ULONG *)numbers;
#endif
}

static NTSTATUS make_objects(void) { return STATUS_SUCCESS; }

static WDF_OBJECT_ATTRIBUTES file_attributes;

static void replace(void) {
    file_attributes = attributes_of(0);
    file_attributes.ContextTypeInfo = &opened_info;
    file_object_attributes = &file_attributes;
    files.EvtFileClose = on_close;
    queue.DispatchType = WdfIoQueueDispatchSequential;
    queue.Settings.Parallel.NumberOfPresentedRequests = 0;
    queue.EvtIoDeviceControl = control;
}
