//! Where Windows enters: `DriverEntry`, and the unload that undoes it. Both at PASSIVE_LEVEL, with no lock held.
//!
//! Order: driver object, what callbacks need, control device, registration with NDIS (adapters may attach before it
//! returns), and last the device is opened to programs. Unload goes the other way: it comes when no handle is open,
//! deregistering detaches every module, and the framework deletes the device after it.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use nblease_abi::ioctl;
use nblease_engine::flow::FlowSecret;
use nblease_ndis::{
    Status,
    filter::{FilterDriver, Names, NdisVersion},
};
use nblease_wdf::{
    NtStatus,
    device::ControlDevice,
    driver,
    global::Global,
    lock::WaitLock,
    string::{Wide, wide},
    time,
};
use wdk_sys::{NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, WDFDRIVER};

use crate::{control::Device, filter::Module, leases::Leases, names, registry::Registry};

/// What all callbacks share.
pub struct Driver {
    /// The control device.
    pub device: ControlDevice,
    /// Adapters and readers.
    pub registry: WaitLock<Registry>,
    /// The originals that readers hold.
    pub leases: Leases,
    /// By which flows are named, so that nobody outside can choose two that share a name.
    pub flow_secret: FlowSecret,
    /// The NDIS version that the filter registered with: major in the high half, minor in the low.
    pub ndis_version: u32,
}

static DRIVER: Global<Driver> = Global::new();
static FILTER: Global<FilterDriver> = Global::new();

static DEVICE_NAME: Wide<{ ioctl::DEVICE_NAME_NT.len() }> = wide(ioctl::DEVICE_NAME_NT);
static DEVICE_LINK: Wide<{ ioctl::DEVICE_NAME_LINK.len() }> = wide(ioctl::DEVICE_NAME_LINK);
static FRIENDLY_NAME: Wide<{ names::FRIENDLY_NAME.len() }> = wide(names::FRIENDLY_NAME);
static UNIQUE_NAME: Wide<{ names::UNIQUE_NAME.len() }> = wide(names::UNIQUE_NAME);
static SERVICE_NAME: Wide<{ names::SERVICE_NAME.len() }> = wide(names::SERVICE_NAME);

/// What all callbacks share, from before the first until after the last.
pub fn driver() -> Option<&'static Driver> {
    DRIVER.get()
}

/// The loader's entry, by way of the framework's.
///
/// # Safety
/// Called once, with a driver object and a path that outlive the call.
// SAFETY: no other symbol of the image has this name; the framework's entry looks for it.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(object: PDRIVER_OBJECT, registry_path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: both are the loader's; `unload` is below.
    let entered = unsafe { driver::create(object, registry_path, Some(unload)) }.and_then(|wdf| start(wdf, object));
    match entered {
        Ok(()) => NtStatus::SUCCESS.0,
        Err(status) => status.0,
    }
}

/// All that follows the driver object. Nothing is left where it fails, but what the framework deletes with the driver.
fn start(wdf: driver::Driver, object: PDRIVER_OBJECT) -> Result<(), NtStatus> {
    let version = NdisVersion::running().to_register().map_err(nt)?;
    let registry = WaitLock::try_new(Registry::new())?;
    let device = ControlDevice::create::<Device, _, _>(wdf, ioctl::DEVICE_TYPE, &DEVICE_NAME, &DEVICE_LINK)?;
    let leases = match device.deadline_timer::<Device>() {
        Ok(timer) => Leases::new(timer),
        Err(status) => {
            device.delete();
            return Err(status);
        }
    };
    let flow_secret = flow_secret(object.addr() as u64);
    let ndis_version = u32::from(version.major) << 16 | u32::from(version.minor);
    // SAFETY: this is the only place that sets it, and it runs once for each load.
    let _ = unsafe { DRIVER.set(Driver { device, registry, leases, flow_secret, ndis_version }) };
    if let Err(status) = register(object, version) {
        // SAFETY: no module attached, or all are detached, and no program can open the device yet.
        drop(unsafe { DRIVER.take() });
        device.delete();
        return Err(status);
    }
    device.start();
    Ok(())
}

/// A secret of this load: clocks as fine as the machine has them, and an address that is drawn at boot.
fn flow_secret(address: u64) -> FlowSecret {
    let (counter, _) = time::performance_counter();
    FlowSecret::new(counter.rotate_left(32) ^ time::system_time(), address.rotate_left(17) ^ time::unbiased_time())
}

fn register(object: PDRIVER_OBJECT, version: NdisVersion) -> Result<(), NtStatus> {
    let names = Names { friendly: FRIENDLY_NAME.units(), unique: UNIQUE_NAME.units(), service: SERVICE_NAME.units() };
    let (Some(driver), Some(object)) = (driver(), NonNull::new(object)) else {
        return Err(NtStatus::INSUFFICIENT_RESOURCES);
    };
    // SAFETY: the object is the one that DriverEntry was given.
    let filter = unsafe { FilterDriver::register::<Module>(object.cast(), driver, names, version) }.map_err(nt)?;
    // SAFETY: as for DRIVER.
    let _ = unsafe { FILTER.set(filter) };
    Ok(())
}

/// An NDIS_STATUS of the kinds that registration answers is an NTSTATUS.
const fn nt(status: Status) -> NtStatus {
    NtStatus(status.into_raw())
}

/// EvtDriverUnload: no handle is open, and the framework deletes the device when this returns.
unsafe extern "C" fn unload(_driver: WDFDRIVER) {
    if let Some(driver) = driver() {
        driver.device.purge();
    }
    // SAFETY: nothing refers to the registration; deregistering returns when all modules are detached.
    if let Some(filter) = unsafe { FILTER.take() } {
        filter.deregister();
    }
    if let Some(driver) = driver() {
        driver.leases.stop();
    }
    // SAFETY: no module and no handle is left, so no callback comes that looks for it.
    drop(unsafe { DRIVER.take() });
}
