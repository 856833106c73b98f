//! Filter drivers: NdisFRegisterFilterDriver, NdisFDeregisterFilterDriver, NdisGetVersion, and what has to hold when
//! one is unloaded.
//!
//! After "Initializing a Filter Driver", "Unloading a Filter Driver", `NDIS_FILTER_DRIVER_CHARACTERISTICS`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use nblease_ndis::sys::{
    DRIVER_OBJECT, NDIS_FILTER_CHARACTERISTICS_REVISION_1, NDIS_FILTER_CHARACTERISTICS_REVISION_2,
    NDIS_FILTER_CHARACTERISTICS_REVISION_3, NDIS_FILTER_DRIVER_CHARACTERISTICS, NDIS_HANDLE,
    NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS, NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_1,
    NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2, NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
    NDIS_STATUS, NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
    UNICODE_STRING,
};
use rand::Rng as _;

use super::{check_header, control, raw, version};
use crate::{
    faults::FaultKind,
    history::Event,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisGetVersion => ndis_get_version,
    NdisFRegisterFilterDriver => ndis_f_register_filter_driver,
    NdisFDeregisterFilterDriver => ndis_f_deregister_filter_driver,
};

/// Size in bytes of the registered structure, by revision.
const REVISIONS: [(u8, u16); 3] = [
    (NDIS_FILTER_CHARACTERISTICS_REVISION_1 as u8, NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_1),
    (NDIS_FILTER_CHARACTERISTICS_REVISION_2 as u8, NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2),
    (NDIS_FILTER_CHARACTERISTICS_REVISION_3 as u8, NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3),
];

/// The names in a driver's INF that registration has to agree with (V11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inf {
    /// `NetCfgInstanceId`: a GUID in braces.
    pub net_cfg_instance_id: String,
    /// The service of `AddService`.
    pub service: String,
}

impl Inf {
    /// The names in the text of an INF: the first `NetCfgInstanceId`, and the service of `Ndi`. None where one is
    /// missing.
    ///
    /// After "INF File Settings for Filter Drivers".
    pub fn parse(text: &str) -> Option<Self> {
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let fields = |line: &str| -> Vec<String> { line.split(',').map(|f| f.trim().to_ascii_lowercase()).collect() };
        let id = text.lines().find(|line| line.trim_start().to_ascii_lowercase().starts_with("netcfginstanceid"));
        let is_service = |line: &&str| fields(line).get(1..3).is_some_and(|f| f == ["ndi", "service"]);
        let service = text.lines().find(is_service);
        Some(Self { net_cfg_instance_id: quoted(id?)?, service: quoted(service?)? })
    }
}

/// A registered filter driver.
pub struct FilterDriver {
    /// Which image.
    pub id: DriverId,
    /// `NdisFilterDriverHandle`.
    pub handle: usize,
    /// `FilterDriverContext`, for FilterAttach.
    pub context: usize,
    /// `FriendlyName`, and `UniqueName`: the filter's GUID in braces.
    pub friendly_name: String,
    /// See `friendly_name`.
    pub unique_name: String,
    /// A copy of what it registered.
    pub characteristics: NDIS_FILTER_DRIVER_CHARACTERISTICS,
    registered: AtomicBool,
}

// SAFETY: the structure's pointers are functions of the driver and strings that were read at registration.
unsafe impl Send for FilterDriver {}
// SAFETY: as above.
unsafe impl Sync for FilterDriver {}

impl FilterDriver {
    /// Whether it is registered still.
    pub fn is_registered(&self) -> bool {
        self.registered.load(Ordering::SeqCst)
    }
}

/// Text of a string of the driver's; it need not end with a zero.
pub fn text(string: UNICODE_STRING) -> String {
    let units = usize::from(string.Length / 2);
    let units: Vec<u16> = (0..units).map(|at| raw::read(string.Buffer.wrapping_add(at))).collect();
    String::from_utf16_lossy(&units)
}

/// NdisGetVersion: 0x00060057 for 6.87. IRQL: any up to DISPATCH_LEVEL.
pub(super) unsafe extern "efiapi" fn ndis_get_version() -> u32 {
    thread::enter("NdisGetVersion", DISPATCH_LEVEL, rule::V09);
    kernel().ndis.version.load(Ordering::SeqCst)
}

