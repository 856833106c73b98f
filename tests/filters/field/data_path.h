/* What filters of the data path have of the WDK, written after its reference pages, and have in common: a chain, the
 * registration, a module with a rundown reference. */
#pragma once
#include "field.h"

#define TEXT_OF(text) { sizeof(text) - sizeof(WCHAR), sizeof(text), (PWCH)(text) }

/* nblaccessors.h, nblinfo.h */
#define NET_BUFFER_LIST_FIRST_NB(nbl) ((nbl)->FirstNetBuffer)
#define NET_BUFFER_LIST_INFO(nbl, id) ((nbl)->NetBufferListInfo[id])
#define NET_BUFFER_LIST_CONTEXT_DATA_START(nbl) ((PUCHAR)(nbl)->Context + 16 + (nbl)->Context->Offset)
#define NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(nbl) NET_BUFFER_LIST_INFO(nbl, NetBufferListCancelId)
#define NDIS_TEST_FLAG(flags, flag) (((flags) & (flag)) != 0)

/* wdm.h */
#define InterlockedIncrement(at) __atomic_add_fetch(at, 1, __ATOMIC_SEQ_CST)
#define InterlockedDecrement(at) __atomic_sub_fetch(at, 1, __ATOMIC_SEQ_CST)

/* A chain of NBLs that is built at its end. */
struct chain {
    PNET_BUFFER_LIST head;
    PNET_BUFFER_LIST *end;
    ULONG count;
};
#define EMPTY_CHAIN(chain) { 0, &(chain).head, 0 }
static inline void append(struct chain *chain, PNET_BUFFER_LIST list) {
    list->Next = 0;
    *chain->end = list;
    chain->end = &list->Next;
    chain->count += 1;
}

static NDIS_HANDLE driver_handle;

static inline NDIS_STATUS set_attributes(NDIS_HANDLE filter, PVOID context) {
    NDIS_FILTER_ATTRIBUTES attributes = {
        { NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES, NDIS_FILTER_ATTRIBUTES_REVISION_1,
            NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1 }, 0,
    };
    return NdisFSetAttributes(filter, context, &attributes);
}

static inline NDIS_HANDLE nbl_pool(NDIS_HANDLE filter, USHORT context_size, ULONG data_size) {
    NET_BUFFER_LIST_POOL_PARAMETERS parameters = {
        .Header = { NDIS_OBJECT_TYPE_DEFAULT, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1 },
        .fAllocateNetBuffer = 1,
        .ContextSize = context_size,
        .PoolTag = TAG,
        .DataSize = data_size,
    };
    return NdisAllocateNetBufferListPool(filter, &parameters);
}

#define TO_COMPLETE(flags)                                                                                             \
    (NDIS_TEST_FLAG(flags, NDIS_SEND_FLAGS_DISPATCH_LEVEL) ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0)
#define TO_RETURN(flags)                                                                                               \
    (NDIS_TEST_FLAG(flags, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0)

/* A send that is not passed on: its status, and what a large send's completion says (LSOv1: bytes sent; LSOv2: zero). */
static inline void end_send(PNET_BUFFER_LIST list, NDIS_STATUS status) {
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO *large =
        (PVOID)&NET_BUFFER_LIST_INFO(list, TcpLargeSendNetBufferListInfo);
    list->Status = status;
    large->LsoV2TransmitComplete.Reserved = 0;
    large->LsoV2TransmitComplete.Reserved2 = 0;
}
static inline void end_sends(NDIS_HANDLE filter, PNET_BUFFER_LIST lists, NDIS_STATUS status, ULONG flags) {
    for (PNET_BUFFER_LIST list = lists; list; list = list->Next)
        end_send(list, status);
    NdisFSendNetBufferListsComplete(filter, lists, flags);
}

/* Registers and names the handlers; what a filter leaves out NDIS passes by. */
#define FILTER(...)                                                                                                    \
    static NDIS_FILTER_DRIVER_CHARACTERISTICS characteristics = {                                                      \
        .Header = { NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS, NDIS_FILTER_CHARACTERISTICS_REVISION_2,            \
            NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2 },                                                    \
        .MajorNdisVersion = 6,                                                                                         \
        .MinorNdisVersion = 50,                                                                                        \
        .MajorDriverVersion = 1,                                                                                       \
        .FriendlyName = TEXT_OF(L"A filter of the field"),                                                             \
        .UniqueName = TEXT_OF(L"{3FC24A8B-9D61-44E5-8F37-2B9A6C0D7E15}"),                                               \
        .ServiceName = TEXT_OF(L"field"),                                                                              \
        __VA_ARGS__                                                                                                    \
    };                                                                                                                 \
    static void unload(PDRIVER_OBJECT driver) { NdisFDeregisterFilterDriver(driver_handle); }                          \
    NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {                                       \
        driver->DriverUnload = unload;                                                                                 \
        return NdisFRegisterFilterDriver(driver, driver, &characteristics, &driver_handle);                            \
    }

/* A filter module's own part for those that need no more: its handle, a pool of NBLs, and a reference for each packet
 * that is out, which pause waits for. */
struct module {
    NDIS_HANDLE handle;
    NDIS_HANDLE pool;
    EX_RUNDOWN_REF running;
};
static inline void module_free(struct module *module) {
    if (module->pool)
        NdisFreeNetBufferListPool(module->pool);
    ExFreePoolWithTag(module, TAG);
}
static inline NDIS_STATUS module_attach(NDIS_HANDLE handle, SIZE_T size, USHORT context_size) {
    struct module *module = ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG);
    if (!module)
        return NDIS_STATUS_RESOURCES;
    module->handle = handle;
    ExInitializeRundownProtection(&module->running);
    ExWaitForRundownProtectionRelease(&module->running);
    module->pool = nbl_pool(handle, context_size, 0);
    NDIS_STATUS status = module->pool ? set_attributes(handle, module) : NDIS_STATUS_RESOURCES;
    if (status != NDIS_STATUS_SUCCESS)
        module_free(module);
    return status;
}
static inline NDIS_STATUS module_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct module *module = context;
    ExInitializeRundownProtection(&module->running);
    return NDIS_STATUS_SUCCESS;
}
static inline NDIS_STATUS module_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct module *module = context;
    ExWaitForRundownProtectionRelease(&module->running);
    return NDIS_STATUS_SUCCESS;
}
static inline void module_detach(NDIS_HANDLE context) { module_free(context); }
static inline int enter(struct module *module) { return ExAcquireRundownProtection(&module->running); }
static inline void leave(struct module *module) { ExReleaseRundownProtection(&module->running); }
static inline void pass_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    NdisFIndicateStatus(((struct module *)context)->handle, indication);
}
static inline void pass_cancel(NDIS_HANDLE context, PVOID id) {
    NdisFCancelSendNetBufferLists(((struct module *)context)->handle, id);
}
static inline void pass_return(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    NdisFReturnNetBufferLists(((struct module *)context)->handle, lists, flags);
}
static inline void pass_completion(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    NdisFSendNetBufferListsComplete(((struct module *)context)->handle, lists, flags);
}
