//! PWDFDEVICE_INIT: what a control device is to be (fxdeviceinitapi.cpp).
//!
//! Allocated by WdfControlDeviceInitAllocate, consumed by WdfDeviceCreate, else given back by WdfDeviceInitFree. Used after
//! that it is a stale handle (V36); a function that has no status to return is judged where it would break into the
//! debugger under the framework's verifier (V07).

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    caller_context::EvtIoInCallerContext,
    enter, lifecycle, may_allocate,
    object::{Body, Kind, NULL},
    shutdown::Notification,
    state, text,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, Security, status},
    judge::rule,
    kernel::kernel,
};

/// What the driver said of the device to be.
#[derive(Clone)]
pub(crate) struct DeviceInit {
    pub security: Security,
    pub name: Option<String>,
    pub device_type: u32,
    pub characteristics: u32,
    pub exclusive: bool,
    /// `WDF_DEVICE_IO_TYPE` of reads and writes.
    pub io_type: i32,
    pub file_config: Option<WDF_FILEOBJECT_CONFIG>,
    pub file_attributes: Attributes,
    /// WdfDeviceInitSetFileObjectConfig was given attributes.
    pub file_attributes_given: bool,
    pub request_attributes: Attributes,
    pub in_caller_context: Option<EvtIoInCallerContext>,
    pub shutdown: Option<Notification>,
}

/// Changes what a PWDFDEVICE_INIT says.
pub(crate) fn change(ddi: &'static str, init: sys::PVOID, change: impl FnOnce(&mut DeviceInit)) {
    change(state().device_init(ddi, init.addr()));
}

// SAFETY: the raw parts are addresses of the driver's functions, which any thread may call.
unsafe impl Send for DeviceInit {}

/// WdfControlDeviceInitAllocate: null where the descriptor cannot be read or there is no memory.
pub(crate) unsafe extern "win64" fn allocate(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
    sddl: *const UNICODE_STRING,
) -> sys::PVOID {
    let id = enter!("WdfControlDeviceInitAllocate", globals);
    state().driver("WdfControlDeviceInitAllocate", driver.addr());
    // SAFETY: a driver passes a string.
    let security = unsafe { text::read(sddl) }.and_then(|text| Security::parse(&text));
    let Ok(security) = security else { return std::ptr::null_mut() };
    if may_allocate(FaultKind::Object).is_err() {
        return std::ptr::null_mut();
    }
    let init = DeviceInit {
        security,
        name: None,
        device_type: sys::FILE_DEVICE_UNKNOWN,
        characteristics: sys::FILE_DEVICE_SECURE_OPEN,
        exclusive: false,
        io_type: sys::WdfDeviceIoBuffered,
        file_config: None,
        file_attributes: Attributes::default(),
        file_attributes_given: false,
        request_attributes: Attributes::default(),
        in_caller_context: None,
        shutdown: None,
    };
    let body = Body::DeviceInit(Box::new(init));
    as_pointer(state().add(Kind::DeviceInit, id, NULL, &Attributes::default(), body))
}

/// WdfDeviceInitFree.
pub(crate) unsafe extern "win64" fn free(globals: *mut WDF_DRIVER_GLOBALS, init: sys::PVOID) {
    enter!("WdfDeviceInitFree", globals);
    state().device_init("WdfDeviceInitFree", init.addr());
    lifecycle::delete(init.addr());
}

