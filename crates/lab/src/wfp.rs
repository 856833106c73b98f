//! What light filters import of `fwpkclnt.sys`, the Windows Filtering Platform: its base engine's objects, callouts,
//! injection handles. PASSIVE_LEVEL unless said otherwise.
//!
//! After the `fwpmk` and `fwpsk` pages, "Object Management", "Registering Callouts with the Filter Engine". The lab has no IP
//! stack: no packet comes to a layer, so no callout is called. Callouts, sessions and injection handles may not outlive their
//! driver (V06); other objects stay, as they do until the base engine stops.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use nblease_ndis::sys::{PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_SUCCESS};

use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::{Access, Kind as MemoryKind, Span},
    ndis::raw,
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What `fwpkclnt.sys` exports.
pub const EXPORTS: &[Export] = crate::exports! {
    "FwpmCalloutAdd0" => add_callout,
    "FwpmCalloutDeleteByKey0" => delete_callout,
    "FwpmEngineClose0" => close_engine,
    "FwpmEngineOpen0" => open_engine,
    "FwpmFilterAdd0" => add_filter,
    "FwpmFilterCreateEnumHandle0" => create_enumeration,
    "FwpmFilterDeleteById0" => delete_filter_by_id,
    "FwpmFilterDeleteByKey0" => delete_filter,
    "FwpmFilterDestroyEnumHandle0" => destroy_enumeration,
    "FwpmFilterEnum0" => enumerate_filters,
    "FwpmFreeMemory0" => free_memory,
    "FwpmProviderAdd0" => add_provider,
    "FwpmProviderDeleteByKey0" => delete_provider,
    "FwpmSubLayerAdd0" => add_sublayer,
    "FwpmSubLayerDeleteByKey0" => delete_sublayer,
    "FwpmTransactionAbort0" => abort_transaction,
    "FwpmTransactionBegin0" => begin_transaction,
    "FwpmTransactionCommit0" => commit_transaction,
    "FwpsCalloutRegister1" => register_callout,
    "FwpsCalloutRegister2" => register_callout,
    "FwpsCalloutRegister3" => register_callout,
    "FwpsCalloutUnregisterById0" => unregister_callout,
    "FwpsInjectionHandleCreate0" => create_injection,
    "FwpsInjectionHandleDestroy0" => destroy_injection,
    "FwpsQueryPacketInjectionState0" => injection_state,
};

const ALREADY_EXISTS: i32 = 0xc022_0009_u32.cast_signed();
const IN_USE: i32 = 0xc022_000a_u32.cast_signed();
const NO_TRANSACTION: i32 = 0xc022_000d_u32.cast_signed();
const IN_TRANSACTION: i32 = 0xc022_000e_u32.cast_signed();
const CALLOUT_NOT_FOUND: i32 = 0xc022_0001_u32.cast_signed();

/// `FWPM_SESSION_FLAG_DYNAMIC`, and where `FWPM_SESSION0` has its flags.
const DYNAMIC: u32 = 1;
const SESSION_FLAGS: usize = 32;
/// Bytes of `FWPM_FILTER0`, and where it has its provider's key, a pointer, and its id.
const FILTER_SIZE: usize = 200;
const FILTER_PROVIDER: usize = 40;
const FILTER_ID: usize = 176;

/// `GUID`, as it lies in memory.
type Guid = [u8; 16];

/// What an object of the base engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Provider,
    Sublayer,
    Callout,
    Filter,
}

impl Kind {
    /// `STATUS_FWP_..._NOT_FOUND`.
    fn not_found(self) -> i32 {
        let low = match self {
            Self::Callout => 1_u32,
            Self::Filter => 3,
            Self::Provider => 5,
            Self::Sublayer => 7,
        };
        (0xc022_0000 | low).cast_signed()
    }
}

/// An object of the base engine.
#[derive(Clone)]
struct Object {
    id: u64,
    /// The dynamic session that it goes with.
    session: Option<usize>,
    /// The provider of a filter.
    provider: Option<Guid>,
}

type Objects = BTreeMap<(Kind, Guid), Object>;

#[derive(Default)]
struct State {
    objects: Objects,
    last_id: u64,
    /// The engine handle that has a transaction, and the objects as they were before.
    transaction: Option<(usize, Objects)>,
    /// Callouts that drivers registered: key by id.
    callouts: BTreeMap<u32, Guid>,
}

/// The filtering platform.
#[derive(Default)]
pub struct Wfp {
    state: Mutex<State>,
}

