//! WDFLDR.SYS: binding a driver to the framework (fxlibrarycommon.cpp, FxLibraryCommonRegisterClient).
//!
//! Called at PASSIVE_LEVEL by the image's entry stub, before DriverEntry and after the last of unload.

use std::{collections::BTreeMap, mem, ptr, sync::Mutex};

use nblease_ndis::sys::{self, DRIVER_OBJECT, UNICODE_STRING, WDF_DRIVER_GLOBALS};

use super::{driver, give, table::Table, text};
use crate::{
    exports,
    io::{NtStatus, lent::Lent, status},
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// What WDFLDR.SYS exports.
pub const EXPORTS: &[Export] = exports! {
    "WdfVersionBind" => version_bind,
    "WdfVersionUnbind" => version_unbind,
    "WdfVersionBindClass" => version_bind_class,
    "WdfVersionUnbindClass" => version_unbind_class,
};

/// Functions in the tables of frameworks up to 1.13, which copied the table instead of handing out its address.
const LAST_COPIED: usize = 438;
/// Functions in the tables of the frameworks that were released, 1.0 to 1.33 (fxlibrarycommon.cpp).
const TABLES: [usize; 13] = [383, 386, 387, 396, 432, 438, 444, 446, 448, 451, 453, 454, 458];
/// The version that the lab models.
const MINOR: u32 = 33;

/// The head of WDF_BIND_INFO, common to all its versions.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct BindInfo {
    pub size: u32,
    pub component: *const u16,
    pub major: u32,
    pub minor: u32,
    pub build: u32,
    pub function_count: u32,
    pub function_table: *mut *const *const (),
    pub module: sys::PVOID,
}

/// What WDF_BIND_INFO2 adds for drivers that were built for 1.25 and above: where the driver's own variables lie (fxldr.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct Availability {
    minimum_minor: *const u32,
    higher_than_framework: *mut u8,
    functions: *mut u32,
    structures: *mut u32,
    structure_sizes: *mut usize,
}

/// The drivers that are bound.
#[derive(Default)]
pub(crate) struct Bindings {
    bound: Mutex<Vec<Binding>>,
    /// Where drivers keep the table's address, of those that have unbound too.
    pointers: Mutex<BTreeMap<DriverId, usize>>,
}

struct Binding {
    driver: DriverId,
    globals: Lent,
    table: Table,
}

impl Bindings {
    /// The driver whose globals lie at an address.
    pub(super) fn driver_of(&self, globals: usize) -> Option<DriverId> {
        let bound = lock(&self.bound);
        bound.iter().find(|b| b.globals.driver().addr() == globals).map(|b| b.driver)
    }

    /// Where a driver that has been bound keeps the table's address, where it does not keep the table.
    pub(crate) fn pointer_of(&self, driver: DriverId) -> Option<usize> {
        lock(&self.pointers).get(&driver).copied()
    }

    /// Runs `f` on the globals of a bound driver, in the lab's view.
    pub(super) fn with_globals<R>(&self, driver: DriverId, f: impl FnOnce(*mut WDF_DRIVER_GLOBALS) -> R) -> Option<R> {
        let bound = lock(&self.bound);
        bound.iter().find(|b| b.driver == driver).map(|b| f(b.globals.lab().cast()))
    }

    fn bind(&self, driver: DriverId, service: &str) -> (*mut WDF_DRIVER_GLOBALS, *const *const ()) {
        // SAFETY: WDF_DRIVER_GLOBALS is plain data for which all zeros is a value.
        let mut globals: WDF_DRIVER_GLOBALS = unsafe { mem::zeroed() };
        for (to, from) in globals.DriverName.iter_mut().take(31).zip(service.bytes()) {
            *to = from.cast_signed();
        }
        let binding = Binding { driver, globals: Lent::of(globals), table: Table::new() };
        let result = (binding.globals.driver().cast(), binding.table.address());
        lock(&self.bound).push(binding);
        result
    }

    fn unbind(&self, globals: usize) -> Option<DriverId> {
        let mut bound = lock(&self.bound);
        let at = bound.iter().position(|b| b.globals.driver().addr() == globals)?;
        Some(bound.remove(at).driver)
    }
}

/// Who binds: the driver whose entry point or unload routine runs on this thread.
fn caller(function: &str) -> DriverId {
    thread::current_driver().unwrap_or_else(|| {
        kernel().judge.fatal(rule::V07, format!("{function} was called outside the entry of a driver"), Vec::new())
    })
}

