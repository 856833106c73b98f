/* V03: a pause is completed by call, and by its status too; or by call alone. */
#include "breaker.h"

static NDIS_STATUS pause_by_call(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct module *module = context;
    NDIS_STATUS status = pause(context, parameters);
    NdisFPauseComplete(module->handle);
    return broken ? status : NDIS_STATUS_PENDING;
}

static void replace(void) {
    characteristics.PauseHandler = pause_by_call;
}
