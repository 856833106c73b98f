//! Driver objects: starting a driver by its entry, and unloading it. PASSIVE_LEVEL.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use nblease_ndis::sys::{DRIVER_OBJECT, NTSTATUS, PVOID, UNICODE_STRING};

use super::string;
use crate::{
    kernel::{DriverId, kernel},
    memory::{PAGE, Protection, map},
    pe,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// `IO_TYPE_DRIVER`.
const IO_TYPE_DRIVER: i16 = 4;

/// Where drivers' objects lie: the lowest address of 2^24 pages.
const OBJECTS: usize = 0x5a00_0000_0000;

type Entry = unsafe extern "win64" fn(*mut DRIVER_OBJECT, *mut UNICODE_STRING) -> NTSTATUS;

/// The driver objects. They are never freed: a driver may compare their addresses to the end.
#[derive(Default)]
pub struct Drivers {
    objects: Mutex<BTreeMap<DriverId, usize>>,
}

impl Drivers {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<DriverId, usize>> {
        lock(&self.objects)
    }
}

/// The driver object of a started driver.
pub fn object_of(driver: DriverId) -> Option<*mut DRIVER_OBJECT> {
    let address = kernel().nt.drivers.objects().get(&driver).copied()?;
    Some(std::ptr::with_exposed_provenance_mut(address))
}

/// The driver whose object this is.
pub fn driver_of(object: *const DRIVER_OBJECT) -> Option<DriverId> {
    let objects = kernel().nt.drivers.objects();
    objects.iter().find(|(_, address)| **address == object.addr()).map(|(driver, _)| *driver)
}

/// The service's name: the file's without its extension.
pub fn service_name(driver: DriverId) -> String {
    let name = kernel().driver_name(driver);
    name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
}

/// Calls the driver's entry with its driver object and registry path: what it returned.
///
/// A driver that failed is checked as one that was unloaded.
pub fn start(driver: DriverId) -> NTSTATUS {
    let Some(info) = kernel().driver(driver) else { return nblease_ndis::sys::STATUS_NOT_FOUND };
    let service = service_name(driver);
    let object = place(&new_object(&info, &service), driver);
    kernel().nt.drivers.objects().insert(driver, object.expose_provenance());
    let mut path = string::leak(&format!(r"\Registry\Machine\System\CurrentControlSet\Services\{service}"));
    let entry: PVOID = std::ptr::with_exposed_provenance_mut(info.entry);
    // SAFETY: the loader checked that the entry lies in executable memory; by its subsystem it is a driver's.
    let entry = unsafe { std::mem::transmute::<PVOID, Entry>(entry) };
    let status = thread::call_driver(driver, "DriverEntry", PASSIVE_LEVEL, || {
        // SAFETY: the object and the path live as long as the process.
        unsafe { entry(object, &raw mut path) }
    });
    if status < 0 {
        super::check_idle(driver);
    }
    kernel().sched.pump();
    if status < 0 {
        gone(driver);
    } else {
        // Devices made in the entry may be opened now; those made later are the driver's to finish.
        for device in kernel().io.devices_of(driver).iter().filter(|device| device.is_wdm()) {
            device.finish_initializing();
        }
        pe::discard_init(driver);
    }
    status
}

/// Puts a driver's object where it lives as long as the process. Its address is another one in each boot, of which drivers
/// make use where they need something random: so it goes by the seed.
fn place(object: &DRIVER_OBJECT, driver: DriverId) -> *mut DRIVER_OBJECT {
    // Pages that are drivers' objects, of kernels that are gone too: those a run with the same seed has again.
    static PAGES: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());
    let number = (kernel().seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize + driver.0;
    let wanted = OBJECTS + number * PAGE;
    let page = *lock(&PAGES).entry(wanted).or_insert_with(|| {
        let page = map::reserve_at(wanted, PAGE).expect("a page for a driver's object");
        map::protect(page, PAGE, Protection::ReadWrite);
        page.expose_provenance()
    });
    let page: *mut u8 = std::ptr::with_exposed_provenance_mut(page);
    let place: *mut DRIVER_OBJECT = page.cast();
    // SAFETY: a page that no driver of this kernel has, larger than the object and aligned for it.
    unsafe { place.write(*object) };
    place
}

fn new_object(info: &crate::kernel::DriverInfo, service: &str) -> DRIVER_OBJECT {
    // SAFETY: a driver object of zeros is a valid value: null pointers, absent routines, empty strings.
    let mut object = unsafe { std::mem::zeroed::<DRIVER_OBJECT>() };
    object.Type = IO_TYPE_DRIVER;
    object.Size = i16::try_from(size_of::<DRIVER_OBJECT>()).expect("336 bytes");
    object.DriverStart = std::ptr::with_exposed_provenance_mut(info.base);
    object.DriverSize = info.size as u32;
    object.MajorFunction = [Some(super::device::invalid_device_request); 28];
    object.DriverName = string::leak(&format!(r"\Driver\{service}"));
    object
}

/// Asks for the driver's unload: whether it has an unload routine. While a handle is open on one of its devices the unload
/// is put off until the last is closed (IopUnloadDriver).
pub fn unload(driver: DriverId) -> bool {
    let Some(object) = object_of(driver) else { return false };
    // SAFETY: the object lives as long as the process; the driver set the routine in its entry.
    if unsafe { (*object).DriverUnload }.is_none() {
        crate::ndis::driver::on_no_unload_routine(driver);
        return false;
    }
    if kernel().io.request_unload(driver) {
        unload_now(driver);
    }
    true
}

/// Calls the driver's unload routine and judges what it left behind.
pub(crate) fn unload_now(driver: DriverId) {
    let Some(object) = object_of(driver) else { return };
    // SAFETY: as in `unload`.
    let Some(routine) = (unsafe { (*object).DriverUnload }) else { return };
    thread::call_driver(driver, "DriverUnload", PASSIVE_LEVEL, || {
        // SAFETY: the driver's own routine and object.
        unsafe { routine(object) };
    });
    super::check_idle(driver);
    kernel().sched.pump();
    gone(driver);
}

/// What is checked when a driver has gone: nothing of its own is left, and nobody calls it any more.
fn gone(driver: DriverId) {
    crate::ndis::driver::on_unloaded(driver);
    kernel().io.on_unloaded(driver);
    kernel().memory.pool.check_empty(driver);
    super::check_closed(driver);
    pe::unmap(driver);
    // Whoever asks for its unload again finds nothing to call.
    kernel().nt.drivers.objects().remove(&driver);
}
