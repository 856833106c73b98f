//! Rules in the kernel: most frames never wait for the program.

use nblease_abi::{
    configure::{Configure, POLICY_DROP},
    rules::{
        MATCH_DESTINATION_PORTS, MATCH_PROTOCOL, MATCH_SOURCE_PORTS, MATCH_VLAN, RULE_ASK, RULE_DROP, RULE_IN,
        RULE_OUT, RULE_PASS, RuleRecord,
    },
};
use nblease_lab::ndis::frame::put_vlan;
use nblease_tests::{
    Program, Rig,
    gates::{MS, Out, bytes_of, flow, originals, own, receives, send_of_all, sends, tickets_of, udp},
};

fn address(bytes: [u8; 4]) -> [u8; 16] {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&bytes);
    address
}

fn range(first: u16, last: u16) -> [[u8; 2]; 2] {
    [first.to_le_bytes(), last.to_le_bytes()]
}

/// What each rule does to frames that come both ways: (asked, went down, went up).
fn with(rules: &[RuleRecord], frames: &[Vec<u8>]) -> [Vec<usize>; 3] {
    let rig = Rig::start(51);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate_with(&Configure::gate(1, POLICY_DROP, 100), rules, &adapter);
    adapter.send(&sends(frames), 0);
    adapter.receive(&receives(frames), 0);
    rig.kernel.sched.pump();
    let (down, up) = (out.take_down(), out.take_up());
    let stats = program.stats().0;
    let asked = if stats.frames_asked == 0 { vec![] } else { bytes_of(&program.ask()) };
    assert!(down.iter().chain(&up).all(|(_, original)| *original));
    let all = frames.len() as u64 * 2;
    let passed = (down.len() + up.len()) as u64;
    let dropped = all - passed - asked.len() as u64;
    assert_eq!((stats.frames_rule_passed, stats.frames_rule_dropped), (passed, dropped));
    assert_eq!(program.leases().originals, asked.len() as u64, "what is not asked about does not wait");
    let number = |bytes: &Vec<u8>| frames.iter().position(|frame| frame == bytes).expect("one of them");
    let numbers = |went: Vec<(Vec<u8>, bool)>| went.iter().map(|(bytes, _)| number(bytes)).collect();
    let mut asked: Vec<_> = asked.iter().map(number).collect();
    asked.sort_unstable();
    drop(program);
    rig.finish();
    [asked, numbers(down), numbers(up)]
}

/// From four ports to four others: a flow each.
fn some() -> Vec<Vec<u8>> {
    (0..4).map(|port| udp((1000 + port, 50 + port), &[1; 30])).collect()
}

