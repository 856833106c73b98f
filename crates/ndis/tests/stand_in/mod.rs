//! Stand-ins for the kernel's functions, which write down how they were called, and packets made by hand.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod lease;
pub mod memory;

use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null_mut};

use nblease_ndis::FilterHandle;
use nblease_ndis::sys::*;

/// The handle that these tests' modules have.
pub const HANDLE: usize = 0xf117;

/// A call into the kernel: what a test asserts of it. Lists are given by their NBLs.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Call {
    Send { nbls: Vec<usize>, port: u32, flags: u32 },
    SendComplete { nbls: Vec<usize>, flags: u32 },
    CancelSend { id: usize },
    Indicate { nbls: Vec<usize>, port: u32, count: u32, flags: u32 },
    Return { nbls: Vec<usize>, flags: u32 },
    Map { mode: i8, cache: i32, bug_check: u32, priority: u32 },
    Register { driver_object: usize },
    Deregister { driver: usize },
    SetAttributes { revision: u8, size: u16 },
    CloneOid { tag: u32 },
    FreeClone,
    Oid { id: usize },
    OidComplete { request: usize, status: i32 },
    CancelOid { id: usize },
    Status { indication: usize },
    DevicePnp { event: usize },
    NetPnp { event: usize },
}

thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    static HANDED: RefCell<Vec<NonNull<NET_BUFFER_LIST>>> = const { RefCell::new(Vec::new()) };
    /// The NDIS_STATUS that `NdisFOidRequest`, clone allocation, `NdisFSetAttributes` and registration answer.
    pub static OID_ANSWER: Cell<i32> = const { Cell::new(NDIS_STATUS_PENDING) };
    pub static CLONE_ANSWER: Cell<i32> = const { Cell::new(NDIS_STATUS_SUCCESS) };
    pub static ATTRIBUTES_ANSWER: Cell<i32> = const { Cell::new(NDIS_STATUS_SUCCESS) };
    pub static REGISTER_ANSWER: Cell<i32> = const { Cell::new(NDIS_STATUS_SUCCESS) };
    /// What `NdisGetVersion` answers.
    pub static VERSION: Cell<u32> = const { Cell::new(0x0006_0057) };
    /// How many mappings succeed before one fails; none fails by default.
    pub static MAPPINGS: Cell<usize> = const { Cell::new(usize::MAX) };
    /// What the driver registered, and what the module set as its context.
    pub static CHARACTERISTICS: Cell<Option<NDIS_FILTER_DRIVER_CHARACTERISTICS>> = const { Cell::new(None) };
    pub static DRIVER_CONTEXT: Cell<NDIS_HANDLE> = const { Cell::new(null_mut()) };
    pub static MODULE_CONTEXT: Cell<NDIS_HANDLE> = const { Cell::new(null_mut()) };
    /// The clone that was last passed down.
    pub static BELOW: Cell<*mut NDIS_OID_REQUEST> = const { Cell::new(null_mut()) };
}

/// What has been called since the last time.
pub fn calls() -> Vec<Call> {
    CALLS.take()
}

/// The first NBLs of the lists that were passed on since the last time, in order.
pub fn handed() -> Vec<NonNull<NET_BUFFER_LIST>> {
    HANDED.take()
}

/// Forgets what has been called.
pub fn forget() {
    calls();
    handed();
}

fn called(call: Call) {
    CALLS.with_borrow_mut(|calls| calls.push(call));
}

/// Makes the calling thread's kernel functions those of this module, and gives the handle of its module.
pub fn install() -> FilterHandle {
    HOST.install();
    // SAFETY: the stand-ins take any handle.
    unsafe { FilterHandle::from_raw(std::ptr::without_provenance_mut(HANDLE)) }
}

fn check(handle: NDIS_HANDLE) {
    assert_eq!(handle.addr(), HANDLE, "another module's handle");
}

fn addresses(first: *mut NET_BUFFER_LIST) -> Vec<usize> {
    HANDED.with_borrow_mut(|handed| handed.extend(NonNull::new(first)));
    let mut nbls = Vec::new();
    let mut next = first;
    // SAFETY: the lists of these tests are whole.
    while let Some(nbl) = unsafe { next.as_ref() } {
        nbls.push(next.addr());
        assert!(nbls.len() < 1000, "a cycle");
        next = nbl.Next;
    }
    nbls
}

