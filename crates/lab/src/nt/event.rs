//! Events. IRQL up to DISPATCH_LEVEL. The state is in the object's own `DISPATCHER_HEADER`, in the driver's memory; that of an
//! event with a handle, maybe under a name, in the system's. Handles at PASSIVE_LEVEL.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicI32, Ordering},
    },
};

use nblease_ndis::sys::{
    ACCESS_MASK, BOOLEAN, EVENT_TYPE, HANDLE, KEVENT, KPRIORITY, LARGE_INTEGER, LONG, NTSTATUS, OBJECT_ATTRIBUTES,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS, UNICODE_STRING,
};

use super::{
    HIGH_LEVEL, enter, enter_for,
    object::Object,
    string,
    wait::{self, NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, initialize, signal_state},
};
use crate::{
    exports,
    faults::FaultKind,
    kernel::kernel,
    pe::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "IoCreateNotificationEvent" => io_create_notification_event,
    "IoCreateSynchronizationEvent" => io_create_synchronization_event,
    KeClearEvent => ke_clear_event,
    KeInitializeEvent => ke_initialize_event,
    "KePulseEvent" => ke_pulse_event,
    "KeReadStateEvent" => ke_read_state_event,
    "KeResetEvent" => ke_reset_event,
    KeSetEvent => ke_set_event,
    "ZwClearEvent" => zw_clear_event,
    "ZwCreateEvent" => zw_create_event,
    "ZwOpenEvent" => zw_open_event,
    "ZwResetEvent" => zw_reset_event,
    "ZwSetEvent" => zw_set_event,
    "ZwWaitForSingleObject" => zw_wait_for_single_object,
};

const NAME_EXISTS: NTSTATUS = 0x4000_0000;
/// `OBJ_OPENIF`.
const OPEN_IF: u32 = 0x80;

fn state<'a>(event: *mut KEVENT) -> &'a AtomicI32 {
    // SAFETY: the DDI demands an event; a pointer to something else faults and is reported.
    unsafe { signal_state(event.cast()) }
}

unsafe extern "efiapi" fn ke_initialize_event(event: *mut KEVENT, kind: EVENT_TYPE, signalled: BOOLEAN) {
    enter_for("KeInitializeEvent", HIGH_LEVEL, wait::OBJECT, event.addr());
    let kind = if kind == 0 { NOTIFICATION_EVENT } else { SYNCHRONIZATION_EVENT };
    // SAFETY: the DDI demands storage for an event.
    unsafe { initialize(event.cast(), kind, size_of::<KEVENT>(), i32::from(signalled != 0)) };
}

/// Signals an event for the I/O manager.
pub(super) fn signal(event: *mut KEVENT) {
    state(event).store(1, Ordering::SeqCst);
    kernel().sched.changed();
}

unsafe extern "efiapi" fn ke_set_event(event: *mut KEVENT, _increment: KPRIORITY, also_waits: BOOLEAN) -> LONG {
    // With `Wait` the call is the first half of a wait.
    enter_for(
        "KeSetEvent",
        if also_waits == 0 { DISPATCH_LEVEL } else { thread::APC_LEVEL },
        wait::OBJECT,
        event.addr(),
    );
    let before = state(event).swap(1, Ordering::SeqCst);
    kernel().sched.changed();
    before
}

unsafe extern "win64" fn ke_pulse_event(event: *mut KEVENT, _increment: KPRIORITY, _wait: BOOLEAN) -> LONG {
    enter_for("KePulseEvent", DISPATCH_LEVEL, wait::OBJECT, event.addr());
    let before = state(event).swap(1, Ordering::SeqCst);
    kernel().sched.changed();
    state(event).store(0, Ordering::SeqCst);
    before
}

unsafe extern "efiapi" fn ke_clear_event(event: *mut KEVENT) {
    enter_for("KeClearEvent", DISPATCH_LEVEL, wait::OBJECT, event.addr());
    state(event).store(0, Ordering::SeqCst);
}

unsafe extern "win64" fn ke_reset_event(event: *mut KEVENT) -> LONG {
    enter_for("KeResetEvent", DISPATCH_LEVEL, wait::OBJECT, event.addr());
    state(event).swap(0, Ordering::SeqCst)
}

unsafe extern "win64" fn ke_read_state_event(event: *mut KEVENT) -> LONG {
    enter("KeReadStateEvent", DISPATCH_LEVEL);
    state(event).load(Ordering::SeqCst)
}

unsafe extern "win64" fn io_create_notification_event(name: *mut UNICODE_STRING, handle: *mut HANDLE) -> *mut KEVENT {
    enter("IoCreateNotificationEvent", PASSIVE_LEVEL);
    open_named(name, NOTIFICATION_EVENT, handle)
}

unsafe extern "win64" fn io_create_synchronization_event(
    name: *mut UNICODE_STRING,
    handle: *mut HANDLE,
) -> *mut KEVENT {
    enter("IoCreateSynchronizationEvent", PASSIVE_LEVEL);
    open_named(name, SYNCHRONIZATION_EVENT, handle)
}

