//! The IP stack's tables, which are empty, and notifications of their changes, which never come. PASSIVE_LEVEL.
//!
//! A registration that asks for an initial notification gets that one, before the function returns.

use std::sync::Arc;

use nblease_ndis::sys::PVOID;

use super::{NOT_FOUND, SUCCESS};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    ndis::{LAB, raw},
    pe::exports::Export,
    thread::{self, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "CancelMibChangeNotify2" => cancel,
    "FreeMibTable" => free_table,
    "GetIpInterfaceEntry" => no_row,
    "GetIpNetEntry2" => no_row,
    "GetIpNetTable2" => no_table,
    "GetUnicastIpAddressEntry" => no_row,
    "GetUnicastIpAddressTable" => no_table,
    "NotifyIpInterfaceChange" => notify_interface,
    "NotifyRouteChange2" => notify_route,
    "NotifyUnicastIpAddressChange" => notify_address,
};

/// `STATUS_INSUFFICIENT_RESOURCES`.
const INSUFFICIENT_RESOURCES: i32 = 0xc000_009a_u32.cast_signed();
/// `MibInitialNotification`.
const INITIAL: i32 = 3;

/// Context, row (none), kind of notification.
type Callback = unsafe extern "win64" fn(PVOID, PVOID, i32);

/// A registration for changes.
struct Notification;

unsafe extern "win64" fn notify_interface(
    _family: u16,
    callback: Callback,
    context: PVOID,
    initial: u8,
    handle: *mut PVOID,
) -> i32 {
    notify("NotifyIpInterfaceChange", callback, context, initial, handle)
}

unsafe extern "win64" fn notify_route(
    _family: u16,
    callback: Callback,
    context: PVOID,
    initial: u8,
    handle: *mut PVOID,
) -> i32 {
    notify("NotifyRouteChange2", callback, context, initial, handle)
}

unsafe extern "win64" fn notify_address(
    _family: u16,
    callback: Callback,
    context: PVOID,
    initial: u8,
    handle: *mut PVOID,
) -> i32 {
    notify("NotifyUnicastIpAddressChange", callback, context, initial, handle)
}

fn notify(function: &'static str, callback: Callback, context: PVOID, initial: u8, handle: *mut PVOID) -> i32 {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return INSUFFICIENT_RESOURCES;
    }
    raw::write(handle, kernel().ndis.objects.add("change notification", Arc::new(Notification)));
    if initial != 0 {
        let driver = thread::current_driver().unwrap_or(LAB);
        thread::call_driver(driver, "change notification callback", PASSIVE_LEVEL, || {
            // SAFETY: the DDI's second argument is a routine of this type.
            unsafe { callback(context, std::ptr::null_mut(), INITIAL) }
        });
    }
    SUCCESS
}

unsafe extern "win64" fn cancel(handle: PVOID) -> i32 {
    const FUNCTION: &str = "CancelMibChangeNotify2";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    kernel().ndis.objects.remove::<Notification>(FUNCTION, handle).map_or(NOT_FOUND, |_| SUCCESS)
}

unsafe extern "win64" fn no_row(row: PVOID) -> i32 {
    thread::enter("GetUnicastIpAddressEntry", PASSIVE_LEVEL, rule::V09);
    raw::touch(row);
    NOT_FOUND
}

unsafe extern "win64" fn no_table(_family: u16, table: *mut PVOID) -> i32 {
    thread::enter("GetUnicastIpAddressTable", PASSIVE_LEVEL, rule::V09);
    raw::write(table, std::ptr::null_mut());
    NOT_FOUND
}

/// Frees what a function above gave, which was nothing.
unsafe extern "win64" fn free_table(table: PVOID) {
    const FUNCTION: &str = "FreeMibTable";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    kernel().judge.check(rule::V07, table.is_null(), || format!("{FUNCTION} of {table:p}, which is no table"));
}
