/* The pass-through filter with a control device by KMDF, `\\.\breaker`: what breakers of the rules of KMDF start from.
 *
 * `replace` puts the including file's callbacks into `queue` and `files`. Without it reads are filled with zeros, writes
 * taken, and controls refused. The image's entry binds to the framework as the WDK's WdfDriverEntry.lib does. */
#define OWN_ENTRY
#include "breaker.h"
#include "kmdf_abi.h"

typedef void (*WDFFUNC)(void);

static const WDFFUNC *WdfFunctions;
static PWDF_DRIVER_GLOBALS WdfDriverGlobals;

/* Not in any public header; as the open source of KMDF 1.33 has it, up to what 1.15 asked for. */
typedef struct {
    ULONG Size;
    PCWSTR Component;
    struct { ULONG Major, Minor, Build; } Version;
    ULONG FuncCount;
    const WDFFUNC **FuncTable;
    PVOID Module;
} WDF_BIND_INFO;

__declspec(dllimport) NTSTATUS WdfVersionBind(PDRIVER_OBJECT, PUNICODE_STRING, WDF_BIND_INFO *, PWDF_DRIVER_GLOBALS *);
__declspec(dllimport) NTSTATUS WdfVersionUnbind(PUNICODE_STRING, WDF_BIND_INFO *, PWDF_DRIVER_GLOBALS);

static WDF_BIND_INFO bind_info = {
    sizeof(WDF_BIND_INFO), L"KmdfLibrary", { 1, 33, 0 }, WdfFunctionTableNumEntries, &WdfFunctions, 0,
};

static UNICODE_STRING bound_path;
static WCHAR path_buffer[260];
static PDRIVER_UNLOAD displaced_unload;

static void evt_read(WDFQUEUE from, WDFREQUEST request, size_t length);
static void evt_write(WDFQUEUE from, WDFREQUEST request, size_t length);
static void evt_control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code);

static WDFDEVICE device;
static WDF_OBJECT_ATTRIBUTES *device_attributes; /* none: the defaults */
static void (*change_init)(PWDFDEVICE_INIT);     /* what else is said of the device */
static WDFQUEUE manual; /* for requests that wait */
static WDF_IO_QUEUE_CONFIG queue = {
    .Size = sizeof(queue),
    .DispatchType = WdfIoQueueDispatchParallel,
    .PowerManaged = WdfUseDefault,
    .DefaultQueue = 1,
    .EvtIoRead = evt_read,
    .EvtIoWrite = evt_write,
    .EvtIoDeviceControl = evt_control,
    .Settings.Parallel.NumberOfPresentedRequests = 0xffffffff,
};
static WDF_FILEOBJECT_CONFIG files = {
    .Size = sizeof(files),
    .AutoForwardCleanupClose = WdfUseDefault,
    .FileObjectClass = WdfFileObjectWdfCannotUseFsContexts,
};
static PWDF_OBJECT_ATTRIBUTES file_object_attributes;

/* Fills the output of a request, as far as the filter means to, and completes it with all of its length. */
static void answer(WDFREQUEST request, size_t length, size_t filled) {
    volatile UCHAR *to;
    NTSTATUS status = WdfRequestRetrieveOutputBuffer(request, length, (PVOID *)&to, 0);
    for (size_t at = 0; at < filled && status >= 0; at++)
        to[at] = 0;
    WdfRequestCompleteWithInformation(request, status, status >= 0 ? length : 0);
}

static void evt_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    answer(request, length, length);
}

static void evt_write(WDFQUEUE from, WDFREQUEST request, size_t length) {
    WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, length);
}

static void evt_control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    WdfRequestComplete(request, STATUS_INVALID_DEVICE_REQUEST);
}

static void evt_unload(WDFDRIVER driver) {
    NdisFDeregisterFilterDriver(registration);
}

static NTSTATUS create_device(WDFDRIVER driver) {
    static const UNICODE_STRING sddl = STRING(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    static const UNICODE_STRING name = STRING(L"\\Device\\breaker");
    static const UNICODE_STRING link = STRING(L"\\DosDevices\\breaker");
    static WDF_IO_QUEUE_CONFIG waiting = {
        .Size = sizeof(waiting), .DispatchType = WdfIoQueueDispatchManual, .PowerManaged = WdfUseDefault,
    };
    PWDFDEVICE_INIT init = WdfControlDeviceInitAllocate(driver, &sddl);
    if (!init)
        return STATUS_INSUFFICIENT_RESOURCES;
    WdfDeviceInitSetIoType(init, WdfDeviceIoDirect);
    WdfDeviceInitSetFileObjectConfig(init, &files, file_object_attributes);
    if (change_init)
        change_init(init);
    NTSTATUS status = WdfDeviceInitAssignName(init, &name);
    if (status >= 0)
        status = WdfDeviceCreate(&init, device_attributes, &device);
    if (status < 0) {
        WdfDeviceInitFree(init);
        return status;
    }
    status = WdfDeviceCreateSymbolicLink(device, &link);
    if (status >= 0)
        status = WdfIoQueueCreate(device, &queue, 0, 0);
    if (status >= 0)
        status = WdfIoQueueCreate(device, &waiting, 0, &manual);
    return status;
}

#ifndef OWN_BEGIN
/* Programs are let in last, when all is there. */
static NTSTATUS begin(PDRIVER_OBJECT driver) {
    NTSTATUS status = NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
    if (status >= 0)
        WdfControlFinishInitializing(device);
    return status;
}
#else
static NTSTATUS begin(PDRIVER_OBJECT driver);
#endif

static NTSTATUS entry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
    WDF_DRIVER_CONFIG config = {
        .Size = sizeof(config), .EvtDriverUnload = evt_unload, .DriverInitFlags = WdfDriverInitNonPnpDriver,
    };
    WDFDRIVER wdf_driver;
    NTSTATUS status = WdfDriverCreate(driver, path, 0, &config, &wdf_driver);
    if (status >= 0)
        status = create_device(wdf_driver);
    return status >= 0 ? begin(driver) : status;
}

static void unload_and_unbind(PDRIVER_OBJECT driver) {
    if (displaced_unload)
        displaced_unload(driver);
    WdfVersionUnbind(&bound_path, &bind_info, WdfDriverGlobals);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
    /* The loader frees its path after the entry, and unbinding needs it. */
    bound_path = (UNICODE_STRING){ path->Length, sizeof(path_buffer), path_buffer };
    for (int at = 0; at < path->Length / 2; at++)
        path_buffer[at] = path->Buffer[at];
    NTSTATUS status = WdfVersionBind(driver, &bound_path, &bind_info, &WdfDriverGlobals);
    if (status < 0)
        return status;
    replace();
    status = entry(driver, path);
    if (status < 0) {
        WdfVersionUnbind(&bound_path, &bind_info, WdfDriverGlobals);
    } else if (WdfDriverGlobals->DisplaceDriverUnload) {
        displaced_unload = driver->DriverUnload;
        driver->DriverUnload = unload_and_unbind;
    }
    return status;
}
