//! The IP stack's tables, which are empty, and notifications of their changes, which never come. PASSIVE_LEVEL.
//!
//! A registration that asks for an initial notification gets that one, before the function returns.

use std::sync::Arc;

use nblease_ndis::sys::{PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_FOUND, STATUS_SUCCESS};

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
    "GetIpInterfaceEntry" => interface_row,
    "GetIpNetEntry2" => neighbor_row,
    "GetIpNetTable2" => neighbors,
    "GetUnicastIpAddressEntry" => address_row,
    "GetUnicastIpAddressTable" => addresses,
    "NotifyIpInterfaceChange" => notify_interface,
    "NotifyRouteChange2" => notify_route,
    "NotifyUnicastIpAddressChange" => notify_address,
};

/// `MibInitialNotification`.
const INITIAL: i32 = 3;

/// Context, row (none), kind of notification.
type Callback = unsafe extern "win64" fn(PVOID, PVOID, i32);

/// A registration for changes.
struct Notification;

/// What drivers call of functions that are alike, each of which says its own name.
macro_rules! alike {
    ($($function:ident($($argument:ident: $type:ty),+) => $all:ident($name:literal);)+) => {$(
        unsafe extern "win64" fn $function($($argument: $type),+) -> i32 {
            $all($name, $($argument),+)
        }
    )+};
}

alike! {
    interface_row(row: PVOID) => no_row("GetIpInterfaceEntry");
    neighbor_row(row: PVOID) => no_row("GetIpNetEntry2");
    address_row(row: PVOID) => no_row("GetUnicastIpAddressEntry");
    neighbors(family: u16, table: *mut PVOID) => no_table("GetIpNetTable2");
    addresses(family: u16, table: *mut PVOID) => no_table("GetUnicastIpAddressTable");
    notify_interface(family: u16, callback: Callback, context: PVOID, initial: u8, handle: *mut PVOID)
        => notify("NotifyIpInterfaceChange");
    notify_route(family: u16, callback: Callback, context: PVOID, initial: u8, handle: *mut PVOID)
        => notify("NotifyRouteChange2");
    notify_address(family: u16, callback: Callback, context: PVOID, initial: u8, handle: *mut PVOID)
        => notify("NotifyUnicastIpAddressChange");
}

fn notify(
    function: &'static str,
    _family: u16,
    callback: Callback,
    context: PVOID,
    initial: u8,
    handle: *mut PVOID,
) -> i32 {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    raw::write(handle, kernel().ndis.objects.add("change notification", Arc::new(Notification)));
    if initial != 0 {
        let driver = thread::current_driver().unwrap_or(LAB);
        thread::call_driver(driver, "change notification callback", PASSIVE_LEVEL, || {
            // SAFETY: the DDI's second argument is a routine of this type.
            unsafe { callback(context, std::ptr::null_mut(), INITIAL) }
        });
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn cancel(handle: PVOID) -> i32 {
    const FUNCTION: &str = "CancelMibChangeNotify2";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    kernel().ndis.objects.remove::<Notification>(FUNCTION, handle).map_or(STATUS_NOT_FOUND, |_| STATUS_SUCCESS)
}

fn no_row(function: &'static str, row: PVOID) -> i32 {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
    raw::touch(row);
    STATUS_NOT_FOUND
}

fn no_table(function: &'static str, _family: u16, table: *mut PVOID) -> i32 {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
    raw::write(table, std::ptr::null_mut());
    STATUS_NOT_FOUND
}

/// Frees what a function above gave, which was nothing.
unsafe extern "win64" fn free_table(table: PVOID) {
    const FUNCTION: &str = "FreeMibTable";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    kernel().judge.check(rule::V07, table.is_null(), || format!("{FUNCTION} of {table:p}, which is no table"));
}
