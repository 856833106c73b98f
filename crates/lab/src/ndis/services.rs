//! Small services of NDIS: memory, MDLs, work items, events, sleep, generic objects, time.
//!
//! After `NdisAllocateMemoryWithTagPriority`, `NdisAllocateIoWorkItem`, `NdisWaitEvent`, `NdisMSleep`,
//! `NdisAllocateMdl`, `NdisAllocateGenericObject`.

use std::sync::{
    Arc,
    atomic::{AtomicI32, AtomicU8, Ordering},
};

use nblease_ndis::sys::{
    DRIVER_OBJECT, EX_POOL_PRIORITY, LARGE_INTEGER, MDL, NDIS_EVENT, NDIS_GENERIC_OBJECT, NDIS_HANDLE, NDIS_STATUS,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, PVOID, UNICODE_STRING,
};

use super::{
    LAB,
    attach::{blank, header},
    driver::text,
    raw,
};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::{DriverId, kernel},
    memory::{
        Access, Kind, Span,
        mdl::{MdlKind, size_of_mdl},
        pool::PoolKind,
    },
    nt,
    pe::exports::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAllocateMemoryWithTagPriority => allocate_memory_priority,
    NdisFreeMemoryWithTagPriority => free_memory_priority,
    NdisAllocateMemoryWithTag => allocate_memory,
    NdisFreeMemoryWithTag => free_memory_tag,
    NdisFreeMemory => free_memory,
    NdisAllocateMdl => allocate_mdl,
    NdisFreeMdl => free_mdl,
    NdisAllocateIoWorkItem => allocate_work_item,
    NdisQueueIoWorkItem => queue_work_item,
    NdisFreeIoWorkItem => free_work_item,
    NdisInitializeEvent => initialize_event,
    NdisSetEvent => set_event,
    NdisResetEvent => reset_event,
    NdisWaitEvent => wait_event,
    NdisMSleep => sleep,
    NdisAllocateGenericObject => allocate_generic,
    NdisFreeGenericObject => free_generic,
    NdisGetSystemUpTimeEx => up_time,
    NdisGeneratePartialCancelId => partial_cancel_id,
    NdisGetRoutineAddress => routine_address,
};

/// The routine of a work item: context, work item.
type WorkRoutine = unsafe extern "efiapi" fn(PVOID, NDIS_HANDLE);

fn enter(function: &'static str, irql: u8) {
    thread::enter(function, irql, rule::V09);
}

fn allocate(bytes: u32, tag: u32) -> PVOID {
    if kernel().faults.should_fail(FaultKind::Pool) {
        return std::ptr::null_mut();
    }
    let pool = &kernel().memory.pool;
    pool.allocate(thread::current_driver(), tag, bytes as usize, PoolKind::NonPaged, false).cast()
}

pub(super) unsafe extern "efiapi" fn allocate_memory_priority(
    _handle: NDIS_HANDLE,
    bytes: u32,
    tag: u32,
    _priority: EX_POOL_PRIORITY,
) -> PVOID {
    enter("NdisAllocateMemoryWithTagPriority", DISPATCH_LEVEL);
    allocate(bytes, tag)
}

pub(super) unsafe extern "efiapi" fn allocate_memory(at: *mut PVOID, bytes: u32, tag: u32) -> NDIS_STATUS {
    enter("NdisAllocateMemoryWithTag", DISPATCH_LEVEL);
    let memory = allocate(bytes, tag);
    raw::write(at, memory);
    if memory.is_null() { NDIS_STATUS_RESOURCES } else { NDIS_STATUS_SUCCESS }
}

pub(super) unsafe extern "efiapi" fn free_memory_priority(_handle: NDIS_HANDLE, at: PVOID, tag: u32) {
    nt::pool::free("NdisFreeMemoryWithTagPriority", at, Some(tag));
}

