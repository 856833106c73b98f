//! Pageable memory: paged pool, and the sections of images whose names begin with `PAGE`.
//!
//! On the virtual clock it is out while the processor whose turn it is runs at DISPATCH_LEVEL, where nothing could bring it
//! in: a touch faults then (V09), as under Driver Verifier's force IRQL checking. What a driver locks stays
//! ("Locking Pageable Code or Data"). On the real clock processors run at a time, and all of it is resident.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use super::map::{self, Protection};
use crate::{clock::Mode, kernel::kernel, sync::lock, thread::DISPATCH_LEVEL};

/// Whole pages that may be out.
struct Range {
    len: usize,
    /// What may be done with them while they are in.
    resting: Protection,
    /// How often a driver locked them.
    locks: u32,
}

/// What is pageable.
#[derive(Default)]
pub struct Pageable {
    /// By address.
    ranges: Mutex<BTreeMap<usize, Range>>,
    count: AtomicUsize,
    out: AtomicBool,
}

impl Pageable {
    /// Whole pages that are readable, say, from now on, and pageable.
    pub fn add(&self, start: usize, len: usize, resting: Protection) {
        if kernel().clock.mode() == Mode::Real {
            return;
        }
        let range = Range { len, resting, locks: 0 };
        Self::show(start, &range, self.out.load(Ordering::SeqCst));
        let mut ranges = lock(&self.ranges);
        ranges.insert(start, range);
        self.count.store(ranges.len(), Ordering::SeqCst);
    }

    /// The pages that start there are pageable no more: they are in.
    pub fn remove(&self, start: usize) {
        let mut ranges = lock(&self.ranges);
        if let Some(range) = ranges.remove(&start) {
            Self::show(start, &range, false);
        }
        self.count.store(ranges.len(), Ordering::SeqCst);
    }

    /// The driver locks what lies at an address: pool, or the section there.
    pub fn lock(&self, address: usize) {
        self.change(address, |range| range.locks += 1);
    }

    /// The driver unlocks it.
    pub fn unlock(&self, address: usize) {
        self.change(address, |range| range.locks = range.locks.saturating_sub(1));
    }

    fn change(&self, address: usize, change: impl FnOnce(&mut Range)) {
        if let Some((start, range)) = lock(&self.ranges).range_mut(..=address).next_back()
            && address < start + range.len
        {
            change(range);
            Self::show(*start, range, self.out.load(Ordering::SeqCst));
        }
    }

    /// The processor whose turn it is runs at this IRQL.
    pub fn follow(&self, irql: u8) {
        let out = irql >= DISPATCH_LEVEL;
        if self.count.load(Ordering::Relaxed) != 0 && self.out.swap(out, Ordering::SeqCst) != out {
            for (start, range) in &*lock(&self.ranges) {
                Self::show(*start, range, out);
            }
        } else {
            self.out.store(out, Ordering::SeqCst);
        }
    }

    /// Whether what lies at an address is out.
    pub fn is_out(&self, address: usize) -> bool {
        let ranges = lock(&self.ranges);
        let found = ranges.range(..=address).next_back();
        found.is_some_and(|(start, range)| address < start + range.len && range.locks == 0)
            && self.out.load(Ordering::SeqCst)
    }

    fn show(start: usize, range: &Range, out: bool) {
        let protection = if out && range.locks == 0 { Protection::None } else { range.resting };
        map::protect(std::ptr::with_exposed_provenance_mut(start), range.len, protection);
    }
}
