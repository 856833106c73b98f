//! Sleep with leases out, on the three paths and in both directions: originals go back at once and nothing is held
//! meanwhile; what was copied can be answered, asleep or after.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_DROP, POLICY_PROMOTE},
};
use nblease_lab::ndis::{PowerPath, PowerStage};
use nblease_tests::{
    Program, READ, Rig,
    gates::{LOW_POWER, MS, Out, flow, originals, own, pass, receives, sends, tickets_of},
};

const PATHS: [PowerPath; 3] = [PowerPath::A, PowerPath::B, PowerPath::C];
const HOUR: u64 = 3_600_000 * MS;

#[test]
fn originals_go_back_at_once_and_their_tickets_are_cancelled() {
    for path in PATHS {
        let rig = Rig::start(11);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
        // A patient TAP holds them first.
        let patient = Program::tap(&Configure { budget_ms: 300, ..Configure::tap(1) }, &[&adapter]);
        adapter.send(&sends(&flow(1, 3)), 0);
        adapter.receive(&receives(&flow(2, 2)), 0);
        patient.handle.read(READ).wait();
        let asked = program.ask();
        // Some that are asked about and not read, some that the TAP has not got.
        adapter.send(&sends(&flow(3, 2)), 0);
        adapter.receive(&receives(&flow(4, 2)), 0);
        rig.kernel.sched.pump();
        assert_eq!((program.leases().originals, out.take_down(), out.take_up()), (9, vec![], vec![]));

        let (late, held) = (flow(5, 2), Arc::new(AtomicU64::new(u64::MAX)));
        let (sending, sent, seen) = (adapter.clone(), late.clone(), held.clone());
        adapter.on_power(Arc::new(move |stage| {
            if stage == PowerStage::FiltersTold {
                assert!(sending.send(&sends(&sent), 0), "the protocol was not told yet");
                seen.store(Program::open().leases().originals, Ordering::SeqCst);
            }
        }));
        adapter.suspend(path);
        assert_eq!(held.load(Ordering::SeqCst), 0, "{path:?}: nothing is held, not even what comes now");
        assert_eq!(adapter.outstanding(), (0, 0), "{path:?}");
        assert_eq!(out.take_down(), originals(&late), "{path:?}: it passes");
        assert_eq!((out.take_up(), out.completions()), (vec![], BTreeMap::from([(LOW_POWER, 5), (0, 2)])), "{path:?}");
        assert_eq!(program.tell(&tickets_of(&asked), pass), vec![NtStatus::CANCELLED; asked.len()]);
        let (reader, adapters) = program.stats();
        assert_eq!((reader.verdicts_cancelled, reader.trips), (asked.len() as u64, 0));
        assert_eq!((adapters[0].leases_drained, adapters[0].nbls_leased), (9, 9));

        rig.kernel.clock.sleep(HOUR);
        adapter.resume();
        rig.kernel.sched.advance(2 * MS);
        assert_eq!(out.take_down(), []);
        let (sent, received) = (flow(6, 2), flow(7, 2));
        // The TAP missed nothing: the first gets what passed while it could not be held.
        let reads = [(); 3].map(|()| patient.handle.read(READ));
        adapter.send(&sends(&sent), 0);
        adapter.receive(&receives(&received), 0);
        rig.kernel.sched.pump();
        assert!(reads.iter().all(|read| read.try_result().is_some()));
        assert_eq!(program.leases().originals, 4, "{path:?}: leased again");
        program.pass_all(&tickets_of(&program.ask()));
        assert_eq!((out.take_down(), out.take_up()), (originals(&sent), originals(&received)), "{path:?}");
        drop((program, patient));
        rig.finish();
    }
}

#[test]
fn copies_are_answered_asleep_or_after_and_go_on_after() {
    for path in PATHS {
        let rig = Rig::start(12);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(POLICY_PROMOTE, 20, &[&adapter]);
        let (sent, received) = (flow(1, 3), flow(2, 3));
        adapter.send(&sends(&sent), 0);
        adapter.receive(&receives(&received), 0);
        let asked = program.ask();
        assert_eq!(asked.len(), 6);
        rig.kernel.sched.advance(20 * MS);
        assert_eq!((program.leases().originals, program.leases().leases), (0, 6));
        assert_eq!(out.completions(), BTreeMap::from([(0, 3)]), "the originals are gone");

        adapter.suspend(path);
        let (asleep, awake): (Vec<_>, Vec<_>) =
            asked.iter().partition(|question| question.bytes == sent[0] || question.bytes == received[0]);
        program.pass_all(&asleep.iter().map(|question| question.ticket).collect::<Vec<_>>());
        rig.kernel.sched.pump();
        assert_eq!((out.take_down(), out.take_up()), (vec![], vec![]), "{path:?}: nothing goes on asleep");
        rig.kernel.clock.sleep(HOUR);
        adapter.resume();
        rig.kernel.sched.advance(2 * MS);
        assert_eq!((out.take_down(), out.take_up()), (own(&sent[..1]), own(&received[..1])), "{path:?}");
        program.pass_all(&awake.iter().map(|question| question.ticket).collect::<Vec<_>>());
        rig.kernel.sched.pump();
        assert_eq!((out.take_down(), out.take_up()), (own(&sent[1..]), own(&received[1..])), "{path:?}");
        assert_eq!((program.leases().leases, program.leases().promoted_bytes), (0, 0));
        let counts = adapter.counts();
        assert_eq!((counts.lost_wrong_type, counts.lost_bad_checksum, counts.lost_split_headers), (0, 0, 0));
        drop(program);
        rig.finish();
    }
}

#[test]
fn a_resumed_adapter_takes_what_comes_in_its_handlers() {
    for path in PATHS {
        let rig = Rig::start(13);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(POLICY_DROP, 500, &[&adapter]);
        let frames = flow(1, 2);
        let (receiving, received) = (adapter.clone(), frames.clone());
        adapter.on_power(Arc::new(move |stage| {
            if stage == PowerStage::FiltersWoken {
                receiving.receive(&receives(&received), 0);
            }
        }));
        adapter.suspend(path);
        rig.kernel.clock.sleep(HOUR);
        adapter.resume();
        rig.kernel.sched.pump();
        if path == PowerPath::A {
            // The miniport is paused still.
            assert_eq!((out.take_up(), program.leases().originals), (vec![], 0), "{path:?}");
        } else {
            assert_eq!(program.leases().originals, 2, "{path:?}");
            program.pass_all(&tickets_of(&program.ask()));
            assert_eq!(out.take_up(), originals(&frames), "{path:?}");
        }
        drop(program);
        rig.finish();
    }
}
