/* Controls of each method in a sequential queue, with file contexts that count them. */
#include "kmdf_device.h"

enum {
    SOUND,
    INFORMATION_FROM_INPUT, /* V46: Information is a number from the input */
    FIELD_UNSET, /* V46: one field of the output is not set */
    READS_BEYOND_INPUT, /* V36: the input is read beyond its end */
    SHORT_UNCOMPLETED, /* V47: a control with a short buffer is not completed */
    BELIEVES_COUNT, /* V36: a count from the input is believed */
    WRITES_USER_BUFFER, /* V41: the program's own address is used */
    CONTEXT_OF_CLOSED_FILE, /* V36: a file's context is used after the file was closed */
    COMPLETES_TWICE, /* V43: what failed to be retrieved is completed, and then again with all else */
    OUTPUT_FROM_UNWRITTEN_POOL, /* V46: the output is copied from pool that was never written */
    READS_INPUT_AFTER_COMPLETION, /* V43: the input buffer is read after the request was completed */
    LINK_AT_DISPATCH, /* V45: a symbolic link is made at DISPATCH_LEVEL */
    RETURNS_AT_DISPATCH, /* V09: a control returns at DISPATCH_LEVEL */
};

struct opened { ULONG controls; ULONG last; };
CONTEXT_TYPE(opened)
struct answer { ULONG count, flags; ULONGLONG when; };

static ULONG sum;
static struct opened *newest;
static struct opened *closed;

static void on_close(WDFFILEOBJECT file) {
    if (get_opened(file)->controls > 1000000)
        sum++;
    if (FAULT == CONTEXT_OF_CLOSED_FILE) {
        if (closed)
            sum += *(volatile ULONG *)&closed->last;
        closed = get_opened(file);
    }
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
            if (FAULT == SHORT_UNCOMPLETED)
                return;
            if (FAULT == COMPLETES_TWICE)
                WdfRequestComplete(request, status);
            break;
        }
        done = sizeof(*answer);
        if (FAULT == OUTPUT_FROM_UNWRITTEN_POOL) {
            struct answer *made = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, sizeof(*made), TAG);
            if (!made)
                break;
            made->count = 1;
            memcpy(answer, made, sizeof(*made));
            ExFreePoolWithTag(made, TAG);
            break;
        }
        answer->count = newest->controls;
        if (FAULT != FIELD_UNSET)
            answer->flags = 0;
        answer->when = KeQueryUnbiasedInterruptTime();
        break;
    case IOCTL(1, METHOD_BUFFERED):
        status = WdfRequestRetrieveInputBuffer(request, sizeof(ULONG), (PVOID *)&numbers, &length);
        if (status < 0)
            break;
        length /= sizeof(ULONG);
        if (FAULT == READS_BEYOND_INPUT)
            length++;
        else if (FAULT == BELIEVES_COUNT)
            length = numbers[0];
        for (size_t at = 0; at < length; at++)
            sum += ((volatile ULONG *)numbers)[at];
        newest->last = sum;
        if (FAULT == INFORMATION_FROM_INPUT)
            done = numbers[0];
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
    case IOCTL(4, METHOD_BUFFERED): /* of broken ones alone */
        if (FAULT == WRITES_USER_BUFFER) {
            *(volatile UCHAR *)WdfRequestWdmGetIrp(request)->UserBuffer = 1;
        } else if (FAULT == LINK_AT_DISPATCH) {
            static const UNICODE_STRING link = STRING(L"\\DosDevices\\another");
            KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);
            WdfDeviceCreateSymbolicLink(device, &link);
            KeLowerIrql(irql);
        } else if (FAULT == RETURNS_AT_DISPATCH) {
            KfRaiseIrql(DISPATCH_LEVEL);
        }
        break;
    }
    WdfRequestCompleteWithInformation(request, status, done);
    if (FAULT == READS_INPUT_AFTER_COMPLETION && code == IOCTL(1, METHOD_BUFFERED) && status >= 0)
        sum += *(volatile ULONG *)numbers;
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
