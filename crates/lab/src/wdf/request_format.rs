//! What a request asks its target for: its kind and its memory (fxiotargetapi.cpp), and how that came out.

use std::mem;

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    enter, give,
    memory::{Offset, part_of},
    object::{Handle, NULL, State},
    request_ddi::live,
    request_send::{self, Options},
    state,
};
use crate::{
    io::{self, Completion, Major, NtStatus, Pending, status},
    kernel::{DriverId, kernel},
    memory::mdl,
};

/// A buffer for a call: a WDFMEMORY, where there is one, and the bytes.
#[derive(Clone, Copy, Default)]
struct Place {
    memory: Handle,
    offset: usize,
    address: usize,
    len: usize,
}

/// What a request asks for.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    major: Major,
    code: u32,
    input: Place,
    output: Place,
}

/// `WDF_REQUEST_COMPLETION_PARAMS`: how a request came out.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Outcome(sys::WDF_REQUEST_COMPLETION_PARAMS);

impl Outcome {
    /// `IoStatus.Information`.
    pub(crate) fn information(&self) -> usize {
        self.0.IoStatus.Information
    }
}

// SAFETY: handles and numbers.
unsafe impl Send for Outcome {}

impl Format {
    /// Makes the call. PASSIVE_LEVEL.
    pub(crate) fn call(&self, device: &io::Handle) -> Pending {
        let mut input = vec![0; self.input.len];
        if self.input.len > 0 {
            let from: *const u8 = std::ptr::with_exposed_provenance(self.input.address);
            // SAFETY: the driver's memory has these bytes; what is none faults and is reported.
            unsafe { from.copy_to_nonoverlapping(input.as_mut_ptr(), self.input.len) };
        }
        match self.major {
            Major::Read => device.read(self.output.len),
            Major::Write => device.write(&input),
            Major::InternalDeviceControl => device.internal_ioctl(self.code, &input, self.output.len),
            _ => device.ioctl(self.code, &input, self.output.len),
        }
    }

    /// Gives the driver what came back.
    pub(crate) fn outcome(&self, state: &mut State, completion: &Completion) -> Outcome {
        let count = completion.data.len().min(self.output.len);
        let gone = self.output.memory != NULL && state.get(self.output.memory).is_none();
        if count > 0 && !gone {
            let to: *mut u8 = std::ptr::with_exposed_provenance_mut(self.output.address);
            // SAFETY: the driver's memory has room for these bytes; what has none faults and is reported.
            unsafe { to.copy_from_nonoverlapping(completion.data.as_ptr(), count) };
        }
        // SAFETY: WDF_REQUEST_COMPLETION_PARAMS is plain data for which all zeros is a value.
        let mut params: sys::WDF_REQUEST_COMPLETION_PARAMS = unsafe { mem::zeroed() };
        params.Size = size_of::<sys::WDF_REQUEST_COMPLETION_PARAMS>() as u32;
        params.Type = i32::from(self.major.code());
        params.IoStatus.u.Status = completion.status.cast_signed();
        params.IoStatus.Information = completion.information;
        let buffer = if self.major == Major::Write { self.input } else { self.output };
        match self.major {
            Major::Read | Major::Write => {
                params.Parameters.Read = sys::WDF_REQUEST_COMPLETION_PARAMS_Read {
                    Buffer: super::as_pointer(buffer.memory),
                    Length: completion.information,
                    Offset: buffer.offset,
                };
            }
            _ => {
                params.Parameters.Ioctl = sys::WDF_REQUEST_COMPLETION_PARAMS_Ioctl {
                    IoControlCode: self.code,
                    Input: sys::WDF_REQUEST_COMPLETION_PARAMS_Ioctl_Input {
                        Buffer: super::as_pointer(self.input.memory),
                        Offset: self.input.offset,
                    },
                    Output: sys::WDF_REQUEST_COMPLETION_PARAMS_Ioctl_Output {
                        Buffer: super::as_pointer(self.output.memory),
                        Offset: self.output.offset,
                        Length: completion.information,
                    },
                };
            }
        }
        Outcome(params)
    }
}

/// A part of a WDFMEMORY; none where there is no memory.
///
/// # Safety
/// `part` is null or readable.
unsafe fn place(ddi: &'static str, memory: sys::WDFMEMORY, part: *const Offset) -> Result<Place, NtStatus> {
    if memory.is_null() {
        return Ok(Place::default());
    }
    // SAFETY: the caller's promise.
    let part = unsafe { part_of(part) };
    let mut state = state();
    let body = state.memory(ddi, memory.addr());
    let (address, len) = body.range(part)?;
    Ok(Place { memory: memory.addr(), offset: address - body.range(None)?.0, address, len })
}

