//! A caller's own addresses: METHOD_NEITHER, and reads and writes of WdfDeviceIoNeither (fxrequestapi.cpp). They are good
//! in the caller's context alone, so in EvtIoInCallerContext (V41). PASSIVE_LEVEL.

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{enter, give, request_ddi::live, state};
use crate::{
    io::{Irp, Major, NtStatus, status},
    judge::rule,
    kernel::kernel,
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
    let found = match found {
        Some((_, len)) if len < required => Err(status::BUFFER_TOO_SMALL),
        Some(found) => Ok(found),
        None => Err(status::INVALID_DEVICE_REQUEST),
    };
    let (address, len) = found.unwrap_or((std::ptr::null_mut(), 0));
    // SAFETY: the caller's promise.
    unsafe { give(buffer, address) };
    // SAFETY: as above.
    unsafe { give(length, len) };
    found.err().unwrap_or(status::SUCCESS)
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
