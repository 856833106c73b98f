//! A handle that is closed while its CONFIGURE and its READs are inside the driver: at a place that is known, and on real
//! threads under traffic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nblease_abi::{configure::Configure, ioctl::IOCTL_CONFIGURE};
use nblease_lab::{clock::Mode, faults::Plan, io::Process, nt};
use nblease_tests::{DEVICE, Program, READ, Rig, configure_input, frame_bytes, receive_of};

/// The last handle is closed when the driver makes its nth call that may fail, in CONFIGURE or in READ; then the network
/// goes on.
fn close_at(nth: u64, configured: bool) {
    let rig = Rig::start(1);
    let adapter = rig.adapter("Ethernet");
    let process = Process::new("capture.exe", true);
    let handle = Arc::new(process.open(DEVICE).expect("the device opens"));
    let input = configure_input(&Configure { timeout_ms: 100, ..Configure::tap(1) }, &[adapter.luid]);
    if configured {
        assert_eq!(handle.ioctl(IOCTL_CONFIGURE, &input, 32).wait().status, 0);
        assert_eq!(handle.read(READ).wait().status, 0, "the descriptions");
    }
    rig.kernel.faults.plan(Plan::None);
    let closing = handle.clone();
    rig.kernel.faults.preempt(nth, move || {
        closing.close();
    });
    let pending = if configured { handle.read(READ) } else { handle.ioctl(IOCTL_CONFIGURE, &input, 32) };
    rig.kernel.sched.pump();
    assert!(!handle.is_open(), "call {nth} was made");
    assert_eq!(pending.try_result().expect("ended").status, 0xC000_0120);
    // Nobody watches: neither at once nor after the file has gone.
    for _ in 0..3 {
        adapter.receive(&[receive_of(frame_bytes(60, 1))], 0);
        rig.kernel.sched.advance(200_000_000);
    }
    let observer = Program::open();
    assert_eq!(observer.readers(), 0);
    drop(observer);
    adapter.unplug();
    rig.finish();
}

#[test]
fn configure_meets_the_last_close() {
    close_at(1, false);
    close_at(2, false);
}

#[test]
fn read_meets_the_last_close() {
    close_at(1, true);
}

#[test]
fn the_last_close_meets_configure_and_reads() {
    let rig = Rig::load_in(Mode::Real, 1);
    assert_eq!(nt::driver::start(rig.driver), 0);
    let adapter = rig.adapter("Ethernet");
    let over = AtomicBool::new(false);
    let input = configure_input(&Configure { timeout_ms: 1, ..Configure::tap(1) }, &[adapter.luid]);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                adapter.receive(&[receive_of(frame_bytes(60, 1)), receive_of(frame_bytes(1000, 2))], 0);
            }
        });
        for round in 0..300_u32 {
            let process = Process::new("capture.exe", true);
            let handle = process.open(DEVICE).expect("the device opens");
            thread::scope(|scope| {
                scope.spawn(|| {
                    let _ = handle.ioctl(IOCTL_CONFIGURE, &input, 32);
                    for _ in 0..4 {
                        let _ = handle.read(READ);
                    }
                });
                for _ in 0..round * 50 {
                    std::hint::spin_loop();
                }
                handle.close();
            });
        }
        over.store(true, Ordering::Relaxed);
    });
    adapter.unplug();
    rig.finish();
}
