//! The ledger of packets: who owns which NBL, by which call, since when; and the rules that follow from it.
//!
//! Every NBL is in the ledger from its making to its freeing, whoever made it. A hand-off to a filter
//! ([`Ledger::give`]) opens the filter's view of it, a hand-off by a filter ([`Ledger::take`]) closes the view and
//! judges what the filter did (V15, the holding times V12 and V13, and [`super::handed`]).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use nblease_ndis::sys::{NET_BUFFER_LIST, TcpLargeSendNetBufferListInfo};

use super::{
    build::Built,
    handed::{Hand, Handed},
    holds::{AllHolds, Held},
    loopback::is_loopback,
    module::{Module, ModuleState},
    packet::{Maker, Order, Owner, Packet, Phase, State},
    raw::{self, Endless, Nbl},
    reserved::Reserved,
    snapshot::Snapshot,
};
use crate::{
    history::Event,
    judge::rule,
    kernel::{DriverId, kernel},
    memory::{PAGE, Span},
    sync::lock,
};

/// The budget for holding another's packet (V12, V13).
const BUDGET_NS: u64 = 1_000_000_000;

/// Why what was lent is closed: a late touch breaks V14.
pub const LOAN_IS_OVER: &str = "it was lent with RESOURCES, and the callback returned";

/// The packets of a run.
#[derive(Default)]
pub struct Ledger {
    packets: Mutex<HashMap<usize, Arc<Packet>>>,
    last_id: AtomicU64,
    last_delivery: AtomicU64,
    /// The lab's own, by where their data starts.
    with_data: Mutex<BTreeMap<usize, Arc<Packet>>>,
    pub(super) holds: AllHolds,
}

impl Ledger {
    /// Enters an NBL that the lab made for one of the stack's ends.
    pub fn enter_built(&self, built: Built, maker: Maker, source: usize, flow: u64) -> Option<Arc<Packet>> {
        let nbl = Nbl::at(built.nbl)?;
        let reserved = Reserved::fill(built.nbl, maker);
        let snapshot = Some(Snapshot::take(nbl, &built.payload));
        let mut packet = self.make(built.nbl, nbl, maker, built.descriptor, Some(built.payload), snapshot);
        packet.reserved = reserved;
        packet.source = source;
        packet.flow = flow;
        packet.mdls = built.mdls;
        if maker == Maker::Protocol {
            packet.large_send = packet.oob().get(TcpLargeSendNetBufferListInfo);
        }
        Some(self.enter(packet, Owner::Lab))
    }

    /// Enters an NBL that a driver allocated; it is the driver's from now on.
    pub fn enter_allocated(
        &self,
        address: *mut NET_BUFFER_LIST,
        descriptor: Span,
        driver: DriverId,
        function: &'static str,
    ) -> Option<Arc<Packet>> {
        let nbl = Nbl::at(address)?;
        let packet = self.make(address, nbl, Maker::Driver(driver), descriptor, None, None);
        let packet = self.enter(packet, Owner::Driver(driver));
        packet.note(Event::here("allocated").through(function));
        packet.open();
        Some(packet)
    }

    fn make(
        &self,
        address: *mut NET_BUFFER_LIST,
        nbl: Nbl,
        maker: Maker,
        descriptor: Span,
        payload: Option<Span>,
        snapshot: Option<Snapshot>,
    ) -> Packet {
        Packet {
            id: self.last_id.fetch_add(1, Ordering::Relaxed) + 1,
            address,
            nbl,
            maker,
            flow: 0,
            descriptor,
            payload,
            snapshot,
            reserved: Reserved::default(),
            passed: Mutex::default(),
            source: 0,
            large_send: 0,
            mdls: Vec::new(),
            lenders: Mutex::default(),
            state: Mutex::new(State::new(Owner::Lab)),
        }
    }

    fn enter(&self, packet: Packet, owner: Owner) -> Arc<Packet> {
        packet.locked().owner = owner;
        let packet = Arc::new(packet);
        lock(&self.packets).insert(packet.address.addr(), packet.clone());
        if let Some(payload) = &packet.payload {
            lock(&self.with_data).insert(payload.driver().addr(), packet.clone());
        }
        packet
    }

    /// The NBL at a driver's address.
    pub fn find(&self, address: *mut NET_BUFFER_LIST) -> Option<Arc<Packet>> {
        lock(&self.packets).get(&address.addr()).cloned()
    }

