//! Spin locks of all kinds (V39): `KSPIN_LOCK`, in-stack queued, and the reader-writer `EX_SPIN_LOCK`.
//!
//! IRQL up to DISPATCH_LEVEL to acquire, DISPATCH_LEVEL to release. The lock's word is the driver's memory: 0 is free;
//! a `KSPIN_LOCK` that is held is 1, an `EX_SPIN_LOCK` has the number of its readers, or the top bit for a writer.

use std::{
    sync::atomic::{AtomicI32, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use nblease_ndis::sys::{KIRQL, KLOCK_QUEUE_HANDLE, KSPIN_LOCK, LONG};

use super::{HIGH_LEVEL, enter, irql};
use crate::{
    clock::Mode,
    exports,
    judge::rule,
    kernel::kernel,
    pe::Export,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    ExAcquireSpinLockExclusive => ex_acquire_spin_lock_exclusive,
    ExAcquireSpinLockExclusiveAtDpcLevel => ex_acquire_spin_lock_exclusive_at_dpc_level,
    ExAcquireSpinLockShared => ex_acquire_spin_lock_shared,
    ExAcquireSpinLockSharedAtDpcLevel => ex_acquire_spin_lock_shared_at_dpc_level,
    ExReleaseSpinLockExclusive => ex_release_spin_lock_exclusive,
    ExReleaseSpinLockExclusiveFromDpcLevel => ex_release_spin_lock_exclusive_from_dpc_level,
    ExReleaseSpinLockShared => ex_release_spin_lock_shared,
    ExReleaseSpinLockSharedFromDpcLevel => ex_release_spin_lock_shared_from_dpc_level,
    KeAcquireInStackQueuedSpinLock => ke_acquire_in_stack_queued_spin_lock,
    KeAcquireInStackQueuedSpinLockAtDpcLevel => ke_acquire_in_stack_queued_spin_lock_at_dpc_level,
    KeAcquireSpinLockAtDpcLevel => ke_acquire_spin_lock_at_dpc_level,
    KeAcquireSpinLockRaiseToDpc => ke_acquire_spin_lock_raise_to_dpc,
    KeInitializeSpinLock => ke_initialize_spin_lock,
    KeReleaseInStackQueuedSpinLock => ke_release_in_stack_queued_spin_lock,
    KeReleaseInStackQueuedSpinLockFromDpcLevel => ke_release_in_stack_queued_spin_lock_from_dpc_level,
    KeReleaseSpinLock => ke_release_spin_lock,
    KeReleaseSpinLockFromDpcLevel => ke_release_spin_lock_from_dpc_level,
    "ExTryConvertSharedSpinLockExclusive" => ex_try_convert_shared_spin_lock_exclusive,
    "KeTestSpinLock" => ke_test_spin_lock,
    "KeTryToAcquireSpinLockAtDpcLevel" => ke_try_to_acquire_spin_lock_at_dpc_level,
};

const SPIN_LOCK: &str = "spin lock";
const QUEUED: &str = "in-stack queued spin lock";
const EXCLUSIVE: &str = "spin lock (exclusive)";
const SHARED: &str = "spin lock (shared)";
/// The word of an `EX_SPIN_LOCK` that a writer holds.
const WRITER: i32 = i32::MIN;

/// How long a spin lock may be waited for before it counts as a deadlock.
const DEADLOCK: Duration = Duration::from_secs(20);

/// Spins until `attempt` succeeds.
fn spin(function: &'static str, lock: usize, mut attempt: impl FnMut() -> bool) {
    let taken = match kernel().clock.mode() {
        Mode::Virtual => kernel().sched.spin(attempt),
        Mode::Real => {
            let start = Instant::now();
            loop {
                if attempt() {
                    break true;
                }
                if start.elapsed() > DEADLOCK {
                    break false;
                }
                std::thread::yield_now();
            }
        }
    };
    if !taken {
        kernel().judge.fatal(rule::V39, format!("{function}: deadlock on {lock:#x}"), Vec::new());
    }
}

/// Checks that the caller is at DISPATCH_LEVEL, as the functions for DPCs demand.
fn at_dispatch(function: &'static str) {
    enter(function, HIGH_LEVEL);
    check_dispatch(function);
}

fn check_dispatch(function: &'static str) {
    kernel().judge.check(rule::V09, thread::irql() >= DISPATCH_LEVEL, || {
        format!("{function} called at IRQL {}, below DISPATCH_LEVEL", thread::irql())
    });
}

/// # Safety
/// `lock` points to a `KSPIN_LOCK`, which lives as long as the driver keeps it.
unsafe fn word<'a>(lock: *mut KSPIN_LOCK) -> &'a AtomicUsize {
    // SAFETY: by the caller; all access of the lab's is atomic.
    unsafe { AtomicUsize::from_ptr(lock) }
}

/// # Safety
/// `lock` points to an `EX_SPIN_LOCK`, which lives as long as the driver keeps it.
unsafe fn ex_word<'a>(lock: *mut LONG) -> &'a AtomicI32 {
    // SAFETY: by the caller; all access of the lab's is atomic.
    unsafe { AtomicI32::from_ptr(lock) }
}

/// Takes a spin lock at DISPATCH_LEVEL. `before`: the IRQL before, where that was raised for it.
pub(super) fn acquire(function: &'static str, lock: *mut KSPIN_LOCK, before: Option<KIRQL>) {
    acquire_as(SPIN_LOCK, function, lock, before);
}

fn acquire_as(kind: &'static str, function: &'static str, lock: *mut KSPIN_LOCK, before: Option<KIRQL>) {
    // SAFETY: the DDI demands a spin lock; a pointer to something else faults and is reported.
    let word = unsafe { word(lock) };
    // Noted first: a thread that takes it twice is told so rather than spins.
    note_taken(lock.addr(), kind, before);
    spin(function, lock.addr(), || word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok());
}

/// Gives a spin lock back, and goes to an IRQL where one is given.
pub(super) fn release(function: &'static str, lock: *mut KSPIN_LOCK, to: Option<KIRQL>) {
    release_as(SPIN_LOCK, function, lock, to);
}

fn release_as(kind: &'static str, function: &'static str, lock: *mut KSPIN_LOCK, to: Option<KIRQL>) {
    enter(function, HIGH_LEVEL);
    note_released(lock.addr(), kind, to);
    check_dispatch(function);
    // SAFETY: as in `acquire`.
    unsafe { word(lock) }.store(0, Ordering::Release);
    to.into_iter().for_each(irql::lower);
}

fn note_taken(lock: usize, kind: &'static str, before: Option<KIRQL>) {
    match before {
        Some(before) => thread::lock_taken_from(before, lock, kind),
        None => thread::lock_taken(lock, kind),
    }
}

/// First of all: whether the lock is held says more than the IRQL.
fn note_released(lock: usize, kind: &'static str, to: Option<KIRQL>) {
    match to {
        Some(to) => thread::lock_released_to(to, lock, kind),
        None => thread::lock_released(lock, kind),
    }
}

unsafe extern "efiapi" fn ke_initialize_spin_lock(lock: *mut KSPIN_LOCK) {
    enter("KeInitializeSpinLock", HIGH_LEVEL);
    // SAFETY: the DDI demands storage for a spin lock.
    unsafe { word(lock) }.store(0, Ordering::Release);
}

unsafe extern "efiapi" fn ke_acquire_spin_lock_raise_to_dpc(lock: *mut KSPIN_LOCK) -> KIRQL {
    enter("KeAcquireSpinLockRaiseToDpc", DISPATCH_LEVEL);
    let before = irql::raise_to_dispatch();
    acquire("KeAcquireSpinLockRaiseToDpc", lock, Some(before));
    before
}

unsafe extern "efiapi" fn ke_acquire_spin_lock_at_dpc_level(lock: *mut KSPIN_LOCK) {
    at_dispatch("KeAcquireSpinLockAtDpcLevel");
    acquire("KeAcquireSpinLockAtDpcLevel", lock, None);
}

unsafe extern "win64" fn ke_try_to_acquire_spin_lock_at_dpc_level(lock: *mut KSPIN_LOCK) -> u8 {
    at_dispatch("KeTryToAcquireSpinLockAtDpcLevel");
    // SAFETY: the DDI demands a spin lock.
    let taken = unsafe { word(lock) }.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok();
    if taken {
        thread::lock_taken(lock.addr(), SPIN_LOCK);
    }
    u8::from(taken)
}

unsafe extern "win64" fn ke_test_spin_lock(lock: *mut KSPIN_LOCK) -> u8 {
    enter("KeTestSpinLock", HIGH_LEVEL);
    // SAFETY: the DDI demands a spin lock.
    u8::from(unsafe { word(lock) }.load(Ordering::Relaxed) == 0)
}

unsafe extern "efiapi" fn ke_release_spin_lock(lock: *mut KSPIN_LOCK, to: KIRQL) {
    release("KeReleaseSpinLock", lock, Some(to));
}

unsafe extern "efiapi" fn ke_release_spin_lock_from_dpc_level(lock: *mut KSPIN_LOCK) {
    release("KeReleaseSpinLockFromDpcLevel", lock, None);
}

unsafe extern "efiapi" fn ke_acquire_in_stack_queued_spin_lock(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) {
    enter("KeAcquireInStackQueuedSpinLock", DISPATCH_LEVEL);
    let before = irql::raise_to_dispatch();
    acquire_as(QUEUED, "KeAcquireInStackQueuedSpinLock", lock, Some(before));
    fill(handle, lock, before);
}

unsafe extern "efiapi" fn ke_acquire_in_stack_queued_spin_lock_at_dpc_level(
    lock: *mut KSPIN_LOCK,
    handle: *mut KLOCK_QUEUE_HANDLE,
) {
    at_dispatch("KeAcquireInStackQueuedSpinLockAtDpcLevel");
    acquire_as(QUEUED, "KeAcquireInStackQueuedSpinLockAtDpcLevel", lock, None);
    fill(handle, lock, thread::irql());
}

fn fill(handle: *mut KLOCK_QUEUE_HANDLE, lock: *mut KSPIN_LOCK, irql: KIRQL) {
    // SAFETY: the DDI demands storage for the handle, which nobody else uses while the lock is held.
    let handle = unsafe { &mut *handle };
    handle.LockQueue.Lock = lock;
    handle.OldIrql = irql;
}

unsafe extern "efiapi" fn ke_release_in_stack_queued_spin_lock(handle: *mut KLOCK_QUEUE_HANDLE) {
    // SAFETY: the handle that the acquisition filled.
    let KLOCK_QUEUE_HANDLE { LockQueue, OldIrql } = unsafe { *handle };
    release_as(QUEUED, "KeReleaseInStackQueuedSpinLock", LockQueue.Lock, Some(OldIrql));
}

unsafe extern "efiapi" fn ke_release_in_stack_queued_spin_lock_from_dpc_level(handle: *mut KLOCK_QUEUE_HANDLE) {
    // SAFETY: the handle that the acquisition filled.
    let lock = unsafe { *handle }.LockQueue.Lock;
    release_as(QUEUED, "KeReleaseInStackQueuedSpinLockFromDpcLevel", lock, None);
}

fn acquire_exclusive(function: &'static str, lock: *mut LONG, before: Option<KIRQL>) {
    // SAFETY: the DDI demands an `EX_SPIN_LOCK`.
    let word = unsafe { ex_word(lock) };
    note_taken(lock.addr(), EXCLUSIVE, before);
    spin(function, lock.addr(), || word.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok());
}

fn release_exclusive(function: &'static str, lock: *mut LONG, to: Option<KIRQL>) {
    enter(function, HIGH_LEVEL);
    note_released(lock.addr(), EXCLUSIVE, to);
    check_dispatch(function);
    // SAFETY: as in `acquire_exclusive`.
    unsafe { ex_word(lock) }.store(0, Ordering::Release);
    to.into_iter().for_each(irql::lower);
}

fn acquire_shared(function: &'static str, lock: *mut LONG, before: Option<KIRQL>) {
    // SAFETY: the DDI demands an `EX_SPIN_LOCK`.
    let word = unsafe { ex_word(lock) };
    note_taken(lock.addr(), SHARED, before);
    spin(function, lock.addr(), || {
        let readers = word.load(Ordering::Relaxed);
        readers >= 0 && word.compare_exchange(readers, readers + 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    });
}

fn release_shared(function: &'static str, lock: *mut LONG, to: Option<KIRQL>) {
    enter(function, HIGH_LEVEL);
    note_released(lock.addr(), SHARED, to);
    check_dispatch(function);
    // SAFETY: as in `acquire_shared`.
    unsafe { ex_word(lock) }.fetch_sub(1, Ordering::Release);
    to.into_iter().for_each(irql::lower);
}

unsafe extern "efiapi" fn ex_acquire_spin_lock_exclusive(lock: *mut LONG) -> KIRQL {
    enter("ExAcquireSpinLockExclusive", DISPATCH_LEVEL);
    let before = irql::raise_to_dispatch();
    acquire_exclusive("ExAcquireSpinLockExclusive", lock, Some(before));
    before
}

unsafe extern "efiapi" fn ex_acquire_spin_lock_exclusive_at_dpc_level(lock: *mut LONG) {
    at_dispatch("ExAcquireSpinLockExclusiveAtDpcLevel");
    acquire_exclusive("ExAcquireSpinLockExclusiveAtDpcLevel", lock, None);
}

unsafe extern "efiapi" fn ex_release_spin_lock_exclusive(lock: *mut LONG, to: KIRQL) {
    release_exclusive("ExReleaseSpinLockExclusive", lock, Some(to));
}

unsafe extern "efiapi" fn ex_release_spin_lock_exclusive_from_dpc_level(lock: *mut LONG) {
    release_exclusive("ExReleaseSpinLockExclusiveFromDpcLevel", lock, None);
}

unsafe extern "efiapi" fn ex_acquire_spin_lock_shared(lock: *mut LONG) -> KIRQL {
    enter("ExAcquireSpinLockShared", DISPATCH_LEVEL);
    let before = irql::raise_to_dispatch();
    acquire_shared("ExAcquireSpinLockShared", lock, Some(before));
    before
}

unsafe extern "efiapi" fn ex_acquire_spin_lock_shared_at_dpc_level(lock: *mut LONG) {
    at_dispatch("ExAcquireSpinLockSharedAtDpcLevel");
    acquire_shared("ExAcquireSpinLockSharedAtDpcLevel", lock, None);
}

unsafe extern "efiapi" fn ex_release_spin_lock_shared(lock: *mut LONG, to: KIRQL) {
    release_shared("ExReleaseSpinLockShared", lock, Some(to));
}

unsafe extern "efiapi" fn ex_release_spin_lock_shared_from_dpc_level(lock: *mut LONG) {
    release_shared("ExReleaseSpinLockSharedFromDpcLevel", lock, None);
}

unsafe extern "win64" fn ex_try_convert_shared_spin_lock_exclusive(lock: *mut LONG) -> u32 {
    at_dispatch("ExTryConvertSharedSpinLockExclusive");
    // SAFETY: the DDI demands an `EX_SPIN_LOCK` that the caller holds shared.
    let word = unsafe { ex_word(lock) };
    let converted = word.compare_exchange(1, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok();
    if converted {
        thread::lock_released(lock.addr(), SHARED);
        thread::lock_taken(lock.addr(), EXCLUSIVE);
    }
    u32::from(converted)
}
