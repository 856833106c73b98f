/* V08: has no DriverUnload, in which it would deregister; or has one. */
#define OWN_ENTRY
#include "breaker.h"

static void replace(void) {
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    replace();
    NTSTATUS status = passthru_entry(driver, registry_path);
    if (broken)
        driver->DriverUnload = 0;
    return status;
}
