//! Pool allocation. IRQL up to DISPATCH_LEVEL; paged pool up to APC_LEVEL.
//!
//! The allocations belong to the driver whose code runs; `memory::pool` guards them (V36) and lists what is left (V35).

use nblease_ndis::sys::{
    POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED_EXECUTE, POOL_FLAG_PAGED, POOL_FLAG_RAISE_ON_FAILURE,
    POOL_FLAG_UNINITIALIZED, POOL_FLAGS, PVOID, SIZE_T, ULONG,
};

use super::enter;
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::pool::{PoolKind, tag_name},
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    ExAllocatePool2 => ex_allocate_pool2,
    ExFreePool => ex_free_pool,
    ExFreePoolWithTag => ex_free_pool_with_tag,
    "ExAllocatePool3" => ex_allocate_pool3,
    "ExAllocatePool" => ex_allocate_pool,
    "ExAllocatePoolWithTag" => ex_allocate_pool_with_tag,
    "ExAllocatePoolWithTagPriority" => ex_allocate_pool_with_tag_priority,
    "ExFreePool2" => ex_free_pool2,
};

/// What an allocation asks for, whichever function it came through.
struct Request {
    function: &'static str,
    kind: PoolKind,
    executable: bool,
    zeroed: bool,
    len: usize,
    tag: u32,
}

fn allocate(request: &Request) -> PVOID {
    let Request { function, kind, executable, zeroed, len, tag } = *request;
    let judge = &kernel().judge;
    judge.check(rule::V37, !executable, || format!("{function} of executable pool, tag {}", tag_name(tag)));
    judge.check(rule::V36, len > 0, || format!("{function} of no bytes, tag {}", tag_name(tag)));
    judge.check(rule::V09, kind == PoolKind::NonPaged || thread::irql() <= APC_LEVEL, || {
        format!("{function} of paged pool at IRQL {}", thread::irql())
    });
    if kernel().faults.should_fail(FaultKind::Pool) {
        return std::ptr::null_mut();
    }
    kernel().memory.pool.allocate(thread::current_driver(), tag, len, kind, zeroed).cast()
}

/// Memory of the system's that the driver has to give back by another function than `ExFreePool`: it counts as the
/// driver's pool by `tag`.
pub(super) fn allocate_object(tag: [u8; 4], len: usize) -> PVOID {
    let pool = &kernel().memory.pool;
    pool.allocate(thread::current_driver(), u32::from_le_bytes(tag), len, PoolKind::NonPaged, true).cast()
}

/// Frees what [`allocate_object`] gave.
pub(super) fn free_object(tag: [u8; 4], object: PVOID) {
    kernel().memory.pool.free(object.addr(), Some(u32::from_le_bytes(tag)));
}

/// Frees pool for a driver's call of `function`. IRQL: up to DISPATCH_LEVEL, for paged pool up to APC_LEVEL.
pub(crate) fn free(function: &'static str, address: PVOID, tag: Option<u32>) {
    enter(function, DISPATCH_LEVEL);
    let start = address.addr();
    if let Some(allocation) = kernel().memory.pool.find(start) {
        kernel().judge.check(rule::V09, allocation.kind == PoolKind::NonPaged || thread::irql() <= APC_LEVEL, || {
            format!("{function} of paged pool at IRQL {}", thread::irql())
        });
        memory_goes(start, start + allocation.len);
    }
    kernel().memory.pool.free(start, tag);
}

/// Objects in memory that is being freed: those still in use break V36, as under Driver Verifier.
fn memory_goes(start: usize, end: usize) {
    let nt = &kernel().nt;
    let busy = nt.timers.set_within(start, end);
    let busy = busy.or_else(|| nt.dpcs.queued_within(start, end)).or_else(|| nt.resources.within(start, end));
    let busy = busy.or_else(|| nt.lookasides.within(start, end));
    kernel()
        .judge
        .check(rule::V36, busy.is_none(), || format!("freed memory with {}", busy.clone().unwrap_or_default()));
    kernel().lock_order.forget(start, end);
}

unsafe extern "efiapi" fn ex_allocate_pool2(flags: POOL_FLAGS, len: SIZE_T, tag: ULONG) -> PVOID {
    from_flags("ExAllocatePool2", flags, len, tag)
}

unsafe extern "win64" fn ex_allocate_pool3(
    flags: POOL_FLAGS,
    len: SIZE_T,
    tag: ULONG,
    _parameters: PVOID,
    _count: ULONG,
) -> PVOID {
    from_flags("ExAllocatePool3", flags, len, tag)
}

fn from_flags(function: &'static str, flags: POOL_FLAGS, len: usize, tag: u32) -> PVOID {
    enter(function, DISPATCH_LEVEL);
    let pools = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    // Null is what the page promises for a tag of 0 and for invalid flags.
    if tag == 0 || (flags & pools).count_ones() != 1 {
        return std::ptr::null_mut();
    }
    let block = allocate(&Request {
        function,
        kind: if flags & POOL_FLAG_PAGED == 0 { PoolKind::NonPaged } else { PoolKind::Paged },
        executable: flags & POOL_FLAG_NON_PAGED_EXECUTE != 0,
        zeroed: flags & POOL_FLAG_UNINITIALIZED == 0,
        len,
        tag,
    });
    if block.is_null() && flags & POOL_FLAG_RAISE_ON_FAILURE != 0 {
        kernel().judge.bug_check(format!("{function} raised an exception that nobody handles: no memory"));
    }
    block
}

unsafe extern "win64" fn ex_allocate_pool_with_tag(pool: i32, len: SIZE_T, tag: ULONG) -> PVOID {
    allocate_of_type("ExAllocatePoolWithTag", pool, len, tag)
}

unsafe extern "win64" fn ex_allocate_pool_with_tag_priority(
    pool: i32,
    len: SIZE_T,
    tag: ULONG,
    _priority: i32,
) -> PVOID {
    allocate_of_type("ExAllocatePoolWithTagPriority", pool, len, tag)
}

unsafe extern "win64" fn ex_allocate_pool(pool: i32, len: SIZE_T) -> PVOID {
    allocate_of_type("ExAllocatePool", pool, len, u32::from_le_bytes(*b"None"))
}

/// Whatever allocates by a `POOL_TYPE`.
pub(super) fn allocate_of_type(function: &'static str, pool: i32, len: SIZE_T, tag: ULONG) -> PVOID {
    enter(function, DISPATCH_LEVEL);
    // POOL_TYPE: NonPagedPool (0) is executable, PagedPool is 1, NonPagedPoolNx 512; odd types are paged.
    allocate(&Request {
        function,
        kind: if pool & 1 == 0 { PoolKind::NonPaged } else { PoolKind::Paged },
        executable: pool & 1 == 0 && pool & 512 == 0,
        zeroed: false,
        len,
        tag,
    })
}

unsafe extern "efiapi" fn ex_free_pool(address: PVOID) {
    free("ExFreePool", address, None);
}

unsafe extern "efiapi" fn ex_free_pool_with_tag(address: PVOID, tag: ULONG) {
    // A tag of 0 frees whatever the tag.
    free("ExFreePoolWithTag", address, Some(tag).filter(|tag| *tag != 0));
}

unsafe extern "win64" fn ex_free_pool2(address: PVOID, tag: ULONG, _parameters: PVOID, _count: ULONG) {
    free("ExFreePool2", address, Some(tag).filter(|tag| *tag != 0));
}
