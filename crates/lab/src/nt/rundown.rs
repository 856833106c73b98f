//! Rundown protection: references that can be closed for good, and waited for until the last is gone.
//!
//! Acquire and release at IRQL up to DISPATCH_LEVEL; all else up to APC_LEVEL. The reference's word is the driver's
//! memory, as in NT: bit 0 says that rundown began, the bits above count the references.

use std::sync::atomic::{AtomicUsize, Ordering};

use nblease_ndis::sys::{BOOLEAN, EX_RUNDOWN_REF, PVOID, ULONG};

use super::{enter, pool};
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExAcquireRundownProtectionCacheAware" => ex_acquire_rundown_protection,
    "ExAcquireRundownProtectionCacheAwareEx" => ex_acquire_rundown_protection_ex,
    "ExAllocateCacheAwareRundownProtection" => ex_allocate_cache_aware_rundown_protection,
    "ExFreeCacheAwareRundownProtection" => ex_free_cache_aware_rundown_protection,
    "ExInitializeRundownProtectionCacheAware" => ex_initialize_rundown_protection_cache_aware,
    "ExReInitializeRundownProtectionCacheAware" => ex_re_initialize_rundown_protection,
    "ExReleaseRundownProtectionCacheAware" => ex_release_rundown_protection,
    "ExReleaseRundownProtectionCacheAwareEx" => ex_release_rundown_protection_ex,
    "ExRundownCompletedCacheAware" => ex_rundown_completed,
    "ExSizeOfRundownProtectionCacheAware" => ex_size_of_rundown_protection_cache_aware,
    "ExWaitForRundownProtectionReleaseCacheAware" => ex_wait_for_rundown_protection_release,
    ExAcquireRundownProtection => ex_acquire_rundown_protection,
    ExAcquireRundownProtectionEx => ex_acquire_rundown_protection_ex,
    ExInitializeRundownProtection => ex_initialize_rundown_protection,
    ExReleaseRundownProtection => ex_release_rundown_protection,
    ExReleaseRundownProtectionEx => ex_release_rundown_protection_ex,
    ExRundownCompleted => ex_rundown_completed,
    ExWaitForRundownProtectionRelease => ex_wait_for_rundown_protection_release,
    "ExReInitializeRundownProtection" => ex_re_initialize_rundown_protection,
};

/// The tag by which a cache-aware reference that was not freed shows at unload.
const TAG: [u8; 4] = *b"ExRu";
/// Bytes of a cache-aware reference, which is opaque: one word for each processor on Windows, one word in the lab.
const CACHE_AWARE: usize = 64;
const RUNDOWN: usize = 1;
const REFERENCE: usize = 2;

/// # Safety
/// `reference` points to an `EX_RUNDOWN_REF`, which lives as long as the driver keeps it.
unsafe fn word<'a>(reference: *mut EX_RUNDOWN_REF) -> &'a AtomicUsize {
    // SAFETY: by the caller; the union is one word, and all access of the lab's is atomic.
    unsafe { AtomicUsize::from_ptr(reference.cast()) }
}

unsafe extern "efiapi" fn ex_initialize_rundown_protection(reference: *mut EX_RUNDOWN_REF) {
    enter("ExInitializeRundownProtection", APC_LEVEL);
    // SAFETY: the DDI demands storage for the reference.
    unsafe { word(reference) }.store(0, Ordering::SeqCst);
}

unsafe extern "win64" fn ex_allocate_cache_aware_rundown_protection(_pool: i32, _tag: ULONG) -> PVOID {
    enter("ExAllocateCacheAwareRundownProtection", APC_LEVEL);
    if kernel().faults.should_fail(FaultKind::Object) {
        return std::ptr::null_mut();
    }
    // Zeros are a reference that is not run down.
    pool::allocate_object(TAG, CACHE_AWARE)
}

unsafe extern "win64" fn ex_free_cache_aware_rundown_protection(reference: PVOID) {
    enter("ExFreeCacheAwareRundownProtection", APC_LEVEL);
    pool::free_object(TAG, reference);
}

