//! OID requests on their way through filters: regular ones, one at a time for each filter; direct ones, any number;
//! synchronous ones.
//!
//! After "Filter Module OID Requests", "Filtering OID Requests in an NDIS Filter Driver", `FilterOidRequest`,
//! `NdisFOidRequest`, `NdisFOidRequestComplete`, `NdisAllocateCloneOidRequest`, `FilterSynchronousOidRequest`. IRQL: up
//! to DISPATCH_LEVEL.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
    NDIS_OID_REQUEST_REVISION_2, NDIS_SIZEOF_OID_REQUEST_REVISION_1, NDIS_SIZEOF_OID_REQUEST_REVISION_2, NDIS_STATUS,
    NDIS_STATUS_ALREADY_COMPLETE, NDIS_STATUS_BUFFER_TOO_SHORT, NDIS_STATUS_INVALID_LENGTH,
    NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
    NdisRequestSetInformation, PVOID,
};
use rand::Rng as _;

use super::{
    LAB,
    adapter::Adapter,
    answers,
    asked::{Outcome, UNSAID},
    check_header,
    module::{Module, OidSlot},
    raw,
};
use crate::{
    faults::FaultKind,
    history::Event,
    judge::rule,
    kernel::kernel,
    memory::{Access, Kind, Span},
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisFOidRequest => ndis_f_oid_request,
    NdisFOidRequestComplete => ndis_f_oid_request_complete,
    NdisFCancelOidRequest => ndis_f_cancel_oid_request,
    NdisFDirectOidRequest => ndis_f_direct_oid_request,
    NdisFDirectOidRequestComplete => ndis_f_direct_oid_request_complete,
    NdisFCancelDirectOidRequest => ndis_f_cancel_direct_oid_request,
    NdisFSynchronousOidRequest => ndis_f_synchronous_oid_request,
    NdisAllocateCloneOidRequest => allocate_clone,
    NdisFreeCloneOidRequest => free_clone,
};

/// How long a filter may keep an OID request (V33).
const BUDGET_NS: u64 = 1_000_000_000;
const REVISIONS: [(u8, u16); 2] = [
    (NDIS_OID_REQUEST_REVISION_1 as u8, NDIS_SIZEOF_OID_REQUEST_REVISION_1),
    (NDIS_OID_REQUEST_REVISION_2 as u8, NDIS_SIZEOF_OID_REQUEST_REVISION_2),
];

/// Where the result of a request goes.
#[derive(Clone)]
pub(super) enum Issuer {
    Protocol(Arc<Mutex<Option<NDIS_STATUS>>>),
    Module(Arc<Module>),
}

/// A request on its way.
#[derive(Clone)]
pub(super) struct Flight {
    pub issuer: Issuer,
    pub direct: bool,
}

/// The requests on their way, by address.
#[derive(Default)]
pub struct Flights {
    pub(super) all: Mutex<HashMap<usize, Flight>>,
}

/// A request that waits until a filter is done with the one before.
pub struct Waiting {
    request: usize,
}

pub(super) type Request = *mut NDIS_OID_REQUEST;

fn address(request: usize) -> Request {
    std::ptr::with_exposed_provenance_mut(request)
}

/// Whether no request is on its way that a module has handed on.
pub fn none_of(module: &Module) -> bool {
    let mut flights = lock(&flights().all).clone().into_values();
    !flights.any(|flight| matches!(&flight.issuer, Issuer::Module(issuer) if issuer.handle == module.handle))
}

/// Something happened to a request.
fn note(at: Request, event: Event) {
    kernel().book.note("OID request", at.addr(), event);
}

pub(super) fn flights() -> &'static Flights {
    &kernel().ndis.flights
}

fn takes(module: &Module, direct: bool) -> bool {
    let c = &module.driver.characteristics;
    if direct { c.DirectOidRequestHandler.is_some() } else { c.OidRequestHandler.is_some() }
}

/// A request goes down from a module (none: from the protocol).
pub(super) fn submit(adapter: &Arc<Adapter>, from: Option<&Module>, at: Request, direct: bool) -> NDIS_STATUS {
    let Some(module) = adapter.next_below(from, |module| takes(module, direct)) else {
        return at_miniport(adapter, at);
    };
    if direct {
        return call(&module, at, true);
    }
    {
        let mut slot = lock(&module.oid);
        if slot.busy.is_some() {
            slot.waiting.push_back(Waiting { request: at.expose_provenance() });
            return NDIS_STATUS_PENDING;
        }
        slot.take(at);
    }
    let status = call(&module, at, false);
    if status != NDIS_STATUS_PENDING {
        finish(&module, at, status);
    }
    status
}

