/* Requests seen in the caller's context: a program's own addresses (METHOD_NEITHER) are locked there and used in a queue's
 * event; a control without a queue's help; the system's shutdown. */
#include "checks.h"

/* Beside the checks: controls of METHOD_NEITHER, by function. */
enum { SUM = 100, AT_ONCE = 101, NOWHERE = 102 };

struct context {
    WDFMEMORY input, output;
};
static WDF_OBJECT_CONTEXT_TYPE_INFO context_type = {
    .Size = sizeof(context_type), .ContextName = "context", .ContextSize = sizeof(struct context),
};

static struct context *context_of(WDFREQUEST request) {
    return WdfObjectGetTypedContextWorker((WDFOBJECT)request, &context_type);
}

static NTSTATUS lock_both(WDFREQUEST request) {
    struct context *context = context_of(request);
    PVOID input, output;
    size_t given, room;
    NTSTATUS status = WdfRequestRetrieveUnsafeUserInputBuffer(request, 1, &input, &given);
    if (status >= 0)
        status = WdfRequestRetrieveUnsafeUserOutputBuffer(request, 4, &output, &room);
    if (status >= 0)
        status = WdfRequestProbeAndLockUserBufferForRead(request, input, given, &context->input);
    if (status >= 0)
        status = WdfRequestProbeAndLockUserBufferForWrite(request, output, room, &context->output);
    return status;
}

static void in_caller_context(WDFDEVICE from, WDFREQUEST request) {
    WDF_REQUEST_PARAMETERS parameters = { .Size = sizeof(parameters) };
    WdfRequestGetParameters(request, &parameters);
    ULONG code = parameters.Parameters.DeviceIoControl.IoControlCode, function = (code >> 2) & 0xfff;
    WDFMEMORY memory;
    NTSTATUS status = STATUS_SUCCESS;
    if ((code & 3) == 3 && function == SUM)
        status = lock_both(request);
    if ((code & 3) == 3 && function == NOWHERE)
        status = WdfRequestProbeAndLockUserBufferForRead(request, (PVOID)0x10000, 4, &memory);
    if (function == AT_ONCE) {
        WdfRequestComplete(request, STATUS_SUCCESS);
        return;
    }
    if (status >= 0)
        status = WdfDeviceEnqueueRequest(from, request);
    if (status < 0)
        WdfRequestComplete(request, status);
}

static void sum(WDFREQUEST request) {
    struct context *context = context_of(request);
    size_t length, room;
    const UCHAR *from = WdfMemoryGetBuffer(context->input, &length);
    ULONG total = 0;
    for (size_t at = 0; at < length; at++)
        total += from[at];
    NTSTATUS status = WdfMemoryGetBuffer(context->output, &room) && room >= 4
        ? WdfMemoryCopyFromBuffer(context->output, 0, &total, sizeof(total)) : STATUS_INVALID_PARAMETER;
    WdfRequestCompleteWithInformation(request, status, sizeof(total));
}

static void control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    switch ((code >> 2) & 0xfff) {
    case SUM:
        sum(request);
        break;
    default:
        run_check(from, request, output, input, code);
    }
}

static ULONG nothing(void) {
    return 0;
}
static check *const checks[] = { nothing };

static volatile ULONG shutdowns;
static void on_shutdown(WDFDEVICE of) {
    shutdowns++;
    if (shutdowns > 2)
        WdfVerifierKeBugCheck(shutdowns, 0, 0, 0, 0);
}

static void describe(PWDFDEVICE_INIT init) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(0);
    attributes.ContextTypeInfo = &context_type;
    WdfDeviceInitSetRequestAttributes(init, &attributes);
    WdfDeviceInitSetIoInCallerContextCallback(init, in_caller_context);
    WdfControlDeviceInitSetShutdownNotification(init, on_shutdown, 3);
}
RUN_WITH(checks, (queue.EvtIoDeviceControl = control, change_init = describe))
