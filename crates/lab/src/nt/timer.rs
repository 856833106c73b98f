//! Timers: `KTIMER` with a DPC, and `EX_TIMER` with a callback. IRQL up to DISPATCH_LEVEL.
//!
//! A relative time counts time awake only.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use nblease_ndis::sys::{
    BOOLEAN, KDPC, KTIMER, LARGE_INTEGER, LONG, LONGLONG, PEXT_CALLBACK, PVOID, TIMER_TYPE, ULONG,
};

use super::{
    dpc, enter, enter_for, pool,
    time::Due,
    wait::{NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER, initialize, signal_state},
};
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sched::TimerId,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    ExAllocateTimer => ex_allocate_timer,
    ExCancelTimer => ex_cancel_timer,
    ExDeleteTimer => ex_delete_timer,
    ExSetTimer => ex_set_timer,
    KeCancelTimer => ke_cancel_timer,
    "KeInitializeTimer" => ke_initialize_timer,
    KeInitializeTimerEx => ke_initialize_timer_ex,
    "KeReadStateTimer" => ke_read_state_timer,
    KeSetCoalescableTimer => ke_set_coalescable_timer,
    "KeSetTimer" => ke_set_timer,
    KeSetTimerEx => ke_set_timer_ex,
};

const EX_TIMER_HIGH_RESOLUTION: u32 = 4;
const EX_TIMER_NO_WAKE: u32 = 8;
const EX_TIMER_NOTIFICATION: u32 = 1 << 31;
/// The tag by which an `EX_TIMER` that was not deleted shows at unload.
const EX_TIMER_TAG: [u8; 4] = *b"ExTm";
const MS_NS: u64 = 1_000_000;

/// The set timers and the allocated ones, by address.
#[derive(Default)]
pub struct Timers {
    set: Mutex<BTreeMap<usize, Set>>,
    allocated: Mutex<BTreeMap<usize, Arc<ExTimer>>>,
}

/// A set timer: the scheduler's, and whose it is.
struct Set {
    id: TimerId,
    driver: Option<DriverId>,
    site: usize,
}

struct ExTimer {
    callback: PEXT_CALLBACK,
    context: usize,
    high_resolution: bool,
    /// Callbacks under way.
    running: AtomicUsize,
}

impl Timers {
    /// A set timer in the memory `start..end`, described.
    pub fn set_within(&self, start: usize, end: usize) -> Option<String> {
        let set = lock(&self.set);
        set.range(start..end).next().map(|(timer, _)| format!("the set timer {timer:#x} in it"))
    }

    /// The timers that a driver set and that have not run out, described.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let set = lock(&self.set);
        let of_driver = set.iter().filter(|(_, set)| set.driver == Some(driver));
        of_driver.map(|(at, set)| format!("timer {at:#x}, set at {}", kernel().describe_address(set.site))).collect()
    }

    /// Sets the timer at `address`, which `fired` is told of at DISPATCH_LEVEL: whether it was set before.
    fn set(&self, address: usize, due: Due, period_ns: u64, mut fired: impl FnMut() + Send + 'static) -> bool {
        let mut set = lock(&self.set);
        let before = set.remove(&address).is_some_and(|before| kernel().sched.cancel_timer(before.id));
        let fire = move || {
            if period_ns == 0 {
                lock(&kernel().nt.timers.set).remove(&address);
            }
            fired();
        };
        let id = kernel().sched.set_timer(due.ns_from_now(), period_ns, Box::new(fire));
        set.insert(address, Set { id, driver: thread::current_driver(), site: thread::call_site() });
        before
    }

    fn cancel(&self, address: usize) -> bool {
        let set = lock(&self.set).remove(&address);
        set.is_some_and(|set| kernel().sched.cancel_timer(set.id))
    }

    fn ex_timer(&self, function: &'static str, timer: PVOID) -> Arc<ExTimer> {
        let found = lock(&self.allocated).get(&timer.addr()).cloned();
        found.unwrap_or_else(|| {
            let what = kernel().memory.describe(timer.addr());
            kernel().judge.fatal(rule::V36, format!("{function} of what is no EX_TIMER: {what}"), Vec::new())
        })
    }
}

/// Marks a timer object as expired.
fn signal(timer: *mut KTIMER) {
    // SAFETY: a set timer is to be there until it fired or was cancelled; freed memory faults and is reported.
    unsafe { signal_state(timer.cast()) }.store(1, Ordering::SeqCst);
    kernel().sched.changed();
}

