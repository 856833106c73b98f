//! WDFFILEOBJECT, and what create, cleanup and close do (fxpkggeneral.cpp, fxfileobject.cpp).
//!
//! On the thread of the process that opens or closes, at PASSIVE_LEVEL. Cleanup calls EvtFileCleanup first and then
//! cancels the file's requests that wait in queues; those that the driver has it completes itself (V47).

use std::sync::Arc;

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    as_pointer, device, enter, event, lifecycle, may_allocate,
    object::{Body, Handle, Kind, NULL},
    queue, request, state, sync,
};
use crate::{
    faults::FaultKind,
    io::{self, Irp, NtStatus, status},
    judge::rule,
    kernel::kernel,
};

/// A WDFFILEOBJECT.
pub(crate) struct FileObject {
    pub device: Handle,
    pub io: Arc<io::File>,
}

/// IRP_MJ_CREATE.
pub(crate) fn on_create(device_handle: Handle, irp: &Arc<Irp>) {
    let (driver, config, create_queue, pended, serial) = {
        let mut state = state();
        let driver = state.any("IRP_MJ_CREATE", device_handle).driver;
        let device = state.device("IRP_MJ_CREATE", device_handle);
        (driver, device.init.file_config, device.create_queue, device.pended_creates, device.file_lock.clone())
    };
    let file = match create_object(device_handle, irp) {
        Ok(file) => file,
        Err(status) => return irp.complete(status, 0),
    };
    let callback = config.and_then(|c| c.EvtDeviceFileCreate);
    if create_queue == NULL && callback.is_none() {
        return irp.complete(status::SUCCESS, 0);
    }
    let request = match request::create(device_handle, irp, file) {
        Ok(request) => request,
        Err(status) => {
            destroy(irp.file());
            return irp.complete(status, 0);
        }
    };
    if create_queue != NULL {
        return queue::enqueue(create_queue, request);
    }
    queue::give_to_driver(pended, request);
    if let Some(callback) = callback {
        sync::with(serial.as_ref(), || {
            event(driver, "EvtDeviceFileCreate", || {
                // SAFETY: the driver registered it, and the handles are live.
                unsafe { callback(as_pointer(device_handle), as_pointer(request), as_pointer(file)) };
            });
        });
    }
}

/// FxFileObject::_CreateFileObject: none where the driver wants none.
fn create_object(device_handle: Handle, irp: &Arc<Irp>) -> Result<Handle, NtStatus> {
    let (driver, class, attributes) = {
        let mut state = state();
        let driver = state.any("IRP_MJ_CREATE", device_handle).driver;
        let init = &state.device("IRP_MJ_CREATE", device_handle).init;
        let class = init.file_config.map_or(sys::WdfFileObjectNotRequired, |c| c.FileObjectClass);
        (driver, class & !sys::WdfFileObjectCanBeOptional, init.file_attributes.clone())
    };
    if class == sys::WdfFileObjectNotRequired {
        return Ok(NULL);
    }
    may_allocate(FaultKind::Object)?;
    let body = Body::File(FileObject { device: device_handle, io: irp.file().clone() });
    let handle = state().add(Kind::File, driver, device_handle, &attributes, body);
    irp.file().set_context(handle);
    Ok(handle)
}

/// Ends the framework's object of a file.
pub(crate) fn destroy(file: &Arc<io::File>) {
    let handle = file.context();
    if handle != NULL {
        file.set_context(NULL);
        lifecycle::delete(handle);
    }
}

/// IRP_MJ_CLEANUP.
pub(crate) fn on_cleanup(device_handle: Handle, irp: &Arc<Irp>) {
    let (driver, config, queues, serial) = {
        let mut state = state();
        let driver = state.any("IRP_MJ_CLEANUP", device_handle).driver;
        let device = state.device("IRP_MJ_CLEANUP", device_handle);
        let (config, serial) = (device.init.file_config, device.file_lock.clone());
        (driver, config, state.of_kind(driver, Kind::Queue), serial)
    };
    let file = irp.file().context();
    if let Some(callback) = config.and_then(|c| c.EvtFileCleanup) {
        sync::with(serial.as_ref(), || {
            event(driver, "EvtFileCleanup", || {
                // SAFETY: the driver registered it, and the handle is live.
                unsafe { callback(as_pointer(file)) };
            });
        });
    }
    kernel().judge.evaluated(rule::V47);
    for queue in queues {
        queue::flush_file(queue, device_handle, irp.file());
    }
    irp.complete(status::SUCCESS, 0);
}

/// IRP_MJ_CLOSE.
pub(crate) fn on_close(device_handle: Handle, irp: &Arc<Irp>) {
    let (driver, config, serial) = {
        let mut state = state();
        let driver = state.any("IRP_MJ_CLOSE", device_handle).driver;
        let device = state.device("IRP_MJ_CLOSE", device_handle);
        (driver, device.init.file_config, device.file_lock.clone())
    };
    let file = irp.file().context();
    if let Some(callback) = config.and_then(|c| c.EvtFileClose) {
        sync::with(serial.as_ref(), || {
            event(driver, "EvtFileClose", || {
                // SAFETY: the driver registered it, and the handle is live.
                unsafe { callback(as_pointer(file)) };
            });
        });
    }
    destroy(irp.file());
    irp.complete(status::SUCCESS, 0);
    device::file_closed(device_handle);
}

/// WdfFileObjectGetDevice.
pub(crate) unsafe extern "win64" fn get_device(
    globals: *mut WDF_DRIVER_GLOBALS,
    file: sys::WDFFILEOBJECT,
) -> sys::WDFDEVICE {
    enter!("WdfFileObjectGetDevice", globals);
    as_pointer(state().file("WdfFileObjectGetDevice", file.addr()).device)
}

/// WdfFileObjectGetFileName: the string of the FILE_OBJECT; null where the device was opened without a name below it.
pub(crate) unsafe extern "win64" fn get_file_name(
    globals: *mut WDF_DRIVER_GLOBALS,
    file: sys::WDFFILEOBJECT,
) -> *mut sys::UNICODE_STRING {
    enter!("WdfFileObjectGetFileName", globals);
    let object = state().file("WdfFileObjectGetFileName", file.addr()).io.object();
    // SAFETY: the address of a field of the file's own object, which lives as long as the file.
    unsafe { &raw mut (*object).FileName }
}

/// WdfFileObjectGetFlags.
pub(crate) unsafe extern "win64" fn get_flags(globals: *mut WDF_DRIVER_GLOBALS, file: sys::WDFFILEOBJECT) -> u32 {
    enter!("WdfFileObjectGetFlags", globals);
    let object = state().file("WdfFileObjectGetFlags", file.addr()).io.object();
    // SAFETY: as above.
    unsafe { (*object).Flags }
}

/// WdfFileObjectWdmGetFileObject.
pub(crate) unsafe extern "win64" fn wdm_get_file_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    file: sys::WDFFILEOBJECT,
) -> *mut sys::FILE_OBJECT {
    enter!("WdfFileObjectWdmGetFileObject", globals);
    state().file("WdfFileObjectWdmGetFileObject", file.addr()).io.object()
}

/// WdfFileObjectGetInitiatorProcessId.
pub(crate) unsafe extern "win64" fn get_initiator_process_id(
    globals: *mut WDF_DRIVER_GLOBALS,
    file: sys::WDFFILEOBJECT,
) -> u32 {
    enter!("WdfFileObjectGetInitiatorProcessId", globals);
    state().file("WdfFileObjectGetInitiatorProcessId", file.addr()).io.opener() as u32
}
