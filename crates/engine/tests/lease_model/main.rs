//! The table against a plain model of it, through random sequences of everything that can happen:
//! each outcome, each status and each order is compared.
#![allow(
    clippy::needless_for_each,
    clippy::needless_pass_by_value,
    clippy::struct_excessive_bools,
    reason = "a model is plain before it is quick"
)]

#[path = "../lease_rig/mod.rs"]
mod lease_rig;
mod model;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use lease_rig::{COPY, Count, Done, MS, Packet, REPLACEMENT, Table, done, ended, questions};
use model::Model;
use nblease_engine::flow::FlowKey;
use nblease_engine::lease::*;
use nblease_engine::reader::Direction;
use proptest::prelude::*;
use proptest::sample::Index;
use state::{Claim, Fate, Frame, Job, Lease, Listed, Phase, Reader, Trip};

const ADAPTERS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Insert {
        adapter: usize,
        out: bool,
        flow: u64,
        frames: Vec<(u8, bool)>,
        cancel_id: u64,
        promotable: bool,
    },
    /// Delivers so many frames, or holds the packet.
    Deliver {
        reader: Index,
        room: usize,
        hold: bool,
    },
    Unpin {
        pin: Index,
        room: usize,
        copied: bool,
    },
    Answer {
        reader: Option<Index>,
        ticket: Index,
        verdict: u8,
    },
    Time {
        units: u64,
        expire: usize,
    },
    Work {
        hold: bool,
    },
    Out {
        hold: bool,
    },
    Sent {
        sending: Index,
    },
    Close {
        adapter: usize,
    },
    Drain {
        adapter: usize,
        everything: bool,
        max: usize,
    },
    Open {
        adapter: usize,
    },
    Cancel {
        adapter: usize,
        id: u64,
        max: usize,
    },
    Read {
        reader: Index,
    },
    CloseReader {
        reader: Index,
    },
    AddReader {
        setup: ReaderSetup,
        reads: bool,
    },
}

