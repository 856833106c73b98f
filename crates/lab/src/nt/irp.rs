//! IRPs that drivers make and send to devices of this kernel (`IoAllocateIrp`, `IofCallDriver`). Up to DISPATCH_LEVEL.
//!
//! After "Sending IRPs to Drivers" and "IoCompletion Routines" of the Windows driver documentation. An IRP's memory is pool
//! that shows at unload where nobody freed it. Each driver has its stack location; completion goes back through those,
//! from the last called to the first, and ends where a completion routine takes the IRP back.

use std::{
    collections::BTreeMap,
    mem::{self, offset_of},
    sync::Mutex,
};

use nblease_ndis::sys::{
    BOOLEAN, CHAR, DEVICE_OBJECT, FILE_OBJECT, IO_STACK_DeviceIoControl, IO_STACK_LOCATION, IO_STATUS_BLOCK, IRP,
    KEVENT, MDL, MDL_PAGES_LOCKED, MDL_WRITE_OPERATION, NTSTATUS, PVOID, STATUS_SUCCESS, ULONG, UNICODE_STRING, USHORT,
};

use super::{cancel, enter, event, mdl, pool, string};
use crate::{
    exports,
    faults::FaultKind,
    io::{Device, status},
    judge::rule,
    kernel::kernel,
    memory::mdl::Described,
    pe::Export,
    sync::lock,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "IoAllocateIrp" => io_allocate_irp,
    "IoBuildDeviceIoControlRequest" => io_build_device_io_control_request,
    "IoCancelIrp" => io_cancel_irp,
    "IofCallDriver" => iof_call_driver,
    "IoFreeIrp" => io_free_irp,
    "IoGetDeviceObjectPointer" => io_get_device_object_pointer,
    "IoInitializeIrp" => io_initialize_irp,
    "IoReuseIrp" => io_reuse_irp,
};

/// The tag by which an IRP that was not freed shows at unload.
const TAG: [u8; 4] = *b"Irp ";
/// That of the buffer of an IRP that the I/O manager frees.
const BUFFER_TAG: [u8; 4] = *b"IoSB";
/// `IO_TYPE_IRP`.
const IO_TYPE_IRP: i16 = 6;
const DEVICE_CONTROL: u8 = 0x0e;
const INTERNAL_DEVICE_CONTROL: u8 = 0x0f;

// SL_*
const PENDING_RETURNED: u8 = 0x01;
const INVOKE_ON_CANCEL: u8 = 0x20;
const INVOKE_ON_SUCCESS: u8 = 0x40;
const INVOKE_ON_ERROR: u8 = 0x80;

/// `STATUS_MORE_PROCESSING_REQUIRED`: a completion routine takes the IRP back.
const MORE_PROCESSING_REQUIRED: NTSTATUS = 0xc000_0016_u32.cast_signed();

type Completion = unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP, PVOID) -> NTSTATUS;

/// The IRPs of drivers, by address; with what the I/O manager does at the end of those that it made for them.
#[derive(Default)]
pub struct Irps {
    irps: Mutex<BTreeMap<usize, Made>>,
}

#[derive(Clone, Copy, Default)]
struct Made {
    /// It was built with an event and a status block, and ends by itself.
    ends: bool,
    /// The system buffer, and how many bytes of it the driver's buffer gets.
    buffer: usize,
    output: usize,
    /// It was sent and has not come back.
    sent: bool,
}

impl Irps {
    fn is_made(&self, irp: *const IRP) -> bool {
        lock(&self.irps).contains_key(&irp.addr())
    }

    fn update(&self, irp: *const IRP, change: impl FnOnce(&mut Made)) {
        if let Some(made) = lock(&self.irps).get_mut(&irp.addr()) {
            change(made);
        }
    }
}

/// Whether a driver made it, so that [`complete`] is for it.
pub(crate) fn is_drivers(irp: *const IRP) -> bool {
    kernel().nt.irps.is_made(irp)
}

fn irp_of<'a>(irp: *mut IRP) -> &'a mut IRP {
    // SAFETY: the DDIs demand an IRP that one thread at a time uses; what is none faults and is reported.
    unsafe { &mut *irp }
}

fn stack_of<'a>(stack: *mut IO_STACK_LOCATION) -> &'a mut IO_STACK_LOCATION {
    // SAFETY: the callers found it between the first and the last location of an IRP.
    unsafe { &mut *stack }
}

