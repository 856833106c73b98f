//! An adapter that the filter is attached to: what is known about it, its counters, and who watches it.
//!
//! Calling contexts: the readers' list is read up to DISPATCH_LEVEL by the data path, on several processors at once,
//! and replaced at PASSIVE_LEVEL by who holds the registry's lock. What changes with the link is behind a lock of its own.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nblease_abi::{
    ioctl::AdapterEntry,
    pcapng::{IDB_MAX_LEN, IdbPlan},
    stats::AdapterStats,
};
use nblease_engine::counters::AdapterCounters;
use nblease_wdf::{
    NtStatus,
    lock::{RwSpinLock, SpinLock},
    pool::PoolArc,
};

use crate::reader::Reader;

/// See the module.
pub struct Adapter {
    /// What LIST_ADAPTERS answers, but for the state.
    entry: SpinLock<AdapterEntry>,
    net_luid: u64,
    if_index: u32,
    state: AtomicU32,
    /// Whether anyone watches: the data path's one load while nobody does.
    watched: AtomicBool,
    taps: RwSpinLock<Vec<Tap>>,
    counters: AdapterCounters,
}

/// A reader of an adapter.
#[derive(Clone)]
pub struct Tap {
    /// Who watches.
    pub reader: PoolArc<Reader>,
    /// The adapter's place in the reader's configuration.
    pub interface: u32,
}

impl Adapter {
    /// An adapter as it is described at attach, in the state named (`ADAPTER_STATE_*`).
    pub const fn new(entry: &AdapterEntry, state: u32) -> Self {
        Self {
            net_luid: entry.net_luid,
            if_index: entry.if_index,
            entry: SpinLock::new(*entry),
            state: AtomicU32::new(state),
            watched: AtomicBool::new(false),
            taps: RwSpinLock::new(Vec::new()),
            counters: AdapterCounters::new(),
        }
    }

    /// NetLuid of the base miniport.
    pub const fn net_luid(&self) -> u64 {
        self.net_luid
    }

    /// Whether anyone watches. Any IRQL.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Runs `with` on the readers, locked to read: no call into NDIS, no completion inside. Up to DISPATCH_LEVEL.
    pub fn with_taps<R>(&self, with: impl FnOnce(&[Tap]) -> R) -> R {
        with(&self.taps.read())
    }

    /// The readers, cloned, with room for so many more. PASSIVE_LEVEL, with the registry locked.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn taps_with_room(&self, more: usize) -> Result<Vec<Tap>, NtStatus> {
        let count = self.taps.read().len();
        let mut taps = Vec::new();
        taps.try_reserve_exact(count + more).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        // Only who holds the registry's lock changes the list, so that the room reserved suffices.
        self.with_taps(|old| taps.extend(old.iter().take(count).cloned()));
        Ok(taps)
    }

    /// Replaces the readers. PASSIVE_LEVEL, with the registry locked.
    ///
    /// On return no processor is delivering to a reader that is not in the new list.
    pub fn set_taps(&self, taps: Vec<Tap>) {
        self.watched.store(!taps.is_empty(), Ordering::Relaxed);
        let old = core::mem::replace(&mut *self.taps.write(), taps);
        drop(old);
    }

    /// Takes a reader out. PASSIVE_LEVEL, with the registry locked; cannot fail. As for [`Self::set_taps`].
    pub fn remove_tap(&self, reader: &PoolArc<Reader>) {
        let removed = {
            let mut taps = self.taps.write();
            let at = taps.iter().position(|tap| tap.reader.ptr_eq(reader));
            let removed = at.map(|at| taps.swap_remove(at));
            self.watched.store(!taps.is_empty(), Ordering::Relaxed);
            removed
        };
        drop(removed);
    }

    /// Sets the module's state (`ADAPTER_STATE_*`). Up to DISPATCH_LEVEL.
    pub fn set_state(&self, state: u32) {
        self.state.store(state, Ordering::Relaxed);
    }

    /// Changes what is known about the link. Up to DISPATCH_LEVEL.
    pub fn update(&self, change: impl FnOnce(&mut AdapterEntry)) {
        change(&mut self.entry.lock());
    }

    /// What LIST_ADAPTERS answers.
    pub fn entry(&self) -> AdapterEntry {
        let mut entry = *self.entry.lock();
        entry.state = self.state.load(Ordering::Relaxed);
        entry
    }

    /// Adds what a callback counted. Any IRQL.
    pub fn count(&self, counted: &AdapterStats) {
        self.counters.add(counted);
    }

    /// The counters now.
    pub fn stats(&self) -> AdapterStats {
        self.counters.snapshot(self.net_luid, self.if_index, self.state.load(Ordering::Relaxed))
    }

    /// The block that describes the adapter to who reads a capture. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn description(&self, snaplen: u32) -> Result<Vec<u8>, NtStatus> {
        let entry = self.entry();
        let plan = IdbPlan {
            snaplen,
            name: entry.base_miniport_utf16(),
            description: entry.name_utf16(),
            mac: entry.mac_address(),
            speed: entry.link_speed,
        };
        let mut block = Vec::new();
        block.try_reserve_exact(IDB_MAX_LEN).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        block.resize(plan.total_len(), 0);
        plan.write(&mut block).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        Ok(block)
    }
}
