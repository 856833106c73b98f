/* V28: keeps the processor for long at DISPATCH_LEVEL, once; or for a moment. */
#include "breaker.h"

/* In cycles of the time stamp counter, of which a processor has 1 to 5 in a nanosecond. */
#define SPIN (broken ? 3000000000ULL : 100000ULL)

static int has_spun;

static void spinning_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    KIRQL irql = KeGetCurrentIrql();
    if (!has_spun && irql == DISPATCH_LEVEL) {
        has_spun = 1;
        unsigned long long start = __builtin_readcyclecounter();
        while (__builtin_readcyclecounter() - start < SPIN) {
        }
    }
    send(context, lists, port, flags);
}

static void replace(void) {
    characteristics.SendNetBufferListsHandler = spinning_send;
}
