/* V09: allocates paged pool at DISPATCH_LEVEL; or below. */
#include "breaker.h"

static NDIS_STATUS paging_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    KIRQL irql = broken ? KfRaiseIrql(DISPATCH_LEVEL) : PASSIVE_LEVEL;
    PVOID memory = ExAllocatePool2(POOL_FLAG_PAGED, 100, POOL_TAG);
    if (broken)
        KeLowerIrql(irql);
    if (memory)
        ExFreePoolWithTag(memory, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = paging_attach;
}
