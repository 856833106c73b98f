//! The ledger of packets: who owns which NBL, by which call, since when; and the rules that follow from it.
//!
//! Every NBL is in the ledger from its making to its freeing, whoever made it. A hand-off to a filter
//! ([`Ledger::give`]) opens the filter's view of it, a hand-off by a filter ([`Ledger::take`]) closes the view and
//! judges what the filter did (V14, V15, V17, V18, V19, V21, V22, V23, V25, V31, and the holding times V12, V13).
//!
//! Ownership after `NdisFSendNetBufferLists`, `NdisFIndicateReceiveNetBufferLists`, `NdisFReturnNetBufferLists`,
//! "Filter Module Send and Receive Operations".

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use nblease_ndis::sys::{
    MDL, NDIS_NBL_FLAGS_RECV_READ_ONLY, NDIS_NBL_FLAGS_SEND_READ_ONLY, NDIS_STATUS_PAUSED, NET_BUFFER_LIST,
};
use serde::Serialize;

use super::{
    build::{Built, STATUS_POISON},
    module::{Module, ModuleState},
    raw::{self, Endless, Nbl},
    snapshot::Snapshot,
};
use crate::{
    clock::Mode,
    judge::{Rule, rule},
    kernel::{DriverId, kernel},
    memory::{Access, Span},
    sync::lock,
    thread,
};

/// The budget for holding another's packet (V12, V13).
const BUDGET_NS: u64 = 1_000_000_000;
/// Events kept for each NBL.
const HISTORY: usize = 24;

/// Who made an NBL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The protocol: a send.
    Protocol,
    /// The miniport: a receive.
    Miniport,
    /// A driver, from a pool of its own.
    Driver(DriverId),
}

/// Who owns an NBL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The driver that allocated it, for any use.
    Driver(DriverId),
    /// A filter module, by handle.
    Module(usize),
    /// The protocol, the miniport, or NDIS on the way between.
    Lab,
}

/// On which way an NBL is, and whether forth or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not on its way.
    Home,
    /// Down, as a send.
    Sent,
    /// Back up, completed.
    Completed,
    /// Up, as a receive.
    Indicated,
    /// Back down, returned.
    Returned,
}

/// What a filter does with NBLs that it hands off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// NdisFSendNetBufferLists.
    Send,
    /// NdisFSendNetBufferListsComplete.
    Complete,
    /// NdisFIndicateReceiveNetBufferLists, with or without RESOURCES.
    Indicate { resources: bool },
    /// NdisFReturnNetBufferLists.
    Return,
}

/// How long filters held NBLs of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HoldStats {
    /// NBLs that were handed on or back.
    pub count: u64,
    /// Longest time.
    pub max_ns: u64,
}

/// An NBL.
pub struct Packet {
    /// Number, by order of making.
    pub id: u64,
    /// Driver's address.
    pub address: *mut NET_BUFFER_LIST,
    /// The lab's view.
    pub nbl: Nbl,
    /// Who made it.
    pub maker: Maker,
    /// Conversation that it belongs to, for the order (V31); of the lab's own only.
    pub flow: u64,
    descriptor: Span,
    payload: Option<Span>,
    snapshot: Option<Snapshot>,
    source: usize,
    /// MDLs of the lab's own, which describe nothing once the packet is gone.
    mdls: Vec<*mut MDL>,
    state: Mutex<State>,
}

impl Drop for Packet {
    fn drop(&mut self) {
        for mdl in &self.mdls {
            kernel().memory.mdls.forget(*mdl);
        }
    }
}

// SAFETY: `address` is only compared and handed to drivers; what it points to is reached by its owner alone.
unsafe impl Send for Packet {}
// SAFETY: as above.
unsafe impl Sync for Packet {}

struct State {
    owner: Owner,
    phase: Phase,
    /// Lent for the duration of a callback (RESOURCES).
    lent: bool,
    /// The callback that brought it has not returned yet.
    in_call: bool,
    /// The module was Running when it was brought.
    running: bool,
    /// Number of the delivery, rising.
    delivery: u64,
    since_ns: u64,
    /// The module that sent or indicated it, where a driver made it.
    sender: Option<usize>,
    history: VecDeque<Event>,
}

#[derive(Clone)]
struct Event {
    at_ns: u64,
    what: &'static str,
    who: String,
    site: usize,
}

impl Packet {
    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Its last events, oldest first.
    pub fn history(&self) -> Vec<String> {
        self.locked().history.iter().map(Event::line).collect()
    }

