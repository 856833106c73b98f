/* The kernel's library besides: bitmaps, ordered tables, addresses and numbers as text, times, callbacks, and the forms of
 * rundown protection, work items and mappings that drivers with data of their own for each processor use. */
#include "wdm.h"

#define TAG 0x6c647757 /* "Wwdl" */

typedef struct { ULONG SizeOfBitMap; PULONG Buffer; } RTL_BITMAP;
IMPORT void RtlInitializeBitMap(RTL_BITMAP *, PULONG, ULONG);
IMPORT void RtlClearAllBits(RTL_BITMAP *);
IMPORT void RtlSetBits(RTL_BITMAP *, ULONG, ULONG);
IMPORT BOOLEAN RtlTestBit(RTL_BITMAP *, ULONG);
IMPORT BOOLEAN RtlAreBitsSet(RTL_BITMAP *, ULONG, ULONG);
IMPORT ULONG RtlFindClearBitsAndSet(RTL_BITMAP *, ULONG, ULONG);
IMPORT ULONG RtlFindSetBits(RTL_BITMAP *, ULONG, ULONG);
IMPORT ULONG RtlNumberOfSetBits(RTL_BITMAP *);
IMPORT CCHAR RtlFindMostSignificantBit(ULONGLONG);
IMPORT CCHAR RtlFindLeastSignificantBit(ULONGLONG);

static ULONG bitmaps(void) {
    ULONG words[4];
    RTL_BITMAP map;
    RtlInitializeBitMap(&map, words, 100);
    RtlClearAllBits(&map);
    RtlSetBits(&map, 30, 5);
    CHECK(words[0] == 0xc0000000 && words[1] == 7 && RtlNumberOfSetBits(&map) == 5);
    CHECK(RtlTestBit(&map, 34) && !RtlTestBit(&map, 35) && RtlAreBitsSet(&map, 30, 5) && !RtlAreBitsSet(&map, 30, 6));
    CHECK(RtlFindClearBitsAndSet(&map, 31, 0) == 35 && RtlFindClearBitsAndSet(&map, 31, 0) == 66);
    CHECK(RtlFindClearBitsAndSet(&map, 31, 0) == 0xffffffff && RtlFindSetBits(&map, 4, 31) == 31);
    CHECK(RtlFindMostSignificantBit(0x100000001ull) == 32 && RtlFindLeastSignificantBit(0) == -1);
    return 0;
}

typedef struct { PVOID Parent, Left, Right; UCHAR Balance, Reserved[3]; } RTL_BALANCED_LINKS;
typedef struct {
    RTL_BALANCED_LINKS BalancedRoot;
    PVOID OrderedPointer;
    ULONG WhichOrderedElement, NumberGenericTableElements, DepthOfTree;
    PVOID RestartKey;
    ULONG DeleteCount;
    PVOID CompareRoutine, AllocateRoutine, FreeRoutine, TableContext;
} RTL_AVL_TABLE;
_Static_assert(sizeof(RTL_AVL_TABLE) == 104, "RTL_AVL_TABLE");
IMPORT void RtlInitializeGenericTableAvl(RTL_AVL_TABLE *, PVOID, PVOID, PVOID, PVOID);
IMPORT PVOID RtlInsertElementGenericTableAvl(RTL_AVL_TABLE *, PVOID, ULONG, PUCHAR);
IMPORT PVOID RtlLookupElementGenericTableAvl(RTL_AVL_TABLE *, PVOID);
IMPORT BOOLEAN RtlDeleteElementGenericTableAvl(RTL_AVL_TABLE *, PVOID);
IMPORT PVOID RtlEnumerateGenericTableAvl(RTL_AVL_TABLE *, BOOLEAN);
IMPORT PVOID RtlEnumerateGenericTableWithoutSplayingAvl(RTL_AVL_TABLE *, PVOID *);
IMPORT PVOID RtlGetElementGenericTableAvl(RTL_AVL_TABLE *, ULONG);
IMPORT BOOLEAN RtlIsGenericTableEmptyAvl(RTL_AVL_TABLE *);

static int compare(RTL_AVL_TABLE *table, ULONG *first, ULONG *second) {
    return *first < *second ? 0 : *first > *second ? 1 : 2;
}
static PVOID allocate(RTL_AVL_TABLE *table, ULONG size) {
    ++*(ULONG *)table->TableContext;
    return ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG);
}
static void release(RTL_AVL_TABLE *table, PVOID buffer) {
    --*(ULONG *)table->TableContext;
    ExFreePoolWithTag(buffer, TAG);
}

