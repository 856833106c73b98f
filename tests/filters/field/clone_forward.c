/* Sends and indicates clones; the original waits until its clone is back. */
#include "data_path.h"

enum {
    SOUND,
    KEEPS_CLONES, /* V27: does not free those that come back */
    COMPLETES_AT_ONCE, /* V16: the original, whose data the clone describes */
    COMPLETES_THE_CLONE, /* V17: upwards, as if it were the original */
    RETURNS_THE_CLONE, /* V17: downwards */
    CLONE_WITHOUT_SOURCE, /* V18: */
    NO_STATUS, /* V19: the clone's is not copied */
    NO_LARGE_SEND_RESULT, /* V19: nor what a large send came to */
    FORGETS_THE_ORIGINAL, /* V12: frees the clone and completes nothing */
    COMPLETES_TWICE, /* V15: once for the send that failed, once for its clone */
    CLONES_WHILE_PAUSED, /* V25: */
    LENT_ORIGINAL_RETURNED, /* V14: indicates a clone of it, and returns it by call */
};

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    return module_attach(handle, sizeof(struct module), 0);
}

static PNET_BUFFER_LIST clone_of(struct module *module, PNET_BUFFER_LIST original) {
    PNET_BUFFER_LIST clone = NdisAllocateCloneNetBufferList(original, module->pool, 0, 0);
    if (!clone)
        return 0;
    if (FAULT != CLONE_WITHOUT_SOURCE)
        clone->SourceHandle = module->handle;
    clone->ParentNetBufferList = original;
    InterlockedIncrement(&original->ChildRefCount);
    return clone;
}

static void send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    while (lists) {
        PNET_BUFFER_LIST original = lists;
        lists = lists->Next;
        original->Next = 0;
        int running = enter(module);
        if (!running && FAULT != CLONES_WHILE_PAUSED) {
            end_sends(module->handle, original, NDIS_STATUS_PAUSED, TO_COMPLETE(flags));
            continue;
        }
        PNET_BUFFER_LIST clone = clone_of(module, original);
        if (!clone) {
            end_sends(module->handle, original, NDIS_STATUS_RESOURCES, TO_COMPLETE(flags));
            leave(module);
            continue;
        }
        NdisCopySendNetBufferListInfo(clone, original);
        NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(clone) = NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(original);
        NdisFSendNetBufferLists(module->handle, clone, port, flags);
        if (FAULT == COMPLETES_AT_ONCE)
            end_sends(module->handle, original, NDIS_STATUS_SUCCESS, TO_COMPLETE(flags));
    }
}

static void send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct module *module = context;
    struct chain done = EMPTY_CHAIN(done);
    ULONG clones = 0;
    while (lists) {
        PNET_BUFFER_LIST clone = lists, original = clone->ParentNetBufferList;
        lists = lists->Next;
        clone->Next = 0;
        clones += 1;
        if (FAULT == COMPLETES_AT_ONCE) {
            NdisFreeCloneNetBufferList(clone, 0);
            leave(module);
            clones -= 1;
            continue;
        }
        if (FAULT != NO_STATUS)
            original->Status = clone->Status;
        if (FAULT != NO_LARGE_SEND_RESULT)
            NET_BUFFER_LIST_INFO(original, TcpLargeSendNetBufferListInfo) =
                NET_BUFFER_LIST_INFO(clone, TcpLargeSendNetBufferListInfo);
        InterlockedDecrement(&original->ChildRefCount);
        if (FAULT == COMPLETES_THE_CLONE) {
            append(&done, clone);
            continue;
        }
        if (FAULT != KEEPS_CLONES)
            NdisFreeCloneNetBufferList(clone, 0);
        if (FAULT == COMPLETES_TWICE && original->Status == NDIS_STATUS_SEND_ABORTED) {
            NdisFSendNetBufferListsComplete(module->handle, original, flags);
            NdisFSendNetBufferListsComplete(module->handle, original, flags);
            leave(module);
            clones -= 1;
            continue;
        }
        if (FAULT != FORGETS_THE_ORIGINAL)
            append(&done, original);
    }
    if (done.head)
        NdisFSendNetBufferListsComplete(module->handle, done.head, flags);
    while (clones--)
        leave(module);
}

static void receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    if (NDIS_TEST_FLAG(flags, NDIS_RECEIVE_FLAGS_RESOURCES)) {
        if (FAULT != LENT_ORIGINAL_RETURNED) {
            NdisFIndicateReceiveNetBufferLists(module->handle, lists, port, count, flags);
            return;
        }
        flags &= ~NDIS_RECEIVE_FLAGS_RESOURCES;
    }
    struct chain clones = EMPTY_CHAIN(clones), refused = EMPTY_CHAIN(refused);
    while (lists) {
        PNET_BUFFER_LIST original = lists;
        lists = lists->Next;
        original->Next = 0;
        if (!enter(module)) {
            append(&refused, original);
            continue;
        }
        PNET_BUFFER_LIST clone = clone_of(module, original);
        if (!clone) {
            leave(module);
            append(&refused, original);
            continue;
        }
        NdisCopyReceiveNetBufferListInfo(clone, original);
        append(&clones, clone);
    }
    if (refused.head)
        NdisFReturnNetBufferLists(module->handle, refused.head, TO_RETURN(flags));
    if (clones.head)
        NdisFIndicateReceiveNetBufferLists(module->handle, clones.head, port, clones.count, flags);
}

static void returned(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct module *module = context;
    while (lists) {
        PNET_BUFFER_LIST clone = lists, original = clone->ParentNetBufferList;
        lists = lists->Next;
        clone->Next = 0;
        InterlockedDecrement(&original->ChildRefCount);
        if (FAULT == RETURNS_THE_CLONE) {
            NdisFReturnNetBufferLists(module->handle, clone, flags);
        } else {
            NdisFreeCloneNetBufferList(clone, 0);
            NdisFReturnNetBufferLists(module->handle, original, flags);
        }
        leave(module);
    }
}

FILTER(.AttachHandler = attach, .DetachHandler = module_detach, .RestartHandler = module_restart, .PauseHandler = module_pause,
    .SendNetBufferListsHandler = send, .SendNetBufferListsCompleteHandler = send_complete,
    .CancelSendNetBufferListsHandler = pass_cancel, .ReceiveNetBufferListsHandler = receive,
    .ReturnNetBufferListsHandler = returned, .StatusHandler = pass_status)
