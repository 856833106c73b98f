//! GATE: originals wait for verdicts and go on, end, or are replaced; deadlines, policies and tickets.

use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
    verdict::{VERDICT_DROP, VERDICT_PASS, VERDICT_REPLACE, VerdictEntry},
};
use nblease_lab::ndis::frame::{Frame, SendNbl};
use nblease_tests::{
    Program, READ, Rig, frame_bytes,
    gates::{MS, Out, asked_by, originals},
    receive_of, send_of,
};

#[test]
fn what_passes_goes_on_as_the_original_in_both_directions() {
    let rig = Rig::start(1);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::tap(&Configure::gate(1, POLICY_DROP, 100), &[&adapter]);
    let (sent, received) = (frame_bytes(90, 1), frame_bytes(91, 2));
    let read = program.handle.read(READ);
    adapter.send(&[send_of(sent.clone())], 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), [], "it waits");
    assert_eq!(program.leases().originals, 1);
    let mut tickets = asked_by(&read);
    let read = program.handle.read(READ);
    adapter.receive(&[receive_of(received.clone())], 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_up(), []);
    tickets.extend(asked_by(&read));
    assert_eq!(tickets.iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>(), [sent.clone(), received.clone()]);

    let pass = |ticket| VerdictEntry::plain(ticket, VERDICT_PASS);
    let entries: Vec<_> = tickets.iter().map(|&(ticket, _)| pass(ticket)).collect();
    assert_eq!(program.verdicts(&entries, &[]), [NtStatus::SUCCESS; 2]);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&[sent]));
    assert_eq!(out.take_up(), originals(&[received]));
    assert_eq!(program.verdicts(&entries[..1], &[]), [NtStatus::REQUEST_NOT_ACCEPTED], "answered twice");
    assert_eq!(program.verdicts(&[pass(12345)], &[]), [NtStatus::NOT_FOUND]);
    let (reader, adapters) = program.stats();
    assert_eq!((reader.frames_asked, reader.frames_passed, reader.verdicts_twice), (2, 2, 1));
    assert_eq!((reader.bytes_copied, adapters[0].nbls_leased), (181, 2));
    assert_eq!(program.leases().originals, 0);
    drop(program);
    rig.finish();
}

#[test]
fn verdicts_of_one_send_may_differ() {
    let rig = Rig::start(2);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::tap(&Configure::gate(1, POLICY_PASS, 100), &[&adapter]);
    let frames: Vec<_> = (0..4).map(|i| frame_bytes(80 + i, i as u8)).collect();
    let read = program.handle.read(READ);
    adapter.send(&[SendNbl::new(frames.iter().map(|bytes| Frame::new(bytes.clone())))], 0);
    rig.kernel.sched.pump();
    let tickets = asked_by(&read);
    assert_eq!(tickets.len(), 4);
    let other = frame_bytes(70, 0xAA);
    let entries = [
        VerdictEntry::plain(tickets[0].0, VERDICT_PASS),
        VerdictEntry::plain(tickets[1].0, VERDICT_DROP),
        VerdictEntry { length: 70, ..VerdictEntry::plain(tickets[2].0, VERDICT_REPLACE) },
        VerdictEntry::plain(tickets[3].0, VERDICT_PASS),
    ];
    assert_eq!(program.verdicts(&entries, &other), [NtStatus::SUCCESS; 4]);
    rig.kernel.sched.pump();
    let own = |bytes: &Vec<u8>| (bytes.clone(), false);
    assert_eq!(out.take_down(), [own(&frames[0]), own(&frames[3]), own(&other)]);
    let (reader, adapters) = program.stats();
    assert_eq!((reader.frames_passed, reader.frames_dropped, reader.frames_replaced), (2, 1, 1));
    assert_eq!((adapters[0].nbls_shadowed, adapters[0].nbls_shadow_failed), (1, 0));
    drop(program);
    rig.finish();
}

