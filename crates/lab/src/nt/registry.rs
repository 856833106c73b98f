//! The registry by handle (`Zw*Key`) and by table (`RtlQueryRegistryValues`). PASSIVE_LEVEL.
//!
//! Paths are full, or relative to a key's handle. A key is there when it is a service's or was created.

use nblease_ndis::sys::{
    ACCESS_MASK, HANDLE, NTSTATUS, OBJECT_ATTRIBUTES, PVOID, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, ULONG, UNICODE_STRING, WCHAR,
};

use super::{enter, object::Object, pool, string};
use crate::{exports, kernel::kernel, pe::Export, registry::Value, thread::PASSIVE_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "RtlCheckRegistryKey" => rtl_check_registry_key,
    "RtlQueryRegistryValues" => rtl_query_registry_values,
    "RtlQueryRegistryValuesEx" => rtl_query_registry_values,
    "RtlWriteRegistryValue" => rtl_write_registry_value,
    "ZwCreateKey" => zw_create_key,
    "ZwDeleteValueKey" => zw_delete_value_key,
    "ZwEnumerateValueKey" => zw_enumerate_value_key,
    "ZwFlushKey" => zw_flush_key,
    "ZwOpenKey" => zw_open_key,
    "ZwOpenKeyEx" => zw_open_key_ex,
    "ZwQueryValueKey" => zw_query_value_key,
    "ZwSetValueKey" => zw_set_value_key,
};

const SERVICES: &str = r"\Registry\Machine\System\CurrentControlSet\Services";
const CONTROL: &str = r"\Registry\Machine\System\CurrentControlSet\Control";
/// `REG_CREATED_NEW_KEY` and `REG_OPENED_EXISTING_KEY`.
const CREATED: ULONG = 1;
const OPENED: ULONG = 2;

/// The path that an object's attributes name; none where their root is no key.
fn path_of(attributes: *const OBJECT_ATTRIBUTES) -> Option<String> {
    // SAFETY: the DDI demands object attributes; what is none faults and is reported.
    let OBJECT_ATTRIBUTES { RootDirectory, ObjectName, .. } = unsafe { *attributes };
    let name = string::text(ObjectName);
    if RootDirectory.is_null() {
        return Some(name);
    }
    let root = key_of(RootDirectory)?;
    Some(if name.is_empty() { root } else { format!(r"{root}\{name}") })
}

/// The path of the key behind a handle.
fn key_of(handle: HANDLE) -> Option<String> {
    match kernel().nt.handles.get(handle)? {
        Object::Key(path) => Some(path),
        _ => None,
    }
}

fn give_handle(to: *mut HANDLE, path: String) {
    let handle = kernel().nt.handles.add(Object::Key(path));
    // SAFETY: the DDI demands storage for the handle.
    unsafe { to.write(handle) };
}

fn open(handle: *mut HANDLE, attributes: *const OBJECT_ATTRIBUTES) -> NTSTATUS {
    enter("ZwOpenKey", PASSIVE_LEVEL);
    let Some(path) = path_of(attributes) else { return STATUS_INVALID_HANDLE };
    if !kernel().registry.has_key(&path) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    give_handle(handle, path);
    STATUS_SUCCESS
}

unsafe extern "win64" fn zw_open_key(
    handle: *mut HANDLE,
    _access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    open(handle, attributes)
}

unsafe extern "win64" fn zw_open_key_ex(
    handle: *mut HANDLE,
    _access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
    _options: ULONG,
) -> NTSTATUS {
    open(handle, attributes)
}

unsafe extern "win64" fn zw_create_key(
    handle: *mut HANDLE,
    _access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
    _title: ULONG,
    _class: *const UNICODE_STRING,
    _options: ULONG,
    disposition: *mut ULONG,
) -> NTSTATUS {
    enter("ZwCreateKey", PASSIVE_LEVEL);
    let Some(path) = path_of(attributes) else { return STATUS_INVALID_HANDLE };
    let created = kernel().registry.create_key(&path);
    if !disposition.is_null() {
        // SAFETY: the DDI demands null or storage.
        unsafe { disposition.write(if created { CREATED } else { OPENED }) };
    }
    give_handle(handle, path);
    STATUS_SUCCESS
}

