//! The table as plain as it can be: everything in vectors, everything found by looking through all.

use std::collections::BTreeMap;

use nblease_engine::lease::*;
use nblease_engine::reader::Direction;

use crate::lease_rig::{COPY, Done, MS, Packet};
use crate::state::{Claim, Fate, Frame, Job, Lease, Listed, Phase, Reader, Trip};

#[derive(Debug)]
pub struct Model {
    pub setup: TableSetup,
    pub caps: AdapterCaps,
    pub now: u64,
    pub sequence: u64,
    pub readers: Vec<Reader>,
    pub closed: Vec<Option<Cause>>,
    pub leases: Vec<Lease>,
    pub jobs: Vec<usize>,
    /// Indices of leases that have ended, in order.
    pub queues: BTreeMap<(usize, bool, bool), Vec<usize>>,
    pub causes: BTreeMap<usize, Option<Cause>>,
}

/// Names a queue by which packets come out.
pub const fn exit(adapter: usize, direction: Option<Direction>) -> (usize, bool, bool) {
    (adapter, direction.is_some(), matches!(direction, Some(Direction::Out)))
}

impl Model {
    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn tick(&self) -> u64 {
        self.now / MS
    }

    pub fn live(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|lease| lease.phase != Phase::Gone)
    }

    /// Originals that count.
    fn held(&self) -> impl Iterator<Item = &Lease> {
        self.live().filter(|lease| !lease.promoted && lease.phase != Phase::Leaving)
    }

    fn admits<'a>(cap: Cap, bytes: u64, leases: impl Iterator<Item = &'a Lease>) -> bool {
        let (count, sum) = leases.fold((0, 0), |(count, sum), lease| (count + 1, sum + lease.bytes));
        count < cap.leases && sum + bytes <= cap.bytes
    }

    pub fn held_load(&self) -> Load {
        self.held()
            .fold(Load::default(), |load, lease| Load { leases: load.leases + 1, bytes: load.bytes + lease.bytes })
    }

    fn reader_admits(&self, reader: usize, bytes: u64) -> bool {
        let asked = self.leases.iter().filter(|l| l.listed == Listed::Originals && l.reader == reader);
        Self::admits(self.readers[reader].setup.cap, bytes, asked)
    }

    pub fn promoted_bytes(&self, of: Option<usize>) -> u64 {
        let counts = |lease: &&Lease| {
            lease.promoter.is_some() && lease.phase != Phase::Leaving && (of.is_none() || lease.promoter == of)
        };
        self.live().filter(counts).map(|lease| lease.bytes).sum()
    }

    fn drained(&self, lease: usize) -> Option<Cause> {
        let lease = &self.leases[lease];
        self.closed[lease.adapter].filter(|_| !lease.promoted)
    }

    /// What came, as the table says it: at once or not.
    pub fn insert(&mut self, lease: Lease) -> Option<Done> {
        if let Some(cause) = self.closed[lease.adapter] {
            return Some(Done::Detached(lease.packet, cause));
        }
        let behind = self.live().any(|other| other.flow.is_some() && other.flow == lease.flow);
        let cap = match lease.direction {
            Direction::In => self.caps.received,
            Direction::Out => self.caps.sent,
        };
        let same = |l: &&Lease| l.adapter == lease.adapter && l.direction == lease.direction;
        let full = (behind || !lease.readers.is_empty())
            && !(Self::admits(cap, lease.bytes, self.held().filter(same))
                && Self::admits(self.setup.cap, lease.bytes, self.held()));
        let waits_for = |&id: &usize| {
            let reader = &self.readers[id];
            let at_once = match reader.setup.policy {
                Policy::Spill => true,
                Policy::Promote => lease.promotable,
                _ => false,
            };
            !reader.closing && (at_once || !full && reader.is_awaited() && self.reader_admits(id, lease.bytes))
        };
        let waits = behind || lease.readers.iter().any(waits_for);
        if !waits || self.live().count() == self.setup.leases {
            return Some(self.judge(&lease));
        }
        let flow = lease.flow;
        self.leases.push(Lease { hurried: full, due: self.tick(), ..lease });
        let new = self.leases.len() - 1;
        if full {
            for earlier in 0..new {
                let lease = &mut self.leases[earlier];
                if lease.flow == flow && lease.phase == Phase::Asking && !lease.hurried {
                    lease.hurried = true;
                    if lease.job == Job::None {
                        self.time_up(earlier, false, true);
                    }
                }
            }
            self.release(flow);
        }
        self.ask_next(new, false);
        None
    }

    fn judge(&self, lease: &Lease) -> Done {
        let passes = |frame: &Frame| {
            frame.fate == Fate::Passing
                && frame.readers.iter().all(|&reader| {
                    let reader = &self.readers[reader];
                    reader.closing
                        || match reader.setup.policy {
                            Policy::Pass | Policy::Spill => true,
                            Policy::Drop => false,
                            Policy::Promote => !lease.promotable,
                        }
                })
        };
        let passing: Vec<_> = (0..lease.frames.len()).filter(|&f| passes(&lease.frames[f])).collect();
        ending(lease.packet, passing, lease.frames.len())
    }

    fn ask_next(&mut self, ix: usize, held: bool) {
        loop {
            let rank = |&&id: &&usize| {
                let setup = self.readers[id].setup;
                (setup.policy != Policy::Spill, setup.priority, id)
            };
            let Some(&id) = self.leases[ix].readers.iter().min_by_key(rank) else {
                return self.decide(ix, held);
            };
            let lease = &mut self.leases[ix];
            lease.readers.retain(|&reader| reader != id);
            let reader = &self.readers[id];
            if reader.closing || !lease.frames.iter().any(|frame| frame.is_wanted(id)) {
                continue;
            }
            lease.reader = id;
            let (due, bytes) = (lease.due + u64::from(reader.setup.budget_ms), lease.bytes);
            if lease.promoted && (reader.setup.policy == Policy::Promote || reader.is_awaited()) {
                self.open_claims(ix);
                self.list(ix, Listed::Copies);
                return;
            }
            let lease = &self.leases[ix];
            let in_time = !lease.promoted && !lease.hurried && due > self.tick();
            if in_time && reader.is_awaited() && self.reader_admits(id, bytes) {
                self.open_claims(ix);
                self.list(ix, Listed::Originals);
                let place = self.next();
                self.leases[ix].due = due;
                self.leases[ix].timer = Some((due, place));
                return;
            }
            if self.policy(ix, false) {
                return;
            }
        }
    }

    fn list(&mut self, ix: usize, listed: Listed) {
        self.leases[ix].listed = listed;
        self.leases[ix].place = self.next();
    }

    fn open_claims(&mut self, ix: usize) {
        let lease = &mut self.leases[ix];
        lease.undelivered = 0;
        for frame in lease.frames.iter_mut().filter(|frame| frame.is_wanted(lease.reader)) {
            frame.claims.push((lease.reader, Claim::Open));
        }
    }

    fn close_claims(&mut self, ix: usize, how: Claim, dropped: bool) {
        for frame in self.leases[ix].frames.iter_mut().filter(|frame| frame.is_open()) {
            frame.claims.last_mut().unwrap().1 = how;
            if dropped {
                frame.fate = Fate::Dropped;
            }
        }
    }

    /// Whether a copier is wanted.
    fn policy(&mut self, ix: usize, asked: bool) -> bool {
        let lease = &self.leases[ix];
        let id = lease.reader;
        let (reader, bytes) = (&self.readers[id], lease.bytes);
        let over = self.promoted_bytes(Some(id)) + bytes > reader.setup.promoted_bytes
            || self.promoted_bytes(None) + bytes > self.setup.promoted_bytes;
        let drops = match reader.setup.policy {
            Policy::Promote if lease.promotable && !(reader.closing || over) => {
                if !asked {
                    self.open_claims(ix);
                }
                self.leases[ix].promoter = Some(id);
                self.list(ix, Listed::Copies);
                self.job(ix, Job::Promote);
                return true;
            }
            Policy::Spill => {
                if !asked {
                    self.open_claims(ix);
                }
                self.leases[ix].listed = Listed::None;
                self.job(ix, Job::Spill);
                return true;
            }
            Policy::Drop => true,
            Policy::Promote => lease.promotable,
            Policy::Pass => false,
        };
        self.leases[ix].listed = Listed::None;
        if asked {
            self.close_claims(ix, Claim::Expired, drops);
        } else if drops {
            self.leases[ix].frames.iter_mut().filter(|f| f.is_wanted(id)).for_each(|f| f.fate = Fate::Dropped);
        }
        false
    }

    fn job(&mut self, ix: usize, job: Job) {
        self.leases[ix].job = job;
        self.jobs.push(ix);
    }

    fn decide(&mut self, ix: usize, held: bool) {
        let lease = &mut self.leases[ix];
        lease.timer = None;
        let flow = lease.flow;
        if lease.frames.iter().all(|frame| frame.fate == Fate::Dropped) {
            lease.flow = None;
            self.finish(ix, None);
            if !held {
                self.release(flow);
            }
        } else if flow.is_none() {
            self.forward(ix);
        } else {
            lease.phase = Phase::Ready;
            if !held {
                self.release(flow);
            }
        }
    }

    fn finish(&mut self, ix: usize, cause: Option<Cause>) {
        self.leases[ix].phase = Phase::Finishing;
        self.causes.insert(ix, cause);
        self.queues.entry(exit(self.leases[ix].adapter, None)).or_default().push(ix);
    }

    fn forward(&mut self, ix: usize) {
        let lease = &mut self.leases[ix];
        lease.phase = Phase::Out;
        self.queues.entry(exit(lease.adapter, Some(lease.direction))).or_default().push(ix);
    }

    fn release(&mut self, flow: Option<u64>) {
        for ix in 0..self.leases.len() {
            let lease = &self.leases[ix];
            if flow.is_some() && lease.flow == flow {
                match lease.phase {
                    Phase::Ready => self.forward(ix),
                    Phase::Asking => return,
                    _ => {}
                }
            }
        }
    }

    fn time_up(&mut self, ix: usize, trips: bool, held: bool) {
        let lease = &mut self.leases[ix];
        lease.timer = None;
        if lease.pinned {
            lease.listed = Listed::None;
            lease.expired = lease.open() != 0;
            return;
        }
        if trips {
            self.trip(ix);
        }
        if !self.policy(ix, true) {
            self.ask_next(ix, held);
        }
    }

    fn trip(&mut self, ix: usize) {
        let lease = &self.leases[ix];
        let id = lease.reader;
        let asked = self.leases.iter().filter(|l| l.reader == id && l.listed == Listed::Originals);
        let first = asked.min_by_key(|lease| lease.place);
        let got = |lease: &Lease| lease.frames[..lease.undelivered].iter().any(Frame::is_open);
        let seen = got(lease) || first.is_some_and(got);
        let reader = &mut self.readers[id];
        if reader.trip == Trip::None {
            let answers = seen && reader.setup.policy != Policy::Spill;
            reader.trip = if answers { Trip::UntilAnswer } else { Trip::UntilRead };
        }
    }

    fn copy_time_up(&mut self, ix: usize, all: bool) {
        let lease = &mut self.leases[ix];
        lease.listed = Listed::None;
        if all {
            lease.timer = None;
        }
        if lease.pinned {
            lease.expired = true;
            return;
        }
        if !lease.promoted {
            lease.job = Job::None;
            lease.promoter = None;
            self.jobs.retain(|&job| job != ix);
        }
        self.close_claims(ix, Claim::Expired, true);
        if all {
            let lease = &mut self.leases[ix];
            for reader in std::mem::take(&mut lease.readers) {
                lease.frames.iter_mut().filter(|f| f.is_wanted(reader)).for_each(|f| f.fate = Fate::Dropped);
            }
        }
        self.ask_next(ix, false);
    }

    /// A copier has brought the packet back.
    pub fn resume(&mut self, ix: usize) {
        let lease = &mut self.leases[ix];
        lease.pinned = false;
        let expired = std::mem::take(&mut lease.expired);
        let late = lease.due <= self.now / MS;
        if let Phase::Detached(cause) = lease.phase {
            self.finish(ix, Some(cause));
        } else if let Some(cause) = self.drained(ix) {
            self.detach(ix, cause);
        } else if self.leases[ix].promoted && expired && late {
            self.copy_time_up(ix, true);
        } else if self.leases[ix].open() == 0 {
            self.stage_over(ix);
        } else if expired && self.leases[ix].promoted {
            self.copy_time_up(ix, false);
        } else if expired {
            self.time_up(ix, late, false);
        }
    }

    fn stage_over(&mut self, ix: usize) {
        let lease = &mut self.leases[ix];
        lease.listed = Listed::None;
        if !lease.promoted {
            lease.timer = None;
        }
        self.ask_next(ix, false);
    }

    /// One step of expiry; whether there was one.
    pub fn expire_one(&mut self) -> bool {
        let of = |reader: usize, listed: Listed| {
            let asked = self.leases.iter().enumerate();
            let asked = asked.filter(|(_, l)| l.reader == reader && l.listed == listed);
            asked.min_by_key(|(_, l)| l.place).map(|(ix, _)| ix)
        };
        let mut by_id: Vec<_> = (0..self.readers.len()).collect();
        by_id.sort_by_key(|&reader| self.readers[reader].id);
        let overdue = by_id.into_iter().find_map(|id| {
            let reader = &self.readers[id];
            let original =
                of(id, Listed::Originals).filter(|_| reader.closing || reader.trip != Trip::None).map(|ix| (ix, false));
            original.or_else(|| of(id, Listed::Copies).filter(|_| reader.closing).map(|ix| (ix, true)))
        });
        if let Some((ix, copy)) = overdue {
            match self.drained(ix) {
                Some(cause) => self.detach(ix, cause),
                None if copy => self.copy_time_up(ix, false),
                None => self.time_up(ix, false, false),
            }
            return true;
        }
        let tick = self.tick();
        let due = |promoted: bool| {
            let due = self.leases.iter().enumerate().filter_map(|(ix, l)| l.timer.map(|t| (t, ix, l.promoted)));
            due.filter(|&((due, _), _, p)| p == promoted && due <= tick).min().map(|(_, ix, _)| ix)
        };
        if let Some(ix) = due(false) {
            match self.drained(ix) {
                Some(cause) => self.detach(ix, cause),
                None => self.time_up(ix, true, false),
            }
        } else if let Some(ix) = due(true) {
            self.copy_time_up(ix, true);
        } else {
            return false;
        }
        true
    }

    pub fn detach(&mut self, ix: usize, cause: Cause) {
        let phase = self.leases[ix].phase;
        if !matches!(phase, Phase::Asking | Phase::Ready | Phase::Out) {
            return;
        }
        self.close_claims(ix, Claim::Cancelled, false);
        self.jobs.retain(|&job| job != ix);
        let lease = &mut self.leases[ix];
        lease.listed = Listed::None;
        lease.timer = None;
        let flow = lease.flow.take();
        if phase == Phase::Out {
            let queue = self.queues.get_mut(&exit(lease.adapter, Some(lease.direction))).unwrap();
            queue.retain(|&queued| queued != ix);
            self.finish(ix, Some(cause));
        } else if lease.pinned {
            lease.phase = Phase::Detached(cause);
            self.release(flow);
        } else {
            self.finish(ix, Some(cause));
            self.release(flow);
        }
    }

    /// Who has the place that a reader has, or had.
    pub fn in_place_of(&self, reader: usize) -> usize {
        (0..self.readers.len()).rev().find(|&other| self.readers[other].id == self.readers[reader].id).unwrap()
    }

    /// An answer to the claim `asked` of a frame.
    pub fn answer(
        &mut self,
        reader: usize,
        (ix, frame, asked): (usize, usize, usize),
        verdict: Verdict<Packet>,
    ) -> Result<(), Refusal> {
        let (owner, claim) = self.leases[ix].frames[frame].claims[asked];
        if self.readers[self.in_place_of(owner)].setup.policy == Policy::Spill {
            return Err(Refusal::Unknown);
        }
        if self.readers[owner].id != self.readers[reader].id {
            return Err(Refusal::NotYours);
        }
        match claim {
            Claim::Answered => return Err(Refusal::Twice),
            Claim::Cancelled => return Err(Refusal::Cancelled),
            Claim::Open if self.drained(ix).is_some() => return Err(Refusal::Cancelled),
            Claim::Expired => {
                self.readers[reader].trip = Trip::None;
                return Err(Refusal::Late);
            }
            Claim::Open => {}
        }
        self.readers[reader].trip = Trip::None;
        let lease = &mut self.leases[ix];
        let place = &mut lease.frames[frame];
        place.claims[asked].1 = Claim::Answered;
        match verdict {
            Verdict::Pass => {}
            Verdict::Drop => place.fate = Fate::Dropped,
            Verdict::Replace(packet) => {
                place.fate = Fate::Replaced;
                place.replacement = Some(packet);
            }
        }
        if lease.open() == 0 && lease.job == Job::None && !lease.pinned {
            self.stage_over(ix);
        }
        Ok(())
    }

    /// The lease that a reader gets next; `None` for none, or if it cannot now.
    pub fn next_delivery(&mut self, id: usize) -> Option<usize> {
        let reader = &self.readers[id];
        if reader.closing || reader.delivering {
            return None;
        }
        let of = |listed: Listed| {
            let asked = self.leases.iter().enumerate();
            let asked = asked.filter(|(_, l)| l.reader == id && l.listed == listed && l.first_open().is_some());
            asked.min_by_key(|(_, l)| l.place).map(|(ix, _)| ix)
        };
        let ix = of(Listed::Copies).or(of(Listed::Originals))?;
        if self.leases[ix].pinned || self.leases[ix].job != Job::None {
            return None;
        }
        self.leases[ix].pinned = true;
        self.readers[id].delivering = true;
        Some(ix)
    }

    /// `last` is the last frame delivered, and where the questions began.
    pub fn delivered(&mut self, ix: usize, reader: usize, from: usize, last: Option<usize>) {
        self.readers[reader].delivering = false;
        if let (Some(last), false) = (last, matches!(self.leases[ix].phase, Phase::Detached(_))) {
            let lease = &mut self.leases[ix];
            lease.undelivered = last + 1;
            if self.readers[reader].setup.policy == Policy::Spill {
                for frame in lease.frames[from..=last].iter_mut().filter(|frame| frame.is_open()) {
                    frame.claims.last_mut().unwrap().1 = Claim::Answered;
                }
            }
        }
        self.resume(ix);
    }

    pub fn spilled(&mut self, ix: usize) {
        self.leases[ix].job = Job::None;
        self.close_claims(ix, Claim::Expired, false);
        self.resume(ix);
    }

    pub fn promotion_failed(&mut self, ix: usize) {
        self.leases[ix].job = Job::None;
        self.leases[ix].promoter = None;
        self.close_claims(ix, Claim::Expired, true);
        self.resume(ix);
    }

    /// Whether the copy is kept.
    pub fn promoted(&mut self, ix: usize) -> bool {
        let place = self.next();
        let promoted_ms = u64::from(self.setup.promoted_ms);
        let due = self.tick() + promoted_ms;
        let drained = self.drained(ix).is_some();
        let lease = &mut self.leases[ix];
        lease.job = Job::None;
        let kept = !drained && !matches!(lease.phase, Phase::Detached(_));
        if kept {
            lease.packet += COPY;
            lease.promoted = true;
            lease.due = due;
            lease.timer = Some((due, place));
            let flow = lease.flow.take();
            self.release(flow);
        }
        self.resume(ix);
        kept
    }

    /// What comes out of an exit now, at most so much; afterwards it is gone or leaving.
    pub fn take(&mut self, adapter: usize, direction: Option<Direction>, max: usize) -> (Vec<usize>, Vec<Done>) {
        let queue = self.queues.entry(exit(adapter, direction)).or_default();
        // What does not go on as it is ends its batch.
        let whole = |ix: &usize| self.leases[*ix].frames.iter().all(|f| f.fate == Fate::Passing);
        let last = queue.iter().position(|ix| direction.is_some() && !whole(ix)).map_or(max, |at| at + 1);
        let taken: Vec<_> = queue.drain(..max.min(last).min(queue.len())).collect();
        let mut done = Vec::new();
        for &ix in &taken {
            let lease = &mut self.leases[ix];
            let frames = lease.frames.iter().enumerate();
            let replaced: Vec<_> = frames.filter_map(|(number, f)| f.replacement.map(|r| (number, r))).collect();
            if direction.is_some() {
                lease.phase = Phase::Leaving;
                let passing = (0..lease.frames.len()).filter(|&f| lease.frames[f].fate == Fate::Passing).collect();
                done.push(ending(lease.packet, passing, lease.frames.len()));
                done.extend(replaced.iter().map(|&(number, packet)| Done::Replacement(packet, number as u8)));
            } else {
                lease.phase = Phase::Gone;
                done.push(match self.causes[&ix] {
                    Some(cause) => Done::Detached(lease.packet, cause),
                    None => Done::Drop(lease.packet),
                });
                done.extend(replaced.iter().map(|&(_, packet)| Done::Unused(packet)));
            }
        }
        (taken, done)
    }

    pub fn sent(&mut self, leases: &[usize]) {
        for &ix in leases {
            self.leases[ix].phase = Phase::Gone;
        }
    }
}

fn ending(packet: Packet, passing: Vec<usize>, frames: usize) -> Done {
    match passing.len() {
        len if len == frames => Done::Forward(packet),
        0 => Done::Drop(packet),
        _ => Done::Partly(packet, passing),
    }
}
