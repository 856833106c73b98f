/* Delays sends by 20 ms: a queue under a spin lock, and an NDIS timer that sends what is in it. */
#include "data_path.h"

enum {
    SOUND,
    DELAYS_TWO_SECONDS, /* V12: */
    NEVER_SENDS, /* V12: nothing arms the timer */
    PAUSE_LEAVES_QUEUE, /* V05: to the timer */
    PAUSE_STOPS_TIMER, /* V05: and forgets the queue */
    CANCEL_LEAVES_QUEUED, /* V20: passes the cancellation on only */
    CANCELS_FIRST_MATCH, /* V20: one of several */
    CANCELS_ALL, /* V20: matching or not */
    CANCEL_NOT_PASSED_ON, /* V20: once it has found something itself */
    CANCEL_RACES_TIMER, /* V15: the timer has what is cancelled too */
    SENDS_LAST_FIRST, /* V31: a stack instead of a queue */
    OVERTAKES, /* V31: what comes with an empty list of out-of-band data goes at once */
    QUEUES_WHILE_PAUSED, /* V25: */
    ABORTS_WITHOUT_STATUS, /* V19: */
    PAUSE_CLAIMS_DISPATCH, /* V24: completes at PASSIVE_LEVEL as if in the timer */
    FORGETS_REST, /* V12: the timer sends the first and drops the list behind it */
    HOLDS_LOCK, /* V39: over the send */
};

struct queue {
    struct module module;
    NDIS_SPIN_LOCK lock;
    NDIS_HANDLE timer;
    PNET_BUFFER_LIST head;
    PNET_BUFFER_LIST *end;
    PNET_BUFFER_LIST cancelled;
    NDIS_PORT_NUMBER port;
    int running, armed;
};

static void lock(struct queue *queue) { queue->lock.OldIrql = KeAcquireSpinLockRaiseToDpc(&queue->lock.SpinLock); }
static void unlock(struct queue *queue) { KeReleaseSpinLock(&queue->lock.SpinLock, queue->lock.OldIrql); }

static PNET_BUFFER_LIST take_all(struct queue *queue) {
    PNET_BUFFER_LIST lists = queue->head;
    queue->head = 0;
    queue->end = &queue->head;
    return lists;
}

static void timed(PVOID one, PVOID context, PVOID two, PVOID three) {
    struct queue *queue = context;
    lock(queue);
    PNET_BUFFER_LIST lists = take_all(queue);
    queue->armed = 0;
    if (FAULT == HOLDS_LOCK && lists) {
        NdisFSendNetBufferLists(queue->module.handle, lists, queue->port, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
        lists = 0;
    }
    unlock(queue);
    if (FAULT == CANCEL_RACES_TIMER && queue->cancelled)
        NdisFSendNetBufferLists(queue->module.handle, queue->cancelled, queue->port, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    if (FAULT == FORGETS_REST && lists)
        lists->Next = 0;
    if (lists)
        NdisFSendNetBufferLists(queue->module.handle, lists, queue->port, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
}

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    struct queue *queue = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*queue), TAG);
    if (!queue)
        return NDIS_STATUS_RESOURCES;
    queue->module.handle = handle;
    KeInitializeSpinLock(&queue->lock.SpinLock);
    take_all(queue);
    NDIS_TIMER_CHARACTERISTICS timer = {
        { NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, NDIS_TIMER_CHARACTERISTICS_REVISION_1,
            NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1 }, TAG, (PVOID)timed, queue,
    };
    NDIS_STATUS status = NdisAllocateTimerObject(handle, &timer, &queue->timer);
    if (status == NDIS_STATUS_SUCCESS)
        status = set_attributes(handle, queue);
    if (status != NDIS_STATUS_SUCCESS) {
        if (queue->timer)
            NdisFreeTimerObject(queue->timer);
        ExFreePoolWithTag(queue, TAG);
    }
    return status;
}
static void detach(NDIS_HANDLE context) {
    struct queue *queue = context;
    NdisFreeTimerObject(queue->timer);
    ExFreePoolWithTag(queue, TAG);
}

