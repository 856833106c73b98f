//! NBLs derived from others: clones, fragments, reassembled ones. They describe their parent's data with NBs and MDLs of
//! their own; nothing is copied.
//!
//! After "Derived NET_BUFFER_LIST Structures" and the pages below it, `NdisAllocateCloneNetBufferList`,
//! `NdisAllocateFragmentNetBufferList`, `NdisAllocateReassembledNetBufferList`. IRQL: up to DISPATCH_LEVEL.

use std::sync::{Arc, atomic::Ordering};

use nblease_ndis::sys::{MDL, NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST};

use super::{
    LAB,
    build::set_data,
    pool::{ALIGNMENT, Parts, Pool, enter, fails, free_allocated, mdl_and_data, mdl_and_data_size},
    raw::{self, Mdl, Nb, Nbl},
};
use crate::{
    judge::rule,
    kernel::kernel,
    memory::mdl::{MdlKind, size_of_mdl},
    pe::exports::Export,
    thread,
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAllocateCloneNetBufferList => allocate_clone,
    NdisFreeCloneNetBufferList => free_clone,
    NdisAllocateFragmentNetBufferList => allocate_fragments,
    NdisFreeFragmentNetBufferList => free_fragments,
    NdisAllocateReassembledNetBufferList => allocate_reassembled,
    NdisFreeReassembledNetBufferList => free_reassembled,
};

/// `NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS`.
const USE_ORIGINAL_MDLS: u32 = 2;

/// Where data lies: (driver's address, bytes) of each part.
type Place = Vec<(*mut u8, usize)>;

/// What an NB of a derived NBL describes.
enum Described {
    /// The parent's MDLs from here on: the first, the offset in it, the length.
    Chain(*mut MDL, u32, u32),
    /// With MDLs of its own.
    Parts(Place),
}

/// Room before the data of each NB.
#[derive(Clone, Copy, Default)]
struct Room {
    /// `DataOffsetDelta`: bytes of it that are used data.
    used: u32,
    /// `DataBackFill`: bytes of it that are not.
    unused: u32,
}

impl Room {
    /// Bytes to allocate: none where no used data is wanted.
    fn bytes(self) -> usize {
        if self.used == 0 { 0 } else { self.used as usize + self.unused as usize }
    }
}

/// A derived NBL, as long as it is allocated: which function frees it, and with which argument: the flags of a clone, the
/// `DataOffsetDelta` of the others.
struct Derived {
    freed_by: &'static str,
    with: u32,
}

/// Makes an NBL of NBs that describe the parent's data.
fn derive(
    function: &'static str,
    parent: *mut NET_BUFFER_LIST,
    pool: NDIS_HANDLE,
    nbs: &[Described],
    room: Room,
) -> *mut NET_BUFFER_LIST {
    let mdls = nbs.iter().flat_map(|nb| match nb {
        Described::Chain(..) => [].iter(),
        Described::Parts(parts) => parts.iter(),
    });
    let mdl_bytes: usize = mdls.map(|(at, bytes)| size_of_mdl(at.addr(), *bytes) + ALIGNMENT).sum();
    let nb_bytes = size_of::<NET_BUFFER>() + ALIGNMENT + mdl_and_data_size(room.bytes());
    let mut parts = Parts::new(size_of::<NET_BUFFER_LIST>() + nbs.len() * nb_bytes + mdl_bytes);
    let nbl: *mut NET_BUFFER_LIST = parts.take(size_of::<NET_BUFFER_LIST>());
    let mut nb_after = std::ptr::null_mut();
    for described in nbs.iter().rev() {
        let at: *mut NET_BUFFER = parts.take(size_of::<NET_BUFFER>());
        let Some(view) = Nb::at(at) else { continue };
        match described {
            Described::Chain(chain, offset, length) => set_data(view, *chain, *offset, *length),
            Described::Parts(place) => describe(view, place, room, &mut parts),
        }
        view.set_next(nb_after);
        nb_after = at;
    }
    if let Some(view) = Nbl::at(nbl) {
        view.set_first_nb(nb_after);
        view.set_parent(parent);
        view.set_pool(pool);
    }
    if !pool.is_null()
        && let Some(pool) = kernel().ndis.objects.get::<Pool>(function, pool)
    {
        pool.out.fetch_add(1, Ordering::SeqCst);
    }
    let driver = thread::current_driver().unwrap_or(LAB);
    kernel().ndis.ledger.enter_allocated(nbl, parts.span, driver, function);
    nbl
}

