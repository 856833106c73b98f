//! Readers: spill and its losses, several at once, directions, batches, and every counter of STATS.

use nblease_abi::{
    configure::{Configure, ConfigureFlags, Directions},
    stats::ReaderStats,
};
use nblease_lab::ndis::frame::{Frame, SendNbl};
use nblease_tests::{Program, READ, Rig, Seen, frame_bytes, receive_of, seen, send_of};

/// `NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET`
const LOOPBACK_PACKET: u32 = 0x8000;

/// The frames in a read that has been completed.
fn frames_of(read: &nblease_lab::io::Pending) -> Vec<Seen> {
    let completion = read.try_result().expect("completed");
    assert_eq!(completion.status, 0);
    seen(&completion.data[..completion.information])
}

#[test]
fn what_comes_while_no_read_waits_is_spilled_in_order() {
    let rig = Rig::start(1);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    let all: Vec<_> = (0..50).map(|i| frame_bytes(60 + i, i as u8)).collect();
    for bytes in &all {
        adapter.receive(&[receive_of(bytes.clone())], 0);
    }
    rig.kernel.sched.pump();
    let (before, _) = program.stats();
    assert_eq!((before.frames_spilled, before.spill_frames, before.frames_direct), (50, 50, 0));

    let read = program.handle.read(READ);
    let got: Vec<_> = frames_of(&read).into_iter().map(|frame| frame.bytes).collect();
    assert_eq!(got, all);
    let bytes = all.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
    let (reader, _) = program.stats();
    let expected = ReaderStats {
        frames_seen: 50,
        frames_spilled: 50,
        frames_delivered: 50,
        bytes_delivered: bytes,
        bytes_copied: 2 * bytes,
        // The first took the descriptions.
        reads_completed: 2,
        spill_bytes_peak: before.spill_bytes_used,
        ..ReaderStats::default()
    };
    assert_eq!(reader, expected);
    drop(program);
    rig.finish();
}

#[test]
fn a_full_spill_drops_the_newest_and_the_next_record_says_how_many() {
    let rig = Rig::start(2);
    let adapter = rig.adapter("Ethernet");
    let config = Configure { snaplen: 1514, ..Configure::tap(1) };
    let floor = config.spill_floor();
    let program = Program::tap(&Configure { spill_bytes: floor, ..config }, &[&adapter]);
    for i in 0..20 {
        adapter.receive(&[receive_of(frame_bytes(1000, i))], 0);
    }
    rig.kernel.sched.pump();
    let (reader, _) = program.stats();
    let kept = reader.frames_spilled;
    assert!((1..20).contains(&kept), "{kept}");
    assert_eq!(reader.frames_dropped_spill_full, 20 - kept);
    assert_eq!(adapter.counts().reached_protocol, 20, "the network goes on");

    let got = frames_of(&program.handle.read(READ));
    let fills: Vec<_> = got.iter().map(|frame| frame.bytes[14]).collect();
    assert_eq!(fills, (0..kept as u8).collect::<Vec<_>>(), "the oldest are kept");
    assert!(got.iter().all(|frame| frame.lost == 0));

    let read = program.handle.read(READ);
    adapter.receive(&[receive_of(frame_bytes(60, 99))], 0);
    rig.kernel.sched.pump();
    assert_eq!(frames_of(&read)[0].lost, 20 - kept);
    let read = program.handle.read(READ);
    adapter.receive(&[receive_of(frame_bytes(60, 99))], 0);
    rig.kernel.sched.pump();
    assert_eq!(frames_of(&read)[0].lost, 0, "told once");
    drop(program);
    rig.finish();
}

#[test]
fn records_are_never_split_between_reads() {
    let rig = Rig::start(3);
    let adapter = rig.adapter("Ethernet");
    let config = Configure { snaplen: 1514, ..Configure::tap(1) };
    let needed = config.largest_record() as usize;
    let program = Program::tap(&config, &[&adapter]);
    let reads: Vec<_> = (0..10).map(|_| program.handle.read(needed)).collect();
    let all: Vec<_> = (0..10).map(|i| frame_bytes(1000, i)).collect();
    adapter.send(&[SendNbl::new(all.iter().map(|bytes| Frame::new(bytes.clone())))], 0);
    rig.kernel.sched.pump();
    let got: Vec<_> = reads.iter().flat_map(frames_of).map(|frame| frame.bytes).collect();
    assert_eq!(got, all, "one in each, in the order in which the reads came");
    let (reader, _) = program.stats();
    assert_eq!((reader.frames_direct, reader.frames_spilled, reader.reads_completed), (10, 0, 11));
    drop(program);
    rig.finish();
}