/// The miniport answers at once, or a little later.
fn at_miniport(adapter: &Arc<Adapter>, at: Request) -> NDIS_STATUS {
    if adapter.kept.keep(at) {
        return NDIS_STATUS_PENDING;
    }
    let status = answers::answer(adapter, at);
    if kernel().rng().random_bool(0.5) {
        return status;
    }
    let request = at.expose_provenance();
    let complete = move || to_issuer(address(request), status);
    if kernel().rng().random_bool(0.5) {
        kernel().sched.queue_dpc(LAB, Box::new(complete));
    } else {
        kernel().sched.queue_work(Box::new(complete));
    }
    NDIS_STATUS_PENDING
}

/// Calls a filter's handler.
fn call(module: &Arc<Module>, at: Request, direct: bool) -> NDIS_STATUS {
    let c = &module.driver.characteristics;
    let (handler, what) = if direct {
        (c.DirectOidRequestHandler, "FilterDirectOidRequest")
    } else {
        (c.OidRequestHandler, "FilterOidRequest")
    };
    let Some(handler) = handler else { return NDIS_STATUS_INVALID_PARAMETER };
    note(at, Event::of_lab("given to").who(module.shared_name()).through(what));
    module.call(what, PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; the request is lent until it is completed.
        unsafe { handler(context, at) }
    })
}

impl OidSlot {
    fn take(&mut self, at: Request) {
        self.busy = Some(at.expose_provenance());
        self.since_ns = kernel().clock.unbiased_ns();
    }
}

/// A filter is done with a request: judged, and the next one that waits is begun.
fn finish(module: &Arc<Module>, at: Request, status: NDIS_STATUS) {
    note(at, Event::here(format!("completed with {status:#x} by")).who(module.shared_name()));
    let (had, held_ns) = {
        let mut slot = lock(&module.oid);
        let had = slot.busy.take_if(|busy| *busy == at.addr()).is_some();
        (had, kernel().clock.unbiased_ns().saturating_sub(slot.since_ns))
    };
    let judge = &kernel().judge;
    judge.check(rule::V34, had, || {
        format!("{} completed the OID request {at:p}, which it does not have (any more)", module.name())
    });
    judge.check(rule::V33, held_ns <= BUDGET_NS, || {
        format!("{} kept the OID request {at:p} for {} ms", module.name(), held_ns / 1_000_000)
    });
    judge_result(module, at, status);
    begin_next(module);
}

/// The next waiting request, if any.
fn begin_next(module: &Arc<Module>) {
    let next = {
        let mut slot = lock(&module.oid);
        if slot.busy.is_some() {
            return;
        }
        let Some(next) = slot.waiting.pop_front() else { return };
        slot.take(address(next.request));
        next.request
    };
    let module = module.clone();
    kernel().sched.queue_work(Box::new(move || {
        let at = address(next);
        let status = call(&module, at, false);
        if status != NDIS_STATUS_PENDING {
            finish(&module, at, status);
            to_issuer(at, status);
        }
    }));
}

/// What was written has to fit the buffer, whatever the status (V32). Who succeeds says how much that is, and who lacks room
/// how much is needed (`NDIS_OID_REQUEST`).
fn judge_result(module: &Module, at: Request, status: NDIS_STATUS) {
    let request: NDIS_OID_REQUEST = raw::read(at);
    if request.RequestType == NdisRequestSetInformation {
        return;
    }
    let Outcome { oid, written, room, needed, .. } = Outcome::of(&request);
    let judge = &kernel().judge;
    let (name, short) = (module.name(), [NDIS_STATUS_BUFFER_TOO_SHORT, NDIS_STATUS_INVALID_LENGTH].contains(&status));
    for (unsaid, member) in [
        (written == UNSAID && status == NDIS_STATUS_SUCCESS, "BytesWritten"),
        (needed == UNSAID && short, "BytesNeeded"),
    ] {
        judge.check(rule::V32, !unsaid, || {
            format!(
                "{name} completed the OID request {at:p} with {status:#x} and left {member} as it was (OID {oid:#x})"
            )
        });
    }
    judge.check(rule::V32, written <= room || written == UNSAID, || {
        format!(
            "{name} completed the OID request {at:p} and says that it wrote {written} bytes to a buffer of {room} (OID \
             {oid:#x})"
        )
    });
}

