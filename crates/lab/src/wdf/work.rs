//! WDFDPC and WDFWORKITEM (fxdpcapi.cpp, fxworkitemapi.cpp). Their parents must lie below a device.

use std::sync::Arc;

use nblease_ndis::sys::{self, WDF_DPC_CONFIG, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES, WDF_WORKITEM_CONFIG};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, event, give,
    lock::this_thread,
    may_allocate,
    object::{Body, Handle, Kind},
    sized, state,
    sync::{self, CallbackLock},
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    judge::rule,
    kernel::{DriverId, kernel},
    sched::DpcId,
    thread::{self, PASSIVE_LEVEL},
};

/// The lock that the callback is called with, if any.
type Serial = Option<Arc<CallbackLock>>;

/// A WDFDPC.
pub(crate) struct Dpc {
    callback: sys::EVT_WDF_DPC,
    serial: Serial,
    queued: Option<DpcId>,
    running: usize,
    /// Thread of the last callback, which may delete the object itself.
    on: u64,
}

/// A WDFWORKITEM.
pub(crate) struct WorkItem {
    callback: sys::EVT_WDF_WORKITEM,
    serial: Serial,
    queued: bool,
    running: usize,
    /// Thread of the last callback, which may delete the object itself.
    on: u64,
}

/// # Safety
/// `attributes` is readable, `result` writable.
unsafe fn create(
    ddi: &'static str,
    id: DriverId,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    kind: Kind,
    automatic: bool,
    body: impl FnOnce(Serial) -> Body,
    result: *mut sys::HANDLE,
) -> NtStatus {
    // SAFETY: the caller's promise.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Required, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    state().any(ddi, attributes.parent);
    if let Err(status) = may_allocate(FaultKind::WorkItem) {
        return status;
    }
    let mut state = state();
    if state.device_above(attributes.parent).is_none() {
        return status::INVALID_DEVICE_REQUEST;
    }
    let serial = match sync::effective_lock(&state, attributes.parent, automatic, kind == Kind::WorkItem) {
        Ok(serial) => serial,
        Err(status) => return status,
    };
    let handle = state.add(kind, id, attributes.parent, &attributes, body(serial));
    drop(state);
    // SAFETY: the caller's promise.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfDpcCreate.
pub(crate) unsafe extern "win64" fn dpc_create(
    globals: *mut WDF_DRIVER_GLOBALS,
    config: *const WDF_DPC_CONFIG,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFDPC,
) -> NtStatus {
    let id = enter!("WdfDpcCreate", globals);
    // SAFETY: a driver passes its configuration.
    let config = match unsafe { sized::read(config, &[]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(callback) = config.EvtDpcFunc else { return status::INVALID_PARAMETER };
    let body = |serial| Body::Dpc(Dpc { callback, serial, queued: None, running: 0, on: 0 });
    let automatic = config.AutomaticSerialization != 0;
    // SAFETY: a driver passes its attributes and its variable.
    unsafe { create("WdfDpcCreate", id, attributes, Kind::Dpc, automatic, body, result) }
}

/// WdfDpcEnqueue: false where it is queued already.
pub(crate) unsafe extern "win64" fn dpc_enqueue(globals: *mut WDF_DRIVER_GLOBALS, dpc: sys::WDFDPC) -> sys::BOOLEAN {
    let id = enter!("WdfDpcEnqueue", globals);
    let handle = dpc.addr();
    let mut state = state();
    let dpc = state.dpc("WdfDpcEnqueue", handle);
    if dpc.queued.is_some() {
        return 0;
    }
    dpc.queued = Some(kernel().sched.queue_dpc(id, Box::new(move || run_dpc(id, handle))));
    1
}

fn run_dpc(driver: DriverId, handle: Handle) {
    let (callback, serial) = {
        let mut state = state();
        if state.get(handle).is_none() {
            return;
        }
        let dpc = state.dpc("EvtDpcFunc", handle);
        dpc.queued = None;
        dpc.running += 1;
        dpc.on = this_thread();
        (dpc.callback, dpc.serial.clone())
    };
    sync::with(serial.as_ref(), || {
        event(driver, "EvtDpcFunc", || {
            // SAFETY: the driver registered it, and the DPC is not deleted before this is over.
            unsafe { callback(as_pointer(handle)) };
        });
    });
    ended(handle);
}

/// WdfDpcCancel: whether it was queued. With `wait`, at PASSIVE_LEVEL, its callback has returned.
pub(crate) unsafe extern "win64" fn dpc_cancel(
    globals: *mut WDF_DRIVER_GLOBALS,
    dpc: sys::WDFDPC,
    wait: sys::BOOLEAN,
) -> sys::BOOLEAN {
    enter!("WdfDpcCancel", globals);
    if wait != 0 {
        thread::enter("WdfDpcCancel that waits", PASSIVE_LEVEL, rule::V45);
    }
    u8::from(cancel("WdfDpcCancel", dpc.addr(), wait != 0, 0))
}

/// Takes a DPC out of its queue; with `wait`, waits for its callback, unless that runs on the thread `own`.
fn cancel(ddi: &'static str, handle: Handle, wait: bool, own: u64) -> bool {
    let queued = {
        let mut state = state();
        let dpc = state.dpc(ddi, handle);
        let removed = dpc.queued.is_some_and(|id| kernel().sched.remove_dpc(id));
        if removed {
            dpc.queued = None;
        }
        removed
    };
    if wait {
        kernel().sched.wait_until("the return of EvtDpcFunc", None, &mut || {
            let mut state = state();
            let dpc = state.dpc(ddi, handle);
            (dpc.running == 0 || dpc.on == own) && dpc.queued.is_none()
        });
    }
    queued
}

/// WdfWorkItemCreate.
pub(crate) unsafe extern "win64" fn work_create(
    globals: *mut WDF_DRIVER_GLOBALS,
    config: *const WDF_WORKITEM_CONFIG,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFWORKITEM,
) -> NtStatus {
    let id = enter!("WdfWorkItemCreate", globals);
    // SAFETY: a driver passes its configuration.
    let config = match unsafe { sized::read(config, &[]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(callback) = config.EvtWorkItemFunc else { return status::INVALID_PARAMETER };
    let body = |serial| Body::WorkItem(WorkItem { callback, serial, queued: false, running: 0, on: 0 });
    let automatic = config.AutomaticSerialization != 0;
    // SAFETY: a driver passes its attributes and its variable.
    unsafe { create("WdfWorkItemCreate", id, attributes, Kind::WorkItem, automatic, body, result) }
}

/// WdfWorkItemEnqueue: nothing where it is queued already.
pub(crate) unsafe extern "win64" fn work_enqueue(globals: *mut WDF_DRIVER_GLOBALS, item: sys::WDFWORKITEM) {
    let id = enter!("WdfWorkItemEnqueue", globals);
    let handle = item.addr();
    {
        let mut state = state();
        let item = state.work_item("WdfWorkItemEnqueue", handle);
        if std::mem::replace(&mut item.queued, true) {
            return;
        }
    }
    kernel().sched.queue_work(Box::new(move || run_work(id, handle)));
}

fn run_work(driver: DriverId, handle: Handle) {
    let (callback, serial) = {
        let mut state = state();
        if state.get(handle).is_none() {
            return;
        }
        let item = state.work_item("EvtWorkItem", handle);
        if item.serial.as_ref().is_some_and(|lock| lock.puts_off(move || run_work(driver, handle))) {
            return;
        }
        item.queued = false;
        item.running += 1;
        item.on = this_thread();
        (item.callback, item.serial.clone())
    };
    sync::with(serial.as_ref(), || {
        event(driver, "EvtWorkItem", || {
            // SAFETY: the driver registered it, and the item is not deleted before this is over.
            unsafe { callback(as_pointer(handle)) };
        });
    });
    ended(handle);
}

/// A callback has returned; it may have deleted its object.
fn ended(handle: Handle) {
    match state().get_mut(handle).map(|object| &mut object.body) {
        Some(Body::Dpc(dpc)) => dpc.running -= 1,
        Some(Body::WorkItem(item)) => item.running -= 1,
        _ => {}
    }
    kernel().sched.changed();
}

/// WdfWorkItemFlush: waits until it is neither queued nor running.
pub(crate) unsafe extern "win64" fn work_flush(globals: *mut WDF_DRIVER_GLOBALS, item: sys::WDFWORKITEM) {
    enter!("WdfWorkItemFlush", globals);
    flush("WdfWorkItemFlush", item.addr(), 0);
}

/// Waits until an item is neither queued nor running, unless on the thread `own`.
fn flush(ddi: &'static str, handle: Handle, own: u64) {
    kernel().sched.wait_until("the return of EvtWorkItem", None, &mut || {
        let mut state = state();
        let item = state.work_item(ddi, handle);
        !item.queued && (item.running == 0 || item.on == own)
    });
}

/// The DPC or work item is to be deleted, perhaps by its own callback.
pub(crate) fn dispose(handle: Handle) {
    let kind = state().get(handle).map(|o| o.kind);
    if kind == Some(Kind::Dpc) {
        cancel("WdfObjectDelete", handle, true, this_thread());
    } else {
        flush("WdfObjectDelete", handle, this_thread());
    }
}

/// WdfDpcGetParentObject.
pub(crate) unsafe extern "win64" fn dpc_get_parent(
    globals: *mut WDF_DRIVER_GLOBALS,
    dpc: sys::WDFDPC,
) -> sys::WDFOBJECT {
    enter!("WdfDpcGetParentObject", globals);
    as_pointer(state().object("WdfDpcGetParentObject", dpc.addr(), Kind::Dpc).parent)
}

/// WdfWorkItemGetParentObject.
pub(crate) unsafe extern "win64" fn work_get_parent(
    globals: *mut WDF_DRIVER_GLOBALS,
    item: sys::WDFWORKITEM,
) -> sys::WDFOBJECT {
    enter!("WdfWorkItemGetParentObject", globals);
    as_pointer(state().object("WdfWorkItemGetParentObject", item.addr(), Kind::WorkItem).parent)
}
