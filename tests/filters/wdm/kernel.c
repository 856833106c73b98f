/* What filters in the field import of the kernel besides what ours does: locks, lists, text, registry, threads, tracing. */
#include "wdm.h"

#define TAG 0x6d647757 /* "Wwdm" */

static ULONG spin_locks(void) {
    static KSPIN_LOCK lock;
    KLOCK_QUEUE_HANDLE handle;
    KeAcquireInStackQueuedSpinLock(&lock, &handle);
    CHECK(KeGetCurrentIrql() == 2);
    KeReleaseInStackQueuedSpinLock(&handle);
    EX_SPIN_LOCK shared = 0;
    KIRQL irql = ExAcquireSpinLockShared(&shared);
    ExReleaseSpinLockShared(&shared, irql);
    CHECK(KeGetCurrentIrql() == 0);
    return 0;
}

static ULONG mutexes(void) {
    KMUTEX mutex;
    LARGE_INTEGER now = { .QuadPart = 0 };
    KeInitializeMutex(&mutex, 0);
    CHECK(KeWaitForSingleObject(&mutex, Executive, 0, 0, 0) == STATUS_SUCCESS);
    CHECK(KeWaitForSingleObject(&mutex, Executive, 0, 0, &now) == STATUS_SUCCESS);
    CHECK(KeReleaseMutex(&mutex, 0) == -1 && KeReleaseMutex(&mutex, 0) == 0);

    FAST_MUTEX fast;
    ExInitializeFastMutex(&fast);
    ExAcquireFastMutex(&fast);
    CHECK(KeGetCurrentIrql() == 1 && !ExTryToAcquireFastMutex(&fast));
    ExReleaseFastMutex(&fast);
    CHECK(KeGetCurrentIrql() == 0 && ExTryToAcquireFastMutex(&fast));
    ExReleaseFastMutex(&fast);

    KSEMAPHORE semaphore;
    KeInitializeSemaphore(&semaphore, 1, 2);
    CHECK(KeWaitForSingleObject(&semaphore, Executive, 0, 0, &now) == STATUS_SUCCESS);
    CHECK(KeWaitForSingleObject(&semaphore, Executive, 0, 0, &now) == STATUS_TIMEOUT);
    CHECK(KeReleaseSemaphore(&semaphore, 0, 2, 0) == 0);
    return 0;
}

static ULONG resources(void) {
    ERESOURCE *resource = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*resource), TAG);
    CHECK(resource && ExInitializeResourceLite(resource) == STATUS_SUCCESS);
    KeEnterCriticalRegion();
    CHECK(ExAcquireResourceSharedLite(resource, 1) && ExAcquireResourceSharedLite(resource, 0));
    CHECK(ExIsResourceAcquiredSharedLite(resource) == 2 && !ExAcquireResourceExclusiveLite(resource, 0));
    ExReleaseResourceLite(resource);
    ExReleaseResourceLite(resource);
    CHECK(ExAcquireResourceExclusiveLite(resource, 1) && ExIsResourceAcquiredExclusiveLite(resource));
    ExReleaseResourceLite(resource);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(resource);
    ExFreePool(resource);
    return 0;
}

struct item {
    LIST_ENTRY link;
    ULONGLONG value;
};

static ULONG lists(void) {
    SLIST_HEADER head;
    struct item *items = ExAllocatePool2(POOL_FLAG_NON_PAGED, 4 * 32, TAG);
    CHECK(items);
    PUCHAR slots = (PUCHAR)items;
    InitializeSListHead(&head);
    for (int i = 0; i < 4; i++)
        ExpInterlockedPushEntrySList(&head, slots + 32 * i);
    CHECK(ExQueryDepthSList(&head) == 4 && ExpInterlockedPopEntrySList(&head) == slots + 96);
    CHECK(ExpInterlockedFlushSList(&head) == slots + 64 && ExQueryDepthSList(&head) == 0);
    CHECK(!ExpInterlockedPopEntrySList(&head));

    LIST_ENTRY list = { &list, &list };
    KSPIN_LOCK lock = 0;
    CHECK(!ExInterlockedRemoveHeadList(&list, &lock));
    CHECK(!ExInterlockedInsertTailList(&list, &items[0].link, &lock));
    CHECK(ExInterlockedInsertTailList(&list, &items[1].link, &lock) == &items[0].link);
    CHECK(ExInterlockedInsertHeadList(&list, &items[2].link, &lock) == &items[0].link);
    CHECK(ExInterlockedRemoveHeadList(&list, &lock) == &items[2].link);
    ExFreePoolWithTag(items, TAG);
    return 0;
}