    /// `NBL 7 (send of the protocol)`.
    pub fn name(&self) -> String {
        match self.maker {
            Maker::Protocol => format!("NBL {} (a protocol's send)", self.id),
            Maker::Miniport => format!("NBL {} (a miniport's receive)", self.id),
            Maker::Driver(driver) => {
                format!("NBL {} ({}'s own)", self.id, kernel().driver_name(driver))
            }
        }
    }

    /// Whether a driver made it.
    pub fn is_drivers(&self) -> bool {
        matches!(self.maker, Maker::Driver(_))
    }

    fn broken(&self, rule: Rule, what: impl Into<String>) {
        let what = format!("{}: {}", self.name(), what.into());
        kernel().judge.broken_with(rule, what, self.history());
    }

    fn check(&self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        kernel().judge.evaluated(rule);
        if !holds {
            self.broken(rule, what());
        }
    }

    fn note(&self, state: &mut State, what: &'static str, who: String) {
        let event = Event { at_ns: kernel().clock.now_ns(), what, who, site: thread::call_site() };
        self.descriptor.note(event.line());
        if let Some(payload) = &self.payload {
            payload.note(event.line());
        }
        if state.history.len() == HISTORY {
            state.history.pop_front();
        }
        state.history.push_back(event);
    }

    fn open(&self) {
        let flags = self.nbl.nbl_flags();
        let read_only = match self.maker {
            Maker::Protocol => flags & NDIS_NBL_FLAGS_SEND_READ_ONLY != 0,
            Maker::Miniport => flags & NDIS_NBL_FLAGS_RECV_READ_ONLY != 0,
            Maker::Driver(_) => false,
        };
        self.descriptor.open(Access::ReadWrite);
        if let Some(payload) = &self.payload {
            payload.open(if read_only { Access::ReadOnly } else { Access::ReadWrite });
        }
    }

    fn close(&self, why: &'static str) {
        self.descriptor.close(why);
        if let Some(payload) = &self.payload {
            payload.close(why);
        }
    }

    /// Compares with what it looked like when the lab made it (V21).
    fn compare(&self, home: bool) {
        if let (Some(snapshot), Some(payload)) = (&self.snapshot, &self.payload) {
            let difference = snapshot.difference(self.nbl, payload, home);
            self.check(rule::V21, difference.is_none(), || difference.unwrap_or_default());
        }
    }
}

impl Event {
    fn line(&self) -> String {
        let site = kernel().describe_address(self.site);
        let (s, us) = (self.at_ns / 1_000_000_000, self.at_ns / 1000 % 1_000_000);
        if self.site == 0 {
            format!("{s}.{us:06} {} {}", self.what, self.who)
        } else {
            format!("{s}.{us:06} {} {} from {site}", self.what, self.who)
        }
    }
}

/// The packets of a run.
#[derive(Default)]
pub struct Ledger {
    packets: Mutex<HashMap<usize, Arc<Packet>>>,
    last_id: AtomicU64,
    last_delivery: AtomicU64,
    holds: Mutex<HoldStats>,
}