unsafe extern "win64" fn ex_size_of_rundown_protection_cache_aware() -> usize {
    enter("ExSizeOfRundownProtectionCacheAware", APC_LEVEL);
    CACHE_AWARE
}

unsafe extern "win64" fn ex_initialize_rundown_protection_cache_aware(reference: *mut EX_RUNDOWN_REF, _size: usize) {
    enter("ExInitializeRundownProtectionCacheAware", APC_LEVEL);
    // SAFETY: the DDI demands storage of the size that was asked for.
    unsafe { word(reference) }.store(0, Ordering::SeqCst);
}

unsafe extern "win64" fn ex_re_initialize_rundown_protection(reference: *mut EX_RUNDOWN_REF) {
    enter("ExReInitializeRundownProtection", APC_LEVEL);
    // SAFETY: the DDI demands a reference.
    let before = unsafe { word(reference) }.swap(0, Ordering::SeqCst);
    if before != RUNDOWN {
        kernel().judge.bug_check("ExReInitializeRundownProtection of a reference that was not run down");
    }
}

unsafe extern "efiapi" fn ex_acquire_rundown_protection(reference: *mut EX_RUNDOWN_REF) -> BOOLEAN {
    enter("ExAcquireRundownProtection", DISPATCH_LEVEL);
    acquire(reference, 1)
}

unsafe extern "efiapi" fn ex_acquire_rundown_protection_ex(reference: *mut EX_RUNDOWN_REF, count: ULONG) -> BOOLEAN {
    enter("ExAcquireRundownProtectionEx", DISPATCH_LEVEL);
    acquire(reference, count)
}

fn acquire(reference: *mut EX_RUNDOWN_REF, count: ULONG) -> BOOLEAN {
    // SAFETY: the DDI demands a reference; a pointer to something else faults and is reported.
    let word = unsafe { word(reference) };
    let taken = word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |value| {
        (value & RUNDOWN == 0).then_some(value + count as usize * REFERENCE)
    });
    u8::from(taken.is_ok())
}

unsafe extern "efiapi" fn ex_release_rundown_protection(reference: *mut EX_RUNDOWN_REF) {
    enter("ExReleaseRundownProtection", DISPATCH_LEVEL);
    release(reference, 1);
}

unsafe extern "efiapi" fn ex_release_rundown_protection_ex(reference: *mut EX_RUNDOWN_REF, count: ULONG) {
    enter("ExReleaseRundownProtectionEx", DISPATCH_LEVEL);
    release(reference, count);
}

fn release(reference: *mut EX_RUNDOWN_REF, count: ULONG) {
    // SAFETY: as in `acquire`.
    let word = unsafe { word(reference) };
    let given = count as usize * REFERENCE;
    let before = word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |value| value.checked_sub(given));
    match before {
        Err(_) => kernel().judge.bug_check("rundown protection released more often than it was acquired"),
        Ok(before) if before - given == RUNDOWN => kernel().sched.changed(),
        Ok(_) => {}
    }
}

unsafe extern "efiapi" fn ex_wait_for_rundown_protection_release(reference: *mut EX_RUNDOWN_REF) {
    thread::may_wait("ExWaitForRundownProtectionRelease");
    // SAFETY: the DDI demands a reference.
    let word = unsafe { word(reference) };
    word.fetch_or(RUNDOWN, Ordering::SeqCst);
    let what = "ExWaitForRundownProtectionRelease";
    kernel().sched.wait_until(what, None, &mut || word.load(Ordering::SeqCst) == RUNDOWN);
}

unsafe extern "efiapi" fn ex_rundown_completed(reference: *mut EX_RUNDOWN_REF) {
    enter("ExRundownCompleted", APC_LEVEL);
    // SAFETY: the DDI demands a reference.
    let before = unsafe { word(reference) }.swap(RUNDOWN, Ordering::SeqCst);
    kernel().judge.check(rule::V07, before == RUNDOWN, || {
        "ExRundownCompleted before ExWaitForRundownProtectionRelease returned".to_owned()
    });
}
