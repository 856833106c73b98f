//! Copying from a leased packet: who does it has the packet for that time, and nobody else can end
//! the lease meanwhile. What happens to it then is done when the packet is brought back.

use super::ids::{ReaderId, Ticket};
use super::list::Through;
use super::readers::Policy;
use super::slots::{FrameIx, Ix, LeaseIx};
use super::state::{Claim, Job, Lease, Listed, Phase, Timed};
use super::table::LeaseTable;
use super::tally::{Event, Tally};
use crate::reader::Direction;

/// A question about a frame, for the reader's record of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which of the NBL's frames.
    pub frame: u8,
    /// What the reader answers by.
    pub ticket: Ticket,
}

impl Question {
    /// For an array to be filled.
    pub const NONE: Self = Self { frame: 0, ticket: Ticket(0) };
}

/// A lease whose packet the holder of this has; it is brought back by the function that takes it.
#[must_use = "the packet has to be brought back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Pin {
    ix: LeaseIx,
    reader: ReaderId,
    /// Which way the packet goes.
    pub direction: Direction,
    /// Where it was seen.
    pub adapter: super::ids::AdapterId,
    /// When it came, in the units of `now`.
    pub inserted: u64,
}

impl Pin {
    /// For whom the copy is.
    pub const fn reader(&self) -> ReaderId {
        self.reader
    }
}

/// A packet to be written into a reader's READ; see [`LeaseTable::delivered`].
#[must_use = "the packet has to be brought back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery(pub Pin);

/// A packet to be spilled for a TAP whose patience has ended; see [`LeaseTable::spilled`].
#[must_use = "the packet has to be brought back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Spilling(pub Pin);

/// A packet to be deep-copied; see [`LeaseTable::promoted`] and [`LeaseTable::promotion_failed`].
#[must_use = "the packet has to be brought back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Promotion(pub Pin);

/// Work for a copier.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum CopyJob<P> {
    /// See [`Spilling`].
    Spill(Spilling, P),
    /// See [`Promotion`].
    Promote(Promotion, P),
}

impl<P, T: Tally> LeaseTable<P, T> {
    fn pin(&mut self, ix: LeaseIx) -> Option<(Pin, P)> {
        let lease = &mut self.leases[ix];
        let packet = lease.packet.take()?;
        let Lease { reader, direction, adapter, inserted, .. } = *lease;
        Some((Pin { ix, reader, direction, adapter, inserted }, packet))
    }

    /// The next packet that `reader` has to get, in order; the caller has a READ for it. `None`
    /// where there is none, or another is delivering, or the packet is being copied: whoever has
    /// it then sees to it that the reader is [kicked](Self::take_kicked).
    pub fn next_delivery(&mut self, reader: ReaderId) -> Option<(Delivery, P)> {
        let place = &mut self.readers[reader];
        if !place.is_open() {
            return None;
        }
        if place.delivering {
            place.again = true;
            return None;
        }
        let ix = loop {
            let place = &self.readers[reader];
            let queue = if place.copies.undelivered == LeaseIx::NONE { &place.originals } else { &place.copies };
            let ix = queue.undelivered;
            if ix == LeaseIx::NONE {
                return None;
            }
            // A reader may have answered what it has yet to get: then it does not get it.
            let undelivered = self.first_open(self.leases[ix].undelivered);
            self.leases[ix].undelivered = undelivered;
            if undelivered != FrameIx::NONE {
                break ix;
            }
            self.all_delivered(ix);
        };
        // Behind a copy that is about to be made, the reader gets that.
        if self.leases[ix].job != Job::None || self.leases[ix].is_pinned() {
            self.readers[reader].again = true;
            return None;
        }
        let (pin, packet) = self.pin(ix)?;
        self.readers[reader].delivering = true;
        Some((Delivery(pin), packet))
    }

    /// Fills `questions` with those open that the reader has yet to get, `after` a ticket or from
    /// the first; how many they are. Fewer than fit are the last.
    pub fn questions(&self, pin: &Pin, after: Option<Ticket>, questions: &mut [Question]) -> usize {
        let mut frame = match after {
            Some(ticket) => self.frames[ticket.frame()].next,
            None => self.leases[pin.ix].undelivered,
        };
        let mut count = 0;
        for place in questions {
            frame = self.first_open(frame);
            if frame == FrameIx::NONE {
                break;
            }
            let found = &self.frames[frame];
            *place = Question { frame: found.number, ticket: found.ticket(frame) };
            count += 1;
            frame = found.next;
        }
        count
    }

    /// Brings back what was to be delivered; `last` is the last question that the reader has got,
    /// `None` where it has got none. For a TAP that is the answer.
    pub fn delivered(&mut self, delivery: Delivery, packet: P, last: Option<Ticket>, now: u64) {
        self.set_clock(now);
        let Delivery(Pin { ix, reader, .. }) = delivery;
        self.readers[reader].delivering = false;
        self.leases[ix].packet = Some(packet);
        self.kick(reader);
        if matches!(self.leases[ix].phase, Phase::Detached(_)) {
            return self.resume(ix);
        }
        if let Some(last) = last {
            if self.readers[reader].setup.policy == Policy::Spill {
                self.watched(ix, last.frame());
            }
            let next = self.first_open(self.frames[last.frame()].next);
            self.leases[ix].undelivered = next;
            if next == FrameIx::NONE {
                self.all_delivered(ix);
            }
        }
        self.resume(ix);
    }