/// The IRP's current stack location: the place where its address is kept.
fn current(irp: &mut IRP) -> &mut *mut IO_STACK_LOCATION {
    // SAFETY: each view of the union holds its bytes; this field is a pointer.
    let place = unsafe { &raw mut irp.Tail.Overlay.CurrentStackLocation }.cast();
    // SAFETY: as above, borrowed as the IRP is.
    unsafe { &mut *place }
}

fn size_of_irp(locations: CHAR) -> usize {
    size_of::<IRP>() + usize::try_from(locations).unwrap_or(0) * size_of::<IO_STACK_LOCATION>()
}

/// Makes an IRP of zeros with its locations unused.
fn initialize(irp: *mut IRP, size: usize, locations: CHAR) {
    // SAFETY: the caller has storage of that size.
    unsafe { irp.cast::<u8>().write_bytes(0, size) };
    let fields = irp_of(irp);
    fields.Type = IO_TYPE_IRP;
    fields.Size = size as USHORT;
    fields.StackCount = locations;
    fields.CurrentLocation = locations + 1;
    let first: *mut IO_STACK_LOCATION = irp.wrapping_add(1).cast();
    *current(fields) = first.wrapping_add(usize::try_from(locations).unwrap_or(0));
}

fn allocate(locations: CHAR) -> *mut IRP {
    if kernel().faults.should_fail(FaultKind::Object) {
        return std::ptr::null_mut();
    }
    let size = size_of_irp(locations);
    let irp: *mut IRP = pool::allocate_object(TAG, size).cast();
    if !irp.is_null() {
        initialize(irp, size, locations);
        lock(&kernel().nt.irps.irps).insert(irp.expose_provenance(), Made::default());
    }
    irp
}

unsafe extern "win64" fn io_allocate_irp(locations: CHAR, _charge_quota: BOOLEAN) -> *mut IRP {
    enter("IoAllocateIrp", DISPATCH_LEVEL);
    allocate(locations)
}

unsafe extern "win64" fn io_initialize_irp(irp: *mut IRP, size: USHORT, locations: CHAR) {
    enter("IoInitializeIrp", DISPATCH_LEVEL);
    initialize(irp, usize::from(size), locations);
    lock(&kernel().nt.irps.irps).insert(irp.expose_provenance(), Made::default());
}

unsafe extern "win64" fn io_reuse_irp(irp: *mut IRP, status: NTSTATUS) {
    enter("IoReuseIrp", DISPATCH_LEVEL);
    judge_back("IoReuseIrp", irp);
    let (size, locations) = (irp_of(irp).Size, irp_of(irp).StackCount);
    initialize(irp, usize::from(size), locations);
    irp_of(irp).IoStatus.u.Status = status;
}

unsafe extern "win64" fn io_free_irp(irp: *mut IRP) {
    enter("IoFreeIrp", DISPATCH_LEVEL);
    judge_back("IoFreeIrp", irp);
    free(irp);
}

/// That the IRP is the driver's, and not with another one.
fn judge_back(function: &'static str, irp: *mut IRP) {
    let made = lock(&kernel().nt.irps.irps).get(&irp.addr()).copied();
    kernel().judge.check(rule::V43, made.is_some_and(|made| !made.sent), || match made {
        Some(_) => format!("{function} of the IRP {irp:p}, which was sent and has not come back"),
        None => format!("{function} of what is no IRP of the driver's: {}", kernel().memory.describe(irp.addr())),
    });
}

fn free(irp: *mut IRP) {
    if lock(&kernel().nt.irps.irps).remove(&irp.addr()).is_some() {
        pool::free_object(TAG, irp.cast());
    }
}

