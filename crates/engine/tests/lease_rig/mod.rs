//! A lease table with somebody around it who does what it hands out.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;

use nblease_engine::flow::FlowKey;
use nblease_engine::lease::*;
use nblease_engine::reader::Direction;

/// A packet by its number; a promoted copy has [`COPY`] added, a replacement [`REPLACEMENT`].
pub type Packet = u32;
pub const COPY: Packet = 1_000_000;
pub const REPLACEMENT: Packet = 2_000_000;

pub const MS: u64 = TICK;

/// What came out of the table, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It went on whole.
    Forward(Packet),
    /// These of its frames went on.
    Partly(Packet, Vec<usize>),
    /// It was given back.
    Drop(Packet),
    /// It was detached.
    Detached(Packet, Cause),
    /// It went in the place of a frame of the packet before.
    Replacement(Packet, u8),
    /// It was freed.
    Unused(Packet),
}

#[derive(Debug, Default)]
pub struct Count {
    pub events: BTreeMap<Event, u64>,
    pub held: Vec<(Direction, u64)>,
}

impl Tally for Count {
    fn count(&mut self, _: Option<AdapterId>, _: Option<ReaderId>, event: Event, count: u32) {
        *self.events.entry(event).or_default() += u64::from(count);
    }

    fn held(&mut self, _: AdapterId, direction: Direction, held: u64) {
        self.held.push((direction, held));
    }
}

pub type Table = LeaseTable<Packet, Count>;

pub const LARGE: TableSetup =
    TableSetup { leases: 64, frames: 128, cap: Cap::NONE, promoted_bytes: 1_000_000, promoted_ms: 10_000 };

pub fn gate(priority: u32, policy: Policy, budget_ms: u32) -> ReaderSetup {
    ReaderSetup { priority, policy, budget_ms, cap: Cap::NONE, promoted_bytes: 1_000_000 }
}

pub fn frame(readers: &[ReaderId]) -> Wanted {
    Wanted { readers: readers.iter().copied().collect(), dropped: false }
}

pub struct Rig {
    pub table: Table,
    pub adapter: AdapterId,
    pub now: u64,
    pub done: Vec<Done>,
}

impl Rig {
    pub fn new(setup: TableSetup, caps: AdapterCaps) -> Self {
        let mut table = Table::try_new(setup, Count::default()).unwrap();
        let adapter = table.add_adapter(caps).unwrap();
        table.open_adapter(adapter);
        Self { table, adapter, now: 0, done: Vec::new() }
    }

    pub fn large() -> Self {
        Self::new(LARGE, AdapterCaps { received: Cap::NONE, sent: Cap::NONE })
    }

    pub fn reader(&mut self, setup: ReaderSetup) -> ReaderId {
        let reader = self.table.add_reader(setup).unwrap();
        self.table.reader_reads(reader);
        reader
    }

    pub fn arrival<'a>(&self, flow: u64, frames: &'a [Wanted]) -> Arrival<'a> {
        Arrival {
            adapter: self.adapter,
            direction: Direction::Out,
            flow: FlowKey(flow),
            bytes: 100,
            cancel_id: 0,
            promotable: true,
            tagged: false,
            frames,
        }
    }

    /// A packet of a flow; whether it is leased.
    pub fn insert(&mut self, packet: Packet, flow: u64, frames: &[Wanted]) -> bool {
        let arrival = self.arrival(flow, frames);
        self.insert_as(packet, &arrival)
    }

    pub fn insert_as(&mut self, packet: Packet, arrival: &Arrival<'_>) -> bool {
        match self.table.insert(arrival, packet, self.now) {
            Admission::Leased => return true,
            Admission::Closed { packet, .. } => self.done.push(Done::Detached(packet, Cause::Gone)),
            Admission::AtOnce { packet, ending, .. } => self.done.push(ended(packet, ending)),
        }
        false
    }

    /// What has ended since.
    pub fn out(&mut self) -> Vec<Done> {
        out(&mut self.table, self.now, &mut self.done);
        std::mem::take(&mut self.done)
    }

    /// Delivers all there is for a reader: the tickets, in order.
    pub fn deliver(&mut self, reader: ReaderId) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let Some((delivery, packet)) = self.table.next_delivery(reader) {
            let got = questions(&self.table, &delivery.0);
            self.table.delivered(delivery, packet, got.last().copied(), self.now);
            tickets.extend(got);
        }
        tickets
    }

    pub fn answer(&mut self, reader: ReaderId, ticket: Ticket, verdict: Verdict<Packet>) -> Result<(), Refusal> {
        self.table.answer(reader, ticket, verdict, self.now).map_err(|refused| refused.why)
    }

    /// Time goes on, and what is due expires.
    pub fn pass_ms(&mut self, ms: u64) {
        self.now += ms * MS;
        while self.table.expire(self.now, 3) {}
    }

    /// Makes the copies that are wanted.
    pub fn copy(&mut self) {
        while let Some(job) = self.table.next_job() {
            match job {
                CopyJob::Spill(spilling, packet) => self.table.spilled(spilling, packet, self.now),
                CopyJob::Promote(promotion, packet) => {
                    if let Ok(original) = self.table.promoted(promotion, packet, packet + COPY, self.now) {
                        self.done.push(Done::Drop(original));
                    }
                }
            }
        }
    }

    pub fn counted(&self, event: Event) -> u64 {
        self.table.tally().events.get(&event).copied().unwrap_or(0)
    }
}

/// The tickets of all questions that a pinned lease has for its reader.
pub fn questions(table: &Table, pin: &Pin) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    loop {
        let mut some = [Question::NONE; 2];
        let count = table.questions(pin, tickets.last().copied(), &mut some);
        tickets.extend(some.iter().take(count).map(|question| question.ticket));
        if count < some.len() {
            return tickets;
        }
    }
}

pub fn ended(packet: Packet, ending: Ending) -> Done {
    match ending {
        Ending::Forward => Done::Forward(packet),
        Ending::Partly(frames) => Done::Partly(packet, (0..MAX_FRAMES).filter(|&f| frames.contains(f)).collect()),
        Ending::Drop => Done::Drop(packet),
        Ending::Detached(cause) => Done::Detached(packet, cause),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a sink gets it so")]
pub fn done(item: Item<Packet>) -> Done {
    match item {
        Item::Packet { packet, ending, .. } => ended(packet, ending),
        Item::Replacement { packet, frame } => Done::Replacement(packet, frame),
        Item::Unused(packet) => Done::Unused(packet),
    }
}

pub fn out(table: &mut Table, now: u64, all: &mut Vec<Done>) {
    while let Some(batch) = table.next_batch(now, 2, |item| all.push(done(item))) {
        if let Batch::Forward(sending) = batch {
            table.sent(sending);
        }
    }
}
