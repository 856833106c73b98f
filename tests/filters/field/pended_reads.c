/* Reads wait in a list of the filter's, each with a cancel routine of its own, as the documents have it; receives wake them. */
#define HAS_READ
#define HAS_CLEANUP
#define HAS_BEGIN
#define HAS_END
#define HAS_REPLACE
static void replace(void);
#include "wdm_device.h"

enum {
    SOUND,
    NOT_MARKED, /* V43: a read that waits is not marked pending */
    MARKED_AND_SUCCEEDS, /* V43: a read that waits is marked pending, and its dispatch routine returns success */
    CANCEL_ROUTINE_SET, /* V44: a read is completed with its cancel routine set */
    CANCEL_LOCK_HELD, /* V39: the cancel routine does not release the cancel spin lock */
    CLEANUP_LEAVES_READS, /* V47: cleanup leaves the file's reads in the list */
    COMPLETES_UNDER_LOCK, /* V39: reads are completed with the list's lock held */
    COMPLETES_TWICE, /* V43: a read is completed twice */
    TOUCHES_COMPLETED, /* V43: a read is touched after it was completed */
    CANCEL_LEAVES_LISTED, /* V43: the cancel routine leaves a read in the list, and it is completed again */
    MORE_THAN_ROOM, /* V46: a read gives more bytes than there is room for */
    UNWRITTEN_BYTES, /* V46: a read gives bytes that nobody wrote */
    CANCEL_FORGETS, /* V47: the cancel routine takes the read out and forgets it */
    WRITES_BEYOND, /* V36: the buffer is written beyond its end */
};

static KSPIN_LOCK lock;
static LIST_ENTRY reads;

static NTSTATUS begin(void) {
    KeInitializeSpinLock(&lock);
    InitializeListHead(&reads);
    return STATUS_SUCCESS;
}

static void cancel_read(PDEVICE_OBJECT object, PIRP irp) {
    if (FAULT != CANCEL_LOCK_HELD)
        IoReleaseCancelSpinLock(irp->CancelIrql);
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    if (FAULT != CANCEL_LEAVES_LISTED)
        RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&lock, irql);
    if (FAULT != CANCEL_FORGETS)
        complete(irp, STATUS_CANCELLED, 0);
}

static NTSTATUS dispatch_read(PDEVICE_OBJECT object, PIRP irp) {
    KIRQL irql;
    if (!irp->MdlAddress)
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    irql = KeAcquireSpinLockRaiseToDpc(&lock);
    if (FAULT != NOT_MARKED)
        IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, cancel_read);
    if (irp->Cancel && IoSetCancelRoutine(irp, 0)) {
        KeReleaseSpinLock(&lock, irql);
        complete(irp, STATUS_CANCELLED, 0);
        return STATUS_PENDING;
    }
    InsertTailList(&reads, &irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&lock, irql);
    return FAULT == MARKED_AND_SUCCEEDS ? STATUS_SUCCESS : STATUS_PENDING;
}

/* Takes a read out, of a file or of any, that nobody is cancelling. */
static PIRP take(PFILE_OBJECT file) {
    PIRP found = 0;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    for (PLIST_ENTRY entry = reads.Flink, next; entry != &reads; entry = next) {
        PIRP irp = irp_of(entry);
        next = entry->Flink;
        if (file && IoGetCurrentIrpStackLocation(irp)->FileObject != file)
            continue;
        if (FAULT == CANCEL_ROUTINE_SET || IoSetCancelRoutine(irp, 0)) {
            RemoveEntryList(entry);
            found = irp;
            break;
        }
    }
    KeReleaseSpinLock(&lock, irql);
    return found;
}

static void deliver(PIRP irp) {
    ULONG length = IoGetCurrentIrpStackLocation(irp)->Parameters.Read.Length;
    PUCHAR to = MmGetSystemAddressForMdlSafe(irp->MdlAddress, MM_PRIORITY);
    if (!to) {
        complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        return;
    }
    if (FAULT != UNWRITTEN_BYTES)
        memset(to, 0x5a, length);
    if (FAULT == WRITES_BEYOND)
        ((volatile UCHAR *)to)[length] = 1;
    complete(irp, STATUS_SUCCESS, FAULT == MORE_THAN_ROOM ? length + 1 : length);
    if (FAULT == COMPLETES_TWICE)
        complete(irp, STATUS_SUCCESS, length);
    else if (FAULT == TOUCHES_COMPLETED)
        (void)*(volatile ULONG_PTR *)&irp->IoStatus.Information;
}

static NTSTATUS cleanup(PDEVICE_OBJECT object, PIRP irp) {
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    PIRP read;
    while (FAULT != CLEANUP_LEAVES_READS && (read = take(file)) != 0)
        complete(read, STATUS_CANCELLED, 0);
    return complete(irp, STATUS_SUCCESS, 0);
}

static void wake_and_receive(
    NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    if (FAULT == COMPLETES_UNDER_LOCK) {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
        if (!IsListEmpty(&reads) && IoSetCancelRoutine(irp_of(reads.Flink), 0))
            deliver(irp_of(RemoveHeadList(&reads)));
        KeReleaseSpinLock(&lock, irql);
    }
    PIRP irp = take(0);
    if (irp)
        deliver(irp);
    receive(context, lists, port, count, flags);
}

static void replace(void) { characteristics.ReceiveNetBufferListsHandler = wake_and_receive; }

/* No handle is open at unload, so that no read waits. */
static void end(void) {}
