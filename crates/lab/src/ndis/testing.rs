//! For tests: a filter driver in Rust, in this process, whose callbacks a test scripts. It passes everything on where
//! the script says nothing.

use std::{
    ffi::c_void,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::*;

use super::{
    Adapter, AdapterConfig, ModuleState, attach::blank, control, driver, oid, pnp, raw, receive, send, status,
};
use crate::{
    clock::Mode,
    kernel::{DriverId, DriverInfo, Kernel, kernel},
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

type List = *mut NET_BUFFER_LIST;

/// What a scripted filter does instead of passing on. Each gets the module's handle.
#[derive(Clone)]
pub struct Script {
    pub send: fn(NDIS_HANDLE, List, u32, u32),
    pub send_complete: fn(NDIS_HANDLE, List, u32),
    pub receive: fn(NDIS_HANDLE, List, u32, u32, u32),
    pub return_: fn(NDIS_HANDLE, List, u32),
    pub pause: fn(NDIS_HANDLE) -> NDIS_STATUS,
    pub restart: fn(NDIS_HANDLE) -> NDIS_STATUS,
    pub attach: fn(NDIS_HANDLE) -> NDIS_STATUS,
    pub oid: fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST) -> NDIS_STATUS,
    pub set_module_options: Option<fn(NDIS_HANDLE) -> NDIS_STATUS>,
    pub detach: fn(NDIS_HANDLE),
    /// Before a network event is passed on.
    pub net_pnp: fn(NDIS_HANDLE),
    /// Before a cancellation is passed on.
    pub cancel: fn(NDIS_HANDLE, usize),
}

impl Default for Script {
    fn default() -> Self {
        Self {
            send: send_if_running,
            send_complete: pass_send_complete,
            receive: pass_receive,
            return_: pass_return,
            pause: |_| NDIS_STATUS_SUCCESS,
            restart: |_| NDIS_STATUS_SUCCESS,
            attach: |_| NDIS_STATUS_SUCCESS,
            oid: pass_oid,
            set_module_options: None,
            detach: |_| {},
            net_pnp: |_| {},
            cancel: |_, _| {},
        }
    }
}

/// A filter driver that is registered.
pub struct TestFilter {
    pub id: DriverId,
    pub handle: NDIS_HANDLE,
}

/// A module's context: its handle, and its driver's script.
struct Context {
    handle: NDIS_HANDLE,
    script: Arc<Script>,
    /// OID requests: (clone, original).
    clones: Mutex<Vec<(usize, usize)>>,
}

/// A kernel on the virtual clock whose packets are given back at once.
pub fn virtual_kernel(seed: u64) {
    Kernel::install(Mode::Virtual, seed);
}

/// An adapter with the default configuration.
pub fn adapter() -> Arc<Adapter> {
    Adapter::plug(AdapterConfig::default())
}

fn text(string: &str) -> UNICODE_STRING {
    let units: Vec<u16> = string.encode_utf16().collect();
    let units = units.leak();
    UNICODE_STRING {
        Length: (units.len() * 2) as u16,
        MaximumLength: (units.len() * 2) as u16,
        Buffer: units.as_mut_ptr(),
    }
}

/// The characteristics of a scripted filter with all handlers.
pub fn characteristics() -> NDIS_FILTER_DRIVER_CHARACTERISTICS {
    let mut c: NDIS_FILTER_DRIVER_CHARACTERISTICS = blank();
    c.Header = NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS as u8,
        Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_3 as u8,
        Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
    };
    c.MajorNdisVersion = 6;
    c.MinorNdisVersion = 83;
    c.FriendlyName = text("A filter under test");
    c.UniqueName = text("{5cbf81bd-5055-47cd-9055-a76b2b4e3697}");
    c.ServiceName = text("test");
    c.SetFilterModuleOptionsHandler = Some(on_set_module_options);
    c.AttachHandler = Some(on_attach);
    c.DetachHandler = Some(on_detach);
    c.RestartHandler = Some(on_restart);
    c.PauseHandler = Some(on_pause);
    c.SendNetBufferListsHandler = Some(on_send);
    c.SendNetBufferListsCompleteHandler = Some(on_send_complete);
    c.CancelSendNetBufferListsHandler = Some(on_cancel_send);
    c.ReceiveNetBufferListsHandler = Some(on_receive);
    c.ReturnNetBufferListsHandler = Some(on_return);
    c.OidRequestHandler = Some(on_oid);
    c.OidRequestCompleteHandler = Some(on_oid_complete);
    c.StatusHandler = Some(on_status);
    c.NetPnPEventHandler = Some(on_net_pnp);
    c.DevicePnPEventNotifyHandler = Some(on_device_pnp);
    c
}

/// A driver of this name, as the kernel knows it.
pub fn driver(name: &str) -> DriverId {
    kernel().add_driver(DriverInfo { name: name.to_owned(), ..DriverInfo::default() })
}