static ULONG tables(void) {
    RTL_AVL_TABLE table;
    ULONG allocated = 0;
    UCHAR new;
    RtlInitializeGenericTableAvl(&table, (PVOID)compare, (PVOID)allocate, (PVOID)release, &allocated);
    CHECK(RtlIsGenericTableEmptyAvl(&table));
    for (ULONG i = 0; i < 50; i++) {
        ULONG value = i * 37 % 50;
        CHECK(*(ULONG *)RtlInsertElementGenericTableAvl(&table, &value, sizeof(value), &new) == value && new);
    }
    ULONG value = 7, expected = 0;
    CHECK(RtlInsertElementGenericTableAvl(&table, &value, sizeof(value), &new) && !new && allocated == 50);
    CHECK(table.NumberGenericTableElements == 50 && *(ULONG *)RtlGetElementGenericTableAvl(&table, 9) == 9);
    for (ULONG *at = RtlEnumerateGenericTableAvl(&table, 1); at; at = RtlEnumerateGenericTableAvl(&table, 0), expected++)
        CHECK(*at == expected);
    PVOID key = 0;
    for (ULONG *at; (at = RtlEnumerateGenericTableWithoutSplayingAvl(&table, &key)) != 0; expected++)
        CHECK(*at == expected - 50);
    CHECK(expected == 100);
    CHECK(RtlDeleteElementGenericTableAvl(&table, &value) && !RtlLookupElementGenericTableAvl(&table, &value));
    CHECK(!RtlDeleteElementGenericTableAvl(&table, &value) && allocated == 49);
    for (ULONG *at; (at = RtlGetElementGenericTableAvl(&table, 0)) != 0;)
        CHECK(RtlDeleteElementGenericTableAvl(&table, at));
    CHECK(allocated == 0);
    return 0;
}

IMPORT char *RtlIpv4AddressToStringA(PVOID, char *);
IMPORT NTSTATUS RtlIpv4StringToAddressW(const WCHAR *, BOOLEAN, const WCHAR **, PVOID);
IMPORT WCHAR *RtlIpv6AddressToStringW(PVOID, WCHAR *);
IMPORT NTSTATUS RtlIpv6StringToAddressExA(const char *, PVOID, PULONG, PUSHORT);
IMPORT NTSTATUS RtlEthernetStringToAddressA(const char *, const char **, PVOID);
IMPORT NTSTATUS RtlIpv4AddressToStringExW(PVOID, USHORT, WCHAR *, PULONG);

static ULONG addresses(void) {
    UCHAR address[16] = { 10, 0, 0, 200 };
    char text[64];
    WCHAR wide[64];
    const WCHAR *end;
    const char *narrow_end;
    ULONG scope, room = 22;
    USHORT port;
    CHECK(RtlIpv4AddressToStringA(address, text) == text + 10 && !strcmp(text, "10.0.0.200"));
    CHECK(RtlIpv4StringToAddressW(L"1.2.3.4 ", 1, &end, address) == STATUS_SUCCESS && *end == ' ' && address[3] == 4);
    CHECK(RtlIpv4StringToAddressW(L"1.2.3", 1, &end, address) == STATUS_INVALID_PARAMETER);
    CHECK(RtlIpv6StringToAddressExA("[fe80::1%5]:80", address, &scope, &port) == STATUS_SUCCESS);
    CHECK(address[0] == 0xfe && address[15] == 1 && scope == 5 && port == 0x5000);
    CHECK(RtlIpv6AddressToStringW(address, wide) == wide + 7 && wcslen(wide) == 7);
    CHECK(RtlEthernetStringToAddressA("02-00-00-00-0a-0B", &narrow_end, address) == STATUS_SUCCESS && address[5] == 11);
    CHECK(RtlIpv4AddressToStringExW(address, 0x5000, wide, &room) == STATUS_SUCCESS && room == 11);
    return 0;
}

IMPORT LONG strtol(const char *, char **, int);
IMPORT ULONG wcstoul(const WCHAR *, WCHAR **, int);
IMPORT int _itow_s(int, WCHAR *, size_t, int);
IMPORT int iswdigit(int);

static ULONG numbers(void) {
    char *end;
    WCHAR wide[16];
    CHECK(strtol(" -0x1Fz", &end, 0) == -31 && *end == 'z' && wcstoul(L"4294967296", 0, 10) == 0xffffffff);
    CHECK(_itow_s(-77, wide, 16, 10) == 0 && !_wcsnicmp(wide, L"-77", 4) && iswdigit('7') && !iswdigit('x'));
    return 0;
}

