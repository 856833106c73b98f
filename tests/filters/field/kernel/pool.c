/* A block of pool for each receive, written, read, and freed.
 *
 * BREAK 1 V36: a byte is written before its start.
 * BREAK 2 V36: a byte is written behind its end.
 * BREAK 3 V36: it is read after it was freed.
 * BREAK 4 V36: it is freed twice.
 * BREAK 5 V36: it is freed with another tag.
 * BREAK 6 V36: an address inside of it is freed.
 * BREAK 7 V36: an address on the stack is freed.
 * BREAK 8 V36: it is read beyond its pages.
 * BREAK 9 V36: it is written after it was freed, by the kernel's memset.
 * BREAK 10 V36: a structure in it is unlinked from a list after it was freed.
 * BREAK 11 V36: a pointer that was never set in it is followed.
 * BREAK 12 V36: a null pointer is followed.
 * BREAK 13 V37: it is executable.
 * BREAK 14 V09: it is paged, and asked for at DISPATCH_LEVEL.
 * BREAK 15 V36: it has no bytes.
 * BREAK 16 V36: a constant string of the image is written.
 * BREAK 17 V36: a large block is written far behind its end.
 * BREAK 18 V36: a lookaside entry is written beyond its size.
 * BREAK 19 V37: code is written to pool and run.
 * BREAK 20 V36: memmove goes beyond the end.
 * BREAK 21 V36: a block of NdisAllocateMemoryWithTagPriority is overrun.
 */
#define HAS_REPLACE
#define HAS_BEGIN
#define HAS_END
static void replace(void);
#include "field.h"

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

static void use(void) {
    volatile UCHAR *bytes;
#if BREAK == 13
    struct block *block = ExAllocatePoolWithTag(0, sizeof(*block), TAG);
#elif BREAK == 11
    struct block *block = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*block), TAG);
#elif BREAK == 14
    KIRQL raised = KfRaiseIrql(DISPATCH_LEVEL);
    struct block *block = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*block), TAG);
    KeLowerIrql(raised);
#elif BREAK == 15
    struct block *block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 0, TAG);
#elif BREAK == 17
    struct block *block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 9000, TAG);
#elif BREAK == 21
    struct block *block = NdisAllocateMemoryWithTagPriority(registration, sizeof(*block), TAG, 32);
#else
    struct block *block = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*block), TAG);
#endif
    if (!block)
        return;
    bytes = block->bytes;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&lock);
    InsertTailList(&blocks, &block->link);
    KeReleaseSpinLock(&lock, irql);
    memset(block->bytes, 7, sizeof(block->bytes));
    sum += bytes[60];
#if BREAK == 1
    ((volatile UCHAR *)block)[-1] = 1;
#elif BREAK == 2 || BREAK == 21
    ((volatile UCHAR *)block)[sizeof(*block)] = 1;
#elif BREAK == 8
    sum += ((volatile UCHAR *)block)[4096];
#elif BREAK == 11
    sum += *(volatile ULONG *)block->next;
#elif BREAK == 12
    sum += **(volatile ULONG *volatile *)&block->next;
#elif BREAK == 16
    *(volatile char *)"constant" = 'C';
#elif BREAK == 17
    ((volatile UCHAR *)block)[9000 + 4096] = 1;
#elif BREAK == 19
    *(volatile UCHAR *)block->bytes = 0xc3;
    ((void (*)(void))(PVOID)block->bytes)();
#elif BREAK == 20
    memmove(block->bytes + 8, block->bytes, sizeof(block->bytes));
#endif
    irql = KeAcquireSpinLockRaiseToDpc(&lock);
    if (BREAK != 10)
        RemoveEntryList(&block->link);
    KeReleaseSpinLock(&lock, irql);
#if BREAK == 5
    ExFreePoolWithTag(block, TAG + 1);
#elif BREAK == 6
    ExFreePoolWithTag(block->bytes, TAG);
#elif BREAK == 7
    struct block local;
    local.bytes[0] = 0;
    ExFreePoolWithTag(&local, TAG);
#elif BREAK == 21
    NdisFreeMemory(block, 0, 0);
#else
    ExFreePoolWithTag(block, TAG);
#endif
#if BREAK == 3
    sum += bytes[3];
#elif BREAK == 4
    ExFreePoolWithTag(block, TAG);
#elif BREAK == 9
    memset(block, 0, sizeof(*block));
#elif BREAK == 10
    RemoveEntryList(&block->link);
#endif
    volatile UCHAR *kept = ExAllocateFromNPagedLookasideList(&lookaside);
    if (!kept)
        return;
    kept[0] = kept[49] = 1;
#if BREAK == 18
    kept[50] = 1;
#endif
    ExFreeToNPagedLookasideList(&lookaside, (PVOID)kept);
}

static void receive_and_use(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    use();
    receive(context, lists, port, count, flags);
}

static void replace(void) { characteristics.ReceiveNetBufferListsHandler = receive_and_use; }
