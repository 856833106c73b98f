//! WDFCOLLECTION: objects in an order (fxcollection.cpp, fxcollectionapi.cpp). Each place holds a reference to its object.

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer, enter, lifecycle, may_allocate,
    object::{Body, Handle, Kind, NULL},
    object_ddi::make,
    state,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
    judge::rule,
    kernel::kernel,
};

/// A WDFCOLLECTION.
#[derive(Default)]
pub(crate) struct Collection {
    pub items: Vec<Handle>,
}

/// WdfCollectionCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfCollectionCreate", globals);
    let body = Body::Collection(Collection::default());
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { make("WdfCollectionCreate", id, attributes, Kind::Collection, body, result) }
}

/// Puts an object at the end of a collection, with a reference.
pub(crate) fn push(ddi: &str, collection: Handle, item: Handle) {
    let mut state = state();
    state.any(ddi, item).references += 1;
    state.collection(ddi, collection).items.push(item);
}

/// WdfCollectionAdd: STATUS_UNSUCCESSFUL where there is no memory for the place.
pub(crate) unsafe extern "win64" fn add(
    globals: *mut WDF_DRIVER_GLOBALS,
    collection: sys::HANDLE,
    item: sys::WDFOBJECT,
) -> NtStatus {
    enter!("WdfCollectionAdd", globals);
    {
        let mut state = state();
        state.collection("WdfCollectionAdd", collection.addr());
        state.any("WdfCollectionAdd", item.addr());
    }
    if may_allocate(FaultKind::Object).is_err() {
        return status::UNSUCCESSFUL;
    }
    push("WdfCollectionAdd", collection.addr(), item.addr());
    status::SUCCESS
}

/// Takes out what `position` finds; what is not there breaks into the debugger under the framework's verifier (V07).
fn take_out(ddi: &'static str, collection: Handle, position: impl FnOnce(&[Handle]) -> Option<usize>) {
    let item = {
        let mut state = state();
        let items = &mut state.collection(ddi, collection).items;
        position(items).map(|at| items.remove(at))
    };
    kernel().judge.check(rule::V07, item.is_some(), || format!("{ddi} of what is not in {collection:#x}"));
    if let Some(item) = item {
        lifecycle::release(item);
    }
}

/// WdfCollectionRemove.
pub(crate) unsafe extern "win64" fn remove(
    globals: *mut WDF_DRIVER_GLOBALS,
    collection: sys::HANDLE,
    item: sys::WDFOBJECT,
) {
    enter!("WdfCollectionRemove", globals);
    state().any("WdfCollectionRemove", item.addr());
    take_out("WdfCollectionRemove", collection.addr(), |items| items.iter().position(|i| *i == item.addr()));
}

/// WdfCollectionRemoveItem, by its index.
pub(crate) unsafe extern "win64" fn remove_item(globals: *mut WDF_DRIVER_GLOBALS, collection: sys::HANDLE, index: u32) {
    enter!("WdfCollectionRemoveItem", globals);
    let index = index as usize;
    take_out("WdfCollectionRemoveItem", collection.addr(), |items| (index < items.len()).then_some(index));
}

/// WdfCollectionGetCount.
pub(crate) unsafe extern "win64" fn get_count(globals: *mut WDF_DRIVER_GLOBALS, collection: sys::HANDLE) -> u32 {
    enter!("WdfCollectionGetCount", globals);
    state().collection("WdfCollectionGetCount", collection.addr()).items.len() as u32
}

/// WdfCollectionGetItem: null beyond the end.
pub(crate) unsafe extern "win64" fn get_item(
    globals: *mut WDF_DRIVER_GLOBALS,
    collection: sys::HANDLE,
    index: u32,
) -> sys::WDFOBJECT {
    enter!("WdfCollectionGetItem", globals);
    let item = state().collection("WdfCollectionGetItem", collection.addr()).items.get(index as usize).copied();
    as_pointer(item.unwrap_or(NULL))
}

/// WdfCollectionGetFirstItem: null where it is empty.
pub(crate) unsafe extern "win64" fn get_first(
    globals: *mut WDF_DRIVER_GLOBALS,
    collection: sys::HANDLE,
) -> sys::WDFOBJECT {
    enter!("WdfCollectionGetFirstItem", globals);
    let item = state().collection("WdfCollectionGetFirstItem", collection.addr()).items.first().copied();
    as_pointer(item.unwrap_or(NULL))
}

/// WdfCollectionGetLastItem: null where it is empty.
pub(crate) unsafe extern "win64" fn get_last(
    globals: *mut WDF_DRIVER_GLOBALS,
    collection: sys::HANDLE,
) -> sys::WDFOBJECT {
    enter!("WdfCollectionGetLastItem", globals);
    let item = state().collection("WdfCollectionGetLastItem", collection.addr()).items.last().copied();
    as_pointer(item.unwrap_or(NULL))
}
