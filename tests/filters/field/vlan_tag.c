/* Puts an 802.1Q tag into each frame that is sent: retreats by four bytes, moves the addresses, and undoes both when the
 * send is completed. What may not be written, or has no room to be mapped, passes untagged. */
#include "data_path.h"

enum {
    SOUND,
    KEEPS_RETREAT, /* V21: does not advance */
    KEEPS_ADDRESSES, /* V21: advances, and leaves what it overwrote */
    ADVANCES_TOO_FAR, /* V21: */
    UNDOES_FIRST_NB, /* V21: of several */
    WRITES_READ_ONLY, /* V30: */
    SHORTENS, /* V21: cuts the last byte off, and does not give it back */
    MOVES_OFFSET_ALONE, /* V21: DataOffset, without CurrentMdlOffset */
    UNLINKS_NBS, /* V21: sends the first NB of several, and completes it alone */
    LENGTHENS, /* V21: DataLength beyond the chain */
    CHANGES_BYTE, /* V21: of the payload, for good */
};

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    return module_attach(handle, sizeof(struct module), 16);
}

/* The MAC addresses go where the data starts now; four bytes of tag behind them. */
static int tag(PNET_BUFFER nb) {
    UCHAR addresses[16];
    if (nb->DataLength < 20)
        return 0;
    PUCHAR header = NdisGetDataBuffer(nb, 14, 0, 1, 0);
    if (!header)
        return 0; /* in pieces: left alone */
    memcpy(addresses, header, 12);
    if (NdisRetreatNetBufferDataStart(nb, 4, 0, 0) != NDIS_STATUS_SUCCESS)
        return 0;
    PUCHAR start = NdisGetDataBuffer(nb, 4, 0, 1, 0);
    PUCHAR whole = NdisGetDataBuffer(nb, 16, 0, 1, 0);
    addresses[12] = 0x81;
    addresses[13] = 0;
    addresses[14] = 0;
    addresses[15] = 5;
    if (!start || (!whole && nb->CurrentMdlOffset != 0)) {
        NdisAdvanceNetBufferDataStart(nb, 4, 1, 0);
        return 0;
    }
    if (whole) {
        memcpy(whole, addresses, 16);
    } else {
        memcpy(start, addresses, 4); /* NDIS put an MDL before the chain */
        memcpy(header, addresses + 4, 12);
    }
    return 1;
}

static void untag(PNET_BUFFER nb) {
    UCHAR addresses[12];
    PUCHAR start = NdisGetDataBuffer(nb, 16, 0, 1, 0);
    if (start) {
        memcpy(addresses, start, 12);
    } else {
        memcpy(addresses, NdisGetDataBuffer(nb, 4, 0, 1, 0), 4);
    }
    NdisAdvanceNetBufferDataStart(nb, FAULT == ADVANCES_TOO_FAR ? 8 : 4, 1, 0);
    PUCHAR header = NdisGetDataBuffer(nb, 14, 0, 1, 0);
    if (!start)
        memcpy(addresses + 4, header, 8);
    if (FAULT != KEEPS_ADDRESSES)
        memcpy(header, addresses, 12);
}

/* How many NBs were tagged, from the first on, and the rest of the chain, stand in the context of the NBL. */
struct undo {
    ULONG tagged, filler;
    PNET_BUFFER rest;
};

static void send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (!enter(module)) {
        end_sends(module->handle, lists, NDIS_STATUS_PAUSED, TO_COMPLETE(flags));
        return;
    }
    struct chain ready = EMPTY_CHAIN(ready), failed = EMPTY_CHAIN(failed);
    while (lists) {
        PNET_BUFFER_LIST list = lists;
        lists = lists->Next;
        if (NdisAllocateNetBufferListContext(list, sizeof(struct undo), 0, TAG) != NDIS_STATUS_SUCCESS) {
            append(&failed, list);
            continue;
        }
        struct undo *undo = (PVOID)NET_BUFFER_LIST_CONTEXT_DATA_START(list);
        PNET_BUFFER nb = NET_BUFFER_LIST_FIRST_NB(list);
        undo->tagged = 0;
        undo->rest = nb->Next;
        int may_write = FAULT == WRITES_READ_ONLY || !NDIS_TEST_FLAG(list->NblFlags, NDIS_NBL_FLAGS_SEND_READ_ONLY);
        while (may_write && nb && tag(nb)) {
            undo->tagged += 1;
            nb = nb->Next;
        }
        nb = NET_BUFFER_LIST_FIRST_NB(list);
        if (FAULT == SHORTENS)
            nb->DataLength -= 1;
        if (FAULT == LENGTHENS)
            nb->DataLength += 0x10000;
        if (FAULT == MOVES_OFFSET_ALONE) {
            nb->DataOffset += 1;
            nb->DataLength -= 1;
        }
        if (FAULT == UNLINKS_NBS) {
            nb->Next = 0;
            undo->tagged = undo->tagged > 1 ? 1 : undo->tagged;
        }
        if (FAULT == CHANGES_BYTE && may_write) {
            PUCHAR data = NdisGetDataBuffer(nb, nb->DataLength, 0, 1, 0);
            if (data)
                data[nb->DataLength - 1] ^= 1;
        }
        append(&ready, list);
    }
    if (failed.head)
        end_sends(module->handle, failed.head, NDIS_STATUS_RESOURCES, TO_COMPLETE(flags));
    if (ready.head)
        NdisFSendNetBufferLists(module->handle, ready.head, port, flags);
    leave(module);
}

static void send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    struct module *module = context;
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        struct undo *undo = (PVOID)NET_BUFFER_LIST_CONTEXT_DATA_START(list);
        PNET_BUFFER nb = NET_BUFFER_LIST_FIRST_NB(list);
        if (FAULT == UNDOES_FIRST_NB && undo->tagged > 1)
            undo->tagged = 1;
        for (; undo->tagged && FAULT != KEEPS_RETREAT; undo->tagged--, nb = nb->Next)
            untag(nb);
        NdisFreeNetBufferListContext(list, sizeof(struct undo));
    }
    NdisFSendNetBufferListsComplete(module->handle, lists, flags);
}

FILTER(.AttachHandler = attach, .DetachHandler = module_detach, .RestartHandler = module_restart,
    .PauseHandler = module_pause, .SendNetBufferListsHandler = send, .SendNetBufferListsCompleteHandler = send_complete,
    .CancelSendNetBufferListsHandler = pass_cancel, .StatusHandler = pass_status)
