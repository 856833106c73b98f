//! The data of NBs: advance and retreat of its start, contiguous access, copies.
//!
//! After `NdisRetreatNetBufferDataStart`, `NdisAdvanceNetBufferDataStart`, `NdisGetDataBuffer`,
//! `NdisCopyFromNetBufferToNetBuffer`. IRQL: up to DISPATCH_LEVEL.

use std::sync::Arc;

use nblease_ndis::sys::{
    MDL, NDIS_STATUS, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NET_BUFFER, NET_BUFFER_ALLOCATE_MDL,
    NET_BUFFER_FREE_MDL, NET_BUFFER_LIST, PVOID,
};

use super::{
    LAB,
    build::current_mdl,
    raw::{self, Mdl, Nb, Nbl},
};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::{
        Access, Kind, PAGE, Span,
        mdl::{MdlKind, size_of_mdl},
    },
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAdvanceNetBufferDataStart => advance_nb,
    NdisAdvanceNetBufferListDataStart => advance_nbl,
    NdisRetreatNetBufferDataStart => retreat_nb,
    NdisRetreatNetBufferListDataStart => retreat_nbl,
    NdisGetDataBuffer => get_data_buffer,
    NdisCopyFromNetBufferToNetBuffer => copy,
    NdisAdjustNetBufferCurrentMdl => adjust_current_mdl,
    NdisQueryNetBufferPhysicalCount => physical_count,
};

/// An MDL that a retreat put before a chain.
struct Prepended {
    /// Where NDIS allocated it; none: the driver's handler did.
    span: Option<Span>,
}

fn enter(function: &'static str) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
}

fn advance(function: &'static str, nb: *mut NET_BUFFER, delta: u32, free: bool, handler: Option<NET_BUFFER_FREE_MDL>) {
    raw::touch(nb);
    let Some(view) = Nb::at(nb) else { return };
    let length = view.data_length().checked_sub(delta);
    kernel().judge.check(rule::V21, length.is_some(), || {
        format!("{function}: {delta} bytes are more than the used data, {} bytes", view.data_length())
    });
    let Some(length) = length else { return };
    let (mut offset, mut chain) = (view.data_offset() + delta, view.mdl_chain());
    while free {
        let count = Mdl::at(chain).map_or(0, Mdl::byte_count);
        let objects = &kernel().ndis.objects;
        if offset < count || !objects.has(chain.addr()) {
            break;
        }
        let Some(prepended) = objects.remove::<Prepended>(function, chain.cast()) else { break };
        let next = Mdl::at(chain).map_or(std::ptr::null_mut(), Mdl::next);
        if prepended.span.is_some() {
            kernel().memory.mdls.forget(chain);
        } else if let Some(handler) = handler {
            let driver = thread::current_driver().unwrap_or(LAB);
            thread::call_driver(driver, "NetFreeMdl", thread::irql(), || {
                // SAFETY: the driver named this function for this call.
                unsafe { handler(chain) }
            });
        }
        offset -= count;
        chain = next;
    }
    place(view, chain, offset, length);
}

fn place(nb: Nb, chain: *mut MDL, offset: u32, length: u32) {
    let (current, current_offset) = current_mdl(chain, offset);
    nb.set_mdl_chain(chain);
    nb.set_data_offset(offset);
    nb.set_data_length(length);
    nb.set_current_mdl(current);
    nb.set_current_mdl_offset(current_offset);
}

/// Makes room before the used data: in the unused space if that suffices, else in a new MDL before the chain, which
/// may fail.
fn retreat(nb: *mut NET_BUFFER, delta: u32, backfill: u32, handler: Option<NET_BUFFER_ALLOCATE_MDL>) -> NDIS_STATUS {
    raw::touch(nb);
    let Some(view) = Nb::at(nb) else { return NDIS_STATUS_RESOURCES };
    let length = view.data_length() + delta;
    if let Some(offset) = view.data_offset().checked_sub(delta) {
        place(view, view.mdl_chain(), offset, length);
        return NDIS_STATUS_SUCCESS;
    }
    if kernel().faults.should_fail(FaultKind::NetBuffer) {
        return NDIS_STATUS_RESOURCES;
    }
    let missing = delta - view.data_offset();
    let mut room = missing + backfill;
    let (mdl, span) = match handler {
        Some(handler) => (ask_for_mdl(handler, &mut room), None),
        None => {
            let (mdl, span) = new_mdl(room);
            (mdl, Some(span))
        }
    };
    let Some(new) = Mdl::at(mdl) else { return NDIS_STATUS_RESOURCES };
    new.set_next(view.mdl_chain());
    kernel().ndis.objects.add_at("MDL of a retreat", mdl.addr(), Arc::new(Prepended { span }));
    place(view, mdl, room - missing, length);
    NDIS_STATUS_SUCCESS
}

