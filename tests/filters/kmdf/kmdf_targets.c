/* Another driver's device as a target, `\\.\queue_device`: calls that wait, requests that come back, a request that goes on
 * as it came; and what is not to be done with what was sent. */
#define OWN_BEGIN
#include "checks.h"

/* Beside the checks: controls by function. */
enum {
    PASSED_ON = 0x100, SENT_TWICE, COMPLETED_WHILE_SENT, DELETED_WHILE_SENT, SENT_TO_NOBODY, OWN_COMPLETED, WITHOUT_FORMAT,
    FORGOTTEN,
};
#define ADD_ONE (0x12 << 16)
#define ms(n) (-10000ll * (n))

typedef struct { ULONG Size, Flags; LONGLONG Timeout; } SEND_OPTIONS;
typedef struct { ULONG Size, Flags; NTSTATUS Status; PVOID NewIrp; } REUSE_PARAMS;

static WDFIOTARGET target;

static WDF_MEMORY_DESCRIPTOR buffer_of(PVOID at, ULONG length) {
    WDF_MEMORY_DESCRIPTOR descriptor = { .Type = WdfMemoryDescriptorTypeBuffer };
    descriptor.u.BufferType.Buffer = at;
    descriptor.u.BufferType.Length = length;
    return descriptor;
}

static NTSTATUS add_one(ULONG value, ULONG *result) {
    ULONG answer[3];
    ULONG_PTR count = 0;
    WDF_MEMORY_DESCRIPTOR in = buffer_of(&value, sizeof(value)), out = buffer_of(answer, sizeof(answer));
    NTSTATUS status = WdfIoTargetSendIoctlSynchronously(target, 0, ADD_ONE, &in, &out, 0, &count);
    *result = count == sizeof(answer) ? answer[2] : 0;
    return status;
}

static NTSTATUS write_now(PVOID bytes, ULONG length) {
    WDF_MEMORY_DESCRIPTOR from = buffer_of(bytes, length);
    return WdfIoTargetSendWriteSynchronously(target, 0, &from, 0, 0, 0);
}

static ULONG opens(void) {
    static const UNICODE_STRING name = STRING(L"\\DosDevices\\queue_device"), missing = STRING(L"\\DosDevices\\missing");
    WDF_IO_TARGET_OPEN_PARAMS parameters = {
        .Size = sizeof(parameters), .Type = WdfIoTargetOpenByName, .TargetDeviceName = missing, .DesiredAccess = 0x120089,
    };
    ULONG result;
    CHECK(WdfIoTargetCreate(device, 0, &target) == STATUS_SUCCESS);
    CHECK(WdfIoTargetGetDevice(target) == device && WdfIoTargetGetState(target) == WdfIoTargetClosed);
    CHECK(IS(add_one(1, &result), 0xc0000184));
    CHECK(IS(WdfIoTargetOpen(target, &parameters), 0xc0000034));
    parameters.TargetDeviceName = name;
    CHECK(WdfIoTargetOpen(target, &parameters) == STATUS_SUCCESS);
    CHECK(WdfIoTargetGetState(target) == WdfIoTargetStarted);
    CHECK(add_one(41, &result) == STATUS_SUCCESS && result == 42);
    WdfIoTargetClose(target);
    CHECK(IS(add_one(1, &result), 0xc0000184));
    parameters.Type = WdfIoTargetOpenReopen;
    CHECK(WdfIoTargetOpen(target, &parameters) == STATUS_SUCCESS);
    CHECK(add_one(1, &result) == STATUS_SUCCESS && result == 2);
    return 0;
}

/* What a completion routine saw. */
static volatile LONG back;
static NTSTATUS returned_status;
static size_t returned_length;

static void on_return(WDFREQUEST request, WDFIOTARGET from, PWDF_REQUEST_COMPLETION_PARAMS parameters, WDFCONTEXT context) {
    returned_status = parameters->IoStatus.Status;
    returned_length = parameters->Parameters.Read.Length;
    if (context == (WDFCONTEXT)&back && from == target)
        back++;
}

static NTSTATUS read_later(WDFREQUEST request, WDFMEMORY memory) {
    NTSTATUS status = WdfIoTargetFormatRequestForRead(target, request, memory, 0, 0);
    WdfRequestSetCompletionRoutine(request, on_return, (WDFCONTEXT)&back);
    if (status >= 0 && !WdfRequestSend(request, target, 0))
        status = WdfRequestGetStatus(request);
    return status;
}

static ULONG comes_back(void) {
    REUSE_PARAMS again = { .Size = sizeof(again), .Status = STATUS_SUCCESS };
    WDFREQUEST request;
    WDFMEMORY memory;
    UCHAR *buffer;
    CHECK(WdfRequestCreate(0, target, &request) == STATUS_SUCCESS);
    CHECK(WdfMemoryCreate(0, NonPagedPoolNx, TAG, 16, &memory, (PVOID *)&buffer) == STATUS_SUCCESS);
    CHECK(read_later(request, memory) == STATUS_SUCCESS && back == 0);
    CHECK(write_now("hello", 5) == STATUS_SUCCESS);
    CHECK(back == 1 && returned_status == STATUS_SUCCESS && returned_length == 5 && same(buffer, "hello", 5));
    CHECK(WdfRequestGetStatus(request) == STATUS_SUCCESS && WdfRequestGetInformation(request) == 5);
    WDF_REQUEST_COMPLETION_PARAMS parameters = { .Size = sizeof(parameters) };
    WdfRequestGetCompletionParams(request, &parameters);
    CHECK(parameters.IoStatus.Information == 5 && parameters.Parameters.Read.Buffer == memory);
    CHECK(WdfRequestReuse(request, (PVOID)&again) == STATUS_SUCCESS);
    CHECK(read_later(request, memory) == STATUS_SUCCESS);
    CHECK(WdfRequestCancelSentRequest(request) && back == 2 && IS(returned_status, 0xc0000120));
    CHECK(WdfRequestReuse(request, (PVOID)&again) == STATUS_SUCCESS);
    WdfObjectDelete(request);
    WdfObjectDelete(memory);
    return 0;
}