unsafe extern "win64" fn zw_flush_key(_handle: HANDLE) -> NTSTATUS {
    enter("ZwFlushKey", PASSIVE_LEVEL);
    STATUS_SUCCESS
}

/// A value in the form of an information class: the whole, and how much of it has to fit at least. None for a class that
/// there is not.
fn information(class: i32, name: &str, value: &Value) -> Option<(Vec<u8>, usize)> {
    let (data, name): (_, Vec<u8>) = (value.bytes(), name.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let words = |words: &[usize]| words.iter().flat_map(|word| (*word as u32).to_le_bytes()).collect::<Vec<u8>>();
    let kind = value.kind() as usize;
    Some(match class {
        // KeyValueBasicInformation, KeyValueFullInformation, KeyValuePartialInformation.
        0 => ([words(&[0, kind, name.len()]), name].concat(), 12),
        1 => {
            let padding = vec![0; name.len().next_multiple_of(8) + 4 - name.len()];
            let offset = 20 + name.len() + padding.len();
            ([words(&[0, kind, offset, data.len(), name.len()]), name, padding, data].concat(), 20)
        }
        2 => ([words(&[0, kind, data.len()]), data].concat(), 12),
        _ => return None,
    })
}

/// Gives as much of it as there is room for.
fn give(class: i32, name: &str, value: &Value, to: PVOID, room: ULONG, needed: *mut ULONG) -> NTSTATUS {
    let Some((whole, least)) = information(class, name, value) else { return STATUS_INVALID_PARAMETER };
    // SAFETY: the DDI demands storage for the length.
    unsafe { needed.write(whole.len() as ULONG) };
    let room = room as usize;
    if room < least {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let count = whole.len().min(room);
    // SAFETY: the DDI demands a buffer of the length given.
    unsafe { to.cast::<u8>().copy_from_nonoverlapping(whole.as_ptr(), count) };
    if count < whole.len() { STATUS_BUFFER_OVERFLOW } else { STATUS_SUCCESS }
}

unsafe extern "win64" fn zw_query_value_key(
    handle: HANDLE,
    name: *const UNICODE_STRING,
    class: i32,
    to: PVOID,
    room: ULONG,
    needed: *mut ULONG,
) -> NTSTATUS {
    enter("ZwQueryValueKey", PASSIVE_LEVEL);
    let Some(path) = key_of(handle) else { return STATUS_INVALID_HANDLE };
    let name = string::text(name);
    match kernel().registry.value(&path, &name) {
        Some(value) => give(class, &name, &value, to, room, needed),
        None => STATUS_OBJECT_NAME_NOT_FOUND,
    }
}

unsafe extern "win64" fn zw_enumerate_value_key(
    handle: HANDLE,
    index: ULONG,
    class: i32,
    to: PVOID,
    room: ULONG,
    needed: *mut ULONG,
) -> NTSTATUS {
    enter("ZwEnumerateValueKey", PASSIVE_LEVEL);
    let Some(path) = key_of(handle) else { return STATUS_INVALID_HANDLE };
    match kernel().registry.values(&path).get(index as usize) {
        Some((name, value)) => give(class, name, value, to, room, needed),
        None => STATUS_NO_MORE_ENTRIES,
    }
}

/// The bytes of a value that a driver writes.
fn bytes_at(data: PVOID, len: ULONG) -> Vec<u8> {
    if len == 0 {
        return Vec::new();
    }
    // SAFETY: the DDI demands so many bytes; where they are not there, this faults and is reported.
    unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) }.to_vec()
}

unsafe extern "win64" fn zw_set_value_key(
    handle: HANDLE,
    name: *const UNICODE_STRING,
    _title: ULONG,
    kind: ULONG,
    data: PVOID,
    len: ULONG,
) -> NTSTATUS {
    enter("ZwSetValueKey", PASSIVE_LEVEL);
    let Some(path) = key_of(handle) else { return STATUS_INVALID_HANDLE };
    kernel().registry.set_value(&path, &string::text(name), Value::from_bytes(kind, &bytes_at(data, len)));
    STATUS_SUCCESS
}

