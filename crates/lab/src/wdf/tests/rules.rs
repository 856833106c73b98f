//! Each rule of the framework, broken on purpose in a process of its own. The well-behaved twins are the other tests.

use std::sync::atomic::Ordering;

use nblease_ndis::sys;

use super::harness::*;
use crate::{
    io::{Handle, Process, status},
    judge::rule,
    kernel::kernel,
    nt,
    testing::{is_child, report_of_case},
    thread::{self, DISPATCH_LEVEL},
};

/// A started sample with an open handle.
fn sample(plan: Plan) -> (Driver, Process, Handle) {
    let driver = Driver::start(plan);
    let (process, handle) = driver.open();
    (driver, process, handle)
}

/// Runs each case in a process of its own: its report begins with the rule and names the function or the fact.
fn cases(test: &str, cases: &[(&str, &str, fn())]) {
    let name = format!("wdf::tests::rules::{test}");
    for (number, (rule, fact, body)) in cases.iter().enumerate() {
        let report = report_of_case(&name, number, body);
        if is_child() {
            continue;
        }
        let broken = report.lines().find(|line| line.starts_with('V') || line.starts_with("BUGCHECK"));
        let broken = broken.unwrap_or_else(|| panic!("case {number} has no report\n{report}"));
        assert!(broken.starts_with(rule) && report.contains(fact), "case {number}: wanted {rule}, {fact}\n{report}");
    }
}

unsafe extern "efiapi" fn forgets(_request: sys::WDFREQUEST) {}

fn mark(request: usize) {
    let callback = (forgets as *const ()).expose_provenance();
    wdf("WdfRequestMarkCancelableEx", &[request, callback]);
}

#[test]
fn v43_a_request_is_completed_once_and_not_touched_after() {
    cases(
        "v43_a_request_is_completed_once_and_not_touched_after",
        &[
            ("V43", "WdfRequestCompleteWithInformation", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        complete(request, status::SUCCESS, 0);
                        complete(request, status::SUCCESS, 0);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V43", "WdfRequestGetFileObject", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        complete(request, status::SUCCESS, 0);
                        wdf("WdfRequestGetFileObject", &[request]);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            // In spite of a reference.
            ("V43", "which was completed", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        wdf("WdfObjectReferenceActual", &[request]);
                        complete(request, status::SUCCESS, 0);
                        wdf("WdfRequestSetInformation", &[request, 1]);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            // After it was forwarded it is the queue's.
            ("V43", "does not own", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        pend(request);
                        complete(request, status::SUCCESS, 0);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V43", "STATUS_PENDING", || {
                let (_d, _p, handle) =
                    sample(Plan { read: Some(|request, _| complete(request, status::PENDING, 0)), ..Plan::default() });
                handle.read(8);
            }),
            // The buffer ends with the request.
            ("V43", "its request was completed", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        let mut buffer = 0usize;
                        wdf("WdfRequestRetrieveOutputBuffer", &[request, 8, out(&mut buffer), 0]);
                        complete(request, status::SUCCESS, 0);
                        let late: *mut u8 = std::ptr::with_exposed_provenance_mut(buffer);
                        // SAFETY: none: this faults, and that is the test.
                        unsafe { late.write_volatile(1) };
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V43", "references to its WDFMEMORY", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        let mut memory = 0usize;
                        wdf("WdfRequestRetrieveOutputMemory", &[request, out(&mut memory)]);
                        wdf("WdfObjectReferenceActual", &[memory]);
                        complete(request, status::SUCCESS, 0);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
        ],
    );
}

#[test]
fn v44_a_cancelable_request_is_unmarked_first() {
    cases(
        "v44_a_cancelable_request_is_unmarked_first",
        &[
            ("V44", "still marked cancelable", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        mark(request);
                        complete(request, status::SUCCESS, 0);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V44", "WdfRequestForwardToIoQueue", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        mark(request);
                        pend(request);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V44", "WdfRequestMarkCancelableEx", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        mark(request);
                        mark(request);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V44", "not marked cancelable", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        wdf("WdfRequestUnmarkCancelable", &[request]);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            // STATUS_CANCELLED means: hands off, the callback is about to run.
            ("V44", "about to be called", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        mark(request);
                        let cancel = HANDLE.lock().unwrap().take().expect("the handle");
                        cancel.cancel_all();
                        assert_eq!(wdf_status("WdfRequestUnmarkCancelable", &[request]), status::CANCELLED);
                        complete(request, status::SUCCESS, 0);
                    }),
                    ..Plan::default()
                });
                *HANDLE.lock().unwrap() = Some(handle.clone());
                handle.read(8);
            }),
            ("V44", "WdfRequestIsCanceled", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        mark(request);
                        wdf("WdfRequestIsCanceled", &[request]);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
        ],
    );
}

