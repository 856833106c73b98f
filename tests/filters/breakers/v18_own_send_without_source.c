/* V18: sends a frame of its own that does not say whose it is; or does. */
#include "own.h"

static void say(void) {
    if (broken)
        own->SourceHandle = 0;
    NdisFSendNetBufferLists(speaker->handle, own, 0, 0);
}

static void replace(void) {
    speak();
}