impl Ledger {
    /// Enters an NBL that the lab made for one of the stack's ends.
    pub fn enter_built(&self, built: Built, maker: Maker, source: usize, flow: u64) -> Option<Arc<Packet>> {
        let nbl = Nbl::at(built.nbl)?;
        let snapshot = Some(Snapshot::take(nbl, &built.payload));
        let mut packet = self.make(built.nbl, nbl, maker, built.descriptor, Some(built.payload), snapshot);
        packet.source = source;
        packet.flow = flow;
        packet.mdls = built.mdls;
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
        packet.note(&mut packet.locked(), function, String::new());
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
            source: 0,
            mdls: Vec::new(),
            state: Mutex::new(State {
                owner: Owner::Lab,
                phase: Phase::Home,
                lent: false,
                in_call: false,
                running: false,
                delivery: 0,
                since_ns: 0,
                sender: None,
                history: VecDeque::new(),
            }),
        }
    }

    fn enter(&self, packet: Packet, owner: Owner) -> Arc<Packet> {
        packet.locked().owner = owner;
        let packet = Arc::new(packet);
        lock(&self.packets).insert(packet.address.addr(), packet.clone());
        packet
    }

    /// The NBL at a driver's address.
    pub fn find(&self, address: *mut NET_BUFFER_LIST) -> Option<Arc<Packet>> {
        lock(&self.packets).get(&address.addr()).cloned()
    }

    /// An NBL is freed: its memory closes.
    pub fn forget(&self, packet: &Packet) {
        lock(&self.packets).remove(&packet.address.addr());
    }

    /// How long filters held the packets of others.
    pub fn hold_stats(&self) -> HoldStats {
        *lock(&self.holds)
    }

    fn all(&self) -> Vec<Arc<Packet>> {
        let mut all: Vec<_> = lock(&self.packets).values().cloned().collect();
        all.sort_by_key(|packet| packet.id);
        all
    }

    /// What a driver has to do with still: NBLs of others that it holds, NBLs of its own that it has not freed.
    pub fn out_of(&self, driver: DriverId) -> Vec<String> {
        let modules: Vec<usize> = kernel().ndis.modules_of(driver);
        let concerns = |packet: &Packet| match packet.locked().owner {
            Owner::Driver(owner) => owner == driver,
            Owner::Module(handle) => modules.contains(&handle),
            Owner::Lab => packet.maker == Maker::Driver(driver),
        };
        let concerned = self.all().into_iter().filter(|packet| concerns(packet));
        concerned.map(|packet| described(&packet)).collect()
    }

    /// What keeps a module's pause from being complete (V05): NBLs of others that it holds outside of the callbacks
    /// that brought them, NBLs of its own that are on their way.
    pub fn out_of_module(&self, module: &Module) -> Vec<String> {
        let concerns = |packet: &Packet| {
            let state = packet.locked();
            let held = state.owner == Owner::Module(module.handle) && !packet.is_drivers() && !state.in_call;
            held || state.sender == Some(module.handle)
        };
        let concerned = self.all().into_iter().filter(|packet| concerns(packet));
        concerned.map(|packet| described(&packet)).collect()
    }

    /// NBLs of a maker that are not home: for the ends of the stack, when they wait.
    pub fn describe(&self, packets: impl IntoIterator<Item = Arc<Packet>>) -> Vec<String> {
        packets.into_iter().map(|packet| described(&packet)).collect()
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
        let running = module.state() == ModuleState::Running;
        let since_ns = kernel().clock.unbiased_ns();
        for packet in packets {
            let mut state = packet.locked();
            state.owner = Owner::Module(module.handle);
            state.phase = phase;
            state.lent = lent;
            state.in_call = true;
            state.running = running;
            state.delivery = self.last_delivery.fetch_add(1, Ordering::Relaxed) + 1;
            state.since_ns = since_ns;
            let back = matches!(phase, Phase::Completed | Phase::Returned);
            if back && state.sender == Some(module.handle) {
                state.sender = None;
            }
            packet.note(&mut state, what, module.name());
        }
        let head = Self::link(packets);
        for packet in packets {
            packet.open();
        }
        head
    }

    /// The callback that brought NBLs returned. Those that the module keeps are held from now on, which it may not
    /// while it is not Running (V25; V05 where it completed its pause meanwhile).
    pub fn settle(&self, module: &Module, packets: &[Arc<Packet>], deliveries: &[u64]) {
        for (packet, delivery) in packets.iter().zip(deliveries) {
            let mut state = packet.locked();
            if state.owner != Owner::Module(module.handle) || state.delivery != *delivery {
                continue;
            }
            state.in_call = false;
            let running = state.running;
            drop(state);
            let foreign = !packet.is_drivers();
            if foreign {
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
        packets.iter().map(|packet| packet.locked().delivery).collect()
    }

    /// A module hands a list off: the NBLs, in order, closed to it. What cannot be taken is left out.
    pub fn take(&self, module: &Module, function: &'static str, hand: Hand, head: *mut NET_BUFFER_LIST) -> Vec<Taken> {
        let addresses = raw::nbls(head);
        kernel().judge.check(rule::V23, addresses.is_ok() && !head.is_null(), || {
            format!("{function} by {} with a list that is empty or has no end", module.name())
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
            drop(state);
            packet
                .broken(rule::V15, format!("{function} by {}, which does not own it ({before:?} does)", module.name()));
            return None;
        }
        let phase = state.phase;
        let held_ns = kernel().clock.unbiased_ns().saturating_sub(state.since_ns);
        let (running, in_call, delivery) = (state.running, state.in_call, state.delivery);
        let source = if packet.is_drivers() { state.sender.unwrap_or_default() } else { packet.source };
        state.owner = Owner::Lab;
        state.lent = false;
        if own && matches!(hand, Hand::Send | Hand::Indicate { .. }) {
            state.sender = Some(module.handle);
        }
        packet.note(&mut state, function, module.name());
        drop(state);

        kernel().judge.evaluated(rule::V15);
        let handed = Handed { module, function, hand, packet: &packet, phase, running, in_call, source };
        if own {
            handed.judge_own();
        } else {
            handed.judge_foreign(lent, delivery);
            self.note_hold(&handed, held_ns);
        }
        packet.close(closed_by(hand));
        Some(Taken { packet, lent, phase })
    }

    fn note_hold(&self, handed: &Handed<'_>, held_ns: u64) {
        let mut holds = lock(&self.holds);
        holds.count += 1;
        holds.max_ns = holds.max_ns.max(held_ns);
        drop(holds);
        let rule = match handed.phase {
            Phase::Indicated | Phase::Returned => rule::V13,
            _ => rule::V12,
        };
        handed.packet.check(rule, held_ns <= BUDGET_NS, || {
            format!("{} held it for {} ms", handed.module.name(), held_ns / 1_000_000)
        });
    }

    /// A callback that NBLs were lent to has returned: they are the caller's again, linked as they were (V14).
    pub fn reclaim(&self, module: &Module, packets: &[Arc<Packet>], head: *mut NET_BUFFER_LIST) {
        for packet in packets {
            let state = packet.locked();
            let kept = state.owner == Owner::Module(module.handle) && state.lent;
            drop(state);
            packet.check(rule::V14, kept, || format!("lent to {} (RESOURCES), which gave it away", module.name()));
        }
        let linked: Vec<_> = packets.iter().map(|packet| packet.address).collect();
        let now = raw::nbls(head);
        kernel().judge.check(rule::V14, now.as_ref() == Ok(&linked), || {
            format!("{} did not put a list with RESOURCES back as it was: {now:?}, not {linked:?}", module.name())
        });
        for packet in packets {
            packet.compare(false);
            let mut state = packet.locked();
            state.owner = Owner::Lab;
            state.lent = false;
            packet.note(&mut state, "back from its callback (RESOURCES):", module.name());
            drop(state);
            packet.close("it was lent with RESOURCES, and the callback returned");
        }
    }

    /// A module that indicated NBLs with RESOURCES has them again.
    pub fn restore(&self, module: &Module, taken: &[Taken]) {
        for Taken { packet, lent, phase } in taken {
            let mut state = packet.locked();
            state.owner = Owner::Module(module.handle);
            state.lent = *lent;
            state.phase = *phase;
            if packet.maker == Maker::Driver(module.driver.id) {
                state.sender = None;
            }
            packet.note(&mut state, "back (RESOURCES) to", module.name());
            drop(state);
            packet.open();
        }
    }

    /// An NBL came home to the end of the stack that made it.
    pub fn came_home(&self, packet: &Packet) {
        packet.compare(true);
        let mut state = packet.locked();
        state.phase = Phase::Home;
        packet.note(&mut state, "home", String::new());
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
        let owner = packet.locked().owner;
        let modules = kernel().ndis.modules_of(driver);
        let owned = match owner {
            Owner::Driver(owner) => owner == driver,
            Owner::Module(handle) => modules.contains(&handle),
            Owner::Lab => false,
        };
        packet.check(rule::V15, owned, || format!("{function} while it is on its way"));
        packet.note(&mut packet.locked(), function, kernel().driver_name(driver));
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

/// One hand-off, to be judged.
struct Handed<'a> {
    module: &'a Module,
    function: &'static str,
    hand: Hand,
    packet: &'a Packet,
    phase: Phase,
    running: bool,
    in_call: bool,
    /// What `SourceHandle` has to be.
    source: usize,
}

impl Handed<'_> {
    /// An NBL that the filter's driver made.
    fn judge_own(&self) {
        let Self { module, function, hand, packet, .. } = self;
        let back = matches!(hand, Hand::Complete | Hand::Return);
        packet.check(rule::V17, !back, || format!("{function} by {}, which made it itself", module.name()));
        if back {
            return;
        }
        let source = packet.nbl.source();
        packet.check(rule::V18, source.addr() == module.handle, || {
            format!("{function}: SourceHandle is {source:p}, not the filter handle {:#x}", module.handle)
        });
        packet.check(rule::V25, self.may_originate(), || {
            format!("{function}: originated by {} while {:?}", module.name(), module.state())
        });
        self.judge_frames();
    }

    /// "Pausing a Filter Module": no new sends, no new indications. Between the start of the pause and the filter's
    /// knowing of it other processors may still originate.
    fn may_originate(&self) -> bool {
        match self.module.state() {
            ModuleState::Running => true,
            ModuleState::Pausing => kernel().clock.mode() == Mode::Real,
            _ => false,
        }
    }

    /// An NBL of somebody else.
    fn judge_foreign(&self, lent: bool, delivery: u64) {
        let Self { module, function, hand, packet, phase, .. } = self;
        let way = match hand {
            Hand::Send => matches!(phase, Phase::Sent),
            Hand::Complete => matches!(phase, Phase::Sent | Phase::Completed),
            Hand::Indicate { .. } => matches!(phase, Phase::Indicated),
            Hand::Return => matches!(phase, Phase::Indicated | Phase::Returned),
        };
        packet.check(rule::V17, way, || format!("{function} by {}, which has it {phase:?}", module.name()));
        if matches!(hand, Hand::Indicate { .. } | Hand::Return) {
            let allowed = !lent || matches!(hand, Hand::Indicate { resources: true });
            packet.check(rule::V14, allowed, || {
                format!("{function} by {}, which it was only lent to (RESOURCES)", module.name())
            });
        }
        let source = packet.nbl.source();
        packet.check(rule::V18, source.addr() == self.source, || {
            format!("{function}: SourceHandle was {:#x} and is {source:p}", self.source)
        });
        packet.compare(false);
        if *hand == Hand::Complete {
            self.judge_completion();
        } else if *hand == Hand::Send {
            let may = self.running && (module.state() != ModuleState::Paused || self.in_call);
            packet
                .check(rule::V25, may, || format!("{function}: {} passed a send on while not Running", module.name()));
        }
        if matches!(hand, Hand::Send | Hand::Indicate { .. }) {
            self.judge_frames();
            self.judge_order(delivery);
        }
    }

    fn judge_completion(&self) {
        let Self { module, function, packet, .. } = self;
        let status = packet.nbl.status();
        packet
            .check(rule::V19, status != STATUS_POISON, || format!("{function} by {} without a Status", module.name()));
        if self.phase == Phase::Sent && !self.running {
            packet.check(rule::V25, status == NDIS_STATUS_PAUSED, || {
                format!(
                    "{function}: {} was not Running, so Status has to be NDIS_STATUS_PAUSED, not {status:#x}",
                    module.name()
                )
            });
        }
    }

    /// A receive has exactly one NB (V22); every NB holds what it says (V21).
    fn judge_frames(&self) {
        let nbs = raw::nbs(self.packet.nbl);
        self.packet.check(rule::V23, nbs.is_ok(), || "its NBs form a ring".to_owned());
        let nbs = nbs.unwrap_or_else(|Endless| Vec::new());
        if matches!(self.hand, Hand::Indicate { .. }) {
            self.packet.check(rule::V22, nbs.len() == 1, || format!("{} NBs in an Ethernet receive", nbs.len()));
        }
        if self.packet.is_drivers() {
            for nb in nbs.into_iter().filter_map(raw::Nb::at) {
                let frame = raw::frame(nb);
                self.packet.check(rule::V21, frame.is_ok(), || frame.err().unwrap_or_default());
            }
        }
    }

    /// Originals that are passed on keep their order within a flow (V31).
    fn judge_order(&self, delivery: u64) {
        let key = (matches!(self.hand, Hand::Send), self.packet.flow);
        let mut order = lock(&self.module.order);
        let last = order.insert(key, delivery).unwrap_or_default();
        drop(order);
        self.packet.check(rule::V31, delivery > last, || {
            format!("{} passed it on after a later one of its flow", self.module.name())
        });
    }
}

fn closed_by(hand: Hand) -> &'static str {
    match hand {
        Hand::Send => "it was handed down by NdisFSendNetBufferLists",
        Hand::Complete => "it was completed by NdisFSendNetBufferListsComplete",
        Hand::Indicate { .. } => "it was handed up by NdisFIndicateReceiveNetBufferLists",
        Hand::Return => "it was returned by NdisFReturnNetBufferLists",
    }
}

fn described(packet: &Packet) -> String {
    let last = packet.history().pop().unwrap_or_default();
    format!("{}: {last}", packet.name())
}

/// Counts by key, for the ends' statistics.
pub type Tally<K> = BTreeMap<K, u64>;
