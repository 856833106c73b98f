//! Sends: down through the stack, completions back up, cancelling.
//!
//! Calling contexts: everything here may be called at up to DISPATCH_LEVEL, from any thread, and from inside itself
//! (a completion comes in the middle of a send). Ownership of the NBLs goes with each call; see [`super::ledger`].
//! After "Sending Data from a Filter Driver", "Canceling a Send Request in a Filter Driver", "Data Bypass Mode".

use std::sync::Arc;

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, NDIS_SEND_FLAGS_DISPATCH_LEVEL, NDIS_STATUS_SEND_ABORTED,
    NET_BUFFER_LIST, PVOID,
};

use super::{
    adapter::Adapter,
    handed::Hand,
    ledger::{Ledger, Taken},
    module::Module,
    packet::{Packet, Phase},
};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// How long a copy that is under way on another processor may keep a send that was cancelled.
const GRACE_NS: u64 = 100_000_000;

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisFSendNetBufferLists => ndis_f_send_net_buffer_lists,
    NdisFSendNetBufferListsComplete => ndis_f_send_net_buffer_lists_complete,
    NdisFCancelSendNetBufferLists => ndis_f_cancel_send_net_buffer_lists,
};

/// IRQL that a call with these flags is made at.
pub(super) fn irql_of(flags: u32, dispatch: u32) -> u8 {
    if flags & dispatch != 0 { DISPATCH_LEVEL } else { PASSIVE_LEVEL }
}

/// A flag that says "at DISPATCH_LEVEL" has to be true (V24).
pub(super) fn check_dispatch(function: &'static str, flags: u32, dispatch: u32) {
    if flags & dispatch != 0 {
        kernel().judge.check(rule::V24, thread::irql() == DISPATCH_LEVEL, || {
            format!("{function} says DISPATCH_LEVEL at IRQL {}", thread::irql())
        });
    }
}

/// The NBLs of what a module handed off.
pub(super) fn packets_of(taken: &[Taken]) -> Vec<Arc<Packet>> {
    taken.iter().map(|taken| taken.packet.clone()).collect()
}

