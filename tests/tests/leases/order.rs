//! Order: a flow's frames go on as they came, and nobody else waits for them.

use nblease_abi::configure::{Configure, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE};
use nblease_lab::ndis::{MiniportPace, ProtocolPace};
use nblease_tests::{
    Program, Rig,
    gates::{MS, Out, drop_it, flow, originals, own, receives, sends, tickets_of},
};

#[test]
fn a_flow_waits_for_its_first_frame_and_others_go_past() {
    for received in [false, true] {
        let rig = Rig::start(71);
        let adapter = rig.adapter("Ethernet");
        adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::AtOnce);
        let out = Out::watch(&adapter);
        let came = || if received { out.take_up() } else { out.take_down() };
        let program = Program::gate(POLICY_PASS, 500, &[&adapter]);
        let (slow, quick) = (flow(1, 5), flow(2, 3));
        let all: Vec<_> = slow.iter().chain(&quick).cloned().collect();
        if received {
            adapter.receive(&receives(&all), 0);
        } else {
            adapter.send(&sends(&all), 0);
        }
        let tickets = tickets_of(&program.ask());
        // The last are decided first.
        for at in (1..8).rev() {
            program.pass_all(&tickets[at..=at]);
        }
        assert_eq!(came(), originals(&quick), "the other flow: its last two had waited for its first");
        program.pass_all(&tickets[..1]);
        assert_eq!(came(), originals(&slow));
        drop(program);
        rig.finish();
    }
}

#[test]
fn what_comes_later_stays_behind_what_waits_though_nobody_asks_about_it() {
    let rig = Rig::start(72);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PASS, 100, &[&adapter]);
    let frames = flow(1, 4);
    adapter.send(&sends(&frames[..2]), 0);
    let tickets = tickets_of(&program.ask());
    // The reader trips on the next one; what comes then is decided at once and waits for its turn alone.
    program.pass_all(&tickets[1..]);
    adapter.send(&sends(&frames[2..3]), 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_down(), program.leases().originals), (vec![], 3));
    rig.kernel.sched.advance(100 * MS);
    assert_eq!(out.take_down(), originals(&frames[..3]));
    adapter.send(&sends(&frames[3..]), 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames[3..]));
    drop(program);
    rig.finish();
}

#[test]
fn what_is_dropped_or_copied_is_not_waited_for() {
    let rig = Rig::start(73);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::tap(&Configure::gate(1, POLICY_DROP, 500), &[&adapter]);
    let frames = flow(1, 3);
    adapter.send(&sends(&frames), 0);
    let tickets = tickets_of(&program.ask());
    program.pass_all(&tickets[1..2]);
    assert_eq!(out.take_down(), []);
    assert!(program.tell(&tickets[..1], drop_it)[0].is_success());
    assert_eq!(out.take_down(), originals(&frames[1..2]));
    drop(program);

    let program = Program::gate(POLICY_PROMOTE, 50, &[&adapter]);
    adapter.send(&sends(&frames[..1]), 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(30 * MS);
    adapter.send(&sends(&frames[1..2]), 0);
    let later = tickets_of(&program.ask());
    program.pass_all(&later);
    assert_eq!(out.take_down(), []);
    rig.kernel.sched.advance(25 * MS);
    assert_eq!(out.take_down(), originals(&frames[1..2]), "the first is copied, and has no place");
    program.pass_all(&tickets);
    assert_eq!(out.take_down(), own(&frames[..1]));
    drop(program);
    rig.finish();
}

/// Replacements have their frame's place.
#[test]
fn a_replacement_waits_for_its_turn() {
    let rig = Rig::start(74);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let (frames, others) = (flow(1, 3), flow(1, 9)[6..].to_vec());
    adapter.receive(&receives(&frames), 0);
    let tickets = tickets_of(&program.ask());
    assert!(program.replace(tickets[1], &others[1]).is_success());
    program.pass_all(&tickets[2..]);
    assert_eq!(out.take_up(), []);
    program.pass_all(&tickets[..1]);
    let expected = [(frames[0].clone(), true), (others[1].clone(), false), (frames[2].clone(), true)];
    assert_eq!(out.take_up(), expected);
    drop(program);
    rig.finish();
}
