/* Sends held back for a while, and cancelled when that is asked for. See held.h. */
#include "held.h"

static void pass_on(struct module *module, PNET_BUFFER_LIST lists, int is_dispatch) {
    send(module, lists, 0, is_dispatch ? NDIS_SEND_FLAGS_DISPATCH_LEVEL : 0);
}

static void end(struct module *module, PNET_BUFFER_LIST lists, NDIS_STATUS status) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next) {
        refuse(list);
        list->Status = status;
    }
    NdisFSendNetBufferListsComplete(module->handle, lists, 0);
}

static void give_back(struct module *module, PNET_BUFFER_LIST lists) {
    end(module, lists, NDIS_STATUS_PAUSED);
}

static void holding_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (module == holder && !port && !(flags & ~NDIS_SEND_FLAGS_DISPATCH_LEVEL)) {
        hold(lists);
        return;
    }
    if (module == holder)
        let_go(module);
    send(module, lists, port, flags);
}

/* Takes what is to be cancelled out of the queue. */
static PNET_BUFFER_LIST take_cancelled(PVOID id) {
    PNET_BUFFER_LIST cancelled = 0, *end_of_cancelled = &cancelled;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&held_lock);
    PNET_BUFFER_LIST *link = &held;
    while (*link) {
        PNET_BUFFER_LIST list = *link;
        if (list->NetBufferListInfo[NetBufferListCancelId] == id) {
            *link = list->Next;
            list->Next = 0;
            *end_of_cancelled = list;
            end_of_cancelled = &list->Next;
        } else {
            link = &list->Next;
        }
    }
    held_end = link;
    KeReleaseSpinLock(&held_lock, irql);
    return cancelled;
}

static void holding_cancel_send(NDIS_HANDLE context, PVOID id) {
    struct module *module = context;
    PNET_BUFFER_LIST cancelled = module == holder ? take_cancelled(id) : 0;
    if (cancelled)
        end(module, cancelled, NDIS_STATUS_SEND_ABORTED);
    cancel_send(context, id);
}

static void hold_sends(void) {
    hold_back();
    characteristics.SendNetBufferListsHandler = holding_send;
    characteristics.CancelSendNetBufferListsHandler = holding_cancel_send;
}
