/* What a WDM driver has of the WDK besides the generated header: what it imports, and what wdm.h has inline.
 *
 * Declared after the documents, apart from the lab's bindings. The inline functions do what the WDK's do, with the same
 * instructions where that matters: loads through GS and from fixed addresses, CR8, interlocked exchanges. */
#pragma once
#define DriverEntry passthru_entry
#include "../passthru.c"
#undef DriverEntry

#define IMPORT __declspec(dllimport)

/* Processor and shared data. */
static inline PVOID KeGetCurrentThread(void) {
    PVOID thread;
    __asm__ volatile("movq %%gs:0x188, %0" : "=r"(thread));
    return thread;
}
static inline ULONG KeGetCurrentProcessorIndex(void) {
    ULONG number;
    __asm__ volatile("movl %%gs:0x1a4, %0" : "=r"(number));
    return number;
}
static inline KIRQL read_cr8(void) {
    ULONGLONG level;
    __asm__ volatile("movq %%cr8, %0" : "=r"(level) : : "memory");
    return (KIRQL)level;
}
static inline void write_cr8(KIRQL level) {
    __asm__ volatile("movq %0, %%cr8" : : "r"((ULONGLONG)level) : "memory");
}
#define SHARED_USER_DATA 0xFFFFF78000000000ull
#define SHARED(type, offset) (*(volatile type *)(SHARED_USER_DATA + (offset)))
static inline ULONGLONG query_tick_count(void) { return SHARED(ULONGLONG, 0x320); }
static inline ULONGLONG query_system_time(void) {
    LONG high, low;
    do {
        high = SHARED(LONG, 0x18);
        low = SHARED(LONG, 0x14);
    } while (high != SHARED(LONG, 0x1c));
    return (ULONGLONG)(ULONG)high << 32 | (ULONG)low;
}
static inline void fast_fail(ULONG code) { __asm__ volatile("int $0x29" : : "c"(code)); }

/* Dispatcher objects, locks. */
typedef struct { DISPATCHER_HEADER Header; LIST_ENTRY List; PVOID Owner; UCHAR Abandoned, ApcDisable; } KMUTEX;
typedef struct { DISPATCHER_HEADER Header; LONG Limit; } KSEMAPHORE;
typedef struct { LONG Count; PVOID Owner; ULONG Contention; KEVENT Event; ULONG OldIrql; } FAST_MUTEX;
typedef struct { ULONGLONG Words[13]; } ERESOURCE;
_Static_assert(sizeof(KMUTEX) == 0x38 && sizeof(KSEMAPHORE) == 0x20 && sizeof(FAST_MUTEX) == 0x38, "dispatcher objects");
static inline void ExInitializeFastMutex(FAST_MUTEX *mutex) {
    mutex->Count = 1;
    mutex->Owner = 0;
    mutex->Contention = 0;
    KeInitializeEvent(&mutex->Event, SynchronizationEvent, 0);
}
IMPORT void KeInitializeMutex(KMUTEX *, ULONG);
IMPORT LONG KeReleaseMutex(KMUTEX *, BOOLEAN);
IMPORT void KeInitializeSemaphore(KSEMAPHORE *, LONG, LONG);
IMPORT LONG KeReleaseSemaphore(KSEMAPHORE *, KPRIORITY, LONG, BOOLEAN);
IMPORT LONG KeResetEvent(PKEVENT);
IMPORT NTSTATUS KeWaitForMultipleObjects(ULONG, PVOID *, int, int, KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER, PVOID);
IMPORT void ExAcquireFastMutex(FAST_MUTEX *);
IMPORT void ExReleaseFastMutex(FAST_MUTEX *);
IMPORT BOOLEAN ExTryToAcquireFastMutex(FAST_MUTEX *);
IMPORT void KeEnterCriticalRegion(void);
IMPORT void KeLeaveCriticalRegion(void);
IMPORT NTSTATUS ExInitializeResourceLite(ERESOURCE *);
IMPORT NTSTATUS ExDeleteResourceLite(ERESOURCE *);
IMPORT BOOLEAN ExAcquireResourceExclusiveLite(ERESOURCE *, BOOLEAN);
IMPORT BOOLEAN ExAcquireResourceSharedLite(ERESOURCE *, BOOLEAN);
IMPORT void ExReleaseResourceLite(ERESOURCE *);
IMPORT BOOLEAN ExIsResourceAcquiredExclusiveLite(ERESOURCE *);
IMPORT ULONG ExIsResourceAcquiredSharedLite(ERESOURCE *);

