//! Addresses that a driver reserves to map MDLs to without failing (`MmAllocateMappingAddress`). Up to DISPATCH_LEVEL, but for
//! reserving and freeing. What is not freed shows as pool.
//!
//! In the lab what an MDL describes has an address already, which mapping gives: a driver goes by what it is given.

use std::{collections::BTreeMap, sync::Mutex};

use nblease_ndis::sys::{MDL, MEMORY_CACHING_TYPE, PVOID, SIZE_T, ULONG};

use super::{enter, mdl, pool};
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::PAGE,
    pe::Export,
    sync::lock,
    thread::{APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "MmAllocateMappingAddress" => mm_allocate_mapping_address,
    "MmFreeMappingAddress" => mm_free_mapping_address,
    "MmMapLockedPagesWithReservedMapping" => mm_map_locked_pages_with_reserved_mapping,
    "MmUnmapReservedMapping" => mm_unmap_reserved_mapping,
};

/// The tag by which a range shows at unload.
const TAG: [u8; 4] = *b"MmRs";

/// Ranges by address: bytes, the driver's tag, and the MDL that is mapped there.
#[derive(Default)]
pub struct Ranges {
    ranges: Mutex<BTreeMap<usize, Range>>,
}

struct Range {
    len: usize,
    tag: ULONG,
    mapped: Option<usize>,
}

/// What is done with a range, which has to be there under its tag (V40).
fn with<R>(function: &'static str, base: PVOID, tag: ULONG, f: impl FnOnce(&mut Range) -> R) -> Option<R> {
    let mut ranges = lock(&kernel().nt.mapping_ranges.ranges);
    let found = ranges.get_mut(&base.addr()).filter(|range| range.tag == tag).map(f);
    drop(ranges);
    kernel().judge.check(rule::V40, found.is_some(), || {
        format!("{function} of {base:p} with the tag {tag:#x}, under which nothing is reserved there")
    });
    found
}

unsafe extern "win64" fn mm_allocate_mapping_address(len: SIZE_T, tag: ULONG) -> PVOID {
    enter("MmAllocateMappingAddress", APC_LEVEL);
    if kernel().faults.should_fail(FaultKind::Map) {
        return std::ptr::null_mut();
    }
    let base = pool::allocate_object(TAG, PAGE);
    if !base.is_null() {
        let range = Range { len: len.next_multiple_of(PAGE), tag, mapped: None };
        lock(&kernel().nt.mapping_ranges.ranges).insert(base.expose_provenance(), range);
    }
    base
}

unsafe extern "win64" fn mm_free_mapping_address(base: PVOID, tag: ULONG) {
    enter("MmFreeMappingAddress", APC_LEVEL);
    let mapped = with("MmFreeMappingAddress", base, tag, |range| range.mapped.is_some());
    kernel().judge.check(rule::V40, mapped != Some(true), || {
        format!("MmFreeMappingAddress of {base:p}, to which an MDL is mapped")
    });
    lock(&kernel().nt.mapping_ranges.ranges).remove(&base.addr());
    pool::free_object(TAG, base);
}

unsafe extern "win64" fn mm_map_locked_pages_with_reserved_mapping(
    base: PVOID,
    tag: ULONG,
    mdl: *mut MDL,
    _cache: MEMORY_CACHING_TYPE,
) -> PVOID {
    const FUNCTION: &str = "MmMapLockedPagesWithReservedMapping";
    enter(FUNCTION, DISPATCH_LEVEL);
    let pages = mdl::page_bytes(mdl);
    let fits = with(FUNCTION, base, tag, |range| {
        let free = range.mapped.replace(mdl.addr()).is_none();
        (free, pages <= range.len)
    });
    kernel().judge.check(rule::V40, fits.is_none_or(|(free, _)| free), || {
        format!("{FUNCTION} to {base:p}, to which another MDL is mapped")
    });
    match fits {
        Some((_, true)) => mdl::map_locked(mdl),
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "win64" fn mm_unmap_reserved_mapping(base: PVOID, tag: ULONG, mdl: *mut MDL) {
    const FUNCTION: &str = "MmUnmapReservedMapping";
    enter(FUNCTION, DISPATCH_LEVEL);
    let mapped = with(FUNCTION, base, tag, |range| range.mapped.take());
    kernel().judge.check(rule::V40, mapped.is_none_or(|mapped| mapped == Some(mdl.addr())), || {
        format!("{FUNCTION} of the MDL {mdl:p}, which is not mapped to {base:p}")
    });
    mdl::unmap(mdl);
}