static HANDLE: std::sync::Mutex<Option<Handle>> = std::sync::Mutex::new(None);

/// Runs `f` as the driver's at DISPATCH_LEVEL.
fn at_dispatch(f: impl FnOnce()) {
    thread::call_driver(crate::kernel::DriverId(0), "test", DISPATCH_LEVEL, f);
}

#[test]
fn v45_each_function_has_its_irql() {
    cases(
        "v45_each_function_has_its_irql",
        &[
            ("V45", "WdfIoQueuePurgeSynchronously", || {
                let _sample = sample(Plan::default());
                at_dispatch(|| {
                    wdf("WdfIoQueuePurgeSynchronously", &[get(&MANUAL)]);
                });
            }),
            ("V45", "WdfTimerStop that waits", || {
                let _sample = sample(Plan::default());
                at_dispatch(|| {
                    wdf("WdfTimerStop", &[0, 1]);
                });
            }),
            ("V45", "WdfWaitLockAcquire that may wait", || {
                let _sample = sample(Plan::default());
                at_dispatch(|| {
                    wdf("WdfWaitLockAcquire", &[0, 0]);
                });
            }),
            ("V45", "WdfDeviceCreate called at IRQL 2", || {
                let _sample = sample(Plan::default());
                at_dispatch(|| {
                    wdf("WdfDeviceCreate", &[0, 0, 0]);
                });
            }),
        ],
    );
}

#[test]
fn v46_output_is_of_the_right_kind_and_length() {
    cases(
        "v46_output_is_of_the_right_kind_and_length",
        &[
            ("V46", "Information 9", || {
                let (_d, _p, handle) =
                    sample(Plan { read: Some(|request, _| complete(request, status::SUCCESS, 9)), ..Plan::default() });
                handle.read(8);
            }),
            ("V46", "never written", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        let mut buffer = 0usize;
                        wdf("WdfRequestRetrieveOutputBuffer", &[request, 64, out(&mut buffer), 0]);
                        let to: *mut u8 = std::ptr::with_exposed_provenance_mut(buffer);
                        // SAFETY: the buffer has 64 bytes.
                        unsafe { to.write_bytes(0, 40) };
                        complete(request, status::SUCCESS, 64);
                    }),
                    ..Plan::default()
                });
                handle.read(64);
            }),
            // What lies behind the input in a system buffer is the kernel's: it must not leak.
            ("V46", "those from 4 on were never written", || {
                let (_d, _p, handle) = sample(Plan {
                    control: Some(|request, _, _, _| complete(request, status::SUCCESS, 64)),
                    ..Plan::default()
                });
                handle.ioctl(0, b"four", 64);
            }),
            ("V46", "has no such buffer", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        let mut buffer = 0usize;
                        wdf("WdfRequestRetrieveInputBuffer", &[request, 1, out(&mut buffer), 0]);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            // One byte more than the request has room for.
            ("V36", "past its end", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, len| {
                        let mut buffer = 0usize;
                        wdf("WdfRequestRetrieveOutputBuffer", &[request, len, out(&mut buffer), 0]);
                        let past: *mut u8 = std::ptr::with_exposed_provenance_mut(buffer + len);
                        // SAFETY: none: this faults, and that is the test.
                        unsafe { past.write_volatile(1) };
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
        ],
    );
}

