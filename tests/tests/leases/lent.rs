//! Receives that the card lends for the call only (RESOURCES), and copies of sends that NDIS loops back.

use nblease_abi::{
    configure::{Configure, ConfigureFlags, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
    rules::{MATCH_DESTINATION_PORTS, RULE_ASK, RULE_DROP, RULE_PASS, RuleRecord},
};
use nblease_lab::ndis::{Loopback, frame::RecvNbl};
use nblease_tests::{
    Program, READ, Rig,
    gates::{MS, Out, RESOURCES, bytes_of, drop_it, flow, originals, own, pass, receives, sends, tickets_of, udp},
    seen,
};

/// `NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET`
const LOOPBACK_PACKET: u32 = 0x8000;

#[test]
fn policy_decides_about_what_is_lent_within_the_call() {
    for (policy, passes) in [(POLICY_PASS, true), (POLICY_DROP, false)] {
        let rig = Rig::start(31);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(policy, 500, &[&adapter]);
        let read = program.handle.read(READ);
        let frames = flow(1, 5);
        adapter.receive(&receives(&frames), RESOURCES);
        assert_eq!(out.take_up(), if passes { originals(&frames) } else { vec![] }, "within the call");
        rig.kernel.sched.pump();
        assert_eq!((program.leases().leases, adapter.outstanding()), (0, (0, 0)));
        assert!(read.try_result().is_none(), "nobody is asked");
        let (reader, adapters) = program.stats();
        let decided = if passes { reader.frames_policy_passed } else { reader.frames_policy_dropped };
        assert_eq!((decided, reader.frames_asked), (5, 0));
        assert_eq!((adapters[0].receive_nbls_resources, adapters[0].nbls_leased), (5, 0));
        drop(program);
        rig.finish();
    }
}

#[test]
fn what_is_lent_is_copied_and_goes_up_by_verdict() {
    let rig = Rig::start(32);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 500, &[&adapter]);
    let frames = flow(1, 5);
    adapter.receive(&receives(&frames), RESOURCES);
    assert_eq!(out.take_up(), []);
    rig.kernel.sched.pump();
    assert_eq!((program.leases().originals, program.leases().leases), (0, 5));
    let asked = program.ask();
    assert_eq!(bytes_of(&asked), frames);
    let tickets = tickets_of(&asked);
    program.pass_all(&tickets[..2]);
    assert!(program.tell(&tickets[2..3], drop_it)[0].is_success());
    let other = udp((9, 9), &[9; 40]);
    assert!(program.replace(tickets[3], &other).is_success());
    program.pass_all(&tickets[4..]);
    rig.kernel.sched.pump();
    let expected = [frames[0].clone(), frames[1].clone(), other, frames[4].clone()];
    assert_eq!(out.take_up(), own(&expected));
    assert_eq!((program.stats().0.nbls_promoted, program.leases().leases), (5, 0));
    let counts = adapter.counts();
    assert_eq!((counts.corrupt, counts.lost_bad_checksum, counts.lost_wrong_type), (0, 0, 0));
    drop(program);
    rig.finish();
}

/// Matches the frames to a port.
fn to_port(verdict: u8, port: u16) -> RuleRecord {
    RuleRecord {
        family: 4,
        matches: MATCH_DESTINATION_PORTS,
        destination_ports: [port.to_le_bytes(); 2],
        ..RuleRecord::all(verdict)
    }
}

#[test]
fn each_frame_of_a_lent_list_has_its_own_fate() {
    for seed in 33..43 {
        let rig = Rig::start(seed);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let rules = [to_port(RULE_PASS, 1), to_port(RULE_DROP, 2), to_port(RULE_ASK, 3)];
        let program = Program::gate_with(&Configure::gate(1, POLICY_PROMOTE, 500), &rules, &adapter);
        // A TAP with patience sees them all, when they come.
        let tap = Program::tap(&Configure { budget_ms: 100, ..Configure::tap(1) }, &[&adapter]);
        let read = tap.handle.read(READ);
        let frames: Vec<_> = (0..30_u8).map(|i| udp((7, 1 + u16::from(i) % 3), &[i; 20])).collect();
        let of = |port: usize| frames.iter().skip(port - 1).step_by(3).cloned().collect::<Vec<_>>();
        adapter.receive(&receives(&frames), RESOURCES);
        assert_eq!(out.take_up(), originals(&of(1)), "within the call, in order");
        rig.kernel.sched.pump();
        let asked = program.ask();
        assert_eq!(bytes_of(&asked), of(3));
        program.pass_all(&tickets_of(&asked));
        rig.kernel.sched.pump();
        assert_eq!(out.take_up(), own(&of(3)));
        let (reader, _) = program.stats();
        assert_eq!((reader.frames_rule_passed, reader.frames_rule_dropped, reader.nbls_promoted), (10, 10, 10));
        let mut shown = Vec::new();
        let first = read.try_result().expect("completed");
        shown.extend(seen(&first.data[..first.information]));
        while let Some(more) = tap.handle.read(READ).wait_timeout(MS) {
            shown.extend(seen(&more.data[..more.information]));
        }
        let mut shown: Vec<_> = shown.into_iter().map(|frame| frame.bytes).collect();
        let mut all = frames.clone();
        shown.sort();
        all.sort();
        assert_eq!(shown, all, "a TAP sees each once");
        drop((program, tap));
        rig.finish();
    }
}

