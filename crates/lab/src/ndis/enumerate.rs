//! The filter modules of a stack, as a driver may ask for them, and whether that stack is a virtual switch's.
//!
//! After `NdisEnumerateFilterModules`, `NDIS_ENUM_FILTERS`, `NDIS_FILTER_INTERFACE`, `NdisFGetOptionalSwitchHandlers`.

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_STATUS, NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS, PVOID, UNICODE_STRING,
};

use super::{attach::header, module::Module, raw};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "NdisEnumerateFilterModules" => enumerate,
    "NdisFGetOptionalSwitchHandlers" => switch_handlers,
};

/// `NdisFilterTypeModifying` and the run type of a filter that the stack can do without: what INF files mostly say.
const MODIFYING: u32 = 2;
const OPTIONAL: u32 = 2;
/// `FilterClass` of a filter whose INF the lab has not read.
const CLASS: &str = "custom";
// NDIS_FILTER_INTERFACE_*
const LW_FILTER: u32 = 2;
const SEND_BYPASS: u32 = 4;
const RECEIVE_BYPASS: u32 = 8;

/// `NDIS_ENUM_FILTERS` without its array.
#[repr(C)]
#[derive(Clone, Copy)]
struct EnumFilters {
    header: NDIS_OBJECT_HEADER,
    flags: u32,
    count: u32,
    offset: u32,
}

/// `NDIS_FILTER_INTERFACE`.
#[repr(C)]
#[derive(Clone, Copy)]
struct FilterInterface {
    header: NDIS_OBJECT_HEADER,
    flags: u32,
    filter_type: u32,
    run_type: u32,
    if_index: u32,
    luid: u64,
    class: UNICODE_STRING,
    instance: UNICODE_STRING,
}

/// Where a string goes in the driver's buffer.
struct Text {
    units: Vec<u16>,
    at: PVOID,
}

impl Text {
    fn string(&self) -> UNICODE_STRING {
        let bytes = (self.units.len() * 2) as u16;
        UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: self.at.cast() }
    }

    fn put(&self) {
        let bytes: Vec<u8> = self.units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        raw::write_bytes(self.at.cast(), &bytes);
    }
}

/// PASSIVE_LEVEL. The topmost module comes first.
unsafe extern "win64" fn enumerate(
    handle: NDIS_HANDLE,
    buffer: PVOID,
    room: u32,
    needed: *mut u32,
    written: *mut u32,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisEnumerateFilterModules";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return NDIS_STATUS_INVALID_PARAMETER };
    let modules = module.adapter.modules();
    let names: Vec<Vec<u16>> = modules.iter().rev().flat_map(|m| [utf16(CLASS), utf16(&m.instance_name())]).collect();
    let texts_at = size_of::<EnumFilters>() + modules.len() * size_of::<FilterInterface>();
    let bytes = texts_at + names.iter().map(|name| name.len() * 2).sum::<usize>();
    raw::write(needed, bytes as u32);
    raw::write(written, 0);
    if (room as usize) < bytes {
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    let first = size_of::<EnumFilters>();
    let head = EnumFilters {
        header: header(NDIS_OBJECT_TYPE_DEFAULT, 1, first + size_of::<FilterInterface>()),
        flags: 0,
        count: modules.len() as u32,
        offset: first as u32,
    };
    raw::write(buffer.cast(), head);
    let mut texts_at = texts_at;
    let mut texts = names.into_iter().map(|units| {
        let at = buffer.wrapping_byte_add(texts_at);
        texts_at += units.len() * 2;
        Text { units, at }
    });
    for (number, module) in modules.iter().rev().enumerate() {
        let (Some(class), Some(instance)) = (texts.next(), texts.next()) else { break };
        let at: *mut FilterInterface = buffer.wrapping_byte_add(first).cast();
        raw::write(at.wrapping_add(number), interface(module, &class, &instance));
        class.put();
        instance.put();
    }
    raw::write(written, bytes as u32);
    NDIS_STATUS_SUCCESS
}

fn interface(module: &Module, class: &Text, instance: &Text) -> FilterInterface {
    let handlers = module.handlers();
    let bypass = |bypassed: bool, flag| if bypassed { flag } else { 0 };
    FilterInterface {
        header: header(NDIS_OBJECT_TYPE_DEFAULT, 2, size_of::<FilterInterface>()),
        flags: LW_FILTER
            | bypass(handlers.send.is_none() && handlers.send_complete.is_none(), SEND_BYPASS)
            | bypass(handlers.receive.is_none() && handlers.return_.is_none(), RECEIVE_BYPASS),
        filter_type: MODIFYING,
        run_type: OPTIONAL,
        if_index: module.if_index,
        luid: module.luid,
        class: class.string(),
        instance: instance.string(),
    }
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// No stack of the lab is a virtual switch's.
unsafe extern "win64" fn switch_handlers(
    handle: NDIS_HANDLE,
    _context: *mut NDIS_HANDLE,
    handlers: *const NDIS_OBJECT_HEADER,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisFGetOptionalSwitchHandlers";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    raw::touch(handlers);
    if kernel().ndis.module(FUNCTION, handle).is_none() {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    NDIS_STATUS_NOT_SUPPORTED
}
