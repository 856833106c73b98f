/* V29: where an allocation fails it tries another one, and trusts that this cannot fail too; or refuses to attach. */
#include "breaker.h"

static NDIS_STATUS stubborn_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    volatile UCHAR *memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, 4096, POOL_TAG);
    if (!memory)
        memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (!memory && !broken)
        return NDIS_STATUS_RESOURCES;
    *memory = 1;
    ExFreePoolWithTag((PVOID)memory, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = stubborn_attach;
}
