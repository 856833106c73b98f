//! What the driver does with objects of any kind (fxobjectapi.cpp, handleapi.cpp).

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, lifecycle, may_allocate,
    object::{Body, Kind},
    request_send, state,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, lent::Lent, status},
    judge::rule,
    kernel::{DriverId, kernel},
};

/// WdfObjectCreate: an object that is nothing but contexts and children.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::WDFOBJECT,
) -> NtStatus {
    let id = enter!("WdfObjectCreate", globals);
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { make("WdfObjectCreate", id, attributes, Kind::Object, Body::Object, result) }
}

/// Makes an object that needs no more than memory and may have any parent.
///
/// # Safety
/// `attributes` is null or readable, `result` writable.
pub(crate) unsafe fn make(
    ddi: &str,
    id: DriverId,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    kind: Kind,
    body: Body,
    result: *mut sys::HANDLE,
) -> NtStatus {
    // SAFETY: the caller's promise.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Allowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let parent = attributes.parent_or_driver(ddi, id);
    let handle = state().add(kind, id, parent, &attributes, body);
    // SAFETY: the caller's promise.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfObjectDelete: not for what the framework deletes itself (FXOBJECT_FLAGS_NODELETEDDI).
pub(crate) unsafe extern "win64" fn delete(globals: *mut WDF_DRIVER_GLOBALS, handle: sys::WDFOBJECT) {
    enter!("WdfObjectDelete", globals);
    let handle = handle.addr();
    {
        let mut state = state();
        let object = state.any("WdfObjectDelete", handle);
        let kind = object.kind;
        let again = std::mem::replace(&mut object.delete_called, true);
        object.note("WdfObjectDelete");
        let history = object.history();
        let own_request = matches!(object.body, Body::OwnRequest);
        if own_request {
            request_send::check_deletable(object, handle);
        }
        let mut own = !own_request && matches!(kind, Kind::Driver | Kind::Request | Kind::File | Kind::DeviceInit);
        if kind == Kind::Queue {
            let device = state.queue("WdfObjectDelete", handle).device;
            own = state.device("WdfObjectDelete", device).default_queue == handle;
        }
        if own {
            let message = format!("WdfObjectDelete on {} {handle:#x}, which the framework deletes", kind.name());
            kernel().judge.fatal(rule::V07, message, history);
        }
        if again {
            let message = format!("WdfObjectDelete on {} {handle:#x}, which was deleted", kind.name());
            kernel().judge.fatal(rule::V36, message, history);
        }
    }
    lifecycle::delete(handle);
}

/// WdfObjectReferenceActual.
pub(crate) unsafe extern "win64" fn reference(
    globals: *mut WDF_DRIVER_GLOBALS,
    handle: sys::WDFOBJECT,
    _tag: sys::PVOID,
    _line: i32,
    _file: *const i8,
) {
    enter!("WdfObjectReferenceActual", globals);
    state().any("WdfObjectReferenceActual", handle.addr()).references += 1;
}

/// WdfObjectDereferenceActual.
pub(crate) unsafe extern "win64" fn dereference(
    globals: *mut WDF_DRIVER_GLOBALS,
    handle: sys::WDFOBJECT,
    _tag: sys::PVOID,
    _line: i32,
    _file: *const i8,
) {
    enter!("WdfObjectDereferenceActual", globals);
    {
        let mut state = state();
        let object = state.any("WdfObjectDereferenceActual", handle.addr());
        let frameworks = usize::from(object.stage == super::object::Stage::Live);
        if object.references <= frameworks {
            let message = format!("{:#x} was dereferenced more often than referenced", handle.addr());
            let history = object.history();
            kernel().judge.fatal(rule::V36, message, history);
        }
    }
    lifecycle::release(handle.addr());
}

/// WdfObjectGetTypedContextWorker: null where the object has no context of the type.
pub(crate) unsafe extern "win64" fn get_typed_context(
    globals: *mut WDF_DRIVER_GLOBALS,
    handle: sys::WDFOBJECT,
    info: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
) -> sys::PVOID {
    enter!("WdfObjectGetTypedContextWorker", globals);
    let mut state = state();
    let object = state.any("WdfObjectGetTypedContextWorker", handle.addr());
    let context = object.contexts.iter().find(|c| c.info == info.addr() && !info.is_null());
    let memory = context.and_then(|c| c.memory.as_ref());
    memory.map_or(std::ptr::null_mut(), |memory| Lent::driver(memory).cast())
}

/// WdfObjectAllocateContext: STATUS_OBJECT_NAME_EXISTS, and the one that is there, where there is one of the type.
pub(crate) unsafe extern "win64" fn allocate_context(
    globals: *mut WDF_DRIVER_GLOBALS,
    handle: sys::WDFOBJECT,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::PVOID,
) -> NtStatus {
    enter!("WdfObjectAllocateContext", globals);
    if attributes.is_null() {
        return status::WDF_PARENT_NOT_SPECIFIED;
    }
    // SAFETY: a driver passes its attributes.
    let attributes = match unsafe { Attributes::read(attributes, Parent::NotAllowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let Some(wanted) = attributes.context.as_ref().map(|c| c.info) else { return status::OBJECT_NAME_INVALID };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let (address, status) = {
        let mut state = state();
        let object = state.any("WdfObjectAllocateContext", handle.addr());
        if object.stage != super::object::Stage::Live {
            return status::DELETE_PENDING;
        }
        match object.contexts.iter().find(|c| c.info == wanted) {
            Some(there) => {
                let address = there.memory.as_ref().map_or(std::ptr::null_mut(), Lent::driver);
                (address, status::OBJECT_NAME_EXISTS)
            }
            None => (state.add_context(handle.addr(), &attributes), status::SUCCESS),
        }
    };
    // SAFETY: a driver passes its variable or null.
    unsafe { give(result, address.cast()) };
    status
}

/// WdfObjectContextGetObject: the object that a context belongs to.
pub(crate) unsafe extern "win64" fn context_get_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    context: sys::PVOID,
) -> sys::WDFOBJECT {
    enter!("WdfObjectContextGetObject", globals);
    let owner = state().owner_of_context(context.addr());
    let Some(owner) = owner else {
        let message = format!("WdfObjectContextGetObject was given {context:p}, where no context begins");
        kernel().judge.fatal(rule::V36, message, Vec::new())
    };
    as_pointer(owner)
}
