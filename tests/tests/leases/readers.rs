//! Readers that die, sleep, are slow or lie, and their tickets.

use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
    ioctl::IOCTL_VERDICT,
    verdict::{MAX_VERDICTS, VERDICT_REPLACE, VerdictEntry, Verdicts, VerdictsReply},
};
use nblease_lab::io::Process;
use nblease_tests::{
    Program, READ, Rig,
    gates::{MS, Out, asked_by, bytes_of, drop_it, flow, originals, own, pass, receives, sends, tickets_of, udp},
};
use zerocopy::IntoBytes as _;

#[test]
fn with_the_last_handle_policy_decides_at_once() {
    for (policy, passes) in [(POLICY_PASS, true), (POLICY_DROP, false), (POLICY_PROMOTE, false)] {
        for killed in [false, true] {
            let rig = Rig::start(91);
            let adapter = rig.adapter("Ethernet");
            let out = Out::watch(&adapter);
            let program = Program::gate(policy, 500, &[&adapter]);
            let frames = flow(1, 6);
            adapter.send(&sends(&frames[..2]), 0);
            adapter.receive(&receives(&frames[2..4]), 0);
            program.ask();
            adapter.send(&sends(&frames[4..]), 0);
            rig.kernel.sched.pump();
            assert_eq!(program.leases().originals, 6);
            // A handle of the same file keeps it.
            let heir = Process::new("heir.exe", true);
            let other = program.handle.duplicate(&heir);
            program.process.kill();
            rig.kernel.sched.pump();
            let observer = Program::open();
            assert_eq!((observer.leases().originals, out.take_down()), (6, vec![]));
            if killed {
                heir.kill();
            } else {
                other.close();
            }
            rig.kernel.sched.pump();
            let passed = |frames: &[Vec<u8>]| if passes { originals(frames) } else { vec![] };
            let sent = [&frames[..2], &frames[4..]].concat();
            assert_eq!((out.take_down(), out.take_up()), (passed(&sent), passed(&frames[2..4])), "policy {policy}");
            assert_eq!((observer.leases().leases, adapter.outstanding()), (0, (0, 0)));
            // Nobody judges any more.
            adapter.send(&sends(&frames), 0);
            rig.kernel.sched.pump();
            assert_eq!(out.take_down(), originals(&frames));
            drop((program, observer, heir));
            rig.finish();
        }
    }
}

#[test]
fn copies_end_with_their_reader() {
    let rig = Rig::start(92);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 50, &[&adapter]);
    let frames = flow(1, 5);
    adapter.send(&sends(&frames), 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(60 * MS);
    program.pass_all(&tickets[..1]);
    program.handle.close();
    rig.kernel.sched.pump();
    let observer = Program::open();
    assert_eq!((observer.leases().leases, observer.leases().promoted_bytes), (0, 0));
    assert_eq!(out.take_down(), own(&frames[..1]));
    assert_eq!(observer.stats().0.nbls_promoted_expired, 4);
    drop((program, observer));
    rig.finish();
}

#[test]
fn a_suspended_reader_costs_one_budget_and_is_heard_again() {
    let rig = Rig::start(93);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PASS, 100, &[&adapter]);
    // It has got nothing to answer: it is waited for again when it reads.
    for round in 0..3 {
        let frames = flow(round, 10);
        adapter.send(&sends(&frames[..4]), 0);
        rig.kernel.sched.advance(100 * MS);
        assert_eq!(out.take_down(), originals(&frames[..4]));
        for frame in &frames[4..] {
            adapter.send(&sends(std::slice::from_ref(frame)), 0);
            rig.kernel.sched.pump();
            assert_eq!(out.take_down(), originals(std::slice::from_ref(frame)), "at once");
        }
        let read = program.handle.read(READ);
        assert_eq!(program.stats().0.recoveries, u64::from(round) + 1);
        adapter.send(&sends(&frames[..1]), 0);
        rig.kernel.sched.pump();
        assert_eq!(out.take_down(), []);
        program.pass_all(&asked_by(&read).into_iter().map(|(ticket, _)| ticket).collect::<Vec<_>>());
        assert_eq!(out.take_down(), originals(&frames[..1]));
    }
    // It has: it is waited for again when it answers, however late.
    let frames = flow(9, 4);
    adapter.receive(&receives(&frames[..2]), 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(100 * MS);
    let read = program.handle.read(READ);
    adapter.receive(&receives(&frames[2..3]), 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_up(), read.try_result().is_some()), (originals(&frames[..3]), false), "to read is not enough");
    assert_eq!(program.tell(&tickets, pass), [NtStatus::IO_TIMEOUT; 2]);
    adapter.receive(&receives(&frames[3..]), 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_up(), asked_by(&read).len()), (vec![], 1));
    assert_eq!((program.stats().0.trips, program.stats().0.verdicts_late), (4, 2));
    drop(program);
    rig.finish();
}

