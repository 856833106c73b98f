/* V34: sends an OID request on as it came; or a clone of it. */
#include "breaker.h"

static NDIS_STATUS forwarding_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    struct module *module = context;
    return broken ? NdisFOidRequest(module->handle, request) : oid_request(context, request);
}

static void replace(void) {
    characteristics.OidRequestHandler = forwarding_oid_request;
}
