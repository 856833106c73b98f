/* What the framework's functions are not to be called with: each control does one thing wrong. */
#include "checks.h"

static const UNICODE_STRING depth = STRING(L"Depth");
static WDFREQUEST current;

static ULONG takes_the_device_twice(void) {
    WdfObjectAcquireLock(device);
    WdfObjectAcquireLock(device);
    return 0;
}
static ULONG releases_what_it_has_not(void) {
    WdfObjectReleaseLock(device);
    return 0;
}
static ULONG keeps_the_device(void) {
    WdfObjectAcquireLock(device);
    return 0;
}
static ULONG locks_a_string(void) {
    WDFSTRING string;
    CHECK(WdfStringCreate(0, 0, &string) == STATUS_SUCCESS);
    WdfObjectAcquireLock(string);
    return 0;
}
static ULONG removes_what_is_not_there(void) {
    WDFCOLLECTION collection;
    CHECK(WdfCollectionCreate(0, &collection) == STATUS_SUCCESS);
    WdfCollectionRemove(collection, device);
    return 0;
}
static ULONG uses_a_deleted_collection(void) {
    WDFCOLLECTION collection;
    CHECK(WdfCollectionCreate(0, &collection) == STATUS_SUCCESS);
    WdfObjectDelete(collection);
    return WdfCollectionGetCount(collection);
}
static ULONG takes_executable_memory(void) {
    WDFMEMORY memory;
    WdfMemoryCreate(0, NonPagedPool, TAG, 8, &memory, 0);
    return 0;
}
static ULONG assigns_the_frameworks_memory(void) {
    static UCHAR own[8];
    WDFMEMORY memory;
    CHECK(WdfMemoryCreate(0, NonPagedPoolNx, TAG, 8, &memory, 0) == STATUS_SUCCESS);
    WdfMemoryAssignBuffer(memory, own, sizeof(own));
    return 0;
}
static ULONG writes_past_a_lookaside_entry(void) {
    WDFLOOKASIDE list;
    WDFMEMORY memory;
    CHECK(WdfLookasideListCreate(0, 48, NonPagedPoolNx, 0, TAG, &list) == STATUS_SUCCESS);
    CHECK(WdfMemoryCreateFromLookaside(list, &memory) == STATUS_SUCCESS);
    ((volatile UCHAR *)WdfMemoryGetBuffer(memory, 0))[48] = 1;
    return 0;
}
static ULONG reads_the_registry_at_dispatch(void) {
    WDFKEY key;
    CHECK(WdfDriverOpenParametersRegistryKey(WdfDriverGlobals->Driver, 0x20019, 0, &key) == STATUS_SUCCESS);
    ULONG value;
    KfRaiseIrql(DISPATCH_LEVEL);
    WdfRegistryQueryULong(key, &depth, &value);
    return 0;
}
static ULONG takes_a_callers_address_late(void) {
    PVOID at;
    WdfRequestRetrieveUnsafeUserOutputBuffer(current, 4, &at, 0);
    return 0;
}
static ULONG enqueues_what_came_from_a_queue(void) {
    WdfDeviceEnqueueRequest(device, current);
    return 0;
}
static ULONG makes_dma(void) {
    WDFDMAENABLER enabler;
    WdfDmaEnablerCreate(device, 0, 0, &enabler);
    return 0;
}
static ULONG makes_a_lock_below_a_deleted_object(void) {
    WDF_OBJECT_ATTRIBUTES attributes = { .Size = sizeof(attributes), .ExecutionLevel = WdfExecutionLevelInheritFromParent,
        .SynchronizationScope = WdfSynchronizationScopeInheritFromParent };
    WDFOBJECT parent;
    WDFSPINLOCK lock;
    CHECK(WdfObjectCreate(0, &parent) == STATUS_SUCCESS);
    WdfObjectDelete(parent);
    attributes.ParentObject = parent;
    WdfSpinLockCreate(&attributes, &lock);
    return 0;
}

static check *const checks[] = {
    takes_the_device_twice, releases_what_it_has_not, keeps_the_device, locks_a_string, removes_what_is_not_there,
    uses_a_deleted_collection, takes_executable_memory, assigns_the_frameworks_memory, writes_past_a_lookaside_entry,
    reads_the_registry_at_dispatch, takes_a_callers_address_late, enqueues_what_came_from_a_queue, makes_dma,
    makes_a_lock_below_a_deleted_object,
};

static void control(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) {
    current = request;
    run_check(from, request, output, input, code);
}
RUN_WITH(checks, queue.EvtIoDeviceControl = control)
