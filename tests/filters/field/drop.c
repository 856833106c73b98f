/* Drops LLDP, and IPv4 from one network: sends are completed, receives returned; all else passes. */
#include "data_path.h"

enum {
    SOUND,
    DROPS_WITHOUT_STATUS, /* V19: */
    DROPS_WITHOUT_LARGE_SEND_RESULT, /* V19: */
    RETURNS_LENT, /* V14: returns by call what it drops of a list that is lent */
    UNLINKS_LENT, /* V14: leaves them out of a list that is lent, for good */
    COUNTS_DROPPED, /* V23: indicates the rest with the count of all */
    DROPS_AND_PASSES, /* V15: completes what stays in the list */
    FORGETS_DROPPED_SENDS, /* V12: neither completes nor sends them */
    FORGETS_DROPPED_RECEIVES, /* V13: */
    DROPS_LONG_FRAMES, /* V26: what is longer than 1514 bytes too */
    COMPLETES_PASSING_WITH_SUCCESS, /* V15: takes a send for dropped that it also passed on */
};

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    return module_attach(handle, sizeof(struct module), 0);
}

static int is_unwanted(PNET_BUFFER_LIST list) {
    UCHAR storage[34];
    PNET_BUFFER nb = NET_BUFFER_LIST_FIRST_NB(list);
    for (PNET_BUFFER each = nb; FAULT == DROPS_LONG_FRAMES && each; each = each->Next)
        if (each->DataLength > 1514)
            return 1;
    PUCHAR header = nb->DataLength < sizeof(storage) ? 0 : NdisGetDataBuffer(nb, sizeof(storage), storage, 1, 0);
    if (!header)
        return 0;
    int is_lldp = header[12] == 0x88 && header[13] == 0xcc, is_ipv4 = header[12] == 8 && header[13] == 0;
    return is_lldp || (is_ipv4 && header[26] == 2);
}

static void send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    struct chain wanted = EMPTY_CHAIN(wanted), unwanted = EMPTY_CHAIN(unwanted);
    int running = enter(module);
    if (!running) {
        end_sends(module->handle, lists, NDIS_STATUS_PAUSED, TO_COMPLETE(flags));
        return;
    }
    while (lists) {
        PNET_BUFFER_LIST list = lists;
        lists = lists->Next;
        if (!is_unwanted(list)) {
            append(&wanted, list);
            continue;
        }
        append(&unwanted, list);
        if (FAULT != DROPS_WITHOUT_STATUS)
            list->Status = FAULT == DROPS_WITHOUT_LARGE_SEND_RESULT ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
        if (FAULT != DROPS_WITHOUT_LARGE_SEND_RESULT) {
            NDIS_STATUS status = list->Status;
            end_send(list, status);
        }
    }
    if (unwanted.head && FAULT != FORGETS_DROPPED_SENDS)
        NdisFSendNetBufferListsComplete(module->handle, unwanted.head, TO_COMPLETE(flags));
    if (unwanted.head && FAULT == DROPS_AND_PASSES)
        NdisFSendNetBufferLists(module->handle, unwanted.head, port, flags);
    PNET_BUFFER_LIST last = wanted.head;
    if (wanted.head)
        NdisFSendNetBufferLists(module->handle, wanted.head, port, flags);
    if (FAULT == COMPLETES_PASSING_WITH_SUCCESS && last)
        NdisFSendNetBufferListsComplete(module->handle, last, TO_COMPLETE(flags));
    leave(module);
}

static void receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    if (NDIS_TEST_FLAG(flags, NDIS_RECEIVE_FLAGS_RESOURCES)) {
        /* One by one, each linked again to its next before the list goes back. */
        for (PNET_BUFFER_LIST list = lists; list;) {
            PNET_BUFFER_LIST next = list->Next;
            int unwanted = is_unwanted(list);
            list->Next = 0;
            if (!unwanted)
                NdisFIndicateReceiveNetBufferLists(module->handle, list, port, 1, flags);
            else if (FAULT == RETURNS_LENT)
                NdisFReturnNetBufferLists(module->handle, list, TO_RETURN(flags));
            if (!unwanted || FAULT != UNLINKS_LENT)
                list->Next = next;
            list = next;
        }
        return;
    }
    struct chain wanted = EMPTY_CHAIN(wanted), unwanted = EMPTY_CHAIN(unwanted);
    while (lists) {
        PNET_BUFFER_LIST list = lists;
        lists = lists->Next;
        append(is_unwanted(list) ? &unwanted : &wanted, list);
    }
    if (wanted.head)
        NdisFIndicateReceiveNetBufferLists(
            module->handle, wanted.head, port, FAULT == COUNTS_DROPPED ? count : wanted.count, flags);
    if (unwanted.head && FAULT != FORGETS_DROPPED_RECEIVES)
        NdisFReturnNetBufferLists(module->handle, unwanted.head, TO_RETURN(flags));
}

FILTER(.AttachHandler = attach, .DetachHandler = module_detach, .RestartHandler = module_restart,
    .PauseHandler = module_pause, .SendNetBufferListsHandler = send,
    .SendNetBufferListsCompleteHandler = pass_completion, .CancelSendNetBufferListsHandler = pass_cancel,
    .ReceiveNetBufferListsHandler = receive, .ReturnNetBufferListsHandler = pass_return, .StatusHandler = pass_status)
