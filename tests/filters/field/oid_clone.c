/* Forwards OID requests as clones, direct ones too, and asks for the link's speed itself when it restarts. */
#include "data_path.h"

enum {
    SOUND,
    COMPLETES_TWICE, /* V34: what did not pend, by its result and by call */
    COMPLETES_CLONE, /* V34: upwards, instead of the original */
    FORGETS_TO_COMPLETE, /* V33: what pended */
    PENDS_AND_FORGETS, /* V33: the first query of statistics */
    CLAIMS_MORE_BYTES, /* V32: BytesWritten beyond the buffer */
    WRITES_LENGTH_AS_WRITTEN, /* V32: what is needed, as what was written */
    DIRECT_COMPLETED_TWICE, /* V34: */
    DIRECT_KEPT, /* V33: */
    COMPLETES_BEFORE_RETURN, /* V34: completes by call, and does not say that it pended */
    FREES_NO_CLONE, /* V06: */
    OWN_REQUEST_IN_ATTACH, /* V07: */
    ANSWERS_OWN_UPWARDS, /* V34: its own request, completed as if it were another's */
    REQUEST_HEADER, /* V10: its own request */
};

struct filter {
    NDIS_HANDLE handle;
    KSPIN_LOCK lock;
    PNDIS_OID_REQUEST clone;
    NDIS_OID_REQUEST own;
    ULONG speed[2];
};
#define ORIGINAL(clone) (*(PNDIS_OID_REQUEST *)(PVOID)(clone)->SourceReserved)

static NDIS_STATUS ask(struct filter *filter) {
    PNDIS_OID_REQUEST own = &filter->own;
    memset(own, 0, sizeof(*own));
    own->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    own->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    own->Header.Size = FAULT == REQUEST_HEADER ? 8 : NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    own->RequestType = NdisRequestQueryInformation;
    own->RequestId = (PVOID)1;
    own->DATA.QUERY_INFORMATION.Oid = OID_GEN_MAXIMUM_FRAME_SIZE;
    own->DATA.QUERY_INFORMATION.InformationBuffer = filter->speed;
    own->DATA.QUERY_INFORMATION.InformationBufferLength = sizeof(ULONG);
    return NdisFOidRequest(filter->handle, own);
}

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    struct filter *filter = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*filter), TAG);
    if (!filter)
        return NDIS_STATUS_RESOURCES;
    filter->handle = handle;
    KeInitializeSpinLock(&filter->lock);
    if (FAULT == OWN_REQUEST_IN_ATTACH)
        ask(filter);
    NDIS_STATUS status = set_attributes(handle, filter);
    if (status != NDIS_STATUS_SUCCESS)
        ExFreePoolWithTag(filter, TAG);
    return status;
}
static void detach(NDIS_HANDLE context) { ExFreePoolWithTag(context, TAG); }
static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) { return NDIS_STATUS_SUCCESS; }
static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    ask(context);
    return NDIS_STATUS_SUCCESS;
}

static void copy_result(PNDIS_OID_REQUEST to, PNDIS_OID_REQUEST from) {
    to->SupportedRevision = from->SupportedRevision;
    if (from->RequestType == NdisRequestMethod) {
        to->DATA.METHOD_INFORMATION.OutputBufferLength = from->DATA.METHOD_INFORMATION.OutputBufferLength;
        to->DATA.METHOD_INFORMATION.BytesRead = from->DATA.METHOD_INFORMATION.BytesRead;
        to->DATA.METHOD_INFORMATION.BytesNeeded = from->DATA.METHOD_INFORMATION.BytesNeeded;
        to->DATA.METHOD_INFORMATION.BytesWritten = from->DATA.METHOD_INFORMATION.BytesWritten;
    } else if (from->RequestType == NdisRequestSetInformation) {
        to->DATA.SET_INFORMATION.BytesRead = from->DATA.SET_INFORMATION.BytesRead;
        to->DATA.SET_INFORMATION.BytesNeeded = from->DATA.SET_INFORMATION.BytesNeeded;
    } else {
        to->DATA.QUERY_INFORMATION.BytesWritten = from->DATA.QUERY_INFORMATION.BytesWritten;
        to->DATA.QUERY_INFORMATION.BytesNeeded = from->DATA.QUERY_INFORMATION.BytesNeeded;
        if (FAULT == CLAIMS_MORE_BYTES)
            to->DATA.QUERY_INFORMATION.BytesWritten = to->DATA.QUERY_INFORMATION.InformationBufferLength + 1;
        if (FAULT == WRITES_LENGTH_AS_WRITTEN && to->DATA.QUERY_INFORMATION.BytesNeeded)
            to->DATA.QUERY_INFORMATION.BytesWritten = to->DATA.QUERY_INFORMATION.BytesNeeded;
    }
}

