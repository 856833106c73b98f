//! What the table keeps of a lease and of each of its frames.

use super::ids::{AdapterId, LAST_GENERATION, MAX_READERS, ReaderId, ReaderSet, Ticket};
use super::list::{Links, Through};
use super::out::Cause;
use super::slots::{FlowIx, FrameIx, Ix, LeaseIx, Pooled};
use crate::reader::Direction;

/// Where a lease is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody's place.
    Free,
    /// A reader is asked, or a copier has the lease.
    Asking,
    /// All is decided, it goes on when those before it in its flow have.
    Ready,
    /// In the queue of those that go on.
    Out,
    /// Handed over, and not known to have arrived; the packet is gone.
    Leaving,
    /// In the queue of those that are given back; with a cause where it was detached.
    Finishing(Option<Cause>),
    /// Detached while a copier had the packet: the copier ends it.
    Detached(Cause),
}

/// What a copier has been asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    None,
    Promote,
    Spill,
}

/// Which list the timer link is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    None,
    Wheel,
    Jobs,
    Promoted,
}

/// Which of a reader's lists the lease is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    None,
    Originals,
    Copies,
}

/// One NBL and the questions about it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct Lease<P> {
    /// `None` while a copier has it, and once it is gone.
    pub packet: Option<P>,
    pub(super) order: Links,
    pub(super) timer: Links,
    pub(super) asked: Links,
    pub(super) adapter_link: Links,
    /// When it came, in 100-ns units.
    pub inserted: u64,
    /// The tick at which the reader asked has had its time; each reader's is known at insertion.
    pub due: u64,
    pub cancel_id: u64,
    /// The frames, chained.
    pub first: FrameIx,
    /// The first frame that the reader asked has not got yet.
    pub undelivered: FrameIx,
    pub flow: FlowIx,
    pub bytes: u32,
    /// Readers still to be asked.
    pub readers: ReaderSet,
    /// All readers that were to be asked when it came: their places are kept for it.
    pub bound: ReaderSet,
    /// Claims of the reader asked that have no answer.
    pub open: u16,
    pub adapter: AdapterId,
    /// The reader asked.
    pub reader: ReaderId,
    /// Whose promoted copies it counts among.
    pub promoter: ReaderId,
    pub direction: Direction,
    pub phase: Phase,
    pub job: Job,
    pub timed: Timed,
    pub listed: Listed,
    /// Its time was up while a copier had it.
    pub expired: bool,
    /// Nobody is waited for any more: a later frame of its flow had no place.
    pub hurried: bool,
    pub promotable: bool,
    pub tagged: bool,
    /// The packet is a copy of ours.
    pub promoted: bool,
}

impl<P> Lease<P> {
    pub const FREE: Self = Self {
        packet: None,
        order: Links::NONE,
        timer: Links::NONE,
        asked: Links::NONE,
        adapter_link: Links::NONE,
        inserted: 0,
        due: 0,
        cancel_id: 0,
        first: FrameIx::NONE,
        undelivered: FrameIx::NONE,
        flow: FlowIx::NONE,
        bytes: 0,
        readers: ReaderSet::EMPTY,
        bound: ReaderSet::EMPTY,
        open: 0,
        adapter: AdapterId::NONE,
        reader: ReaderId::NONE,
        promoter: ReaderId::NONE,
        direction: Direction::In,
        phase: Phase::Free,
        job: Job::None,
        timed: Timed::None,
        listed: Listed::None,
        expired: false,
        hurried: false,
        promotable: false,
        tagged: false,
        promoted: false,
    };

    pub const fn links(&self, through: Through) -> &Links {
        match through {
            Through::Order => &self.order,
            Through::Timer => &self.timer,
            Through::Asked => &self.asked,
            Through::Adapter => &self.adapter_link,
        }
    }

