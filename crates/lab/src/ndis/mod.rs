//! NDIS 6 around light filters: adapters with a protocol above and a miniport below, any number of filters between.
//!
//! Semantics after the Windows driver documentation (`network/` of windows-driver-docs and the `ndis`, `nblapi` DDI
//! pages); each part cites its documents. The parts:
//!
//! | part | what |
//! |---|---|
//! | `driver` | registration of filter drivers, their unloading |
//! | `module` | a filter module: its states and callbacks |
//! | `adapter`, `control`, `attach`, `lent` | the stack; pause, restart, attach, detach; what callbacks are lent |
//! | `ledger`, `packet`, `handed`, `snapshot` | who owns which NBL, and what it has to look like |
//! | `send`, `receive` | the data path through the stack |
//! | `sharing`, `holds`, `refusals` | packets over the data of others; how long others' were held; for length refused |
//! | `protocol`, `miniport` | the two ends of the stack |
//! | `delivery`, `offload`, `headers`, `checksum` | what TCP/IP makes of a receive, and a card of a send |
//! | `loopback` | sends that NDIS indicates as receives |
//! | `frame`, `build`, `raw` | frames, NBLs made of them, NBLs read |
//! | `pool`, `derived`, `data`, `context` | what drivers do to NBLs and NBs |
//! | `oid`, `answers`, `status`, `pnp` | requests and what the miniport answers, indications, events |
//! | `power` | suspend and resume, on three paths |
//! | `timer`, `rwlock`, `read_write_lock`, `services`, `objects` | timers, locks, work items, memory; what a driver has of them |
//! | `device`, `config` | devices of filters, their parameters |
//! | `system`, `topology`, `interfaces`, `enumerate` | what NDIS says of the machine, of interfaces, of filters in a stack |

pub mod adapter;
mod answers;
mod asked;
mod attach;
#[cfg(test)]
mod breakers;
pub mod build;
pub mod checksum;
mod config;
mod context;
mod control;
mod data;
mod delivery;
mod derived;
mod device;
pub mod driver;
#[cfg(test)]
mod edge_tests;
mod entries;
mod enumerate;
pub mod frame;
#[cfg(test)]
mod function_tests;
mod handed;
pub mod headers;
mod holds;
pub(crate) mod interfaces;
mod kept_oid;
mod ledger;
mod lent;
mod loopback;
mod miniport;
mod module;
mod objects;
pub mod offload;
mod oid;
#[cfg(test)]
mod own_nbl;
mod packet;
mod pnp;
mod pool;
mod power;
#[cfg(test)]
mod power_tests;
mod protocol;
pub(crate) mod raw;
mod read_write_lock;
mod receive;
mod refusals;
mod reserved;
mod rwlock;
mod send;
mod services;
mod sharing;
#[cfg(test)]
mod sharing_tests;
mod snapshot;
mod status;
mod system;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timer;
mod topology;
mod witness;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use nblease_ndis::sys::{NDIS_HANDLE, NDIS_OBJECT_HEADER};

pub(crate) use attach::guid as interface_guid;

pub use adapter::{Adapter, AdapterConfig, Event, FrameCounts};
pub use asked::{OidKind, OidReply};
pub use delivery::Fate;
pub use driver::Inf;
pub use frame::{Arrived, Frame, Layout, Oob, Piece, RecvNbl, SendNbl};
pub use holds::{Held, HoldStats, Holds};
pub use loopback::Loopback;
pub use miniport::{MiniportPace, OidAnswer};
pub use module::ModuleState;
pub use offload::Offloads;
pub use power::{PowerHook, PowerPath, PowerStage};
pub use protocol::ProtocolPace;
pub use witness::{Way, Witness};

use crate::{
    judge::rule,
    kernel::{DriverId, kernel},
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};
use driver::FilterDriver;
pub(crate) use ledger::LOAN_IS_OVER;
use ledger::Ledger;
use module::Module;
use objects::Objects;

