//! Lookaside lists. IRQL up to DISPATCH_LEVEL; paged ones up to APC_LEVEL.
//!
//! Allocating from one and freeing to it is inline in the headers: an entry is popped or pushed, and only where the list
//! is empty, or as deep as it may be, one of the functions in it is called. The lab gives lists a depth of zero and
//! functions of its own where the driver has none, so that each entry comes from the guarded pool and goes back to it.

use std::{collections::BTreeMap, sync::Mutex};

use nblease_ndis::sys::{
    GENERAL_LOOKASIDE, LOOKASIDE_LIST_EX, NTSTATUS, POOL_TYPE, PVOID, SIZE_T, STATUS_SUCCESS, ULONG, USHORT,
};

use super::{enter, pool};
use crate::{
    exports,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExAllocateFromLookasideListEx" => ex_allocate_from_lookaside_list_ex,
    ExDeleteLookasideListEx => ex_delete_lookaside_list_ex,
    "ExDeleteNPagedLookasideList" => ex_delete_lookaside_list,
    "ExDeletePagedLookasideList" => ex_delete_lookaside_list,
    "ExFlushLookasideListEx" => ex_flush_lookaside_list_ex,
    "ExFreeToLookasideListEx" => ex_free_to_lookaside_list_ex,
    ExInitializeLookasideListEx => ex_initialize_lookaside_list_ex,
    "ExInitializeNPagedLookasideList" => ex_initialize_npaged_lookaside_list,
    "ExInitializePagedLookasideList" => ex_initialize_paged_lookaside_list,
};

// POOL_TYPE, and the bits of `Flags` that come with it.
const PAGED_POOL: POOL_TYPE = 1;
const NON_PAGED: POOL_TYPE = 0;
const NON_PAGED_NX: POOL_TYPE = 512;
/// `POOL_NX_ALLOCATION`, and the flag of a list that is to raise exceptions.
const NX_ALLOCATION: ULONG = 512;

type Allocate = unsafe extern "win64" fn(POOL_TYPE, SIZE_T, ULONG) -> PVOID;
type Free = unsafe extern "win64" fn(PVOID);
type AllocateEx = unsafe extern "win64" fn(POOL_TYPE, SIZE_T, ULONG, *mut LOOKASIDE_LIST_EX) -> PVOID;
type FreeEx = unsafe extern "win64" fn(PVOID, *mut LOOKASIDE_LIST_EX);

/// The lists that were not deleted: by address, whose and made where.
#[derive(Default)]
pub struct Lookasides {
    lists: Mutex<BTreeMap<usize, (Option<DriverId>, usize)>>,
}

impl Lookasides {
    /// A list in the memory `start..end`, described.
    pub(super) fn within(&self, start: usize, end: usize) -> Option<String> {
        let lists = lock(&self.lists);
        lists.range(start..end).next().map(|(at, _)| format!("the lookaside list {at:#x} in it, which was not deleted"))
    }

    /// The lists that a driver did not delete.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let lists = lock(&self.lists);
        let left = lists.iter().filter(|(_, (of, _))| *of == Some(driver));
        left.map(|(at, (_, site))| format!("lookaside list {at:#x}, made at {}", kernel().describe_address(*site)))
            .collect()
    }
}

/// The driver's list.
fn list_of<'a>(list: *mut LOOKASIDE_LIST_EX) -> &'a mut LOOKASIDE_LIST_EX {
    // SAFETY: the DDI demands a list; a pointer to something else faults and is reported. The fields used here change
    // only when it is initialized and deleted.
    unsafe { &mut *list }
}

fn remember(list: usize) {
    let made = (thread::current_driver(), thread::call_site());
    let before = lock(&kernel().nt.lookasides.lists).insert(list, made);
    kernel().judge.check(rule::V36, before.is_none(), || format!("the lookaside list {list:#x} is initialized anew"));
}

fn forget(function: &'static str, list: usize) {
    let known = lock(&kernel().nt.lookasides.lists).remove(&list).is_some();
    kernel().judge.check(rule::V36, known, || format!("{function} of {list:#x}, which is no lookaside list"));
}

/// The function of the driver's, or the lab's own.
fn or_own(given: PVOID, own: *const ()) -> PVOID {
    if given.is_null() { std::ptr::with_exposed_provenance_mut(own.expose_provenance()) } else { given }
}

unsafe extern "efiapi" fn ex_initialize_lookaside_list_ex(
    list: *mut LOOKASIDE_LIST_EX,
    allocate: PVOID,
    free: PVOID,
    pool: POOL_TYPE,
    _flags: ULONG,
    size: SIZE_T,
    tag: ULONG,
    _depth: USHORT,
) -> NTSTATUS {
    enter("ExInitializeLookasideListEx", DISPATCH_LEVEL);
    // SAFETY: the DDI demands storage for a list; a list of zeros is a valid value of it.
    unsafe { list.write_bytes(0, 1) };
    let general = &mut list_of(list).L;
    general.Type = pool;
    general.Tag = tag;
    general.Size = size as ULONG;
    general.AllocateEx = or_own(allocate, own_allocate_ex as AllocateEx as *const ());
    general.FreeEx = or_own(free, own_free_ex as FreeEx as *const ());
    remember(list.addr());
    STATUS_SUCCESS
}

