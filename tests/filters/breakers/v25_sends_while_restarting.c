/* V25: sends a frame of its own while it restarts; or with the first send that comes once it runs. */
#include "own.h"

static void say(void) {
    NdisFSendNetBufferLists(speaker->handle, own, 0, 0);
}

static NDIS_STATUS early_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    NDIS_STATUS status = speaking_restart(context, parameters);
    if (broken && context == speaker)
        say_once();
    return status;
}

static void replace(void) {
    speak();
    characteristics.RestartHandler = early_restart;
}
