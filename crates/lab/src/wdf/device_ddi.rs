//! What a driver asks of its device (fxdeviceapi.cpp, fxdeviceapikm.cpp).

use nblease_ndis::sys::{self, DEVICE_OBJECT, WDF_DRIVER_GLOBALS};

use super::{
    as_pointer,
    driver::default_parent,
    enter,
    object::{Body, Kind, NULL},
    state, string,
};
use crate::{
    io::{NtStatus, status},
    kernel::kernel,
};

/// WdfDeviceGetDriver.
pub(crate) unsafe extern "win64" fn get_driver(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
) -> sys::WDFDRIVER {
    let id = enter!("WdfDeviceGetDriver", globals);
    state().device("WdfDeviceGetDriver", device.addr());
    as_pointer(default_parent(id))
}

/// WdfDeviceGetDefaultQueue.
pub(crate) unsafe extern "win64" fn get_default_queue(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
) -> sys::WDFQUEUE {
    enter!("WdfDeviceGetDefaultQueue", globals);
    as_pointer(state().device("WdfDeviceGetDefaultQueue", device.addr()).default_queue)
}

/// WdfDeviceWdmGetDeviceObject.
pub(crate) unsafe extern "win64" fn wdm_get_device_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
) -> *mut DEVICE_OBJECT {
    enter!("WdfDeviceWdmGetDeviceObject", globals);
    state().device("WdfDeviceWdmGetDeviceObject", device.addr()).io.object()
}

/// WdfDeviceWdmGetAttachedDevice: a control device is attached to none.
pub(crate) unsafe extern "win64" fn wdm_get_attached_device(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
) -> *mut DEVICE_OBJECT {
    enter!("WdfDeviceWdmGetAttachedDevice", globals);
    state().device("WdfDeviceWdmGetAttachedDevice", device.addr());
    std::ptr::null_mut()
}

/// WdfDeviceWdmGetPhysicalDevice: a control device has none below it.
pub(crate) unsafe extern "win64" fn wdm_get_physical_device(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
) -> *mut DEVICE_OBJECT {
    enter!("WdfDeviceWdmGetPhysicalDevice", globals);
    state().device("WdfDeviceWdmGetPhysicalDevice", device.addr());
    std::ptr::null_mut()
}

/// WdfWdmDeviceGetWdfDeviceHandle: null for a device that is none of the driver's.
pub(crate) unsafe extern "win64" fn wdm_get_wdf_handle(
    globals: *mut WDF_DRIVER_GLOBALS,
    object: *mut DEVICE_OBJECT,
) -> sys::WDFDEVICE {
    let id = enter!("WdfWdmDeviceGetWdfDeviceHandle", globals);
    let state = state();
    let devices = state.of_kind(id, Kind::Device);
    let found = devices.into_iter().find(|handle| match state.get(*handle).map(|o| &o.body) {
        Some(Body::Device(device)) => device.io.object() == object,
        _ => false,
    });
    as_pointer(found.unwrap_or(NULL))
}

/// WdfDeviceGetFileObject: the framework's object of a FILE_OBJECT.
pub(crate) unsafe extern "win64" fn get_file_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    file: *mut sys::FILE_OBJECT,
) -> sys::WDFFILEOBJECT {
    enter!("WdfDeviceGetFileObject", globals);
    let io = state().device("WdfDeviceGetFileObject", device.addr()).io.clone();
    let found = io.files().iter().find(|f| f.object() == file).map_or(NULL, |f| f.context());
    as_pointer(found)
}

/// WdfDeviceRetrieveDeviceName, into a WDFSTRING.
pub(crate) unsafe extern "win64" fn retrieve_device_name(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    to: sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfDeviceRetrieveDeviceName";
    enter!("WdfDeviceRetrieveDeviceName", globals);
    let name = {
        let mut state = state();
        state.string(DDI, to.addr());
        state.device(DDI, device.addr()).io.name().map(|name| name.encode_utf16().collect::<Vec<_>>())
    };
    let Some(name) = name else { return status::INVALID_DEVICE_STATE };
    string::assign(DDI, to.addr(), &name).err().unwrap_or(status::SUCCESS)
}

/// WdfDeviceGetCharacteristics.
pub(crate) unsafe extern "win64" fn get_characteristics(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
) -> u32 {
    enter!("WdfDeviceGetCharacteristics", globals);
    state().device("WdfDeviceGetCharacteristics", device.addr()).io.read().Characteristics
}

/// WdfDeviceSetCharacteristics.
pub(crate) unsafe extern "win64" fn set_characteristics(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    characteristics: u32,
) {
    enter!("WdfDeviceSetCharacteristics", globals);
    let io = state().device("WdfDeviceSetCharacteristics", device.addr()).io.clone();
    io.update(|object| object.Characteristics = characteristics);
}

/// WdfDeviceGetAlignmentRequirement.
pub(crate) unsafe extern "win64" fn get_alignment(globals: *mut WDF_DRIVER_GLOBALS, device: sys::WDFDEVICE) -> u32 {
    enter!("WdfDeviceGetAlignmentRequirement", globals);
    state().device("WdfDeviceGetAlignmentRequirement", device.addr()).io.read().AlignmentRequirement
}

/// WdfDeviceSetAlignmentRequirement.
pub(crate) unsafe extern "win64" fn set_alignment(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    alignment: u32,
) {
    enter!("WdfDeviceSetAlignmentRequirement", globals);
    let io = state().device("WdfDeviceSetAlignmentRequirement", device.addr()).io.clone();
    io.update(|object| object.AlignmentRequirement = alignment);
}

/// WdfVerifierDbgBreakPoint: a debugger would stop there. The run ends.
pub(crate) unsafe extern "win64" fn break_point(globals: *mut WDF_DRIVER_GLOBALS) {
    enter!("WdfVerifierDbgBreakPoint", globals);
    kernel().judge.bug_check("WdfVerifierDbgBreakPoint: the driver stops in the debugger")
}

/// WdfVerifierKeBugCheck.
pub(crate) unsafe extern "win64" fn bug_check(
    globals: *mut WDF_DRIVER_GLOBALS,
    code: u32,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
) {
    enter!("WdfVerifierKeBugCheck", globals);
    kernel().judge.bug_check(format!(
        "WdfVerifierKeBugCheck({code:#x}, {first:#x}, {second:#x}, {third:#x}, {fourth:#x}) by the driver"
    ))
}