/// Gives a request its format.
fn set(ddi: &'static str, target: sys::WDFIOTARGET, request: sys::WDFREQUEST, format: Format) -> NtStatus {
    let mut state = state();
    state.io_target(ddi, target.addr());
    state.sending(ddi, request.addr(), false).format = Some(format);
    status::SUCCESS
}

macro_rules! transfers {
    ($($function:ident, $sync:ident: $name:literal, $sync_name:literal, $major:ident, $side:ident;)*) => {
        $(
            #[doc = concat!($name, ".")]
            pub(crate) unsafe extern "win64" fn $function(
                globals: *mut WDF_DRIVER_GLOBALS,
                target: sys::WDFIOTARGET,
                request: sys::WDFREQUEST,
                memory: sys::WDFMEMORY,
                part: *const Offset,
                _device_offset: *const i64,
            ) -> NtStatus {
                enter!($name, globals);
                // SAFETY: a driver passes its part or null.
                match unsafe { place($name, memory, part) } {
                    Ok(buffer) => {
                        let mut format = Format::of(Major::$major, 0);
                        format.$side = buffer;
                        set($name, target, request, format)
                    }
                    Err(status) => status,
                }
            }

            #[doc = concat!($sync_name, ".")]
            pub(crate) unsafe extern "win64" fn $sync(
                globals: *mut WDF_DRIVER_GLOBALS,
                target: sys::WDFIOTARGET,
                request: sys::WDFREQUEST,
                buffer: *const sys::WDF_MEMORY_DESCRIPTOR,
                _device_offset: *const i64,
                options: *const Options,
                bytes: *mut usize,
            ) -> NtStatus {
                let id = enter!($sync_name, globals);
                let mut format = Format::of(Major::$major, 0);
                // SAFETY: a driver passes its descriptor or null.
                match unsafe { described($sync_name, buffer) } {
                    Ok(buffer) => format.$side = buffer,
                    Err(status) => return status,
                }
                // SAFETY: a driver passes its options and its variable, or null.
                unsafe { send_and_wait($sync_name, id, target, request, format, options, bytes) }
            }
        )*
    };
}

impl Format {
    fn of(major: Major, code: u32) -> Self {
        Self { major, code, input: Place::default(), output: Place::default() }
    }
}

transfers! {
    format_read, send_read: "WdfIoTargetFormatRequestForRead", "WdfIoTargetSendReadSynchronously", Read, output;
    format_write, send_write: "WdfIoTargetFormatRequestForWrite", "WdfIoTargetSendWriteSynchronously", Write, input;
}

macro_rules! controls {
    ($($function:ident, $sync:ident: $name:literal, $sync_name:literal, $major:ident;)*) => {
        $(
            #[doc = concat!($name, ".")]
            pub(crate) unsafe extern "win64" fn $function(
                globals: *mut WDF_DRIVER_GLOBALS,
                target: sys::WDFIOTARGET,
                request: sys::WDFREQUEST,
                code: u32,
                input: sys::WDFMEMORY,
                input_part: *const Offset,
                output: sys::WDFMEMORY,
                output_part: *const Offset,
            ) -> NtStatus {
                enter!($name, globals);
                // SAFETY: a driver passes its part or null.
                let input = unsafe { place($name, input, input_part) };
                // SAFETY: as above.
                let output = unsafe { place($name, output, output_part) };
                match (input, output) {
                    (Ok(input), Ok(output)) => {
                        set($name, target, request, Format { major: Major::$major, code, input, output })
                    }
                    (Err(status), _) | (_, Err(status)) => status,
                }
            }

            #[doc = concat!($sync_name, ".")]
            pub(crate) unsafe extern "win64" fn $sync(
                globals: *mut WDF_DRIVER_GLOBALS,
                target: sys::WDFIOTARGET,
                request: sys::WDFREQUEST,
                code: u32,
                input: *const sys::WDF_MEMORY_DESCRIPTOR,
                output: *const sys::WDF_MEMORY_DESCRIPTOR,
                options: *const Options,
                bytes: *mut usize,
            ) -> NtStatus {
                let id = enter!($sync_name, globals);
                // SAFETY: a driver passes its descriptor or null.
                let input = unsafe { described($sync_name, input) };
                // SAFETY: as above.
                let output = unsafe { described($sync_name, output) };
                let (input, output) = match (input, output) {
                    (Ok(input), Ok(output)) => (input, output),
                    (Err(status), _) | (_, Err(status)) => return status,
                };
                let format = Format { major: Major::$major, code, input, output };
                // SAFETY: a driver passes its options and its variable, or null.
                unsafe { send_and_wait($sync_name, id, target, request, format, options, bytes) }
            }
        )*
    };
}

