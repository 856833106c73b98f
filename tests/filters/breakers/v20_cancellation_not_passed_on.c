/* V20: ends the sends that it holds when they are cancelled, and does not pass the cancellation on; or does. */
#define HOLD_MS 500
#include "held_sends.h"

static void ending_cancel_send(NDIS_HANDLE context, PVOID id) {
    struct module *module = context;
    PNET_BUFFER_LIST cancelled = module == holder ? take_cancelled(id) : 0;
    if (cancelled)
        end(module, cancelled, NDIS_STATUS_SEND_ABORTED);
    if (!broken)
        cancel_send(context, id);
}

static void replace(void) {
    hold_sends();
    characteristics.CancelSendNetBufferListsHandler = ending_cancel_send;
}
