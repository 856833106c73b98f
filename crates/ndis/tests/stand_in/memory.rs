//! Stand-ins for what own packets come from: pools, NBLs, NBs, MDLs and nonpaged memory. Each is counted; what is freed
//! twice, by the wrong function or too early fails the test.
#![allow(clippy::cast_ptr_alignment, reason = "all that is made is aligned to 16 bytes")]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::{NonNull, null_mut};

use nblease_ndis::sys::*;

use super::{check, zeroed};

/// What can be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    NblPool,
    NbPool,
    Nbl,
    Nb,
    Mdl,
    Memory,
}

/// Something allocated: what, from which pool, and of how many bytes.
#[derive(Clone, Copy)]
struct Thing {
    kind: Kind,
    pool: usize,
    bytes: usize,
}

thread_local! {
    static LIVE: RefCell<BTreeMap<usize, Thing>> = const { RefCell::new(BTreeMap::new()) };
    /// How many allocations succeed before one fails.
    static SUCCEED: Cell<Option<usize>> = const { Cell::new(None) };
}

const TAG: u32 = 0x6e77_4f74;
/// The tag that pools of the tests have.
pub const POOL_TAG: std::num::NonZeroU32 = std::num::NonZeroU32::new(TAG).unwrap();

/// Has one allocation fail, after this many.
pub fn fail_after(allocations: usize) {
    SUCCEED.set(Some(allocations));
}

/// Has none fail any more. Whether the failure is still to come.
pub fn stop_failing() -> bool {
    SUCCEED.take().is_some()
}

/// What is allocated, by kind.
pub fn live() -> BTreeMap<Kind, usize> {
    LIVE.with_borrow(|live| {
        let mut counts = BTreeMap::new();
        for thing in live.values() {
            *counts.entry(thing.kind).or_default() += 1;
        }
        counts
    })
}

/// How many of a kind are allocated.
pub fn count(kind: Kind) -> usize {
    live().get(&kind).copied().unwrap_or_default()
}

/// Whether `len` bytes at `at` lie in allocated memory.
pub fn is_own(at: usize, len: usize) -> bool {
    within(at, len)
}

fn within(at: usize, len: usize) -> bool {
    LIVE.with_borrow(|live| {
        live.range(..=at)
            .next_back()
            .is_some_and(|(start, thing)| thing.kind == Kind::Memory && at + len <= start + thing.bytes)
    })
}

fn fails() -> bool {
    match SUCCEED.get() {
        Some(0) => {
            SUCCEED.set(None);
            true
        }
        Some(left) => {
            SUCCEED.set(Some(left - 1));
            false
        }
        None => false,
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 16).unwrap()
}

fn make(kind: Kind, pool: usize, bytes: usize) -> *mut u8 {
    if fails() {
        return null_mut();
    }
    // SAFETY: never of size zero.
    let at = unsafe { alloc(layout(bytes)) };
    assert!(!at.is_null());
    // SAFETY: new memory. NDIS hands out structures that are not all zero.
    unsafe { at.write_bytes(0xcd, bytes) };
    LIVE.with_borrow_mut(|live| live.insert(at.addr(), Thing { kind, pool, bytes }));
    at
}

fn unmake(kind: Kind, at: *mut u8) -> Thing {
    let thing = LIVE.with_borrow_mut(|live| live.remove(&at.addr()));
    let thing = thing.unwrap_or_else(|| panic!("{kind:?} freed that is not allocated"));
    assert_eq!(thing.kind, kind);
    // SAFETY: allocated by `make`.
    unsafe { at.write_bytes(0xdd, thing.bytes) };
    // SAFETY: as above.
    unsafe { dealloc(at, layout(thing.bytes)) };
    thing
}

fn check_kind(at: *mut u8, kind: Kind) {
    let is = LIVE.with_borrow(|live| live.get(&at.addr()).map(|thing| thing.kind));
    assert_eq!(is, Some(kind));
}