/// An open engine handle.
struct Engine {
    dynamic: bool,
}

/// An enumeration: which filters' provider, and whether it has shown them.
struct Enumeration {
    provider: Option<Guid>,
    shown: Mutex<bool>,
}

struct Injection;
struct Registered;

fn state() -> MutexGuard<'static, State> {
    lock(&kernel().wfp.state)
}

fn enter(function: &'static str) {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
}

fn fails() -> bool {
    kernel().faults.should_fail(FaultKind::Ndis)
}

/// A field of a structure of the driver's.
fn field<T: Copy>(structure: PVOID, at: usize) -> T {
    raw::read(structure.wrapping_byte_add(at).cast())
}

/// The GUID that an optional pointer leads to.
fn optional_guid(at: *const Guid) -> Option<Guid> {
    (!at.is_null()).then(|| raw::read(at))
}

unsafe extern "win64" fn open_engine(
    _server: PVOID,
    _service: u32,
    _identity: PVOID,
    session: PVOID,
    engine: *mut PVOID,
) -> i32 {
    enter("FwpmEngineOpen0");
    if fails() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let dynamic = !session.is_null() && field::<u32>(session, SESSION_FLAGS) & DYNAMIC != 0;
    raw::write(engine, kernel().ndis.objects.add("WFP engine handle", Arc::new(Engine { dynamic })));
    STATUS_SUCCESS
}

/// What a transaction began and did not commit is undone; objects of a dynamic session go.
unsafe extern "win64" fn close_engine(engine: PVOID) -> i32 {
    const FUNCTION: &str = "FwpmEngineClose0";
    enter(FUNCTION);
    if kernel().ndis.objects.remove::<Engine>(FUNCTION, engine).is_none() {
        return STATUS_INVALID_HANDLE;
    }
    let mut state = state();
    if let Some((_, before)) = state.transaction.take_if(|(owner, _)| *owner == engine.addr()) {
        state.objects = before;
    }
    state.objects.retain(|_, object| object.session != Some(engine.addr()));
    STATUS_SUCCESS
}

unsafe extern "win64" fn begin_transaction(engine: PVOID, _flags: u32) -> i32 {
    const FUNCTION: &str = "FwpmTransactionBegin0";
    enter(FUNCTION);
    if kernel().ndis.objects.get::<Engine>(FUNCTION, engine).is_none() {
        return STATUS_INVALID_HANDLE;
    }
    let mut state = state();
    if state.transaction.is_some() {
        return IN_TRANSACTION;
    }
    state.transaction = Some((engine.addr(), state.objects.clone()));
    STATUS_SUCCESS
}

/// Ends the handle's transaction: the objects as they were before it.
fn end_transaction(function: &'static str, engine: PVOID) -> Option<Objects> {
    enter(function);
    kernel().ndis.objects.get::<Engine>(function, engine)?;
    state().transaction.take_if(|(owner, _)| *owner == engine.addr()).map(|(_, before)| before)
}

unsafe extern "win64" fn commit_transaction(engine: PVOID) -> i32 {
    end_transaction("FwpmTransactionCommit0", engine).map_or(NO_TRANSACTION, |_| STATUS_SUCCESS)
}

unsafe extern "win64" fn abort_transaction(engine: PVOID) -> i32 {
    let before = end_transaction("FwpmTransactionAbort0", engine);
    before.map_or(NO_TRANSACTION, |before| {
        state().objects = before;
        STATUS_SUCCESS
    })
}

