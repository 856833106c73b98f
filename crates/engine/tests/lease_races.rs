//! Verdict, deadline, drain, cancel and copier in every order in which they can get the lock:
//! exactly one of them ends the lease. And in every order in which two threads can hand over what
//! they took: a flow's frames arrive in theirs.

mod lease_rig;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as Plain};

use lease_rig::*;
use loom::sync::Mutex;
use loom::thread;
use nblease_engine::lease::*;

/// What two threads or more share: the table behind its lock, and where packets arrive.
#[derive(Clone)]
struct Shared {
    table: Arc<Mutex<Table>>,
    /// What went on. Another thread may come between taking it out and this.
    arrived: Arc<Mutex<Vec<Done>>>,
    /// What was given back, of which the order says nothing.
    given_back: Arc<Plain<Vec<Done>>>,
}

impl Shared {
    fn new(rig: Rig) -> Self {
        let given_back = Arc::new(Plain::new(rig.done));
        Self { table: Arc::new(Mutex::new(rig.table)), arrived: Arc::new(Mutex::new(Vec::new())), given_back }
    }

    /// Does something with the lock held, then what it brought about, as every thread has to.
    fn with<R>(&self, now: u64, work: impl FnOnce(&mut Table) -> R) -> R {
        let mut table = self.table.lock().unwrap();
        let result = work(&mut table);
        loop {
            let mut batch = Vec::new();
            match table.next_batch(now, 9, |item| batch.push(done(item))) {
                None => return result,
                Some(Batch::Finish(_)) => self.give_back(batch),
                Some(Batch::Forward(sending)) => {
                    drop(table);
                    self.arrived.lock().unwrap().extend(batch);
                    table = self.table.lock().unwrap();
                    table.sent(sending);
                }
            }
        }
    }

    fn give_back(&self, packets: impl IntoIterator<Item = Done>) {
        self.given_back.lock().unwrap().extend(packets);
    }

    /// The table, what arrived and what was given back.
    fn into_parts(self) -> (Table, Vec<Done>, Vec<Done>) {
        let table = Arc::try_unwrap(self.table).unwrap_or_else(|_| panic!("still shared"));
        let arrived = Arc::try_unwrap(self.arrived).unwrap_or_else(|_| panic!("still shared"));
        let given_back = std::mem::take(&mut *self.given_back.lock().unwrap());
        (table.into_inner().unwrap(), arrived.into_inner().unwrap(), given_back)
    }
}

/// Runs `body` in every order; returns all that it ever came to.
fn explore<R: Ord + Send + 'static>(body: impl Fn() -> R + Sync + Send + 'static) -> BTreeSet<R> {
    let seen = Arc::new(Plain::new(BTreeSet::new()));
    let all = seen.clone();
    let mut model = loom::model::Builder::new();
    model.preemption_bound = None;
    model.check(move || {
        let result = body();
        all.lock().unwrap().insert(result);
    });
    Arc::try_unwrap(seen).unwrap_or_else(|_| panic!("still shared")).into_inner().unwrap()
}

fn rig(policy: Policy) -> (Rig, ReaderId) {
    let setup = TableSetup { leases: 4, frames: 4, ..LARGE };
    let mut rig = Rig::new(setup, AdapterCaps { received: Cap::NONE, sent: Cap::NONE });
    let reader = rig.reader(gate(0, policy, 100));
    (rig, reader)
}

const LATE: u64 = 100 * MS;

