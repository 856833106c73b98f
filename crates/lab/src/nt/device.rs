//! Device objects of WDM drivers, their links, and the completion of IRPs. PASSIVE_LEVEL; completion up to DISPATCH_LEVEL.

use nblease_ndis::sys::{
    BOOLEAN, DEVICE_OBJECT, DRIVER_OBJECT, GUID, IRP, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
    ULONG, UNICODE_STRING,
};

use super::{HIGH_LEVEL, driver::driver_of, enter, string};
use crate::{
    exports,
    faults::FaultKind,
    io::{
        Buffering, DeviceConfig, NtStatus, Security, current_process,
        wdm::{self, Routines, WdmTarget},
    },
    judge::rule,
    kernel::kernel,
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "IoCompleteRequest" => iof_complete_request,
    "IoCreateDevice" => io_create_device,
    "IoCreateDeviceSecure" => io_create_device_secure,
    "IoCreateSymbolicLink" => io_create_symbolic_link,
    "IoCreateUnprotectedSymbolicLink" => io_create_symbolic_link,
    "IoDeleteDevice" => io_delete_device,
    "IoDeleteSymbolicLink" => io_delete_symbolic_link,
    "IofCompleteRequest" => iof_complete_request,
    "IoGetCurrentProcess" => io_get_current_process,
    "IoGetRequestorProcess" => io_get_requestor_process,
    "IoGetRequestorProcessId" => io_get_requestor_process_id,
    "IoIs32bitProcess" => io_is_32bit_process,
    "PsGetCurrentProcess" => io_get_current_process,
    "PsGetProcessId" => ps_get_process_id,
    "WdmlibIoCreateDeviceSecure" => io_create_device_secure,
};

/// What a device is created with.
struct NewDevice {
    driver: *mut DRIVER_OBJECT,
    extension: ULONG,
    name: *mut UNICODE_STRING,
    device_type: ULONG,
    characteristics: ULONG,
    exclusive: BOOLEAN,
    security: Security,
}

