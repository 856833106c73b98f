/* V17: passes the completion of a send of its own up; or keeps it. */
#include "own.h"

static void say(void) {
    NdisFSendNetBufferLists(speaker->handle, own, 0, 0);
}

static void replace(void) {
    speak();
    if (broken)
        characteristics.SendNetBufferListsCompleteHandler = send_complete;
}
