//! One-shot timers: one that belongs to an open file, and one of the device that is exact.

use core::ptr::null_mut;

use wdk_sys::{
    _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
    _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent, PFN_WDF_TIMER, ULONG, WDF_OBJECT_ATTRIBUTES,
    WDF_TIMER_CONFIG, WDFOBJECT, WDFTIMER, call_unsafe_wdf_function_binding,
};

use crate::NtStatus;

/// 100 ns units in a millisecond.
const UNITS_PER_MS: u64 = 10_000;

/// A timer whose callback comes at DISPATCH_LEVEL. The framework deletes it with its file or device.
#[derive(Clone, Copy)]
pub struct Timer(WDFTIMER);

// SAFETY: a framework handle may be used from any thread.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    /// PASSIVE_LEVEL. The parent is alive, `callback` keeps the contract of EvtTimerFunc. `exact`: it runs out within a
    /// millisecond of its time (a high-resolution timer), with no tolerable delay.
    pub(crate) fn create(parent: WDFOBJECT, callback: PFN_WDF_TIMER, exact: bool) -> Result<Self, NtStatus> {
        let mut config = WDF_TIMER_CONFIG {
            Size: size_of::<WDF_TIMER_CONFIG>() as ULONG,
            EvtTimerFunc: callback,
            UseHighResolutionTimer: exact.into(),
            ..WDF_TIMER_CONFIG::default()
        };
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG,
            ExecutionLevel: WdfExecutionLevelInheritFromParent,
            SynchronizationScope: WdfSynchronizationScopeInheritFromParent,
            ParentObject: parent,
            ..WDF_OBJECT_ATTRIBUTES::default()
        };
        let mut timer = null_mut();
        // SAFETY: all pointers are to locals.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(WdfTimerCreate, &raw mut config, &raw mut attributes, &raw mut timer)
        };
        NtStatus(status).check()?;
        Ok(Self(timer))
    }

    /// Calls back once, `ms` milliseconds from now; a start before that moves the time. Up to DISPATCH_LEVEL.
    pub fn start(&self, ms: u32) {
        self.start_in(u64::from(ms) * UNITS_PER_MS);
    }

    /// As [`Self::start`], in units of 100 ns.
    pub fn start_in(&self, units: u64) {
        // Relative times are negative, and 0 would be an absolute one.
        let due = i64::try_from(units.max(1)).unwrap_or(i64::MAX).wrapping_neg();
        // SAFETY: the handle is valid until its parent ends, and what uses the timer does not outlive that.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfTimerStart, self.0, due) };
    }

    /// Stops it and waits for a callback under way. PASSIVE_LEVEL.
    pub fn stop(&self) {
        // SAFETY: as for `start`.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfTimerStop, self.0, 1) };
    }
}
