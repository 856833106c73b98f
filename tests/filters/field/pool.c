/* A block of pool for each receive, written, read, and freed. */
#define HAS_REPLACE
#define HAS_BEGIN
#define HAS_END
static void replace(void);
#include "wdm_device.h"

enum {
    SOUND,
    WRITES_BEFORE, /* V36: a byte is written before its start */
    WRITES_BEHIND, /* V36: a byte is written behind its end */
    READS_FREED, /* V36: it is read after it was freed */
    FREES_TWICE, /* V36: it is freed twice */
    ANOTHER_TAG, /* V36: it is freed with another tag */
    FREES_INSIDE, /* V36: an address inside of it is freed */
    FREES_STACK, /* V36: an address on the stack is freed */
    READS_BEYOND_PAGES, /* V36: it is read beyond its pages */
    FILLS_FREED, /* V36: it is written after it was freed, by the kernel's memset */
    UNLINKS_FREED, /* V36: a structure in it is unlinked from a list after it was freed */
    FOLLOWS_UNSET, /* V36: a pointer that was never set in it is followed */
    FOLLOWS_NULL, /* V36: a null pointer is followed */
    EXECUTABLE, /* V37: it is executable */
    PAGED_AT_DISPATCH, /* V09: it is paged, and asked for at DISPATCH_LEVEL */
    NO_BYTES, /* V36: it has no bytes */
    WRITES_CONSTANT, /* V36: a constant string of the image is written */
    WRITES_FAR_BEHIND, /* V36: a large block is written far behind its end */
    LOOKASIDE_OVERRUN, /* V36: a lookaside entry is written beyond its size */
    RUNS_POOL, /* V37: code is written to pool and run */
    MOVES_BEYOND, /* V36: memmove goes beyond the end */
    NDIS_OVERRUN, /* V36: a block of NdisAllocateMemoryWithTagPriority is overrun */
};

struct block {
    LIST_ENTRY link;
    ULONG *next;
    UCHAR bytes[61];
};

static KSPIN_LOCK lock;
static LIST_ENTRY blocks;
static LOOKASIDE lookaside;
static ULONG sum;

static NTSTATUS begin(void) {
    KeInitializeSpinLock(&lock);
    InitializeListHead(&blocks);
    ExInitializeNPagedLookasideList(&lookaside, 0, 0, 512, 50, TAG, 0);
    return STATUS_SUCCESS;
}
static void end(void) { ExDeleteNPagedLookasideList(&lookaside); }

static struct block *allocate(void) {
    if (FAULT == EXECUTABLE)
        return ExAllocatePoolWithTag(0, sizeof(struct block), TAG);
    if (FAULT == FOLLOWS_UNSET)
        return ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(struct block), TAG);
    if (FAULT == NDIS_OVERRUN)
        return NdisAllocateMemoryWithTagPriority(registration, sizeof(struct block), TAG, 32);
    if (FAULT == PAGED_AT_DISPATCH) {
        KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);
        struct block *block = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*block), TAG);
        KeLowerIrql(irql);
        return block;
    }
    SIZE_T size = FAULT == NO_BYTES ? 0 : FAULT == WRITES_FAR_BEHIND ? 9000 : sizeof(struct block);
    return ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG);
}

static void give_back(struct block *block) {
    struct block local;
    local.bytes[0] = 0;
    if (FAULT == NDIS_OVERRUN)
        NdisFreeMemory(block, 0, 0);
    else if (FAULT == FREES_STACK)
        ExFreePoolWithTag(&local, TAG);
    else if (FAULT == FREES_INSIDE)
        ExFreePoolWithTag(block->bytes, TAG);
    else
        ExFreePoolWithTag(block, FAULT == ANOTHER_TAG ? TAG + 1 : TAG);
}

static void use(void) {
    volatile UCHAR *bytes;
    struct block *block = allocate();
    if (!block)
        return;
    bytes = block->bytes;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    InsertTailList(&blocks, &block->link);
    KeReleaseSpinLock(&lock, irql);
    memset(block->bytes, 7, sizeof(block->bytes));
    sum += bytes[60];
    if (FAULT == WRITES_BEFORE) {
        ((volatile UCHAR *)block)[-1] = 1;
    } else if (FAULT == WRITES_BEHIND || FAULT == NDIS_OVERRUN) {
        ((volatile UCHAR *)block)[sizeof(*block)] = 1;
    } else if (FAULT == READS_BEYOND_PAGES) {
        sum += ((volatile UCHAR *)block)[4096];
    } else if (FAULT == FOLLOWS_UNSET) {
        sum += *(volatile ULONG *)block->next;
    } else if (FAULT == FOLLOWS_NULL) {
        sum += **(volatile ULONG *volatile *)&block->next;
    } else if (FAULT == WRITES_CONSTANT) {
        *(volatile char *)"constant" = 'C';
    } else if (FAULT == WRITES_FAR_BEHIND) {
        ((volatile UCHAR *)block)[9000 + 4096] = 1;
    } else if (FAULT == RUNS_POOL) {
        *(volatile UCHAR *)block->bytes = 0xc3;
        ((void (*)(void))(PVOID)block->bytes)();
    } else if (FAULT == MOVES_BEYOND) {
        memmove(block->bytes + 8, block->bytes, sizeof(block->bytes));
    }
    irql = KeAcquireSpinLockRaiseToDpc(&lock);
    if (FAULT != UNLINKS_FREED)
        RemoveEntryList(&block->link);
    KeReleaseSpinLock(&lock, irql);
    give_back(block);
    if (FAULT == READS_FREED)
        sum += bytes[3];
    else if (FAULT == FREES_TWICE)
        ExFreePoolWithTag(block, TAG);
    else if (FAULT == FILLS_FREED)
        memset(block, 0, sizeof(*block));
    else if (FAULT == UNLINKS_FREED)
        RemoveEntryList(&block->link);
    volatile UCHAR *kept = ExAllocateFromNPagedLookasideList(&lookaside);
    if (!kept)
        return;
    kept[0] = kept[49] = 1;
    if (FAULT == LOOKASIDE_OVERRUN)
        kept[50] = 1;
    ExFreeToNPagedLookasideList(&lookaside, (PVOID)kept);
}

static void receive_and_use(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    use();
    receive(context, lists, port, count, flags);
}

static void replace(void) { characteristics.ReceiveNetBufferListsHandler = receive_and_use; }