#[test]
fn v47_requests_that_were_taken_are_completed_after_cleanup() {
    cases(
        "v47_requests_that_were_taken_are_completed_after_cleanup",
        &[
            ("V47", "10 s after the cleanup", || {
                let (_d, _p, handle) = sample(Plan::default());
                handle.read(8);
                as_driver(|| next().unwrap());
                handle.close();
                kernel().sched.advance(10_000_000_000);
            }),
            ("V47", "WdfIoQueuePurgeSynchronously", || {
                let (_d, _p, handle) = sample(Plan { read: Some(|_, _| {}), ..Plan::default() });
                handle.read(8);
                as_driver(|| wdf("WdfIoQueuePurgeSynchronously", &[get(&QUEUE)]));
            }),
            ("V47", "10 s after the cleanup", || {
                let (_d, process, handle) = sample(Plan { read: Some(|request, _| mark(request)), ..Plan::default() });
                handle.read(8);
                process.kill();
            }),
        ],
    );
}

#[test]
fn v48_a_driver_goes_with_no_handle_open() {
    cases(
        "v48_a_driver_goes_with_no_handle_open",
        &[
            // DriverEntry lets a program in, and then fails.
            ("V48", "handles of its device open", || {
                let plan = Plan {
                    entry: Some(|| {
                        let process = Process::new("early bird", true);
                        *HANDLE.lock().unwrap() = Some(process.open(PATH).unwrap());
                        std::mem::forget(process);
                        code(status::UNSUCCESSFUL)
                    }),
                    ..Plan::default()
                };
                Driver::try_start(crate::clock::Mode::Virtual, plan);
            }),
        ],
    );
}

#[test]
fn v39_no_completion_with_a_lock_held() {
    cases(
        "v39_no_completion_with_a_lock_held",
        &[
            ("V39", "WdfRequestCompleteWithInformation called with locks held", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        let mut lock = 0usize;
                        wdf("WdfSpinLockCreate", &[0, out(&mut lock)]);
                        wdf("WdfSpinLockAcquire", &[lock]);
                        complete(request, status::SUCCESS, 0);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V39", "taken twice", || {
                let _sample = sample(Plan::default());
                as_driver(|| {
                    let mut lock = 0usize;
                    wdf("WdfSpinLockCreate", &[0, out(&mut lock)]);
                    wdf("WdfSpinLockAcquire", &[lock]);
                    wdf("WdfSpinLockAcquire", &[lock]);
                });
            }),
        ],
    );
}

