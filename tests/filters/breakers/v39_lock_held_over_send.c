/* V39: passes sends down with its lock held; or after it has released the lock. */
#include "breaker.h"

static ULONG sent;

static void counting_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
    sent++;
    if (broken)
        send(context, lists, port, flags);
    KeReleaseSpinLock(&module->lock, irql);
    if (!broken)
        send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = counting_send;
}