static HOST: Host = Host {
    NdisGetVersion: Some(get_version),
    NdisFRegisterFilterDriver: Some(register),
    NdisFDeregisterFilterDriver: Some(deregister),
    NdisFSetAttributes: Some(set_attributes),
    NdisFSendNetBufferLists: Some(send),
    NdisFSendNetBufferListsComplete: Some(send_complete),
    NdisFCancelSendNetBufferLists: Some(cancel_send),
    NdisFIndicateReceiveNetBufferLists: Some(indicate),
    NdisFReturnNetBufferLists: Some(returned),
    MmMapLockedPagesSpecifyCache: Some(map),
    NdisAllocateNetBufferListPool: Some(memory::allocate_nbl_pool),
    NdisFreeNetBufferListPool: Some(memory::free_nbl_pool),
    NdisAllocateNetBufferPool: Some(memory::allocate_nb_pool),
    NdisFreeNetBufferPool: Some(memory::free_nb_pool),
    NdisAllocateNetBufferList: Some(memory::allocate_nbl),
    NdisFreeNetBufferList: Some(memory::free_nbl),
    NdisAllocateNetBuffer: Some(memory::allocate_nb),
    NdisFreeNetBuffer: Some(memory::free_nb),
    NdisAllocateMdl: Some(memory::allocate_mdl),
    NdisFreeMdl: Some(memory::free_mdl),
    NdisCopySendNetBufferListInfo: Some(memory::copy_send_info),
    ExAllocatePool2: Some(memory::allocate_pool),
    ExFreePoolWithTag: Some(memory::free_pool),
    NdisAllocateCloneOidRequest: Some(clone_oid),
    NdisFreeCloneOidRequest: Some(free_clone),
    NdisFOidRequest: Some(oid),
    NdisFOidRequestComplete: Some(oid_complete),
    NdisFCancelOidRequest: Some(cancel_oid),
    NdisFIndicateStatus: Some(indicate_status),
    NdisFDevicePnPEventNotify: Some(device_pnp),
    NdisFNetPnPEvent: Some(net_pnp),
};

unsafe extern "efiapi" fn get_version() -> u32 {
    VERSION.get()
}

unsafe extern "efiapi" fn register(
    driver_object: *mut DRIVER_OBJECT,
    context: NDIS_HANDLE,
    characteristics: *mut NDIS_FILTER_DRIVER_CHARACTERISTICS,
    handle: *mut NDIS_HANDLE,
) -> i32 {
    called(Call::Register { driver_object: driver_object.addr() });
    // SAFETY: the caller's struct.
    CHARACTERISTICS.set(Some(unsafe { *characteristics }));
    DRIVER_CONTEXT.set(context);
    // SAFETY: the caller's place.
    unsafe { *handle = std::ptr::without_provenance_mut(0xd417) };
    REGISTER_ANSWER.get()
}

unsafe extern "efiapi" fn deregister(driver: NDIS_HANDLE) {
    called(Call::Deregister { driver: driver.addr() });
}

unsafe extern "efiapi" fn set_attributes(
    handle: NDIS_HANDLE,
    context: NDIS_HANDLE,
    attributes: *mut NDIS_FILTER_ATTRIBUTES,
) -> i32 {
    check(handle);
    // SAFETY: the caller's struct.
    let attributes = unsafe { *attributes };
    assert_eq!(u32::from(attributes.Header.Type), NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES);
    called(Call::SetAttributes { revision: attributes.Header.Revision, size: attributes.Header.Size });
    MODULE_CONTEXT.set(context);
    ATTRIBUTES_ANSWER.get()
}

unsafe extern "efiapi" fn send(handle: NDIS_HANDLE, first: *mut NET_BUFFER_LIST, port: u32, flags: u32) {
    check(handle);
    called(Call::Send { nbls: addresses(first), port, flags });
}

unsafe extern "efiapi" fn send_complete(handle: NDIS_HANDLE, first: *mut NET_BUFFER_LIST, flags: u32) {
    check(handle);
    called(Call::SendComplete { nbls: addresses(first), flags });
}

unsafe extern "efiapi" fn cancel_send(handle: NDIS_HANDLE, id: PVOID) {
    check(handle);
    called(Call::CancelSend { id: id.addr() });
}

unsafe extern "efiapi" fn indicate(
    handle: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    port: u32,
    count: u32,
    flags: u32,
) {
    check(handle);
    called(Call::Indicate { nbls: addresses(first), port, count, flags });
}

