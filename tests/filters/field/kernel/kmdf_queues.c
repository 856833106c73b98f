/* Reads in a queue of their own, whose waiting ones are told of when they are cancelled; stopped, started, drained and purged
 * as the filter pauses and restarts. Writes in a sequential queue at PASSIVE_LEVEL, by a wait lock.
 *
 * BREAK 1 V45: a queue is stopped, and waited for, at DISPATCH_LEVEL.
 * BREAK 2 V47: a cancelled request is taken and never completed.
 * BREAK 3 V43: a cancelled request is completed twice.
 * BREAK 4 V47: a queue is purged, and waited for, with a request of it in hand.
 * BREAK 5 V43: a request is taken from the queue by the file's cleanup and forgotten; its file's handle is used.
 * BREAK 6 V47: writes are kept.
 * BREAK 7 V43: a request is completed and then put back into its queue.
 */
#include "kmdf_field.h"

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
    if (BREAK != 6)
        WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, length);
}

static void on_canceled(WDFQUEUE from, WDFREQUEST request) {
    if (BREAK == 2)
        return;
    WdfRequestComplete(request, STATUS_CANCELLED);
#if BREAK == 3
    WdfRequestComplete(request, STATUS_CANCELLED);
#endif
}

static void on_cleanup(WDFFILEOBJECT file) {
    WDFREQUEST request;
    while (WdfIoQueueRetrieveRequestByFileObject(manual, file, &request) >= 0) {
        WdfRequestComplete(request, STATUS_CANCELLED);
#if BREAK == 7
        WdfRequestRequeue(request);
#elif BREAK == 5
        WdfRequestGetFileObject(request);
#endif
    }
}

static NDIS_STATUS stop_and_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
#if BREAK == 1
    KIRQL irql = KfRaiseIrql(2);
    WdfIoQueueStopSynchronously(manual);
    KeLowerIrql(irql);
#elif BREAK == 4
    WDFREQUEST in_hand;
    if (WdfIoQueueRetrieveNextRequest(manual, &in_hand) >= 0)
        WdfIoQueuePurgeSynchronously(manual);
#endif
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