unsafe extern "win64" fn io_build_device_io_control_request(
    code: ULONG,
    device: *mut DEVICE_OBJECT,
    input: *mut u8,
    input_len: ULONG,
    output: *mut u8,
    output_len: ULONG,
    internal: BOOLEAN,
    event: *mut KEVENT,
    block: *mut IO_STATUS_BLOCK,
) -> *mut IRP {
    enter("IoBuildDeviceIoControlRequest", APC_LEVEL);
    let target = device_of("IoBuildDeviceIoControlRequest", device);
    let irp = allocate(target.read().StackSize);
    if irp.is_null() {
        return irp;
    }
    let method = code & 3;
    // The input for all but METHOD_NEITHER, and for METHOD_BUFFERED also the output, in a buffer of the system's.
    let room = if method == 0 { input_len.max(output_len) } else { input_len } as usize;
    let mut made = Made { ends: true, ..Made::default() };
    let fields = irp_of(irp);
    if method != 3 && room > 0 {
        let buffer: *mut u8 = pool::allocate_object(BUFFER_TAG, room).cast();
        if buffer.is_null() {
            free(irp);
            return std::ptr::null_mut();
        }
        // SAFETY: the DDI demands so many bytes; the buffer has room for them.
        unsafe { buffer.copy_from(input, input_len as usize) };
        made.buffer = buffer.expose_provenance();
        made.output = if method == 0 { output_len as usize } else { 0 };
        fields.AssociatedIrp.SystemBuffer = buffer.cast();
    }
    fields.UserBuffer = output.cast();
    if matches!(method, 1 | 2) && output_len > 0 {
        fields.MdlAddress = locked(output, output_len);
    }
    fields.UserEvent = event;
    fields.UserIosb = block;
    let next = stack_of(current(fields).wrapping_sub(1));
    next.MajorFunction = if internal == 0 { DEVICE_CONTROL } else { INTERNAL_DEVICE_CONTROL };
    next.Parameters.DeviceIoControl = IO_STACK_DeviceIoControl {
        OutputBufferLength: output_len,
        Padding4: 0,
        InputBufferLength: input_len,
        Padding12: 0,
        IoControlCode: code,
        Type3InputBuffer: if method == 3 { input.cast() } else { std::ptr::null_mut() },
    };
    lock(&kernel().nt.irps.irps).insert(irp.addr(), made);
    irp
}

/// An MDL of the I/O manager's for the caller's memory, locked.
fn locked(address: *mut u8, len: ULONG) -> *mut MDL {
    let list = mdl::allocate(address.expose_provenance(), len);
    if !list.is_null() {
        // SAFETY: the MDL was just made.
        unsafe { (*list).MdlFlags |= MDL_PAGES_LOCKED | MDL_WRITE_OPERATION };
        kernel().memory.mdls.describe(list.addr(), Described { target: address.addr(), of_lab: true });
    }
    list
}

fn device_of(function: &'static str, object: *mut DEVICE_OBJECT) -> std::sync::Arc<Device> {
    kernel().io.device_of(object).unwrap_or_else(|| {
        let what = kernel().memory.describe(object.addr());
        kernel().judge.fatal(rule::V36, format!("{function} with what is no device: {what}"), Vec::new())
    })
}

unsafe extern "win64" fn iof_call_driver(object: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    const FUNCTION: &str = "IofCallDriver";
    enter(FUNCTION, DISPATCH_LEVEL);
    let device = device_of(FUNCTION, object);
    let fields = irp_of(irp);
    fields.CurrentLocation -= 1;
    if fields.CurrentLocation <= 0 {
        kernel().judge.bug_check(format!("NO_MORE_IRP_STACK_LOCATIONS: {FUNCTION} of the IRP {irp:p}"));
    }
    let place = current(fields);
    *place = place.wrapping_sub(1);
    let stack = stack_of(*place);
    stack.DeviceObject = object;
    kernel().nt.irps.update(irp, |made| made.sent = true);
    device.call(irp, stack.MajorFunction).unwrap_or_else(|| {
        kernel().judge.bug_check(format!("{FUNCTION} to a device of the framework's is not in the lab"))
    })
}

/// `IofCompleteRequest` of an IRP that a driver made.
pub(crate) fn complete(irp: *mut IRP) {
    let fields = irp_of(irp);
    // SAFETY: each view of the union holds its bytes.
    let result = unsafe { fields.IoStatus.u.Status };
    let judge = &kernel().judge;
    judge.check(rule::V43, result.cast_unsigned() != status::PENDING.0, || {
        format!("the IRP {irp:p} completed with PENDING")
    });
    judge.check(rule::V44, fields.CancelRoutine.is_none(), || {
        format!("the IRP {irp:p} completed with its cancel routine set")
    });
    let sent = lock(&kernel().nt.irps.irps).get(&irp.addr()).is_some_and(|made| made.sent);
    if !sent {
        judge.fatal(rule::V43, format!("IofCompleteRequest of the IRP {irp:p}, which is not under way"), Vec::new());
    }
    while fields.CurrentLocation <= fields.StackCount {
        let stack = stack_of(*current(fields));
        let left = *stack;
        stack.MinorFunction = 0;
        stack.Flags = 0;
        stack.Control = 0;
        fields.CurrentLocation += 1;
        let place = current(fields);
        *place = place.wrapping_add(1);
        let above = *place;
        let is_last = fields.CurrentLocation > fields.StackCount;
        fields.PendingReturned = u8::from(left.Control & PENDING_RETURNED != 0);
        let wanted = if result >= 0 { INVOKE_ON_SUCCESS } else { INVOKE_ON_ERROR };
        let wanted = wanted | if fields.Cancel == 0 { 0 } else { INVOKE_ON_CANCEL };
        if left.Control & wanted == 0 || left.CompletionRoutine.is_null() {
            if fields.PendingReturned != 0 && !is_last {
                stack_of(above).Control |= PENDING_RETURNED;
            }
            continue;
        }
        let device = if is_last { std::ptr::null_mut() } else { stack_of(above).DeviceObject };
        if is_last {
            // From here on it is its maker's again, who may free it in the routine.
            kernel().nt.irps.update(irp, |made| made.sent = made.ends);
        }
        if call_completion(&left, device, irp) == MORE_PROCESSING_REQUIRED {
            return;
        }
    }
    end(irp);
}

