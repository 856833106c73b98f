/* V43: sends complete the read that waits, though its cancel routine is running already and completes it too; or leave it to
 * that. One read waits at a time, for some sends. */
#include "../wdm/wdm.h"

static UNICODE_STRING device_name = STRING(L"\\Device\\read_race"), link_name = STRING(L"\\??\\read_race");
static PDEVICE_OBJECT device;
static KSPIN_LOCK lock; /* guards `waiting` */
static PIRP waiting;
static LONG sends;

/* Takes the read that waits, if it is `irp`, or any. */
static PIRP take(PIRP irp) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    PIRP taken = !irp || waiting == irp ? waiting : 0;
    if (taken)
        waiting = 0;
    KeReleaseSpinLock(&lock, irql);
    return taken;
}

static void cancel(PDEVICE_OBJECT object, PIRP irp) {
    IoReleaseCancelSpinLock(irp->CancelIrql);
    /* It is in no hurry. */
    for (int turn = 0; turn < 40; turn++)
        KeQueryPerformanceCounter(0);
    take(irp);
    complete(irp, STATUS_CANCELLED, 0);
}

static NTSTATUS read(PDEVICE_OBJECT object, PIRP irp) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    if (waiting) {
        KeReleaseSpinLock(&lock, irql);
        return complete(irp, STATUS_DEVICE_BUSY, 0);
    }
    IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, cancel);
    if (irp->Cancel && IoSetCancelRoutine(irp, 0)) {
        KeReleaseSpinLock(&lock, irql);
        complete(irp, STATUS_CANCELLED, 0);
        return STATUS_PENDING;
    }
    waiting = irp;
    KeReleaseSpinLock(&lock, irql);
    return STATUS_PENDING;
}

static void telling_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    PIRP taken = __sync_add_and_fetch(&sends, 1) % 2 ? 0 : take(0);
    if (taken && (IoSetCancelRoutine(taken, 0) || BROKEN))
        complete(taken, STATUS_SUCCESS, 0);
    send(context, lists, port, flags);
}

static NTSTATUS cleanup(PDEVICE_OBJECT object, PIRP irp) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    PIRP taken = 0;
    if (waiting && IoGetCurrentIrpStackLocation(waiting)->FileObject == IoGetCurrentIrpStackLocation(irp)->FileObject) {
        taken = waiting;
        waiting = 0;
    }
    KeReleaseSpinLock(&lock, irql);
    if (taken && IoSetCancelRoutine(taken, 0))
        complete(taken, STATUS_CANCELLED, 0);
    return complete(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS succeed(PDEVICE_OBJECT object, PIRP irp) { return complete(irp, STATUS_SUCCESS, 0); }

static void unload_device(PDRIVER_OBJECT driver) {
    IoDeleteSymbolicLink(&link_name);
    IoDeleteDevice(device);
    unload(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    KeInitializeSpinLock(&lock);
    characteristics.SendNetBufferListsHandler = telling_send;
    NTSTATUS result = passthru_entry(driver, registry_path);
    if (result < 0)
        return result;
    driver->DriverUnload = unload_device;
    driver->MajorFunction[IRP_MJ_CREATE] = driver->MajorFunction[IRP_MJ_CLOSE] = succeed;
    driver->MajorFunction[IRP_MJ_CLEANUP] = cleanup;
    driver->MajorFunction[IRP_MJ_READ] = read;
    result = IoCreateDevice(driver, 0, &device_name, 0x12, 0x100, 0, &device);
    if (result >= 0) {
        device->Flags |= DO_DIRECT_IO;
        result = IoCreateSymbolicLink(&link_name, &device_name);
        if (result < 0)
            IoDeleteDevice(device);
    }
    if (result < 0)
        NdisFDeregisterFilterDriver(registration);
    return result;
}
