//! WDFQUEUE: accepting, waiting, presenting (fxioqueue.cpp).
//!
//! A request waits in a queue, is the driver's, or is on its way to an event of the driver. All events of a queue are
//! delivered by [`dispatch`], a loop like FxIoQueue::DispatchEvents: one step is chosen with the state locked and carried out
//! with it unlocked. An event that falls due while a dispatcher is at work on the queue is left to that dispatcher, so
//! that EvtRequestCancel may run inside WdfRequestMarkCancelable or after the event that called it.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nblease_ndis::sys;
use rand::Rng as _;

use super::{
    as_pointer, caller_context, event,
    object::{Body, Handle, NULL, State},
    request::{self, EvtRequestCancel, Place},
    state,
    sync::{self, CallbackLock, Constraints},
};
use crate::{
    io::{self, Irp, Major, status},
    kernel::{DriverId, kernel},
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// EvtIoQueueState.
pub(crate) type EvtIoQueueState = unsafe extern "efiapi" fn(sys::WDFQUEUE, sys::WDFCONTEXT);

/// Who is told when a queue comes to rest.
#[derive(Clone)]
pub(crate) enum Watch {
    /// The driver: its event and the context, an address.
    Driver(EvtIoQueueState, usize),
    /// A synchronous call that waits.
    Flag(Arc<AtomicBool>),
}

/// A queue's dispatching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Sequential,
    Parallel,
    Manual,
}

/// The events of a queue.
#[derive(Clone, Copy, Default)]
pub(crate) struct Events {
    pub default: sys::PFN_WDF_IO_QUEUE_IO_DEFAULT,
    pub read: sys::PFN_WDF_IO_QUEUE_IO_READ,
    pub write: sys::PFN_WDF_IO_QUEUE_IO_WRITE,
    pub device_control: sys::PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    pub internal_device_control: sys::PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL,
    pub canceled_on_queue: sys::PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE,
}

/// A WDFQUEUE.
#[expect(clippy::struct_excessive_bools, reason = "they are FxIoQueue's own flags, each set by a call of its own")]
pub(crate) struct Queue {
    pub device: Handle,
    pub kind: Type,
    pub events: Events,
    /// Zero-length reads and writes reach the driver.
    pub zero_length: bool,
    /// At which level events are called, and with which lock.
    pub constraints: Constraints,
    /// Most requests that a parallel queue presents at once.
    pub most_presented: usize,
    pub accepts: bool,
    pub dispatches: bool,
    pub waiting: VecDeque<Handle>,
    /// The driver's requests that came from this queue.
    pub driver_owned: Vec<Handle>,
    /// Requests whose EvtRequestCancel is due.
    pub canceled: VecDeque<Handle>,
    /// Requests for EvtIoCanceledOnQueue.
    pub told_of_cancel: VecDeque<Handle>,
    /// Dispatchers at work.
    pub dispatching: usize,
    pub idle: Option<Watch>,
    pub purged: Option<Watch>,
    pub ready: Option<(EvtIoQueueState, usize)>,
    /// The queue was empty and is not: WdfIoQueueReadyNotify's event is due.
    pub filled: bool,
    /// Purging: what the driver gives back is cancelled (m_CancelDispatchedRequests).
    pub cancels_returned: bool,
    pub deleted: bool,
    work_queued: bool,
}

impl Queue {
    /// A queue that accepts and dispatches.
    pub(crate) fn new(device: Handle, kind: Type, events: Events, constraints: Constraints) -> Self {
        Self {
            device,
            kind,
            events,
            zero_length: false,
            constraints,
            most_presented: usize::MAX,
            accepts: true,
            dispatches: true,
            waiting: VecDeque::new(),
            driver_owned: Vec::new(),
            canceled: VecDeque::new(),
            told_of_cancel: VecDeque::new(),
            dispatching: 0,
            idle: None,
            purged: None,
            ready: None,
            filled: false,
            cancels_returned: false,
            deleted: false,
            work_queued: false,
        }
    }

    /// The framework's own queue for pended creates.
    pub(crate) fn for_creates(device: Handle, constraints: Constraints) -> Self {
        Self::new(device, Type::Manual, Events::default(), constraints)
    }

    /// A request was put among the waiting.
    pub(crate) fn note_filled(&mut self) {
        if self.waiting.len() == 1 {
            self.filled = true;
        }
    }
}

/// The event of WdfIoQueueStop.
const STOPPED: &str = "EvtIoQueueState (stopped)";

