/* Locks of every kind on the data path and off it, taken and released as their pages say.
 *
 * BREAK 1 V39: a spin lock is taken twice.
 * BREAK 2 V39: a spin lock is released that is not held.
 * BREAK 3 V39: three locks are taken in a circle.
 * BREAK 4 V39: the IRQL before is lost: the lock is released to DISPATCH_LEVEL, and IRQL lowered later with another held.
 * BREAK 5 V39: an in-stack queued spin lock is released as a plain one.
 * BREAK 6 V39: a read-write lock is taken for writing by its reader.
 * BREAK 7 V39: receives are indicated with a read lock held.
 * BREAK 8 V39: sends are completed with a spin lock held.
 * BREAK 9 V39: a fast mutex is taken twice.
 * BREAK 10 V39: an EX_SPIN_LOCK taken shared is taken exclusively too.
 * BREAK 11 V39: a callback returns with a spin lock held.
 * BREAK 12 V39: a read-write lock is released twice.
 * BREAK 13 V39: a resource is released that is not held.
 * BREAK 14 V39: a push lock is taken twice.
 * BREAK 15 V38: a fast mutex is taken with a spin lock held.
 * BREAK 16 V39: an EX_SPIN_LOCK taken shared is released as if exclusive.
 * BREAK 17 V39: a spin lock is released with the wrong IRQL, below the one before.
 * BREAK 18 V09: a resource is taken with normal APCs enabled.
 * BREAK 19 V09: a lock is taken by the function for DISPATCH_LEVEL at PASSIVE_LEVEL.
 * BREAK 20 V39: a status is indicated with a spin lock held.
 * BREAK 21 V39: an OID request is completed with a spin lock held.
 * BREAK 22 V39: a resource is owned when the thread that took it returns from its callback.
 * BREAK 23 V39: a fast mutex is held when the callback returns.
 * BREAK 24 V39: two locks' IRQLs are kept in one variable, and the outer one's is lost.
 */
#define HAS_BEGIN
#define HAS_END
#define HAS_REPLACE
static void replace(void);
#include "field.h"

typedef ULONG_PTR EX_PUSH_LOCK;
IMPORT void ExInitializePushLock(EX_PUSH_LOCK *);
IMPORT void ExAcquirePushLockExclusiveEx(EX_PUSH_LOCK *, ULONG);
IMPORT void ExAcquirePushLockSharedEx(EX_PUSH_LOCK *, ULONG);
IMPORT void ExReleasePushLockExclusiveEx(EX_PUSH_LOCK *, ULONG);
IMPORT void ExReleasePushLockSharedEx(EX_PUSH_LOCK *, ULONG);

static KSPIN_LOCK first, second, third, queued;
static EX_SPIN_LOCK shared;
static PNDIS_RW_LOCK_EX rw;
static FAST_MUTEX mutex;
static ERESOURCE resource;
static EX_PUSH_LOCK push;
static ULONG count, turn;

static NTSTATUS begin(void) {
    KeInitializeSpinLock(&first);
    KeInitializeSpinLock(&second);
    KeInitializeSpinLock(&third);
    KeInitializeSpinLock(&queued);
    ExInitializeFastMutex(&mutex);
    ExInitializeResourceLite(&resource);
    ExInitializePushLock(&push);
    rw = NdisAllocateRWLock(registration);
    return rw ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
static void end(void) {
    NdisFreeRWLock(rw);
    ExDeleteResourceLite(&resource);
}

static void both(PKSPIN_LOCK outer, PKSPIN_LOCK inner) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(outer);
    KeAcquireSpinLockAtDpcLevel(inner);
    count++;
    KeReleaseSpinLockFromDpcLevel(inner);
    KeReleaseSpinLock(outer, irql);
}

static void lock_sends(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    KLOCK_QUEUE_HANDLE handle;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&first);
#if BREAK == 1
    KeAcquireSpinLockAtDpcLevel(&first);
#elif BREAK == 4
    KIRQL before = irql;
    irql = KeAcquireSpinLockRaiseToDpc(&second);
    KeReleaseSpinLock(&second, before);
#endif
    count++;
#if BREAK == 24
    irql = KeAcquireSpinLockRaiseToDpc(&second);
    KeReleaseSpinLock(&second, irql);
#endif
    KeReleaseSpinLock(&first, irql);
#if BREAK == 2
    KeReleaseSpinLock(&first, irql);
#elif BREAK == 17
    irql = KfRaiseIrql(DISPATCH_LEVEL);
    (void)KeAcquireSpinLockRaiseToDpc(&second);
    KeAcquireSpinLockAtDpcLevel(&third);
    KeReleaseSpinLock(&third, irql);
    KeReleaseSpinLock(&second, irql);