/// Gives an NB MDLs for these parts, behind the room before them.
fn describe(nb: Nb, place: &Place, room: Room, parts: &mut Parts) {
    let mut chain = std::ptr::null_mut();
    for (start, bytes) in place.iter().rev() {
        let mdl: *mut MDL = parts.take(size_of_mdl(start.addr(), *bytes));
        kernel().memory.mdls.write(mdl, *start, *bytes, MdlKind::NonPaged);
        if let Some(view) = Mdl::at(mdl) {
            view.set_next(chain);
        }
        chain = mdl;
    }
    let before = mdl_and_data(parts, room.bytes());
    if let Some(view) = Mdl::at(before) {
        view.set_next(chain);
        chain = before;
    }
    let unused = if before.is_null() { 0 } else { room.unused };
    set_data(nb, chain, unused, room.used + length_of(place) as u32);
}

fn length_of(place: &Place) -> usize {
    place.iter().map(|(_, bytes)| bytes).sum()
}

/// The used data of an NB behind its first `skip` bytes.
fn data_of(nb: Nb, skip: u32) -> Place {
    let length = nb.data_length().saturating_sub(skip);
    raw::parts(nb.mdl_chain(), (nb.data_offset() + skip) as usize, length as usize)
}

/// Cuts a place into pieces of at most `most` bytes.
fn cut(place: &Place, most: usize) -> Vec<Place> {
    let mut pieces = vec![Place::new()];
    let mut room = most;
    for (mut at, mut bytes) in place.iter().copied() {
        while bytes > 0 {
            if room == 0 {
                pieces.push(Place::new());
                room = most;
            }
            let now = bytes.min(room);
            if let Some(piece) = pieces.last_mut() {
                piece.push((at, now));
            }
            (at, bytes, room) = (at.wrapping_add(now), bytes - now, room - now);
        }
    }
    pieces
}

fn nbs_of(parent: *mut NET_BUFFER_LIST) -> Option<Vec<Nb>> {
    raw::touch(parent);
    let nbs = raw::nbs(Nbl::at(parent)?).unwrap_or_default();
    Some(nbs.into_iter().filter_map(Nb::at).collect())
}

/// Clones share the original's data: each NB from the start of its used data, with the original's MDLs or new ones.
pub(super) unsafe extern "efiapi" fn allocate_clone(
    original: *mut NET_BUFFER_LIST,
    nbl_pool: NDIS_HANDLE,
    _nb_pool: NDIS_HANDLE,
    flags: u32,
) -> *mut NET_BUFFER_LIST {
    const FUNCTION: &str = "NdisAllocateCloneNetBufferList";
    enter(FUNCTION);
    let Some(nbs) = nbs_of(original).filter(|_| !fails()) else { return std::ptr::null_mut() };
    let describe = |nb: &Nb| {
        if flags & USE_ORIGINAL_MDLS == 0 {
            Described::Parts(data_of(*nb, 0))
        } else {
            Described::Chain(nb.current_mdl(), nb.current_mdl_offset(), nb.data_length())
        }
    };
    let described: Vec<_> = nbs.iter().map(describe).collect();
    note(derive(FUNCTION, original, nbl_pool, &described, Room::default()), "NdisFreeCloneNetBufferList", flags)
}

pub(super) unsafe extern "efiapi" fn free_clone(clone: *mut NET_BUFFER_LIST, flags: u32) {
    free("NdisFreeCloneNetBufferList", clone, flags);
}

