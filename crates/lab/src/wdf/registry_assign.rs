//! Setting and deleting a key's values (fxregistryapi.cpp). PASSIVE_LEVEL.

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS};

use super::{enter, may_allocate, memory, object::Body, registry_query::MULTI_SZ, state, text};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    kernel::kernel,
    registry::Value,
};

/// `REG_SZ`.
const SZ: u32 = 1;

/// Sets a value.
///
/// # Safety
/// `name` is null or points to a string.
unsafe fn set(
    ddi: &'static str,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    value: impl FnOnce() -> Result<Value, NtStatus>,
) -> NtStatus {
    let path = state().key(ddi, key.addr()).path.clone();
    // SAFETY: the caller's promise.
    let set = unsafe { text::read(name) }.and_then(|name| {
        let value = value()?;
        may_allocate(FaultKind::Object)?;
        kernel().registry.set_value(&path, &name, value);
        Ok(())
    });
    set.err().unwrap_or(status::SUCCESS)
}

/// # Safety
/// `from` has `len` readable bytes.
unsafe fn bytes(from: *const u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    if len > 0 {
        // SAFETY: the caller's promise.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), len) };
    }
    bytes
}

/// WdfRegistryAssignULong.
pub(crate) unsafe extern "win64" fn assign_ulong(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    value: u32,
) -> NtStatus {
    enter!("WdfRegistryAssignULong", globals);
    // SAFETY: a driver passes a string.
    unsafe { set("WdfRegistryAssignULong", key, name, || Ok(Value::Dword(value))) }
}

/// WdfRegistryAssignValue.
pub(crate) unsafe extern "win64" fn assign_value(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    kind: u32,
    len: u32,
    from: *const u8,
) -> NtStatus {
    enter!("WdfRegistryAssignValue", globals);
    // SAFETY: a driver passes as many bytes as it says.
    let value = || Ok(Value::from_bytes(kind, &unsafe { bytes(from, len as usize) }));
    // SAFETY: a driver passes a string.
    unsafe { set("WdfRegistryAssignValue", key, name, value) }
}

/// WdfRegistryAssignMemory: the memory object, or a part of it.
pub(crate) unsafe extern "win64" fn assign_memory(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    kind: u32,
    memory: sys::WDFMEMORY,
    part: *const memory::Offset,
) -> NtStatus {
    const DDI: &str = "WdfRegistryAssignMemory";
    enter!("WdfRegistryAssignMemory", globals);
    // SAFETY: a driver passes its variable or null.
    let part = unsafe { memory::part_of(part) };
    let value = || {
        let (address, len) = state().memory(DDI, memory.addr()).range(part)?;
        // SAFETY: the memory object has these bytes.
        Ok(Value::from_bytes(kind, &unsafe { bytes(std::ptr::with_exposed_provenance(address), len) }))
    };
    // SAFETY: a driver passes a string.
    unsafe { set(DDI, key, name, value) }
}

/// WdfRegistryAssignUnicodeString.
pub(crate) unsafe extern "win64" fn assign_unicode_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    from: *const UNICODE_STRING,
) -> NtStatus {
    enter!("WdfRegistryAssignUnicodeString", globals);
    let value = || {
        // SAFETY: a driver passes a string.
        let units = unsafe { text::units(from) }?;
        let bytes: Vec<u8> = units.into_iter().chain([0]).flat_map(u16::to_le_bytes).collect();
        Ok(Value::from_bytes(SZ, &bytes))
    };
    // SAFETY: a driver passes a string.
    unsafe { set("WdfRegistryAssignUnicodeString", key, name, value) }
}

/// WdfRegistryAssignString, of a WDFSTRING.
pub(crate) unsafe extern "win64" fn assign_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    from: sys::HANDLE,
) -> NtStatus {
    enter!("WdfRegistryAssignString", globals);
    let bytes = state().string("WdfRegistryAssignString", from.addr()).bytes();
    // SAFETY: a driver passes a string.
    unsafe { set("WdfRegistryAssignString", key, name, || Ok(Value::from_bytes(SZ, &bytes))) }
}

/// WdfRegistryAssignMultiString: the WDFSTRINGs of a collection. STATUS_INVALID_PARAMETER where it holds anything else.
pub(crate) unsafe extern "win64" fn assign_multi_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    from: sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfRegistryAssignMultiString";
    enter!("WdfRegistryAssignMultiString", globals);
    let value = || {
        let mut state = state();
        let items = state.collection(DDI, from.addr()).items.clone();
        let strings = items.iter().map(|item| match &state.any(DDI, *item).body {
            Body::String(text) => Ok(text.bytes()),
            _ => Err(status::INVALID_PARAMETER),
        });
        let mut bytes = strings.collect::<Result<Vec<_>, _>>()?.concat();
        bytes.extend([0, 0]);
        Ok(Value::Other(MULTI_SZ, bytes))
    };
    // SAFETY: a driver passes a string.
    unsafe { set(DDI, key, name, value) }
}

/// WdfRegistryRemoveValue: STATUS_OBJECT_NAME_NOT_FOUND where it is not there.
pub(crate) unsafe extern "win64" fn remove_value(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
) -> NtStatus {
    enter!("WdfRegistryRemoveValue", globals);
    let path = state().key("WdfRegistryRemoveValue", key.addr()).path.clone();
    // SAFETY: a driver passes a string.
    match unsafe { text::read(name) } {
        Ok(name) if kernel().registry.delete_value(&path, &name) => status::SUCCESS,
        Ok(_) => status::OBJECT_NAME_NOT_FOUND,
        Err(status) => status,
    }
}
