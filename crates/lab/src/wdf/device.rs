//! WDFDEVICE: the control device (fxdeviceapi.cpp, fxdevice.cpp, fxdevicecontrolapi.cpp).
//!
//! WdfDeviceCreate consumes the PWDFDEVICE_INIT. Opens are refused until WdfControlFinishInitializing. Deleting the device
//! takes its name away at once; the object follows when the last file is closed (FxDevice::DeleteObject).

use std::sync::Arc;

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    device_init::DeviceInit,
    driver::default_parent,
    enter, file, give, lifecycle, may_allocate,
    object::{Body, Handle, Kind, NULL},
    queue::{self, Queue},
    request_cancel, shutdown, state,
    sync::{CallbackLock, Constraints},
    text,
};
use crate::{
    faults::FaultKind,
    io::{self, Buffering, DeviceConfig, Irp, Major, NtStatus, Target, status},
    judge::rule,
    kernel::kernel,
};

/// A WDFDEVICE.
pub(crate) struct Device {
    pub io: Arc<io::Device>,
    pub init: DeviceInit,
    pub link: Option<String>,
    pub default_queue: Handle,
    /// Queues for reads, writes, device controls and internal ones, by [`slot`]; the default queue where none is set.
    pub queues: [Handle; 4],
    pub create_queue: Handle,
    /// Where a create waits for the driver that pended it (FxPkgGeneral, m_DefaultQueueForCreates).
    pub pended_creates: Handle,
    /// Deleted while files were open.
    pub delete_pending: bool,
    pub constraints: Constraints,
    /// What the file events are called with.
    pub file_lock: Option<Arc<CallbackLock>>,
}

impl Device {
    /// The queue for requests of a kind; NULL where there is none.
    pub(crate) fn queue_for(&self, major: Major) -> Handle {
        let own = slot(major).map_or(NULL, |slot| self.queues[slot]);
        if own == NULL { self.default_queue } else { own }
    }
}

/// The place of a major function in [`Device::queues`].
pub(crate) fn slot(major: Major) -> Option<usize> {
    match major {
        Major::Read => Some(0),
        Major::Write => Some(1),
        Major::DeviceControl => Some(2),
        Major::InternalDeviceControl => Some(3),
        _ => None,
    }
}

/// The framework's side of a device of the I/O manager (FxDevice::Dispatch).
struct Dispatcher {
    /// The WDFDEVICE, once it is there.
    device: std::sync::OnceLock<Handle>,
}

impl Target for Dispatcher {
    fn dispatch(&self, irp: &Arc<Irp>) {
        let Some(device) = self.device.get().copied() else {
            irp.complete(status::INVALID_DEVICE_REQUEST, 0);
            return;
        };
        match irp.major() {
            Major::Create => file::on_create(device, irp),
            Major::Cleanup => file::on_cleanup(device, irp),
            Major::Close => file::on_close(device, irp),
            _ => queue::on_irp(device, irp),
        }
    }

    fn cancel(&self, irp: &Arc<Irp>) {
        request_cancel::on_cancel(irp);
    }

    fn hears_of_shutdown(&self) -> bool {
        self.device.get().is_some_and(|device| shutdown::is_wanted(*device))
    }

    fn shut_down(&self) {
        if let Some(device) = self.device.get() {
            shutdown::tell(*device);
        }
    }
}

/// WdfDeviceCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: *mut sys::PVOID,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFDEVICE,
) -> NtStatus {
    let id = enter!("WdfDeviceCreate", globals);
    // SAFETY: a driver passes its variable, which holds what WdfControlDeviceInitAllocate returned.
    let init_handle = unsafe { init.read_unaligned() }.addr();
    let description = state().device_init("WdfDeviceCreate", init_handle).clone();
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::NotAllowed, true) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    // The descriptor of WdfControlDeviceInitAllocate protects a name.
    if description.name.is_none() {
        return status::INVALID_SECURITY_DESCR;
    }
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let parent = default_parent(id);
    let (driver_object, constraints) = {
        let mut state = state();
        let driver = state.driver("WdfDeviceCreate", parent);
        (driver.object, driver.constraints.of_device(&attributes))
    };
    let file_lock = match constraints.of_files(&description.file_attributes, description.file_attributes_given) {
        Ok(lock) => lock,
        Err(status) => return status,
    };
    let config = DeviceConfig {
        driver: id,
        driver_object,
        name: description.name.clone(),
        security: description.security,
        exclusive: description.exclusive,
        buffering: match description.io_type {
            sys::WdfDeviceIoDirect => Buffering::Direct,
            sys::WdfDeviceIoNeither => Buffering::Neither,
            _ => Buffering::Buffered,
        },
        characteristics: description.characteristics,
        device_type: description.device_type,
    };
    let dispatcher = Arc::new(Dispatcher { device: std::sync::OnceLock::new() });
    let io = match kernel().io.create_device(config, dispatcher.clone()) {
        Ok(io) => io,
        Err(status) => return status,
    };
    let body = Body::Device(Box::new(Device {
        io,
        init: description,
        link: None,
        default_queue: NULL,
        queues: [NULL; 4],
        create_queue: NULL,
        pended_creates: NULL,
        delete_pending: false,
        constraints: constraints.clone(),
        file_lock,
    }));
    let handle = {
        let mut state = state();
        let handle = state.add(Kind::Device, id, parent, &attributes, body);
        let creates = Body::Queue(Box::new(Queue::for_creates(handle, constraints)));
        let creates = state.add(Kind::Queue, id, handle, &Attributes::default(), creates);
        state.device("WdfDeviceCreate", handle).pended_creates = creates;
        if let Some(init) = state.get_mut(init_handle) {
            init.note("consumed by WdfDeviceCreate");
        }
        handle
    };
    let _ = dispatcher.device.set(handle);
    lifecycle::delete(init_handle);
    // SAFETY: as above; the variable is cleared, so that nobody frees what is gone.
    unsafe { give(init, std::ptr::null_mut()) };
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfDeviceCreateSymbolicLink: one for each device.
pub(crate) unsafe extern "win64" fn create_symbolic_link(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    name: *const UNICODE_STRING,
) -> NtStatus {
    enter!("WdfDeviceCreateSymbolicLink", globals);
    // SAFETY: a driver passes a string.
    let link = match unsafe { text::read(name) } {
        Ok(link) if !link.is_empty() => link,
        Ok(_) => return status::INVALID_DEVICE_REQUEST,
        Err(status) => return status,
    };
    let target = {
        let mut state = state();
        let device = state.device("WdfDeviceCreateSymbolicLink", device.addr());
        if device.link.is_some() {
            return status::INVALID_DEVICE_REQUEST;
        }
        device.io.name().unwrap_or_default().to_owned()
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    if let Err(status) = kernel().io.create_link(&link, &target) {
        return status;
    }
    state().device("WdfDeviceCreateSymbolicLink", device.addr()).link = Some(link);
    status::SUCCESS
}

/// WdfControlFinishInitializing: opens are let in.
pub(crate) unsafe extern "win64" fn finish_initializing(globals: *mut WDF_DRIVER_GLOBALS, device: sys::WDFDEVICE) {
    enter!("WdfControlFinishInitializing", globals);
    let io = state().device("WdfControlFinishInitializing", device.addr()).io.clone();
    io.finish_initializing();
    kernel().io.ready(&io);
}

/// WdfDeviceConfigureRequestDispatching, before WdfControlFinishInitializing.
pub(crate) unsafe extern "win64" fn configure_request_dispatching(
    globals: *mut WDF_DRIVER_GLOBALS,
    device: sys::WDFDEVICE,
    queue: sys::WDFQUEUE,
    request_type: i32,
) -> NtStatus {
    const DDI: &str = "WdfDeviceConfigureRequestDispatching";
    enter!("WdfDeviceConfigureRequestDispatching", globals);
    let mut state = state();
    let slot = match request_type {
        sys::WdfRequestTypeCreate => None,
        sys::WdfRequestTypeRead => slot(Major::Read),
        sys::WdfRequestTypeWrite => slot(Major::Write),
        sys::WdfRequestTypeDeviceControl => slot(Major::DeviceControl),
        sys::WdfRequestTypeDeviceControlInternal => slot(Major::InternalDeviceControl),
        _ => return status::INVALID_PARAMETER,
    };
    if state.queue(DDI, queue.addr()).device != device.addr() {
        return status::INVALID_DEVICE_REQUEST;
    }
    let device = state.device(DDI, device.addr());
    if !device.io.is_initializing() {
        return status::INVALID_DEVICE_STATE;
    }
    let place = match slot {
        Some(slot) => &mut device.queues[slot],
        None => &mut device.create_queue,
    };
    if *place != NULL {
        // One queue for each type (FxPkgIo::ConfigureForwarding).
        return status::INVALID_DEVICE_REQUEST;
    }
    *place = queue.addr();
    status::SUCCESS
}

/// Takes a device's names away. Whether its object can be deleted now: not while files are open on it.
pub(crate) fn prepare_delete(device: Handle) -> bool {
    let (io, link) = {
        let mut state = state();
        let device = state.device("WdfObjectDelete", device);
        (device.io.clone(), device.link.take())
    };
    if let Some(link) = link {
        let _ = kernel().io.delete_link(&link);
    }
    kernel().io.delete_device(&io);
    let open = !io.files().is_empty();
    kernel().judge.evaluated(rule::V48);
    state().device("WdfObjectDelete", device).delete_pending = open;
    !open
}

/// A file of the device was closed: a deletion that waited for that goes on.
pub(crate) fn file_closed(device: Handle) {
    let io = match state().get(device).map(|object| &object.body) {
        Some(Body::Device(d)) if d.delete_pending => d.io.clone(),
        _ => return,
    };
    kernel().sched.queue_work(Box::new(move || {
        let closed = kernel().sched.wait_until("the files of a deleted device", None, &mut || io.files().is_empty());
        if closed && state().get(device).is_some() {
            lifecycle::delete(device);
        }
    }));
}
