//! Tracing: ETW providers, WPP. What a driver writes goes nowhere; nobody listens. Any IRQL, registration at PASSIVE_LEVEL.
//!
//! A provider that is registered when its driver is unloaded breaks V35: its enable callback would be called.

use std::{collections::BTreeMap, sync::Mutex};

use nblease_ndis::sys::{
    BOOLEAN, DEVICE_OBJECT, GUID, NTSTATUS, PVOID, STATUS_INVALID_HANDLE, STATUS_NOT_FOUND, STATUS_SUCCESS, ULONG,
    ULONGLONG,
};

use super::{HIGH_LEVEL, enter};
use crate::{
    exports,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "EtwActivityIdControl" => etw_activity_id_control,
    "EtwEventEnabled" => etw_event_enabled,
    "EtwProviderEnabled" => etw_provider_enabled,
    "EtwRegister" => etw_register,
    "EtwSetInformation" => etw_set_information,
    "EtwUnregister" => etw_unregister,
    "EtwWrite" => etw_write,
    "EtwWriteEx" => etw_write,
    "EtwWriteString" => etw_write,
    "EtwWriteTransfer" => etw_write,
    "IoWMIRegistrationControl" => io_wmi_registration_control,
    "WmiQueryTraceInformation" => wmi_query_trace_information,
    "WmiTraceMessage" => wmi_trace_message,
    "WmiTraceMessageVa" => wmi_trace_message,
};

/// `WMIREG_ACTION_REGISTER` and `WMIREG_ACTION_DEREGISTER`.
const REGISTER: ULONG = 1;
const DEREGISTER: ULONG = 2;

/// The registered providers.
#[derive(Default)]
pub struct Providers {
    last: Mutex<u64>,
    registered: Mutex<BTreeMap<u64, (Option<DriverId>, usize)>>,
    /// Devices registered with WMI, which WPP does for each driver.
    wmi: Mutex<BTreeMap<usize, Option<DriverId>>>,
}

impl Providers {
    /// What a driver did not unregister.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let registered = lock(&self.registered);
        let left = registered.values().filter(|(of, _)| *of == Some(driver));
        let providers =
            left.map(|(_, site)| format!("ETW provider, registered at {}", kernel().describe_address(*site)));
        let wmi = lock(&self.wmi);
        let devices = wmi.iter().filter(|(_, of)| **of == Some(driver));
        providers.chain(devices.map(|(at, _)| format!("WMI registration of {at:#x}"))).collect()
    }
}

unsafe extern "win64" fn etw_register(
    _provider: *const GUID,
    _callback: PVOID,
    _context: PVOID,
    handle: *mut ULONGLONG,
) -> NTSTATUS {
    enter("EtwRegister", PASSIVE_LEVEL);
    let providers = &kernel().nt.providers;
    let number = {
        let mut last = lock(&providers.last);
        *last += 1;
        *last
    };
    lock(&providers.registered).insert(number, (thread::current_driver(), thread::call_site()));
    // SAFETY: the DDI demands storage for the handle.
    unsafe { handle.write(number) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn etw_unregister(handle: ULONGLONG) -> NTSTATUS {
    enter("EtwUnregister", PASSIVE_LEVEL);
    let known = lock(&kernel().nt.providers.registered).remove(&handle).is_some();
    kernel().judge.check(rule::V36, known, || format!("EtwUnregister of {handle:#x}, which is no provider's handle"));
    if known { STATUS_SUCCESS } else { STATUS_INVALID_HANDLE }
}

unsafe extern "win64" fn etw_event_enabled(_handle: ULONGLONG, _event: PVOID) -> BOOLEAN {
    enter("EtwEventEnabled", HIGH_LEVEL);
    0
}

unsafe extern "win64" fn etw_provider_enabled(_handle: ULONGLONG, _level: u8, _keyword: ULONGLONG) -> BOOLEAN {
    enter("EtwProviderEnabled", HIGH_LEVEL);
    0
}

/// `EtwWrite` and its kin, which take the handle first.
unsafe extern "win64" fn etw_write(handle: ULONGLONG) -> NTSTATUS {
    enter("EtwWrite", HIGH_LEVEL);
    let known = handle == 0 || lock(&kernel().nt.providers.registered).contains_key(&handle);
    kernel().judge.check(rule::V36, known, || format!("EtwWrite with {handle:#x}, which is no provider's handle"));
    if known { STATUS_SUCCESS } else { STATUS_INVALID_HANDLE }
}

unsafe extern "win64" fn etw_set_information(
    _handle: ULONGLONG,
    _class: i32,
    _information: PVOID,
    _len: ULONG,
) -> NTSTATUS {
    enter("EtwSetInformation", PASSIVE_LEVEL);
    STATUS_SUCCESS
}

unsafe extern "win64" fn etw_activity_id_control(_code: ULONG, id: *mut GUID) -> NTSTATUS {
    enter("EtwActivityIdControl", HIGH_LEVEL);
    if !id.is_null() {
        // SAFETY: the DDI demands storage for the ID; all zeros is one.
        unsafe { id.write_bytes(0, 1) };
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn io_wmi_registration_control(device: *mut DEVICE_OBJECT, action: ULONG) -> NTSTATUS {
    enter("IoWMIRegistrationControl", PASSIVE_LEVEL);
    // With WMIREG_FLAG_CALLBACK in the high half of the action it is a callback.
    let mut wmi = lock(&kernel().nt.providers.wmi);
    match action & 0xffff {
        REGISTER => drop(wmi.insert(device.addr(), thread::current_driver())),
        DEREGISTER => drop(wmi.remove(&device.addr())),
        _ => {}
    }
    STATUS_SUCCESS
}

/// No session traces, and this is what WPP gets then.
unsafe extern "win64" fn wmi_query_trace_information() -> NTSTATUS {
    enter("WmiQueryTraceInformation", HIGH_LEVEL);
    STATUS_NOT_FOUND
}

/// Takes a variable number of arguments, of which none is looked at.
unsafe extern "win64" fn wmi_trace_message() -> NTSTATUS {
    enter("WmiTraceMessage", HIGH_LEVEL);
    STATUS_SUCCESS
}
