//! Flows that have a lease, found by their key.
//!
//! A flow's list holds, in the order in which they came, its leases that are not on their way out:
//! the first of them is what all others wait for. Its count is of those that are on their way out
//! and not known to have arrived; the flow lives as long as there is either.

use super::list::{Leases, List, Through};
use super::slots::{BucketIx, FlowIx, Ix, LeaseIx, Pool, Pooled, Slots};
use crate::flow::FlowKey;

#[derive(Debug)]
pub(super) struct Flow {
    key: u64,
    /// Leases that wait.
    pub waiting: List,
    /// The next flow with a like key, or the next free place.
    next: FlowIx,
    /// Leases on their way out, and in the highest bit whether none may follow for now.
    leaving: u32,
}

/// Set while a flow is being flushed.
const HELD: u32 = 1 << 31;

/// Bytes for each flow that has a lease, of which there are as many as leases at most.
#[cfg(test)]
pub(super) const BYTES_PER_FLOW: usize = size_of::<Flow>() + 2 * size_of::<FlowIx>();

impl Flow {
    const FREE: Self = Self { key: 0, waiting: List::EMPTY, next: FlowIx::NONE, leaving: 0 };

    pub fn add_leaving(&mut self) {
        self.leaving += 1;
    }

    pub fn remove_leaving(&mut self) {
        self.leaving = self.leaving.saturating_sub(1);
    }

    pub fn hold(&mut self, held: bool) {
        self.leaving = self.leaving & !HELD | if held { HELD } else { 0 };
    }

    pub const fn is_held(&self) -> bool {
        self.leaving & HELD != 0
    }
}

impl Pooled<FlowIx> for Flow {
    fn next_free(&mut self) -> &mut FlowIx {
        &mut self.next
    }
}

#[derive(Debug)]
pub(super) struct Flows {
    pool: Pool<FlowIx, Flow>,
    /// A power of two.
    buckets: Slots<BucketIx, FlowIx>,
}

impl core::ops::Index<FlowIx> for Flows {
    type Output = Flow;

    fn index(&self, ix: FlowIx) -> &Flow {
        &self.pool[ix]
    }
}

impl core::ops::IndexMut<FlowIx> for Flows {
    fn index_mut(&mut self, ix: FlowIx) -> &mut Flow {
        &mut self.pool[ix]
    }
}

impl Flows {
    pub fn try_new(count: usize) -> Option<Self> {
        Some(Self {
            pool: Pool::try_new(count, || Flow::FREE)?,
            buckets: Slots::try_new(count.next_power_of_two(), || FlowIx::NONE)?,
        })
    }

    fn bucket(&self, key: u64) -> BucketIx {
        BucketIx(key as u32 & (self.buckets.len() as u32).wrapping_sub(1))
    }

    /// Keys are as good as random, so a chain has a flow or two.
    pub fn find<P>(&self, leases: &mut Leases<P>, key: FlowKey) -> Option<FlowIx> {
        let mut ix = self.buckets[self.bucket(key.0)];
        while ix != FlowIx::NONE && self.pool[ix].key != key.0 {
            leases.step();
            ix = self.pool[ix].next;
        }
        (ix != FlowIx::NONE).then_some(ix)
    }

    /// The flow with its newest lease at the end of the list; `None` where there is no place for a
    /// flow, which is where there is none for a lease.
    pub fn join<P>(&mut self, leases: &mut Leases<P>, key: FlowKey, lease: LeaseIx) -> Option<FlowIx> {
        let ix = if let Some(ix) = self.find(leases, key) {
            ix
        } else {
            let ix = self.pool.take()?;
            let bucket = self.bucket(key.0);
            let next = core::mem::replace(&mut self.buckets[bucket], ix);
            self.pool[ix] = Flow { key: key.0, next, ..Flow::FREE };
            ix
        };
        leases.push_back(Through::Order, &mut self.pool[ix].waiting, lease);
        Some(ix)
    }

    /// Forgets a flow without leases.
    pub fn tidy<P>(&mut self, leases: &mut Leases<P>, ix: FlowIx) {
        let flow = &self.pool[ix];
        if ix == FlowIx::NONE || !flow.waiting.is_empty() || flow.leaving != 0 {
            return;
        }
        let (next, bucket) = (flow.next, self.bucket(flow.key));
        let mut at = self.buckets[bucket];
        if at == ix {
            self.buckets[bucket] = next;
        } else {
            while at != FlowIx::NONE && self.pool[at].next != ix {
                leases.step();
                at = self.pool[at].next;
            }
            self.pool[at].next = next;
        }
        self.pool.give_back(ix);
    }
}
