//! The leases of all adapters: the table behind its one lock, who takes part in it, and the work that a change of it
//! leaves to be done without the lock.
//!
//! Calling contexts: up to DISPATCH_LEVEL, except where a method says PASSIVE_LEVEL. No lock of ours is held on entry,
//! except the registry's waiting lock where a method says so. A packet goes into the table by [`Leases::insert`] and is
//! the table's until it comes out in a [`Step`], whose holder owns it until it is handed over or brought back. Nothing
//! leaves and no request is completed with the lock held.
//!
//! Whoever changed the table calls [`Leases::settle`], which takes steps until there is none. While a step is being
//! taken its adapter is in somebody's *hands*, counted under the lock: a pause waits until nothing of the adapter is in
//! the table, in hands, or on its way back from other drivers. A step borrows from its adapter no longer than that.
//!
//! Until the first reader that holds frames is configured there is no table, and all of this is one load.

mod steps;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use nblease_abi::{
    self as abi,
    stats::{LeaseStats, ReaderStats},
};
use nblease_engine::{
    counters::ReaderCounters,
    flow::FlowKey,
    lease::{
        AdapterCaps, AdapterId, AdapterSet, Admission, Arrival, Cap, Cause, Ending, Event, HoldTimes, LeaseTable,
        Located, MAX_ADAPTERS, MAX_READERS, ReaderId, ReaderRefused, ReaderSet, ReaderSetup, Refused, Scope, Search,
        TableSetup, Tally, Ticket, Verdict,
    },
    reader::{Direction, Hold},
    spill::SpillLevel,
};
use nblease_ndis::held::Level;
use nblease_wdf::{NtStatus, lock::SpinLock, pool::PoolArc, time, timer::Timer};

use crate::{adapter::Adapter, packet::Packet, reader::Reader};

/// What may be held of originals: in all, of an adapter's sends, and by a reader.
const MOST: Cap = Cap { leases: 16 << 10, bytes: 64 << 20 };
/// What may be held of an adapter's receives: a card has few buffers.
const MOST_RECEIVED: Cap = Cap { leases: 256, bytes: 64 << 20 };
/// Bytes of promoted copies, of a reader and in all.
const MOST_PROMOTED: [u64; 2] = [16 << 20, 64 << 20];
/// Milliseconds that a promoted copy waits for its verdict.
const PROMOTED_MS: u32 = 10_000;
/// Places for leases and frames: more than may be held, for what waits for its turn and for copies.
const PLACES: [usize; 2] = [24 << 10, 32 << 10];
/// Milliseconds by which a reader's budget is cut, so that a timer that runs out late is in time: two of its ticks.
const EARLY_MS: u32 = 2;
/// Packets that leave together, or that are looked at while the lock is held.
const BATCH: usize = 64;

/// See the module.
pub struct Leases {
    /// Whether there is a table.
    active: AtomicBool,
    inner: SpinLock<Option<Inner>>,
    timer: Timer,
}

/// What the lock guards.
struct Inner {
    table: LeaseTable<Packet, People>,
    /// Readers that may have something to get.
    kicked: ReaderSet,
    /// Adapters that have restarted, and are opened when NDIS knows it.
    opening: AdapterSet,
    /// When the timer runs out.
    armed: u64,
}

/// Who takes part, by their places in the table; they count what happens.
struct People {
    adapters: Vec<Option<Place>>,
    readers: Vec<Option<PoolArc<Reader>>>,
    /// What happens for readers that are closed: to what a copier had then.
    closed: PoolArc<ReaderCounters>,
    holds: HoldTimes,
}

/// An adapter that takes part.
struct Place {
    adapter: PoolArc<Adapter>,
    /// Steps of its packets that are being taken.
    hands: u32,
    /// Somebody waits until nothing is left of it.
    is_awaited: bool,
}

impl Tally for People {
    fn count(&mut self, adapter: Option<AdapterId>, reader: Option<ReaderId>, event: Event, count: u32) {
        if let Some(place) = adapter.and_then(|id| self.adapters.get(id.index())?.as_ref()) {
            place.adapter.counters().add_event(event, count);
        }
        if let Some(id) = reader {
            self.reader(id).map_or(&*self.closed, |reader| reader.counters()).add_event(event, count);
        }
    }

