//! Whom a lease asks next, and what becomes of it when nobody is left to ask.

use super::ids::{ReaderId, ReaderSet};
use super::list::Through;
use super::readers::{Policy, Trip};
use super::slots::{FlowIx, FrameIx, Ix, LeaseIx};
use super::state::{Claim, Fate, Job, Lease, Listed, Phase, Timed};
use super::table::LeaseTable;
use super::tally::{Event, Tally};

/// What follows when policy has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The next reader.
    Reader,
    /// A copier.
    Copier,
}

impl<P, T: Tally> LeaseTable<P, T> {
    /// Asks the next reader that wants one of the frames that still pass; where there is none, all
    /// is decided. The lease is in no list of a reader and on no wheel.
    pub(super) fn ask_next(&mut self, ix: LeaseIx) {
        while let Some(reader) = self.readers.first_of(self.leases[ix].readers) {
            self.leases[ix].readers.remove(reader);
            let wanting = self.count_frames(ix, |fate, wants| fate == Fate::Passing && wants, reader);
            if wanting == 0 || !self.readers[reader].is_open() {
                continue;
            }
            self.leases[ix].reader = reader;
            if self.may_ask(ix) {
                return self.ask(ix);
            }
            if self.apply_policy(ix, false) == Next::Copier {
                return;
            }
        }
        self.decide(ix);
    }

    fn count_frames(&mut self, ix: LeaseIx, which: impl Fn(Fate, bool) -> bool, reader: ReaderId) -> u32 {
        let mut count = 0;
        let mut frame = self.leases[ix].first;
        while frame != FrameIx::NONE {
            let place = &self.frames[frame];
            count += u32::from(which(place.fate, place.readers.contains(reader)));
            frame = place.next;
            self.leases.step();
        }
        count
    }

    /// Whether the reader is waited for, or policy applies at once.
    fn may_ask(&mut self, ix: LeaseIx) -> bool {
        let lease = &self.leases[ix];
        let reader = &self.readers[lease.reader];
        if lease.promoted {
            return reader.setup.policy == Policy::Promote || reader.is_awaited();
        }
        let due = lease.due + u64::from(reader.setup.budget_ms);
        if lease.hurried || !reader.is_awaited() || due <= self.tick() {
            return false;
        }
        let admits = reader.load.admits(&reader.setup.cap, lease.bytes);
        if !admits {
            self.tally.count(Some(lease.adapter), Some(lease.reader), Event::ReaderFull, 1);
        }
        admits
    }

    fn ask(&mut self, ix: LeaseIx) {
        self.open_claims(ix);
        let Lease { reader: id, bytes, promoted, .. } = self.leases[ix];
        let reader = &mut self.readers[id];
        if promoted {
            self.leases[ix].listed = Listed::Copies;
            reader.copies.push(&mut self.leases, ix);
        } else {
            self.leases[ix].listed = Listed::Originals;
            reader.originals.push(&mut self.leases, ix);
            reader.load.add(bytes);
            self.leases[ix].due += u64::from(reader.setup.budget_ms);
            self.leases[ix].timed = Timed::Wheel;
            let tick = self.tick();
            self.wheel.insert(&mut self.leases, ix, tick);
        }
        self.kicked.insert(id);
    }

    /// Gives each frame that the reader wants a ticket.
    fn open_claims(&mut self, ix: LeaseIx) {
        let Lease { reader, first, adapter, .. } = self.leases[ix];
        let mut open = 0;
        let mut frame = first;
        while frame != FrameIx::NONE {
            let place = &mut self.frames[frame];
            if place.fate == Fate::Passing && place.readers.contains(reader) {
                place.ask(reader);
                open += 1;
            }
            frame = place.next;
            self.leases.step();
        }
        self.leases[ix].open = open;
        self.leases[ix].undelivered = first;
        self.tally.count(Some(adapter), Some(reader), Event::Asked, open.into());
    }

    /// Ends the open claims of a lease, and drops their frames where asked to.
    pub(super) fn close_claims(&mut self, ix: LeaseIx, claim: Claim, dropped: bool) {
        let mut frame = self.leases[ix].first;
        while frame != FrameIx::NONE {
            let place = &mut self.frames[frame];
            if place.is_open() {
                place.claim = claim;
                if dropped {
                    place.fate = Fate::Dropped;
                }
            }
            frame = place.next;
            self.leases.step();
        }
        self.leases[ix].open = 0;
    }

    /// Drops the frames that the reader wants, without having asked it.
    fn drop_wanted(&mut self, ix: LeaseIx) {
        let Lease { reader, first, .. } = self.leases[ix];
        let mut frame = first;
        while frame != FrameIx::NONE {
            let place = &mut self.frames[frame];
            if place.fate == Fate::Passing && place.readers.contains(reader) {
                place.fate = Fate::Dropped;
            }
            frame = place.next;
        }
    }

