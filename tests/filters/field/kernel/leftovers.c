/* What a filter may have at work from its entry to its unload, each given back: a device by IoCreateDevice and its link, a
 * thread, timers of three kinds, DPCs, work items, lookaside lists of three kinds, a resource, an MDL, a registry key, an
 * event's reference.
 *
 * BREAK 1 V35: the device is left.
 * BREAK 2 V35: the symbolic link is left.
 * BREAK 3 V35: the periodic KTIMER is left set.
 * BREAK 4 V35: the EX_TIMER is left.
 * BREAK 5 V35: the thread is told to end, and not waited for.
 * BREAK 6 V35: a lookaside list is not deleted.
 * BREAK 7 V35: an entry of a lookaside list is not freed.
 * BREAK 8 V35: the MDL is not freed.
 * BREAK 9 V35: the resource is not deleted.
 * BREAK 10 V35: a work item is not freed.
 * BREAK 11 V35: the thread's handle is not closed.
 * BREAK 12 V35: a buffer of RtlAnsiStringToUnicodeString is not freed.
 * BREAK 13 V35: a second device without a name is left.
 * BREAK 14 V35: the registry key is left open.
 * BREAK 15 V35: a block is lost when its pointer is overwritten.
 * BREAK 16 V36: the timer's memory is freed with the timer set.
 * BREAK 17 V36: the resource's memory is freed before it is deleted.
 */
#define OWN_UNLOAD
#define OWN_ENTRY
#include "field.h"

static UNICODE_STRING device_name = STRING(L"\\Device\\field"), link_name = STRING(L"\\DosDevices\\field");
static PDEVICE_OBJECT nameless;
static PVOID thread;
static HANDLE thread_handle, key;
static KEVENT stop;
static PKTIMER timer;
static KDPC dpc;
static PEX_TIMER ex_timer;
static LOOKASIDE lookaside;
static LOOKASIDE_LIST_EX lookaside_ex;
static PVOID entry;
static ERESOURCE *resource;
static PMDL mdl;
static PVOID buffer;
static PIO_WORKITEM item;
static KEVENT worked;
static LONG ticks;
static UNICODE_STRING text;

IMPORT NTSTATUS IoCreateDevice(PDRIVER_OBJECT, ULONG, PUNICODE_STRING, ULONG, ULONG, BOOLEAN, PDEVICE_OBJECT *);

static void tick(PKDPC self, PVOID context, PVOID first, PVOID second) { ticks++; }
static void ex_tick(PEX_TIMER self, PVOID context) { ticks++; }

