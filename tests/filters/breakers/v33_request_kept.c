/* V33: keeps an OID request for two seconds, one more than it may; or for half of one. */
#include "breaker.h"

#define KEEP_MS (broken ? 2000 : 500)

/* One at a time; others are passed on. */
static struct module *keeper;
static PNDIS_OID_REQUEST volatile kept;
static KTIMER timer;
static KDPC dpc;

static void time_is_over(struct _KDPC *unused, PVOID context, PVOID unused1, PVOID unused2) {
    PNDIS_OID_REQUEST request = kept;
    kept = 0;
    NdisFOidRequestComplete(keeper->handle, request, NDIS_STATUS_NOT_SUPPORTED);
}

static NDIS_STATUS keeping_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request) {
    LARGE_INTEGER due = { .QuadPart = -10000LL * KEEP_MS };
    if (request->RequestType != NdisRequestSetInformation || kept)
        return oid_request(context, request);
    kept = request;
    keeper = context;
    KeSetTimerEx(&timer, due, 0, &dpc);
    return NDIS_STATUS_PENDING;
}

static void replace(void) {
    KeInitializeTimerEx(&timer, NotificationTimer);
    KeInitializeDpc(&dpc, time_is_over, 0);
    characteristics.OidRequestHandler = keeping_oid_request;
}