/// Runs `f` as code of the driver.
pub fn as_driver<R>(id: DriverId, f: impl FnOnce() -> R) -> R {
    thread::call_driver(id, "test", PASSIVE_LEVEL, f)
}

/// Registers a scripted filter.
pub fn filter(script: Script) -> TestFilter {
    filter_with(script, characteristics())
}

/// Registers a scripted filter with these characteristics.
pub fn filter_with(script: Script, mut c: NDIS_FILTER_DRIVER_CHARACTERISTICS) -> TestFilter {
    let id = driver("test.sys");
    let context: *const Script = Arc::into_raw(Arc::new(script));
    let mut handle: NDIS_HANDLE = std::ptr::null_mut();
    let object: *mut DRIVER_OBJECT = std::ptr::without_provenance_mut(8);
    let status = as_driver(id, || {
        // SAFETY: as a driver would, with structures that outlive the call.
        unsafe { driver::ndis_f_register_filter_driver(object, context.cast_mut().cast(), &raw mut c, &raw mut handle) }
    });
    assert_eq!(status, NDIS_STATUS_SUCCESS);
    kernel().sched.pump();
    TestFilter { id, handle }
}

impl TestFilter {
    /// Deregisters, as a driver does when it is unloaded; checks that nothing is left.
    pub fn unload(&self) {
        as_driver(self.id, || {
            // SAFETY: as a driver would.
            unsafe { driver::ndis_f_deregister_filter_driver(self.handle) }
        });
        driver::on_unloaded(self.id);
    }
}

fn context<'a>(at: NDIS_HANDLE) -> &'a Context {
    // SAFETY: a context that `on_attach` made; freed by detach alone.
    unsafe { &*at.cast::<Context>() }
}

unsafe extern "efiapi" fn on_attach(
    handle: NDIS_HANDLE,
    driver_context: NDIS_HANDLE,
    _: *mut NDIS_FILTER_ATTACH_PARAMETERS,
) -> NDIS_STATUS {
    let script: *const Script = driver_context.cast_const().cast();
    // SAFETY: the script was leaked at registration: this makes another owner of it.
    unsafe { Arc::increment_strong_count(script) };
    // SAFETY: as above.
    let script = unsafe { Arc::from_raw(script) };
    let status = (script.attach)(handle);
    if status != NDIS_STATUS_SUCCESS {
        return status;
    }
    let context: *mut Context = Box::into_raw(Box::new(Context { handle, script, clones: Mutex::default() }));
    let mut attributes: NDIS_FILTER_ATTRIBUTES = blank();
    attributes.Header = NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES as u8,
        Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1 as u8,
        Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
    };
    // SAFETY: as a driver would.
    unsafe { control::ndis_f_set_attributes(handle, context.cast(), &raw mut attributes) }
}

unsafe extern "efiapi" fn on_detach(at: NDIS_HANDLE) {
    let this = context(at);
    (this.script.detach)(this.handle);
    // SAFETY: `on_attach` made it; nothing uses it after detach.
    drop(unsafe { Box::from_raw(at.cast::<Context>()) });
}

unsafe extern "efiapi" fn on_set_module_options(at: NDIS_HANDLE) -> NDIS_STATUS {
    let this = context(at);
    this.script.set_module_options.map_or(NDIS_STATUS_SUCCESS, |set| set(this.handle))
}

unsafe extern "efiapi" fn on_restart(at: NDIS_HANDLE, _: *mut NDIS_FILTER_RESTART_PARAMETERS) -> NDIS_STATUS {
    (context(at).script.restart)(context(at).handle)
}

unsafe extern "efiapi" fn on_pause(at: NDIS_HANDLE, _: *mut NDIS_FILTER_PAUSE_PARAMETERS) -> NDIS_STATUS {
    (context(at).script.pause)(context(at).handle)
}

unsafe extern "efiapi" fn on_send(at: NDIS_HANDLE, list: List, port: u32, flags: u32) {
    (context(at).script.send)(context(at).handle, list, port, flags);
}

unsafe extern "efiapi" fn on_send_complete(at: NDIS_HANDLE, list: List, flags: u32) {
    (context(at).script.send_complete)(context(at).handle, list, flags);
}

unsafe extern "efiapi" fn on_cancel_send(at: NDIS_HANDLE, id: *mut c_void) {
    (context(at).script.cancel)(context(at).handle, id.addr());
    // SAFETY: as a driver would.
    unsafe { send::ndis_f_cancel_send_net_buffer_lists(context(at).handle, id) };
}

unsafe extern "efiapi" fn on_receive(at: NDIS_HANDLE, list: List, port: u32, count: u32, flags: u32) {
    (context(at).script.receive)(context(at).handle, list, port, count, flags);
}

unsafe extern "efiapi" fn on_return(at: NDIS_HANDLE, list: List, flags: u32) {
    (context(at).script.return_)(context(at).handle, list, flags);
}

