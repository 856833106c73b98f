//! Objects: trees, contexts, locks, timers, DPCs, work items.

use std::sync::atomic::{AtomicUsize, Ordering};

use nblease_ndis::sys;

use super::harness::*;
use crate::{
    clock::Mode,
    io::status,
    kernel::kernel,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

unsafe extern "efiapi" fn cleanup(object: sys::WDFOBJECT) {
    log(format!("cleanup {}", name(object.addr())));
}

unsafe extern "efiapi" fn destroy(object: sys::WDFOBJECT) {
    log(format!("destroy {}", name(object.addr())));
}

/// The number in an object's context.
fn name(object: usize) -> u64 {
    let context = wdf("WdfObjectGetTypedContextWorker", &[object, at(context_type())]);
    let number: *const u64 = std::ptr::with_exposed_provenance(context);
    // SAFETY: the context begins with the number.
    unsafe { number.read() }
}

fn object(parent: usize, number: u64) -> usize {
    let mut attributes = child_of(parent);
    attributes.ContextTypeInfo = context_type();
    attributes.EvtCleanupCallback = Some(cleanup);
    attributes.EvtDestroyCallback = Some(destroy);
    let mut handle = 0usize;
    assert_eq!(wdf_status("WdfObjectCreate", &[at(&attributes), out(&mut handle)]), status::SUCCESS);
    let context = wdf("WdfObjectGetTypedContextWorker", &[handle, at(context_type())]);
    let to: *mut u64 = std::ptr::with_exposed_provenance_mut(context);
    // SAFETY: the context has room for it.
    unsafe { to.write(number) };
    handle
}

#[test]
fn a_tree_is_cleaned_up_from_its_leaves_then_destroyed() {
    let driver = Driver::start(Plan::default());
    as_driver(|| {
        let root = object(get(&DEVICE), 1);
        let branch = object(root, 2);
        object(branch, 3);
        object(root, 4);
        wdf("WdfObjectDelete", &[root]);
    });
    let cleanups = ["cleanup 3", "cleanup 2", "cleanup 4", "cleanup 1"];
    let destroys = ["destroy 3", "destroy 2", "destroy 4", "destroy 1"];
    assert_eq!(take_log(), [cleanups, destroys].concat());
    driver.finish();
}

#[test]
fn a_reference_keeps_an_object_and_its_context() {
    let driver = Driver::start(Plan::default());
    as_driver(|| {
        let kept = object(get(&DEVICE), 5);
        wdf("WdfObjectReferenceActual", &[kept]);
        wdf("WdfObjectDelete", &[kept]);
        assert_eq!(take_log(), ["cleanup 5"]);
        assert_eq!(name(kept), 5);
        wdf("WdfObjectDereferenceActual", &[kept]);
        assert_eq!(take_log(), ["destroy 5"]);
    });
    driver.finish();
}

#[test]
fn an_object_has_one_context_of_a_type() {
    let driver = Driver::start(Plan::default());
    as_driver(|| {
        let mut attributes = attributes();
        let mut handle = 0usize;
        wdf("WdfObjectCreate", &[0, out(&mut handle)]);
        assert_eq!(wdf("WdfObjectGetTypedContextWorker", &[handle, at(context_type())]), 0);
        let allocate = |attributes: &sys::WDF_OBJECT_ATTRIBUTES| {
            let mut context = 0usize;
            let status = wdf_status("WdfObjectAllocateContext", &[handle, at(attributes), out(&mut context)]);
            (status, context)
        };
        assert_eq!(allocate(&attributes).0, status::OBJECT_NAME_INVALID);
        attributes.ContextTypeInfo = context_type();
        attributes.ContextSizeOverride = 5000;
        let (first, context) = allocate(&attributes);
        assert_eq!(first, status::SUCCESS);
        assert_eq!(allocate(&attributes), (status::OBJECT_NAME_EXISTS, context));
        assert_eq!(wdf("WdfObjectContextGetObject", &[context]), handle);
        let last: *mut u8 = std::ptr::with_exposed_provenance_mut(context + 4999);
        // SAFETY: the context has as many bytes.
        unsafe { last.write(1) };
        attributes.ContextSizeOverride = 23;
        assert_eq!(allocate(&attributes).0, status::WDF_OBJECT_ATTRIBUTES_INVALID);
    });
    driver.finish();
}

#[test]
fn spin_locks_raise_and_wait_locks_wait() {
    let driver = Driver::start(Plan::default());
    as_driver(|| {
        let (mut spin, mut wait) = (0usize, 0usize);
        let parent = child_of(get(&DEVICE));
        wdf("WdfSpinLockCreate", &[at(&parent), out(&mut spin)]);
        wdf("WdfWaitLockCreate", &[0, out(&mut wait)]);
        wdf("WdfSpinLockAcquire", &[spin]);
        assert_eq!(thread::irql(), DISPATCH_LEVEL);
        wdf("WdfSpinLockRelease", &[spin]);
        assert_eq!(thread::irql(), PASSIVE_LEVEL);
        assert_eq!(wdf_status("WdfWaitLockAcquire", &[wait, 0]), status::SUCCESS);
        wdf("WdfWaitLockRelease", &[wait]);
        wdf("WdfObjectDelete", &[spin]);
        wdf("WdfObjectDelete", &[wait]);
    });
    driver.finish();
}

#[test]
fn a_wait_lock_held_by_another_thread_times_out() {
    let driver = Driver::try_start(Mode::Real, Plan::default());
    assert_eq!(driver.status, status::SUCCESS);
    let mut wait = 0usize;
    as_driver(|| wdf("WdfWaitLockCreate", &[0, out(&mut wait)]));
    std::thread::scope(|scope| {
        as_driver(|| wdf("WdfWaitLockAcquire", &[wait, 0]));
        let other = scope.spawn(move || {
            as_driver(|| {
                let (now, soon) = (0i64, -10_000i64);
                let poll = wdf_status("WdfWaitLockAcquire", &[wait, at(&now)]);
                (poll, wdf_status("WdfWaitLockAcquire", &[wait, at(&soon)]))
            })
        });
        assert_eq!(other.join().unwrap(), (status::TIMEOUT, status::TIMEOUT));
        as_driver(|| wdf("WdfWaitLockRelease", &[wait]));
    });
    driver.finish();
    kernel().sched.stop();
}

static FIRED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "efiapi" fn on_timer(timer: sys::WDFTIMER) {
    assert_eq!(wdf("WdfTimerGetParentObject", &[timer.addr()]), get(&DEVICE));
    FIRED.fetch_add(1, Ordering::SeqCst);
    log(format!("fired at IRQL {}", thread::irql()));
}

fn timer(period_ms: u32, tolerable_ms: u32, level: i32) -> usize {
    let mut config: sys::WDF_TIMER_CONFIG = zeroed();
    config.Size = size_of_val(&config) as u32;
    config.EvtTimerFunc = Some(on_timer);
    config.Period = period_ms;
    config.TolerableDelay = tolerable_ms;
    config.AutomaticSerialization = 1;
    let mut attributes = child_of(get(&DEVICE));
    attributes.ExecutionLevel = level;
    let mut handle = 0usize;
    assert_eq!(wdf_status("WdfTimerCreate", &[at(&config), at(&attributes), out(&mut handle)]), status::SUCCESS);
    handle
}

/// Starts a timer so many milliseconds from now.
fn start(timer: usize, ms: i64) -> bool {
    wdf("WdfTimerStart", &[timer, (-ms * 10_000).cast_unsigned() as usize]) as u8 != 0
}

#[test]
fn timers_fire_once_or_in_periods_until_stopped() {
    let driver = Driver::start(Plan::default());
    FIRED.store(0, Ordering::SeqCst);
    let once = as_driver(|| timer(0, 0, sys::WdfExecutionLevelInheritFromParent));
    assert!(!as_driver(|| start(once, 10)));
    assert!(as_driver(|| start(once, 20)), "the first start is replaced");
    kernel().sched.advance(19_999_999);
    assert_eq!(FIRED.load(Ordering::SeqCst), 0);
    kernel().sched.advance(1);
    kernel().sched.advance(1_000_000_000);
    assert_eq!(take_log(), ["fired at IRQL 2"]);
    let periodic = as_driver(|| timer(5, 0, sys::WdfExecutionLevelInheritFromParent));
    as_driver(|| start(periodic, 1));
    kernel().sched.advance(11_000_000);
    assert!(as_driver(|| wdf("WdfTimerStop", &[periodic, 1])) as u8 != 0);
    kernel().sched.advance(100_000_000);
    assert_eq!(take_log().len(), 3);
    assert_eq!(as_driver(|| wdf("WdfTimerStop", &[periodic, 1])) as u8, 0);
    driver.finish();
}

#[test]
fn a_passive_timer_fires_in_a_work_item_and_a_tolerant_one_may_be_late() {
    let driver = Driver::start(Plan::default());
    let passive = as_driver(|| timer(0, 0, sys::WdfExecutionLevelPassive));
    as_driver(|| start(passive, 1));
    kernel().sched.advance(1_000_000);
    assert_eq!(take_log(), ["fired at IRQL 0"]);
    let late = as_driver(|| timer(0, 50, sys::WdfExecutionLevelInheritFromParent));
    as_driver(|| start(late, 1));
    kernel().sched.advance(51_000_000);
    assert_eq!(take_log(), ["fired at IRQL 2"]);
    driver.finish();
}

#[test]
fn deleting_a_device_stops_its_timers() {
    let driver = Driver::start(Plan::default());
    let running = as_driver(|| timer(1, 0, sys::WdfExecutionLevelInheritFromParent));
    as_driver(|| start(running, 1));
    driver.finish();
    take_log();
    kernel().sched.advance(10_000_000);
    assert_eq!(take_log(), Vec::<String>::new());
}

unsafe extern "efiapi" fn on_dpc(_dpc: sys::WDFDPC) {
    log(format!("DPC at IRQL {}", thread::irql()));
}

unsafe extern "efiapi" fn on_work(_item: sys::WDFWORKITEM) {
    log(format!("work at IRQL {}", thread::irql()));
}

#[test]
fn dpcs_and_work_items_are_queued_once() {
    let driver = Driver::start(Plan::default());
    let parent = child_of(get(&DEVICE));
    let (mut dpc, mut item) = (0usize, 0usize);
    as_driver(|| {
        let mut config: sys::WDF_DPC_CONFIG = zeroed();
        config.Size = size_of_val(&config) as u32;
        config.EvtDpcFunc = Some(on_dpc);
        wdf("WdfDpcCreate", &[at(&config), at(&parent), out(&mut dpc)]);
        let mut config: sys::WDF_WORKITEM_CONFIG = zeroed();
        config.Size = size_of_val(&config) as u32;
        config.EvtWorkItemFunc = Some(on_work);
        wdf("WdfWorkItemCreate", &[at(&config), at(&parent), out(&mut item)]);
        assert_eq!(wdf("WdfDpcEnqueue", &[dpc]) as u8, 1);
        assert_eq!(wdf("WdfDpcEnqueue", &[dpc]) as u8, 0);
        assert_eq!(wdf("WdfDpcCancel", &[dpc, 0]) as u8, 1);
        assert_eq!(wdf("WdfDpcEnqueue", &[dpc]) as u8, 1);
        wdf("WdfWorkItemEnqueue", &[item]);
        wdf("WdfWorkItemEnqueue", &[item]);
        wdf("WdfWorkItemFlush", &[item]);
    });
    kernel().sched.pump();
    let mut lines = take_log();
    lines.sort();
    assert_eq!(lines, ["DPC at IRQL 2", "work at IRQL 0"]);
    driver.finish();
}
