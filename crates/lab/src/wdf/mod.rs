//! KMDF 1.33 as a control-device driver meets it: binding, objects, the device, queues, requests and the small objects.
//!
//! Semantics after the open source of the framework (microsoft/Windows-Driver-Frameworks, src/framework/shared and
//! src/framework/kmdf), with the checks of its verifier always on, and after the DDI pages. The functions are called by
//! the driver through the table that binding hands out (`table`): `win64`, first argument the driver's globals. IRQL
//! limits are those of `irql` (V45). A function that the lab does not model ends the run by name.
//!
//! All state is behind one mutex (`state`), never held while the driver or the I/O manager is called.

mod attributes;
mod binding;
mod caller_context;
mod collection;
mod device;
mod device_ddi;
mod device_init;
mod driver;
mod file;
mod io_target;
mod irql;
mod lifecycle;
mod lock;
mod lookaside;
mod memory;
mod object;
mod object_ddi;
mod queue;
mod queue_ddi;
mod queue_state;
mod registry_assign;
mod registry_key;
mod registry_query;
mod request;
mod request_buffer;
mod request_cancel;
mod request_ddi;
mod request_format;
mod request_send;
mod request_user;
mod shutdown;
mod sized;
mod string;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod timer;
mod work;

use std::sync::{Mutex, MutexGuard};

use nblease_ndis::sys::WDF_DRIVER_GLOBALS;

pub use binding::EXPORTS;
pub(crate) use object::{describe_handle, history_of};

use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    judge::rule,
    kernel::{DriverId, kernel},
    sync::lock,
    thread,
};
use object::State;

/// The framework's state.
#[derive(Default)]
pub struct Wdf {
    state: Mutex<State>,
    pub(crate) bindings: binding::Bindings,
}

impl Wdf {
    /// The run is over: nobody asks what became of objects.
    pub(crate) fn retire(&self) {
        lock(&self.state).forget_dead();
    }
}

/// The framework's state, locked. Neither the driver nor the I/O manager may be called while it is held.
pub(crate) fn state() -> MutexGuard<'static, State> {
    lock(&kernel().wdf.state)
}

/// The start of a function that the driver calls: checks IRQL (V45) and the globals, and says who calls.
pub(crate) fn entered(function: &'static str, max_irql: u8, globals: *mut WDF_DRIVER_GLOBALS) -> DriverId {
    thread::enter(function, max_irql, rule::V45);
    kernel().wdf.bindings.driver_of(globals.addr()).unwrap_or_else(|| {
        kernel().judge.fatal(
            rule::V07,
            format!("{function} was given {globals:p}, which are not the globals of a bound driver"),
            Vec::new(),
        )
    })
}

/// [`entered`] with the function's own limit, found at compile time.
macro_rules! enter {
    ($function:literal, $globals:expr) => {{
        const LIMIT: u8 = $crate::wdf::irql::limit($function);
        $crate::wdf::entered($function, LIMIT, $globals)
    }};
}
pub(crate) use enter;

/// Calls one of the driver's events at this thread's IRQL. The state must not be locked.
pub(crate) fn event<R>(driver: DriverId, what: &'static str, f: impl FnOnce() -> R) -> R {
    debug_assert!(kernel().wdf.state.try_lock().is_ok() || kernel().clock.mode() == crate::clock::Mode::Real);
    thread::call_driver(driver, what, thread::irql(), f)
}

/// Asks the fault plan whether an allocation of the framework fails.
pub(crate) fn may_allocate(kind: FaultKind) -> Result<(), NtStatus> {
    if kernel().faults.should_fail(kind) { Err(status::INSUFFICIENT_RESOURCES) } else { Ok(()) }
}

/// A handle as C has it.
pub(crate) fn as_pointer(handle: object::Handle) -> nblease_ndis::sys::HANDLE {
    std::ptr::without_provenance_mut(handle)
}

/// Writes a result through a pointer of the driver's; a null pointer takes none.
///
/// # Safety
/// `to` is null or writable.
pub(crate) unsafe fn give<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: the caller's promise; a driver's variable need not be aligned.
        unsafe { to.write_unaligned(value) };
    }
}