/// One lease of which the reader has its ticket and a copier still has the packet.
fn verdict_deadline_drain_copier() -> (String, String) {
    let (mut rig, reader) = rig(Policy::Drop);
    rig.insert(1, 7, &[frame(&[reader])]);
    let adapter = rig.adapter;
    let (delivery, packet) = rig.table.next_delivery(reader).unwrap();
    let ticket = questions(&rig.table, &delivery.0)[0];
    let shared = Shared::new(rig);
    let verdict = {
        let shared = shared.clone();
        thread::spawn(move || shared.with(LATE, |table| table.answer(reader, ticket, Verdict::Pass, LATE)))
    };
    let deadline = {
        let shared = shared.clone();
        thread::spawn(move || shared.with(LATE, |table| table.expire(LATE, 9)))
    };
    let drain = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.with(LATE, |table| table.close_adapter(adapter, Cause::Paused));
            shared.with(LATE, |table| table.drain(adapter, Scope::Originals, 9));
        })
    };
    shared.with(LATE, |table| table.delivered(delivery, packet, Some(ticket), LATE));
    let verdict = verdict.join().unwrap();
    deadline.join().unwrap();
    drain.join().unwrap();
    let (table, arrived, given_back) = shared.into_parts();
    assert!(table.is_empty());
    assert_eq!(table.load(), Load::default());
    let arrived = [arrived, given_back].concat();
    let [end] = &arrived[..] else { panic!("{arrived:?}") };
    // Who was told that it has decided has, unless the drain came before the frame had left.
    match (&verdict, end) {
        (Ok(()), Done::Forward(1) | Done::Detached(1, _))
        | (Err(Refused { why: Refusal::Late, .. }), Done::Drop(1))
        | (Err(Refused { why: Refusal::Cancelled, .. }), Done::Detached(1, _)) => {}
        other => panic!("{other:?}"),
    }
    (format!("{verdict:?}"), format!("{end:?}"))
}

#[test]
fn one_of_verdict_deadline_drain_and_copier_ends_a_lease() {
    let seen = explore(verdict_deadline_drain_copier);
    assert_eq!(seen.len(), 4, "each can win: {seen:?}");
}

/// One lease whose time is up, with policy promote: the copy is made while a verdict and a cancel
/// or a drain come.
fn verdict_promotion_cancel(cancels: bool) -> (String, String) {
    let (mut rig, reader) = rig(Policy::Promote);
    let frames = [frame(&[reader])];
    let arrival = Arrival { cancel_id: 5, ..rig.arrival(7, &frames) };
    rig.insert_as(1, &arrival);
    let adapter = rig.adapter;
    let ticket = rig.deliver(reader)[0];
    let shared = Shared::new(rig);
    let verdict = {
        let shared = shared.clone();
        thread::spawn(move || shared.with(LATE, |table| table.answer(reader, ticket, Verdict::Pass, LATE)))
    };
    let end = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.with(LATE, |table| {
                if cancels {
                    assert!(!table.cancel(adapter, 5, &mut Search::default(), 99));
                } else {
                    table.close_adapter(adapter, Cause::LowPower);
                    assert!(!table.drain(adapter, Scope::Originals, 9));
                }
            });
        })
    };
    let job = shared.with(LATE, |table| {
        table.expire(LATE, 9);
        table.next_job()
    });
    if let Some(CopyJob::Promote(promotion, packet)) = job {
        let kept = shared.with(LATE, |table| table.promoted(promotion, packet, packet + COPY, LATE));
        if let Ok(original) = kept {
            shared.give_back([Done::Drop(original)]);
        }
    }
    let verdict = verdict.join().unwrap();
    end.join().unwrap();
    // Awake again, and the copy's time is up as well.
    let last = LATE + 20_000 * MS;
    shared.with(last, |table| {
        table.open_adapter(adapter);
        table.expire(last, 9);
    });
    let (table, arrived, given_back) = shared.into_parts();
    let mut arrived = [arrived, given_back].concat();
    assert!(table.is_empty());
    assert_eq!((table.load(), table.promoted_bytes()), (Load::default(), 0));
    arrived.sort_by_key(|done| format!("{done:?}"));
    let decided = verdict.is_ok();
    match &arrived[..] {
        [Done::Detached(1, _)] => {}
        [Done::Forward(1)] => assert!(decided),
        [Done::Drop(1), Done::Forward(copy)] => assert!(decided && *copy == 1 + COPY),
        [Done::Drop(1), Done::Drop(copy)] => panic!("a verdict on {copy} was lost"),
        other => panic!("{other:?}"),
    }
    (format!("{verdict:?}"), format!("{arrived:?}"))
}

