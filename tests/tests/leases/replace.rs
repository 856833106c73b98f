//! What goes in a frame's place: the program's bytes, and beside them only what is true of them.

use nblease_abi::{
    NtStatus,
    configure::{POLICY_DROP, POLICY_PROMOTE},
    verdict::{OffloadFlags, VERDICT_REPLACE, VerdictEntry},
};
use nblease_lab::ndis::{Arrived, Fate, Offloads, frame::put_vlan};
use nblease_tests::{
    Program, Rig,
    gates::{MS, Out, drop_it, flow, own, pass, receives, send_of_all, sends, tickets_of, udp},
};

/// Slots of `NetBufferListInfo`.
const CHECKSUM: usize = 0;
const LARGE_SEND: usize = 2;
const FRAME_TYPE: usize = 7;
const HASH: [usize; 2] = [8, 9];
const COALESCED: usize = 22;
const SEGMENTS: usize = 22;

/// IpChecksumSucceeded, UdpChecksumSucceeded, TcpChecksumSucceeded.
const ALL_RIGHT: usize = 0b11_1000;

/// Bytes of payload in a segment.
const MSS: usize = 0x3e8;

/// An ARP request, which is no IP.
fn arp() -> Vec<u8> {
    let mut bytes = udp((1, 1), &[0; 18]);
    bytes[12..14].copy_from_slice(&[8, 6]);
    bytes[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    bytes
}

fn one(mut arrived: Vec<Arrived>) -> Arrived {
    assert_eq!(arrived.len(), 1);
    arrived.remove(0)
}

#[test]
fn a_replaced_receive_says_nothing_that_is_not_true() {
    let rig = Rig::start(101);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let original = udp((1, 2), &[1; 40]);
    let replaced_by = |bytes: &[u8]| {
        let mut list = receives(std::slice::from_ref(&original));
        list[0].oob.0[CHECKSUM] = ALL_RIGHT;
        list[0].oob.0[COALESCED] = 3;
        list[0].oob.0[HASH[0]] = 0x1234;
        list[0].oob.0[HASH[1]] = 1;
        adapter.receive(&list, 0);
        assert_eq!(program.replace(program.ask()[0].ticket, bytes), NtStatus::SUCCESS);
        rig.kernel.sched.pump();
        out.arrived_up()
    };
    let right = udp((3, 4), &[9; 100]);
    let came = one(replaced_by(&right));
    assert_eq!((&came.bytes, came.filters_own, came.fate), (&right, true, Fate::Delivered));
    assert_eq!(came.oob.frame_type(), 0x0800);
    for slot in [CHECKSUM, COALESCED, HASH[0], HASH[1]] {
        assert_eq!(came.oob.0[slot], 0, "slot {slot} tells of other bytes");
    }
    // Another protocol gets it.
    let came = one(replaced_by(&arp()));
    assert_eq!((came.bytes, came.oob.frame_type()), (arp(), 0x0806));
    // A wrong checksum is nobody's but the program's: the frame is lost, not taken for right.
    let mut wrong = right;
    wrong[50] ^= 1;
    assert_eq!(replaced_by(&wrong), []);
    let counts = adapter.counts();
    assert_eq!((counts.lost_bad_checksum, counts.corrupt, counts.lost_wrong_type), (1, 0, 0));
    assert_eq!((counts.lost_split_headers, program.stats().0.frames_replaced), (0, 3));
    drop(program);
    rig.finish();
}

#[test]
fn a_replaced_send_asks_for_nothing() {
    let rig = Rig::start(102);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let other = udp((3, 4), &[9; 100]);
    // All checksums of TCP over IPv4; a large send, version 2, and version 1; segments of UDP.
    for (slot, word) in
        [(CHECKSUM, 0b10101), (LARGE_SEND, MSS | 34 << 20 | 1 << 30), (LARGE_SEND, MSS | 34 << 20), (SEGMENTS, MSS)]
    {
        let mut list = sends(&[udp((1, 2), &[1; 3000])]);
        list[0].oob.0[slot] = word;
        adapter.send(&list, 0);
        let ticket = program.ask()[0].ticket;
        assert_eq!(program.replace(ticket, &other), NtStatus::SUCCESS);
        rig.kernel.sched.pump();
        let came = one(out.arrived_down());
        assert_eq!((&came.bytes, came.filters_own), (&other, true));
        for slot in [CHECKSUM, LARGE_SEND, SEGMENTS, FRAME_TYPE] {
            assert_eq!(came.oob.0[slot], 0, "slot {slot}");
        }
        // The original was dropped: its sender is told (V19 looks at what it is told of large sends).
        assert_eq!(out.completions().into_iter().collect::<Vec<_>>(), [(0, 1)]);
        adapter.send(&list, 0);
        assert!(program.tell(&tickets_of(&program.ask()), drop_it)[0].is_success());
        assert_eq!(out.completions().into_iter().collect::<Vec<_>>(), [(0, 1)]);
    }
    drop(program);
    rig.finish();
}

#[test]
fn a_tag_goes_where_the_originals_was() {
    let rig = Rig::start(103);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let plain = udp((3, 4), &[9; 100]);
    let mut tagged = plain.clone();
    put_vlan(&mut tagged, 0x6009);
    for received in [false, true] {
        for beside in [false, true] {
            for (with, tag) in [(&plain, None), (&tagged, Some(0x6009))] {
                let mut original = udp((1, 2), &[1; 40]);
                if !beside {
                    put_vlan(&mut original, 7);
                }
                if received {
                    let mut list = receives(std::slice::from_ref(&original));
                    list[0].oob.set_vlan(if beside { 7 } else { 0 });
                    adapter.receive(&list, 0);
                } else {
                    let mut list = sends(std::slice::from_ref(&original));
                    list[0].oob.set_vlan(if beside { 7 } else { 0 });
                    adapter.send(&list, 0);
                }
                let asked = program.ask();
                let mut shown = udp((1, 2), &[1; 40]);
                put_vlan(&mut shown, 7);
                assert_eq!(asked[0].bytes, shown, "the program sees it in its place");
                assert_eq!(program.replace(asked[0].ticket, with), NtStatus::SUCCESS);
                rig.kernel.sched.pump();
                let came = one(if received { out.arrived_up() } else { out.arrived_down() });
                assert_eq!(&came.on_the_wire(), with, "received {received} beside {beside}");
                assert_eq!(came.oob.vlan(), tag.filter(|_| beside));
            }
        }
    }
    let counts = adapter.counts();
    assert_eq!((counts.lost_wrong_type, counts.lost_bad_checksum, counts.corrupt), (0, 0, 0));
    drop(program);
    rig.finish();
}

#[test]
fn what_is_no_frame_or_too_long_is_refused_and_the_ticket_stays_good() {
    let rig = Rig::start(104);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let longest = udp((1, 2), &vec![3; 1500 - 28]);
    for received in [false, true] {
        let frames = flow(1, 2);
        if received {
            adapter.receive(&receives(&frames), 0);
        } else {
            adapter.send(&sends(&frames), 0);
        }
        let tickets = tickets_of(&program.ask());
        for bad in [&[][..], &longest[..13], &[longest.as_slice(), &[0]].concat()] {
            assert_eq!(program.replace(tickets[0], bad), NtStatus::INVALID_PARAMETER, "{} bytes", bad.len());
        }
        assert_eq!(program.leases().originals, 2);
        assert_eq!(program.replace(tickets[0], &longest), NtStatus::SUCCESS);
        // A tag takes none of the MTU.
        let mut tagged = longest.clone();
        put_vlan(&mut tagged, 5);
        assert_eq!(program.replace(tickets[1], &tagged), NtStatus::SUCCESS);
        assert_eq!(program.replace(tickets[1], &tagged), NtStatus::REQUEST_NOT_ACCEPTED);
        rig.kernel.sched.pump();
        let came = if received { out.take_up() } else { out.take_down() };
        // A tag in a received frame's bytes is a protocol's that nobody has.
        assert_eq!(came, own(&[longest.clone(), tagged]));
    }
    assert_eq!(program.stats().0.verdicts_unfit, 6);
    drop(program);
    rig.finish();
}

#[test]
fn copies_can_be_replaced_and_parted_too() {
    let rig = Rig::start(105);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 50, &[&adapter]);
    let (sent, received) = (flow(1, 5), flow(2, 2));
    let mut list = [send_of_all(&sent)];
    list[0].oob.set_vlan(7);
    adapter.send(&list, 0);
    let mut list = receives(&received);
    for receive in &mut list {
        receive.oob.0[CHECKSUM] = ALL_RIGHT;
    }
    adapter.receive(&list, 0);
    let asked = program.ask();
    rig.kernel.sched.advance(60 * MS);
    assert_eq!((program.leases().originals, program.leases().leases), (0, 3));
    let (down, up): (Vec<_>, Vec<_>) = asked.into_iter().partition(|question| question.sent);
    let other = udp((9, 9), &[7; 60]);
    let mut tagged = other.clone();
    put_vlan(&mut tagged, 9);
    assert_eq!(program.replace(down[1].ticket, &tagged), NtStatus::SUCCESS);
    assert_eq!(program.tell(&[down[0].ticket, down[4].ticket], pass), [NtStatus::SUCCESS; 2]);
    assert_eq!(program.tell(&[down[2].ticket, down[3].ticket], drop_it), [NtStatus::SUCCESS; 2]);
    assert_eq!(program.replace(up[0].ticket, &other), NtStatus::SUCCESS);
    assert_eq!(program.tell(&[up[1].ticket], pass), [NtStatus::SUCCESS]);
    rig.kernel.sched.pump();
    let bytes = [down[0].bytes.clone(), down[4].bytes.clone(), tagged];
    let came = out.arrived_down();
    assert_eq!(came.iter().map(Arrived::on_the_wire).collect::<Vec<_>>(), bytes);
    assert!(came.iter().all(|frame| frame.oob.vlan().is_some() && frame.filters_own));
    let came = out.arrived_up();
    // The one replaced last comes first or last, as their flows have it: they are copies, without a place.
    let mut came: Vec<_> = came.iter().map(|frame| (frame.bytes.clone(), frame.oob.0[CHECKSUM])).collect();
    came.sort();
    let mut expected = vec![(other, 0), (received[1].clone(), ALL_RIGHT)];
    expected.sort();
    assert_eq!(came, expected);
    assert_eq!(program.leases().promoted_bytes, 0);
    drop(program);
    rig.finish();
}

