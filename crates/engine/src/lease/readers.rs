//! Readers that hold frames: whom to ask and in which order, who is not waited for, and what each
//! has been asked about.

use nblease_abi::configure::MAX_BUDGET_MS;

use super::cap::{Cap, Load};
use super::ids::{MAX_READERS, ReaderId, ReaderSet};
use super::list::{Leases, List, Through};
use super::slots::{Ix, LeaseIx, Slots};

/// What becomes of a frame when its reader has had its time, or is not waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It passes, as far as this reader is concerned.
    Pass,
    /// It is dropped.
    Drop,
    /// The NBL is copied, the original is given back, and the reader's answer decides about the copy.
    Promote,
    /// The reader is a patient TAP: what it has not got is spilled, and the frame passes.
    Spill,
}

/// A reader as the table knows it.
#[derive(Clone, Copy, Debug)]
pub struct ReaderSetup {
    /// TAPs come before GATEs, and among each the lower number first; of equals who came first.
    pub priority: u32,
    /// At the deadline, and where the reader is not waited for.
    pub policy: Policy,
    /// How long it is waited for; at most [`MAX_BUDGET_MS`], all readers together.
    pub budget_ms: u32,
    /// What it may hold of originals.
    pub cap: Cap,
    /// Bytes of promoted copies that it may hold.
    pub promoted_bytes: u64,
}

/// Why a reader was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderRefused {
    /// There are [`MAX_READERS`].
    NoPlace,
    /// With this one the readers' budgets would exceed [`MAX_BUDGET_MS`].
    Budget,
}

/// Whether a reader that missed a deadline is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// It has not missed one.
    None,
    /// It had tickets to answer: not until it answers one.
    UntilAnswer,
    /// It had nothing to answer: not until it reads.
    UntilRead,
}

/// What a reader has been asked about, in order: first what it got, then what it has yet to get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub list: List,
    /// The first that it has not got, or not all of.
    pub undelivered: LeaseIx,
}

impl Asked {
    const EMPTY: Self = Self { list: List::EMPTY, undelivered: LeaseIx::NONE };

    pub fn push<P>(&mut self, leases: &mut Leases<P>, ix: LeaseIx) {
        leases.push_back(Through::Asked, &mut self.list, ix);
        if self.undelivered == LeaseIx::NONE {
            self.undelivered = ix;
        }
    }

    pub fn remove<P>(&mut self, leases: &mut Leases<P>, ix: LeaseIx) {
        self.delivered(leases, ix);
        leases.remove(Through::Asked, &mut self.list, ix);
    }

    /// The reader has got all of it.
    pub fn delivered<P>(&mut self, leases: &Leases<P>, ix: LeaseIx) {
        if self.undelivered == ix {
            self.undelivered = leases.next(Through::Asked, ix);
        }
    }
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct Reader {
    pub setup: ReaderSetup,
    live: bool,
    /// Its handle is closed: it is asked nothing more, and what it was asked is up to policy.
    pub closing: bool,
    pub expects_reads: bool,
    pub trip: Trip,
    pub originals: Asked,
    pub copies: Asked,
    pub load: Load,
    /// Bytes of its promoted copies, those being made included.
    pub promoted: u64,
    /// Leases that were to be asked of it.
    pub bound: u32,
    /// A delivery is under way.
    pub delivering: bool,
    /// Another was asked for meanwhile.
    pub again: bool,
}

impl Reader {
    const fn new(setup: ReaderSetup, live: bool) -> Self {
        Self {
            setup,
            live,
            closing: false,
            expects_reads: false,
            trip: Trip::None,
            originals: Asked::EMPTY,
            copies: Asked::EMPTY,
            load: Load { leases: 0, bytes: 0 },
            promoted: 0,
            bound: 0,
            delivering: false,
            again: false,
        }
    }

    /// Whether it is waited for.
    pub fn is_awaited(&self) -> bool {
        self.live && !self.closing && self.expects_reads && self.trip == Trip::None
    }

