//! The table: what it is made of, who takes part, and how a frame comes in.

use super::adapters::{AdapterCaps, Adapters};
use super::cap::{Cap, Load};
use super::flows::Flows;
use super::ids::{AdapterId, AdapterSet, MAX_TABLE_FRAMES, ReaderId, ReaderSet};
use super::list::{Leases, List, Through};
use super::out::{Cause, Ending, MAX_FRAMES};
use super::readers::{Policy, ReaderRefused, ReaderSetup, Readers, Trip};
use super::slots::{FrameIx, Ix, LeaseIx, Pool};
use super::state::{Fate, Frame, Lease, Listed, Phase, Timed};
use super::tally::{Event, Tally};
use super::wheel::{TICK, Wheel};
use crate::flow::FlowKey;
use crate::reader::Direction;

/// How large a table is.
#[derive(Clone, Copy, Debug)]
pub struct TableSetup {
    /// Places for leases. More than [`cap`](Self::cap) allows, because some are needed for frames
    /// that wait for their turn only, and for promoted copies.
    pub leases: usize,
    /// Places for frames, at most [`MAX_TABLE_FRAMES`]; at least one for each lease.
    pub frames: usize,
    /// What may be held of originals in all.
    pub cap: Cap,
    /// Bytes of promoted copies in all.
    pub promoted_bytes: u64,
    /// Milliseconds that a promoted copy waits for its verdict.
    pub promoted_ms: u32,
}

/// What is known about a frame when its NBL comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Readers that are to be asked about it.
    pub readers: ReaderSet,
    /// A rule has dropped it already; nobody is asked about it then.
    pub dropped: bool,
}

/// An NBL that comes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Where.
    pub adapter: AdapterId,
    /// Which way it goes.
    pub direction: Direction,
    /// Its flow, which is that of its first frame.
    pub flow: FlowKey,
    /// Bytes of all its frames.
    pub bytes: u32,
    /// The sender's; 0 for none.
    pub cancel_id: u64,
    /// Whether a packet of ours may take its place: its out-of-band data can be copied.
    pub promotable: bool,
    /// Whether its VLAN tag lies beside its bytes: so will that of what replaces it.
    pub tagged: bool,
    /// Each of its frames, [`MAX_FRAMES`] at most: of more, none is asked about.
    pub frames: &'a [Wanted],
}

/// What becomes of an NBL that came.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<P> {
    /// The adapter is closed to leases: it is the caller's, as the module's state has it.
    Closed {
        /// The packet.
        packet: P,
        /// Others of its flow are being given back, or handed over by somebody else: it must not go on before them.
        behind: bool,
    },
    /// Nobody has to be waited for: the caller does it now.
    AtOnce {
        /// The packet.
        packet: P,
        /// What is to be done.
        ending: Ending,
        /// TAPs for which it has to be spilled before.
        spill: ReaderSet,
    },
    /// It is leased. It may have ended already: see [`LeaseTable::next_batch`].
    Leased,
}

/// The leases of all adapters. Everything that takes it by `&mut` is done with the lock held; see
/// the [module](super).
#[derive(Debug)]
pub struct LeaseTable<P, T = ()> {
    pub(super) leases: Leases<P>,
    pub(super) frames: Pool<FrameIx, Frame<P>>,
    pub(super) flows: Flows,
    pub(super) wheel: Wheel,
    pub(super) readers: Readers,
    pub(super) adapters: Adapters,
    /// Leases for which a copier is wanted.
    pub(super) jobs: List,
    /// Promoted copies, the oldest first.
    pub(super) promoted: List,
    /// Adapters with something to give back.
    pub(super) finishing: AdapterSet,
    /// Adapters with something that goes on, up and down.
    forwarding: [AdapterSet; 2],
    pub(super) kicked: ReaderSet,
    pub(super) load: Load,
    /// Bytes of promoted copies, those being made included.
    pub(super) promoted_load: u64,
    pub(super) setup: TableSetup,
    /// The latest time that anybody has told, in 100-ns units.
    pub(super) now: u64,
    pub(super) tally: T,
}

