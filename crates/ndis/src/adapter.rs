//! The C callbacks of a [`Filter`], and the characteristics that name them to NDIS.
//!
//! Contexts: as the table of [`filter`](crate::filter) says. Each callback gets the module's context, a [`Module`], which
//! NDIS has from a successful attach until detach returns; NDIS serializes attach, detach, restart and pause, and lets no
//! other callback run during attach and detach. No lock is taken here.

use alloc::alloc::{Layout, alloc, dealloc};
use core::ptr::NonNull;

use crate::chain::{LentChain, Received, RecvChain, ReturnedChain, SendChain, SentChain};
use crate::filter::{CancelId, Filter, Names, NdisVersion, NetPnpEvent};
use crate::handle::FilterHandle;
use crate::oid::Pending;
use crate::params::{AttachParameters, RestartParameters, StatusIndication};
use crate::status::Status;
use crate::sys::{
    NDIS_DEVICE_POWER_STATE, NDIS_FILTER_ATTACH_PARAMETERS, NDIS_FILTER_ATTRIBUTES, NDIS_FILTER_ATTRIBUTES_REVISION_1,
    NDIS_FILTER_CHARACTERISTICS_REVISION_3, NDIS_FILTER_DRIVER_CHARACTERISTICS, NDIS_FILTER_PAUSE_PARAMETERS,
    NDIS_FILTER_RESTART_PARAMETERS, NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
    NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS, NDIS_OID_REQUEST, NDIS_PORT_NUMBER, NDIS_RECEIVE_FLAGS_RESOURCES,
    NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1, NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3, NDIS_STATUS,
    NDIS_STATUS_INDICATION, NET_BUFFER_LIST, NET_DEVICE_PNP_EVENT, NET_PNP_EVENT, NET_PNP_EVENT_NOTIFICATION,
    NdisFCancelSendNetBufferLists, NdisFDevicePnPEventNotify, NdisFIndicateStatus, NdisFNetPnPEvent,
    NdisFSetAttributes, NetEventSetPower, PVOID, ULONG, UNICODE_STRING,
};

/// What NDIS keeps as a module's context.
struct Module<F> {
    handle: FilterHandle,
    oid: Pending,
    filter: F,
}

impl<F: Filter> Module<F> {
    /// # Safety
    /// `context` is the context of a module of `F` that NDIS passed to a callback, for the callback's duration.
    unsafe fn of<'call>(context: NDIS_HANDLE) -> &'call Self {
        // SAFETY: NDIS keeps what `attach` gave it, until `detach`; callbacks share it.
        unsafe { &*context.cast::<Self>() }
    }
}

/// The driver's version in its characteristics: NDIS shows it, and does nothing with it.
const DRIVER_VERSION: (u8, u8) = (1, 0);

/// The characteristics of `F` for NDIS `version`. From NDIS 6.80 on they are those of revision 3, and
/// [`NdisVersion::OLDEST`] is newer than that.
pub(crate) fn characteristics<F: Filter>(names: Names, version: NdisVersion) -> NDIS_FILTER_DRIVER_CHARACTERISTICS {
    NDIS_FILTER_DRIVER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS as u8,
            Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_3 as u8,
            Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
        },
        MajorNdisVersion: version.major,
        MinorNdisVersion: version.minor,
        MajorDriverVersion: DRIVER_VERSION.0,
        MinorDriverVersion: DRIVER_VERSION.1,
        Flags: 0,
        FriendlyName: unicode(names.friendly),
        UniqueName: unicode(names.unique),
        ServiceName: unicode(names.service),
        SetOptionsHandler: None,
        SetFilterModuleOptionsHandler: None,
        AttachHandler: Some(attach::<F>),
        DetachHandler: Some(detach::<F>),
        RestartHandler: Some(restart::<F>),
        PauseHandler: Some(pause::<F>),
        SendNetBufferListsHandler: Some(send::<F>),
        SendNetBufferListsCompleteHandler: Some(send_complete::<F>),
        CancelSendNetBufferListsHandler: Some(cancel_send::<F>),
        ReceiveNetBufferListsHandler: Some(receive::<F>),
        ReturnNetBufferListsHandler: Some(returned::<F>),
        OidRequestHandler: Some(oid_request::<F>),
        OidRequestCompleteHandler: Some(oid_request_complete::<F>),
        CancelOidRequestHandler: Some(cancel_oid_request::<F>),
        DevicePnPEventNotifyHandler: Some(device_pnp::<F>),
        NetPnPEventHandler: Some(net_pnp::<F>),
        StatusHandler: Some(status::<F>),
        // NDIS passes these by a filter that has no handlers for them.
        DirectOidRequestHandler: None,
        DirectOidRequestCompleteHandler: None,
        CancelDirectOidRequestHandler: None,
        SynchronousOidRequestHandler: None,
        SynchronousOidRequestCompleteHandler: None,
    }
}