fn ask_for_mdl(handler: NET_BUFFER_ALLOCATE_MDL, room: &mut u32) -> *mut MDL {
    let driver = thread::current_driver().unwrap_or(LAB);
    thread::call_driver(driver, "NetAllocateMdl", thread::irql(), || {
        // SAFETY: the driver named this function for this call.
        unsafe { handler(room) }
    })
}

/// An MDL and a buffer for it.
fn new_mdl(bytes: u32) -> (*mut MDL, Span) {
    let bytes = bytes as usize;
    let mdl_bytes = size_of_mdl(PAGE - 1, bytes).next_multiple_of(16);
    let span = kernel().memory.alloc(Kind::Descriptor, mdl_bytes + bytes);
    let mdl: *mut MDL = span.driver().cast();
    let buffer = span.driver().wrapping_add(mdl_bytes);
    kernel().memory.mdls.write(mdl, buffer, bytes, MdlKind::NonPaged);
    span.open(Access::ReadWrite);
    (mdl, span)
}

pub(super) unsafe extern "efiapi" fn advance_nb(
    nb: *mut NET_BUFFER,
    delta: u32,
    free: u8,
    handler: Option<NET_BUFFER_FREE_MDL>,
) {
    const FUNCTION: &str = "NdisAdvanceNetBufferDataStart";
    enter(FUNCTION);
    advance(FUNCTION, nb, delta, free != 0, handler);
}

pub(super) unsafe extern "efiapi" fn advance_nbl(
    nbl: *mut NET_BUFFER_LIST,
    delta: u32,
    free: u8,
    handler: Option<NET_BUFFER_FREE_MDL>,
) {
    const FUNCTION: &str = "NdisAdvanceNetBufferListDataStart";
    enter(FUNCTION);
    for nb in nbs_of(nbl) {
        advance(FUNCTION, nb, delta, free != 0, handler);
    }
}

pub(super) unsafe extern "efiapi" fn retreat_nb(
    nb: *mut NET_BUFFER,
    delta: u32,
    backfill: u32,
    handler: Option<NET_BUFFER_ALLOCATE_MDL>,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisRetreatNetBufferDataStart";
    enter(FUNCTION);
    retreat(nb, delta, backfill, handler)
}

/// All NBs of the NBL, or none: those already done are undone when one fails.
pub(super) unsafe extern "efiapi" fn retreat_nbl(
    nbl: *mut NET_BUFFER_LIST,
    delta: u32,
    backfill: u32,
    allocate: Option<NET_BUFFER_ALLOCATE_MDL>,
    free: Option<NET_BUFFER_FREE_MDL>,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisRetreatNetBufferListDataStart";
    enter(FUNCTION);
    let mut done = Vec::new();
    for nb in nbs_of(nbl) {
        let status = retreat(nb, delta, backfill, allocate);
        if status != NDIS_STATUS_SUCCESS {
            for nb in done {
                advance(FUNCTION, nb, delta, true, free);
            }
            return status;
        }
        done.push(nb);
    }
    NDIS_STATUS_SUCCESS
}

fn nbs_of(nbl: *mut NET_BUFFER_LIST) -> Vec<*mut NET_BUFFER> {
    raw::touch(nbl);
    Nbl::at(nbl).map_or_else(Vec::new, |nbl| raw::nbs(nbl).unwrap_or_default())
}

/// NdisGetDataBuffer: the first bytes of the used data, where they lie or copied to `storage`. Null where the data is
/// short, not contiguous (or not aligned) without storage, or cannot be mapped.
pub(super) unsafe extern "efiapi" fn get_data_buffer(
    nb: *mut NET_BUFFER,
    bytes: u32,
    storage: PVOID,
    align_multiple: u32,
    align_offset: u32,
) -> PVOID {
    const FUNCTION: &str = "NdisGetDataBuffer";
    enter(FUNCTION);
    raw::touch(nb);
    let null = std::ptr::null_mut();
    let Some(view) = Nb::at(nb) else { return null };
    if view.data_length() < bytes || kernel().faults.should_fail(FaultKind::Map) {
        return null;
    }
    let mdl = view.current_mdl();
    let left = Mdl::at(mdl).map_or(0, Mdl::byte_count).saturating_sub(view.current_mdl_offset());
    let start = raw::mdl_data(mdl).wrapping_add(view.current_mdl_offset() as usize);
    let multiple = align_multiple.max(1) as usize;
    let aligned = start.addr() % multiple == align_offset as usize % multiple;
    if left >= bytes && aligned {
        return start.cast();
    }
    if storage.is_null() {
        return null;
    }
    let copied = copy_out(view, 0, bytes as usize);
    touch_payload(&copied.sources);
    raw::write_bytes(storage.cast(), &copied.bytes);
    storage
}