impl<P, T: Tally> LeaseTable<P, T> {
    /// An empty table, which allocates nothing any more; `None` where there is no memory for it, or
    /// it has more frames than tickets can tell apart.
    pub fn try_new(setup: TableSetup, tally: T) -> Option<Self> {
        if setup.frames > MAX_TABLE_FRAMES || setup.leases > setup.frames {
            return None;
        }
        Some(Self {
            leases: Leases {
                pool: Pool::try_new(setup.leases, || Lease::FREE)?,
                #[cfg(test)]
                steps: 0,
            },
            frames: Pool::try_new(setup.frames, || Frame::FREE)?,
            flows: Flows::try_new(setup.leases)?,
            wheel: Wheel::try_new()?,
            readers: Readers::try_new()?,
            adapters: Adapters::try_new()?,
            jobs: List::EMPTY,
            promoted: List::EMPTY,
            finishing: AdapterSet::EMPTY,
            forwarding: [AdapterSet::EMPTY; 2],
            kicked: ReaderSet::EMPTY,
            load: Load::default(),
            promoted_load: 0,
            setup,
            now: 0,
            tally,
        })
    }

    /// Leases in the table, promoted copies included.
    pub fn len(&self) -> usize {
        self.leases.pool.capacity() - self.leases.pool.free()
    }

    /// Whether there is none: then nothing waits, and nothing has to wait for its turn.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Originals held, in all.
    pub const fn load(&self) -> Load {
        self.load
    }

    /// Bytes of promoted copies, those being made included.
    pub const fn promoted_bytes(&self) -> u64 {
        self.promoted_load
    }

    /// Who counts.
    pub const fn tally(&self) -> &T {
        &self.tally
    }

    /// Who counts, to be told whom.
    pub const fn tally_mut(&mut self) -> &mut T {
        &mut self.tally
    }

    /// Whether nothing of an adapter's originals is left in the table. What was given to a copier is, until it is brought
    /// back; what [`next_batch`](Self::next_batch) gave is not: the caller knows when it has left.
    pub fn is_drained(&self, adapter: AdapterId) -> bool {
        self.adapters.is_drained(adapter)
    }

    /// Whether what comes to an adapter and is wanted by nobody may go on without [`insert`](Self::insert): no earlier
    /// frame is waiting or on its way.
    pub fn is_quiet(&self, adapter: AdapterId) -> bool {
        self.adapters.is_quiet(adapter)
    }

    /// An adapter, closed to leases until it is [opened](Self::open_adapter); `None` where there
    /// are [`MAX_ADAPTERS`](super::MAX_ADAPTERS).
    pub fn add_adapter(&mut self, caps: AdapterCaps) -> Option<AdapterId> {
        self.adapters.add(caps)
    }

    /// Forgets an adapter; `false` while there is something of it in the table.
    pub fn remove_adapter(&mut self, adapter: AdapterId) -> bool {
        self.adapters.remove(adapter)
    }

    /// Admits leases, at restart and when the adapter is awake. What was decided while it was
    /// closed goes on: see [`next_batch`](Self::next_batch).
    pub fn open_adapter(&mut self, adapter: AdapterId) {
        self.adapters[adapter].closed = None;
    }

    /// A reader, not waited for until it [reads](Self::reader_reads).
    pub fn add_reader(&mut self, setup: ReaderSetup) -> Result<ReaderId, ReaderRefused> {
        self.readers.add(setup)
    }

    /// A READ has come: the reader is waited for from now on, unless it has tickets to answer first.
    pub fn reader_reads(&mut self, reader: ReaderId) {
        self.readers[reader].expects_reads = true;
        if self.readers[reader].trip == Trip::UntilRead {
            self.recover(reader);
        }
    }

    /// The handle is closed: policy decides about all that the reader was asked, when
    /// [`expire`](Self::expire) is called. Its place is free again once that is done.
    pub fn close_reader(&mut self, reader: ReaderId) {
        self.readers[reader].closing = true;
        self.readers.overdue.insert(reader);
    }

    pub(super) fn recover(&mut self, reader: ReaderId) {
        if self.readers[reader].trip != Trip::None {
            self.readers[reader].trip = Trip::None;
            self.tally.count(None, Some(reader), Event::Recovered, 1);
        }
    }

