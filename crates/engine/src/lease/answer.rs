//! A reader's verdict on a frame, by ticket.

use super::ids::{AdapterId, ReaderId, Ticket};
use super::readers::Policy;
use super::state::{Claim, Fate, Job, Lease};
use super::table::LeaseTable;
use super::tally::{Event, Tally};
use crate::reader::Direction;

/// What a reader says about a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<P> {
    /// It passes, as far as this reader is concerned; the next one is asked.
    Pass,
    /// It is dropped, and nobody else is asked about it.
    Drop,
    /// It is dropped, and this goes in its place; nobody else is asked about either.
    Replace(P),
}

/// Why a verdict has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The ticket has a verdict.
    Twice,
    /// Its time is up; also said of tickets too old to be remembered.
    Late,
    /// The frame was cancelled, or the adapter paused or went to sleep.
    Cancelled,
    /// The ticket is another reader's.
    NotYours,
    /// It is no ticket.
    Unknown,
}

/// A verdict without effect.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<P> {
    /// Why.
    pub why: Refusal,
    /// What was to go in the frame's place.
    pub replacement: Option<P>,
}

/// Where the frame of an open ticket is going: what a replacement has to suit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Where it was seen.
    pub adapter: AdapterId,
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it can be replaced: see [`Arrival::promotable`](super::Arrival::promotable).
    pub promotable: bool,
    /// Whether its VLAN tag lies beside its bytes.
    pub tagged: bool,
}

impl<P, T: Tally> LeaseTable<P, T> {
    /// Where the frame of `reader`'s ticket is going; `None` where [`answer`](Self::answer) would refuse it.
    pub fn locate(&self, reader: ReaderId, ticket: Ticket) -> Option<Located> {
        if self.claim(reader, ticket) != Claim::Open {
            return None;
        }
        let Lease { adapter, direction, promotable, tagged, .. } = self.leases[self.frames[ticket.frame()].lease];
        Some(Located { adapter, direction, promotable, tagged })
    }

    /// `reader` answers. A verdict that is refused changes nothing, except that a late one shows
    /// that the reader answers again.
    pub fn answer(
        &mut self,
        reader: ReaderId,
        ticket: Ticket,
        verdict: Verdict<P>,
        now: u64,
    ) -> Result<(), Refused<P>> {
        self.set_clock(now);
        let why = match self.claim(reader, ticket) {
            Claim::Open => {
                self.recover(reader);
                self.accept(ticket, verdict);
                return Ok(());
            }
            Claim::Answered => Refusal::Twice,
            Claim::Expired => {
                self.recover(reader);
                Refusal::Late
            }
            Claim::Cancelled => Refusal::Cancelled,
            Claim::None if ticket.reader() == reader || self.frames.get(ticket.frame()).is_none() => Refusal::Unknown,
            Claim::None => self.foreign(ticket),
        };
        let event = match why {
            Refusal::Twice => Event::AnsweredTwice,
            Refusal::Late => Event::AnsweredLate,
            Refusal::Cancelled => Event::AnsweredCancelled,
            Refusal::NotYours => Event::AnsweredForeign,
            Refusal::Unknown => Event::AnsweredUnknown,
        };
        self.tally.count(None, Some(reader), event, 1);
        let replacement = match verdict {
            Verdict::Replace(packet) => Some(packet),
            Verdict::Pass | Verdict::Drop => None,
        };
        Err(Refused { why, replacement })
    }

    /// How the claim that a ticket names stands; `None` where `reader` never had it.
    fn claim(&self, reader: ReaderId, ticket: Ticket) -> Claim {
        let Some(frame) = self.frames.get(ticket.frame()) else {
            return Claim::None;
        };
        let (known, generation) = (frame.generation, ticket.generation());
        if ticket.reader() != reader
            || generation == 0
            || generation > known
            || self.readers[reader].setup.policy == Policy::Spill
        {
            Claim::None
        } else if generation < known {
            if generation + 1 == known { frame.previous } else { Claim::Expired }
        } else if frame.asked != reader {
            Claim::None
        } else if frame.is_open() && self.being_drained(frame.lease).is_some() {
            Claim::Cancelled
        } else {
            frame.claim
        }
    }

    /// A ticket that names another reader: whether it is that reader's.
    fn foreign(&self, ticket: Ticket) -> Refusal {
        match self.claim(ticket.reader(), ticket) {
            Claim::None => Refusal::Unknown,
            _ => Refusal::NotYours,
        }
    }

    fn accept(&mut self, ticket: Ticket, verdict: Verdict<P>) {
        let frame = &mut self.frames[ticket.frame()];
        frame.claim = Claim::Answered;
        let event = match verdict {
            Verdict::Pass => Event::Passed,
            Verdict::Drop => {
                frame.fate = Fate::Dropped;
                Event::Dropped
            }
            Verdict::Replace(packet) => {
                frame.fate = Fate::Replaced;
                frame.replacement = Some(packet);
                Event::Replaced
            }
        };
        let ix = frame.lease;
        self.leases[ix].open = self.leases[ix].open.saturating_sub(1);
        let Lease { open, adapter, reader, job, .. } = self.leases[ix];
        self.tally.count(Some(adapter), Some(reader), event, 1);
        // A copier that has the packet, or is to have it, goes on from here itself.
        if open == 0 && job == Job::None && !self.leases[ix].is_pinned() {
            self.resume(ix);
        }
    }
}