pub(super) unsafe extern "efiapi" fn ndis_f_register_filter_driver(
    driver_object: *mut DRIVER_OBJECT,
    context: NDIS_HANDLE,
    characteristics: *mut NDIS_FILTER_DRIVER_CHARACTERISTICS,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    thread::enter("NdisFRegisterFilterDriver", PASSIVE_LEVEL, rule::V09);
    let id = thread::current_driver().unwrap_or(super::LAB);
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return NDIS_STATUS_RESOURCES;
    }
    let characteristics = match checked_characteristics(id, characteristics) {
        Ok(characteristics) => characteristics,
        Err(status) => return status,
    };
    let driver = Arc::new(FilterDriver {
        id,
        handle: kernel().ndis.new_handle(),
        context: context.expose_provenance(),
        friendly_name: text(characteristics.FriendlyName),
        unique_name: text(characteristics.UniqueName),
        characteristics,
        registered: AtomicBool::new(true),
    });
    kernel()
        .judge
        .check(rule::V07, !driver_object.is_null(), || "NdisFRegisterFilterDriver without a driver object".to_owned());
    kernel().book.note("filter driver", driver.handle, Event::here("registered"));
    // Before FilterSetOptions, which may compare it with the handle that it gets.
    raw::write(handle, std::ptr::without_provenance_mut(driver.handle));
    if let Some(set_options) = characteristics.SetOptionsHandler {
        let ndis_handle = std::ptr::without_provenance_mut(driver.handle);
        let status = thread::call_driver(id, "FilterSetOptions", PASSIVE_LEVEL, || {
            // SAFETY: the driver registered this function for this call.
            unsafe { set_options(ndis_handle, context) }
        });
        if status != NDIS_STATUS_SUCCESS {
            return status;
        }
    }
    lock(&kernel().ndis.drivers).push(driver.clone());
    attach_everywhere(&driver);
    NDIS_STATUS_SUCCESS
}

/// Attaches a new driver to the adapters that are there: at once, inside the registration, or soon after it. Both
/// happen on a real machine ("must be prepared for an immediate call"); the seed chooses.
fn attach_everywhere(driver: &Arc<FilterDriver>) {
    let at_once = kernel().rng().random_bool(0.5);
    for adapter in kernel().ndis.adapters() {
        let driver = driver.clone();
        let attach = move || control::attach_driver(&adapter, &driver);
        if at_once {
            attach();
        } else {
            kernel().sched.queue_work(Box::new(attach));
        }
    }
}