    pub(super) fn forwarding(&self, direction: Direction) -> AdapterSet {
        let [up, down] = self.forwarding;
        match direction {
            Direction::In => up,
            Direction::Out => down,
        }
    }

    pub(super) fn forwarding_mut(&mut self, direction: Direction) -> &mut AdapterSet {
        let [up, down] = &mut self.forwarding;
        match direction {
            Direction::In => up,
            Direction::Out => down,
        }
    }

    /// Time never goes back, whichever processor's comes first.
    pub(super) fn set_clock(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    pub(super) const fn tick(&self) -> u64 {
        self.now / TICK
    }

    /// An NBL that the caller owns. `now` is unbiased interrupt time in 100-ns units.
    pub fn insert(&mut self, arrival: &Arrival<'_>, packet: P, now: u64) -> Admission<P> {
        self.set_clock(now);
        let Arrival { adapter, direction, bytes, frames, .. } = *arrival;
        let behind = self.flows.find(&mut self.leases, arrival.flow).is_some();
        if self.adapters[adapter].closed.is_some() {
            return Admission::Closed { packet, behind };
        }
        let readers = frames.iter().filter(|f| !f.dropped).fold(ReaderSet::EMPTY, |all, f| all.union(f.readers));
        let place = &self.adapters[adapter];
        let full = if readers.is_empty() && !behind {
            None
        } else if !place.load[direction].admits(&place.caps[direction], bytes) {
            Some(Event::AdapterFull)
        } else if !self.load.admits(&self.setup.cap, bytes) {
            Some(Event::TableFull)
        } else {
            None
        };
        if let Some(event) = full {
            self.tally.count(Some(adapter), None, event, 1);
        }
        let waits = behind || readers.iter().any(|reader| self.has_to_wait(reader, arrival, full.is_some()));
        if !waits || !self.has_place(arrival) {
            if waits {
                self.tally.count(Some(adapter), None, Event::NoPlace, 1);
            }
            let (ending, spill) = self.judge(arrival, true);
            if behind && ending != Ending::Drop {
                self.tally.count(Some(adapter), None, Event::OrderLost, 1);
            }
            return Admission::AtOnce { packet, ending, spill };
        }
        self.admit(arrival, packet, full.is_some());
        Admission::Leased
    }

    /// Whether anything has to be done for `reader` before the NBL can go on or end.
    fn has_to_wait(&self, reader: ReaderId, arrival: &Arrival<'_>, full: bool) -> bool {
        let reader = &self.readers[reader];
        let at_once = match reader.setup.policy {
            Policy::Spill => true,
            Policy::Promote => arrival.promotable,
            Policy::Pass | Policy::Drop => false,
        };
        let awaited = !full && reader.is_awaited() && reader.load.admits(&reader.setup.cap, arrival.bytes);
        reader.is_open() && (at_once || awaited)
    }

    /// Leases an original.
    fn admit(&mut self, arrival: &Arrival<'_>, packet: P, full: bool) {
        let Some(ix) = self.place(arrival, packet) else {
            return;
        };
        let Arrival { adapter, direction, bytes, .. } = *arrival;
        self.leases[ix].hurried = full;
        self.load.add(bytes);
        self.adapters[adapter].load[direction].add(bytes);
        self.leases.push_back(Through::Adapter, &mut self.adapters[adapter].originals, ix);
        if let Some(flow) = self.flows.join(&mut self.leases, arrival.flow, ix) {
            self.leases[ix].flow = flow;
            if full {
                self.hurry(flow, ix);
            }
        }
        self.tally.count(Some(adapter), None, Event::Leased, 1);
        self.ask_next(ix);
    }

    /// Whether there is a place for an NBL.
    pub(super) fn has_place(&self, arrival: &Arrival<'_>) -> bool {
        let most = MAX_FRAMES.min(self.frames.free());
        (1..=most).contains(&arrival.frames.len()) && self.leases.pool.free() != 0
    }

    /// Gives an NBL a place. It is in no list yet and counts for nothing.
    pub(super) fn place(&mut self, arrival: &Arrival<'_>, packet: P) -> Option<LeaseIx> {
        let ix = self.leases.pool.take()?;
        let (mut first, mut readers) = (FrameIx::NONE, ReaderSet::EMPTY);
        for (number, wanted) in arrival.frames.iter().enumerate().rev() {
            let Some(frame) = self.frames.take() else {
                break;
            };
            let place = &mut self.frames[frame];
            place.lease = ix;
            place.next = core::mem::replace(&mut first, frame);
            place.readers = if wanted.dropped { ReaderSet::EMPTY } else { wanted.readers };
            place.number = number as u8;
            place.fate = if wanted.dropped { Fate::Dropped } else { Fate::Passing };
            readers = readers.union(place.readers);
            self.leases.step();
        }
        self.leases[ix] = Lease {
            packet: Some(packet),
            inserted: self.now,
            due: self.tick(),
            cancel_id: arrival.cancel_id,
            first,
            bytes: arrival.bytes,
            readers,
            bound: readers,
            adapter: arrival.adapter,
            direction: arrival.direction,
            phase: Phase::Asking,
            promotable: arrival.promotable,
            tagged: arrival.tagged,
            ..Lease::FREE
        };
        readers.iter().for_each(|reader| self.readers[reader].bound += 1);
        Some(ix)
    }

    /// Takes back what a lease counts for.
    pub(super) fn uncharge(&mut self, ix: LeaseIx) {
        if !self.leases[ix].promoted {
            self.uncharge_original(ix);
        }
        self.uncharge_copy(ix);
    }

    /// The same, of the original alone.
    pub(super) fn uncharge_original(&mut self, ix: LeaseIx) {
        let Lease { adapter, direction, bytes, .. } = self.leases[ix];
        self.load.remove(bytes);
        self.adapters[adapter].load[direction].remove(bytes);
    }

    /// The same, of the copy alone, made or not.
    pub(super) fn uncharge_copy(&mut self, ix: LeaseIx) {
        let bytes = self.leases[ix].bytes.into();
        let promoter = core::mem::replace(&mut self.leases[ix].promoter, ReaderId::NONE);
        if promoter != ReaderId::NONE {
            self.promoted_load = self.promoted_load.saturating_sub(bytes);
            let reader = &mut self.readers[promoter];
            reader.promoted = reader.promoted.saturating_sub(bytes);
        }
    }

    /// Takes a lease out of its adapter's list, if it is in it.
    pub(super) fn unlink_adapter(&mut self, ix: LeaseIx) {
        let Lease { adapter, phase, promoted, .. } = self.leases[ix];
        if matches!(phase, Phase::Asking | Phase::Ready | Phase::Out) {
            let adapter = &mut self.adapters[adapter];
            let list = if promoted { &mut adapter.copies } else { &mut adapter.originals };
            self.leases.remove(Through::Adapter, list, ix);
        }
    }

    /// Takes a lease out of whatever its timer link is in.
    pub(super) fn unlink_timer(&mut self, ix: LeaseIx) {
        match core::mem::replace(&mut self.leases[ix].timed, Timed::None) {
            Timed::None => {}
            Timed::Wheel => self.wheel.remove(&mut self.leases, ix),
            Timed::Jobs => self.leases.remove(Through::Timer, &mut self.jobs, ix),
            Timed::Promoted => self.leases.remove(Through::Timer, &mut self.promoted, ix),
        }
    }

    /// Takes a lease out of the list of the reader asked.
    pub(super) fn unlink_reader(&mut self, ix: LeaseIx) {
        let Lease { reader, bytes, .. } = self.leases[ix];
        let place = &mut self.readers[reader];
        match core::mem::replace(&mut self.leases[ix].listed, Listed::None) {
            Listed::None => {}
            Listed::Originals => {
                place.originals.remove(&mut self.leases, ix);
                place.load.remove(bytes);
            }
            Listed::Copies => place.copies.remove(&mut self.leases, ix),
        }
        self.kick(reader);
    }

    /// How an adapter is closed, where a lease is one of those that are being drained.
    pub(super) fn being_drained(&self, ix: LeaseIx) -> Option<Cause> {
        let lease = &self.leases[ix];
        self.adapters[lease.adapter].closed.filter(|_| !lease.promoted)
    }
}
