/* V39: takes two locks in one order when it sends, and in the other when it receives; or in one. */
#include "breaker.h"

static KSPIN_LOCK first, second;

static void take_both(KSPIN_LOCK *one, KSPIN_LOCK *other) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(one);
    KeAcquireSpinLockAtDpcLevel(other);
    KeReleaseSpinLockFromDpcLevel(other);
    KeReleaseSpinLock(one, irql);
}

static void locking_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    take_both(&first, &second);
    send(context, lists, port, flags);
}

static void locking_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    take_both(broken ? &second : &first, broken ? &first : &second);
    receive(context, lists, port, count, flags);
}

static void replace(void) {
    KeInitializeSpinLock(&first);
    KeInitializeSpinLock(&second);
    characteristics.SendNetBufferListsHandler = locking_send;
    characteristics.ReceiveNetBufferListsHandler = locking_receive;
}
