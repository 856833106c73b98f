//! The cancel protocol (fxioqueue.cpp: RequestCancelable, CancelForDriver; V44).
//!
//! A request that waits in a queue is cancelled by the framework. One that the driver has is cancelled by the driver, if it
//! was marked cancelable; else its cancel bit is set and nothing happens. Whoever unmarks it in time gets STATUS_SUCCESS and
//! completes it; STATUS_CANCELLED says that EvtRequestCancel has run or will.

use std::sync::Arc;

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    enter,
    object::{Handle, NULL, Object, State},
    queue,
    request::{EvtRequestCancel, Place},
    request_send, state,
};
use crate::{
    io::{Irp, NtStatus, status},
    judge::rule,
    kernel::kernel,
};

/// The I/O manager set an IRP's cancel bit.
pub(crate) fn on_cancel(irp: &Arc<Irp>) {
    let (handle, place) = {
        let mut state = state();
        let handle = irp.context();
        if handle == NULL || state.get(handle).is_none() {
            return;
        }
        let place = state.request("IoCancelIrp", handle).place;
        state.note_request(handle, || format!("cancelled by its caller while {place:?}"));
        if place == Place::Waiting {
            let from = state.request("IoCancelIrp", handle).queue;
            queue::take(&mut state, "IoCancelIrp", from, handle);
        }
        (handle, place)
    };
    match place {
        Place::Waiting => queue::cancel_for_queue(handle),
        Place::Cancelable => cancel_for_driver(handle),
        Place::Sent => {
            request_send::cancel(handle);
        }
        _ => {}
    }
}

/// A cancelable request is cancelled: its EvtRequestCancel is due. Nothing where it was unmarked meanwhile.
pub(crate) fn cancel_for_driver(handle: Handle) {
    let queue_handle = {
        let mut state = state();
        if state.get(handle).is_none() {
            return;
        }
        let request = state.request("IoCancelIrp", handle);
        if request.place != Place::Cancelable {
            return;
        }
        request.place = Place::Canceling;
        request.canceled = true;
        let queue_handle = request.queue;
        state.queue("IoCancelIrp", queue_handle).canceled.push_back(handle);
        queue_handle
    };
    queue::dispatch_unless_at_work(queue_handle);
}

/// The request is the driver's and not marked cancelable; else V43 or V44 is broken.
pub(crate) fn check_owned(state: &mut State, ddi: &'static str, handle: Handle) {
    let place = state.request(ddi, handle).place;
    let history = state.get(handle).map(Object::history).unwrap_or_default();
    let judge = &kernel().judge;
    judge.evaluated(rule::V43);
    judge.evaluated(rule::V44);
    match place {
        Place::Driver | Place::CancelCalled | Place::CanceledOnQueue => {}
        Place::New | Place::Waiting => {
            judge.fatal(rule::V43, format!("{ddi} on WDFREQUEST {handle:#x}, which the driver does not own"), history)
        }
        Place::Sent => judge.fatal(
            rule::V43,
            format!("{ddi} on WDFREQUEST {handle:#x}, which was sent and has not come back"),
            history,
        ),
        Place::Completing | Place::Completed => {
            judge.fatal(rule::V43, format!("{ddi} on WDFREQUEST {handle:#x}, which was completed"), history)
        }
        Place::Cancelable => judge.fatal(
            rule::V44,
            format!("{ddi} on WDFREQUEST {handle:#x}, which is still marked cancelable"),
            history,
        ),
        Place::Canceling => judge.fatal(
            rule::V44,
            format!("{ddi} on WDFREQUEST {handle:#x}, whose EvtRequestCancel is about to be called"),
            history,
        ),
    }
}

