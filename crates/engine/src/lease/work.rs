//! Work counted, not timed: an operation touches as many links among 100,000 leases as among 100.

extern crate std;

use std::vec::Vec;

use super::*;
use crate::flow::{FlowIdentity, FlowSecret};
use crate::reader::Direction;

const LARGE: usize = 100_000;

struct Rig {
    table: LeaseTable<usize>,
    reader: ReaderId,
    adapter: AdapterId,
    tickets: Vec<Ticket>,
}

/// Flows of four leases each.
fn insert(rig: &mut Rig, packet: usize, now: u64) {
    let readers = [rig.reader].into_iter().collect();
    let identity = FlowIdentity::Hash(packet as u32 / 4);
    let arrival = Arrival {
        adapter: rig.adapter,
        direction: Direction::Out,
        flow: FlowSecret::new(1, 2).key(0, Direction::Out, identity),
        bytes: 1500,
        cancel_id: 0,
        promotable: true,
        tagged: false,
        frames: &[Wanted { readers, dropped: false }],
    };
    assert_eq!(rig.table.insert(&arrival, packet, now), Admission::Leased);
}

fn rig(leases: usize) -> Rig {
    let setup =
        TableSetup { leases: leases + 8, frames: leases + 8, cap: Cap::NONE, promoted_bytes: 0, promoted_ms: 10_000 };
    let mut table = LeaseTable::try_new(setup, ()).unwrap();
    let adapter = table.add_adapter(AdapterCaps { received: Cap::NONE, sent: Cap::NONE }).unwrap();
    table.open_adapter(adapter);
    let reader = table
        .add_reader(ReaderSetup {
            priority: 0,
            policy: Policy::Pass,
            budget_ms: 800,
            cap: Cap::NONE,
            promoted_bytes: 0,
        })
        .unwrap();
    table.reader_reads(reader);
    let mut rig = Rig { table, reader, adapter, tickets: Vec::new() };
    // As many are due at each of 500 ticks.
    for packet in 0..leases {
        insert(&mut rig, packet, (packet * 500 / leases) as u64 * TICK);
    }
    while let Some((delivery, packet)) = rig.table.next_delivery(reader) {
        let mut question = [Question::NONE];
        assert_eq!(rig.table.questions(&delivery.0, None, &mut question), 1);
        rig.tickets.push(question[0].ticket);
        rig.table.delivered(delivery, packet, Some(question[0].ticket), 0);
    }
    assert_eq!(rig.tickets.len(), leases);
    rig
}

fn steps(rig: &mut Rig, work: impl FnOnce(&mut Rig)) -> u64 {
    let before = rig.table.leases.steps;
    work(rig);
    rig.table.leases.steps - before
}

fn take_out(rig: &mut Rig) -> Vec<usize> {
    let mut packets = Vec::new();
    let sink = |item| {
        if let Item::Packet { packet, .. } = item {
            packets.push(packet);
        }
    };
    if let Some(Batch::Forward(sending)) = rig.table.next_batch(0, usize::MAX, sink) {
        rig.table.sent(sending);
    }
    packets
}

/// Steps of an insertion, of a verdict and leaving, and of an expiry and leaving.
fn work(leases: usize) -> [u64; 3] {
    let mut rig = rig(leases);
    let now = 500 * TICK;
    let inserted = steps(&mut rig, |rig| insert(rig, leases + 4, now));
    // In the middle of all lists; the first of its flow, so that it leaves and nothing else does.
    let packet = leases / 8 * 4;
    let answered = steps(&mut rig, |rig| {
        let ticket = rig.tickets[packet];
        assert_eq!(rig.table.answer(rig.reader, ticket, Verdict::Pass, now), Ok(()));
        assert_eq!(take_out(rig), [packet]);
    });
    let expired = steps(&mut rig, |rig| {
        assert!(rig.table.expire(801 * TICK, 1));
        assert_eq!(take_out(rig), [0]);
    });
    [inserted, answered, expired]
}

#[test]
fn a_lease_among_many_costs_what_one_among_few_does() {
    let (few, many) = (work(100), work(LARGE));
    for (few, many) in few.into_iter().zip(many) {
        assert!(few != 0);
        // A flow's chain may be longer by a flow or two: keys are as good as random.
        assert!(many <= few + 4, "{many} steps among {LARGE}, {few} among 100");
    }
}
