//! A driver's parameters by NDIS: NdisOpenConfigurationEx, NdisReadConfiguration and their kin. PASSIVE_LEVEL.
//!
//! After those pages, `NDIS_CONFIGURATION_OBJECT` and `NDIS_CONFIGURATION_PARAMETER`. What was read belongs to the handle:
//! it is gone when that is closed. All handles lead to the values that the scenario set.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
    PVOID, UNICODE_STRING,
};

use super::{check_header, driver::text, raw};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::{Access, Kind, Span},
    pe::exports::Export,
    registry::Value,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "NdisOpenConfigurationEx" => open,
    "NdisOpenConfigurationKeyByIndex" => open_by_index,
    "NdisOpenConfigurationKeyByName" => open_by_name,
    "NdisReadConfiguration" => read,
    "NdisReadNetworkAddress" => read_network_address,
    "NdisWriteConfiguration" => write,
    "NdisCloseConfiguration" => close,
};

/// `NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT`.
const CONFIGURATION_OBJECT: u8 = 0xa9;

// NDIS_PARAMETER_TYPE
const INTEGER: i32 = 0;
const HEX_INTEGER: i32 = 1;
const STRING: i32 = 2;
const MULTI_STRING: i32 = 3;
const BINARY: i32 = 4;

/// `NDIS_CONFIGURATION_OBJECT`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ConfigurationObject {
    header: NDIS_OBJECT_HEADER,
    handle: NDIS_HANDLE,
    flags: u32,
}

/// `NDIS_CONFIGURATION_PARAMETER`: the string's and the binary data's lengths lie at the same place, as do their buffers.
#[repr(C)]
#[derive(Clone, Copy)]
struct Parameter {
    kind: i32,
    data: Data,
}

#[repr(C)]
#[derive(Clone, Copy)]
union Data {
    integer: u32,
    string: UNICODE_STRING,
    binary: Binary,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Binary {
    len: u16,
    buffer: PVOID,
}

/// An open handle, and what was read through it.
#[derive(Default)]
struct Configuration {
    read: Mutex<Vec<Span>>,
}

fn enter(function: &'static str) {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
}

unsafe extern "win64" fn open(object: *mut ConfigurationObject, handle: *mut NDIS_HANDLE) -> NDIS_STATUS {
    enter("NdisOpenConfigurationEx");
    let object: ConfigurationObject = raw::read(object);
    // Through its last field, or with the gap that C leaves behind that.
    let sizes = [(1, 20), (1, size_of::<ConfigurationObject>() as u16)];
    if !check_header("NDIS_CONFIGURATION_OBJECT", object.header, CONFIGURATION_OBJECT, &sizes) {
        return NDIS_STATUS_FAILURE;
    }
    let ndis = &kernel().ndis;
    let known = ndis.drivers().iter().any(|driver| driver.handle == object.handle.addr())
        || ndis.module("NdisOpenConfigurationEx", object.handle).is_some();
    if !known {
        return NDIS_STATUS_FAILURE;
    }
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return NDIS_STATUS_RESOURCES;
    }
    raw::write(handle, ndis.objects.add("configuration", Arc::new(Configuration::default())));
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn open_by_name(
    status: *mut NDIS_STATUS,
    _configuration: NDIS_HANDLE,
    _name: *mut UNICODE_STRING,
    _handle: *mut NDIS_HANDLE,
) {
    enter("NdisOpenConfigurationKeyByName");
    // The parameters that a scenario sets have no keys below theirs.
    raw::write(status, NDIS_STATUS_FAILURE);
}

unsafe extern "win64" fn open_by_index(
    status: *mut NDIS_STATUS,
    _configuration: NDIS_HANDLE,
    _index: u32,
    _name: *mut UNICODE_STRING,
    _handle: *mut NDIS_HANDLE,
) {
    enter("NdisOpenConfigurationKeyByIndex");
    raw::write(status, NDIS_STATUS_FAILURE);
}

unsafe extern "win64" fn read(
    status: *mut NDIS_STATUS,
    parameter: *mut *mut Parameter,
    handle: NDIS_HANDLE,
    keyword: *mut UNICODE_STRING,
    kind: i32,
) {
    const FUNCTION: &str = "NdisReadConfiguration";
    enter(FUNCTION);
    let Some(configuration) = kernel().ndis.objects.get::<Configuration>(FUNCTION, handle) else {
        return raw::write(status, NDIS_STATUS_FAILURE);
    };
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return raw::write(status, NDIS_STATUS_RESOURCES);
    }
    let value = predefined(&text(raw::read(keyword))).or_else(|| kernel().registry.get(&text(raw::read(keyword))));
    let Some((kind, bytes)) = value.and_then(|value| as_parameter(&value, kind)) else {
        return raw::write(status, NDIS_STATUS_FAILURE);
    };
    let span = kernel().memory.alloc(Kind::Descriptor, size_of::<Parameter>() + bytes.len());
    let at: *mut Parameter = span.driver().cast();
    let buffer = span.driver().wrapping_add(size_of::<Parameter>());
    raw::write_bytes(buffer, &bytes);
    let len = bytes.len() as u16;
    let data = match kind {
        INTEGER | HEX_INTEGER => {
            Data { integer: bytes.iter().take(4).rev().fold(0, |value, byte| value << 8 | u32::from(*byte)) }
        }
        BINARY => Data { binary: Binary { len, buffer: buffer.cast() } },
        _ => {
            let text = len.saturating_sub(2);
            Data { string: UNICODE_STRING { Length: text, MaximumLength: len, Buffer: buffer.cast() } }
        }
    };
    raw::write(at, Parameter { kind, data });
    span.open(Access::ReadWrite);
    lock(&configuration.read).push(span);
    raw::write(parameter, at);
    raw::write(status, NDIS_STATUS_SUCCESS);
}

