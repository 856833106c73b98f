/* A WDM filter that does one thing wrong for each IOCTL: what the lab has to say by name. */
#include "wdm.h"

IMPORT void KeDoTheImpossible(void);

static ULONG fails_fast(void) { fast_fail(3); return 0; }
static ULONG calls_what_is_lacking(void) { KeDoTheImpossible(); return 0; }
static ULONG stops_interrupts(void) { __asm__ volatile("cli"); return 0; }
static ULONG reads_an_msr(void) { __asm__ volatile("rdmsr" : : "c"(0x10) : "eax", "edx"); return 0; }
static ULONG waits_at_dispatch(void) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, 1);
    write_cr8(2);
    KeWaitForSingleObject(&event, Executive, 0, 0, 0);
    write_cr8(0);
    return 0;
}
static ULONG returns_at_dispatch(void) { write_cr8(2); return 0; }
static ULONG lowers_with_a_lock(void) {
    static KSPIN_LOCK lock;
    KeAcquireSpinLockRaiseToDpc(&lock);
    write_cr8(0);
    return 0;
}
static ULONG takes_a_fast_mutex_twice(void) {
    static FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    return 0;
}
static ULONG frees_a_resource(void) {
    ERESOURCE *resource = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*resource), 0x6f727257);
    ExInitializeResourceLite(resource);
    ExFreePool(resource);
    return 0;
}
static ULONG leaves_a_handle(void) {
    UNICODE_STRING path = STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\wrong");
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), 0, &path, 0x240, 0, 0 };
    HANDLE key;
    return ZwOpenKey(&key, 0x20019, &attributes) < 0;
}
static ULONG takes_executable_pool(void) { return ExAllocatePoolWithTag(0, 16, 0x6f727257) == 0; }

static check *const checks[] = {
    fails_fast, calls_what_is_lacking, stops_interrupts, reads_an_msr, waits_at_dispatch, returns_at_dispatch,
    lowers_with_a_lock, takes_a_fast_mutex_twice, frees_a_resource, leaves_a_handle, takes_executable_pool,
};

/* And to its IRPs: by the length of a read. */
static NTSTATUS read(PDEVICE_OBJECT object, PIRP irp) {
    switch (IoGetCurrentIrpStackLocation(irp)->Parameters.Read.Length) {
    case 1: /* completed twice */
        complete(irp, STATUS_SUCCESS, 0);
        IofCompleteRequest(irp, 0);
        return STATUS_SUCCESS;
    case 2: /* pended, and not said so */
        return STATUS_PENDING;
    case 3: /* forgotten */
        return STATUS_SUCCESS;
    case 4: /* marked, and not pended */
        IoMarkIrpPending(irp);
        return complete(irp, STATUS_SUCCESS, 0);
    case 5: /* another status */
        complete(irp, STATUS_CANCELLED, 0);
        return STATUS_SUCCESS;
    case 6: /* read after completion */
        complete(irp, STATUS_SUCCESS, 0);
        return irp->IoStatus.Status;
    case 7: /* completed with its cancel routine */
        IoSetCancelRoutine(irp, (PDRIVER_CANCEL)(PVOID)complete);
        return complete(irp, STATUS_SUCCESS, 0);
    case 8: /* more than there is */
        return complete(irp, STATUS_SUCCESS, 9);
    default:
        return complete(irp, STATUS_SUCCESS, 0);
    }
}

#define DriverEntry device_entry
CHECKING_DEVICE(L"wrong")
#undef DriverEntry

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    NTSTATUS result = device_entry(driver, registry_path);
    if (result >= 0)
        driver->MajorFunction[IRP_MJ_READ] = read;
    return result;
}
