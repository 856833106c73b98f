/* V36: writes to memory that it has freed; or before it frees it. */
#include "breaker.h"

static NDIS_STATUS late_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    volatile UCHAR *memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (!memory)
        return NDIS_STATUS_RESOURCES;
    if (!broken)
        *memory = 1;
    ExFreePoolWithTag((PVOID)memory, POOL_TAG);
    if (broken)
        *memory = 1;
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = late_attach;
}
