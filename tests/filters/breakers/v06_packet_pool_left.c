/* V06: leaves the pool of NBLs that it made when it attached; or frees it when it detaches. */
#include "breaker.h"

/* The last adapter's; there is no other while it lives, as this refuses to attach to more. */
static NDIS_HANDLE pool;

static NDIS_STATUS pooling_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    NET_BUFFER_LIST_POOL_PARAMETERS pools = {
        .Header = {
            NDIS_OBJECT_TYPE_DEFAULT,
            NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        },
        .PoolTag = POOL_TAG,
    };
    if (pool)
        return NDIS_STATUS_RESOURCES;
    NDIS_STATUS status = attach(handle, driver, parameters);
    if (status == NDIS_STATUS_SUCCESS)
        pool = NdisAllocateNetBufferListPool(handle, &pools);
    return status;
}

static void pooling_detach(NDIS_HANDLE context) {
    if (pool && !broken)
        NdisFreeNetBufferListPool(pool);
    pool = 0;
    detach(context);
}

static void replace(void) {
    characteristics.AttachHandler = pooling_attach;
    characteristics.DetachHandler = pooling_detach;
}
