//! WDFLOOKASIDE: memory objects of one size (fxlookasidelistapi.cpp). The lab keeps none back: each is a fresh one.

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, may_allocate, memory,
    object::{Body, Kind},
    state,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, status},
};

/// A WDFLOOKASIDE.
pub(crate) struct Lookaside {
    len: usize,
    memory: Attributes,
}

/// WdfLookasideListCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    len: usize,
    pool: i32,
    memory_attributes: *const WDF_OBJECT_ATTRIBUTES,
    _tag: u32,
    result: *mut sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfLookasideListCreate";
    let id = enter!("WdfLookasideListCreate", globals);
    if len == 0 {
        return status::INVALID_PARAMETER;
    }
    // SAFETY: a driver passes its attributes or null.
    let attributes = unsafe { Attributes::read(attributes, Parent::Allowed, false) };
    // SAFETY: as above.
    let memory = unsafe { Attributes::read(memory_attributes, Parent::Allowed, false) };
    let (attributes, memory) = match (attributes, memory) {
        (Ok(attributes), Ok(memory)) => (attributes, memory),
        (Err(status), _) | (_, Err(status)) => return status,
    };
    memory::check_pool(DDI, pool);
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let parent = attributes.parent_or_driver(DDI, id);
    let body = Body::Lookaside(Box::new(Lookaside { len, memory }));
    let handle = state().add(Kind::Lookaside, id, parent, &attributes, body);
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfMemoryCreateFromLookaside. The memory's parent is that of the list's memory attributes, else the driver.
pub(crate) unsafe extern "win64" fn create_memory(
    globals: *mut WDF_DRIVER_GLOBALS,
    lookaside: sys::HANDLE,
    result: *mut sys::WDFMEMORY,
) -> NtStatus {
    let id = enter!("WdfMemoryCreateFromLookaside", globals);
    let (len, attributes) = {
        let mut state = state();
        let list = state.lookaside("WdfMemoryCreateFromLookaside", lookaside.addr());
        (list.len, list.memory.clone())
    };
    match memory::allocate("WdfMemoryCreateFromLookaside", id, &attributes, len) {
        Ok((handle, _)) => {
            // SAFETY: a driver passes its variable.
            unsafe { give(result, as_pointer(handle)) };
            status::SUCCESS
        }
        Err(status) => status,
    }
}