#[test]
fn a_reader_that_does_not_answer_costs_one_budget() {
    for (policy, passes) in [(POLICY_PASS, true), (POLICY_DROP, false)] {
        let rig = Rig::start(3);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::tap(&Configure::gate(1, policy, 100), &[&adapter]);
        let read = program.handle.read(READ);
        let frames: Vec<_> = (0..10).map(|i| frame_bytes(80 + i, i as u8)).collect();
        for bytes in &frames[..5] {
            adapter.send(&[send_of(bytes.clone())], 0);
        }
        rig.kernel.sched.pump();
        let tickets = asked_by(&read);
        assert_eq!(out.take_down(), []);
        rig.kernel.sched.advance(100 * MS);
        assert_eq!(out.take_down(), if passes { originals(&frames[..5]) } else { vec![] });
        // It is tripped: what comes now does not wait.
        for bytes in &frames[5..] {
            adapter.send(&[send_of(bytes.clone())], 0);
        }
        rig.kernel.sched.pump();
        assert_eq!(out.take_down(), if passes { originals(&frames[5..]) } else { vec![] });
        let late = program.verdicts(&[VerdictEntry::plain(tickets[0].0, VERDICT_PASS)], &[]);
        assert_eq!(late, [NtStatus::IO_TIMEOUT]);
        let (reader, _) = program.stats();
        assert_eq!((reader.trips, reader.recoveries, reader.verdicts_late), (1, 1, 1));
        assert!(program.leases().longest_hold <= 100 * MS / 100);
        drop(program);
        rig.finish();
    }
}

#[test]
fn promoted_copies_go_on_when_they_are_answered() {
    let rig = Rig::start(4);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::tap(&Configure::gate(1, POLICY_PROMOTE, 50), &[&adapter]);
    let (sent, received) = (frame_bytes(90, 1), frame_bytes(91, 2));
    let reads = [program.handle.read(READ), program.handle.read(READ)];
    adapter.send(&[send_of(sent.clone())], 0);
    adapter.receive(&[receive_of(received.clone())], 0);
    rig.kernel.sched.pump();
    let tickets: Vec<_> = reads.iter().flat_map(asked_by).collect();
    assert_eq!(tickets.len(), 2);
    rig.kernel.sched.advance(60 * MS);
    assert_eq!((program.leases().originals, program.leases().leases), (0, 2));
    assert_eq!(out.take_down(), []);
    let entries: Vec<_> = tickets.iter().map(|&(ticket, _)| VerdictEntry::plain(ticket, VERDICT_PASS)).collect();
    assert_eq!(program.verdicts(&entries, &[]), [NtStatus::SUCCESS; 2]);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), [(sent, false)]);
    assert_eq!(out.take_up(), [(received, false)]);
    assert_eq!(program.stats().0.nbls_promoted, 2);
    drop(program);
    rig.finish();
}

#[test]
fn a_patient_tap_gets_its_frames_from_the_originals() {
    let rig = Rig::start(5);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::tap(&Configure { budget_ms: 200, ..Configure::tap(1) }, &[&adapter]);
    let frames: Vec<_> = (0..6).map(|i| frame_bytes(80 + i, i as u8)).collect();
    // With a read pended nothing waits.
    let read = program.handle.read(READ);
    adapter.send(&[send_of(frames[0].clone())], 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames[..1]));
    let got = read.try_result().expect("completed");
    assert_eq!(nblease_tests::seen(&got.data[..got.information])[0].bytes, frames[0]);
    // Without one the originals wait, and a read that comes takes them.
    for bytes in &frames[1..4] {
        adapter.send(&[send_of(bytes.clone())], 0);
    }
    rig.kernel.sched.pump();
    assert_eq!((out.take_down(), program.leases().originals), (vec![], 3));
    let read = program.handle.read(READ);
    rig.kernel.sched.pump();
    let got = read.try_result().expect("completed");
    let got: Vec<_> = nblease_tests::seen(&got.data[..got.information]).into_iter().map(|seen| seen.bytes).collect();
    assert_eq!(got, frames[1..4]);
    assert_eq!(out.take_down(), originals(&frames[1..4]));
    let (reader, _) = program.stats();
    assert_eq!((reader.frames_direct, reader.frames_spilled), (4, 0), "one copy each");
    // A deadline spills, and ends the patience until the next read.
    adapter.send(&[send_of(frames[4].clone())], 0);
    rig.kernel.sched.advance(200 * MS);
    assert_eq!(out.take_down(), originals(&frames[4..5]));
    adapter.send(&[send_of(frames[5].clone())], 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames[5..]));
    let (reader, _) = program.stats();
    assert_eq!((reader.frames_spilled, reader.trips), (2, 1));
    drop(program);
    rig.finish();
}
