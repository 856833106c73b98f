/* V45: waits for a queue to be empty at DISPATCH_LEVEL; or below. */
#include "kmdf.h"

static void draining_write(WDFQUEUE from, WDFREQUEST request, size_t length) {
    KIRQL irql = broken ? KfRaiseIrql(DISPATCH_LEVEL) : PASSIVE_LEVEL;
    WdfIoQueuePurgeSynchronously(manual);
    WdfIoQueueStart(manual);
    if (broken)
        KeLowerIrql(irql);
    evt_write(from, request, length);
}

static void replace(void) {
    queue.EvtIoWrite = draining_write;
}
