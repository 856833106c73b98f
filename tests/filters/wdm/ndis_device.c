/* A filter as Microsoft's sample does it: a device by NdisRegisterDeviceEx, its parameters by NdisReadConfiguration, and
 * NDIS's own kinds of lock, memory, timer, event and work item. */
#include "wdm.h"

#define TAG 0x7665646e /* "ndev" */

typedef struct {
    NDIS_OBJECT_HEADER Header;
    NDIS_HANDLE NdisHandle;
    UINT Flags;
} CONFIGURATION_OBJECT;
typedef struct {
    int ParameterType;
    union {
        ULONG IntegerData;
        UNICODE_STRING StringData;
    } ParameterData;
} PARAMETER;

struct extension {
    ULONG signature;
    NDIS_HANDLE driver;
};

static UNICODE_STRING device_name = STRING(L"\\Device\\ndis_device"), link_name = STRING(L"\\DosDevices\\ndis_device");
static PDEVICE_OBJECT device;
static NDIS_HANDLE device_handle;

static ULONG parameters(NDIS_HANDLE handle) {
    UNICODE_STRING depth = STRING(L"Depth"), name = STRING(L"Name"), missing = STRING(L"Missing");
    NDIS_STATUS status;
    PARAMETER *parameter;
    NdisReadConfiguration(&status, (PVOID)&parameter, handle, &depth, 0);
    CHECK(status == NDIS_STATUS_SUCCESS && parameter->ParameterType == 0 && parameter->ParameterData.IntegerData == 17);
    NdisReadConfiguration(&status, (PVOID)&parameter, handle, &name, 2);
    CHECK(status == NDIS_STATUS_SUCCESS && parameter->ParameterData.StringData.Length == 8);
    CHECK(parameter->ParameterData.StringData.Buffer[3] == 'e');
    NdisReadConfiguration(&status, (PVOID)&parameter, handle, &missing, 0);
    CHECK(status == NDIS_STATUS_FAILURE);
    return 0;
}

static ULONG configuration(void) {
    CONFIGURATION_OBJECT object = { { 0xa9, 1, 20 }, registration, 0 };
    NDIS_HANDLE handle;
    CHECK(NdisOpenConfigurationEx((PVOID)&object, &handle) == NDIS_STATUS_SUCCESS);
    ULONG line = parameters(handle);
    NdisCloseConfiguration(handle);
    return line;
}

static ULONG extension(void) {
    struct extension *extension = NdisGetDeviceReservedExtension(device);
    CHECK(extension && extension->signature == TAG && extension->driver == registration);
    return 0;
}

/* NdisAllocateSpinLock and its kin are macros for these. */
static ULONG ndis_locks(void) {
    NDIS_SPIN_LOCK lock;
    LOCK_STATE_EX state;
    KeInitializeSpinLock(&lock.SpinLock);
    lock.OldIrql = KeAcquireSpinLockRaiseToDpc(&lock.SpinLock);
    KeReleaseSpinLock(&lock.SpinLock, lock.OldIrql);
    PNDIS_RW_LOCK_EX rw = NdisAllocateRWLock(registration);
    CHECK(rw);
    NdisAcquireRWLockRead(rw, &state, 0);
    NdisReleaseRWLock(rw, &state);
    NdisAcquireRWLockWrite(rw, &state, 0);
    CHECK(read_cr8() == 2);
    NdisReleaseRWLock(rw, &state);
    NdisFreeRWLock(rw);
    return 0;
}

static NDIS_EVENT event;

static void timed(PVOID system, PVOID context, PVOID more, PVOID further) { NdisSetEvent(context); }
static void worked(PVOID context, NDIS_HANDLE item) { NdisSetEvent(context); }

static ULONG ndis_services(void) {
    PVOID memory = NdisAllocateMemoryWithTagPriority(registration, 100, TAG, 32);
    CHECK(memory);
    NdisFreeMemory(memory, 0, 0);
    NdisInitializeEvent(&event);
    CHECK(!NdisWaitEvent(&event, 5));
    NDIS_TIMER_CHARACTERISTICS characteristics = {
        { NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, sizeof(characteristics) }, TAG, (PVOID)timed, &event,
    };
    NDIS_HANDLE timer;
    LARGE_INTEGER soon = { .QuadPart = -50000 };
    CHECK(NdisAllocateTimerObject(registration, &characteristics, &timer) == NDIS_STATUS_SUCCESS);
    NdisSetTimerObject(timer, soon, 0, &event);
    CHECK(NdisWaitEvent(&event, 1000));
    NdisFreeTimerObject(timer);
    NdisResetEvent(&event);
    NDIS_HANDLE item = NdisAllocateIoWorkItem(registration);
    CHECK(item);
    NdisQueueIoWorkItem(item, (PVOID)worked, &event);
    CHECK(NdisWaitEvent(&event, 1000));
    NdisFreeIoWorkItem(item);
    NdisMSleep(1000);
    return 0;
}

static ULONG ndis_system(void) {
    UNICODE_STRING made, expected = STRING(L"Made");
    ULONG count = NdisGroupActiveProcessorCount(0);
    CHECK(count && NdisSystemProcessorCount() > 0 && NdisActiveGroupCount() == 1);
    CHECK(__builtin_popcountll(NdisGroupActiveProcessorMask(0)) == (int)count);
    NdisInitializeString(&made, (PUCHAR)"Made");
    CHECK(RtlEqualUnicodeString(&made, &expected, 0));
    NdisFreeMemory(made.Buffer, 0, 0);
    return 0;
}

static check *const checks[] = { configuration, extension, ndis_locks, ndis_services, ndis_system };

static NTSTATUS succeed(PDEVICE_OBJECT object, PIRP irp) { return complete(irp, STATUS_SUCCESS, 0); }
static NTSTATUS control(PDEVICE_OBJECT object, PIRP irp) {
    return run_check(irp, checks, sizeof(checks) / sizeof(*checks));
}

static void unload_device(PDRIVER_OBJECT driver) {
    NdisDeregisterDeviceEx(device_handle);
    unload(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    PDRIVER_DISPATCH table[IRP_MJ_MAXIMUM_FUNCTION + 1] = { 0 };
    NTSTATUS result = passthru_entry(driver, registry_path);
    if (result < 0)
        return result;
    driver->DriverUnload = unload_device;
    table[IRP_MJ_CREATE] = table[IRP_MJ_CLEANUP] = table[IRP_MJ_CLOSE] = succeed;
    table[IRP_MJ_DEVICE_CONTROL] = control;
    NDIS_DEVICE_OBJECT_ATTRIBUTES attributes = { .Header = { NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES, 1, sizeof(attributes) } };
    attributes.DeviceName = &device_name;
    attributes.SymbolicName = &link_name;
    attributes.MajorFunctions = table;
    attributes.ExtensionSize = sizeof(struct extension);
    result = NdisRegisterDeviceEx(registration, &attributes, &device, &device_handle);
    if (result != NDIS_STATUS_SUCCESS) {
        NdisFDeregisterFilterDriver(registration);
        return result;
    }
    struct extension *extension = NdisGetDeviceReservedExtension(device);
    extension->signature = TAG;
    extension->driver = registration;
    return result;
}