unsafe extern "win64" fn zw_delete_value_key(handle: HANDLE, name: *const UNICODE_STRING) -> NTSTATUS {
    enter("ZwDeleteValueKey", PASSIVE_LEVEL);
    let Some(path) = key_of(handle) else { return STATUS_INVALID_HANDLE };
    let deleted = kernel().registry.delete_value(&path, &string::text(name));
    if deleted { STATUS_SUCCESS } else { STATUS_OBJECT_NAME_NOT_FOUND }
}

// RTL_REGISTRY_*: what a path of the Rtl functions is relative to.
const ABSOLUTE: ULONG = 0;
const RELATIVE_SERVICES: ULONG = 1;
const RELATIVE_CONTROL: ULONG = 2;
const RELATIVE_HANDLE: ULONG = 0x4000_0000;
const OPTIONAL: ULONG = 0x8000_0000;

fn relative(to: ULONG, path: *const WCHAR) -> Option<String> {
    if to & RELATIVE_HANDLE != 0 {
        return key_of(path.cast_mut().cast());
    }
    let path = String::from_utf16_lossy(&string::wide_string(path));
    match to & !OPTIONAL {
        ABSOLUTE => Some(path),
        RELATIVE_SERVICES => Some(format!(r"{SERVICES}\{path}")),
        RELATIVE_CONTROL => Some(format!(r"{CONTROL}\{path}")),
        _ => None,
    }
}

unsafe extern "win64" fn rtl_check_registry_key(to: ULONG, path: *const WCHAR) -> NTSTATUS {
    enter("RtlCheckRegistryKey", PASSIVE_LEVEL);
    let there = relative(to, path).is_some_and(|path| kernel().registry.has_key(&path));
    if there { STATUS_SUCCESS } else { STATUS_OBJECT_NAME_NOT_FOUND }
}

unsafe extern "win64" fn rtl_write_registry_value(
    to: ULONG,
    path: *const WCHAR,
    name: *const WCHAR,
    kind: ULONG,
    data: PVOID,
    len: ULONG,
) -> NTSTATUS {
    enter("RtlWriteRegistryValue", PASSIVE_LEVEL);
    let path = relative(to, path).filter(|path| kernel().registry.has_key(path));
    let Some(path) = path else { return STATUS_OBJECT_NAME_NOT_FOUND };
    let name = String::from_utf16_lossy(&string::wide_string(name));
    kernel().registry.set_value(&path, &name, Value::from_bytes(kind, &bytes_at(data, len)));
    STATUS_SUCCESS
}

/// `RTL_QUERY_REGISTRY_TABLE`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    routine: Option<unsafe extern "win64" fn(*mut WCHAR, ULONG, PVOID, ULONG, PVOID, PVOID) -> NTSTATUS>,
    flags: ULONG,
    name: *mut WCHAR,
    value_at: PVOID,
    default_type: ULONG,
    default_data: PVOID,
    default_length: ULONG,
}

impl Entry {
    /// Type of the default; the type to be checked stands in the top byte.
    fn default_kind(&self) -> u32 {
        self.default_type & 0xff_ffff
    }
}

// RTL_QUERY_REGISTRY_*
const SUBKEY: ULONG = 1;
const TOP_KEY: ULONG = 2;
const REQUIRED: ULONG = 4;
const NO_VALUE: ULONG = 8;
const DIRECT: ULONG = 0x20;
const DELETE: ULONG = 0x40;
const TYPE_CHECK: ULONG = 0x100;
/// Pool of a string that was allocated for a driver, which frees it.
const STRING_TAG: [u8; 4] = *b"RtlS";

unsafe extern "win64" fn rtl_query_registry_values(
    to: ULONG,
    path: *const WCHAR,
    table: *mut Entry,
    context: PVOID,
    _environment: PVOID,
) -> NTSTATUS {
    enter("RtlQueryRegistryValues", PASSIVE_LEVEL);
    let Some(top) = relative(to, path).filter(|path| kernel().registry.has_key(path)) else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    let (mut path, mut at) = (top.clone(), table);
    loop {
        // SAFETY: the DDI demands a table that ends with an entry of zeros.
        let entry = unsafe { at.read() };
        at = at.wrapping_add(1);
        if entry.routine.is_none() && entry.flags & (SUBKEY | DIRECT) == 0 {
            return STATUS_SUCCESS;
        }
        let name = String::from_utf16_lossy(&string::wide_string(entry.name));
        if entry.flags & (SUBKEY | TOP_KEY) != 0 {
            path.clone_from(&top);
        }
        if entry.flags & SUBKEY != 0 {
            path = format!(r"{path}\{name}");
            if !kernel().registry.has_key(&path) {
                return STATUS_OBJECT_NAME_NOT_FOUND;
            }
            continue;
        }
        let status = query(&path, &name, &entry, context);
        if status < 0 {
            return status;
        }
    }
}

