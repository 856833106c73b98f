//! Adapters: whether leases are admitted, how many there are, and the queues by which they leave.

use super::cap::{Cap, Load};
use super::ids::{AdapterId, MAX_ADAPTERS};
use super::list::List;
use super::out::Cause;
use super::slots::Slots;
use crate::reader::Direction;

/// What may be held of an adapter's frames.
#[derive(Clone, Copy, Debug)]
pub struct AdapterCaps {
    /// Of receives: a card has few buffers.
    pub received: Cap,
    /// Of sends.
    pub sent: Cap,
}

/// One way out: those that wait to be handed over, in order, and those that are being handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub queue: List,
    pub leaving: List,
    /// Somebody is handing over, and nobody else may.
    pub sending: bool,
}

impl Lane {
    const EMPTY: Self = Self { queue: List::EMPTY, leaving: List::EMPTY, sending: false };

    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.leaving.is_empty() && !self.sending
    }
}

/// A value for each direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Both<T> {
    received: T,
    sent: T,
}

impl<T> core::ops::Index<Direction> for Both<T> {
    type Output = T;

    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::In => &self.received,
            Direction::Out => &self.sent,
        }
    }
}

impl<T> core::ops::IndexMut<Direction> for Both<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::In => &mut self.received,
            Direction::Out => &mut self.sent,
        }
    }
}

#[derive(Debug)]
pub(super) struct Adapter {
    live: bool,
    /// Set while no lease is admitted: all originals are being drained.
    pub closed: Option<Cause>,
    pub caps: Both<Cap>,
    pub load: Both<Load>,
    /// Leases of originals that have not been handed over or queued to be given back.
    pub originals: List,
    /// The same of promoted copies.
    pub copies: List,
    /// Ended, to be given back.
    pub finish: List,
    pub lanes: Both<Lane>,
}

impl Adapter {
    const NONE: Self = Self {
        live: false,
        closed: Some(Cause::Gone),
        caps: Both { received: Cap::NONE, sent: Cap::NONE },
        load: Both { received: Load { leases: 0, bytes: 0 }, sent: Load { leases: 0, bytes: 0 } },
        originals: List::EMPTY,
        copies: List::EMPTY,
        finish: List::EMPTY,
        lanes: Both { received: Lane::EMPTY, sent: Lane::EMPTY },
    };
}

#[derive(Debug)]
pub(super) struct Adapters {
    slots: Slots<AdapterId, Adapter>,
}

impl core::ops::Index<AdapterId> for Adapters {
    type Output = Adapter;

    fn index(&self, id: AdapterId) -> &Adapter {
        &self.slots[id]
    }
}

impl core::ops::IndexMut<AdapterId> for Adapters {
    fn index_mut(&mut self, id: AdapterId) -> &mut Adapter {
        &mut self.slots[id]
    }
}

impl Adapters {
    pub fn try_new() -> Option<Self> {
        Slots::try_new(MAX_ADAPTERS, || Adapter::NONE).map(|slots| Self { slots })
    }

    pub fn add(&mut self, caps: AdapterCaps) -> Option<AdapterId> {
        let (id, _) = self.slots.iter().find(|(_, adapter)| !adapter.live)?;
        let caps = Both { received: caps.received, sent: caps.sent };
        self.slots[id] = Adapter { live: true, closed: Some(Cause::Paused), caps, ..Adapter::NONE };
        Some(id)
    }

    pub fn is_drained(&self, id: AdapterId) -> bool {
        let adapter = &self.slots[id];
        adapter.originals.is_empty()
            && adapter.finish.is_empty()
            && adapter.load[Direction::In].leases == 0
            && adapter.load[Direction::Out].leases == 0
    }

    /// Whether nothing is left whose order matters to what comes.
    pub fn is_quiet(&self, id: AdapterId) -> bool {
        let adapter = &self.slots[id];
        adapter.originals.is_empty()
            && adapter.lanes[Direction::In].is_empty()
            && adapter.lanes[Direction::Out].is_empty()
    }

    pub fn remove(&mut self, id: AdapterId) -> bool {
        let adapter = &self.slots[id];
        let empty = self.is_drained(id)
            && adapter.copies.is_empty()
            && adapter.lanes[Direction::In].is_empty()
            && adapter.lanes[Direction::Out].is_empty();
        if empty {
            self.slots[id] = Adapter::NONE;
        }
        empty
    }
}
