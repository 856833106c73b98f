/* V46: completes reads with more bytes than it wrote; or with as many. */
#include "kmdf.h"

static void careless_read(WDFQUEUE from, WDFREQUEST request, size_t length) {
    answer(request, length, broken ? length / 2 : length);
}

static void replace(void) {
    queue.EvtIoRead = careless_read;
}
