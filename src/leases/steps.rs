//! The steps that a change of the table leaves to be taken without its lock: packets leave, are copied, and are shown.
//!
//! Calling contexts: up to DISPATCH_LEVEL, no lock held. A step has its packets from the table and its adapter in hand;
//! it ends with the packets handed over or brought back, and the adapter out of hand.

use nblease_engine::lease::{
    AdapterId, Batch, CopyJob, Delivery, Ending, Item, Pin, Promotion, Question, ReaderId, Sending, Spilling, Ticket,
};
use nblease_ndis::held::Level;
use nblease_wdf::{pool::PoolArc, read::Completions, time};

use super::{BATCH, Inner, Leases};
use crate::{adapter::Adapter, departure::Departure, packet::Packet, reader::Reader};

/// Questions that are taken from the table at a time.
const QUESTIONS: usize = 16;
/// What one run of a DPC does at most: so many batches and copies, and so many bytes copied.
const DPC_STEPS: usize = 64;
const DPC_BYTES: usize = 1 << 20;

/// Packets that leave.
#[derive(Default)]
struct Leaving {
    /// Of which adapter, which is in hand.
    adapter: Option<(AdapterId, PoolArc<Adapter>)>,
    departure: Departure,
    /// One of which not all goes on, behind the others.
    parted: Option<(Packet, Ending)>,
    /// What goes in place of the rest of it.
    replacements: Departure,
    /// The right to hand over what goes on.
    sending: Option<Sending>,
}

/// A copy that is to be made.
struct Copying {
    job: CopyJob<Packet>,
    adapter: PoolArc<Adapter>,
    /// For whom, unless it is gone.
    reader: Option<PoolArc<Reader>>,
}

/// How much may be done in one go.
struct Allowance {
    steps: usize,
    bytes: usize,
}

impl Allowance {
    /// At DISPATCH_LEVEL what is too much for one go is left to the timer.
    const fn at(level: Level) -> Self {
        match level {
            Level::Passive => Self { steps: usize::MAX, bytes: usize::MAX },
            Level::Dispatch => Self { steps: DPC_STEPS, bytes: DPC_BYTES },
        }
    }

    const fn is_left(&self) -> bool {
        self.steps != 0 && self.bytes != 0
    }