pub(crate) unsafe extern "win64" fn version_bind(
    driver_object: *mut DRIVER_OBJECT,
    registry_path: *const UNICODE_STRING,
    info: *const BindInfo,
    globals: *mut *mut WDF_DRIVER_GLOBALS,
) -> NtStatus {
    thread::enter("WdfVersionBind", PASSIVE_LEVEL, rule::V45);
    if driver_object.is_null() || info.is_null() || globals.is_null() {
        return status::INVALID_PARAMETER;
    }
    // SAFETY: the stub passes the loader's registry path.
    let Ok(path) = (unsafe { text::read(registry_path) }) else { return status::INVALID_PARAMETER };
    // SAFETY: the stub passes a bind structure that begins as every version of it does.
    let bind = unsafe { info.read_unaligned() };
    // SAFETY: it says how long it is.
    let availability = unsafe { availability(info, &bind) };
    let count = bind.function_count as usize;
    // SAFETY: the pointer is to a variable of the driver.
    let least = availability.map_or(bind.minor, |a| if bind.minor > MINOR { unsafe { *a.minimum_minor } } else { 0 });
    let newer = bind.minor > MINOR;
    if bind.major != 1 || least > MINOR || bind.function_table.is_null() || !(newer || TABLES.contains(&count)) {
        let name = kernel().driver_name(caller("WdfVersionBind"));
        eprintln!("{name} wants KMDF {}.{} with {count} functions; the lab has 1.{MINOR}", bind.major, bind.minor);
        return status::INVALID_PARAMETER;
    }
    if let Some(availability) = availability {
        // SAFETY: as above.
        unsafe { say_what_is_there(&availability, newer, count) };
    }
    let info = bind;
    let service = path.rsplit('\\').next().unwrap_or_default();
    let (bound, table) = kernel().wdf.bindings.bind(caller("WdfVersionBind"), service);
    if count <= LAST_COPIED {
        // SAFETY: such a driver has an array of `count` entries there; the lab's table is longer.
        unsafe { ptr::copy_nonoverlapping(table, info.function_table.cast(), count) };
    } else {
        // SAFETY: since 1.15 it is the address of the driver's pointer to the table.
        unsafe { info.function_table.write_unaligned(table) };
        lock(&kernel().wdf.bindings.pointers).insert(caller("WdfVersionBind"), info.function_table.addr());
    }
    // SAFETY: `globals` is the stub's variable.
    unsafe { globals.write_unaligned(bound) };
    status::SUCCESS
}

/// The further part of a bind structure, where it has one.
///
/// # Safety
/// `info` has as many bytes as `bind`, its head, says.
unsafe fn availability(info: *const BindInfo, bind: &BindInfo) -> Option<Availability> {
    let whole = size_of::<BindInfo>() + size_of::<Availability>();
    let further: *const Availability = info.wrapping_add(1).cast();
    // SAFETY: the caller's promise.
    (bind.size as usize >= whole).then(|| unsafe { further.read_unaligned() })
}

/// Fills the variables by which a driver asks whether a function or structure is there (WDF_IS_FUNCTION_AVAILABLE and its
/// kin). A driver for a newer framework is told of no structures beyond those that its oldest framework has.
///
/// # Safety
/// The pointers are null or to the driver's variables.
unsafe fn say_what_is_there(availability: &Availability, newer: bool, count: usize) {
    let functions = count.min(sys::WDF_FUNCTIONS.len()) as u32;
    // SAFETY: the caller's promise.
    unsafe { give(availability.higher_than_framework, u8::from(newer)) };
    // SAFETY: as above.
    unsafe { give(availability.functions, functions) };
    if newer {
        // SAFETY: as above.
        unsafe { give(availability.structures, 0) };
    }
}

pub(crate) unsafe extern "win64" fn version_unbind(
    _registry_path: *const UNICODE_STRING,
    _info: *const BindInfo,
    globals: *mut WDF_DRIVER_GLOBALS,
) -> NtStatus {
    thread::enter("WdfVersionUnbind", PASSIVE_LEVEL, rule::V45);
    let Some(driver) = kernel().wdf.bindings.driver_of(globals.addr()) else {
        kernel().judge.fatal(rule::V07, format!("WdfVersionUnbind was given {globals:p}, not bound"), Vec::new())
    };
    // Where DriverEntry failed after WdfDriverCreate, the framework deletes what is left (FxLibraryCommonUnregisterClient).
    driver::delete_all(driver);
    kernel().wdf.bindings.unbind(globals.addr());
    status::SUCCESS
}

pub(crate) unsafe extern "win64" fn version_bind_class(
    _info: *const BindInfo,
    _globals: *mut *mut WDF_DRIVER_GLOBALS,
    _class: sys::PVOID,
) -> NtStatus {
    kernel().judge.bug_check("WdfVersionBindClass: the driver wants a class extension of KMDF, and the lab has none")
}

pub(crate) unsafe extern "win64" fn version_unbind_class(
    _info: *const BindInfo,
    _globals: *mut WDF_DRIVER_GLOBALS,
    _class: sys::PVOID,
) {
    kernel().judge.bug_check("WdfVersionUnbindClass: the lab has no class extensions of KMDF")
}

/// What the lab leaves out of KMDF, by the beginnings of the functions' names.
const LEFT_OUT: &[(&[&str], &str)] = &[
    (&["WdfUsb"], "USB targets"),
    (&["WdfDma", "WdfCommonBuffer"], "DMA"),
    (&["WdfInterrupt"], "interrupts"),
    (&["WdfIoResource", "WdfCmResource"], "hardware resources"),
    (&["WdfWmi"], "WMI"),
    (&["WdfCx", "WdfCompanion", "WdfDeviceRetrieveCompanion"], "class extensions and companions"),
    (&["WdfDeviceMiniport"], "WDF miniports"),
    (&["WdfChildList", "WdfPdo", "WdfFdo"], "PnP devices"),
    (&["WdfDevice", "WdfRequestStopAcknowledge"], "PnP and power, which control devices do not have"),
];

/// Ends the run: the driver called what the lab does not model.
pub(crate) fn unmodelled(function: &str) -> ! {
    let family = LEFT_OUT.iter().find(|(starts, _)| starts.iter().any(|start| function.starts_with(start)));
    let why = family.map(|(_, what)| format!(": of KMDF it leaves out {what}")).unwrap_or_default();
    kernel().judge.bug_check(format!("the lab does not model {function}{why}"))
}
