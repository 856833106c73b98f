//! Device objects: their name, who may open them, how reads and writes reach the driver, and the files open on them.

use std::{
    mem,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use nblease_ndis::sys;

use super::{Irp, Security, file::File, lent::Lent, status, status::NtStatus};
use crate::{kernel::DriverId, memory::Kind, sync::lock};

/// `DO_BUFFERED_IO`.
const DO_BUFFERED_IO: u32 = 0x4;
/// `DO_EXCLUSIVE`.
const DO_EXCLUSIVE: u32 = 0x8;
/// `DO_DIRECT_IO`.
const DO_DIRECT_IO: u32 = 0x10;
/// `DO_DEVICE_INITIALIZING`.
const DO_DEVICE_INITIALIZING: u32 = 0x80;
/// `IO_TYPE_DEVICE`.
const IO_TYPE_DEVICE: i16 = 3;

/// How the data of reads and writes reach the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffering {
    /// Through a system buffer.
    Buffered,
    /// The caller's own pages, locked and described by an MDL.
    Direct,
    /// The caller's address as it is.
    Neither,
}

/// What IoCreateDeviceSecure is told.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Whose device.
    pub driver: DriverId,
    /// Its DRIVER_OBJECT as the driver knows it; may be null.
    pub driver_object: usize,
    /// `\Device\name`; none for a device that cannot be opened by name.
    pub name: Option<String>,
    /// Who may open it.
    pub security: Security,
    /// One open at a time.
    pub exclusive: bool,
    /// How reads and writes reach the driver.
    pub buffering: Buffering,
    /// `FILE_DEVICE_*` characteristics.
    pub characteristics: u32,
    /// `FILE_DEVICE_*` type.
    pub device_type: u32,
}

/// The driver's side of a device. Called at PASSIVE_LEVEL unless said otherwise, with no mutex of the I/O manager held.
pub trait Target: Send + Sync {
    /// An IRP for the device. The target completes it by [`Irp::complete`], now or later, once.
    fn dispatch(&self, irp: &Arc<Irp>);
    /// IoCancelIrp: the IRP's cancel bit was set just now. Called at most once for each IRP, at up to DISPATCH_LEVEL.
    fn cancel(&self, irp: &Arc<Irp>);
    /// A driver sends an IRP of its own: what the dispatch routine returned. None: the target takes none.
    fn call(&self, _device: &Device, _irp: *mut sys::IRP, _major: u8) -> Option<sys::NTSTATUS> {
        None
    }
    /// Whether it asked to be told of the system's shutdown.
    fn hears_of_shutdown(&self) -> bool {
        false
    }
    /// The system shuts down (IRP_MJ_SHUTDOWN).
    fn shut_down(&self) {}
    /// Whether it is a WDM driver's dispatch table.
    fn is_wdm(&self) -> bool {
        false
    }
}

/// A device.
pub struct Device {
    config: DeviceConfig,
    target: Arc<dyn Target>,
    /// The DEVICE_OBJECT that the driver may look at.
    object: Lent,
    /// The driver's extension, where it is not part of a framework's object.
    extension: OnceLock<Lent>,
    refusing: AtomicBool,
    deleted: AtomicBool,
    files: Mutex<Vec<Arc<File>>>,
}

impl Device {
    pub(super) fn new(config: DeviceConfig, target: Arc<dyn Target>) -> Arc<Self> {
        // SAFETY: a DEVICE_OBJECT is plain data for which all zeros is a value.
        let mut object: sys::DEVICE_OBJECT = unsafe { mem::zeroed() };
        object.Type = IO_TYPE_DEVICE;
        object.Size = size_of::<sys::DEVICE_OBJECT>() as u16;
        object.DriverObject = std::ptr::with_exposed_provenance_mut(config.driver_object);
        object.Flags = DO_DEVICE_INITIALIZING
            | match config.buffering {
                Buffering::Buffered => DO_BUFFERED_IO,
                Buffering::Direct => DO_DIRECT_IO,
                Buffering::Neither => 0,
            }
            | if config.exclusive { DO_EXCLUSIVE } else { 0 };
        object.Characteristics = config.characteristics;
        object.DeviceType = config.device_type;
        object.StackSize = 1;
        Arc::new(Self {
            config,
            target,
            object: Lent::of(object),
            extension: OnceLock::new(),
            refusing: AtomicBool::default(),
            deleted: AtomicBool::default(),
            files: Mutex::default(),
        })
    }

    /// `\Device\name`.
    pub fn name(&self) -> Option<&str> {
        self.config.name.as_deref()
    }

    /// Whose device it is.
    pub fn driver(&self) -> DriverId {
        self.config.driver
    }

