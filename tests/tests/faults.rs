//! Each call that may fail fails once: allocations, mappings, objects, registration. The network goes on, nothing is left,
//! and a frame that could not be captured is counted.

use nblease_abi::{configure::Configure, ioctl};
use nblease_lab::{
    faults::{FaultKind, Plan},
    io::Process,
    ndis::{
        Adapter, AdapterConfig,
        frame::{Frame, Layout, Piece, SendNbl},
    },
    nt,
};
use nblease_tests::{DEVICE, Program, READ, Rig, configure_input, frame_bytes, receive_of, seen, send_of};

/// A frame in MDLs that have no system address yet.
fn unmapped(bytes: Vec<u8>) -> Frame {
    let pieces = [20, bytes.len() - 20].map(|bytes| Piece { bytes: bytes as u32, mapped: false });
    Frame::new(bytes).cut(Layout { data_offset: 0, pieces: pieces.to_vec() })
}

/// The life of the driver, with a program that captures: whatever fails, it goes on as far as it can. Says how many frames
/// went through the stack.
fn life(rig: &Rig) -> (u64, u64) {
    if nt::driver::start(rig.driver) < 0 {
        return (0, 0);
    }
    let adapter = Adapter::plug(AdapterConfig { luid: Some(0x0600_0100_0000_0000), ..AdapterConfig::default() });
    rig.kernel.sched.pump();
    let process = Process::new("capture.exe", true);
    if let Ok(handle) = process.open(DEVICE) {
        let input = configure_input(&Configure { timeout_ms: 10, ..Configure::tap(1) }, &[adapter.luid]);
        let _ = handle.ioctl(ioctl::IOCTL_LIST_ADAPTERS, &[], 4096).wait();
        let _ = handle.ioctl(ioctl::IOCTL_CONFIGURE, &input, 32).wait();
        let _reads: Vec<_> = (0..3).map(|_| handle.read(READ)).collect();
        adapter.send(&[SendNbl::new([unmapped(frame_bytes(100, 1)), unmapped(frame_bytes(200, 2))])], 0);
        adapter.receive(&[receive_of(frame_bytes(100, 3)), receive_of(frame_bytes(100, 4))], 0);
        let _ = handle.ioctl(ioctl::IOCTL_STATS, &[], 4096).wait();
        let _ = handle.ioctl(ioctl::IOCTL_CONFIGURE, &input, 32).wait();
    } else {
        adapter.send(&[SendNbl::new([unmapped(frame_bytes(100, 1)), unmapped(frame_bytes(200, 2))])], 0);
        adapter.receive(&[receive_of(frame_bytes(100, 3)), receive_of(frame_bytes(100, 4))], 0);
    }
    rig.kernel.sched.advance(50_000_000);
    process.kill();
    adapter.unplug();
    rig.kernel.sched.pump();
    let counts = adapter.counts();
    (counts.reached_miniport, counts.reached_protocol)
}

#[test]
fn every_call_that_may_fail_is_failed_once() {
    let total = {
        let rig = Rig::load(1);
        rig.kernel.faults.plan(Plan::None);
        assert_eq!(life(&rig), (2, 2));
        let total = rig.kernel.faults.total();
        rig.finish();
        total
    };
    assert!(total > 20, "only {total} calls that may fail");
    for nth in 1..=total {
        let rig = Rig::load(1);
        rig.kernel.faults.plan(Plan::Nth(nth));
        let through = life(&rig);
        let failed = rig.kernel.faults.failed();
        assert!(!failed.is_empty(), "call {nth} was not made");
        // A driver that is not there, or not attached, is passed by.
        assert!(through == (2, 2) || through == (0, 0), "call {nth} ({failed:?}): {through:?} frames went through");
        rig.finish();
    }
}

#[test]
fn a_frame_that_cannot_be_mapped_goes_on_and_is_counted() {
    let rig = Rig::start(2);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    let read = program.handle.read(READ);
    rig.kernel.faults.plan(Plan::All(FaultKind::Map));
    adapter.send(&[SendNbl::new([unmapped(frame_bytes(100, 1))])], 0);
    rig.kernel.sched.pump();
    assert!(read.try_result().is_none());
    rig.kernel.faults.plan(Plan::None);
    assert_eq!(adapter.counts().reached_miniport, 1);
    let (reader, _) = program.stats();
    assert_eq!((reader.frames_seen, reader.frames_dropped_unreadable, reader.frames_direct), (1, 1, 0));

    adapter.send(&[send_of(frame_bytes(100, 2))], 0);
    rig.kernel.sched.pump();
    let completion = read.try_result().expect("completed");
    let frames = seen(&completion.data[..completion.information]);
    assert_eq!((frames.len(), frames[0].lost), (1, 1), "the next record tells of it");
    drop(program);
    rig.finish();
}

#[test]
fn a_read_whose_buffer_cannot_be_mapped_fails_when_it_comes() {
    let rig = Rig::start(3);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    rig.kernel.faults.plan(Plan::All(FaultKind::Map));
    let completion = program.handle.read(READ).wait();
    rig.kernel.faults.plan(Plan::None);
    assert_eq!(completion.status, 0xC000_009A);
    assert_eq!(program.stats().0.reads_failed_mapping, 1);
    drop(program);
    rig.finish();
}