/// A list's own allocation, where the driver has none.
unsafe extern "win64" fn own_allocate_ex(
    pool: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
    _list: *mut LOOKASIDE_LIST_EX,
) -> PVOID {
    pool::allocate_of_type("ExAllocateFromLookasideListEx", pool, size, tag)
}

unsafe extern "win64" fn own_free_ex(entry: PVOID, list: *mut LOOKASIDE_LIST_EX) {
    pool::free("ExFreeToLookasideListEx", entry, Some(list_of(list).L.Tag));
}

unsafe extern "win64" fn own_allocate(pool: POOL_TYPE, size: SIZE_T, tag: ULONG) -> PVOID {
    pool::allocate_of_type("ExAllocateFromNPagedLookasideList", pool, size, tag)
}

unsafe extern "win64" fn own_free(entry: PVOID) {
    pool::free("ExFreeToNPagedLookasideList", entry, None);
}

/// As the inline function does it.
unsafe extern "win64" fn ex_allocate_from_lookaside_list_ex(list: *mut LOOKASIDE_LIST_EX) -> PVOID {
    enter("ExAllocateFromLookasideListEx", DISPATCH_LEVEL);
    let general = &mut list_of(list).L;
    general.TotalAllocates += 1;
    general.AllocateMisses += 1;
    let (pool, size, tag) = (general.Type, general.Size as usize, general.Tag);
    // SAFETY: the driver gave this function for its list, or the lab did, with this prototype.
    let allocate = unsafe { std::mem::transmute::<PVOID, AllocateEx>(general.AllocateEx) };
    // SAFETY: as above; it is called as part of the driver's call.
    unsafe { allocate(pool, size, tag, list) }
}

/// As the inline function does it.
unsafe extern "win64" fn ex_free_to_lookaside_list_ex(list: *mut LOOKASIDE_LIST_EX, entry: PVOID) {
    enter("ExFreeToLookasideListEx", DISPATCH_LEVEL);
    let general = &mut list_of(list).L;
    general.TotalFrees += 1;
    general.FreeMisses += 1;
    // SAFETY: the driver gave this function for its list, or the lab did, with this prototype.
    let free = unsafe { std::mem::transmute::<PVOID, FreeEx>(general.FreeEx) };
    // SAFETY: as above; it is called as part of the driver's call.
    unsafe { free(entry, list) };
}

/// No entries are kept: there is nothing to flush.
unsafe extern "win64" fn ex_flush_lookaside_list_ex(_list: *mut LOOKASIDE_LIST_EX) {
    enter("ExFlushLookasideListEx", DISPATCH_LEVEL);
}

unsafe extern "efiapi" fn ex_delete_lookaside_list_ex(list: *mut LOOKASIDE_LIST_EX) {
    enter("ExDeleteLookasideListEx", DISPATCH_LEVEL);
    forget("ExDeleteLookasideListEx", list.addr());
}

/// What a plain list is made with.
struct Plain {
    allocate: PVOID,
    free: PVOID,
    pool: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
}

fn initialize(function: &'static str, list: *mut GENERAL_LOOKASIDE, plain: &Plain) {
    enter(function, DISPATCH_LEVEL);
    // SAFETY: the DDI demands storage for a list; a list of zeros is a valid value of it.
    unsafe { list.write_bytes(0, 1) };
    // SAFETY: as above, and nobody else uses it yet.
    let general = unsafe { &mut *list };
    general.Type = plain.pool;
    general.Tag = plain.tag;
    general.Size = plain.size as ULONG;
    general.AllocateEx = or_own(plain.allocate, own_allocate as Allocate as *const ());
    general.FreeEx = or_own(plain.free, own_free as Free as *const ());
    remember(list.addr());
}

unsafe extern "win64" fn ex_initialize_npaged_lookaside_list(
    list: *mut GENERAL_LOOKASIDE,
    allocate: PVOID,
    free: PVOID,
    flags: ULONG,
    size: SIZE_T,
    tag: ULONG,
    _depth: USHORT,
) {
    let pool = if flags & NX_ALLOCATION == 0 { NON_PAGED } else { NON_PAGED_NX };
    initialize("ExInitializeNPagedLookasideList", list, &Plain { allocate, free, pool, size, tag });
}

unsafe extern "win64" fn ex_initialize_paged_lookaside_list(
    list: *mut GENERAL_LOOKASIDE,
    allocate: PVOID,
    free: PVOID,
    _flags: ULONG,
    size: SIZE_T,
    tag: ULONG,
    _depth: USHORT,
) {
    let pool = PAGED_POOL;
    initialize("ExInitializePagedLookasideList", list, &Plain { allocate, free, pool, size, tag });
}

unsafe extern "win64" fn ex_delete_lookaside_list(list: *mut GENERAL_LOOKASIDE) {
    enter("ExDeleteNPagedLookasideList", DISPATCH_LEVEL);
    forget("ExDeleteNPagedLookasideList", list.addr());
}
