//! Starting, stopping, draining and purging queues (fxioqueue.cpp: QueueStart, QueueIdle, QueuePurge, Dispose).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    enter,
    object::{Handle, NULL},
    queue::{self, EvtIoQueueState, Watch},
    request::Place,
    request_cancel, state,
};
use crate::{judge::rule, kernel::kernel};

/// How long the driver may keep the requests that a synchronous call waits for.
const LIMIT_NS: u64 = 10_000_000_000;

/// What a call does to a queue.
#[derive(Clone, Copy)]
enum Rest {
    /// Accepts, presents nothing.
    Stop,
    /// As Stop; what waits and what is cancelable is cancelled.
    StopAndPurge,
    /// Accepts nothing; presents what waits.
    Drain,
    /// Accepts nothing; what waits and what is cancelable is cancelled.
    Purge,
}

/// Brings a queue to rest. False where another such call's event is still due: STATUS_INVALID_DEVICE_REQUEST, which the
/// functions do not return.
fn rest(queue_handle: Handle, how: Rest, watch: Option<Watch>) -> bool {
    let to_cancel: Vec<Handle> = {
        let mut state = state();
        let queue = state.queue("WdfIoQueue*", queue_handle);
        if queue.deleted {
            return false;
        }
        let place = if matches!(how, Rest::Stop | Rest::StopAndPurge) { &mut queue.idle } else { &mut queue.purged };
        if watch.is_some() {
            if place.is_some() {
                return false;
            }
            *place = watch;
        }
        match how {
            Rest::Stop | Rest::StopAndPurge => (queue.accepts, queue.dispatches) = (true, false),
            Rest::Drain | Rest::Purge => queue.accepts = false,
        }
        if matches!(how, Rest::StopAndPurge | Rest::Purge) {
            queue.cancels_returned = true;
            queue.waiting.iter().copied().collect()
        } else {
            Vec::new()
        }
    };
    for request in to_cancel {
        if queue::take(&mut state(), "WdfIoQueue*", queue_handle, request) {
            queue::cancel_for_queue(request);
        }
    }
    if matches!(how, Rest::StopAndPurge | Rest::Purge) {
        cancel_driver_owned(queue_handle);
    }
    queue::dispatch(queue_handle);
    true
}

/// Cancels the requests that the driver marked cancelable.
fn cancel_driver_owned(queue_handle: Handle) {
    loop {
        let found = {
            let mut state = state();
            let owned = state.queue("WdfIoQueue*", queue_handle).driver_owned.clone();
            owned.into_iter().find(|r| state.request("WdfIoQueue*", *r).place == Place::Cancelable)
        };
        let Some(request) = found else { return };
        request_cancel::cancel_for_driver(request);
    }
}

/// Brings a queue to rest and waits until it is.
fn rest_synchronously(ddi: &'static str, queue_handle: Handle, how: Rest) {
    let done = Arc::new(AtomicBool::default());
    if !rest(queue_handle, how, Some(Watch::Flag(done.clone()))) {
        kernel().judge.broken(rule::V07, format!("{ddi} while another call's end is still awaited"));
        return;
    }
    let came = kernel().sched.wait_until(ddi, Some(LIMIT_NS), &mut || done.load(Ordering::SeqCst));
    judge_left(ddi, queue_handle, came);
}

/// The driver must complete the requests that it took (V47).
fn judge_left(ddi: &str, queue_handle: Handle, came: bool) {
    let history = if came { Vec::new() } else { state().history_of_owned(queue_handle) };
    kernel().judge.evaluated(rule::V47);
    if !came {
        kernel().judge.broken_with(
            rule::V47,
            format!("{ddi}: 10 s later the driver has not completed the requests that it took from {queue_handle:#x}"),
            history,
        );
    }
}

/// The queue is to be deleted: everything is cancelled and what the driver has is waited for.
pub(crate) fn dispose(queue_handle: Handle) {
    rest(queue_handle, Rest::Purge, None);
    let came = kernel().sched.wait_until("the deletion of a queue", Some(LIMIT_NS), &mut || {
        let mut state = state();
        let queue = state.queue("WdfObjectDelete", queue_handle);
        queue.waiting.is_empty() && queue.driver_owned.is_empty() && queue.dispatching == 0
    });
    judge_left("deletion of a queue", queue_handle, came);
    let mut state = state();
    let queue = state.queue("WdfObjectDelete", queue_handle);
    queue.deleted = true;
    let device = queue.device;
    if state.get(device).is_some() {
        let device = state.device("WdfObjectDelete", device);
        for place in device.queues.iter_mut().chain([&mut device.default_queue, &mut device.create_queue]) {
            if *place == queue_handle {
                *place = NULL;
            }
        }
    }
}

fn watch(event: Option<EvtIoQueueState>, context: sys::WDFCONTEXT) -> Option<Watch> {
    event.map(|event| Watch::Driver(event, context.expose_provenance()))
}

/// WdfIoQueueStart.
pub(crate) unsafe extern "win64" fn start(globals: *mut WDF_DRIVER_GLOBALS, queue: sys::WDFQUEUE) {
    enter!("WdfIoQueueStart", globals);
    {
        let mut state = state();
        let queue = state.queue("WdfIoQueueStart", queue.addr());
        (queue.accepts, queue.dispatches, queue.cancels_returned) = (true, true, false);
        queue.filled |= !queue.waiting.is_empty();
    }
    queue::dispatch(queue.addr());
}

macro_rules! resting {
    ($($doc:literal $function:ident, $sync:ident: $name:literal, $sync_name:literal, $how:expr;)*) => {
        $(
            #[doc = $doc]
            pub(crate) unsafe extern "win64" fn $function(
                globals: *mut WDF_DRIVER_GLOBALS,
                queue: sys::WDFQUEUE,
                event: Option<EvtIoQueueState>,
                context: sys::WDFCONTEXT,
            ) {
                enter!($name, globals);
                let done = rest(queue.addr(), $how, watch(event, context));
                kernel().judge.check(rule::V07, done, || {
                    concat!($name, " while another call's event is still due").to_owned()
                });
            }

            #[doc = concat!($doc, " Waits for it.")]
            pub(crate) unsafe extern "win64" fn $sync(globals: *mut WDF_DRIVER_GLOBALS, queue: sys::WDFQUEUE) {
                enter!($sync_name, globals);
                rest_synchronously($sync_name, queue.addr(), $how);
            }
        )*
    };
}

resting! {
    "WdfIoQueueStop." stop, stop_synchronously:
        "WdfIoQueueStop", "WdfIoQueueStopSynchronously", Rest::Stop;
    "WdfIoQueueStopAndPurge." stop_and_purge, stop_and_purge_synchronously:
        "WdfIoQueueStopAndPurge", "WdfIoQueueStopAndPurgeSynchronously", Rest::StopAndPurge;
    "WdfIoQueueDrain." drain, drain_synchronously:
        "WdfIoQueueDrain", "WdfIoQueueDrainSynchronously", Rest::Drain;
    "WdfIoQueuePurge." purge, purge_synchronously:
        "WdfIoQueuePurge", "WdfIoQueuePurgeSynchronously", Rest::Purge;
}