pub(super) unsafe extern "efiapi" fn free_memory_tag(at: PVOID, tag: u32) {
    nt::pool::free("NdisFreeMemoryWithTag", at, Some(tag));
}

pub(super) unsafe extern "efiapi" fn free_memory(at: PVOID, _bytes: u32, _flags: u32) {
    nt::pool::free("NdisFreeMemory", at, None);
}

/// An MDL for nonpaged memory of the driver's.
pub(super) unsafe extern "efiapi" fn allocate_mdl(_handle: NDIS_HANDLE, at: PVOID, bytes: u32) -> *mut MDL {
    enter("NdisAllocateMdl", DISPATCH_LEVEL);
    if kernel().faults.should_fail(FaultKind::Mdl) {
        return std::ptr::null_mut();
    }
    let span = kernel().memory.alloc(Kind::Descriptor, size_of_mdl(at.addr(), bytes as usize));
    let mdl: *mut MDL = span.driver().cast();
    kernel().memory.mdls.write(mdl, at.cast(), bytes as usize, MdlKind::NonPaged);
    span.open(Access::ReadWrite);
    kernel().ndis.objects.add_at("MDL", mdl.addr(), Arc::new(span));
    mdl
}

pub(super) unsafe extern "efiapi" fn free_mdl(mdl: *mut MDL) {
    const FUNCTION: &str = "NdisFreeMdl";
    enter(FUNCTION, DISPATCH_LEVEL);
    if kernel().ndis.objects.remove::<Span>(FUNCTION, mdl.cast()).is_some() {
        kernel().memory.mdls.forget(mdl);
    }
}

/// A work item.
struct WorkItem {
    driver: DriverId,
}

pub(super) unsafe extern "efiapi" fn allocate_work_item(_handle: NDIS_HANDLE) -> NDIS_HANDLE {
    enter("NdisAllocateIoWorkItem", DISPATCH_LEVEL);
    if kernel().faults.should_fail(FaultKind::WorkItem) {
        return std::ptr::null_mut();
    }
    let driver = thread::current_driver().unwrap_or(LAB);
    kernel().ndis.objects.add("work item", Arc::new(WorkItem { driver }))
}

pub(super) unsafe extern "efiapi" fn queue_work_item(handle: NDIS_HANDLE, routine: PVOID, context: PVOID) {
    const FUNCTION: &str = "NdisQueueIoWorkItem";
    enter(FUNCTION, DISPATCH_LEVEL);
    let Some(item) = kernel().ndis.objects.get::<WorkItem>(FUNCTION, handle) else { return };
    let (handle, context) = (handle.expose_provenance(), context.expose_provenance());
    // SAFETY: the DDI's third argument is a routine of this type.
    let routine: WorkRoutine = unsafe { std::mem::transmute(routine) };
    kernel().sched.queue_work(Box::new(move || {
        let handle = std::ptr::with_exposed_provenance_mut(handle);
        let context = std::ptr::with_exposed_provenance_mut(context);
        thread::call_driver(item.driver, "NdisIoWorkItem routine", PASSIVE_LEVEL, || {
            // SAFETY: the driver queued this routine.
            unsafe { routine(context, handle) }
        });
    }));
}

pub(super) unsafe extern "efiapi" fn free_work_item(handle: NDIS_HANDLE) {
    const FUNCTION: &str = "NdisFreeIoWorkItem";
    enter(FUNCTION, DISPATCH_LEVEL);
    kernel().ndis.objects.remove::<WorkItem>(FUNCTION, handle);
}

/// The state of an event: an NDIS_EVENT is a KEVENT.
fn state<'a>(event: *mut NDIS_EVENT) -> &'a AtomicI32 {
    let offset = std::mem::offset_of!(nblease_ndis::sys::DISPATCHER_HEADER, SignalState);
    let at = raw::lab_view(event).wrapping_byte_add(offset).cast::<i32>();
    // SAFETY: the DDI demands an event, which lives while it is used; all access of the lab's is atomic.
    unsafe { AtomicI32::from_ptr(at) }
}

