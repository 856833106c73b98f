//! What the model keeps of readers, leases and frames.

use nblease_engine::lease::{Cause, ReaderId, ReaderSetup};
use nblease_engine::reader::Direction;

use crate::lease_rig::Packet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passing,
    Dropped,
    Replaced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Open,
    Answered,
    Expired,
    Cancelled,
}

#[derive(Clone, Debug)]
pub struct Frame {
    pub readers: Vec<usize>,
    pub fate: Fate,
    pub replacement: Option<Packet>,
    /// One for each time that somebody was asked.
    pub claims: Vec<(usize, Claim)>,
}

impl Frame {
    pub fn is_open(&self) -> bool {
        self.claims.last().is_some_and(|(_, claim)| *claim == Claim::Open)
    }

    pub fn is_wanted(&self, reader: usize) -> bool {
        self.fate == Fate::Passing && self.readers.contains(&reader)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Asking,
    Ready,
    Out,
    Leaving,
    Finishing,
    Detached(Cause),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    None,
    Promote,
    Spill,
}

/// Which of a reader's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    None,
    Originals,
    Copies,
}

#[derive(Clone, Debug)]
pub struct Lease {
    pub packet: Packet,
    pub adapter: usize,
    pub direction: Direction,
    /// `None` once it has no place in it.
    pub flow: Option<u64>,
    pub cancel_id: u64,
    pub bytes: u64,
    pub promotable: bool,
    pub frames: Vec<Frame>,
    pub readers: Vec<usize>,
    pub bound: Vec<usize>,
    pub reader: usize,
    pub phase: Phase,
    pub job: Job,
    pub pinned: bool,
    /// When it is due, and where it stands among those due then.
    pub timer: Option<(u64, u64)>,
    pub due: u64,
    pub listed: Listed,
    /// Where it stands in its reader's list.
    pub place: u64,
    pub undelivered: usize,
    pub expired: bool,
    pub hurried: bool,
    pub promoted: bool,
    pub promoter: Option<usize>,
}

impl Lease {
    pub fn open(&self) -> usize {
        self.frames.iter().filter(|frame| frame.is_open()).count()
    }

    pub fn first_open(&self) -> Option<usize> {
        (self.undelivered..self.frames.len()).find(|&frame| self.frames[frame].is_open())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    None,
    UntilAnswer,
    UntilRead,
}

#[derive(Clone, Debug)]
pub struct Reader {
    pub id: ReaderId,
    pub setup: ReaderSetup,
    pub closing: bool,
    pub reads: bool,
    pub trip: Trip,
    pub delivering: bool,
}

impl Reader {
    pub fn is_awaited(&self) -> bool {
        !self.closing && self.reads && self.trip == Trip::None
    }
}