#[test]
fn a_reader_that_has_never_read_is_not_waited_for() {
    let rig = Rig::start(94);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::open();
    assert_eq!(program.configure(&Configure::gate(1, POLICY_PASS, 500), &[adapter.luid]).0, 0);
    let frames = flow(1, 3);
    adapter.send(&sends(&frames), 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_down(), program.leases().leases), (originals(&frames), 0));
    let reader = program.stats().0;
    assert_eq!((reader.trips, reader.frames_asked, reader.frames_policy_passed), (0, 0, 3));
    drop(program);
    rig.finish();
}

#[test]
fn tickets_are_their_readers_and_good_once() {
    let rig = Rig::start(95);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let [mine, other] = [1, 2]
        .map(|priority| Program::tap(&Configure { priority, ..Configure::gate(1, POLICY_DROP, 200) }, &[&adapter]));
    let frames = flow(1, 3);
    adapter.send(&sends(&frames), 0);
    let tickets = tickets_of(&mine.ask());
    assert_eq!(other.tell(&tickets, pass), [NtStatus::ACCESS_DENIED; 3]);
    assert_eq!(mine.leases().originals, 3);
    // Twice in one request; and numbers that are no tickets.
    let twice = [pass(tickets[0]), drop_it(tickets[0]), pass(tickets[1]), pass(tickets[1])];
    let (ok, again) = (NtStatus::SUCCESS, NtStatus::REQUEST_NOT_ACCEPTED);
    assert_eq!(mine.verdicts(&twice, &[]), [ok, again, ok, again]);
    for nonsense in [0, 1, tickets[2] + 1, tickets[2] << 1, u64::MAX, 1 << 63] {
        assert_eq!(mine.tell(&[nonsense], pass), [NtStatus::NOT_FOUND], "{nonsense:#x}");
    }
    mine.pass_all(&tickets[2..]);
    let second = other.ask();
    assert_eq!(bytes_of(&second), frames);
    assert!(second.iter().all(|question| !tickets.contains(&question.ticket)));
    assert_eq!(mine.tell(&tickets_of(&second), pass), [NtStatus::ACCESS_DENIED; 3]);
    assert_eq!(mine.tell(&tickets, pass), [again; 3], "answered, whoever is asked now");
    // Its budget begins where that of the first ends.
    rig.kernel.sched.advance(400 * MS);
    assert_eq!(other.tell(&tickets_of(&second), pass), [NtStatus::IO_TIMEOUT; 3]);
    assert_eq!(out.take_down(), []);
    let (a, b) = (mine.stats().0, other.stats().0);
    assert_eq!((a.verdicts_foreign, a.verdicts_unknown, a.verdicts_twice), (3, 6, 5));
    assert_eq!((b.verdicts_foreign, b.verdicts_late, b.frames_policy_dropped), (3, 3, 3));
    drop((mine, other));
    rig.finish();
}

