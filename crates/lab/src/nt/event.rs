//! Events, and waiting for dispatcher objects.
//!
//! IRQL up to DISPATCH_LEVEL; waiting only below it, unless the timeout is zero (V38). The state is in the object's own
//! `DISPATCHER_HEADER`, in the driver's memory.

use std::sync::atomic::{AtomicI32, Ordering};

use nblease_ndis::sys::{
    BOOLEAN, DISPATCHER_HEADER, EVENT_TYPE, KEVENT, KPRIORITY, KPROCESSOR_MODE, KWAIT_REASON, LARGE_INTEGER, LONG,
    NTSTATUS, PVOID, STATUS_SUCCESS, STATUS_TIMEOUT,
};

use super::{HIGH_LEVEL, enter, time::Due};
use crate::{
    exports,
    kernel::kernel,
    pe::Export,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    KeClearEvent => ke_clear_event,
    KeInitializeEvent => ke_initialize_event,
    "KePulseEvent" => ke_pulse_event,
    "KeReadStateEvent" => ke_read_state_event,
    "KeResetEvent" => ke_reset_event,
    KeSetEvent => ke_set_event,
    KeWaitForSingleObject => ke_wait_for_single_object,
};

// Types of dispatcher objects (`KOBJECTS` of wdm.h): one that stays signalled, or one that lets one waiter through.
const NOTIFICATION_EVENT: u8 = 0;
const SYNCHRONIZATION_EVENT: u8 = 1;
pub(super) const NOTIFICATION_TIMER: u8 = 8;
pub(super) const SYNCHRONIZATION_TIMER: u8 = 9;

/// # Safety
/// `header` points to a dispatcher object, which lives as long as the driver keeps it.
pub(super) unsafe fn signal_state<'a>(header: *mut DISPATCHER_HEADER) -> &'a AtomicI32 {
    // SAFETY: by the caller the field exists.
    let state = unsafe { &raw mut (*header).SignalState };
    // SAFETY: as above; all access of the lab's is atomic.
    unsafe { AtomicI32::from_ptr(state) }
}

/// Prepares a dispatcher object.
///
/// # Safety
/// `header` points to storage for one.
pub(super) unsafe fn initialize(header: *mut DISPATCHER_HEADER, kind: u8, size: usize, signalled: bool) {
    // SAFETY: by the caller; nobody else uses the object yet.
    let header = unsafe { &mut *header };
    header.Type = kind;
    header.Signalling = 0;
    header.Size = (size / 4) as u8;
    header.Reserved1 = 0;
    header.SignalState = i32::from(signalled);
    header.WaitListHead.Flink = &raw mut header.WaitListHead;
    header.WaitListHead.Blink = &raw mut header.WaitListHead;
}

fn state<'a>(event: *mut KEVENT) -> &'a AtomicI32 {
    // SAFETY: the DDI demands an event; a pointer to something else faults and is reported.
    unsafe { signal_state(event.cast()) }
}

unsafe extern "efiapi" fn ke_initialize_event(event: *mut KEVENT, kind: EVENT_TYPE, signalled: BOOLEAN) {
    enter("KeInitializeEvent", HIGH_LEVEL);
    let kind = if kind == 0 { NOTIFICATION_EVENT } else { SYNCHRONIZATION_EVENT };
    // SAFETY: the DDI demands storage for an event.
    unsafe { initialize(event.cast(), kind, size_of::<KEVENT>(), signalled != 0) };
}

unsafe extern "efiapi" fn ke_set_event(event: *mut KEVENT, _increment: KPRIORITY, wait: BOOLEAN) -> LONG {
    // With `Wait` the call is the first half of a wait.
    enter("KeSetEvent", if wait == 0 { DISPATCH_LEVEL } else { thread::APC_LEVEL });
    let before = state(event).swap(1, Ordering::SeqCst);
    kernel().sched.changed();
    before
}

unsafe extern "win64" fn ke_pulse_event(event: *mut KEVENT, _increment: KPRIORITY, _wait: BOOLEAN) -> LONG {
    enter("KePulseEvent", DISPATCH_LEVEL);
    let before = state(event).swap(1, Ordering::SeqCst);
    kernel().sched.changed();
    state(event).store(0, Ordering::SeqCst);
    before
}

unsafe extern "efiapi" fn ke_clear_event(event: *mut KEVENT) {
    enter("KeClearEvent", DISPATCH_LEVEL);
    state(event).store(0, Ordering::SeqCst);
}

unsafe extern "win64" fn ke_reset_event(event: *mut KEVENT) -> LONG {
    enter("KeResetEvent", DISPATCH_LEVEL);
    state(event).swap(0, Ordering::SeqCst)
}

unsafe extern "win64" fn ke_read_state_event(event: *mut KEVENT) -> LONG {
    enter("KeReadStateEvent", DISPATCH_LEVEL);
    state(event).load(Ordering::SeqCst)
}

unsafe extern "efiapi" fn ke_wait_for_single_object(
    object: PVOID,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    timeout: *mut LARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: the DDI demands null or a time.
    let timeout = unsafe { timeout.as_ref() }.map(Due::from);
    let header: *mut DISPATCHER_HEADER = object.cast();
    if timeout.is_some_and(Due::is_now) {
        enter("KeWaitForSingleObject", DISPATCH_LEVEL);
        return if try_take(header) { STATUS_SUCCESS } else { STATUS_TIMEOUT };
    }
    thread::may_wait("KeWaitForSingleObject");
    let limit = timeout.map(Due::ns_from_now);
    let taken = kernel().sched.wait_until("KeWaitForSingleObject", limit, &mut || try_take(header));
    if taken { STATUS_SUCCESS } else { STATUS_TIMEOUT }
}

/// Whether the object is signalled; one that lets a single waiter through is so no more.
fn try_take(header: *mut DISPATCHER_HEADER) -> bool {
    // SAFETY: the DDI demands a dispatcher object; a pointer to something else faults and is reported.
    let kind = unsafe { (*header).Type };
    // SAFETY: as above.
    let state = unsafe { signal_state(header) };
    match kind {
        NOTIFICATION_EVENT | NOTIFICATION_TIMER => state.load(Ordering::SeqCst) != 0,
        SYNCHRONIZATION_EVENT | SYNCHRONIZATION_TIMER => state.swap(0, Ordering::SeqCst) != 0,
        other => {
            kernel().judge.bug_check(format!("a wait for a dispatcher object of type {other}, which the lab lacks"))
        }
    }
}