/// What is known without the registry: `Environment` (NdisEnvironmentWindowsNt), `ProcessorType` (NdisProcessorAmd64),
/// `NdisVersion`.
fn predefined(keyword: &str) -> Option<Value> {
    match keyword.to_ascii_lowercase().as_str() {
        "environment" => Some(Value::Dword(1)),
        "processortype" => Some(Value::Dword(4)),
        "ndisversion" => Some(Value::Dword(kernel().ndis.version.load(std::sync::atomic::Ordering::SeqCst))),
        _ => None,
    }
}

/// A value as the type asked for: its type and bytes. Numbers may be kept as text, as INF files do.
fn as_parameter(value: &Value, kind: i32) -> Option<(i32, Vec<u8>)> {
    let number = |radix| match value {
        Value::Dword(number) => Some(*number),
        Value::String(text) => u32::from_str_radix(text.trim(), radix).ok(),
        _ => None,
    };
    match kind {
        INTEGER => number(10).map(|number| (INTEGER, number.to_le_bytes().to_vec())),
        HEX_INTEGER => number(16).map(|number| (HEX_INTEGER, number.to_le_bytes().to_vec())),
        STRING => matches!(value, Value::String(_)).then(|| (STRING, value.bytes())),
        MULTI_STRING => matches!(value, Value::Other(7, _)).then(|| (MULTI_STRING, value.bytes())),
        BINARY => matches!(value, Value::Binary(_)).then(|| (BINARY, value.bytes())),
        _ => None,
    }
}

unsafe extern "win64" fn write(
    status: *mut NDIS_STATUS,
    handle: NDIS_HANDLE,
    keyword: *mut UNICODE_STRING,
    parameter: *mut Parameter,
) {
    const FUNCTION: &str = "NdisWriteConfiguration";
    enter(FUNCTION);
    if kernel().ndis.objects.get::<Configuration>(FUNCTION, handle).is_none() {
        return raw::write(status, NDIS_STATUS_FAILURE);
    }
    let parameter: Parameter = raw::read(parameter);
    // SAFETY: each view of the union holds its bytes.
    let integer = unsafe { parameter.data.integer };
    // SAFETY: as above.
    let string = unsafe { parameter.data.string };
    let value = match parameter.kind {
        INTEGER | HEX_INTEGER => Value::Dword(integer),
        STRING => Value::String(text(string)),
        BINARY | MULTI_STRING => {
            let mut bytes = vec![0; usize::from(string.Length)];
            raw::read_bytes(string.Buffer.cast(), &mut bytes);
            if parameter.kind == BINARY { Value::Binary(bytes) } else { Value::Other(7, bytes) }
        }
        _ => return raw::write(status, NDIS_STATUS_FAILURE),
    };
    kernel().registry.set(&text(raw::read(keyword)), value);
    raw::write(status, NDIS_STATUS_SUCCESS);
}

unsafe extern "win64" fn read_network_address(
    status: *mut NDIS_STATUS,
    _address: *mut PVOID,
    _len: *mut u32,
    _handle: NDIS_HANDLE,
) {
    enter("NdisReadNetworkAddress");
    // Nobody set one that differs from the card's.
    raw::write(status, NDIS_STATUS_FAILURE);
}

unsafe extern "win64" fn close(handle: NDIS_HANDLE) {
    const FUNCTION: &str = "NdisCloseConfiguration";
    enter(FUNCTION);
    kernel().ndis.objects.remove::<Configuration>(FUNCTION, handle);
}
