//! NBLs that the lab makes: as a protocol sends them and a miniport indicates them, in memory that can be closed to
//! the driver.
//!
//! The NBL, its NBs and MDLs lie in one descriptor span, all payload in one payload span, with gaps of poison between
//! the MDLs' buffers and the last buffer ending at a page that nobody may touch.

use std::mem::size_of;

use nblease_ndis::sys::{MDL, NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT};
use rand::Rng as _;

use super::{
    frame::{Frame, Layout, Oob},
    raw::{Context, Mdl, Nb, Nbl, lab_view},
};
use crate::{
    kernel::kernel,
    memory::{
        Kind, PAGE, Span,
        mdl::{MdlKind, size_of_mdl},
    },
};

/// What bytes around a frame are filled with.
const POISON: u8 = 0xd7;
/// What `Status` holds until somebody writes it (V19).
pub const STATUS_POISON: i32 = 0x5bad_57a7;
/// Most bytes of poison between two buffers.
const GAP: usize = 24;

/// An NBL that was made.
pub struct Built {
    /// Driver's address of the NBL.
    pub nbl: *mut NET_BUFFER_LIST,
    /// Holds the NBL, its NBs and MDLs.
    pub descriptor: Span,
    /// Holds the payload.
    pub payload: Span,
    /// Its MDLs.
    pub mdls: Vec<*mut MDL>,
}

/// What an NBL is made of, besides its frames.
pub struct Dressing<'a> {
    /// OOB.
    pub oob: &'a Oob,
    /// `NblFlags`.
    pub nbl_flags: u32,
    /// `SourceHandle`.
    pub source: NDIS_HANDLE,
    /// `NdisPoolHandle`.
    pub pool: NDIS_HANDLE,
}

/// Places things one after the other.
struct Places {
    used: usize,
}

impl Places {
    fn take(&mut self, size: usize, alignment: usize) -> usize {
        let at = self.used.next_multiple_of(alignment);
        self.used = at + size;
        at
    }
}

/// Makes an NBL of these frames.
pub fn nbl(frames: &[Frame], dressing: &Dressing<'_>) -> Built {
    let layouts: Vec<Layout> = frames.iter().map(layout_of).collect();
    let (payload, buffers) = lay_payload(frames, &layouts);
    let context = context_size();

    let mut places = Places { used: 0 };
    let nbl_place = places.take(size_of::<NET_BUFFER_LIST>(), 16);
    let context_place = places.take(size_of::<NET_BUFFER_LIST_CONTEXT>() + context, 16);
    let places_of_nbs: Vec<usize> = frames.iter().map(|_| places.take(size_of::<NET_BUFFER>(), 16)).collect();
    let places_of_mdls: Vec<Vec<usize>> = buffers
        .iter()
        .map(|chain| chain.iter().map(|buffer| places.take(size_of_mdl(buffer.addr(), buffer.len()), 8)).collect())
        .collect();
    let descriptor = kernel().memory.alloc(Kind::Descriptor, places.used);
    let place = |at: usize| descriptor.driver().wrapping_add(at);

    let nbl: *mut NET_BUFFER_LIST = place(nbl_place).cast();
    dress(nbl, dressing);
    if context > 0 {
        let at: *mut NET_BUFFER_LIST_CONTEXT = place(context_place).cast();
        set_context(nbl, at, context as u16);
    }
    let mut nb_after: *mut NET_BUFFER = std::ptr::null_mut();
    let mut mdls = Vec::new();
    let all = places_of_nbs.iter().zip(&places_of_mdls).zip(&buffers).zip(frames.iter().zip(&layouts));
    for (((nb_place, places_of_mdls), buffers), (frame, layout)) in all.rev() {
        let nb: *mut NET_BUFFER = place(*nb_place).cast();
        let mut mdl_after: *mut MDL = std::ptr::null_mut();
        for ((at, buffer), piece) in places_of_mdls.iter().zip(buffers).zip(&layout.pieces).rev() {
            let mdl: *mut MDL = place(*at).cast();
            describe(mdl, *buffer, piece.mapped, mdl_after);
            mdl_after = mdl;
            mdls.push(mdl);
        }
        if let Some(view) = Nb::at(nb) {
            view.set_next(nb_after);
            view.set_pool(dressing.pool);
            set_data(view, mdl_after, layout.data_offset, frame.bytes.len() as u32);
        }
        nb_after = nb;
    }
    if let Some(view) = Nbl::at(nbl) {
        view.set_first_nb(nb_after);
    }
    Built { nbl, descriptor, payload, mdls }
}

/// Sets the fields of an NBL that are not its NBs.
fn dress(nbl: *mut NET_BUFFER_LIST, dressing: &Dressing<'_>) {
    if let Some(view) = Nbl::at(nbl) {
        view.set_source(dressing.source);
        view.set_pool(dressing.pool);
        view.set_nbl_flags(dressing.nbl_flags);
        view.set_status(STATUS_POISON);
        view.set_info(dressing.oob.0.map(std::ptr::without_provenance_mut::<_>));
    }
}