#endif
    KeAcquireInStackQueuedSpinLock(&queued, &handle);
    count++;
#if BREAK == 5
    KeReleaseSpinLock(&queued, handle.OldIrql);
#else
    KeReleaseInStackQueuedSpinLock(&handle);
#endif
    turn++;
    both(&first, &second);
    both(&second, &third);
#if BREAK == 3
    both(&third, &first);
#else
    both(&first, &third);
#endif
    irql = ExAcquireSpinLockShared(&shared);
#if BREAK == 10
    ExAcquireSpinLockExclusiveAtDpcLevel(&shared);
#endif
    count++;
#if BREAK == 16
    ExReleaseSpinLockExclusive(&shared, irql);
#else
    ExReleaseSpinLockShared(&shared, irql);
#endif
    irql = ExAcquireSpinLockExclusive(&shared);
    count++;
    ExReleaseSpinLockExclusive(&shared, irql);
    send(context, lists, port, flags);
#if BREAK == 11
    (void)KeAcquireSpinLockRaiseToDpc(&queued);
#endif
}

static void lock_completions(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
#if BREAK == 8
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&first);
#endif
    send_complete(context, lists, flags);
#if BREAK == 8
    KeReleaseSpinLock(&first, irql);
#endif
}

static void lock_receives(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG number, ULONG flags) {
    LOCK_STATE_EX outer, inner;
    UCHAR at_dispatch = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL ? 1 : 0;
    NdisAcquireRWLockRead(rw, &outer, at_dispatch);
    NdisAcquireRWLockRead(rw, &inner, 1);
    count++;
    NdisReleaseRWLock(rw, &inner);
#if BREAK == 6
    NdisAcquireRWLockWrite(rw, &inner, 1);
    NdisReleaseRWLock(rw, &inner);
#elif BREAK == 7
    receive(context, lists, port, number, flags);
    NdisReleaseRWLock(rw, &outer);
    return;
#endif
    NdisReleaseRWLock(rw, &outer);
#if BREAK == 12
    NdisReleaseRWLock(rw, &outer);
#endif
    receive(context, lists, port, number, flags);
}

/* At PASSIVE_LEVEL. */
static NDIS_STATUS lock_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    LOCK_STATE_EX state;
    NdisAcquireRWLockWrite(rw, &state, 0);
    count++;
    NdisReleaseRWLock(rw, &state);
#if BREAK == 15
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&first);
#endif
    ExAcquireFastMutex(&mutex);
#if BREAK == 9
    ExAcquireFastMutex(&mutex);
#endif
    count++;
    ExReleaseFastMutex(&mutex);
#if BREAK == 15
    KeReleaseSpinLock(&first, irql);
#elif BREAK == 19
    KeAcquireSpinLockAtDpcLevel(&first);
    KeReleaseSpinLockFromDpcLevel(&first);
#elif BREAK == 23
    ExAcquireFastMutex(&mutex);
#endif
    if (BREAK != 18)
        KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&resource, 1);
    ExAcquireResourceExclusiveLite(&resource, 1);
    ExReleaseResourceLite(&resource);
    ExReleaseResourceLite(&resource);
#if BREAK == 13
    ExReleaseResourceLite(&resource);
#elif BREAK == 22
    ExAcquireResourceSharedLite(&resource, 1);
#endif
    if (BREAK != 18)
        KeLeaveCriticalRegion();
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&push, 0);
#if BREAK == 14
    ExAcquirePushLockSharedEx(&push, 0);
#endif
    ExReleasePushLockExclusiveEx(&push, 0);
    ExAcquirePushLockSharedEx(&push, 0);
    ExReleasePushLockSharedEx(&push, 0);
    KeLeaveCriticalRegion();
    return pause(context, parameters);
}

static void lock_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
#if BREAK == 20
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&first);
#endif
    status(context, indication);
#if BREAK == 20
    KeReleaseSpinLock(&first, irql);
#endif
}

static void lock_oids(NDIS_HANDLE context, PNDIS_OID_REQUEST clone, NDIS_STATUS result) {
#if BREAK == 21
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&first);
#endif
    oid_request_complete(context, clone, result);
#if BREAK == 21
    KeReleaseSpinLock(&first, irql);
#endif
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = lock_sends;
    characteristics.SendNetBufferListsCompleteHandler = lock_completions;
    characteristics.ReceiveNetBufferListsHandler = lock_receives;
    characteristics.PauseHandler = lock_pause;
    characteristics.StatusHandler = lock_status;
    characteristics.OidRequestCompleteHandler = lock_oids;
}