/// The event of a name with a handle more; made, and signalled, where there was none.
fn open_named(name: *mut UNICODE_STRING, kind: u8, handle: *mut HANDLE) -> *mut KEVENT {
    let name = string::text(name);
    let (event, _) = named(&name, || new_event(kind, true));
    give_handle(event, handle);
    event
}

/// The events that have names, in lower case.
#[derive(Default)]
pub struct Events {
    named: Mutex<BTreeMap<String, usize>>,
}

/// The event of a name, and whether it was there; one without a name is always made.
fn named(name: &str, make: impl FnOnce() -> *mut KEVENT) -> (*mut KEVENT, bool) {
    let mut events = lock(&kernel().nt.events.named);
    let there = events.get(&name.to_lowercase()).copied();
    if let Some(there) = there {
        return (std::ptr::with_exposed_provenance_mut(there), true);
    }
    let event = make();
    if !name.is_empty() {
        events.insert(name.to_lowercase(), event.expose_provenance());
    }
    (event, false)
}

/// An event of the system's. It is never freed: a driver may keep its address.
fn new_event(kind: u8, signalled: bool) -> *mut KEVENT {
    // SAFETY: an event of zeros is plain data.
    let event = Box::into_raw(Box::new(unsafe { std::mem::zeroed::<KEVENT>() }));
    // SAFETY: storage for an event.
    unsafe { initialize(event.cast(), kind, size_of::<KEVENT>(), i32::from(signalled)) };
    event
}

fn give_handle(event: *mut KEVENT, handle: *mut HANDLE) {
    let given = kernel().nt.handles.add(Object::Event(event.expose_provenance()));
    // SAFETY: the DDIs demand storage for the handle.
    unsafe { handle.write(given) };
}

/// The name in attributes; none of them, or no name, is empty.
fn name_in(attributes: *const OBJECT_ATTRIBUTES) -> String {
    // SAFETY: the DDIs demand null or attributes.
    let name = unsafe { attributes.as_ref() }.map_or(std::ptr::null_mut(), |attributes| attributes.ObjectName);
    if name.is_null() { String::new() } else { string::text(name) }
}

unsafe extern "win64" fn zw_create_event(
    handle: *mut HANDLE,
    _access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
    kind: EVENT_TYPE,
    signalled: BOOLEAN,
) -> NTSTATUS {
    enter("ZwCreateEvent", PASSIVE_LEVEL);
    if kernel().faults.should_fail(FaultKind::Object) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let kind = if kind == 0 { NOTIFICATION_EVENT } else { SYNCHRONIZATION_EVENT };
    let (event, was_there) = named(&name_in(attributes), || new_event(kind, signalled != 0));
    // SAFETY: the DDI demands null or attributes.
    let opens = unsafe { attributes.as_ref() }.is_some_and(|attributes| attributes.Attributes & OPEN_IF != 0);
    if was_there && !opens {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    give_handle(event, handle);
    if was_there { NAME_EXISTS } else { STATUS_SUCCESS }
}

unsafe extern "win64" fn zw_open_event(
    handle: *mut HANDLE,
    _access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    enter("ZwOpenEvent", PASSIVE_LEVEL);
    let there = lock(&kernel().nt.events.named).get(&name_in(attributes).to_lowercase()).copied();
    let Some(there) = there else { return STATUS_OBJECT_NAME_NOT_FOUND };
    give_handle(std::ptr::with_exposed_provenance_mut(there), handle);
    STATUS_SUCCESS
}

/// Sets the event of a handle to a state; `before` may be null.
fn put(function: &'static str, handle: HANDLE, value: i32, before: *mut LONG) -> NTSTATUS {
    enter(function, PASSIVE_LEVEL);
    let Some(Object::Event(event)) = kernel().nt.handles.get(handle) else { return STATUS_INVALID_HANDLE };
    let was = state(std::ptr::with_exposed_provenance_mut(event)).swap(value, Ordering::SeqCst);
    if !before.is_null() {
        // SAFETY: the DDIs demand null or storage.
        unsafe { before.write(was) };
    }
    kernel().sched.changed();
    STATUS_SUCCESS
}

unsafe extern "win64" fn zw_set_event(handle: HANDLE, before: *mut LONG) -> NTSTATUS {
    put("ZwSetEvent", handle, 1, before)
}

unsafe extern "win64" fn zw_reset_event(handle: HANDLE, before: *mut LONG) -> NTSTATUS {
    put("ZwResetEvent", handle, 0, before)
}

unsafe extern "win64" fn zw_clear_event(handle: HANDLE) -> NTSTATUS {
    put("ZwClearEvent", handle, 0, std::ptr::null_mut())
}

unsafe extern "win64" fn zw_wait_for_single_object(
    handle: HANDLE,
    _alertable: BOOLEAN,
    timeout: *mut LARGE_INTEGER,
) -> NTSTATUS {
    let Some(Object::Event(at) | Object::Thread(at)) = kernel().nt.handles.get(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    wait::wait_for("ZwWaitForSingleObject", std::ptr::with_exposed_provenance_mut(at), timeout)
}
