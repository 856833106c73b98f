/* Delays receives by 5 ms: a work item indicates what is queued. What is lent goes up at once. */
#include "data_path.h"

enum {
    SOUND,
    KEEPS_TWO_SECONDS, /* V13: */
    QUEUES_LENT, /* V14: */
    QUEUES_WHILE_PAUSED, /* V25: */
    PAUSE_LEAVES_QUEUE, /* V05: */
    COUNT_OF_ONE, /* V23: the count of the last list, for all that is queued */
    LAST_FIRST, /* V31: */
    WORK_CLAIMS_DISPATCH, /* V24: */
    RETURNS_ONE_TWICE, /* V15: what the pause finds */
    RING, /* V23: forgets to end the list */
    TOUCHES_RETURNED, /* V16: */
    LENT_LIST_CUT, /* V14: indicates a lent list one by one, and does not link it again */
};

struct queue {
    struct module module;
    KSPIN_LOCK lock;
    NDIS_HANDLE work;
    KTIMER timer;
    KDPC dpc;
    PNET_BUFFER_LIST head;
    PNET_BUFFER_LIST *end;
    ULONG count, last_count;
    int running, armed;
    KEVENT idle;
};

static PNET_BUFFER_LIST take_all(struct queue *queue, PULONG count) {
    PNET_BUFFER_LIST lists = queue->head;
    *count = queue->count;
    queue->head = 0;
    queue->end = &queue->head;
    queue->count = 0;
    return lists;
}

static void worked(PVOID context, NDIS_HANDLE item) {
    struct queue *queue = context;
    ULONG count;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
    PNET_BUFFER_LIST lists = take_all(queue, &count);
    if (FAULT == COUNT_OF_ONE)
        count = queue->last_count;
    KeReleaseSpinLock(&queue->lock, irql);
    if (lists)
        NdisFIndicateReceiveNetBufferLists(
            queue->module.handle, lists, 0, count, FAULT == WORK_CLAIMS_DISPATCH ? NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL : 0);
    irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
    queue->armed = 0;
    KeSetEvent(&queue->idle, 0, 0);
    KeReleaseSpinLock(&queue->lock, irql);
}

static void due(PKDPC dpc, PVOID context, PVOID one, PVOID two) {
    struct queue *queue = context;
    NdisQueueIoWorkItem(queue->work, (PVOID)worked, queue);
}

static NDIS_STATUS attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    struct queue *queue = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*queue), TAG);
    if (!queue)
        return NDIS_STATUS_RESOURCES;
    ULONG none;
    queue->module.handle = handle;
    KeInitializeSpinLock(&queue->lock);
    KeInitializeTimerEx(&queue->timer, NotificationTimer);
    KeInitializeDpc(&queue->dpc, (PVOID)due, queue);
    KeInitializeEvent(&queue->idle, NotificationEvent, 1);
    take_all(queue, &none);
    queue->work = NdisAllocateIoWorkItem(handle);
    NDIS_STATUS status = queue->work ? set_attributes(handle, queue) : NDIS_STATUS_RESOURCES;
    if (status != NDIS_STATUS_SUCCESS) {
        if (queue->work)
            NdisFreeIoWorkItem(queue->work);
        ExFreePoolWithTag(queue, TAG);
    }
    return status;
}
static void detach(NDIS_HANDLE context) {
    struct queue *queue = context;
    NdisFreeIoWorkItem(queue->work);
    ExFreePoolWithTag(queue, TAG);
}
static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    ((struct queue *)context)->running = 1;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    struct queue *queue = context;
    ULONG count = 0;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
    queue->running = 0;
    PNET_BUFFER_LIST lists = FAULT == PAUSE_LEAVES_QUEUE ? 0 : take_all(queue, &count);
    KeReleaseSpinLock(&queue->lock, irql);
    if (KeCancelTimer(&queue->timer)) {
        queue->armed = 0;
        KeSetEvent(&queue->idle, 0, 0);
    }
    if (FAULT == RETURNS_ONE_TWICE && lists && lists->Next)
        NdisFReturnNetBufferLists(queue->module.handle, lists->Next, 0);
    if (lists)
        NdisFReturnNetBufferLists(queue->module.handle, lists, 0);
    if (FAULT == TOUCHES_RETURNED && lists)
        lists->Scratch = 0;
    KeWaitForSingleObject(&queue->idle, Executive, KernelMode, 0, 0);
    return NDIS_STATUS_SUCCESS;
}

static void receive(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    struct queue *queue = context;
    if (NDIS_TEST_FLAG(flags, NDIS_RECEIVE_FLAGS_RESOURCES) && FAULT == LENT_LIST_CUT) {
        for (PNET_BUFFER_LIST list = lists; list;) {
            PNET_BUFFER_LIST next = list->Next;
            list->Next = 0;
            NdisFIndicateReceiveNetBufferLists(queue->module.handle, list, port, 1, flags);
            list = next;
        }
        return;
    }
    if (NDIS_TEST_FLAG(flags, NDIS_RECEIVE_FLAGS_RESOURCES) && FAULT != QUEUES_LENT) {
        NdisFIndicateReceiveNetBufferLists(queue->module.handle, lists, port, count, flags);
        return;
    }
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&queue->lock);
    int running = queue->running || FAULT == QUEUES_WHILE_PAUSED, arm = 0;
    if (running) {
        while (lists && FAULT == LAST_FIRST) {
            PNET_BUFFER_LIST next = lists->Next;
            lists->Next = queue->head;
            queue->head = lists;
            lists = next;
        }
        if (lists) {
            *queue->end = lists;
            while (*queue->end)
                queue->end = &(*queue->end)->Next;
            if (FAULT == RING)
                *queue->end = queue->head;
        }
        queue->count += count;
        queue->last_count = count;
        arm = !queue->armed;
        queue->armed = 1;
        if (arm)
            KeClearEvent(&queue->idle);
    }
    KeReleaseSpinLock(&queue->lock, irql);
    if (!running)
        NdisFReturnNetBufferLists(queue->module.handle, lists, TO_RETURN(flags));
    if (arm) {
        LARGE_INTEGER soon = { .QuadPart = FAULT == KEEPS_TWO_SECONDS ? -20000000ll : -50000ll };
        KeSetTimerEx(&queue->timer, soon, 0, &queue->dpc);
    }
}

FILTER(.AttachHandler = attach, .DetachHandler = detach, .RestartHandler = restart, .PauseHandler = pause,
    .ReceiveNetBufferListsHandler = receive, .ReturnNetBufferListsHandler = pass_return, .StatusHandler = pass_status)