static void run(PVOID context) {
    LARGE_INTEGER pause = { .QuadPart = MILLISECONDS(50) };
    while (KeWaitForSingleObject(&stop, Executive, 0, 0, &pause) == STATUS_TIMEOUT) {
        KeEnterCriticalRegion();
        ExAcquireResourceExclusiveLite(resource, 1);
        ticks++;
        ExReleaseResourceLite(resource);
        KeLeaveCriticalRegion();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void do_work(PDEVICE_OBJECT object, PVOID context) {
    ExAcquireResourceSharedLite(resource, 1);
    ExReleaseResourceLite(resource);
    KeSetEvent(&worked, 0, 0);
}
static void work(PDEVICE_OBJECT object, PVOID context) {
    KeEnterCriticalRegion();
    do_work(object, context);
    KeLeaveCriticalRegion();
}

static void unload_device(PDRIVER_OBJECT driver) {
    KeWaitForSingleObject(&worked, Executive, 0, 0, 0);
    KeSetEvent(&stop, 0, 0);
    if (BREAK != 5)
        KeWaitForSingleObject(thread, Executive, 0, 0, 0);
    ObfDereferenceObject(thread);
    if (BREAK != 11)
        ZwClose(thread_handle);
    if (BREAK != 14)
        ZwClose(key);
    if (BREAK != 3 && BREAK != 16) {
        KeCancelTimer(timer);
        KeFlushQueuedDpcs();
    }
    if (BREAK != 3)
        ExFreePoolWithTag(timer, TAG);
    if (BREAK != 4)
        ExDeleteTimer(ex_timer, 1, 1, 0);
    if (BREAK != 7)
        ExFreeToNPagedLookasideList(&lookaside, entry);
    ExDeleteNPagedLookasideList(&lookaside);
    if (BREAK != 6)
        ExDeleteLookasideListEx(&lookaside_ex);
    if (BREAK != 9 && BREAK != 17)
        ExDeleteResourceLite(resource);
    if (BREAK != 9)
        ExFreePoolWithTag(resource, TAG);
    if (BREAK != 8)
        IoFreeMdl(mdl);
    ExFreePoolWithTag(buffer, TAG);
    if (BREAK != 10)
        IoFreeWorkItem(item);
    if (BREAK != 12)
        RtlFreeUnicodeString(&text);
    if (BREAK != 2)
        IoDeleteSymbolicLink(&link_name);
    if (BREAK != 1)
        IoDeleteDevice(device);
    if (BREAK != 13)
        IoDeleteDevice(nameless);
    unload(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    LARGE_INTEGER soon = { .QuadPart = MILLISECONDS(20) };
    ANSI_STRING ansi;
    OBJECT_ATTRIBUTES attributes = { .Length = sizeof(attributes), .ObjectName = registry_path, .Attributes = 0x240 };
    NTSTATUS status = IoCreateDevice(driver, 0, &device_name, 0x12, 0x100, 0, &device);
    if (status < 0)
        return status;
    status = IoCreateSymbolicLink(&link_name, &device_name);
    if (status < 0) {
        IoDeleteDevice(device);
        return status;
    }
    IoCreateDevice(driver, 16, 0, 0x12, 0, 0, &nameless);
    for (int i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = succeed;
    driver->DriverUnload = unload_device;
    KeInitializeEvent(&stop, NotificationEvent, 0);
    KeInitializeEvent(&worked, NotificationEvent, 0);
    resource = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*resource), TAG);
    ExInitializeResourceLite(resource);
    timer = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*timer), TAG);
    KeInitializeTimerEx(timer, SynchronizationTimer);
    KeInitializeDpc(&dpc, tick, 0);
    KeSetTimerEx(timer, soon, 20, &dpc);
    ex_timer = ExAllocateTimer(ex_tick, 0, 8);
    ExSetTimer(ex_timer, MILLISECONDS(10), 0, 0);
    ExInitializeNPagedLookasideList(&lookaside, 0, 0, 512, 100, TAG, 0);
    entry = ExAllocateFromNPagedLookasideList(&lookaside);
    ExInitializeLookasideListEx(&lookaside_ex, 0, 0, (POOL_TYPE)512, 0, 64, TAG, 0);
    ExFreeToLookasideListEx(&lookaside_ex, ExAllocateFromLookasideListEx(&lookaside_ex));
    buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, TAG);
#if BREAK == 15
    buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, TAG);
#endif
    mdl = IoAllocateMdl(buffer, 5000, 0, 0, 0);
    MmBuildMdlForNonPagedPool(mdl);
    RtlInitAnsiString(&ansi, "some text");
    RtlAnsiStringToUnicodeString(&text, &ansi, 1);
    ZwOpenKey(&key, 0x20019, &attributes);
    item = IoAllocateWorkItem(device);
    IoQueueWorkItem(item, work, 1, 0);
    PsCreateSystemThread(&thread_handle, 0x1fffff, 0, 0, 0, run, 0);
    ObReferenceObjectByHandle(thread_handle, 0x1fffff, 0, 0, &thread, 0);
    status = passthru_entry(driver, registry_path);
    driver->DriverUnload = unload_device;
    if (status < 0)
        unload_device(driver);
    return status;
}