static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    struct queue *queue = context;
    queue->running = 1;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct queue *queue = context;
    if (FAULT == PAUSE_CLAIMS_DISPATCH) {
        lock(queue);
        PNET_BUFFER_LIST lists = take_all(queue);
        unlock(queue);
        if (lists)
            end_sends(queue->module.handle, lists, NDIS_STATUS_PAUSED, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    }
    lock(queue);
    queue->running = 0;
    PNET_BUFFER_LIST lists = FAULT == PAUSE_LEAVES_QUEUE || FAULT == PAUSE_STOPS_TIMER ? 0 : take_all(queue);
    unlock(queue);
    if (FAULT == PAUSE_LEAVES_QUEUE)
        return NDIS_STATUS_SUCCESS;
    NdisCancelTimerObject(queue->timer);
    queue->armed = 0;
    if (lists)
        end_sends(queue->module.handle, lists, NDIS_STATUS_PAUSED, 0);
    KeFlushQueuedDpcs();
    return NDIS_STATUS_SUCCESS;
}

static void send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    struct queue *queue = context;
    LARGE_INTEGER soon = { .QuadPart = FAULT == DELAYS_TWO_SECONDS ? -20000000ll : -200000ll };
    if (FAULT == OVERTAKES && !NET_BUFFER_LIST_INFO(lists, Ieee8021QNetBufferListInfo) && queue->running) {
        NdisFSendNetBufferLists(queue->module.handle, lists, port, flags);
        return;
    }
    lock(queue);
    int running = queue->running || FAULT == QUEUES_WHILE_PAUSED, arm = 0;
    if (running) {
        queue->port = port;
        if (FAULT == SENDS_LAST_FIRST) {
            while (lists) {
                PNET_BUFFER_LIST next = lists->Next;
                lists->Next = queue->head;
                queue->head = lists;
                lists = next;
            }
        } else {
            *queue->end = lists;
            while (*queue->end)
                queue->end = &(*queue->end)->Next;
        }
        arm = !queue->armed;
        queue->armed = FAULT != NEVER_SENDS || arm;
    }
    unlock(queue);
    if (!running)
        end_sends(queue->module.handle, lists, NDIS_STATUS_PAUSED, TO_COMPLETE(flags));
    else if (arm && FAULT != NEVER_SENDS)
        NdisSetTimerObject(queue->timer, soon, 0, 0);
}

static void cancel_send(NDIS_HANDLE context, PVOID id) {
    struct queue *queue = context;
    struct chain cancelled = EMPTY_CHAIN(cancelled), kept = EMPTY_CHAIN(kept);
    if (FAULT != CANCEL_LEAVES_QUEUED) {
        lock(queue);
        PNET_BUFFER_LIST list = take_all(queue);
        while (list) {
            PNET_BUFFER_LIST next = list->Next;
            int matches = NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(list) == id || FAULT == CANCELS_ALL;
            if (FAULT == CANCELS_FIRST_MATCH && cancelled.head)
                matches = 0;
            append(matches ? &cancelled : &kept, list);
            list = next;
        }
        if (kept.head) {
            queue->head = kept.head;
            queue->end = kept.end;
        }
        unlock(queue);
    }
    int found = cancelled.head != 0;
    queue->cancelled = cancelled.head;
    if (found && FAULT == ABORTS_WITHOUT_STATUS) {
        NdisFSendNetBufferListsComplete(queue->module.handle, cancelled.head, 0);
    } else if (found) {
        end_sends(queue->module.handle, cancelled.head, NDIS_STATUS_SEND_ABORTED, 0);
    }
    if (!found || FAULT != CANCEL_NOT_PASSED_ON)
        NdisFCancelSendNetBufferLists(queue->module.handle, id);
}

FILTER(.AttachHandler = attach, .DetachHandler = detach, .RestartHandler = restart, .PauseHandler = pause,
    .SendNetBufferListsHandler = send, .SendNetBufferListsCompleteHandler = pass_completion,
    .CancelSendNetBufferListsHandler = cancel_send, .StatusHandler = pass_status)