    /// Name of the NBL at an address, for a report: nothing where the ledger is being written.
    pub(crate) fn name_of(&self, address: usize) -> Option<String> {
        self.packets.try_lock().ok()?.get(&address).map(|packet| packet.name())
    }

    /// Name of the NBL whose structures or payload start at an address, as above.
    pub(crate) fn owner_of(&self, start: usize) -> Option<String> {
        let payload = || self.with_data.try_lock().ok()?.get(&start).map(|packet| packet.name());
        self.name_of(start).or_else(payload)
    }

    /// Name of the NBL of a number, as above.
    pub(super) fn name_of_number(&self, id: u64) -> String {
        let packets = self.packets.try_lock();
        let named = packets.ok().and_then(|packets| packets.values().find(|p| p.id == id).map(|packet| packet.name()));
        named.unwrap_or_else(|| format!("NBL {id}"))
    }

    /// An NBL is freed: its memory closes.
    pub fn forget(&self, packet: &Packet) {
        lock(&self.packets).remove(&packet.address.addr());
        if let Some(payload) = &packet.payload {
            lock(&self.with_data).remove(&payload.driver().addr());
        }
    }

    /// The packet of the lab's own whose data lies at a driver's address.
    pub(super) fn packet_with_data(&self, address: usize) -> Option<Arc<Packet>> {
        let packets = lock(&self.with_data);
        let (start, packet) = packets.range(..=address).next_back()?;
        let bytes = packet.payload.as_ref()?.len().next_multiple_of(PAGE);
        (address < start + bytes).then(|| packet.clone())
    }

    /// NBLs of others that the driver's modules hold outside of the callbacks that brought them.
    pub fn held_by(&self, driver: DriverId) -> Held {
        let modules = kernel().ndis.modules_of(driver);
        let mut held = Held::default();
        for packet in self.held(|handle| modules.contains(&handle)) {
            match packet.locked().phase {
                Phase::Indicated | Phase::Returned => held.receives += 1,
                _ => held.sends += 1,
            }
        }
        held
    }

    /// NBLs of others that such modules hold outside of the callbacks that brought them, and have not lent to NBLs of
    /// their own that are on their way.
    pub fn held(&self, by: impl Fn(usize) -> bool) -> Vec<Arc<Packet>> {
        let packets: Vec<_> = lock(&self.packets).values().cloned().collect();
        let is_held = |packet: &Packet| {
            let state = packet.locked();
            let Owner::Module(handle) = state.owner else { return false };
            by(handle) && !packet.is_drivers() && !state.in_call && state.lending.out == 0
        };
        packets.into_iter().filter(|packet| is_held(packet)).collect()
    }

    fn all(&self) -> Vec<Arc<Packet>> {
        let mut all: Vec<_> = lock(&self.packets).values().cloned().collect();
        all.sort_by_key(|packet| packet.id);
        all
    }

    /// Sends of others with this CancelId that a module holds outside of the callbacks that brought them (V20); not
    /// those whose data an NBL of its own on its way describes, which cannot be completed yet.
    pub fn sends_held_of(&self, module: &Module, cancel_id: usize) -> Vec<Arc<Packet>> {
        let held = self.held(|handle| handle == module.handle).into_iter();
        let matches =
            |packet: &Arc<Packet>| packet.locked().phase == Phase::Sent && packet.oob().cancel_id() == cancel_id;
        held.filter(matches).collect()
    }

    /// What a driver has to do with still: NBLs of others that it holds, NBLs of its own that are on their way; with
    /// `unfreed` also those of its own that it has not freed.
    pub fn out_of(&self, driver: DriverId, unfreed: bool) -> Vec<String> {
        let modules: Vec<usize> = kernel().ndis.modules_of(driver);
        let concerns = |packet: &Packet| match packet.locked().owner {
            Owner::Lab => packet.maker == Maker::Driver(driver),
            _ if packet.maker == Maker::Driver(driver) => unfreed,
            Owner::Module(handle) => modules.contains(&handle),
            Owner::Driver(_) => false,
        };
        Self::describe(self.all().into_iter().filter(|packet| concerns(packet)))
    }

