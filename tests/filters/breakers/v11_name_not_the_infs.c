/* V11: registers with a service's name that is not the one in its INF (passthru.inf); or with that. */
#include "breaker.h"

static void replace(void) {
    NDIS_STRING other = STRING(L"passthrough");
    if (broken)
        characteristics.ServiceName = other;
}