    fn use_up(&mut self, bytes: usize) {
        self.steps = self.steps.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Inner {
    /// Gathers the next packets that leave; false where there is none. Not inlined: it takes up stack.
    #[inline(never)]
    fn next_leaving(&mut self, leaving: &mut Leaving) -> bool {
        let Leaving { departure, parted, replacements, .. } = leaving;
        let mut likeness = None;
        let batch = self.table.next_batch(time::unbiased_time(), BATCH, |item| match item {
            Item::Packet { packet, ending: Ending::Forward, .. } => departure.forward(packet),
            Item::Packet { packet, ending: Ending::Detached(cause), .. } => departure.finish(packet, Some(cause)),
            Item::Packet { packet, ending: Ending::Drop, replacements: 0, .. } | Item::Unused(packet) => {
                departure.finish(packet, None);
            }
            Item::Packet { packet, ending, .. } => {
                likeness = Some(packet.likeness());
                *parted = Some((packet, ending));
            }
            Item::Replacement { packet, .. } => match &likeness {
                Some(original) => replacements.forward(packet.in_place_of(original)),
                None => departure.finish(packet, None),
            },
        });
        let (id, sending) = match batch {
            Some(Batch::Forward(sending)) => (sending.adapter(), Some(sending)),
            Some(Batch::Finish(id)) => (id, None),
            None => return false,
        };
        leaving.sending = sending;
        leaving.adapter = self.take_in_hand(id).map(|adapter| (id, adapter));
        true
    }

    /// The next copy that is to be made; its adapter is taken in hand.
    fn next_copy(&mut self) -> Option<Copying> {
        let job = self.table.next_job()?;
        let (CopyJob::Spill(Spilling(pin), _) | CopyJob::Promote(Promotion(pin), _)) = &job;
        let (place, reader) = (pin.adapter, pin.reader());
        let adapter = self.take_in_hand(place)?;
        Some(Copying { job, adapter, reader: self.table.tally().reader(reader).cloned() })
    }

    /// The next reader that has a READ and may have something to get.
    fn next_reader(&mut self) -> Option<(ReaderId, PoolArc<Reader>)> {
        self.kicked = self.kicked.union(self.table.take_kicked());
        while let Some(id) = self.kicked.first() {
            self.kicked.remove(id);
            let reader = self.table.tally().reader(id);
            if let Some(reader) = reader.filter(|reader| reader.may_take()) {
                return Some((id, reader.clone()));
            }
        }
        None
    }
}

impl Leases {
    /// Takes the steps that there are; at DISPATCH_LEVEL the timer sees to what is too much for one go. `level` is the
    /// caller's, as far as it is known.
    pub fn settle(&self, level: Level) {
        let mut allowance = Allowance::at(level);
        let mut done = Completions::new();
        // Each is a function that is not inlined: of the stack only what it needs is in use when NDIS is called, which may
        // call the module back from within.
        while allowance.is_left()
            && (self.copy_one(level, &mut allowance, &mut done)
                || self.leave_some(level, &mut allowance)
                || self.deliver_one(&mut allowance, &mut done))
        {}
        self.with(|inner| {
            let due = if allowance.is_left() { inner.table.next_deadline() } else { Some(0) };
            if let Some(due) = due {
                self.arm(inner, due);
            }
        });
        done.complete();
    }

    /// Makes the next copy; false where there is none to make.
    #[inline(never)]
    fn copy_one(&self, level: Level, allowance: &mut Allowance, done: &mut Completions) -> bool {
        let Some(Copying { job, adapter, reader }) = self.with(Inner::next_copy).flatten() else { return false };
        let (CopyJob::Spill(_, packet) | CopyJob::Promote(_, packet)) = &job;
        allowance.use_up(packet.nbl().frames().map(|frame| frame.len()).sum());
        match job {
            CopyJob::Spill(spilling, packet) => self.spill(spilling, packet, adapter, reader.as_deref(), done),
            CopyJob::Promote(promotion, original) => self.promote(promotion, original, adapter, level),
        }
        true
    }

    /// Hands the next packets over that leave; false where there is none.
    #[inline(never)]
    fn leave_some(&self, level: Level, allowance: &mut Allowance) -> bool {
        let mut leaving = Leaving::default();
        if !self.with(|inner| inner.next_leaving(&mut leaving)).unwrap_or(false) {
            return false;
        }
        allowance.use_up(0);
        let Leaving { adapter, mut departure, parted, replacements, sending } = leaving;
        // Packets have an adapter. Those that are dropped are given back.
        let Some((id, adapter)) = adapter else { return true };
        if let Some((packet, ending)) = parted {
            let in_part = matches!(ending, Ending::Partly(_));
            let went_on = departure.end(packet, ending, adapter.pool());
            if in_part {
                adapter.count_shadow(went_on);
            }
        }
        departure.append(replacements);
        departure.depart(level);
        drop(adapter);
        self.with(|inner| {
            if let Some(sending) = sending {
                inner.table.sent(sending);
            }
            inner.let_go(id);
        });
        true
    }

    /// Shows the next reader what waits for it; false where there is none.
    #[inline(never)]
    fn deliver_one(&self, allowance: &mut Allowance, done: &mut Completions) -> bool {
        let Some((id, reader)) = self.with(Inner::next_reader).flatten() else { return false };
        allowance.use_up(0);
        self.deliver(id, &reader, done);
        true
    }

    /// Gives a TAP by its spill what it did not take in time.
    fn spill(
        &self,
        spilling: Spilling,
        packet: Packet,
        adapter: PoolArc<Adapter>,
        reader: Option<&Reader>,
        done: &mut Completions,
    ) {
        let Spilling(pin) = &spilling;
        let id = pin.adapter;
        if let Some(reader) = reader {
            let offer = reader.offer(pin.direction, pin.inserted, adapter.net_luid());
            self.each_question(pin, |asked| offer.spill(packet.nbl(), asked, done));
        }
        drop(adapter);
        self.with(|inner| {
            inner.table.spilled(spilling, packet, time::unbiased_time());
            inner.let_go(id);
        });
    }

    /// Deep-copies a packet, and gives the original back.
    fn promote(&self, promotion: Promotion, original: Packet, adapter: PoolArc<Adapter>, level: Level) {
        let id = promotion.0.adapter;
        let copied = original.promote(adapter.pool());
        drop(adapter);
        let ended = self.with(|inner| {
            let now = time::unbiased_time();
            let Ok(copy) = copied else {
                inner.table.promotion_failed(promotion, original, now);
                return None;
            };
            // The original; or the copy, of a lease that was ended meanwhile.
            let (Ok(packet) | Err(packet)) = inner.table.promoted(promotion, original, copy, now);
            Some(packet)
        });
        let mut departure = Departure::new();
        if let Some(packet) = ended.flatten() {
            departure.finish(packet, None);
        }
        departure.depart(level);
        self.with(|inner| inner.let_go(id));
    }

    /// Writes what waits for a reader into its READs, as far as there is room.
    fn deliver(&self, id: ReaderId, reader: &Reader, done: &mut Completions) {
        while reader.may_take() {
            let next = self.with(|inner| {
                let (delivery, packet) = inner.table.next_delivery(id)?;
                let adapter = inner.take_in_hand(delivery.0.adapter)?;
                Some((delivery, packet, adapter))
            });
            let Some((delivery, packet, adapter)) = next.flatten() else { break };
            let Delivery(pin) = &delivery;
            let place = pin.adapter;
            let offer = reader.offer(pin.direction, pin.inserted, adapter.net_luid());
            let last = self.each_question(pin, |asked| offer.give(packet.nbl(), asked, done));
            drop(adapter);
            self.with(|inner| {
                inner.table.delivered(delivery, packet, last, time::unbiased_time());
                inner.let_go(place);
            });
        }
        reader.end_batch(done);
    }

    /// Has a pinned packet's open questions shown, some at a time, until one is not taken; the last that was.
    fn each_question(&self, pin: &Pin, mut show: impl FnMut(&[Question]) -> Option<Ticket>) -> Option<Ticket> {
        let mut questions = [Question::NONE; QUESTIONS];
        let mut last = None;
        loop {
            let count = self.with(|inner| inner.table.questions(pin, last, &mut questions)).unwrap_or(0);
            let asked = questions.get(..count).unwrap_or_default();
            let Some(question) = asked.last() else { return last };
            let shown = show(asked);
            last = shown.or(last);
            if shown != Some(question.ticket) || count < QUESTIONS {
                return last;
            }
        }
    }
}