unsafe extern "efiapi" fn returned(handle: NDIS_HANDLE, first: *mut NET_BUFFER_LIST, flags: u32) {
    check(handle);
    called(Call::Return { nbls: addresses(first), flags });
}

unsafe extern "efiapi" fn map(
    mdl: *mut MDL,
    mode: i8,
    cache: i32,
    requested: PVOID,
    bug_check: u32,
    priority: u32,
) -> PVOID {
    assert!(requested.is_null());
    called(Call::Map { mode, cache, bug_check, priority });
    let Some(left) = MAPPINGS.get().checked_sub(1) else {
        return null_mut();
    };
    MAPPINGS.set(left);
    // SAFETY: the caller's MDL; as the kernel does, the mapping is kept in it.
    let mdl = unsafe { &mut *mdl };
    mdl.MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    mdl.MappedSystemVa = mdl.StartVa;
    mdl.MappedSystemVa
}

unsafe extern "efiapi" fn clone_oid(
    handle: NDIS_HANDLE,
    original: *mut NDIS_OID_REQUEST,
    tag: u32,
    clone: *mut *mut NDIS_OID_REQUEST,
) -> i32 {
    check(handle);
    called(Call::CloneOid { tag });
    if CLONE_ANSWER.get() == NDIS_STATUS_SUCCESS {
        // SAFETY: the caller's request.
        let mut copy = Box::new(unsafe { *original });
        copy.SourceReserved = [0; 16];
        copy.RequestId = null_mut();
        // SAFETY: the caller's place.
        unsafe { *clone = Box::into_raw(copy) };
    }
    CLONE_ANSWER.get()
}

unsafe extern "efiapi" fn free_clone(handle: NDIS_HANDLE, clone: *mut NDIS_OID_REQUEST) {
    check(handle);
    called(Call::FreeClone);
    // SAFETY: allocated by `clone_oid`.
    drop(unsafe { Box::from_raw(clone) });
}

unsafe extern "efiapi" fn oid(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST) -> i32 {
    check(handle);
    // SAFETY: the caller's request.
    let id = unsafe { (*request).RequestId };
    called(Call::Oid { id: id.addr() });
    BELOW.set(request);
    // SAFETY: as above; what a miniport would write.
    unsafe { answer(&mut *request) };
    OID_ANSWER.get()
}

/// Results that a miniport may write, different in each field.
fn answer(request: &mut NDIS_OID_REQUEST) {
    request.SupportedRevision = 9;
    match request.RequestType {
        kind if kind == NdisRequestMethod => {
            // SAFETY: the view that the type says.
            let method = unsafe { &mut request.DATA.METHOD_INFORMATION };
            (method.OutputBufferLength, method.BytesWritten) = (40, 41);
            (method.BytesRead, method.BytesNeeded) = (42, 43);
        }
        kind if kind == NdisRequestSetInformation => {
            // SAFETY: the view that the type says.
            let set = unsafe { &mut request.DATA.SET_INFORMATION };
            (set.BytesRead, set.BytesNeeded) = (42, 43);
        }
        _ => {
            // SAFETY: the view that the type says.
            let query = unsafe { &mut request.DATA.QUERY_INFORMATION };
            (query.BytesWritten, query.BytesNeeded) = (41, 43);
        }
    }
}

unsafe extern "efiapi" fn oid_complete(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST, status: i32) {
    check(handle);
    called(Call::OidComplete { request: request.addr(), status });
}

unsafe extern "efiapi" fn cancel_oid(handle: NDIS_HANDLE, id: PVOID) {
    check(handle);
    called(Call::CancelOid { id: id.addr() });
}

unsafe extern "efiapi" fn indicate_status(handle: NDIS_HANDLE, indication: *mut NDIS_STATUS_INDICATION) {
    check(handle);
    called(Call::Status { indication: indication.addr() });
}

unsafe extern "efiapi" fn device_pnp(handle: NDIS_HANDLE, event: *mut NET_DEVICE_PNP_EVENT) {
    check(handle);
    called(Call::DevicePnp { event: event.addr() });
}

unsafe extern "efiapi" fn net_pnp(handle: NDIS_HANDLE, event: *mut NET_PNP_EVENT_NOTIFICATION) -> i32 {
    check(handle);
    called(Call::NetPnp { event: event.addr() });
    NDIS_STATUS_NOT_SUPPORTED
}

/// All zero, which is a value of every struct of the bindings.
pub fn zeroed<T: Copy>() -> T {
    // SAFETY: called for structs of integers, raw pointers and optional function pointers only.
    unsafe { std::mem::zeroed() }
}

