//! Devices of filter drivers: NdisRegisterDeviceEx and its kin. PASSIVE_LEVEL.
//!
//! After `NdisRegisterDeviceEx`, `NDIS_DEVICE_OBJECT_ATTRIBUTES`, `NdisGetDeviceReservedExtension`. The device's own
//! extension is NDIS's; the driver's is asked for.

use std::sync::Arc;

use nblease_ndis::sys::{
    DEVICE_OBJECT, NDIS_DEVICE_OBJECT_ATTRIBUTES, NDIS_HANDLE, NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES, NDIS_STATUS,
    NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, PVOID, UNICODE_STRING,
};

use super::{check_header, driver::text, raw};
use crate::{
    faults::FaultKind,
    io::{
        Buffering, Device, DeviceConfig, NtStatus, Security, status,
        wdm::{self, MAJOR_FUNCTIONS, Routines, WdmTarget},
    },
    judge::rule,
    kernel::kernel,
    nt,
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisRegisterDeviceEx => register,
    "NdisDeregisterDeviceEx" => deregister,
    "NdisGetDeviceReservedExtension" => reserved_extension,
};

/// `FILE_DEVICE_NETWORK` and `FILE_DEVICE_SECURE_OPEN`.
const NETWORK: u32 = 0x12;
const SECURE_OPEN: u32 = 0x100;

/// A device and the link to it.
struct Registered {
    device: Arc<Device>,
    link: String,
}

unsafe extern "efiapi" fn register(
    driver: NDIS_HANDLE,
    attributes: *mut NDIS_DEVICE_OBJECT_ATTRIBUTES,
    object: *mut *mut DEVICE_OBJECT,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisRegisterDeviceEx";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    raw::write(object, std::ptr::null_mut());
    let attributes: NDIS_DEVICE_OBJECT_ATTRIBUTES = raw::read(attributes);
    let sizes = [(1, size_of::<NDIS_DEVICE_OBJECT_ATTRIBUTES>() as u16)];
    let kind = NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES as u8;
    let good = check_header("NDIS_DEVICE_OBJECT_ATTRIBUTES", attributes.Header, kind, &sizes);
    let registered = kernel().ndis.drivers().into_iter().find(|other| other.handle == driver.addr());
    kernel()
        .judge
        .check(rule::V07, registered.is_some(), || format!("{FUNCTION} with {driver:p}, which is no driver's handle"));
    let Some(driver) = registered.filter(|_| good) else { return NDIS_STATUS_NOT_SUPPORTED };
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return NDIS_STATUS_RESOURCES;
    }
    match create(driver.id, &attributes) {
        Ok(registered) => {
            raw::write(object, registered.device.object());
            raw::write(handle, kernel().ndis.objects.add("device", Arc::new(registered)));
            NDIS_STATUS_SUCCESS
        }
        Err(status) => status.0.cast_signed(),
    }
}

/// The text of a string that may be missing.
fn optional(string: *const UNICODE_STRING) -> Option<String> {
    (!string.is_null()).then(|| text(raw::read(string)))
}

fn create(id: crate::kernel::DriverId, attributes: &NDIS_DEVICE_OBJECT_ATTRIBUTES) -> Result<Registered, NtStatus> {
    let security =
        optional(attributes.DefaultSDDLString).map_or(Ok(Security::ADMINISTRATORS), |s| Security::parse(&s))?;
    let link = optional(attributes.SymbolicName).ok_or(status::INVALID_PARAMETER)?;
    let name = optional(attributes.DeviceName).ok_or(status::INVALID_PARAMETER)?;
    let driver_object = nt::driver::object_of(id).unwrap_or(std::ptr::null_mut());
    let mut table = Box::new([None; MAJOR_FUNCTIONS]);
    for (index, entry) in table.iter_mut().enumerate() {
        *entry = raw::read(attributes.MajorFunctions.wrapping_add(index));
    }
    let config = DeviceConfig {
        driver: id,
        driver_object: driver_object.expose_provenance(),
        name: Some(name.clone()),
        security,
        exclusive: false,
        buffering: Buffering::Neither,
        characteristics: SECURE_OPEN,
        device_type: NETWORK,
    };
    let target = WdmTarget::new(Routines::Table(id, table, status::NOT_SUPPORTED));
    let device = kernel().io.create_device(config, target)?;
    if let Err(status) = kernel().io.create_link(&link, &name) {
        kernel().io.delete_device(&device);
        return Err(status);
    }
    if attributes.ExtensionSize > 0 {
        device.extend(attributes.ExtensionSize as usize);
    }
    // What lies there is NDIS's: no address, so that looking into it faults.
    let own: PVOID = std::ptr::without_provenance_mut(kernel().ndis.new_handle());
    device.update(|object| object.DeviceExtension = own);
    if !driver_object.is_null() {
        wdm::link(&device, driver_object);
    }
    device.finish_initializing();
    Ok(Registered { device, link })
}

unsafe extern "win64" fn deregister(handle: NDIS_HANDLE) {
    const FUNCTION: &str = "NdisDeregisterDeviceEx";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    let Some(registered) = kernel().ndis.objects.remove::<Registered>(FUNCTION, handle) else { return };
    let _ = kernel().io.delete_link(&registered.link);
    let driver = registered.device.read().DriverObject;
    if !driver.is_null() {
        wdm::unlink(&registered.device, driver);
    }
    kernel().io.delete_device(&registered.device);
}

unsafe extern "win64" fn reserved_extension(object: *mut DEVICE_OBJECT) -> PVOID {
    thread::enter("NdisGetDeviceReservedExtension", DISPATCH_LEVEL, rule::V09);
    kernel().io.device_of(object).map_or(std::ptr::null_mut(), |device| device.extension().cast())
}
