//! The buffers of a request (fxrequest.cpp, GetMemoryObject; V46).
//!
//! A read has an output buffer, a write an input buffer, a control both, as its method says. A caller's own pages are
//! mapped when the driver first asks, which may fail with STATUS_INSUFFICIENT_RESOURCES. What is of no length is
//! STATUS_BUFFER_TOO_SMALL. The buffers end with the request.

use std::sync::Arc;

use nblease_ndis::sys::{self, MDL, WDF_DRIVER_GLOBALS};

use super::{
    as_pointer,
    attributes::Attributes,
    enter, give, may_allocate,
    memory::Memory,
    object::{Body, Handle, Kind, NULL},
    request_ddi::live,
    state,
};
use crate::{
    faults::FaultKind,
    io::{Buffering, Irp, Major, NtStatus, status},
    judge::rule,
    kernel::kernel,
};

/// Which of a request's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Input,
    Output,
}

impl Which {
    /// Its length; none where the request has no such buffer.
    fn len(self, irp: &Irp) -> Option<usize> {
        match (self, irp.major()) {
            (Self::Input, Major::Write | Major::DeviceControl | Major::InternalDeviceControl) => Some(irp.input_len()),
            (Self::Output, Major::Read | Major::DeviceControl | Major::InternalDeviceControl) => Some(irp.output_len()),
            _ => None,
        }
    }

    /// Whether it lies in the caller's own pages.
    fn is_direct(self, irp: &Irp) -> bool {
        match irp.major() {
            Major::Read | Major::Write => irp.file().device().buffering() == Buffering::Direct,
            _ => self == Self::Output && !irp.is_buffered(),
        }
    }
}

/// The buffer: where the driver finds it, and its length.
fn retrieve(ddi: &'static str, handle: Handle, which: Which) -> Result<(Arc<Irp>, *mut u8, usize), NtStatus> {
    let irp = live(&mut state(), ddi, handle).irp.clone();
    let len = which.len(&irp);
    kernel().judge.check(rule::V46, len.is_some(), || format!("{ddi}: {} has no such buffer", irp.describe()));
    let len = len.ok_or(status::INVALID_DEVICE_REQUEST)?;
    if len == 0 {
        return Err(status::BUFFER_TOO_SMALL);
    }
    if irp.is_neither() {
        return Err(status::INVALID_DEVICE_REQUEST);
    }
    let address = if which.is_direct(&irp) {
        irp.map().ok_or(status::INSUFFICIENT_RESOURCES)?
    } else {
        may_allocate(FaultKind::Request)?;
        irp.system_buffer().ok_or(status::BUFFER_TOO_SMALL)?
    };
    Ok((irp, address, len))
}

/// # Safety
/// `buffer` and `length` are null or writable.
unsafe fn buffer(
    ddi: &'static str,
    request: sys::WDFREQUEST,
    which: Which,
    required: usize,
    buffer: *mut sys::PVOID,
    length: *mut usize,
) -> NtStatus {
    let found = retrieve(ddi, request.addr(), which).map(|(_, address, len)| (address.cast(), len));
    // SAFETY: the caller's promise.
    unsafe { give_buffer(found, required, buffer, length) }
}

/// Tells the driver of a buffer's address and length where it is as long as required: else null and zero.
///
/// # Safety
/// `buffer` and `length` are null or writable.
pub(crate) unsafe fn give_buffer(
    found: Result<(sys::PVOID, usize), NtStatus>,
    required: usize,
    buffer: *mut sys::PVOID,
    length: *mut usize,
) -> NtStatus {
    let found = found.and_then(|found| if found.1 < required { Err(status::BUFFER_TOO_SMALL) } else { Ok(found) });
    let (address, len) = found.unwrap_or((std::ptr::null_mut(), 0));
    // SAFETY: the caller's promise.
    unsafe { give(buffer, address) };
    // SAFETY: as above.
    unsafe { give(length, len) };
    found.err().unwrap_or(status::SUCCESS)
}

