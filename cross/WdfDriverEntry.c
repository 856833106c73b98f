/*
 * The image's entry point, in the place of the WDK's WdfDriverEntry.lib.
 *
 * Binds the driver to KMDF and calls DriverEntry, unbinding where that fails. Where KMDF asks for it
 * (DisplaceDriverUnload), unloading goes through here too, so that the driver's own routine runs bound
 * and unbinding is the last thing done. PASSIVE_LEVEL throughout; the loader makes the calls one at a time.
 */
#define WDF_STUB
#include <ntifs.h>
#include <wdf.h>

typedef struct _WDF_BIND_INFO {
    ULONG Size;
    PCWSTR Component;
    struct { ULONG Major, Minor, Build; } Version;
    ULONG FuncCount;
    /* To the pointer that KMDF points at its own table, not to a table: so since KMDF 1.15. */
    const WDFFUNC **FuncTable;
    PVOID Module;
    /* Since 1.25: where KMDF reads the oldest version that will do, and says what it has. */
    ULONG *MinimumVersionRequired;
    BOOLEAN *ClientVersionHigherThanFramework;
    ULONG *FuncCountPtr;
    ULONG *StructCountPtr;
    const size_t **StructTable;
} WDF_BIND_INFO;
_Static_assert(sizeof(WDF_BIND_INFO) == 88, "the size says which version of the struct it is");

NTSTATUS WdfVersionBind(PDRIVER_OBJECT, PUNICODE_STRING, WDF_BIND_INFO *, PWDF_DRIVER_GLOBALS *);
NTSTATUS WdfVersionUnbind(PUNICODE_STRING, WDF_BIND_INFO *, PWDF_DRIVER_GLOBALS);
DRIVER_INITIALIZE DriverEntry;

extern ULONG WdfMinimumVersionRequired; /* defined by wdf.h in the driver */
const WDFFUNC *WdfFunctions;
PWDF_DRIVER_GLOBALS WdfDriverGlobals;
ULONG WdfFunctionCount = WdfFunctionTableNumEntries;
ULONG WdfStructureCount = 81;
BOOLEAN WdfClientVersionHigherThanFramework;
static const size_t *WdfStructures;

static WDF_BIND_INFO bind_info = {
    .Size = sizeof(WDF_BIND_INFO),
    .Component = L"KmdfLibrary",
    .Version = { KMDF_VERSION_MAJOR, KMDF_VERSION_MINOR, 0 },
    .FuncCount = WdfFunctionTableNumEntries,
    .FuncTable = &WdfFunctions,
    .MinimumVersionRequired = &WdfMinimumVersionRequired,
    .ClientVersionHigherThanFramework = &WdfClientVersionHigherThanFramework,
    .FuncCountPtr = &WdfFunctionCount,
    .StructCountPtr = &WdfStructureCount,
    .StructTable = &WdfStructures,
};

/* The loader frees its path after DriverEntry, and unbinding needs it. */
static WCHAR registry_path_buffer[260];
static UNICODE_STRING registry_path = { 0, sizeof(registry_path_buffer), registry_path_buffer };

static PDRIVER_UNLOAD driver_unload;

static void NTAPI FxDriverUnload(PDRIVER_OBJECT driver)
{
    if (driver_unload) {
        driver_unload(driver);
    }
    WdfVersionUnbind(&registry_path, &bind_info, WdfDriverGlobals);
}

NTSTATUS NTAPI FxDriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    RtlCopyUnicodeString(&registry_path, path);
    NTSTATUS status = WdfVersionBind(driver, &registry_path, &bind_info, &WdfDriverGlobals);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = DriverEntry(driver, path);
    if (!NT_SUCCESS(status)) {
        WdfVersionUnbind(&registry_path, &bind_info, WdfDriverGlobals);
        return status;
    }
    if (WdfDriverGlobals->DisplaceDriverUnload) {
        driver_unload = driver->DriverUnload;
        driver->DriverUnload = FxDriverUnload;
    }
    return status;
}