#[test]
fn the_card_is_asked_for_what_it_has_now() {
    let rig = Rig::start(106);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 900, &[&adapter]);
    let frame = udp((3, 4), &[9; 100]);
    let asking = |ticket, flags: OffloadFlags| {
        let entry = VerdictEntry {
            length: frame.len() as u32,
            offload: flags.bits(),
            ..VerdictEntry::plain(ticket, VERDICT_REPLACE)
        };
        program.verdicts(&[entry], &frame)[0]
    };
    adapter.send(&sends(&flow(1, 2)), 0);
    adapter.receive(&receives(&flow(2, 1)), 0);
    let tickets = tickets_of(&program.ask());
    assert_eq!(asking(tickets[2], OffloadFlags::IP_CHECKSUM), NtStatus::NOT_SUPPORTED, "a receive asks for nothing");
    adapter.set_offloads(Offloads::NONE);
    rig.kernel.sched.pump();
    assert_eq!(asking(tickets[0], OffloadFlags::all()), NtStatus::NOT_SUPPORTED);
    adapter.set_offloads(Offloads::ALL);
    rig.kernel.sched.pump();
    assert_eq!(asking(tickets[0], OffloadFlags::all()), NtStatus::SUCCESS);
    program.pass_all(&tickets[1..]);
    rig.kernel.sched.pump();
    let came = out.arrived_down();
    // IsIPv4, UdpChecksum, IpHeaderChecksum
    assert_eq!(came[0].oob.0[CHECKSUM] & 0x1f, 0b11001);
    assert_eq!((came.len(), adapter.counts().lost_offload), (2, 0));
    drop(program);
    rig.finish();
}

/// A send of many frames of which some are replaced: each in its turn behind those that pass.
#[test]
fn replacements_leave_the_original_as_it_was() {
    for seed in 107..112 {
        let rig = Rig::start(seed);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
        let frames = flow(1, 6);
        let other = udp((1, 53), &[99; 20]);
        adapter.send(&[send_of_all(&frames)], 0);
        let tickets = tickets_of(&program.ask());
        for at in [1, 4] {
            assert_eq!(program.replace(tickets[at], &other), NtStatus::SUCCESS);
        }
        assert_eq!(program.tell(&tickets[2..3], drop_it), [NtStatus::SUCCESS]);
        program.pass_all(&[tickets[0], tickets[3], tickets[5]]);
        rig.kernel.sched.pump();
        let passed = [0, 3, 5].map(|at: usize| frames[at].clone());
        assert_eq!(out.take_down(), own(&[&passed[..], &[other.clone(), other]].concat()));
        // The original came home with its six frames, as it was (V21).
        let completed = out.take_completed();
        assert_eq!(completed.len(), 1);
        let home: Vec<_> = completed[0].0.iter().map(|frame| frame.bytes.clone()).collect();
        assert_eq!((home, completed[0].1), (frames, 0));
        drop(program);
        rig.finish();
    }
}