    fn held(&mut self, _: AdapterId, direction: Direction, held: u64) {
        self.holds.add(direction, held);
    }
}

impl People {
    fn reader(&self, id: ReaderId) -> Option<&PoolArc<Reader>> {
        self.readers.get(id.index())?.as_ref()
    }

    fn place(&mut self, id: AdapterId) -> Option<&mut Place> {
        self.adapters.get_mut(id.index())?.as_mut()
    }
}

impl Inner {
    /// Takes an adapter in hand: it stays, with all that belongs to it, until [`Self::let_go`].
    fn take_in_hand(&mut self, id: AdapterId) -> Option<PoolArc<Adapter>> {
        let place = self.table.tally_mut().place(id)?;
        place.hands += 1;
        Some(place.adapter.clone())
    }

    /// Gives an adapter out of hand; nothing of it is borrowed any more.
    fn let_go(&mut self, id: AdapterId) {
        let is_quiet = self.table.is_quiet(id);
        let Some(place) = self.table.tally_mut().place(id) else { return };
        place.hands = place.hands.saturating_sub(1);
        place.adapter.set_quiet(is_quiet);
        if place.is_awaited {
            place.adapter.idle().set();
        }
    }

    /// Whether nothing of an adapter's originals is left anywhere, nor of our packets with other drivers.
    fn is_idle(&mut self, id: AdapterId) -> bool {
        let drained = self.table.is_drained(id);
        self.table.tally_mut().place(id).is_none_or(|place| {
            let idle = drained && place.hands == 0 && place.adapter.pool().in_flight() == 0;
            place.is_awaited = !idle;
            idle
        })
    }

    /// Opens an adapter that has restarted.
    fn open_restarted(&mut self, id: AdapterId) {
        if self.opening.contains(id) {
            self.opening.remove(id);
            self.table.open_adapter(id);
        }
    }
}

/// So many places, with nobody in them.
fn places<T>(count: usize) -> Result<Vec<Option<T>>, NtStatus> {
    let mut places = Vec::new();
    places.try_reserve_exact(count).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
    places.extend((0..count).map(|_| None));
    Ok(places)
}

impl Leases {
    /// No table yet. `timer` calls [`Self::deadline`].
    pub const fn new(timer: Timer) -> Self {
        Self { active: AtomicBool::new(false), inner: SpinLock::new(None), timer }
    }

