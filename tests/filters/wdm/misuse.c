/* The pass-through filter that does one thing wrong, by the parameter `Fault`. With none it is sound: it adds restart
 * attributes, which NDIS frees, and indicates a status when it is detached. */
#include "wdm.h"

enum {
    NONE, PAGED_POOL, PAGED_CODE, CLONE_FREED_AS_AN_NBL, CLONE_FREED_WITH_OTHER_FLAGS, RESERVED_WRITTEN, BYTES_WRITTEN_UNSAID,
    REQUEST_READ, STATUS_OF_NOBODY, TIMER_FREED, ATTRIBUTES_ON_THE_STACK,
};

#define TAG 0x6573694d /* "Mise" */

static ULONG fault, *paged, sends;
static NDIS_HANDLE pool;

/* Pageable code that takes a spin lock, and so runs on at DISPATCH_LEVEL. */
__attribute__((noinline, section("PAGE"))) static void count_pageably(struct module *module) {
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
    sends++;
    KeReleaseSpinLock(&module->lock, irql);
}

static void misuse_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct module *module = context;
    if (fault == PAGED_POOL) {
        KIRQL irql = KeAcquireSpinLockRaiseToDpc(&module->lock);
        *paged += 1;
        KeReleaseSpinLock(&module->lock, irql);
    }
    if (fault == PAGED_CODE)
        count_pageably(module);
    if (fault == CLONE_FREED_AS_AN_NBL || fault == CLONE_FREED_WITH_OTHER_FLAGS) {
        PNET_BUFFER_LIST clone = NdisAllocateCloneNetBufferList(lists, pool, 0, 0);
        if (clone && fault == CLONE_FREED_AS_AN_NBL)
            NdisFreeNetBufferList(clone);
        else if (clone)
            NdisFreeCloneNetBufferList(clone, 2); /* NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS */
    }
    if (fault == RESERVED_WRITTEN)
        lists->ProtocolReserved[1] = module;
    send(context, lists, port, flags);
}

static NDIS_STATUS misuse_oid(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    struct module *module = context;
    if (fault == BYTES_WRITTEN_UNSAID && request->RequestType == NdisRequestQueryInformation)
        return NDIS_STATUS_SUCCESS;
    if (fault == REQUEST_READ) {
        NdisFOidRequestComplete(module->handle, request, NDIS_STATUS_NOT_SUPPORTED);
        sends += request->Timeout;
        return NDIS_STATUS_PENDING;
    }
    return oid_request(context, request);
}

static void indicate_own(struct module *module, NDIS_HANDLE source) {
    NDIS_STATUS_INDICATION own = {
        .Header = { NDIS_OBJECT_TYPE_STATUS_INDICATION, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1 },
        .SourceHandle = source,
        .StatusCode = (NDIS_STATUS)0x40018000,
    };
    NdisFIndicateStatus(module->handle, &own);
}

static void misuse_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    status(context, indication);
    if (fault == STATUS_OF_NOBODY)
        indicate_own(context, context); /* not the handle that FilterAttach got */
}

/* Until FilterDetach returns a status may be indicated. */
static void misuse_detach(NDIS_HANDLE context) {
    struct module *module = context;
    indicate_own(module, module->handle);
    detach(context);
}

/* Memory that goes while the timer in it is set. */
static void set_timer(NDIS_HANDLE handle) {
    PKTIMER timer = NdisAllocateMemoryWithTagPriority(handle, sizeof(*timer), TAG, 32);
    LARGE_INTEGER due = { .QuadPart = -10000 };
    if (!timer)
        return;
    KeInitializeTimerEx(timer, NotificationTimer);
    KeSetTimer(timer, due, 0);
    NdisFreeMemory(timer, 0, 0);
}

static NDIS_STATUS misuse_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct module *module = context;
    NDIS_RESTART_ATTRIBUTES local = { .Oid = 0x0d010201 }, *more = &local;
    if (fault == TIMER_FREED)
        set_timer(module->handle);
    if (parameters->RestartAttributes) {
        if (fault != ATTRIBUTES_ON_THE_STACK)
            more = NdisAllocateMemoryWithTagPriority(module->handle, sizeof(local), TAG, 32);
        if (more) {
            *(volatile NDIS_RESTART_ATTRIBUTES *)more = local;
            parameters->RestartAttributes->Next = more;
        }
    }
    return restart(context, parameters);
}

static void misuse_unload(PDRIVER_OBJECT driver) {
    NdisFreeNetBufferListPool(pool);
    ExFreePoolWithTag(paged, TAG);
    unload(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    NET_BUFFER_LIST_POOL_PARAMETERS parameters = {
        .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1 },
        .fAllocateNetBuffer = 1,
        .PoolTag = TAG,
    };
    fault = parameter(registry_path, L"Fault");
    characteristics.DetachHandler = misuse_detach;
    characteristics.RestartHandler = misuse_restart;
    characteristics.SendNetBufferListsHandler = misuse_send;
    characteristics.OidRequestHandler = misuse_oid;
    characteristics.StatusHandler = misuse_status;
    paged = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*paged), TAG);
    if (!paged)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS result = passthru_entry(driver, registry_path);
    if (result < 0) {
        ExFreePoolWithTag(paged, TAG);
        return result;
    }
    pool = NdisAllocateNetBufferListPool(registration, &parameters);
    if (!pool) {
        unload(driver);
        ExFreePoolWithTag(paged, TAG);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    driver->DriverUnload = misuse_unload;
    return result;
}