/// Bytes of an NB and where they lay.
struct Copied {
    bytes: Vec<u8>,
    sources: Vec<*const u8>,
}

/// Bytes of the used data from `offset`; fewer where it ends.
fn copy_out(nb: Nb, offset: usize, bytes: usize) -> Copied {
    let mut copied = Copied { bytes: Vec::with_capacity(bytes), sources: Vec::new() };
    let mut skip = nb.current_mdl_offset() as usize + offset;
    let available = (nb.data_length() as usize).saturating_sub(offset).min(bytes);
    for mdl in raw::mdls(nb.current_mdl()).unwrap_or_default() {
        let count = Mdl::at(mdl).map_or(0, |mdl| mdl.byte_count() as usize);
        let lead = skip.min(count);
        skip -= lead;
        let take = (count - lead).min(available - copied.bytes.len());
        if take == 0 {
            continue;
        }
        let from = raw::mdl_data(mdl).wrapping_add(lead);
        let start = copied.bytes.len();
        copied.bytes.resize(start + take, 0);
        if let Some(into) = copied.bytes.get_mut(start..) {
            raw::read_bytes(from, into);
        }
        copied.sources.push(from);
    }
    copied
}

/// What NDIS reads on the driver's behalf has to be the driver's to read (V16).
fn touch_payload(sources: &[*const u8]) {
    sources.iter().for_each(|source| raw::touch(*source));
}

pub(super) unsafe extern "efiapi" fn copy(
    to: *mut NET_BUFFER,
    to_offset: u32,
    bytes: u32,
    from: *const NET_BUFFER,
    from_offset: u32,
    copied: *mut u32,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisCopyFromNetBufferToNetBuffer";
    enter(FUNCTION);
    raw::touch(to);
    raw::touch(from);
    let (Some(to), Some(from)) = (Nb::at(to), Nb::at(from.cast_mut())) else {
        return NDIS_STATUS_RESOURCES;
    };
    if kernel().faults.should_fail(FaultKind::Map) {
        raw::write(copied, 0);
        return NDIS_STATUS_RESOURCES;
    }
    let source = copy_out(from, from_offset as usize, bytes as usize);
    touch_payload(&source.sources);
    let mut left = source.bytes.as_slice();
    let mut skip = to.current_mdl_offset() as usize + to_offset as usize;
    for mdl in raw::mdls(to.current_mdl()).unwrap_or_default() {
        let count = Mdl::at(mdl).map_or(0, |mdl| mdl.byte_count() as usize);
        let lead = skip.min(count);
        skip -= lead;
        let (now, later) = left.split_at((count - lead).min(left.len()));
        left = later;
        if !now.is_empty() {
            let at = raw::mdl_data(mdl).wrapping_add(lead);
            raw::touch(at);
            raw::write_bytes(at, now);
        }
    }
    raw::write(copied, (source.bytes.len() - left.len()) as u32);
    NDIS_STATUS_SUCCESS
}

pub(super) unsafe extern "efiapi" fn adjust_current_mdl(nb: *mut NET_BUFFER) {
    enter("NdisAdjustNetBufferCurrentMdl");
    raw::touch(nb);
    if let Some(view) = Nb::at(nb) {
        place(view, view.mdl_chain(), view.data_offset(), view.data_length());
    }
}

/// Pages that the used data touches.
pub(super) unsafe extern "efiapi" fn physical_count(nb: *mut NET_BUFFER) -> u32 {
    enter("NdisQueryNetBufferPhysicalCount");
    raw::touch(nb);
    let Some(view) = Nb::at(nb) else { return 0 };
    let (mut skip, mut left) = (view.current_mdl_offset() as usize, view.data_length() as usize);
    let mut pages = 0;
    for mdl in raw::mdls(view.current_mdl()).unwrap_or_default() {
        let count = Mdl::at(mdl).map_or(0, |mdl| mdl.byte_count() as usize);
        let lead = skip.min(count);
        skip -= lead;
        let take = (count - lead).min(left);
        left -= take;
        let start = (raw::mdl_data(mdl).addr() + lead) % PAGE;
        pages += if take == 0 { 0 } else { (start + take).div_ceil(PAGE) };
    }
    pages as u32
}