#[test]
fn one_of_verdict_promotion_and_drain_ends_a_lease() {
    for cancels in [false, true] {
        let seen = explore(move || verdict_promotion_cancel(cancels));
        let ends: BTreeSet<_> = seen.iter().map(|(_, end)| end).collect();
        assert_eq!(ends.len(), 3, "each can win: {seen:?}");
    }
}

#[test]
fn a_reader_is_closed_while_it_answers_and_copies_are_made() {
    let seen = explore(|| {
        let (mut rig, reader) = rig(Policy::Spill);
        let (frames, adapter) = ([frame(&[reader])], rig.adapter);
        rig.insert(1, 7, &frames);
        rig.insert(2, 7, &frames);
        let shared = Shared::new(rig);
        let reading = {
            let shared = shared.clone();
            thread::spawn(move || {
                while let Some((delivery, packet)) = shared.with(0, |table| table.next_delivery(reader)) {
                    let ticket = shared.with(0, |table| questions(table, &delivery.0)).last().copied();
                    shared.with(0, |table| table.delivered(delivery, packet, ticket, 0));
                }
            })
        };
        let closing = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.with(0, |table| table.close_reader(reader));
                shared.with(0, |table| table.expire(0, 9));
                while let Some(CopyJob::Spill(spilling, packet)) = shared.with(0, Table::next_job) {
                    shared.with(0, |table| table.spilled(spilling, packet, 0));
                }
            })
        };
        reading.join().unwrap();
        closing.join().unwrap();
        // What a delivery brought back too late for the closer's own turn.
        while let Some(CopyJob::Spill(spilling, packet)) = shared.with(0, Table::next_job) {
            shared.with(0, |table| table.spilled(spilling, packet, 0));
        }
        let (mut table, arrived, _) = shared.into_parts();
        assert_eq!(arrived, [Done::Forward(1), Done::Forward(2)]);
        table.close_adapter(adapter, Cause::Gone);
        assert!(table.remove_adapter(adapter));
        table.tally().events.get(&Event::Watched).copied().unwrap_or(0)
    });
    assert_eq!(seen, BTreeSet::from([0, 1, 2]), "frames that were read");
}

#[test]
fn two_threads_hand_over_a_flow_in_its_order() {
    explore(|| {
        let (mut rig, reader) = rig(Policy::Pass);
        for packet in 1..=2 {
            rig.insert(packet, 7, &[frame(&[reader])]);
        }
        let tickets = rig.deliver(reader);
        let arrival_adapter = rig.adapter;
        let shared = Shared::new(rig);
        let answers: Vec<_> = [tickets[0], tickets[1]]
            .into_iter()
            .map(|ticket| {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.with(0, |table| table.answer(reader, ticket, Verdict::Pass, 0)).unwrap();
                })
            })
            .collect();
        // A frame that nobody wants comes behind them, or when they have gone.
        let frames = [frame(&[])];
        let arrival = Arrival {
            adapter: arrival_adapter,
            direction: nblease_engine::reader::Direction::Out,
            flow: nblease_engine::flow::FlowKey(7),
            bytes: 100,
            cancel_id: 0,
            promotable: true,
            tagged: false,
            frames: &frames,
        };
        match shared.with(0, |table| table.insert(&arrival, 3, 0)) {
            Admission::AtOnce { packet, ending, .. } => shared.arrived.lock().unwrap().push(ended(packet, ending)),
            Admission::Leased => {}
            Admission::Closed { .. } => panic!("it is open"),
        }
        for answer in answers {
            answer.join().unwrap();
        }
        let (table, arrived, _) = shared.into_parts();
        assert_eq!(arrived, [1, 2, 3].map(Done::Forward));
        assert!(table.is_empty());
    });
}
