/* A light filter that passes everything on: sends, receives, their completions, OID requests as clones, status, events.
 *
 * It shares no declaration with the bindings in crates/ndis: its header is generated from the ABI facts. What it does is
 * what the documents ask of the least filter that NDIS accepts. Calling contexts: attach, detach, pause, restart and
 * events at PASSIVE_LEVEL; all else up to DISPATCH_LEVEL. It holds no packet at any time, so there is nothing to give back
 * when it pauses; it holds one OID request at most, as NDIS sends it one at a time. Sends go down only while it runs: each
 * takes the module's rundown reference, which pause waits for. */
#include "ntddk_ndis_abi.h"

#define POOL_TAG 0x75736150 /* "Pasu", as its bytes lie in memory */

/* A module: this filter on one adapter. */
struct module {
    NDIS_HANDLE handle;
    KSPIN_LOCK lock; /* guards `below` */
    PNDIS_OID_REQUEST below; /* the clone that a lower driver has, if any */
    EX_RUNDOWN_REF running; /* can be taken from restart to pause */
};

static NDIS_HANDLE registration;

#define STRING(text) { sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)(text) }

/* The clone's own slot says whose clone it is. */
static PNDIS_OID_REQUEST *original_of(PNDIS_OID_REQUEST clone) {
    return (PNDIS_OID_REQUEST *)(PVOID)clone->SourceReserved;
}

static void set_below(struct module *module, PNDIS_OID_REQUEST clone) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
    module->below = clone;
    KeReleaseSpinLock(&module->lock, irql);
}

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    (void)driver;
    if (parameters->MiniportMediaType != NdisMedium802_3)
        return NDIS_STATUS_UNSUPPORTED_MEDIA;
    struct module *module = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*module), POOL_TAG);
    if (!module)
        return NDIS_STATUS_RESOURCES;
    module->handle = handle;
    module->below = 0;
    KeInitializeSpinLock(&module->lock);
    ExInitializeRundownProtection(&module->running);
    ExWaitForRundownProtectionRelease(&module->running);
    NDIS_FILTER_ATTRIBUTES attributes;
    attributes.Header.Type = NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES;
    attributes.Header.Revision = NDIS_FILTER_ATTRIBUTES_REVISION_1;
    attributes.Header.Size = NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1;
    attributes.Flags = 0;
    NDIS_STATUS status = NdisFSetAttributes(handle, module, &attributes);
    if (status != NDIS_STATUS_SUCCESS)
        ExFreePoolWithTag(module, POOL_TAG);
    return status;
}

static void detach(NDIS_HANDLE context) {
    ExFreePoolWithTag(context, POOL_TAG);
}

static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct module *module = context;
    (void)parameters;
    ExInitializeRundownProtection(&module->running);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct module *module = context;
    (void)parameters;
    ExWaitForRundownProtectionRelease(&module->running);
    return NDIS_STATUS_SUCCESS;
}

/* A send that is not passed on ends here: with its status, and with the completion of a large send where it was one. For
 * version 1 that is the payload sent, none, and for version 2 all zero but its type. */
static void refuse(PNET_BUFFER_LIST list) {
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO *large =
        (PVOID)&list->NetBufferListInfo[TcpLargeSendNetBufferListInfo];
    list->Status = NDIS_STATUS_PAUSED;
    large->LsoV2TransmitComplete.Reserved = 0;
    large->LsoV2TransmitComplete.Reserved2 = 0;
}

static void send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (ExAcquireRundownProtection(&module->running)) {
        NdisFSendNetBufferLists(module->handle, lists, port, flags);
        ExReleaseRundownProtection(&module->running);
        return;
    }
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        refuse(list);
    NdisFSendNetBufferListsComplete(module->handle, lists,
        flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
}

static void send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct module *module = context;
    NdisFSendNetBufferListsComplete(module->handle, lists, flags);
}

static void cancel_send(NDIS_HANDLE context, PVOID id) {
    struct module *module = context;
    NdisFCancelSendNetBufferLists(module->handle, id);
}

/* With RESOURCES in `flags` the lists are back when the call returns, as the caller expects. */
static void receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    NdisFIndicateReceiveNetBufferLists(module->handle, lists, port, count, flags);
}

static void returned(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct module *module = context;
    NdisFReturnNetBufferLists(module->handle, lists, flags);
}

