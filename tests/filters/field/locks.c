/* Locks of every kind on the data path and off it, taken and released as their pages say. */
#define HAS_BEGIN
#define HAS_END
#define HAS_REPLACE
static void replace(void);
#include "wdm_device.h"

enum {
    SOUND,
    SPIN_TWICE, /* V39: a spin lock is taken twice */
    SPIN_NOT_HELD, /* V39: a spin lock is released that is not held */
    CIRCLE, /* V39: three locks are taken in a circle */
    IRQL_LOST, /* V39: the inner lock is released to the IRQL before the outer one, which is still held */
    QUEUED_AS_PLAIN, /* V39: an in-stack queued spin lock is released as a plain one */
    READER_WRITES, /* V39: a read-write lock is taken for writing by its reader */
    RECEIVES_UNDER_READ_LOCK, /* V39: receives are indicated with a read lock held */
    COMPLETES_UNDER_LOCK, /* V39: sends are completed with a spin lock held */
    MUTEX_TWICE, /* V39: a fast mutex is taken twice */
    SHARED_AND_EXCLUSIVE, /* V39: an EX_SPIN_LOCK taken shared is taken exclusively too */
    RETURNS_LOCKED, /* V39: a callback returns with a spin lock held */
    RW_RELEASED_TWICE, /* V39: a read-write lock is released twice */
    RESOURCE_NOT_HELD, /* V39: a resource is released that is not held */
    PUSH_TWICE, /* V39: a push lock is taken twice */
    MUTEX_UNDER_SPIN, /* V38: a fast mutex is taken with a spin lock held */
    SHARED_AS_EXCLUSIVE, /* V39: an EX_SPIN_LOCK taken shared is released as if exclusive */
    WRONG_IRQL, /* V39: a spin lock is released with the wrong IRQL, below the one before */
    NORMAL_APCS, /* V09: a resource is taken with normal APCs enabled */
    DPC_LEVEL_AT_PASSIVE, /* V09: a lock is taken by the function for DISPATCH_LEVEL at PASSIVE_LEVEL */
    STATUS_UNDER_LOCK, /* V39: a status is indicated with a spin lock held */
    OID_UNDER_LOCK, /* V39: an OID request is completed with a spin lock held */
    RESOURCE_OWNED, /* V39: a resource is owned when the thread that took it returns from its callback */
    MUTEX_HELD, /* V39: a fast mutex is held when the callback returns */
    ONE_IRQL_FOR_TWO, /* V39: two locks' IRQLs are kept in one variable, and the outer one's is lost */
};

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
    if (FAULT == SPIN_TWICE) {
        KeAcquireSpinLockAtDpcLevel(&first);
    } else if (FAULT == IRQL_LOST) {
        KIRQL before = irql;
        irql = KeAcquireSpinLockRaiseToDpc(&second);
        KeReleaseSpinLock(&second, before);
    }
    count++;
    if (FAULT == ONE_IRQL_FOR_TWO) {
        irql = KeAcquireSpinLockRaiseToDpc(&second);
        KeReleaseSpinLock(&second, irql);
    }
    KeReleaseSpinLock(&first, irql);
    if (FAULT == SPIN_NOT_HELD) {
        KeReleaseSpinLock(&first, irql);
    } else if (FAULT == WRONG_IRQL) {
        irql = KfRaiseIrql(DISPATCH_LEVEL);
        (void)KeAcquireSpinLockRaiseToDpc(&second);
        KeAcquireSpinLockAtDpcLevel(&third);
        KeReleaseSpinLock(&third, irql);
        KeReleaseSpinLock(&second, irql);
    }
    KeAcquireInStackQueuedSpinLock(&queued, &handle);
    count++;
    if (FAULT == QUEUED_AS_PLAIN)
        KeReleaseSpinLock(&queued, handle.OldIrql);
    else
        KeReleaseInStackQueuedSpinLock(&handle);
    turn++;
    both(&first, &second);
    both(&second, &third);
    both(FAULT == CIRCLE ? &third : &first, FAULT == CIRCLE ? &first : &third);
    irql = ExAcquireSpinLockShared(&shared);
    if (FAULT == SHARED_AND_EXCLUSIVE)
        ExAcquireSpinLockExclusiveAtDpcLevel(&shared);
    count++;
    if (FAULT == SHARED_AS_EXCLUSIVE)
        ExReleaseSpinLockExclusive(&shared, irql);
    else
        ExReleaseSpinLockShared(&shared, irql);
    irql = ExAcquireSpinLockExclusive(&shared);
    count++;
    ExReleaseSpinLockExclusive(&shared, irql);
    send(context, lists, port, flags);
    if (FAULT == RETURNS_LOCKED)
        (void)KeAcquireSpinLockRaiseToDpc(&queued);
}