    /// What the reader's policy makes of the frames that it wants and has not decided about.
    /// `asked`: it has been asked, and its time is up; the lease is on no wheel.
    fn apply_policy(&mut self, ix: LeaseIx, asked: bool) -> Next {
        let Lease { reader: id, adapter, bytes, promotable, .. } = self.leases[ix];
        let reader = &self.readers[id];
        let size = u64::from(bytes);
        let (drops, event) = match reader.setup.policy {
            Policy::Pass => (false, Event::PolicyPassed),
            Policy::Drop => (true, Event::PolicyDropped),
            Policy::Promote if !promotable => (false, Event::NotPromotable),
            Policy::Promote
                if reader.closing
                    || reader.promoted.saturating_add(size) > reader.setup.promoted_bytes
                    || self.promoted_load.saturating_add(size) > self.setup.promoted_bytes =>
            {
                (true, Event::PromotionRefused)
            }
            Policy::Promote => {
                if asked {
                    self.unlink_reader(ix);
                } else {
                    self.open_claims(ix);
                }
                let reader = &mut self.readers[id];
                reader.promoted = reader.promoted.saturating_add(size);
                self.promoted_load = self.promoted_load.saturating_add(size);
                self.leases[ix].promoter = id;
                self.leases[ix].listed = Listed::Copies;
                reader.copies.push(&mut self.leases, ix);
                self.queue_job(ix, Job::Promote);
                return Next::Copier;
            }
            Policy::Spill => {
                if asked {
                    self.unlink_reader(ix);
                } else {
                    self.open_claims(ix);
                }
                self.queue_job(ix, Job::Spill);
                return Next::Copier;
            }
        };
        let frames = if asked {
            self.leases[ix].open.into()
        } else {
            self.count_frames(ix, |fate, wants| fate == Fate::Passing && wants, id)
        };
        if asked {
            self.unlink_reader(ix);
            self.close_claims(ix, Claim::Expired, drops);
        } else if drops {
            self.drop_wanted(ix);
        }
        let whole = matches!(event, Event::NotPromotable | Event::PromotionRefused);
        self.tally.count(Some(adapter), Some(id), event, if whole { 1 } else { frames });
        Next::Reader
    }

    fn queue_job(&mut self, ix: LeaseIx, job: Job) {
        self.leases[ix].job = job;
        self.leases[ix].timed = Timed::Jobs;
        self.leases.push_back(Through::Timer, &mut self.jobs, ix);
    }

    /// Nobody is left to ask. What passes goes on in its turn; where nothing does, the lease ends.
    fn decide(&mut self, ix: LeaseIx) {
        self.leases[ix].reader = ReaderId::NONE;
        self.unlink_timer(ix);
        let staying = self.count_frames(ix, |fate, _| fate != Fate::Dropped, ReaderId::NONE);
        let flow = self.leases[ix].flow;
        if staying == 0 {
            self.quit_flow(ix);
            self.queue_finish(ix, None);
        } else if flow == FlowIx::NONE {
            self.queue_forward(ix);
        } else {
            self.leases[ix].phase = Phase::Ready;
            self.release(flow);
        }
    }

    /// The reader asked has had its time, or is not waited for any more. `trips`: it has missed its
    /// deadline by this.
    pub(super) fn time_up(&mut self, ix: LeaseIx, trips: bool) {
        if self.leases[ix].open == 0 {
            // All is answered, and the copier that has the packet goes on from there.
            self.unlink_timer(ix);
            self.unlink_reader(ix);
            return;
        }
        if self.leases[ix].is_pinned() {
            self.unlink_timer(ix);
            self.unlink_reader(ix);
            self.leases[ix].expired = true;
            return;
        }
        if trips {
            self.trip(ix);
        }
        self.unlink_timer(ix);
        if self.apply_policy(ix, true) == Next::Reader {
            self.ask_next(ix);
        }
    }

    fn trip(&mut self, ix: LeaseIx) {
        let Lease { reader: id, adapter, .. } = self.leases[ix];
        // It gets them in order, so if it has got any it has got of this one or of the first.
        let has_tickets = self.has_tickets(ix) || self.has_tickets(self.readers[id].originals.list.head);
        let reader = &mut self.readers[id];
        if reader.trip == Trip::None {
            let answers = has_tickets && reader.setup.policy != Policy::Spill;
            reader.trip = if answers { Trip::UntilAnswer } else { Trip::UntilRead };
            self.readers.overdue.insert(id);
            self.tally.count(Some(adapter), Some(id), Event::Tripped, 1);
        }
    }

    /// Whether the reader asked has got something of a lease that it has not answered.
    fn has_tickets(&self, ix: LeaseIx) -> bool {
        let Lease { first, undelivered, .. } = self.leases[ix];
        self.first_open(first) != self.first_open(undelivered)
    }

