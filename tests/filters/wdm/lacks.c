/* A WDM filter that uses what no kernel has, in one way for each IOCTL: what the lab has to name. */
#include "wdm.h"

IMPORT void KeDoTheImpossible(void);
IMPORT ULONG KeImpossibleData;

static void (*volatile loaded_earlier)(void);
static BOOLEAN at_unload;
static KDPC dpc;

__attribute__((noinline)) static void jumps(void) { return KeDoTheImpossible(); }

static void at_dispatch(PKDPC object, PVOID context, PVOID first, PVOID second) {
    KeDoTheImpossible();
    loaded_earlier = 0; /* so that the call is no jump */
}

static ULONG calls(void) { KeDoTheImpossible(); return 0; }
static ULONG calls_what_jumps(void) { jumps(); return 0; }
static ULONG calls_by_pointer(void) { loaded_earlier(); return 0; }
static ULONG calls_in_a_dpc(void) {
    KeInitializeDpc(&dpc, (PKDEFERRED_ROUTINE)(PVOID)at_dispatch, 0);
    return !KeInsertQueueDpc(&dpc, 0, 0);
}
static ULONG calls_at_unload(void) { at_unload = 1; return 0; }
static ULONG reads(void) { return KeImpossibleData; }
static ULONG jumps_in_a_dpc(void) {
    KeInitializeDpc(&dpc, (PKDEFERRED_ROUTINE)(PVOID)jumps, 0);
    return !KeInsertQueueDpc(&dpc, 0, 0);
}

static check *const checks[] = {
    [20] = calls, calls_what_jumps, calls_by_pointer, calls_in_a_dpc, calls_at_unload, reads, jumps_in_a_dpc,
};

#define DriverEntry device_entry
CHECKING_DEVICE(L"lacks")
#undef DriverEntry

static void unload_it(PDRIVER_OBJECT driver) {
    if (at_unload)
        KeDoTheImpossible();
    unload_device(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    loaded_earlier = KeDoTheImpossible;
    NTSTATUS result = device_entry(driver, registry_path);
    if (result >= 0)
        driver->DriverUnload = unload_it;
    return result;
}
