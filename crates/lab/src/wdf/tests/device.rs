//! Driver, control device, opens and closes.

use std::sync::atomic::Ordering;

use nblease_ndis::sys;

use super::harness::*;
use crate::{
    clock::Mode,
    faults::{FaultKind, Plan as Faults},
    io::{Process, status},
    judge::rule,
    kernel::kernel,
    nt,
    registry::Value,
};

#[test]
fn a_driver_starts_serves_an_open_and_unloads_without_a_trace() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    assert!(handle.close());
    assert!(!handle.close(), "a handle is closed once");
    assert_eq!(take_log(), ["EvtFileCleanup", "EvtFileClose"]);
    driver.finish();
    assert_eq!(take_log(), ["EvtDriverUnload"]);
    assert_evaluated(&[rule::V45, rule::V47, rule::V48]);
}

#[test]
fn names_and_security_decide_who_gets_in() {
    let driver = Driver::start(Plan::default());
    let (stranger, administrator) = (Process::new("stranger", false), Process::new("administrator", true));
    assert_eq!(stranger.open(PATH).err(), Some(status::ACCESS_DENIED));
    assert_eq!(administrator.open(r"\\.\other").err(), Some(status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(administrator.open("sample").err(), Some(status::OBJECT_NAME_INVALID));
    administrator.open(r"\\.\SAMPLE").unwrap().close();
    driver.finish();
}

#[test]
fn an_exclusive_device_is_opened_once_at_a_time() {
    let driver = Driver::start(Plan { exclusive: true, ..Plan::default() });
    let (process, handle) = driver.open();
    assert_eq!(process.open(PATH).err(), Some(status::ACCESS_DENIED));
    handle.close();
    process.open(PATH).unwrap().close();
    driver.finish();
}

#[test]
fn opens_are_refused_until_initializing_is_finished() {
    let driver = Driver::start(Plan { unfinished: true, ..Plan::default() });
    let process = Process::new("early", true);
    assert_eq!(process.open(PATH).err(), Some(status::NO_SUCH_DEVICE));
    as_driver(|| wdf("WdfControlFinishInitializing", &[get(&DEVICE)]));
    process.open(PATH).unwrap().close();
    driver.finish();
}

#[test]
fn a_default_queue_is_made_before_initializing_is_finished() {
    let driver = Driver::start(Plan::default());
    let mut config = queue_config(sys::WdfIoQueueDispatchManual);
    config.DefaultQueue = 1;
    assert_eq!(as_driver(|| create_queue(&config)), Err(status::INVALID_DEVICE_STATE));
    driver.finish();
}

#[test]
fn a_create_that_the_driver_refuses_leaves_no_file() {
    let driver = Driver::start(Plan {
        create: Some(|request, file| {
            assert_eq!(wdf("WdfRequestGetFileObject", &[request]), file);
            log("EvtDeviceFileCreate");
            complete(request, status::ACCESS_DENIED, 0);
        }),
        ..Plan::default()
    });
    let process = Process::new("refused", true);
    assert_eq!(process.open(PATH).err(), Some(status::ACCESS_DENIED));
    // Neither cleanup nor close: the file never was.
    assert_eq!(take_log(), ["EvtDeviceFileCreate"]);
    driver.finish();
}

#[test]
fn a_pended_create_lets_the_process_wait() {
    let driver = Driver::start(Plan {
        create: Some(|request, _| {
            KEPT.store(request, Ordering::SeqCst);
            kernel().sched.set_timer(5_000_000, 0, Box::new(|| complete(get(&KEPT), status::SUCCESS, 0)));
        }),
        ..Plan::default()
    });
    let before = kernel().clock.now_ns();
    let (_process, handle) = driver.open();
    assert_eq!(kernel().clock.now_ns() - before, 5_000_000);
    handle.close();
    driver.finish();
}

#[test]
fn a_second_handle_keeps_the_file_open() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let other = Process::new("other", true);
    let second = handle.duplicate(&other);
    handle.close();
    assert_eq!(take_log(), Vec::<String>::new());
    let read = second.read(16);
    as_driver(|| answer(next().unwrap(), b"still here"));
    assert_eq!(read.wait().data, b"still here");
    other.kill();
    assert_eq!(take_log(), ["EvtFileCleanup", "EvtFileClose"]);
    driver.finish();
}

#[test]
fn cleanup_comes_before_the_queue_cancels_and_close_after_the_last_request() {
    let driver = Driver::start(Plan { cleanup: Some(|_| log(format!("waiting: {}", waiting()))), ..Plan::default() });
    let (_process, handle) = driver.open();
    let (queued, taken) = (handle.read(64), handle.read(64));
    let request = as_driver(|| next().unwrap());
    handle.close();
    assert_eq!(take_log(), ["EvtFileCleanup", "waiting: 1"]);
    // The first was taken by the driver; the second waited, and went with the handle.
    assert_eq!(taken.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    assert_eq!(queued.try_result(), None);
    as_driver(|| complete(request, status::CANCELLED, 0));
    kernel().sched.pump();
    assert_eq!(take_log(), ["EvtFileClose"]);
    driver.finish();
}

/// Requests that wait in the manual queue.
fn waiting() -> u32 {
    let (mut waiting, mut owned) = (0u32, 0u32);
    wdf("WdfIoQueueGetState", &[get(&MANUAL), out(&mut waiting), out(&mut owned)]);
    waiting
}

#[test]
fn an_unload_with_a_handle_open_is_put_off() {
    let driver = Driver::start(Plan::default());
    let (process, handle) = driver.open();
    assert!(nt::driver::unload(driver.id));
    assert!(kernel().io.is_unload_pending(driver.id));
    assert_eq!(process.open(PATH).err(), Some(status::NO_SUCH_DEVICE));
    assert_eq!(take_log(), Vec::<String>::new());
    handle.close();
    kernel().sched.pump();
    assert!(!kernel().io.is_unload_pending(driver.id));
    assert_eq!(take_log(), ["EvtFileCleanup", "EvtFileClose", "EvtDriverUnload"]);
    assert_eq!(wdf_objects(), 0);
    assert!(kernel().judge.verdict().violations.is_empty());
}

#[test]
fn a_killed_process_is_cleaned_up() {
    let driver = Driver::start(Plan::default());
    let (process, handle) = driver.open();
    let reads: Vec<_> = (0..3).map(|_| handle.read(4096)).collect();
    process.kill();
    for read in reads {
        assert_eq!(read.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    }
    assert_eq!(take_log(), ["EvtFileCleanup", "EvtFileClose"]);
    driver.finish();
}

#[test]
fn a_device_deleted_with_a_file_open_goes_when_that_is_closed() {
    let driver = Driver::start(Plan::default());
    let (process, handle) = driver.open();
    as_driver(|| wdf("WdfObjectDelete", &[get(&DEVICE)]));
    assert_eq!(process.open(PATH).err(), Some(status::OBJECT_NAME_NOT_FOUND));
    let read = handle.read(8);
    as_driver(|| answer(next().unwrap(), &[1; 8]));
    assert_eq!(read.wait().data, [1; 8]);
    handle.close();
    kernel().sched.pump();
    assert!(kernel().io.devices_of(driver.id).is_empty());
    driver.finish();
}

#[test]
fn a_driver_entry_that_fails_leaves_nothing() {
    let driver = Driver::try_start(
        Mode::Virtual,
        Plan { entry: Some(|| code(status::INSUFFICIENT_RESOURCES)), ..Plan::default() },
    );
    assert_eq!(driver.status, status::INSUFFICIENT_RESOURCES);
    assert_eq!(wdf_objects(), 0);
    assert_eq!(Process::new("late", true).open(PATH).err(), Some(status::OBJECT_NAME_NOT_FOUND));
}

#[test]
fn every_allocation_of_the_entry_may_fail() {
    let first = Driver::start(Plan::default());
    let calls = kernel().faults.total();
    assert!(calls >= 7, "driver, init, name, device, link and two queues");
    first.finish();
    drop(first);
    for n in 1..=calls {
        let prepare = |kernel: &crate::kernel::Kernel| kernel.faults.plan(Faults::Nth(n));
        let driver = Driver::try_start_with(Mode::Virtual, Plan::default(), prepare);
        assert_eq!(driver.status, status::INSUFFICIENT_RESOURCES, "call {n}");
        assert_eq!(wdf_objects(), 0, "call {n}");
        assert!(kernel().judge.verdict().violations.is_empty());
    }
}

#[test]
fn a_create_without_memory_is_refused() {
    let driver = Driver::start(Plan::default());
    kernel().faults.plan(Faults::All(FaultKind::Object));
    let process = Process::new("hungry", true);
    assert_eq!(process.open(PATH).err(), Some(status::INSUFFICIENT_RESOURCES));
    kernel().faults.plan(Faults::None);
    process.open(PATH).unwrap().close();
    driver.finish();
}

#[test]
fn the_parameters_key_has_the_values_of_the_run() {
    let driver = Driver::start(Plan::default());
    kernel().registry.set("Depth", Value::Dword(7));
    kernel().registry.set("Text", Value::String("seven".to_owned()));
    as_driver(|| {
        let mut key = 0usize;
        let opened = wdf_status("WdfDriverOpenParametersRegistryKey", &[get(&DRIVER), 1, 0, out(&mut key)]);
        assert_eq!(opened, status::SUCCESS);
        let query = |name: &str| {
            let (name, mut value) = (unicode(name), 0u32);
            let status = wdf_status("WdfRegistryQueryULong", &[key, at(&name), out(&mut value)]);
            (status, value)
        };
        assert_eq!(query("depth"), (status::SUCCESS, 7));
        assert_eq!(query("text"), (status::OBJECT_TYPE_MISMATCH, 0));
        assert_eq!(query("none"), (status::OBJECT_NAME_NOT_FOUND, 0));
        wdf("WdfRegistryClose", &[key]);
    });
    driver.finish();
}

#[test]
fn what_a_configuration_gets_wrong_is_refused_as_windows_does() {
    let driver = Driver::start(Plan::default());
    as_driver(|| {
        let mut short = queue_config(sys::WdfIoQueueDispatchManual);
        short.Size -= 4;
        assert_eq!(create_queue(&short), Err(status::INFO_LENGTH_MISMATCH));
        // As the structure was in 1.9 and in 1.7.
        for size in [88, 80] {
            short.Size = size;
            assert!(create_queue(&short).is_ok(), "{size}");
        }
        let silent = queue_config(sys::WdfIoQueueDispatchParallel);
        assert_eq!(create_queue(&silent), Err(status::WDF_NO_CALLBACK));
        assert_eq!(create_queue(&queue_config(9)), Err(status::INVALID_PARAMETER));
        // One link for each device, one driver for each DRIVER_OBJECT.
        let link = unicode(r"\DosDevices\another");
        let again = wdf_status("WdfDeviceCreateSymbolicLink", &[get(&DEVICE), at(&link)]);
        assert_eq!(again, status::INVALID_DEVICE_REQUEST);
        // A timer's parent lies below a device.
        let mut timer: sys::WDF_TIMER_CONFIG = zeroed();
        timer.Size = size_of_val(&timer) as u32;
        timer.EvtTimerFunc = Some(never);
        let (mut handle, parent) = (0usize, child_of(get(&DRIVER)));
        let under_driver = wdf_status("WdfTimerCreate", &[at(&timer), at(&parent), out(&mut handle)]);
        assert_eq!(under_driver, status::INVALID_DEVICE_REQUEST);
        let orphan = wdf_status("WdfTimerCreate", &[at(&timer), at(&attributes()), out(&mut handle)]);
        assert_eq!(orphan, status::WDF_PARENT_NOT_SPECIFIED);
    });
    driver.finish();
}

unsafe extern "efiapi" fn never(_timer: sys::WDFTIMER) {
    unreachable!("the timer was not made");
}