fn call_completion(stack: &IO_STACK_LOCATION, device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: `IoSetCompletionRoutine` put the driver's routine there.
    let routine = unsafe { mem::transmute::<PVOID, Completion>(stack.CompletionRoutine) };
    let driver = super::dpc::owner(stack.CompletionRoutine.addr());
    thread::call_driver(driver, "IoCompletion", thread::irql(), || {
        // SAFETY: the driver's own routine, with its IRP and context.
        unsafe { routine(device, irp, stack.Context) }
    })
}

/// Nobody took the IRP back: the I/O manager ends it.
fn end(irp: *mut IRP) {
    let made = lock(&kernel().nt.irps.irps).get(&irp.addr()).copied().unwrap_or_default();
    if !made.ends {
        let what = "came to the end of its stack: no completion routine of its maker took it back";
        kernel().judge.fatal(rule::V43, format!("the IRP {irp:p}, made by IoAllocateIrp, {what}"), Vec::new());
    }
    let fields = irp_of(irp);
    // SAFETY: each view of the union holds its bytes.
    let failed = unsafe { fields.IoStatus.u.Status }.cast_unsigned() >= 0xc000_0000;
    if made.buffer != 0 {
        let buffer: *mut u8 = std::ptr::with_exposed_provenance_mut(made.buffer);
        if !failed {
            let count = made.output.min(fields.IoStatus.Information);
            // SAFETY: the driver's buffer has room for its output; the system's has as many bytes.
            unsafe { fields.UserBuffer.cast::<u8>().copy_from(buffer, count) };
        }
        pool::free_object(BUFFER_TAG, buffer.cast());
    }
    mdl::release(fields.MdlAddress);
    // SAFETY: the DDI demands storage that lives until the event is set.
    unsafe { fields.UserIosb.write(fields.IoStatus) };
    let event = fields.UserEvent;
    free(irp);
    if !event.is_null() {
        event::signal(event);
    }
}

/// Of an IRP that the driver has sent: whether there was a cancel routine to call.
unsafe extern "win64" fn io_cancel_irp(irp: *mut IRP) -> BOOLEAN {
    enter("IoCancelIrp", DISPATCH_LEVEL);
    if !is_drivers(irp) {
        kernel().judge.bug_check(format!("IoCancelIrp({irp:p}): the driver did not make this IRP"));
    }
    let irql = cancel::acquire();
    let fields = irp_of(irp);
    fields.Cancel = 1;
    let Some(routine) = cancel::exchange_routine(fields, None) else {
        cancel::release(irql);
        return 0;
    };
    fields.CancelIrql = irql;
    let device = stack_of(*current(fields)).DeviceObject;
    // SAFETY: the routine of the driver that has the IRP; it releases the cancel spin lock.
    unsafe { routine(device, irp) };
    1
}

unsafe extern "win64" fn io_get_device_object_pointer(
    name: *const UNICODE_STRING,
    _access: ULONG,
    file: *mut *mut FILE_OBJECT,
    device: *mut *mut DEVICE_OBJECT,
) -> NTSTATUS {
    enter("IoGetDeviceObjectPointer", PASSIVE_LEVEL);
    let found = match kernel().io.open_by_name(&string::text(name)) {
        Ok(found) => found,
        Err(status) => return status.0.cast_signed(),
    };
    kernel().nt.handles.reference(found.object().addr());
    // SAFETY: the DDI demands storage for both pointers.
    unsafe { file.write(found.object()) };
    // SAFETY: as above.
    unsafe { device.write(found.device().object()) };
    STATUS_SUCCESS
}

const _: () = assert!(offset_of!(IRP, Tail) == 0x78 && size_of::<IO_STACK_LOCATION>() == 0x48);