    /// A promoted copy, or one about to be made, is not waited for any more. `all`: not only is the
    /// reader gone, its own time is up, and nobody else is asked.
    fn copy_time_up(&mut self, ix: LeaseIx, all: bool) {
        self.unlink_reader(ix);
        if self.leases[ix].is_pinned() {
            self.leases[ix].expired = true;
            return;
        }
        if all || self.leases[ix].timed == Timed::Jobs {
            self.unlink_timer(ix);
        }
        if !self.leases[ix].promoted {
            self.leases[ix].job = Job::None;
            self.uncharge_copy(ix);
        }
        self.close_claims(ix, Claim::Expired, true);
        let Lease { adapter, reader, .. } = self.leases[ix];
        self.tally.count(Some(adapter), Some(reader), Event::PromotedExpired, 1);
        if all {
            // What somebody has yet to be asked about is not decided either.
            let unasked = core::mem::replace(&mut self.leases[ix].readers, ReaderSet::EMPTY);
            let mut frame = self.leases[ix].first;
            while frame != FrameIx::NONE {
                let place = &mut self.frames[frame];
                if place.fate == Fate::Passing && place.readers.intersects(unasked) {
                    place.fate = Fate::Dropped;
                }
                frame = place.next;
            }
        }
        self.ask_next(ix);
    }

    /// Goes on with a lease whose packet a copier has brought back.
    pub(super) fn resume(&mut self, ix: LeaseIx) {
        let lease = &self.leases[ix];
        let phase = lease.phase;
        let (open, promoted, due) = (lease.open, lease.promoted, lease.due);
        let late = due <= self.tick();
        let expired = core::mem::take(&mut self.leases[ix].expired);
        if let Phase::Detached(cause) = phase {
            self.queue_finish(ix, Some(cause));
        } else if let Some(cause) = self.being_drained(ix) {
            self.detach(ix, cause);
        } else if expired && promoted && late {
            self.copy_time_up(ix, true);
        } else if open == 0 {
            self.unlink_reader(ix);
            if !promoted {
                self.unlink_timer(ix);
            }
            self.ask_next(ix);
        } else if expired && promoted {
            self.copy_time_up(ix, false);
        } else if expired {
            self.time_up(ix, late);
        }
    }

    /// Lets policy decide at once about what a flow waits for, up to `before`.
    pub(super) fn hurry(&mut self, flow: FlowIx, before: LeaseIx) {
        self.flows[flow].hold(true);
        let mut ix = self.flows[flow].waiting.head;
        while ix != LeaseIx::NONE && ix != before {
            // The flow is held, so that only this lease leaves the list.
            let next = self.leases.next(Through::Order, ix);
            let Lease { phase, job, hurried, adapter, .. } = self.leases[ix];
            if phase == Phase::Asking && !hurried {
                self.leases[ix].hurried = true;
                self.tally.count(Some(adapter), None, Event::Hurried, 1);
                if job == Job::None {
                    self.time_up(ix, false);
                }
            }
            ix = next;
        }
        self.flows[flow].hold(false);
        self.release(flow);
    }

    /// Ends at most `max` claims whose time is up; whether there may be more. `now` as for
    /// [`insert`](Self::insert).
    pub fn expire(&mut self, now: u64, max: usize) -> bool {
        self.set_clock(now);
        let tick = self.tick();
        for _ in 0..max {
            if let Some(id) = self.readers.next_overdue() {
                let reader = &self.readers[id];
                let (original, copy) = (reader.originals.list.head, reader.copies.list.head);
                let ix = if original == LeaseIx::NONE { copy } else { original };
                if let Some(cause) = self.being_drained(ix) {
                    self.detach(ix, cause);
                } else if original == LeaseIx::NONE {
                    self.copy_time_up(ix, false);
                } else {
                    self.time_up(ix, false);
                }
            } else if let Some(ix) = self.wheel.pop_due(&mut self.leases, tick) {
                self.leases[ix].timed = Timed::None;
                match self.being_drained(ix) {
                    Some(cause) => self.detach(ix, cause),
                    None => self.time_up(ix, true),
                }
            } else if !self.promoted.is_empty() && self.leases[self.promoted.head].due <= tick {
                let ix = self.promoted.head;
                self.unlink_timer(ix);
                self.copy_time_up(ix, true);
            } else {
                return false;
            }
        }
        true
    }

    /// When [`expire`](Self::expire) has something to do next, in the units of `now`; `None` while
    /// nothing is waited for.
    pub fn next_deadline(&mut self) -> Option<u64> {
        if self.readers.next_overdue().is_some() {
            return Some(self.now);
        }
        let leased = self.wheel.next_due(&self.leases);
        let promoted = (!self.promoted.is_empty()).then(|| self.leases[self.promoted.head].due);
        [leased, promoted].into_iter().flatten().min().map(|tick| tick * super::wheel::TICK)
    }
}
