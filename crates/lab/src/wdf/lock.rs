//! WDFSPINLOCK and WDFWAITLOCK (fxspinlockapi.cpp, fxwaitlock.hpp).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::yield_now,
};

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    enter,
    object::{Body, Kind},
    object_ddi::make,
    state,
};
use crate::{
    clock::Mode,
    io::{NtStatus, status},
    judge::rule,
    kernel::kernel,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// Who holds a lock: 0 nobody.
type Holder = Arc<AtomicU64>;

/// A WDFSPINLOCK.
#[derive(Default)]
pub(crate) struct SpinLock {
    holder: Holder,
    /// IRQL before it was taken.
    before: u8,
}

/// A WDFWAITLOCK.
#[derive(Default)]
pub(crate) struct WaitLock {
    holder: Holder,
}

impl WaitLock {
    /// Whether some thread holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.holder.load(Ordering::SeqCst) != 0
    }
}

/// A number of this thread's own, not 0.
pub(crate) fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

fn try_take(holder: &Holder) -> bool {
    holder.compare_exchange(0, this_thread(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// WdfSpinLockCreate.
pub(crate) unsafe extern "win64" fn spin_create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfSpinLockCreate", globals);
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { make("WdfSpinLockCreate", id, attributes, Kind::SpinLock, Body::SpinLock(SpinLock::default()), result) }
}

/// WdfSpinLockAcquire: raises the IRQL to DISPATCH_LEVEL.
pub(crate) unsafe extern "win64" fn spin_acquire(globals: *mut WDF_DRIVER_GLOBALS, lock: sys::HANDLE) {
    enter!("WdfSpinLockAcquire", globals);
    let holder = state().spin_lock("WdfSpinLockAcquire", lock.addr()).holder.clone();
    let before = thread::set_irql(DISPATCH_LEVEL);
    thread::lock_taken(lock.addr(), "WDFSPINLOCK");
    let taken = match kernel().clock.mode() {
        Mode::Virtual => kernel().sched.spin(|| try_take(&holder)),
        Mode::Real => {
            while !try_take(&holder) {
                yield_now();
            }
            true
        }
    };
    if !taken {
        kernel().judge.fatal(rule::V39, format!("deadlock on WDFSPINLOCK {:#x}", lock.addr()), Vec::new());
    }
    state().spin_lock("WdfSpinLockAcquire", lock.addr()).before = before;
}

/// WdfSpinLockRelease: brings the IRQL back to what it was.
pub(crate) unsafe extern "win64" fn spin_release(globals: *mut WDF_DRIVER_GLOBALS, lock: sys::HANDLE) {
    enter!("WdfSpinLockRelease", globals);
    let (holder, before) = {
        let mut state = state();
        let lock = state.spin_lock("WdfSpinLockRelease", lock.addr());
        (lock.holder.clone(), lock.before)
    };
    thread::lock_released(lock.addr(), "WDFSPINLOCK");
    kernel().judge.check(rule::V45, thread::irql() == DISPATCH_LEVEL, || {
        format!("WdfSpinLockRelease called at IRQL {}, wants {DISPATCH_LEVEL}", thread::irql())
    });
    thread::may_lower(before);
    holder.store(0, Ordering::SeqCst);
    thread::set_irql(before);
    if before < DISPATCH_LEVEL {
        kernel().irql_fell();
    }
}

/// WdfWaitLockCreate.
pub(crate) unsafe extern "win64" fn wait_create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfWaitLockCreate", globals);
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { make("WdfWaitLockCreate", id, attributes, Kind::WaitLock, Body::WaitLock(WaitLock::default()), result) }
}

/// WdfWaitLockAcquire: without a timeout, or with one that is not 0, at PASSIVE_LEVEL only. STATUS_TIMEOUT where the time
/// went by. A timeout is relative if negative, in units of 100 ns.
pub(crate) unsafe extern "win64" fn wait_acquire(
    globals: *mut WDF_DRIVER_GLOBALS,
    lock: sys::HANDLE,
    timeout: *const i64,
) -> NtStatus {
    enter!("WdfWaitLockAcquire", globals);
    let timeout = if timeout.is_null() {
        None
    } else {
        // SAFETY: a driver passes its variable.
        Some(super::timer::due_ns(unsafe { timeout.read_unaligned() }))
    };
    if timeout != Some(0) {
        thread::enter("WdfWaitLockAcquire that may wait", PASSIVE_LEVEL, rule::V45);
    }
    let holder = state().wait_lock("WdfWaitLockAcquire", lock.addr()).holder.clone();
    kernel().judge.check(rule::V39, holder.load(Ordering::SeqCst) != this_thread(), || {
        format!("WDFWAITLOCK {:#x} taken twice by one thread", lock.addr())
    });
    let taken = try_take(&holder)
        || (timeout != Some(0) && kernel().sched.wait_until("WdfWaitLockAcquire", timeout, &mut || try_take(&holder)));
    if taken { status::SUCCESS } else { status::TIMEOUT }
}

/// WdfWaitLockRelease.
pub(crate) unsafe extern "win64" fn wait_release(globals: *mut WDF_DRIVER_GLOBALS, lock: sys::HANDLE) {
    enter!("WdfWaitLockRelease", globals);
    let holder = state().wait_lock("WdfWaitLockRelease", lock.addr()).holder.clone();
    let was = holder.swap(0, Ordering::SeqCst);
    kernel().judge.check(rule::V39, was == this_thread(), || {
        format!("WDFWAITLOCK {:#x} released by a thread that does not hold it", lock.addr())
    });
    kernel().sched.changed();
}