unsafe extern "efiapi" fn on_status(at: NDIS_HANDLE, indication: *mut NDIS_STATUS_INDICATION) {
    // SAFETY: as a driver would.
    unsafe { status::ndis_f_indicate_status(context(at).handle, indication) };
}

unsafe extern "efiapi" fn on_net_pnp(at: NDIS_HANDLE, event: *mut NET_PNP_EVENT_NOTIFICATION) -> NDIS_STATUS {
    (context(at).script.net_pnp)(context(at).handle);
    // SAFETY: as a driver would.
    unsafe { pnp::ndis_f_net_pnp_event(context(at).handle, event) }
}

unsafe extern "efiapi" fn on_device_pnp(at: NDIS_HANDLE, event: *mut NET_DEVICE_PNP_EVENT) {
    // SAFETY: as a driver would.
    unsafe { pnp::ndis_f_device_pnp_event_notify(context(at).handle, event) };
}

unsafe extern "efiapi" fn on_oid(at: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
    let this = context(at);
    if this.script.oid as *const () != pass_oid as *const () {
        return (this.script.oid)(this.handle, request);
    }
    let mut clone: *mut NDIS_OID_REQUEST = std::ptr::null_mut();
    // SAFETY: as a driver would.
    let status = unsafe { oid::allocate_clone(this.handle, request, 1, &raw mut clone) };
    if status != NDIS_STATUS_SUCCESS {
        return status;
    }
    lock(&this.clones).push((clone.expose_provenance(), request.expose_provenance()));
    // SAFETY: as a driver would.
    let status = unsafe { oid::ndis_f_oid_request(this.handle, clone) };
    if status != NDIS_STATUS_PENDING {
        end_clone(this, clone, request);
    }
    status
}

/// Marks that a filter passes OID requests on.
fn pass_oid(_: NDIS_HANDLE, _: *mut NDIS_OID_REQUEST) -> NDIS_STATUS {
    NDIS_STATUS_NOT_SUPPORTED
}

fn end_clone(this: &Context, clone: *mut NDIS_OID_REQUEST, original: *mut NDIS_OID_REQUEST) {
    lock(&this.clones).retain(|(other, _)| *other != clone.addr());
    // SAFETY: both requests are this filter's now.
    let results = unsafe { (*clone).DATA };
    // SAFETY: as above.
    unsafe { (*original).DATA = results };
    // SAFETY: as a driver would.
    unsafe { oid::free_clone(this.handle, clone) };
}

unsafe extern "efiapi" fn on_oid_complete(at: NDIS_HANDLE, clone: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
    let this = context(at);
    let pair = lock(&this.clones).iter().find(|(other, _)| *other == clone.addr()).copied();
    let (_, original) = pair.expect("a request that was sent on");
    let original: *mut NDIS_OID_REQUEST = std::ptr::with_exposed_provenance_mut(original);
    end_clone(this, clone, original);
    // SAFETY: as a driver would.
    unsafe { oid::ndis_f_oid_request_complete(this.handle, original, status) };
}

/// Passes sends on while Running; else completes them with NDIS_STATUS_PAUSED.
pub fn send_if_running(handle: NDIS_HANDLE, list: List, port: u32, flags: u32) {
    let module = kernel().ndis.module("a test", handle).expect("a module");
    if module.state() == ModuleState::Running {
        return pass_send(handle, list, port, flags);
    }
    let mut at = list;
    while let Some(nbl) = raw::Nbl::at(at) {
        nbl.set_status(NDIS_STATUS_PAUSED);
        at = nbl.next();
    }
    let said = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0;
    pass_send_complete(handle, list, if said { NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL } else { 0 });
}

/// Passes sends on whatever the state.
pub fn send_always(handle: NDIS_HANDLE, list: List, port: u32, flags: u32) {
    pass_send(handle, list, port, flags);
}

/// NdisFSendNetBufferLists.
pub fn pass_send(handle: NDIS_HANDLE, list: List, port: u32, flags: u32) {
    // SAFETY: as a driver would.
    unsafe { send::ndis_f_send_net_buffer_lists(handle, list, port, flags) }
}

/// NdisFSendNetBufferListsComplete.
pub fn pass_send_complete(handle: NDIS_HANDLE, list: List, flags: u32) {
    // SAFETY: as a driver would.
    unsafe { send::ndis_f_send_net_buffer_lists_complete(handle, list, flags) }
}

/// NdisFIndicateReceiveNetBufferLists.
pub fn pass_receive(handle: NDIS_HANDLE, list: List, port: u32, count: u32, flags: u32) {
    // SAFETY: as a driver would.
    unsafe { receive::ndis_f_indicate_receive_net_buffer_lists(handle, list, port, count, flags) }
}

/// NdisFReturnNetBufferLists.
pub fn pass_return(handle: NDIS_HANDLE, list: List, flags: u32) {
    // SAFETY: as a driver would.
    unsafe { receive::ndis_f_return_net_buffer_lists(handle, list, flags) }
}