    /// What keeps a module's pause from being complete (V05): NBLs of others that it holds outside of the callbacks
    /// that brought them, NBLs of its own that are on their way.
    pub fn out_of_module(&self, module: &Module) -> Vec<String> {
        let concerns = |packet: &Packet| {
            let state = packet.locked();
            let held = state.owner == Owner::Module(module.handle) && !packet.is_drivers() && !state.in_call;
            held || state.sender == Some(module.handle)
        };
        Self::describe(self.all().into_iter().filter(|packet| concerns(packet)))
    }

    /// Their names: a report that has them says what became of them.
    pub fn describe(packets: impl IntoIterator<Item = Arc<Packet>>) -> Vec<String> {
        packets.into_iter().map(|packet| packet.name()).collect()
    }

    /// Links NBLs into a list in this order: its head.
    pub fn link(packets: &[Arc<Packet>]) -> *mut NET_BUFFER_LIST {
        let mut after = std::ptr::null_mut();
        for packet in packets.iter().rev() {
            packet.nbl.set_next(after);
            after = packet.address;
        }
        after
    }

    /// Hands NBLs to a module, in a callback that is about to be called: the list's head.
    pub fn give(
        &self,
        module: &Module,
        packets: &[Arc<Packet>],
        phase: Phase,
        lent: bool,
        what: &'static str,
    ) -> *mut NET_BUFFER_LIST {
        let running = module.may_run();
        let since_ns = kernel().clock.unbiased_ns();
        let count = packets.len() as u64;
        let first = self.last_delivery.fetch_add(count, Ordering::Relaxed) + 1;
        for (packet, delivery) in packets.iter().zip(first..) {
            let mut state = packet.locked();
            state.owner = Owner::Module(module.handle);
            state.phase = phase;
            state.lent = lent;
            state.lent_before = None;
            state.in_call = true;
            state.running = running;
            state.low_power = module.low_power.load(Ordering::SeqCst);
            state.order = Order { delivery, list_end: first + count - 1, settled: None };
            state.finished = None;
            state.since_ns = since_ns;
            state.lending.held_before_ns = 0;
            let back = matches!(phase, Phase::Completed | Phase::Returned);
            if back && state.sender == Some(module.handle) {
                state.sender = None;
            }
            let own = packet.maker == Maker::Driver(module.driver.id);
            drop(state);
            let given = if lent { "lent (RESOURCES) to" } else { "given to" };
            packet.note(Event::of_lab(given).who(module.shared_name()).through(what));
            if back && own {
                packet.give_back();
            }
            if back {
                packet.back_at(module.handle);
            }
        }
        let head = Self::link(packets);
        for packet in packets {
            packet.open();
        }
        head
    }

    /// The callback that brought NBLs returned. Those that the module keeps are held from now on, which it may not
    /// while it is not Running (V25; V05 where it completed its pause meanwhile), nor where NDIS looped them back and
    /// nobody asked for such (V49).
    pub fn settle(module: &Module, packets: &[Arc<Packet>], deliveries: &[u64]) {
        let loopback_asked_for = kernel().ndis.loopback_asked_for.load(Ordering::SeqCst);
        let settled = kernel().ndis.ledger.last_delivery.load(Ordering::Relaxed);
        for (packet, delivery) in packets.iter().zip(deliveries) {
            let mut state = packet.locked();
            let kept = state.owner == Owner::Module(module.handle) && state.order.delivery == *delivery;
            if state.phase == Phase::Indicated && !packet.is_drivers() && is_loopback(packet) {
                // What a packet of its own describes that is on its way is passed on.
                let passed_on = !kept || state.lending.out > 0;
                drop(state);
                packet.check(rule::V49, passed_on || loopback_asked_for, || {
                    format!("{} keeps a receive that NDIS looped back, and nobody asked for such", module.name())
                });
                state = packet.locked();
            }
            if !kept {
                continue;
            }
            state.running = ran(&state, module);
            state.in_call = false;
            state.order.settled = Some(settled);
            let running = state.running;
            // What came before the event, and another processor looks at, is given back by that one. What is lent to a
            // packet on its way is not held.
            let asleep = module.low_power.load(Ordering::SeqCst) && (state.low_power || !kernel().has_processors());
            let low_power = asleep && state.lending.out == 0;
            let phase = state.phase;
            drop(state);
            let foreign = !packet.is_drivers();
            if foreign {
                if low_power {
                    let receive = matches!(phase, Phase::Indicated | Phase::Returned);
                    let rule = if receive { rule::V13 } else { rule::V12 };
                    packet.broken(rule, format!("{} had NetEventSetPower, and keeps it", module.name()));
                }
                packet.check(rule::V25, running, || {
                    format!("{} was not Running when it got it, and keeps it", module.name())
                });
                packet.check(rule::V05, module.state() != ModuleState::Paused, || {
                    format!("{} is Paused and keeps it", module.name())
                });
            }
        }
    }

