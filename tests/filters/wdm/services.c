/* A WDM filter that uses hash tables, more stack than a callback has, privileges and random numbers. */
#include "wdm.h"

typedef struct { LIST_ENTRY Linkage; ULONG_PTR Signature; } HASH_ENTRY;
typedef struct { PLIST_ENTRY ChainHead, PrevLinkage; ULONG_PTR Signature; } HASH_CONTEXT;
typedef struct { HASH_ENTRY HashEntry; PLIST_ENTRY ChainHead; ULONG BucketIndex; } HASH_ENUMERATOR;
typedef struct {
    ULONG Flags, Shift, TableSize, Pivot, DivisorMask, NumEntries, NonEmptyBuckets, NumEnumerators;
    PVOID Directory;
} HASH_TABLE;
_Static_assert(sizeof(HASH_TABLE) == 40 && sizeof(HASH_ENUMERATOR) == 40, "RTL_DYNAMIC_HASH_TABLE and its kin");

IMPORT BOOLEAN RtlCreateHashTable(HASH_TABLE **, ULONG, ULONG);
IMPORT void RtlDeleteHashTable(HASH_TABLE *);
IMPORT BOOLEAN RtlInsertEntryHashTable(HASH_TABLE *, HASH_ENTRY *, ULONG_PTR, HASH_CONTEXT *);
IMPORT BOOLEAN RtlRemoveEntryHashTable(HASH_TABLE *, HASH_ENTRY *, HASH_CONTEXT *);
IMPORT HASH_ENTRY *RtlLookupEntryHashTable(HASH_TABLE *, ULONG_PTR, HASH_CONTEXT *);
IMPORT HASH_ENTRY *RtlGetNextEntryHashTable(HASH_TABLE *, HASH_CONTEXT *);
IMPORT BOOLEAN RtlInitEnumerationHashTable(HASH_TABLE *, HASH_ENUMERATOR *);
IMPORT HASH_ENTRY *RtlEnumerateEntryHashTable(HASH_TABLE *, HASH_ENUMERATOR *);
IMPORT void RtlEndEnumerationHashTable(HASH_TABLE *, HASH_ENUMERATOR *);
IMPORT NTSTATUS KeExpandKernelStackAndCallout(void (*)(PVOID), PVOID, SIZE_T);
IMPORT NTSTATUS KeExpandKernelStackAndCalloutEx(void (*)(PVOID), PVOID, SIZE_T, BOOLEAN, PVOID);
IMPORT BOOLEAN SeSinglePrivilegeCheck(LONGLONG, KPROCESSOR_MODE);
IMPORT NTSTATUS BCryptOpenAlgorithmProvider(PVOID *, const WCHAR *, const WCHAR *, ULONG);
IMPORT NTSTATUS BCryptCloseAlgorithmProvider(PVOID, ULONG);
IMPORT NTSTATUS BCryptGenRandom(PVOID, PUCHAR, ULONG, ULONG);

#define STATUS_NOT_FOUND_ ((NTSTATUS)0xC0000225)
#define SE_LOAD_DRIVER_PRIVILEGE 10

static ULONG hash_tables(void) {
    HASH_ENTRY entries[5];
    HASH_CONTEXT context;
    HASH_TABLE *table = 0;
    CHECK(RtlCreateHashTable(&table, 0, 0) && table && table->NumEntries == 0 && table->TableSize == 128);
    for (ULONG i = 0; i < 5; i++)
        CHECK(RtlInsertEntryHashTable(table, &entries[i], i / 2, 0));
    CHECK(table->NumEntries == 5 && table->NonEmptyBuckets == 3 && entries[4].Signature == 2);
    CHECK(RtlLookupEntryHashTable(table, 1, &context) == &entries[2]);
    CHECK(RtlGetNextEntryHashTable(table, &context) == &entries[3]);
    CHECK(!RtlGetNextEntryHashTable(table, &context));
    CHECK(!RtlLookupEntryHashTable(table, 3, &context));
    CHECK(RtlRemoveEntryHashTable(table, &entries[2], 0) && table->NumEntries == 4);
    CHECK(RtlLookupEntryHashTable(table, 1, 0) == &entries[3]);
    RtlDeleteHashTable(table);
    return 0;
}
/* A table in the driver's own memory, emptied while it is enumerated. */
static ULONG enumeration(void) {
    HASH_TABLE own, *table = &own;
    HASH_ENTRY entries[4], *entry;
    HASH_ENUMERATOR enumerator;
    ULONG count = 0;
    CHECK(RtlCreateHashTable(&table, 4, 0) && table == &own);
    for (ULONG i = 0; i < 4; i++)
        CHECK(RtlInsertEntryHashTable(table, &entries[i], i * 16, 0));
    CHECK(RtlInitEnumerationHashTable(table, &enumerator) && table->NumEnumerators == 1);
    while ((entry = RtlEnumerateEntryHashTable(table, &enumerator)) != 0) {
        CHECK(RtlRemoveEntryHashTable(table, entry, 0));
        count++;
    }
    RtlEndEnumerationHashTable(table, &enumerator);
    CHECK(count == 4 && table->NumEntries == 0 && table->NumEnumerators == 0);
    RtlDeleteHashTable(table);
    return 0;
}

