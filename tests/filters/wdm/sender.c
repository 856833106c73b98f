/* IRPs of its own to its own devices, and files. The second device takes IOCTLs: 50 doubles a number at once, 51 from a work
 * item, 52 waits to be cancelled. The first sends it what it checks; from 20 on (METHOD_BUFFERED) it does one thing wrong. */
#include "wdm.h"

#define TAG 0x73647757 /* "Wwds" */

IMPORT PIRP IoAllocateIrp(CCHAR, BOOLEAN);
IMPORT void IoFreeIrp(PIRP);
IMPORT void IoReuseIrp(PIRP, NTSTATUS);
IMPORT NTSTATUS IofCallDriver(PDEVICE_OBJECT, PIRP);
IMPORT BOOLEAN IoCancelIrp(PIRP);
IMPORT PIRP IoBuildDeviceIoControlRequest(ULONG, PDEVICE_OBJECT, PVOID, ULONG, PVOID, ULONG, BOOLEAN, PKEVENT, PVOID);
IMPORT NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING, ACCESS_MASK, PFILE_OBJECT *, PDEVICE_OBJECT *);
IMPORT void IoQueueWorkItem(PVOID, void (*)(PVOID, PVOID), int, PVOID);
IMPORT NTSTATUS ZwCreateFile(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, PVOID, PLARGE_INTEGER, ULONG, ULONG, ULONG, ULONG, PVOID, ULONG);
IMPORT NTSTATUS ZwReadFile(HANDLE, HANDLE, PVOID, PVOID, PVOID, PVOID, ULONG, PLARGE_INTEGER, PULONG);
IMPORT NTSTATUS ZwWriteFile(HANDLE, HANDLE, PVOID, PVOID, PVOID, PVOID, ULONG, PLARGE_INTEGER, PULONG);
IMPORT NTSTATUS ZwQueryInformationFile(HANDLE, PVOID, PVOID, ULONG, int);
IMPORT NTSTATUS ZwDeleteFile(POBJECT_ATTRIBUTES);
#define MORE_PROCESSING_REQUIRED ((NTSTATUS)0xc0000016)
typedef struct { NTSTATUS Status; ULONG Padding; ULONG_PTR Information; } STATUS_BLOCK;

static inline PIO_STACK_LOCATION IoGetNextIrpStackLocation(PIRP irp) { return IoGetCurrentIrpStackLocation(irp) - 1; }
static inline void IoSetCompletionRoutine(PIRP irp, PVOID routine, PVOID context) {
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->CompletionRoutine = routine;
    stack->Context = context;
    stack->Control = 0xe0;
}

static UNICODE_STRING second_name = STRING(L"\\Device\\sender_target");
static PDEVICE_OBJECT second;
static PVOID work_item;
static PIRP pended;

static void double_later(PVOID object, PVOID context) {
    *(ULONG *)pended->AssociatedIrp.SystemBuffer *= 2;
    complete(pended, STATUS_SUCCESS, sizeof(ULONG));
}

static void canceled(PDEVICE_OBJECT object, PIRP irp) {
    IoReleaseCancelSpinLock(irp->CancelIrql);
    complete(irp, STATUS_CANCELLED, 0);
}

/* What the second device does. */
static NTSTATUS take(PIRP irp) {
    switch (IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode) {
    case CODE(50, 0):
        *(ULONG *)irp->AssociatedIrp.SystemBuffer *= 2;
        return complete(irp, STATUS_SUCCESS, sizeof(ULONG));
    case CODE(51, 0):
        IoMarkIrpPending(irp);
        pended = irp;
        IoQueueWorkItem(work_item, double_later, 1, 0);
        return STATUS_PENDING;
    case CODE(52, 0):
        IoMarkIrpPending(irp);
        IoSetCancelRoutine(irp, canceled);
        return STATUS_PENDING;
    default:
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    }
}

