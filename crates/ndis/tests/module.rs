//! A module from registration to deregistration, played by a stand-in for NDIS through the C callbacks.
#![allow(unsafe_code)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "what NDIS does is told call by call")]

mod stand_in;

use std::ptr::{NonNull, null_mut, without_provenance_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use nblease_ndis::chain::{Received, SendChain};
use nblease_ndis::filter::{
    AttachParameters, CancelId, Filter, FilterDriver, Names, NdisVersion, NetPnpEvent, RestartParameters,
    StatusIndication,
};
use nblease_ndis::sys::*;
use nblease_ndis::{FilterHandle, Status};
use stand_in::{
    ATTRIBUTES_ANSWER, BELOW, CHARACTERISTICS, CLONE_ANSWER, Call, DRIVER_CONTEXT, HANDLE, MODULE_CONTEXT, OID_ANSWER,
    Packet, REGISTER_ANSWER, VERSION, calls, install, link, zeroed,
};

const TAG: u32 = 0x7467_6154;

/// What all modules of a test share: what its modules were told, and how many there are.
#[derive(Default)]
struct Driver {
    told: Mutex<Vec<String>>,
    modules: AtomicU32,
    /// Attach fails where this is not 0.
    refuse: AtomicU32,
}

impl Driver {
    fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

/// A module that writes down what it is told, and passes all on.
struct Module {
    driver: &'static Driver,
}

impl Module {
    fn note(&self, what: String) {
        self.driver.told.lock().unwrap().push(what);
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        self.driver.modules.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Filter for Module {
    const POOL_TAG: u32 = TAG;
    type Driver = Driver;

    fn attach(
        driver: &'static Driver,
        filter: FilterHandle,
        parameters: &AttachParameters<'_>,
    ) -> Result<Self, Status> {
        assert_eq!(filter.into_raw().addr(), HANDLE);
        if driver.refuse.load(Ordering::Relaxed) != 0 {
            return Err(Status::UNSUPPORTED_MEDIA);
        }
        driver.modules.fetch_add(1, Ordering::Relaxed);
        let module = Self { driver };
        module.note(format!(
            "attach luid={} base={}/{} mac={:02x?} name={} ethernet={} link={:?}",
            parameters.net_luid().Value,
            parameters.base_net_luid().Value,
            parameters.base_if_index(),
            parameters.mac(),
            String::from_utf16_lossy(parameters.base_name()),
            parameters.is_ethernet(),
            parameters.link(),
        ));
        assert!(parameters.base_instance_name().is_empty());
        Ok(module)
    }

    fn detach(self) {
        self.note("detach".into());
    }

    fn restart(&self, parameters: &RestartParameters<'_>) -> Result<(), Status> {
        self.note(format!("restart mtu={:?}", parameters.mtu()));
        parameters.mtu().map(drop).ok_or(Status::FAILURE)
    }

    fn pause(&self) {
        self.note("pause".into());
    }

    fn send(&self, chain: SendChain) {
        self.note(format!("send {}", chain.count()));
        chain.finish(Status::PAUSED);
    }

    fn cancel_send(&self, id: CancelId) {
        self.note(format!("cancel {id:?}"));
    }

    fn receive(&self, received: Received<'_>) {
        let kind = match &received {
            Received::Owned(_) => "owned",
            Received::Lent(_) => "lent",
        };
        self.note(format!("receive {kind} {}", received.nbls().count()));
        received.forward();
    }

    fn status(&self, indication: &StatusIndication<'_>) {
        self.note(format!("status {:?} {:?}", indication.code(), indication.link()));
    }

    fn net_pnp(&self, event: NetPnpEvent) {
        self.note(format!("net {event:?}"));
    }

    fn device_pnp(&self, event: NDIS_DEVICE_PNP_EVENT) {
        self.note(format!("device {event}"));
    }
}

const NAMES: Names = Names { friendly: &[0x46, 0x20], unique: &[0x7b, 0x55, 0x7d], service: &[0x53] };

fn register(driver: &'static Driver) -> Result<FilterDriver, Status> {
    install();
    let version = NdisVersion::running().to_register()?;
    let object = NonNull::new(without_provenance_mut(0xd0b)).unwrap();
    // SAFETY: the stand-in looks at the address only.
    unsafe { FilterDriver::register::<Module>(object, driver, NAMES, version) }
}

fn characteristics() -> NDIS_FILTER_DRIVER_CHARACTERISTICS {
    CHARACTERISTICS.get().expect("registered")
}

/// Has the registered driver attach to an adapter.
fn attach() -> i32 {
    let mut name: Vec<u16> = "eth0".encode_utf16().collect();
    let mut base_name = UNICODE_STRING { Length: 8, MaximumLength: 8, Buffer: name.as_mut_ptr() };
    let mut parameters: NDIS_FILTER_ATTACH_PARAMETERS = zeroed();
    parameters.NetLuid.Value = 11;
    parameters.BaseMiniportNetLuid.Value = 12;
    parameters.BaseMiniportIfIndex = 13;
    parameters.BaseMiniportName = &raw mut base_name;
    parameters.MiniportMediaType = NdisMedium802_3;
    parameters.MediaConnectState = MediaConnectStateConnected;
    parameters.MacAddressLength = 3;
    parameters.CurrentMacAddress[..3].copy_from_slice(&[2, 0, 9]);
    let handler = characteristics().AttachHandler.expect("an attach handler");
    // SAFETY: the driver's own handler, with parameters as NDIS passes them.
    unsafe { handler(without_provenance_mut(HANDLE), DRIVER_CONTEXT.get(), &raw mut parameters) }
}

fn detach() {
    let handler = characteristics().DetachHandler.expect("a detach handler");
    // SAFETY: the driver's own handler, with the context that it set.
    unsafe { handler(MODULE_CONTEXT.get()) };
}

/// A registered driver with one module, whose attach has been checked and forgotten.
fn attached() -> (&'static Driver, FilterDriver) {
    let driver = Driver::new();
    let registration = register(driver).expect("registered");
    assert_eq!(attach(), NDIS_STATUS_SUCCESS);
    calls();
    driver.told();
    (driver, registration)
}

#[test]
fn registration_says_who_and_which_version() {
    let registration = register(Driver::new()).expect("registered");
    assert_eq!(calls(), [Call::Register { driver_object: 0xd0b }]);
    let it = characteristics();
    assert_eq!((it.Header.Type, it.Header.Revision, it.Header.Size), (0x8b, 3, 240));
    assert_eq!((it.MajorNdisVersion, it.MinorNdisVersion), (6, 0x57), "6.87");
    for (string, text) in
        [(it.FriendlyName, NAMES.friendly), (it.UniqueName, NAMES.unique), (it.ServiceName, NAMES.service)]
    {
        assert_eq!(usize::from(string.Length), text.len() * 2);
        assert_eq!(string.Buffer.cast_const(), text.as_ptr());
    }
    let rule = "a handler pairs with its completion";
    assert!(it.SendNetBufferListsHandler.is_some() && it.SendNetBufferListsCompleteHandler.is_some(), "{rule}");
    assert!(it.ReceiveNetBufferListsHandler.is_some() && it.ReturnNetBufferListsHandler.is_some(), "{rule}");
    assert!(it.OidRequestHandler.is_some() && it.OidRequestCompleteHandler.is_some(), "{rule}");
    assert!(it.CancelSendNetBufferListsHandler.is_some() && it.CancelOidRequestHandler.is_some());
    assert!(it.DirectOidRequestHandler.is_none() && it.SynchronousOidRequestHandler.is_none());
    registration.deregister();
    assert_eq!(calls(), [Call::Deregister { driver: 0xd417 }]);
}

#[test]
fn a_registration_that_fails_leaves_nothing() {
    REGISTER_ANSWER.set(NDIS_STATUS_BAD_CHARACTERISTICS);
    let refused = register(Driver::new()).err();
    assert_eq!(refused, Some(Status::from_raw(NDIS_STATUS_BAD_CHARACTERISTICS)));
    assert_eq!(calls(), [Call::Register { driver_object: 0xd0b }], "nothing to deregister");
}

#[test]
fn the_version_is_the_highest_that_both_know() {
    install();
    let registers = |running: u32| {
        VERSION.set(running);
        NdisVersion::running().to_register().map(|version| (version.major, version.minor))
    };
    assert_eq!(registers(0x0006_0053), Ok((6, 83)));
    assert_eq!(registers(0x0006_0059), Ok((6, 89)));
    assert_eq!(registers(0x0006_005a), Ok((6, 89)), "newer than this crate");
    assert_eq!(registers(0x0007_0000), Ok((6, 89)));
    assert_eq!(registers(0x0006_0052), Err(Status::BAD_VERSION));
    assert_eq!(registers(0x0005_0063), Err(Status::BAD_VERSION));
}

#[test]
fn a_module_lives_from_attach_to_detach() {
    let driver = Driver::new();
    let registration = register(driver).expect("registered");
    calls();
    assert_eq!(attach(), NDIS_STATUS_SUCCESS);
    assert_eq!(calls(), [Call::SetAttributes { revision: 1, size: 8 }]);
    assert_eq!(
        driver.told(),
        [
            "attach luid=11 base=12/13 mac=[02, 00, 09] name=eth0 ethernet=true link=LinkState { connect_state: 1, receive_speed: 0 }"
        ]
    );
    let context = MODULE_CONTEXT.get();
    let it = characteristics();

    let mut restart: NDIS_FILTER_RESTART_PARAMETERS = zeroed();
    // SAFETY: the driver's own handler; no attributes at all.
    let answer = unsafe { it.RestartHandler.unwrap()(context, &raw mut restart) };
    assert_eq!(answer, NDIS_STATUS_FAILURE, "this module wants an MTU");
    let mut attributes = restart_attributes(9000);
    restart.RestartAttributes = attributes.as_mut_ptr().cast();
    // SAFETY: the driver's own handler; two entries, the second with the MTU.
    let answer = unsafe { it.RestartHandler.unwrap()(context, &raw mut restart) };
    assert_eq!(answer, NDIS_STATUS_SUCCESS);
    let mut pause: NDIS_FILTER_PAUSE_PARAMETERS = zeroed();
    // SAFETY: the driver's own handler.
    assert_eq!(unsafe { it.PauseHandler.unwrap()(context, &raw mut pause) }, NDIS_STATUS_SUCCESS);
    assert_eq!(driver.told(), ["restart mtu=None", "restart mtu=Some(9000)", "pause"]);

    assert_eq!(driver.modules.load(Ordering::Relaxed), 1);
    detach();
    assert_eq!(driver.told(), ["detach"]);
    assert_eq!(driver.modules.load(Ordering::Relaxed), 0);
    assert_eq!(calls(), []);
    drop(registration);
}

/// Two entries of restart attributes, the second of which is the general one with this MTU, in aligned words.
fn restart_attributes(mtu: u32) -> Vec<u128> {
    let mut words = vec![0_u128; 16];
    let base: *mut u128 = words.as_mut_ptr();
    let entry = base.cast::<NDIS_RESTART_ATTRIBUTES>();
    // SAFETY: the first entry is the first two words; the second begins at the third, its data at the fourth, and ends
    // within the vector.
    unsafe {
        (*entry).Oid = OID_GEN_MINIPORT_RESTART_ATTRIBUTES;
        (*entry).DataLength = 4;
        let second = base.add(2).cast::<NDIS_RESTART_ATTRIBUTES>();
        (*entry).Next = second;
        (*second).Oid = OID_GEN_MINIPORT_RESTART_ATTRIBUTES;
        (*second).DataLength = u32::try_from(size_of::<NDIS_RESTART_GENERAL_ATTRIBUTES>()).unwrap();
        let data = base.add(3).cast::<NDIS_RESTART_GENERAL_ATTRIBUTES>();
        (*data).MtuSize = mtu;
    }
    words
}

#[test]
fn an_attach_that_fails_leaves_no_trace() {
    let driver = Driver::new();
    let _registration = register(driver).expect("registered");
    calls();
    driver.refuse.store(1, Ordering::Relaxed);
    assert_eq!(attach(), NDIS_STATUS_UNSUPPORTED_MEDIA);
    assert_eq!((calls(), driver.told()), (vec![], vec![]));

    driver.refuse.store(0, Ordering::Relaxed);
    ATTRIBUTES_ANSWER.set(NDIS_STATUS_RESOURCES);
    assert_eq!(attach(), NDIS_STATUS_RESOURCES);
    assert_eq!(driver.told().last().map(String::as_str), Some("detach"));
    assert_eq!(driver.modules.load(Ordering::Relaxed), 0);
}

#[test]
fn packets_reach_the_module_and_what_it_does_not_handle_passes() {
    let (driver, _registration) = attached();
    let (it, context) = (characteristics(), MODULE_CONTEXT.get());
    let mut packets = [Packet::of(b"one"), Packet::of(b"two")];
    let (first, nbls) = link(&mut packets);
    let first = first.as_ptr();
    let lent = NDIS_RECEIVE_FLAGS_RESOURCES;
    // SAFETY: the driver's own handlers, called as NDIS does.
    unsafe {
        it.SendNetBufferListsHandler.unwrap()(context, first, 1, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
        it.SendNetBufferListsCompleteHandler.unwrap()(context, first, 0);
        it.ReceiveNetBufferListsHandler.unwrap()(context, first, 2, 2, 0);
        it.ReceiveNetBufferListsHandler.unwrap()(context, first, 2, 2, lent);
        it.ReturnNetBufferListsHandler.unwrap()(context, first, 0);
        it.CancelSendNetBufferListsHandler.unwrap()(context, without_provenance_mut(0xc));
        it.SendNetBufferListsHandler.unwrap()(context, null_mut(), 1, 0);
    }
    assert_eq!(driver.told(), ["send 2", "receive owned 2", "receive lent 2", "cancel CancelId(0xc)"]);
    assert_eq!(
        calls(),
        [
            Call::SendComplete { nbls: nbls.clone(), flags: NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL },
            Call::SendComplete { nbls: nbls.clone(), flags: 0 },
            Call::Indicate { nbls: nbls.clone(), port: 2, count: 2, flags: 0 },
            Call::Indicate { nbls: nbls.clone(), port: 2, count: 2, flags: lent },
            Call::Return { nbls, flags: 0 },
            Call::CancelSend { id: 0xc },
        ]
    );
    detach();
}

#[test]
fn status_and_events_are_seen_and_passed_on() {
    let (driver, _registration) = attached();
    let (it, context) = (characteristics(), MODULE_CONTEXT.get());
    let mut indication: NDIS_STATUS_INDICATION = zeroed();
    indication.StatusCode = NDIS_STATUS_LINK_STATE;
    let mut link: NDIS_LINK_STATE = zeroed();
    (link.MediaConnectState, link.RcvLinkSpeed) = (MediaConnectStateDisconnected, 10_000_000);
    indication.StatusBuffer = (&raw mut link).cast();
    indication.StatusBufferSize = size_of_val(&link) as u32;
    let mut device: NET_DEVICE_PNP_EVENT = zeroed();
    device.DevicePnPEvent = NdisDevicePnPEventSurpriseRemoved;
    let mut state: NDIS_DEVICE_POWER_STATE = NdisDeviceStateD3;
    let mut power: NET_PNP_EVENT_NOTIFICATION = zeroed();
    power.NetPnPEvent.NetEvent = NetEventSetPower;
    power.NetPnPEvent.Buffer = (&raw mut state).cast();
    power.NetPnPEvent.BufferLength = 4;
    let mut other: NET_PNP_EVENT_NOTIFICATION = zeroed();
    other.NetPnPEvent.NetEvent = NetEventRestart;
    // SAFETY: the driver's own handlers, called as NDIS does.
    let answers = unsafe {
        it.StatusHandler.unwrap()(context, &raw mut indication);
        it.DevicePnPEventNotifyHandler.unwrap()(context, &raw mut device);
        [
            it.NetPnPEventHandler.unwrap()(context, &raw mut power),
            it.NetPnPEventHandler.unwrap()(context, &raw mut other),
        ]
    };
    assert_eq!(answers, [NDIS_STATUS_NOT_SUPPORTED; 2], "what NDIS answered");
    assert_eq!(
        driver.told(),
        [
            "status 0x40010017 Some(LinkState { connect_state: 2, receive_speed: 10000000 })",
            "device 2",
            "net SetPower(4)",
            "net Other(9)"
        ]
    );
    assert_eq!(
        calls(),
        [
            Call::Status { indication: (&raw const indication).addr() },
            Call::DevicePnp { event: (&raw const device).addr() },
            Call::NetPnp { event: (&raw const power).addr() },
            Call::NetPnp { event: (&raw const other).addr() },
        ]
    );
    detach();
}

fn oid_request(kind: NDIS_REQUEST_TYPE) -> NDIS_OID_REQUEST {
    let mut request: NDIS_OID_REQUEST = zeroed();
    request.RequestType = kind;
    request.RequestId = without_provenance_mut(0x1d);
    request
}

/// What came back in a request: revision, and the numbers of its type's view.
fn results(request: &NDIS_OID_REQUEST) -> Vec<u32> {
    let mut results = vec![request.SupportedRevision.into()];
    // SAFETY: the views are integers; the type says which was written.
    unsafe {
        if request.RequestType == NdisRequestMethod {
            let it = request.DATA.METHOD_INFORMATION;
            results.extend([it.OutputBufferLength, it.BytesWritten, it.BytesRead, it.BytesNeeded]);
        } else if request.RequestType == NdisRequestSetInformation {
            let it = request.DATA.SET_INFORMATION;
            results.extend([it.BytesRead, it.BytesNeeded]);
        } else {
            let it = request.DATA.QUERY_INFORMATION;
            results.extend([it.BytesWritten, it.BytesNeeded]);
        }
    }
    results
}

#[test]
fn oid_requests_go_down_as_clones_and_bring_their_results() {
    let (_, _registration) = attached();
    let (it, context) = (characteristics(), MODULE_CONTEXT.get());
    let passed = [Call::CloneOid { tag: TAG }, Call::Oid { id: 0x1d }];
    for (kind, expected) in [
        (NdisRequestQueryInformation, vec![9, 41, 43]),
        (NdisRequestQueryStatistics, vec![9, 41, 43]),
        (NdisRequestSetInformation, vec![9, 42, 43]),
        (NdisRequestMethod, vec![9, 40, 41, 42, 43]),
    ] {
        // At once: the status is the answer.
        let mut request = oid_request(kind);
        OID_ANSWER.set(NDIS_STATUS_INVALID_OID);
        // SAFETY: the driver's own handler, called as NDIS does.
        let answer = unsafe { it.OidRequestHandler.unwrap()(context, &raw mut request) };
        assert_eq!((answer, results(&request)), (NDIS_STATUS_INVALID_OID, expected.clone()));
        assert_eq!(calls(), [&passed[..], &[Call::FreeClone]].concat());

        // Later: the clone is gone before the original is answered, once.
        let mut request = oid_request(kind);
        OID_ANSWER.set(NDIS_STATUS_PENDING);
        // SAFETY: as above.
        let answer = unsafe { it.OidRequestHandler.unwrap()(context, &raw mut request) };
        assert_eq!(answer, NDIS_STATUS_PENDING);
        assert_eq!(calls(), passed);
        assert_ne!(BELOW.get(), &raw mut request, "a clone, not the original");
        // SAFETY: as above; the clone that went down.
        unsafe { it.OidRequestCompleteHandler.unwrap()(context, BELOW.get(), NDIS_STATUS_SUCCESS) };
        assert_eq!(results(&request), expected);
        let request = (&raw const request).addr();
        assert_eq!(calls(), [Call::FreeClone, Call::OidComplete { request, status: NDIS_STATUS_SUCCESS }]);
    }
    detach();
}

#[test]
fn an_oid_request_without_memory_for_its_clone_fails() {
    let (_, _registration) = attached();
    CLONE_ANSWER.set(NDIS_STATUS_RESOURCES);
    let mut request = oid_request(NdisRequestQueryInformation);
    // SAFETY: the driver's own handler, called as NDIS does.
    let answer = unsafe { characteristics().OidRequestHandler.unwrap()(MODULE_CONTEXT.get(), &raw mut request) };
    assert_eq!((answer, calls()), (NDIS_STATUS_RESOURCES, vec![Call::CloneOid { tag: TAG }]));
    detach();
}

#[test]
fn only_the_oid_request_below_is_cancelled() {
    let (_, _registration) = attached();
    let (it, context) = (characteristics(), MODULE_CONTEXT.get());
    let cancel = |id: usize| {
        // SAFETY: the driver's own handler, called as NDIS does.
        unsafe { it.CancelOidRequestHandler.unwrap()(context, without_provenance_mut(id)) };
        calls()
    };
    assert_eq!(cancel(0x1d), [], "none is below");
    let mut request = oid_request(NdisRequestQueryInformation);
    OID_ANSWER.set(NDIS_STATUS_PENDING);
    // SAFETY: as above.
    unsafe { it.OidRequestHandler.unwrap()(context, &raw mut request) };
    calls();
    assert_eq!(cancel(0x1e), [], "another's id");
    assert_eq!(cancel(0x1d), [Call::CancelOid { id: 0x1d }]);
    // SAFETY: as above.
    unsafe { it.OidRequestCompleteHandler.unwrap()(context, BELOW.get(), NDIS_STATUS_REQUEST_ABORTED) };
    calls();
    assert_eq!(cancel(0x1d), [], "it is done");
    detach();
}