/// Marks a request cancelable. `Ok(true)`: its EvtRequestCancel is due, since it was cancelled before.
fn mark(ddi: &'static str, handle: Handle, callback: EvtRequestCancel, fails: bool) -> Result<bool, NtStatus> {
    let mut state = state();
    check_owned(&mut state, ddi, handle);
    let request = state.request(ddi, handle);
    if request.queue == NULL {
        let history = state.get(handle).map(Object::history).unwrap_or_default();
        kernel().judge.fatal(rule::V44, format!("{ddi} on WDFREQUEST {handle:#x}, which is not from a queue"), history);
    }
    if request.place == Place::CancelCalled || request.place == Place::CanceledOnQueue {
        let history = state.get(handle).map(Object::history).unwrap_or_default();
        kernel().judge.broken_with(
            rule::V44,
            format!("{ddi} on WDFREQUEST {handle:#x}, whose cancel callback was called already"),
            history,
        );
        return Err(status::INVALID_DEVICE_REQUEST);
    }
    if request.irp.is_cancelled_now(0.25) {
        request.irp.set_canceled();
    }
    let (queue_handle, bit) = (request.queue, request.irp.is_canceled());
    let gone = bit || state.queue(ddi, queue_handle).cancels_returned;
    if gone && fails {
        state.note_request(handle, || format!("{ddi}: STATUS_CANCELLED"));
        return Err(status::CANCELLED);
    }
    let request = state.request(ddi, handle);
    request.cancel = Some(callback);
    request.place = if gone { Place::Canceling } else { Place::Cancelable };
    request.canceled |= gone;
    if gone {
        state.queue(ddi, queue_handle).canceled.push_back(handle);
    }
    state.note_request(handle, || "marked cancelable".to_owned());
    Ok(gone)
}

/// WdfRequestMarkCancelable. For a request that was cancelled before, EvtRequestCancel may run inside.
pub(crate) unsafe extern "win64" fn mark_cancelable(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    callback: EvtRequestCancel,
) {
    enter!("WdfRequestMarkCancelable", globals);
    if mark("WdfRequestMarkCancelable", request.addr(), callback, false) == Ok(true) {
        let queue = state().request("WdfRequestMarkCancelable", request.addr()).queue;
        queue::dispatch_unless_at_work(queue);
    }
}

/// WdfRequestMarkCancelableEx: STATUS_CANCELLED for a request that was cancelled before, which the caller then completes.
pub(crate) unsafe extern "win64" fn mark_cancelable_ex(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    callback: EvtRequestCancel,
) -> NtStatus {
    enter!("WdfRequestMarkCancelableEx", globals);
    match mark("WdfRequestMarkCancelableEx", request.addr(), callback, true) {
        Ok(_) => status::SUCCESS,
        Err(status) => status,
    }
}

/// WdfRequestUnmarkCancelable: STATUS_CANCELLED where EvtRequestCancel has run or will.
pub(crate) unsafe extern "win64" fn unmark_cancelable(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> NtStatus {
    enter!("WdfRequestUnmarkCancelable", globals);
    let handle = request.addr();
    let mut state = state();
    let request = state.request("WdfRequestUnmarkCancelable", handle);
    kernel().judge.evaluated(rule::V44);
    if request.place == Place::Cancelable && request.irp.is_cancelled_now(0.75) {
        // Another processor was faster, and calls EvtRequestCancel as soon as it gets to it.
        request.irp.set_canceled();
        request.place = Place::Canceling;
        request.canceled = true;
        let queue = request.queue;
        state.queue("WdfRequestUnmarkCancelable", queue).canceled.push_back(handle);
        kernel().sched.queue_work(Box::new(move || queue::dispatch_unless_at_work(queue)));
        return status::CANCELLED;
    }
    match request.place {
        Place::Cancelable => {
            request.place = Place::Driver;
            request.cancel = None;
            state.note_request(handle, || "unmarked".to_owned());
            status::SUCCESS
        }
        Place::Canceling | Place::CancelCalled => status::CANCELLED,
        Place::New
        | Place::Waiting
        | Place::Driver
        | Place::CanceledOnQueue
        | Place::Sent
        | Place::Completing
        | Place::Completed => {
            let (place, history) = (request.place, state.get(handle).map(Object::history).unwrap_or_default());
            let rule = if place == Place::Completed { rule::V43 } else { rule::V44 };
            kernel().judge.broken_with(
                rule,
                format!(
                    "WdfRequestUnmarkCancelable on WDFREQUEST {handle:#x}, which is not marked cancelable: {place:?}"
                ),
                history,
            );
            status::INVALID_DEVICE_REQUEST
        }
    }
}

/// WdfRequestIsCanceled, for a request of the driver's that is not marked cancelable.
pub(crate) unsafe extern "win64" fn is_canceled(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::BOOLEAN {
    enter!("WdfRequestIsCanceled", globals);
    let mut state = state();
    check_owned(&mut state, "WdfRequestIsCanceled", request.addr());
    let request = state.request("WdfRequestIsCanceled", request.addr());
    u8::from(request.canceled || request.irp.is_canceled())
}
