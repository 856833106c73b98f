/* V27: frees a pool before the NBL that came from it; or after. */
#include "own.h"

static void say(void) {
    NdisFSendNetBufferLists(speaker->handle, own, 0, 0);
}

static NDIS_STATUS hasty_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    if (broken && context == speaker) {
        KeWaitForSingleObject(&is_back, Executive, KernelMode, 0, 0);
        NdisFreeNetBufferListPool(pool);
    }
    return speaking_pause(context, parameters);
}

static void replace(void) {
    speak();
    characteristics.PauseHandler = hasty_pause;
}
