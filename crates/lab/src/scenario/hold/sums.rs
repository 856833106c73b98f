//! The driver's own counters (STATS), as a program without a configuration sees them: sums over all readers.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, ensure};
use nblease_abi::{
    NtStatus,
    ioctl::{DEVICE_NAME_WIN32, IOCTL_STATS},
    stats::{LeaseStats, StatsHeader},
};

use crate::io::{Handle, Process};

/// Room for the answer.
const ROOM: usize = 64 << 10;

/// Who asks.
pub struct Auditor {
    handle: Handle,
    _process: Process,
}

/// Counters at a time.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    readers: BTreeMap<&'static str, u64>,
    adapters: BTreeMap<&'static str, u64>,
    /// What is held.
    pub leases: LeaseStats,
}

impl Auditor {
    /// Opens the device.
    ///
    /// # Errors
    /// It is not there.
    pub fn open() -> Result<Self> {
        let process = Process::new("stats", true);
        let handle = process
            .open(DEVICE_NAME_WIN32)
            .map_err(|status| anyhow!("{DEVICE_NAME_WIN32} does not open: {status:?}"))?;
        Ok(Self { handle, _process: process })
    }

    /// Asks.
    ///
    /// # Errors
    /// The driver refuses, or its answer is malformed.
    pub fn ask(&self) -> Result<Sums> {
        let completion = self.handle.ioctl(IOCTL_STATS, &[], ROOM).wait();
        ensure!(completion.status == 0, "STATS: {:?}", NtStatus(completion.status));
        let bytes = completion.data.get(..completion.information).context("STATS")?;
        let stats = StatsHeader::parse(bytes).map_err(|error| anyhow!("STATS: {error:?}"))?;
        let mut sums = Sums { readers: stats.reader.counters().collect(), leases: stats.leases, ..Sums::default() };
        for adapter in stats.adapters {
            for (name, count) in adapter.counters() {
                *sums.adapters.entry(name).or_default() += count;
            }
        }
        Ok(sums)
    }
}

impl Sums {
    /// A counter of readers, counted since `before`.
    pub fn since(&self, before: &Self, name: &str) -> u64 {
        count(&self.readers, name).saturating_sub(count(&before.readers, name))
    }

    /// The same of adapters, which count anew when they are plugged in.
    pub fn adapters_since(&self, before: &Self, name: &str) -> u64 {
        count(&self.adapters, name).saturating_sub(count(&before.adapters, name))
    }

    /// All that changed since `before`.
    pub fn changes(&self, before: &Self) -> String {
        let changes = |now: &BTreeMap<&'static str, u64>, then| {
            let changed = now.iter().filter(|(name, value)| count(then, name) != **value);
            let words =
                changed.map(|(name, value)| format!("{name} {}", value.wrapping_sub(count(then, name)).cast_signed()));
            words.collect::<Vec<_>>().join(", ")
        };
        format!(
            "readers: {}; adapters: {}",
            changes(&self.readers, &before.readers),
            changes(&self.adapters, &before.adapters)
        )
    }
}

/// A counter by its name.
///
/// # Panics
/// Where there is none of that name.
fn count(counters: &BTreeMap<&'static str, u64>, name: &str) -> u64 {
    if counters.is_empty() {
        return 0;
    }
    *counters.get(name).unwrap_or_else(|| panic!("no counter {name}"))
}