static void lock_completions(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    KIRQL irql = FAULT == COMPLETES_UNDER_LOCK ? KeAcquireSpinLockRaiseToDpc(&first) : 0;
    send_complete(context, lists, flags);
    if (FAULT == COMPLETES_UNDER_LOCK)
        KeReleaseSpinLock(&first, irql);
}

static void lock_receives(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG number, ULONG flags) {
    LOCK_STATE_EX outer, inner;
    UCHAR at_dispatch = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL ? 1 : 0;
    NdisAcquireRWLockRead(rw, &outer, at_dispatch);
    NdisAcquireRWLockRead(rw, &inner, 1);
    count++;
    NdisReleaseRWLock(rw, &inner);
    if (FAULT == READER_WRITES) {
        NdisAcquireRWLockWrite(rw, &inner, 1);
        NdisReleaseRWLock(rw, &inner);
    } else if (FAULT == RECEIVES_UNDER_READ_LOCK) {
        receive(context, lists, port, number, flags);
        NdisReleaseRWLock(rw, &outer);
        return;
    }
    NdisReleaseRWLock(rw, &outer);
    if (FAULT == RW_RELEASED_TWICE)
        NdisReleaseRWLock(rw, &outer);
    receive(context, lists, port, number, flags);
}

/* At PASSIVE_LEVEL. */
static NDIS_STATUS lock_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    LOCK_STATE_EX state;
    NdisAcquireRWLockWrite(rw, &state, 0);
    count++;
    NdisReleaseRWLock(rw, &state);
    KIRQL irql = FAULT == MUTEX_UNDER_SPIN ? KeAcquireSpinLockRaiseToDpc(&first) : 0;
    ExAcquireFastMutex(&mutex);
    if (FAULT == MUTEX_TWICE)
        ExAcquireFastMutex(&mutex);
    count++;
    ExReleaseFastMutex(&mutex);
    if (FAULT == MUTEX_UNDER_SPIN) {
        KeReleaseSpinLock(&first, irql);
    } else if (FAULT == DPC_LEVEL_AT_PASSIVE) {
        KeAcquireSpinLockAtDpcLevel(&first);
        KeReleaseSpinLockFromDpcLevel(&first);
    } else if (FAULT == MUTEX_HELD) {
        ExAcquireFastMutex(&mutex);
    }
    if (FAULT != NORMAL_APCS)
        KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&resource, 1);
    ExAcquireResourceExclusiveLite(&resource, 1);
    ExReleaseResourceLite(&resource);
    ExReleaseResourceLite(&resource);
    if (FAULT == RESOURCE_NOT_HELD)
        ExReleaseResourceLite(&resource);
    else if (FAULT == RESOURCE_OWNED)
        ExAcquireResourceSharedLite(&resource, 1);
    if (FAULT != NORMAL_APCS)
        KeLeaveCriticalRegion();
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusiveEx(&push, 0);
    if (FAULT == PUSH_TWICE)
        ExAcquirePushLockSharedEx(&push, 0);
    ExReleasePushLockExclusiveEx(&push, 0);
    ExAcquirePushLockSharedEx(&push, 0);
    ExReleasePushLockSharedEx(&push, 0);
    KeLeaveCriticalRegion();
    return pause(context, parameters);
}

static void lock_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    KIRQL irql = FAULT == STATUS_UNDER_LOCK ? KeAcquireSpinLockRaiseToDpc(&first) : 0;
    status(context, indication);
    if (FAULT == STATUS_UNDER_LOCK)
        KeReleaseSpinLock(&first, irql);
}

static void lock_oids(NDIS_HANDLE context, PNDIS_OID_REQUEST clone, NDIS_STATUS result) {
    KIRQL irql = FAULT == OID_UNDER_LOCK ? KeAcquireSpinLockRaiseToDpc(&first) : 0;
    oid_request_complete(context, clone, result);
    if (FAULT == OID_UNDER_LOCK)
        KeReleaseSpinLock(&first, irql);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = lock_sends;
    characteristics.SendNetBufferListsCompleteHandler = lock_completions;
    characteristics.ReceiveNetBufferListsHandler = lock_receives;
    characteristics.PauseHandler = lock_pause;
    characteristics.StatusHandler = lock_status;
    characteristics.OidRequestCompleteHandler = lock_oids;
}