typedef struct { short Year, Month, Day, Hour, Minute, Second, Milliseconds, Weekday; } TIME_FIELDS;
IMPORT void RtlTimeToTimeFields(PLARGE_INTEGER, TIME_FIELDS *);
IMPORT BOOLEAN RtlTimeFieldsToTime(TIME_FIELDS *, PLARGE_INTEGER);

static ULONG times(void) {
    LARGE_INTEGER now = { .QuadPart = query_system_time() }, back;
    TIME_FIELDS fields;
    RtlTimeToTimeFields(&now, &fields);
    CHECK(fields.Year >= 1601 && RtlTimeFieldsToTime(&fields, &back));
    CHECK(now.QuadPart - back.QuadPart >= 0 && now.QuadPart - back.QuadPart < 10000);
    return 0;
}

static ULONG_PTR heard;
static void hear(PVOID context, PVOID first, PVOID second) { heard = (ULONG_PTR)context + (ULONG_PTR)first * 10 + (ULONG_PTR)second; }

static ULONG callbacks(void) {
    UNICODE_STRING power = STRING(L"\\Callback\\PowerState"), own = STRING(L"\\Callback\\Own");
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), 0, &own, 0x50, 0, 0 };
    PVOID object, same;
    CHECK(ExCreateCallback(&object, &attributes, 0, 1) == (NTSTATUS)0xc0000034);
    CHECK(ExCreateCallback(&object, &attributes, 1, 1) == STATUS_SUCCESS);
    CHECK(ExCreateCallback(&same, &attributes, 0, 1) == STATUS_SUCCESS && same == object);
    PVOID registration = ExRegisterCallback(object, (PCALLBACK_FUNCTION)(PVOID)hear, (PVOID)5);
    CHECK(registration);
    ExNotifyCallback(same, (PVOID)2, (PVOID)1);
    CHECK(heard == 26);
    ExUnregisterCallback(registration);
    ExNotifyCallback(object, 0, 0);
    CHECK(heard == 26);
    ObfDereferenceObject(object);
    ObfDereferenceObject(same);
    attributes.ObjectName = &power;
    CHECK(ExCreateCallback(&object, &attributes, 0, 1) == STATUS_SUCCESS);
    ObfDereferenceObject(object);
    return 0;
}

IMPORT PVOID ExAllocateCacheAwareRundownProtection(int, ULONG);
IMPORT void ExFreeCacheAwareRundownProtection(PVOID);
IMPORT BOOLEAN ExAcquireRundownProtectionCacheAware(PVOID);
IMPORT void ExReleaseRundownProtectionCacheAware(PVOID);
IMPORT void ExWaitForRundownProtectionReleaseCacheAware(PVOID);
IMPORT void ExReInitializeRundownProtectionCacheAware(PVOID);

static ULONG rundown(void) {
    PVOID reference = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, TAG);
    CHECK(reference && ExAcquireRundownProtectionCacheAware(reference));
    ExReleaseRundownProtectionCacheAware(reference);
    ExWaitForRundownProtectionReleaseCacheAware(reference);
    CHECK(!ExAcquireRundownProtectionCacheAware(reference));
    ExReInitializeRundownProtectionCacheAware(reference);
    CHECK(ExAcquireRundownProtectionCacheAware(reference));
    ExReleaseRundownProtectionCacheAware(reference);
    ExFreeCacheAwareRundownProtection(reference);
    return 0;
}

IMPORT ULONG IoSizeofWorkItem(void);
IMPORT void IoInitializeWorkItem(PVOID, PVOID);
IMPORT void IoUninitializeWorkItem(PVOID);
static KEVENT done;
static void work(PVOID object, PVOID context, PVOID item) {
    IoUninitializeWorkItem(item);
    KeSetEvent(&done, 0, 0);
}

static ULONG work_items(void) {
    static PDRIVER_OBJECT nobody;
    PVOID item = ExAllocatePool2(POOL_FLAG_NON_PAGED, IoSizeofWorkItem(), TAG);
    CHECK(item);
    KeInitializeEvent(&done, NotificationEvent, 0);
    IoInitializeWorkItem(nobody, item);
    IoQueueWorkItemEx(item, (PVOID)work, 1, 0);
    KeWaitForSingleObject(&done, Executive, 0, 0, 0);
    ExFreePoolWithTag(item, TAG);
    return 0;
}

