//! One packet, deterministically: a send of three NBs in MDL chains cut anywhere, a read pended, and the read's bytes.

use nblease_abi::configure::Configure;
use nblease_lab::ndis::frame::{Frame, Layout, SendNbl};
use nblease_tests::{Program, READ, Rig, Seen, frame_bytes, receive_of, seen, send_of};

/// The virtual clock starts on 2026-01-01.
const START_NS: u64 = 1_767_225_600_000_000_000;

/// An Enhanced Packet Block as the pcapng draft draws it, written down here once more.
fn enhanced_packet(interface: u32, time: u64, frame: &[u8], flags: u32) -> Vec<u8> {
    let padding = frame.len().next_multiple_of(4) - frame.len();
    let total = (28 + frame.len() + padding + 8 + 4 + 4) as u32;
    let mut block = Vec::new();
    let words = [6, total, interface, (time >> 32) as u32, time as u32, frame.len() as u32, frame.len() as u32];
    block.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    block.extend(frame);
    block.extend(vec![0; padding]);
    block.extend([2, 0, 4, 0]);
    block.extend(flags.to_le_bytes());
    block.extend([0; 4]);
    block.extend(total.to_le_bytes());
    block
}

#[test]
fn three_nbs_become_three_blocks_byte_for_byte() {
    let rig = Rig::start(1);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    let read = program.handle.read(READ);
    assert!(read.try_result().is_none(), "the read waits");

    let frames = [frame_bytes(60, 1), frame_bytes(1514, 2), frame_bytes(61, 3)];
    let cut = [
        Layout::pieces(&[3, 0, 9, 1, 60], 5),
        Layout::pieces(&[14, 700, 900], 0),
        Layout::pieces(&[20, 13, 1, 1, 1, 60], 20),
    ];
    let nbs = frames.iter().zip(cut).map(|(bytes, layout)| Frame::new(bytes.clone()).cut(layout));
    adapter.send(&[SendNbl::new(nbs)], 0);
    rig.kernel.sched.pump();

    let completion = read.try_result().expect("the read is completed");
    assert_eq!(completion.status, 0);
    // Sent, to one station.
    let expected: Vec<u8> = frames.iter().flat_map(|frame| enhanced_packet(0, START_NS, frame, 2 | 1 << 2)).collect();
    assert_eq!(completion.data[..completion.information], expected);
    assert_eq!(adapter.counts().reached_miniport, 3);
    drop(program);
    rig.finish();
}

#[test]
fn every_way_to_cut_a_chain_gives_the_same_bytes() {
    let rig = Rig::start(2);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    for round in 0..200_usize {
        let read = program.handle.read(READ);
        let frames: Vec<_> = (0..=round % 4).map(|i| frame_bytes(14 + round * 11 % 2000 + i, round as u8)).collect();
        let sent = round % 2 == 0;
        if sent {
            adapter.send(&[SendNbl::new(frames.iter().map(|bytes| Frame::new(bytes.clone())))], 0);
        } else {
            let receives: Vec<_> = frames.iter().cloned().map(receive_of).collect();
            adapter.receive(&receives, 0);
        }
        rig.kernel.sched.pump();
        let completion = read.try_result().expect("completed");
        let got: Vec<_> = seen(&completion.data[..completion.information]);
        let expected: Vec<_> = frames
            .iter()
            .map(|bytes| Seen { interface: 0, sent, original_len: bytes.len() as u32, bytes: bytes.clone(), lost: 0 })
            .collect();
        assert_eq!(got, expected, "round {round}, seed {}", rig.kernel.seed);
    }
    let (reader, adapters) = program.stats();
    assert_eq!(reader.frames_seen, reader.frames_direct);
    assert_eq!(reader.frames_delivered, reader.frames_seen);
    assert_eq!(reader.bytes_copied, reader.bytes_delivered);
    assert_eq!(adapters[0].send_frames + adapters[0].receive_frames, reader.frames_seen);
    assert_eq!((reader.frames_spilled, reader.fillers, reader.reads_cancelled), (0, 0, 0));
    drop(program);
    rig.finish();
}