fn create(function: &'static str, new: &NewDevice, created: *mut *mut DEVICE_OBJECT) -> NTSTATUS {
    enter(function, APC_LEVEL);
    let put = |object| {
        // SAFETY: the DDI demands storage for the pointer.
        unsafe { created.write(object) };
    };
    let Some(driver) = driver_of(new.driver) else {
        kernel().judge.bug_check(format!("{function} with {:p}, which is no driver object", new.driver));
    };
    if kernel().faults.should_fail(FaultKind::Object) {
        put(std::ptr::null_mut());
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let name = Some(string::text(new.name)).filter(|name| !name.is_empty());
    let config = DeviceConfig {
        driver,
        driver_object: new.driver.expose_provenance(),
        name,
        security: new.security,
        exclusive: new.exclusive != 0,
        // The driver sets DO_BUFFERED_IO or DO_DIRECT_IO itself.
        buffering: Buffering::Neither,
        characteristics: new.characteristics,
        device_type: new.device_type,
    };
    let device = match kernel().io.create_device(config, WdmTarget::new(Routines::Object(driver))) {
        Ok(device) => device,
        Err(status) => {
            put(std::ptr::null_mut());
            return status.0.cast_signed();
        }
    };
    if new.extension > 0 {
        let extension = device.extend(new.extension as usize).cast();
        device.update(|object| object.DeviceExtension = extension);
    }
    wdm::link(&device, new.driver);
    put(device.object());
    STATUS_SUCCESS
}

unsafe extern "win64" fn io_create_device(
    driver: *mut DRIVER_OBJECT,
    extension: ULONG,
    name: *mut UNICODE_STRING,
    device_type: ULONG,
    characteristics: ULONG,
    exclusive: BOOLEAN,
    created: *mut *mut DEVICE_OBJECT,
) -> NTSTATUS {
    let security = Security::EVERYONE;
    let new = NewDevice { driver, extension, name, device_type, characteristics, exclusive, security };
    create("IoCreateDevice", &new, created)
}

unsafe extern "win64" fn io_create_device_secure(
    driver: *mut DRIVER_OBJECT,
    extension: ULONG,
    name: *mut UNICODE_STRING,
    device_type: ULONG,
    characteristics: ULONG,
    exclusive: BOOLEAN,
    sddl: *const UNICODE_STRING,
    _class: *const GUID,
    created: *mut *mut DEVICE_OBJECT,
) -> NTSTATUS {
    let security = match Security::parse(&string::text(sddl)) {
        Ok(security) => security,
        Err(status) => return status.0.cast_signed(),
    };
    let new = NewDevice { driver, extension, name, device_type, characteristics, exclusive, security };
    create("IoCreateDeviceSecure", &new, created)
}

unsafe extern "win64" fn io_delete_device(object: *mut DEVICE_OBJECT) {
    enter("IoDeleteDevice", APC_LEVEL);
    let Some(device) = kernel().io.device_of(object).filter(|device| !device.is_deleted()) else {
        let what = kernel().memory.describe(object.addr());
        kernel().judge.broken(rule::V36, format!("IoDeleteDevice of what is no device: {what}"));
        return;
    };
    let driver = device.read().DriverObject;
    if !driver.is_null() {
        wdm::unlink(&device, driver);
    }
    kernel().io.delete_device(&device);
}

fn status_of(result: Result<(), NtStatus>) -> NTSTATUS {
    result.map_or_else(|status| status.0.cast_signed(), |()| STATUS_SUCCESS)
}

unsafe extern "win64" fn io_create_symbolic_link(link: *mut UNICODE_STRING, device: *mut UNICODE_STRING) -> NTSTATUS {
    enter("IoCreateSymbolicLink", PASSIVE_LEVEL);
    status_of(kernel().io.create_link(&string::text(link), &string::text(device)))
}

unsafe extern "win64" fn io_delete_symbolic_link(link: *mut UNICODE_STRING) -> NTSTATUS {
    enter("IoDeleteSymbolicLink", PASSIVE_LEVEL);
    status_of(kernel().io.delete_link(&string::text(link)))
}

unsafe extern "win64" fn iof_complete_request(irp: *mut IRP, _boost: i8) {
    enter("IofCompleteRequest", DISPATCH_LEVEL);
    thread::no_locks("IofCompleteRequest");
    wdm::complete(irp);
}

unsafe extern "win64" fn io_get_requestor_process_id(irp: *mut IRP) -> ULONG {
    enter("IoGetRequestorProcessId", DISPATCH_LEVEL);
    wdm::requestor(irp).unwrap_or(0) as ULONG
}

unsafe extern "win64" fn io_get_requestor_process(irp: *mut IRP) -> PVOID {
    enter("IoGetRequestorProcess", DISPATCH_LEVEL);
    wdm::requestor(irp).map_or(std::ptr::null_mut(), wdm::process_object)
}

unsafe extern "win64" fn io_get_current_process() -> PVOID {
    enter("IoGetCurrentProcess", HIGH_LEVEL);
    wdm::process_object(current_process())
}

unsafe extern "win64" fn ps_get_process_id(process: PVOID) -> PVOID {
    enter("PsGetProcessId", HIGH_LEVEL);
    std::ptr::without_provenance_mut(wdm::process_object_id(process))
}

unsafe extern "win64" fn io_is_32bit_process(_irp: *mut IRP) -> BOOLEAN {
    enter("IoIs32bitProcess", DISPATCH_LEVEL);
    0
}

/// What every entry of a driver object's table holds until the driver sets it: refuses the IRP.
pub(super) unsafe extern "efiapi" fn invalid_device_request(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    let status = crate::io::status::INVALID_DEVICE_REQUEST.0.cast_signed();
    // SAFETY: the I/O manager, or the driver that it gave the IRP to, calls this with an IRP that is under way.
    let result = unsafe { &mut (*irp).IoStatus };
    result.u.Status = status;
    result.Information = 0;
    wdm::complete(irp);
    status
}
