/* V10: registers with a structure whose header has not the size of its revision; or has. */
#include "breaker.h"

static void replace(void) {
    characteristics.Header.Size -= broken ? sizeof(PVOID) : 0;
}