    /// Its type (`FILE_DEVICE_...`), which is in the codes of its IOCTLs.
    pub fn device_type(&self) -> u32 {
        self.config.device_type
    }

    /// How reads and writes reach the driver: as its object's flags say, which a WDM driver sets itself.
    pub fn buffering(&self) -> Buffering {
        match self.flags() {
            flags if flags & DO_DIRECT_IO != 0 => Buffering::Direct,
            flags if flags & DO_BUFFERED_IO != 0 => Buffering::Buffered,
            _ => Buffering::Neither,
        }
    }

    fn flags(&self) -> u32 {
        let object: *const sys::DEVICE_OBJECT = self.object.lab().cast();
        // SAFETY: the lab's view of the object lives as long as `self`.
        let flags = unsafe { &raw const (*object).Flags };
        // SAFETY: as above; a driver may write the word at the same time, as on a real machine.
        unsafe { flags.read_volatile() }
    }

    /// Changes a word of the object, through the lab's view.
    pub(crate) fn update(&self, change: impl FnOnce(&mut sys::DEVICE_OBJECT)) {
        let object: *mut sys::DEVICE_OBJECT = self.object.lab().cast();
        // SAFETY: the lab's view is always writable and lives as long as `self`. A driver may touch the object at the same
        // time, as on a real machine.
        change(unsafe { &mut *object });
    }

    /// The object, copied.
    pub(crate) fn read(&self) -> sys::DEVICE_OBJECT {
        let object: *const sys::DEVICE_OBJECT = self.object.lab().cast();
        // SAFETY: as in `update`.
        unsafe { object.read() }
    }

    /// Gives the device an extension of `len` zeroed bytes, once: where the driver finds it.
    pub(crate) fn extend(&self, len: usize) -> *mut u8 {
        self.extension.get_or_init(|| Lent::open(Kind::Object, len, 16)).driver()
    }

    /// The extension, where the driver finds it; null where it has none.
    pub(crate) fn extension(&self) -> *mut u8 {
        self.extension.get().map_or(std::ptr::null_mut(), Lent::driver)
    }

    /// The DEVICE_OBJECT, where the driver finds it.
    pub fn object(&self) -> *mut sys::DEVICE_OBJECT {
        self.object.driver().cast()
    }

    /// Whether a WDM driver made it, rather than a framework on a driver's behalf.
    pub(crate) fn is_wdm(&self) -> bool {
        self.target.is_wdm()
    }

    /// Calls the driver with an IRP that another driver, or this one, made and whose stack location is this device's.
    pub(crate) fn call(&self, irp: *mut sys::IRP, major: u8) -> Option<sys::NTSTATUS> {
        self.target.call(self, irp, major)
    }

    /// The driver's side.
    pub(super) fn target(&self) -> &Arc<dyn Target> {
        &self.target
    }

    /// The driver cleared DO_DEVICE_INITIALIZING: opens are let in.
    pub fn finish_initializing(&self) {
        self.update(|object| object.Flags &= !DO_DEVICE_INITIALIZING);
    }

    /// DO_DEVICE_INITIALIZING is set.
    pub fn is_initializing(&self) -> bool {
        self.flags() & DO_DEVICE_INITIALIZING != 0
    }

    /// The driver is being unloaded: no new opens.
    pub(super) fn refuse_opens(&self) {
        self.refusing.store(true, Ordering::SeqCst);
    }

    /// IoDeleteDevice was called.
    pub(super) fn delete(&self) {
        self.deleted.store(true, Ordering::SeqCst);
    }

    /// The device is gone: its object and extension are closed to the driver.
    pub(super) fn close(&self) {
        const WHY: &str = "its device was deleted";
        self.object.close(WHY);
        if let Some(extension) = self.extension.get() {
            extension.close(WHY);
        }
    }

    /// IoDeleteDevice was called.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::SeqCst)
    }

    /// The files open on it.
    pub fn files(&self) -> Vec<Arc<File>> {
        lock(&self.files).clone()
    }

    /// Lets an opener in, as IopParseDevice does: what is refused never reaches the driver.
    pub(super) fn admit(&self, file: &Arc<File>, administrator: bool) -> Result<(), NtStatus> {
        let mut files = lock(&self.files);
        if self.is_initializing() || self.is_deleted() || self.refusing.load(Ordering::SeqCst) {
            return Err(status::NO_SUCH_DEVICE);
        }
        if !self.config.security.admits(administrator) || (self.config.exclusive && !files.is_empty()) {
            return Err(status::ACCESS_DENIED);
        }
        files.push(file.clone());
        Ok(())
    }

    /// The file is gone.
    pub(super) fn forget(&self, file: &Arc<File>) {
        lock(&self.files).retain(|f| !Arc::ptr_eq(f, file));
    }
}