fn check_header(header: NDIS_OBJECT_HEADER, size: u16) {
    assert_eq!(u32::from(header.Type), NDIS_OBJECT_TYPE_DEFAULT);
    assert_eq!((header.Revision, header.Size), (1, size));
}

fn free_empty_pool(kind: Kind, pool: NDIS_HANDLE) {
    let out = LIVE.with_borrow(|live| live.values().filter(|thing| thing.pool == pool.addr()).count());
    assert_eq!(out, 0, "freed with {out} out");
    unmake(kind, pool.cast());
}

/// The context size of a pool is kept at its address.
pub unsafe extern "efiapi" fn allocate_nbl_pool(
    handle: NDIS_HANDLE,
    parameters: *const NET_BUFFER_LIST_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    check(handle);
    // SAFETY: the caller's struct.
    let parameters = unsafe { *parameters };
    check_header(parameters.Header, NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1);
    assert_eq!((parameters.ProtocolId, parameters.fAllocateNetBuffer, parameters.DataSize), (0, 0, 0));
    assert_eq!(parameters.PoolTag, TAG);
    assert_eq!(parameters.ContextSize % 16, 0);
    make(Kind::NblPool, 0, 16).cast()
}

pub unsafe extern "efiapi" fn free_nbl_pool(pool: NDIS_HANDLE) {
    free_empty_pool(Kind::NblPool, pool);
}

pub unsafe extern "efiapi" fn allocate_nb_pool(
    handle: NDIS_HANDLE,
    parameters: *const NET_BUFFER_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    check(handle);
    // SAFETY: the caller's struct.
    let parameters = unsafe { *parameters };
    check_header(parameters.Header, NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1);
    assert_eq!((parameters.DataSize, parameters.PoolTag), (0, TAG));
    make(Kind::NbPool, 0, 16).cast()
}

pub unsafe extern "efiapi" fn free_nb_pool(pool: NDIS_HANDLE) {
    free_empty_pool(Kind::NbPool, pool);
}

pub unsafe extern "efiapi" fn allocate_nbl(pool: NDIS_HANDLE, context: u16, backfill: u16) -> *mut NET_BUFFER_LIST {
    check_kind(pool.cast(), Kind::NblPool);
    assert_eq!((context % 16, backfill), (0, 0));
    let header = size_of::<NET_BUFFER_LIST>();
    // As NDIS may: room before the used part of the context.
    let offset = 32;
    let bytes = header + size_of::<NET_BUFFER_LIST_CONTEXT>() + offset + usize::from(context);
    let at = make(Kind::Nbl, pool.addr(), bytes);
    let Some(nbl) = NonNull::new(at.cast::<NET_BUFFER_LIST>()) else {
        return null_mut();
    };
    // SAFETY: within the allocation.
    let context_at: *mut NET_BUFFER_LIST_CONTEXT = unsafe { at.add(header) }.cast();
    let mut made: NET_BUFFER_LIST = zeroed();
    made.Context = context_at;
    made.NdisPoolHandle = pool;
    // As if of its last use.
    made.NblFlags = NDIS_NBL_FLAGS_RECV_READ_ONLY;
    made.NetBufferListInfo = [pool; 27];
    // SAFETY: new, and large enough.
    unsafe { nbl.write(made) };
    let mut context_made: NET_BUFFER_LIST_CONTEXT = zeroed();
    context_made.Offset = u16::try_from(offset).unwrap();
    context_made.Size = context_made.Offset + context;
    // SAFETY: as above.
    unsafe { context_at.write(context_made) };
    nbl.as_ptr()
}

pub unsafe extern "efiapi" fn free_nbl(nbl: *mut NET_BUFFER_LIST) {
    // SAFETY: the caller's NBL.
    assert!(unsafe { (*nbl).FirstNetBuffer }.is_null(), "its NBs are not freed");
    unmake(Kind::Nbl, nbl.cast());
}

