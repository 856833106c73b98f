/* V36: writes one byte more than it has allocated; or all that it has. */
#include "breaker.h"

enum { bytes = 24 };

static NDIS_STATUS filling_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    volatile UCHAR *memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, POOL_TAG);
    if (!memory)
        return NDIS_STATUS_RESOURCES;
    for (int at = 0; at < bytes + broken; at++)
        memory[at] = 0xa5;
    ExFreePoolWithTag((PVOID)memory, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = filling_attach;
}
