/* The pass-through filter with those of its handlers alone that the parameter `Handlers` has a bit for, registered as the
 * NDIS version `Minor` of the parameters has it: each combination that NDIS accepts is a filter of its own. */
#include "wdm.h"

enum {
    SEND = 1, SEND_COMPLETE = 2, CANCEL = 4, RECEIVE = 8, RETURN = 16, OID = 32, OID_COMPLETE = 64, CANCEL_OID = 128,
    STATUS = 256, NET_PNP = 512, DEVICE_PNP = 1024,
    BYPASS = 2048, /* FilterSetModuleOptions changes the data handlers with each restart */
    PENDING = 4096, /* restart and pause are completed by work items */
};

static ULONG handlers, restarts;

/* The handlers that this restart leaves: each combination of both directions in turn. */
static NDIS_STATUS set_options(NDIS_HANDLE context) {
    struct module *module = context;
    ULONG turn = restarts++;
    NDIS_FILTER_PARTIAL_CHARACTERISTICS partial = {
        .Header = { NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS, 1,
                    NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1 },
    };
    if (turn & 1) {
        partial.SendNetBufferListsHandler = send;
        partial.SendNetBufferListsCompleteHandler = send_complete;
    }
    if (turn & 2) {
        partial.ReceiveNetBufferListsHandler = receive;
        partial.ReturnNetBufferListsHandler = returned;
    }
    return NdisSetOptionalHandlers(module->handle, (PVOID)&partial);
}

struct job {
    struct module *module;
    NDIS_HANDLE item;
    int restarts;
};

static void finish(PVOID context, NDIS_HANDLE item) {
    struct job *job = context;
    NDIS_HANDLE handle = job->module->handle;
    int restarts_it = job->restarts;
    if (restarts_it)
        restart(job->module, 0);
    else
        pause(job->module, 0);
    NdisFreeMemory(job, 0, 0);
    NdisFreeIoWorkItem(item);
    if (restarts_it)
        NdisFRestartComplete(handle, NDIS_STATUS_SUCCESS);
    else
        NdisFPauseComplete(handle);
}

static NDIS_STATUS put_off(struct module *module, int restarts_it) {
    struct job *job = NdisAllocateMemoryWithTagPriority(module->handle, sizeof(*job), POOL_TAG, 32);
    NDIS_HANDLE item = NdisAllocateIoWorkItem(module->handle);
    job->module = module;
    job->restarts = restarts_it;
    NdisQueueIoWorkItem(item, (PVOID)finish, job);
    return NDIS_STATUS_PENDING;
}

static NDIS_STATUS restart_later(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    return put_off(context, 1);
}
static NDIS_STATUS pause_later(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    return put_off(context, 0);
}

#define ONLY(bit, handler) if (!(handlers & (bit))) characteristics.handler = 0

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    handlers = parameter(registry_path, L"Handlers");
    ULONG minor = parameter(registry_path, L"Minor");
    ONLY(SEND, SendNetBufferListsHandler);
    ONLY(SEND_COMPLETE, SendNetBufferListsCompleteHandler);
    ONLY(CANCEL, CancelSendNetBufferListsHandler);
    ONLY(RECEIVE, ReceiveNetBufferListsHandler);
    ONLY(RETURN, ReturnNetBufferListsHandler);
    ONLY(OID, OidRequestHandler);
    ONLY(OID_COMPLETE, OidRequestCompleteHandler);
    ONLY(CANCEL_OID, CancelOidRequestHandler);
    ONLY(STATUS, StatusHandler);
    ONLY(NET_PNP, NetPnPEventHandler);
    ONLY(DEVICE_PNP, DevicePnPEventNotifyHandler);
    if (handlers & BYPASS)
        characteristics.SetFilterModuleOptionsHandler = set_options;
    if (handlers & PENDING) {
        characteristics.RestartHandler = restart_later;
        characteristics.PauseHandler = pause_later;
    }
    characteristics.MinorNdisVersion = (UCHAR)minor;
    if (minor == 0) {
        characteristics.Header.Revision = NDIS_FILTER_CHARACTERISTICS_REVISION_1;
        characteristics.Header.Size = NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_1;
    } else if (minor > 80) {
        characteristics.Header.Revision = NDIS_FILTER_CHARACTERISTICS_REVISION_3;
        characteristics.Header.Size = NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3;
    }
    return passthru_entry(driver, registry_path);
}
