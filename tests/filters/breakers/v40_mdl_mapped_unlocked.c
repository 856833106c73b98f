/* V40: maps an MDL whose pages nobody has locked; or describes nonpaged pool with it, which is mapped already. */
#include "breaker.h"

enum { bytes = 100, no_execute = 0x40000000 /* MdlMappingNoExecute */ };

static NDIS_STATUS mapping_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    PVOID memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, POOL_TAG);
    PMDL mdl = memory ? IoAllocateMdl(memory, bytes, 0, 0, 0) : 0;
    if (mdl) {
        if (broken)
            MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, 0, 0, NormalPagePriority | no_execute);
        else
            MmBuildMdlForNonPagedPool(mdl);
        *(volatile UCHAR *)mdl->MappedSystemVa = 0xa5;
        IoFreeMdl(mdl);
    }
    if (memory)
        ExFreePoolWithTag(memory, POOL_TAG);
    return attach(handle, driver, parameters);
}

static void replace(void) {
    characteristics.AttachHandler = mapping_attach;
}