static PNDIS_OID_REQUEST take_back(struct filter *filter, PNDIS_OID_REQUEST clone) {
    PNDIS_OID_REQUEST original = ORIGINAL(clone);
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&filter->lock);
    filter->clone = 0;
    KeReleaseSpinLock(&filter->lock, irql);
    copy_result(original, clone);
    if (FAULT != FREES_NO_CLONE)
        NdisFreeCloneOidRequest(filter->handle, clone);
    return original;
}

static NDIS_STATUS oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    struct filter *filter = context;
    PNDIS_OID_REQUEST clone;
    if (FAULT == PENDS_AND_FORGETS && request->DATA.Oid == OID_GEN_STATISTICS)
        return NDIS_STATUS_PENDING;
    NDIS_STATUS status = NdisAllocateCloneOidRequest(filter->handle, request, TAG, &clone);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    ORIGINAL(clone) = request;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&filter->lock);
    filter->clone = clone;
    KeReleaseSpinLock(&filter->lock, irql);
    clone->RequestId = request->RequestId;
    status = NdisFOidRequest(filter->handle, clone);
    if (status == NDIS_STATUS_PENDING)
        return status;
    take_back(filter, clone);
    if (FAULT == COMPLETES_BEFORE_RETURN) {
        NdisFOidRequestComplete(filter->handle, request, status);
        return NDIS_STATUS_SUCCESS;
    }
    if (FAULT == COMPLETES_TWICE) {
        NdisFOidRequestComplete(filter->handle, request, status);
        NdisFOidRequestComplete(filter->handle, request, status);
        return NDIS_STATUS_PENDING;
    }
    return status;
}

static void oid_request_complete(NDIS_HANDLE context, PNDIS_OID_REQUEST request, NDIS_STATUS status) {
    struct filter *filter = context;
    if (request == &filter->own) {
        if (FAULT == ANSWERS_OWN_UPWARDS)
            NdisFOidRequestComplete(filter->handle, request, status);
        return;
    }
    if (FAULT == COMPLETES_CLONE) {
        NdisFOidRequestComplete(filter->handle, request, status);
        return;
    }
    PNDIS_OID_REQUEST original = take_back(filter, request);
    if (FAULT == FORGETS_TO_COMPLETE)
        return;
    NdisFOidRequestComplete(filter->handle, original, status);
    if (FAULT == COMPLETES_TWICE)
        NdisFOidRequestComplete(filter->handle, original, status);
}

static void cancel_oid_request(NDIS_HANDLE context, PVOID id) {
    struct filter *filter = context;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&filter->lock);
    int is_ours = filter->clone && filter->clone->RequestId == id;
    KeReleaseSpinLock(&filter->lock, irql);
    if (is_ours)
        NdisFCancelOidRequest(filter->handle, id);
}

static NDIS_STATUS direct_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    struct filter *filter = context;
    PNDIS_OID_REQUEST clone;
    if (FAULT == DIRECT_KEPT)
        return NDIS_STATUS_PENDING;
    NDIS_STATUS status = NdisAllocateCloneOidRequest(filter->handle, request, TAG, &clone);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    ORIGINAL(clone) = request;
    clone->RequestId = request->RequestId;
    status = NdisFDirectOidRequest(filter->handle, clone);
    if (status == NDIS_STATUS_PENDING)
        return status;
    copy_result(request, clone);
    NdisFreeCloneOidRequest(filter->handle, clone);
    if (FAULT == DIRECT_COMPLETED_TWICE)
        NdisFDirectOidRequestComplete(filter->handle, request, status);
    return status;
}

static void direct_oid_request_complete(NDIS_HANDLE context, PNDIS_OID_REQUEST clone, NDIS_STATUS status) {
    struct filter *filter = context;
    PNDIS_OID_REQUEST original = ORIGINAL(clone);
    copy_result(original, clone);
    NdisFreeCloneOidRequest(filter->handle, clone);
    NdisFDirectOidRequestComplete(filter->handle, original, status);
    if (FAULT == DIRECT_COMPLETED_TWICE)
        NdisFDirectOidRequestComplete(filter->handle, original, status);
}
static void cancel_direct_oid_request(NDIS_HANDLE context, PVOID id) {
    NdisFCancelDirectOidRequest(((struct filter *)context)->handle, id);
}
static void status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    NdisFIndicateStatus(((struct filter *)context)->handle, indication);
}

FILTER(.AttachHandler = attach, .DetachHandler = detach, .RestartHandler = restart, .PauseHandler = pause,
    .OidRequestHandler = oid_request, .OidRequestCompleteHandler = oid_request_complete,
    .CancelOidRequestHandler = cancel_oid_request, .StatusHandler = status,
    .DirectOidRequestHandler = direct_oid_request, .DirectOidRequestCompleteHandler = direct_oid_request_complete,
    .CancelDirectOidRequestHandler = cancel_direct_oid_request)
