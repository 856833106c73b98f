//! Programs, cancels and a driver that completes, on threads of their own: each read ends once, and no rule breaks.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use nblease_ndis::sys;
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use super::harness::*;
use crate::{clock::Mode, io::status, judge::rule, kernel::kernel, sync::lock};

const READS: usize = 1500;

/// Requests that are marked cancelable, by a driver that takes them under its lock.
static HELD: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static PRESENTED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "efiapi" fn on_cancel(request: sys::WDFREQUEST) {
    lock(&HELD).retain(|held| *held != request.addr());
    complete(request.addr(), status::CANCELLED, 0);
}

fn read(request: usize, _len: usize) {
    match PRESENTED.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => answer(request, &[1; 16]),
        1 => pend(request),
        _ => {
            // Listed before it is marked: the callback may come at once.
            let mut held = lock(&HELD);
            held.push(request);
            let callback = (on_cancel as *const ()).expose_provenance();
            let marked = wdf_status("WdfRequestMarkCancelableEx", &[request, callback]);
            if !marked.is_success() {
                held.pop();
                drop(held);
                complete(request, marked, 0);
            }
        }
    }
}

/// Completes one request that the driver has or finds: whether there was one.
fn serve_one() -> bool {
    if let Ok(request) = next() {
        answer(request, &[2; 16]);
        return true;
    }
    let taken = {
        let mut held = lock(&HELD);
        let request = held.pop();
        // Under the lock: the callback cannot have completed it before.
        request.map(|request| (request, wdf_status("WdfRequestUnmarkCancelable", &[request])))
    };
    match taken {
        Some((request, status::SUCCESS)) => answer(request, &[3; 16]),
        Some((_, unmarked)) => assert_eq!(unmarked, status::CANCELLED),
        None => return false,
    }
    true
}

#[test]
fn reads_that_race_with_cancels_end_once() {
    let seed = u64::from(std::process::id());
    eprintln!("seed={seed}");
    lock(&HELD).clear();
    let driver = Driver::try_start(Mode::Real, Plan { read: Some(read), ..Plan::default() });
    assert_eq!(driver.status, status::SUCCESS);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for program in 0..2 {
            let (driver, done) = (&driver, &done);
            scope.spawn(move || {
                let mut rng = SmallRng::seed_from_u64(seed + program);
                let (process, handle) = driver.open();
                let mut reads = Vec::new();
                for _ in 0..READS / 2 {
                    reads.push(handle.read(16));
                    if rng.random_ratio(1, 3) {
                        let chosen = rng.random_range(0..reads.len());
                        reads[chosen].cancel();
                    }
                }
                // The rest goes with the process.
                process.kill();
                for read in reads {
                    let end = read.try_result().expect("the read ended");
                    match end.nt_status() {
                        status::SUCCESS => assert_eq!(end.data.len(), 16),
                        other => assert_eq!((other, end.data.len()), (status::CANCELLED, 0)),
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::SeqCst) < READS / 2 * 2 {
                if !as_driver(serve_one) {
                    std::thread::yield_now();
                }
            }
        });
    });
    assert_eq!(done.load(Ordering::SeqCst), READS / 2 * 2);
    assert!(kernel().sched.wait_until("the closes", Some(5_000_000_000), &mut || wdf_files() == 0));
    driver.finish();
    kernel().sched.stop();
    assert_evaluated(&[rule::V43, rule::V44]);
}

/// Files that are open on the sample's device.
fn wdf_files() -> usize {
    kernel().io.open_files(crate::kernel::DriverId(0)).len()
}
