//! Suspend and resume: the three ways in which a stack goes to low power.
//!
//! After "OID_PNP_SET_POWER", "NetEventSetPower", "Handling PnP Events and Power Management Events in a Filter Driver",
//! "NDIS Selective Suspend". Filters get the event before protocols, so that sends come until all filters had it. A
//! filter gives everything back before it passes the event on, and without waiting (V04, V12, V13): on path B nobody
//! else completes what it holds, on path C the miniport waits for it.

use std::{
    fmt,
    sync::{Arc, Mutex, atomic::Ordering},
};

use nblease_ndis::sys::{
    NDIS_DEVICE_POWER_STATE, NDIS_STATUS, NdisDeviceStateD0, NdisDeviceStateD2, NdisDeviceStateD3, NetEventQueryPower,
    NetEventSetPower,
};
use rand::Rng as _;

use super::{
    adapter::Adapter,
    control,
    ledger::Ledger,
    module::{Module, ModuleState},
    packet::{Packet, Phase},
    pnp,
};
use crate::{judge::rule, kernel::kernel, sync::lock};

/// How a stack goes to low power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerPath {
    /// The miniport lacks NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND: after the event the whole stack is paused.
    A,
    /// It has the flag: nothing is paused; sends are refused with NDIS_STATUS_LOW_POWER_STATE, receives not waited for.
    B,
    /// Selective suspend or connected standby: as B, and the miniport waits for all receives that it indicated.
    C,
}

/// How far a suspend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerStage {
    /// All filters had the event, the protocol not yet: it still sends.
    FiltersTold,
    /// The stack is at low power.
    Low,
    /// All filters had the event of D0, the protocol not yet.
    FiltersWoken,
}

/// What happens at the stages of a suspend or resume.
pub type PowerHook = Arc<dyn Fn(PowerStage) + Send + Sync>;

/// Power of an adapter's stack.
#[derive(Default)]
pub(super) struct Power {
    path: Mutex<Option<PowerPath>>,
    hook: Mutex<Option<PowerHook>>,
}

impl fmt::Debug for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", lock(&self.path))
    }
}

/// Most time that a filter's handler of a power event takes.
const VIRTUAL_LIMIT_NS: u64 = 10_000_000;
/// The same where processors are shared with others.
const REAL_LIMIT_NS: u64 = 1_000_000_000;
/// How long a copy that is under way on another processor may keep a packet after the handler returned.
const GRACE_NS: u64 = 100_000_000;
/// How long the miniport waits for its receives.
const DRAIN_NS: u64 = 10_000_000_000;

impl Adapter {
    /// Takes the stack to low power; on path A in any case where one of its filters is for NDIS below 6.30. What happens
    /// meanwhile: [`Self::on_power`]. Then let the clock
    /// [`sleep`](crate::clock::Clock::sleep), and [`Self::resume`].
    pub fn suspend(self: &Arc<Self>, path: PowerPath) {
        control::exclusively(self, |adapter| {
            let path = if adapter.may_stay_unpaused() { path } else { PowerPath::A };
            if lock(&adapter.power.path).replace(path).is_some() {
                return;
            }
            adapter.wanted.store(false, Ordering::SeqCst);
            adapter.witness(|witness| witness.interrupted(true));
            let state = if path == PowerPath::C { NdisDeviceStateD2 } else { NdisDeviceStateD3 };
            if kernel().rng().random_bool(0.5) {
                power_event(adapter, NetEventQueryPower, state);
            }
            power_event(adapter, NetEventSetPower, state);
            if path == PowerPath::A {
                control::pause_stack(adapter);
            } else {
                adapter.protocol.stop(adapter);
                adapter.miniport.sleep(adapter);
            }
            if path == PowerPath::C {
                await_receives(adapter);
            }
            adapter.at_stage(PowerStage::Low);
        });
    }

    /// Takes the stack back to full power.
    pub fn resume(self: &Arc<Self>) {
        control::exclusively(self, |adapter| {
            let Some(path) = lock(&adapter.power.path).take() else { return };
            adapter.wanted.store(true, Ordering::SeqCst);
            if path != PowerPath::A {
                adapter.miniport.start();
            }
            for module in adapter.modules() {
                module.low_power.store(false, Ordering::SeqCst);
            }
            power_event(adapter, NetEventSetPower, NdisDeviceStateD0);
            let paused = adapter.modules().iter().any(|module| module.state() == ModuleState::Paused);
            if path == PowerPath::A || paused {
                control::restart_stack(adapter);
            } else {
                adapter.protocol.start();
                adapter.witness(|witness| witness.interrupted(false));
            }
        });
    }

    /// On which path the stack went to low power, if it is there.
    pub fn suspended(&self) -> Option<PowerPath> {
        *lock(&self.power.path)
    }

