/* Takes no part in the data path: attaches, watches events and status, keeps nothing. */
#include "data_path.h"

enum {
    SOUND,
    ATTACH_FORGETS_ATTRIBUTES, /* V07: */
    ATTACH_SENDS_STATUS, /* V07: before it is attached */
    DEREGISTERS_TWICE, /* V07: */
    STAYS_REGISTERED, /* V08: */
    OLD_REVISION, /* V10: attributes of a revision that there is not */
    CHARACTERISTICS_TOO_SHORT, /* V10: says revision 2 with the size of revision 1 */
    CHARACTERISTICS_TYPE, /* V10: */
    STATUS_WITHOUT_SIZE, /* V10: an indication of its own with no header */
    PAUSE_WAITS_LONG, /* V01: */
    EVENT_WAITS_FOREVER, /* V04: */
    DETACH_WAITS_FOREVER, /* V04: */
    RESTART_COMPLETED_TWICE, /* V07: by call and by its result */
    STATUS_WHILE_DETACHED, /* V07: with a handle that is gone */
};

struct filter {
    NDIS_HANDLE handle;
    LONG events, links;
};
static NDIS_HANDLE gone;

static void indicate(NDIS_HANDLE handle) {
    ULONG changed = 1;
    NDIS_STATUS_INDICATION indication = { 0 };
    indication.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    indication.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    indication.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    if (FAULT == STATUS_WITHOUT_SIZE)
        indication.Header.Size = 0;
    indication.SourceHandle = handle;
    indication.StatusCode = NDIS_STATUS_MEDIA_SPECIFIC_INDICATION;
    indication.StatusBuffer = &changed;
    indication.StatusBufferSize = sizeof(changed);
    NdisFIndicateStatus(handle, &indication);
}

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    struct filter *filter = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*filter), TAG);
    if (!filter)
        return NDIS_STATUS_RESOURCES;
    filter->handle = handle;
    if (FAULT == ATTACH_SENDS_STATUS)
        indicate(handle);
    if (FAULT == ATTACH_FORGETS_ATTRIBUTES)
        return NDIS_STATUS_SUCCESS;
    NDIS_FILTER_ATTRIBUTES attributes = {
        { NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES, NDIS_FILTER_ATTRIBUTES_REVISION_1,
            NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1 }, 0,
    };
    if (FAULT == OLD_REVISION)
        attributes.Header.Revision = 2;
    NDIS_STATUS status = NdisFSetAttributes(handle, filter, &attributes);
    if (status != NDIS_STATUS_SUCCESS)
        ExFreePoolWithTag(filter, TAG);
    return status;
}

static void wait_forever(void) {
    KEVENT never;
    KeInitializeEvent(&never, NotificationEvent, 0);
    KeWaitForSingleObject(&never, Executive, KernelMode, 0, 0);
}

static void detach(NDIS_HANDLE context) {
    struct filter *filter = context;
    if (FAULT == DETACH_WAITS_FOREVER)
        wait_forever();
    gone = filter->handle;
    ExFreePoolWithTag(filter, TAG);
}

static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct filter *filter = context;
    if (FAULT == RESTART_COMPLETED_TWICE)
        NdisFRestartComplete(filter->handle, NDIS_STATUS_SUCCESS);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    if (FAULT == PAUSE_WAITS_LONG) {
        LARGE_INTEGER long_time = { .QuadPart = -11 * 10000000ll };
        KeDelayExecutionThread(KernelMode, 0, &long_time);
    }
    return NDIS_STATUS_SUCCESS;
}

static void status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    struct filter *filter = context;
    if (indication->StatusCode == NDIS_STATUS_LINK_STATE) {
        filter->links += 1;
        NdisFIndicateStatus(filter->handle, indication);
        indicate(filter->handle); /* tells those above of the change in its own words */
        return;
    }
    NdisFIndicateStatus(filter->handle, indication);
}

static NDIS_STATUS net_pnp(NDIS_HANDLE context, PNET_PNP_EVENT_NOTIFICATION event) {
    struct filter *filter = context;
    InterlockedIncrement(&filter->events);
    if (FAULT == EVENT_WAITS_FOREVER)
        wait_forever();
    return NdisFNetPnPEvent(filter->handle, event);
}
static void device_pnp(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event) {
    struct filter *filter = context;
    InterlockedIncrement(&filter->events);
    NdisFDevicePnPEventNotify(filter->handle, event);
}

static NDIS_FILTER_DRIVER_CHARACTERISTICS characteristics = {
    .Header = { FAULT == CHARACTERISTICS_TYPE ? NDIS_OBJECT_TYPE_DEFAULT : NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
        NDIS_FILTER_CHARACTERISTICS_REVISION_2,
        FAULT == CHARACTERISTICS_TOO_SHORT ? NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_1
                                          : NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2 },
    .MajorNdisVersion = 6,
    .MinorNdisVersion = 30,
    .FriendlyName = TEXT_OF(L"A filter that NDIS bypasses"),
    .UniqueName = TEXT_OF(L"{8D0C2A6B-51C0-4A0C-9D59-3B6C2B1F7A10}"),
    .ServiceName = TEXT_OF(L"bypass"),
    .AttachHandler = attach,
    .DetachHandler = detach,
    .RestartHandler = restart,
    .PauseHandler = pause,
    .StatusHandler = status,
    .NetPnPEventHandler = net_pnp,
    .DevicePnPEventNotifyHandler = device_pnp,
};

static void unload(PDRIVER_OBJECT driver) {
    if (FAULT != STAYS_REGISTERED)
        NdisFDeregisterFilterDriver(driver_handle);
    if (FAULT == DEREGISTERS_TWICE)
        NdisFDeregisterFilterDriver(driver_handle);
    if (FAULT == STATUS_WHILE_DETACHED)
        indicate(gone);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    driver->DriverUnload = unload;
    return NdisFRegisterFilterDriver(driver, driver, &characteristics, &driver_handle);
}
