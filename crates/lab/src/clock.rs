//! Time for the driver: real, or virtual (it moves only when the schedule says so).
//!
//! One base in nanoseconds serves all: interrupt time and the performance counter are the time since the lab started,
//! unbiased interrupt time leaves out what [`Clock::sleep`] added (sleep does not count), system time adds the date.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// 100 ns units between 1601-01-01 (Windows) and 1970-01-01 (Unix).
const UNIX_EPOCH_IN_FILETIME: u64 = 116_444_736_000_000_000;

/// Which clock a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The machine's own clock; processors are threads.
    Real,
    /// Moves only by [`Clock::advance`]; one processor; the same seed gives the same run.
    Virtual,
}

/// The clock of a run.
pub struct Clock {
    mode: Mode,
    start: Instant,
    virtual_ns: AtomicU64,
    slept_ns: AtomicU64,
    unix_start_ns: u64,
}

impl Clock {
    /// A clock that starts now (real) or on 2026-01-01 (virtual).
    pub fn new(mode: Mode) -> Self {
        let unix_start_ns = match mode {
            Mode::Real => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64),
            Mode::Virtual => 1_767_225_600_000_000_000,
        };
        Self { mode, start: Instant::now(), virtual_ns: AtomicU64::new(0), slept_ns: AtomicU64::new(0), unix_start_ns }
    }

    /// Real or virtual.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Nanoseconds since the lab started, time asleep included.
    pub fn now_ns(&self) -> u64 {
        let awake = match self.mode {
            Mode::Real => self.start.elapsed().as_nanos() as u64,
            Mode::Virtual => self.virtual_ns.load(Ordering::SeqCst),
        };
        awake + self.slept_ns.load(Ordering::SeqCst)
    }

    /// Nanoseconds since the lab started, time asleep left out (KeQueryUnbiasedInterruptTime).
    pub fn unbiased_ns(&self) -> u64 {
        self.now_ns() - self.slept_ns.load(Ordering::SeqCst)
    }

    /// System time in 100 ns units since 1601 (KeQuerySystemTimePrecise).
    pub fn system_time(&self) -> u64 {
        UNIX_EPOCH_IN_FILETIME + (self.unix_start_ns + self.now_ns()) / 100
    }

    /// Moves a virtual clock forward; a real one moves by itself.
    pub fn advance(&self, ns: u64) {
        self.virtual_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// The machine slept for so long: interrupt time moves, unbiased interrupt time does not.
    pub fn sleep(&self, ns: u64) {
        self.slept_ns.fetch_add(ns, Ordering::SeqCst);
    }
}