static ULONG asks(ULONG code, NTSTATUS expected) {
    KEVENT event;
    STATUS_BLOCK block = { 0 };
    ULONG in = 21, out = 0;
    PFILE_OBJECT file;
    PDEVICE_OBJECT target;
    CHECK(IoGetDeviceObjectPointer(&second_name, 3, &file, &target) == STATUS_SUCCESS && target == second);
    KeInitializeEvent(&event, NotificationEvent, 0);
    PIRP irp = IoBuildDeviceIoControlRequest(code, target, &in, sizeof(in), &out, sizeof(out), 0, &event, &block);
    CHECK(irp);
    NTSTATUS status = IofCallDriver(target, irp);
    CHECK(status == expected);
    KeWaitForSingleObject(&event, Executive, 0, 0, 0);
    CHECK(block.Status == STATUS_SUCCESS && block.Information == sizeof(out) && out == 42);
    ObfDereferenceObject(file);
    return 0;
}
static ULONG at_once(void) { return asks(CODE(50, 0), STATUS_SUCCESS); }
static ULONG later(void) { return asks(CODE(51, 0), STATUS_PENDING); }

static NTSTATUS keep_irp(PDEVICE_OBJECT object, PIRP irp, PVOID context) {
    if (object)
        return STATUS_SUCCESS;
    KeSetEvent(context, 0, 0);
    return MORE_PROCESSING_REQUIRED;
}

static void aim(PIRP irp, ULONG code, PVOID buffer) {
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = code;
    irp->AssociatedIrp.SystemBuffer = buffer;
}

static ULONG by_an_irp_of_its_own(void) {
    KEVENT event;
    ULONG value = 4;
    PIRP irp = IoAllocateIrp(second->StackSize, 0);
    CHECK(irp && irp->StackCount == 1 && irp->CurrentLocation == 2);
    for (int round = 0; round < 2; round++) {
        KeInitializeEvent(&event, NotificationEvent, 0);
        aim(irp, round ? CODE(51, 0) : CODE(50, 0), &value);
        IoSetCompletionRoutine(irp, keep_irp, &event);
        NTSTATUS status = IofCallDriver(second, irp);
        CHECK(status == (round ? STATUS_PENDING : STATUS_SUCCESS));
        KeWaitForSingleObject(&event, Executive, 0, 0, 0);
        CHECK(irp->IoStatus.Status == STATUS_SUCCESS && irp->PendingReturned == round);
        IoReuseIrp(irp, STATUS_SUCCESS);
    }
    CHECK(value == 16);
    IoFreeIrp(irp);
    return 0;
}

static ULONG cancelled(void) {
    KEVENT event;
    PIRP irp = IoAllocateIrp(1, 0);
    CHECK(irp);
    KeInitializeEvent(&event, NotificationEvent, 0);
    aim(irp, CODE(52, 0), 0);
    IoSetCompletionRoutine(irp, keep_irp, &event);
    CHECK(IofCallDriver(second, irp) == STATUS_PENDING);
    CHECK(IoCancelIrp(irp) && irp->IoStatus.Status == STATUS_CANCELLED);
    KeWaitForSingleObject(&event, Executive, 0, 0, 0);
    IoFreeIrp(irp);
    return 0;
}

static UNICODE_STRING log_name = STRING(L"\\??\\C:\\Temp\\log.txt");
#define FILE_ATTRIBUTES(name) { sizeof(OBJECT_ATTRIBUTES), 0, &(name), 0x240, 0, 0 }

