//! How leases leave the table: in batches of one adapter, in each flow's order where they go on.
//!
//! One thread at a time hands over the frames of an adapter and direction, or else what it took
//! first could arrive last. What is given back has no order, and anybody may take it.

use super::ids::{AdapterId, ReaderId, ReaderSet};
use super::list::Through;
use super::slots::{FlowIx, FrameIx, Ix, LeaseIx};
use super::state::{Fate, Lease, Phase};
use super::table::LeaseTable;
use super::tally::Tally;
use crate::reader::Direction;

/// Most frames of a leased NBL.
pub const MAX_FRAMES: usize = 256;

/// Why leases were detached before they were decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The sender cancelled the send.
    SendCancelled,
    /// The module pauses.
    Paused,
    /// The adapter goes to sleep.
    LowPower,
    /// The module is detached, or the driver unloaded.
    Gone,
}

/// Some of an NBL's frames, by their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameSet([u64; MAX_FRAMES / 64]);

impl FrameSet {
    /// Adds a frame; [`MAX_FRAMES`] and above are not kept.
    pub fn insert(&mut self, frame: usize) {
        if let Some(word) = self.0.get_mut(frame / 64) {
            *word |= 1 << (frame % 64);
        }
    }

    /// Whether a frame is in it.
    pub fn contains(&self, frame: usize) -> bool {
        self.0.get(frame / 64).is_some_and(|word| word & 1 << (frame % 64) != 0)
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether none is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; MAX_FRAMES / 64]
    }
}

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It goes on as it is.
    Forward,
    /// These of its frames go on, in an NBL of our own over its memory; it is given back when that is.
    Partly(FrameSet),
    /// It is given back: none of its frames goes on.
    Drop,
    /// It is given back, nobody having decided.
    Detached(Cause),
}

/// What comes out of the table.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<P> {
    /// A packet that was leased, or its promoted copy.
    Packet {
        /// The packet.
        packet: P,
        /// What is to be done with it.
        ending: Ending,
        /// Which way it was going.
        direction: Direction,
        /// Whether it is a promoted copy.
        promoted: bool,
        /// How many [`Replacement`](Self::Replacement)s follow.
        replacements: u16,
    },
    /// A packet to send in the place of a frame of the packet before, in the order of the frames.
    Replacement {
        /// The packet.
        packet: P,
        /// The frame.
        frame: u8,
    },
    /// A replacement whose frame is detached or dropped after all: it is freed.
    Unused(P),
}

/// The right to hand over the frames of an adapter and direction, and the duty to
/// [give it back](LeaseTable::sent).
#[must_use = "nothing of this adapter goes on until this is given back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Sending {
    pub(super) adapter: AdapterId,
    pub(super) direction: Direction,
}

impl Sending {
    /// Of which adapter.
    pub const fn adapter(&self) -> AdapterId {
        self.adapter
    }

    /// Which way: what was received goes up, what was sent goes down.
    pub const fn direction(&self) -> Direction {
        self.direction
    }
}

/// What a batch is of.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Batch {
    /// Packets that go on, and replacements; once they are handed over the right is given back.
    Forward(Sending),
    /// Packets to be given back, of either direction.
    Finish(AdapterId),
}

impl<P, T: Tally> LeaseTable<P, T> {
    /// Gives `sink` the next at most `max` packets that have ended, all of an adapter and, where
    /// they go on, of a direction; `None` where there is none that the caller may have. A packet of which not every frame
    /// goes on as it is ends its batch, so the caller has one such at a time to make something of.
    ///
    /// `sink` is called with the lock held and keeps what it gets; the caller acts without it.
    /// Whoever changes the table calls this until there is `None`, or sees to it that another does.
    pub fn next_batch(&mut self, now: u64, max: usize, mut sink: impl FnMut(Item<P>)) -> Option<Batch> {
        self.set_clock(now);
        let max = max.max(1);
        if let Some(adapter) = self.finishing.first() {
            for _ in 0..max {
                let list = &mut self.adapters[adapter].finish;
                let Some(ix) = self.leases.pop_front(Through::Order, list) else {
                    break;
                };
                self.emit(ix, &mut sink);
                self.free(ix);
            }
            if self.adapters[adapter].finish.is_empty() {
                self.finishing.remove(adapter);
            }
            return Some(Batch::Finish(adapter));
        }
        let (adapter, direction) = [Direction::In, Direction::Out].into_iter().find_map(|direction| {
            let ready = self.forwarding(direction).iter().find(|&adapter| {
                let adapter = &self.adapters[adapter];
                adapter.closed.is_none() && !adapter.lanes[direction].sending
            });
            ready.map(|adapter| (adapter, direction))
        })?;
        for _ in 0..max {
            let list = &mut self.adapters[adapter].lanes[direction].queue;
            let Some(ix) = self.leases.pop_front(Through::Order, list) else {
                break;
            };
            self.unlink_adapter(ix);
            let whole = self.emit(ix, &mut sink);
            self.leases[ix].phase = Phase::Leaving;
            self.leases.push_back(Through::Order, &mut self.adapters[adapter].lanes[direction].leaving, ix);
            if !whole {
                break;
            }
        }
        if self.adapters[adapter].lanes[direction].queue.is_empty() {
            self.forwarding_mut(direction).remove(adapter);
        }
        self.adapters[adapter].lanes[direction].sending = true;
        Some(Batch::Forward(Sending { adapter, direction }))
    }

