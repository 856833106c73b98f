/* V35: leaves the memory of its modules behind; or frees it. */
#include "breaker.h"

static void leaving_detach(NDIS_HANDLE context) {
    if (!broken)
        detach(context);
}

static void replace(void) {
    characteristics.DetachHandler = leaving_detach;
}
