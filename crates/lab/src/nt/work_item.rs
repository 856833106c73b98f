//! Work items: routines that a driver hands to a system worker thread, where they run at PASSIVE_LEVEL.
//! IRQL up to DISPATCH_LEVEL.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Mutex,
};

use nblease_ndis::sys::{DEVICE_OBJECT, PIO_WORKITEM_ROUTINE, PIO_WORKITEM_ROUTINE_EX, PVOID, ULONG, WORK_QUEUE_TYPE};

use super::{dpc::owner, enter, pool};
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    pe::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExQueueWorkItem" => ex_queue_work_item,
    IoAllocateWorkItem => io_allocate_work_item,
    IoFreeWorkItem => io_free_work_item,
    "IoInitializeWorkItem" => io_initialize_work_item,
    "IoQueueWorkItem" => io_queue_work_item,
    IoQueueWorkItemEx => io_queue_work_item_ex,
    "IoSizeofWorkItem" => io_sizeof_work_item,
    "IoUninitializeWorkItem" => io_uninitialize_work_item,
};

/// The tag by which a work item that was not freed shows at unload.
const TAG: [u8; 4] = *b"IoWi";
/// Bytes of an `IO_WORKITEM`, which is opaque.
const SIZE: usize = 88;

/// The work items by address.
#[derive(Default)]
pub struct WorkItems {
    items: Mutex<BTreeMap<usize, Item>>,
}

struct Item {
    /// The device or driver object that it was allocated for.
    device: usize,
    queued: bool,
}

enum Routine {
    Plain(PIO_WORKITEM_ROUTINE),
    Ex(PIO_WORKITEM_ROUTINE_EX),
}

unsafe extern "efiapi" fn io_allocate_work_item(device: *mut DEVICE_OBJECT) -> PVOID {
    enter("IoAllocateWorkItem", DISPATCH_LEVEL);
    if kernel().faults.should_fail(FaultKind::WorkItem) {
        return std::ptr::null_mut();
    }
    let item = pool::allocate_object(TAG, SIZE);
    if !item.is_null() {
        let entry = Item { device: device.expose_provenance(), queued: false };
        lock(&kernel().nt.work_items.items).insert(item.addr(), entry);
    }
    item
}

unsafe extern "efiapi" fn io_free_work_item(item: PVOID) {
    enter("IoFreeWorkItem", DISPATCH_LEVEL);
    forget("IoFreeWorkItem", item);
    pool::free_object(TAG, item);
}

fn forget(function: &'static str, item: PVOID) {
    let freed = lock(&kernel().nt.work_items.items).remove(&item.addr());
    kernel().judge.check(rule::V36, freed.as_ref().is_some_and(|item| !item.queued), || match freed {
        Some(_) => format!("{function} of a queued work item"),
        None => format!("{function} of what is no work item: {}", kernel().memory.describe(item.addr())),
    });
}

unsafe extern "win64" fn io_sizeof_work_item() -> ULONG {
    enter("IoSizeofWorkItem", DISPATCH_LEVEL);
    SIZE as ULONG
}

unsafe extern "win64" fn io_initialize_work_item(object: PVOID, item: PVOID) {
    enter("IoInitializeWorkItem", DISPATCH_LEVEL);
    let entry = Item { device: object.expose_provenance(), queued: false };
    let before = lock(&kernel().nt.work_items.items).insert(item.addr(), entry);
    kernel().judge.check(rule::V36, before.is_none_or(|item| !item.queued), || {
        "IoInitializeWorkItem of a queued work item".to_owned()
    });
}

unsafe extern "win64" fn io_uninitialize_work_item(item: PVOID) {
    enter("IoUninitializeWorkItem", DISPATCH_LEVEL);
    forget("IoUninitializeWorkItem", item);
}

/// `WORK_QUEUE_ITEM`, which `ExInitializeWorkItem` fills inline.
#[repr(C)]
struct QueueItem {
    list: [usize; 2],
    routine: Option<unsafe extern "win64" fn(PVOID)>,
    parameter: PVOID,
}

/// What is queued so has nothing that keeps its driver loaded.
unsafe extern "win64" fn ex_queue_work_item(item: *const QueueItem, _queue: WORK_QUEUE_TYPE) {
    enter("ExQueueWorkItem", DISPATCH_LEVEL);
    // SAFETY: the DDI demands an initialized item.
    let QueueItem { routine, parameter, .. } = unsafe { item.read() };
    let Some(routine) = routine else { kernel().judge.bug_check("ExQueueWorkItem of an item without a routine") };
    let parameter = parameter.expose_provenance();
    kernel().sched.queue_work(Box::new(move || {
        thread::call_driver(owner(routine as usize), "WorkerRoutine", PASSIVE_LEVEL, || {
            // SAFETY: the driver's own routine, with the parameter that it asked for.
            unsafe { routine(std::ptr::with_exposed_provenance_mut(parameter)) };
        });
    }));
}

unsafe extern "win64" fn io_queue_work_item(
    item: PVOID,
    routine: PIO_WORKITEM_ROUTINE,
    _queue: WORK_QUEUE_TYPE,
    context: PVOID,
) {
    queue("IoQueueWorkItem", item, Routine::Plain(routine), context);
}

unsafe extern "efiapi" fn io_queue_work_item_ex(
    item: PVOID,
    routine: PIO_WORKITEM_ROUTINE_EX,
    _queue: WORK_QUEUE_TYPE,
    context: PVOID,
) {
    queue("IoQueueWorkItemEx", item, Routine::Ex(routine), context);
}

fn queue(function: &'static str, item: PVOID, routine: Routine, context: PVOID) {
    enter(function, DISPATCH_LEVEL);
    let address = item.expose_provenance();
    let mut items = lock(&kernel().nt.work_items.items);
    let Entry::Occupied(mut entry) = items.entry(address) else {
        kernel().judge.fatal(rule::V36, format!("{function} of what is no work item: {address:#x}"), Vec::new());
    };
    if std::mem::replace(&mut entry.get_mut().queued, true) {
        kernel().judge.bug_check(format!("{function} of a work item that is queued already"));
    }
    drop(items);
    let context = context.expose_provenance();
    kernel().sched.queue_work(Box::new(move || run(address, &routine, context)));
}

fn run(address: usize, routine: &Routine, context: usize) {
    let device = {
        let mut items = lock(&kernel().nt.work_items.items);
        let Some(item) = items.get_mut(&address) else { return };
        // Out of the queue before its routine runs, which may queue it again or free it.
        item.queued = false;
        item.device
    };
    let context = std::ptr::with_exposed_provenance_mut(context);
    match *routine {
        Routine::Plain(Some(routine)) => {
            thread::call_driver(owner(routine as usize), "WorkItem", PASSIVE_LEVEL, || {
                // SAFETY: the driver's own routine, with the context that it asked for.
                unsafe { routine(std::ptr::with_exposed_provenance_mut(device), context) };
            });
        }
        Routine::Ex(Some(routine)) => thread::call_driver(owner(routine as usize), "WorkItemEx", PASSIVE_LEVEL, || {
            let item = std::ptr::with_exposed_provenance_mut(address);
            // SAFETY: as above.
            unsafe { routine(std::ptr::with_exposed_provenance_mut(device), context, item) };
        }),
        Routine::Plain(None) | Routine::Ex(None) => kernel().judge.bug_check("a work item without a routine"),
    }
}
