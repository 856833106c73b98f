//! An NBL as the lab keeps it: its memory, who owns it, what became of it.

use std::sync::{Arc, Mutex, MutexGuard};

use nblease_ndis::sys::{
    MDL, NDIS_NBL_FLAGS_RECV_READ_ONLY, NDIS_NBL_FLAGS_SEND_READ_ONLY, NDIS_STATUS, NET_BUFFER_LIST,
};

use super::{
    frame::Oob,
    raw::{self, Nbl},
    reserved::Reserved,
    sharing::Lending,
    snapshot::Snapshot,
};
use crate::{
    history::Event,
    judge::{Rule, rule},
    kernel::{DriverId, kernel},
    memory::{Access, Span},
    sync::lock,
};

/// Who made an NBL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The protocol: a send.
    Protocol,
    /// The miniport: a receive.
    Miniport,
    /// NDIS: a send, looped back as a receive.
    Loopback,
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
    /// Holds the NBL, its NBs and MDLs.
    pub(super) descriptor: Span,
    /// Holds its payload; of the lab's own only.
    pub(super) payload: Option<Span>,
    /// What it looked like; of the lab's own only.
    pub(super) snapshot: Option<Snapshot>,
    /// What its originator keeps in it.
    pub(super) reserved: Reserved,
    /// What filters made of it on its way, by module, the last one last.
    pub(super) passed: Mutex<Vec<(usize, Snapshot)>>,
    /// What `SourceHandle` has to be; of the lab's own only.
    pub(super) source: usize,
    /// `TcpLargeSendNetBufferListInfo` as the protocol set it.
    pub(super) large_send: usize,
    /// MDLs of the lab's own, which describe nothing once the packet is gone.
    pub(super) mdls: Vec<*mut MDL>,
    /// While it is on its way: the packets of others whose data it describes.
    pub(super) lenders: Mutex<Vec<Arc<Packet>>>,
    /// Where it is.
    pub(super) state: Mutex<State>,
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

/// When an NBL was brought to a module, for the order (V31).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    /// Number of the delivery, rising.
    pub(super) delivery: u64,
    /// Number of the last one of the same list.
    pub(super) list_end: u64,
    /// The last number when the callback that brought it returned and it was kept. What was brought until then came on
    /// other processors, at the same time.
    pub(super) settled: Option<u64>,
}

impl Order {
    /// Whether it came before another one for certain.
    pub(super) fn is_before(self, other: u64) -> bool {
        self.delivery < other && other <= self.list_end || self.settled.is_some_and(|settled| settled < other)
    }
}

/// Where an NBL is on its way.
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct State {
    /// Who may touch it.
    pub(super) owner: Owner,
    /// Which way it goes.
    pub(super) phase: Phase,
    /// Lent for the duration of a callback (RESOURCES).
    pub(super) lent: bool,
    /// The module that it was lent to last, where nobody got it since.
    pub(super) lent_before: Option<usize>,
    /// The callback that brought it has not returned yet.
    pub(super) in_call: bool,
    /// The module was Running when it was brought.
    pub(super) running: bool,
    /// The module had passed the event of low power on when it was brought.
    pub(super) low_power: bool,
    /// When it was brought, among others.
    pub(super) order: Order,
    /// When it was brought, on the unbiased clock.
    pub(super) since_ns: u64,
    /// The module that sent or indicated it, where a driver made it.
    pub(super) sender: Option<usize>,
    /// NBLs of the holder's own that describe its data.
    pub(super) lending: Lending,
    /// The status that a filter completed this send with, instead of sending it on.
    pub(super) finished: Option<NDIS_STATUS>,
}

impl State {
    /// The state of an NBL that was just made.
    pub(super) fn new(owner: Owner) -> Self {
        Self {
            owner,
            phase: Phase::Home,
            lent: false,
            lent_before: None,
            in_call: false,
            running: false,
            low_power: false,
            order: Order::default(),
            since_ns: 0,
            sender: None,
            lending: Lending::default(),
            finished: None,
        }
    }
}

