//! Shared ownership of nonpaged memory, refused rather than assumed.
//!
//! `alloc::sync::Arc` has no fallible constructor in stable Rust; a failed allocation in the kernel must not panic.

use alloc::alloc::{alloc, dealloc};
use core::{
    alloc::Layout,
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering, fence},
};

struct Inner<T> {
    references: AtomicUsize,
    value: T,
}

/// A reference-counted value in nonpaged pool. Cloned, read and dropped up to DISPATCH_LEVEL.
pub struct PoolArc<T>(NonNull<Inner<T>>);

// SAFETY: as for `alloc::sync::Arc`: the count is atomic and the value is only shared.
unsafe impl<T: Send + Sync> Send for PoolArc<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for PoolArc<T> {}

impl<T> PoolArc<T> {
    /// Moves a value into the pool. Up to DISPATCH_LEVEL.
    ///
    /// # Errors
    /// The value, where there is no memory for it.
    pub fn try_new(value: T) -> Result<Self, T> {
        const { assert!(align_of::<Inner<T>>() <= 16, "pool memory is aligned to 16 bytes") };
        // SAFETY: the layout is not of size zero, it holds a counter.
        let memory = unsafe { alloc(Layout::new::<Inner<T>>()) };
        let Some(inner) = NonNull::new(memory.cast::<Inner<T>>()) else {
            return Err(value);
        };
        // SAFETY: freshly allocated for this type.
        unsafe { inner.write(Inner { references: AtomicUsize::new(1), value }) };
        Ok(Self(inner))
    }

    /// Whether two are the same allocation.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: alive as long as a reference is counted, and this is one.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Clone for PoolArc<T> {
    fn clone(&self) -> Self {
        self.inner().references.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T> Deref for PoolArc<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Drop for PoolArc<T> {
    fn drop(&mut self) {
        if self.inner().references.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: the last reference is gone, nobody else can reach the value.
        unsafe { self.0.drop_in_place() };
        // SAFETY: allocated by `try_new` with this layout.
        unsafe { dealloc(self.0.as_ptr().cast(), Layout::new::<Inner<T>>()) };
    }
}