/* Lists and memory. */
typedef struct { GENERAL_LOOKASIDE L; } LOOKASIDE;
IMPORT void InitializeSListHead(PSLIST_HEADER);
IMPORT PVOID ExpInterlockedPopEntrySList(PSLIST_HEADER);
IMPORT PVOID ExpInterlockedPushEntrySList(PSLIST_HEADER, PVOID);
IMPORT PVOID ExpInterlockedFlushSList(PSLIST_HEADER);
IMPORT USHORT ExQueryDepthSList(PSLIST_HEADER);
IMPORT PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY, PLIST_ENTRY, PKSPIN_LOCK);
IMPORT PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY, PLIST_ENTRY, PKSPIN_LOCK);
IMPORT PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY, PKSPIN_LOCK);
IMPORT PVOID ExAllocatePoolWithTag(int, SIZE_T, ULONG);
IMPORT void ExInitializeNPagedLookasideList(LOOKASIDE *, PVOID, PVOID, ULONG, SIZE_T, ULONG, USHORT);
IMPORT void ExDeleteNPagedLookasideList(LOOKASIDE *);
#define NonPagedPoolNx 512
static inline PVOID ExAllocateFromNPagedLookasideList(LOOKASIDE *list) {
    list->L.TotalAllocates += 1;
    PVOID entry = ExpInterlockedPopEntrySList(&list->L.ListHead);
    if (!entry) {
        list->L.AllocateMisses += 1;
        entry = ((PVOID(*)(int, SIZE_T, ULONG))(PVOID)list->L.AllocateEx)(list->L.Type, list->L.Size, list->L.Tag);
    }
    return entry;
}
static inline void ExFreeToNPagedLookasideList(LOOKASIDE *list, PVOID entry) {
    list->L.TotalFrees += 1;
    if (ExQueryDepthSList(&list->L.ListHead) >= list->L.Depth) {
        list->L.FreeMisses += 1;
        ((void (*)(PVOID))(PVOID)list->L.FreeEx)(entry);
    } else {
        ExpInterlockedPushEntrySList(&list->L.ListHead, entry);
    }
}
static inline PVOID ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX list) {
    list->L.TotalAllocates += 1;
    PVOID entry = ExpInterlockedPopEntrySList(&list->L.ListHead);
    if (!entry) {
        list->L.AllocateMisses += 1;
        entry = ((PVOID(*)(int, SIZE_T, ULONG, PVOID))(PVOID)list->L.AllocateEx)(
            list->L.Type, list->L.Size, list->L.Tag, list);
    }
    return entry;
}
static inline void ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX list, PVOID entry) {
    list->L.TotalFrees += 1;
    if (ExQueryDepthSList(&list->L.ListHead) >= list->L.Depth) {
        list->L.FreeMisses += 1;
        ((void (*)(PVOID, PVOID))(PVOID)list->L.FreeEx)(entry, list);
    } else {
        ExpInterlockedPushEntrySList(&list->L.ListHead, entry);
    }
}

/* Text. */
typedef struct { USHORT Length, MaximumLength; char *Buffer; } ANSI_STRING;
typedef __builtin_va_list va_list;
IMPORT int _vsnprintf(char *, size_t, const char *, va_list);
IMPORT int _vsnwprintf(WCHAR *, size_t, const WCHAR *, va_list);
IMPORT int _snprintf(char *, size_t, const char *, ...);
IMPORT int swprintf_s(WCHAR *, size_t, const WCHAR *, ...);
IMPORT size_t strlen(const char *);
IMPORT int strcmp(const char *, const char *);
IMPORT char *strchr(const char *, int);
IMPORT char *strstr(const char *, const char *);
IMPORT char *strncpy(char *, const char *, size_t);
IMPORT int _stricmp(const char *, const char *);
IMPORT size_t wcslen(const WCHAR *);
IMPORT int _wcsnicmp(const WCHAR *, const WCHAR *, size_t);
IMPORT WCHAR *wcsrchr(const WCHAR *, WCHAR);
IMPORT void *memcpy(void *, const void *, size_t);
IMPORT void *memset(void *, int, size_t);
IMPORT int memcmp(const void *, const void *, size_t);
IMPORT void RtlInitAnsiString(ANSI_STRING *, const char *);
IMPORT NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING, const ANSI_STRING *, BOOLEAN);
IMPORT NTSTATUS RtlUnicodeStringToAnsiString(ANSI_STRING *, PCUNICODE_STRING, BOOLEAN);
IMPORT void RtlFreeUnicodeString(PUNICODE_STRING);
IMPORT NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING, const WCHAR *);
IMPORT BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING, PCUNICODE_STRING, BOOLEAN);
IMPORT BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING, PCUNICODE_STRING, BOOLEAN);
IMPORT NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING, ULONG, PULONG);
IMPORT NTSTATUS RtlIntegerToUnicodeString(ULONG, ULONG, PUNICODE_STRING);
IMPORT NTSTATUS RtlGUIDFromString(PCUNICODE_STRING, GUID *);
IMPORT NTSTATUS RtlStringFromGUID(const GUID *, PUNICODE_STRING);