fn clear(timer: *mut KTIMER) {
    // SAFETY: the DDI demands an initialized timer.
    unsafe { signal_state(timer.cast()) }.store(0, Ordering::SeqCst);
}

unsafe extern "win64" fn ke_initialize_timer(timer: *mut KTIMER) {
    enter_for("KeInitializeTimer", DISPATCH_LEVEL, "KTIMER", timer.addr());
    initialize_timer(timer, NOTIFICATION_TIMER);
}

unsafe extern "efiapi" fn ke_initialize_timer_ex(timer: *mut KTIMER, kind: TIMER_TYPE) {
    enter_for("KeInitializeTimerEx", DISPATCH_LEVEL, "KTIMER", timer.addr());
    initialize_timer(timer, if kind == 0 { NOTIFICATION_TIMER } else { SYNCHRONIZATION_TIMER });
}

fn initialize_timer(timer: *mut KTIMER, kind: u8) {
    let set = lock(&kernel().nt.timers.set).contains_key(&timer.addr());
    kernel().judge.check(rule::V36, !set, || format!("the set timer {timer:p} is initialized anew"));
    // SAFETY: the DDI demands storage for a timer, which begins with a dispatcher header.
    unsafe { initialize(timer.cast(), kind, size_of::<KTIMER>(), 0) };
}

unsafe extern "win64" fn ke_set_timer(timer: *mut KTIMER, due: LARGE_INTEGER, dpc: *mut KDPC) -> BOOLEAN {
    enter_for("KeSetTimer", DISPATCH_LEVEL, "KTIMER", timer.addr());
    set_timer(timer, due, 0, dpc)
}

unsafe extern "efiapi" fn ke_set_timer_ex(
    timer: *mut KTIMER,
    due: LARGE_INTEGER,
    period_ms: LONG,
    dpc: *mut KDPC,
) -> BOOLEAN {
    enter_for("KeSetTimerEx", DISPATCH_LEVEL, "KTIMER", timer.addr());
    set_timer(timer, due, period_ms.cast_unsigned(), dpc)
}

unsafe extern "efiapi" fn ke_set_coalescable_timer(
    timer: *mut KTIMER,
    due: LARGE_INTEGER,
    period_ms: ULONG,
    _tolerable_delay: ULONG,
    dpc: *mut KDPC,
) -> BOOLEAN {
    enter_for("KeSetCoalescableTimer", DISPATCH_LEVEL, "KTIMER", timer.addr());
    set_timer(timer, due, period_ms, dpc)
}

fn set_timer(timer: *mut KTIMER, due: LARGE_INTEGER, period_ms: u32, dpc: *mut KDPC) -> BOOLEAN {
    clear(timer);
    let (address, dpc) = (timer.expose_provenance(), dpc.expose_provenance());
    let fired = move || {
        signal(std::ptr::with_exposed_provenance_mut(address));
        if dpc != 0 {
            let dpc = std::ptr::with_exposed_provenance_mut(dpc);
            dpc::insert(dpc, std::ptr::null_mut(), std::ptr::null_mut());
        }
    };
    u8::from(kernel().nt.timers.set(address, Due::from(&due), u64::from(period_ms) * MS_NS, fired))
}

unsafe extern "efiapi" fn ke_cancel_timer(timer: *mut KTIMER) -> BOOLEAN {
    enter_for("KeCancelTimer", DISPATCH_LEVEL, "KTIMER", timer.addr());
    u8::from(kernel().nt.timers.cancel(timer.addr()))
}

unsafe extern "win64" fn ke_read_state_timer(timer: *mut KTIMER) -> BOOLEAN {
    enter_for("KeReadStateTimer", DISPATCH_LEVEL, "KTIMER", timer.addr());
    // SAFETY: the DDI demands an initialized timer.
    let state = unsafe { signal_state(timer.cast()) };
    u8::from(state.load(Ordering::SeqCst) != 0)
}

