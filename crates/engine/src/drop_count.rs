//! Frames lost and not told yet: the next record that is written carries their number.

use core::sync::atomic::{AtomicU64, Ordering};

/// See the [module](self).
#[derive(Debug, Default)]
pub struct DropCount(AtomicU64);

impl DropCount {
    /// Nothing lost.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts `frames` as lost.
    pub fn add(&self, frames: u64) {
        self.0.fetch_add(frames, Ordering::Relaxed);
    }

    /// What the record about to be written tells. Should it not be written after all, the number
    /// is [added](Self::add) again.
    pub fn take(&self) -> u64 {
        // Mostly there is nothing: a load leaves the line shared among the processors.
        if self.0.load(Ordering::Relaxed) == 0 { 0 } else { self.0.swap(0, Ordering::Relaxed) }
    }
}
