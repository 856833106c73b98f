/* Receives held back for a while. See held.h. The including file defines `may_hold`. */
#include "held.h"

static int may_hold(PNET_BUFFER_LIST list);

static void pass_on(struct module *module, PNET_BUFFER_LIST lists, int is_dispatch) {
    ULONG count = 0;
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        count++;
    receive(module, lists, 0, count, is_dispatch ? NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL : 0);
}

static void give_back(struct module *module, PNET_BUFFER_LIST lists) {
    NdisFReturnNetBufferLists(module->handle, lists, 0);
}

static int may_hold_all(PNET_BUFFER_LIST lists) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        if (!may_hold(list))
            return 0;
    return 1;
}

static void holding_receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct module *module = context;
    if (module == holder && !port && !(flags & NDIS_RECEIVE_FLAGS_RESOURCES) && may_hold_all(lists)) {
        hold(lists);
        return;
    }
    if (module == holder)
        let_go(module);
    receive(module, lists, port, count, flags);
}

static void hold_receives(void) {
    hold_back();
    characteristics.ReceiveNetBufferListsHandler = holding_receive;
}
