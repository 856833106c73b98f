/* V12: holds sends for two seconds, one more than it may; or for half of one. */
#define HOLD_MS (broken ? 2000 : 500)
#include "held_sends.h"

static void replace(void) {
    hold_sends();
}
