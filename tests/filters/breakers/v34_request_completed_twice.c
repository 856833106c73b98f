/* V34: completes an OID request by call, and by its status too; or by call alone. */
#include "breaker.h"

static NDIS_STATUS completing_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    struct module *module = context;
    if (request->RequestType != NdisRequestSetInformation)
        return oid_request(context, request);
    NdisFOidRequestComplete(module->handle, request, NDIS_STATUS_NOT_SUPPORTED);
    return broken ? NDIS_STATUS_NOT_SUPPORTED : NDIS_STATUS_PENDING;
}

static void replace(void) {
    characteristics.OidRequestHandler = completing_oid_request;
}
