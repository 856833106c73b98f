/* Controls of each method, with their lengths checked, and the buffers used as the method says. */
#define HAS_CONTROL
#include "wdm_device.h"

enum {
    SOUND,
    INFORMATION_OF_STRUCTURE, /* V46: Information is the length of the structure where the output is shorter */
    FIELD_UNSET, /* V46: the output is a structure of which one field is not set */
    READS_BEYOND_INPUT, /* V36: the input is read beyond what came */
    NEITHER_UNPROBED, /* V41: METHOD_NEITHER without probing, and outside of __try */
    FAILS_UNCOMPLETED, /* V43: a control that fails is returned and not completed */
    RETURNS_ANOTHER_STATUS, /* V43: a control is completed with one status, and another is returned */
    MAPS_EXECUTABLE, /* V37: the output is mapped executable */
    WRITES_EMPTY_OUTPUT, /* V36: an output of no bytes is written */
    OUTPUT_FROM_UNWRITTEN_POOL, /* V46: the output comes from pool that was never written */
    COMPLETES_WITH_PENDING, /* V43: STATUS_PENDING is what a control is completed with */
    BELIEVES_LENGTH, /* V36: a length that comes from the input is believed */
    WRITES_USER_BUFFER, /* V41: the address in UserBuffer is written, as if the method were buffered */
};

IMPORT void ProbeForRead(PVOID, SIZE_T, ULONG);
IMPORT void ProbeForWrite(PVOID, SIZE_T, ULONG);
IMPORT void ExRaiseStatus(NTSTATUS);

struct statistics {
    ULONG sent, received;
    ULONGLONG when;
    ULONG reserved[4];
};

static ULONG sum;

static NTSTATUS query(PIRP irp, PIO_STACK_LOCATION stack) {
    struct statistics *to = irp->AssociatedIrp.SystemBuffer;
    ULONG room = stack->Parameters.DeviceIoControl.OutputBufferLength;
    if (room < (FAULT == INFORMATION_OF_STRUCTURE ? 8 : sizeof(*to)))
        return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
    if (FAULT == INFORMATION_OF_STRUCTURE) {
        to->sent = to->received = 0;
        if (room < sizeof(*to))
            return complete(irp, STATUS_SUCCESS, sizeof(*to));
    }
    if (FAULT == OUTPUT_FROM_UNWRITTEN_POOL) {
        struct statistics *made = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*made), TAG);
        if (!made)
            return complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        made->sent = made->received = 1;
        memcpy(to, made, sizeof(*made));
        ExFreePoolWithTag(made, TAG);
        return complete(irp, STATUS_SUCCESS, sizeof(*to));
    }
    to->sent = 1;
    to->received = 2;
    to->when = query_system_time();
    if (FAULT != FIELD_UNSET)
        memset(to->reserved, 0, sizeof(to->reserved));
    return complete(irp, STATUS_SUCCESS, sizeof(*to));
}

static NTSTATUS set(PIRP irp, PIO_STACK_LOCATION stack) {
    ULONG length = stack->Parameters.DeviceIoControl.InputBufferLength, *from = irp->AssociatedIrp.SystemBuffer;
    if (length < sizeof(ULONG)) {
        if (FAULT == FAILS_UNCOMPLETED)
            return STATUS_INVALID_PARAMETER;
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    }
    ULONG count = length / sizeof(ULONG);
    if (FAULT == READS_BEYOND_INPUT) {
        count++;
    } else if (FAULT == BELIEVES_LENGTH) {
        count = (*from | 0x40) & 0x3ff;
        count = count < 0x40 ? 0x40 : count;
        count *= 64;
    }
    for (ULONG i = 0; i < count; i++)
        sum += ((volatile ULONG *)from)[i];
    NTSTATUS status = complete(irp, FAULT == COMPLETES_WITH_PENDING ? STATUS_PENDING : STATUS_SUCCESS, 0);
    return FAULT == RETURNS_ANOTHER_STATUS ? STATUS_UNSUCCESSFUL : status;
}

static NTSTATUS direct(PIRP irp, PIO_STACK_LOCATION stack, BOOLEAN out) {
    ULONG room = stack->Parameters.DeviceIoControl.OutputBufferLength;
    if (FAULT != WRITES_EMPTY_OUTPUT && !irp->MdlAddress)
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    PUCHAR bytes = MmGetSystemAddressForMdlSafe(irp->MdlAddress, FAULT == MAPS_EXECUTABLE ? 16 : MM_PRIORITY);
    if (!bytes)
        return complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    for (ULONG i = 0; i < room; i++)
        if (out)
            bytes[i] = (UCHAR)i;
        else
            sum += bytes[i];
    return complete(irp, STATUS_SUCCESS, out ? room : 0);
}

static ULONG add(const volatile UCHAR *from, ULONG length) {
    ULONG added = 0;
    for (ULONG i = 0; i < length; i++)
        added += from[i];
    return added;
}

static NTSTATUS neither(PIRP irp, PIO_STACK_LOCATION stack) {
    PUCHAR from = stack->Parameters.DeviceIoControl.Type3InputBuffer;
    ULONG length = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG (*volatile add_up)(const volatile UCHAR *from, ULONG length) = add; /* clang looks for exceptions at calls alone */
    NTSTATUS status = STATUS_SUCCESS;
    if (FAULT == NEITHER_UNPROBED) {
        if (length)
            sum += add_up(from, 1);
    } else {
        __try {
            ProbeForRead(from, length, 1);
            sum += add_up(from, length);
            ProbeForWrite(irp->UserBuffer, stack->Parameters.DeviceIoControl.OutputBufferLength, 1);
        } __except (1) {
            status = _exception_code();
        }
    }
    return complete(irp, status, 0);
}

static NTSTATUS control(PDEVICE_OBJECT object, PIRP irp) {
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case IOCTL(0, METHOD_BUFFERED):
        return query(irp, stack);
    case IOCTL(1, METHOD_BUFFERED):
        return set(irp, stack);
    case IOCTL(2, METHOD_IN_DIRECT):
        return direct(irp, stack, 0);
    case IOCTL(3, METHOD_OUT_DIRECT):
        return direct(irp, stack, 1);
    case IOCTL(4, METHOD_NEITHER):
        return neither(irp, stack);
    case IOCTL(5, METHOD_BUFFERED): /* of the broken one alone */
        if (FAULT != WRITES_USER_BUFFER)
            return complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
        if (stack->Parameters.DeviceIoControl.OutputBufferLength < 4)
            return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
        *(volatile ULONG *)irp->UserBuffer = 1;
        return complete(irp, STATUS_SUCCESS, 4);
    default:
        return complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}
