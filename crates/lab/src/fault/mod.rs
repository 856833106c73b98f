//! Faults inside a driver: caught, told apart by where they hit, and reported by rule; and slow mode, which lives on
//! faults.
//!
//! The handlers run on a stack of their own in each thread that calls drivers. They report as anything else does, since
//! the thread was in the driver's code, where it holds no lock of the lab. Should it hold one nevertheless, an alarm
//! ends the process: a report never hangs.

pub mod report;
pub(crate) mod signals;
mod slow;
#[cfg(test)]
mod slow_tests;
#[cfg(test)]
mod tests;
mod user;

use std::{cell::RefCell, ptr, sync::Once};

/// Bytes of a thread's stack for the handlers.
const STACK: usize = 256 << 10;

thread_local! {
    static PREPARED: RefCell<Option<HandlerStack>> = const { RefCell::new(None) };
}

/// A thread's stack for the handlers.
struct HandlerStack {
    start: *mut libc::c_void,
}

impl HandlerStack {
    fn new() -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let start = unsafe { libc::mmap(ptr::null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert!(start != libc::MAP_FAILED, "memory for a thread's handler stack");
        let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: STACK };
        // SAFETY: the mapping lives until the stack is disabled again in `drop`.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        Self { start }
    }
}

impl Drop for HandlerStack {
    fn drop(&mut self) {
        let stack = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: no handler runs on this thread now; it gets no other stack here.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        // SAFETY: the mapping is this struct's alone.
        unsafe { libc::munmap(self.start, STACK) };
    }
}

/// Makes a thread ready to run drivers; [`crate::thread::call_driver`] does so. Doing it again does nothing.
pub fn prepare_thread() {
    static HANDLERS: Once = Once::new();
    HANDLERS.call_once(signals::install);
    PREPARED.with(|prepared| {
        // Borrowed already: this is a handler's own call.
        if let Ok(mut prepared) = prepared.try_borrow_mut() {
            prepared.get_or_insert_with(HandlerStack::new);
        }
    });
}