static ULONG sum;
__attribute__((noinline)) static void use_stack(PVOID context) {
    UCHAR room[30000];
    memset(room, (int)(ULONG_PTR)context, sizeof(room));
    __asm__ volatile("" : : "r"(room) : "memory");
    KeGetCurrentIrql();
    for (ULONG i = 0; i < sizeof(room); i += 1000)
        sum += room[i];
}
static ULONG stack(void) {
    sum = 0;
    CHECK(KeExpandKernelStackAndCallout(use_stack, (PVOID)1, 40000) == STATUS_SUCCESS && sum == 30);
    write_cr8(2);
    CHECK(KeExpandKernelStackAndCalloutEx(use_stack, (PVOID)1, 40000, 0, 0) == STATUS_SUCCESS && sum == 60);
    write_cr8(0);
    CHECK(KeExpandKernelStackAndCallout(use_stack, (PVOID)1, 71681) < 0 && sum == 60);
    return 0;
}
static ULONG privileges(void) {
    CHECK(SeSinglePrivilegeCheck(SE_LOAD_DRIVER_PRIVILEGE, UserMode));
    CHECK(!SeSinglePrivilegeCheck(7, UserMode)); /* SE_TCB_PRIVILEGE */
    CHECK(SeSinglePrivilegeCheck(7, KernelMode));
    return 0;
}
static ULONG random_numbers(void) {
    UCHAR first[16] = { 0 }, second[16] = { 0 };
    PVOID provider;
    CHECK(BCryptGenRandom(0, first, sizeof(first), 2) == STATUS_SUCCESS);
    CHECK(BCryptOpenAlgorithmProvider(&provider, L"NONE", 0, 0) == STATUS_NOT_FOUND_);
    CHECK(BCryptOpenAlgorithmProvider(&provider, L"RNG", 0, 1) == STATUS_SUCCESS);
    write_cr8(2);
    NTSTATUS status = BCryptGenRandom(provider, second, sizeof(second), 0);
    write_cr8(0);
    CHECK(status == STATUS_SUCCESS && memcmp(first, second, sizeof(first)));
    CHECK(BCryptGenRandom(0, second, sizeof(second), 0) < 0);
    return BCryptCloseAlgorithmProvider(provider, 0) != STATUS_SUCCESS;
}

static ULONG leaves_a_table(void) {
    HASH_TABLE *table = 0;
    return !RtlCreateHashTable(&table, 0, 0);
}
static ULONG inserts_twice(void) {
    HASH_TABLE *table = 0;
    HASH_ENTRY entry;
    CHECK(RtlCreateHashTable(&table, 0, 0));
    RtlInsertEntryHashTable(table, &entry, 1, 0);
    RtlInsertEntryHashTable(table, &entry, 2, 0);
    return 0;
}
static ULONG frees_an_entry(void) {
    HASH_TABLE *table = 0;
    HASH_ENTRY *entry = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*entry), 0x6c626154);
    CHECK(entry && RtlCreateHashTable(&table, 0, 0));
    RtlInsertEntryHashTable(table, entry, 1, 0);
    ExFreePool(entry);
    return RtlLookupEntryHashTable(table, 1, 0) == 0;
}
static ULONG asks_for_less_stack(void) { return KeExpandKernelStackAndCallout(use_stack, 0, 4096) != STATUS_SUCCESS; }
static ULONG leaves_a_provider(void) {
    PVOID provider;
    return BCryptOpenAlgorithmProvider(&provider, L"RNG", 0, 0) != STATUS_SUCCESS;
}
static ULONG asks_at_dispatch(void) {
    UCHAR byte;
    write_cr8(2);
    BCryptGenRandom(0, &byte, 1, 2);
    write_cr8(0);
    return 0;
}
static ULONG may_load_drivers(void) { return SeSinglePrivilegeCheck(SE_LOAD_DRIVER_PRIVILEGE, UserMode); }

static check *const checks[] = {
    hash_tables, enumeration, stack, privileges, random_numbers,
    [20] = leaves_a_table, inserts_twice, frees_an_entry, asks_for_less_stack, leaves_a_provider, asks_at_dispatch,
    [30] = may_load_drivers,
};

CHECKING_DEVICE(L"services")
