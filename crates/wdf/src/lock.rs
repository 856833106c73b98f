//! Locks whose release cannot be forgotten.
//!
//! [`SpinLock`] and [`RwSpinLock`] raise to DISPATCH_LEVEL and may be taken up to there; [`WaitLock`] waits and is for
//! PASSIVE_LEVEL. None may be held across a call into NDIS that hands packets over, or across a completion.

use core::{
    cell::UnsafeCell,
    ops::{Deref, DerefMut},
    ptr::null_mut,
};

use wdk_sys::{
    EX_SPIN_LOCK, KIRQL, KSPIN_LOCK, WDFWAITLOCK, call_unsafe_wdf_function_binding,
    ntddk::{
        ExAcquireSpinLockExclusive, ExAcquireSpinLockShared, ExReleaseSpinLockExclusive, ExReleaseSpinLockShared,
        KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock,
    },
};

use crate::NtStatus;

/// A KSPIN_LOCK around a value.
pub struct SpinLock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only by the holder of the lock.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An unlocked one (KeInitializeSpinLock stores a zero).
    pub const fn new(value: T) -> Self {
        Self { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Takes the lock. Up to DISPATCH_LEVEL; returns at DISPATCH_LEVEL.
    pub fn lock(&self) -> SpinGuard<'_, T> {
        // SAFETY: initialized in `new`; released by the guard.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        SpinGuard { lock: self, irql }
    }
}

/// A held [`SpinLock`].
pub struct SpinGuard<'a, T> {
    lock: &'a SpinLock<T>,
    irql: KIRQL,
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken by `lock` with the IRQL that it returned.
        unsafe { KeReleaseSpinLock(self.lock.lock.get(), self.irql) };
    }
}

/// An EX_SPIN_LOCK around a value: many readers or one writer.
pub struct RwSpinLock<T> {
    lock: UnsafeCell<EX_SPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is shared by readers and reached exclusively only by the writer.
unsafe impl<T: Send + Sync> Sync for RwSpinLock<T> {}

impl<T> RwSpinLock<T> {
    /// An unlocked one (an EX_SPIN_LOCK starts as zero).
    pub const fn new(value: T) -> Self {
        Self { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Takes the lock to read. Up to DISPATCH_LEVEL; returns at DISPATCH_LEVEL.
    pub fn read(&self) -> ReadGuard<'_, T> {
        // SAFETY: initialized in `new`; released by the guard.
        let irql = unsafe { ExAcquireSpinLockShared(self.lock.get()) };
        ReadGuard { lock: self, irql }
    }

    /// Takes the lock to write. Up to DISPATCH_LEVEL; returns at DISPATCH_LEVEL.
    pub fn write(&self) -> WriteGuard<'_, T> {
        // SAFETY: initialized in `new`; released by the guard.
        let irql = unsafe { ExAcquireSpinLockExclusive(self.lock.get()) };
        WriteGuard { lock: self, irql }
    }
}

/// A [`RwSpinLock`] held to read.
pub struct ReadGuard<'a, T> {
    lock: &'a RwSpinLock<T>,
    irql: KIRQL,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held, so there is no writer.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken by `read` with the IRQL that it returned.
        unsafe { ExReleaseSpinLockShared(self.lock.lock.get(), self.irql) };
    }
}

/// A [`RwSpinLock`] held to write.
pub struct WriteGuard<'a, T> {
    lock: &'a RwSpinLock<T>,
    irql: KIRQL,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held exclusively.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held exclusively, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken by `write` with the IRQL that it returned.
        unsafe { ExReleaseSpinLockExclusive(self.lock.lock.get(), self.irql) };
    }
}

/// A WDFWAITLOCK around a value, for PASSIVE_LEVEL.
pub struct WaitLock<T> {
    lock: WDFWAITLOCK,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only by the holder of the lock; a framework handle may be used from any thread.
unsafe impl<T: Send> Sync for WaitLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for WaitLock<T> {}

impl<T> WaitLock<T> {
    /// A lock that belongs to the driver object and is deleted with it. PASSIVE_LEVEL, after the driver was created.
    pub fn try_new(value: T) -> Result<Self, NtStatus> {
        let mut lock = null_mut();
        // SAFETY: default attributes are allowed; the handle goes to a local.
        let status = unsafe { call_unsafe_wdf_function_binding!(WdfWaitLockCreate, null_mut(), &raw mut lock) };
        NtStatus(status).check()?;
        Ok(Self { lock, value: UnsafeCell::new(value) })
    }

    /// Waits for the lock. PASSIVE_LEVEL.
    pub fn lock(&self) -> WaitGuard<'_, T> {
        // SAFETY: the handle is valid as long as the driver; no timeout, so it is taken on return.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfWaitLockAcquire, self.lock, null_mut()) };
        WaitGuard(self)
    }
}

/// A held [`WaitLock`].
pub struct WaitGuard<'a, T>(&'a WaitLock<T>);

impl<T> Deref for WaitGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for WaitGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the guard is borrowed exclusively.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for WaitGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: taken by `lock`.
        unsafe { call_unsafe_wdf_function_binding!(WdfWaitLockRelease, self.0.lock) };
    }
}