/// A string that NDIS reads only. One too long for a `UNICODE_STRING` is cut, which NDIS then refuses.
fn unicode(text: &'static [u16]) -> UNICODE_STRING {
    let bytes = u16::try_from(text.len() * 2).unwrap_or(u16::MAX - 1);
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: text.as_ptr().cast_mut() }
}

/// FilterAttach.
unsafe extern "efiapi" fn attach<F: Filter>(
    handle: NDIS_HANDLE,
    driver: NDIS_HANDLE,
    parameters: *mut NDIS_FILTER_ATTACH_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: NDIS's handle for the module that this makes, which lasts as long as the module.
    let handle = unsafe { FilterHandle::from_raw(handle) };
    // SAFETY: the context of the registration, `&'static F::Driver`.
    let driver = unsafe { &*driver.cast::<F::Driver>() };
    // SAFETY: NDIS passes parameters that are valid for the call.
    let parameters = unsafe { &*parameters };
    // SAFETY: as above.
    let parameters = unsafe { AttachParameters::new(parameters) };
    make_module::<F>(handle, driver, &parameters).err().unwrap_or(Status::SUCCESS).into_raw()
}

/// Makes the module and gives it to NDIS as the handle's context.
fn make_module<F: Filter>(
    handle: FilterHandle,
    driver: &'static F::Driver,
    parameters: &AttachParameters<'_>,
) -> Result<(), Status> {
    let layout = Layout::new::<Module<F>>();
    // SAFETY: a module has a size above zero: a handle at least.
    let place = NonNull::new(unsafe { alloc(layout) }).ok_or(Status::RESOURCES)?.cast::<Module<F>>();
    let filter = match F::attach(driver, handle, parameters) {
        Ok(filter) => filter,
        Err(status) => {
            // SAFETY: allocated above with this layout, and holds nothing yet.
            unsafe { dealloc(place.as_ptr().cast(), layout) };
            return Err(status);
        }
    };
    // SAFETY: the place is ours, and fits.
    unsafe {
        place.write(Module { handle, oid: Pending::new(), filter });
    };
    let mut attributes = NDIS_FILTER_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES as u8,
            Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1 as u8,
            Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
        },
        Flags: 0,
    };
    // SAFETY: called inside FilterAttach with its handle; the context is a whole module and stays until detach.
    let status = unsafe { NdisFSetAttributes(handle.into_raw(), place.as_ptr().cast(), &raw mut attributes) };
    let status = Status::from_raw(status).check();
    if status.is_err() {
        // SAFETY: the module was made above, and NDIS did not take it.
        unsafe { unmake(place) };
    }
    status
}

/// Detaches the filter and frees the module.
///
/// # Safety
/// The module was made by `make_module`, and nobody has it any more.
unsafe fn unmake<F: Filter>(module: NonNull<Module<F>>) {
    // SAFETY: the caller gives the module up.
    let Module { filter, .. } = unsafe { module.read() };
    filter.detach();
    // SAFETY: allocated with this layout; its value has been moved out.
    unsafe { dealloc(module.as_ptr().cast(), Layout::new::<Module<F>>()) };
}

/// FilterDetach.
unsafe extern "efiapi" fn detach<F: Filter>(context: NDIS_HANDLE) {
    if let Some(module) = NonNull::new(context.cast::<Module<F>>()) {
        // SAFETY: NDIS has dropped the context: no callback runs now or later.
        unsafe { unmake(module) };
    }
}

/// FilterRestart.
unsafe extern "efiapi" fn restart<F: Filter>(
    context: NDIS_HANDLE,
    parameters: *mut NDIS_FILTER_RESTART_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    // SAFETY: NDIS passes parameters that are valid for the call.
    let parameters = unsafe { &*parameters };
    // SAFETY: as above.
    let parameters = unsafe { RestartParameters::new(parameters) };
    module.filter.restart(&parameters).err().unwrap_or(Status::SUCCESS).into_raw()
}

/// FilterPause: always done when it returns, so never completed by `NdisFPauseComplete`.
unsafe extern "efiapi" fn pause<F: Filter>(
    context: NDIS_HANDLE,
    _parameters: *mut NDIS_FILTER_PAUSE_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: NDIS passes the module's context.
    unsafe { Module::<F>::of(context) }.filter.pause();
    Status::SUCCESS.into_raw()
}

/// FilterSendNetBufferLists.
unsafe extern "efiapi" fn send<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    if let Some(first) = NonNull::new(lists) {
        // SAFETY: this call's list, handed over by NDIS.
        module.filter.send(unsafe { SendChain::from_raw(module.handle, first, port, flags) });
    }
}

/// FilterSendNetBufferListsComplete.
unsafe extern "efiapi" fn send_complete<F: Filter>(context: NDIS_HANDLE, lists: *mut NET_BUFFER_LIST, flags: ULONG) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    if let Some(first) = NonNull::new(lists) {
        // SAFETY: this call's list, handed over by NDIS; own NBLs leave through this crate only.
        module.filter.send_complete(unsafe { SentChain::from_raw(module.handle, first, flags) });
    }
}