/* Threads, registry, tracing. */
IMPORT PVOID PsThreadType; /* the WDK says `*`, without the import */
IMPORT HANDLE PsGetCurrentThreadId(void);
IMPORT NTSTATUS ZwOpenKey(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES);
IMPORT NTSTATUS ZwCreateKey(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, ULONG, PUNICODE_STRING, ULONG, PULONG);
IMPORT NTSTATUS ZwQueryValueKey(HANDLE, PUNICODE_STRING, int, PVOID, ULONG, PULONG);
IMPORT NTSTATUS ZwSetValueKey(HANDLE, PUNICODE_STRING, ULONG, ULONG, PVOID, ULONG);
IMPORT NTSTATUS RtlQueryRegistryValues(ULONG, const WCHAR *, PVOID, PVOID, PVOID);
IMPORT NTSTATUS EtwUnregister(ULONGLONG);
IMPORT NTSTATUS EtwWrite(ULONGLONG, PVOID, PVOID, ULONG, PVOID);
IMPORT NTSTATUS WmiTraceMessage(ULONGLONG, ULONG, const GUID *, USHORT, ...);
IMPORT void KeStallExecutionProcessor(ULONG);
IMPORT BOOLEAN KeSetTimer(PKTIMER, LARGE_INTEGER, PRKDPC);

/* Devices and IRPs. */
IMPORT NTSTATUS IoCreateDevice(PDRIVER_OBJECT, ULONG, PUNICODE_STRING, ULONG, ULONG, BOOLEAN, PDEVICE_OBJECT *);
IMPORT NTSTATUS WdmlibIoCreateDeviceSecure(
    PDRIVER_OBJECT, ULONG, PUNICODE_STRING, ULONG, ULONG, BOOLEAN, PCUNICODE_STRING, const GUID *, PDEVICE_OBJECT *);
IMPORT void IoDeleteDevice(PDEVICE_OBJECT);
IMPORT NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING, PUNICODE_STRING);
IMPORT NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING);
IMPORT void IofCompleteRequest(PIRP, CCHAR);
IMPORT ULONG IoGetRequestorProcessId(PIRP);
IMPORT void IoAcquireCancelSpinLock(KIRQL *);
IMPORT void IoReleaseCancelSpinLock(KIRQL);
IMPORT NTSTATUS IoCsqInitialize(PIO_CSQ, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID);
IMPORT void IoCsqInsertIrp(PIO_CSQ, PIRP, PVOID);
IMPORT PIRP IoCsqRemoveNextIrp(PIO_CSQ, PVOID);
static inline PIO_STACK_LOCATION IoGetCurrentIrpStackLocation(PIRP irp) {
    return *(PIO_STACK_LOCATION *)(PVOID)irp->Tail.Overlay.Padding64;
}
static inline void IoMarkIrpPending(PIRP irp) { IoGetCurrentIrpStackLocation(irp)->Control |= 1; }
static inline PDRIVER_CANCEL IoSetCancelRoutine(PIRP irp, PDRIVER_CANCEL routine) {
    return (PDRIVER_CANCEL)__atomic_exchange_n((PVOID *)&irp->CancelRoutine, (PVOID)routine, __ATOMIC_SEQ_CST);
}
static inline PVOID system_address(PMDL mdl) {
    if (mdl->MdlFlags & 5) /* MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL */
        return mdl->MappedSystemVa;
    return MmMapLockedPagesSpecifyCache(mdl, 0, 1, 0, 0, 0x40000020);
}
#define DO_BUFFERED_IO 0x4
#define DO_DIRECT_IO 0x10
#define DO_DEVICE_INITIALIZING 0x80
#define CODE(function, method) (0x12 << 16 | (function) << 2 | (method)) /* FILE_DEVICE_NETWORK, FILE_ANY_ACCESS */

