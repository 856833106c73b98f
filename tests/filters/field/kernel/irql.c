/* What has to be at PASSIVE_LEVEL is, and where it was raised IRQL comes back: done once each time that the filter pauses.
 *
 * BREAK 1 V38: a wait for an event at DISPATCH_LEVEL.
 * BREAK 2 V38: KeDelayExecutionThread at DISPATCH_LEVEL.
 * BREAK 3 V38: NdisMSleep at DISPATCH_LEVEL.
 * BREAK 4 V38: NdisWaitEvent at DISPATCH_LEVEL.
 * BREAK 5 V38: a fast mutex at DISPATCH_LEVEL.
 * BREAK 6 V38: a resource at DISPATCH_LEVEL.
 * BREAK 7 V38: rundown protection is waited for at DISPATCH_LEVEL.
 * BREAK 8 V09: IRQL is not lowered before the callback returns.
 * BREAK 9 V09: IRQL is raised to one that is below.
 * BREAK 10 V09: the registry is opened at DISPATCH_LEVEL.
 * BREAK 11 V09: paged pool at DISPATCH_LEVEL.
 * BREAK 12 V09: a thread is made at DISPATCH_LEVEL.
 * BREAK 13 V09: strings are converted at DISPATCH_LEVEL.
 * BREAK 15 V09: a handle is closed at DISPATCH_LEVEL.
 * BREAK 16 V09: IRQL is lowered to one that is above.
 * BREAK 17 V38: a wait for several objects, with a time, at DISPATCH_LEVEL.
 * BREAK 18 V38: a wait without a limit by a DPC.
 * BREAK 19 V38: the queued DPCs are waited for at DISPATCH_LEVEL.
 * BREAK 20 V09: the configuration is opened at DISPATCH_LEVEL.
 * BREAK 21 V09: a mutex's IRQL is not APC_LEVEL when it is released.
 * BREAK 22 V09: pool is allocated above DISPATCH_LEVEL.
 * BREAK 23 V38: a mutex is waited for at DISPATCH_LEVEL.
 * BREAK 24 V09: a DPC returns at PASSIVE_LEVEL.
 */
#define HAS_REPLACE
static void replace(void);
#include "field.h"

IMPORT NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING, const ANSI_STRING *, BOOLEAN);
typedef struct { NDIS_OBJECT_HEADER Header; NDIS_HANDLE NdisHandle; UINT Flags; } CONFIGURATION_OBJECT;

static KDPC dpc;
static KEVENT event, done;
static KMUTEX mutex;
static FAST_MUTEX fast;
static ERESOURCE resource;
static EX_RUNDOWN_REF rundown;
static NDIS_EVENT ndis_event;

static void in_dpc(PKDPC self, PVOID context, PVOID first, PVOID second) {
#if BREAK == 18
    KeWaitForSingleObject(&event, Executive, 0, 0, 0);
#elif BREAK == 24
    KeLowerIrql(0);
#endif
    KeSetEvent(&done, 0, 0);
}

static void timed(PVOID system, PVOID context, PVOID more, PVOID further) {}
static void work(PVOID context) { PsTerminateSystemThread(0); }

static NDIS_STATUS work_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    LARGE_INTEGER moment = { .QuadPart = MILLISECONDS(1) };
    PVOID objects[2] = { &event, &done }, paged, thread;
    HANDLE handle;
    UNICODE_STRING text, path = STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\field");
    ANSI_STRING ansi;
    OBJECT_ATTRIBUTES attributes = { .Length = sizeof(attributes), .ObjectName = &path, .Attributes = 0x240 };
    CONFIGURATION_OBJECT configuration = { { 0xa9, 1, 20 }, registration, 0 };
    NDIS_TIMER_CHARACTERISTICS timed_by = {
        { NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, sizeof(timed_by) }, TAG, (PVOID)timed, 0,
    };
    NDIS_HANDLE timer;
    KIRQL irql = 0;
