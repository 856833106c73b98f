//! OID requests of the protocol: how they are made, waited for and cancelled, and what they come to.
//!
//! After `NdisOidRequest`, `NdisDirectOidRequest`, `NdisCancelOidRequest`, `NDIS_OID_REQUEST`.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::{
    NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST, NDIS_OID_REQUEST_REVISION_2, NDIS_REQUEST_TYPE,
    NDIS_SIZEOF_OID_REQUEST_REVISION_2, NDIS_STATUS, NDIS_STATUS_PENDING, NdisRequestMethod,
    NdisRequestQueryInformation, NdisRequestSetInformation, PVOID,
};
use rand::Rng as _;

use super::{
    adapter::Adapter,
    attach::{blank, header},
    lent::Lent,
    oid::{Flight, Issuer, Request, cancel_below, flights, submit, synchronous_down},
    raised, raw,
};
use crate::{
    judge::rule,
    kernel::kernel,
    sync::lock,
    thread::{DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// How long the protocol waits for an answer.
const PATIENCE_NS: u64 = 10_000_000_000;

/// Which path a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OidKind {
    /// A query, by the regular path.
    Query,
    /// A set, by the regular path.
    Set,
    /// A method, by the regular path: the buffer holds what goes in and, then, what comes out.
    Method,
    /// A query, by the direct path.
    DirectQuery,
    /// A set, by the direct path.
    DirectSet,
    /// A method, by the direct path.
    DirectMethod,
    /// A query, by the synchronous path.
    SynchronousQuery,
}

impl OidKind {
    fn request_type(self) -> NDIS_REQUEST_TYPE {
        match self {
            Self::Query | Self::DirectQuery | Self::SynchronousQuery => NdisRequestQueryInformation,
            Self::Set | Self::DirectSet => NdisRequestSetInformation,
            Self::Method | Self::DirectMethod => NdisRequestMethod,
        }
    }

    fn is_direct(self) -> bool {
        matches!(self, Self::DirectQuery | Self::DirectSet | Self::DirectMethod)
    }
}

/// The protocol's requests that are under way: RequestId, and whether by the direct path.
#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<Vec<(usize, bool)>>);

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidReply {
    /// Final status.
    pub status: NDIS_STATUS,
    /// For a query: the bytes written.
    pub data: Vec<u8>,
    /// Bytes that would be needed, where the buffer was too short.
    pub needed: u32,
}

/// A request of the protocol, to its end.
pub fn ask(adapter: &Arc<Adapter>, kind: OidKind, oid: u32, data: &[u8]) -> OidReply {
    let mut lent = Lent::new(4096 + data.len(), "the OID request was completed");
    let mut request: NDIS_OID_REQUEST = blank();
    let revision = NDIS_OID_REQUEST_REVISION_2;
    let size = NDIS_SIZEOF_OID_REQUEST_REVISION_2 as usize;
    request.Header = header(NDIS_OBJECT_TYPE_OID_REQUEST, revision, size);
    request.RequestType = kind.request_type();
    let id = kernel().ndis.new_handle();
    request.RequestHandle = std::ptr::without_provenance_mut(id);
    request.RequestId = request.RequestHandle;
    request.DATA.Oid = oid;
    let buffer = lent.put_bytes(data);
    // QUERY_INFORMATION, SET_INFORMATION and METHOD_INFORMATION begin alike.
    request.DATA.QUERY_INFORMATION.Oid = oid;
    request.DATA.QUERY_INFORMATION.InformationBuffer = buffer.cast();
    request.DATA.QUERY_INFORMATION.InformationBufferLength = data.len() as u32;
    if request.RequestType == NdisRequestMethod {
        request.DATA.METHOD_INFORMATION.OutputBufferLength = data.len() as u32;
    }
    let at = lent.put_last(request);
    Outcome::forget(at);

    let irql = if kernel().rng().random_bool(0.3) { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
    let status = if kind == OidKind::SynchronousQuery {
        raised(irql, || synchronous_down(adapter, None, at))
    } else {
        let done = Arc::new(Mutex::new(None));
        let direct = kind.is_direct();
        lock(&adapter.asking.0).push((id, direct));
        let flight = Flight { issuer: Issuer::Protocol(done.clone()), direct };
        lock(&flights().all).insert(at.expose_provenance(), flight);
        let status = raised(irql, || submit(adapter, None, at, direct));
        let status = if status == NDIS_STATUS_PENDING {
            let answered =
                kernel().sched.wait_until("an OID request", Some(PATIENCE_NS), &mut || lock(&done).is_some());
            kernel().judge.check(rule::V33, answered, || {
                format!("the OID request {at:p} (OID {oid:#x}) of the protocol is not completed after 10 s")
            });
            lock(&done).unwrap_or(status)
        } else {
            lock(&flights().all).remove(&at.addr());
            status
        };
        lock(&adapter.asking.0).retain(|(other, _)| *other != id);
        status
    };
    reply(status, at)
}

/// What a request says of its result.
pub(super) struct Outcome {
    pub oid: u32,
    pub buffer: PVOID,
    /// Bytes written; of a set none.
    pub written: u32,
    /// Bytes that there is room for.
    pub room: u32,
    pub needed: u32,
}

/// What stands for a number of bytes that nobody has said: more than any buffer has.
pub(super) const UNSAID: u32 = 0xbad0_bad0;

impl Outcome {
    /// Before a request is made: nobody has said anything of its result.
    fn forget(at: Request) {
        let mut request: NDIS_OID_REQUEST = raw::read(at);
        if request.RequestType == NdisRequestMethod {
            request.DATA.METHOD_INFORMATION.BytesWritten = UNSAID;
            request.DATA.METHOD_INFORMATION.BytesNeeded = UNSAID;
        } else if request.RequestType == NdisRequestQueryInformation {
            request.DATA.QUERY_INFORMATION.BytesWritten = UNSAID;
            request.DATA.QUERY_INFORMATION.BytesNeeded = UNSAID;
        }
        raw::write(at, request);
    }

    pub(super) fn of(request: &NDIS_OID_REQUEST) -> Self {
        // SAFETY: a query's view of the union, whose fields are integers and a pointer; a set's is the same.
        let query = unsafe { request.DATA.QUERY_INFORMATION };
        let (oid, buffer) = (query.Oid, query.InformationBuffer);
        if request.RequestType == NdisRequestMethod {
            // SAFETY: a method's view of the union.
            let method = unsafe { request.DATA.METHOD_INFORMATION };
            let (written, room, needed) = (method.BytesWritten, method.OutputBufferLength, method.BytesNeeded);
            return Self { oid, buffer, written, room, needed };
        }
        let written = if request.RequestType == NdisRequestSetInformation { 0 } else { query.BytesWritten };
        Self { oid, buffer, written, room: query.InformationBufferLength, needed: query.BytesNeeded }
    }
}

fn reply(status: NDIS_STATUS, at: Request) -> OidReply {
    let request: NDIS_OID_REQUEST = raw::read(at);
    let result = Outcome::of(&request);
    let said = |bytes: u32| if bytes == UNSAID { 0 } else { bytes };
    let mut data = vec![0; said(result.written).min(result.room) as usize];
    raw::read_bytes(result.buffer.cast(), &mut data);
    OidReply { status, data, needed: said(result.needed) }
}

/// The protocol cancels all that it has asked for.
pub(super) fn cancel_all(adapter: &Arc<Adapter>) {
    let asking = lock(&adapter.asking.0).clone();
    for (id, direct) in asking {
        cancel_below(adapter, None, std::ptr::without_provenance_mut(id), direct);
    }
}