static inline NTSTATUS complete(PIRP irp, NTSTATUS status, ULONG_PTR information) {
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IofCompleteRequest(irp, 0);
    return status;
}

/* A number of the service's parameters; 0 where there is none. */
static inline ULONG parameter(PUNICODE_STRING service, const WCHAR *text) {
    static WCHAR path[128];
    UNICODE_STRING key_name = { 0, sizeof(path), path }, name;
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), 0, &key_name, 0x240, 0, 0 };
    struct { ULONG title, type, length, data; } value = { 0 };
    HANDLE key;
    ULONG needed;
    memcpy(path, service->Buffer, service->Length);
    key_name.Length = service->Length;
    RtlAppendUnicodeToString(&key_name, L"\\Parameters");
    RtlInitUnicodeString(&name, text);
    if (ZwOpenKey(&key, 0x20019, &attributes) != STATUS_SUCCESS)
        return 0;
    ZwQueryValueKey(key, &name, 2, &value, sizeof(value), &needed);
    ZwClose(key);
    return value.data;
}

/* A check returns 0, or the line that did not hold. */
#define CHECK(condition) do { if (!(condition)) return __LINE__; } while (0)
typedef ULONG check(void);

/* What a device answers to an IOCTL of method 0 and function N: the result of the Nth check. Checks from 20 on do wrong. */
static inline NTSTATUS run_check(PIRP irp, check *const *checks, ULONG count) {
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG code = stack->Parameters.DeviceIoControl.IoControlCode, function = code >> 2 & 0xfff;
    if (code & 3 || function >= count || !checks[function])
        return complete(irp, STATUS_NO_MORE_ENTRIES, 0);
    if (stack->Parameters.DeviceIoControl.OutputBufferLength < sizeof(ULONG))
        return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
    *(ULONG *)irp->AssociatedIrp.SystemBuffer = checks[function]();
    return complete(irp, STATUS_SUCCESS, sizeof(ULONG));
}

/* A filter whose device runs checks: defines DriverEntry, with `checks` an array. */
#define CHECKING_DEVICE(name)                                                                                         \
    static UNICODE_STRING device_name = STRING(L"\\Device\\" name), link_name = STRING(L"\\DosDevices\\" name);        \
    static PDEVICE_OBJECT device;                                                                                     \
    static NTSTATUS succeed(PDEVICE_OBJECT object, PIRP irp) { return complete(irp, STATUS_SUCCESS, 0); }             \
    static NTSTATUS control(PDEVICE_OBJECT object, PIRP irp) {                                                        \
        return run_check(irp, checks, sizeof(checks) / sizeof(*checks));                                              \
    }                                                                                                                 \
    static void unload_device(PDRIVER_OBJECT driver) {                                                                \
        IoDeleteSymbolicLink(&link_name);                                                                             \
        IoDeleteDevice(device);                                                                                       \
        unload(driver);                                                                                               \
    }                                                                                                                 \
    NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {                                      \
        NTSTATUS result = passthru_entry(driver, registry_path);                                                      \
        if (result < 0)                                                                                               \
            return result;                                                                                            \
        driver->DriverUnload = unload_device;                                                                         \
        driver->MajorFunction[IRP_MJ_CREATE] = succeed;                                                               \
        driver->MajorFunction[IRP_MJ_CLOSE] = succeed;                                                                \
        driver->MajorFunction[IRP_MJ_CLEANUP] = succeed;                                                              \
        driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;                                                       \
        result = IoCreateDevice(driver, 0, &device_name, 0x12, 0x100, 0, &device);                                    \
        if (result >= 0 && (result = IoCreateSymbolicLink(&link_name, &device_name)) < 0)                             \
            IoDeleteDevice(device);                                                                                   \
        if (result < 0)                                                                                               \
            NdisFDeregisterFilterDriver(registration);                                                                \
        return result;                                                                                                \
    }
