//! What the lab keeps for each thread that may run driver code: IRQL, the calls under way, the locks held.
//!
//! A thread of the lab is a processor while it runs the driver: raising IRQL to DISPATCH_LEVEL on it keeps the DPCs of
//! this thread's processor away. Everything here is thread-local, so no lock is needed.

use std::cell::{Cell, RefCell};

use crate::{
    judge::{Rule, rule},
    kernel::{DriverId, kernel},
};

/// IRQL of ordinary threads.
pub const PASSIVE_LEVEL: u8 = 0;
/// IRQL at which APCs are held off.
pub const APC_LEVEL: u8 = 1;
/// IRQL of DPCs and spin lock holders.
pub const DISPATCH_LEVEL: u8 = 2;

thread_local! {
    static IRQL: Cell<u8> = const { Cell::new(PASSIVE_LEVEL) };
    static PROCESSOR: Cell<u32> = const { Cell::new(0) };
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    static LOCKS: RefCell<Vec<HeldLock>> = const { RefCell::new(Vec::new()) };
    /// Return address of the driver's last call into the lab, written by the import thunks (see `pe`).
    static CALL_SITE: Cell<usize> = const { Cell::new(0) };
}

/// A call of the lab into a driver.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Whose code.
    pub driver: DriverId,
    /// The callback, by the field's name: `FilterSendNetBufferLists`, `EvtIoRead`, `DPC`.
    pub what: &'static str,
    /// Locks held by the thread when the callback was entered.
    locks_at_entry: usize,
}

/// A lock that the thread holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// Address or handle of the lock.
    pub id: usize,
    /// What kind, for reports.
    pub kind: &'static str,
}

/// IRQL of this thread.
pub fn irql() -> u8 {
    IRQL.get()
}

/// Sets the IRQL of this thread and returns the one before; the caller checks the direction.
pub fn set_irql(irql: u8) -> u8 {
    IRQL.replace(irql)
}

/// Number of the processor that this thread plays.
pub fn processor() -> u32 {
    PROCESSOR.get()
}

/// Makes this thread a processor of that number.
pub fn set_processor(number: u32) {
    PROCESSOR.set(number);
}

/// The driver whose code runs on this thread, if any.
pub fn current_driver() -> Option<DriverId> {
    FRAMES.with_borrow(|frames| frames.last().map(|f| f.driver))
}

/// The innermost callback under way on this thread.
pub fn current_callback() -> Option<&'static str> {
    FRAMES.with_borrow(|frames| frames.last().map(|f| f.what))
}

/// Where the thunks store the return address of a call: the cell's address in this thread, for making the thunks.
pub fn call_site_cell() -> *const Cell<usize> {
    CALL_SITE.with(std::ptr::from_ref)
}

/// Address after the driver's last call into the lab on this thread.
pub fn call_site() -> usize {
    CALL_SITE.get()
}

/// Callbacks under way on this thread, outermost first, then the last call site.
pub fn stack() -> Vec<String> {
    let mut lines = FRAMES.with_borrow(|frames| {
        frames
            .iter()
            .map(|f| format!("{} of {}", f.what, kernel().driver_name(f.driver)))
            .collect::<Vec<_>>()
    });
    let site = call_site();
    if site != 0 {
        lines.push(format!(
            "last call into the lab from {}",
            kernel().describe_address(site)
        ));
    }
    lines
}

/// Calls into a driver: `f` runs the callback at `irql`.
///
/// On return the IRQL and the held locks must be as on entry (V39 for locks, V09 for IRQL). Then DPCs that waited for
/// this processor's IRQL to fall are run.
pub fn call_driver<R>(driver: DriverId, what: &'static str, irql: u8, f: impl FnOnce() -> R) -> R {
    let before = IRQL.replace(irql);
    let locks_at_entry = LOCKS.with_borrow(Vec::len);
    let site_before = CALL_SITE.get();
    FRAMES.with_borrow_mut(|frames| {
        frames.push(Frame {
            driver,
            what,
            locks_at_entry,
        })
    });
    let result = f();
    let judge = &kernel().judge;
    judge.check(rule::V09, IRQL.get() == irql, || {
        format!(
            "{what} was entered at IRQL {irql} and returned at {}",
            IRQL.get()
        )
    });
    judge.check(
        rule::V39,
        LOCKS.with_borrow(Vec::len) == locks_at_entry,
        || {
            format!(
                "{what} returned with locks held: {:?}",
                LOCKS.with_borrow(Clone::clone)
            )
        },
    );
    FRAMES.with_borrow_mut(Vec::pop);
    CALL_SITE.set(site_before);
    IRQL.set(before);
    if before < DISPATCH_LEVEL && irql >= DISPATCH_LEVEL {
        kernel().irql_fell();
    }
    result
}

/// The start of every function that a driver can import: checks that it may be called at this IRQL.
///
/// `rule` is V09 for NT and NDIS functions, V45 for those of KMDF.
pub fn enter(function: &'static str, max_irql: u8, rule: Rule) {
    kernel().judge.check(rule, IRQL.get() <= max_irql, || {
        format!(
            "{function} called at IRQL {}, allowed up to {max_irql}",
            IRQL.get()
        )
    });
}

/// Checks that no lock of the driver's is held: for calls into NDIS that hand packets over, and completions (V39).
pub fn no_locks(function: &'static str) {
    let at_entry = FRAMES.with_borrow(|frames| frames.last().map_or(0, |f| f.locks_at_entry));
    let held = LOCKS.with_borrow(|locks| locks.get(at_entry..).unwrap_or_default().to_vec());
    kernel().judge.check(rule::V39, held.is_empty(), || {
        format!("{function} called with locks held: {held:?}")
    });
}

/// Notes a lock as held by this thread. Taking one twice is a deadlock on a real machine (V39).
pub fn lock_taken(id: usize, kind: &'static str) {
    let twice = LOCKS.with_borrow(|locks| locks.iter().any(|l| l.id == id));
    kernel().judge.check(rule::V39, !twice, || {
        format!("{kind} {id:#x} taken twice by one thread")
    });
    LOCKS.with_borrow_mut(|locks| locks.push(HeldLock { id, kind }));
}

/// Notes a lock as released; releasing one that is not held breaks V39.
pub fn lock_released(id: usize, kind: &'static str) {
    let found = LOCKS.with_borrow_mut(|locks| {
        let at = locks.iter().rposition(|l| l.id == id);
        at.map(|at| locks.remove(at)).is_some()
    });
    kernel().judge.check(rule::V39, found, || {
        format!("{kind} {id:#x} released by a thread that does not hold it")
    });
}
