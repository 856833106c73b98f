//! Reading a key's values (fxregistryapi.cpp, fxregkey.cpp). PASSIVE_LEVEL.

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    collection, enter, give, may_allocate, memory, state,
    string::{self, Text},
    text,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    kernel::kernel,
    registry::Value,
};

/// `REG_EXPAND_SZ` and `REG_MULTI_SZ`.
const EXPAND_SZ: u32 = 2;
pub(super) const MULTI_SZ: u32 = 7;

/// The value of that name.
///
/// # Safety
/// `name` is null or points to a string.
unsafe fn value(ddi: &'static str, key: sys::HANDLE, name: *const UNICODE_STRING) -> Result<Value, NtStatus> {
    let path = state().key(ddi, key.addr()).path.clone();
    // SAFETY: the caller's promise.
    let name = unsafe { text::read(name) }?;
    may_allocate(FaultKind::Object)?;
    kernel().registry.value(&path, &name).ok_or(status::OBJECT_NAME_NOT_FOUND)
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect()
}

/// The units of a string without the zero at its end; STATUS_OBJECT_TYPE_MISMATCH where it is none.
fn string_units(value: &Value) -> Result<Vec<u16>, NtStatus> {
    if !matches!(value, Value::String(_) | Value::Other(EXPAND_SZ, _)) {
        return Err(status::OBJECT_TYPE_MISMATCH);
    }
    let mut units = units(&value.bytes());
    if units.last() == Some(&0) {
        units.pop();
    }
    Ok(units)
}

fn done(result: Result<(), NtStatus>) -> NtStatus {
    result.err().unwrap_or(status::SUCCESS)
}

/// WdfRegistryQueryULong: STATUS_OBJECT_TYPE_MISMATCH where the value is no REG_DWORD.
pub(crate) unsafe extern "win64" fn query_ulong(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    result: *mut u32,
) -> NtStatus {
    enter!("WdfRegistryQueryULong", globals);
    // SAFETY: a driver passes a string.
    match unsafe { value("WdfRegistryQueryULong", key, name) } {
        Ok(Value::Dword(value)) => {
            // SAFETY: a driver passes its variable.
            unsafe { give(result, value) };
            status::SUCCESS
        }
        Ok(_) => status::OBJECT_TYPE_MISMATCH,
        Err(status) => status,
    }
}

/// WdfRegistryQueryValue: STATUS_BUFFER_OVERFLOW where it is longer than the buffer, which is left alone.
pub(crate) unsafe extern "win64" fn query_value(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    room: u32,
    to: *mut u8,
    length: *mut u32,
    kind: *mut u32,
) -> NtStatus {
    enter!("WdfRegistryQueryValue", globals);
    // SAFETY: a driver passes a string.
    let value = match unsafe { value("WdfRegistryQueryValue", key, name) } {
        Ok(value) => value,
        Err(status) => return status,
    };
    let bytes = value.bytes();
    // SAFETY: a driver passes a variable or null.
    unsafe { give(length, bytes.len() as u32) };
    // SAFETY: as above.
    unsafe { give(kind, value.kind()) };
    if bytes.len() > room as usize || to.is_null() {
        return status::BUFFER_OVERFLOW;
    }
    // SAFETY: the driver's buffer has `room` bytes.
    unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    status::SUCCESS
}

/// WdfRegistryQueryMemory: the value's bytes in a WDFMEMORY. STATUS_RESOURCE_DATA_NOT_FOUND where there are none.
pub(crate) unsafe extern "win64" fn query_memory(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    pool: i32,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFMEMORY,
    kind: *mut u32,
) -> NtStatus {
    const DDI: &str = "WdfRegistryQueryMemory";
    let id = enter!("WdfRegistryQueryMemory", globals);
    memory::check_pool(DDI, pool);
    // SAFETY: a driver passes its attributes or null.
    let attributes = unsafe { Attributes::read(attributes, Parent::Allowed, false) };
    // SAFETY: a driver passes a string.
    let found = attributes.and_then(|attributes| Ok((attributes, unsafe { value(DDI, key, name) }?)));
    let (attributes, value) = match found {
        Ok(found) => found,
        Err(status) => return status,
    };
    let bytes = value.bytes();
    if bytes.is_empty() {
        return status::RESOURCE_DATA_NOT_FOUND;
    }
    let (handle, buffer) = match memory::allocate(DDI, id, &attributes, bytes.len()) {
        Ok(made) => made,
        Err(status) => return status,
    };
    // SAFETY: the buffer was made just now, with as many bytes.
    unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    // SAFETY: a driver passes a variable or null.
    unsafe { give(kind, value.kind()) };
    status::SUCCESS
}