#[test]
fn a_malformed_request_is_refused_whole() {
    let rig = Rig::start(96);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let frames = flow(1, 2);
    adapter.send(&sends(&frames), 0);
    let tickets = tickets_of(&program.ask());
    let good = pass(tickets[0]);
    let bytes = udp((1, 53), &[5; 20]);
    let request = |head: Verdicts, entries: &[VerdictEntry], frames: &[u8]| {
        [head.as_bytes(), entries.as_bytes(), frames].concat()
    };
    let of =
        |entries: &[VerdictEntry]| request(Verdicts::new(entries.len() as u32, bytes.len() as u32), entries, &bytes);
    let room = VerdictsReply::output_len(2);
    let replace = VerdictEntry { length: bytes.len() as u32, ..VerdictEntry::plain(tickets[1], VERDICT_REPLACE) };
    for (input, output, expected) in [
        (vec![], room, NtStatus::BUFFER_TOO_SMALL),
        (of(&[good, good])[..15].to_vec(), room, NtStatus::BUFFER_TOO_SMALL),
        (of(&[good, good])[..60].to_vec(), room, NtStatus::INVALID_PARAMETER),
        (of(&[]), room, NtStatus::INVALID_PARAMETER),
        (of(&vec![good; MAX_VERDICTS as usize + 1]), 64 << 10, NtStatus::INVALID_PARAMETER),
        (request(Verdicts::new(u32::MAX, 0), &[good], &[]), room, NtStatus::INVALID_PARAMETER),
        (request(Verdicts::new(1, 1), &[good], &[]), room, NtStatus::INVALID_PARAMETER),
        (
            request(Verdicts { reserved: [0, 1], ..Verdicts::new(1, 0) }, &[good], &[]),
            room,
            NtStatus::INVALID_PARAMETER,
        ),
        (of(&[good, VerdictEntry { verdict: 9, ..good }]), room, NtStatus::INVALID_PARAMETER),
        (of(&[good, VerdictEntry { reserved: 1, ..replace }]), room, NtStatus::INVALID_PARAMETER),
        (of(&[good, VerdictEntry { length: 10_000, ..replace }]), room, NtStatus::INVALID_PARAMETER),
        (of(&[good, VerdictEntry { offset: u32::MAX, ..replace }]), room, NtStatus::INVALID_PARAMETER),
        (of(&[good, VerdictEntry { offload: 0x80, ..replace }]), room, NtStatus::INVALID_PARAMETER),
        // No room to say what came of each.
        (of(&[good, replace]), room - 1, NtStatus::BUFFER_TOO_SMALL),
        (of(&[good, replace]), 0, NtStatus::BUFFER_TOO_SMALL),
    ] {
        let completion = program.handle.ioctl(IOCTL_VERDICT, &input, output).wait();
        assert_eq!((NtStatus(completion.status), completion.information), (expected, 0), "{} bytes", input.len());
    }
    assert_eq!((program.leases().originals, out.take_down()), (2, vec![]));
    assert_eq!(program.verdicts(&[good, replace], &bytes), [NtStatus::SUCCESS; 2], "the tickets are good");
    drop(program);
    rig.finish();
}

#[test]
fn only_a_gate_has_a_verdict() {
    let rig = Rig::start(97);
    let adapter = rig.adapter("Ethernet");
    let gate = Program::gate(POLICY_DROP, 300, &[&adapter]);
    let patient = Program::tap(&Configure { budget_ms: 100, ..Configure::tap(1) }, &[&adapter]);
    let plain = Program::tap(&Configure::tap(1), &[&adapter]);
    let nobody = Program::open();
    let read = patient.handle.read(READ);
    adapter.send(&sends(&flow(1, 1)), 0);
    rig.kernel.sched.pump();
    assert!(read.try_result().is_some());
    let ticket = gate.ask()[0].ticket;
    let input = [Verdicts::new(1, 0).as_bytes(), pass(ticket).as_bytes()].concat();
    for (program, expected) in [
        (&patient, NtStatus::INVALID_DEVICE_REQUEST),
        (&plain, NtStatus::INVALID_DEVICE_REQUEST),
        (&nobody, NtStatus::DEVICE_NOT_READY),
    ] {
        assert_eq!(NtStatus(program.handle.ioctl(IOCTL_VERDICT, &input, 64).wait().status), expected);
    }
    gate.pass_all(&[ticket]);
    drop((gate, patient, plain, nobody));
    rig.finish();
}

/// A read that is cancelled takes no question with it.
#[test]
fn questions_survive_a_cancelled_read() {
    let rig = Rig::start(98);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::tap(&Configure { timeout_ms: 50, ..Configure::gate(1, POLICY_DROP, 500) }, &[&adapter]);
    let frames = flow(1, 3);
    let read = program.handle.read(READ);
    adapter.send(&sends(&frames[..1]), 0);
    read.cancel();
    adapter.send(&sends(&frames[1..]), 0);
    rig.kernel.sched.pump();
    let mut tickets: Vec<_> = asked_by(&read).into_iter().map(|(ticket, _)| ticket).collect();
    assert_eq!(tickets.len(), 1, "it ends with what is in it");
    let rest = program.handle.read(READ).wait();
    tickets.extend(tickets_of(&nblease_tests::gates::questions(&rest.data[..rest.information])));
    program.pass_all(&tickets);
    assert_eq!(out.take_down(), originals(&frames));
    drop(program);
    rig.finish();
}