    /// The first frame from `frame` on that has no answer.
    pub(super) fn first_open(&self, mut frame: FrameIx) -> FrameIx {
        while frame != FrameIx::NONE && !self.frames[frame].is_open() {
            frame = self.frames[frame].next;
        }
        frame
    }

    /// The reader asked has got all of a lease that it is to get.
    fn all_delivered(&mut self, ix: LeaseIx) {
        let Lease { reader, listed, .. } = self.leases[ix];
        let place = &mut self.readers[reader];
        match listed {
            Listed::None => {}
            Listed::Originals => place.originals.delivered(&self.leases, ix),
            Listed::Copies => place.copies.delivered(&self.leases, ix),
        }
    }

    /// A TAP has got the frames up to `last`: that is all it wants.
    fn watched(&mut self, ix: LeaseIx, last: FrameIx) {
        let Lease { reader, adapter, undelivered, .. } = self.leases[ix];
        let mut frame = undelivered;
        let mut count = 0;
        while frame != FrameIx::NONE {
            let place = &mut self.frames[frame];
            if place.is_open() {
                place.claim = Claim::Answered;
                count += 1;
            }
            if frame == last {
                break;
            }
            frame = place.next;
        }
        self.leases[ix].open = self.leases[ix].open.saturating_sub(count);
        self.tally.count(Some(adapter), Some(reader), Event::Watched, count.into());
    }

    /// What could not be had when it was asked for can be, or is not in the way any more.
    pub(super) fn kick(&mut self, reader: ReaderId) {
        if core::mem::take(&mut self.readers[reader].again) {
            self.kicked.insert(reader);
        }
    }

    /// The next packet that is to be copied for a policy's sake.
    pub fn next_job(&mut self) -> Option<CopyJob<P>> {
        let ix = self.leases.pop_front(Through::Timer, &mut self.jobs)?;
        self.leases[ix].timed = Timed::None;
        let job = self.leases[ix].job;
        let (pin, packet) = self.pin(ix)?;
        Some(match job {
            Job::Promote => CopyJob::Promote(Promotion(pin), packet),
            Job::Spill | Job::None => CopyJob::Spill(Spilling(pin), packet),
        })
    }

    /// Brings back what was to be spilled, whether it could be or not.
    pub fn spilled(&mut self, spilling: Spilling, packet: P, now: u64) {
        self.set_clock(now);
        let Spilling(Pin { ix, reader, adapter, .. }) = spilling;
        self.leases[ix].job = Job::None;
        self.leases[ix].packet = Some(packet);
        self.tally.count(Some(adapter), Some(reader), Event::Spilled, 1);
        self.close_claims(ix, Claim::Expired, false);
        self.resume(ix);
    }

    /// A copy has been made. It takes the original's place, and the original comes back, to be
    /// given back at once as one that is dropped.
    ///
    /// # Errors
    /// The copy, where the lease was detached meanwhile: it is freed, and the original leaves as
    /// others do that were detached.
    pub fn promoted(&mut self, promotion: Promotion, original: P, copy: P, now: u64) -> Result<P, P> {
        self.set_clock(now);
        let Promotion(Pin { ix, reader, adapter, direction, inserted }) = promotion;
        self.leases[ix].job = Job::None;
        if matches!(self.leases[ix].phase, Phase::Detached(_)) || self.being_drained(ix).is_some() {
            self.leases[ix].packet = Some(original);
            self.resume(ix);
            return Err(copy);
        }
        self.uncharge_original(ix);
        self.unlink_adapter(ix);
        self.quit_flow(ix);
        self.tally.held(adapter, direction, self.now.saturating_sub(inserted));
        self.tally.count(Some(adapter), Some(reader), Event::Promoted, 1);
        let due = self.tick() + u64::from(self.setup.promoted_ms);
        let lease = &mut self.leases[ix];
        lease.packet = Some(copy);
        lease.promoted = true;
        lease.due = due;
        lease.timed = Timed::Promoted;
        self.leases.push_back(Through::Timer, &mut self.promoted, ix);
        self.leases.push_back(Through::Adapter, &mut self.adapters[adapter].copies, ix);
        self.kicked.insert(reader);
        self.resume(ix);
        Ok(original)
    }

    /// No copy could be made: what has no verdict is dropped, and the original leaves as others do.
    pub fn promotion_failed(&mut self, promotion: Promotion, original: P, now: u64) {
        self.set_clock(now);
        let Promotion(Pin { ix, reader, adapter, .. }) = promotion;
        self.leases[ix].job = Job::None;
        self.leases[ix].packet = Some(original);
        self.uncharge_copy(ix);
        self.tally.count(Some(adapter), Some(reader), Event::PromotionFailed, 1);
        self.close_claims(ix, Claim::Expired, true);
        self.resume(ix);
    }
}
