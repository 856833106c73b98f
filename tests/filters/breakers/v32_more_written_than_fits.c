/* V32: answers a query for the address and says that it wrote a byte more than fits; or as many as it wrote. */
#include "breaker.h"

enum { address_bytes = 6 };
static UCHAR address[address_bytes];

static NDIS_STATUS noting_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    for (int at = 0; at < address_bytes; at++)
        address[at] = parameters->CurrentMacAddress[at];
    return attach(handle, driver, parameters);
}

static NDIS_STATUS answering_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    if (request->RequestType != NdisRequestQueryInformation ||
        request->DATA.QUERY_INFORMATION.Oid != OID_802_3_CURRENT_ADDRESS ||
        request->DATA.QUERY_INFORMATION.InformationBufferLength < address_bytes)
        return oid_request(context, request);
    UCHAR *to = request->DATA.QUERY_INFORMATION.InformationBuffer;
    for (int at = 0; at < address_bytes; at++)
        to[at] = address[at];
    request->DATA.QUERY_INFORMATION.BytesWritten =
        broken ? request->DATA.QUERY_INFORMATION.InformationBufferLength + 1 : address_bytes;
    return NDIS_STATUS_SUCCESS;
}

static void replace(void) {
    characteristics.AttachHandler = noting_attach;
    characteristics.OidRequestHandler = answering_oid_request;
}
