/* V37: maps frames so that their bytes can be executed; or so that they cannot. */
#include "breaker.h"

enum { no_execute = 0x40000000 /* MdlMappingNoExecute */ };

/* MmGetSystemAddressForMdlSafe, which the headers have inline. */
static void mapping_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    PMDL mdl = lists->FirstNetBuffer->CurrentMdl;
    if (!(mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)))
        MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, 0, 0, NormalPagePriority | (broken ? 0 : no_execute));
    send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = mapping_send;
}
