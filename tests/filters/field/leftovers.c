/* What a filter may have at work from its entry to its unload, each given back: a device by IoCreateDevice and its link, a
 * thread, timers of three kinds, DPCs, work items, lookaside lists of three kinds, a resource, an MDL, a registry key, an
 * event's reference. */
#define OWN_UNLOAD
#define OWN_ENTRY
#include "wdm_device.h"

enum {
    SOUND,
    DEVICE_LEFT, /* V35: the device is left */
    LINK_LEFT, /* V35: the symbolic link is left */
    TIMER_SET, /* V35: the periodic KTIMER is left set */
    EX_TIMER_LEFT, /* V35: the EX_TIMER is left */
    THREAD_NOT_WAITED_FOR, /* V35: the thread is told to end, and not waited for */
    LOOKASIDE_LEFT, /* V35: a lookaside list is not deleted */
    ENTRY_LEFT, /* V35: an entry of a lookaside list is not freed */
    MDL_LEFT, /* V35: the MDL is not freed */
    RESOURCE_LEFT, /* V35: the resource is not deleted */
    WORK_ITEM_LEFT, /* V35: a work item is not freed */
    THREAD_HANDLE_OPEN, /* V35: the thread's handle is not closed */
    STRING_LEFT, /* V35: a buffer of RtlAnsiStringToUnicodeString is not freed */
    NAMELESS_LEFT, /* V35: a second device without a name is left */
    KEY_OPEN, /* V35: the registry key is left open */
    BLOCK_LOST, /* V35: a block is lost when its pointer is overwritten */
    FREES_SET_TIMER, /* V36: the timer's memory is freed with the timer set */
    FREES_RESOURCE_FIRST, /* V36: the resource's memory is freed before it is deleted */
};

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
    if (FAULT != THREAD_NOT_WAITED_FOR)
        KeWaitForSingleObject(thread, Executive, 0, 0, 0);
    ObfDereferenceObject(thread);
    if (FAULT != THREAD_HANDLE_OPEN)
        ZwClose(thread_handle);
    if (FAULT != KEY_OPEN)
        ZwClose(key);
    if (FAULT != TIMER_SET && FAULT != FREES_SET_TIMER) {
        KeCancelTimer(timer);
        KeFlushQueuedDpcs();
    }
    if (FAULT != TIMER_SET)
        ExFreePoolWithTag(timer, TAG);
    if (FAULT != EX_TIMER_LEFT)
        ExDeleteTimer(ex_timer, 1, 1, 0);
    if (FAULT != ENTRY_LEFT)
        ExFreeToNPagedLookasideList(&lookaside, entry);
    ExDeleteNPagedLookasideList(&lookaside);
    if (FAULT != LOOKASIDE_LEFT)
        ExDeleteLookasideListEx(&lookaside_ex);
    if (FAULT != RESOURCE_LEFT && FAULT != FREES_RESOURCE_FIRST)
        ExDeleteResourceLite(resource);
    if (FAULT != RESOURCE_LEFT)
        ExFreePoolWithTag(resource, TAG);
    if (FAULT != MDL_LEFT)
        IoFreeMdl(mdl);
    ExFreePoolWithTag(buffer, TAG);
    if (FAULT != WORK_ITEM_LEFT)
        IoFreeWorkItem(item);
    if (FAULT != STRING_LEFT)
        RtlFreeUnicodeString(&text);
    if (FAULT != LINK_LEFT)
        IoDeleteSymbolicLink(&link_name);
    if (FAULT != DEVICE_LEFT)
        IoDeleteDevice(device);
    if (FAULT != NAMELESS_LEFT)
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
    if (FAULT == BLOCK_LOST)
        buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, TAG);
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