/// The WDFMEMORY of a buffer: one for each, a child of the request.
fn memory_of(ddi: &'static str, request: Handle, which: Which) -> Result<Handle, NtStatus> {
    let (irp, address, len) = retrieve(ddi, request, which)?;
    let mut state = state();
    let driver = state.any(ddi, request).driver;
    let body = live(&mut state, ddi, request);
    let known = if which == Which::Input { body.input } else { body.output };
    if known != NULL {
        return Ok(known);
    }
    let read_only = which == Which::Input && irp.major() == Major::Write;
    let memory = Body::Memory(Memory::of_request(address.expose_provenance(), len, read_only));
    let handle = state.add(Kind::Memory, driver, request, &Attributes::default(), memory);
    let body = live(&mut state, ddi, request);
    *(if which == Which::Input { &mut body.input } else { &mut body.output }) = handle;
    Ok(handle)
}

/// # Safety
/// `to` is null or writable.
unsafe fn memory(ddi: &'static str, request: sys::WDFREQUEST, which: Which, to: *mut sys::WDFMEMORY) -> NtStatus {
    let found = memory_of(ddi, request.addr(), which);
    // SAFETY: the caller's promise.
    unsafe { give(to, as_pointer(found.unwrap_or(NULL))) };
    found.err().unwrap_or(status::SUCCESS)
}

/// The MDL of a buffer: the caller's pages, not mapped. The lab has none for a system buffer.
///
/// # Safety
/// `to` is null or writable.
unsafe fn mdl(ddi: &'static str, request: sys::WDFREQUEST, which: Which, to: *mut *mut MDL) -> NtStatus {
    let irp = live(&mut state(), ddi, request.addr()).irp.clone();
    let len = which.len(&irp);
    kernel().judge.check(rule::V46, len.is_some(), || format!("{ddi}: {} has no such buffer", irp.describe()));
    let found = match (len, irp.mdl()) {
        (None, _) => Err(status::INVALID_DEVICE_REQUEST),
        (Some(0), _) => Err(status::BUFFER_TOO_SMALL),
        (Some(_), Some(mdl)) if which.is_direct(&irp) => Ok(mdl),
        (Some(_), _) => super::binding::unmodelled(&format!("{ddi} of buffered I/O")),
    };
    // SAFETY: the caller's promise.
    unsafe { give(to, found.unwrap_or(std::ptr::null_mut())) };
    found.err().unwrap_or(status::SUCCESS)
}

macro_rules! retrieving {
    ($($which:ident: $buffer:ident $buffer_name:literal, $memory:ident $memory_name:literal, $mdl:ident $mdl_name:literal;)*) => {
        $(
            #[doc = concat!($buffer_name, ".")]
            pub(crate) unsafe extern "win64" fn $buffer(
                globals: *mut WDF_DRIVER_GLOBALS,
                request: sys::WDFREQUEST,
                required: usize,
                to: *mut sys::PVOID,
                length: *mut usize,
            ) -> NtStatus {
                enter!($buffer_name, globals);
                // SAFETY: a driver passes its variables, the second may be null.
                unsafe { buffer($buffer_name, request, Which::$which, required, to, length) }
            }

            #[doc = concat!($memory_name, ".")]
            pub(crate) unsafe extern "win64" fn $memory(
                globals: *mut WDF_DRIVER_GLOBALS,
                request: sys::WDFREQUEST,
                to: *mut sys::WDFMEMORY,
            ) -> NtStatus {
                enter!($memory_name, globals);
                // SAFETY: a driver passes its variable.
                unsafe { memory($memory_name, request, Which::$which, to) }
            }

            #[doc = concat!($mdl_name, ".")]
            pub(crate) unsafe extern "win64" fn $mdl(
                globals: *mut WDF_DRIVER_GLOBALS,
                request: sys::WDFREQUEST,
                to: *mut *mut MDL,
            ) -> NtStatus {
                enter!($mdl_name, globals);
                // SAFETY: a driver passes its variable.
                unsafe { mdl($mdl_name, request, Which::$which, to) }
            }
        )*
    };
}

retrieving! {
    Input:
        input_buffer "WdfRequestRetrieveInputBuffer",
        input_memory "WdfRequestRetrieveInputMemory",
        input_mdl "WdfRequestRetrieveInputWdmMdl";
    Output:
        output_buffer "WdfRequestRetrieveOutputBuffer",
        output_memory "WdfRequestRetrieveOutputMemory",
        output_mdl "WdfRequestRetrieveOutputWdmMdl";
}
