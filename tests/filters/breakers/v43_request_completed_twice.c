/* V43: completes a request twice; or once. */
#include "kmdf.h"

static void repeating_write(WDFQUEUE from, WDFREQUEST request, size_t length) {
    evt_write(from, request, length);
    if (broken)
        evt_write(from, request, length);
}

static void replace(void) {
    queue.EvtIoWrite = repeating_write;
}
