//! Who is there: the adapters that the filter is attached to and the readers that are configured, and which watches
//! which. PASSIVE_LEVEL throughout, under one waiting lock; the data path does not come here.
//!
//! A reader names its adapters by NetLuid, so that one that goes and comes back is watched again under its old number.

use alloc::vec::Vec;

use nblease_abi::{self as abi, stats::ReaderStats};
use nblease_engine::counters;
use nblease_wdf::{NtStatus, pool::PoolArc};

use crate::{
    adapter::{Adapter, Tap},
    reader::Reader,
};

/// See the module.
#[derive(Default)]
pub struct Registry {
    adapters: Vec<PoolArc<Adapter>>,
    readers: Vec<PoolArc<Reader>>,
    /// Sums over the readers that have been closed.
    closed: ReaderStats,
}

impl Registry {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The adapters.
    pub fn adapters(&self) -> &[PoolArc<Adapter>] {
        &self.adapters
    }

    /// How many readers are configured.
    pub fn readers(&self) -> usize {
        self.readers.iter().filter(|reader| !reader.is_retired()).count()
    }

    /// The adapter of this NetLuid.
    ///
    /// # Errors
    /// STATUS_NOT_FOUND.
    pub fn adapter(&self, luid: u64) -> Result<&PoolArc<Adapter>, NtStatus> {
        let found = self.adapters.iter().find(|adapter| adapter.net_luid() == luid);
        found.ok_or(NtStatus::new(abi::NtStatus::NOT_FOUND.0))
    }

    /// The filter attached to an adapter: the readers that have asked for it watch it from now on.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES; nothing has changed then.
    pub fn attach(&mut self, adapter: &PoolArc<Adapter>) -> Result<(), NtStatus> {
        let mut taps = Vec::new();
        taps.try_reserve_exact(self.readers.len()).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        self.adapters.try_reserve(1).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        taps.extend(self.readers.iter().filter_map(|reader| tap(reader, adapter)));
        adapter.set_taps(taps);
        self.adapters.push(adapter.clone());
        Ok(())
    }

    /// The filter detaches from an adapter.
    pub fn detach(&mut self, adapter: &PoolArc<Adapter>) {
        self.adapters.retain(|other| !other.ptr_eq(adapter));
        adapter.set_taps(Vec::new());
    }

    /// A reader is configured: it watches its adapters from now on.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES; nothing has changed then.
    pub fn add(&mut self, reader: &PoolArc<Reader>) -> Result<(), NtStatus> {
        // All that can fail comes first.
        let mut lists = Vec::new();
        lists.try_reserve_exact(self.adapters.len()).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        self.readers.try_reserve(1).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        for adapter in &self.adapters {
            if let Some(tap) = tap(reader, adapter) {
                let mut taps = adapter.taps_with_room(1)?;
                taps.push(tap);
                lists.push((adapter, taps));
            }
        }
        for (adapter, taps) in lists {
            adapter.set_taps(taps);
        }
        self.readers.push(reader.clone());
        Ok(())
    }

    /// A reader's last handle is closed. On return nothing is delivered to it any more; it is counted until its file is
    /// closed too, when the last of its requests has come back.
    pub fn retire(&self, reader: &PoolArc<Reader>) {
        reader.retire();
        for adapter in &self.adapters {
            adapter.remove_tap(reader);
        }
    }

    /// A reader's file is closed: its counters are kept, but for what was in its spill.
    pub fn bury(&mut self, reader: &PoolArc<Reader>) {
        self.readers.retain(|other| !other.ptr_eq(reader));
        let mut stats = reader.stats();
        (stats.spill_frames, stats.spill_bytes_used) = (0, 0);
        counters::add_reader(&mut self.closed, &stats);
    }

    /// The sums over all readers, the closed ones included; `late` is what was counted for these afterwards.
    pub fn stats(&self, late: &ReaderStats) -> ReaderStats {
        let mut sum = self.closed;
        counters::add_reader(&mut sum, late);
        for reader in &self.readers {
            counters::add_reader(&mut sum, &reader.stats());
        }
        sum
    }
}

/// How a reader watches an adapter, if it has asked for it.
fn tap(reader: &PoolArc<Reader>, adapter: &Adapter) -> Option<Tap> {
    if reader.is_retired() {
        return None;
    }
    let interface = reader.config().interface(adapter.net_luid())?;
    Some(Tap { reader: reader.clone(), interface, holder: reader.lease_id() })
}
