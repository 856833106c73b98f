/* V22: indicates a receive of its own with two NBs; or with one. */
#include "own.h"

static void say(void) {
    if (broken) {
        PNET_BUFFER_LIST other = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, sizeof(frame));
        if (other)
            own->FirstNetBuffer->Next = other->FirstNetBuffer;
    }
    NdisFIndicateReceiveNetBufferLists(speaker->handle, own, 0, 1, 0);
}

static void replace(void) {
    speak();
}
