//! Lookaside lists. IRQL up to DISPATCH_LEVEL.
//!
//! The lab keeps no list of free entries: each allocation comes from the pool and goes back to it, so that it is guarded
//! as any other. What the driver's own allocation and free functions do they do for each entry.

use nblease_ndis::sys::{LOOKASIDE_LIST_EX, NTSTATUS, POOL_TYPE, PVOID, SIZE_T, STATUS_SUCCESS, ULONG, USHORT};

use super::{dpc::owner, enter};
use crate::{
    exports,
    faults::FaultKind,
    kernel::kernel,
    memory::pool::PoolKind,
    pe::Export,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExAllocateFromLookasideListEx" => ex_allocate_from_lookaside_list_ex,
    ExDeleteLookasideListEx => ex_delete_lookaside_list_ex,
    "ExFlushLookasideListEx" => ex_flush_lookaside_list_ex,
    "ExFreeToLookasideListEx" => ex_free_to_lookaside_list_ex,
    ExInitializeLookasideListEx => ex_initialize_lookaside_list_ex,
};

type AllocateEx = unsafe extern "win64" fn(POOL_TYPE, SIZE_T, ULONG, *mut LOOKASIDE_LIST_EX) -> PVOID;
type FreeEx = unsafe extern "win64" fn(PVOID, *mut LOOKASIDE_LIST_EX);

/// The driver's list.
fn list_of<'a>(list: *mut LOOKASIDE_LIST_EX) -> &'a mut LOOKASIDE_LIST_EX {
    // SAFETY: the DDI demands a list; a pointer to something else faults and is reported. The fields used here change
    // only when it is initialized and deleted.
    unsafe { &mut *list }
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
    general.AllocateEx = allocate;
    general.FreeEx = free;
    STATUS_SUCCESS
}

unsafe extern "win64" fn ex_allocate_from_lookaside_list_ex(list: *mut LOOKASIDE_LIST_EX) -> PVOID {
    enter("ExAllocateFromLookasideListEx", DISPATCH_LEVEL);
    let general = &mut list_of(list).L;
    general.TotalAllocates += 1;
    let (pool, size, tag) = (general.Type, general.Size as usize, general.Tag);
    if general.AllocateEx.is_null() {
        if kernel().faults.should_fail(FaultKind::Pool) {
            return std::ptr::null_mut();
        }
        let kind = if pool & 1 == 0 { PoolKind::NonPaged } else { PoolKind::Paged };
        return kernel().memory.pool.allocate(thread::current_driver(), tag, size, kind, false).cast();
    }
    let address = general.AllocateEx;
    // SAFETY: the driver gave this function for its list, with this prototype.
    let allocate = unsafe { std::mem::transmute::<PVOID, AllocateEx>(address) };
    thread::call_driver(owner(address.addr()), "LookasideListAllocateEx", thread::irql(), || {
        // SAFETY: the driver's own function and list.
        unsafe { allocate(pool, size, tag, list) }
    })
}

unsafe extern "win64" fn ex_free_to_lookaside_list_ex(list: *mut LOOKASIDE_LIST_EX, entry: PVOID) {
    enter("ExFreeToLookasideListEx", DISPATCH_LEVEL);
    let general = &mut list_of(list).L;
    general.TotalFrees += 1;
    let address = general.FreeEx;
    if address.is_null() {
        kernel().memory.pool.free(entry.addr(), Some(general.Tag));
        return;
    }
    // SAFETY: the driver gave this function for its list, with this prototype.
    let free = unsafe { std::mem::transmute::<PVOID, FreeEx>(address) };
    thread::call_driver(owner(address.addr()), "LookasideListFreeEx", thread::irql(), || {
        // SAFETY: the driver's own function and list.
        unsafe { free(entry, list) };
    });
}

unsafe extern "win64" fn ex_flush_lookaside_list_ex(_list: *mut LOOKASIDE_LIST_EX) {
    enter("ExFlushLookasideListEx", DISPATCH_LEVEL);
}

unsafe extern "efiapi" fn ex_delete_lookaside_list_ex(_list: *mut LOOKASIDE_LIST_EX) {
    enter("ExDeleteLookasideListEx", DISPATCH_LEVEL);
}
