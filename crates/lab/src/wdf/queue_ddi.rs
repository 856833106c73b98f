//! Creating queues and taking requests from them (fxioqueueapi.cpp).

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WDF_REQUEST_PARAMETERS};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, may_allocate,
    object::{Body, Handle, Kind, NULL, State},
    queue::{self, Events, EvtIoQueueState, Queue, Type},
    request::{self, Place},
    request_ddi, sized, state,
    sync::Constraints,
};
use crate::{
    faults::FaultKind,
    io::{Major, NtStatus, status},
};

/// WdfIoQueueCreate. A default queue is made before WdfControlFinishInitializing.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    config: *const WDF_IO_QUEUE_CONFIG,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFQUEUE,
) -> NtStatus {
    let id = enter!("WdfIoQueueCreate", globals);
    let io = state().device("WdfIoQueueCreate", device.addr()).io.clone();
    // SAFETY: a driver passes its configuration, in 1.7 without what is of parallel queues, in 1.9 without its driver.
    let config = unsafe { sized::read(config, &[80, 88]) };
    // SAFETY: a driver passes its attributes or null.
    let attributes = unsafe { Attributes::read(attributes, Parent::Allowed, true) };
    let (config, attributes) = match (config, attributes) {
        (Ok(config), Ok(attributes)) => (config, attributes),
        (_, Err(status)) | (Err(status), _) => return status,
    };
    let default = config.DefaultQueue != 0;
    if !default && result.is_null() {
        return status::INVALID_PARAMETER_4;
    }
    if default && !io.is_initializing() {
        return status::INVALID_DEVICE_STATE;
    }
    let constraints = state().device("WdfIoQueueCreate", device.addr()).constraints.of_queue(&attributes);
    let queue = match constraints.and_then(|constraints| described(device.addr(), &config, constraints)) {
        Ok(queue) => queue,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let mut state = state();
    if default && state.device("WdfIoQueueCreate", device.addr()).default_queue != NULL {
        return status::UNSUCCESSFUL;
    }
    let parent = if attributes.parent == NULL { device.addr() } else { attributes.parent };
    if state.device_above(parent) != Some(device.addr()) {
        return status::INVALID_DEVICE_REQUEST;
    }
    let handle = state.add(Kind::Queue, id, parent, &attributes, Body::Queue(Box::new(queue)));
    if default {
        state.device("WdfIoQueueCreate", device.addr()).default_queue = handle;
    }
    drop(state);
    // SAFETY: a driver passes a variable or null.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// The queue that a configuration describes (FxIoQueue::Initialize).
fn described(device: Handle, config: &WDF_IO_QUEUE_CONFIG, constraints: Constraints) -> Result<Queue, NtStatus> {
    let kind = match config.DispatchType {
        sys::WdfIoQueueDispatchSequential => Type::Sequential,
        sys::WdfIoQueueDispatchParallel => Type::Parallel,
        sys::WdfIoQueueDispatchManual => Type::Manual,
        _ => return Err(status::INVALID_PARAMETER),
    };
    let events = Events {
        default: config.EvtIoDefault,
        read: config.EvtIoRead,
        write: config.EvtIoWrite,
        device_control: config.EvtIoDeviceControl,
        internal_device_control: config.EvtIoInternalDeviceControl,
        canceled_on_queue: config.EvtIoCanceledOnQueue,
    };
    let presents = events.default.is_some()
        || events.read.is_some()
        || events.write.is_some()
        || events.device_control.is_some()
        || events.internal_device_control.is_some();
    match (kind, presents) {
        (Type::Manual, true) => return Err(status::INVALID_PARAMETER),
        (Type::Sequential | Type::Parallel, false) => return Err(status::WDF_NO_CALLBACK),
        _ => {}
    }
    let most = config.Settings.Parallel.NumberOfPresentedRequests;
    // Queues of 1.7 present as many as there are.
    let most = if config.Size == 80 { u32::MAX } else { most };
    if most != 0 && config.Size != 80 && kind != Type::Parallel {
        return Err(status::INVALID_PARAMETER);
    }
    let mut queue = Queue::new(device, kind, events, constraints);
    queue.zero_length = config.AllowZeroLengthRequests != 0;
    if kind == Type::Parallel && most > 0 {
        queue.most_presented = most as usize;
    }
    // PowerManaged has no effect: the queues of a control device are never power-managed.
    Ok(queue)
}

/// WdfIoQueueGetDevice.
pub(crate) unsafe extern "win64" fn get_device(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
) -> sys::WDFDEVICE {
    enter!("WdfIoQueueGetDevice", globals);
    as_pointer(state().queue("WdfIoQueueGetDevice", queue.addr()).device)
}

/// WdfIoQueueGetState.
pub(crate) unsafe extern "win64" fn get_state(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
    waiting: *mut u32,
    owned: *mut u32,
) -> i32 {
    enter!("WdfIoQueueGetState", globals);
    let (waits, owns, accepts, dispatches) = {
        let mut state = state();
        let queue = state.queue("WdfIoQueueGetState", queue.addr());
        (queue.waiting.len(), queue.driver_owned.len(), queue.accepts, queue.dispatches)
    };
    // SAFETY: a driver passes a variable or null.
    unsafe { give(waiting, waits as u32) };
    // SAFETY: as above.
    unsafe { give(owned, owns as u32) };
    [
        (accepts, sys::WdfIoQueueAcceptRequests),
        (dispatches, sys::WdfIoQueueDispatchRequests),
        (waits == 0, sys::WdfIoQueueNoRequests),
        (owns == 0, sys::WdfIoQueueDriverNoRequests),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .fold(0, |bits, (_, bit)| bits | bit)
}

/// WdfIoQueueReadyNotify, for manual queues.
pub(crate) unsafe extern "win64" fn ready_notify(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
    event: Option<EvtIoQueueState>,
    context: sys::WDFCONTEXT,
) -> NtStatus {
    enter!("WdfIoQueueReadyNotify", globals);
    {
        let mut state = state();
        let queue = state.queue("WdfIoQueueReadyNotify", queue.addr());
        let allowed = match event {
            Some(_) => queue.ready.is_none(),
            None => queue.ready.is_some() && !queue.dispatches,
        };
        if queue.kind != Type::Manual || !allowed {
            return status::INVALID_DEVICE_REQUEST;
        }
        if queue.deleted {
            return status::DELETE_PENDING;
        }
        queue.ready = event.map(|event| (event, context.expose_provenance()));
    }
    queue::dispatch(queue.addr());
    status::SUCCESS
}

/// What a search looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Any,
    /// Of this WDFFILEOBJECT.
    OfFile(Handle),
    /// This request.
    This(Handle),
}

fn find(ddi: &str, state: &mut State, queue_handle: Handle, wanted: Wanted) -> Option<Handle> {
    let waiting: Vec<_> = state.queue(ddi, queue_handle).waiting.iter().copied().collect();
    waiting.into_iter().find(|request| match wanted {
        Wanted::Any => true,
        Wanted::OfFile(file) => state.request(ddi, *request).file == file,
        Wanted::This(this) => *request == this,
    })
}

/// Takes a waiting request for the driver (FxIoQueue::GetRequest).
fn retrieve(ddi: &'static str, queue_handle: Handle, wanted: Wanted) -> Result<Handle, NtStatus> {
    loop {
        let empty_transfer = {
            let mut state = state();
            let queue = state.queue(ddi, queue_handle);
            if queue.kind == Type::Parallel {
                return Err(status::INVALID_DEVICE_STATE);
            }
            if !queue.dispatches {
                return Err(status::WDF_PAUSED);
            }
            let zero_length = queue.zero_length;
            let missing = if matches!(wanted, Wanted::This(_)) { status::NOT_FOUND } else { status::NO_MORE_ENTRIES };
            let request_handle = find(ddi, &mut state, queue_handle, wanted).ok_or(missing)?;
            queue::take(&mut state, ddi, queue_handle, request_handle);
            let irp = state.request(ddi, request_handle).irp.clone();
            let length = match irp.major() {
                Major::Read => irp.output_len(),
                Major::Write => irp.input_len(),
                _ => 1,
            };
            if length > 0 || zero_length {
                let request = state.request(ddi, request_handle);
                request.place = Place::Driver;
                request.presented = true;
                state.queue(ddi, queue_handle).driver_owned.push(request_handle);
                state.note_request(request_handle, || format!("taken by {ddi}"));
                return Ok(request_handle);
            }
            request_handle
        };
        request::complete(empty_transfer, status::SUCCESS, 0);
    }
}

/// # Safety
/// `to` is null or writable.
unsafe fn answer(found: Result<Handle, NtStatus>, to: *mut sys::WDFREQUEST) -> NtStatus {
    let (handle, status) = match found {
        Ok(handle) => (handle, status::SUCCESS),
        Err(status) => (NULL, status),
    };
    // SAFETY: the caller's promise.
    unsafe { give(to, as_pointer(handle)) };
    status
}

/// WdfIoQueueRetrieveNextRequest.
pub(crate) unsafe extern "win64" fn retrieve_next_request(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
    result: *mut sys::WDFREQUEST,
) -> NtStatus {
    enter!("WdfIoQueueRetrieveNextRequest", globals);
    let found = retrieve("WdfIoQueueRetrieveNextRequest", queue.addr(), Wanted::Any);
    // SAFETY: a driver passes its variable.
    unsafe { answer(found, result) }
}

/// WdfIoQueueRetrieveRequestByFileObject.
pub(crate) unsafe extern "win64" fn retrieve_request_by_file_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
    file: sys::WDFFILEOBJECT,
    result: *mut sys::WDFREQUEST,
) -> NtStatus {
    enter!("WdfIoQueueRetrieveRequestByFileObject", globals);
    state().file("WdfIoQueueRetrieveRequestByFileObject", file.addr());
    let wanted = Wanted::OfFile(file.addr());
    let found = retrieve("WdfIoQueueRetrieveRequestByFileObject", queue.addr(), wanted);
    // SAFETY: a driver passes its variable.
    unsafe { answer(found, result) }
}

/// WdfIoQueueRetrieveFoundRequest. The driver still owns the reference that WdfIoQueueFindRequest gave it.
pub(crate) unsafe extern "win64" fn retrieve_found_request(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
    found: sys::WDFREQUEST,
    result: *mut sys::WDFREQUEST,
) -> NtStatus {
    enter!("WdfIoQueueRetrieveFoundRequest", globals);
    state().object("WdfIoQueueRetrieveFoundRequest", found.addr(), Kind::Request);
    let found = retrieve("WdfIoQueueRetrieveFoundRequest", queue.addr(), Wanted::This(found.addr()));
    // SAFETY: a driver passes its variable.
    unsafe { answer(found, result) }
}

/// WdfIoQueueFindRequest, for manual queues: looks without taking, from after `tag` on. What is found carries a reference
/// that the driver gives back by WdfObjectDereference.
pub(crate) unsafe extern "win64" fn find_request(
    globals: *mut WDF_DRIVER_GLOBALS,
    queue: sys::WDFQUEUE,
    tag: sys::WDFREQUEST,
    file: sys::WDFFILEOBJECT,
    parameters: *mut WDF_REQUEST_PARAMETERS,
    result: *mut sys::WDFREQUEST,
) -> NtStatus {
    const DDI: &str = "WdfIoQueueFindRequest";
    enter!("WdfIoQueueFindRequest", globals);
    if !parameters.is_null() {
        // SAFETY: a driver passes a structure that begins with its size.
        let size = unsafe { parameters.cast::<u16>().read_unaligned() };
        if (size as usize) < size_of::<WDF_REQUEST_PARAMETERS>() {
            return status::INVALID_PARAMETER_4;
        }
    }
    let found = {
        let mut state = state();
        if state.queue(DDI, queue.addr()).kind != Type::Manual {
            return status::INVALID_DEVICE_REQUEST;
        }
        let mut waiting: Vec<_> = state.queue(DDI, queue.addr()).waiting.iter().copied().collect();
        if !tag.is_null() {
            state.object(DDI, tag.addr(), Kind::Request);
            let Some(at) = waiting.iter().position(|r| *r == tag.addr()) else { return status::NOT_FOUND };
            waiting.drain(..=at);
        }
        let wanted = file.addr();
        let found = waiting.into_iter().find(|r| wanted == NULL || state.request(DDI, *r).file == wanted);
        if let Some(object) = found.and_then(|found| state.get_mut(found)) {
            object.references += 1;
        }
        found
    };
    let Some(found) = found else {
        // SAFETY: a driver passes its variable.
        unsafe { give(result, std::ptr::null_mut()) };
        return status::NO_MORE_ENTRIES;
    };
    if !parameters.is_null() {
        let irp = state().request(DDI, found).irp.clone();
        // SAFETY: its size was looked at above.
        unsafe { request_ddi::fill_parameters(&irp, parameters) };
    }
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(found)) };
    status::SUCCESS
}
