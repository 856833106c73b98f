//! Receives: up through the stack, returns back down.
//!
//! Calling contexts: as in [`super::send`]. With NDIS_RECEIVE_FLAGS_RESOURCES an NBL is only lent for the call.
//! After "Receiving Data in a Filter Driver", `NdisFIndicateReceiveNetBufferLists`, `NdisFReturnNetBufferLists`.

use std::sync::Arc;

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
    NET_BUFFER_LIST,
};

use super::{
    adapter::Adapter,
    handed::Hand,
    ledger::Ledger,
    module::Module,
    packet::{Packet, Phase},
    send::{check_dispatch, irql_of, packets_of},
};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisFIndicateReceiveNetBufferLists => ndis_f_indicate_receive_net_buffer_lists,
    NdisFReturnNetBufferLists => ndis_f_return_net_buffer_lists,
};

/// Receives go up from a module (none: from the miniport) to the next one that takes them, at last to the protocol.
/// With RESOURCES they are the caller's again when this returns.
pub fn up(adapter: &Arc<Adapter>, from: Option<&Module>, packets: &[Arc<Packet>], port: u32, flags: u32) {
    if packets.is_empty() {
        return;
    }
    let resources = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
    let next = adapter.next_above(from, |module| module.handlers().receive.is_some());
    let Some(module) = next else {
        adapter.protocol.received(adapter, packets, port, flags);
        return;
    };
    let Some(handler) = module.handlers().receive else { return };
    let ledger = &kernel().ndis.ledger;
    let what = "FilterReceiveNetBufferLists";
    let head = ledger.give(&module, packets, Phase::Indicated, resources, what);
    let deliveries = Ledger::deliveries(packets);
    let irql = irql_of(flags, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    module.call("FilterReceiveNetBufferLists", irql, |context| {
        // SAFETY: the module registered this function; the list is its own from here on, or lent for the call.
        unsafe { handler(context, head, port, packets.len() as u32, flags) }
    });
    if resources {
        Ledger::reclaim(&module, packets, head);
    } else {
        Ledger::settle(&module, packets, &deliveries);
    }
}

/// Returns go down from a module (none: from the protocol) to the next one that takes them, at last to the miniport.
pub fn returned(adapter: &Arc<Adapter>, from: Option<&Module>, packets: &[Arc<Packet>], flags: u32) {
    if packets.is_empty() {
        return;
    }
    let Some(module) = adapter.next_below(from, |module| module.handlers().return_.is_some()) else {
        adapter.miniport.returned(packets);
        return;
    };
    let Some(handler) = module.handlers().return_ else { return };
    let ledger = &kernel().ndis.ledger;
    let what = "FilterReturnNetBufferLists";
    let head = ledger.give(&module, packets, Phase::Returned, false, what);
    let deliveries = Ledger::deliveries(packets);
    let irql = irql_of(flags, NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
    module.call("FilterReturnNetBufferLists", irql, |context| {
        // SAFETY: the module registered this function; the list is its own from here on.
        unsafe { handler(context, head, flags) }
    });
    Ledger::settle(&module, packets, &deliveries);
}

pub(super) unsafe extern "efiapi" fn ndis_f_indicate_receive_net_buffer_lists(
    handle: NDIS_HANDLE,
    list: *mut NET_BUFFER_LIST,
    port: u32,
    count: u32,
    flags: u32,
) {
    const FUNCTION: &str = "NdisFIndicateReceiveNetBufferLists";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    check_dispatch(FUNCTION, flags, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    if !module.require_attached(FUNCTION) {
        return;
    }
    kernel().judge.check(rule::V07, module.handlers().return_.is_some(), || {
        format!("{FUNCTION} by {}, which has no FilterReturnNetBufferLists", module.name())
    });
    let resources = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
    let ledger = &kernel().ndis.ledger;
    let taken = ledger.take(&module, FUNCTION, Hand::Indicate { resources }, list);
    let packets = packets_of(&taken);
    kernel().judge.check(rule::V23, packets.len() == count as usize, || {
        format!(
            "{FUNCTION} by {}: NumberOfNetBufferLists is {count}, the list at {list:p} has {}",
            module.name(),
            packets.len()
        )
    });
    up(&module.adapter, Some(&module), &packets, port, flags);
    if resources {
        Ledger::restore(&module, &taken);
    }
}

pub(super) unsafe extern "efiapi" fn ndis_f_return_net_buffer_lists(
    handle: NDIS_HANDLE,
    list: *mut NET_BUFFER_LIST,
    flags: u32,
) {
    const FUNCTION: &str = "NdisFReturnNetBufferLists";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    check_dispatch(FUNCTION, flags, NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    if !module.require_attached(FUNCTION) {
        return;
    }
    let taken = kernel().ndis.ledger.take(&module, FUNCTION, Hand::Return, list);
    returned(&module.adapter, Some(&module), &packets_of(&taken), flags);
}