/// NBs of at most `most` bytes each, cut out of each NB of the original.
pub(super) unsafe extern "efiapi" fn allocate_fragments(
    original: *mut NET_BUFFER_LIST,
    nbl_pool: NDIS_HANDLE,
    _nb_pool: NDIS_HANDLE,
    start: u32,
    most: u32,
    delta: u32,
    backfill: u32,
    flags: u32,
) -> *mut NET_BUFFER_LIST {
    const FUNCTION: &str = "NdisAllocateFragmentNetBufferList";
    enter(FUNCTION);
    let good = flags == 0 && most > 0;
    kernel()
        .judge
        .check(rule::V10, good, || format!("{FUNCTION}: AllocateFragmentFlags is {flags}, MaximumLength {most}"));
    let Some(nbs) = nbs_of(original).filter(|_| good && !fails()) else { return std::ptr::null_mut() };
    let pieces = nbs.iter().flat_map(|nb| cut(&data_of(*nb, start), most as usize));
    let described: Vec<_> = pieces.map(Described::Parts).collect();
    let nbl = derive(FUNCTION, original, nbl_pool, &described, Room { used: delta, unused: backfill });
    note(nbl, "NdisFreeFragmentNetBufferList", delta)
}

/// One NB of what all NBs of the original hold.
pub(super) unsafe extern "efiapi" fn allocate_reassembled(
    original: *mut NET_BUFFER_LIST,
    pool: NDIS_HANDLE,
    start: u32,
    delta: u32,
    backfill: u32,
    flags: u32,
) -> *mut NET_BUFFER_LIST {
    const FUNCTION: &str = "NdisAllocateReassembledNetBufferList";
    enter(FUNCTION);
    let with_nb = pool.is_null()
        || kernel().ndis.objects.get::<Pool>(FUNCTION, pool).is_some_and(|pool| pool.with_nb && pool.data_size == 0);
    let good = flags == 0 && with_nb;
    kernel().judge.check(rule::V10, good, || {
        format!("{FUNCTION} needs flags 0, and a pool with fAllocateNetBuffer TRUE and DataSize 0")
    });
    let Some(nbs) = nbs_of(original).filter(|_| good && !fails()) else { return std::ptr::null_mut() };
    let all = Described::Parts(nbs.iter().flat_map(|nb| data_of(*nb, start)).collect());
    let nbl = derive(FUNCTION, original, pool, &[all], Room { used: delta, unused: backfill });
    note(nbl, "NdisFreeReassembledNetBufferList", delta)
}

fn note(nbl: *mut NET_BUFFER_LIST, freed_by: &'static str, with: u32) -> *mut NET_BUFFER_LIST {
    kernel().ndis.objects.add_at("derived NBL", nbl.addr(), Arc::new(Derived { freed_by, with }));
    nbl
}

pub(super) unsafe extern "efiapi" fn free_fragments(nbl: *mut NET_BUFFER_LIST, delta: u32, _flags: u32) {
    free("NdisFreeFragmentNetBufferList", nbl, delta);
}

pub(super) unsafe extern "efiapi" fn free_reassembled(nbl: *mut NET_BUFFER_LIST, delta: u32, _flags: u32) {
    free("NdisFreeReassembledNetBufferList", nbl, delta);
}

fn free(function: &'static str, nbl: *mut NET_BUFFER_LIST, with: u32) {
    let is_derived = kernel().ndis.objects.has(nbl.addr());
    judge_free(function, nbl, with);
    free_allocated(function, nbl);
    kernel().judge.check(rule::V10, is_derived, || {
        format!("{function} of {nbl:p}, which NdisAllocateNetBufferList and its kin made")
    });
}

/// A derived NBL is freed by the counterpart of what made it, with the same argument: anything else leaves its NBs and MDLs,
/// or frees the original's (V10).
pub(super) fn judge_free(function: &'static str, nbl: *mut NET_BUFFER_LIST, with: u32) {
    if !kernel().ndis.objects.has(nbl.addr()) {
        return;
    }
    if let Some(derived) = kernel().ndis.objects.remove::<Derived>(function, nbl.cast()) {
        let Derived { freed_by, with: made_with } = *derived;
        kernel().judge.check(rule::V10, freed_by == function && made_with == with, || {
            format!("{function} of {nbl:p} with {with:#x}: it was made for {freed_by} with {made_with:#x}")
        });
    }
}
