//! Taking leases back from an adapter: all of them, or those of a cancelled send.
//!
//! A closed adapter's leases are detached from that moment on: no verdict and no deadline reaches
//! them. They are taken out in pieces, so that the lock is never held for long.

use super::ids::AdapterId;
use super::list::Through;
use super::out::Cause;
use super::slots::{Ix, LeaseIx};
use super::state::{Claim, Job, Lease, Phase};
use super::table::LeaseTable;
use super::tally::{Event, Tally};
use crate::reader::Direction;

/// What is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Originals: at pause and before sleep. Promoted copies stay, and can be answered.
    Originals,
    /// Promoted copies too: at detach.
    Everything,
}

/// How far a search for a cancelled send's leases has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search(usize);

impl<P, T: Tally> LeaseTable<P, T> {
    /// Admits no lease any more. Those there are cannot be decided about from now on; they leave
    /// by [`drain`](Self::drain).
    pub fn close_adapter(&mut self, adapter: AdapterId, cause: Cause) {
        self.adapters[adapter].closed = Some(cause);
    }

    /// Detaches at most `max` leases of a closed adapter; whether there may be more. Those in a
    /// copier's hands are only marked, and leave when it brings them back.
    pub fn drain(&mut self, adapter: AdapterId, scope: Scope, max: usize) -> bool {
        let Some(cause) = self.adapters[adapter].closed else {
            return false;
        };
        for _ in 0..max {
            let place = &self.adapters[adapter];
            let ix = if !place.originals.is_empty() {
                place.originals.head
            } else if scope == Scope::Everything && !place.copies.is_empty() {
                place.copies.head
            } else {
                return false;
            };
            self.detach(ix, cause);
        }
        true
    }

    /// Looks at the next `max` places for sends with this id, and detaches them; whether there are
    /// places left to look at. A search starts with `Search::default()`.
    pub fn cancel(&mut self, adapter: AdapterId, cancel_id: u64, search: &mut Search, max: usize) -> bool {
        let end = search.0.saturating_add(max).min(self.leases.pool.capacity());
        for number in search.0..end {
            let ix = LeaseIx::of(number);
            let lease = &self.leases[ix];
            if lease.cancel_id == cancel_id
                && cancel_id != 0
                && lease.adapter == adapter
                && lease.direction == Direction::Out
                && !lease.promoted
                && matches!(lease.phase, Phase::Asking | Phase::Ready | Phase::Out)
            {
                self.detach(ix, Cause::SendCancelled);
            }
        }
        search.0 = end;
        end < self.leases.pool.capacity()
    }

    /// Detaches a lease from all that could end it otherwise. It leaves at once, or when the copier
    /// that has its packet brings it back.
    pub(super) fn detach(&mut self, ix: LeaseIx, cause: Cause) {
        let Lease { phase, adapter, direction, .. } = self.leases[ix];
        if !matches!(phase, Phase::Asking | Phase::Ready | Phase::Out) {
            return;
        }
        self.close_claims(ix, Claim::Cancelled, false);
        self.unlink_reader(ix);
        self.unlink_timer(ix);
        let event = if cause == Cause::SendCancelled { Event::SendCancelled } else { Event::Drained };
        self.tally.count(Some(adapter), None, event, 1);
        if phase == Phase::Out {
            let queue = &mut self.adapters[adapter].lanes[direction].queue;
            self.leases.remove(Through::Order, queue, ix);
            if queue.is_empty() {
                self.forwarding_mut(direction).remove(adapter);
            }
            self.leave_flow(ix);
            self.queue_finish(ix, Some(cause));
            return;
        }
        self.quit_flow(ix);
        if self.leases[ix].is_pinned() {
            self.unlink_adapter(ix);
            self.leases[ix].phase = Phase::Detached(cause);
        } else {
            self.leases[ix].job = Job::None;
            self.queue_finish(ix, Some(cause));
        }
    }
}
