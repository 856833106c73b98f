//! WDFKEY: opening, making, closing and deleting keys of the run's registry (fxregistryapi.cpp). PASSIVE_LEVEL.

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, lifecycle, may_allocate,
    object::{Body, Handle, Kind, NULL},
    state, text,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    kernel::{DriverId, kernel},
};

/// `REG_CREATED_NEW_KEY` and `REG_OPENED_EXISTING_KEY`.
const CREATED: u32 = 1;
const OPENED: u32 = 2;

/// A WDFKEY.
pub(crate) struct Key {
    pub path: String,
    /// The handle that WdfRegistryWdmGetHandle gave; 0 none.
    handle: usize,
}

impl Key {
    /// The framework's handle goes with the object.
    pub(crate) fn close(self) {
        if self.handle != 0 {
            kernel().nt.handles.close_key(as_pointer(self.handle));
        }
    }
}

/// Makes the object of a key; without a parent of its own it is the driver's.
///
/// # Safety
/// `attributes` is null or readable, `result` writable.
unsafe fn add(
    ddi: &str,
    id: DriverId,
    path: Result<String, NtStatus>,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    // SAFETY: the caller's promise.
    let attributes = unsafe { Attributes::read(attributes, Parent::Allowed, false) };
    let made = path.and_then(|path| Ok((path, attributes?))).and_then(|made| {
        may_allocate(FaultKind::Object)?;
        Ok(made)
    });
    let (path, attributes) = match made {
        Ok(made) => made,
        Err(status) => return status,
    };
    let parent = attributes.parent_or_driver(ddi, id);
    let handle = state().add(Kind::Key, id, parent, &attributes, Body::Key(Key { path, handle: 0 }));
    // SAFETY: the caller's promise.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// The path of a name below a key; the name is a whole path where there is no key.
///
/// # Safety
/// `name` is null or points to a string.
unsafe fn path_of(ddi: &str, parent: Handle, name: *const UNICODE_STRING) -> Result<String, NtStatus> {
    // SAFETY: the caller's promise.
    let name = unsafe { text::read(name) }?;
    if parent == NULL {
        return Ok(name);
    }
    let root = state().key(ddi, parent).path.clone();
    Ok(if name.is_empty() { root } else { format!(r"{root}\{name}") })
}

fn existing(path: String) -> Result<String, NtStatus> {
    if kernel().registry.has_key(&path) { Ok(path) } else { Err(status::OBJECT_NAME_NOT_FOUND) }
}

/// WdfDriverOpenParametersRegistryKey.
pub(crate) unsafe extern "win64" fn open_parameters(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
    _access: u32,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfDriverOpenParametersRegistryKey";
    let id = enter!("WdfDriverOpenParametersRegistryKey", globals);
    let path = format!(r"{}\Parameters", state().driver(DDI, driver.addr()).registry_path);
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { add(DDI, id, Ok(path), attributes, result) }
}

/// WdfRegistryOpenKey: STATUS_OBJECT_NAME_NOT_FOUND where there is no such key.
pub(crate) unsafe extern "win64" fn open(
    globals: *mut WDF_DRIVER_GLOBALS,
    parent: sys::HANDLE,
    name: *const UNICODE_STRING,
    _access: u32,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfRegistryOpenKey", globals);
    // SAFETY: a driver passes a string.
    let path = unsafe { path_of("WdfRegistryOpenKey", parent.addr(), name) }.and_then(existing);
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { add("WdfRegistryOpenKey", id, path, attributes, result) }
}

/// WdfRegistryCreateKey: the key is made where it is not there.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    parent: sys::HANDLE,
    name: *const UNICODE_STRING,
    _access: u32,
    _options: u32,
    disposition: *mut u32,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfRegistryCreateKey", globals);
    // SAFETY: a driver passes a string.
    let path = unsafe { path_of("WdfRegistryCreateKey", parent.addr(), name) };
    // SAFETY: a driver passes its attributes or null, and its variable.
    let status = unsafe { add("WdfRegistryCreateKey", id, path.clone(), attributes, result) };
    if let (true, Ok(path)) = (status.is_success(), path) {
        let created = kernel().registry.create_key(&path);
        // SAFETY: a driver passes a variable or null.
        unsafe { give(disposition, if created { CREATED } else { OPENED }) };
    }
    status
}

/// WdfRegistryClose.
pub(crate) unsafe extern "win64" fn close(globals: *mut WDF_DRIVER_GLOBALS, key: sys::HANDLE) {
    enter!("WdfRegistryClose", globals);
    state().key("WdfRegistryClose", key.addr());
    lifecycle::delete(key.addr());
}

/// WdfRegistryRemoveKey: the key is deleted, and its object with it. What the lab's registry has by itself stays:
/// STATUS_ACCESS_DENIED.
pub(crate) unsafe extern "win64" fn remove(globals: *mut WDF_DRIVER_GLOBALS, key: sys::HANDLE) -> NtStatus {
    enter!("WdfRegistryRemoveKey", globals);
    let path = state().key("WdfRegistryRemoveKey", key.addr()).path.clone();
    if !kernel().registry.delete_key(&path) {
        return status::ACCESS_DENIED;
    }
    lifecycle::delete(key.addr());
    status::SUCCESS
}

/// WdfRegistryWdmGetHandle: a handle for the Zw functions. It is the framework's to close.
pub(crate) unsafe extern "win64" fn wdm_get_handle(globals: *mut WDF_DRIVER_GLOBALS, key: sys::HANDLE) -> sys::HANDLE {
    enter!("WdfRegistryWdmGetHandle", globals);
    let mut state = state();
    let key = state.key("WdfRegistryWdmGetHandle", key.addr());
    if key.handle == 0 {
        key.handle = kernel().nt.handles.add_key(key.path.clone()).addr();
    }
    as_pointer(key.handle)
}
