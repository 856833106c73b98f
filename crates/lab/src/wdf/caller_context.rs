//! EvtIoInCallerContext: requests that the driver sees in the caller's context before they are queued
//! (FxPkgIo::DispatchStep2 and EnqueueRequest).

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    as_pointer, device_init, enter, event,
    object::{Handle, NULL},
    queue,
    request::Place,
    request_cancel::check_owned,
    request_ddi::live,
    state,
};
use crate::{
    io::{NtStatus, status},
    judge::rule,
    kernel::kernel,
};

/// EvtIoInCallerContext.
pub(crate) type EvtIoInCallerContext = unsafe extern "efiapi" fn(sys::WDFDEVICE, sys::WDFREQUEST);

/// WdfDeviceInitSetIoInCallerContextCallback.
pub(crate) unsafe extern "win64" fn set_callback(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    callback: Option<EvtIoInCallerContext>,
) {
    const DDI: &str = "WdfDeviceInitSetIoInCallerContextCallback";
    enter!("WdfDeviceInitSetIoInCallerContextCallback", globals);
    kernel().judge.check(rule::V07, callback.is_some(), || format!("{DDI} was given no callback"));
    device_init::change(DDI, init, |init| init.in_caller_context = callback);
}

/// Gives a new request to the driver's EvtIoInCallerContext, on the caller's thread. The driver then has to enqueue or to
/// complete it.
pub(crate) fn present(callback: EvtIoInCallerContext, device: Handle, request_handle: Handle) {
    let driver = {
        let mut state = state();
        let request = state.request("IRP", request_handle);
        request.place = Place::Driver;
        request.presented = true;
        request.in_caller_context = true;
        state.note_request(request_handle, || "given to EvtIoInCallerContext".to_owned());
        state.any("IRP", device).driver
    };
    event(driver, "EvtIoInCallerContext", || {
        // SAFETY: the driver registered it, and the handles are live.
        unsafe { callback(as_pointer(device), as_pointer(request_handle)) };
    });
    let mut state = state();
    if state.get(request_handle).is_some() {
        state.request("IRP", request_handle).in_caller_context = false;
    }
}

/// WdfDeviceEnqueueRequest, from within EvtIoInCallerContext: the request goes where it would have gone without it.
/// STATUS_WDF_BUSY where that queue accepts nothing, STATUS_INVALID_DEVICE_REQUEST where there is none: the driver keeps it.
pub(crate) unsafe extern "win64" fn enqueue_request(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    request: sys::WDFREQUEST,
) -> NtStatus {
    const DDI: &str = "WdfDeviceEnqueueRequest";
    enter!("WdfDeviceEnqueueRequest", globals);
    let handle = request.addr();
    let to = {
        let mut state = state();
        check_owned(&mut state, DDI, handle);
        let request = live(&mut state, DDI, handle);
        let (major, in_context) = (request.irp.major(), request.in_caller_context);
        kernel().judge.check(rule::V43, in_context, || {
            format!("{DDI} of WDFREQUEST {handle:#x}, which is not one that EvtIoInCallerContext has")
        });
        let queue = state.device(DDI, device.addr()).queue_for(major);
        if queue == NULL || !in_context {
            return status::INVALID_DEVICE_REQUEST;
        }
        if !state.queue(DDI, queue).accepts {
            return status::WDF_BUSY;
        }
        state.request(DDI, handle).in_caller_context = false;
        state.note_request(handle, || format!("enqueued on {queue:#x}"));
        queue
    };
    queue::insert(to, handle, false);
    queue::dispatch(to);
    status::SUCCESS
}