    /// Whether there is a table. Any IRQL.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Makes the table, and lets these adapters take part. PASSIVE_LEVEL, with the registry locked.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    // The table is moved into its place by way of the stack, of which a caller has little: not inlined.
    #[inline(never)]
    pub fn activate<'a>(&self, adapters: impl Iterator<Item = &'a PoolArc<Adapter>>) -> Result<(), NtStatus> {
        if self.is_active() {
            return Ok(());
        }
        let [leases, frames] = PLACES;
        let setup =
            TableSetup { leases, frames, cap: MOST, promoted_bytes: MOST_PROMOTED[1], promoted_ms: PROMOTED_MS };
        let people = People {
            adapters: places(MAX_ADAPTERS)?,
            readers: places(MAX_READERS)?,
            closed: PoolArc::try_new(ReaderCounters::new()).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?,
            holds: HoldTimes::new(),
        };
        let table = LeaseTable::try_new(setup, people).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        let inner = Inner { table, kicked: ReaderSet::EMPTY, opening: AdapterSet::EMPTY, armed: u64::MAX };
        *self.inner.lock() = Some(inner);
        self.active.store(true, Ordering::Relaxed);
        for adapter in adapters {
            self.add_adapter(adapter);
        }
        Ok(())
    }

    /// Runs `with` on the table, locked; `None` where there is none.
    fn with<R>(&self, with: impl FnOnce(&mut Inner) -> R) -> Option<R> {
        if !self.is_active() {
            return None;
        }
        let mut guard = self.inner.lock();
        guard.as_mut().map(with)
    }

    /// An adapter takes part from now on, if there is a table and a place. With the registry locked.
    pub fn add_adapter(&self, adapter: &PoolArc<Adapter>) {
        self.with(|inner| {
            let caps = AdapterCaps { received: MOST_RECEIVED, sent: MOST };
            let Some(id) = inner.table.add_adapter(caps) else { return };
            if let Some(place) = inner.table.tally_mut().adapters.get_mut(id.index()) {
                *place = Some(Place { adapter: adapter.clone(), hands: 0, is_awaited: false });
            }
            adapter.set_lease_id(id);
            if adapter.admits_leases() {
                inner.table.open_adapter(id);
            }
        });
    }

    /// The module is detached: nothing of the adapter is left when this returns. PASSIVE_LEVEL, while it is Paused.
    pub fn remove_adapter(&self, adapter: &Adapter) {
        let Some(id) = adapter.lease_id() else { return };
        self.close(adapter, Cause::Gone, Scope::Everything);
        self.wait(adapter);
        let place = self.with(|inner| {
            inner.table.remove_adapter(id);
            inner.opening.remove(id);
            inner.table.tally_mut().adapters.get_mut(id.index()).and_then(Option::take)
        });
        drop(place);
    }

    /// A reader that may hold frames. PASSIVE_LEVEL, with the registry locked.
    ///
    /// # Errors
    /// STATUS_QUOTA_EXCEEDED: too many readers, or for too long together.
    pub fn add_reader(&self, reader: &PoolArc<Reader>, hold: Hold) -> Result<ReaderId, NtStatus> {
        let setup = ReaderSetup {
            priority: hold.priority,
            policy: hold.policy,
            budget_ms: hold.budget_ms.saturating_sub(EARLY_MS),
            cap: MOST,
            promoted_bytes: MOST_PROMOTED[0],
        };
        let added = self.with(|inner| {
            let id = inner.table.add_reader(setup)?;
            if let Some(place) = inner.table.tally_mut().readers.get_mut(id.index()) {
                *place = Some(reader.clone());
            }
            Ok(id)
        });
        let refused = |_: ReaderRefused| NtStatus::new(abi::NtStatus::QUOTA_EXCEEDED.0);
        added.ok_or(NtStatus::INSUFFICIENT_RESOURCES)?.map_err(refused)
    }

    /// A reader's last handle is closed: policy decides about all that it was asked. PASSIVE_LEVEL.
    pub fn close_reader(&self, id: ReaderId, reader: &PoolArc<Reader>) {
        self.with(|inner| inner.table.close_reader(id));
        self.expire();
        self.settle(Level::Passive);
        // The place may be another's already.
        let place = self.with(|inner| {
            let place = inner.table.tally_mut().readers.get_mut(id.index())?;
            place.take_if(|there| there.ptr_eq(reader))
        });
        drop(place);
    }

    /// A READ came: the reader is waited for, and gets what waits for it.
    pub fn reader_reads(&self, id: ReaderId) {
        self.with(|inner| {
            inner.table.reader_reads(id);
            inner.kicked.insert(id);
        });
        self.settle(Level::Passive);
    }

    /// A reader to whom something was refused may have a READ now: the timer sees to it. Also with a reader's lock held.
    pub fn kick(&self, id: ReaderId) {
        self.with(|inner| {
            inner.kicked.insert(id);
            self.arm(inner, 0);
        });
    }

    /// A packet that came, of the adapter that `arrival` names. Ends with [`Self::settle`], which may wait until all of a
    /// call's packets are in.
    ///
    /// # Errors
    /// The packet, where the adapter's readers are not those any more that it was found out about: after so many `changes`.
    pub fn insert(
        &self,
        adapter: &Adapter,
        changes: u32,
        arrival: &Arrival<'_>,
        packet: Packet,
    ) -> Result<Admission<Packet>, Packet> {
        let admission = self.with(|inner| {
            // A reader is taken from its adapters before its place is another's, which is under this lock.
            if adapter.changes() != changes {
                return Err(packet);
            }
            // Where sends come, those above run again.
            if arrival.direction == Direction::Out {
                inner.open_restarted(arrival.adapter);
            }
            let admission = inner.table.insert(arrival, packet, time::unbiased_time());
            if matches!(admission, Admission::Leased) {
                adapter.set_quiet(false);
            }
            Ok(admission)
        });
        // An adapter that takes part has a table. A packet that is dropped is given back.
        admission.unwrap_or(Ok(Admission::Leased))
    }

    /// Runs `with` on the table, locked, if the adapter's readers are still those that there were after so many `changes`.
    fn with_readers<R>(&self, adapter: &Adapter, changes: u32, with: impl FnOnce(&mut Inner) -> R) -> Option<R> {
        self.with(|inner| (adapter.changes() == changes).then(|| with(inner))).flatten()
    }

    /// What is made of a packet that cannot be leased, by policy where the adapter admits leases, else by rules alone: how
    /// it ends, and for whom it is spilled. `None` where the adapter's readers are others by now.
    pub fn judge(&self, adapter: &Adapter, changes: u32, arrival: &Arrival<'_>) -> Option<(Ending, ReaderSet)> {
        self.with_readers(adapter, changes, |inner| inner.table.judge(arrival, adapter.admits_leases()))
    }

    /// A packet of a flow goes up that is lent for the call only: what waits in the flow is decided at once, and leaves
    /// before, as far as nobody else has it in hand.
    pub fn make_way(&self, flow: FlowKey, level: Level) {
        if self.with(|inner| inner.table.make_way(flow, time::unbiased_time())).unwrap_or(false) {
            self.settle(level);
        }
    }

    /// Whether policy would have a packet copied that is lent for the call only.
    pub fn wants_copy(&self, adapter: &Adapter, changes: u32, arrival: &Arrival<'_>) -> bool {
        self.with_readers(adapter, changes, |inner| inner.table.promoter(arrival).is_some()).unwrap_or(false)
    }

    /// A copy of a packet that was lent. Ends with [`Self::settle`].
    ///
    /// # Errors
    /// The copy, where it has no place any more, or the adapter's readers are others by now.
    pub fn insert_copy(
        &self,
        adapter: &Adapter,
        changes: u32,
        arrival: &Arrival<'_>,
        copy: Packet,
    ) -> Result<(), Packet> {
        let inserted = self.with(|inner| {
            if adapter.changes() != changes {
                return Err(copy);
            }
            inner.table.insert_copy(arrival, copy, time::unbiased_time())
        });
        inserted.unwrap_or(Ok(()))
    }

    /// Where the frame of a reader's open ticket is going, to make what is to go in its place; `None` where the ticket is
    /// not open. The adapter stays for that time.
    pub fn locate<R>(&self, reader: ReaderId, ticket: Ticket, with: impl FnOnce(Located, &Adapter) -> R) -> Option<R> {
        let located = self.with(|inner| {
            let located = inner.table.locate(reader, ticket)?;
            Some((located, inner.take_in_hand(located.adapter)?))
        });
        let (located, adapter) = located.flatten()?;
        let made = with(located, &adapter);
        drop(adapter);
        self.with(|inner| inner.let_go(located.adapter));
        Some(made)
    }

    /// Answers of a reader, as many as are taken while the lock is held; says of each what became of it. Ends with
    /// [`Self::settle`].
    pub fn answer(
        &self,
        reader: ReaderId,
        verdicts: impl Iterator<Item = (Ticket, Verdict<Packet>)>,
        mut answered: impl FnMut(Result<(), Refused<Packet>>),
    ) {
        self.with(|inner| {
            let now = time::unbiased_time();
            for (ticket, verdict) in verdicts {
                answered(inner.table.answer(reader, ticket, verdict, now));
            }
        });
    }

    /// A restarted adapter admits leases once NDIS knows that it runs: from the first send on, or when the timer runs out.
    /// Ours may not go on before, and policy decides about receives.
    pub fn open_soon(&self, adapter: &Adapter) {
        let Some(id) = adapter.lease_id() else { return };
        self.with(|inner| {
            inner.opening.insert(id);
            inner.armed = 0;
            self.timer.start(1);
        });
    }

    /// An adapter is awake again, and runs: it admits leases. What was decided meanwhile goes on.
    pub fn open(&self, adapter: &Adapter) {
        let Some(id) = adapter.lease_id() else { return };
        self.with(|inner| inner.table.open_adapter(id));
        self.settle(Level::Passive);
    }

    /// Admits no lease of an adapter any more, and gives back those that there are. Does not wait: what a copier has is
    /// given back by it.
    pub fn close(&self, adapter: &Adapter, cause: Cause, scope: Scope) {
        let Some(id) = adapter.lease_id() else { return };
        self.with(|inner| {
            inner.opening.remove(id);
            inner.table.close_adapter(id, cause);
        });
        while self.with(|inner| inner.table.drain(id, scope, BATCH)).unwrap_or(false) {
            self.settle(Level::Passive);
        }
        self.settle(Level::Passive);
    }

    /// Waits until nothing of a closed adapter is held, and none of our packets is with other drivers. PASSIVE_LEVEL.
    pub fn wait(&self, adapter: &Adapter) {
        let Some(id) = adapter.lease_id() else { return };
        loop {
            // Cleared under the lock, where it is set too: what comes to an end after this look sets it.
            let idle = self.with(|inner| {
                adapter.idle().clear();
                inner.is_idle(id)
            });
            if idle.unwrap_or(true) {
                return;
            }
            adapter.idle().wait();
            // Something may have come back to be given back.
            self.settle(Level::Passive);
        }
    }

    /// Packets of our own came back from other drivers.
    pub fn landed(&self, adapter: &Adapter) {
        let Some(id) = adapter.lease_id() else { return };
        self.with(|inner| {
            if inner.table.tally_mut().place(id).is_some_and(|place| place.is_awaited) {
                adapter.idle().set();
            }
        });
    }

    /// The sender cancels the sends with this id.
    pub fn cancel(&self, adapter: &Adapter, cancel_id: u64) {
        let Some(id) = adapter.lease_id() else { return };
        let mut search = Search::default();
        while self.with(|inner| inner.table.cancel(id, cancel_id, &mut search, BATCH * 16)).unwrap_or(false) {}
        self.settle(Level::Passive);
    }

    /// What was counted for readers after they were closed.
    pub fn closed_stats(&self) -> ReaderStats {
        self.with(|inner| inner.table.tally().closed.snapshot(SpillLevel::default())).unwrap_or_default()
    }

    /// What is held now, and how long it was.
    pub fn stats(&self) -> LeaseStats {
        let stats = |inner: &mut Inner| {
            let load = inner.table.load();
            let holds = &inner.table.tally().holds;
            LeaseStats {
                leases: inner.table.len() as u64,
                originals: load.leases.into(),
                original_bytes: load.bytes,
                promoted_bytes: inner.table.promoted_bytes(),
                longest_hold: holds.longest(),
                received: holds.snapshot(Direction::In),
                sent: holds.snapshot(Direction::Out),
            }
        };
        self.with(stats).unwrap_or_default()
    }

    /// The timer ran out. DISPATCH_LEVEL. Ends at most so many leases, and comes again if there are more.
    pub fn deadline(&self) {
        self.with(|inner| {
            inner.armed = u64::MAX;
            inner.opening.iter().for_each(|id| inner.open_restarted(id));
            if inner.table.expire(time::unbiased_time(), BATCH) {
                self.arm(inner, 0);
            }
        });
        self.settle(Level::Dispatch);
    }

    /// Ends all whose time is up. PASSIVE_LEVEL.
    fn expire(&self) {
        while self.with(|inner| inner.table.expire(time::unbiased_time(), BATCH)).unwrap_or(false) {
            self.settle(Level::Passive);
        }
    }

    /// The driver is being unloaded, no module is left: the timer runs out no more. PASSIVE_LEVEL.
    pub fn stop(&self) {
        self.timer.stop();
    }

    /// Lets the timer run out at `due`, if it would do so later.
    fn arm(&self, inner: &mut Inner, due: u64) {
        if due < inner.armed {
            inner.armed = due;
            self.timer.start_in(due.saturating_sub(time::unbiased_time()));
        }
    }
}
