//! Events. IRQL up to DISPATCH_LEVEL. The state is in the object's own `DISPATCHER_HEADER`, in the driver's memory.

use std::sync::atomic::{AtomicI32, Ordering};

use nblease_ndis::sys::{BOOLEAN, EVENT_TYPE, HANDLE, KEVENT, KPRIORITY, LONG, UNICODE_STRING};

use super::{
    HIGH_LEVEL, enter, enter_for,
    object::Object,
    wait::{self, NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, initialize, signal_state},
};
use crate::{
    exports,
    kernel::kernel,
    pe::Export,
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
};

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

unsafe extern "win64" fn io_create_notification_event(_name: *mut UNICODE_STRING, handle: *mut HANDLE) -> *mut KEVENT {
    create("IoCreateNotificationEvent", NOTIFICATION_EVENT, handle)
}

unsafe extern "win64" fn io_create_synchronization_event(
    _name: *mut UNICODE_STRING,
    handle: *mut HANDLE,
) -> *mut KEVENT {
    create("IoCreateSynchronizationEvent", SYNCHRONIZATION_EVENT, handle)
}

/// A signalled event of the system's with a handle. It is never freed: a driver may keep its address.
fn create(function: &'static str, kind: u8, handle: *mut HANDLE) -> *mut KEVENT {
    enter(function, PASSIVE_LEVEL);
    // SAFETY: an event of zeros is plain data.
    let event = Box::into_raw(Box::new(unsafe { std::mem::zeroed::<KEVENT>() }));
    // SAFETY: storage for an event.
    unsafe { initialize(event.cast(), kind, size_of::<KEVENT>(), 1) };
    let given = kernel().nt.handles.add(Object::Event(event.expose_provenance()));
    // SAFETY: the DDI demands storage for the handle.
    unsafe { handle.write(given) };
    event
}
