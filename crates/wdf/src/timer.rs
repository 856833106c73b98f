//! A one-shot timer that belongs to an open file.

use core::ptr::null_mut;

use wdk_sys::{
    _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
    _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent, PFN_WDF_TIMER, ULONG, WDF_OBJECT_ATTRIBUTES,
    WDF_TIMER_CONFIG, WDFFILEOBJECT, WDFTIMER, call_unsafe_wdf_function_binding,
};

use crate::NtStatus;

/// 100 ns units in a millisecond.
const UNITS_PER_MS: i64 = 10_000;

/// A timer whose callback comes at DISPATCH_LEVEL. The framework deletes it with its file.
#[derive(Clone, Copy)]
pub struct Timer(WDFTIMER);

// SAFETY: a framework handle may be used from any thread.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    /// PASSIVE_LEVEL. The file is alive, `callback` keeps the contract of EvtTimerFunc.
    pub(crate) fn create(file: WDFFILEOBJECT, callback: PFN_WDF_TIMER) -> Result<Self, NtStatus> {
        let mut config = WDF_TIMER_CONFIG {
            Size: size_of::<WDF_TIMER_CONFIG>() as ULONG,
            EvtTimerFunc: callback,
            ..WDF_TIMER_CONFIG::default()
        };
        let mut attributes = WDF_OBJECT_ATTRIBUTES {
            Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG,
            ExecutionLevel: WdfExecutionLevelInheritFromParent,
            SynchronizationScope: WdfSynchronizationScopeInheritFromParent,
            ParentObject: file.cast(),
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
        // SAFETY: the handle is valid until the file is closed, and the file's data does not outlive that.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfTimerStart, self.0, -i64::from(ms) * UNITS_PER_MS) };
    }

    /// Stops it and waits for a callback under way. PASSIVE_LEVEL.
    pub fn stop(&self) {
        // SAFETY: as for `start`.
        let _ = unsafe { call_unsafe_wdf_function_binding!(WdfTimerStop, self.0, 1) };
    }
}