impl Packet {
    /// Its state. Not to be held when a rule is checked: a report may want it.
    pub(super) fn locked(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Its last events, oldest first.
    pub fn history(&self) -> Vec<String> {
        self.descriptor.history()
    }

    /// `NBL 7 at 0x7f0012345000 (a protocol's send)`.
    pub fn name(&self) -> String {
        let kind = match self.maker {
            Maker::Protocol => "a protocol's send".to_owned(),
            Maker::Miniport => "a miniport's receive".to_owned(),
            Maker::Loopback => "a send looped back".to_owned(),
            Maker::Driver(driver) => format!("{}'s own", kernel().driver_name(driver)),
        };
        format!("NBL {} at {:p} ({kind})", self.id, self.address)
    }

    /// What it carries beside its frames.
    pub fn oob(&self) -> Oob {
        Oob(self.nbl.info().map(<*mut _>::addr))
    }

    /// Whether a driver made it.
    pub fn is_drivers(&self) -> bool {
        matches!(self.maker, Maker::Driver(_))
    }

    /// A rule is broken by what happened to it.
    pub(super) fn broken(&self, rule: Rule, what: impl Into<String>) {
        let what = format!("{}: {}", self.name(), what.into());
        kernel().judge.broken_with(rule, what, self.history());
    }

    /// Evaluates a rule about it.
    pub(super) fn check(&self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        kernel().judge.evaluated(rule);
        if !holds {
            self.broken(rule, what());
        }
    }

    /// Adds an event to its history, which is its memory's too: a touch there shows it.
    pub(super) fn note(&self, event: Event) {
        if let Some(payload) = &self.payload {
            payload.note(event.clone());
        }
        self.descriptor.note(event);
    }

    /// The driver may touch it.
    pub(super) fn open(&self) {
        self.descriptor.open(Access::ReadWrite);
        self.open_payload();
        self.show_lenders();
    }

    /// The driver may touch its data.
    pub(super) fn open_payload(&self) {
        let flags = self.nbl.nbl_flags();
        let read_only = match self.maker {
            Maker::Protocol => flags & NDIS_NBL_FLAGS_SEND_READ_ONLY != 0,
            Maker::Miniport | Maker::Loopback => flags & NDIS_NBL_FLAGS_RECV_READ_ONLY != 0,
            Maker::Driver(_) => false,
        };
        if let Some(payload) = &self.payload {
            payload.open(if read_only { Access::ReadOnly } else { Access::ReadWrite });
        }
    }

    /// The driver may not touch it, since `why`.
    pub(super) fn close(&self, why: &'static str) {
        self.descriptor.close(why);
        if let Some(payload) = &self.payload {
            payload.close(why);
        }
        self.hide_lenders(why);
    }

    /// Compares with what its holder got, or once it is `home` with what the lab made (V21).
    pub(super) fn compare(&self, home: bool) {
        let difference = self.difference(home);
        self.check(rule::V21, difference.is_none(), || difference.unwrap_or_default());
    }

    /// A module passes it on. It may have changed it ("the filter driver can modify the buffer contents", "Sending Data
    /// from a Filter Driver", "Receiving Data in a Filter Driver"), as long as it undoes that on the way back (V21).
    pub(super) fn passed_on_by(&self, module: usize) {
        kernel().judge.evaluated(rule::V21);
        let Some(payload) = self.payload.as_ref().filter(|_| self.difference(false).is_some()) else { return };
        for nb in raw::nbs(self.nbl).unwrap_or_default().into_iter().filter_map(raw::Nb::at) {
            let frame = raw::frame(nb);
            self.check(rule::V21, frame.is_ok(), || frame.err().unwrap_or_default());
        }
        lock(&self.passed).push((module, Snapshot::take(self.nbl, payload)));
    }

    /// It is back at a module, which undoes what it did.
    pub(super) fn back_at(&self, module: usize) {
        lock(&self.passed).retain(|(by, _)| *by != module);
    }

    fn difference(&self, home: bool) -> Option<String> {
        let (Some(made), Some(payload)) = (&self.snapshot, &self.payload) else { return None };
        let passed = lock(&self.passed);
        let was = passed.last().map(|(_, snapshot)| snapshot).filter(|_| !home).unwrap_or(made);
        let reserved = || home.then(|| self.reserved.difference(self.address, self.maker)).flatten();
        was.difference(self.nbl, payload, home).or_else(reserved)
    }
}