    /// Whether it may answer at all, however late.
    pub const fn is_open(&self) -> bool {
        self.live && !self.closing
    }

    const fn is_free(&self) -> bool {
        !self.live || self.closing && self.bound == 0 && !self.delivering
    }

    fn rank(&self) -> (bool, u32) {
        (self.setup.policy != Policy::Spill, self.setup.priority)
    }
}

#[derive(Debug)]
pub(super) struct Readers {
    slots: Slots<ReaderId, Reader>,
    /// Those that have a place, the first to be asked first.
    order: [ReaderId; MAX_READERS],
    ordered: usize,
    /// Where the search for a place starts: behind the last one given, so that a place is not given again while a
    /// processor still has an arrival in hand that names who had it before.
    next: usize,
    /// Those whose leases are due although their time is not up: tripped or closing.
    pub overdue: ReaderSet,
}

impl core::ops::Index<ReaderId> for Readers {
    type Output = Reader;

    fn index(&self, id: ReaderId) -> &Reader {
        &self.slots[id]
    }
}

impl core::ops::IndexMut<ReaderId> for Readers {
    fn index_mut(&mut self, id: ReaderId) -> &mut Reader {
        &mut self.slots[id]
    }
}

impl Readers {
    pub fn try_new() -> Option<Self> {
        const NOBODY: ReaderSetup = ReaderSetup {
            priority: 0,
            policy: Policy::Pass,
            budget_ms: 0,
            cap: Cap { leases: 0, bytes: 0 },
            promoted_bytes: 0,
        };
        Some(Self {
            slots: Slots::try_new(MAX_READERS, || Reader::new(NOBODY, false))?,
            order: [ReaderId::NONE; MAX_READERS],
            ordered: 0,
            next: 0,
            overdue: ReaderSet::EMPTY,
        })
    }

    pub fn add(&mut self, setup: ReaderSetup) -> Result<ReaderId, ReaderRefused> {
        let others: u32 = self.slots.iter().map(|(_, r)| if r.is_open() { r.setup.budget_ms } else { 0 }).sum();
        if setup.budget_ms > MAX_BUDGET_MS.saturating_sub(others) {
            return Err(ReaderRefused::Budget);
        }
        let free = self.slots.iter().filter(|(_, reader)| reader.is_free()).map(|(id, _)| id);
        let id = free.min_by_key(|id| (id.index() < self.next, id.index())).ok_or(ReaderRefused::NoPlace)?;
        self.next = id.index() + 1;
        let reader = Reader::new(setup, true);
        let rank = reader.rank();
        let mut order = [ReaderId::NONE; MAX_READERS];
        let ranked = |&other: &ReaderId| other != id && self.slots[other].live;
        let before = |&other: &ReaderId| self.slots[other].rank() <= rank;
        let old = self.order.iter().take(self.ordered).copied().filter(ranked);
        let (first, last) = (old.clone().take_while(before), old.skip_while(before));
        self.ordered = 0;
        for (place, id) in order.iter_mut().zip(first.chain([id]).chain(last)) {
            *place = id;
            self.ordered += 1;
        }
        self.order = order;
        self.overdue.remove(id);
        self.slots[id] = reader;
        Ok(id)
    }

    /// The one of `set` that is asked before the others.
    pub fn first_of(&self, set: ReaderSet) -> Option<ReaderId> {
        self.order.iter().take(self.ordered).copied().find(|&id| set.contains(id))
    }

    /// A reader whose originals are due now.
    pub fn next_overdue(&mut self) -> Option<ReaderId> {
        while let Some(id) = self.overdue.first() {
            let reader = &self.slots[id];
            let due = reader.trip != Trip::None && !reader.originals.list.is_empty()
                || reader.closing && !(reader.originals.list.is_empty() && reader.copies.list.is_empty());
            if due {
                return Some(id);
            }
            // What comes into the lists of such a reader is due when it comes, so looks here again.
            self.overdue.remove(id);
        }
        None
    }
}