    /// Asks whether the stack may go to low power (NetEventQueryPower): what the protocol answered.
    pub fn query_power(self: &Arc<Self>) -> NDIS_STATUS {
        power_event(self, NetEventQueryPower, NdisDeviceStateD3)
    }

    /// What happens at the stages of a suspend or resume: traffic, say. Called at PASSIVE_LEVEL, on the thread of the
    /// operation; at [`PowerStage::FiltersTold`] inside of the filters' handlers. No further control operation may be
    /// asked for there.
    pub fn on_power(&self, hook: PowerHook) {
        *lock(&self.power.hook) = Some(hook);
    }

    /// "All overlying filter drivers that are attached to the miniport driver support NDIS 6.30 or later."
    fn may_stay_unpaused(&self) -> bool {
        self.modules().iter().all(|module| module.driver.characteristics.MinorNdisVersion >= 30)
    }

    fn at_stage(&self, stage: PowerStage) {
        let hook = lock(&self.power.hook).clone();
        if let Some(hook) = hook {
            hook(stage);
        }
    }

    /// A power event passed all filters.
    pub(super) fn filters_had(&self, event: PowerEvent) {
        match event {
            PowerEvent::Low => self.at_stage(PowerStage::FiltersTold),
            PowerEvent::Full => self.at_stage(PowerStage::FiltersWoken),
            PowerEvent::Query => {}
        }
    }
}

fn power_event(adapter: &Arc<Adapter>, event: i32, state: NDIS_DEVICE_POWER_STATE) -> NDIS_STATUS {
    pnp::net_event(adapter, event, &state.to_le_bytes())
}

/// Path C: the miniport waits for what it indicated (V13).
fn await_receives(adapter: &Arc<Adapter>) {
    let drained = kernel()
        .sched
        .wait_until("the miniport's receives", Some(DRAIN_NS), &mut || adapter.miniport.outstanding() == 0);
    kernel().judge.check(rule::V13, drained, || {
        format!("a suspend waits for receives: {}", adapter.miniport.waiting_for().join("; "))
    });
}

/// Which power event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PowerEvent {
    /// NetEventQueryPower.
    Query,
    /// NetEventSetPower to D1, D2 or D3.
    Low,
    /// NetEventSetPower to D0.
    Full,
}

impl PowerEvent {
    /// What a network event with this buffer is; none: another one.
    pub fn of(event: i32, buffer: &[u8]) -> Option<Self> {
        let state = buffer.first_chunk().map(|bytes| NDIS_DEVICE_POWER_STATE::from_le_bytes(*bytes));
        if event == NetEventQueryPower {
            return Some(Self::Query);
        }
        let state = state.filter(|_| event == NetEventSetPower)?;
        Some(if state == NdisDeviceStateD0 { Self::Full } else { Self::Low })
    }
}

/// A module passes the event of low power on: from here on it holds nothing.
pub(super) fn passed_on(module: &Module) {
    if must_be_empty(module) {
        module.low_power.store(true, Ordering::SeqCst);
        if !kernel().has_processors() {
            judge_held(module, "passed NetEventSetPower on");
        }
    }
}

/// A module's handler of a power event returned, after `took_ns` of its own.
pub(super) fn handled(module: &Module, event: PowerEvent, took_ns: u64) {
    let limit = if kernel().has_processors() { REAL_LIMIT_NS } else { VIRTUAL_LIMIT_NS };
    kernel().judge.check(rule::V04, took_ns <= limit, || {
        format!("{} waited for {} ms in a power event", module.name(), took_ns / 1_000_000)
    });
    if event == PowerEvent::Low && must_be_empty(module) {
        module.low_power.store(true, Ordering::SeqCst);
        if kernel().has_processors() {
            kernel().sched.wait_until("copies under way", Some(GRACE_NS), &mut || held(module).is_empty());
        }
        judge_held(module, "returned from NetEventSetPower");
    }
}

/// On path A the pause that follows says what may be held.
fn must_be_empty(module: &Module) -> bool {
    matches!(module.adapter.suspended(), Some(PowerPath::B | PowerPath::C))
}

fn held(module: &Module) -> Vec<Arc<Packet>> {
    kernel().ndis.ledger.held(|handle| handle == module.handle)
}

fn judge_held(module: &Module, when: &str) {
    let (receives, sends): (Vec<_>, Vec<_>) = held(module)
        .into_iter()
        .partition(|packet| matches!(packet.locked().phase, Phase::Indicated | Phase::Returned));
    for (rule, held) in [(rule::V12, sends), (rule::V13, receives)] {
        kernel().judge.check(rule, held.is_empty(), || {
            format!("{} {when} and holds: {}", module.name(), Ledger::describe(held).join("; "))
        });
    }
}
