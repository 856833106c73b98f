//! MDLs: allocating, describing pool, partial ones, locking, mapping (V40). IRQL up to DISPATCH_LEVEL.
//!
//! What an MDL describes is kept in `memory::mdl`; the flags in the structure are those that NT sets, since the inline
//! `MmGetSystemAddressForMdlSafe` looks at them.

use nblease_ndis::sys::{
    BOOLEAN, CSHORT, IRP, KPROCESSOR_MODE, LARGE_INTEGER, LOCK_OPERATION, MDL, MDL_ALLOCATED_FIXED_SIZE,
    MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_PARTIAL_HAS_BEEN_MAPPED, MDL_SOURCE_IS_NONPAGED_POOL,
    MDL_WRITE_OPERATION, MEMORY_CACHING_TYPE, PVOID, SIZE_T, ULONG,
};

use super::{
    enter, enter_for,
    exception::{self, raising},
    pool,
};
use crate::{
    exports,
    faults::FaultKind,
    history::Event,
    io,
    judge::rule,
    kernel::kernel,
    memory::{
        Access, PAGE,
        mdl::{Described, size_of_mdl},
        pool::PoolKind,
    },
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    IoAllocateMdl => io_allocate_mdl,
    IoBuildPartialMdl => io_build_partial_mdl,
    IoFreeMdl => io_free_mdl,
    MmAllocatePagesForMdlEx => mm_allocate_pages_for_mdl_ex,
    MmBuildMdlForNonPagedPool => mm_build_mdl_for_non_paged_pool,
    MmFreePagesFromMdl => mm_free_pages_from_mdl,
    MmMapLockedPagesSpecifyCache => mm_map_locked_pages_specify_cache,
    "MmProbeAndLockPages" => mm_probe_and_lock_pages,
    MmUnlockPages => mm_unlock_pages,
    MmUnmapLockedPages => mm_unmap_locked_pages,
    "MmSizeOfMdl" => mm_size_of_mdl,
};

/// The tag by which an MDL that was not freed shows at unload.
const TAG: [u8; 4] = *b"Mdl ";
/// The tag of pages that were allocated for an MDL.
const PAGES_TAG: [u8; 4] = *b"MmPg";
/// `MdlMappingNoExecute`, to be or-ed to the priority.
const NO_EXECUTE: u32 = 0x4000_0000;
/// The MDLs' kind in the book of histories.
const MDL_KIND: &str = "MDL";
const KERNEL_MODE: KPROCESSOR_MODE = 0;

/// The driver's MDL.
fn mdl_of<'a>(mdl: *mut MDL) -> &'a mut MDL {
    // SAFETY: each of these functions demands an MDL that one thread at a time uses; a pointer to something else faults
    // and is reported.
    unsafe { &mut *mdl }
}

/// `MmGetMdlVirtualAddress`.
fn virtual_address(mdl: &MDL) -> usize {
    mdl.StartVa.addr() + mdl.ByteOffset as usize
}

fn broken(holds: bool, what: impl FnOnce() -> String) {
    kernel().judge.check(rule::V40, holds, what);
}

unsafe extern "win64" fn mm_size_of_mdl(base: PVOID, len: SIZE_T) -> SIZE_T {
    enter("MmSizeOfMdl", super::HIGH_LEVEL);
    size_of_mdl(base.addr(), len)
}

unsafe extern "efiapi" fn io_allocate_mdl(
    address: PVOID,
    len: ULONG,
    secondary: BOOLEAN,
    _charge_quota: BOOLEAN,
    irp: *mut IRP,
) -> *mut MDL {
    enter("IoAllocateMdl", DISPATCH_LEVEL);
    if kernel().faults.should_fail(FaultKind::Mdl) {
        return std::ptr::null_mut();
    }
    let mdl = allocate(address.addr(), len);
    kernel().book.note(MDL_KIND, mdl.addr(), Event::here("IoAllocateMdl"));
    // SAFETY: the DDI demands null or an IRP of the driver's.
    if let Some(irp) = unsafe { irp.as_mut() }.filter(|_| secondary == 0 && !mdl.is_null()) {
        irp.MdlAddress = mdl;
    }
    mdl
}

/// An MDL for `len` bytes at an address, which describes nothing yet; null where there is no memory.
pub(super) fn allocate(address: usize, len: u32) -> *mut MDL {
    let size = size_of_mdl(address, len as usize);
    let mdl: *mut MDL = pool::allocate_object(TAG, size).cast();
    if mdl.is_null() {
        return mdl;
    }
    let contents = mdl_of(mdl);
    contents.Size = CSHORT::try_from(size).unwrap_or(CSHORT::MAX);
    contents.MdlFlags = MDL_ALLOCATED_FIXED_SIZE;
    contents.StartVa = std::ptr::with_exposed_provenance_mut(address - address % PAGE);
    contents.ByteOffset = (address % PAGE) as u32;
    contents.ByteCount = len;
    mdl
}