#[test]
fn handles_are_what_they_say_and_are_not_used_after_their_end() {
    cases(
        "handles_are_what_they_say_and_are_not_used_after_their_end",
        &[
            ("V07", "wants WDFQUEUE and got WDFDEVICE", || {
                let _sample = sample(Plan::default());
                as_driver(|| wdf("WdfIoQueueStart", &[get(&DEVICE)]));
            }),
            ("V07", "which is no handle", || {
                let _sample = sample(Plan::default());
                as_driver(|| wdf("WdfIoQueueStart", &[0x1234]));
            }),
            ("V36", "which was deleted", || {
                let _sample = sample(Plan::default());
                as_driver(|| {
                    let mut object = 0usize;
                    wdf("WdfObjectCreate", &[0, out(&mut object)]);
                    wdf("WdfObjectDelete", &[object]);
                    wdf("WdfObjectDelete", &[object]);
                });
            }),
            ("V07", "which the framework deletes", || {
                let (_d, _p, handle) = sample(Plan {
                    read: Some(|request, _| {
                        wdf("WdfObjectDelete", &[request]);
                    }),
                    ..Plan::default()
                });
                handle.read(8);
            }),
            ("V36", "dereferenced more often", || {
                let _sample = sample(Plan::default());
                as_driver(|| wdf("WdfObjectDereferenceActual", &[get(&DEVICE)]));
            }),
            // The init went with the device.
            ("V36", "PWDFDEVICE_INIT", || {
                let _sample = sample(Plan::default());
                as_driver(|| {
                    let sddl = unicode("D:P(A;;GA;;;BA)");
                    let init = wdf("WdfControlDeviceInitAllocate", &[get(&DRIVER), at(&sddl)]);
                    wdf("WdfDeviceInitFree", &[init]);
                    wdf("WdfDeviceInitSetExclusive", &[init, 1]);
                });
            }),
            ("V07", "not the globals of a bound driver", || {
                let _sample = sample(Plan::default());
                // SAFETY: the function looks at its first argument first.
                unsafe { crate::wdf::queue_state::start(std::ptr::null_mut(), std::ptr::null_mut()) };
            }),
            ("V36", "a WDFDEVICE, which is a handle and no address", || {
                let _sample = sample(Plan::default());
                as_driver(|| {
                    let device: *const u64 = std::ptr::with_exposed_provenance(get(&DEVICE));
                    // SAFETY: none: this faults, and that is the test.
                    unsafe { device.read_volatile() }
                });
            }),
            ("BUGCHECK", "the lab does not model WdfUsbTargetDeviceCreate", || {
                let _sample = sample(Plan::default());
                as_driver(|| wdf("WdfUsbTargetDeviceCreate", &[1]));
            }),
            ("V35", "WdfDeviceInitFree", || {
                let (driver, _p, handle) = sample(Plan {
                    unload: Some(|| {
                        let sddl = unicode("D:P(A;;GA;;;BA)");
                        wdf("WdfControlDeviceInitAllocate", &[get(&DRIVER), at(&sddl)]);
                    }),
                    ..Plan::default()
                });
                handle.close();
                nt::driver::unload(driver.id);
            }),
        ],
    );
}

#[test]
fn contexts_are_guarded() {
    cases(
        "contexts_are_guarded",
        &[
            ("V36", "past its end", || {
                let _sample = sample(Plan::default());
                as_driver(|| {
                    let context = some_context();
                    let past: *mut u8 = std::ptr::with_exposed_provenance_mut(context + 32);
                    // SAFETY: none: this faults, and that is the test.
                    unsafe { past.write_volatile(1) };
                });
            }),
            ("V36", "its framework object was destroyed", || {
                let _sample = sample(Plan::default());
                as_driver(|| {
                    let context = some_context();
                    wdf("WdfObjectDelete", &[get(&KEPT)]);
                    let late: *mut u8 = std::ptr::with_exposed_provenance_mut(context);
                    // SAFETY: none: this faults, and that is the test.
                    unsafe { late.write_volatile(1) };
                });
            }),
        ],
    );
}

/// The context of an object made just now, which is kept.
fn some_context() -> usize {
    let mut attributes = child_of(get(&DEVICE));
    attributes.ContextTypeInfo = context_type();
    let mut object = 0usize;
    wdf("WdfObjectCreate", &[at(&attributes), out(&mut object)]);
    KEPT.store(object, Ordering::SeqCst);
    wdf("WdfObjectGetTypedContextWorker", &[object, at(context_type())])
}

#[test]
fn the_rules_are_evaluated_in_an_ordinary_run() {
    if is_child() {
        return;
    }
    let (driver, _process, handle) =
        sample(Plan { read: Some(|request, _| answer(request, b"ok")), ..Plan::default() });
    handle.read(8).wait();
    handle.close();
    driver.finish();
    assert_evaluated(&[rule::V39, rule::V43, rule::V44, rule::V45, rule::V46, rule::V47, rule::V48]);
}
