//! Pause, detach, unload, lost links and cancelled sends with leases out.

use std::{collections::BTreeMap, sync::Arc};

use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
    rules::{MATCH_SOURCE_PORTS, RULE_ASK, RULE_PASS, RuleRecord},
};
use nblease_lab::{
    ndis::{Adapter, AdapterConfig, MiniportPace, ProtocolPace, frame::SendNbl},
    nt,
};
use nblease_tests::{
    Program, READ, Rig,
    gates::{
        ABORTED, DISCONNECTED, MS, Out, PAUSED, SENT, drop_it, flow, originals, own, pass, receives, sends, tickets_of,
        udp,
    },
};

/// NetBufferListCancelId
const CANCEL_ID: usize = 5;

/// Each adapter has as many receives out as it may. Sends are never out when NDIS pauses a filter: what sent them waits for
/// them before.
#[test]
fn ten_thousand_leases_and_every_reader_suspended() {
    const ADAPTERS: usize = 40;
    const EACH: usize = 256;
    let rig = Rig::start(21);
    let adapters: Vec<_> = (0..ADAPTERS).map(|number| rig.adapter(&format!("Ethernet {number}"))).collect();
    let all: Vec<_> = adapters.iter().collect();
    let outs: Vec<_> = adapters.iter().map(|adapter| Out::watch(adapter)).collect();
    let patient = Program::tap(&Configure { budget_ms: 200, ..Configure::tap(1) }, &all);
    let first = Program::gate(POLICY_DROP, 300, &all);
    let second = Program::gate(POLICY_PROMOTE, 400, &all);
    let receive = |adapter: &Arc<Adapter>| {
        for port in 0..EACH as u16 / 64 {
            adapter.receive(&receives(&flow(port, 64)), 0);
        }
    };
    // The TAP has a read for those of the first half, so that the GATE is asked about them.
    adapters[..ADAPTERS / 2].iter().for_each(receive);
    rig.kernel.sched.pump();
    patient.handle.read(4 << 20).wait();
    rig.kernel.sched.pump();
    let asked = first.ask();
    adapters[ADAPTERS / 2..].iter().for_each(receive);
    rig.kernel.sched.pump();
    assert_eq!(first.leases().originals, (ADAPTERS * EACH) as u64);
    assert!(outs.iter().all(|out| out.take_up().is_empty()));

    let before = rig.kernel.clock.now_ns();
    adapters.iter().for_each(Adapter::pause);
    let took = rig.kernel.clock.now_ns() - before;
    assert!(took <= 100 * MS, "{took} ns");
    assert_eq!(first.leases().leases, 0);
    assert!(adapters.iter().all(|adapter| adapter.outstanding() == (0, 0)));
    assert!(outs.iter().all(|out| out.take_up().is_empty()), "the policy is not applied");
    assert!(first.stats().1.iter().all(|adapter| adapter.leases_drained == EACH as u64));
    let tickets = tickets_of(&asked[..3]);
    assert_eq!(second.tell(&tickets, pass), [NtStatus::ACCESS_DENIED; 3]);
    assert_eq!(first.tell(&tickets, drop_it), [NtStatus::CANCELLED; 3]);

    adapters.iter().for_each(Adapter::restart);
    let frames = flow(7, 3);
    let read = patient.handle.read(READ);
    adapters[5].send(&sends(&frames), 0);
    rig.kernel.sched.pump();
    assert!(read.try_result().is_some());
    first.pass_all(&tickets_of(&first.ask()));
    second.pass_all(&tickets_of(&second.ask()));
    assert_eq!(outs[5].take_down(), originals(&frames));
    drop((patient, first, second));
    rig.finish();
}

#[test]
fn a_pause_waits_for_leased_sends_no_longer_than_the_budgets() {
    let rig = Rig::start(28);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let patient = Program::tap(&Configure { budget_ms: 200, ..Configure::tap(1) }, &[&adapter]);
    let program = Program::gate(POLICY_DROP, 300, &[&adapter]);
    for port in 0..100_u16 {
        adapter.send(&sends(&flow(port, 100)), 0);
    }
    rig.kernel.sched.pump();
    assert_eq!((program.leases().originals, out.take_down()), (10_000, vec![]));
    let before = rig.kernel.clock.now_ns();
    adapter.pause();
    let took = rig.kernel.clock.now_ns() - before;
    assert!(took <= 500 * MS, "{took} ns");
    assert_eq!((program.leases().leases, adapter.outstanding()), (0, (0, 0)));
    assert_eq!((out.take_down(), out.completions()), (vec![], BTreeMap::from([(SENT, 10_000)])));
    drop((patient, program));
    rig.finish();
}

