//! What may be held: of an adapter's receives, and of copies.

use std::collections::BTreeMap;

use nblease_abi::{
    NtStatus,
    configure::{POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
};
use nblease_tests::{
    Program, Rig, frame_bytes,
    gates::{MS, Out, SENT, flow, originals, own, pass, receives, sends, tickets_of, udp},
};

/// Receives that an adapter may have out.
const RECEIVES: u16 = 256;
/// Bytes of copies that a reader may have.
const COPIES: usize = 16 << 20;

#[test]
fn beyond_the_cap_policy_decides_at_once() {
    for (policy, passes) in [(POLICY_PASS, true), (POLICY_DROP, false)] {
        let rig = Rig::start(81);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(policy, 500, &[&adapter]);
        let frames: Vec<_> = (0..RECEIVES + 44).map(|port| udp((port, 53), &[1; 20])).collect();
        let (held, beyond) = frames.split_at(RECEIVES.into());
        adapter.receive(&receives(&frames), 0);
        rig.kernel.sched.pump();
        assert_eq!(program.leases().originals, u64::from(RECEIVES));
        assert_eq!(out.take_up(), if passes { originals(beyond) } else { vec![] });
        let (reader, adapters) = program.stats();
        assert_eq!((adapters[0].nbls_adapter_full, adapters[0].nbls_leased), (44, u64::from(RECEIVES)));
        let at_once = if passes { reader.frames_policy_passed } else { reader.frames_policy_dropped };
        assert_eq!((at_once, reader.trips), (44, 0));
        // A card's buffers do not count for sends.
        let sent = flow(3, 2);
        adapter.send(&sends(&sent), 0);
        rig.kernel.sched.pump();
        assert_eq!(program.leases().originals, u64::from(RECEIVES) + 2);
        program.pass_all(&tickets_of(&program.ask()));
        assert_eq!((out.take_up(), out.take_down()), (originals(held), originals(&sent)));
        // There is room again.
        adapter.receive(&receives(&frames[..1]), 0);
        rig.kernel.sched.pump();
        assert_eq!(program.leases().originals, 1);
        drop(program);
        rig.finish();
    }
}

/// One beyond the cap cannot wait for its flow: policy decides about those before it too, and the order stays.
#[test]
fn beyond_the_cap_a_flow_is_hurried_and_keeps_its_order() {
    let rig = Rig::start(82);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PASS, 500, &[&adapter]);
    let others: Vec<_> = (1..RECEIVES - 4).map(|port| udp((port, 53), &[1; 20])).collect();
    let frames = flow(1000, 8);
    adapter.receive(&receives(&others), 0);
    adapter.receive(&receives(&frames), 0);
    rig.kernel.sched.pump();
    assert_eq!(out.take_up(), originals(&frames));
    let (reader, adapters) = program.stats();
    assert_eq!((adapters[0].nbls_adapter_full, adapters[0].nbls_order_lost), (3, 0), "room again from the sixth on");
    assert!(adapters[0].nbls_hurried >= 5, "{}", adapters[0].nbls_hurried);
    assert_eq!((reader.frames_policy_passed, program.leases().originals), (8, others.len() as u64));
    program.pass_all(&tickets_of(&program.ask()));
    assert_eq!(out.take_up(), originals(&others));
    drop(program);
    rig.finish();
}

#[test]
fn copies_are_bounded_and_what_is_beyond_is_dropped_and_counted() {
    const LEN: usize = 60_000;
    let rig = Rig::start(83);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 50, &[&adapter]);
    let fit = COPIES / LEN;
    let count = fit + 20;
    for fill in 0..count {
        adapter.send(&sends(&[frame_bytes(LEN, fill as u8 | 0x80)]), 0);
    }
    rig.kernel.sched.pump();
    assert_eq!(program.leases().originals, count as u64);
    rig.kernel.sched.advance(55 * MS);
    let leases = program.leases();
    assert_eq!((leases.originals, leases.leases, leases.promoted_bytes), (0, fit as u64, (fit * LEN) as u64));
    let (reader, _) = program.stats();
    assert_eq!((reader.nbls_promoted, reader.nbls_promotion_refused), (fit as u64, 20));
    assert_eq!((out.take_down(), out.completions()), (vec![], BTreeMap::from([(SENT, count)])));
    // As copies are answered there is room for others.
    let tickets = tickets_of(&program.ask());
    program.pass_all(&tickets);
    rig.kernel.sched.pump();
    assert_eq!(out.take_down().len(), tickets.len());
    assert_eq!(program.leases().promoted_bytes, ((fit - tickets.len()) * LEN) as u64);
    drop(program);
    assert_eq!(Program::open().leases().promoted_bytes, 0, "they end with their reader");
    rig.finish();
}

#[test]
fn copies_are_dropped_after_their_time() {
    let rig = Rig::start(84);
    let adapter = rig.adapter("Ethernet");
    let out = Out::watch(&adapter);
    let program = Program::gate(POLICY_PROMOTE, 50, &[&adapter]);
    let frames = flow(1, 4);
    adapter.send(&sends(&frames[..2]), 0);
    adapter.receive(&receives(&frames[2..]), 0);
    let tickets = tickets_of(&program.ask());
    rig.kernel.sched.advance(9_900 * MS);
    assert_eq!(program.leases().leases, 4);
    program.pass_all(&tickets[..1]);
    rig.kernel.sched.advance(200 * MS);
    assert_eq!((program.leases().leases, program.leases().promoted_bytes), (0, 0));
    assert_eq!((out.take_down(), out.take_up()), (own(&frames[..1]), vec![]));
    assert_eq!(program.tell(&tickets[1..], pass), [NtStatus::IO_TIMEOUT; 3]);
    let (reader, _) = program.stats();
    assert_eq!((reader.nbls_promoted, reader.nbls_promoted_expired), (4, 3));
    drop(program);
    rig.finish();
}