unsafe extern "efiapi" fn io_free_mdl(mdl: *mut MDL) {
    enter_for("IoFreeMdl", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    let flags = mdl_of(mdl).MdlFlags;
    // A partial MDL is unlocked through its source, and IoFreeMdl itself undoes its mapping.
    if flags & MDL_PARTIAL == 0 {
        broken(flags & MDL_PAGES_LOCKED == 0, || format!("IoFreeMdl of the locked MDL {mdl:p}"));
        broken(flags & MDL_MAPPED_TO_SYSTEM_VA == 0, || format!("IoFreeMdl of the mapped MDL {mdl:p}"));
    }
    kernel().memory.mdls.remove(mdl.addr());
    pool::free_object(TAG, mdl.cast());
}

/// What the I/O manager does with a chain of MDLs when their IRP ends: unlocks and frees them.
pub(crate) fn release(first: *mut MDL) {
    let mut mdl = first;
    while !mdl.is_null() {
        let next = mdl_of(mdl).Next;
        kernel().memory.programs.unlock(mdl.addr());
        kernel().memory.mdls.remove(mdl.addr());
        pool::free_object(TAG, mdl.cast());
        mdl = next;
    }
}

unsafe extern "efiapi" fn mm_build_mdl_for_non_paged_pool(mdl: *mut MDL) {
    enter_for("MmBuildMdlForNonPagedPool", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    let contents = mdl_of(mdl);
    let (address, len) = (virtual_address(contents), contents.ByteCount as usize);
    broken(contents.MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL) == 0, || {
        format!("MmBuildMdlForNonPagedPool of the locked or partial MDL {mdl:p}")
    });
    broken(is_nonpaged(address, len), || {
        let what = kernel().memory.describe(address);
        format!("MmBuildMdlForNonPagedPool of {len} bytes that are not nonpaged pool: {what}")
    });
    contents.MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    contents.MappedSystemVa = std::ptr::with_exposed_provenance_mut(address);
    kernel().memory.mdls.describe(mdl.addr(), Described { target: address, of_lab: false });
}

/// Nonpaged pool of the driver's, its image's data, or memory that the lab lent it.
fn is_nonpaged(address: usize, len: usize) -> bool {
    let kernel = kernel();
    let pool = kernel.memory.pool.find(address);
    let in_pool = pool.is_some_and(|a| {
        a.freed.is_none() && a.kind == PoolKind::NonPaged && a.start <= address && address + len <= a.start + a.len
    });
    in_pool || kernel.driver_at(address).is_some() || kernel.memory.to_lab(address as *const u8).is_some()
}

unsafe extern "efiapi" fn io_build_partial_mdl(source: *mut MDL, target: *mut MDL, address: PVOID, len: ULONG) {
    enter("IoBuildPartialMdl", DISPATCH_LEVEL);
    let (from, to) = (mdl_of(source), mdl_of(target));
    let offset = address.addr().wrapping_sub(virtual_address(from));
    let len = if len == 0 { from.ByteCount.saturating_sub(offset as u32) } else { len };
    let fits = offset.checked_add(len as usize).is_some_and(|end| end <= from.ByteCount as usize);
    broken(fits, || {
        let whole = from.ByteCount;
        format!("IoBuildPartialMdl of {len} bytes at offset {offset:#x} of an MDL of {whole} bytes")
    });
    broken(size_of_mdl(address.addr(), len as usize) <= usize::try_from(to.Size).unwrap_or(0), || {
        format!("IoBuildPartialMdl into an MDL too small for {len} bytes")
    });
    broken(to.MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL_HAS_BEEN_MAPPED) == 0, || {
        format!("IoBuildPartialMdl into the MDL {target:p}, which is in use")
    });
    let described = kernel().memory.mdls.find(source.addr());
    broken(described.is_some(), || {
        format!("IoBuildPartialMdl from the MDL {source:p}, which describes no locked pages")
    });
    let Some(described) = described else { return };
    let inherited = MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION;
    to.MdlFlags = (to.MdlFlags & MDL_ALLOCATED_FIXED_SIZE) | MDL_PARTIAL | (from.MdlFlags & inherited);
    to.StartVa = std::ptr::with_exposed_provenance_mut(address.addr() - address.addr() % PAGE);
    to.ByteOffset = (address.addr() % PAGE) as u32;
    to.ByteCount = len;
    to.Process = from.Process;
    let system = described.target + offset;
    let mapped = from.MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA) != 0;
    to.MappedSystemVa = std::ptr::with_exposed_provenance_mut(if mapped { system } else { 0 });
    kernel().memory.mdls.describe(target.addr(), Described { target: system, of_lab: false });
}