/// Adds an object, whose key its structure begins with: its id.
fn add(function: &'static str, engine: PVOID, kind: Kind, structure: PVOID) -> Result<u64, i32> {
    enter(function);
    let session = kernel().ndis.objects.get::<Engine>(function, engine).ok_or(STATUS_INVALID_HANDLE)?;
    if fails() {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let mut key: Guid = raw::read(structure.cast());
    let provider = if kind == Kind::Filter { optional_guid(field(structure, FILTER_PROVIDER)) } else { None };
    let mut state = state();
    state.last_id += 1;
    let id = state.last_id;
    if kind == Kind::Filter && key == Guid::default() {
        // The engine makes one up.
        key = u128::from(id).to_be_bytes();
    }
    if state.objects.contains_key(&(kind, key)) {
        return Err(ALREADY_EXISTS);
    }
    let session = session.dynamic.then(|| engine.addr());
    state.objects.insert((kind, key), Object { id, session, provider });
    Ok(id)
}

/// The status of an addition whose id the driver may want.
fn added<T>(result: Result<u64, i32>, id: *mut T, convert: impl FnOnce(u64) -> T) -> i32 {
    match result {
        Ok(new) => {
            if !id.is_null() {
                raw::write(id, convert(new));
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn add_provider(engine: PVOID, provider: PVOID, _security: PVOID) -> i32 {
    add("FwpmProviderAdd0", engine, Kind::Provider, provider).map_or_else(|status| status, |_| STATUS_SUCCESS)
}

unsafe extern "win64" fn add_sublayer(engine: PVOID, sublayer: PVOID, _security: PVOID) -> i32 {
    add("FwpmSubLayerAdd0", engine, Kind::Sublayer, sublayer).map_or_else(|status| status, |_| STATUS_SUCCESS)
}

unsafe extern "win64" fn add_callout(engine: PVOID, callout: PVOID, _security: PVOID, id: *mut u32) -> i32 {
    added(add("FwpmCalloutAdd0", engine, Kind::Callout, callout), id, |id| id as u32)
}

unsafe extern "win64" fn add_filter(engine: PVOID, filter: PVOID, _security: PVOID, id: *mut u64) -> i32 {
    added(add("FwpmFilterAdd0", engine, Kind::Filter, filter), id, |id| id)
}

fn delete(function: &'static str, engine: PVOID, kind: Kind, is_it: impl Fn(&Guid, &Object) -> bool) -> i32 {
    enter(function);
    if kernel().ndis.objects.get::<Engine>(function, engine).is_none() {
        return STATUS_INVALID_HANDLE;
    }
    let mut state = state();
    let key = state.objects.iter().find(|((other, key), object)| *other == kind && is_it(key, object));
    let Some(key) = key.map(|(key, _)| *key) else { return kind.not_found() };
    let used = kind == Kind::Provider && state.objects.values().any(|object| object.provider == Some(key.1));
    if used {
        return IN_USE;
    }
    state.objects.remove(&key);
    STATUS_SUCCESS
}

unsafe extern "win64" fn delete_provider(engine: PVOID, key: *const Guid) -> i32 {
    delete("FwpmProviderDeleteByKey0", engine, Kind::Provider, |other, _| *other == raw::read(key))
}

unsafe extern "win64" fn delete_sublayer(engine: PVOID, key: *const Guid) -> i32 {
    delete("FwpmSubLayerDeleteByKey0", engine, Kind::Sublayer, |other, _| *other == raw::read(key))
}

unsafe extern "win64" fn delete_callout(engine: PVOID, key: *const Guid) -> i32 {
    delete("FwpmCalloutDeleteByKey0", engine, Kind::Callout, |other, _| *other == raw::read(key))
}

unsafe extern "win64" fn delete_filter(engine: PVOID, key: *const Guid) -> i32 {
    delete("FwpmFilterDeleteByKey0", engine, Kind::Filter, |other, _| *other == raw::read(key))
}

unsafe extern "win64" fn delete_filter_by_id(engine: PVOID, id: u64) -> i32 {
    delete("FwpmFilterDeleteById0", engine, Kind::Filter, |_, filter| filter.id == id)
}

/// Of the template its provider's key counts alone, which it begins with.
unsafe extern "win64" fn create_enumeration(engine: PVOID, template: PVOID, handle: *mut PVOID) -> i32 {
    const FUNCTION: &str = "FwpmFilterCreateEnumHandle0";
    enter(FUNCTION);
    if kernel().ndis.objects.get::<Engine>(FUNCTION, engine).is_none() {
        return STATUS_INVALID_HANDLE;
    }
    let provider = if template.is_null() { None } else { optional_guid(field(template, 0)) };
    let enumeration = Enumeration { provider, shown: Mutex::default() };
    raw::write(handle, kernel().ndis.objects.add("WFP enumeration", Arc::new(enumeration)));
    STATUS_SUCCESS
}

unsafe extern "win64" fn destroy_enumeration(_engine: PVOID, handle: PVOID) -> i32 {
    const FUNCTION: &str = "FwpmFilterDestroyEnumHandle0";
    enter(FUNCTION);
    kernel().ndis.objects.remove::<Enumeration>(FUNCTION, handle).map_or(STATUS_INVALID_HANDLE, |_| STATUS_SUCCESS)
}

/// An array of pointers to filters, of which the keys and ids are filled in, in memory that FwpmFreeMemory0 frees.
unsafe extern "win64" fn enumerate_filters(
    _engine: PVOID,
    handle: PVOID,
    most: u32,
    entries: *mut PVOID,
    count: *mut u32,
) -> i32 {
    const FUNCTION: &str = "FwpmFilterEnum0";
    enter(FUNCTION);
    let Some(enumeration) = kernel().ndis.objects.get::<Enumeration>(FUNCTION, handle) else {
        return STATUS_INVALID_HANDLE;
    };
    let wanted = |object: &Object| enumeration.provider.is_none() || object.provider == enumeration.provider;
    let again = std::mem::replace(&mut *lock(&enumeration.shown), true);
    let found: Vec<(Guid, u64)> = state()
        .objects
        .iter()
        .filter(|((kind, _), object)| !again && *kind == Kind::Filter && wanted(object))
        .map(|((_, key), object)| (*key, object.id))
        .take(most as usize)
        .collect();
    raw::write(count, found.len() as u32);
    raw::write(entries, std::ptr::null_mut());
    if found.is_empty() {
        return STATUS_SUCCESS;
    }
    let pointers = found.len() * size_of::<PVOID>();
    let span = kernel().memory.alloc(MemoryKind::Descriptor, pointers + found.len() * FILTER_SIZE);
    let at = span.driver();
    for (number, (key, id)) in found.iter().enumerate() {
        let filter = at.wrapping_add(pointers + number * FILTER_SIZE);
        raw::write_bytes(filter, &[0; FILTER_SIZE]);
        raw::write_bytes(filter, key);
        raw::write(filter.wrapping_add(FILTER_ID).cast(), *id);
        raw::write(at.wrapping_add(number * size_of::<PVOID>()).cast(), filter);
    }
    span.open(Access::ReadWrite);
    kernel().ndis.objects.add_at("WFP memory", at.addr(), Arc::new(span));
    raw::write(entries, at.cast());
    STATUS_SUCCESS
}

/// Of no memory as well; the pointer is null then.
unsafe extern "win64" fn free_memory(at: *mut PVOID) {
    const FUNCTION: &str = "FwpmFreeMemory0";
    enter(FUNCTION);
    let memory: PVOID = raw::read(at);
    if !memory.is_null() {
        kernel().ndis.objects.remove::<Span>(FUNCTION, memory);
        raw::write(at, std::ptr::null_mut());
    }
}

/// `callout` is one of `FWPS_CALLOUT1` to `FWPS_CALLOUT3`, which begin alike.
unsafe extern "win64" fn register_callout(_device: PVOID, callout: PVOID, id: *mut u32) -> i32 {
    enter("FwpsCalloutRegister");
    if fails() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let key: Guid = raw::read(callout.cast());
    let mut state = state();
    if state.callouts.values().any(|other| *other == key) {
        return ALREADY_EXISTS;
    }
    let new = state.callouts.keys().next_back().map_or(0x100, |last| last + 1);
    state.callouts.insert(new, key);
    drop(state);
    kernel().ndis.objects.add_at("registered callout", new as usize, Arc::new(Registered));
    if !id.is_null() {
        raw::write(id, new);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn unregister_callout(id: u32) -> i32 {
    const FUNCTION: &str = "FwpsCalloutUnregisterById0";
    enter(FUNCTION);
    if state().callouts.remove(&id).is_none() {
        return CALLOUT_NOT_FOUND;
    }
    kernel().ndis.objects.remove::<Registered>(FUNCTION, std::ptr::without_provenance_mut(id as usize));
    STATUS_SUCCESS
}

unsafe extern "win64" fn create_injection(_family: u16, _flags: u32, handle: *mut PVOID) -> i32 {
    enter("FwpsInjectionHandleCreate0");
    if fails() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    raw::write(handle, kernel().ndis.objects.add("injection handle", Arc::new(Injection)));
    STATUS_SUCCESS
}

unsafe extern "win64" fn destroy_injection(handle: PVOID) -> i32 {
    const FUNCTION: &str = "FwpsInjectionHandleDestroy0";
    enter(FUNCTION);
    kernel().ndis.objects.remove::<Injection>(FUNCTION, handle).map_or(STATUS_INVALID_HANDLE, |_| STATUS_SUCCESS)
}

/// `FWPS_PACKET_NOT_INJECTED`. IRQL: up to DISPATCH_LEVEL.
unsafe extern "win64" fn injection_state(_handle: PVOID, list: PVOID, context: *mut PVOID) -> i32 {
    thread::enter("FwpsQueryPacketInjectionState0", DISPATCH_LEVEL, rule::V09);
    raw::touch(list);
    if !context.is_null() {
        raw::write(context, std::ptr::null_mut());
    }
    0
}
