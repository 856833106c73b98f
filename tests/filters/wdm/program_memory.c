/* METHOD_NEITHER: a program's buffers at the program's own addresses.
 *
 * IOCTL 0 copies the input to the output, 1 zeroes the output, 2 fills it through locked pages from a work item, 3 writes the
 * input, 4 fills what comes after the output: all as the documents say. From 10 on each does one thing wrong. */
#include "wdm.h"

IMPORT void ProbeForRead(PVOID, SIZE_T, ULONG);
IMPORT void ProbeForWrite(PVOID, SIZE_T, ULONG);
IMPORT void MmProbeAndLockPages(PMDL, KPROCESSOR_MODE, int);
#define EXECUTE_HANDLER 1
#define USER_MODE 1

struct call { PUCHAR in, out; ULONG in_len, out_len; };

/* Called through pointers, so that the compiler knows of no call that it cannot raise. */
static void (*volatile probe_read)(PVOID, SIZE_T, ULONG);
static void (*volatile probe_write)(PVOID, SIZE_T, ULONG);
static void *(*volatile copy)(void *, const void *, size_t);
static void *(*volatile fill)(void *, int, size_t);
static void (*volatile lock_pages)(PMDL, KPROCESSOR_MODE, int);
static UCHAR load(volatile UCHAR *at) { return *at; }
static void store(volatile UCHAR *at, UCHAR value) { *at = value; }
static UCHAR (*volatile load_at)(volatile UCHAR *) = load;
static void (*volatile store_at)(volatile UCHAR *, UCHAR) = store;

static PMDL kept_mdl;
static PIRP kept_irp;
static PUCHAR kept_address;
static PVOID work_item;
static KEVENT done;

static NTSTATUS copies(struct call *call) {
    __try {
        probe_read(call->in, call->in_len, 1);
        probe_write(call->out, call->out_len, 1);
        store_at(call->out, load_at(call->in));
        copy(call->out + 1, call->in + 1, call->in_len - 1);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS zeroes(struct call *call) {
    __try {
        probe_write(call->out, call->out_len, 1);
        fill(call->out, 0, call->out_len);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS writes_the_input(struct call *call) {
    __try {
        probe_write(call->in, call->in_len, 1);
        store_at(call->in, 1);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS goes_beyond(struct call *call) {
    __try {
        probe_read(call->out, 0x10000, 1);
        for (ULONG at = 0; at < 0x10000; at++)
            load_at(call->out + at);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS lock(struct call *call) {
    kept_mdl = IoAllocateMdl(call->out, call->out_len, 0, 0, 0);
    if (!kept_mdl)
        return STATUS_INSUFFICIENT_RESOURCES;
    __try {
        lock_pages(kept_mdl, USER_MODE, 1);
    } __except (EXECUTE_HANDLER) {
        IoFreeMdl(kept_mdl);
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

static void fill_later(PVOID object, PVOID context) {
    PUCHAR address = system_address(kept_mdl);
    ULONG count = address ? kept_mdl->ByteCount : 0;
    if (address)
        memset(address, 9, count);
    MmUnlockPages(kept_mdl);
    IoFreeMdl(kept_mdl);
    complete(kept_irp, address ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES, count);
}

static void touch_later(PVOID object, PVOID context) {
    __try {
        load_at(kept_address);
    } __except (EXECUTE_HANDLER) {
    }
    KeSetEvent(&done, 0, 0);
}

IMPORT void IoQueueWorkItem(PVOID, void (*)(PVOID, PVOID), int, PVOID);

static NTSTATUS touches_in_another_context(struct call *call) {
    kept_address = call->in;
    KeInitializeEvent(&done, NotificationEvent, 0);
    IoQueueWorkItem(work_item, touch_later, 1, 0);
    KeWaitForSingleObject(&done, Executive, 0, 0, 0);
    return STATUS_SUCCESS;
}

static NTSTATUS touches_unguarded(struct call *call) {
    __try {
        probe_read(call->in, call->in_len, 1);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return load_at(call->in) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static NTSTATUS touches_unprobed(struct call *call) {
    __try {
        return load_at(call->in) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
}

static NTSTATUS writes_what_it_probed_for_reading(struct call *call) {
    __try {
        probe_read(call->out, call->out_len, 1);
        store_at(call->out, 1);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS copies_unguarded(struct call *call) {
    UCHAR here[4];
    __try {
        probe_read(call->in, call->in_len, 1);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    copy(here, call->in, 4);
    return STATUS_SUCCESS;
}

static NTSTATUS locks_unguarded(struct call *call) {
    PMDL mdl = IoAllocateMdl(call->out, call->out_len, 0, 0, 0);
    lock_pages(mdl, USER_MODE, 1);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    return STATUS_SUCCESS;
}

static NTSTATUS uses_unlocked_pages(struct call *call) {
    NTSTATUS status = lock(call);
    if (status < 0)
        return status;
    PUCHAR address = system_address(kept_mdl);
    MmUnlockPages(kept_mdl);
    store_at(address, 1);
    IoFreeMdl(kept_mdl);
    return STATUS_SUCCESS;
}

static NTSTATUS touches_at_dispatch(struct call *call) {
    __try {
        probe_read(call->in, call->in_len, 1);
        write_cr8(2);
        load_at(call->in);
        write_cr8(0);
    } __except (EXECUTE_HANDLER) {
        return _exception_code();
    }
    return STATUS_SUCCESS;
}

typedef NTSTATUS does(struct call *);
static does *const right[] = { copies, zeroes, 0, writes_the_input, goes_beyond };
static does *const wrong[] = {
    touches_unguarded, touches_unprobed, writes_what_it_probed_for_reading, touches_in_another_context,
    copies_unguarded, locks_unguarded, lock, uses_unlocked_pages, touches_at_dispatch,
};

IMPORT void IoFreeWorkItem(PVOID);

static check *const checks[] = { 0 };
#define DriverEntry device_entry
CHECKING_DEVICE(L"program_memory")
#undef DriverEntry

static NTSTATUS call_neither(PDEVICE_OBJECT object, PIRP irp) {
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG function = stack->Parameters.DeviceIoControl.IoControlCode >> 2 & 0xfff;
    struct call call = {
        stack->Parameters.DeviceIoControl.Type3InputBuffer, irp->UserBuffer,
        stack->Parameters.DeviceIoControl.InputBufferLength, stack->Parameters.DeviceIoControl.OutputBufferLength,
    };
    if (function == 2) {
        NTSTATUS status = lock(&call);
        if (status < 0)
            return complete(irp, status, 0);
        IoMarkIrpPending(irp);
        kept_irp = irp;
        IoQueueWorkItem(work_item, fill_later, 1, 0);
        return STATUS_PENDING;
    }
    does *chosen = function < 10 ? right[function] : wrong[function - 10];
    NTSTATUS status = chosen(&call);
    return complete(irp, status, status < 0 ? 0 : call.out_len);
}

static void unload_all(PDRIVER_OBJECT driver) {
    IoFreeWorkItem(work_item);
    unload_device(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    probe_read = ProbeForRead;
    probe_write = ProbeForWrite;
    copy = memcpy;
    fill = memset;
    lock_pages = MmProbeAndLockPages;
    NTSTATUS result = device_entry(driver, registry_path);
    if (result < 0)
        return result;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = call_neither;
    driver->DriverUnload = unload_all;
    work_item = IoAllocateWorkItem(device);
    if (!work_item) {
        unload_device(driver);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
