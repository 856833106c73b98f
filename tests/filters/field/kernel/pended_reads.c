/* Reads wait in a list of the filter's, each with a cancel routine of its own, as the documents have it; receives wake them.
 *
 * BREAK 1 V43: a read that waits is not marked pending.
 * BREAK 2 V43: a read that waits is marked pending, and its dispatch routine returns success.
 * BREAK 3 V44: a read is completed with its cancel routine set.
 * BREAK 4 V39: the cancel routine does not release the cancel spin lock.
 * BREAK 5 V47: cleanup leaves the file's reads in the list.
 * BREAK 6 V39: reads are completed with the list's lock held.
 * BREAK 7 V43: a read is completed twice.
 * BREAK 8 V43: a read is touched after it was completed.
 * BREAK 9 V43: the cancel routine leaves a read in the list, and it is completed again.
 * BREAK 10 V46: a read gives more bytes than there is room for.
 * BREAK 11 V46: a read gives bytes that nobody wrote.
 * BREAK 12 V47: the cancel routine takes the read out and forgets it.
 * BREAK 13 V36: the buffer is written beyond its end.
 */
#define HAS_READ
#define HAS_CLEANUP
#define HAS_BEGIN
#define HAS_END
#define HAS_REPLACE
static void replace(void);
#include "field.h"

static KSPIN_LOCK lock;
static LIST_ENTRY reads;

static NTSTATUS begin(void) {
    KeInitializeSpinLock(&lock);
    InitializeListHead(&reads);
    return STATUS_SUCCESS;
}

static void cancel_read(PDEVICE_OBJECT object, PIRP irp) {
#if BREAK != 4
    IoReleaseCancelSpinLock(irp->CancelIrql);
#endif
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
#if BREAK != 9
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
#endif
    KeReleaseSpinLock(&lock, irql);
#if BREAK != 12
    complete(irp, STATUS_CANCELLED, 0);
#endif
}

static NTSTATUS dispatch_read(PDEVICE_OBJECT object, PIRP irp) {
    KIRQL irql;
    if (!irp->MdlAddress)
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    irql = KeAcquireSpinLockRaiseToDpc(&lock);
#if BREAK != 1
    IoMarkIrpPending(irp);
#endif
    IoSetCancelRoutine(irp, cancel_read);
    if (irp->Cancel && IoSetCancelRoutine(irp, 0)) {
        KeReleaseSpinLock(&lock, irql);
        complete(irp, STATUS_CANCELLED, 0);
        return STATUS_PENDING;
    }
    InsertTailList(&reads, &irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&lock, irql);
    return BREAK == 2 ? STATUS_SUCCESS : STATUS_PENDING;
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
#if BREAK == 3
        RemoveEntryList(entry);
        found = irp;
        break;
#else
        if (IoSetCancelRoutine(irp, 0)) {
            RemoveEntryList(entry);
            found = irp;
            break;
        }
#endif
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
    if (BREAK != 11)
        memset(to, 0x5a, length);
#if BREAK == 13
    ((volatile UCHAR *)to)[length] = 1;
#endif
    complete(irp, STATUS_SUCCESS, BREAK == 10 ? length + 1 : length);
#if BREAK == 7
    complete(irp, STATUS_SUCCESS, length);
#elif BREAK == 8
    if (*(volatile ULONG_PTR *)&irp->IoStatus.Information == 12345)
        length++;
#endif
}

static NTSTATUS cleanup(PDEVICE_OBJECT object, PIRP irp) {
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    PIRP read;
    while (BREAK != 5 && (read = take(file)) != 0)
        complete(read, STATUS_CANCELLED, 0);
    return complete(irp, STATUS_SUCCESS, 0);
}

static void wake_and_receive(
    NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
#if BREAK == 6
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    if (!IsListEmpty(&reads) && IoSetCancelRoutine(irp_of(reads.Flink), 0))
        deliver(irp_of(RemoveHeadList(&reads)));
    KeReleaseSpinLock(&lock, irql);
#else
    PIRP irp = take(0);
    if (irp)
        deliver(irp);
#endif
    receive(context, lists, port, count, flags);
}

static void replace(void) { characteristics.ReceiveNetBufferListsHandler = wake_and_receive; }

/* No handle is open at unload, so that no read waits. */
static void end(void) {}
