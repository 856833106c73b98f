//! Contexts of NBLs, and the copying of OOB from one NBL to another.
//!
//! After "NET_BUFFER_LIST_CONTEXT structure", `NdisAllocateNetBufferListContext`, `NdisFreeNetBufferListContext`,
//! `NdisCopySendNetBufferListInfo`, `NdisCopyReceiveNetBufferListInfo`. IRQL: up to DISPATCH_LEVEL.

use std::sync::Arc;

use nblease_ndis::sys::{
    IPsecOffloadV1NetBufferListInfo, IPsecOffloadV2HeaderNetBufferListInfo, IPsecOffloadV2TunnelNetBufferListInfo,
    Ieee8021QNetBufferListInfo, MediaSpecificInformation, NDIS_NET_BUFFER_LIST_INFO, NDIS_STATUS,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT, NetBufferListCancelId,
    NetBufferListFilteringInfo, NetBufferListFrameType, NetBufferListHashInfo, NetBufferListHashValue,
    NetBufferListProtocolId, TcpIpChecksumNetBufferListInfo, TcpLargeSendNetBufferListInfo, TcpReceiveNoPush,
    VirtualSubnetInfo,
};

use super::{
    build::set_context,
    raw::{self, Context, Nbl},
};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::{Access, Kind, Span},
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAllocateNetBufferListContext => allocate_context,
    NdisFreeNetBufferListContext => free_context,
    NdisCopySendNetBufferListInfo => copy_send_info,
    NdisCopyReceiveNetBufferListInfo => copy_receive_info,
};

/// What NDIS copies with a send.
const SEND_SLOTS: [NDIS_NET_BUFFER_LIST_INFO; 11] = [
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

/// What NDIS copies with a receive.
const RECEIVE_SLOTS: [NDIS_NET_BUFFER_LIST_INFO; 12] = [
    TcpIpChecksumNetBufferListInfo,
    IPsecOffloadV1NetBufferListInfo,
    TcpReceiveNoPush,
    Ieee8021QNetBufferListInfo,
    MediaSpecificInformation,
    NetBufferListFrameType,
    NetBufferListHashValue,
    NetBufferListHashInfo,
    IPsecOffloadV2TunnelNetBufferListInfo,
    IPsecOffloadV2HeaderNetBufferListInfo,
    VirtualSubnetInfo,
    NetBufferListFilteringInfo,
];

pub(super) unsafe extern "efiapi" fn allocate_context(
    nbl: *mut NET_BUFFER_LIST,
    size: u16,
    backfill: u16,
    _tag: u32,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisAllocateNetBufferListContext";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    raw::touch(nbl);
    let word = size_of::<usize>() as u16;
    kernel().judge.check(rule::V10, size.is_multiple_of(word) && backfill.is_multiple_of(word), || {
        format!("{FUNCTION}: sizes {size} and {backfill} are no multiples of a pointer's size")
    });
    let Some(view) = Nbl::at(nbl) else { return NDIS_STATUS_RESOURCES };
    if kernel().faults.should_fail(FaultKind::NetBuffer) {
        return NDIS_STATUS_RESOURCES;
    }
    if let Some(context) = Context::at(view.context())
        && let Some(offset) = context.offset().checked_sub(size)
    {
        context.set_offset(offset);
        return NDIS_STATUS_SUCCESS;
    }
    let room = size + backfill;
    let bytes = size_of::<NET_BUFFER_LIST_CONTEXT>() + usize::from(room);
    let span = kernel().memory.alloc(Kind::Descriptor, bytes);
    let at: *mut NET_BUFFER_LIST_CONTEXT = span.driver().cast();
    set_context(nbl, at, room);
    if let Some(context) = Context::at(at) {
        context.set_offset(backfill);
    }
    span.open(Access::ReadWrite);
    kernel().ndis.objects.add_at("NBL context", at.addr(), Arc::new(span));
    NDIS_STATUS_SUCCESS
}

pub(super) unsafe extern "efiapi" fn free_context(nbl: *mut NET_BUFFER_LIST, size: u16) {
    const FUNCTION: &str = "NdisFreeNetBufferListContext";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    raw::touch(nbl);
    let Some(view) = Nbl::at(nbl) else { return };
    let at = view.context();
    let context = Context::at(at);
    let fits = context.is_some_and(|c| c.size() - c.offset() >= size);
    kernel().judge.check(rule::V21, fits, || format!("{FUNCTION}: {size} bytes were not allocated on this NBL"));
    let Some(context) = context.filter(|_| fits) else { return };
    context.set_offset(context.offset() + size);
    let is_own = kernel().ndis.objects.has(at.addr());
    if context.offset() == context.size() && is_own {
        view.set_context(context.next());
        kernel().ndis.objects.remove::<Span>(FUNCTION, at.cast());
    }
}

fn copy_info(function: &'static str, to: *mut NET_BUFFER_LIST, from: *const NET_BUFFER_LIST, slots: &[i32]) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    raw::touch(to);
    raw::touch(from);
    let (Some(to), Some(from)) = (Nbl::at(to), Nbl::at(from.cast_mut())) else { return };
    let (source, mut target) = (from.info(), to.info());
    for slot in slots.iter().filter_map(|slot| usize::try_from(*slot).ok()) {
        if let (Some(target), Some(source)) = (target.get_mut(slot), source.get(slot)) {
            *target = *source;
        }
    }
    to.set_info(target);
}

pub(super) unsafe extern "efiapi" fn copy_send_info(to: *mut NET_BUFFER_LIST, from: *const NET_BUFFER_LIST) {
    copy_info("NdisCopySendNetBufferListInfo", to, from, &SEND_SLOTS);
}

pub(super) unsafe extern "efiapi" fn copy_receive_info(to: *mut NET_BUFFER_LIST, from: *const NET_BUFFER_LIST) {
    copy_info("NdisCopyReceiveNetBufferListInfo", to, from, &RECEIVE_SLOTS);
}
