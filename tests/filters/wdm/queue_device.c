/* A WDM device that keeps reads in a cancel-safe queue, and one read with a cancel routine of its own.
 *
 * A write hands its bytes to the first read that waits. IOCTL 0 (buffered) says whose call it is; 1 (in direct) sums up the
 * output buffer; 2 (out direct) fills it; 3 (buffered) is kept until it is cancelled or its file closed; 4 is completed by a work item. */
#include "wdm.h"

struct extension {
    KSPIN_LOCK lock;
    LIST_ENTRY reads;
    IO_CSQ queue;
    LIST_ENTRY kept; /* under the cancel spin lock */
};

static UNICODE_STRING device_name = STRING(L"\\Device\\queue_device"), link_name = STRING(L"\\??\\queue_device");
static UNICODE_STRING sddl = STRING(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
static PDEVICE_OBJECT device;

#define OWNER(csq) ((struct extension *)((PUCHAR)(csq) - __builtin_offsetof(struct extension, queue)))
#define IRP_OF(link) ((PIRP)((PUCHAR)(link) - __builtin_offsetof(IRP, Tail.Overlay.ListEntry)))

static void append(PLIST_ENTRY head, PIRP irp) {
    PLIST_ENTRY entry = &irp->Tail.Overlay.ListEntry, last = head->Blink;
    entry->Flink = head;
    entry->Blink = last;
    last->Flink = entry;
    head->Blink = entry;
}
static void insert(PIO_CSQ csq, PIRP irp) { append(&OWNER(csq)->reads, irp); }
static void take(PIO_CSQ csq, PIRP irp) {
    PLIST_ENTRY entry = &irp->Tail.Overlay.ListEntry;
    entry->Blink->Flink = entry->Flink;
    entry->Flink->Blink = entry->Blink;
}
/* The next IRP of a file, or of any. */
static PIRP peek(PIO_CSQ csq, PIRP irp, PVOID file) {
    PLIST_ENTRY head = &OWNER(csq)->reads, entry = irp ? irp->Tail.Overlay.ListEntry.Flink : head->Flink;
    for (; entry != head; entry = entry->Flink)
        if (!file || IoGetCurrentIrpStackLocation(IRP_OF(entry))->FileObject == file)
            return IRP_OF(entry);
    return 0;
}
static void acquire(PIO_CSQ csq, KIRQL *irql) { *irql = KeAcquireSpinLockRaiseToDpc(&OWNER(csq)->lock); }
static void release(PIO_CSQ csq, KIRQL irql) { KeReleaseSpinLock(&OWNER(csq)->lock, irql); }
static void canceled(PIO_CSQ csq, PIRP irp) { complete(irp, STATUS_CANCELLED, 0); }

static NTSTATUS open(PDEVICE_OBJECT object, PIRP irp) {
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    return complete(irp, stack->FileObject->DeviceObject == object ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL, 0);
}
static NTSTATUS close(PDEVICE_OBJECT object, PIRP irp) { return complete(irp, STATUS_SUCCESS, 0); }

/* Takes a kept IRP of a file whose cancel routine will not run. */
static PIRP take_kept(struct extension *extension, PVOID file) {
    KIRQL irql;
    PIRP found = 0;
    IoAcquireCancelSpinLock(&irql);
    for (PLIST_ENTRY entry = extension->kept.Flink; entry != &extension->kept && !found; entry = entry->Flink)
        if (IoGetCurrentIrpStackLocation(IRP_OF(entry))->FileObject == file && IoSetCancelRoutine(IRP_OF(entry), 0))
            found = IRP_OF(entry);
    if (found)
        take(0, found);
    IoReleaseCancelSpinLock(irql);
    return found;
}

static NTSTATUS cleanup(PDEVICE_OBJECT object, PIRP irp) {
    struct extension *extension = object->DeviceExtension;
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    for (PIRP read; (read = IoCsqRemoveNextIrp(&extension->queue, file)) != 0;)
        complete(read, STATUS_CANCELLED, 0);
    for (PIRP kept; (kept = take_kept(extension, file)) != 0;)
        complete(kept, STATUS_CANCELLED, 0);
    return complete(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS read(PDEVICE_OBJECT object, PIRP irp) {
    struct extension *extension = object->DeviceExtension;
    if (!irp->MdlAddress)
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    IoCsqInsertIrp(&extension->queue, irp, 0);
    return STATUS_PENDING;
}

static NTSTATUS write(PDEVICE_OBJECT object, PIRP irp) {
    struct extension *extension = object->DeviceExtension;
    if (!irp->MdlAddress)
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    ULONG length = IoGetCurrentIrpStackLocation(irp)->Parameters.Write.Length;
    PIRP waiting = IoCsqRemoveNextIrp(&extension->queue, 0);
    if (!waiting)
        return complete(irp, STATUS_DEVICE_BUSY, 0);
    ULONG room = IoGetCurrentIrpStackLocation(waiting)->Parameters.Read.Length;
    ULONG count = length < room ? length : room;
    memcpy(system_address(waiting->MdlAddress), system_address(irp->MdlAddress), count);
    complete(waiting, STATUS_SUCCESS, count);
    return complete(irp, STATUS_SUCCESS, length);
}

static void cancel(PDEVICE_OBJECT object, PIRP irp) {
    take(0, irp);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    complete(irp, STATUS_CANCELLED, 0);
}

static NTSTATUS keep(struct extension *extension, PIRP irp) {
    KIRQL irql;
    IoAcquireCancelSpinLock(&irql);
    IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, cancel);
    if (irp->Cancel && IoSetCancelRoutine(irp, 0)) {
        IoReleaseCancelSpinLock(irql);
        complete(irp, STATUS_CANCELLED, 0);
        return STATUS_PENDING;
    }
    append(&extension->kept, irp);
    IoReleaseCancelSpinLock(irql);
    return STATUS_PENDING;
}

struct later {
    PVOID item;
    PIRP irp;
};

static void complete_later(PDEVICE_OBJECT object, PVOID context) {
    struct later later = *(struct later *)context;
    ExFreePool(context);
    IoFreeWorkItem(later.item);
    complete(later.irp, object == device ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL, 0);
}

IMPORT void IoQueueWorkItem(PVOID, PVOID, int, PVOID);

static NTSTATUS control(PDEVICE_OBJECT object, PIRP irp) {
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG length = stack->Parameters.DeviceIoControl.OutputBufferLength, sum = 0;
    PULONG buffer = irp->AssociatedIrp.SystemBuffer;
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case CODE(0, 0):
        if (length < 12)
            return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
        ULONG input = stack->Parameters.DeviceIoControl.InputBufferLength == 4 ? buffer[0] : 0;
        buffer[0] = IoGetRequestorProcessId(irp);
        buffer[1] = (ULONG)(ULONG_PTR)PsGetCurrentProcessId();
        buffer[2] = input + 1;
        return complete(irp, STATUS_SUCCESS, 12);
    case CODE(1, 1): {
        PUCHAR bytes = irp->MdlAddress ? system_address(irp->MdlAddress) : 0;
        if (!bytes)
            return complete(irp, STATUS_INVALID_PARAMETER, 0);
        for (ULONG i = 0; i < irp->MdlAddress->ByteCount; i++)
            sum += bytes[i];
        return complete(irp, STATUS_SUCCESS, sum & 1);
    }
    case CODE(2, 2): {
        PVOID bytes = buffer && irp->MdlAddress ? system_address(irp->MdlAddress) : 0;
        if (!bytes)
            return complete(irp, STATUS_INVALID_PARAMETER, 0);
        memset(bytes, *(PUCHAR)buffer, length);
        return complete(irp, STATUS_SUCCESS, length);
    }
    case CODE(3, 0):
        return keep(object->DeviceExtension, irp);
    case CODE(4, 0): {
        struct later *later = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*later), POOL_TAG);
        PVOID item = IoAllocateWorkItem(object);
        if (!later || !item) {
            if (later)
                ExFreePool(later);
            if (item)
                IoFreeWorkItem(item);
            return complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        }
        later->item = item;
        later->irp = irp;
        IoMarkIrpPending(irp);
        IoQueueWorkItem(item, complete_later, 1, later);
        return STATUS_PENDING;
    }
    default:
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    }
}

