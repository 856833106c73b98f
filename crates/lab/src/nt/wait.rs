//! Waiting for dispatcher objects: events, timers, mutexes, semaphores, threads.
//!
//! Only below DISPATCH_LEVEL, unless the timeout is zero (V38). An object's state is in its own `DISPATCHER_HEADER`.

use std::sync::{
    Mutex,
    atomic::{AtomicI32, Ordering},
};

use nblease_ndis::sys::{
    BOOLEAN, DISPATCHER_HEADER, KPROCESSOR_MODE, KWAIT_REASON, LARGE_INTEGER, NTSTATUS, PVOID, STATUS_SUCCESS,
    STATUS_TIMEOUT, ULONG,
};

use super::{enter, mutex, time::Due};
use crate::{
    exports,
    history::Event,
    kernel::kernel,
    pe::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "KeWaitForMultipleObjects" => ke_wait_for_multiple_objects,
    "KeWaitForMutexObject" => ke_wait_for_mutex_object,
    KeWaitForSingleObject => ke_wait_for_single_object,
};

// Types of dispatcher objects (`KOBJECTS`).
pub(super) const NOTIFICATION_EVENT: u8 = 0;
pub(super) const SYNCHRONIZATION_EVENT: u8 = 1;
pub(super) const MUTANT: u8 = 2;
pub(super) const SEMAPHORE: u8 = 5;
pub(super) const THREAD: u8 = 6;
pub(super) const NOTIFICATION_TIMER: u8 = 8;
pub(super) const SYNCHRONIZATION_TIMER: u8 = 9;

/// `WaitAll`.
const WAIT_ALL: i32 = 0;
/// `THREAD_WAIT_OBJECTS`: how many a thread can wait for without memory of the caller's.
const BUILT_IN: u32 = 3;
/// `MAXIMUM_WAIT_OBJECTS`.
const MAXIMUM: u32 = 64;

/// One waiter at a time looks at objects and takes them, so that it takes all or none.
static TAKING: Mutex<()> = Mutex::new(());

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
pub(super) unsafe fn initialize(header: *mut DISPATCHER_HEADER, kind: u8, size: usize, state: i32) {
    // SAFETY: by the caller; nobody else uses the object yet.
    let header = unsafe { &mut *header };
    header.Type = kind;
    header.Signalling = 0;
    header.Size = (size / 4) as u8;
    header.Reserved1 = 0;
    header.SignalState = state;
    header.WaitListHead.Flink = &raw mut header.WaitListHead;
    header.WaitListHead.Blink = &raw mut header.WaitListHead;
}

fn kind_of(header: *mut DISPATCHER_HEADER) -> u8 {
    // SAFETY: the DDI demands a dispatcher object; a pointer to something else faults and is reported.
    unsafe { (*header).Type }
}

fn state_of<'a>(header: *mut DISPATCHER_HEADER) -> &'a AtomicI32 {
    // SAFETY: as in `kind_of`.
    unsafe { signal_state(header) }
}

/// Whether a wait for the object would be over now.
fn is_signalled(header: *mut DISPATCHER_HEADER) -> bool {
    match kind_of(header) {
        NOTIFICATION_EVENT
        | SYNCHRONIZATION_EVENT
        | SEMAPHORE
        | THREAD
        | NOTIFICATION_TIMER
        | SYNCHRONIZATION_TIMER => state_of(header).load(Ordering::SeqCst) > 0,
        MUTANT => mutex::is_free(header),
        other => {
            kernel().judge.bug_check(format!("a wait for a dispatcher object of type {other}, which the lab lacks"))
        }
    }
}

/// Whether the object is signalled; a wait that it ends changes it, as its type says.
fn try_take(header: *mut DISPATCHER_HEADER) -> bool {
    match kind_of(header) {
        SYNCHRONIZATION_EVENT | SYNCHRONIZATION_TIMER => state_of(header).swap(0, Ordering::SeqCst) > 0,
        SEMAPHORE => {
            let one_less = |count: i32| (count > 0).then_some(count - 1);
            state_of(header).fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
        }
        MUTANT => mutex::try_acquire(header),
        _ => is_signalled(header),
    }
}

/// The kind of what can be waited for in the book of histories.
pub(super) const OBJECT: &str = "dispatcher object";

/// Waits until `attempt` succeeds: 0, the number that it gave, or STATUS_TIMEOUT.
///
/// `object` is that which a report names, where it is one.
fn wait(
    function: &'static str,
    object: Option<PVOID>,
    timeout: *mut LARGE_INTEGER,
    mut attempt: impl FnMut() -> Option<i32>,
) -> NTSTATUS {
    // SAFETY: the DDI demands null or a time.
    let timeout = unsafe { timeout.as_ref() }.map(Due::from);
    if timeout.is_some_and(Due::is_now) {
        enter(function, DISPATCH_LEVEL);
        let _taking = lock(&TAKING);
        return attempt().unwrap_or(STATUS_TIMEOUT);
    }
    thread::may_wait(function);
    let limit = timeout.map(Due::ns_from_now);
    let mut result = STATUS_TIMEOUT;
    let mut condition = || {
        let _taking = lock(&TAKING);
        attempt().map(|status| result = status).is_some()
    };
    if condition() {
        return result;
    }
    let what = object.map(|object| {
        kernel().book.note(OBJECT, object.addr(), Event::here(function));
        format!("{function} of the {OBJECT} {object:p}")
    });
    kernel().sched.wait_until(what.as_deref().unwrap_or(function), limit, &mut condition);
    result
}

/// Waits for one object.
pub(super) fn wait_for(
    function: &'static str,
    object: *mut DISPATCHER_HEADER,
    timeout: *mut LARGE_INTEGER,
) -> NTSTATUS {
    wait(function, Some(object.cast()), timeout, || try_take(object).then_some(STATUS_SUCCESS))
}

unsafe extern "efiapi" fn ke_wait_for_single_object(
    object: PVOID,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    timeout: *mut LARGE_INTEGER,
) -> NTSTATUS {
    wait_for("KeWaitForSingleObject", object.cast(), timeout)
}

unsafe extern "win64" fn ke_wait_for_mutex_object(
    object: PVOID,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    timeout: *mut LARGE_INTEGER,
) -> NTSTATUS {
    wait_for("KeWaitForMutexObject", object.cast(), timeout)
}

unsafe extern "win64" fn ke_wait_for_multiple_objects(
    count: ULONG,
    objects: *const PVOID,
    kind: i32,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    timeout: *mut LARGE_INTEGER,
    blocks: PVOID,
) -> NTSTATUS {
    const FUNCTION: &str = "KeWaitForMultipleObjects";
    let most = if blocks.is_null() { BUILT_IN } else { MAXIMUM };
    if count > most {
        kernel().judge.bug_check(format!("{FUNCTION} for {count} objects, with memory for {most}"));
    }
    let object = |index: u32| -> *mut DISPATCHER_HEADER {
        // SAFETY: the DDI demands an array of `count` pointers.
        unsafe { objects.wrapping_add(index as usize).read() }.cast()
    };
    wait(FUNCTION, None, timeout, || {
        if kind != WAIT_ALL {
            return (0..count).find(|index| try_take(object(*index))).map(u32::cast_signed);
        }
        let all = (0..count).all(|index| is_signalled(object(index)));
        if all {
            (0..count).for_each(|index| assert!(try_take(object(index)), "nobody else takes now"));
        }
        all.then_some(STATUS_SUCCESS)
    })
}