raising! {
    mm_probe_and_lock_pages => probe_and_lock;
}

unsafe extern "win64" fn probe_and_lock(
    mdl: *mut MDL,
    mode: KPROCESSOR_MODE,
    operation: LOCK_OPERATION,
    context: *mut exception::Context,
) {
    enter_for("MmProbeAndLockPages", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    let contents = mdl_of(mdl);
    let not_allowed = MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL;
    broken(contents.MdlFlags & not_allowed == 0, || {
        format!("MmProbeAndLockPages of the MDL {mdl:p} with flags {:#x}", contents.MdlFlags)
    });
    let address = virtual_address(contents);
    // IoReadAccess is 0; the others write.
    let access = if operation == 0 { Access::ReadOnly } else { Access::ReadWrite };
    // SAFETY: what `raising!` declares passes a context on its own stack.
    let context = unsafe { &mut *context };
    let target = if kernel().memory.is_user(address) {
        lock_programs_pages(mdl, address, contents.ByteCount as usize, access, context)
    } else if mode == KERNEL_MODE {
        kernel().memory.pageable.lock(address);
        address
    } else {
        exception::raise(exception::ACCESS_VIOLATION, &[0, address as u64], context)
    };
    contents.MdlFlags |= MDL_PAGES_LOCKED | if operation == 0 { 0 } else { MDL_WRITE_OPERATION };
    kernel().memory.mdls.describe(mdl.addr(), Described { target, of_lab: false });
}

/// Locks what a program has at an address: where the driver finds it once it is mapped. Raises where the program has
/// nothing there, or may not do so itself.
fn lock_programs_pages(
    mdl: *mut MDL,
    address: usize,
    len: usize,
    access: Access,
    context: &mut exception::Context,
) -> usize {
    const FUNCTION: &str = "MmProbeAndLockPages of a program's pages";
    let judge = &kernel().judge;
    judge.check(rule::V09, thread::irql() <= APC_LEVEL, || format!("{FUNCTION} at IRQL {}", thread::irql()));
    judge.check(rule::V41, exception::is_guarded(context), || {
        format!("{FUNCTION} outside of any __try block, though it may raise")
    });
    let buffer = kernel().memory.programs.find(address).filter(|buffer| {
        let (start, pages) = buffer.pages();
        address + len <= start + pages && (access == Access::ReadOnly || buffer.access == Access::ReadWrite)
    });
    let Some(buffer) = buffer else {
        exception::raise(
            exception::ACCESS_VIOLATION,
            &[u64::from(access == Access::ReadWrite), address as u64],
            context,
        )
    };
    judge.check(rule::V41, buffer.process == io::current_number(), || {
        format!("{FUNCTION} outside of the context of that program")
    });
    let target = buffer.system(address).expose_provenance();
    kernel().memory.programs.lock(mdl.addr(), buffer, access);
    target
}

unsafe extern "efiapi" fn mm_unlock_pages(mdl: *mut MDL) {
    enter_for("MmUnlockPages", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    let contents = mdl_of(mdl);
    let described = kernel().memory.mdls.remove(mdl.addr());
    let own_lock = contents.MdlFlags & MDL_PAGES_LOCKED != 0 && described.is_some_and(|d| !d.of_lab);
    broken(own_lock, || format!("MmUnlockPages of the MDL {mdl:p}, which the driver did not lock"));
    kernel().memory.programs.unlock(mdl.addr());
    kernel().memory.pageable.unlock(virtual_address(contents));
    // Unlocking undoes the mapping too.
    contents.MdlFlags &= !(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA);
    contents.MappedSystemVa = std::ptr::null_mut();
}

unsafe extern "efiapi" fn mm_map_locked_pages_specify_cache(
    mdl: *mut MDL,
    mode: KPROCESSOR_MODE,
    _cache: MEMORY_CACHING_TYPE,
    _address: PVOID,
    _bug_check_on_failure: ULONG,
    priority: ULONG,
) -> PVOID {
    enter_for("MmMapLockedPagesSpecifyCache", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    if mode != KERNEL_MODE {
        kernel().judge.bug_check("mapping into a program's address space is not in the lab");
    }
    kernel().judge.check(rule::V37, priority & NO_EXECUTE != 0, || {
        format!("executable mapping of the MDL {mdl:p}: the priority lacks MdlMappingNoExecute")
    });
    if kernel().faults.should_fail(FaultKind::Map) {
        return std::ptr::null_mut();
    }
    map_locked(mdl)
}

/// Bytes of the pages that an MDL touches.
pub(super) fn page_bytes(mdl: *mut MDL) -> usize {
    let contents = mdl_of(mdl);
    (contents.ByteOffset as usize + contents.ByteCount as usize).next_multiple_of(PAGE)
}

/// Maps what an MDL describes (V40): where it is then.
pub(super) fn map_locked(mdl: *mut MDL) -> PVOID {
    let contents = mdl_of(mdl);
    let flags = contents.MdlFlags;
    broken(flags & (MDL_PAGES_LOCKED | MDL_PARTIAL) != 0, || {
        format!("mapping of the MDL {mdl:p}, which is not locked")
    });
    broken(flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) == 0, || {
        format!("mapping of the MDL {mdl:p}, which is mapped")
    });
    let described = kernel().memory.mdls.find(mdl.addr());
    broken(described.is_some(), || format!("mapping of the MDL {mdl:p}, which describes no pages"));
    let Some(described) = described else { return std::ptr::null_mut() };
    let partial = if flags & MDL_PARTIAL == 0 { 0 } else { MDL_PARTIAL_HAS_BEEN_MAPPED };
    contents.MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA | partial;
    contents.MappedSystemVa = std::ptr::with_exposed_provenance_mut(described.target);
    contents.MappedSystemVa
}

unsafe extern "efiapi" fn mm_unmap_locked_pages(address: PVOID, mdl: *mut MDL) {
    enter_for("MmUnmapLockedPages", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    let contents = mdl_of(mdl);
    let mapped = contents.MdlFlags & MDL_MAPPED_TO_SYSTEM_VA != 0 && contents.MappedSystemVa == address;
    broken(mapped, || format!("MmUnmapLockedPages of {address:p}, where the MDL {mdl:p} is not mapped"));
    unmap(mdl);
}

/// The MDL is not mapped any more.
pub(super) fn unmap(mdl: *mut MDL) {
    let contents = mdl_of(mdl);
    contents.MdlFlags &= !(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
    contents.MappedSystemVa = std::ptr::null_mut();
}

unsafe extern "efiapi" fn mm_allocate_pages_for_mdl_ex(
    _low: LARGE_INTEGER,
    _high: LARGE_INTEGER,
    _skip: LARGE_INTEGER,
    len: SIZE_T,
    _cache: MEMORY_CACHING_TYPE,
    _flags: ULONG,
) -> *mut MDL {
    enter("MmAllocatePagesForMdlEx", DISPATCH_LEVEL);
    let len = len.next_multiple_of(PAGE);
    let Ok(count) = u32::try_from(len) else { return std::ptr::null_mut() };
    if kernel().faults.should_fail(FaultKind::Mdl) {
        return std::ptr::null_mut();
    }
    let pages = pool::allocate_object(PAGES_TAG, len);
    if pages.is_null() {
        return std::ptr::null_mut();
    }
    let mdl = allocate(pages.expose_provenance(), count);
    if mdl.is_null() {
        pool::free_object(PAGES_TAG, pages);
        return mdl;
    }
    // Physical pages have no address until they are mapped.
    let contents = mdl_of(mdl);
    contents.StartVa = std::ptr::null_mut();
    contents.MdlFlags |= MDL_PAGES_LOCKED;
    kernel().memory.mdls.describe(mdl.addr(), Described { target: pages.addr(), of_lab: false });
    mdl
}

unsafe extern "efiapi" fn mm_free_pages_from_mdl(mdl: *mut MDL) {
    enter_for("MmFreePagesFromMdl", DISPATCH_LEVEL, MDL_KIND, mdl.addr());
    let contents = mdl_of(mdl);
    broken(contents.MdlFlags & MDL_MAPPED_TO_SYSTEM_VA == 0, || {
        format!("MmFreePagesFromMdl of the mapped MDL {mdl:p}")
    });
    let described = kernel().memory.mdls.remove(mdl.addr());
    broken(described.is_some(), || format!("MmFreePagesFromMdl of the MDL {mdl:p}, which has no pages"));
    contents.MdlFlags &= !MDL_PAGES_LOCKED;
    if let Some(described) = described {
        pool::free_object(PAGES_TAG, std::ptr::with_exposed_provenance_mut(described.target));
    }
}