    /// The batch has been handed over: what comes after it in its flows may go past the table.
    pub fn sent(&mut self, sending: Sending) {
        let Sending { adapter, direction } = sending;
        loop {
            let list = &mut self.adapters[adapter].lanes[direction].leaving;
            let Some(ix) = self.leases.pop_front(Through::Order, list) else {
                break;
            };
            self.leave_flow(ix);
            self.free(ix);
        }
        self.adapters[adapter].lanes[direction].sending = false;
    }

    /// Hands out a lease's packet and replacements; whether it goes on as it is. The lease holds nothing afterwards.
    fn emit(&mut self, ix: LeaseIx, sink: &mut impl FnMut(Item<P>)) -> bool {
        self.uncharge(ix);
        let ending = self.ending(ix);
        let lease = &mut self.leases[ix];
        let (direction, promoted, first) = (lease.direction, lease.promoted, lease.first);
        if !promoted {
            let held = self.now.saturating_sub(lease.inserted);
            self.tally.held(lease.adapter, direction, held);
        }
        let goes_on = matches!(lease.phase, Phase::Out);
        let packet = lease.packet.take();
        let mut replacements = 0;
        let mut frame = first;
        while goes_on && frame != FrameIx::NONE {
            replacements += u16::from(self.frames[frame].replacement.is_some());
            frame = self.frames[frame].next;
        }
        if let Some(packet) = packet {
            sink(Item::Packet { packet, ending, direction, promoted, replacements });
        }
        frame = first;
        while frame != FrameIx::NONE {
            let place = &mut self.frames[frame];
            if let Some(packet) = place.replacement.take() {
                sink(if goes_on { Item::Replacement { packet, frame: place.number } } else { Item::Unused(packet) });
            }
            frame = place.next;
        }
        ending == Ending::Forward
    }

    fn ending(&self, ix: LeaseIx) -> Ending {
        let lease = &self.leases[ix];
        if let Phase::Finishing(cause) = lease.phase {
            return cause.map_or(Ending::Drop, Ending::Detached);
        }
        let mut passing = FrameSet::default();
        let mut all = true;
        let mut frame = lease.first;
        while frame != FrameIx::NONE {
            let place = &self.frames[frame];
            if place.fate == Fate::Passing {
                passing.insert(place.number.into());
            } else {
                all = false;
            }
            frame = place.next;
        }
        match (all, passing.is_empty()) {
            (true, _) => Ending::Forward,
            (false, true) => Ending::Drop,
            (false, false) => Ending::Partly(passing),
        }
    }

    /// Puts a lease that is decided at the end of its way on. It is in no list of its flow.
    pub(super) fn queue_forward(&mut self, ix: LeaseIx) {
        let Lease { adapter, direction, .. } = self.leases[ix];
        self.leases[ix].phase = Phase::Out;
        self.leases.push_back(Through::Order, &mut self.adapters[adapter].lanes[direction].queue, ix);
        self.forwarding_mut(direction).insert(adapter);
    }

    /// Puts a lease among those that are given back. It is in no list but its adapter's.
    pub(super) fn queue_finish(&mut self, ix: LeaseIx, cause: Option<Cause>) {
        self.unlink_adapter(ix);
        self.leases[ix].phase = Phase::Finishing(cause);
        let adapter = self.leases[ix].adapter;
        self.leases.push_back(Through::Order, &mut self.adapters[adapter].finish, ix);
        self.finishing.insert(adapter);
    }

    /// Lets those at the head of a flow go on that are ready, up to the first that is not.
    pub(super) fn release(&mut self, flow: FlowIx) {
        while !self.flows[flow].is_held() {
            let ix = self.flows[flow].waiting.head;
            if flow == FlowIx::NONE || ix == LeaseIx::NONE || self.leases[ix].phase != Phase::Ready {
                break;
            }
            self.leases.remove(Through::Order, &mut self.flows[flow].waiting, ix);
            self.flows[flow].add_leaving();
            self.queue_forward(ix);
        }
        self.flows.tidy(&mut self.leases, flow);
    }

    /// A lease that was on its way out has arrived, or has been called back.
    pub(super) fn leave_flow(&mut self, ix: LeaseIx) {
        let flow = core::mem::replace(&mut self.leases[ix].flow, FlowIx::NONE);
        if flow != FlowIx::NONE {
            self.flows[flow].remove_leaving();
            self.flows.tidy(&mut self.leases, flow);
        }
    }

    /// Takes a lease that is not on its way out out of its flow, and lets those behind it go on.
    pub(super) fn quit_flow(&mut self, ix: LeaseIx) {
        let flow = core::mem::replace(&mut self.leases[ix].flow, FlowIx::NONE);
        if flow != FlowIx::NONE {
            self.leases.remove(Through::Order, &mut self.flows[flow].waiting, ix);
            self.release(flow);
        }
    }

    /// Gives a lease's place and its frames' back.
    pub(super) fn free(&mut self, ix: LeaseIx) {
        let mut frame = self.leases[ix].first;
        while frame != FrameIx::NONE {
            let next = self.frames[frame].next;
            self.leases.step();
            self.frames[frame].lease = LeaseIx::NONE;
            if !self.frames[frame].is_spent() {
                self.frames.give_back(frame);
            }
            frame = next;
        }
        let bound = self.leases[ix].bound;
        bound.iter().for_each(|reader: ReaderId| {
            let place = &mut self.readers[reader];
            place.bound = place.bound.saturating_sub(1);
        });
        self.leases[ix] = Lease::FREE;
        self.leases.pool.give_back(ix);
    }

    /// Readers that may have something to get: where one has a READ, a
    /// [delivery](Self::next_delivery) is tried.
    pub fn take_kicked(&mut self) -> ReaderSet {
        core::mem::replace(&mut self.kicked, ReaderSet::EMPTY)
    }
}