/// A request that was pending is complete: its issuer is told.
pub(super) fn to_issuer(at: Request, status: NDIS_STATUS) {
    let Some(flight) = lock(&flights().all).remove(&at.addr()) else {
        kernel().judge.broken(rule::V34, format!("the OID request {at:p} was completed twice"));
        return;
    };
    match flight.issuer {
        Issuer::Protocol(done) => {
            super::lent::end(at, "its OID request was completed");
            *lock(&done) = Some(status);
            kernel().sched.changed();
        }
        Issuer::Module(module) => {
            let c = &module.driver.characteristics;
            let (handler, what) = if flight.direct {
                (c.DirectOidRequestCompleteHandler, "FilterDirectOidRequestComplete")
            } else {
                (c.OidRequestCompleteHandler, "FilterOidRequestComplete")
            };
            let Some(handler) = handler else { return };
            module.call(what, PASSIVE_LEVEL, |context| {
                // SAFETY: the driver registered this function; the request is its own.
                unsafe { handler(context, at, status) }
            });
        }
    }
}

/// NdisFOidRequest and its direct kin.
fn from_filter(function: &'static str, handle: NDIS_HANDLE, at: Request, direct: bool) -> NDIS_STATUS {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(function);
    let Some(module) = kernel().ndis.module(function, handle) else {
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    raw::touch(at);
    let head = raw::read(at.cast::<NDIS_OBJECT_HEADER>());
    let kind = NDIS_OBJECT_TYPE_OID_REQUEST as u8;
    if !check_header("NDIS_OID_REQUEST", head, kind, &REVISIONS) || !module.require_attached(function) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    let c = &module.driver.characteristics;
    let told = if direct { c.DirectOidRequestCompleteHandler.is_some() } else { c.OidRequestCompleteHandler.is_some() };
    kernel()
        .judge
        .check(rule::V07, told, || format!("{function} by {}, which has no handler for the completion", module.name()));
    note(at, Event::here("handed down to NDIS by").who(module.shared_name()).through(function));
    let flight = Flight { issuer: Issuer::Module(module.clone()), direct };
    let before = {
        let mut all = lock(&flights().all);
        let before = all.get(&at.addr()).cloned();
        if before.is_none() {
            all.insert(at.expose_provenance(), flight);
        }
        before
    };
    kernel().judge.check(rule::V34, before.is_none(), || {
        format!("{function} by {} with the OID request {at:p}, which is on its way: it has to clone it", module.name())
    });
    let status = submit(&module.adapter, Some(&module), at, direct);
    if status != NDIS_STATUS_PENDING {
        lock(&flights().all).remove(&at.addr());
    }
    status
}

pub(super) unsafe extern "efiapi" fn ndis_f_oid_request(handle: NDIS_HANDLE, at: Request) -> NDIS_STATUS {
    from_filter("NdisFOidRequest", handle, at, false)
}

pub(super) unsafe extern "efiapi" fn ndis_f_direct_oid_request(handle: NDIS_HANDLE, at: Request) -> NDIS_STATUS {
    from_filter("NdisFDirectOidRequest", handle, at, true)
}

fn complete(function: &'static str, handle: NDIS_HANDLE, at: Request, status: NDIS_STATUS, direct: bool) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(function);
    let Some(module) = kernel().ndis.module(function, handle) else { return };
    if !module.require_attached(function) {
        return;
    }
    kernel().judge.check(rule::V34, status != NDIS_STATUS_PENDING, || format!("{function} with NDIS_STATUS_PENDING"));
    if direct {
        judge_result(&module, at, status);
    } else {
        finish(&module, at, status);
    }
    to_issuer(at, status);
}

pub(super) unsafe extern "efiapi" fn ndis_f_oid_request_complete(
    handle: NDIS_HANDLE,
    at: Request,
    status: NDIS_STATUS,
) {
    complete("NdisFOidRequestComplete", handle, at, status, false);
}

pub(super) unsafe extern "efiapi" fn ndis_f_direct_oid_request_complete(
    handle: NDIS_HANDLE,
    at: Request,
    status: NDIS_STATUS,
) {
    complete("NdisFDirectOidRequestComplete", handle, at, status, true);
}

/// A cancellation goes down from a module.
fn cancel(function: &'static str, handle: NDIS_HANDLE, id: PVOID, direct: bool) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(function, handle) else { return };
    if module.require_attached(function) {
        cancel_below(&module.adapter, Some(&module), id, direct);
    }
}

/// The next filter below `from` (none: below the protocol) that has requests is told of a cancellation.
pub(super) fn cancel_below(adapter: &Arc<Adapter>, from: Option<&Module>, id: PVOID, direct: bool) {
    let handler_of = |module: &Module| {
        let c = &module.driver.characteristics;
        if direct { c.CancelDirectOidRequestHandler } else { c.CancelOidRequestHandler }
    };
    let below = adapter.next_below(from, |module| handler_of(module).is_some());
    let Some((below, handler)) = below.and_then(|below| handler_of(&below).map(|h| (below, h))) else {
        return adapter.kept.cancel(id);
    };
    adapter.kept.told(below.name().to_owned());
    let what = if direct { "FilterCancelDirectOidRequest" } else { "FilterCancelOidRequest" };
    below.call(what, PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function.
        unsafe { handler(context, id) }
    });
}