#[test]
fn a_tag_held_out_of_band_is_put_back() {
    let rig = Rig::start(3);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    // Priority 5, DEI, VLAN 0x123; and a value of 0, which means no tag.
    for (tci, tag) in [(0xB123_u16, Some([0x81, 0x00, 0xB1, 0x23])), (0, None)] {
        let read = program.handle.read(READ);
        let bytes = frame_bytes(100, 7);
        let mut send = send_of(bytes.clone());
        send.oob.set_vlan(tci);
        adapter.send(&[send], 0);
        rig.kernel.sched.pump();
        let completion = read.try_result().expect("completed");
        let got = seen(&completion.data[..completion.information]);
        let mut expected = bytes;
        if let Some(tag) = tag {
            expected.splice(12..12, tag);
        }
        assert_eq!(got[0].bytes, expected);
        assert_eq!(got[0].original_len as usize, expected.len());
    }
    drop(program);
    rig.finish();
}

#[test]
fn the_snaplen_cuts_and_the_original_length_stays() {
    let rig = Rig::start(4);
    let adapter = rig.adapter("Ethernet");
    for snaplen in [1, 5, 12, 13, 14, 15, 16, 17, 96, 1514] {
        let program = Program::tap(&Configure { snaplen, ..Configure::tap(1) }, &[&adapter]);
        let read = program.handle.read(READ);
        let bytes = frame_bytes(300, 9);
        let mut tagged = send_of(bytes.clone());
        tagged.oob.set_vlan(7);
        adapter.send(&[send_of(bytes.clone()), tagged], 0);
        rig.kernel.sched.pump();
        let completion = read.try_result().expect("completed");
        let got = seen(&completion.data[..completion.information]);
        let mut with_tag = bytes.clone();
        with_tag.splice(12..12, [0x81, 0, 0, 7]);
        for (got, whole) in got.iter().zip([bytes, with_tag]) {
            assert_eq!(got.original_len as usize, whole.len(), "snaplen {snaplen}");
            assert_eq!(got.bytes, whole[..whole.len().min(snaplen as usize)], "snaplen {snaplen}");
        }
    }
    rig.finish();
}

#[test]
fn a_waiting_read_is_cancelled_and_a_filled_one_keeps_its_records() {
    let rig = Rig::start(5);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure { timeout_ms: 100, ..Configure::tap(1) }, &[&adapter]);

    let waiting = program.handle.read(READ);
    waiting.cancel();
    let completion = waiting.wait();
    assert_eq!((completion.status, completion.information), (0xC000_0120, 0));

    let filling = program.handle.read(READ);
    adapter.send(&[send_of(frame_bytes(60, 1))], 0);
    rig.kernel.sched.pump();
    assert!(filling.try_result().is_none(), "it waits for more");
    filling.cancel();
    let completion = filling.wait();
    assert_eq!(completion.status, 0, "what is in it is not lost");
    assert_eq!(seen(&completion.data[..completion.information]).len(), 1);
    drop(program);
    rig.finish();
}

#[test]
fn closing_the_handle_ends_its_reads() {
    let rig = Rig::start(6);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure { timeout_ms: 100, ..Configure::tap(1) }, &[&adapter]);
    let reads: Vec<_> = (0..3).map(|_| program.handle.read(READ)).collect();
    adapter.receive(&[receive_of(frame_bytes(60, 1))], 0);
    rig.kernel.sched.pump();
    program.handle.close();
    rig.kernel.sched.pump();
    let ends: Vec<_> =
        reads.iter().map(|read| read.try_result().expect("ended")).map(|c| (c.status, c.information > 0)).collect();
    assert_eq!(ends, [(0, true), (0xC000_0120, false), (0xC000_0120, false)]);
    // Frames go on without the reader.
    adapter.receive(&[receive_of(frame_bytes(60, 2))], 0);
    rig.kernel.sched.pump();
    assert_eq!(adapter.counts().reached_protocol, 2);
    drop(program);
    let observer = Program::open();
    let (sums, _) = observer.stats();
    // The first read took the descriptions.
    assert_eq!((sums.reads_completed, sums.reads_cancelled, sums.frames_delivered), (2, 2, 1));
    drop(observer);
    rig.finish();
}
