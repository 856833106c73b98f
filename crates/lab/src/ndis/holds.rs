//! How long filters held the packets of others (V12, V13).

use std::{collections::HashMap, sync::Mutex};

use serde::Serialize;

use crate::{kernel::DriverId, sync::lock};

/// How long filters held NBLs of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HoldStats {
    /// NBLs that were handed on or back.
    pub count: u64,
    /// Longest time.
    pub max_ns: u64,
}

impl HoldStats {
    fn note(&mut self, held_ns: u64) {
        self.count += 1;
        self.max_ns = self.max_ns.max(held_ns);
    }

    fn with(self, other: Self) -> Self {
        Self { count: self.count + other.count, max_ns: self.max_ns.max(other.max_ns) }
    }

    /// Longest time, in whole milliseconds.
    pub fn max_ms(&self) -> u64 {
        self.max_ns / 1_000_000
    }
}

/// How long one driver held NBLs of others, by what they are to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holds {
    /// Sends, and their completions on their way back.
    pub sends: HoldStats,
    /// Receives, and their returns on their way back.
    pub receives: HoldStats,
}

/// NBLs of others that a driver holds now, outside of the callbacks that brought them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Sends.
    pub sends: usize,
    /// Receives.
    pub receives: usize,
}

/// The holds of a run, by driver.
#[derive(Default)]
pub(super) struct AllHolds(Mutex<HashMap<DriverId, Holds>>);

impl AllHolds {
    pub fn note(&self, driver: DriverId, receive: bool, held_ns: u64) {
        let mut all = lock(&self.0);
        let holds = all.entry(driver).or_default();
        if receive { &mut holds.receives } else { &mut holds.sends }.note(held_ns);
    }

    /// Of one driver.
    pub fn of(&self, driver: DriverId) -> Holds {
        lock(&self.0).get(&driver).copied().unwrap_or_default()
    }

    /// Of all drivers.
    pub fn sum(&self) -> HoldStats {
        let all = lock(&self.0);
        all.values().fold(HoldStats::default(), |sum, holds| sum.with(holds.sends).with(holds.receives))
    }

    /// Counts from here.
    pub fn reset(&self) {
        lock(&self.0).clear();
    }
}