unsafe extern "efiapi" fn ex_allocate_timer(callback: PEXT_CALLBACK, context: PVOID, attributes: ULONG) -> PVOID {
    enter("ExAllocateTimer", DISPATCH_LEVEL);
    let high_resolution = attributes & EX_TIMER_HIGH_RESOLUTION != 0;
    if high_resolution && attributes & EX_TIMER_NO_WAKE != 0 {
        kernel().judge.bug_check("ExAllocateTimer: EX_TIMER_HIGH_RESOLUTION and EX_TIMER_NO_WAKE exclude each other");
    }
    if kernel().faults.should_fail(FaultKind::Timer) {
        return std::ptr::null_mut();
    }
    let timer = pool::allocate_object(EX_TIMER_TAG, size_of::<KTIMER>());
    if timer.is_null() {
        return timer;
    }
    let notification = attributes & EX_TIMER_NOTIFICATION != 0;
    initialize_timer(timer.cast(), if notification { NOTIFICATION_TIMER } else { SYNCHRONIZATION_TIMER });
    let context = context.expose_provenance();
    let ex_timer = ExTimer { callback, context, high_resolution, running: AtomicUsize::new(0) };
    lock(&kernel().nt.timers.allocated).insert(timer.expose_provenance(), Arc::new(ex_timer));
    timer
}

unsafe extern "efiapi" fn ex_set_timer(timer: PVOID, due: LONGLONG, period: LONGLONG, _parameters: PVOID) -> BOOLEAN {
    enter_for("ExSetTimer", DISPATCH_LEVEL, "EX_TIMER", timer.addr());
    let timers = &kernel().nt.timers;
    let ex_timer = timers.ex_timer("ExSetTimer", timer);
    let due = Due::new(due);
    if ex_timer.high_resolution && !due.is_relative() {
        kernel().judge.bug_check("ExSetTimer: a high-resolution timer takes relative times only");
    }
    if period < 0 || period > LONGLONG::from(i32::MAX) {
        kernel().judge.bug_check(format!("ExSetTimer: a period of {period}"));
    }
    clear(timer.cast());
    let address = timer.expose_provenance();
    let period_ns = period.cast_unsigned() * 100;
    u8::from(timers.set(address, due, period_ns, move || fire(&ex_timer, address)))
}

fn fire(ex_timer: &ExTimer, address: usize) {
    ex_timer.running.fetch_add(1, Ordering::SeqCst);
    let timer: PVOID = std::ptr::with_exposed_provenance_mut(address);
    // A timer that was deleted between its expiry and now does not fire any more.
    if lock(&kernel().nt.timers.allocated).contains_key(&address) {
        signal(timer.cast());
        if let Some(callback) = ex_timer.callback {
            let driver = dpc::owner(callback as usize);
            thread::call_driver(driver, "ExTimerCallback", DISPATCH_LEVEL, || {
                // SAFETY: the driver's own callback, with the context that it asked for.
                unsafe { callback(timer, std::ptr::with_exposed_provenance_mut(ex_timer.context)) };
            });
        }
    }
    ex_timer.running.fetch_sub(1, Ordering::SeqCst);
    kernel().sched.changed();
}

unsafe extern "efiapi" fn ex_cancel_timer(timer: PVOID, _parameters: PVOID) -> BOOLEAN {
    enter_for("ExCancelTimer", DISPATCH_LEVEL, "EX_TIMER", timer.addr());
    let timers = &kernel().nt.timers;
    timers.ex_timer("ExCancelTimer", timer);
    u8::from(timers.cancel(timer.addr()))
}

unsafe extern "efiapi" fn ex_delete_timer(timer: PVOID, cancel: BOOLEAN, wait: BOOLEAN, parameters: PVOID) -> BOOLEAN {
    enter_for("ExDeleteTimer", DISPATCH_LEVEL, "EX_TIMER", timer.addr());
    let (cancel, wait) = (cancel != 0, wait != 0);
    let timers = &kernel().nt.timers;
    let ex_timer = timers.ex_timer("ExDeleteTimer", timer);
    if wait && !cancel {
        kernel().judge.bug_check("ExDeleteTimer: Wait without Cancel");
    }
    if !parameters.is_null() {
        kernel().judge.bug_check("ExDeleteTimer: EXT_DELETE_PARAMETERS are not in the lab");
    }
    if wait {
        thread::may_wait("ExDeleteTimer with Wait");
    }
    let pending = lock(&timers.set).contains_key(&timer.addr());
    if pending && !cancel {
        // The timer would have to live on until it expires; a filter that unloads has no use for that.
        kernel().judge.bug_check("ExDeleteTimer of a set timer without Cancel is not in the lab");
    }
    let cancelled = timers.cancel(timer.addr());
    if wait {
        let idle = &mut || ex_timer.running.load(Ordering::SeqCst) == 0;
        kernel().sched.wait_until("ExDeleteTimer's wait for the callback", None, idle);
    }
    lock(&timers.allocated).remove(&timer.addr());
    pool::free_object(EX_TIMER_TAG, timer);
    u8::from(cancelled)
}
