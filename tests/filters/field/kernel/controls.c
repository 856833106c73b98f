/* Controls of each method, with their lengths checked, and the buffers used as the method says.
 *
 * BREAK 1 V46: Information is the length of the structure where the output is shorter.
 * BREAK 2 V46: the output is a structure of which one field is not set.
 * BREAK 3 V36: the input is read beyond what came.
 * BREAK 4 V41: METHOD_NEITHER without probing, and outside of __try.
 * BREAK 5 V43: a control that fails is returned and not completed.
 * BREAK 6 V43: a control is completed with one status, and another is returned.
 * BREAK 7 V37: the output is mapped executable.
 * BREAK 8 V36: an output of no bytes is written.
 * BREAK 9 V46: the output comes from pool that was never written.
 * BREAK 10 V43: STATUS_PENDING is what a control is completed with.
 * BREAK 11 V36: a length that comes from the input is believed.
 * BREAK 12 V41: the address in UserBuffer is written, as if the method were buffered.
 */
#define HAS_CONTROL
#include "field.h"

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
    if (room < (BREAK == 1 ? 8 : sizeof(*to)))
        return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
#if BREAK == 1
    to->sent = to->received = 0;
    if (room < sizeof(*to))
        return complete(irp, STATUS_SUCCESS, sizeof(*to));
#endif
#if BREAK == 9
    struct statistics *made = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*made), TAG);
    if (!made)
        return complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    made->sent = made->received = 1;
    memcpy(to, made, sizeof(*made));
    ExFreePoolWithTag(made, TAG);
    return complete(irp, STATUS_SUCCESS, sizeof(*to));
#endif
    to->sent = 1;
    to->received = 2;
    to->when = query_system_time();
    if (BREAK != 2)
        memset(to->reserved, 0, sizeof(to->reserved));
    return complete(irp, STATUS_SUCCESS, sizeof(*to));
}

static NTSTATUS set(PIRP irp, PIO_STACK_LOCATION stack) {
    ULONG length = stack->Parameters.DeviceIoControl.InputBufferLength, *from = irp->AssociatedIrp.SystemBuffer;
    if (length < sizeof(ULONG)) {
#if BREAK == 5
        return STATUS_INVALID_PARAMETER;
#else
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
#endif
    }
    ULONG count = length / sizeof(ULONG);
#if BREAK == 3
    count++;
#elif BREAK == 11
    count = (*from | 0x40) & 0x3ff;
    count = count < 0x40 ? 0x40 : count;
    count *= 64;
#endif
    for (ULONG i = 0; i < count; i++)
        sum += ((volatile ULONG *)from)[i];
#if BREAK == 6
    complete(irp, STATUS_SUCCESS, 0);
    return STATUS_UNSUCCESSFUL;
#elif BREAK == 10
    return complete(irp, STATUS_PENDING, 0);
#else
    return complete(irp, STATUS_SUCCESS, 0);
#endif
}

static NTSTATUS direct(PIRP irp, PIO_STACK_LOCATION stack, BOOLEAN out) {
    ULONG room = stack->Parameters.DeviceIoControl.OutputBufferLength;
    if (BREAK != 8 && !irp->MdlAddress)
        return complete(irp, STATUS_INVALID_PARAMETER, 0);
    PUCHAR bytes = MmGetSystemAddressForMdlSafe(irp->MdlAddress, BREAK == 7 ? 16 : MM_PRIORITY);
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
#if BREAK == 4
    if (length)
        sum += add_up(from, 1);
#else
    __try {
        ProbeForRead(from, length, 1);
        sum += add_up(from, length);
        ProbeForWrite(irp->UserBuffer, stack->Parameters.DeviceIoControl.OutputBufferLength, 1);
    } __except (1) {
        status = _exception_code();
    }
#endif
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
#if BREAK == 12
    case IOCTL(5, METHOD_BUFFERED):
        if (stack->Parameters.DeviceIoControl.OutputBufferLength < 4)
            return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
        *(volatile ULONG *)irp->UserBuffer = 1;
        return complete(irp, STATUS_SUCCESS, 4);
#endif
    default:
        return complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}
