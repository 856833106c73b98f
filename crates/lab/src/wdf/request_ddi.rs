//! What the driver asks of and does with its requests (fxrequestapi.cpp).

use std::{mem, sync::Arc};

use nblease_ndis::sys::{self, IRP, WDF_DRIVER_GLOBALS, WDF_REQUEST_PARAMETERS};

use super::{
    as_pointer, enter,
    object::{Handle, NULL, Object},
    queue::{self, Type},
    request::{self, Place},
    request_cancel::check_owned,
    request_send, state,
};
use crate::{
    io::{Irp, Major, NtStatus, status},
    judge::rule,
    kernel::kernel,
    thread,
};

/// UserMode.
const USER_MODE: i8 = 1;

/// Completion by the driver: it owns the request, it does not hold a lock, and it unmarked the request before.
fn complete(ddi: &'static str, handle: Handle, status: NtStatus, information: Option<usize>) {
    // A driver with automatic synchronization completes requests with the framework's lock held.
    thread::no_locks_but(ddi, thread::FRAMEWORKS_LOCK);
    kernel()
        .judge
        .check(rule::V43, status != status::PENDING, || format!("{ddi} on WDFREQUEST {handle:#x} with STATUS_PENDING"));
    let information = {
        let mut state = state();
        check_owned(&mut state, ddi, handle);
        let set = state.request(ddi, handle).information;
        information.unwrap_or(set)
    };
    request::complete(handle, status, information);
}

/// WdfRequestComplete.
pub(crate) unsafe extern "win64" fn complete_plain(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    status: NtStatus,
) {
    enter!("WdfRequestComplete", globals);
    complete("WdfRequestComplete", request.addr(), status, None);
}

/// WdfRequestCompleteWithInformation.
pub(crate) unsafe extern "win64" fn complete_with_information(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    status: NtStatus,
    information: usize,
) {
    enter!("WdfRequestCompleteWithInformation", globals);
    complete("WdfRequestCompleteWithInformation", request.addr(), status, Some(information));
}

/// WdfRequestCompleteWithPriorityBoost.
pub(crate) unsafe extern "win64" fn complete_with_priority_boost(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    status: NtStatus,
    _boost: i8,
) {
    enter!("WdfRequestCompleteWithPriorityBoost", globals);
    complete("WdfRequestCompleteWithPriorityBoost", request.addr(), status, None);
}

/// WdfRequestSetInformation.
pub(crate) unsafe extern "win64" fn set_information(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    information: usize,
) {
    enter!("WdfRequestSetInformation", globals);
    live(&mut state(), "WdfRequestSetInformation", request.addr()).information = information;
}

/// WdfRequestGetInformation.
pub(crate) unsafe extern "win64" fn get_information(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> usize {
    enter!("WdfRequestGetInformation", globals);
    request_send::information("WdfRequestGetInformation", request.addr())
}

/// A request that was not completed; else V43 is broken.
pub(crate) fn live<'a>(
    state: &'a mut super::object::State,
    ddi: &'static str,
    handle: Handle,
) -> &'a mut request::Request {
    if state.request(ddi, handle).place == Place::Completed {
        let history = state.get(handle).map(Object::history).unwrap_or_default();
        kernel().judge.fatal(rule::V43, format!("{ddi} on WDFREQUEST {handle:#x}, which was completed"), history);
    }
    state.request(ddi, handle)
}

/// WdfRequestGetParameters.
pub(crate) unsafe extern "win64" fn get_parameters(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    parameters: *mut WDF_REQUEST_PARAMETERS,
) {
    enter!("WdfRequestGetParameters", globals);
    let irp = live(&mut state(), "WdfRequestGetParameters", request.addr()).irp.clone();
    // SAFETY: a driver passes a structure that begins with its size.
    let size = unsafe { parameters.cast::<u16>().read_unaligned() };
    let right = size as usize >= size_of::<WDF_REQUEST_PARAMETERS>();
    kernel().judge.check(rule::V07, right, || format!("WdfRequestGetParameters was given Size {size}"));
    if right {
        // SAFETY: it has room for all fields.
        unsafe { fill_parameters(&irp, parameters) };
    }
}

/// Writes what a request asks for.
///
/// # Safety
/// `to` points to writable parameters.
pub(crate) unsafe fn fill_parameters(irp: &Arc<Irp>, to: *mut WDF_REQUEST_PARAMETERS) {
    // SAFETY: WDF_REQUEST_PARAMETERS is plain data for which all zeros is a value.
    let mut parameters: WDF_REQUEST_PARAMETERS = unsafe { mem::zeroed() };
    parameters.Size = size_of::<WDF_REQUEST_PARAMETERS>() as u16;
    parameters.Type = i32::from(irp.major().code());
    match irp.major() {
        Major::Read => parameters.Parameters.Read.Length = irp.output_len(),
        Major::Write => parameters.Parameters.Write.Length = irp.input_len(),
        Major::DeviceControl | Major::InternalDeviceControl => {
            parameters.Parameters.DeviceIoControl = sys::WDF_REQUEST_PARAMETERS_DeviceIoControl {
                OutputBufferLength: irp.output_len(),
                InputBufferLength: irp.input_len(),
                IoControlCode: irp.code(),
                Type3InputBuffer: irp.with_raw(|_, stack| {
                    // SAFETY: the I/O manager filled these parameters for a device control.
                    unsafe { stack.Parameters.DeviceIoControl }.Type3InputBuffer
                }),
            };
        }
        _ => {}
    }
    // SAFETY: the caller's promise.
    unsafe { to.write_unaligned(parameters) };
}

