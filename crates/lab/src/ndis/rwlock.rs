//! NDIS read-write locks. After `NdisAcquireRWLockRead`, `NdisAcquireRWLockWrite`, `NdisReleaseRWLock`.
//!
//! Taking one raises to DISPATCH_LEVEL. Read locks may be taken again by the processor that has one; there is no
//! promotion from read to write.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{LOCK_STATE_EX, NDIS_HANDLE, PVOID};

use super::raw;
use crate::{
    clock::Mode,
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAllocateRWLock => allocate_rw_lock,
    NdisFreeRWLock => free_rw_lock,
    NdisAcquireRWLockRead => acquire_read,
    NdisAcquireRWLockWrite => acquire_write,
    NdisReleaseRWLock => release,
};

/// `NDIS_RWL_AT_DISPATCH_LEVEL`.
const AT_DISPATCH_LEVEL: u8 = 1;
const READ: u8 = 1;
const WRITE: u8 = 2;
const READING: &str = "RW lock (read)";
const WRITING: &str = "RW lock (write)";

/// A lock: who holds it.
#[derive(Default)]
pub(super) struct RwLock {
    holders: Mutex<Holders>,
}

#[derive(Default)]
struct Holders {
    writer: Option<std::thread::ThreadId>,
    readers: BTreeMap<u64, u32>,
}

/// A number for this thread, for the readers' table.
fn this_thread() -> u64 {
    thread_local! {
        static NUMBER: u64 = {
            use std::sync::atomic::{AtomicU64, Ordering};
            static LAST: AtomicU64 = AtomicU64::new(0);
            LAST.fetch_add(1, Ordering::Relaxed)
        };
    }
    NUMBER.with(|number| *number)
}

pub(super) unsafe extern "efiapi" fn allocate_rw_lock(_handle: NDIS_HANDLE) -> PVOID {
    thread::enter("NdisAllocateRWLock", DISPATCH_LEVEL, rule::V09);
    if kernel().faults.should_fail(FaultKind::Pool) {
        return std::ptr::null_mut();
    }
    kernel().ndis.objects.add("RW lock", Arc::new(RwLock::default()))
}

pub(super) unsafe extern "efiapi" fn free_rw_lock(at: PVOID) {
    const FUNCTION: &str = "NdisFreeRWLock";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    if let Some(rw) = kernel().ndis.objects.remove::<RwLock>(FUNCTION, at) {
        kernel().judge.check(rule::V39, rw.is_free(), || format!("{FUNCTION} while it is held"));
        kernel().lock_order.forget(at.addr(), at.addr() + 1);
    }
}

/// Raises to DISPATCH_LEVEL and says in `state` what it was before.
fn raise(function: &'static str, state: *mut LOCK_STATE_EX, kind: u8, flags: u8) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    let said = flags & AT_DISPATCH_LEVEL != 0;
    kernel().judge.check(rule::V24, !said || thread::irql() == DISPATCH_LEVEL, || {
        format!("{function} says DISPATCH_LEVEL at IRQL {}", thread::irql())
    });
    let before = thread::set_irql(DISPATCH_LEVEL);
    raw::write(state, LOCK_STATE_EX { OldIrql: before, LockState: kind, Flags: flags });
}

impl RwLock {
    /// Takes it for reading; `id` names this taking, `at` the lock. At DISPATCH_LEVEL.
    pub(super) fn read(&self, function: &'static str, id: usize, at: usize) {
        let me = std::thread::current().id();
        let own = lock(&self.holders).writer == Some(me);
        kernel().judge.check(rule::V39, !own, || format!("{function} by the writer: a deadlock"));
        spin(function, || {
            let mut holders = lock(&self.holders);
            let free = holders.writer.is_none();
            if free {
                *holders.readers.entry(this_thread()).or_default() += 1;
            }
            free
        });
        // Each reading is a lock of its own for the thread: it may be taken again.
        thread::lock_taken_by(id, at, READING);
    }

    /// As [`Self::read`], for writing.
    pub(super) fn write(&self, function: &'static str, id: usize, at: usize) {
        let me = std::thread::current().id();
        let own = {
            let holders = lock(&self.holders);
            holders.writer == Some(me) || holders.readers.contains_key(&this_thread())
        };
        kernel().judge.check(rule::V39, !own, || format!("{function} by a holder: a deadlock"));
        spin(function, || {
            let mut holders = lock(&self.holders);
            let free = holders.writer.is_none() && holders.readers.is_empty();
            if free {
                holders.writer = Some(me);
            }
            free
        });
        thread::lock_taken_by(id, at, WRITING);
    }

    /// Gives back what was taken under this id.
    pub(super) fn release(&self, id: usize, written: bool) {
        {
            let mut holders = lock(&self.holders);
            if written {
                holders.writer = None;
            } else if let Some(count) = holders.readers.get_mut(&this_thread()) {
                *count -= 1;
                holders.readers.retain(|_, count| *count > 0);
            }
        }
        thread::lock_released(id, if written { WRITING } else { READING });
    }

    /// Whether nobody holds it.
    fn is_free(&self) -> bool {
        let holders = lock(&self.holders);
        holders.writer.is_none() && holders.readers.is_empty()
    }
}

/// Lowers to an IRQL.
pub(super) fn lower(to: u8) {
    thread::may_lower(to);
    thread::set_irql(to);
    if to < DISPATCH_LEVEL {
        kernel().irql_fell();
    }
}

/// Tries until `attempt` succeeds.
fn spin(function: &'static str, mut attempt: impl FnMut() -> bool) {
    if kernel().clock.mode() == Mode::Virtual {
        if !kernel().sched.spin(attempt) {
            kernel().judge.fatal(rule::V39, format!("{function}: a deadlock"), Vec::new());
        }
        return;
    }
    while !attempt() {
        std::thread::yield_now();
    }
}

pub(super) unsafe extern "efiapi" fn acquire_read(at: PVOID, state: *mut LOCK_STATE_EX, flags: u8) {
    const FUNCTION: &str = "NdisAcquireRWLockRead";
    let Some(rw) = kernel().ndis.objects.get::<RwLock>(FUNCTION, at) else { return };
    raise(FUNCTION, state, READ, flags);
    rw.read(FUNCTION, state.addr(), at.addr());
}

pub(super) unsafe extern "efiapi" fn acquire_write(at: PVOID, state: *mut LOCK_STATE_EX, flags: u8) {
    const FUNCTION: &str = "NdisAcquireRWLockWrite";
    let Some(rw) = kernel().ndis.objects.get::<RwLock>(FUNCTION, at) else { return };
    raise(FUNCTION, state, WRITE, flags);
    rw.write(FUNCTION, state.addr(), at.addr());
}

pub(super) unsafe extern "efiapi" fn release(at: PVOID, state: *mut LOCK_STATE_EX) {
    const FUNCTION: &str = "NdisReleaseRWLock";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let Some(rw) = kernel().ndis.objects.get::<RwLock>(FUNCTION, at) else { return };
    let LOCK_STATE_EX { OldIrql, LockState, .. } = raw::read(state);
    rw.release(state.addr(), LockState == WRITE);
    lower(OldIrql);
}