/// WdfDeviceInitAssignName.
pub(crate) unsafe extern "win64" fn assign_name(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    name: *const UNICODE_STRING,
) -> NtStatus {
    enter!("WdfDeviceInitAssignName", globals);
    // A null name takes the name away.
    let name = if name.is_null() {
        None
    } else {
        // SAFETY: a driver passes a string.
        match unsafe { text::read(name) } {
            Ok(name) => Some(name),
            Err(status) => return status,
        }
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    state().device_init("WdfDeviceInitAssignName", init.addr()).name = name;
    status::SUCCESS
}

/// WdfDeviceInitAssignSDDLString.
pub(crate) unsafe extern "win64" fn assign_sddl(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    sddl: *const UNICODE_STRING,
) -> NtStatus {
    enter!("WdfDeviceInitAssignSDDLString", globals);
    // SAFETY: a driver passes a string.
    match unsafe { text::read(sddl) }.and_then(|text| Security::parse(&text)) {
        Ok(security) => {
            state().device_init("WdfDeviceInitAssignSDDLString", init.addr()).security = security;
            status::SUCCESS
        }
        Err(status) => status,
    }
}

/// WdfDeviceInitSetDeviceType.
pub(crate) unsafe extern "win64" fn set_device_type(globals: *mut WDF_DRIVER_GLOBALS, init: sys::PVOID, kind: u32) {
    enter!("WdfDeviceInitSetDeviceType", globals);
    state().device_init("WdfDeviceInitSetDeviceType", init.addr()).device_type = kind;
}

/// WdfDeviceInitSetCharacteristics.
pub(crate) unsafe extern "win64" fn set_characteristics(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    characteristics: u32,
    or: sys::BOOLEAN,
) {
    enter!("WdfDeviceInitSetCharacteristics", globals);
    let mut state = state();
    let init = state.device_init("WdfDeviceInitSetCharacteristics", init.addr());
    init.characteristics = if or == 0 { characteristics } else { init.characteristics | characteristics };
}

/// WdfDeviceInitSetExclusive.
pub(crate) unsafe extern "win64" fn set_exclusive(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    exclusive: sys::BOOLEAN,
) {
    enter!("WdfDeviceInitSetExclusive", globals);
    state().device_init("WdfDeviceInitSetExclusive", init.addr()).exclusive = exclusive != 0;
}

/// WdfDeviceInitSetIoType.
pub(crate) unsafe extern "win64" fn set_io_type(globals: *mut WDF_DRIVER_GLOBALS, init: sys::PVOID, kind: i32) {
    enter!("WdfDeviceInitSetIoType", globals);
    let known = (sys::WdfDeviceIoNeither..=sys::WdfDeviceIoDirect).contains(&kind);
    kernel().judge.check(rule::V07, known, || format!("WdfDeviceInitSetIoType was given {kind}"));
    state().device_init("WdfDeviceInitSetIoType", init.addr()).io_type = kind;
}

/// WdfDeviceInitSetFileObjectConfig.
pub(crate) unsafe extern "win64" fn set_file_object_config(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    config: *const WDF_FILEOBJECT_CONFIG,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
) {
    enter!("WdfDeviceInitSetFileObjectConfig", globals);
    // SAFETY: a driver passes its configuration.
    let config = unsafe { config.read_unaligned() };
    let given = !attributes.is_null();
    // SAFETY: a driver passes its attributes or null.
    let attributes = unsafe { Attributes::read(attributes, Parent::NotAllowed, true) };
    let classes = sys::WdfFileObjectNotRequired..=sys::WdfFileObjectWdfCannotUseFsContexts;
    let class = config.FileObjectClass & !sys::WdfFileObjectCanBeOptional;
    let sized = config.Size as usize == size_of::<WDF_FILEOBJECT_CONFIG>();
    kernel().judge.check(rule::V07, sized && classes.contains(&class) && attributes.is_ok(), || {
        format!("WdfDeviceInitSetFileObjectConfig: Size {}, class {class}, or the attributes are wrong", config.Size)
    });
    let mut state = state();
    let init = state.device_init("WdfDeviceInitSetFileObjectConfig", init.addr());
    init.file_config = Some(config);
    init.file_attributes = attributes.unwrap_or_default();
    init.file_attributes_given = given;
}

/// WdfDeviceInitSetRequestAttributes.
pub(crate) unsafe extern "win64" fn set_request_attributes(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
) {
    enter!("WdfDeviceInitSetRequestAttributes", globals);
    // SAFETY: a driver passes its attributes.
    let attributes = unsafe { Attributes::read(attributes, Parent::NotAllowed, false) };
    kernel().judge.check(rule::V07, attributes.is_ok(), || {
        format!(
            "WdfDeviceInitSetRequestAttributes: {}",
            attributes.as_ref().err().map_or_else(String::new, |s| status::name(*s))
        )
    });
    state().device_init("WdfDeviceInitSetRequestAttributes", init.addr()).request_attributes =
        attributes.unwrap_or_default();
}
