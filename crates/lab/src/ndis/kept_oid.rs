//! An OID request that the card keeps until it is cancelled, and what comes of the cancellation on its way down (V33).
//!
//! After `FilterCancelOidRequest`: a filter that has handed a request on passes its cancellation on, by the id that it gave its
//! clone; one that keeps a request completes it with NDIS_STATUS_REQUEST_ABORTED soon. A filter without the handler is left
//! out on the way.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::{NDIS_STATUS, NDIS_STATUS_REQUEST_ABORTED, PVOID};

use super::{
    LAB,
    adapter::Adapter,
    asked::{OidKind, OidReply, Outcome, ask, cancel_all},
    oid::{Request, to_issuer},
    raw,
};
use crate::{judge::rule, kernel::kernel, sync::lock};

/// The request: one of the card's own, which filters know nothing about.
const OID: u32 = 0xff6b_6570;
/// When the protocol cancels it.
const CANCEL_NS: u64 = 100_000_000;
/// When it has to be complete.
const PATIENCE_NS: u64 = 1_200_000_000;

/// What the card keeps.
#[derive(Default)]
pub(super) struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    /// It keeps requests for [`OID`] at all.
    keeps: bool,
    /// The request that it has.
    request: Option<usize>,
    /// The module that was told of the cancellation last.
    told: Option<String>,
}

impl Kept {
    /// A request comes to the card: whether it keeps it.
    pub(super) fn keep(&self, at: Request) -> bool {
        let mut state = lock(&self.0);
        let kept = state.keeps && Outcome::of(&raw::read(at)).oid == OID;
        if kept {
            state.request = Some(at.expose_provenance());
        }
        kept
    }

    /// A module is told of a cancellation.
    pub(super) fn told(&self, module: String) {
        lock(&self.0).told = Some(module);
    }

    /// A cancellation comes to the card, which completes the request of that id.
    pub(super) fn cancel(&self, id: PVOID) {
        let is_it = |at: &mut usize| raw::read(request_at(*at)).RequestId == id;
        let cancelled = lock(&self.0).request.take_if(is_it);
        if let Some(at) = cancelled {
            complete(at);
        }
    }
}

fn request_at(at: usize) -> Request {
    std::ptr::with_exposed_provenance_mut(at)
}

fn complete(at: usize) {
    kernel().sched.queue_dpc(LAB, Box::new(move || to_issuer(request_at(at), NDIS_STATUS_REQUEST_ABORTED)));
}

/// A request that the card keeps, and that the protocol cancels soon: what came of it.
pub(super) fn ask_and_cancel(adapter: &Arc<Adapter>, kind: OidKind) -> NDIS_STATUS {
    *lock(&adapter.kept.0) = State { keeps: true, ..State::default() };
    let (cancelling, waiting) = (adapter.clone(), adapter.clone());
    let sched = &kernel().sched;
    let timers = [
        sched.set_timer(CANCEL_NS, 0, Box::new(move || cancel_all(&cancelling))),
        sched.set_timer(PATIENCE_NS, 0, Box::new(move || judge_patience(&waiting))),
    ];
    let OidReply { status, .. } = ask(adapter, kind, OID, &[0; 4]);
    for timer in timers {
        sched.cancel_timer(timer);
    }
    // What a filter has handed on and completed itself comes back too: no card keeps a request for ever.
    let left = std::mem::take(&mut *lock(&adapter.kept.0)).request;
    if let Some(at) = left {
        complete(at);
        sched.pump();
    }
    status
}

/// The request should be complete: the card has it no more.
fn judge_patience(adapter: &Arc<Adapter>) {
    let (request, told) = {
        let mut state = lock(&adapter.kept.0);
        (state.request.take(), state.told.take())
    };
    kernel().judge.check(rule::V33, request.is_none() || told.is_none(), || {
        let (at, module) = (request_at(request.unwrap_or_default()), told.clone().unwrap_or_default());
        format!("{module} was told to cancel an OID request that it had handed on, as {at:p}, and did not pass that on")
    });
    if let Some(at) = request {
        complete(at);
    }
}
