/* Reads go to a manual queue; each receive answers one of them, by its memory object. */
#include "kmdf_device.h"

enum {
    SOUND,
    COMPLETES_TWICE, /* V43: a request is completed twice */
    ASKS_COMPLETED, /* V43: a request is asked about after it was completed */
    WRITES_COMPLETED, /* V43: a request's buffer is written after it was completed */
    COMPLETES_UNDER_LOCK, /* V39: a request is completed with a spin lock of the framework's held */
    MORE_THAN_ROOM, /* V46: more bytes are said to be there than fit */
    HALF_UNWRITTEN, /* V46: half of the bytes are not written */
    INPUT_OF_A_READ, /* V46: a read's input buffer is asked for */
    KEEPS_READS, /* V47: reads are kept by the driver and never completed */
    COMPLETES_FORWARDED, /* V43: a request is completed after it was forwarded */
    WRITES_BEYOND, /* V36: the buffer is written beyond its end */
    COMPLETES_WITH_PENDING, /* V43: STATUS_PENDING is what a request is completed with */
    MEMORY_AFTER_COMPLETION, /* V43: the memory object is used after the request was completed */
    RECEIVES_UNDER_LOCK, /* V39: packets are handed on with a spin lock of the framework's held */
};

static WDFSPINLOCK lock;
static WDFREQUEST last;

static void forward_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    PVOID to;
    if (FAULT == KEEPS_READS)
        return;
    if (FAULT == INPUT_OF_A_READ)
        WdfRequestRetrieveInputBuffer(request, 1, &to, 0);
    NTSTATUS status = WdfRequestForwardToIoQueue(request, manual);
    if (FAULT == COMPLETES_FORWARDED)
        status = STATUS_UNSUCCESSFUL;
    if (status < 0)
        WdfRequestComplete(request, status);
}

static void answer_one(void) {
    WDFREQUEST request;
    WDFMEMORY memory;
    size_t length;
    UCHAR bytes[16];
    if (WdfIoQueueRetrieveNextRequest(manual, &request) < 0)
        return;
    NTSTATUS status = WdfRequestRetrieveOutputMemory(request, &memory);
    if (status < 0) {
        WdfRequestCompleteWithInformation(request, status, 0);
        return;
    }
    volatile UCHAR *to = WdfMemoryGetBuffer(memory, &length);
    memset(bytes, 0x5a, sizeof(bytes));
    (void)to;
    for (size_t at = 0; at < (FAULT == HALF_UNWRITTEN ? length / 2 : length); at += sizeof(bytes)) {
        size_t count = length - at < sizeof(bytes) ? length - at : sizeof(bytes);
        status = WdfMemoryCopyFromBuffer(memory, at, bytes, count);
    }
    if (FAULT == WRITES_BEYOND)
        to[length] = 1;
    else if (FAULT == COMPLETES_UNDER_LOCK)
        WdfSpinLockAcquire(lock);
    else if (FAULT == COMPLETES_WITH_PENDING)
        status = STATUS_PENDING;
    WdfRequestCompleteWithInformation(request, status, FAULT == MORE_THAN_ROOM ? length + 1 : length);
    if (FAULT == COMPLETES_TWICE)
        WdfRequestComplete(request, STATUS_SUCCESS);
    else if (FAULT == ASKS_COMPLETED)
        WdfRequestSetInformation(request, 1);
    else if (FAULT == WRITES_COMPLETED)
        to[0] = 1;
    else if (FAULT == COMPLETES_UNDER_LOCK)
        WdfSpinLockRelease(lock);
    else if (FAULT == MEMORY_AFTER_COMPLETION)
        WdfMemoryCopyFromBuffer(memory, 0, bytes, 1);
    last = request;
}

static void receive_and_answer(
    NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    answer_one();
    if (FAULT == RECEIVES_UNDER_LOCK)
        WdfSpinLockAcquire(lock);
    receive(context, lists, port, count, flags);
    if (FAULT == RECEIVES_UNDER_LOCK)
        WdfSpinLockRelease(lock);
}

static NTSTATUS make_objects(void) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(device);
    return WdfSpinLockCreate(&attributes, &lock);
}

static void replace(void) {
    queue.EvtIoRead = forward_read;
    characteristics.ReceiveNetBufferListsHandler = receive_and_answer;
}
