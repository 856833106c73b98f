//! The I/O manager: device and link names, who may open them, handles, IRPs and their buffers, cancel, cleanup, close,
//! and the death of processes.
//!
//! The driver's side of a device is a [`Target`]: the KMDF model, or a WDM driver's dispatch table. User mode is
//! [`Process`] and [`Handle`]; a call runs on the thread that makes it, at PASSIVE_LEVEL, as a system call does.
//!
//! No mutex of this module is held while a target is called.

mod device;
mod file;
mod irp;
pub(crate) mod lent;
mod neither;
mod poison;
mod process;
pub mod security;
pub mod status;
pub(crate) mod wdm;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

pub use device::{Buffering, Device, DeviceConfig, Target};
pub use file::File;
pub use irp::{Completion, Irp, Major};
pub use process::{Handle, Pending, Process};
pub(crate) use process::{ProcessContext, current_number, current_process, process_id, process_number};
pub use security::Security;
pub use status::NtStatus;

use nblease_ndis::sys;

use crate::{
    judge::rule,
    kernel::{DriverId, kernel},
    nt,
    sync::lock,
    thread,
};

/// The first number given; 1 is the system process's.
const FIRST_NUMBER: u64 = 2;

/// How long an unload may be put off.
const UNLOAD_LIMIT_NS: u64 = 20_000_000_000;

/// Who is told of devices that can be opened from now on, by their Win32 names.
type OnReady = Arc<dyn Fn(&str) + Send + Sync>;

/// A symbolic link.
#[derive(Clone)]
struct Link {
    /// Name of the device that it leads to.
    device: String,
    /// Whose code made it.
    driver: Option<DriverId>,
}

/// The namespace and what is open.
#[derive(Default)]
pub struct Io {
    devices: Mutex<Vec<Arc<Device>>>,
    on_ready: Mutex<Option<OnReady>>,
    /// By name, without its directory and in lower case.
    links: Mutex<BTreeMap<String, Link>>,
    numbers: AtomicU64,
    /// Drivers whose unload was put off, and whether it is under way now.
    unloading: Mutex<BTreeMap<DriverId, bool>>,
    /// Processes of administrators, by number.
    administrators: Mutex<BTreeSet<u64>>,
    /// IRPs that WDM drivers have.
    pub(crate) under_way: wdm::UnderWay,
}

impl Io {
    /// Whether a process is an administrator's: of programs those that are, and the system.
    pub(crate) fn is_administrators(&self, number: u64) -> bool {
        number == process::SYSTEM || lock(&self.administrators).contains(&number)
    }

