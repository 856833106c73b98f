/* What has to be at PASSIVE_LEVEL is, and where it was raised IRQL comes back: done each time that the filter pauses. */
#define HAS_REPLACE
static void replace(void);
#include "wdm_device.h"

enum {
    SOUND,
    EVENT_AT_DISPATCH, /* V38: a wait for an event at DISPATCH_LEVEL */
    DELAY_AT_DISPATCH, /* V38: KeDelayExecutionThread at DISPATCH_LEVEL */
    SLEEP_AT_DISPATCH, /* V38: NdisMSleep at DISPATCH_LEVEL */
    NDIS_EVENT_AT_DISPATCH, /* V38: NdisWaitEvent at DISPATCH_LEVEL */
    FAST_MUTEX_AT_DISPATCH, /* V38: a fast mutex at DISPATCH_LEVEL */
    RESOURCE_AT_DISPATCH, /* V38: a resource at DISPATCH_LEVEL */
    RUNDOWN_AT_DISPATCH, /* V38: rundown protection is waited for at DISPATCH_LEVEL */
    RETURNS_RAISED, /* V09: IRQL is not lowered before the callback returns */
    RAISES_DOWN, /* V09: IRQL is raised to one that is below */
    REGISTRY_AT_DISPATCH, /* V09: the registry is opened at DISPATCH_LEVEL */
    PAGED_POOL_AT_DISPATCH, /* V09: paged pool at DISPATCH_LEVEL */
    THREAD_AT_DISPATCH, /* V09: a thread is made at DISPATCH_LEVEL */
    STRINGS_AT_DISPATCH, /* V09: strings are converted at DISPATCH_LEVEL */
    CLOSE_AT_DISPATCH, /* V09: a handle is closed at DISPATCH_LEVEL */
    LOWERS_UP, /* V09: IRQL is lowered to one that is above */
    SEVERAL_AT_DISPATCH, /* V38: a wait for several objects, with a time, at DISPATCH_LEVEL */
    WAIT_IN_DPC, /* V38: a wait without a limit by a DPC */
    DPCS_AT_DISPATCH, /* V38: the queued DPCs are waited for at DISPATCH_LEVEL */
    CONFIGURATION_AT_DISPATCH, /* V09: the configuration is opened at DISPATCH_LEVEL */
    FAST_MUTEX_RELEASED_AT_PASSIVE, /* V09: a mutex's IRQL is not APC_LEVEL when it is released */
    POOL_ABOVE_DISPATCH, /* V09: pool is allocated above DISPATCH_LEVEL */
    MUTEX_AT_DISPATCH, /* V38: a mutex is waited for at DISPATCH_LEVEL */
    DPC_RETURNS_AT_PASSIVE, /* V09: a DPC returns at PASSIVE_LEVEL */
};

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
    if (FAULT == WAIT_IN_DPC)
        KeWaitForSingleObject(&event, Executive, 0, 0, 0);
    else if (FAULT == DPC_RETURNS_AT_PASSIVE)
        KeLowerIrql(0);
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
#define AT_DISPATCH(n) irql = FAULT == (n) ? KfRaiseIrql(DISPATCH_LEVEL) : 0
#define AT_PASSIVE(n) if (FAULT == (n)) KeLowerIrql(irql)
    KeInitializeEvent(&event, NotificationEvent, 0);
    KeInitializeEvent(&done, NotificationEvent, 0);
    NdisInitializeEvent(&ndis_event);
    KeInitializeDpc(&dpc, in_dpc, 0);
    KeInsertQueueDpc(&dpc, 0, 0);
    KeWaitForSingleObject(&done, Executive, 0, 0, 0);
    AT_DISPATCH(DPCS_AT_DISPATCH);
    KeFlushQueuedDpcs();
    AT_PASSIVE(DPCS_AT_DISPATCH);
    AT_DISPATCH(EVENT_AT_DISPATCH);
    KeWaitForSingleObject(&event, Executive, 0, 0, &moment);
    AT_PASSIVE(EVENT_AT_DISPATCH);
    AT_DISPATCH(DELAY_AT_DISPATCH);
    KeDelayExecutionThread(0, 0, &moment);
    AT_PASSIVE(DELAY_AT_DISPATCH);
    AT_DISPATCH(SLEEP_AT_DISPATCH);
    NdisMSleep(1000);
    AT_PASSIVE(SLEEP_AT_DISPATCH);
    AT_DISPATCH(NDIS_EVENT_AT_DISPATCH);
    NdisWaitEvent(&ndis_event, 1);
    AT_PASSIVE(NDIS_EVENT_AT_DISPATCH);
    ExInitializeFastMutex(&fast);
    AT_DISPATCH(FAST_MUTEX_AT_DISPATCH);
    ExAcquireFastMutex(&fast);
    if (FAULT == FAST_MUTEX_RELEASED_AT_PASSIVE)
        KeLowerIrql(0);
    ExReleaseFastMutex(&fast);
    AT_PASSIVE(FAST_MUTEX_AT_DISPATCH);
    ExInitializeResourceLite(&resource);
    KeEnterCriticalRegion();
    AT_DISPATCH(RESOURCE_AT_DISPATCH);
    ExAcquireResourceSharedLite(&resource, 1);
    AT_PASSIVE(RESOURCE_AT_DISPATCH);
    ExReleaseResourceLite(&resource);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&resource);
    ExInitializeRundownProtection(&rundown);
    AT_DISPATCH(RUNDOWN_AT_DISPATCH);
    ExWaitForRundownProtectionRelease(&rundown);
    AT_PASSIVE(RUNDOWN_AT_DISPATCH);
    AT_DISPATCH(SEVERAL_AT_DISPATCH);
    KeWaitForMultipleObjects(1, objects, 0, 0, 0, 0, &moment, 0);
    AT_PASSIVE(SEVERAL_AT_DISPATCH);
    KeInitializeMutex(&mutex, 0);
    AT_DISPATCH(MUTEX_AT_DISPATCH);
    KeWaitForSingleObject(&mutex, Executive, 0, 0, 0);
    AT_PASSIVE(MUTEX_AT_DISPATCH);
    KeReleaseMutex(&mutex, 0);
    AT_DISPATCH(REGISTRY_AT_DISPATCH);
    if (ZwOpenKey(&handle, 0x20019, &attributes) >= 0) {
        AT_DISPATCH(CLOSE_AT_DISPATCH);
        ZwClose(handle);
        AT_PASSIVE(CLOSE_AT_DISPATCH);
    }
    AT_PASSIVE(REGISTRY_AT_DISPATCH);
    AT_DISPATCH(PAGED_POOL_AT_DISPATCH);
    paged = ExAllocatePool2(POOL_FLAG_PAGED, 100, TAG);
    AT_PASSIVE(PAGED_POOL_AT_DISPATCH);
    if (paged)
        ExFreePoolWithTag(paged, TAG);
    AT_DISPATCH(THREAD_AT_DISPATCH);
    if (PsCreateSystemThread(&handle, 0x1fffff, 0, 0, 0, work, 0) >= 0) {
        ObReferenceObjectByHandle(handle, 0x1fffff, 0, 0, &thread, 0);
        AT_DISPATCH(CLOSE_AT_DISPATCH);
        ZwClose(handle);
        AT_PASSIVE(CLOSE_AT_DISPATCH);
        KeWaitForSingleObject(thread, Executive, 0, 0, 0);
        ObfDereferenceObject(thread);
    }
    RtlInitAnsiString(&ansi, "text");
    AT_DISPATCH(STRINGS_AT_DISPATCH);
    if (RtlAnsiStringToUnicodeString(&text, &ansi, 1) >= 0)
        RtlFreeUnicodeString(&text);
    AT_PASSIVE(STRINGS_AT_DISPATCH);
    if (NdisAllocateTimerObject(registration, &timed_by, &timer) == NDIS_STATUS_SUCCESS) {
        NdisFreeTimerObject(timer);
    }
    AT_DISPATCH(CONFIGURATION_AT_DISPATCH);
    if (NdisOpenConfigurationEx((PVOID)&configuration, &handle) == NDIS_STATUS_SUCCESS)
        NdisCloseConfiguration(handle);
    AT_PASSIVE(CONFIGURATION_AT_DISPATCH);
    irql = KfRaiseIrql(DISPATCH_LEVEL);
    KIRQL higher = KfRaiseIrql(FAULT == RAISES_DOWN ? APC_LEVEL : DISPATCH_LEVEL);
    KeLowerIrql(higher);
    KeLowerIrql(irql);
    if (FAULT == LOWERS_UP) {
        KeLowerIrql(DISPATCH_LEVEL);
        KeLowerIrql(0);
    } else if (FAULT == POOL_ABOVE_DISPATCH) {
        irql = KfRaiseIrql(10);
        paged = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
        KeLowerIrql(irql);
        if (paged)
            ExFreePoolWithTag(paged, TAG);
    }
    NDIS_STATUS result = pause(context, parameters);
    if (FAULT == RETURNS_RAISED)
        KfRaiseIrql(APC_LEVEL);
    return result;
}

static void replace(void) { characteristics.PauseHandler = work_and_pause; }