static ULONG files(void) {
    OBJECT_ATTRIBUTES attributes = FILE_ATTRIBUTES(log_name);
    STATUS_BLOCK block;
    HANDLE file;
    LARGE_INTEGER end = { .QuadPart = -1 }, start = { .QuadPart = 0 };
    struct { LONGLONG allocated, end; ULONG links; UCHAR delete_pending, directory; } standard;
    char text[16] = { 0 };
    CHECK(ZwCreateFile(&file, 0x80100000, &attributes, &block, 0, 0x80, 1, 1, 0x20, 0, 0) == (NTSTATUS)0xc0000034);
    CHECK(ZwCreateFile(&file, 0x40100000, &attributes, &block, 0, 0x80, 1, 2, 0x20, 0, 0) == STATUS_SUCCESS);
    CHECK(block.Information == 2);
    CHECK(ZwWriteFile(file, 0, 0, 0, &block, "first ", 6, 0, 0) == STATUS_SUCCESS && block.Information == 6);
    CHECK(ZwWriteFile(file, 0, 0, 0, &block, "second", 6, &end, 0) == STATUS_SUCCESS);
    CHECK(ZwReadFile(file, 0, 0, 0, &block, text, 6, &start, 0) == (NTSTATUS)0xc0000022);
    CHECK(ZwClose(file) == STATUS_SUCCESS);
    CHECK(ZwCreateFile(&file, 0x80100000, &attributes, &block, 0, 0x80, 1, 3, 0x20, 0, 0) == STATUS_SUCCESS);
    CHECK(block.Information == 1);
    CHECK(ZwQueryInformationFile(file, &block, &standard, sizeof(standard), 5) == STATUS_SUCCESS && standard.end == 12);
    CHECK(ZwReadFile(file, 0, 0, 0, &block, text, 15, 0, 0) == STATUS_SUCCESS && !strcmp(text, "first second"));
    CHECK(ZwReadFile(file, 0, 0, 0, &block, text, 15, 0, 0) == (NTSTATUS)0xc0000011);
    CHECK(ZwClose(file) == STATUS_SUCCESS && ZwDeleteFile(&attributes) == STATUS_SUCCESS);
    CHECK(ZwDeleteFile(&attributes) == (NTSTATUS)0xc0000034);
    return 0;
}

static ULONG nobody_takes_it_back(void) {
    ULONG value = 1;
    PIRP irp = IoAllocateIrp(1, 0);
    aim(irp, CODE(50, 0), &value);
    IofCallDriver(second, irp);
    return 0;
}
static ULONG frees_what_is_under_way(void) {
    KEVENT event;
    PIRP irp = IoAllocateIrp(1, 0);
    KeInitializeEvent(&event, NotificationEvent, 0);
    aim(irp, CODE(52, 0), 0);
    IoSetCompletionRoutine(irp, keep_irp, &event);
    IofCallDriver(second, irp);
    IoFreeIrp(irp);
    return 0;
}
static ULONG has_no_location(void) {
    PIRP irp = IoAllocateIrp(0, 0);
    IofCallDriver(second, irp);
    return 0;
}
static ULONG leaves_an_irp(void) { return IoAllocateIrp(1, 0) == 0; }
static ULONG leaves_a_pointer(void) {
    PFILE_OBJECT file;
    PDEVICE_OBJECT target;
    return IoGetDeviceObjectPointer(&second_name, 3, &file, &target) < 0;
}
static ULONG leaves_a_file(void) {
    OBJECT_ATTRIBUTES attributes = FILE_ATTRIBUTES(log_name);
    STATUS_BLOCK block;
    HANDLE file;
    return ZwCreateFile(&file, 0x40100000, &attributes, &block, 0, 0x80, 1, 5, 0x20, 0, 0) < 0;
}

static check *const checks[] = { at_once, later, by_an_irp_of_its_own, cancelled, files };
static check *const wrong[] = {
    nobody_takes_it_back, frees_what_is_under_way, has_no_location, leaves_an_irp, leaves_a_pointer, leaves_a_file,
};

#define DriverEntry device_entry
CHECKING_DEVICE(L"sender")
#undef DriverEntry

static NTSTATUS control_either(PDEVICE_OBJECT object, PIRP irp) {
    ULONG code = IoGetCurrentIrpStackLocation(irp)->Parameters.DeviceIoControl.IoControlCode;
    if (object == second)
        return take(irp);
    if (code < CODE(20, 0))
        return control(object, irp);
    wrong[(code - CODE(20, 0)) >> 2]();
    return complete(irp, STATUS_SUCCESS, 0);
}

IMPORT void IoFreeWorkItem(PVOID);
static void unload_both(PDRIVER_OBJECT driver) {
    IoFreeWorkItem(work_item);
    IoDeleteDevice(second);
    unload_device(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    NTSTATUS result = device_entry(driver, registry_path);
    if (result < 0)
        return result;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control_either;
    driver->DriverUnload = unload_both;
    work_item = IoAllocateWorkItem(device);
    if (!work_item || IoCreateDevice(driver, 0, &second_name, 0x12, 0x100, 0, &second) < 0) {
        if (work_item)
            IoFreeWorkItem(work_item);
        unload_device(driver);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
