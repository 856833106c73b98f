/* V16: completes an OID request that is cancelled, and writes to it when its clone comes back; or passes the cancellation on. */
#include "breaker.h"

static void hasty_cancel(NDIS_HANDLE context, PVOID id) {
    struct module *module = context;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
    PNDIS_OID_REQUEST clone = module->below && module->below->RequestId == id ? module->below : 0;
    KeReleaseSpinLock(&module->lock, irql);
    if (clone && broken)
        NdisFOidRequestComplete(module->handle, *original_of(clone), NDIS_STATUS_REQUEST_ABORTED);
    else
        cancel_oid_request(context, id);
}

static void replace(void) {
    characteristics.CancelOidRequestHandler = hasty_cancel;
}