/// WdfRegistryQueryString, into a WDFSTRING.
pub(crate) unsafe extern "win64" fn query_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    to: sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfRegistryQueryString";
    enter!("WdfRegistryQueryString", globals);
    state().string(DDI, to.addr());
    // SAFETY: a driver passes a string.
    let units = unsafe { value(DDI, key, name) }.and_then(|value| string_units(&value));
    done(units.and_then(|units| string::assign(DDI, to.addr(), &units)))
}

/// WdfRegistryQueryUnicodeString, into the driver's own string. STATUS_BUFFER_OVERFLOW where that is too short; the length
/// is that of the whole with its zero.
pub(crate) unsafe extern "win64" fn query_unicode_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    length: *mut u16,
    to: *mut UNICODE_STRING,
) -> NtStatus {
    enter!("WdfRegistryQueryUnicodeString", globals);
    let room = if to.is_null() {
        None
    } else {
        // SAFETY: a driver passes its string or null.
        Some(unsafe { to.read_unaligned() })
    };
    if room.is_some_and(|to| to.MaximumLength == 0 || to.Length > to.MaximumLength) {
        return status::INVALID_PARAMETER;
    }
    // SAFETY: a driver passes a string.
    let value = match unsafe { value("WdfRegistryQueryUnicodeString", key, name) } {
        Ok(value) => value,
        Err(status) => return status,
    };
    let bytes = value.bytes();
    let fits = room.is_some_and(|to| bytes.len() <= to.MaximumLength as usize);
    if fits && string_units(&value).is_err() {
        return status::OBJECT_TYPE_MISMATCH;
    }
    // SAFETY: a driver passes a variable or null.
    unsafe { give(length, bytes.len() as u16) };
    let (Some(mut string), true) = (room, fits) else { return status::BUFFER_OVERFLOW };
    // SAFETY: the string's buffer has `MaximumLength` bytes, which are enough.
    unsafe { string.Buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    let ends = bytes.ends_with(&[0, 0]);
    string.Length = bytes.len() as u16 - if ends { 2 } else { 0 };
    // SAFETY: a driver passes its string.
    unsafe { to.write_unaligned(string) };
    status::SUCCESS
}

/// WdfRegistryQueryMultiString: a WDFSTRING for each, at the end of the collection; none where one cannot be made.
pub(crate) unsafe extern "win64" fn query_multi_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    key: sys::HANDLE,
    name: *const UNICODE_STRING,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    to: sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfRegistryQueryMultiString";
    let id = enter!("WdfRegistryQueryMultiString", globals);
    state().collection(DDI, to.addr());
    // SAFETY: a driver passes its attributes or null.
    let attributes = unsafe { Attributes::read(attributes, Parent::Allowed, false) };
    // SAFETY: a driver passes a string.
    let found = attributes.and_then(|attributes| Ok((attributes, unsafe { value(DDI, key, name) }?)));
    let (attributes, value) = match found {
        Ok(found) => found,
        Err(status) => return status,
    };
    if value.kind() != MULTI_SZ {
        return status::OBJECT_TYPE_MISMATCH;
    }
    let units = units(&value.bytes());
    if units.is_empty() {
        return status::RESOURCE_DATA_NOT_FOUND;
    }
    let strings: Result<Vec<_>, _> = units
        .split(|unit| *unit == 0)
        .take_while(|string| !string.is_empty())
        .map(|string| {
            may_allocate(FaultKind::Object)?;
            Text::new(string)
        })
        .collect();
    done(strings.map(|strings| {
        for text in strings {
            collection::push(DDI, to.addr(), string::add(DDI, id, &attributes, text));
        }
    }))
}
