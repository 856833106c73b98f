/* Passes everything on, list by list, as it came. */
#include "data_path.h"

enum {
    SOUND,
    READS_NB_AFTER_SEND, /* V16: the NB, of an NBL that was sent on */
    READS_MDL_AFTER_SEND, /* V16: the MDL */
    READS_OOB_AFTER_COMPLETION, /* V16: out-of-band data, of a send that was completed */
    WRITES_STATUS_AFTER_COMPLETION, /* V16: the status, too late */
    READS_NEXT_AFTER_RETURN, /* V16: walks a list that it returns one by one */
    READS_AFTER_INDICATION, /* V16: an NBL that may have been returned */
    SEND_CLAIMS_DISPATCH, /* V24: */
    COMPLETION_CLAIMS_DISPATCH, /* V24: */
    INDICATION_CLAIMS_DISPATCH, /* V24: */
    RETURN_CLAIMS_DISPATCH, /* V24: */
    COUNTS_ONE, /* V23: says one where there are several */
    COUNTS_NONE, /* V23: */
    SENDS_BACKWARDS, /* V31: the NBLs of a list in reverse */
    INDICATES_BACKWARDS, /* V31: */
    FREES_A_SEND, /* V17: another's, once it is completed */
    CLAIMS_A_RECEIVE, /* V18: SourceHandle */
    CLAIMS_A_SEND, /* V18: */
    KEEPS_CANCEL, /* V20: does not pass it on */
    CANCELS_ANOTHER, /* V20: passes on another id */
    COMPLETES_AND_SENDS, /* V15: */
    RETURNS_AND_INDICATES, /* V15: */
    RETURNS_TWO_LISTS, /* V15: an NBL as the second of one list and as the head of another */
    PAUSE_FAILS_WITHOUT_MEMORY, /* V02: */
    PAUSE_PENDS_AND_SUCCEEDS, /* V03: completes it by call and by its result */
    PAUSE_COMPLETED_TWICE, /* V03: both times by call */
    PAUSE_NEVER_COMPLETES, /* V01: pends and forgets */
    WALKS_ONE_TOO_FAR, /* V31: sends the first of a list last */
};

struct filter {
    NDIS_HANDLE handle;
    EX_RUNDOWN_REF running;
};

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    struct filter *filter = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*filter), TAG);
    if (!filter)
        return NDIS_STATUS_RESOURCES;
    filter->handle = handle;
    ExInitializeRundownProtection(&filter->running);
    ExWaitForRundownProtectionRelease(&filter->running);
    NDIS_STATUS status = set_attributes(handle, filter);
    if (status != NDIS_STATUS_SUCCESS)
        ExFreePoolWithTag(filter, TAG);
    return status;
}
static void detach(NDIS_HANDLE context) { ExFreePoolWithTag(context, TAG); }

static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct filter *filter = context;
    ExInitializeRundownProtection(&filter->running);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct filter *filter = context;
    ExWaitForRundownProtectionRelease(&filter->running);
    if (FAULT == PAUSE_FAILS_WITHOUT_MEMORY)
        return NDIS_STATUS_RESOURCES;
    if (FAULT == PAUSE_PENDS_AND_SUCCEEDS || FAULT == PAUSE_COMPLETED_TWICE)
        NdisFPauseComplete(filter->handle);
    if (FAULT == PAUSE_COMPLETED_TWICE)
        NdisFPauseComplete(filter->handle);
    if (FAULT == PAUSE_COMPLETED_TWICE || FAULT == PAUSE_NEVER_COMPLETES)
        return NDIS_STATUS_PENDING;
    return NDIS_STATUS_SUCCESS;
}

static PNET_BUFFER_LIST reversed(PNET_BUFFER_LIST list) {
    PNET_BUFFER_LIST result = 0;
    while (list) {
        PNET_BUFFER_LIST next = list->Next;
        list->Next = result;
        result = list;
        list = next;
    }
    return result;
}

static volatile ULONG_PTR seen;

