//! How long originals were held: a histogram on a scale of powers of two, for each direction.

use core::sync::atomic::{AtomicU64, Ordering};

use nblease_abi::stats::HOLD_BUCKETS;

use crate::reader::Direction;

/// 100-ns units of a microsecond.
const MICROSECOND: u64 = 10;

/// Histograms of hold times, in powers of two, for each direction; counted from any processor.
#[derive(Debug)]
pub struct HoldTimes {
    received: [AtomicU64; HOLD_BUCKETS],
    sent: [AtomicU64; HOLD_BUCKETS],
    longest: AtomicU64,
}

/// The bucket of a time in 100-ns units.
pub const fn hold_bucket(held: u64) -> usize {
    let bits = (u64::BITS - (held / MICROSECOND).leading_zeros()) as usize;
    if bits < HOLD_BUCKETS { bits } else { HOLD_BUCKETS - 1 }
}

impl HoldTimes {
    /// All zero.
    pub const fn new() -> Self {
        Self {
            received: [const { AtomicU64::new(0) }; HOLD_BUCKETS],
            sent: [const { AtomicU64::new(0) }; HOLD_BUCKETS],
            longest: AtomicU64::new(0),
        }
    }

    const fn of(&self, direction: Direction) -> &[AtomicU64; HOLD_BUCKETS] {
        match direction {
            Direction::In => &self.received,
            Direction::Out => &self.sent,
        }
    }

    /// Counts one that was held for `held`, in 100-ns units.
    pub fn add(&self, direction: Direction, held: u64) {
        if let Some(bucket) = self.of(direction).get(hold_bucket(held)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.longest.fetch_max(held, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn snapshot(&self, direction: Direction) -> [u64; HOLD_BUCKETS] {
        self.of(direction).each_ref().map(|bucket| bucket.load(Ordering::Relaxed))
    }

    /// The longest hold of all, in 100-ns units.
    pub fn longest(&self) -> u64 {
        self.longest.load(Ordering::Relaxed)
    }
}

impl Default for HoldTimes {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double() {
        let micros = |us| hold_bucket(us * MICROSECOND);
        assert_eq!([0, 1, 2, 3, 4, 7, 8].map(micros), [0, 1, 2, 2, 3, 3, 4]);
        assert_eq!(hold_bucket(9), 0);
        assert_eq!(micros(900_000), 20);
        assert_eq!(micros((1 << 20) - 1), 20);
        assert_eq!(micros(1 << 20), 21);
        assert_eq!(hold_bucket(u64::MAX), HOLD_BUCKETS - 1);
    }

    #[test]
    fn directions_are_apart() {
        let times = HoldTimes::new();
        times.add(Direction::In, 10);
        times.add(Direction::Out, 9_000_000);
        assert_eq!(times.snapshot(Direction::In)[1], 1);
        assert_eq!(times.snapshot(Direction::In).iter().sum::<u64>(), 1);
        assert_eq!(times.snapshot(Direction::Out)[20], 1);
        assert_eq!(times.longest(), 9_000_000);
    }
}
