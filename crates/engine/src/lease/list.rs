//! Lists of leases that run through the leases themselves: each of a lease's four links is in one
//! list at most, and whoever has the list can take any lease out in a few steps.

use super::slots::{Ix, LeaseIx, Pool};
use super::state::Lease;

/// Which of a lease's links a list runs through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// The flow it waits in; afterwards the queue it leaves by.
    Order,
    /// The wheel, the jobs for copiers, or the ages of promoted copies.
    Timer,
    /// Those that a reader is asked about.
    Asked,
    /// Those of an adapter.
    Adapter,
}

/// One link of a lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub prev: LeaseIx,
    pub next: LeaseIx,
}

impl Links {
    pub const NONE: Self = Self { prev: LeaseIx::NONE, next: LeaseIx::NONE };
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub head: LeaseIx,
    tail: LeaseIx,
}

impl List {
    pub const EMPTY: Self = Self { head: LeaseIx::NONE, tail: LeaseIx::NONE };

    pub fn is_empty(self) -> bool {
        self.head == LeaseIx::NONE
    }
}

/// The pool of leases, with the lists' operations.
#[derive(Debug)]
pub(super) struct Leases<P> {
    pub pool: Pool<LeaseIx, Lease<P>>,
    /// Links touched, for the test that counts work.
    #[cfg(test)]
    pub steps: u64,
}

impl<P> core::ops::Index<LeaseIx> for Leases<P> {
    type Output = Lease<P>;

    fn index(&self, ix: LeaseIx) -> &Lease<P> {
        &self.pool[ix]
    }
}

impl<P> core::ops::IndexMut<LeaseIx> for Leases<P> {
    fn index_mut(&mut self, ix: LeaseIx) -> &mut Lease<P> {
        &mut self.pool[ix]
    }
}

impl<P> Leases<P> {
    pub fn next(&self, through: Through, ix: LeaseIx) -> LeaseIx {
        self.pool[ix].links(through).next
    }

    fn links(&mut self, through: Through, ix: LeaseIx) -> &mut Links {
        self.step();
        self.pool[ix].links_mut(through)
    }

    /// Counts a step of work, in the test that does.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "counts in tests only"))]
    pub fn step(&mut self) {
        #[cfg(test)]
        {
            self.steps += 1;
        }
    }

    pub fn push_back(&mut self, through: Through, list: &mut List, ix: LeaseIx) {
        *self.links(through, ix) = Links { prev: list.tail, next: LeaseIx::NONE };
        if list.is_empty() {
            list.head = ix;
        } else {
            self.links(through, list.tail).next = ix;
        }
        list.tail = ix;
    }

    /// Takes a lease out of the list that it is in.
    pub fn remove(&mut self, through: Through, list: &mut List, ix: LeaseIx) {
        let Links { prev, next } = core::mem::replace(self.links(through, ix), Links::NONE);
        if prev == LeaseIx::NONE {
            list.head = next;
        } else {
            self.links(through, prev).next = next;
        }
        if next == LeaseIx::NONE {
            list.tail = prev;
        } else {
            self.links(through, next).prev = prev;
        }
    }

    pub fn pop_front(&mut self, through: Through, list: &mut List) -> Option<LeaseIx> {
        let ix = list.head;
        (!list.is_empty()).then(|| {
            self.remove(through, list, ix);
            ix
        })
    }
}
