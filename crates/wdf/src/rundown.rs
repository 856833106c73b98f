//! Rundown protection: work in progress holds it, and who ends the thing waits until nobody does.

use core::cell::UnsafeCell;

use wdk_sys::{
    EX_RUNDOWN_REF,
    ntddk::{
        ExAcquireRundownProtection, ExInitializeRundownProtection, ExReInitializeRundownProtection,
        ExReleaseRundownProtection, ExWaitForRundownProtectionRelease,
    },
};

/// An `EX_RUNDOWN_REF` that starts run down: nobody is admitted until [`Self::open`].
pub struct Rundown(UnsafeCell<EX_RUNDOWN_REF>);

// SAFETY: the routines below are made for concurrent use.
unsafe impl Send for Rundown {}
// SAFETY: as above.
unsafe impl Sync for Rundown {}

/// Admission. Dropping it lets the waiter go on.
pub struct Admission<'a>(&'a Rundown);

impl Rundown {
    /// One that admits nobody yet. PASSIVE_LEVEL.
    pub fn closed() -> Self {
        let this = Self(UnsafeCell::new(EX_RUNDOWN_REF::default()));
        // SAFETY: the structure is ours and in no one else's hands.
        unsafe { ExInitializeRundownProtection(this.0.get()) };
        // SAFETY: initialized, and nobody holds it, so it does not wait. It is not tied to its address.
        unsafe { ExWaitForRundownProtectionRelease(this.0.get()) };
        this
    }

    /// Admits again after [`Self::close`]. PASSIVE_LEVEL; not concurrent with `close`.
    pub fn open(&self) {
        // SAFETY: run down before (by `closed` or `close`), as the routine demands.
        unsafe { ExReInitializeRundownProtection(self.0.get()) };
    }

    /// Admits nobody from now on and waits until all who were admitted are gone. PASSIVE_LEVEL.
    pub fn close(&self) {
        // SAFETY: initialized in `closed`.
        unsafe { ExWaitForRundownProtectionRelease(self.0.get()) };
    }

    /// Admission, or nothing where it is closed. Any IRQL up to DISPATCH_LEVEL, no lock.
    pub fn enter(&self) -> Option<Admission<'_>> {
        // SAFETY: initialized in `closed`.
        let admitted = unsafe { ExAcquireRundownProtection(self.0.get()) };
        (admitted != 0).then(|| Admission(self))
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        // SAFETY: acquired once by `enter`.
        unsafe { ExReleaseRundownProtection(self.0.0.get()) };
    }
}
