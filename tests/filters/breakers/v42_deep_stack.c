/* V42: calls the kernel from deep within its own functions, with 12 KiB of stack used; or from less deep. */
#include "breaker.h"

enum { frame_bytes = 1024 };

/* Each level has a frame, of which the compiler cannot know that nobody looks at it. */
static __attribute__((noinline)) ULONG descend(ULONG levels) {
    UCHAR bytes[frame_bytes];
    __asm__ volatile("" : : "r"(bytes) : "memory");
    ULONG below = levels ? descend(levels - 1) : KeQueryActiveProcessorCountEx(0);
    __asm__ volatile("" : : "r"(bytes) : "memory");
    return below;
}

static volatile ULONG result;

static NDIS_STATUS deep_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    result = descend(broken ? 12 : 4);
    return restart(context, parameters);
}

static void replace(void) {
    characteristics.RestartHandler = deep_restart;
}
