//! WDFLDR.SYS: binding a driver to the framework (fxlibrarycommon.cpp, FxLibraryCommonRegisterClient).
//!
//! Called at PASSIVE_LEVEL by the image's entry stub, before DriverEntry and after the last of unload.

use std::{mem, ptr, sync::Mutex};

use nblease_ndis::sys::{self, DRIVER_OBJECT, UNICODE_STRING, WDF_DRIVER_GLOBALS};

use super::{driver, table::Table, text};
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

/// The drivers that are bound.
#[derive(Default)]
pub(crate) struct Bindings {
    bound: Mutex<Vec<Binding>>,
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
    let info = unsafe { info.read_unaligned() };
    let count = info.function_count as usize;
    let known = info.major == 1 && info.minor <= 33 && count > 0 && count <= sys::WDF_FUNCTIONS.len();
    if !known || info.function_table.is_null() {
        return status::INVALID_PARAMETER;
    }
    let service = path.rsplit('\\').next().unwrap_or_default();
    let (bound, table) = kernel().wdf.bindings.bind(caller("WdfVersionBind"), service);
    if count <= LAST_COPIED {
        // SAFETY: such a driver has an array of `count` entries there; the lab's table is longer.
        unsafe { ptr::copy_nonoverlapping(table, info.function_table.cast(), count) };
    } else {
        // SAFETY: since 1.15 it is the address of the driver's pointer to the table.
        unsafe { info.function_table.write_unaligned(table) };
    }
    // SAFETY: `globals` is the stub's variable.
    unsafe { globals.write_unaligned(bound) };
    status::SUCCESS
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
    unmodelled("WdfVersionBindClass")
}

pub(crate) unsafe extern "win64" fn version_unbind_class(
    _info: *const BindInfo,
    _globals: *mut WDF_DRIVER_GLOBALS,
    _class: sys::PVOID,
) {
    unmodelled("WdfVersionUnbindClass")
}

/// Ends the run: the driver called what the lab does not model.
pub(crate) fn unmodelled(function: &str) -> ! {
    kernel().judge.bug_check(format!("the lab does not model {function}"))
}
