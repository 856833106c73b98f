//! Processor time of a driver's callbacks at DISPATCH_LEVEL (V28).
//!
//! The time is the thread's own, so that other threads of a busy machine do not count, and what other callbacks within
//! it took is taken off. The lab's work for the driver's calls is included, and so is time that a hypervisor took away
//! from the thread unseen: both make a callback look slow that is not. So a run may have a few callbacks above the limit,
//! but none far above it. Slow mode is not measured: each access costs two signals there.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{judge::rule, kernel::kernel};

/// The limit of the contract.
pub const LIMIT_NS: u64 = 25_000_000;
/// Callbacks of a run that may be above the limit.
const OUTLIERS: u64 = 3;
/// How many times the limit none may take.
const FAR: u64 = 4;

thread_local! {
    /// Time of callbacks that ended within the one that runs.
    static WITHIN: Cell<u64> = const { Cell::new(0) };
}

/// What callbacks at DISPATCH_LEVEL may take, and what the longest took.
pub struct CpuTime {
    limit_ns: AtomicU64,
    longest_ns: AtomicU64,
    outliers: AtomicU64,
}

impl Default for CpuTime {
    fn default() -> Self {
        Self { limit_ns: AtomicU64::new(LIMIT_NS), longest_ns: AtomicU64::new(0), outliers: AtomicU64::new(0) }
    }
}

impl CpuTime {
    /// Sets the limit: for a run under an emulator, which makes everything slow.
    pub fn set_limit_ns(&self, ns: u64) {
        self.limit_ns.store(ns, Ordering::Relaxed);
    }

    /// The limit.
    pub fn limit_ns(&self) -> u64 {
        self.limit_ns.load(Ordering::Relaxed)
    }

    /// What the longest callback took, in nanoseconds of processor time.
    pub fn longest_ns(&self) -> u64 {
        self.longest_ns.load(Ordering::Relaxed)
    }

    /// Judges a callback that took `own`.
    fn judge(&self, what: &str, own: u64) {
        self.longest_ns.fetch_max(own, Ordering::Relaxed);
        let limit = self.limit_ns.load(Ordering::Relaxed);
        let sound = own <= limit
            || own <= limit.saturating_mul(FAR) && self.outliers.fetch_add(1, Ordering::Relaxed) < OUTLIERS;
        kernel().judge.check(rule::V28, sound, || {
            format!("{what} took {} us of processor time at DISPATCH_LEVEL, allowed are {}", own / 1000, limit / 1000)
        });
    }
}

/// Runs a callback at DISPATCH_LEVEL and judges what it took.
pub(crate) fn measured<R>(what: &'static str, f: impl FnOnce() -> R) -> R {
    if kernel().memory.is_slow() {
        return f();
    }
    let before = WITHIN.replace(0);
    let start = thread_time_ns();
    let result = f();
    let whole = thread_time_ns().saturating_sub(start);
    let own = whole.saturating_sub(WITHIN.replace(before + whole));
    kernel().cpu_time.judge(what, own);
    result
}

fn thread_time_ns() -> u64 {
    time_of_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What a clock says, in nanoseconds.
pub(crate) fn time_of_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: storage for a time.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Mode,
        code,
        kernel::{Kernel, one_at_a_time},
        testing::TestDriver,
        thread::{DISPATCH_LEVEL, PASSIVE_LEVEL},
    };

    // Counts down from rcx.
    code!(count_down, "2: dec rcx", "jnz 2b", "ret");

    /// Enough for 110 ms on a processor of 5 GHz.
    const LONG: usize = 550_000_000;

    #[test]
    fn a_long_callback_breaks_v28_at_dispatch_only() {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.judge.stop_at_first(false);
        let driver = TestDriver::load(count_down(), &[]);
        let broken = || kernel.judge.verdict().violations.iter().map(|v| v.rule.clone()).collect::<Vec<_>>();
        driver.call_at(DISPATCH_LEVEL, [1000, 0, 0]);
        assert!(kernel.cpu_time.longest_ns() > 0);
        driver.call_at(PASSIVE_LEVEL, [LONG, 0, 0]);
        assert_eq!(broken(), Vec::<String>::new());
        driver.call_at(DISPATCH_LEVEL, [LONG, 0, 0]);
        assert_eq!(broken(), ["V28"]);
        assert!(kernel.cpu_time.longest_ns() > LIMIT_NS);
    }

    #[test]
    fn a_few_callbacks_a_little_above_the_limit_are_the_machines() {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.judge.stop_at_first(false);
        let violations = || kernel.judge.verdict().violations.len();
        for _ in 0..OUTLIERS {
            kernel.cpu_time.judge("Sample", LIMIT_NS + 1);
        }
        kernel.cpu_time.judge("Sample", LIMIT_NS);
        assert_eq!(violations(), 0);
        kernel.cpu_time.judge("Sample", LIMIT_NS + 1);
        assert_eq!(violations(), 1);
        kernel.cpu_time.judge("Sample", FAR * LIMIT_NS + 1);
        assert_eq!(violations(), 2);
    }

    #[test]
    fn a_callback_within_a_callback_counts_for_itself() {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.judge.stop_at_first(false);
        let driver = TestDriver::load(count_down(), &[]);
        crate::thread::call_driver(driver.id, "outer", DISPATCH_LEVEL, || {
            driver.call_at(DISPATCH_LEVEL, [LONG, 0, 0]);
        });
        let violations = kernel.judge.verdict().violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert!(violations[0].what.starts_with("Sample took"), "{violations:?}");
    }
}