#[test]
fn each_field_is_matched() {
    let ask = RuleRecord::all(RULE_ASK);
    let v4 = RuleRecord { family: 4, ..ask };
    let sources = RuleRecord { matches: MATCH_SOURCE_PORTS, source_ports: range(1001, 1002), ..v4 };
    let destinations = RuleRecord { matches: MATCH_DESTINATION_PORTS, destination_ports: range(53, 53), ..v4 };
    let protocol = |protocol| RuleRecord { matches: MATCH_PROTOCOL, protocol, ..v4 };
    let source = |bytes, source_prefix| RuleRecord { source: address(bytes), source_prefix, ..v4 };
    let destination = |bytes, prefix| RuleRecord { destination: address(bytes), destination_prefix: prefix, ..v4 };
    let all = [0, 0, 1, 1, 2, 2, 3, 3];
    for (rule, expected) in [
        (ask, &all[..]),
        (sources, &[1, 1, 2, 2]),
        (destinations, &[3, 3]),
        (protocol(17), &all),
        (protocol(6), &[]),
        (source([10, 0, 0, 0], 24), &all),
        (source([10, 0, 0, 2], 32), &[]),
        (destination([10, 0, 0, 2], 32), &all),
        (destination([10, 0, 1, 0], 24), &[]),
        (RuleRecord { directions: RULE_OUT, ..ask }, &[0, 1, 2, 3]),
        (RuleRecord { directions: RULE_IN, ..destinations }, &[3]),
        (RuleRecord { family: 6, ..ask }, &[]),
    ] {
        let [asked, down, up] = with(&[rule, RuleRecord::all(RULE_PASS)], &some());
        assert_eq!(asked, expected, "{rule:?}");
        assert_eq!(asked.len() + down.len() + up.len(), 8, "{rule:?}: the others pass");
        let [asked, down, up] = with(&[RuleRecord { verdict: RULE_DROP, ..rule }, RuleRecord::all(RULE_PASS)], &some());
        assert_eq!((asked.len(), down.len() + up.len()), (0, 8 - expected.len()), "{rule:?}");
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_without_one_the_reader_is_asked() {
    let port = |verdict, port| RuleRecord {
        family: 4,
        matches: MATCH_DESTINATION_PORTS,
        destination_ports: range(port, port),
        ..RuleRecord::all(verdict)
    };
    let rules = [port(RULE_PASS, 50), port(RULE_DROP, 50), port(RULE_DROP, 51), port(RULE_ASK, 51), port(RULE_ASK, 52)];
    let [asked, down, up] = with(&rules, &some());
    assert_eq!((asked, down, up), (vec![2, 2, 3, 3], vec![0], vec![0]));
}

/// A tag is matched where it is: in the bytes, or out of band.
#[test]
fn a_tag_is_matched_in_the_bytes_and_beside_them() {
    let rig = Rig::start(52);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let vlan = RuleRecord { matches: MATCH_VLAN, vlan: 7_u16.to_le_bytes(), ..RuleRecord::all(RULE_DROP) };
    let rules = [vlan, RuleRecord::all(RULE_PASS)];
    let program = Program::gate_with(&Configure::gate(1, POLICY_DROP, 100), &rules, &adapter);
    let plain = udp((1, 2), &[1; 30]);
    let tagged = |tci| {
        let mut bytes = plain.clone();
        put_vlan(&mut bytes, tci);
        bytes
    };
    let mut list = sends(&[plain.clone(), tagged(7), tagged(8), plain.clone(), plain.clone()]);
    list[3].oob.set_vlan(0x6007);
    list[4].oob.set_vlan(9);
    adapter.send(&list, 0);
    let mut list = receives(&[plain.clone(), plain.clone()]);
    list[1].oob.set_vlan(7);
    adapter.receive(&list, 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&[plain.clone(), tagged(8), tagged(9)]));
    assert_eq!(out.take_up(), originals(&[plain]));
    assert_eq!(program.stats().0.frames_rule_dropped, 3);
    drop(program);
    rig.finish();
}

#[test]
fn a_send_of_many_frames_is_judged_by_rules_frame_by_frame() {
    let rig = Rig::start(53);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let port = |verdict, port| RuleRecord {
        family: 4,
        matches: MATCH_DESTINATION_PORTS,
        destination_ports: range(port, port),
        ..RuleRecord::all(verdict)
    };
    let rules = [port(RULE_DROP, 1), port(RULE_PASS, 2), port(RULE_ASK, 3)];
    let program = Program::gate_with(&Configure::gate(1, POLICY_DROP, 100), &rules, &adapter);
    let frames = |ports: &[u16]| ports.iter().map(|port| udp((9, *port), &[*port as u8; 30])).collect::<Vec<_>>();
    // None is asked about: those that pass go on in a packet of our own at once.
    adapter.send(&[send_of_all(&frames(&[1, 2, 1, 2]))], 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_down(), program.leases().leases), (own(&frames(&[2, 2])), 0));
    assert_eq!(out.completions().into_iter().collect::<Vec<_>>(), [(0, 1)]);
    // All are dropped.
    adapter.send(&[send_of_all(&frames(&[1, 1]))], 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_down(), out.completions().into_iter().collect::<Vec<_>>()), (vec![], vec![(0, 1)]));
    // One is asked about, and holds the others.
    adapter.send(&[send_of_all(&frames(&[1, 2, 3, 2]))], 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), []);
    let asked = program.ask();
    assert_eq!(bytes_of(&asked), frames(&[3]));
    program.pass_all(&tickets_of(&asked));
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), own(&frames(&[2, 3, 2])));
    assert_eq!(program.stats().1[0].nbls_shadowed, 2);
    // Its answer does not come.
    adapter.send(&[send_of_all(&frames(&[3, 2]))], 0);
    rig.kernel.sched.advance(100 * MS);
    assert_eq!(out.take_down(), own(&frames(&[2])));
    drop(program);
    rig.finish();
}

/// What rules let pass goes past what waits, but not past its own flow.
#[test]
fn what_passes_by_rule_waits_for_its_flow_only() {
    let rig = Rig::start(54);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let out_only = RuleRecord { directions: RULE_IN, ..RuleRecord::all(RULE_PASS) };
    let first = Program::gate_with(&Configure::gate(1, POLICY_DROP, 100), &[out_only], &adapter);
    let (slow, quick) = (flow(1, 3), flow(2, 3));
    adapter.send(&sends(&slow), 0);
    adapter.receive(&receives(&quick), 0);
    rig.kernel.sched.pump();
    assert_eq!((out.take_down(), out.take_up()), (vec![], originals(&quick)));
    first.pass_all(&tickets_of(&first.ask()));
    assert_eq!(out.take_down(), originals(&slow));
    drop(first);
    rig.finish();
}