/// The driver that the lab's own DPCs are queued for: none of the loaded ones.
pub(crate) const LAB: DriverId = DriverId(usize::MAX);

/// What `NDIS.SYS` exports.
pub fn exports() -> Vec<&'static [Export]> {
    vec![
        driver::EXPORTS,
        control::EXPORTS,
        send::EXPORTS,
        receive::EXPORTS,
        oid::EXPORTS,
        status::EXPORTS,
        pnp::EXPORTS,
        pool::EXPORTS,
        derived::EXPORTS,
        data::EXPORTS,
        config::EXPORTS,
        context::EXPORTS,
        device::EXPORTS,
        timer::EXPORTS,
        rwlock::EXPORTS,
        read_write_lock::EXPORTS,
        services::EXPORTS,
        system::EXPORTS,
        topology::EXPORTS,
        enumerate::EXPORTS,
        interfaces::EXPORTS,
    ]
}

/// The model of NDIS.
pub struct Ndis {
    version: AtomicU32,
    last_handle: AtomicUsize,
    last_adapter: AtomicU32,
    drivers: Mutex<Vec<Arc<FilterDriver>>>,
    adapters: Mutex<Vec<Arc<Adapter>>>,
    modules: RwLock<HashMap<usize, Arc<Module>>>,
    infs: Mutex<BTreeMap<DriverId, Inf>>,
    loopback_asked_for: AtomicBool,
    pub(crate) ledger: Ledger,
    pub(crate) objects: Objects,
    pub(crate) flights: oid::Flights,
    pub(crate) interfaces: interfaces::Interfaces,
    pub(crate) read_write_locks: read_write_lock::Locks,
}

impl Default for Ndis {
    fn default() -> Self {
        Self {
            version: AtomicU32::new(version(6, 87)),
            last_handle: AtomicUsize::new(0),
            last_adapter: AtomicU32::new(0),
            drivers: Mutex::default(),
            adapters: Mutex::default(),
            modules: RwLock::default(),
            infs: Mutex::default(),
            loopback_asked_for: AtomicBool::new(false),
            ledger: Ledger::default(),
            objects: Objects::default(),
            flights: oid::Flights::default(),
            interfaces: interfaces::Interfaces::default(),
            read_write_locks: read_write_lock::Locks::default(),
        }
    }
}

/// What `NdisGetVersion` answers for a version: the major one in the high word.
const fn version(major: u32, minor: u32) -> u32 {
    major << 16 | minor
}

impl Ndis {
    /// Sets the running version's minor number: 83 (Windows 10 2004) to 89.
    pub fn set_minor_version(&self, minor: u8) {
        self.version.store(version(6, u32::from(minor)), Ordering::SeqCst);
    }

    /// What a driver's INF says: its names are checked at registration (V11).
    pub fn set_inf(&self, driver: DriverId, inf: Inf) {
        lock(&self.infs).insert(driver, inf);
    }

    /// Says that a program asked for looped-back receives: filters may keep them (V49).
    pub fn loopback_is_asked_for(&self) {
        self.loopback_asked_for.store(true, Ordering::SeqCst);
    }

    /// How long filters held the packets of others.
    pub fn hold_stats(&self) -> HoldStats {
        self.ledger.holds.sum()
    }

    /// How long one driver held the packets of others.
    pub fn holds_of(&self, driver: DriverId) -> Holds {
        self.ledger.holds.of(driver)
    }

    /// Judges what filters hold at this moment for too long (V12, V13).
    pub fn judge_overdue(&self) {
        self.ledger.judge_overdue();
    }

    /// Forgets how long packets were held so far.
    pub fn reset_holds(&self) {
        self.ledger.holds.reset();
    }

    /// Packets of others that a driver holds now, outside of the callbacks that brought them. What it has lent to
    /// packets of its own that are on their way is not held.
    pub fn held_by(&self, driver: DriverId) -> Held {
        self.ledger.held_by(driver)
    }

