/* A filter that imports what no kernel has, and calls it only if asked: never. */
#define DriverEntry passthru_entry
#include "../passthru.c"
#undef DriverEntry

__declspec(dllimport) NTSTATUS IoDoTheImpossible(PDRIVER_OBJECT);

static volatile BOOLEAN asked;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    return asked ? IoDoTheImpossible(driver) : passthru_entry(driver, registry_path);
}
