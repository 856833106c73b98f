/* A cancel-safe queue of controls (IoCsqInsertIrpEx, with contexts), emptied by a thread of the filter's. */
#define HAS_CONTROL
#define HAS_CLEANUP
#define HAS_BEGIN
#define HAS_END
#include "wdm_device.h"

enum {
    SOUND,
    RELEASE_KEEPS_LOCK, /* V39: the callback that releases the queue's lock leaves it held */
    COMPLETES_WHAT_STAYS_LISTED, /* V43: what was taken from the queue is completed and stays in the list */
    CANCELED_NOT_COMPLETED, /* V47: the callback for cancelled IRPs does not complete them */
    THREAD_LEFT, /* V35: the thread is left at unload */
    COMPLETES_WHAT_IS_QUEUED, /* V44: the dispatch routine completes what it has queued */
    NOBODY_EMPTIES, /* V47: cleanup does nothing, and nobody empties the queue */
};

IMPORT NTSTATUS IoCsqInsertIrpEx(PIO_CSQ, PIRP, PVOID, PVOID);
IMPORT NTSTATUS IoCsqInitializeEx(PIO_CSQ, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID);

static IO_CSQ queue;
static KSPIN_LOCK lock;
static LIST_ENTRY irps;
static KEVENT wake, stop;
static PVOID thread;

static NTSTATUS insert(PIO_CSQ csq, PIRP irp, PVOID context) {
    InsertTailList(&irps, &irp->Tail.Overlay.ListEntry);
    return STATUS_SUCCESS;
}
static void take_out(PIO_CSQ csq, PIRP irp) {
    if (FAULT != COMPLETES_WHAT_STAYS_LISTED)
        RemoveEntryList(&irp->Tail.Overlay.ListEntry);
}
static PIRP peek(PIO_CSQ csq, PIRP irp, PVOID file) {
    PLIST_ENTRY entry = irp ? irp->Tail.Overlay.ListEntry.Flink : irps.Flink;
    for (; entry != &irps; entry = entry->Flink)
        if (!file || IoGetCurrentIrpStackLocation(irp_of(entry))->FileObject == file)
            return irp_of(entry);
    return 0;
}
static void acquire(PIO_CSQ csq, KIRQL *irql) { *irql = KeAcquireSpinLockRaiseToDpc(&lock); }
static void release(PIO_CSQ csq, KIRQL irql) {
    if (FAULT == RELEASE_KEEPS_LOCK)
        KeLowerIrql(irql);
    else
        KeReleaseSpinLock(&lock, irql);
}
static void canceled(PIO_CSQ csq, PIRP irp) {
    if (FAULT != CANCELED_NOT_COMPLETED)
        complete(irp, STATUS_CANCELLED, 0);
}

static void work(PVOID context) {
    PVOID objects[2] = { &stop, &wake };
    LARGE_INTEGER second = { .QuadPart = MILLISECONDS(1000) };
    while (KeWaitForMultipleObjects(2, objects, 1, 0, 0, 0, &second, 0) != 0) {
        PIRP irp;
        while (FAULT != NOBODY_EMPTIES && (irp = IoCsqRemoveNextIrp(&queue, 0)) != 0)
            complete(irp, STATUS_SUCCESS, 0);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS begin(void) {
    HANDLE handle;
    KeInitializeSpinLock(&lock);
    InitializeListHead(&irps);
    KeInitializeEvent(&wake, SynchronizationEvent, 0);
    KeInitializeEvent(&stop, NotificationEvent, 0);
    IoCsqInitializeEx(&queue, insert, take_out, peek, acquire, release, canceled);
    NTSTATUS status = PsCreateSystemThread(&handle, 0x1fffff, 0, 0, 0, work, 0);
    if (status < 0)
        return status;
    ObReferenceObjectByHandle(handle, 0x1fffff, 0, 0, &thread, 0);
    ZwClose(handle);
    return status;
}

static void end(void) {
    if (FAULT != THREAD_LEFT) {
        KeSetEvent(&stop, 0, 0);
        KeWaitForSingleObject(thread, Executive, 0, 0, 0);
    }
    ObfDereferenceObject(thread);
}

static NTSTATUS control(PDEVICE_OBJECT object, PIRP irp) {
    if (IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode != IOCTL(0, METHOD_BUFFERED))
        return complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    IoCsqInsertIrpEx(&queue, irp, 0, 0);
    if (FAULT == COMPLETES_WHAT_IS_QUEUED)
        complete(irp, STATUS_SUCCESS, 0);
    KeSetEvent(&wake, 0, 0);
    return STATUS_PENDING;
}

static NTSTATUS cleanup(PDEVICE_OBJECT object, PIRP irp) {
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    PIRP left;
    while (FAULT != NOBODY_EMPTIES && (left = IoCsqRemoveNextIrp(&queue, file)) != 0)
        complete(left, STATUS_CANCELLED, 0);
    return complete(irp, STATUS_SUCCESS, 0);
}
