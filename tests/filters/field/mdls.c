/* MDLs of the filter's own: over nonpaged pool, locked pages, parts of others, pages without an address; for each pause. */
#define HAS_REPLACE
static void replace(void);
#include "wdm_device.h"

enum {
    SOUND,
    MAPS_UNLOCKED, /* V40: pages that are not locked are mapped */
    UNMAPS_TWICE, /* V40: a mapping is undone twice */
    FREES_LOCKED, /* V40: an MDL is freed while its pages are locked */
    PART_LONGER, /* V40: a part is longer than the whole */
    PART_LEFT, /* V35: a partial MDL is not freed */
    PAGED_AS_NONPAGED, /* V40: paged pool is described as nonpaged */
    UNLOCKS_TWICE, /* V40: pages are unlocked twice */
    USES_FREED_BLOCK, /* V36: the memory behind an MDL is used after it was freed */
    FREES_TWICE, /* V36: an MDL is freed twice */
    FREES_MAPPED_PAGES, /* V40: pages are freed that are still mapped */
    MDL_OF_PAGES_LEFT, /* V35: pages are freed and their MDL is not */
    WRITES_BEYOND, /* V36: what is mapped is written beyond its end */
    UNMAPS_NONPAGED, /* V40: an MDL over nonpaged pool is unmapped */
    UNMAPS_ANOTHER, /* V40: the mapping of locked pages is undone by another MDL */
    MAPS_EXECUTABLE, /* V37: pages are mapped executable */
};

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
    if (FAULT == MAPS_UNLOCKED)
        MmGetSystemAddressForMdlSafe(whole, MM_PRIORITY);
    MmBuildMdlForNonPagedPool(whole);
    mapped = MmGetSystemAddressForMdlSafe(whole, MM_PRIORITY);
    mapped[5999] = 1;
    IoBuildPartialMdl(whole, part, block + 100, FAULT == PART_LONGER ? 6000 : 4000);
    mapped = MmGetSystemAddressForMdlSafe(part, MM_PRIORITY);
    mapped[3999] = 2;
    if (FAULT == WRITES_BEYOND)
        ((volatile UCHAR *)mapped)[8100] = 2;
    else if (FAULT == UNMAPS_NONPAGED)
        MmUnmapLockedPages(whole->MappedSystemVa, whole);
    if (FAULT != PART_LEFT)
        IoFreeMdl(part);
    IoFreeMdl(whole);
    if (FAULT == USES_FREED_BLOCK) {
        ExFreePoolWithTag(block, TAG);
        ((volatile UCHAR *)mapped)[0] = 1;
        block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 6000, TAG);
    } else if (FAULT == FREES_TWICE) {
        IoFreeMdl(whole);
    }
    whole = IoAllocateMdl(block, 6000, 0, 0, 0);
    if (whole) {
        NTSTATUS status = STATUS_SUCCESS;
        __try {
            MmProbeAndLockPages(whole, 0, 1);
        } __except (1) {
            status = _exception_code();
        }
        if (status >= 0) {
            mapped = MmGetSystemAddressForMdlSafe(whole, FAULT == MAPS_EXECUTABLE ? 16 : MM_PRIORITY);
            if (mapped) {
                mapped[0] = 1;
                MmUnmapLockedPages(mapped, whole);
                if (FAULT == UNMAPS_TWICE) {
                    MmUnmapLockedPages(mapped, whole);
                } else if (FAULT == UNMAPS_ANOTHER) {
                    mapped = MmGetSystemAddressForMdlSafe(whole, MM_PRIORITY);
                    MmUnmapLockedPages(mapped + 4096, whole);
                }
            }
            if (FAULT != FREES_LOCKED)
                MmUnlockPages(whole);
            if (FAULT == UNLOCKS_TWICE)
                MmUnlockPages(whole);
        }
        IoFreeMdl(whole);
    }
    ExFreePoolWithTag(block, TAG);
    whole = MmAllocatePagesForMdlEx(low, high, skip, 8192, 1, 0);
    if (whole) {
        mapped = MmMapLockedPagesSpecifyCache(whole, 0, 1, 0, 0, MM_PRIORITY);
        if (mapped) {
            mapped[8191] = 3;
            if (FAULT != FREES_MAPPED_PAGES)
                MmUnmapLockedPages(mapped, whole);
        }
        MmFreePagesFromMdl(whole);
        if (FAULT != MDL_OF_PAGES_LEFT)
            ExFreePool(whole);
    }
    if (FAULT == PAGED_AS_NONPAGED) {
        block = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
        whole = IoAllocateMdl(block, 100, 0, 0, 0);
        MmBuildMdlForNonPagedPool(whole);
        IoFreeMdl(whole);
        ExFreePoolWithTag(block, TAG);
    }
}

static NDIS_STATUS use_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    use();
    return pause(context, parameters);
}

static void replace(void) { characteristics.PauseHandler = use_and_pause; }