static ULONG lookaside_lists(void) {
    static LOOKASIDE plain;
    static LOOKASIDE_LIST_EX ex;
    ExInitializeNPagedLookasideList(&plain, 0, 0, 512, 48, TAG, 0);
    PVOID entries[3];
    for (int i = 0; i < 3; i++)
        CHECK((entries[i] = ExAllocateFromNPagedLookasideList(&plain)) != 0);
    for (int i = 0; i < 3; i++)
        ExFreeToNPagedLookasideList(&plain, entries[i]);
    ExDeleteNPagedLookasideList(&plain);

    CHECK(ExInitializeLookasideListEx(&ex, 0, 0, NonPagedPoolNx, 0, 48, TAG, 0) == STATUS_SUCCESS);
    PVOID entry = ExAllocateFromLookasideListEx(&ex);
    CHECK(entry);
    memset(entry, 7, 48);
    ExFreeToLookasideListEx(&ex, entry);
    ExDeleteLookasideListEx(&ex);
    return 0;
}

static int print(char *to, size_t room, const char *format, ...) {
    va_list arguments;
    __builtin_va_start(arguments, format);
    int count = _vsnprintf(to, room, format, arguments);
    __builtin_va_end(arguments);
    return count;
}

static ULONG text(void) {
    char buffer[32];
    WCHAR wide[32];
    UNICODE_STRING name = STRING(L"Wide");
    CHECK(print(buffer, sizeof(buffer), "%s %d %wZ %x", "a", -5, &name, 255u) == 12 && !strcmp(buffer, "a -5 Wide ff"));
    CHECK(print(buffer, 4, "%s", "longer") == -1 && !memcmp(buffer, "long", 4));
    CHECK(_snprintf(buffer, sizeof(buffer), "%llu|%p", 1ull << 40, (PVOID)0x10) == 30);
    CHECK(swprintf_s(wide, 32, L"%s-%hs-%02u", L"w", "n", 3) == 6 && wcslen(wide) == 6);
    CHECK(strchr("abc", 'c')[1] == 0 && strstr("a needle", "need") && !strstr("a", "ab"));
    CHECK(!_stricmp("NDIS", "ndis") && !_wcsnicmp(L"FILTER", L"filtration", 4) && wcsrchr(L"a\\b\\c", '\\')[1] == 'c');
    strncpy(buffer, "ab", 4);
    CHECK(!memcmp(buffer, "ab\0\0", 4));
    return 0;
}

static ULONG counted_strings(void) {
    ANSI_STRING ansi, back;
    UNICODE_STRING unicode, expected = STRING(L"Adapter"), prefix = STRING(L"aDap"), number = STRING(L"0x1F");
    WCHAR room[16];
    ULONG value;
    GUID guid;
    RtlInitAnsiString(&ansi, "Adapter");
    CHECK(RtlAnsiStringToUnicodeString(&unicode, &ansi, 1) == STATUS_SUCCESS);
    CHECK(RtlEqualUnicodeString(&unicode, &expected, 0) && RtlPrefixUnicodeString(&prefix, &unicode, 1));
    CHECK(RtlUnicodeStringToAnsiString(&back, &unicode, 1) == STATUS_SUCCESS && back.Length == 7);
    ExFreePool(back.Buffer);
    RtlFreeUnicodeString(&unicode);
    unicode.Length = 0;
    unicode.MaximumLength = sizeof(room);
    unicode.Buffer = room;
    CHECK(RtlAppendUnicodeToString(&unicode, L"12345678") == STATUS_SUCCESS && unicode.Length == 16);
    CHECK(RtlAppendUnicodeToString(&unicode, L"123456789") == STATUS_BUFFER_TOO_SMALL);
    CHECK(RtlUnicodeStringToInteger(&number, 0, &value) == STATUS_SUCCESS && value == 31);
    CHECK(RtlIntegerToUnicodeString(255, 16, &unicode) == STATUS_SUCCESS && unicode.Length == 4 && room[0] == 'F');
    UNICODE_STRING id = STRING(L"{5B4A7C52-3C1D-4E0B-9A57-0F1E6D2C8B31}"), again;
    CHECK(RtlGUIDFromString(&id, &guid) == STATUS_SUCCESS && guid.Data1 == 0x5B4A7C52 && guid.Data4[7] == 0x31);
    CHECK(RtlStringFromGUID(&guid, &again) == STATUS_SUCCESS && RtlEqualUnicodeString(&id, &again, 0));
    RtlFreeUnicodeString(&again);
    return 0;
}