IMPORT PVOID MmAllocateMappingAddress(SIZE_T, ULONG);
IMPORT void MmFreeMappingAddress(PVOID, ULONG);
IMPORT PVOID MmMapLockedPagesWithReservedMapping(PVOID, ULONG, PMDL, int);
IMPORT void MmUnmapReservedMapping(PVOID, ULONG, PMDL);

static ULONG mappings(void) {
    LARGE_INTEGER zero = { .QuadPart = 0 }, all = { .QuadPart = -1 };
    PVOID reserved = MmAllocateMappingAddress(8192, TAG);
    PMDL mdl = MmAllocatePagesForMdlEx(zero, all, zero, 8192, 1, 0);
    CHECK(reserved && mdl);
    PUCHAR mapped = MmMapLockedPagesWithReservedMapping(reserved, TAG, mdl, 1);
    CHECK(mapped);
    mapped[8191] = 1;
    MmUnmapReservedMapping(reserved, TAG, mdl);
    MmFreePagesFromMdl(mdl);
    IoFreeMdl(mdl);
    MmFreeMappingAddress(reserved, TAG);
    return 0;
}

IMPORT PKEVENT IoCreateNotificationEvent(PUNICODE_STRING, PHANDLE);
IMPORT NTSTATUS ZwCreateEvent(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, int, BOOLEAN);
IMPORT NTSTATUS ZwOpenEvent(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES);
IMPORT NTSTATUS ZwSetEvent(HANDLE, PLONG);
IMPORT NTSTATUS ZwWaitForSingleObject(HANDLE, BOOLEAN, PLARGE_INTEGER);

static ULONG events(void) {
    UNICODE_STRING name = STRING(L"\\BaseNamedObjects\\own");
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), 0, &name, 0x240, 0, 0 };
    LARGE_INTEGER now = { .QuadPart = 0 };
    HANDLE first, second, third;
    LONG before;
    CHECK(ZwOpenEvent(&first, 0x1f0003, &attributes) == (NTSTATUS)0xc0000034);
    PKEVENT event = IoCreateNotificationEvent(&name, &first);
    CHECK(event && KeResetEvent(event) == 1);
    CHECK(ZwCreateEvent(&second, 0x1f0003, &attributes, 0, 0) == (NTSTATUS)0xc0000035);
    CHECK(ZwOpenEvent(&second, 0x1f0003, &attributes) == STATUS_SUCCESS);
    CHECK(ZwWaitForSingleObject(first, 0, &now) == STATUS_TIMEOUT);
    CHECK(ZwSetEvent(second, &before) == STATUS_SUCCESS && before == 0);
    CHECK(ZwWaitForSingleObject(first, 0, &now) == STATUS_SUCCESS);
    CHECK(ZwCreateEvent(&third, 0x1f0003, 0, 1, 1) == STATUS_SUCCESS);
    CHECK(ZwWaitForSingleObject(third, 0, 0) == STATUS_SUCCESS && ZwWaitForSingleObject(third, 0, &now) == STATUS_TIMEOUT);
    CHECK(ZwClose(first) == STATUS_SUCCESS && ZwClose(second) == STATUS_SUCCESS && ZwClose(third) == STATUS_SUCCESS);
    return 0;
}

IMPORT NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT, PVOID, ULONG, PVOID *);
IMPORT PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT, PVOID);
IMPORT void KeQueryNodeActiveAffinity(USHORT, PVOID, USHORT *);
static PDRIVER_OBJECT own_driver;

static ULONG extensions(void) {
    PVOID extension, another;
    USHORT count = 0;
    CHECK(IoAllocateDriverObjectExtension(own_driver, (PVOID)events, 64, &extension) == STATUS_SUCCESS);
    memset(extension, 7, 64);
    CHECK(IoAllocateDriverObjectExtension(own_driver, (PVOID)events, 64, &another) == (NTSTATUS)0xc0000035);
    CHECK(IoGetDriverObjectExtension(own_driver, (PVOID)events) == extension);
    CHECK(!IoGetDriverObjectExtension(own_driver, (PVOID)mappings));
    KeQueryNodeActiveAffinity(0, 0, &count);
    CHECK(count > 0);
    return 0;
}

static check *const checks[] = {
    bitmaps, tables, addresses, numbers, times, callbacks, rundown, work_items, mappings, events, extensions,
};
#define DriverEntry device_entry
CHECKING_DEVICE(L"library")
#undef DriverEntry

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    own_driver = driver;
    return device_entry(driver, registry_path);
}
