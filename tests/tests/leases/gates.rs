//! Several readers that hold frames, one after the other.

use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
};
use nblease_tests::{
    Program, READ, Rig,
    gates::{MS, Out, bytes_of, drop_it, flow, originals, own, receives, send_of_all, sends, tickets_of, udp},
    seen,
};

fn gate(priority: u32, policy: u32, budget_ms: u32) -> Configure {
    Configure { priority, ..Configure::gate(1, policy, budget_ms) }
}

#[test]
fn gates_are_asked_by_priority_and_equals_by_age() {
    let rig = Rig::start(61);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let [c, a, b] = [5, 0, 5].map(|priority| Program::tap(&gate(priority, POLICY_DROP, 100), &[&adapter]));
    let patient = Program::tap(&Configure { budget_ms: 100, ..Configure::tap(1) }, &[&adapter]);
    let plain = Program::tap(&Configure::tap(1), &[&adapter]);
    let frames = flow(1, 3);
    adapter.send(&sends(&frames), 0);
    rig.kernel.sched.pump();
    let asked = |program: &Program| program.stats().0.frames_asked;
    let all = || [asked(&patient), asked(&a), asked(&c), asked(&b)];
    assert_eq!(all(), [3, 0, 0, 0], "TAPs see frames before any GATE");
    assert_eq!(plain.stats().0.frames_spilled, 3, "a TAP without patience has them");
    let read = patient.handle.read(READ).wait();
    assert_eq!(seen(&read.data[..read.information]).len(), 3);
    assert_eq!(all(), [3, 3, 0, 0]);
    // What the first drops nobody else is asked about.
    let asked_a = a.ask();
    assert!(a.tell(&[asked_a[1].ticket], drop_it)[0].is_success());
    a.pass_all(&[asked_a[0].ticket, asked_a[2].ticket]);
    assert_eq!(all(), [3, 3, 2, 0]);
    let asked_c = c.ask();
    assert_eq!(bytes_of(&asked_c), [frames[0].clone(), frames[2].clone()]);
    // Nor about what one replaces.
    let other = udp((1, 53), &[77; 20]);
    assert!(c.replace(asked_c[0].ticket, &other).is_success());
    c.pass_all(&[asked_c[1].ticket]);
    assert_eq!((all(), out.take_down()), ([3, 3, 2, 1], own(&[other])));
    b.pass_all(&tickets_of(&b.ask()));
    assert_eq!(out.take_down(), originals(&frames[2..]));
    drop((a, b, c, patient, plain));
    rig.finish();
}

#[test]
fn budgets_together_are_bounded_and_what_exceeds_them_changes_nothing() {
    let rig = Rig::start(62);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let luids = [adapter.luid];
    let first = Program::gate(POLICY_DROP, 600, &[&adapter]);
    let patient = Program::tap(&Configure { budget_ms: 200, ..Configure::tap(1) }, &[&adapter]);
    let second = Program::open();
    assert_eq!(NtStatus(second.configure(&gate(0, POLICY_PASS, 150), &luids).0), NtStatus::QUOTA_EXCEEDED);
    assert_eq!(second.readers(), 2, "it is no reader");
    assert_eq!(NtStatus(second.handle.read(READ).wait().status), NtStatus::DEVICE_NOT_READY);
    // Each that came waits as long as it asked for.
    let frames = flow(1, 1);
    patient.handle.read(READ);
    adapter.send(&sends(&frames), 0);
    rig.kernel.sched.pump();
    first.pass_all(&tickets_of(&first.ask()));
    assert_eq!(out.take_down(), originals(&frames));
    // What is left is enough for one of 100; when one goes there is more.
    assert_eq!(second.configure(&gate(0, POLICY_PASS, 100), &luids).0, 0);
    let third = Program::open();
    assert_eq!(NtStatus(third.configure(&gate(0, POLICY_PASS, 20), &luids).0), NtStatus::QUOTA_EXCEEDED);
    patient.process.kill();
    assert_eq!(third.configure(&gate(0, POLICY_PASS, 200), &luids).0, 0);
    // One that holds nothing needs no budget.
    let plain = Program::open();
    assert_eq!(plain.configure(&Configure::tap(1), &luids).0, 0);
    drop((first, second, third, plain, patient));
    rig.finish();
}