static ULONG registry(void) {
    UNICODE_STRING path = STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\kernel\\Parameters");
    UNICODE_STRING name = STRING(L"Depth"), own = STRING(L"Own"), missing = STRING(L"Missing");
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), 0, &path, 0x240, 0, 0 };
    HANDLE key, below;
    ULONG needed, disposition, written = 9;
    struct { ULONG title, type, length, data; } value;
    CHECK(ZwOpenKey(&key, 0x20019, &attributes) == STATUS_SUCCESS);
    CHECK(ZwQueryValueKey(key, &name, 2, &value, sizeof(value), &needed) == STATUS_SUCCESS);
    CHECK(needed == 16 && value.type == 4 && value.length == 4 && value.data == 17);
    CHECK(ZwQueryValueKey(key, &name, 2, &value, 12, &needed) == STATUS_BUFFER_OVERFLOW);
    CHECK(ZwQueryValueKey(key, &name, 2, &value, 4, &needed) == STATUS_BUFFER_TOO_SMALL);
    CHECK(ZwQueryValueKey(key, &missing, 2, &value, sizeof(value), &needed) == STATUS_OBJECT_NAME_NOT_FOUND);
    OBJECT_ATTRIBUTES relative = { sizeof(relative), key, &own, 0x240, 0, 0 };
    CHECK(ZwOpenKey(&below, 0x20019, &relative) == STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK(ZwCreateKey(&below, 0xf003f, &relative, 0, 0, 0, &disposition) == STATUS_SUCCESS && disposition == 1);
    CHECK(ZwSetValueKey(below, &name, 0, 4, &written, 4) == STATUS_SUCCESS);
    CHECK(ZwQueryValueKey(below, &name, 2, &value, sizeof(value), &needed) == STATUS_SUCCESS && value.data == 9);
    CHECK(ZwClose(below) == STATUS_SUCCESS && ZwClose(key) == STATUS_SUCCESS);

    ULONG direct = 0, fallen_back = 0, fallback = 5;
    struct {
        PVOID routine;
        ULONG flags;
        const WCHAR *name;
        PVOID at;
        ULONG type;
        PVOID fallback;
        ULONG length;
    } table[] = {
        { 0, 0x120, L"Depth", &direct, 4u << 24 | 4, 0, 0 },
        { 0, 0x120, L"Missing", &fallen_back, 4u << 24 | 4, &fallback, 4 },
        { 0, 0, 0, 0, 0, 0, 0 },
    };
    CHECK(RtlQueryRegistryValues(1, L"kernel\\Parameters", table, 0, 0) == STATUS_SUCCESS);
    CHECK(direct == 17 && fallen_back == 5);
    return 0;
}

static KEVENT wake, told, never;
static volatile LONG rounds;
static volatile BOOLEAN stop;

static void worker(PVOID context) {
    while (KeWaitForSingleObject(&wake, Executive, 0, 0, 0) == STATUS_SUCCESS && !stop) {
        rounds += context == &rounds && KeGetCurrentThread() != 0;
        KeSetEvent(&told, 0, 0);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
    rounds = -1000; /* not reached */
}

static ULONG threads(void) {
    HANDLE handle;
    PVOID thread, mine = KeGetCurrentThread();
    LARGE_INTEGER second = { .QuadPart = -10000000 };
    KeInitializeEvent(&wake, SynchronizationEvent, 0);
    KeInitializeEvent(&told, SynchronizationEvent, 0);
    KeInitializeEvent(&never, NotificationEvent, 0);
    rounds = stop = 0;
    CHECK(PsCreateSystemThread(&handle, 0x1fffff, 0, 0, 0, worker, (PVOID)&rounds) == STATUS_SUCCESS);
    CHECK(ObReferenceObjectByHandle(handle, 0x1fffff, PsThreadType, 0, &thread, 0) == STATUS_SUCCESS);
    CHECK(ZwClose(handle) == STATUS_SUCCESS && thread != mine);
    for (int i = 1; i <= 3; i++) {
        KeSetEvent(&wake, 0, 0);
        CHECK(KeWaitForSingleObject(&told, Executive, 0, 0, 0) == STATUS_SUCCESS && rounds == i);
    }
    PVOID any[] = { &never, &told };
    CHECK(KeWaitForMultipleObjects(2, any, 1, 0, 0, 0, &second, 0) == STATUS_TIMEOUT);
    KeSetEvent(&wake, 0, 0);
    CHECK(KeWaitForMultipleObjects(2, any, 1, 0, 0, 0, &second, 0) == 1);
    CHECK(KeWaitForSingleObject(thread, Executive, 0, 0, &second) == STATUS_TIMEOUT);
    stop = 1;
    KeSetEvent(&wake, 0, 0);
    CHECK(KeWaitForSingleObject(thread, Executive, 0, 0, 0) == STATUS_SUCCESS && rounds == 4);
    ObfDereferenceObject(thread);
    return 0;
}

static ULONG tracing(void) {
    static const GUID provider = { 1, 2, 3, { 4 } };
    ULONGLONG handle = 0;
    CHECK(EtwRegister(&provider, 0, 0, &handle) == STATUS_SUCCESS && handle);
    CHECK(EtwWrite(handle, 0, 0, 0, 0) == STATUS_SUCCESS);
    CHECK(WmiTraceMessage(1, 43, &provider, 10, "a", 2ull, (PVOID)0) == STATUS_SUCCESS);
    CHECK(EtwUnregister(handle) == STATUS_SUCCESS);
    return 0;
}

static ULONG time(void) {
    LARGE_INTEGER frequency, before = KeQueryPerformanceCounter(&frequency);
    KeStallExecutionProcessor(50);
    LONGLONG passed = KeQueryPerformanceCounter(0).QuadPart - before.QuadPart;
    CHECK(passed * 1000000 / frequency.QuadPart >= 50);
    return 0;
}

static check *const checks[] = {
    spin_locks, mutexes, resources, lists, lookaside_lists, text, counted_strings, registry, threads, tracing, time,
};
CHECKING_DEVICE(L"kernel")
