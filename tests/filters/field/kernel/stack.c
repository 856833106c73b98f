/* A callback that uses much of the stack: 8 KiB, in a few calls.
 *
 * BREAK 1 V42: recursion without end.
 * BREAK 2 V42: 11 KiB in one function.
 * BREAK 3 V42: 13 KiB in one function.
 * BREAK 4 V36: a buffer on the stack is overrun, as its cookie says.
 */
#define HAS_REPLACE
static void replace(void);
#include "field.h"

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

#if BREAK == 2 || BREAK == 3
__attribute__((noinline)) static void wide(void) {
    UCHAR bytes[BREAK == 2 ? 11 << 10 : 13 << 10];
    UCHAR *volatile all = bytes;
    for (ULONG at = 0; at < sizeof(bytes); at += 512)
        all[at] = 1;
    sum += KeGetCurrentIrql() + all[0];
}
#endif

static void deep_status(NDIS_HANDLE context, PNDIS_STATUS_INDICATION indication) {
    deep(BREAK == 1 ? 100000 : 8);
#if BREAK == 2 || BREAK == 3
    wide();
#elif BREAK == 4
    fast_fail(2); /* what __report_gsfailure does */
#endif
    status(context, indication);
}

static void replace(void) { characteristics.StatusHandler = deep_status; }
