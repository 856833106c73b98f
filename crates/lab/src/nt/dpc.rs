//! DPCs: routines that a driver queues to run at DISPATCH_LEVEL. Any IRQL; the flush at PASSIVE_LEVEL.

use std::{collections::BTreeMap, sync::Mutex};

use nblease_ndis::sys::{BOOLEAN, KDPC, PKDEFERRED_ROUTINE, PVOID};

use super::{HIGH_LEVEL, enter};
use crate::{
    exports,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sched::DpcId,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    KeFlushQueuedDpcs => ke_flush_queued_dpcs,
    KeInitializeDpc => ke_initialize_dpc,
    "KeInitializeThreadedDpc" => ke_initialize_dpc,
    KeInsertQueueDpc => ke_insert_queue_dpc,
    "KeRemoveQueueDpc" => ke_remove_queue_dpc,
    "KeSetImportanceDpc" => ke_set_importance_dpc,
};

/// `DpcObject` of `KOBJECTS`.
const DPC_OBJECT: u8 = 19;

/// The queued DPCs, by address.
#[derive(Default)]
pub struct Dpcs {
    queued: Mutex<BTreeMap<usize, DpcId>>,
}

impl Dpcs {
    /// A queued DPC in the memory `start..end`, described.
    pub fn queued_within(&self, start: usize, end: usize) -> Option<String> {
        let queued = lock(&self.queued);
        queued.range(start..end).next().map(|(dpc, _)| format!("the queued DPC {dpc:#x} in it"))
    }
}

/// The driver that a routine belongs to.
pub(super) fn owner(routine: usize) -> DriverId {
    kernel().driver_at(routine).or_else(thread::current_driver).unwrap_or(DriverId(0))
}

unsafe extern "efiapi" fn ke_initialize_dpc(dpc: *mut KDPC, routine: PKDEFERRED_ROUTINE, context: PVOID) {
    enter("KeInitializeDpc", HIGH_LEVEL);
    // SAFETY: the DDI demands storage for a DPC, which is not queued.
    let dpc = unsafe { &mut *dpc };
    dpc.Type = DPC_OBJECT;
    dpc.Importance = 1;
    dpc.Number = 0;
    dpc.DeferredRoutine = routine;
    dpc.DeferredContext = context;
    dpc.DpcData = std::ptr::null_mut();
}

unsafe extern "win64" fn ke_set_importance_dpc(_dpc: *mut KDPC, _importance: i32) {
    enter("KeSetImportanceDpc", HIGH_LEVEL);
}

unsafe extern "efiapi" fn ke_insert_queue_dpc(dpc: *mut KDPC, argument1: PVOID, argument2: PVOID) -> BOOLEAN {
    enter("KeInsertQueueDpc", HIGH_LEVEL);
    let inserted = insert(dpc, argument1, argument2);
    // Below DISPATCH_LEVEL the interrupt that runs the queue comes at once.
    kernel().sched.run_dpcs();
    u8::from(inserted)
}

/// Queues a DPC, unless it is queued: whether it was put there.
pub(super) fn insert(dpc: *mut KDPC, argument1: PVOID, argument2: PVOID) -> bool {
    // SAFETY: the DDI demands an initialized DPC; a pointer to something else faults and is reported.
    let kdpc = unsafe { &mut *dpc };
    let Some(routine) = kdpc.DeferredRoutine.filter(|_| kdpc.Type == DPC_OBJECT) else {
        kernel().judge.bug_check("KeInsertQueueDpc of a DPC that is not initialized");
    };
    let mut queued = lock(&kernel().nt.dpcs.queued);
    if queued.contains_key(&dpc.addr()) {
        return false;
    }
    kdpc.SystemArgument1 = argument1;
    kdpc.SystemArgument2 = argument2;
    let driver = owner(routine as usize);
    let address = dpc.expose_provenance();
    let id = kernel().sched.queue_dpc(driver, Box::new(move || run(driver, address)));
    queued.insert(address, id);
    true
}

fn run(driver: DriverId, address: usize) {
    let dpc: *mut KDPC = std::ptr::with_exposed_provenance_mut(address);
    // Out of the queue before its routine runs: it may be queued again from there.
    lock(&kernel().nt.dpcs.queued).remove(&address);
    // SAFETY: a queued DPC is to be there until it ran; freed memory faults and is reported.
    let KDPC { DeferredRoutine, DeferredContext, SystemArgument1, SystemArgument2, .. } = unsafe { *dpc };
    if let Some(routine) = DeferredRoutine {
        thread::call_driver(driver, "DPC", DISPATCH_LEVEL, || {
            // SAFETY: the driver's own routine, with the arguments that it asked for.
            unsafe { routine(dpc, DeferredContext, SystemArgument1, SystemArgument2) };
        });
    }
}

unsafe extern "win64" fn ke_remove_queue_dpc(dpc: *mut KDPC) -> BOOLEAN {
    enter("KeRemoveQueueDpc", HIGH_LEVEL);
    let id = lock(&kernel().nt.dpcs.queued).get(&dpc.addr()).copied();
    let removed = id.is_some_and(|id| kernel().sched.remove_dpc(id));
    if removed {
        lock(&kernel().nt.dpcs.queued).remove(&dpc.addr());
    }
    u8::from(removed)
}

unsafe extern "efiapi" fn ke_flush_queued_dpcs() {
    thread::enter_to_wait("KeFlushQueuedDpcs", thread::PASSIVE_LEVEL, rule::V09);
    kernel().sched.flush_dpcs();
}
