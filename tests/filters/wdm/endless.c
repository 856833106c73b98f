/* A WDM filter that waits for what never comes, or comes: the parameter `Where` says in which callback and how. */
#include "wdm.h"

enum {
    ATTACH_SPINS = 1, ATTACH_SPINS_BY_CALLS, SEND_SPINS, PAUSE_DELAYS, ATTACH_DELAYS, DETACH_SPINS,
    ATTACH_AWAITS_A_DPC = 20, ATTACH_AWAITS_THE_TIME, ATTACH_POLLS_FOR_LONG,
};

static ULONG where;
static volatile BOOLEAN came;
static KDPC dpc;

__attribute__((noinline)) static void spin(void) {
    while (!came)
        __builtin_ia32_pause();
}
__attribute__((noinline)) static void spin_by_calls(void) {
    while (!came)
        KeGetCurrentIrql();
}
static void delay(LONGLONG milliseconds) {
    LARGE_INTEGER interval = { .QuadPart = milliseconds * -10000 };
    KeDelayExecutionThread(KernelMode, 0, &interval);
}
__attribute__((noinline)) static void delay_for_ever(void) {
    while (!came)
        delay(10);
}
static void comes(PKDPC object, PVOID context, PVOID first, PVOID second) { came = 1; }

static NDIS_STATUS endless_attach(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_FILTER_ATTACH_PARAMETERS parameters) {
    ULONGLONG end = query_system_time() + 5000000;
    came = 0;
    switch (where) {
    case ATTACH_SPINS:
        spin();
        break;
    case ATTACH_SPINS_BY_CALLS:
        spin_by_calls();
        break;
    case ATTACH_DELAYS:
        delay_for_ever();
        break;
    case ATTACH_AWAITS_A_DPC:
        KeInitializeDpc(&dpc, (PKDEFERRED_ROUTINE)(PVOID)comes, 0);
        KeInsertQueueDpc(&dpc, 0, 0);
        spin();
        break;
    case ATTACH_AWAITS_THE_TIME:
        while (query_system_time() < end) {
        }
        break;
    case ATTACH_POLLS_FOR_LONG:
        for (int i = 0; i < 300; i++)
            delay(1000);
        break;
    }
    return attach(handle, driver, parameters);
}

static void endless_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    if (where == SEND_SPINS) {
        write_cr8(2);
        spin();
    }
    send(context, lists, port, flags);
}

static NDIS_STATUS endless_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    if (where == PAUSE_DELAYS)
        delay_for_ever();
    return pause(context, parameters);
}

static void endless_detach(NDIS_HANDLE context) {
    if (where == DETACH_SPINS)
        spin();
    detach(context);
}

static check *const checks[] = { 0 };

#define DriverEntry device_entry
CHECKING_DEVICE(L"endless")
#undef DriverEntry

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    where = parameter(registry_path, L"Where");
    characteristics.AttachHandler = endless_attach;
    characteristics.SendNetBufferListsHandler = endless_send;
    characteristics.PauseHandler = endless_pause;
    characteristics.DetachHandler = endless_detach;
    return device_entry(driver, registry_path);
}
