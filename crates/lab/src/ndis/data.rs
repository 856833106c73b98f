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
    raw::{self, Mdl, Nb, Nbl, parts},
};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::{
        Access, Kind, PAGE, Span,
        mdl::{MdlKind, size_of_mdl},
        touch,
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
    loop {
        let count = Mdl::at(chain).map_or(0, Mdl::byte_count);
        let objects = &kernel().ndis.objects;
        if !free || offset < count || !objects.has(chain.addr()) {
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
    let (mdl, span) = if let Some(handler) = handler {
        (ask_for_mdl(handler, &mut room), None)
    } else {
        let (mdl, span) = new_mdl(room);
        (mdl, Some(span))
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
    let from = parts(view.current_mdl(), view.current_mdl_offset() as usize, bytes as usize);
    move_parts(&[(storage.cast(), bytes as usize)], &from);
    storage
}

/// Moves bytes on the driver's behalf, as far as both lists of parts go: how many. Judged and counted as the driver's
/// own touches (V16).
fn move_parts(to: &[(*mut u8, usize)], from: &[(*mut u8, usize)]) -> usize {
    let (mut to, mut from) = (to.iter().copied(), from.iter().copied());
    let (mut into, mut out_of) = (to.next(), from.next());
    let mut moved = 0;
    while let (Some((target, room)), Some((source, bytes))) = (into, out_of) {
        let now = room.min(bytes);
        let (read, write) = (touch::read_at(source, now), touch::write_at(target, now));
        kernel().memory.count_move(&read, &write, now);
        // SAFETY: both were checked; where they are no spans, the driver says that it may read and write there.
        unsafe { write.address.copy_from(read.address, now) };
        moved += now;
        into = if now < room { Some((target.wrapping_add(now), room - now)) } else { to.next() };
        out_of = if now < bytes { Some((source.wrapping_add(now), bytes - now)) } else { from.next() };
    }
    moved
}

/// NdisCopyFromNetBufferToNetBuffer: offsets count from the current data. Stops where either NB's MDLs end.
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
    let available = from.data_length().saturating_sub(from_offset).min(bytes) as usize;
    let source = parts(from.current_mdl(), (from.current_mdl_offset() + from_offset) as usize, available);
    let target = parts(to.current_mdl(), (to.current_mdl_offset() + to_offset) as usize, available);
    raw::write(copied, move_parts(&target, &source) as u32);
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
    let parts = parts(view.current_mdl(), view.current_mdl_offset() as usize, view.data_length() as usize);
    parts.iter().map(|(start, bytes)| (start.addr() % PAGE + bytes).div_ceil(PAGE) as u32).sum()
}
