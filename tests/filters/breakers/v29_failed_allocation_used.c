/* V29: uses memory that it did not get; or refuses to attach without it. */
#include "breaker.h"

static NDIS_STATUS trusting_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    volatile UCHAR *memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (!memory && !broken)
        return NDIS_STATUS_RESOURCES;
    *memory = 1;
    ExFreePoolWithTag((PVOID)memory, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = trusting_attach;
}