#[test]
fn copies_outlive_a_pause_and_go_on_after_the_restart() {
    let rig = Rig::start(22);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 20, &[&adapter]);
    let (sent, received) = (flow(1, 2), flow(2, 2));
    adapter.send(&sends(&sent), 0);
    adapter.receive(&receives(&received), 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(20 * MS);
    adapter.pause();
    program.pass_all(&tickets);
    rig.kernel.sched.advance(100 * MS);
    assert_eq!((out.take_down(), out.take_up()), (vec![], vec![]), "nothing is originated while it is paused");
    assert_eq!(program.leases().leases, 4);
    adapter.restart();
    rig.kernel.sched.advance(10 * MS);
    assert_eq!((out.take_down(), out.take_up()), (own(&sent), own(&received)));
    drop(program);
    rig.finish();
}

/// NDIS holds sends back while it pauses a stack; one that comes all the same is refused as soon as the pause is under way,
/// not only when it is done, also where nobody would be asked about it.
#[test]
fn sends_are_refused_while_a_pause_waits_for_copies() {
    let rig = Rig::start(29);
    let adapter = rig.adapter("Ethernet");
    adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::Manual);
    let out = Out::watch(&adapter);
    let source_port = |port: u16, action| {
        let mut rule = RuleRecord::all(action);
        rule.matches = MATCH_SOURCE_PORTS;
        rule.source_ports = [port.to_le_bytes(); 2];
        rule
    };
    let rules = [source_port(1, RULE_ASK), RuleRecord::all(RULE_PASS)];
    let program = Program::gate_with(&Configure::gate(1, POLICY_PROMOTE, 20), &rules, &adapter);
    let (copied, unasked) = (flow(1, 1), flow(2, 1));
    adapter.send(&sends(&copied), 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(20 * MS);
    program.pass_all(&tickets);
    assert_eq!(out.take_down(), own(&copied), "which the card keeps");
    assert_eq!(out.completions(), BTreeMap::from([(SENT, 1)]));

    let late = adapter.clone();
    let both = sends(&[copied[0].clone(), unasked[0].clone()]);
    rig.kernel.sched.set_timer(MS, 0, Box::new(move || late.send_anyway(&both, 0, 0)));
    let card = adapter.clone();
    rig.kernel.sched.set_timer(2 * MS, 0, Box::new(move || card.complete_sends()));
    let before = rig.kernel.clock.now_ns();
    adapter.pause();
    assert!(rig.kernel.clock.now_ns() - before >= 2 * MS, "it waits for the card");
    assert_eq!((out.take_down(), out.completions()), (vec![], BTreeMap::from([(PAUSED, 2)])));
    assert_eq!(program.stats().1[0].send_nbls_refused_paused, 2);
    drop(program);
    rig.finish();
}

#[test]
fn an_adapter_goes_with_leases_and_copies_out_and_comes_back() {
    let rig = Rig::start(23);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 20, &[&adapter]);
    adapter.send(&sends(&flow(1, 2)), 0);
    adapter.receive(&receives(&flow(2, 2)), 0);
    let copies = tickets_of(&program.ask());
    rig.kernel.sched.advance(20 * MS);
    // It answers one, so that it is waited for again.
    program.pass_all(&copies[..1]);
    rig.kernel.sched.pump();
    out.take_down();
    adapter.receive(&receives(&flow(3, 4)), 0);
    let leased = tickets_of(&program.ask());
    assert_eq!((program.leases().originals, program.leases().leases), (4, 7));

    adapter.unplug();
    rig.kernel.sched.pump();
    assert_eq!((program.leases().leases, program.leases().promoted_bytes, adapter.outstanding()), (0, 0, (0, 0)));
    assert_eq!((out.take_down(), out.take_up()), (vec![], vec![]));
    assert_eq!(program.tell(&copies[1..], pass), [NtStatus::CANCELLED; 3]);
    assert_eq!(program.tell(&leased, pass), [NtStatus::CANCELLED; 4]);

    let back = Adapter::plug(AdapterConfig { luid: Some(adapter.luid), ..AdapterConfig::default() });
    rig.kernel.sched.advance(2 * MS);
    let out = Out::watch(&back);
    let frames = flow(5, 2);
    back.receive(&receives(&frames), 0);
    program.pass_all(&tickets_of(&program.ask()));
    assert_eq!(out.take_up(), originals(&frames));
    drop(program);
    rig.finish();
}