pub unsafe extern "efiapi" fn allocate_nb(
    pool: NDIS_HANDLE,
    mdl: *mut MDL,
    offset: u32,
    len: usize,
) -> *mut NET_BUFFER {
    check_kind(pool.cast(), Kind::NbPool);
    assert!(!mdl.is_null() && len > 0);
    let nb: *mut NET_BUFFER = make(Kind::Nb, pool.addr(), size_of::<NET_BUFFER>()).cast();
    if nb.is_null() {
        return nb;
    }
    let mut made: NET_BUFFER = zeroed();
    made.MdlChain = mdl;
    made.DataOffset = offset;
    made.DataLength = u32::try_from(len).unwrap();
    (made.CurrentMdl, made.CurrentMdlOffset) = (mdl, offset);
    // SAFETY: the caller's chain.
    while let Some(current) = unsafe { made.CurrentMdl.as_ref() } {
        if made.CurrentMdlOffset < current.ByteCount {
            break;
        }
        made.CurrentMdlOffset -= current.ByteCount;
        made.CurrentMdl = current.Next;
    }
    // SAFETY: new, and large enough.
    unsafe { nb.write(made) };
    nb
}

pub unsafe extern "efiapi" fn free_nb(nb: *mut NET_BUFFER) {
    unmake(Kind::Nb, nb.cast());
}

pub unsafe extern "efiapi" fn allocate_mdl(handle: NDIS_HANDLE, at: PVOID, len: u32) -> *mut MDL {
    check(handle);
    assert!(len > 0 && within(at.addr(), len as usize), "an MDL of memory that is not the caller's");
    let mdl: *mut MDL = make(Kind::Mdl, 0, size_of::<MDL>()).cast();
    if mdl.is_null() {
        return mdl;
    }
    let mut made: MDL = zeroed();
    made.MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
    made.MappedSystemVa = at;
    made.StartVa = at;
    made.ByteCount = len;
    // SAFETY: new, and large enough.
    unsafe { mdl.write(made) };
    mdl
}

pub unsafe extern "efiapi" fn free_mdl(mdl: *mut MDL) {
    // SAFETY: the caller's MDL.
    let described = unsafe { *mdl };
    assert!(within(described.MappedSystemVa.addr(), described.ByteCount as usize), "its memory went first");
    unmake(Kind::Mdl, mdl.cast());
}

pub unsafe extern "efiapi" fn allocate_pool(flags: u64, bytes: usize, tag: u32) -> PVOID {
    assert_eq!((flags, tag), (POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, TAG));
    make(Kind::Memory, 0, bytes).cast()
}

pub unsafe extern "efiapi" fn free_pool(at: PVOID, tag: u32) {
    assert_eq!(tag, TAG);
    unmake(Kind::Memory, at.cast());
}

/// What the page on NdisCopySendNetBufferListInfo lists.
pub const COPIED_BY_NDIS: [i32; 11] = [
    TcpIpChecksumNetBufferListInfo,
    IPsecOffloadV1NetBufferListInfo,
    TcpLargeSendNetBufferListInfo,
    Ieee8021QNetBufferListInfo,
    MediaSpecificInformation,
    NetBufferListCancelId,
    NetBufferListProtocolId,
    IPsecOffloadV2TunnelNetBufferListInfo,
    IPsecOffloadV2HeaderNetBufferListInfo,
    VirtualSubnetInfo,
    NetBufferListFilteringInfo,
];

pub unsafe extern "efiapi" fn copy_send_info(to: *mut NET_BUFFER_LIST, from: *const NET_BUFFER_LIST) {
    for slot in COPIED_BY_NDIS {
        let slot = usize::try_from(slot).unwrap();
        // SAFETY: the caller's NBL.
        let value = unsafe { (*from).NetBufferListInfo[slot] };
        // SAFETY: as above.
        unsafe { (&mut (*to).NetBufferListInfo)[slot] = value };
    }
}