pub(super) unsafe extern "efiapi" fn ndis_f_cancel_oid_request(handle: NDIS_HANDLE, id: PVOID) {
    cancel("NdisFCancelOidRequest", handle, id, false);
}

pub(super) unsafe extern "efiapi" fn ndis_f_cancel_direct_oid_request(handle: NDIS_HANDLE, id: PVOID) {
    cancel("NdisFCancelDirectOidRequest", handle, id, true);
}

/// A synchronous request: down through the filters that take such requests, then back up through those that let it
/// pass.
pub(super) fn synchronous_down(adapter: &Arc<Adapter>, from: Option<&Module>, at: Request) -> NDIS_STATUS {
    let next = adapter.next_below(from, |module| module.driver.characteristics.SynchronousOidRequestHandler.is_some());
    let Some(module) = next else { return answers::answer(adapter, at) };
    let c = &module.driver.characteristics;
    let Some(handler) = c.SynchronousOidRequestHandler else { return NDIS_STATUS_INVALID_PARAMETER };
    let (_lent, call_context) =
        super::lent::lend::<PVOID>(std::ptr::null_mut(), "FilterSynchronousOidRequest returned");
    let status = module.call("FilterSynchronousOidRequest", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; request and context are lent for the call.
        unsafe { handler(context, at, call_context) }
    });
    kernel().judge.check(rule::V34, status != NDIS_STATUS_PENDING, || {
        format!("FilterSynchronousOidRequest of {} returned NDIS_STATUS_PENDING", module.name())
    });
    if status == NDIS_STATUS_ALREADY_COMPLETE {
        return NDIS_STATUS_SUCCESS;
    }
    if status != NDIS_STATUS_SUCCESS {
        return status;
    }
    let result = synchronous_down(adapter, Some(&module), at);
    let Some(handler) = c.SynchronousOidRequestCompleteHandler else { return result };
    let (_lent, final_status) = super::lent::lend(result, "FilterSynchronousOidRequestComplete returned");
    module.call("FilterSynchronousOidRequestComplete", PASSIVE_LEVEL, |context| {
        // SAFETY: as above.
        unsafe { handler(context, at, final_status, raw::read(call_context)) }
    });
    raw::read(final_status)
}

pub(super) unsafe extern "efiapi" fn ndis_f_synchronous_oid_request(handle: NDIS_HANDLE, at: Request) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisFSynchronousOidRequest";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else {
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    if !module.require_attached(FUNCTION) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    raw::touch(at);
    synchronous_down(&module.adapter, Some(&module), at)
}

/// NdisAllocateCloneOidRequest: a copy of a request, to be sent on in its place.
pub(super) unsafe extern "efiapi" fn allocate_clone(
    _handle: NDIS_HANDLE,
    original: Request,
    _tag: u32,
    clone: *mut Request,
) -> NDIS_STATUS {
    thread::enter("NdisAllocateCloneOidRequest", DISPATCH_LEVEL, rule::V09);
    raw::touch(original);
    if kernel().faults.should_fail(FaultKind::Ndis) {
        raw::write(clone, std::ptr::null_mut());
        return NDIS_STATUS_RESOURCES;
    }
    let span = kernel().memory.alloc(Kind::Descriptor, size_of::<NDIS_OID_REQUEST>());
    let at: Request = span.driver().cast();
    raw::write(at, raw::read::<NDIS_OID_REQUEST>(original));
    span.open(Access::ReadWrite);
    kernel().ndis.objects.add_at("cloned OID request", at.addr(), Arc::new(span));
    raw::write(clone, at);
    NDIS_STATUS_SUCCESS
}

pub(super) unsafe extern "efiapi" fn free_clone(_handle: NDIS_HANDLE, at: Request) {
    const FUNCTION: &str = "NdisFreeCloneOidRequest";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let flying = lock(&flights().all).contains_key(&at.addr());
    kernel().judge.check(rule::V34, !flying, || format!("{FUNCTION} of the OID request {at:p}, which is on its way"));
    kernel().ndis.objects.remove::<Span>(FUNCTION, at.cast());
}
