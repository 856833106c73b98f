/* V15: passes returned receives down twice; or once. */
#include "breaker.h"

static void repeating_returned(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    returned(context, lists, flags);
    if (broken)
        returned(context, lists, flags);
}

static void replace(void) {
    characteristics.ReturnNetBufferListsHandler = repeating_returned;
}
