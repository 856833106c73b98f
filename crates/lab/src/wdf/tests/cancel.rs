//! The cancel protocol, as a well-behaved driver meets it.

use std::sync::atomic::Ordering;

use nblease_ndis::sys;

use super::harness::*;
use crate::{io::status, judge::rule, kernel::kernel};

unsafe extern "efiapi" fn on_cancel(request: sys::WDFREQUEST) {
    log("EvtRequestCancel");
    complete(request.addr(), status::CANCELLED, 0);
}

fn mark(request: usize) -> crate::io::NtStatus {
    wdf_status("WdfRequestMarkCancelableEx", &[request, (on_cancel as *const ()).expose_provenance()])
}

fn unmark(request: usize) -> crate::io::NtStatus {
    wdf_status("WdfRequestUnmarkCancelable", &[request])
}

/// Keeps the read and marks it cancelable.
fn keep_cancelable(request: usize, _len: usize) {
    KEPT.store(request, Ordering::SeqCst);
    assert_eq!(mark(request), status::SUCCESS);
}

#[test]
fn the_framework_cancels_what_waits_in_a_queue() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let (first, second) = (handle.read(8), handle.read(8));
    first.cancel();
    assert_eq!(first.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    as_driver(|| answer(next().unwrap(), &[5; 8]));
    assert_eq!(second.wait().data, [5; 8]);
    assert_eq!(as_driver(next), Err(status::NO_MORE_ENTRIES));
    second.cancel();
    handle.close();
    driver.finish();
}

#[test]
fn a_cancelable_request_is_cancelled_by_its_callback() {
    let driver = Driver::start(Plan { read: Some(keep_cancelable), ..Plan::default() });
    let (_process, handle) = driver.open();
    let read = handle.read(8);
    read.cancel();
    assert_eq!(read.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    assert_eq!(take_log(), ["EvtRequestCancel"]);
    handle.close();
    driver.finish();
    assert_evaluated(&[rule::V44]);
}

#[test]
fn an_unmarked_request_is_the_drivers_again() {
    let driver = Driver::start(Plan { read: Some(keep_cancelable), ..Plan::default() });
    let (_process, handle) = driver.open();
    let read = handle.read(8);
    as_driver(|| assert_eq!(unmark(get(&KEPT)), status::SUCCESS));
    read.cancel();
    assert_eq!(read.try_result(), None);
    as_driver(|| {
        assert_eq!(wdf("WdfRequestIsCanceled", &[get(&KEPT)]) as u8, 1);
        assert_eq!(mark(get(&KEPT)), status::CANCELLED);
        answer(get(&KEPT), &[1; 8]);
    });
    // The bytes were there in time: cancelled or not is the driver's choice.
    assert_eq!(read.wait().data, [1; 8]);
    assert_eq!(take_log(), Vec::<String>::new());
    handle.close();
    driver.finish();
}

#[test]
fn a_request_cancelled_while_the_driver_has_it_has_its_bit_set_alone() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let read = handle.read(8);
    let request = as_driver(|| next().unwrap());
    read.cancel();
    assert_eq!(read.try_result(), None);
    // Given back to a queue it is cancelled there.
    as_driver(|| assert_eq!(wdf_status("WdfRequestRequeue", &[request]), status::SUCCESS));
    assert_eq!(read.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    handle.close();
    driver.finish();
}

#[test]
fn marking_a_cancelled_request_calls_back_when_the_event_returns() {
    let driver = Driver::start(Plan {
        read: Some(|request, _| {
            KEPT.store(request, Ordering::SeqCst);
            let cancel = CANCEL.lock().unwrap().take().expect("the test gave one");
            cancel();
            wdf("WdfRequestMarkCancelable", &[request, (on_cancel as *const ()).expose_provenance()]);
            log("EvtIoRead returns");
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let other = handle.clone();
    *CANCEL.lock().unwrap() = Some(Box::new(move || other.cancel_all()));
    let read = handle.read(8);
    assert_eq!(read.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    // FxIoQueue's dispatcher is at work on the queue, so that the callback waits for its next turn.
    assert_eq!(take_log(), ["EvtIoRead returns", "EvtRequestCancel"]);
    handle.close();
    driver.finish();
}

static CANCEL: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>> = std::sync::Mutex::new(None);

#[test]
fn marking_a_cancelled_request_elsewhere_calls_back_inside() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let read = handle.read(8);
    let request = as_driver(|| next().unwrap());
    read.cancel();
    as_driver(|| {
        wdf("WdfRequestMarkCancelable", &[request, (on_cancel as *const ()).expose_provenance()]);
        log("marked");
    });
    assert_eq!(take_log(), ["EvtRequestCancel", "marked"]);
    assert!(read.try_result().is_some());
    handle.close();
    driver.finish();
}

#[test]
fn unmarking_too_late_leaves_the_completion_to_the_callback() {
    unsafe extern "efiapi" fn late(request: sys::WDFREQUEST) {
        // The thread that unmarks comes while the callback runs.
        assert_eq!(unmark(request.addr()), status::CANCELLED);
        complete(request.addr(), status::CANCELLED, 0);
    }
    let driver = Driver::start(Plan {
        read: Some(|request, _| {
            let callback = (late as *const ()).expose_provenance();
            assert_eq!(wdf_status("WdfRequestMarkCancelableEx", &[request, callback]), status::SUCCESS);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let read = handle.read(8);
    read.cancel();
    assert!(read.try_result().is_some());
    handle.close();
    driver.finish();
}

#[test]
fn a_driver_that_asks_for_it_is_told_of_requests_cancelled_in_its_queue() {
    let driver = Driver::start(Plan {
        canceled_on_queue: Some(|request| {
            log("EvtIoCanceledOnQueue");
            complete(request, status::CANCELLED, 0);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let reads: Vec<_> = (0..2).map(|_| handle.read(8)).collect();
    reads[0].cancel();
    assert_eq!(take_log(), ["EvtIoCanceledOnQueue"]);
    handle.close();
    assert_eq!(take_log(), ["EvtFileCleanup", "EvtIoCanceledOnQueue", "EvtFileClose"]);
    assert!(reads.iter().all(|read| read.try_result().map(|c| c.status) == Some(status::CANCELLED.0)));
    driver.finish();
}

#[test]
fn a_purge_cancels_what_waits_and_what_is_cancelable() {
    let driver = Driver::start(Plan { read: Some(keep_cancelable), ..Plan::default() });
    let (_process, handle) = driver.open();
    let read = handle.read(8);
    as_driver(|| wdf("WdfIoQueuePurgeSynchronously", &[get(&QUEUE)]));
    assert_eq!(read.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    assert_eq!(take_log(), ["EvtRequestCancel"]);
    assert_eq!(handle.read(8).wait().nt_status(), status::INVALID_DEVICE_STATE);
    as_driver(|| wdf("WdfIoQueueStart", &[get(&QUEUE)]));
    let read = handle.read(8);
    assert_eq!(read.try_result(), None);
    read.cancel();
    handle.close();
    kernel().sched.pump();
    driver.finish();
}