#[test]
fn the_driver_is_unloaded_with_leases_and_copies_out() {
    let rig = Rig::start(24);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let programs = [Program::gate(POLICY_PROMOTE, 20, &[&adapter]), Program::gate(POLICY_DROP, 500, &[&adapter])];
    adapter.send(&sends(&flow(1, 3)), 0);
    adapter.receive(&receives(&flow(2, 3)), 0);
    let asked = programs[0].ask();
    rig.kernel.sched.advance(20 * MS);
    assert_eq!((programs[0].leases().originals, programs[0].leases().leases), (0, 6));
    out.take_completed();
    // What comes now is a lease of the second.
    programs[0].pass_all(&tickets_of(&asked));
    adapter.receive(&receives(&flow(3, 3)), 0);
    programs[0].pass_all(&tickets_of(&programs[0].ask()));
    assert_eq!((programs[1].leases().originals, programs[1].leases().leases), (3, 9));
    nt::driver::unload(rig.driver);
    rig.kernel.sched.pump();
    assert!(rig.kernel.io.is_unload_pending(rig.driver), "programs have it open");
    for program in &programs {
        program.process.kill();
    }
    rig.kernel.io.await_unload(rig.driver);
    assert_eq!(adapter.outstanding(), (0, 0));
    // With the second GATE's handle its policy applied.
    assert_eq!((out.take_down(), out.take_up()), (vec![], vec![]));
    // The stack goes on without it.
    let frames = flow(9, 2);
    adapter.send(&sends(&frames), 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames));
    drop(programs);
    rig.judge();
}

#[test]
fn a_link_that_is_lost_leaves_the_leases_to_their_reader() {
    let rig = Rig::start(25);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PASS, 100, &[&adapter]);
    let (sent, received) = (flow(1, 2), flow(2, 2));
    adapter.send(&sends(&sent), 0);
    adapter.receive(&receives(&received), 0);
    let tickets = tickets_of(&program.ask());
    adapter.set_link(false);
    rig.kernel.sched.pump();
    assert_eq!(program.leases().originals, 4, "they have their time");
    program.pass_all(&tickets[1..]);
    adapter.set_link(true);
    rig.kernel.sched.advance(100 * MS);
    // The first passed by policy at its deadline, and the second behind it: the link was there again.
    assert_eq!(out.take_up(), originals(&received));
    assert_eq!(out.take_down(), originals(&sent));

    adapter.set_link(false);
    program.tell(&tickets[..1], pass);
    adapter.send(&sends(&sent), 0);
    rig.kernel.sched.pump();
    out.take_completed();
    program.pass_all(&tickets_of(&program.ask()));
    rig.kernel.sched.pump();
    assert_eq!(out.completions(), BTreeMap::from([(DISCONNECTED, 2)]), "the card says so, not the filter");
    drop(program);
    rig.finish();
}

/// A send with this id.
fn cancelable(bytes: &[u8], id: usize) -> SendNbl {
    let mut send = sends(&[bytes.to_vec()]).remove(0);
    send.oob.0[CANCEL_ID] = id;
    send
}

#[test]
fn cancelled_sends_are_aborted_and_the_others_stay() {
    let rig = Rig::start(26);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let frames = flow(1, 6);
    let list: Vec<_> = frames.iter().zip([7, 8, 7, 0, 7, 8]).map(|(bytes, id)| cancelable(bytes, id)).collect();
    adapter.send(&list, 0);
    let received = flow(2, 1);
    adapter.receive(&receives(&received), 0);
    let asked = program.ask();
    // The second is decided and waits for the first.
    program.pass_all(&[asked[1].ticket]);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), []);
    // A filter below would get it: what is not ours to cancel is the card's.
    adapter.cancel_sends(7);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames[1..2]), "its turn has come");
    let mut completed = out.take_completed();
    completed.sort_by_key(|(_, status)| *status);
    let of = |status| {
        let frames = completed.iter().filter(move |completed| completed.1 == status);
        let mut bytes: Vec<_> = frames.map(|(frames, _)| frames[0].bytes.clone()).collect();
        bytes.sort();
        bytes
    };
    let mut aborted = [0, 2, 4].map(|at: usize| frames[at].clone());
    aborted.sort();
    assert_eq!(of(ABORTED), aborted);
    assert_eq!(of(SENT), [frames[1].clone()]);
    for (at, question) in asked[..6].iter().enumerate() {
        let expected = match at {
            0 | 2 | 4 => NtStatus::CANCELLED,
            1 => NtStatus::REQUEST_NOT_ACCEPTED,
            _ => NtStatus::SUCCESS,
        };
        assert_eq!(program.tell(&[question.ticket], pass), [expected], "frame {at}");
    }
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&[frames[3].clone(), frames[5].clone()]));
    assert_eq!(program.stats().1[0].leases_cancelled, 3);
    drop(program);
    rig.finish();
}

#[test]
fn a_cancel_does_not_reach_a_copy() {
    let rig = Rig::start(27);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 20, &[&adapter]);
    let frame = udp((1, 53), &[1; 30]);
    adapter.send(&[cancelable(&frame, 9)], 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(20 * MS);
    assert_eq!(out.completions(), BTreeMap::from([(SENT, 1)]));
    adapter.cancel_sends(9);
    program.pass_all(&tickets);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), own(&[frame]), "its sender was told that it is sent");
    drop(program);
    rig.finish();
}