#[test]
fn several_readers_see_what_each_asked_for() {
    let rig = Rig::start(4);
    let (a, b) = (rig.adapter("Ethernet"), rig.adapter("Ethernet 2"));
    let only = |directions: Directions| Configure { directions: directions.bits(), ..Configure::tap(1) };
    let programs = [
        Program::tap(&Configure::tap(1), &[&b, &a]),
        Program::tap(&only(Directions::IN), &[&a]),
        Program::tap(&only(Directions::OUT), &[&a]),
        Program::tap(&Configure { snaplen: 20, ..Configure::tap(1) }, &[&b]),
    ];
    let reads: Vec<_> = programs.iter().map(|program| program.handle.read(READ)).collect();
    a.send(&[send_of(frame_bytes(60, 1))], 0);
    rig.kernel.sched.pump();
    let more: Vec<_> = programs.iter().map(|program| program.handle.read(READ)).collect();
    a.receive(&[receive_of(frame_bytes(60, 2))], 0);
    rig.kernel.sched.pump();
    let rest: Vec<_> = programs.iter().map(|program| program.handle.read(READ)).collect();
    b.receive(&[receive_of(frame_bytes(60, 3))], 0);
    rig.kernel.sched.pump();
    let got: Vec<Vec<_>> = (0..4)
        .map(|i| {
            let done = [&reads[i], &more[i], &rest[i]].into_iter().filter(|read| read.try_result().is_some());
            done.flat_map(frames_of).map(|f| (f.interface, f.sent, f.bytes.len(), f.bytes[14])).collect()
        })
        .collect();
    assert_eq!(got[0], [(1, true, 60, 1), (1, false, 60, 2), (0, false, 60, 3)]);
    assert_eq!(got[1], [(0, false, 60, 2)]);
    assert_eq!(got[2], [(0, true, 60, 1)]);
    assert_eq!(got[3], [(0, false, 20, 3)]);
    drop(programs);
    rig.finish();
}

#[test]
fn copies_that_ndis_looped_back_are_left_out_unless_asked_for() {
    let rig = Rig::start(5);
    let adapter = rig.adapter("Ethernet");
    let plain = Program::tap(&Configure::tap(1), &[&adapter]);
    let looped = Configure { flags: ConfigureFlags::LOOPBACK.bits(), ..Configure::tap(1) };
    let asking = Program::tap(&looped, &[&adapter]);
    let reads = [plain.handle.read(READ), asking.handle.read(READ)];
    let mut receive = receive_of(frame_bytes(60, 1));
    receive.nbl_flags |= LOOPBACK_PACKET;
    adapter.receive(&[receive], 0);
    rig.kernel.sched.pump();
    assert!(reads[0].try_result().is_none());
    assert_eq!(frames_of(&reads[1]).len(), 1);
    let (reader, adapters) = plain.stats();
    assert_eq!((reader.frames_seen, adapters[0].frames_loopback_skipped), (0, 1));
    drop((plain, asking));
    rig.finish();
}

#[test]
fn a_batch_waits_until_its_time_is_up_or_its_read_is_full() {
    let rig = Rig::start(6);
    let adapter = rig.adapter("Ethernet");
    let config = Configure { timeout_ms: 20, snaplen: 1514, ..Configure::tap(1) };
    let program = Program::tap(&config, &[&adapter]);
    let read = program.handle.read(READ);
    for i in 0..5 {
        adapter.receive(&[receive_of(frame_bytes(60, i))], 0);
        rig.kernel.sched.advance(3_000_000);
        assert!(read.try_result().is_none(), "15 ms are not 20");
    }
    rig.kernel.sched.advance(6_000_000);
    assert_eq!(frames_of(&read).len(), 5);
    assert_eq!(program.stats().0.reads_timed_out, 1);

    // One that is full does not wait.
    let room = config.largest_record() as usize;
    let (full, next) = (program.handle.read(room), program.handle.read(room));
    adapter.receive(&[receive_of(frame_bytes(1514, 1))], 0);
    adapter.receive(&[receive_of(frame_bytes(1514, 2))], 0);
    rig.kernel.sched.pump();
    assert_eq!(frames_of(&full).len(), 1);
    assert!(next.try_result().is_none());
    rig.kernel.sched.advance(25_000_000);
    assert_eq!(frames_of(&next).len(), 1);
    drop(program);
    rig.finish();
}

#[test]
fn frames_lent_for_the_call_are_copied_at_once() {
    let rig = Rig::start(7);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure { timeout_ms: 100, ..Configure::tap(1) }, &[&adapter]);
    let read = program.handle.read(READ);
    // NDIS_RECEIVE_FLAGS_RESOURCES
    let receives: Vec<_> = (0..10).map(|i| receive_of(frame_bytes(200, i))).collect();
    adapter.receive(&receives, 2);
    rig.kernel.sched.advance(200_000_000);
    assert_eq!(frames_of(&read).len(), 10);
    let (_, adapters) = program.stats();
    assert_eq!((adapters[0].receive_nbls, adapters[0].receive_nbls_resources), (10, 10));
    drop(program);
    rig.finish();
}

#[test]
fn the_sums_over_all_readers_keep_those_that_are_closed() {
    let rig = Rig::start(8);
    let adapter = rig.adapter("Ethernet");
    let first = Program::tap(&Configure::tap(1), &[&adapter]);
    let second = Program::tap(&Configure::tap(1), &[&adapter]);
    adapter.receive(&[receive_of(frame_bytes(60, 1))], 0);
    rig.kernel.sched.pump();
    let observer = Program::open();
    let (before, _) = observer.stats();
    assert_eq!((before.frames_seen, before.frames_spilled, before.spill_frames), (2, 2, 2));
    drop((first, second));
    rig.kernel.sched.pump();
    let (after, _) = observer.stats();
    assert_eq!((after.frames_seen, after.frames_spilled, after.spill_frames), (2, 2, 0));
    drop(observer);
    rig.finish();
}
