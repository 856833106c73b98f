//! A caller's own addresses: METHOD_NEITHER, and reads and writes of WdfDeviceIoNeither (fxrequestapi.cpp). They are good
//! in the caller's context alone, so in EvtIoInCallerContext (V41). Pages that are locked there may be touched anywhere,
//! through a WDFMEMORY that ends with the request. PASSIVE_LEVEL.

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    as_pointer,
    attributes::Attributes,
    enter, give, may_allocate,
    memory::Memory,
    object::{Body, Handle, Kind, NULL},
    request_buffer::give_buffer,
    request_cancel::check_owned,
    request_ddi::live,
    state,
};
use crate::{
    faults::FaultKind,
    io::{self, Irp, Major, NtStatus, status},
    judge::rule,
    kernel::kernel,
    memory::Access,
};

/// Address and length of what the caller gives, or has room for; none where the request has no such buffer.
fn buffer_of(irp: &Irp, input: bool) -> Option<(sys::PVOID, usize)> {
    if !irp.is_neither() {
        return None;
    }
    irp.with_raw(|raw, stack| match (irp.major(), input) {
        (Major::DeviceControl, true) => {
            // SAFETY: the I/O manager filled these parameters for a device control.
            Some((unsafe { stack.Parameters.DeviceIoControl }.Type3InputBuffer, irp.input_len()))
        }
        (Major::Write, true) => Some((raw.UserBuffer, irp.input_len())),
        (Major::Read | Major::DeviceControl, false) => Some((raw.UserBuffer, irp.output_len())),
        _ => None,
    })
}

/// # Safety
/// `buffer` and `length` are null or writable.
unsafe fn retrieve(
    ddi: &'static str,
    request: sys::WDFREQUEST,
    input: bool,
    required: usize,
    buffer: *mut sys::PVOID,
    length: *mut usize,
) -> NtStatus {
    let (irp, in_context) = {
        let mut state = state();
        let request = live(&mut state, ddi, request.addr());
        (request.irp.clone(), request.in_caller_context)
    };
    kernel().judge.check(rule::V41, in_context, || {
        format!("{ddi} outside of EvtIoInCallerContext, where the address may be another program's")
    });
    let found = buffer_of(&irp, input);
    kernel().judge.check(rule::V46, found.is_some(), || format!("{ddi}: {} has no such buffer", irp.describe()));
    // SAFETY: the caller's promise.
    unsafe { give_buffer(found.ok_or(status::INVALID_DEVICE_REQUEST), required, buffer, length) }
}

/// WdfRequestRetrieveUnsafeUserInputBuffer.
pub(crate) unsafe extern "win64" fn unsafe_input(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    required: usize,
    to: *mut sys::PVOID,
    length: *mut usize,
) -> NtStatus {
    enter!("WdfRequestRetrieveUnsafeUserInputBuffer", globals);
    // SAFETY: a driver passes its variables, the second may be null.
    unsafe { retrieve("WdfRequestRetrieveUnsafeUserInputBuffer", request, true, required, to, length) }
}

/// WdfRequestRetrieveUnsafeUserOutputBuffer.
pub(crate) unsafe extern "win64" fn unsafe_output(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    required: usize,
    to: *mut sys::PVOID,
    length: *mut usize,
) -> NtStatus {
    enter!("WdfRequestRetrieveUnsafeUserOutputBuffer", globals);
    // SAFETY: a driver passes its variables, the second may be null.
    unsafe { retrieve("WdfRequestRetrieveUnsafeUserOutputBuffer", request, false, required, to, length) }
}

/// Locks a part of the caller's memory: the WDFMEMORY that stands for it, a child of the request. STATUS_ACCESS_VIOLATION
/// where the caller has nothing there or may not do so itself.
fn lock_pages(
    ddi: &'static str,
    handle: Handle,
    address: usize,
    len: usize,
    access: Access,
) -> Result<Handle, NtStatus> {
    let mut state = state();
    check_owned(&mut state, ddi, handle);
    let caller = state.request(ddi, handle).irp.process();
    kernel().judge.check(rule::V41, io::current_number() == caller, || {
        format!("{ddi} outside of the caller's context, where the address may be another program's")
    });
    if len == 0 {
        return Err(status::INVALID_USER_BUFFER);
    }
    may_allocate(FaultKind::Mdl)?;
    let buffer = kernel().memory.programs.find(address).filter(|buffer| {
        let (start, pages) = buffer.pages();
        address + len <= start + pages && (access == Access::ReadOnly || buffer.access == Access::ReadWrite)
    });
    let buffer = buffer.ok_or(status::ACCESS_VIOLATION)?;
    let driver = state.any(ddi, handle).driver;
    let system = buffer.system(address).expose_provenance();
    let body = Body::Memory(Memory::of_program(system, len, access == Access::ReadOnly));
    let memory = state.add(Kind::Memory, driver, handle, &Attributes::default(), body);
    kernel().memory.programs.lock(memory, buffer, access);
    Ok(memory)
}

macro_rules! locking {
    ($($function:ident $name:literal, $access:ident;)*) => {
        $(
            #[doc = concat!($name, ".")]
            pub(crate) unsafe extern "win64" fn $function(
                globals: *mut WDF_DRIVER_GLOBALS,
                request: sys::WDFREQUEST,
                buffer: sys::PVOID,
                length: usize,
                to: *mut sys::WDFMEMORY,
            ) -> NtStatus {
                enter!($name, globals);
                let locked = lock_pages($name, request.addr(), buffer.addr(), length, Access::$access);
                // SAFETY: a driver passes its variable.
                unsafe { give(to, as_pointer(locked.unwrap_or(NULL))) };
                locked.err().unwrap_or(status::SUCCESS)
            }
        )*
    };
}

locking! {
    lock_for_reading "WdfRequestProbeAndLockUserBufferForRead", ReadOnly;
    lock_for_writing "WdfRequestProbeAndLockUserBufferForWrite", ReadWrite;
}
