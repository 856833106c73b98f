//! WDFIOTARGET: a device of another driver, opened by name (fxiotargetremote.cpp, fxiotargetapi.cpp).
//!
//! A control device has no device below it, so that every target of the lab's drivers is a remote one. What is sent to it
//! while it is stopped waits; when it is purged or closed, it fails.

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_IO_TARGET_OPEN_PARAMS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, may_allocate,
    object::{Body, Handle, Kind, NULL},
    request_send, sized, state, text,
};
use crate::{
    faults::FaultKind,
    io::{self, NtStatus, Process, status},
    judge::rule,
    kernel::kernel,
    thread::{self, PASSIVE_LEVEL},
};

/// `WDF_IO_TARGET_STATE`.
const STARTED: i32 = 1;
const STOPPED: i32 = 2;
const CLOSED_FOR_QUERY_REMOVE: i32 = 3;
const CLOSED: i32 = 4;
const PURGED: i32 = 6;
/// `WDF_IO_TARGET_SENT_IO_ACTION`.
const CANCEL_SENT: i32 = 1;
const WAIT_FOR_SENT: i32 = 2;
/// `WdfIoTargetPurgeIoAndWait`.
const PURGE_AND_WAIT: i32 = 1;

/// The open device: the driver's handle of it.
struct Opened {
    /// Whose handle it is.
    _process: Process,
    handle: io::Handle,
}

/// A WDFIOTARGET.
pub(crate) struct IoTarget {
    device: Handle,
    opened: Option<Opened>,
    /// The name it was opened by, for opening it again.
    name: String,
    state: i32,
    /// Requests that were sent and have not come back.
    pub sent: Vec<Handle>,
    /// Requests that wait for the target's start.
    waiting: Vec<Handle>,
}

/// What becomes of a request that is sent.
pub(crate) enum Admission {
    /// It goes to the device.
    Goes(io::Handle),
    /// It waits for the target's start.
    Waits,
    Refused(NtStatus),
}

impl IoTarget {
    /// What becomes of a request; `ignores_state`: it goes though the target is stopped.
    pub(crate) fn admit(&mut self, request: Handle, ignores_state: bool) -> Admission {
        match (&self.opened, self.state) {
            (Some(opened), STARTED) => Admission::Goes(opened.handle.clone()),
            (Some(opened), STOPPED | PURGED) if ignores_state => Admission::Goes(opened.handle.clone()),
            (Some(_), STOPPED) => {
                self.waiting.push(request);
                Admission::Waits
            }
            _ => Admission::Refused(status::INVALID_DEVICE_STATE),
        }
    }
}