/// FilterCancelSendNetBufferLists.
unsafe extern "efiapi" fn cancel_send<F: Filter>(context: NDIS_HANDLE, id: PVOID) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    module.filter.cancel_send(CancelId(id));
    // SAFETY: the module's handle, and the id as it came.
    unsafe { NdisFCancelSendNetBufferLists(module.handle.into_raw(), id) };
}

/// FilterReceiveNetBufferLists.
unsafe extern "efiapi" fn receive<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    port: NDIS_PORT_NUMBER,
    _count: ULONG,
    flags: ULONG,
) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    let Some(first) = NonNull::new(lists) else {
        return;
    };
    module.filter.receive(if flags & NDIS_RECEIVE_FLAGS_RESOURCES == 0 {
        // SAFETY: this call's list, handed over by NDIS.
        Received::Owned(unsafe { RecvChain::from_raw(module.handle, first, port, flags) })
    } else {
        // SAFETY: this call's list; the chain's lifetime is one that `receive` cannot choose, and ends with it.
        Received::Lent(unsafe { LentChain::from_raw(module.handle, first, port, flags) })
    });
}

/// FilterReturnNetBufferLists.
unsafe extern "efiapi" fn returned<F: Filter>(context: NDIS_HANDLE, lists: *mut NET_BUFFER_LIST, flags: ULONG) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    if let Some(first) = NonNull::new(lists) {
        // SAFETY: this call's list, handed over by NDIS; own NBLs leave through this crate only.
        module.filter.returned(unsafe { ReturnedChain::from_raw(module.handle, first, flags) });
    }
}

/// FilterOidRequest.
unsafe extern "efiapi" fn oid_request<F: Filter>(context: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    let Some(request) = NonNull::new(request) else {
        return Status::FAILURE.into_raw();
    };
    // SAFETY: this call's request.
    match unsafe { module.oid.clone_of(module.handle, F::POOL_TAG, request) } {
        Ok(clone) => {
            module.filter.oid_request(Ok(()));
            // SAFETY: the clone that was just made.
            unsafe { module.oid.pass(module.handle, clone) }.into_raw()
        }
        Err(status) => {
            module.filter.oid_request(Err(status));
            status.into_raw()
        }
    }
}

/// FilterOidRequestComplete.
unsafe extern "efiapi" fn oid_request_complete<F: Filter>(
    context: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    if let Some(request) = NonNull::new(request) {
        // SAFETY: this call's request, a clone that this module passed down.
        unsafe {
            module.oid.complete(module.handle, request, Status::from_raw(status));
        };
    }
}

/// FilterCancelOidRequest.
unsafe extern "efiapi" fn cancel_oid_request<F: Filter>(context: NDIS_HANDLE, id: PVOID) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    module.oid.cancel(module.handle, id);
}

/// FilterDevicePnPEventNotify.
unsafe extern "efiapi" fn device_pnp<F: Filter>(context: NDIS_HANDLE, event: *mut NET_DEVICE_PNP_EVENT) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    // SAFETY: NDIS passes an event that is valid for the call.
    module.filter.device_pnp(unsafe { (*event).DevicePnPEvent });
    // SAFETY: the event as it came.
    unsafe { NdisFDevicePnPEventNotify(module.handle.into_raw(), event) };
}

/// FilterNetPnPEvent.
unsafe extern "efiapi" fn net_pnp<F: Filter>(
    context: NDIS_HANDLE,
    notification: *mut NET_PNP_EVENT_NOTIFICATION,
) -> NDIS_STATUS {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    // SAFETY: NDIS passes an event that is valid for the call.
    module.filter.net_pnp(net_pnp_event(unsafe { &(*notification).NetPnPEvent }));
    // SAFETY: the event as it came.
    unsafe { NdisFNetPnPEvent(module.handle.into_raw(), notification) }
}

/// What an event of NDIS says; its buffer holds the power state for SetPower.
fn net_pnp_event(event: &NET_PNP_EVENT) -> NetPnpEvent {
    let has_state = !event.Buffer.is_null() && event.BufferLength as usize >= size_of::<NDIS_DEVICE_POWER_STATE>();
    if event.NetEvent == NetEventSetPower && has_state {
        // SAFETY: the buffer is valid for the callback, and long enough.
        NetPnpEvent::SetPower(unsafe { event.Buffer.cast::<NDIS_DEVICE_POWER_STATE>().read_unaligned() })
    } else {
        NetPnpEvent::Other(event.NetEvent)
    }
}

/// FilterStatus.
unsafe extern "efiapi" fn status<F: Filter>(context: NDIS_HANDLE, indication: *mut NDIS_STATUS_INDICATION) {
    // SAFETY: NDIS passes the module's context.
    let module = unsafe { Module::<F>::of(context) };
    // SAFETY: NDIS passes an indication that is valid for the call.
    let seen = unsafe { &*indication };
    // SAFETY: as above.
    module.filter.status(&unsafe { StatusIndication::new(seen) });
    // SAFETY: the indication as it came.
    unsafe { NdisFIndicateStatus(module.handle.into_raw(), indication) };
}