/// A packet and what it is made of, at fixed addresses.
pub struct Packet {
    pub nbl: Box<NET_BUFFER_LIST>,
    #[allow(clippy::vec_box, reason = "they are linked by address")]
    nbs: Vec<Box<NET_BUFFER>>,
    #[allow(clippy::vec_box, reason = "they are linked by address")]
    mdls: Vec<Box<MDL>>,
    bytes: Vec<Box<[u8]>>,
}

/// A frame to make: the lengths of its MDLs, where in the first its data starts, and its bytes.
pub struct Frame<'a> {
    pub mdls: &'a [usize],
    pub offset: usize,
    pub data: &'a [u8],
}

impl Packet {
    /// One NBL with these frames. Each MDL describes memory of its own, not mapped yet.
    pub fn new(frames: &[Frame<'_>]) -> Self {
        let mut packet = Self { nbl: Box::new(zeroed()), nbs: Vec::new(), mdls: Vec::new(), bytes: Vec::new() };
        let mut next_nb = null_mut();
        for frame in frames.iter().rev() {
            let mut nb: Box<NET_BUFFER> = Box::new(zeroed());
            nb.Next = next_nb;
            nb.DataLength = u32::try_from(frame.data.len()).unwrap();
            nb.CurrentMdlOffset = u32::try_from(frame.offset).unwrap();
            nb.DataOffset = nb.CurrentMdlOffset;
            nb.CurrentMdl = packet.chain(frame);
            nb.MdlChain = nb.CurrentMdl;
            next_nb = &raw mut *nb;
            packet.nbs.push(nb);
        }
        packet.nbl.FirstNetBuffer = next_nb;
        packet
    }

    /// One NBL with one frame in one MDL.
    pub fn of(data: &[u8]) -> Self {
        Self::new(&[Frame { mdls: &[data.len()], offset: 0, data }])
    }

    fn chain(&mut self, frame: &Frame<'_>) -> *mut MDL {
        let mut data = frame.data;
        let mut skip = frame.offset;
        let mut first = null_mut();
        let mut last: *mut MDL = null_mut();
        for &length in frame.mdls {
            let mut bytes = vec![0xee; length].into_boxed_slice();
            let from = skip.min(length);
            skip -= from;
            let part = data.len().min(length - from);
            bytes[from..from + part].copy_from_slice(&data[..part]);
            data = &data[part..];
            let mut mdl: Box<MDL> = Box::new(zeroed());
            mdl.ByteCount = u32::try_from(length).unwrap();
            mdl.MdlFlags = MDL_PAGES_LOCKED;
            mdl.StartVa = bytes.as_mut_ptr().cast();
            let this = &raw mut *mdl;
            // SAFETY: the MDL before is this packet's, in its box.
            match unsafe { last.as_mut() } {
                Some(last) => last.Next = this,
                None => first = this,
            }
            last = this;
            self.mdls.push(mdl);
            self.bytes.push(bytes);
        }
        first
    }

    pub fn ptr(&mut self) -> NonNull<NET_BUFFER_LIST> {
        NonNull::from(&mut *self.nbl)
    }

    /// Marks each MDL as describing nonpaged pool, which needs no mapping.
    pub fn nonpaged(mut self) -> Self {
        for mdl in &mut self.mdls {
            mdl.MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
            mdl.MappedSystemVa = mdl.StartVa;
        }
        self
    }

    /// The NB of the frame at `at`.
    pub fn nb(&mut self, at: usize) -> &mut NET_BUFFER {
        let last = self.nbs.len() - 1;
        &mut self.nbs[last - at]
    }

    pub fn info(&mut self, index: NDIS_NET_BUFFER_LIST_INFO) -> &mut PVOID {
        &mut self.nbl.NetBufferListInfo[usize::try_from(index).unwrap()]
    }
}

/// Links packets into one list and gives its first NBL and all addresses.
pub fn link(packets: &mut [Packet]) -> (NonNull<NET_BUFFER_LIST>, Vec<usize>) {
    let pointers: Vec<_> = packets.iter_mut().map(Packet::ptr).collect();
    for (packet, next) in packets.iter_mut().zip(pointers.iter().skip(1)) {
        packet.nbl.Next = next.as_ptr();
    }
    (pointers[0], pointers.iter().map(|nbl| nbl.addr().get()).collect())
}