/// Gives an NBL an empty context with room for `size` bytes.
pub fn set_context(nbl: *mut NET_BUFFER_LIST, at: *mut NET_BUFFER_LIST_CONTEXT, size: u16) {
    if let (Some(nbl), Some(context)) = (Nbl::at(nbl), Context::at(at)) {
        context.set_next(nbl.context());
        context.set_size(size);
        context.set_offset(size);
        nbl.set_context(at);
    }
}

/// Points an NB at its data: `data_offset` bytes into the chain, `CurrentMdl` where the data starts.
pub fn set_data(nb: Nb, chain: *mut MDL, data_offset: u32, data_length: u32) {
    let (current, offset) = current_mdl(chain, data_offset);
    nb.set_mdl_chain(chain);
    nb.set_data_offset(data_offset);
    nb.set_data_length(data_length);
    nb.set_current_mdl(current);
    nb.set_current_mdl_offset(offset);
}

/// The MDL that holds the byte `data_offset` of a chain, and where in it.
pub fn current_mdl(chain: *mut MDL, data_offset: u32) -> (*mut MDL, u32) {
    let (mut at, mut offset) = (chain, data_offset);
    while let Some(mdl) = Mdl::at(at) {
        if offset < mdl.byte_count() || mdl.next().is_null() {
            break;
        }
        offset -= mdl.byte_count();
        at = mdl.next();
    }
    (at, offset)
}

/// Writes an MDL that describes a buffer of the driver's view.
fn describe(at: *mut MDL, buffer: Buffer, mapped: bool, next: *mut MDL) {
    let kind = if mapped { MdlKind::NonPaged } else { MdlKind::Locked };
    kernel().memory.mdls.write(at, buffer.start, buffer.len(), kind);
    if let Some(mdl) = Mdl::at(at) {
        mdl.set_next(next);
    }
}

/// A buffer in the driver's view.
#[derive(Clone, Copy)]
struct Buffer {
    start: *mut u8,
    bytes: usize,
}

impl Buffer {
    fn addr(self) -> usize {
        self.start.addr()
    }

    fn len(self) -> usize {
        self.bytes
    }
}

fn layout_of(frame: &Frame) -> Layout {
    frame.layout.clone().unwrap_or_else(|| Layout::random(frame.bytes.len(), &mut kernel().rng()))
}

/// Room for contexts that comes with an NBL: none or some, by the seed.
fn context_size() -> usize {
    if kernel().rng().random_bool(0.5) { 64 } else { 0 }
}

/// Lays the frames' bytes out in a payload span: the span, and for each frame the buffers of its MDLs.
fn lay_payload(frames: &[Frame], layouts: &[Layout]) -> (Span, Vec<Vec<Buffer>>) {
    let mut at = 0;
    let starts: Vec<Vec<usize>> = layouts
        .iter()
        .map(|layout| {
            layout
                .pieces
                .iter()
                .map(|piece| {
                    at += kernel().rng().random_range(0..=GAP);
                    let start = at;
                    at += piece.bytes as usize;
                    start
                })
                .collect()
        })
        .collect();
    let total = at.max(1);
    let payload = kernel().memory.alloc(Kind::Payload, total);
    // The end of the last buffer is the end of the span's last page.
    let base = payload.driver().wrapping_add(total.next_multiple_of(PAGE) - total);
    let lab = lab_view(base);
    // SAFETY: the span has room for `total` bytes from here, and the lab's view of it is the lab's alone.
    unsafe { lab.write_bytes(POISON, total) };
    for ((frame, layout), starts) in frames.iter().zip(layouts).zip(&starts) {
        scatter(frame, layout, starts, lab);
    }
    let buffers = layouts.iter().zip(&starts).map(|(layout, starts)| {
        let pieces = layout.pieces.iter().zip(starts);
        pieces.map(|(piece, start)| Buffer { start: base.wrapping_add(*start), bytes: piece.bytes as usize }).collect()
    });
    let buffers = buffers.collect();
    (payload, buffers)
}

/// Writes a frame's bytes into its buffers.
fn scatter(frame: &Frame, layout: &Layout, starts: &[usize], lab: *mut u8) {
    let (mut skip, mut left) = (layout.data_offset as usize, frame.bytes.as_slice());
    for (piece, start) in layout.pieces.iter().zip(starts) {
        let count = piece.bytes as usize;
        let lead = skip.min(count);
        skip -= lead;
        let (now, later) = left.split_at((count - lead).min(left.len()));
        left = later;
        let to = lab.wrapping_add(start + lead);
        // SAFETY: the buffer lies in the span, which the lab alone uses yet; `now` fits behind `lead` in it.
        unsafe { to.copy_from_nonoverlapping(now.as_ptr(), now.len()) };
    }
    assert!(left.is_empty(), "a layout has room for its frame");
}
