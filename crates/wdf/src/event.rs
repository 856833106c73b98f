//! An event that a thread waits for: set up to DISPATCH_LEVEL, waited for at PASSIVE_LEVEL.

use alloc::alloc::{alloc, dealloc};
use core::{
    alloc::Layout,
    ptr::{NonNull, null_mut},
};

use wdk_sys::{
    _EVENT_TYPE::NotificationEvent,
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    KEVENT,
    ntddk::{KeClearEvent, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject},
};

use crate::NtStatus;

/// A notification event, in nonpaged pool of its own: a KEVENT must not move.
pub struct Event(NonNull<KEVENT>);

// SAFETY: the routines below are made for concurrent use.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// One that is not set. Up to DISPATCH_LEVEL.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn try_new() -> Result<Self, NtStatus> {
        // SAFETY: the layout is not of size zero.
        let memory = unsafe { alloc(Layout::new::<KEVENT>()) };
        #[allow(clippy::cast_ptr_alignment, reason = "pool memory is aligned to 16 bytes")]
        let event = NonNull::new(memory.cast::<KEVENT>()).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        // SAFETY: memory for a KEVENT, which stays where it is.
        unsafe { KeInitializeEvent(event.as_ptr(), NotificationEvent, 0) };
        Ok(Self(event))
    }

    /// Lets go on who waits, and who comes until it is [cleared](Self::clear). Up to DISPATCH_LEVEL, also with a lock held.
    pub fn set(&self) {
        // SAFETY: initialized in `try_new`; no wait follows in the same breath.
        let _ = unsafe { KeSetEvent(self.0.as_ptr(), 0, 0) };
    }

    /// Lets those wait that come from now on. Up to DISPATCH_LEVEL.
    pub fn clear(&self) {
        // SAFETY: initialized in `try_new`.
        unsafe { KeClearEvent(self.0.as_ptr()) };
    }

    /// Waits until it is set. PASSIVE_LEVEL.
    pub fn wait(&self) {
        // SAFETY: initialized in `try_new`; without a timeout.
        let _ = unsafe { KeWaitForSingleObject(self.0.as_ptr().cast(), Executive, KernelMode as _, 0, null_mut()) };
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: allocated by `try_new` with this layout; whoever waited has gone on, as they borrowed it.
        unsafe { dealloc(self.0.as_ptr().cast(), Layout::new::<KEVENT>()) };
    }
}