static void unload_device(PDRIVER_OBJECT driver) {
    IoDeleteSymbolicLink(&link_name);
    /* Through the list, as some do. */
    while (driver->DeviceObject)
        IoDeleteDevice(driver->DeviceObject);
    unload(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    NTSTATUS result = passthru_entry(driver, registry_path);
    if (result < 0)
        return result;
    driver->DriverUnload = unload_device;
    driver->MajorFunction[IRP_MJ_CREATE] = open;
    driver->MajorFunction[IRP_MJ_CLOSE] = close;
    driver->MajorFunction[IRP_MJ_CLEANUP] = cleanup;
    driver->MajorFunction[IRP_MJ_READ] = read;
    driver->MajorFunction[IRP_MJ_WRITE] = write;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;
    result = WdmlibIoCreateDeviceSecure(
        driver, sizeof(struct extension), &device_name, 0x12, 0x100, 0, &sddl, 0, &device);
    if (result < 0)
        goto failed;
    struct extension *extension = device->DeviceExtension;
    extension->reads.Flink = extension->reads.Blink = &extension->reads;
    extension->kept.Flink = extension->kept.Blink = &extension->kept;
    IoCsqInitialize(&extension->queue, insert, take, peek, acquire, release, canceled);
    device->Flags |= DO_DIRECT_IO;
    result = IoCreateSymbolicLink(&link_name, &device_name);
    if (result >= 0)
        return result;
    IoDeleteDevice(device);
failed:
    NdisFDeregisterFilterDriver(registration);
    return result;
}