pub(super) unsafe extern "efiapi" fn initialize_event(event: *mut NDIS_EVENT) {
    enter("NdisInitializeEvent", DISPATCH_LEVEL);
    // A notification event, not signalled.
    raw::write(event, blank());
}

pub(super) unsafe extern "efiapi" fn set_event(event: *mut NDIS_EVENT) {
    enter("NdisSetEvent", DISPATCH_LEVEL);
    state(event).store(1, Ordering::SeqCst);
    kernel().sched.changed();
}

pub(super) unsafe extern "efiapi" fn reset_event(event: *mut NDIS_EVENT) {
    enter("NdisResetEvent", DISPATCH_LEVEL);
    state(event).store(0, Ordering::SeqCst);
}

pub(super) unsafe extern "efiapi" fn wait_event(event: *mut NDIS_EVENT, ms: u32) -> u8 {
    thread::enter_to_wait("NdisWaitEvent", PASSIVE_LEVEL, rule::V09);
    let limit = (ms > 0).then(|| u64::from(ms) * 1_000_000);
    let signalled = || state(event).load(Ordering::SeqCst) != 0;
    u8::from(kernel().sched.wait_until("NdisWaitEvent", limit, &mut || signalled()))
}

pub(super) unsafe extern "efiapi" fn sleep(microseconds: u32) {
    thread::enter_to_wait("NdisMSleep", APC_LEVEL, rule::V09);
    kernel().sched.wait_until("NdisMSleep", Some(u64::from(microseconds) * 1000), &mut || false);
}

pub(super) unsafe extern "efiapi" fn allocate_generic(
    driver: *mut DRIVER_OBJECT,
    _tag: u32,
    size: u16,
) -> *mut NDIS_GENERIC_OBJECT {
    enter("NdisAllocateGenericObject", DISPATCH_LEVEL);
    let bytes = usize::from(size).max(size_of::<NDIS_GENERIC_OBJECT>());
    let span = kernel().memory.alloc(Kind::Descriptor, bytes);
    let at: *mut NDIS_GENERIC_OBJECT = span.driver().cast();
    let mut object: NDIS_GENERIC_OBJECT = blank();
    object.Header = header(nblease_ndis::sys::NDIS_OBJECT_TYPE_DEFAULT, 1, bytes);
    object.DriverObject = driver;
    raw::write(at, object);
    span.open(Access::ReadWrite);
    kernel().ndis.objects.add_at("generic object", at.addr(), Arc::new(span));
    at
}

pub(super) unsafe extern "efiapi" fn free_generic(at: *mut NDIS_GENERIC_OBJECT) {
    const FUNCTION: &str = "NdisFreeGenericObject";
    enter(FUNCTION, DISPATCH_LEVEL);
    kernel().ndis.objects.remove::<Span>(FUNCTION, at.cast());
}

pub(super) unsafe extern "efiapi" fn up_time(at: *mut LARGE_INTEGER) {
    enter("NdisGetSystemUpTimeEx", DISPATCH_LEVEL);
    let ms = (kernel().clock.now_ns() / 1_000_000).cast_signed();
    raw::write(at, LARGE_INTEGER { QuadPart: ms });
}

pub(super) unsafe extern "efiapi" fn partial_cancel_id() -> u8 {
    static LAST: AtomicU8 = AtomicU8::new(0);
    enter("NdisGeneratePartialCancelId", DISPATCH_LEVEL);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// NdisGetRoutineAddress: an export of NDIS, or null.
pub(super) unsafe extern "efiapi" fn routine_address(name: *mut UNICODE_STRING) -> PVOID {
    enter("NdisGetRoutineAddress", PASSIVE_LEVEL);
    let name = text(raw::read(name));
    let found = super::exports().into_iter().flatten().find(|export| export.name == name);
    found.map_or(std::ptr::null_mut(), |export| export.address.cast_mut().cast())
}