/* Copies what the lower drivers wrote to the original, and frees the clone. */
static PNDIS_OID_REQUEST take_back(struct module *module, PNDIS_OID_REQUEST clone) {
    PNDIS_OID_REQUEST original = *original_of(clone);
    set_below(module, 0);
    original->SupportedRevision = clone->SupportedRevision;
    switch (clone->RequestType) {
    case NdisRequestMethod:
        original->DATA.METHOD_INFORMATION.OutputBufferLength = clone->DATA.METHOD_INFORMATION.OutputBufferLength;
        original->DATA.METHOD_INFORMATION.BytesWritten = clone->DATA.METHOD_INFORMATION.BytesWritten;
        original->DATA.METHOD_INFORMATION.BytesRead = clone->DATA.METHOD_INFORMATION.BytesRead;
        original->DATA.METHOD_INFORMATION.BytesNeeded = clone->DATA.METHOD_INFORMATION.BytesNeeded;
        break;
    case NdisRequestSetInformation:
        original->DATA.SET_INFORMATION.BytesRead = clone->DATA.SET_INFORMATION.BytesRead;
        original->DATA.SET_INFORMATION.BytesNeeded = clone->DATA.SET_INFORMATION.BytesNeeded;
        break;
    default:
        original->DATA.QUERY_INFORMATION.BytesWritten = clone->DATA.QUERY_INFORMATION.BytesWritten;
        original->DATA.QUERY_INFORMATION.BytesNeeded = clone->DATA.QUERY_INFORMATION.BytesNeeded;
        break;
    }
    NdisFreeCloneOidRequest(module->handle, clone);
    return original;
}

static NDIS_STATUS oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    struct module *module = context;
    PNDIS_OID_REQUEST clone = 0;
    NDIS_STATUS status = NdisAllocateCloneOidRequest(module->handle, request, POOL_TAG, &clone);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    clone->RequestId = request->RequestId;
    *original_of(clone) = request;
    set_below(module, clone);
    status = NdisFOidRequest(module->handle, clone);
    /* Where it did not pend the status is the answer, and no completion comes. */
    if (status != NDIS_STATUS_PENDING)
        take_back(module, clone);
    return status;
}

static void oid_request_complete(NDIS_HANDLE context, PNDIS_OID_REQUEST clone, NDIS_STATUS status) {
    struct module *module = context;
    NdisFOidRequestComplete(module->handle, take_back(module, clone), status);
}

static void cancel_oid_request(NDIS_HANDLE context, PVOID id) {
    struct module *module = context;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
    int is_below = module->below && module->below->RequestId == id;
    KeReleaseSpinLock(&module->lock, irql);
    if (is_below)
        NdisFCancelOidRequest(module->handle, id);
}

static void device_pnp(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event) {
    struct module *module = context;
    NdisFDevicePnPEventNotify(module->handle, event);
}

static NDIS_STATUS net_pnp(NDIS_HANDLE context, PNET_PNP_EVENT_NOTIFICATION event) {
    struct module *module = context;
    return NdisFNetPnPEvent(module->handle, event);
}

static void status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    struct module *module = context;
    NdisFIndicateStatus(module->handle, indication);
}

/* NDIS 6.60 asks for revision 2: synchronous OID requests came with revision 3. */
static NDIS_FILTER_DRIVER_CHARACTERISTICS characteristics = {
    .Header = {
        NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
        NDIS_FILTER_CHARACTERISTICS_REVISION_2,
        NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    .MajorNdisVersion = 6,
    .MinorNdisVersion = 60,
    .MajorDriverVersion = 1,
    .MinorDriverVersion = 0,
    .FriendlyName = STRING(L"Passthru test filter"),
    .UniqueName = STRING(L"{5B4A7C52-3C1D-4E0B-9A57-0F1E6D2C8B31}"),
    .ServiceName = STRING(L"passthru"),
    .AttachHandler = attach,
    .DetachHandler = detach,
    .RestartHandler = restart,
    .PauseHandler = pause,
    .SendNetBufferListsHandler = send,
    .SendNetBufferListsCompleteHandler = send_complete,
    .CancelSendNetBufferListsHandler = cancel_send,
    .ReceiveNetBufferListsHandler = receive,
    .ReturnNetBufferListsHandler = returned,
    .OidRequestHandler = oid_request,
    .OidRequestCompleteHandler = oid_request_complete,
    .CancelOidRequestHandler = cancel_oid_request,
    .DevicePnPEventNotifyHandler = device_pnp,
    .NetPnPEventHandler = net_pnp,
    .StatusHandler = status,
};

static void unload(PDRIVER_OBJECT driver) {
    (void)driver;
    NdisFDeregisterFilterDriver(registration);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    (void)registry_path;
    driver->DriverUnload = unload;
    return NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
}