/// What a dispatcher does next.
enum Step {
    Cancel(Handle, EvtRequestCancel),
    CanceledOnQueue(Handle, sys::EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE),
    Tell(Watch, &'static str),
    Ready(EvtIoQueueState, usize),
    Present(Handle),
    Done,
}

/// A read, write or control comes in (FxPkgIo::DispatchStep1).
pub(crate) fn on_irp(device: Handle, irp: &Arc<Irp>) {
    let (queue, in_caller_context) = {
        let mut state = state();
        let device = state.device("IRP", device);
        (device.queue_for(irp.major()), device.init.in_caller_context)
    };
    if queue == NULL && in_caller_context.is_none() {
        return irp.complete(status::INVALID_DEVICE_REQUEST, 0);
    }
    match (request::create(device, irp, irp.file().context()), in_caller_context) {
        (Ok(request), Some(callback)) => caller_context::present(callback, device, request),
        (Ok(request), None) => enqueue(queue, request),
        (Err(status), _) => irp.complete(status, 0),
    }
}

/// A new request for a queue, which owns it from now on (FxIoQueue::QueueRequest).
pub(crate) fn enqueue(queue_handle: Handle, request: Handle) {
    let accepted = {
        let mut state = state();
        let accepted = state.queue("IRP", queue_handle).accepts;
        if accepted {
            state.note_request(request, || format!("queued on {queue_handle:#x}"));
        }
        accepted
    };
    if !accepted {
        return request::complete(request, status::INVALID_DEVICE_STATE, 0);
    }
    insert(queue_handle, request, false);
    dispatch(queue_handle);
}

/// Puts a request among the waiting; one that was cancelled already goes the way of those cancelled in the queue.
pub(crate) fn insert(queue_handle: Handle, request_handle: Handle, at_head: bool) {
    let canceled = {
        let mut state = state();
        let request = state.request("IRP", request_handle);
        request.queue = queue_handle;
        request.place = Place::Waiting;
        let canceled = request.irp.is_canceled();
        if !canceled {
            let queue = state.queue("IRP", queue_handle);
            if at_head {
                queue.waiting.push_front(request_handle);
            } else {
                queue.waiting.push_back(request_handle);
            }
            queue.note_filled();
        }
        canceled
    };
    if canceled {
        cancel_for_queue(request_handle);
    }
}

/// The driver has the request without its having waited.
pub(crate) fn give_to_driver(queue_handle: Handle, request_handle: Handle) {
    let mut state = state();
    own(&mut state, queue_handle, request_handle);
    let request = state.request("IRP", request_handle);
    request.presented = true;
}

fn own(state: &mut State, queue_handle: Handle, request_handle: Handle) {
    let request = state.request("IRP", request_handle);
    request.queue = queue_handle;
    request.place = Place::Driver;
    state.queue("IRP", queue_handle).driver_owned.push(request_handle);
}

/// Takes a request from among the waiting: whether it was there. It is the framework's alone then.
pub(crate) fn take(state: &mut State, ddi: &str, queue_handle: Handle, request: Handle) -> bool {
    let waiting = &mut state.queue(ddi, queue_handle).waiting;
    let Some(at) = waiting.iter().position(|r| *r == request) else { return false };
    waiting.remove(at);
    state.request(ddi, request).place = Place::New;
    true
}

/// A request was cancelled while it waited, or is purged (FxIoQueue::CancelForQueue). It is among the waiting no more.
pub(crate) fn cancel_for_queue(request_handle: Handle) {
    let (queue_handle, by_framework) = {
        let mut state = state();
        let request = state.request("IRP", request_handle);
        request.canceled = true;
        let (queue_handle, presented) = (request.queue, request.presented);
        let event = state.queue("IRP", queue_handle).events.canceled_on_queue;
        let told = presented && event.is_some();
        if told {
            own(&mut state, queue_handle, request_handle);
            state.request("IRP", request_handle).place = Place::CanceledOnQueue;
            state.queue("IRP", queue_handle).told_of_cancel.push_back(request_handle);
        }
        state.note_request(request_handle, || "cancelled in its queue".to_owned());
        (queue_handle, !told)
    };
    if by_framework {
        request::complete(request_handle, status::CANCELLED, 0);
    }
    dispatch_unless_at_work(queue_handle);
}

/// Takes a file's requests out of a queue of the device and cancels them (FxIoQueue::FlushByFileObject).
pub(crate) fn flush_file(queue_handle: Handle, device: Handle, file: &Arc<io::File>) {
    loop {
        let found = {
            let mut state = state();
            if state.get(queue_handle).is_none() || state.queue("IRP_MJ_CLEANUP", queue_handle).device != device {
                return;
            }
            let waiting = state.queue("IRP_MJ_CLEANUP", queue_handle).waiting.clone();
            let found = waiting
                .into_iter()
                .find(|request| Arc::ptr_eq(state.request("IRP_MJ_CLEANUP", *request).irp.file(), file));
            if let Some(request) = found {
                take(&mut state, "IRP_MJ_CLEANUP", queue_handle, request);
            }
            found
        };
        let Some(request) = found else { break };
        cancel_for_queue(request);
    }
    dispatch(queue_handle);
}

/// Delivers what is due, unless a dispatcher is at work, which then will (FxIoQueue::DispatchInternalEvents).
pub(crate) fn dispatch_unless_at_work(queue_handle: Handle) {
    let at_work = {
        let mut state = state();
        state.get(queue_handle).is_none() || state.queue("IRP", queue_handle).dispatching > 0
    };
    if !at_work {
        dispatch(queue_handle);
    }
}

/// Delivers what is due on a queue. Calls the driver.
pub(crate) fn dispatch(queue_handle: Handle) {
    let (driver, serial) = {
        let mut state = state();
        let Some(driver) = state.get(queue_handle).map(|o| o.driver) else { return };
        let queue = state.queue("IRP", queue_handle);
        if queue.deleted {
            return;
        }
        if queue.constraints.puts_off(move || dispatch(queue_handle)) {
            return;
        }
        if queue.constraints.passive && thread::irql() > PASSIVE_LEVEL {
            if !queue.work_queued {
                queue.work_queued = true;
                kernel().sched.queue_work(Box::new(move || deferred(queue_handle)));
            }
            return;
        }
        queue.dispatching += 1;
        (driver, queue.constraints.automatic().cloned())
    };
    let serial = serial.as_ref();
    loop {
        let step = next(&mut state(), queue_handle);
        match step {
            Step::Cancel(request, callback) => sync::with(serial, || {
                let irql = if passive(queue_handle) { thread::irql() } else { cancel_irql() };
                thread::call_driver(driver, "EvtRequestCancel", irql, || {
                    // SAFETY: the driver gave it for this request, which is live until it completes it.
                    unsafe { callback(as_pointer(request)) };
                });
            }),
            Step::CanceledOnQueue(request, callback) => sync::with(serial, || {
                event(driver, "EvtIoCanceledOnQueue", || {
                    // SAFETY: the driver registered it, and the handles are live.
                    unsafe { callback(as_pointer(queue_handle), as_pointer(request)) };
                });
            }),
            Step::Tell(Watch::Flag(flag), _) => {
                flag.store(true, Ordering::SeqCst);
                kernel().sched.changed();
            }
            Step::Tell(Watch::Driver(callback, context), what) => {
                // Of the events of a queue that of its being stopped alone comes without the lock.
                let serial = serial.filter(|_| what != STOPPED);
                sync::with(serial, || tell(driver, what, queue_handle, callback, context));
            }
            Step::Ready(callback, context) => {
                sync::with(serial, || tell(driver, "EvtIoQueueState", queue_handle, callback, context));
            }
            Step::Present(request) => present(driver, queue_handle, request, serial),
            Step::Done => {
                kernel().sched.changed();
                return;
            }
        }
    }
}

/// Whether a queue's events come at PASSIVE_LEVEL.
fn passive(queue_handle: Handle) -> bool {
    state().queue("IRP", queue_handle).constraints.passive
}

/// EvtRequestCancel is called at up to DISPATCH_LEVEL: where the caller's own is lower, the seed chooses.
pub(crate) fn cancel_irql() -> u8 {
    if kernel().rng().random() { DISPATCH_LEVEL } else { thread::irql() }
}

fn deferred(queue_handle: Handle) {
    if let Some(Body::Queue(queue)) = state().get_mut(queue_handle).map(|object| &mut object.body) {
        queue.work_queued = false;
    }
    dispatch(queue_handle);
}

fn tell(driver: DriverId, what: &'static str, queue: Handle, callback: EvtIoQueueState, context: usize) {
    event(driver, what, || {
        // SAFETY: the driver gave event and context with the call that this answers.
        unsafe { callback(as_pointer(queue), std::ptr::with_exposed_provenance_mut(context)) };
    });
}

/// The next step of a dispatcher; [`Step::Done`] ends it. The order is that of FxIoQueue::DispatchEvents.
fn next(state: &mut State, queue_handle: Handle) -> Step {
    if let Some(request) = state.queue("IRP", queue_handle).canceled.pop_front() {
        state.note_request(request, || "EvtRequestCancel is called".to_owned());
        let request_body = state.request("IRP", request);
        request_body.place = Place::CancelCalled;
        if let Some(callback) = request_body.cancel.take() {
            return Step::Cancel(request, callback);
        }
    }
    let queue = state.queue("IRP", queue_handle);
    if let Some(callback) = queue.events.canceled_on_queue
        && let Some(request) = queue.told_of_cancel.pop_front()
    {
        return Step::CanceledOnQueue(request, callback);
    }
    if queue.dispatching == 1 && queue.driver_owned.is_empty() {
        if let Some(watch) = queue.idle.take() {
            queue.cancels_returned = false;
            return Step::Tell(watch, STOPPED);
        }
        if queue.waiting.is_empty()
            && let Some(watch) = queue.purged.take()
        {
            queue.cancels_returned = false;
            return Step::Tell(watch, "EvtIoQueueState (purged)");
        }
    }
    if queue.dispatches {
        if queue.kind == Type::Manual {
            if let Some((callback, context)) = queue.ready
                && std::mem::take(&mut queue.filled)
            {
                return Step::Ready(callback, context);
            }
        } else {
            let limit = if queue.kind == Type::Sequential { 1 } else { queue.most_presented };
            if queue.driver_owned.len() < limit
                && let Some(request) = queue.waiting.pop_front()
            {
                own(state, queue_handle, request);
                return Step::Present(request);
            }
        }
    }
    state.queue("IRP", queue_handle).dispatching -= 1;
    Step::Done
}

/// Presents a request to the driver (FxIoQueue::DispatchRequestToDriver).
fn present(driver: DriverId, queue_handle: Handle, request_handle: Handle, serial: Option<&Arc<CallbackLock>>) {
    let (irp, events, zero_length) = {
        let mut state = state();
        let irp = state.request("IRP", request_handle).irp.clone();
        let queue = state.queue("IRP", queue_handle);
        (irp, queue.events, queue.zero_length)
    };
    let length = match irp.major() {
        Major::Read => Some(irp.output_len()),
        Major::Write => Some(irp.input_len()),
        _ => None,
    };
    let handler = match irp.major() {
        Major::Read => events.read.map(|callback| callback as usize),
        Major::Write => events.write.map(|callback| callback as usize),
        Major::DeviceControl => events.device_control.map(|callback| callback as usize),
        Major::InternalDeviceControl => events.internal_device_control.map(|callback| callback as usize),
        _ => None,
    };
    let Some(handler) = handler.or(events.default.map(|callback| callback as usize)) else {
        return request::complete(request_handle, status::INVALID_DEVICE_REQUEST, 0);
    };
    if length == Some(0) && !zero_length {
        return request::complete(request_handle, status::SUCCESS, 0);
    }
    {
        let mut state = state();
        state.request("IRP", request_handle).presented = true;
        state.note_request(request_handle, || format!("presented to {}", kernel().describe_address(handler)));
    }
    let (queue, request) = (as_pointer(queue_handle), as_pointer(request_handle));
    let (output, input, code) = (irp.output_len(), irp.input_len(), irp.code());
    sync::with(serial, || match irp.major() {
        Major::Read if let Some(callback) = events.read => event(driver, "EvtIoRead", || {
            // SAFETY: the driver registered it, and the handles are live.
            unsafe { callback(queue, request, output) };
        }),
        Major::Write if let Some(callback) = events.write => event(driver, "EvtIoWrite", || {
            // SAFETY: as above.
            unsafe { callback(queue, request, input) };
        }),
        Major::DeviceControl if let Some(callback) = events.device_control => {
            event(driver, "EvtIoDeviceControl", || {
                // SAFETY: as above.
                unsafe { callback(queue, request, output, input, code) };
            });
        }
        Major::InternalDeviceControl if let Some(callback) = events.internal_device_control => {
            event(driver, "EvtIoInternalDeviceControl", || {
                // SAFETY: as above.
                unsafe { callback(queue, request, output, input, code) };
            });
        }
        _ => {
            if let Some(callback) = events.default {
                event(driver, "EvtIoDefault", || {
                    // SAFETY: as above.
                    unsafe { callback(queue, request) };
                });
            }
        }
    });
}