/// One entry of a table.
fn query(path: &str, name: &str, entry: &Entry, context: PVOID) -> NTSTATUS {
    let value = if entry.flags & NO_VALUE != 0 { None } else { kernel().registry.value(path, name) };
    let found = value.is_some();
    let default = || Value::from_bytes(entry.default_kind(), &default_bytes(entry));
    let value = match value {
        Some(value) => value,
        None if entry.flags & REQUIRED != 0 => return STATUS_OBJECT_NAME_NOT_FOUND,
        None if entry.default_kind() == 0 && entry.flags & NO_VALUE == 0 => return STATUS_SUCCESS,
        None => default(),
    };
    let status = if entry.flags & DIRECT != 0 {
        direct(&value, entry)
    } else if let Some(routine) = entry.routine {
        let mut bytes = value.bytes();
        // SAFETY: the driver's own routine, called as part of its call.
        unsafe {
            routine(entry.name, value.kind(), bytes.as_mut_ptr().cast(), bytes.len() as ULONG, context, entry.value_at)
        }
    } else {
        STATUS_SUCCESS
    };
    if found && entry.flags & DELETE != 0 && status >= 0 {
        kernel().registry.delete_value(path, name);
    }
    status
}

/// A default's bytes; a string's length may be left out.
fn default_bytes(entry: &Entry) -> Vec<u8> {
    if entry.default_kind() == 1 && entry.default_length == 0 {
        return string::wide_string(entry.default_data.cast()).into_iter().flat_map(u16::to_le_bytes).collect();
    }
    bytes_at(entry.default_data, entry.default_length)
}

/// Stores a value where the entry says, without a routine.
fn direct(value: &Value, entry: &Entry) -> NTSTATUS {
    let wanted = entry.default_type >> 24;
    if entry.flags & TYPE_CHECK != 0 && wanted != value.kind() {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    let bytes = value.bytes();
    match value {
        Value::String(_) | Value::Other(2 | 7, _) => direct_string(&bytes, entry.value_at.cast()),
        Value::Dword(_) | Value::Qword(_) | Value::Binary(_) | Value::Other(..) => {
            // What is longer than 4 bytes begins with the room that there is, negative where it is to be kept as it is.
            let count = if bytes.len() <= 4 { bytes.len() } else { bytes.len().min(room_of(entry.value_at)) };
            // SAFETY: the DDI demands a buffer at the entry's context.
            unsafe { entry.value_at.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), count) };
            STATUS_SUCCESS
        }
    }
}

fn room_of(buffer: PVOID) -> usize {
    // SAFETY: the DDI demands a buffer that begins with its length.
    unsafe { buffer.cast::<i32>().read() }.unsigned_abs() as usize
}

/// Fills a counted string; one without a buffer gets one from the pool, which the driver frees.
fn direct_string(bytes: &[u8], string: *mut UNICODE_STRING) -> NTSTATUS {
    // SAFETY: the DDI demands a counted string at the entry's context.
    let string = unsafe { &mut *string };
    if string.Buffer.is_null() {
        let buffer = pool::allocate_object(STRING_TAG, bytes.len());
        if buffer.is_null() {
            return nblease_ndis::sys::STATUS_INSUFFICIENT_RESOURCES;
        }
        string.Buffer = buffer.cast();
        string.MaximumLength = bytes.len() as u16;
    }
    if usize::from(string.MaximumLength) < bytes.len() {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the buffer has room for them.
    unsafe { string.Buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    string.Length = (bytes.len().saturating_sub(2)) as u16;
    STATUS_SUCCESS
}