/// Sends go down from a module (none: from the protocol) to the next one that takes sends, at last to the miniport.
pub fn down(adapter: &Arc<Adapter>, from: Option<&Module>, packets: &[Arc<Packet>], port: u32, flags: u32) {
    if packets.is_empty() {
        return;
    }
    let Some(module) = adapter.next_below(from, |module| module.handlers().send.is_some()) else {
        adapter.miniport.sent(adapter, packets, port, flags);
        return;
    };
    let Some(handler) = module.handlers().send else { return };
    let ledger = &kernel().ndis.ledger;
    let head = ledger.give(&module, packets, Phase::Sent, false, "FilterSendNetBufferLists");
    let deliveries = Ledger::deliveries(packets);
    let irql = irql_of(flags, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    module.call("FilterSendNetBufferLists", irql, |context| {
        // SAFETY: the module registered this function; the list is its own from here on.
        unsafe { handler(context, head, port, flags) }
    });
    Ledger::settle(&module, packets, &deliveries);
}

/// Completions go up from a module (none: from the miniport) to the next one that takes them, at last to the protocol.
pub fn completed(adapter: &Arc<Adapter>, from: Option<&Module>, packets: &[Arc<Packet>], flags: u32) {
    if packets.is_empty() {
        return;
    }
    let next = adapter.next_above(from, |module| module.handlers().send_complete.is_some());
    let Some(module) = next else {
        adapter.protocol.completed(packets);
        return;
    };
    let Some(handler) = module.handlers().send_complete else { return };
    let ledger = &kernel().ndis.ledger;
    let what = "FilterSendNetBufferListsComplete";
    let head = ledger.give(&module, packets, Phase::Completed, false, what);
    let deliveries = Ledger::deliveries(packets);
    let irql = irql_of(flags, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    module.call("FilterSendNetBufferListsComplete", irql, |context| {
        // SAFETY: the module registered this function; the list is its own from here on.
        unsafe { handler(context, head, flags) }
    });
    Ledger::settle(&module, packets, &deliveries);
}

/// A cancellation goes down from a module (none: from the protocol): each filter on the way cancels what it has queued.
pub fn cancel(adapter: &Arc<Adapter>, from: Option<&Module>, id: PVOID) {
    let Some(module) = adapter.next_below(from, |module| module.handlers().cancel_send.is_some()) else {
        adapter.miniport.cancel(adapter, id.addr());
        return;
    };
    let Some(handler) = module.handlers().cancel_send else { return };
    let before = kernel().ndis.ledger.sends_held_of(&module, id.addr());
    let passed_before = *lock(&module.cancels).entry(id.addr()).or_default();
    *lock(&module.cancelling) = Some((std::thread::current().id(), id.addr()));
    module.call("FilterCancelSendNetBufferLists", PASSIVE_LEVEL, |context| {
        // SAFETY: the module registered this function.
        unsafe { handler(context, id) }
    });
    *lock(&module.cancelling) = None;
    let judge = &kernel().judge;
    let passed = lock(&module.cancels).get(&id.addr()).copied().unwrap_or_default();
    judge.check(rule::V20, passed > passed_before, || {
        format!(
            "{} did not pass the cancellation of CancelId {id:p} on with NdisFCancelSendNetBufferLists",
            module.name()
        )
    });
    // On other processors a copy may be made of a send at the same time, others may come, or be ended by something else.
    let strictly = !kernel().has_processors();
    let kept = || {
        let mut kept = kernel().ndis.ledger.sends_held_of(&module, id.addr());
        kept.retain(|packet| strictly || before.iter().any(|earlier| earlier.id == packet.id));
        kept
    };
    if !strictly {
        kernel().sched.wait_until("copies under way", Some(GRACE_NS), &mut || kept().is_empty());
    }
    let kept = Ledger::describe(kept());
    judge.check(rule::V20, kept.is_empty(), || {
        format!("{} keeps sends that were cancelled (CancelId {id:p}): {}", module.name(), kept.join("; "))
    });
    // A timer of the filter's may run out before it gets to look for what is cancelled.
    let strictly = strictly && !kernel().sched.is_disturbed();
    for packet in before {
        let finished = packet.locked().finished;
        packet.check(rule::V20, finished == Some(NDIS_STATUS_SEND_ABORTED) || !strictly, || {
            format!("{} did not complete it as aborted when it was cancelled: {finished:x?}", module.name())
        });
    }
}

pub(super) unsafe extern "efiapi" fn ndis_f_send_net_buffer_lists(
    handle: NDIS_HANDLE,
    list: *mut NET_BUFFER_LIST,
    port: u32,
    flags: u32,
) {
    const FUNCTION: &str = "NdisFSendNetBufferLists";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    check_dispatch(FUNCTION, flags, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    if !module.require_attached(FUNCTION) {
        return;
    }
    kernel().judge.check(rule::V07, module.handlers().send_complete.is_some(), || {
        format!("{FUNCTION} by {}, which has no FilterSendNetBufferListsComplete", module.name())
    });
    let taken = kernel().ndis.ledger.take(&module, FUNCTION, Hand::Send, list);
    down(&module.adapter, Some(&module), &packets_of(&taken), port, flags);
}

pub(super) unsafe extern "efiapi" fn ndis_f_send_net_buffer_lists_complete(
    handle: NDIS_HANDLE,
    list: *mut NET_BUFFER_LIST,
    flags: u32,
) {
    const FUNCTION: &str = "NdisFSendNetBufferListsComplete";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    check_dispatch(FUNCTION, flags, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    if !module.require_attached(FUNCTION) {
        return;
    }
    let taken = kernel().ndis.ledger.take(&module, FUNCTION, Hand::Complete, list);
    completed(&module.adapter, Some(&module), &packets_of(&taken), flags);
}

pub(super) unsafe extern "efiapi" fn ndis_f_cancel_send_net_buffer_lists(handle: NDIS_HANDLE, id: PVOID) {
    const FUNCTION: &str = "NdisFCancelSendNetBufferLists";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    if module.require_attached(FUNCTION) {
        *lock(&module.cancels).entry(id.addr()).or_default() += 1;
        cancel(&module.adapter, Some(&module), id);
    }
}