    /// A number that no other process, file or IRP has.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + FIRST_NUMBER
    }

    /// IoCreateDeviceSecure: a device, refusing opens until [`Device::finish_initializing`].
    pub fn create_device(&self, config: DeviceConfig, target: Arc<dyn Target>) -> Result<Arc<Device>, NtStatus> {
        let mut devices = lock(&self.devices);
        let taken = |d: &Arc<Device>| d.name().is_some_and(|n| config.name.as_deref().is_some_and(|c| same(n, c)));
        if devices.iter().any(taken) {
            return Err(status::OBJECT_NAME_COLLISION);
        }
        let device = Device::new(config, target);
        devices.push(device.clone());
        Ok(device)
    }

    /// IoDeleteDevice: no new opens. The object stays until its last file is closed.
    pub fn delete_device(&self, device: &Arc<Device>) {
        device.delete();
        self.forget_deleted();
    }

    /// Drops the deleted devices that nothing is open on.
    pub(crate) fn forget_deleted(&self) {
        lock(&self.devices).retain(|device| {
            let gone = device.is_deleted() && device.files().is_empty();
            if gone {
                device.close();
            }
            !gone
        });
    }

    /// IoCreateSymbolicLink.
    pub fn create_link(&self, link: &str, device: &str) -> Result<(), NtStatus> {
        let link = link_key(link).ok_or(status::OBJECT_NAME_INVALID)?;
        let mut links = lock(&self.links);
        if links.contains_key(&link) {
            return Err(status::OBJECT_NAME_COLLISION);
        }
        links.insert(link, Link { device: device.to_owned(), driver: thread::current_driver() });
        Ok(())
    }

    /// IoDeleteSymbolicLink.
    pub fn delete_link(&self, link: &str) -> Result<(), NtStatus> {
        let link = link_key(link).ok_or(status::OBJECT_NAME_INVALID)?;
        lock(&self.links).remove(&link).map(|_| ()).ok_or(status::OBJECT_NAME_NOT_FOUND)
    }

    /// The device behind `\\.\name`, a link's name in the kernel, or a device's own.
    fn resolve(&self, path: &str) -> Result<Arc<Device>, NtStatus> {
        let link = path.strip_prefix(r"\\.\").map(str::to_lowercase).or_else(|| link_key(path));
        let device = match link {
            Some(link) => lock(&self.links).get(&link).cloned().ok_or(status::OBJECT_NAME_NOT_FOUND)?.device,
            None if path.starts_with('\\') => path.to_owned(),
            None => return Err(status::OBJECT_NAME_INVALID),
        };
        let devices = lock(&self.devices);
        let found = devices.iter().find(|d| d.name().is_some_and(|n| same(n, &device)) && !d.is_deleted());
        found.cloned().ok_or(status::OBJECT_NAME_NOT_FOUND)
    }

    /// IoGetDeviceObjectPointer: opens the device of a name in the kernel's namespace for a driver, and closes the handle. The
    /// file lives until [`Self::dereference_file`].
    pub(crate) fn open_by_name(&self, name: &str) -> Result<Arc<File>, NtStatus> {
        let name = match link_key(name) {
            Some(link) => {
                lock(&self.links).get(&link).map(|link| link.device.clone()).ok_or(status::OBJECT_NAME_NOT_FOUND)?
            }
            None => name.to_owned(),
        };
        let found = lock(&self.devices).iter().find(|d| d.name().is_some_and(|n| same(n, &name))).cloned();
        process::open_for_driver(&found.ok_or(status::OBJECT_NAME_NOT_FOUND)?)
    }

    /// The last reference that a driver had to an object is gone: a file that was open for it is closed.
    pub(crate) fn dereference_file(&self, object: usize) {
        let files: Vec<_> = lock(&self.devices).iter().flat_map(|device| device.files()).collect();
        let file = files.into_iter().find(|file| file.object().addr() == object && file.is_pointed_to());
        if let Some(file) = file {
            file.give_back();
        }
    }

    /// The Win32 names under which devices can be opened.
    pub fn paths(&self) -> Vec<String> {
        lock(&self.links).keys().map(|link| format!(r"\\.\{link}")).collect()
    }

    /// Who is told, on the driver's own thread, that a device has become ready; none from now on.
    pub fn on_ready(&self, callback: Option<OnReady>) {
        *lock(&self.on_ready) = callback;
    }

    /// A device has finished initializing: its driver may go on as it likes, programs may open it.
    pub(crate) fn ready(&self, device: &Device) {
        let Some(callback) = lock(&self.on_ready).clone() else { return };
        let links = lock(&self.links).clone();
        let name = device.name().unwrap_or_default();
        for link in links.iter().filter(|(_, link)| same(&link.device, name)).map(|(name, _)| name) {
            callback(&format!(r"\\.\{link}"));
        }
    }

    /// The device whose object this is.
    pub fn device_of(&self, object: *const sys::DEVICE_OBJECT) -> Option<Arc<Device>> {
        lock(&self.devices).iter().find(|d| d.object().cast_const() == object).cloned()
    }

    /// The devices of a driver, deleted ones with open files included.
    pub fn devices_of(&self, driver: DriverId) -> Vec<Arc<Device>> {
        lock(&self.devices).iter().filter(|d| d.driver() == driver).cloned().collect()
    }

    /// The files that are open on a driver's devices, each with what is under way on it.
    pub fn open_files(&self, driver: DriverId) -> Vec<String> {
        self.devices_of(driver).iter().flat_map(|d| d.files()).map(|f| f.describe()).collect()
    }

    /// The devices that are told of the system's shutdown.
    fn hearing_of_shutdown(&self) -> Vec<Arc<Device>> {
        let devices = lock(&self.devices).clone();
        devices.into_iter().filter(|device| device.target().hears_of_shutdown()).collect()
    }

    /// Whether a driver is told of the system's shutdown.
    pub fn hears_of_shutdown(&self) -> bool {
        !self.hearing_of_shutdown().is_empty()
    }

    /// The system shuts down: the devices that asked for it are told, the last one first. Drivers stay loaded.
    pub fn shut_down(&self) {
        for device in self.hearing_of_shutdown().iter().rev() {
            device.target().shut_down();
        }
        kernel().sched.pump();
    }

    /// The driver is to be unloaded: its devices refuse opens from now on (IopUnloadDriver marks them
    /// DOE_UNLOAD_PENDING). Whether that can be done now: while a file is open on one of them it is put off, and done
    /// when the last is closed.
    pub fn request_unload(&self, driver: DriverId) -> bool {
        let devices = self.devices_of(driver);
        for device in &devices {
            device.refuse_opens();
        }
        // Noted first, so that a last handle which is closed meanwhile finds it.
        lock(&self.unloading).insert(driver, false);
        if devices.iter().any(|d| !d.files().is_empty()) {
            return false;
        }
        let mut unloading = lock(&self.unloading);
        let now = unloading.get(&driver) == Some(&false);
        if now {
            unloading.remove(&driver);
        }
        now
    }

    /// A file was closed: an unload that waited for that is done, by a worker.
    pub(crate) fn file_closed(&self, driver: DriverId) {
        if !self.open_files(driver).is_empty() {
            return;
        }
        let due = lock(&self.unloading).get_mut(&driver).is_some_and(|under_way| !std::mem::replace(under_way, true));
        if due {
            kernel().sched.queue_work(Box::new(move || {
                nt::driver::unload_now(driver);
                lock(&kernel().io.unloading).remove(&driver);
                kernel().sched.changed();
            }));
        }
    }

    /// Whether the driver's unload was put off and is not over yet.
    pub fn is_unload_pending(&self, driver: DriverId) -> bool {
        lock(&self.unloading).contains_key(&driver)
    }

    /// Waits for an unload that was put off, which happens when the last handle is closed and the driver has completed
    /// the calls that it took. Where neither comes in time, V48 is broken. Runs things.
    pub fn await_unload(&self, driver: DriverId) {
        let gone = kernel()
            .sched
            .wait_until("the unload that was put off", Some(UNLOAD_LIMIT_NS), &mut || !self.is_unload_pending(driver));
        kernel().judge.check(rule::V48, gone, || {
            let (name, open) = (kernel().driver_name(driver), self.open_files(driver));
            format!("{name} cannot be unloaded: {open:?}")
        });
        kernel().sched.pump();
    }

    /// The driver's image goes away: by its unload routine or since its entry point failed (V48).
    pub fn on_unloaded(&self, driver: DriverId) {
        let open = self.open_files(driver);
        kernel().judge.check(rule::V48, open.is_empty(), || {
            format!("{} was unloaded with handles of its device open: {open:?}", kernel().driver_name(driver))
        });
        let devices = self.devices_of(driver);
        let devices = devices.iter().filter(|device| !device.is_deleted());
        let describe = |device: &Arc<Device>| {
            format!("device {:p}, {}", device.object(), device.name().unwrap_or("without a name"))
        };
        let mut left: Vec<_> = devices.map(describe).collect();
        let links = lock(&self.links).clone();
        let links = links.into_iter().filter(|(_, link)| link.driver == Some(driver));
        left.extend(links.map(|(name, _)| format!("the symbolic link {name}")));
        kernel().judge.check(rule::V35, left.is_empty(), || {
            format!("{} was unloaded and left behind: {left:?}", kernel().driver_name(driver))
        });
        lock(&self.links).retain(|_, link| link.driver != Some(driver));
        for device in self.devices_of(driver) {
            device.delete();
        }
        self.forget_deleted();
    }
}

/// Object names compare without case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// A link's name without the directory that DOS device names live in; none where it lies elsewhere.
fn link_key(link: &str) -> Option<String> {
    let directories = [r"\DosDevices\Global\", r"\DosDevices\", r"\??\", r"\GLOBAL??\"];
    let name = directories.iter().find_map(|d| {
        let (head, tail) = link.split_at_checked(d.len())?;
        same(head, d).then_some(tail)
    })?;
    (!name.is_empty()).then(|| name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_live_in_the_dos_device_directories() {
        for link in [r"\DosDevices\Nblease", r"\??\NBLEASE", r"\dosdevices\global\nblease", r"\GLOBAL??\nblease"] {
            assert_eq!(link_key(link).as_deref(), Some("nblease"), "{link}");
        }
        for link in ["nblease", r"\Device\nblease", r"\??\", ""] {
            assert_eq!(link_key(link), None, "{link}");
        }
    }
}
