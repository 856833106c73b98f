//! An adapter that the filter is attached to: what is known about it, its counters, who watches it, and what of ours
//! belongs to the module.
//!
//! Calling contexts: the readers' list is read up to DISPATCH_LEVEL by the data path, on several processors at once,
//! and replaced at PASSIVE_LEVEL by who holds the registry's lock. What changes with the link is behind a lock of its own.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use nblease_abi::{
    ioctl::AdapterEntry,
    pcapng::{IDB_MAX_LEN, IdbPlan},
    stats::AdapterStats,
};
use nblease_engine::{
    counters::AdapterCounters,
    lease::{AdapterId, ReaderId},
};
use nblease_ndis::{offloads::Offloads, pool::NblPool};
use nblease_wdf::{
    NtStatus,
    event::Event,
    lock::{RwSpinLock, SpinLock},
    pool::PoolArc,
};

use crate::reader::Reader;

/// See the module.
pub struct Adapter {
    /// What LIST_ADAPTERS answers, but for the state.
    entry: SpinLock<AdapterEntry>,
    /// What the card offers to do with sends now.
    offloads: SpinLock<Offloads>,
    net_luid: u64,
    if_index: u32,
    state: AtomicU32,
    /// Whether anyone watches: the data path's one load while nobody does.
    watched: AtomicBool,
    taps: RwSpinLock<Vec<Tap>>,
    /// How often they have changed.
    changes: AtomicU32,
    /// Whether any of them may hold frames.
    held: AtomicBool,
    /// Whether no lease of the adapter is left that what comes would have to stay behind.
    quiet: AtomicBool,
    /// Its place among the leases, if it has one.
    lease_id: AtomicU8,
    /// Whether the module runs.
    running: AtomicBool,
    /// Whether the adapter is at full power.
    awake: AtomicBool,
    counters: AdapterCounters,
    /// Packets of our own. It ends with the module: who borrows it has the adapter in hand.
    pool: NblPool,
    /// Set when nothing is held any more, for who waits for that.
    idle: Event,
}

/// What a frame of Ethernet holds.
const ETHERNET_MTU: u32 = 1500;
/// No place.
const NOWHERE: u8 = u8::MAX;

/// A reader of an adapter.
#[derive(Clone)]
pub struct Tap {
    /// Who watches.
    pub reader: PoolArc<Reader>,
    /// The adapter's place in the reader's configuration.
    pub interface: u32,
    /// Who it is among the leases, where it may hold frames.
    pub holder: Option<ReaderId>,
}

impl Adapter {
    /// An adapter as it is described at attach, in the state named (`ADAPTER_STATE_*`), with the module's pool.
    pub const fn new(entry: &AdapterEntry, state: u32, offloads: Offloads, pool: NblPool, idle: Event) -> Self {
        Self {
            net_luid: entry.net_luid,
            if_index: entry.if_index,
            entry: SpinLock::new(*entry),
            offloads: SpinLock::new(offloads),
            state: AtomicU32::new(state),
            watched: AtomicBool::new(false),
            taps: RwSpinLock::new(Vec::new()),
            changes: AtomicU32::new(0),
            held: AtomicBool::new(false),
            quiet: AtomicBool::new(true),
            lease_id: AtomicU8::new(NOWHERE),
            running: AtomicBool::new(false),
            awake: AtomicBool::new(true),
            pool,
            idle,
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

    /// Whether frames may have to wait: somebody may hold them, or earlier ones wait. Any IRQL.
    pub fn may_hold(&self) -> bool {
        self.held.load(Ordering::Relaxed) || !self.quiet.load(Ordering::Relaxed)
    }

    /// Whether what comes has to stay behind what is leased. Any IRQL.
    pub fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Says whether it has. With the leases locked.
    pub fn set_quiet(&self, quiet: bool) {
        self.quiet.store(quiet, Ordering::Relaxed);
    }

    /// Its place among the leases. Any IRQL.
    pub fn lease_id(&self) -> Option<AdapterId> {
        AdapterId::of_index(self.lease_id.load(Ordering::Relaxed))
    }

    /// Gives it a place, which it keeps until it is detached. With the leases locked.
    pub fn set_lease_id(&self, id: AdapterId) {
        self.lease_id.store(id.index() as u8, Ordering::Relaxed);
    }

    /// Whether frames may be held: the module runs, and the adapter is awake. Any IRQL.
    pub fn admits_leases(&self) -> bool {
        self.is_running() && self.awake.load(Ordering::Relaxed)
    }

    /// Whether the module runs. Any IRQL.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Says whether the module runs.
    pub fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Relaxed);
    }

    /// Says whether the adapter is at full power.
    pub fn set_awake(&self, awake: bool) {
        self.awake.store(awake, Ordering::Relaxed);
    }

    /// The module's own packets. To be borrowed by the module's callbacks, and by who has the adapter in hand.
    pub const fn pool(&self) -> &NblPool {
        &self.pool
    }

    /// Set when nothing is held any more.
    pub const fn idle(&self) -> &Event {
        &self.idle
    }

    /// Most bytes of a frame behind its Ethernet header; what Ethernet has where NDIS has not said it.
    pub fn mtu(&self) -> u32 {
        match self.entry.lock().mtu {
            0 => ETHERNET_MTU,
            mtu => mtu,
        }
    }

    /// Runs `with` on the readers, locked to read: no call into NDIS, no completion inside. Up to DISPATCH_LEVEL.
    pub fn with_taps<R>(&self, with: impl FnOnce(&[Tap]) -> R) -> R {
        with(&self.taps.read())
    }

    /// How often the readers have changed. With them locked to read it is those that are there; under the leases' lock it
    /// says whether a reader's place among the leases can be another's by now. Any IRQL.
    pub fn changes(&self) -> u32 {
        self.changes.load(Ordering::Relaxed)
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
        self.held.store(taps.iter().any(|tap| tap.holder.is_some()), Ordering::Relaxed);
        let old = {
            let mut now = self.taps.write();
            self.changes.fetch_add(1, Ordering::Relaxed);
            core::mem::replace(&mut *now, taps)
        };
        drop(old);
    }

    /// Takes a reader out. PASSIVE_LEVEL, with the registry locked; cannot fail. As for [`Self::set_taps`].
    pub fn remove_tap(&self, reader: &PoolArc<Reader>) {
        let removed = {
            let mut taps = self.taps.write();
            self.changes.fetch_add(1, Ordering::Relaxed);
            let at = taps.iter().position(|tap| tap.reader.ptr_eq(reader));
            let removed = at.map(|at| taps.swap_remove(at));
            self.watched.store(!taps.is_empty(), Ordering::Relaxed);
            self.held.store(taps.iter().any(|tap| tap.holder.is_some()), Ordering::Relaxed);
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

    /// What the card offers to do with sends now. Up to DISPATCH_LEVEL.
    pub fn offloads(&self) -> Offloads {
        *self.offloads.lock()
    }

    /// Says what it offers. Up to DISPATCH_LEVEL.
    pub fn set_offloads(&self, offloads: Offloads) {
        *self.offloads.lock() = offloads;
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

    /// Counts a send of which some frames went on, or should have.
    pub fn count_shadow(&self, went_on: bool) {
        self.count(&AdapterStats {
            nbls_shadowed: went_on.into(),
            nbls_shadow_failed: (!went_on).into(),
            ..AdapterStats::default()
        });
    }

    /// The counters.
    pub const fn counters(&self) -> &AdapterCounters {
        &self.counters
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
