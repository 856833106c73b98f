//! WDFTIMER (fxtimerapi.cpp, fxtimer.cpp).
//!
//! The parent must lie below a device. EvtTimerFunc runs at DISPATCH_LEVEL, or at PASSIVE_LEVEL in a work item where the
//! attributes ask for it (one-shot timers alone). A tolerable delay may put a timer off by as much.

use std::sync::Arc;

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES, WDF_TIMER_CONFIG};
use rand::Rng as _;

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, event, give,
    lock::this_thread,
    may_allocate,
    object::{Body, Handle, Kind},
    sized, state,
    sync::{self, CallbackLock},
};
use crate::{
    clock::Mode,
    faults::FaultKind,
    io::{NtStatus, status},
    judge::rule,
    kernel::{DriverId, kernel},
    sched::TimerId,
    thread::{self, PASSIVE_LEVEL},
};

/// 100 ns units in a millisecond, in nanoseconds.
const MS: u64 = 1_000_000;

/// A WDFTIMER.
pub(crate) struct Timer {
    callback: sys::EVT_WDF_TIMER,
    period_ms: u64,
    tolerable_ms: u64,
    passive: bool,
    serial: Option<Arc<CallbackLock>>,
    set: Option<TimerId>,
    /// Callbacks under way or queued to a work item.
    running: usize,
    /// Thread of the last callback, which may delete the timer itself.
    on: u64,
}

/// Nanoseconds from now until a due time: relative if negative, else system time, in units of 100 ns.
pub(crate) fn due_ns(due: i64) -> u64 {
    if due < 0 {
        due.unsigned_abs().saturating_mul(100)
    } else {
        due.unsigned_abs().saturating_sub(kernel().clock.system_time()).saturating_mul(100)
    }
}

/// WdfTimerCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    config: *const WDF_TIMER_CONFIG,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFTIMER,
) -> NtStatus {
    let id = enter!("WdfTimerCreate", globals);
    // SAFETY: a driver passes its attributes.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Required, true) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    state().any("WdfTimerCreate", attributes.parent);
    // SAFETY: a driver passes its configuration, up to 1.7 without a tolerable delay, up to 1.11 without a choice of clock.
    let config = match unsafe { sized::read(config, &[24, 32]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(callback) = config.EvtTimerFunc else { return status::INVALID_PARAMETER };
    let exact = config.UseHighResolutionTimer != 0;
    if config.Period > i32::MAX as u32 || (config.TolerableDelay > 0 && exact) {
        return status::INVALID_PARAMETER;
    }
    let passive = attributes.level == sys::WdfExecutionLevelPassive;
    if config.Period > 0 && passive {
        return status::NOT_SUPPORTED;
    }
    if let Err(status) = may_allocate(FaultKind::Timer) {
        return status;
    }
    let mut state = state();
    if state.device_above(attributes.parent).is_none() {
        return status::INVALID_DEVICE_REQUEST;
    }
    let automatic = config.AutomaticSerialization != 0;
    let serial = match sync::effective_lock(&state, attributes.parent, automatic, passive) {
        Ok(serial) => serial,
        Err(status) => return status,
    };
    let body = Body::Timer(Timer {
        callback,
        period_ms: config.Period.into(),
        tolerable_ms: config.TolerableDelay.into(),
        passive,
        serial,
        set: None,
        running: 0,
        on: 0,
    });
    let handle = state.add(Kind::Timer, id, attributes.parent, &attributes, body);
    drop(state);
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfTimerStart: whether it was set before. A start replaces what was set.
pub(crate) unsafe extern "win64" fn start(
    globals: *mut WDF_DRIVER_GLOBALS,
    timer: sys::WDFTIMER,
    due: i64,
) -> sys::BOOLEAN {
    let id = enter!("WdfTimerStart", globals);
    let handle = timer.addr();
    let mut state = state();
    let resting = state.any("WdfTimerStart", handle).stage != super::object::Stage::Live;
    kernel().judge.check(rule::V07, !resting, || format!("WdfTimerStart on {handle:#x}, which is being deleted"));
    let timer = state.timer("WdfTimerStart", handle);
    let mut due_ns = due_ns(due);
    if timer.tolerable_ms > 0 && kernel().clock.mode() == Mode::Virtual {
        due_ns += kernel().rng().random_range(0..=timer.tolerable_ms.min(60_000) * MS);
    }
    let was_set = timer.set.take().is_some_and(|set| kernel().sched.cancel_timer(set));
    let period = timer.period_ms * MS;
    timer.set = Some(kernel().sched.set_timer(due_ns, period, Box::new(move || fire(id, handle))));
    u8::from(was_set)
}

/// The timer is due. DISPATCH_LEVEL.
fn fire(driver: DriverId, handle: Handle) {
    let passive = {
        let mut state = state();
        if state.get(handle).is_none() {
            return;
        }
        let timer = state.timer("EvtTimerFunc", handle);
        timer.running += 1;
        timer.passive
    };
    if passive {
        kernel().sched.queue_work(Box::new(move || call(driver, handle)));
    } else {
        call(driver, handle);
    }
}

fn call(driver: DriverId, handle: Handle) {
    let (callback, serial) = {
        let mut state = state();
        if state.get(handle).is_none() {
            return;
        }
        let timer = state.timer("EvtTimerFunc", handle);
        timer.on = this_thread();
        (timer.callback, timer.serial.clone())
    };
    if serial.as_ref().is_some_and(|lock| lock.puts_off(move || call(driver, handle))) {
        return;
    }
    sync::with(serial.as_ref(), || {
        event(driver, "EvtTimerFunc", || {
            // SAFETY: the driver registered it, and the timer is not deleted before this is over.
            unsafe { callback(as_pointer(handle)) };
        });
    });
    if let Some(Body::Timer(timer)) = state().get_mut(handle).map(|object| &mut object.body) {
        timer.running -= 1;
    }
    kernel().sched.changed();
}

/// WdfTimerStop: whether it was set. With `wait`, at PASSIVE_LEVEL, its callback has returned.
pub(crate) unsafe extern "win64" fn stop(
    globals: *mut WDF_DRIVER_GLOBALS,
    timer: sys::WDFTIMER,
    wait: sys::BOOLEAN,
) -> sys::BOOLEAN {
    enter!("WdfTimerStop", globals);
    if wait != 0 {
        thread::enter("WdfTimerStop that waits", PASSIVE_LEVEL, rule::V45);
    }
    u8::from(stop_timer("WdfTimerStop", timer.addr(), wait != 0, 0))
}

/// Stops a timer; with `wait`, waits for its callback, unless that runs on the thread `own`.
fn stop_timer(ddi: &'static str, handle: Handle, wait: bool, own: u64) -> bool {
    let set = state().timer(ddi, handle).set.take();
    let was_set = set.is_some_and(|set| kernel().sched.cancel_timer(set));
    if wait {
        kernel().sched.wait_until("the return of EvtTimerFunc", None, &mut || {
            let mut state = state();
            let timer = state.timer(ddi, handle);
            timer.running == 0 || timer.on == own
        });
    }
    was_set
}

/// The timer is to be deleted, perhaps by its own callback.
pub(crate) fn dispose(handle: Handle) {
    stop_timer("WdfObjectDelete", handle, true, this_thread());
}

/// WdfTimerGetParentObject.
pub(crate) unsafe extern "win64" fn get_parent(
    globals: *mut WDF_DRIVER_GLOBALS,
    timer: sys::WDFTIMER,
) -> sys::WDFOBJECT {
    enter!("WdfTimerGetParentObject", globals);
    as_pointer(state().object("WdfTimerGetParentObject", timer.addr(), Kind::Timer).parent)
}
