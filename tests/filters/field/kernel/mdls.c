/* MDLs of the filter's own: over nonpaged pool, locked pages, parts of others, pages without an address; for each pause.
 *
 * BREAK 1 V40: pages that are not locked are mapped.
 * BREAK 2 V40: a mapping is undone twice.
 * BREAK 3 V40: an MDL is freed while its pages are locked.
 * BREAK 4 V40: a part is longer than the whole.
 * BREAK 5 V35: a partial MDL is not freed.
 * BREAK 6 V40: paged pool is described as nonpaged.
 * BREAK 7 V40: pages are unlocked twice.
 * BREAK 8 V36: the memory behind an MDL is used after it was freed.
 * BREAK 9 V36: an MDL is freed twice.
 * BREAK 10 V40: pages are freed that are still mapped.
 * BREAK 11 V35: pages are freed and their MDL is not.
 * BREAK 12 V36: what is mapped is written beyond its end.
 * BREAK 13 V40: an MDL over nonpaged pool is unmapped.
 * BREAK 14 V40: the mapping of locked pages is undone by another MDL.
 * BREAK 15 V37: pages are mapped executable.
 */
#define HAS_REPLACE
static void replace(void);
#include "field.h"

static void use(void) {
    LARGE_INTEGER low = { 0 }, high = { .QuadPart = -1 }, skip = { 0 };
    PUCHAR block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 6000, TAG), mapped;
    if (!block)
        return;
    PMDL whole = IoAllocateMdl(block, 6000, 0, 0, 0), part = IoAllocateMdl(block + 100, 4000, 0, 0, 0);
    if (!whole || !part) {
        if (whole)
            IoFreeMdl(whole);
        if (part)
            IoFreeMdl(part);
        ExFreePoolWithTag(block, TAG);
        return;
    }
#if BREAK == 1
    MmGetSystemAddressForMdlSafe(whole, MM_PRIORITY);
#endif
    MmBuildMdlForNonPagedPool(whole);
    mapped = MmGetSystemAddressForMdlSafe(whole, MM_PRIORITY);
    mapped[5999] = 1;
    IoBuildPartialMdl(whole, part, block + 100, BREAK == 4 ? 6000 : 4000);
    mapped = MmGetSystemAddressForMdlSafe(part, MM_PRIORITY);
    mapped[3999] = 2;
#if BREAK == 12
    ((volatile UCHAR *)mapped)[8100] = 2;
#elif BREAK == 13
    MmUnmapLockedPages(whole->MappedSystemVa, whole);
#endif
    if (BREAK != 5)
        IoFreeMdl(part);
    IoFreeMdl(whole);
#if BREAK == 8
    ExFreePoolWithTag(block, TAG);
    ((volatile UCHAR *)mapped)[0] = 1;
    block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 6000, TAG);
#elif BREAK == 9
    IoFreeMdl(whole);
#endif
    whole = IoAllocateMdl(block, 6000, 0, 0, 0);
    if (whole) {
        NTSTATUS status = STATUS_SUCCESS;
        __try {
            MmProbeAndLockPages(whole, 0, 1);
        } __except (1) {
            status = _exception_code();
        }
        if (status >= 0) {
            mapped = MmGetSystemAddressForMdlSafe(whole, BREAK == 15 ? 16 : MM_PRIORITY);
            if (mapped) {
                mapped[0] = 1;
                MmUnmapLockedPages(mapped, whole);
#if BREAK == 2
                MmUnmapLockedPages(mapped, whole);
#elif BREAK == 14
                mapped = MmGetSystemAddressForMdlSafe(whole, MM_PRIORITY);
                MmUnmapLockedPages(mapped + 4096, whole);
#endif
            }
            if (BREAK != 3)
                MmUnlockPages(whole);
#if BREAK == 7
            MmUnlockPages(whole);
#endif
        }
        IoFreeMdl(whole);
    }
    ExFreePoolWithTag(block, TAG);
    whole = MmAllocatePagesForMdlEx(low, high, skip, 8192, 1, 0);
    if (whole) {
        mapped = MmMapLockedPagesSpecifyCache(whole, 0, 1, 0, 0, MM_PRIORITY);
        if (mapped) {
            mapped[8191] = 3;
            if (BREAK != 10)
                MmUnmapLockedPages(mapped, whole);
        }
        MmFreePagesFromMdl(whole);
        if (BREAK != 11)
            ExFreePool(whole);
    }
#if BREAK == 6
    block = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    whole = IoAllocateMdl(block, 100, 0, 0, 0);
    MmBuildMdlForNonPagedPool(whole);
    IoFreeMdl(whole);
    ExFreePoolWithTag(block, TAG);
#endif
}

static NDIS_STATUS use_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    use();
    return pause(context, parameters);
}

static void replace(void) { characteristics.PauseHandler = use_and_pause; }