    /// A handle that means something to NDIS alone: no address, so that looking behind it faults.
    pub(crate) fn new_handle(&self) -> usize {
        0x0bad_0000_0000_0000 | (self.last_handle.fetch_add(1, Ordering::SeqCst) + 1) << 4
    }

    /// The run is over: nothing is asked for any more.
    pub(crate) fn retire(&self) {
        self.objects.retire();
        lock(&self.adapters).clear();
        lock(&self.drivers).clear();
    }

    pub(crate) fn adapters(&self) -> Vec<Arc<Adapter>> {
        lock(&self.adapters).clone()
    }

    pub(crate) fn drivers(&self) -> Vec<Arc<FilterDriver>> {
        lock(&self.drivers).clone()
    }

    /// The module that a driver means by a handle; V07 where there is none.
    pub(crate) fn module(&self, function: &'static str, handle: NDIS_HANDLE) -> Option<Arc<Module>> {
        let modules = self.modules.read().unwrap_or_else(PoisonError::into_inner);
        let module = modules.get(&handle.addr()).cloned();
        drop(modules);
        if module.is_none() {
            kernel().judge.broken(rule::V07, format!("{function} with {handle:p}, which is no filter module's handle"));
        }
        module
    }

    /// Handles of a driver's modules.
    pub(crate) fn modules_of(&self, driver: DriverId) -> Vec<usize> {
        let modules = self.modules.read().unwrap_or_else(PoisonError::into_inner);
        modules.values().filter(|module| module.driver.id == driver).map(|module| module.handle).collect()
    }

    /// (name, handle) of the modules that a text names, for a report.
    pub(crate) fn modules_named_in(&self, text: &str) -> Vec<(String, usize)> {
        let Ok(modules) = self.modules.try_read() else { return Vec::new() };
        let named = modules.values().filter(|module| text.contains(module.name()));
        let mut named: Vec<_> = named.map(|module| (module.name().to_owned(), module.handle)).collect();
        named.sort();
        named
    }

    pub(crate) fn add_module(&self, module: Arc<Module>) {
        let mut modules = self.modules.write().unwrap_or_else(PoisonError::into_inner);
        modules.insert(module.handle, module);
    }

    pub(crate) fn remove_module(&self, module: &Module) {
        let mut modules = self.modules.write().unwrap_or_else(PoisonError::into_inner);
        modules.remove(&module.handle);
    }
}

/// Checks a structure's header (V10): its type, and its size for its revision.
///
/// `revisions` lists (revision, size), as `NDIS_SIZEOF_..._REVISION_n` says.
pub(crate) fn check_header(what: &str, header: NDIS_OBJECT_HEADER, kind: u8, revisions: &[(u8, u16)]) -> bool {
    // A structure as a later header has it, with an earlier revision in use, is longer than that revision asks for.
    let most = revisions.iter().map(|(_, size)| *size).max();
    let least = revisions.iter().find(|(revision, _)| *revision == header.Revision).map(|(_, size)| *size);
    let good = header.Type == kind && least.is_some_and(|least| header.Size >= least) && Some(header.Size) <= most;
    kernel().judge.check(rule::V10, good, || {
        format!(
            "{what}: header has type {:#x}, revision {}, size {}; expected type {kind:#x} and one of {revisions:?}",
            header.Type, header.Revision, header.Size
        )
    });
    good
}

/// Runs `f` on this thread at an IRQL, or at the thread's own where that is higher; DPCs that waited run afterwards.
pub(crate) fn raised<R>(irql: u8, f: impl FnOnce() -> R) -> R {
    let before = thread::irql();
    thread::set_irql(irql.max(before));
    let result = f();
    thread::set_irql(before);
    if before < DISPATCH_LEVEL && irql >= DISPATCH_LEVEL {
        kernel().irql_fell();
    }
    result
}