#[test]
fn what_must_not_be_copied_passes() {
    let rig = Rig::start(44);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 50, &[&adapter]);
    let frames = flow(1, 2);
    // MediaSpecificInformation
    let special = |bytes: &Vec<u8>| {
        let mut receive: RecvNbl = receives(std::slice::from_ref(bytes)).remove(0);
        receive.oob.0[6] = 0x1234_5670;
        receive
    };
    adapter.receive(&[special(&frames[0])], RESOURCES);
    assert_eq!(out.take_up(), originals(&frames[..1]));
    adapter.receive(&[special(&frames[1])], 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_up(), [], "an original waits all the same");
    let asked = program.ask();
    let status = program.replace(asked[0].ticket, &frames[0]);
    assert_eq!(status, nblease_abi::NtStatus::NOT_SUPPORTED);
    rig.kernel.sched.advance(50 * MS);
    assert_eq!(out.take_up(), originals(&frames[1..]));
    let (reader, _) = program.stats();
    assert_eq!((reader.nbls_not_promotable, reader.nbls_promoted, reader.verdicts_unfit), (2, 0, 1));
    drop(program);
    rig.finish();
}

#[test]
fn what_ndis_looped_back_is_not_judged_unless_asked_for() {
    for flags in [0, RESOURCES] {
        let rig = Rig::start(45);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
        let patient = Program::tap(&Configure { budget_ms: 100, ..Configure::tap(1) }, &[&adapter]);
        let frames = flow(1, 2);
        let looped = |frames: &[Vec<u8>]| {
            let mut list = receives(frames);
            for receive in &mut list {
                receive.nbl_flags |= LOOPBACK_PACKET;
            }
            list
        };
        adapter.receive(&looped(&frames), flags);
        rig.kernel.sched.pump();
        assert_eq!(out.take_up(), originals(&frames), "flags {flags}");
        assert_eq!((program.leases().leases, program.stats().1[0].nbls_leased), (0, 0));

        rig.kernel.ndis.loopback_is_asked_for();
        let config = Configure { flags: ConfigureFlags::LOOPBACK.bits(), ..Configure::gate(1, POLICY_DROP, 200) };
        let asking = Program::tap(&config, &[&adapter]);
        adapter.receive(&looped(&frames), flags);
        rig.kernel.sched.pump();
        if flags == RESOURCES {
            assert_eq!(asking.stats().0.frames_policy_dropped, 2);
        } else {
            assert_eq!(out.take_up(), []);
            asking.pass_all(&tickets_of(&asking.ask()));
            assert_eq!(out.take_up(), originals(&frames));
        }
        let (reader, _) = program.stats();
        assert_eq!((reader.frames_asked, reader.frames_policy_dropped), (0, 0), "the other is not asked");
        drop((program, patient, asking));
        rig.finish();
    }
}

/// NDIS really loops sends back: the filter sees the send and, as a receive, its copy.
#[test]
fn a_send_that_comes_back_is_judged_once() {
    let rig = Rig::start(46);
    let config = nblease_lab::ndis::AdapterConfig { loopback: Loopback::AllLocal, ..Default::default() };
    let adapter = nblease_lab::ndis::Adapter::plug(config);
    rig.kernel.sched.pump();
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
    let frames = flow(1, 4);
    // NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK
    adapter.send(&sends(&frames), 2);
    let asked = program.ask();
    assert_eq!(bytes_of(&asked), frames);
    assert!(asked.iter().all(|question| question.sent));
    program.tell(&tickets_of(&asked), pass);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down(), originals(&frames));
    assert_eq!((program.stats().0.frames_asked, program.leases().leases), (4, 0));
    drop(program);
    rig.finish();
}
