//! WDFREQUEST: creation, and the one completion (fxrequest.cpp, CompleteInternal).
//!
//! A completed request's handle is dead at once, unless the driver holds a reference; its buffers are closed to the driver
//! (V43).

use std::sync::Arc;

use nblease_ndis::sys;

use super::{
    attributes::Attributes,
    file, lifecycle, may_allocate,
    object::{Body, Handle, Kind, NULL, Object, State},
    queue, state,
};
use crate::{
    faults::FaultKind,
    io::{Irp, Major, NtStatus, status},
    judge::rule,
    kernel::kernel,
};

/// EvtRequestCancel.
pub(crate) type EvtRequestCancel = unsafe extern "efiapi" fn(sys::WDFREQUEST);

/// Whose a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The framework's, not queued yet.
    New,
    /// The framework's, in a queue.
    Waiting,
    /// The driver's; it cannot be cancelled.
    Driver,
    /// The driver's, marked cancelable.
    Cancelable,
    /// The driver's; its EvtRequestCancel is due.
    Canceling,
    /// The driver's; its EvtRequestCancel was called.
    CancelCalled,
    /// The driver's, by EvtIoCanceledOnQueue.
    CanceledOnQueue,
    /// A target's, to which the driver sent it.
    Sent,
    /// Being completed: its EvtCleanupCallback may look at it still.
    Completing,
    /// Nobody's: it was completed, and the driver holds a reference still.
    Completed,
}

/// A WDFREQUEST.
pub(crate) struct Request {
    pub irp: Arc<Irp>,
    pub queue: Handle,
    pub place: Place,
    /// The WDFFILEOBJECT; NULL where the driver wants none.
    pub file: Handle,
    /// m_Canceled: the framework cancelled it.
    pub canceled: bool,
    pub presented: bool,
    /// EvtIoInCallerContext has it.
    pub in_caller_context: bool,
    pub cancel: Option<EvtRequestCancel>,
    pub information: usize,
    /// The WDFMEMORYs that stand for the buffers.
    pub input: Handle,
    pub output: Handle,
}

impl State {
    /// Adds a line to a request's history and to its buffers'.
    pub(crate) fn note_request(&mut self, request: Handle, line: impl FnOnce() -> String) {
        let Some(object) = self.get_mut(request) else { return };
        let line = line();
        if let Body::Request(body) = &object.body {
            body.irp.note(line.clone());
        }
        object.note(line);
    }

    /// What the driver has of a queue, with its history.
    pub(crate) fn history_of_owned(&mut self, queue: Handle) -> Vec<String> {
        let owned = self.queue("WdfIoQueue*", queue).driver_owned.clone();
        let mut lines = Vec::new();
        for handle in owned {
            lines.push(format!("WDFREQUEST {handle:#x}: {}", self.request("WdfIoQueue*", handle).irp.describe()));
            lines.extend(self.get(handle).map(Object::history).unwrap_or_default());
        }
        lines
    }
}

/// Makes the request of an IRP, with the context of WdfDeviceInitSetRequestAttributes.
pub(crate) fn create(device: Handle, irp: &Arc<Irp>, file: Handle) -> Result<Handle, NtStatus> {
    may_allocate(FaultKind::Request)?;
    let mut state = state();
    let driver = state.any("IRP", device).driver;
    let attributes: Attributes = state.device("IRP", device).init.request_attributes.clone();
    let body = Body::Request(Box::new(Request {
        irp: irp.clone(),
        queue: NULL,
        place: Place::New,
        file,
        canceled: false,
        presented: false,
        in_caller_context: false,
        cancel: None,
        information: 0,
        input: NULL,
        output: NULL,
    }));
    // A request is no child of its device: it goes with its completion.
    let handle = state.add(Kind::Request, driver, NULL, &attributes, body);
    irp.set_context(handle);
    state.note_request(handle, || irp.describe());
    Ok(handle)
}

/// Completes a request, whoever has it. Calls the driver (EvtCleanupCallback, EvtDestroyCallback, the queue's events).
pub(crate) fn complete(handle: Handle, status: NtStatus, information: usize) {
    let status = mapped(status);
    let (irp, queue_handle) = {
        let mut state = state();
        state.note_request(handle, || format!("completed with {}, Information {information}", status::name(status)));
        let request = state.request("completion", handle);
        request.place = Place::Completing;
        request.irp.set_context(NULL);
        let (irp, queue, presented) = (request.irp.clone(), request.queue, request.presented);
        if !presented {
            // A request that the driver never saw ends without its callbacks.
            for context in &mut state.any("completion", handle).contexts {
                (context.cleanup, context.destroy) = (None, None);
            }
        }
        (irp, queue)
    };
    lifecycle::dispose(handle);
    lifecycle::destroy_children(handle);
    let children = state().get(handle).map_or(0, |object| object.children.len());
    kernel().judge.check(rule::V43, children == 0, || {
        format!("WDFREQUEST {handle:#x} was completed with {children} references to its WDFMEMORY objects")
    });
    if irp.major() == Major::Create && !status.is_success() {
        file::destroy(irp.file());
    }
    state().request("completion", handle).place = Place::Completed;
    irp.complete(status, information);
    if queue_handle != NULL {
        {
            let mut state = state();
            if state.get(queue_handle).is_some() {
                state.queue("completion", queue_handle).driver_owned.retain(|r| *r != handle);
            }
        }
        queue::dispatch_unless_at_work(queue_handle);
        kernel().sched.changed();
    }
    lifecycle::release(handle);
}

/// The framework's own status codes do not leave it.
fn mapped(status: NtStatus) -> NtStatus {
    match status {
        status::WDF_PAUSED | status::WDF_BUSY => status::DEVICE_BUSY,
        status::WDF_INTERNAL_ERROR => status::INTERNAL_ERROR,
        NtStatus(code) if code & 0x0FFF_0000 == 0x0020_0000 => status::INVALID_DEVICE_REQUEST,
        other => other,
    }
}
