/* The pass-through filter with some of its handlers replaced: what every breaker starts from.
 *
 * Each file beside this one is built twice. With BROKEN=1 the filter breaks the rule that the file is named after, and
 * with BROKEN=0 it does the same work as the rule wants it. The file includes this one, and defines `replace`, which puts
 * its handlers into `characteristics` before the filter registers. */
#define DriverEntry passthru_entry
#include "../passthru.c"
#undef DriverEntry

enum { broken = BROKEN };

static void replace(void);

#ifndef OWN_ENTRY
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    replace();
    return passthru_entry(driver, registry_path);
}
#endif
