//! NDIS timer objects. After "NDIS 6.0 Timer Services", `NdisAllocateTimerObject`, `NdisSetTimerObject`,
//! `NdisCancelTimerObject`. The timer function runs at DISPATCH_LEVEL.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::{
    LARGE_INTEGER, NDIS_HANDLE, NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, NDIS_STATUS, NDIS_STATUS_INVALID_PARAMETER,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NDIS_TIMER_CHARACTERISTICS, NDIS_TIMER_FUNCTION, PVOID,
};

use super::{LAB, check_header, raw};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::exports::Export,
    sched::TimerId,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAllocateTimerObject => allocate_timer,
    NdisSetTimerObject => set_timer,
    NdisSetCoalescableTimerObject => set_coalescable_timer,
    NdisCancelTimerObject => cancel_timer,
    NdisFreeTimerObject => free_timer,
};

/// A timer object.
struct Timer {
    driver: DriverId,
    function: NDIS_TIMER_FUNCTION,
    context: usize,
    set: Mutex<Set>,
}

#[derive(Default)]
struct Set {
    id: Option<TimerId>,
    periodic: bool,
}

pub(super) unsafe extern "efiapi" fn allocate_timer(
    _handle: NDIS_HANDLE,
    characteristics: *mut NDIS_TIMER_CHARACTERISTICS,
    object: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisAllocateTimerObject";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let c: NDIS_TIMER_CHARACTERISTICS = raw::read(characteristics);
    let kind = NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS as u8;
    let sizes = [(1, size_of::<NDIS_TIMER_CHARACTERISTICS>() as u16)];
    let good = check_header("NDIS_TIMER_CHARACTERISTICS", c.Header, kind, &sizes);
    let Some(function) = c.TimerFunction.filter(|_| good) else {
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    if kernel().faults.should_fail(FaultKind::Timer) {
        return NDIS_STATUS_RESOURCES;
    }
    let timer = Timer {
        driver: thread::current_driver().unwrap_or(LAB),
        function,
        context: c.FunctionContext.expose_provenance(),
        set: Mutex::default(),
    };
    raw::write(object, kernel().ndis.objects.add("timer object", Arc::new(timer)));
    NDIS_STATUS_SUCCESS
}

pub(super) unsafe extern "efiapi" fn set_timer(
    object: NDIS_HANDLE,
    due: LARGE_INTEGER,
    period_ms: i32,
    context: PVOID,
) -> u8 {
    set("NdisSetTimerObject", object, due, period_ms, context)
}

pub(super) unsafe extern "efiapi" fn set_coalescable_timer(
    object: NDIS_HANDLE,
    due: LARGE_INTEGER,
    period_ms: i32,
    context: PVOID,
    _tolerable_delay_ms: u32,
) -> u8 {
    set("NdisSetCoalescableTimerObject", object, due, period_ms, context)
}

/// Sets a timer anew: whether it was set already.
fn set(function: &'static str, object: NDIS_HANDLE, due: LARGE_INTEGER, period_ms: i32, context: PVOID) -> u8 {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    let Some(timer) = kernel().ndis.objects.get::<Timer>(function, object) else { return 0 };
    // SAFETY: every view of the union is the same 64 bits.
    let due = unsafe { due.QuadPart };
    let due_ns = if due < 0 {
        due.unsigned_abs() * 100
    } else {
        due.unsigned_abs().saturating_sub(kernel().clock.system_time()) * 100
    };
    let context = if context.is_null() { timer.context } else { context.expose_provenance() };
    let period_ms = period_ms.max(0).unsigned_abs();
    let was_set = take(&timer).is_some_and(|id| kernel().sched.cancel_timer(id));
    let mut set = lock(&timer.set);
    set.periodic = period_ms > 0;
    let fires = {
        let timer = timer.clone();
        move || fire(&timer, context)
    };
    set.id = Some(kernel().sched.set_timer(due_ns, u64::from(period_ms) * 1_000_000, Box::new(fires)));
    u8::from(was_set)
}

fn take(timer: &Timer) -> Option<TimerId> {
    lock(&timer.set).id.take()
}

fn fire(timer: &Timer, context: usize) {
    {
        let mut set = lock(&timer.set);
        if !set.periodic {
            set.id = None;
        }
    }
    let (null, context) = (std::ptr::null_mut(), std::ptr::with_exposed_provenance_mut(context));
    thread::call_driver(timer.driver, "NetTimerCallback", DISPATCH_LEVEL, || {
        // SAFETY: the driver gave this function for the timer.
        unsafe { (timer.function)(null, context, null, null) }
    });
}

/// Cancels: whether it was set. For a periodic timer the function does not run any more when this returns.
pub(super) unsafe extern "efiapi" fn cancel_timer(object: NDIS_HANDLE) -> u8 {
    const FUNCTION: &str = "NdisCancelTimerObject";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let Some(timer) = kernel().ndis.objects.get::<Timer>(FUNCTION, object) else { return 0 };
    let cancelled = take(&timer).is_some_and(|id| kernel().sched.cancel_timer(id));
    if lock(&timer.set).periodic {
        kernel().judge.check(rule::V09, thread::irql() == PASSIVE_LEVEL, || {
            format!("{FUNCTION} of a periodic timer at IRQL {}", thread::irql())
        });
        kernel().sched.flush_dpcs();
    }
    u8::from(cancelled)
}

pub(super) unsafe extern "efiapi" fn free_timer(object: NDIS_HANDLE) {
    const FUNCTION: &str = "NdisFreeTimerObject";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    if let Some(timer) = kernel().ndis.objects.remove::<Timer>(FUNCTION, object) {
        let pending = take(&timer).is_some_and(|id| kernel().sched.cancel_timer(id));
        kernel().judge.check(rule::V06, !pending, || format!("{FUNCTION}: the timer is set still"));
    }
}