    pub const fn links_mut(&mut self, through: Through) -> &mut Links {
        match through {
            Through::Order => &mut self.order,
            Through::Timer => &mut self.timer,
            Through::Asked => &mut self.asked,
            Through::Adapter => &mut self.adapter_link,
        }
    }

    /// A copier has the packet.
    pub const fn is_pinned(&self) -> bool {
        self.packet.is_none()
    }
}

impl<P> Pooled<LeaseIx> for Lease<P> {
    fn next_free(&mut self) -> &mut LeaseIx {
        &mut self.order.next
    }
}

/// What is to become of a frame, as far as it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody has said otherwise.
    Passing,
    Dropped,
    /// Dropped, and another goes in its place.
    Replaced,
}

/// How a question stands, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Never asked.
    None,
    Open,
    Answered,
    Expired,
    Cancelled,
}

/// One frame. What is known of its tickets outlives its lease, until the place is used again.
#[derive(Debug)]
pub(super) struct Frame<P> {
    pub replacement: Option<P>,
    /// Tickets that the place has had.
    pub generation: u64,
    pub lease: LeaseIx,
    pub next: FrameIx,
    /// Readers that want it.
    pub readers: ReaderSet,
    /// Which of the NBL's frames it is.
    pub number: u8,
    /// Whom the last ticket asked.
    pub asked: ReaderId,
    pub fate: Fate,
    /// The last ticket.
    pub claim: Claim,
    /// The one before.
    pub previous: Claim,
}

impl<P> Frame<P> {
    pub const FREE: Self = Self {
        replacement: None,
        generation: 0,
        lease: LeaseIx::NONE,
        next: FrameIx::NONE,
        readers: ReaderSet::EMPTY,
        number: 0,
        asked: ReaderId::NONE,
        fate: Fate::Passing,
        claim: Claim::None,
        previous: Claim::None,
    };

    /// Asks `reader` about it.
    pub fn ask(&mut self, reader: ReaderId) {
        self.generation += 1;
        self.asked = reader;
        self.previous = core::mem::replace(&mut self.claim, Claim::Open);
    }

    /// The last ticket, where the frame is at `ix`.
    pub fn ticket(&self, ix: FrameIx) -> Ticket {
        Ticket::new(ix, self.asked, self.generation)
    }

    /// Whether the place has had so many tickets that a further lease could run out of them.
    pub const fn is_spent(&self) -> bool {
        self.generation + MAX_READERS as u64 >= LAST_GENERATION
    }

    /// Whether it is one of those that the reader now asked has been asked about and not answered.
    pub fn is_open(&self) -> bool {
        self.claim == Claim::Open
    }
}

impl<P> Pooled<FrameIx> for Frame<P> {
    fn next_free(&mut self) -> &mut FrameIx {
        &mut self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::flows::BYTES_PER_FLOW;

    /// A packet as large as the driver's, without a niche.
    type Packet = [u64; 2];
    const BESIDE: usize = size_of::<Option<Packet>>();

    #[test]
    fn a_place_without_tickets_left_is_not_used_again() {
        let frame = Frame::<Packet> { generation: LAST_GENERATION - MAX_READERS as u64 - 1, ..Frame::FREE };
        assert!(!frame.is_spent());
        let mut frame = Frame { generation: frame.generation + 1, ..frame };
        assert!(frame.is_spent());
        // It was not before its last lease, which asked each reader once at most.
        (0..MAX_READERS).for_each(|_| frame.ask(ReaderId(31)));
        let last = frame.ticket(FrameIx(5));
        assert_eq!((last.frame(), last.reader(), last.generation()), (FrameIx(5), ReaderId(31), LAST_GENERATION));
    }

    #[test]
    fn a_lease_takes_at_most_128_bytes_beside_its_packet() {
        let lease = size_of::<Lease<Packet>>() - BESIDE;
        let frame = size_of::<Frame<Packet>>() - BESIDE;
        assert!(lease + frame <= 128, "{lease} and, for each frame, {frame}");
        const { assert!(BYTES_PER_FLOW <= 32) };
    }
}