controls! {
    format_ioctl, send_ioctl: "WdfIoTargetFormatRequestForIoctl", "WdfIoTargetSendIoctlSynchronously", DeviceControl;
    format_internal, send_internal:
        "WdfIoTargetFormatRequestForInternalIoctl", "WdfIoTargetSendInternalIoctlSynchronously", InternalDeviceControl;
}

/// The buffer that a descriptor names.
///
/// # Safety
/// `descriptor` is null or readable.
unsafe fn described(ddi: &'static str, descriptor: *const sys::WDF_MEMORY_DESCRIPTOR) -> Result<Place, NtStatus> {
    if descriptor.is_null() {
        return Ok(Place::default());
    }
    // SAFETY: the caller's promise.
    let descriptor = unsafe { descriptor.read_unaligned() };
    match descriptor.Type {
        sys::WdfMemoryDescriptorTypeBuffer => {
            // SAFETY: its type says which it is.
            let buffer = unsafe { descriptor.u.BufferType };
            let (address, len) = (buffer.Buffer.expose_provenance(), buffer.Length as usize);
            Ok(Place { memory: NULL, offset: 0, address, len })
        }
        sys::WdfMemoryDescriptorTypeMdl => {
            // SAFETY: as above.
            let of_mdl = unsafe { descriptor.u.MdlType };
            let target = kernel().memory.mdls.find(of_mdl.Mdl.addr()).map(|described: mdl::Described| described.target);
            let address = target.ok_or(status::INVALID_PARAMETER)?;
            Ok(Place { memory: NULL, offset: 0, address, len: of_mdl.BufferLength as usize })
        }
        sys::WdfMemoryDescriptorTypeHandle => {
            // SAFETY: as above.
            let handle = unsafe { descriptor.u.HandleType };
            // SAFETY: the driver names a part of its memory, or none.
            unsafe { place(ddi, handle.Memory, handle.Offsets.cast()) }
        }
        _ => Err(status::INVALID_PARAMETER),
    }
}

/// Sends a call and waits for it: how it came out. Without a request of the driver's the framework takes one of its own.
///
/// # Safety
/// `options` is null or readable, `bytes` null or writable.
unsafe fn send_and_wait(
    ddi: &'static str,
    id: DriverId,
    target: sys::WDFIOTARGET,
    request: sys::WDFREQUEST,
    format: Format,
    options: *const Options,
    bytes: *mut usize,
) -> NtStatus {
    // SAFETY: the caller's promise.
    let options = match unsafe { request_send::options_of(options) } {
        Ok(options) => options.synchronous(),
        Err(status) => return status,
    };
    let own = if request.is_null() { request_send::temporary(id) } else { Ok(request.addr()) };
    let handle = match own {
        Ok(handle) => handle,
        Err(status) => return status,
    };
    set(ddi, target, super::as_pointer(handle), format);
    let sent = request_send::submit(ddi, handle, target.addr(), options);
    let (result, information) = request_send::result_of(ddi, handle);
    if request.is_null() {
        request_send::forget(handle);
    }
    // SAFETY: the caller's promise.
    unsafe { give(bytes, if sent.is_ok() { information } else { 0 }) };
    sent.err().unwrap_or(result)
}

/// WdfRequestFormatRequestUsingCurrentType: a request of a queue goes on as it came, with its own buffers.
pub(crate) unsafe extern "win64" fn format_using_current_type(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) {
    const DDI: &str = "WdfRequestFormatRequestUsingCurrentType";
    enter!("WdfRequestFormatRequestUsingCurrentType", globals);
    let irp = live(&mut state(), DDI, request.addr()).irp.clone();
    let mut format = Format::of(irp.major(), irp.code());
    let system = irp.system_buffer().map_or(0, <*mut u8>::expose_provenance);
    let own = irp.map().map_or(system, <*mut u8>::expose_provenance);
    if irp.is_neither() {
        super::binding::unmodelled("WdfRequestFormatRequestUsingCurrentType of a caller's own addresses");
    }
    let input = if irp.major() == Major::Write { own } else { system };
    format.input = Place { memory: NULL, offset: 0, address: input, len: irp.input_len() };
    format.output = Place { memory: NULL, offset: 0, address: own, len: irp.output_len() };
    state().sending(DDI, request.addr(), false).format = Some(format);
}
