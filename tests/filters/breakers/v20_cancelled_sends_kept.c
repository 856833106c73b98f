/* V20: keeps the sends that it holds when they are cancelled, and passes the cancellation on; or ends them first. */
#define HOLD_MS 500
#include "held_sends.h"

static void replace(void) {
    hold_sends();
    if (broken)
        characteristics.CancelSendNetBufferListsHandler = cancel_send;
}
