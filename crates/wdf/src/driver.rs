//! The framework's driver object.

use core::ptr::null_mut;

use wdk_sys::{
    _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver, PCUNICODE_STRING, PDRIVER_OBJECT, PFN_WDF_DRIVER_UNLOAD, ULONG,
    WDF_DRIVER_CONFIG, WDFDRIVER, call_unsafe_wdf_function_binding,
};

use crate::NtStatus;

/// The framework's driver object; it lives as long as the driver.
#[derive(Clone, Copy)]
pub struct Driver(pub(crate) WDFDRIVER);

// SAFETY: a framework handle may be used from any thread.
unsafe impl Send for Driver {}
// SAFETY: as above.
unsafe impl Sync for Driver {}

/// Creates the driver object of a driver that no device's arrival starts (WdfDriverInitNonPnpDriver).
///
/// `unload` is called at PASSIVE_LEVEL when the service is stopped and no handle is open. PASSIVE_LEVEL.
///
/// # Safety
/// The pointers are those that DriverEntry was given, `unload` keeps the contract of EvtDriverUnload.
pub unsafe fn create(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    unload: PFN_WDF_DRIVER_UNLOAD,
) -> Result<Driver, NtStatus> {
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        EvtDriverUnload: unload,
        DriverInitFlags: WdfDriverInitNonPnpDriver as ULONG,
        ..WDF_DRIVER_CONFIG::default()
    };
    let mut driver = null_mut();
    // SAFETY: the first two are DriverEntry's (the caller's promise), the others are locals; attributes are optional.
    let status = unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver_object,
            registry_path,
            null_mut(),
            &raw mut config,
            &raw mut driver
        )
    };
    NtStatus(status).check()?;
    Ok(Driver(driver))
}
