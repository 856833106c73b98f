//! Queues: dispatching, state, searching.

use std::sync::atomic::{AtomicUsize, Ordering};

use nblease_ndis::sys;

use super::harness::*;
use crate::{io::status, kernel::kernel};

static IN_HAND: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_sequential_queue_presents_one_at_a_time_without_recursion() {
    IN_HAND.store(0, Ordering::SeqCst);
    let driver = Driver::start(Plan {
        default_type: sys::WdfIoQueueDispatchSequential,
        read: Some(|request, len| {
            assert_eq!(IN_HAND.fetch_add(1, Ordering::SeqCst), 0, "events do not nest");
            if len == 1 {
                KEPT.store(request, Ordering::SeqCst);
            } else {
                complete(request, status::SUCCESS, 0);
            }
            log(format!("{len}"));
            IN_HAND.fetch_sub(1, Ordering::SeqCst);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let reads: Vec<_> = (1..=4).map(|len| handle.read(len)).collect();
    assert_eq!(take_log(), ["1"]);
    as_driver(|| complete(get(&KEPT), status::SUCCESS, 0));
    assert_eq!(take_log(), ["2", "3", "4"]);
    assert!(reads.iter().all(|read| read.try_result().is_some()));
    handle.close();
    driver.finish();
}

#[test]
fn a_stopped_queue_keeps_requests_until_it_is_started() {
    let driver = Driver::start(Plan { read: Some(|request, _| answer(request, b"x")), ..Plan::default() });
    let (_process, handle) = driver.open();
    as_driver(|| wdf("WdfIoQueueStopSynchronously", &[get(&QUEUE)]));
    let read = handle.read(1);
    assert_eq!(read.try_result(), None);
    let state = as_driver(|| wdf("WdfIoQueueGetState", &[get(&QUEUE), 0, 0])) as u32;
    assert_eq!(state.cast_signed(), sys::WdfIoQueueAcceptRequests | sys::WdfIoQueueDriverNoRequests);
    as_driver(|| wdf("WdfIoQueueStart", &[get(&QUEUE)]));
    assert_eq!(read.wait().data, b"x");
    handle.close();
    driver.finish();
}

#[test]
fn a_drain_presents_what_waits_and_refuses_the_rest() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let read = handle.read(4);
    as_driver(|| {
        wdf("WdfIoQueueDrain", &[get(&MANUAL), (state_changed as *const ()).expose_provenance(), 17]);
    });
    // The manual queue refuses what is forwarded to it; the driver keeps that.
    assert_eq!(handle.read(4).wait().nt_status(), status::DEVICE_BUSY);
    assert_eq!(take_log(), Vec::<String>::new());
    as_driver(|| answer(next().unwrap(), &[1; 4]));
    assert_eq!(take_log(), ["state 17"]);
    assert!(read.try_result().is_some());
    handle.close();
    driver.finish();
}

unsafe extern "efiapi" fn state_changed(_queue: sys::WDFQUEUE, context: sys::WDFCONTEXT) {
    log(format!("state {}", context.addr()));
}

#[test]
fn a_ready_notification_comes_when_the_queue_was_empty() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let notify = (state_changed as *const ()).expose_provenance();
    let register = || wdf_status("WdfIoQueueReadyNotify", &[get(&MANUAL), notify, 3]);
    assert_eq!(as_driver(register), status::SUCCESS);
    assert_eq!(as_driver(register), status::INVALID_DEVICE_REQUEST);
    let reads: Vec<_> = (0..3).map(|_| handle.read(2)).collect();
    assert_eq!(take_log(), ["state 3"]);
    as_driver(|| {
        for _ in 0..3 {
            answer(next().unwrap(), b"ab");
        }
    });
    let last = handle.read(2);
    assert_eq!(take_log(), ["state 3"]);
    assert!(reads.iter().all(|r| r.try_result().is_some()));
    last.cancel();
    handle.close();
    driver.finish();
}

#[test]
fn requests_are_found_and_taken_by_file() {
    let driver = Driver::start(Plan {
        create: Some(|request, file| {
            KEPT.store(file, Ordering::SeqCst);
            complete(request, status::SUCCESS, 0);
        }),
        ..Plan::default()
    });
    let (process, first) = driver.open();
    let second = process.open(PATH).unwrap();
    let reads = [first.read(1), second.read(2), first.read(3), second.read(4)];
    as_driver(|| {
        let by_file = || {
            let mut request = 0usize;
            let arguments = [get(&MANUAL), get(&KEPT), out(&mut request)];
            (wdf_status("WdfIoQueueRetrieveRequestByFileObject", &arguments), request)
        };
        let (status, request) = by_file();
        assert_eq!(status, status::SUCCESS);
        complete(request, status::SUCCESS, 0);
        // Look at all that wait, and take the last.
        let (mut tag, mut found) = (0usize, 0usize);
        let mut seen = 0;
        while wdf_status("WdfIoQueueFindRequest", &[get(&MANUAL), tag, 0, 0, out(&mut found)]).is_success() {
            if tag != 0 {
                wdf("WdfObjectDereferenceActual", &[tag]);
            }
            tag = found;
            seen += 1;
        }
        assert_eq!(seen, 3);
        let mut taken = 0usize;
        let arguments = [get(&MANUAL), tag, out(&mut taken)];
        assert_eq!(wdf_status("WdfIoQueueRetrieveFoundRequest", &arguments), status::SUCCESS);
        assert_eq!(taken, tag);
        wdf("WdfObjectDereferenceActual", &[tag]);
        complete(taken, status::SUCCESS, 0);
        assert_eq!(by_file().0, status::NO_MORE_ENTRIES);
    });
    let done: Vec<_> = reads.iter().map(|r| r.try_result().is_some()).collect();
    assert_eq!(done, [false, true, false, true]);
    first.close();
    second.close();
    driver.finish();
}

#[test]
fn a_requeued_request_is_the_next_again() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let reads = [handle.read(1), handle.read(2)];
    as_driver(|| {
        let request = next().unwrap();
        assert_eq!(wdf_status("WdfRequestRequeue", &[request]), status::SUCCESS);
        assert_eq!(next(), Ok(request));
        complete(request, status::SUCCESS, 0);
    });
    assert!(reads[0].try_result().is_some() && reads[1].try_result().is_none());
    handle.close();
    driver.finish();
}

#[test]
fn a_stop_and_purge_lets_new_requests_wait() {
    let driver = Driver::start(Plan::default());
    let (_process, handle) = driver.open();
    let old = handle.read(1);
    as_driver(|| wdf("WdfIoQueueStopAndPurgeSynchronously", &[get(&MANUAL)]));
    assert_eq!(old.try_result().map(|c| c.status), Some(status::CANCELLED.0));
    let new = handle.read(1);
    assert_eq!(as_driver(next), Err(status::WDF_PAUSED));
    as_driver(|| wdf("WdfIoQueueStart", &[get(&MANUAL)]));
    as_driver(|| answer(next().unwrap(), b"z"));
    assert_eq!(new.wait().data, b"z");
    handle.close();
    kernel().sched.pump();
    driver.finish();
}
