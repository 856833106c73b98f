/* V35: a cache of blocks that loses one when two processors are at it, as it has no lock; or has one. */
#define OWN_ENTRY
#include "../breakers/breaker.h"

struct block {
    struct block *next;
    LARGE_INTEGER since;
};

static KSPIN_LOCK cache_lock;
static struct block *cache; /* guarded by it, if the filter is sound */

static KIRQL enter(void) { return broken ? 0 : KeAcquireSpinLockRaiseToDpc(&cache_lock); }
static void leave(KIRQL irql) {
    if (!broken)
        KeReleaseSpinLock(&cache_lock, irql);
}

/* A block; null where there is no memory. */
static struct block *take(void) {
    KIRQL irql = enter();
    struct block *block = cache, *next = block ? block->next : 0;
    LARGE_INTEGER now;
    for (int turn = 0; turn < 8; turn++)
        now = KeQueryPerformanceCounter(0);
    if (block)
        cache = next;
    leave(irql);
    if (!block)
        block = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*block), POOL_TAG);
    if (block)
        block->since = now;
    return block;
}

static void put(struct block *block) {
    KIRQL irql = enter();
    block->next = cache;
    cache = block;
    leave(irql);
}

static void timing_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct block *block = take();
    send(context, lists, port, flags);
    if (block)
        put(block);
}

static void emptying_unload(PDRIVER_OBJECT driver) {
    unload(driver);
    while (cache) {
        struct block *block = cache;
        cache = block->next;
        ExFreePoolWithTag(block, POOL_TAG);
    }
}

static void replace(void) {
    KeInitializeSpinLock(&cache_lock);
    characteristics.SendNetBufferListsHandler = timing_send;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    replace();
    NTSTATUS result = passthru_entry(driver, registry_path);
    driver->DriverUnload = emptying_unload;
    return result;
}