/* Runs what follows at DISPATCH_LEVEL where the filter is broken so. */
#define AT_DISPATCH(n) irql = BREAK == (n) ? KfRaiseIrql(DISPATCH_LEVEL) : 0
#define AT_PASSIVE(n) if (BREAK == (n)) KeLowerIrql(irql)
    KeInitializeEvent(&event, NotificationEvent, 0);
    KeInitializeEvent(&done, NotificationEvent, 0);
    NdisInitializeEvent(&ndis_event);
    KeInitializeDpc(&dpc, in_dpc, 0);
    KeInsertQueueDpc(&dpc, 0, 0);
    KeWaitForSingleObject(&done, Executive, 0, 0, 0);
    AT_DISPATCH(19);
    KeFlushQueuedDpcs();
    AT_PASSIVE(19);
    AT_DISPATCH(1);
    KeWaitForSingleObject(&event, Executive, 0, 0, &moment);
    AT_PASSIVE(1);
    AT_DISPATCH(2);
    KeDelayExecutionThread(0, 0, &moment);
    AT_PASSIVE(2);
    AT_DISPATCH(3);
    NdisMSleep(1000);
    AT_PASSIVE(3);
    AT_DISPATCH(4);
    NdisWaitEvent(&ndis_event, 1);
    AT_PASSIVE(4);
    ExInitializeFastMutex(&fast);
    AT_DISPATCH(5);
    ExAcquireFastMutex(&fast);
#if BREAK == 21
    KeLowerIrql(0);
#endif
    ExReleaseFastMutex(&fast);
    AT_PASSIVE(5);
    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    AT_DISPATCH(6);
    ExAcquireResourceSharedLite(&resource, 1);
    AT_PASSIVE(6);
    ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&resource);
    ExInitializeRundownProtection(&rundown);
    AT_DISPATCH(7);
    ExWaitForRundownProtectionRelease(&rundown);
    AT_PASSIVE(7);
    AT_DISPATCH(17);
    KeWaitForMultipleObjects(1, objects, 0, 0, 0, 0, &moment, 0);
    AT_PASSIVE(17);
    KeInitializeMutex(&mutex, 0);
    AT_DISPATCH(23);
    KeWaitForSingleObject(&mutex, Executive, 0, 0, 0);
    AT_PASSIVE(23);
    KeReleaseMutex(&mutex, 0);
    AT_DISPATCH(10);
    if (ZwOpenKey(&handle, 0x20019, &attributes) >= 0) {
        AT_DISPATCH(15);
        ZwClose(handle);
        AT_PASSIVE(15);
    }
    AT_PASSIVE(10);
    AT_DISPATCH(11);
    paged = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    AT_PASSIVE(11);
    if (paged)
        ExFreePoolWithTag(paged, TAG);
    AT_DISPATCH(12);
    if (PsCreateSystemThread(&handle, 0x1fffff, 0, 0, 0, work, 0) >= 0) {
        ObReferenceObjectByHandle(handle, 0x1fffff, 0, 0, &thread, 0);
        AT_DISPATCH(15);
        ZwClose(handle);
        AT_PASSIVE(15);
        KeWaitForSingleObject(thread, Executive, 0, 0, 0);
        ObfDereferenceObject(thread);
    }
    RtlInitAnsiString(&ansi, "text");
    AT_DISPATCH(13);
    if (RtlAnsiStringToUnicodeString(&text, &ansi, 1) >= 0)
        RtlFreeUnicodeString(&text);
    AT_PASSIVE(13);
    if (NdisAllocateTimerObject(registration, &timed_by, &timer) == NDIS_STATUS_SUCCESS) {
        NdisFreeTimerObject(timer);
    }
    AT_DISPATCH(20);
    if (NdisOpenConfigurationEx((PVOID)&configuration, &handle) == NDIS_STATUS_SUCCESS)
        NdisCloseConfiguration(handle);
    AT_PASSIVE(20);
    irql = KfRaiseIrql(DISPATCH_LEVEL);
    KIRQL higher = KfRaiseIrql(BREAK == 9 ? APC_LEVEL : DISPATCH_LEVEL);
    KeLowerIrql(higher);
    KeLowerIrql(irql);
#if BREAK == 16
    KeLowerIrql(DISPATCH_LEVEL);
    KeLowerIrql(0);
#elif BREAK == 22
    irql = KfRaiseIrql(10);
    paged = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
    KeLowerIrql(irql);
    if (paged)
        ExFreePoolWithTag(paged, TAG);
#endif
    NDIS_STATUS result = pause(context, parameters);
#if BREAK == 8
    KfRaiseIrql(APC_LEVEL);
#endif
    return result;
}

static void replace(void) { characteristics.PauseHandler = work_and_pause; }