#[test]
fn there_are_places_for_so_many_readers() {
    let rig = Rig::start(63);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let programs: Vec<_> = (0..32).map(|at| Program::tap(&gate(at, POLICY_DROP, 10), &[&adapter])).collect();
    let more = Program::open();
    let refused = more.configure(&gate(0, POLICY_DROP, 5), &[adapter.luid]).0;
    assert_eq!(NtStatus(refused), NtStatus::QUOTA_EXCEEDED);
    assert_eq!(more.readers(), 32);
    let frame = flow(1, 1);
    adapter.receive(&receives(&frame), 0);
    for program in &programs {
        program.pass_all(&tickets_of(&program.ask()));
    }
    rig.kernel.sched.pump();
    assert_eq!(out.take_up(), originals(&frame));
    programs[9].process.kill();
    assert_eq!(more.configure(&gate(0, POLICY_DROP, 5), &[adapter.luid]).0, 0);
    drop((programs, more));
    rig.finish();
}

/// Nobody is heard: each has its own budget, and the sum is what a frame waits.
#[test]
fn budgets_run_one_after_the_other() {
    let rig = Rig::start(64);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let programs = [(0, 300), (1, 400)].map(|(at, ms)| Program::tap(&gate(at, POLICY_PASS, ms), &[&adapter]));
    let patient = Program::tap(&Configure { budget_ms: 200, ..Configure::tap(1) }, &[&adapter]);
    let frames = flow(1, 3);
    adapter.send(&[send_of_all(&frames)], 0);
    adapter.receive(&receives(&frames), 0);
    rig.kernel.sched.advance(890 * MS);
    assert_eq!((out.take_down(), out.take_up()), (vec![], vec![]));
    rig.kernel.sched.advance(10 * MS);
    assert_eq!((out.take_down(), out.take_up()), (originals(&frames), originals(&frames)));
    let holds = rig.kernel.ndis.holds_of(rig.driver);
    assert!(holds.sends.max_ms() <= 900 && holds.receives.max_ms() <= 900, "{holds:?}");
    assert!(patient.leases().longest_hold <= 900 * MS / 100);
    let trips = [&patient, &programs[0], &programs[1]].map(|program| program.stats().0.trips);
    assert_eq!(trips, [1, 1, 1]);
    // From now on it costs nothing.
    adapter.send(&sends(&frames), 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames));
    assert_eq!(patient.stats().0.spill_frames, 9, "the TAP lost none");
    drop((programs, patient));
    rig.finish();
}

/// The first one's copies are judged by the second too, and its deadline is the copy's.
#[test]
fn a_copy_goes_to_the_next_gate() {
    let rig = Rig::start(65);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let first = Program::tap(&gate(0, POLICY_PROMOTE, 50), &[&adapter]);
    let second = Program::tap(&gate(1, POLICY_DROP, 50), &[&adapter]);
    let frames = flow(1, 2);
    adapter.send(&sends(&frames), 0);
    let asked = first.ask();
    rig.kernel.sched.advance(60 * MS);
    first.pass_all(&tickets_of(&asked));
    rig.kernel.sched.advance(200 * MS);
    assert_eq!((out.take_down(), first.leases().leases), (vec![], 2));
    let again = second.ask();
    assert_eq!(bytes_of(&again), frames);
    second.pass_all(&tickets_of(&again[..1]));
    assert!(second.tell(&tickets_of(&again[1..]), drop_it)[0].is_success());
    assert_eq!(out.take_down(), own(&frames[..1]));
    drop((first, second));
    rig.finish();
}