/// Reads what a driver registers with, and checks it (V10, V11).
fn checked_characteristics(
    id: DriverId,
    at: *const NDIS_FILTER_DRIVER_CHARACTERISTICS,
) -> Result<NDIS_FILTER_DRIVER_CHARACTERISTICS, NDIS_STATUS> {
    let header = raw::read(at.cast());
    let good = check_header(
        "NDIS_FILTER_DRIVER_CHARACTERISTICS",
        header,
        NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS as u8,
        &REVISIONS,
    );
    if !good {
        return Err(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    let c = read_revision(at, usize::from(header.Size));
    let asked = version(u32::from(c.MajorNdisVersion), u32::from(c.MinorNdisVersion));
    let running = kernel().ndis.version.load(Ordering::SeqCst);
    if c.MajorNdisVersion != 6 || asked > running {
        let name = kernel().driver_name(id);
        eprintln!(
            "{name} registers for NDIS {}.{}, which NDIS 6.{} refuses",
            c.MajorNdisVersion,
            c.MinorNdisVersion,
            running & 0xffff
        );
        return Err(NDIS_STATUS_BAD_VERSION);
    }
    let judge = &kernel().judge;
    let required = c.AttachHandler.is_some()
        && c.DetachHandler.is_some()
        && c.RestartHandler.is_some()
        && c.PauseHandler.is_some();
    // "Data Bypass Mode": with a receive or return handler there has to be a status handler.
    let status = c.StatusHandler.is_some()
        || c.ReceiveNetBufferListsHandler.is_none() && c.ReturnNetBufferListsHandler.is_none();
    // FilterOidRequest: a completion handler needs a request handler.
    let oids = (c.OidRequestHandler.is_some() || c.OidRequestCompleteHandler.is_none())
        && (c.DirectOidRequestHandler.is_some() || c.DirectOidRequestCompleteHandler.is_none());
    for (good, what) in [
        (required, "attach, detach, restart and pause handlers are required"),
        (status, "a receive or return handler needs a status handler"),
        (oids, "an OID completion handler needs an OID request handler"),
    ] {
        judge.check(rule::V10, good, || format!("NDIS_FILTER_DRIVER_CHARACTERISTICS: {what}"));
    }
    check_names(id, &c);
    if required && status && oids { Ok(c) } else { Err(NDIS_STATUS_BAD_CHARACTERISTICS) }
}

/// Reads the members that the revision has; the others are null.
fn read_revision(at: *const NDIS_FILTER_DRIVER_CHARACTERISTICS, size: usize) -> NDIS_FILTER_DRIVER_CHARACTERISTICS {
    let mut bytes = [0_u8; size_of::<NDIS_FILTER_DRIVER_CHARACTERISTICS>()];
    if let Some(into) = bytes.get_mut(..size) {
        raw::read_bytes(at.cast(), into);
    }
    raw::read(bytes.as_ptr().cast())
}

/// The names have to be those of the INF (V11).
fn check_names(id: DriverId, c: &NDIS_FILTER_DRIVER_CHARACTERISTICS) {
    let Some(inf) = lock(&kernel().ndis.infs).get(&id).cloned() else {
        return;
    };
    for (what, registered, expected) in
        [("UniqueName", text(c.UniqueName), inf.net_cfg_instance_id), ("ServiceName", text(c.ServiceName), inf.service)]
    {
        let same = registered.eq_ignore_ascii_case(&expected);
        kernel().judge.check(rule::V11, same, || format!("{what} is {registered:?}, the INF says {expected:?}"));
    }
}

/// NdisFDeregisterFilterDriver: detaches every module, then forgets the driver. IRQL: PASSIVE_LEVEL.
pub(super) unsafe extern "efiapi" fn ndis_f_deregister_filter_driver(handle: NDIS_HANDLE) {
    thread::enter("NdisFDeregisterFilterDriver", PASSIVE_LEVEL, rule::V09);
    thread::no_locks("NdisFDeregisterFilterDriver");
    let driver = kernel().ndis.drivers().into_iter().find(|driver| driver.handle == handle.addr());
    let Some(driver) = driver else {
        kernel()
            .judge
            .broken(rule::V07, format!("NdisFDeregisterFilterDriver with {handle:p}, which is no driver's handle"));
        return;
    };
    driver.registered.store(false, Ordering::SeqCst);
    for adapter in kernel().ndis.adapters() {
        control::detach_driver(&adapter, &driver);
    }
    lock(&kernel().ndis.drivers).retain(|other| !Arc::ptr_eq(other, &driver));
    let held = kernel().ndis.ledger.out_of(driver.id, false);
    kernel().judge.check(rule::V06, held.is_empty(), || format!("deregistered with packets out: {}", held.join("; ")));
}

/// A driver without an unload routine is to be unloaded: a filter driver deregisters there ("Unloading a Filter Driver", V08).
pub fn on_no_unload_routine(id: DriverId) {
    let registered = kernel().ndis.drivers().into_iter().find(|driver| driver.id == id);
    kernel().judge.check(rule::V08, registered.is_none(), || {
        let (name, handle) = (kernel().driver_name(id), registered.map_or(0, |driver| driver.handle));
        format!("{name} has no DriverUnload, in which to call NdisFDeregisterFilterDriver for {handle:#x}")
    });
}

/// A driver was unloaded, or its entry failed: nothing of it may be left in NDIS (V06, V08).
pub fn on_unloaded(id: DriverId) {
    let ndis = &kernel().ndis;
    let registered = ndis.drivers().into_iter().find(|driver| driver.id == id);
    kernel().judge.check(rule::V08, registered.is_none(), || {
        let handle = registered.map_or(0, |driver| driver.handle);
        format!("{} went without NdisFDeregisterFilterDriver for {handle:#x}", kernel().driver_name(id))
    });
    let left: Vec<String> = ndis.objects.of(id).into_iter().chain(ndis.ledger.out_of(id, true)).collect();
    kernel()
        .judge
        .check(rule::V06, left.is_empty(), || format!("{} left behind: {}", kernel().driver_name(id), left.join("; ")));
}

#[cfg(test)]
mod tests {
    use super::Inf;

    #[test]
    fn names_are_found_in_an_inf() {
        let text = "[Install]\nNetCfgInstanceId = \"{1-2}\"\n[Reg]\nHKR, Ndi, Service,,  \"filter\"\n";
        let inf = Inf { net_cfg_instance_id: "{1-2}".to_owned(), service: "filter".to_owned() };
        assert_eq!(Inf::parse(text), Some(inf));
        assert_eq!(Inf::parse("[Reg]\nHKR, Ndi, Service,, \"filter\"\n"), None);
    }
}
