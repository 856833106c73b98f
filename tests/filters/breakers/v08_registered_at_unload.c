/* V08: goes without NdisFDeregisterFilterDriver; or with it. */
#define OWN_ENTRY
#include "breaker.h"

static void forgetful_unload(PDRIVER_OBJECT driver) {
    if (!broken)
        unload(driver);
}

static void replace(void) {
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    replace();
    NTSTATUS status = passthru_entry(driver, registry_path);
    driver->DriverUnload = forgetful_unload;
    return status;
}
