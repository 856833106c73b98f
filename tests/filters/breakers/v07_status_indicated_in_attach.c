/* V07: indicates a status while it attaches; or while it restarts. */
#include "breaker.h"

static void indicate(NDIS_HANDLE handle) {
    NDIS_STATUS_INDICATION indication = {
        .Header = {
            NDIS_OBJECT_TYPE_STATUS_INDICATION,
            NDIS_STATUS_INDICATION_REVISION_1,
            NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
        },
        .SourceHandle = handle,
        .StatusCode = NDIS_STATUS_MEDIA_SPECIFIC_INDICATION,
    };
    NdisFIndicateStatus(handle, &indication);
}

static NDIS_STATUS telling_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    NDIS_STATUS status = attach(handle, driver, parameters);
    if (broken && status == NDIS_STATUS_SUCCESS)
        indicate(handle);
    return status;
}

static NDIS_STATUS telling_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct module *module = context;
    if (!broken)
        indicate(module->handle);
    return restart(context, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = telling_attach;
    characteristics.RestartHandler = telling_restart;
}
