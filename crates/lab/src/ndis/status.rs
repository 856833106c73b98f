//! Status indications: from the miniport up, through every filter that takes them, to the protocol.
//!
//! After "Filter Module Status Indications", `NDIS_STATUS_INDICATION`, `NDIS_STATUS_LINK_STATE`. IRQL: up to
//! DISPATCH_LEVEL. The indication is lent for the call.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    MediaConnectStateConnected, MediaConnectStateDisconnected, MediaDuplexStateFull, NDIS_HANDLE, NDIS_LINK_STATE,
    NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_OBJECT_TYPE_STATUS_INDICATION,
    NDIS_SIZEOF_STATUS_INDICATION_REVISION_1, NDIS_STATUS, NDIS_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
    NDIS_STATUS_LINK_STATE, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG,
};
use rand::Rng as _;

use super::{
    adapter::{Adapter, Event},
    attach::{blank, header},
    check_header,
    lent::Lent,
    module::Module,
    offload::Offloads,
    raised, raw,
};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisFIndicateStatus => ndis_f_indicate_status,
};

/// The statuses of a miniport: none under way, or one and those that come after it. Microsoft's sample filter asserts that
/// no two come at a time.
#[derive(Default)]
pub struct Indicating(Mutex<Option<Waiting>>);

type Waiting = VecDeque<(NDIS_STATUS, Vec<u8>)>;

/// The miniport indicates a status: now, or when the one under way has returned.
pub fn indicate(adapter: &Arc<Adapter>, code: NDIS_STATUS, buffer: &[u8]) {
    let waiting = &adapter.indicating.0;
    match &mut *lock(waiting) {
        Some(waiting) => {
            waiting.push_back((code, buffer.to_vec()));
            return;
        }
        none => *none = Some(Waiting::new()),
    }
    indicate_now(adapter, code, buffer);
    while let Some((code, buffer)) = next(waiting) {
        indicate_now(adapter, code, &buffer);
    }
}

/// The status that comes next; with none left, none is under way.
fn next(waiting: &Mutex<Option<Waiting>>) -> Option<(NDIS_STATUS, Vec<u8>)> {
    let mut waiting = lock(waiting);
    let next = waiting.as_mut().and_then(VecDeque::pop_front);
    if next.is_none() {
        *waiting = None;
    }
    next
}

fn indicate_now(adapter: &Arc<Adapter>, code: NDIS_STATUS, buffer: &[u8]) {
    let mut lent = Lent::new(4096 + buffer.len(), "the status indication returned");
    let mut s: NDIS_STATUS_INDICATION = blank();
    s.Header = header(
        NDIS_OBJECT_TYPE_STATUS_INDICATION,
        NDIS_STATUS_INDICATION_REVISION_1,
        NDIS_SIZEOF_STATUS_INDICATION_REVISION_1 as usize,
    );
    s.SourceHandle = std::ptr::without_provenance_mut(adapter.miniport.handle());
    s.StatusCode = code;
    s.StatusBuffer = lent.put_bytes(buffer).cast();
    s.StatusBufferSize = buffer.len() as u32;
    let at = lent.put_last(s);
    let irql = if kernel().rng().random_bool(0.5) { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
    raised(irql, || up(adapter, None, at));
}

/// The miniport indicates NDIS_STATUS_LINK_STATE.
pub fn indicate_link(adapter: &Arc<Adapter>, connected: bool) {
    let mut link: NDIS_LINK_STATE = blank();
    link.Header = header(NDIS_OBJECT_TYPE_DEFAULT, 1, size_of::<NDIS_LINK_STATE>());
    link.MediaConnectState = if connected { MediaConnectStateConnected } else { MediaConnectStateDisconnected };
    link.MediaDuplexState = MediaDuplexStateFull;
    link.XmitLinkSpeed = adapter.config.link_speed;
    link.RcvLinkSpeed = adapter.config.link_speed;
    let mut bytes = [0; size_of::<NDIS_LINK_STATE>()];
    raw::read_bytes((&raw const link).cast(), &mut bytes);
    indicate(adapter, NDIS_STATUS_LINK_STATE, &bytes);
}

/// The miniport indicates NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG.
pub fn indicate_offloads(adapter: &Arc<Adapter>, offloads: Offloads) {
    indicate(adapter, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &offloads.bytes());
}

/// An indication goes up from a module (none: from the miniport).
fn up(adapter: &Arc<Adapter>, from: Option<&Module>, at: *mut NDIS_STATUS_INDICATION) {
    let next = adapter.next_above(from, |module| module.driver.characteristics.StatusHandler.is_some());
    let Some(module) = next else {
        let status: NDIS_STATUS_INDICATION = raw::read(at);
        let mut bytes = vec![0; status.StatusBufferSize as usize];
        raw::read_bytes(status.StatusBuffer.cast(), &mut bytes);
        adapter.note(Event::Status(status.StatusCode, bytes));
        return;
    };
    let Some(handler) = module.driver.characteristics.StatusHandler else { return };
    module.call("FilterStatus", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; the indication is lent for the call.
        unsafe { handler(context, at) }
    });
    kernel().judge.evaluated(rule::V04);
}

pub(super) unsafe extern "efiapi" fn ndis_f_indicate_status(handle: NDIS_HANDLE, at: *mut NDIS_STATUS_INDICATION) {
    const FUNCTION: &str = "NdisFIndicateStatus";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    if !module.require_attached(FUNCTION) {
        return;
    }
    raw::touch(at);
    let good = check_header(
        "NDIS_STATUS_INDICATION",
        raw::read(at.cast::<NDIS_OBJECT_HEADER>()),
        NDIS_OBJECT_TYPE_STATUS_INDICATION as u8,
        &[(NDIS_STATUS_INDICATION_REVISION_1 as u8, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1)],
    );
    let source = raw::read::<NDIS_STATUS_INDICATION>(at).SourceHandle.addr();
    let adapter = &module.adapter;
    // The module's own counts for itself: while it is detached it is out of the stack.
    let known = [adapter.miniport.handle(), module.handle].contains(&source)
        || adapter.modules().iter().any(|other| other.handle == source);
    kernel().judge.check(rule::V18, known, || {
        format!(
            "{FUNCTION} by {}: SourceHandle {source:#x} is no handle of an adapter's or a filter module's",
            module.name()
        )
    });
    if good {
        up(&module.adapter, Some(&module), at);
    }
}