static void send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct filter *filter = context;
    if (!ExAcquireRundownProtection(&filter->running)) {
        end_sends(filter->handle, lists, NDIS_STATUS_PAUSED, TO_COMPLETE(flags));
        return;
    }
    PNET_BUFFER nb = NET_BUFFER_LIST_FIRST_NB(lists);
    PMDL mdl = nb->MdlChain;
    PNET_BUFFER_LIST first = lists;
    if (FAULT == SENDS_BACKWARDS)
        lists = reversed(lists);
    if (FAULT == WALKS_ONE_TOO_FAR && lists->Next) {
        PNET_BUFFER_LIST last = lists->Next;
        while (last->Next)
            last = last->Next;
        last->Next = lists;
        lists = lists->Next;
        first->Next = 0;
    }
    if (FAULT == CLAIMS_A_SEND)
        lists->SourceHandle = filter->handle;
    if (FAULT == SEND_CLAIMS_DISPATCH)
        flags |= NDIS_SEND_FLAGS_DISPATCH_LEVEL;
    NdisFSendNetBufferLists(filter->handle, lists, port, flags);
    if (FAULT == READS_NB_AFTER_SEND)
        seen = nb->DataLength;
    if (FAULT == READS_MDL_AFTER_SEND)
        seen = mdl->ByteCount;
    if (FAULT == COMPLETES_AND_SENDS)
        NdisFSendNetBufferListsComplete(filter->handle, first, TO_COMPLETE(flags));
    ExReleaseRundownProtection(&filter->running);
}

static void send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct filter *filter = context;
    if (FAULT == FREES_A_SEND) {
        NdisFreeNetBufferList(lists);
        return;
    }
    if (FAULT == COMPLETION_CLAIMS_DISPATCH)
        flags |= NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL;
    NdisFSendNetBufferListsComplete(filter->handle, lists, flags);
    if (FAULT == READS_OOB_AFTER_COMPLETION)
        seen = (ULONG_PTR)NET_BUFFER_LIST_INFO(lists, Ieee8021QNetBufferListInfo);
    if (FAULT == WRITES_STATUS_AFTER_COMPLETION)
        lists->Status = NDIS_STATUS_SUCCESS;
}

static void cancel_send(NDIS_HANDLE context, PVOID id) {
    struct filter *filter = context;
    if (FAULT == CANCELS_ANOTHER)
        id = (PUCHAR)id + 1;
    if (FAULT != KEEPS_CANCEL)
        NdisFCancelSendNetBufferLists(filter->handle, id);
}

static void receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct filter *filter = context;
    int lent = NDIS_TEST_FLAG(flags, NDIS_RECEIVE_FLAGS_RESOURCES);
    if (FAULT == INDICATES_BACKWARDS && !lent)
        lists = reversed(lists);
    if (FAULT == CLAIMS_A_RECEIVE)
        lists->SourceHandle = filter->handle;
    if (FAULT == INDICATION_CLAIMS_DISPATCH)
        flags |= NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    if (FAULT == COUNTS_ONE)
        count = 1;
    if (FAULT == COUNTS_NONE)
        count = 0;
    if (FAULT == RETURNS_TWO_LISTS && !lent && lists->Next) {
        PNET_BUFFER_LIST second = lists->Next;
        NdisFReturnNetBufferLists(filter->handle, lists, TO_RETURN(flags));
        NdisFReturnNetBufferLists(filter->handle, second, TO_RETURN(flags));
        return;
    }
    NdisFIndicateReceiveNetBufferLists(filter->handle, lists, port, count, flags);
    if (lent)
        return;
    if (FAULT == READS_AFTER_INDICATION)
        seen = lists->NblFlags;
    if (FAULT == RETURNS_AND_INDICATES)
        NdisFReturnNetBufferLists(filter->handle, lists, TO_RETURN(flags));
}

static void returned(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct filter *filter = context;
    if (FAULT == READS_NEXT_AFTER_RETURN) {
        for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
            NdisFReturnNetBufferLists(filter->handle, list, flags);
        return;
    }
    if (FAULT == RETURN_CLAIMS_DISPATCH)
        flags |= NDIS_RETURN_FLAGS_DISPATCH_LEVEL;
    NdisFReturnNetBufferLists(filter->handle, lists, flags);
}

static void status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    struct filter *filter = context;
    NdisFIndicateStatus(filter->handle, indication);
}

FILTER(.AttachHandler = attach, .DetachHandler = detach, .RestartHandler = restart, .PauseHandler = pause,
    .SendNetBufferListsHandler = send, .SendNetBufferListsCompleteHandler = send_complete,
    .CancelSendNetBufferListsHandler = cancel_send, .ReceiveNetBufferListsHandler = receive,
    .ReturnNetBufferListsHandler = returned, .StatusHandler = status)