/// WdfRequestGetFileObject.
pub(crate) unsafe extern "win64" fn get_file_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::WDFFILEOBJECT {
    enter!("WdfRequestGetFileObject", globals);
    as_pointer(live(&mut state(), "WdfRequestGetFileObject", request.addr()).file)
}

/// WdfRequestGetIoQueue: the queue that the driver has it from.
pub(crate) unsafe extern "win64" fn get_io_queue(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::WDFQUEUE {
    enter!("WdfRequestGetIoQueue", globals);
    as_pointer(live(&mut state(), "WdfRequestGetIoQueue", request.addr()).queue)
}

/// WdfRequestGetRequestorMode: every call comes from user mode.
pub(crate) unsafe extern "win64" fn get_requestor_mode(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::KPROCESSOR_MODE {
    enter!("WdfRequestGetRequestorMode", globals);
    live(&mut state(), "WdfRequestGetRequestorMode", request.addr());
    USER_MODE
}

/// WdfRequestIsReserved: no queue of the lab has a forward progress policy.
pub(crate) unsafe extern "win64" fn is_reserved(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::BOOLEAN {
    enter!("WdfRequestIsReserved", globals);
    live(&mut state(), "WdfRequestIsReserved", request.addr());
    0
}

/// WdfRequestIsFrom32BitProcess: no.
pub(crate) unsafe extern "win64" fn is_from_32_bit_process(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::BOOLEAN {
    enter!("WdfRequestIsFrom32BitProcess", globals);
    live(&mut state(), "WdfRequestIsFrom32BitProcess", request.addr());
    0
}

/// WdfRequestGetRequestorProcessId.
pub(crate) unsafe extern "win64" fn get_requestor_process_id(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> u32 {
    enter!("WdfRequestGetRequestorProcessId", globals);
    live(&mut state(), "WdfRequestGetRequestorProcessId", request.addr()).irp.process() as u32
}

/// WdfRequestWdmGetIrp.
pub(crate) unsafe extern "win64" fn wdm_get_irp(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> *mut IRP {
    enter!("WdfRequestWdmGetIrp", globals);
    live(&mut state(), "WdfRequestWdmGetIrp", request.addr()).irp.raw()
}

/// WdfRequestForwardToIoQueue: a request of the driver's, not cancelable, goes to another queue of its device, which owns
/// it from then on. STATUS_WDF_BUSY where that queue accepts nothing: the driver keeps it.
pub(crate) unsafe extern "win64" fn forward_to_io_queue(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    to: sys::WDFQUEUE,
) -> NtStatus {
    const DDI: &str = "WdfRequestForwardToIoQueue";
    enter!("WdfRequestForwardToIoQueue", globals);
    let (handle, to) = (request.addr(), to.addr());
    let from = {
        let mut state = state();
        check_owned(&mut state, DDI, handle);
        let from = state.request(DDI, handle).queue;
        // What EvtIoInCallerContext has was not delivered by a queue.
        if from == NULL {
            return status::INVALID_DEVICE_REQUEST;
        }
        let (device, accepts) = {
            let queue = state.queue(DDI, to);
            (queue.device, queue.accepts)
        };
        if from == to || state.queue(DDI, from).device != device {
            return status::INVALID_DEVICE_REQUEST;
        }
        if !accepts {
            return status::WDF_BUSY;
        }
        state.queue(DDI, from).driver_owned.retain(|r| *r != handle);
        state.note_request(handle, || format!("forwarded to {to:#x}"));
        from
    };
    queue::insert(to, handle, false);
    queue::dispatch(to);
    queue::dispatch_unless_at_work(from);
    status::SUCCESS
}

/// WdfRequestRequeue: back to the head of the manual queue that it came from.
pub(crate) unsafe extern "win64" fn requeue(globals: *mut WDF_DRIVER_GLOBALS, request: sys::WDFREQUEST) -> NtStatus {
    const DDI: &str = "WdfRequestRequeue";
    enter!("WdfRequestRequeue", globals);
    let handle = request.addr();
    let (queue_handle, canceled) = {
        let mut state = state();
        check_owned(&mut state, DDI, handle);
        let queue_handle = state.request(DDI, handle).queue;
        if queue_handle == NULL {
            return status::INVALID_DEVICE_REQUEST;
        }
        let queue = state.queue(DDI, queue_handle);
        if queue.kind != Type::Manual {
            return status::INVALID_DEVICE_REQUEST;
        }
        queue.driver_owned.retain(|r| *r != handle);
        let canceled = queue.cancels_returned;
        state.note_request(handle, || "requeued".to_owned());
        (queue_handle, canceled)
    };
    if canceled {
        queue::cancel_for_queue(handle);
    } else {
        queue::insert(queue_handle, handle, true);
    }
    queue::dispatch(queue_handle);
    status::SUCCESS
}