fn setup() -> impl Strategy<Value = ReaderSetup> {
    let policy = prop::sample::select(vec![Policy::Pass, Policy::Drop, Policy::Promote, Policy::Spill]);
    (0..3_u32, policy, 1..300_u32, prop::option::of(1..4_u32), 0..5_u64).prop_map(
        |(priority, policy, budget_ms, leases, promoted)| ReaderSetup {
            priority,
            policy,
            budget_ms,
            cap: Cap { leases: leases.unwrap_or(99), bytes: 100_000 },
            promoted_bytes: promoted * 100,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let frames = prop::collection::vec((any::<u8>(), prop::bool::weighted(0.1)), 1..4);
    let insert = (0..ADAPTERS, any::<bool>(), 0..3_u64, frames, 0..3_u64, prop::bool::weighted(0.8)).prop_map(
        |(adapter, out, flow, frames, cancel_id, promotable)| Step::Insert {
            adapter,
            out,
            flow,
            frames,
            cancel_id,
            promotable,
        },
    );
    let deliver = (any::<Index>(), 0..6_usize, prop::bool::weighted(0.2))
        .prop_map(|(reader, room, hold)| Step::Deliver { reader, room, hold });
    let unpin = (any::<Index>(), 0..6_usize, prop::bool::weighted(0.8)).prop_map(|(pin, room, copied)| Step::Unpin {
        pin,
        room,
        copied,
    });
    let answer = (prop::option::weighted(0.1, any::<Index>()), any::<Index>(), 0..5_u8)
        .prop_map(|(reader, ticket, verdict)| Step::Answer { reader, ticket, verdict });
    let adapter = 0..ADAPTERS;
    prop_oneof![
        24 => insert,
        16 => deliver,
        8 => unpin,
        24 => answer,
        8 => (0..120 * MS, 0..30_usize).prop_map(|(units, expire)| Step::Time { units, expire }),
        1 => (0..3_000 * MS).prop_map(|units| Step::Time { units, expire: 1000 }),
        8 => prop::bool::weighted(0.3).prop_map(|hold| Step::Work { hold }),
        8 => prop::bool::weighted(0.3).prop_map(|hold| Step::Out { hold }),
        6 => any::<Index>().prop_map(|sending| Step::Sent { sending }),
        1 => adapter.clone().prop_map(|adapter| Step::Close { adapter }),
        2 => (adapter.clone(), prop::bool::weighted(0.2), 1..9_usize)
            .prop_map(|(adapter, everything, max)| Step::Drain { adapter, everything, max }),
        3 => adapter.clone().prop_map(|adapter| Step::Open { adapter }),
        1 => (adapter, 0..3_u64, 1..9_usize).prop_map(|(adapter, id, max)| Step::Cancel { adapter, id, max }),
        4 => any::<Index>().prop_map(|reader| Step::Read { reader }),
        1 => any::<Index>().prop_map(|reader| Step::CloseReader { reader }),
        3 => (setup(), prop::bool::weighted(0.9)).prop_map(|(setup, reads)| Step::AddReader { setup, reads }),
    ]
}

/// Somebody who has a packet to copy from.
enum Pinned {
    Delivery { delivery: Delivery, packet: Packet, lease: usize, reader: usize },
    Job { job: CopyJob<Packet>, lease: usize },
}

struct Run {
    table: Table,
    model: Model,
    adapters: Vec<AdapterId>,
    pins: Vec<Pinned>,
    /// Rights out, with the model's leases.
    sending: Vec<(Sending, Vec<usize>)>,
    /// Tickets that readers have got, with lease, frame and claim.
    tickets: Vec<(Ticket, (usize, usize, usize))>,
    packets: Packet,
    /// Readers that were told that there was nothing, and have not been kicked since.
    idle: BTreeSet<usize>,
    /// What each packet has come to.
    ends: BTreeMap<Packet, u32>,
}

impl Run {
    fn new(setup: TableSetup, caps: AdapterCaps) -> Self {
        let mut table = Table::try_new(setup, Count::default()).unwrap();
        let adapters: Vec<_> = (0..ADAPTERS).map(|_| table.add_adapter(caps).unwrap()).collect();
        adapters.iter().for_each(|&adapter| table.open_adapter(adapter));
        let model = Model {
            setup,
            caps,
            now: 0,
            sequence: 0,
            readers: Vec::new(),
            closed: vec![None; ADAPTERS],
            leases: Vec::new(),
            jobs: Vec::new(),
            queues: BTreeMap::new(),
            causes: BTreeMap::new(),
        };
        Self {
            table,
            model,
            adapters,
            pins: Vec::new(),
            sending: Vec::new(),
            tickets: Vec::new(),
            packets: 0,
            idle: BTreeSet::new(),
            ends: BTreeMap::new(),
        }
    }

    fn end(&mut self, packets: &[Done]) {
        for packet in packets {
            let (Done::Forward(packet)
            | Done::Partly(packet, _)
            | Done::Drop(packet)
            | Done::Detached(packet, _)
            | Done::Replacement(packet, _)
            | Done::Unused(packet)) = packet;
            *self.ends.entry(*packet).or_default() += 1;
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert { adapter, out, flow, frames, cancel_id, promotable } => {
                let direction = if *out { Direction::Out } else { Direction::In };
                let flow = flow | (*adapter as u64) << 8 | u64::from(*out) << 16;
                self.insert(*adapter, direction, flow, frames, *cancel_id, *promotable);
            }
            Step::Deliver { reader, room, hold } if !self.model.readers.is_empty() => {
                self.deliver(reader.index(self.model.readers.len()), *room, *hold);
            }
            Step::Unpin { pin, room, copied } if !self.pins.is_empty() => {
                let pin = self.pins.swap_remove(pin.index(self.pins.len()));
                self.unpin(pin, *room, *copied);
            }
            Step::Answer { reader, ticket, verdict } if !self.tickets.is_empty() => {
                let (ticket, claim) = self.tickets[ticket.index(self.tickets.len())];
                let (lease, frame, asked) = claim;
                let owner = self.model.leases[lease].frames[frame].claims[asked].0;
                let reader = reader.map_or(owner, |reader| reader.index(self.model.readers.len()));
                self.answer(reader, ticket, claim, *verdict);
            }
            Step::Time { units, expire } => {
                // Somebody who is less than a turn of the wheel late, so that the order is exact.
                while self.model.expire_one() {
                    assert!(self.table.expire(self.model.now, 1));
                }
                self.model.now += units;
                let more = self.table.expire(self.model.now, *expire);
                let mut steps = 0;
                while steps < *expire && self.model.expire_one() {
                    steps += 1;
                }
                assert_eq!(more, steps == *expire);
            }
            Step::Work { hold } => self.work(*hold),
            Step::Out { hold } => self.out(*hold),
            Step::Sent { sending } if !self.sending.is_empty() => {
                let (sending, leases) = self.sending.swap_remove(sending.index(self.sending.len()));
                self.table.sent(sending);
                self.model.sent(&leases);
            }
            Step::Close { adapter } => {
                self.table.close_adapter(self.adapters[*adapter], Cause::Paused);
                self.model.closed[*adapter] = Some(Cause::Paused);
            }
            Step::Drain { adapter, everything, max } => self.drain(*adapter, *everything, *max),
            Step::Open { adapter } => {
                self.table.open_adapter(self.adapters[*adapter]);
                self.model.closed[*adapter] = None;
            }
            Step::Cancel { adapter, id, max } => self.cancel(*adapter, *id, *max),
            Step::Read { reader } if !self.model.readers.is_empty() => {
                let reader = reader.index(self.model.readers.len());
                let place = &mut self.model.readers[reader];
                if !place.closing {
                    self.table.reader_reads(place.id);
                    place.reads = true;
                    if place.trip == Trip::UntilRead {
                        place.trip = Trip::None;
                    }
                }
            }
            Step::CloseReader { reader } if !self.model.readers.is_empty() => {
                let count = self.model.readers.len();
                let reader = &mut self.model.readers[reader.index(count)];
                if !reader.closing {
                    self.table.close_reader(reader.id);
                    reader.closing = true;
                }
            }
            Step::AddReader { setup, reads } => self.add_reader(*setup, *reads),
            _ => {}
        }
    }

    fn add_reader(&mut self, setup: ReaderSetup, reads: bool) {
        let open = self.model.readers.iter().filter(|reader| !reader.closing);
        let budgets: u32 = open.map(|reader| reader.setup.budget_ms).sum();
        match self.table.add_reader(setup) {
            Err(refused) => {
                assert_eq!(refused, ReaderRefused::Budget);
                assert!(budgets + setup.budget_ms > MAX_BUDGET_MS);
            }
            Ok(id) => {
                assert!(budgets + setup.budget_ms <= MAX_BUDGET_MS);
                // Whoever had the place has no lease left that could ask its successor.
                for old in (0..self.model.readers.len()).filter(|&old| self.model.readers[old].id == id) {
                    assert!(self.model.readers[old].closing);
                    assert!(!self.model.live().any(|lease| lease.bound.contains(&old)));
                }
                if reads {
                    self.table.reader_reads(id);
                }
                let trip = Trip::None;
                self.model.readers.push(Reader { id, setup, closing: false, reads, trip, delivering: false });
            }
        }
    }

    fn insert(
        &mut self,
        adapter: usize,
        direction: Direction,
        flow: u64,
        frames: &[(u8, bool)],
        cancel_id: u64,
        promotable: bool,
    ) {
        self.packets += 1;
        let packet = self.packets;
        let wants = |mask: u8| -> Vec<usize> {
            let open = (0..self.model.readers.len()).filter(|&reader| !self.model.readers[reader].closing);
            open.filter(|reader| mask & 1 << (reader % 8) != 0).collect()
        };
        let wanted: Vec<_> = frames
            .iter()
            .map(|&(mask, dropped)| Wanted {
                readers: wants(mask).into_iter().map(|reader| self.model.readers[reader].id).collect(),
                dropped,
            })
            .collect();
        let frames: Vec<_> = frames
            .iter()
            .map(|&(mask, dropped)| Frame {
                readers: if dropped { Vec::new() } else { wants(mask) },
                fate: if dropped { Fate::Dropped } else { Fate::Passing },
                replacement: None,
                claims: Vec::new(),
            })
            .collect();
        let readers: BTreeSet<_> = frames.iter().flat_map(|frame| frame.readers.iter().copied()).collect();
        let arrival = Arrival {
            adapter: self.adapters[adapter],
            direction,
            flow: FlowKey(flow),
            bytes: 100,
            cancel_id,
            promotable,
            tagged: false,
            frames: &wanted,
        };
        let admission = self.table.insert(&arrival, packet, self.model.now);
        let expected = self.model.insert(Lease {
            packet,
            adapter,
            direction,
            flow: Some(flow),
            cancel_id,
            bytes: 100,
            promotable,
            frames,
            readers: readers.iter().copied().collect(),
            bound: readers.into_iter().collect(),
            reader: usize::MAX,
            phase: Phase::Asking,
            job: Job::None,
            pinned: false,
            timer: None,
            due: 0,
            listed: Listed::None,
            place: 0,
            undelivered: 0,
            expired: false,
            hurried: false,
            promoted: false,
            promoter: None,
        });
        let got = match admission {
            Admission::Leased => None,
            Admission::Closed { packet, .. } => Some(Done::Detached(packet, Cause::Paused)),
            Admission::AtOnce { packet, ending, .. } => Some(ended(packet, ending)),
        };
        assert_eq!(got, expected);
        self.end(expected.as_slice());
    }

    fn deliver(&mut self, reader: usize, mut room: usize, hold: bool) {
        let id = self.model.readers[reader].id;
        if self.model.readers[reader].closing {
            return;
        }
        loop {
            let kicked = self.table.take_kicked();
            let is_kicked = |other: &usize| kicked.contains(self.model.readers[*other].id);
            let still: BTreeSet<_> = self.idle.iter().copied().filter(|other| !is_kicked(other)).collect();
            self.idle = still;
            let got = self.table.next_delivery(id);
            let expected = self.model.next_delivery(reader);
            let Some((delivery, packet)) = got else {
                assert_eq!(expected, None);
                self.idle.insert(reader);
                return;
            };
            assert!(!self.idle.contains(&reader), "there is something, and nobody said so");
            let lease = expected.unwrap();
            assert_eq!(packet, self.model.leases[lease].packet);
            let pin = Pinned::Delivery { delivery, packet, lease, reader };
            if hold {
                // What is in the READ may be answered before the copier is back.
                let Pinned::Delivery { delivery, .. } = &pin else { unreachable!() };
                let tickets = questions(&self.table, &delivery.0);
                self.asked(lease, &tickets);
                return self.pins.push(pin);
            }
            room = self.unpin(pin, room, true);
            if room == 0 {
                return;
            }
        }
    }

    /// The reader has these tickets for the first open questions of a lease.
    fn asked(&mut self, lease: usize, tickets: &[Ticket]) {
        let place = &self.model.leases[lease];
        let open = (place.undelivered..place.frames.len()).filter(|&frame| place.frames[frame].is_open());
        for (&ticket, frame) in tickets.iter().zip(open) {
            let claim = (lease, frame, place.frames[frame].claims.len() - 1);
            match self.tickets.iter().find(|(old, _)| *old == ticket) {
                Some((_, before)) => assert_eq!(*before, claim, "a ticket used again"),
                None => self.tickets.push((ticket, claim)),
            }
        }
    }

    /// Brings a packet back; how much room is left in the READ.
    fn unpin(&mut self, pin: Pinned, room: usize, copied: bool) -> usize {
        let now = self.model.now;
        match pin {
            Pinned::Delivery { delivery, packet, lease, reader } => {
                let tickets = questions(&self.table, &delivery.0);
                let place = &self.model.leases[lease];
                let from = place.undelivered;
                let open: Vec<_> = (from..place.frames.len()).filter(|&frame| place.frames[frame].is_open()).collect();
                assert_eq!(tickets.len(), open.len());
                let count = room.min(open.len());
                self.asked(lease, &tickets[..count]);
                let (ticket, last) = (tickets.get(..count).and_then(<[_]>::last), open.get(..count));
                self.table.delivered(delivery, packet, ticket.copied(), now);
                self.model.delivered(lease, reader, from, last.and_then(<[_]>::last).copied());
                return room - count;
            }
            Pinned::Job { job: CopyJob::Spill(spilling, packet), lease } => {
                self.table.spilled(spilling, packet, now);
                self.model.spilled(lease);
            }
            Pinned::Job { job: CopyJob::Promote(promotion, packet), lease } if copied => {
                let kept = self.table.promoted(promotion, packet, packet + COPY, now);
                if self.model.promoted(lease) {
                    assert_eq!(kept, Ok(packet));
                    self.end(&[Done::Drop(packet)]);
                } else {
                    assert_eq!(kept, Err(packet + COPY));
                }
            }
            Pinned::Job { job: CopyJob::Promote(promotion, packet), lease } => {
                self.table.promotion_failed(promotion, packet, now);
                self.model.promotion_failed(lease);
            }
        }
        room
    }

    fn work(&mut self, hold: bool) {
        while !self.model.jobs.is_empty() {
            let lease = self.model.jobs.remove(0);
            self.model.leases[lease].pinned = true;
            let job = self.table.next_job().unwrap();
            let (CopyJob::Spill(_, packet) | CopyJob::Promote(_, packet)) = &job;
            assert_eq!(*packet, self.model.leases[lease].packet);
            assert_eq!(matches!(job, CopyJob::Spill(..)), self.model.leases[lease].job == Job::Spill);
            let pin = Pinned::Job { job, lease };
            if hold {
                return self.pins.push(pin);
            }
            self.unpin(pin, 0, true);
        }
        assert_eq!(self.table.next_job(), None);
    }

    fn answer(&mut self, reader: usize, ticket: Ticket, claim: (usize, usize, usize), verdict: u8) {
        let replacement = REPLACEMENT + self.packets;
        self.packets += 1;
        let verdict = || match verdict {
            0 => Verdict::Drop,
            1 => Verdict::Replace(replacement),
            _ => Verdict::Pass,
        };
        let reader = self.model.in_place_of(reader);
        let id = self.model.readers[reader].id;
        let got = self.table.answer(id, ticket, verdict(), self.model.now);
        let (lease, frame, asked) = claim;
        let expected = self.model.answer(reader, claim, verdict());
        let asked_since = self.model.leases[lease].frames[frame].claims.len() - asked;
        match got {
            Ok(()) => assert_eq!(expected, Ok(())),
            Err(Refused { why, replacement }) => {
                assert_eq!(replacement.is_some(), matches!(verdict(), Verdict::Replace(_)));
                // Of a place asked about twice since, the table no longer knows how it was.
                let forgotten = why == Refusal::Late && expected != Ok(()) && asked_since > 2;
                if forgotten {
                    self.model.readers[reader].trip = Trip::None;
                }
                assert!(forgotten || expected == Err(why), "{why:?} for {expected:?}");
            }
        }
    }

    fn drain(&mut self, adapter: usize, everything: bool, max: usize) {
        let scope = if everything { Scope::Everything } else { Scope::Originals };
        let more = self.table.drain(self.adapters[adapter], scope, max);
        let Some(cause) = self.model.closed[adapter] else {
            return assert!(!more);
        };
        let ours = |(_, lease): &(usize, &Lease)| {
            lease.adapter == adapter && matches!(lease.phase, Phase::Asking | Phase::Ready | Phase::Out)
        };
        let (copies, originals): (Vec<_>, Vec<_>) =
            self.model.leases.iter().enumerate().filter(ours).partition(|(_, lease)| lease.promoted);
        // Copies in the order in which they were made, of which the model keeps no record: none
        // is taken before the originals, and all are at last.
        let originals: Vec<_> = originals.into_iter().map(|(ix, _)| ix).collect();
        let copies: Vec<_> = copies.into_iter().map(|(ix, _)| ix).collect();
        let all = originals.len() + if everything { copies.len() } else { 0 };
        assert_eq!(more, all >= max);
        originals.iter().take(max).for_each(|&ix| self.model.detach(ix, cause));
        if everything && max > originals.len() {
            let rest = self.table.drain(self.adapters[adapter], scope, usize::MAX);
            assert!(!rest);
            copies.iter().for_each(|&ix| self.model.detach(ix, cause));
        }
    }

    fn cancel(&mut self, adapter: usize, id: u64, max: usize) {
        let mut search = Search::default();
        while self.table.cancel(self.adapters[adapter], id, &mut search, max) {}
        let ours = |lease: &Lease| {
            id != 0
                && lease.cancel_id == id
                && lease.adapter == adapter
                && lease.direction == Direction::Out
                && !lease.promoted
        };
        let ours: Vec<_> = (0..self.model.leases.len()).filter(|&ix| ours(&self.model.leases[ix])).collect();
        ours.into_iter().for_each(|ix| self.model.detach(ix, Cause::SendCancelled));
    }

    /// Takes out what there is, from each exit in its order.
    fn out(&mut self, hold: bool) {
        let now = self.model.now;
        loop {
            let mut got = Vec::new();
            let Some(batch) = self.table.next_batch(now, 2, |item| got.push(done(item))) else {
                break;
            };
            let (adapter, direction) = match &batch {
                Batch::Finish(adapter) => (*adapter, None),
                Batch::Forward(sending) => (sending.adapter(), Some(sending.direction())),
            };
            let adapter = self.adapters.iter().position(|&a| a == adapter).unwrap();
            let (leases, mut expected) = self.model.take(adapter, direction, 2);
            if direction.is_none() {
                // Among those given back there is no order.
                let key = |done: &Done| format!("{done:?}");
                self.given_back(adapter, &mut got, &mut expected);
                got.sort_by_key(key);
                expected.sort_by_key(key);
            } else {
                assert_eq!(self.model.closed[adapter], None);
            }
            assert_eq!(got, expected);
            self.end(&got);
            match batch {
                Batch::Forward(sending) if hold => self.sending.push((sending, leases)),
                Batch::Forward(sending) => {
                    self.table.sent(sending);
                    self.model.sent(&leases);
                }
                Batch::Finish(_) => {}
            }
        }
        for (&(adapter, forward, out), queue) in &self.model.queues {
            let kept = |(sending, _): &(Sending, _)| {
                sending.adapter() == self.adapters[adapter] && (sending.direction() == Direction::Out) == out
            };
            let stays = forward && (self.model.closed[adapter].is_some() || self.sending.iter().any(kept));
            assert!(queue.is_empty() || stays, "left behind");
        }
    }

    /// All that is given back, in one.
    fn given_back(&mut self, adapter: usize, got: &mut Vec<Done>, expected: &mut Vec<Done>) {
        expected.extend(self.model.take(adapter, None, usize::MAX).1);
        while got.len() < expected.len() {
            let before = got.len();
            let batch = self.table.next_batch(self.model.now, 99, |item| got.push(done(item)));
            assert_eq!(batch, Some(Batch::Finish(self.adapters[adapter])));
            assert_ne!(got.len(), before);
        }
    }

    /// What must agree at any time.
    fn check(&self) {
        assert_eq!(self.table.len(), self.model.live().count());
        assert_eq!(self.table.load(), self.model.held_load());
        assert_eq!(self.table.promoted_bytes(), self.model.promoted_bytes(None));
    }

    /// Everybody does what is left to do, and nothing is left.
    fn finish(mut self) {
        for adapter in 0..ADAPTERS {
            self.step(&Step::Open { adapter });
        }
        while let Some(pin) = self.pins.pop() {
            self.unpin(pin, 99, true);
        }
        while let Some((sending, leases)) = self.sending.pop() {
            self.table.sent(sending);
            self.model.sent(&leases);
        }
        for _ in 0..40 {
            self.step(&Step::Time { units: 1000 * MS, expire: 1000 });
            self.work(false);
            self.out(false);
        }
        self.check();
        assert!(self.table.is_empty());
        assert_eq!(self.table.next_deadline(), None);
        for packet in 1..=self.packets {
            assert!(self.ends.get(&packet).is_none_or(|&ends| ends == 1), "{packet} has ended more than once");
        }
        for lease in &self.model.leases {
            assert_eq!(self.ends.get(&lease.packet), Some(&1), "{} has not ended once", lease.packet);
            assert!(lease.frames.iter().all(|frame| frame.claims.iter().all(|(_, claim)| *claim != Claim::Open)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_table_does_what_the_model_does(
        readers in prop::collection::vec(setup(), 1..5),
        leases in prop::sample::select(vec![3_usize, 8, 40]),
        caps in (1..12_u32, 1..12_u32, 1..20_u32),
        promoted_bytes in 0..8_u64,
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let cap = |leases| Cap { leases, bytes: 100_000 };
        let setup = TableSetup {
            leases,
            // Never used again, so that no ticket is forgotten for that.
            frames: 2000,
            cap: cap(caps.2),
            promoted_bytes: promoted_bytes * 100,
            promoted_ms: 2_000,
        };
        let mut run = Run::new(setup, AdapterCaps { received: cap(caps.0), sent: cap(caps.1) });
        for setup in readers {
            run.step(&Step::AddReader { setup, reads: true });
        }
        for step in &steps {
            run.step(step);
            run.check();
        }
        run.finish();
    }
}
