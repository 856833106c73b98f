/* V29: refuses to attach where its second allocation fails, and forgets the first; or frees it. */
#include "breaker.h"

static NDIS_STATUS leaking_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    PVOID first = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (!first)
        return NDIS_STATUS_RESOURCES;
    PVOID second = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (!second && broken)
        return NDIS_STATUS_RESOURCES;
    ExFreePoolWithTag(first, POOL_TAG);
    if (!second)
        return NDIS_STATUS_RESOURCES;
    ExFreePoolWithTag(second, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = leaking_attach;
}
