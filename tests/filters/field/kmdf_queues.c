/* Reads in a queue of their own, whose waiting ones are told of when they are cancelled; stopped, started, drained and purged
 * as the filter pauses and restarts. Writes in a sequential queue at PASSIVE_LEVEL, by a wait lock. */
#include "kmdf_device.h"

enum {
    SOUND,
    STOP_AT_DISPATCH, /* V45: a queue is stopped, and waited for, at DISPATCH_LEVEL */
    CANCELED_FORGOTTEN, /* V47: a cancelled request is taken and never completed */
    CANCELED_TWICE, /* V43: a cancelled request is completed twice */
    PURGES_IN_HAND, /* V47: a queue is purged, and waited for, with a request of it in hand */
    ASKS_COMPLETED, /* V43: the file's cleanup asks a request for its file, after completing it */
    KEEPS_WRITES, /* V47: writes are kept */
    REQUEUES_COMPLETED, /* V43: a request is completed and then put back into its queue */
};

static WDFWAITLOCK wait;
static WDFQUEUE writes;
static ULONG count;

static void forward_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    NTSTATUS status = WdfRequestForwardToIoQueue(request, manual);
    if (status < 0)
        WdfRequestComplete(request, status);
}

static void on_write(WDFQUEUE from, WDFREQUEST request, size_t length) {
    WdfWaitLockAcquire(wait, 0);
    count++;
    WdfWaitLockRelease(wait);
    if (FAULT != KEEPS_WRITES)
        WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, length);
}

static void on_canceled(WDFQUEUE from, WDFREQUEST request) {
    if (FAULT == CANCELED_FORGOTTEN)
        return;
    WdfRequestComplete(request, STATUS_CANCELLED);
    if (FAULT == CANCELED_TWICE)
        WdfRequestComplete(request, STATUS_CANCELLED);
}

static void on_cleanup(WDFFILEOBJECT file) {
    WDFREQUEST request;
    while (WdfIoQueueRetrieveRequestByFileObject(manual, file, &request) >= 0) {
        WdfRequestComplete(request, STATUS_CANCELLED);
        if (FAULT == REQUEUES_COMPLETED)
            WdfRequestRequeue(request);
        else if (FAULT == ASKS_COMPLETED)
            WdfRequestGetFileObject(request);
    }
}

static NDIS_STATUS stop_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    WDFREQUEST in_hand;
    if (FAULT == STOP_AT_DISPATCH) {
        KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);
        WdfIoQueueStopSynchronously(manual);
        KeLowerIrql(irql);
    }
    if (FAULT == PURGES_IN_HAND && WdfIoQueueRetrieveNextRequest(manual, &in_hand) >= 0)
        WdfIoQueuePurgeSynchronously(manual);
    WdfIoQueueStopSynchronously(manual);
    WdfIoQueueStart(manual);
    WdfIoQueueStopSynchronously(writes);
    return pause(context, parameters);
}

static NDIS_STATUS start_and_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    WdfIoQueueStart(writes);
    WdfIoQueueDrainSynchronously(writes);
    WdfIoQueueStart(writes);
    WdfIoQueuePurgeSynchronously(manual);
    WdfIoQueueStart(manual);
    return restart(context, parameters);
}

static NTSTATUS make_objects(void) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(device);
    WDF_IO_QUEUE_CONFIG config = {
        .Size = sizeof(config),
        .DispatchType = WdfIoQueueDispatchSequential,
        .PowerManaged = WdfFalse,
        .EvtIoWrite = on_write,
    };
    WDF_IO_QUEUE_CONFIG waiting = {
        .Size = sizeof(waiting),
        .DispatchType = WdfIoQueueDispatchManual,
        .PowerManaged = WdfFalse,
        .EvtIoCanceledOnQueue = on_canceled,
    };
    NTSTATUS status = WdfWaitLockCreate(&attributes, &wait);
    if (status >= 0)
        status = WdfIoQueueCreate(device, &waiting, 0, &manual);
    attributes = attributes_of(0);
    attributes.ExecutionLevel = WdfExecutionLevelPassive;
    if (status >= 0)
        status = WdfIoQueueCreate(device, &config, &attributes, &writes);
    if (status >= 0)
        status = WdfDeviceConfigureRequestDispatching(device, writes, WdfRequestTypeWrite);
    return status;
}

static void replace(void) {
    queue.EvtIoRead = forward_read;
    files.EvtFileCleanup = on_cleanup;
    characteristics.PauseHandler = stop_and_pause;
    characteristics.RestartHandler = start_and_restart;
}