    /// The numbers of the deliveries that [`Self::give`] just made.
    pub fn deliveries(packets: &[Arc<Packet>]) -> Vec<u64> {
        packets.iter().map(|packet| packet.locked().order.delivery).collect()
    }

    /// A module hands a list off: the NBLs, in order, closed to it. What cannot be taken is left out.
    pub fn take(&self, module: &Module, function: &'static str, hand: Hand, head: *mut NET_BUFFER_LIST) -> Vec<Taken> {
        let addresses = raw::nbls(head);
        kernel().judge.check(rule::V23, addresses.is_ok() && !head.is_null(), || {
            format!("{function} by {} with the list at {head:p}, which is empty or has no end", module.name())
        });
        let addresses = addresses.unwrap_or_else(|Endless| Vec::new());
        let taken = addresses.into_iter().filter_map(|at| self.take_one(module, function, hand, at));
        taken.collect()
    }

    fn take_one(
        &self,
        module: &Module,
        function: &'static str,
        hand: Hand,
        address: *mut NET_BUFFER_LIST,
    ) -> Option<Taken> {
        let Some(packet) = self.find(address) else {
            kernel().judge.broken(
                rule::V15,
                format!("{function} by {} with {address:p}, which is no NBL (any more)", module.name()),
            );
            return None;
        };
        let own = packet.maker == Maker::Driver(module.driver.id);
        let mut state = packet.locked();
        let (before, lent) = (state.owner, state.lent);
        let owned = before == Owner::Module(module.handle) || own && before == Owner::Driver(module.driver.id);
        if !owned {
            let kept = state.lent_before == Some(module.handle);
            drop(state);
            let rule = if kept { rule::V14 } else { rule::V15 };
            packet.broken(rule, format!("{function} by {}, which does not own it ({before:?} does)", module.name()));
            return None;
        }
        let phase = state.phase;
        let lending = state.lending;
        let now_ns = kernel().clock.unbiased_ns();
        let held_ns = lending.held_before_ns + if lending.out == 0 { now_ns.saturating_sub(state.since_ns) } else { 0 };
        let (running, in_call, order) = (ran(&state, module), state.in_call, state.order);
        let source = if packet.is_drivers() { state.sender.unwrap_or_default() } else { packet.source };
        state.owner = Owner::Lab;
        state.lent = false;
        if hand == Hand::Complete && phase == Phase::Sent {
            state.finished = Some(packet.nbl.status());
        }
        if own && matches!(hand, Hand::Send | Hand::Indicate { .. }) {
            state.sender = Some(module.handle);
        }
        drop(state);
        packet.note(Event::here(hand.verb()).who(module.shared_name()).through(function));

        kernel().judge.evaluated(rule::V15);
        let handed = Handed { module, function, hand, packet: &packet, phase, running, in_call, source };
        if own {
            handed.judge_own();
            if matches!(hand, Hand::Send | Hand::Indicate { .. }) {
                self.borrow_for(module, function, &packet);
            }
        } else {
            packet.check(rule::V16, lending.out == 0, || {
                format!("{function} by {} while a packet that describes its data is on its way", module.name())
            });
            handed.judge_foreign(lent, order);
            self.note_hold(&handed, held_ns);
        }
        packet.close(hand.closes());
        Some(Taken { packet, lent, phase })
    }

    /// What modules hold for longer than the budget, and have not handed on yet (V12, V13).
    pub fn judge_overdue(&self) {
        let now_ns = kernel().clock.unbiased_ns();
        for packet in self.held(|_| true) {
            let state = packet.locked();
            let held_ns = state.lending.held_before_ns + now_ns.saturating_sub(state.since_ns);
            let receive = matches!(state.phase, Phase::Indicated | Phase::Returned);
            drop(state);
            let rule = if receive { rule::V13 } else { rule::V12 };
            packet.check(rule, held_ns <= BUDGET_NS, || format!("held for {} ms, and still", held_ns / 1_000_000));
        }
    }

