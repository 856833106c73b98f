/* V37: allocates memory that can be executed; or that cannot. */
#include "breaker.h"

static NDIS_STATUS allocating_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    PVOID memory = ExAllocatePool2(broken ? POOL_FLAG_NON_PAGED_EXECUTE : POOL_FLAG_NON_PAGED, 100, POOL_TAG);
    if (memory)
        ExFreePoolWithTag(memory, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = allocating_attach;
}
