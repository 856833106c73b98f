//! The one value that a driver's callbacks find without a context: set once at entry, taken at unload.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    sync::atomic::{AtomicBool, Ordering},
};

/// A value set in DriverEntry and read by callbacks.
pub struct Global<T> {
    set: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written before `set` is published and only shared references are handed out after.
unsafe impl<T: Send + Sync> Sync for Global<T> {}

impl<T> Global<T> {
    /// Not set.
    pub const fn new() -> Self {
        Self { set: AtomicBool::new(false), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The value, once it is set. Any IRQL.
    pub fn get(&self) -> Option<&T> {
        if !self.set.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: `set` is stored after the write and no exclusive reference exists while it is true.
        let slot = unsafe { &*self.value.get() };
        // SAFETY: as above, the value was written.
        Some(unsafe { slot.assume_init_ref() })
    }

    /// Sets the value; gives it back where there is one already.
    ///
    /// # Safety
    /// Not called twice at once: DriverEntry is the only caller.
    pub unsafe fn set(&self, value: T) -> Result<(), T> {
        if self.set.load(Ordering::Acquire) {
            return Err(value);
        }
        // SAFETY: nobody reads while `set` is false, and nobody else writes (the caller's promise).
        unsafe { (*self.value.get()).write(value) };
        self.set.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes the value back, at the end of the driver.
    ///
    /// # Safety
    /// No reference from [`Self::get`] is alive and no callback can come any more.
    pub unsafe fn take(&self) -> Option<T> {
        if !self.set.swap(false, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: it was set, nobody refers to it (the caller's promise), and it is read out once.
        let value = unsafe { self.value.get().read() };
        // SAFETY: as above, the value was written.
        Some(unsafe { value.assume_init() })
    }
}

impl<T> Default for Global<T> {
    fn default() -> Self {
        Self::new()
    }
}
