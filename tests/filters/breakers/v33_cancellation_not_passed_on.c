/* V33: does not pass the cancellation of an OID request on that it has handed on; or does. */
#include "breaker.h"

static void swallowing_cancel_oid_request(NDIS_HANDLE context, PVOID id) {
    if (!broken)
        cancel_oid_request(context, id);
}

static void replace(void) {
    characteristics.CancelOidRequestHandler = swallowing_cancel_oid_request;
}