static ULONG takes_too_long(void) {
    UCHAR byte;
    SEND_OPTIONS options = { .Size = sizeof(options), .Flags = 1, .Timeout = ms(20) };
    WDF_MEMORY_DESCRIPTOR to = buffer_of(&byte, 1);
    CHECK(IS(WdfIoTargetSendReadSynchronously(target, 0, &to, 0, (PVOID)&options, 0), 0xc00000b5));
    return 0;
}

static ULONG waits_for_the_start(void) {
    WDFREQUEST request;
    WDFMEMORY memory;
    LONG before = back;
    CHECK(WdfRequestCreate(0, target, &request) == STATUS_SUCCESS);
    CHECK(WdfMemoryCreate(0, NonPagedPoolNx, TAG, 16, &memory, 0) == STATUS_SUCCESS);
    WdfIoTargetStop(target, WdfIoTargetCancelSentIo);
    CHECK(WdfIoTargetGetState(target) == WdfIoTargetStopped);
    CHECK(read_later(request, memory) == STATUS_SUCCESS);
    CHECK(WdfIoTargetStart(target) == STATUS_SUCCESS && back == before);
    CHECK(write_now("x", 1) == STATUS_SUCCESS && back == before + 1 && returned_length == 1);
    CHECK(read_later(request, memory) == STATUS_SUCCESS);
    WdfIoTargetPurge(target, WdfIoTargetPurgeIoAndWait);
    CHECK(back == before + 2 && IS(returned_status, 0xc0000120));
    CHECK(IS(read_later(request, memory), 0xc0000184));
    CHECK(WdfIoTargetStart(target) == STATUS_SUCCESS);
    WdfObjectDelete(request);
    WdfObjectDelete(memory);
    return 0;
}

static check *const checks[] = { opens, comes_back, takes_too_long, waits_for_the_start };

static void pass_back(WDFREQUEST request, WDFIOTARGET from, PWDF_REQUEST_COMPLETION_PARAMS parameters, WDFCONTEXT context) {
    WdfRequestCompleteWithInformation(request, parameters->IoStatus.Status, parameters->IoStatus.Information);
}

static WDFREQUEST pending_read(void) {
    WDFREQUEST request = 0;
    WDFMEMORY memory = 0;
    WdfRequestCreate(0, target, &request);
    WdfMemoryCreate(0, NonPagedPoolNx, TAG, 16, &memory, 0);
    read_later(request, memory);
    return request;
}

static void control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    WDFREQUEST own;
    switch ((code >> 2) & 0xfff) {
    case PASSED_ON: /* the target knows function 0 */
    case COMPLETED_WHILE_SENT:
        WdfRequestFormatRequestUsingCurrentType(request);
        WdfRequestSetCompletionRoutine(request, pass_back, 0);
        if (!WdfRequestSend(request, target, 0))
            WdfRequestComplete(request, WdfRequestGetStatus(request));
        if (((code >> 2) & 0xfff) == COMPLETED_WHILE_SENT)
            WdfRequestComplete(request, STATUS_SUCCESS);
        return;
    case SENT_TWICE:
        own = pending_read();
        WdfRequestSend(own, target, 0);
        break;
    case DELETED_WHILE_SENT:
        WdfObjectDelete(pending_read());
        break;
    case SENT_TO_NOBODY:
        WdfRequestFormatRequestUsingCurrentType(request);
        WdfRequestSend(request, target, 0);
        return;
    case FORGOTTEN: {
        SEND_OPTIONS options = { .Size = sizeof(options), .Flags = 8 };
        WdfRequestFormatRequestUsingCurrentType(request);
        if (!WdfRequestSend(request, target, (PVOID)&options))
            WdfRequestComplete(request, WdfRequestGetStatus(request));
        return;
    }
    case OWN_COMPLETED:
        WdfRequestCreate(0, target, &own);
        WdfRequestComplete(own, STATUS_SUCCESS);
        break;
    case WITHOUT_FORMAT:
        WdfRequestCreate(0, target, &own);
        WdfRequestSend(own, target, 0);
        break;
    default:
        run_check(from, request, output, input, code);
        return;
    }
    WdfRequestComplete(request, STATUS_SUCCESS);
}

static void read_goes_on(WDFQUEUE from, WDFREQUEST request, size_t length) {
    WdfRequestFormatRequestUsingCurrentType(request);
    WdfRequestSetCompletionRoutine(request, pass_back, 0);
    if (!WdfRequestSend(request, target, 0))
        WdfRequestComplete(request, WdfRequestGetStatus(request));
}

static NTSTATUS begin(PDRIVER_OBJECT driver) {
    NTSTATUS status = NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
    if (status >= 0)
        WdfControlFinishInitializing(device);
    return status;
}
RUN_WITH(checks, (queue.EvtIoDeviceControl = control, queue.EvtIoRead = read_goes_on))
