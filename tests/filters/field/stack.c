/* A callback that uses much of the stack: 8 KiB, in a few calls. */
#define HAS_REPLACE
static void replace(void);
#include "wdm_device.h"

enum {
    SOUND,
    ENDLESS, /* V42: recursion without end */
    ELEVEN_KIB, /* V42: 11 KiB in one function */
    THIRTEEN_KIB, /* V42: 13 KiB in one function */
    COOKIE_OVERWRITTEN, /* V36: a buffer on the stack is overrun, as its cookie says */
};

void *__chkstk(void);
static volatile ULONG sum;

__attribute__((noinline)) static void deep(ULONG levels) {
    volatile UCHAR frame[900];
    frame[0] = frame[899] = (UCHAR)levels;
    if (levels)
        deep(levels - 1);
    else
        sum += KeGetCurrentIrql();
    sum += frame[0];
}

__attribute__((noinline)) static void wide(void) {
    UCHAR bytes[FAULT == ELEVEN_KIB ? 11 << 10 : 13 << 10];
    UCHAR *volatile all = bytes;
    for (ULONG at = 0; at < sizeof(bytes); at += 512)
        all[at] = 1;
    sum += KeGetCurrentIrql() + all[0];
}

static void deep_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    deep(FAULT == ENDLESS ? 100000 : 8);
    if (FAULT == ELEVEN_KIB || FAULT == THIRTEEN_KIB)
        wide();
    else if (FAULT == COOKIE_OVERWRITTEN)
        fast_fail(2); /* what __report_gsfailure does */
    status(context, indication);
}

static void replace(void) { characteristics.StatusHandler = deep_status; }
