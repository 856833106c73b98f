/* Reads go to a manual queue; each receive answers one of them, by its memory object.
 *
 * BREAK 1 V43: a request is completed twice.
 * BREAK 2 V43: a request is asked about after it was completed.
 * BREAK 3 V43: a request's buffer is written after it was completed.
 * BREAK 4 V39: a request is completed with a spin lock of the framework's held.
 * BREAK 5 V46: more bytes are said to be there than fit.
 * BREAK 6 V46: half of the bytes are not written.
 * BREAK 7 V46: a read's input buffer is asked for.
 * BREAK 8 V47: reads are kept by the driver and never completed.
 * BREAK 9 V43: a request is completed after it was forwarded.
 * BREAK 10 V36: the buffer is written beyond its end.
 * BREAK 11 V43: STATUS_PENDING is what a request is completed with.
 * BREAK 12 V43: the memory object is used after the request was completed.
 * BREAK 13 V39: packets are handed on with a spin lock of the framework's held.
 */
#include "kmdf_field.h"

static WDFSPINLOCK lock;
static WDFREQUEST last;

static void forward_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
#if BREAK == 8
    return;
#elif BREAK == 7
    PVOID to;
    WdfRequestRetrieveInputBuffer(request, 1, &to, 0);
#endif
    NTSTATUS status = WdfRequestForwardToIoQueue(request, manual);
#if BREAK == 9
    status = STATUS_UNSUCCESSFUL;
#endif
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
    for (size_t at = 0; at < (BREAK == 6 ? length / 2 : length); at += sizeof(bytes)) {
        size_t count = length - at < sizeof(bytes) ? length - at : sizeof(bytes);
        status = WdfMemoryCopyFromBuffer(memory, at, bytes, count);
    }
#if BREAK == 10
    to[length] = 1;
#elif BREAK == 4
    WdfSpinLockAcquire(lock);
#elif BREAK == 11
    status = STATUS_PENDING;
#endif
    WdfRequestCompleteWithInformation(request, status, BREAK == 5 ? length + 1 : length);
#if BREAK == 1
    WdfRequestComplete(request, STATUS_SUCCESS);
#elif BREAK == 2
    WdfRequestSetInformation(request, 1);
#elif BREAK == 3
    to[0] = 1;
#elif BREAK == 4
    WdfSpinLockRelease(lock);
#elif BREAK == 12
    WdfMemoryCopyFromBuffer(memory, 0, bytes, 1);
#endif
    last = request;
}

static void receive_and_answer(
    NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG count, ULONG flags) {
    answer_one();
#if BREAK == 13
    WdfSpinLockAcquire(lock);
#endif
    receive(context, lists, port, count, flags);
#if BREAK == 13
    WdfSpinLockRelease(lock);
#endif
}

static NTSTATUS make_objects(void) {
    WDF_OBJECT_ATTRIBUTES attributes = attributes_of(device);
    return WdfSpinLockCreate(&attributes, &lock);
}

static void replace(void) {
    queue.EvtIoRead = forward_read;
    characteristics.ReceiveNetBufferListsHandler = receive_and_answer;
}
