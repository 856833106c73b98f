//! WDFKEY: the driver's Parameters key, backed by the run's registry (fxregistryapi.cpp).

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, lifecycle, may_allocate,
    object::{Body, Kind, NULL},
    state, text,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    kernel::kernel,
    registry::Value,
};

/// WdfDriverOpenParametersRegistryKey.
pub(crate) unsafe extern "win64" fn open_parameters(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
    _access: u32,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfDriverOpenParametersRegistryKey", globals);
    state().driver("WdfDriverOpenParametersRegistryKey", driver.addr());
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Allowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let parent = if attributes.parent == NULL { driver.addr() } else { attributes.parent };
    let handle = state().add(Kind::Key, id, parent, &attributes, Body::Key);
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfRegistryQueryULong: STATUS_OBJECT_TYPE_MISMATCH where the value is no REG_DWORD.
pub(crate) unsafe extern "win64" fn query_ulong(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    result: *mut u32,
) -> NtStatus {
    enter!("WdfRegistryQueryULong", globals);
    state().object("WdfRegistryQueryULong", key.addr(), Kind::Key);
    // SAFETY: a driver passes a string.
    let name = match unsafe { text::read(name) } {
        Ok(name) => name,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    match kernel().registry.get(&name) {
        Some(Value::Dword(value)) => {
            // SAFETY: a driver passes its variable.
            unsafe { give(result, value) };
            status::SUCCESS
        }
        Some(_) => status::OBJECT_TYPE_MISMATCH,
        None => status::OBJECT_NAME_NOT_FOUND,
    }
}

/// WdfRegistryClose.
pub(crate) unsafe extern "win64" fn close(globals: *mut WDF_DRIVER_GLOBALS, key: sys::HANDLE) {
    enter!("WdfRegistryClose", globals);
    state().object("WdfRegistryClose", key.addr(), Kind::Key);
    lifecycle::delete(key.addr());
}