/// WdfIoTargetCreate: closed until it is opened.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFIOTARGET,
) -> NtStatus {
    const DDI: &str = "WdfIoTargetCreate";
    let id = enter!("WdfIoTargetCreate", globals);
    state().device(DDI, device.addr());
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Allowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let parent = if attributes.parent == NULL { device.addr() } else { attributes.parent };
    let target = IoTarget {
        device: device.addr(),
        opened: None,
        name: String::new(),
        state: CLOSED,
        sent: Vec::new(),
        waiting: Vec::new(),
    };
    let mut state = state();
    if state.device_above(parent) != Some(device.addr()) {
        return status::INVALID_DEVICE_REQUEST;
    }
    let handle = state.add(Kind::IoTarget, id, parent, &attributes, Body::IoTarget(Box::new(target)));
    drop(state);
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfIoTargetOpen, by name or again. The device's driver gets its IRP_MJ_CREATE.
pub(crate) unsafe extern "win64" fn open(
    globals: *mut WDF_DRIVER_GLOBALS,
    target: sys::WDFIOTARGET,
    parameters: *const WDF_IO_TARGET_OPEN_PARAMS,
) -> NtStatus {
    const DDI: &str = "WdfIoTargetOpen";
    let id = enter!("WdfIoTargetOpen", globals);
    let handle = target.addr();
    // SAFETY: a driver passes its parameters; up to 1.11 they had no file name.
    let parameters = match unsafe { sized::read(parameters, &[120]) } {
        Ok(parameters) => parameters,
        Err(status) => return status,
    };
    let known = state().io_target(DDI, handle).name.clone();
    let name = match parameters.Type {
        sys::WdfIoTargetOpenByName => {
            // SAFETY: the parameters hold a string of the driver's.
            match unsafe { text::read(&raw const parameters.TargetDeviceName) } {
                Ok(name) => name,
                Err(status) => return status,
            }
        }
        sys::WdfIoTargetOpenReopen if known.is_empty() => return status::INVALID_DEVICE_REQUEST,
        sys::WdfIoTargetOpenReopen => known,
        sys::WdfIoTargetOpenUseExistingDevice => {
            super::binding::unmodelled("WdfIoTargetOpen of an existing device object")
        }
        _ => return status::INVALID_PARAMETER,
    };
    if state().io_target(DDI, handle).opened.is_some() {
        return status::INVALID_DEVICE_STATE;
    }
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let process = Process::new(&format!("{} as a driver", kernel().driver_name(id)), true);
    let opened = match process.open(&name) {
        Ok(opened) => Opened { _process: process, handle: opened },
        Err(status) => return status,
    };
    let mut state = state();
    let target = state.io_target(DDI, handle);
    (target.opened, target.name, target.state) = (Some(opened), name, STARTED);
    status::SUCCESS
}

/// Cancels what was sent; with `wait`, waits until it has come back.
fn bring_back(ddi: &'static str, target: Handle, cancel: bool, wait: bool) {
    let sent = state().io_target(ddi, target).sent.clone();
    for request in sent.iter().filter(|_| cancel) {
        request_send::cancel(*request);
    }
    if wait {
        kernel()
            .sched
            .wait_until("the requests that were sent", None, &mut || state().io_target(ddi, target).sent.is_empty());
    }
}

/// Fails what waits for the target's start.
fn refuse_waiting(ddi: &'static str, target: Handle, why: NtStatus) {
    let waiting = std::mem::take(&mut state().io_target(ddi, target).waiting);
    for request in waiting {
        request_send::refuse(request, target, why);
    }
}

/// WdfIoTargetClose.
pub(crate) unsafe extern "win64" fn close(globals: *mut WDF_DRIVER_GLOBALS, target: sys::WDFIOTARGET) {
    enter!("WdfIoTargetClose", globals);
    close_as("WdfIoTargetClose", target.addr(), CLOSED);
}

/// WdfIoTargetCloseForQueryRemove.
pub(crate) unsafe extern "win64" fn close_for_query_remove(globals: *mut WDF_DRIVER_GLOBALS, target: sys::WDFIOTARGET) {
    enter!("WdfIoTargetCloseForQueryRemove", globals);
    close_as("WdfIoTargetCloseForQueryRemove", target.addr(), CLOSED_FOR_QUERY_REMOVE);
}

fn close_as(ddi: &'static str, handle: Handle, end: i32) {
    state().io_target(ddi, handle).state = end;
    refuse_waiting(ddi, handle, status::CANCELLED);
    bring_back(ddi, handle, true, true);
    // The handle is closed with the state unlocked: the device's driver gets its IRP_MJ_CLEANUP.
    let opened = state().io_target(ddi, handle).opened.take();
    if let Some(opened) = opened {
        opened.handle.close();
    }
}

/// The target is to be deleted.
pub(crate) fn dispose(handle: Handle) {
    close_as("WdfObjectDelete", handle, CLOSED);
}

/// WdfIoTargetStart: what waited goes.
pub(crate) unsafe extern "win64" fn start(globals: *mut WDF_DRIVER_GLOBALS, target: sys::WDFIOTARGET) -> NtStatus {
    enter!("WdfIoTargetStart", globals);
    let waiting = {
        let mut state = state();
        let target = state.io_target("WdfIoTargetStart", target.addr());
        if target.opened.is_none() {
            return status::INVALID_DEVICE_STATE;
        }
        target.state = STARTED;
        std::mem::take(&mut target.waiting)
    };
    for request in waiting {
        request_send::resume(request, target.addr());
    }
    status::SUCCESS
}

/// WdfIoTargetStop: with an action that waits at PASSIVE_LEVEL alone.
pub(crate) unsafe extern "win64" fn stop(globals: *mut WDF_DRIVER_GLOBALS, target: sys::WDFIOTARGET, action: i32) {
    const DDI: &str = "WdfIoTargetStop";
    enter!("WdfIoTargetStop", globals);
    let waits = action == CANCEL_SENT || action == WAIT_FOR_SENT;
    if waits {
        thread::enter("WdfIoTargetStop that waits", PASSIVE_LEVEL, rule::V45);
    }
    state().io_target(DDI, target.addr()).state = STOPPED;
    bring_back(DDI, target.addr(), action == CANCEL_SENT, waits);
}

/// WdfIoTargetPurge: with an action that waits at PASSIVE_LEVEL alone.
pub(crate) unsafe extern "win64" fn purge(globals: *mut WDF_DRIVER_GLOBALS, target: sys::WDFIOTARGET, action: i32) {
    const DDI: &str = "WdfIoTargetPurge";
    enter!("WdfIoTargetPurge", globals);
    if action == PURGE_AND_WAIT {
        thread::enter("WdfIoTargetPurge that waits", PASSIVE_LEVEL, rule::V45);
    }
    state().io_target(DDI, target.addr()).state = PURGED;
    refuse_waiting(DDI, target.addr(), status::CANCELLED);
    bring_back(DDI, target.addr(), true, action == PURGE_AND_WAIT);
}

/// WdfIoTargetGetState.
pub(crate) unsafe extern "win64" fn get_state(globals: *mut WDF_DRIVER_GLOBALS, target: sys::WDFIOTARGET) -> i32 {
    enter!("WdfIoTargetGetState", globals);
    state().io_target("WdfIoTargetGetState", target.addr()).state
}

/// WdfIoTargetGetDevice.
pub(crate) unsafe extern "win64" fn get_device(
    globals: *mut WDF_DRIVER_GLOBALS,
    target: sys::WDFIOTARGET,
) -> sys::WDFDEVICE {
    enter!("WdfIoTargetGetDevice", globals);
    as_pointer(state().io_target("WdfIoTargetGetDevice", target.addr()).device)
}