    fn note_hold(&self, handed: &Handed<'_>, held_ns: u64) {
        let receive = matches!(handed.phase, Phase::Indicated | Phase::Returned);
        self.holds.note(handed.module.driver.id, receive, held_ns);
        let rule = if receive { rule::V13 } else { rule::V12 };
        handed.packet.check(rule, held_ns <= BUDGET_NS, || {
            format!("{} held it for {} ms", handed.module.name(), held_ns / 1_000_000)
        });
    }

    /// A callback that NBLs were lent to has returned: they are the caller's again, linked as they were (V14).
    pub fn reclaim(module: &Module, packets: &[Arc<Packet>], head: *mut NET_BUFFER_LIST) {
        for packet in packets {
            let state = packet.locked();
            let kept = state.owner == Owner::Module(module.handle) && state.lent;
            drop(state);
            packet.check(rule::V14, kept, || format!("lent to {} (RESOURCES), which gave it away", module.name()));
        }
        let linked: Vec<_> = packets.iter().map(|packet| packet.address).collect();
        let now = raw::nbls(head);
        kernel().judge.check(rule::V14, now.as_ref() == Ok(&linked), || {
            let now = now.map_or("a list without end".to_owned(), |now| format!("{now:?}"));
            format!("{} did not put a list with RESOURCES back as it was: it is {now}, not {linked:?}", module.name())
        });
        for packet in packets {
            packet.compare(false);
            let mut state = packet.locked();
            state.owner = Owner::Lab;
            state.lent = false;
            state.lent_before = Some(module.handle);
            let lending = state.lending.out;
            drop(state);
            packet.note(Event::of_lab("back (RESOURCES), since the callback returned, from").who(module.shared_name()));
            packet.check(rule::V14, lending == 0, || {
                format!("lent to {} (RESOURCES), a packet of which still describes its data", module.name())
            });
            packet.close(LOAN_IS_OVER);
        }
    }

    /// A module that indicated NBLs with RESOURCES has them again.
    pub fn restore(module: &Module, taken: &[Taken]) {
        for Taken { packet, lent, phase } in taken {
            let mut state = packet.locked();
            state.owner = Owner::Module(module.handle);
            state.lent = *lent;
            state.phase = *phase;
            if packet.maker == Maker::Driver(module.driver.id) {
                state.sender = None;
            }
            drop(state);
            packet.note(Event::of_lab("back (RESOURCES) with").who(module.shared_name()));
            packet.back_at(module.handle);
            packet.give_back();
            packet.open();
        }
    }

    /// An NBL came home to the end of the stack that made it.
    pub fn came_home(packet: &Packet) {
        packet.compare(true);
        let mut state = packet.locked();
        state.phase = Phase::Home;
        drop(state);
        packet.note(Event::of_lab("back with its maker"));
    }

    /// A driver frees an NBL (NdisFreeNetBufferList): whether it may.
    pub fn free(&self, function: &'static str, address: *mut NET_BUFFER_LIST, driver: DriverId) -> Option<Arc<Packet>> {
        let Some(packet) = self.find(address) else {
            kernel().judge.broken(rule::V15, format!("{function} with {address:p}, which is no NBL (any more)"));
            return None;
        };
        packet.check(rule::V17, packet.maker == Maker::Driver(driver), || {
            format!("{function} by {}, which did not allocate it", kernel().driver_name(driver))
        });
        let held_by = packet.locked().owner;
        let modules = kernel().ndis.modules_of(driver);
        let owned = match held_by {
            Owner::Driver(holder) => holder == driver,
            Owner::Module(handle) => modules.contains(&handle),
            Owner::Lab => false,
        };
        packet.check(rule::V15, owned, || format!("{function} while it is on its way"));
        packet.note(Event::here("freed").through(function));
        packet.close("it was freed");
        self.forget(&packet);
        Some(packet)
    }
}

/// An NBL that a module handed off.
pub struct Taken {
    /// Which.
    pub packet: Arc<Packet>,
    lent: bool,
    phase: Phase,
}

/// Whether a module may take it that it ran when it got an NBL: it may have restarted before its driver saw the callback
/// that brought it.
fn ran(state: &State, module: &Module) -> bool {
    state.running || state.in_call && kernel().has_processors() && module.may_run()
}

/// Counts by key, for the ends' statistics.
pub type Tally<K> = BTreeMap<K, u64>;
