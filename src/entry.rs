//! Where Windows enters: `DriverEntry`, and the unload that undoes it. Both at PASSIVE_LEVEL.
#![expect(unsafe_code, reason = "the boundary with the kernel")]

use core::ptr::null_mut;

use wdk_sys::{
    _WDF_DRIVER_INIT_FLAGS, DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING, ULONG, WDF_DRIVER_CONFIG,
    WDF_NO_OBJECT_ATTRIBUTES, WDFDRIVER, call_unsafe_wdf_function_binding,
};

/// Creates the framework's driver object.
///
/// # Safety
/// Called by the loader (through `FxDriverEntry`) once, with a driver object and a path that outlive the call.
// SAFETY: no other symbol of the image has this name; `FxDriverEntry` looks for it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DriverEntry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    let mut config = WDF_DRIVER_CONFIG {
        Size: size_of::<WDF_DRIVER_CONFIG>() as ULONG,
        DriverInitFlags: _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG,
        EvtDriverUnload: Some(unload),
        ..WDF_DRIVER_CONFIG::default()
    };
    // SAFETY: the driver object and the path are the loader's; the configuration is filled in; no handle is asked for.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver,
            registry_path,
            WDF_NO_OBJECT_ATTRIBUTES,
            &mut config,
            null_mut::<WDFDRIVER>(),
        )
    }
}

/// `EvtDriverUnload`: the framework deletes what it made once this returns.
extern "C" fn unload(_driver: WDFDRIVER) {
    wdk::println!("nblease: unloaded");
}
