//! A driver's life: load, attach, traffic, OIDs, status, events, calls of programs, pause, restart, detach, unload; nothing
//! left behind.

use std::sync::atomic::Ordering;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Result, ensure};
use nblease_ndis::sys::{
    NDIS_STATUS_PAUSED, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS,
    NdisDevicePnPEventPowerProfileChanged, NetBufferListCancelId, NetEventQueryPower, OID_802_3_CURRENT_ADDRESS,
    OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_STATISTICS, TcpLargeSendNetBufferListInfo,
};
use rand::Rng as _;

use super::{
    recovery, settle,
    stranger::Stranger,
    traffic::{self, Ends},
};
use crate::{
    clock::Mode,
    faults::Plan,
    kernel::{DriverId, kernel},
    lab::Lab,
    ndis::{Adapter, AdapterConfig, Event, Frame, MiniportPace, OidKind, ProtocolPace, SendNbl},
    sync::lock,
};

/// Threads that send and receive at a time, on the real clock.
const STORM_THREADS: u8 = 4;
/// How often the stack is paused meanwhile.
const STORM_PAUSES: usize = 5;
/// How long nothing happens after traffic, so that what a driver has put off comes to pass (virtual clock).
const QUIET_NS: u64 = 3_000_000_000;

/// An OID for a method of the card's own, which gives back what it gets.
const OF_THE_CARD: u32 = 0xff00_0001;

/// What a life is like.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// Drivers, the lowest in the stack first.
    pub drivers: Vec<PathBuf>,
    /// Rounds of traffic between pauses.
    pub rounds: usize,
    /// The drivers pass everything on: what goes in has to come out.
    pub transparent: bool,
    /// Sends come also to a stack that is paused and to a filter that is about to be, which NDIS itself keeps from it but the
    /// documents want refused (V25); and nobody asks for what NDIS loops back (V49).
    pub strict: bool,
    /// Which calls fail: from the start, but where memory is low ([`Plan::Low`]) only once the drivers run, and in the
    /// end no more.
    pub failing: Plan,
    /// Programs call with the control codes that drivers may know, and buffers of many lengths.
    pub thorough: bool,
}

/// Runs it in a lab: frames that went through.
///
/// # Errors
/// A driver that does not load or start; for transparent drivers also frames, OIDs or events that did not get through.
pub fn run(lab: &Lab, life: &Lifecycle) -> Result<usize> {
    // The driver comes to the adapter, or the adapter to the driver.
    let faults = &kernel().faults;
    let low = matches!(life.failing, Plan::Low { .. });
    if !low {
        faults.plan(life.failing.clone());
    }
    let adapter_first = kernel().rng().random_bool(0.5);
    let early = adapter_first.then(|| lab.adapter(AdapterConfig::default()));
    let mut stranger = Stranger::lie_in_wait();
    let mut drivers = Vec::new();
    for path in &life.drivers {
        let Some(driver) = start(lab, life, path)? else { return Ok(0) };
        drivers.push(driver);
    }
    settle();
    stranger.arrive(life.thorough);
    let adapter = early.unwrap_or_else(|| lab.adapter(AdapterConfig::default()));
    let before = low.then(|| recovery::passed(&adapter));
    if low {
        faults.plan(life.failing.clone());
    }
    let ends = Ends::watch(&adapter);
    ends.with_loopback.store(true, Ordering::Relaxed);
    adapter.receive_strays();
    if life.strict {
        adapter.send_strays();
    }
    for round in 0..3 {
        traffic_round(&adapter, &ends, life.rounds);
        traffic::send_and_receive_plain(&adapter, &ends);
        quiet();
        stranger.call_on();
        cancel_round(&adapter, &ends, life.transparent);
        control_round(&adapter, life.transparent)?;
        // A filter may have something when it is paused.
        traffic::send_and_receive_plain(&adapter, &ends);
        pause_round(&adapter, life.strict, round == 1, || stranger.call_on());
    }
    if before.is_some() {
        faults.end();
        pause_round(&adapter, life.strict, false, || ());
    }
    let second = lab.adapter(AdapterConfig { name: "Ethernet 2".to_owned(), ..AdapterConfig::default() });
    settle();
    if kernel().clock.mode() == Mode::Real {
        let through = storm_round(&second, life.rounds);
        if life.transparent {
            through?;
        }
    }
    if let Some(before) = before {
        recovery::judge(&adapter, before);
        recovery::judge(&second, before);
    }
    let second_ends = Ends::watch(&second);
    traffic_round(&second, &second_ends, life.rounds);
    second.unplug();
    traffic_round(&adapter, &ends, life.rounds);
    if kernel().rng().random_bool(0.5) {
        adapter.pause();
    }
    settle();
    leave_and_unload(lab, stranger, &drivers)?;
    if life.transparent {
        for ends in [&ends, &second_ends] {
            ends.compare().map_err(anyhow::Error::msg)?;
        }
    }
    Ok(ends.frames() + second_ends.frames())
}

/// The program leaves and the drivers are unloaded, the last one first: the unload comes first, or while handles are open,
/// which puts it off.
fn leave_and_unload(lab: &Lab, mut stranger: Stranger, drivers: &[DriverId]) -> Result<()> {
    let first = kernel().rng().random_bool(0.5);
    if first {
        stranger.leave();
    }
    let put_off: Vec<bool> = drivers.iter().rev().map(|driver| !lab.unload(*driver)).collect();
    if !first {
        stranger.leave();
    }
    for (driver, put_off) in drivers.iter().rev().zip(put_off) {
        if put_off && kernel().io.is_unload_pending(*driver) {
            kernel().io.await_unload(*driver);
        }
        let gone = crate::nt::driver::object_of(*driver).is_none();
        ensure!(gone, "{} does not unload", kernel().driver_name(*driver));
    }
    Ok(())
}

/// Loads and starts a driver; none where a call that was planned to fail keeps it from starting.
fn start(lab: &Lab, life: &Lifecycle, path: &Path) -> Result<Option<DriverId>> {
    let driver = lab.load(path)?;
    // Where there is but one driver, the INF is that of no other, whatever the file is called.
    if let ([_], Some(inf)) = (life.drivers.as_slice(), lab.inf()) {
        lab.set_inf(driver, inf.clone());
    }
    let status = lab.start(driver);
    if status < 0 && !kernel().faults.failed().is_empty() {
        return Ok(None);
    }
    ensure!(status >= 0, "DriverEntry of {} failed with {status:#x}", path.display());
    Ok(Some(driver))
}

/// Time passes and nothing comes.
fn quiet() {
    if kernel().clock.mode() == Mode::Virtual {
        kernel().sched.advance(QUIET_NS);
        kernel().ndis.judge_overdue();
    }
}

fn traffic_round(adapter: &Arc<Adapter>, ends: &Ends, rounds: usize) {
    for _ in 0..rounds {
        let send = kernel().rng().random_bool(0.5);
        let taken = if send { traffic::send_some(adapter, ends, 0) } else { traffic::receive_some(adapter, ends, 0) };
        assert!(taken, "the stack runs");
        if kernel().rng().random_bool(0.3) {
            settle();
        }
    }
    settle();
}

/// Traffic from several threads, while the stack is paused and restarted.
fn storm_round(adapter: &Arc<Adapter>, rounds: usize) -> Result<()> {
    let ends = Ends::watch(adapter);
    traffic::storm(adapter, &ends, STORM_THREADS, rounds, || {
        for _ in 0..STORM_PAUSES {
            adapter.pause();
            adapter.restart();
        }
    });
    settle();
    // All packets are home when it is paused.
    adapter.pause();
    adapter.restart();
    ends.compare_paused().map_err(anyhow::Error::msg)
}

/// OIDs down every path, status and events through the stack.
fn control_round(adapter: &Arc<Adapter>, transparent: bool) -> Result<()> {
    let mac = adapter.oid(OidKind::Query, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
    let set = adapter.oid(OidKind::Set, OID_GEN_CURRENT_PACKET_FILTER, &[0x0b, 0, 0, 0]);
    let direct = adapter.oid(OidKind::DirectQuery, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
    let synchronous = adapter.oid(OidKind::SynchronousQuery, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
    let short = adapter.oid(OidKind::Query, OID_GEN_STATISTICS, &[0; 8]);
    let methods = [OidKind::Method, OidKind::DirectMethod].map(|kind| adapter.oid(kind, OF_THE_CARD, &[5; 12]));
    let cancelled = [OidKind::Query, OidKind::DirectQuery].map(|kind| adapter.cancelled_oid(kind));
    adapter.take_events();
    adapter.indicate_link(false);
    adapter.indicate_link(true);
    adapter.device_pnp_event(NdisDevicePnPEventPowerProfileChanged);
    let answer = adapter.net_pnp_event(NetEventQueryPower, &[0; 4]);
    settle();
    if !transparent {
        return Ok(());
    }
    for reply in [&mac, &direct, &synchronous] {
        ensure!(reply.status == NDIS_STATUS_SUCCESS && reply.data == adapter.config.mac, "OID query: {reply:?}");
    }
    ensure!(set.status == NDIS_STATUS_SUCCESS, "OID set: {set:?}");
    for reply in methods {
        ensure!(reply.status == NDIS_STATUS_SUCCESS && reply.data == [5; 12], "OID method: {reply:?}");
    }
    for status in cancelled {
        ensure!(status == NDIS_STATUS_REQUEST_ABORTED, "an OID request that is cancelled: {status:#x}");
    }
    ensure!(short.status != NDIS_STATUS_SUCCESS && short.needed > 8, "OID query with a short buffer: {short:?}");
    ensure!(answer == NDIS_STATUS_SUCCESS, "NetEventQueryPower: {answer:#x}");
    let events = adapter.take_events();
    let device = Event::DevicePnP(NdisDevicePnPEventPowerProfileChanged);
    let statuses = events.iter().filter(|event| matches!(event, Event::Status(..))).count();
    ensure!(
        statuses == 2 && events.contains(&device) && events.contains(&Event::NetPnP(NetEventQueryPower)),
        "events that reached the ends: {events:?}"
    );
    Ok(())
}

/// Sends that a filter or the miniport keeps until they are cancelled.
fn cancel_round(adapter: &Arc<Adapter>, ends: &Ends, transparent: bool) {
    adapter.set_pace(ProtocolPace::default(), MiniportPace::Manual);
    let bytes = vec![7; 60];
    let of = |id: usize| {
        let mut send = SendNbl::new([Frame::new(bytes.clone())]);
        send.oob.set(NetBufferListCancelId, id);
        send
    };
    let before = adapter.completions().get(&NDIS_STATUS_SEND_ABORTED).copied().unwrap_or_default();
    adapter.send(&[of(1), of(2), of(1)], 0);
    // The miniport gets them before they are cancelled.
    lock(&ends.sent).extend(std::iter::repeat_n(bytes.clone(), 3));
    adapter.cancel_sends(1);
    settle();
    let aborted = adapter.completions().get(&NDIS_STATUS_SEND_ABORTED).copied().unwrap_or_default();
    assert!(!transparent || aborted == before + 2, "cancelled sends are completed with NDIS_STATUS_SEND_ABORTED");
    adapter.set_pace(ProtocolPace::default(), MiniportPace::default());
    adapter.complete_sends();
    settle();
}

/// A pause, perhaps with sends on their way, what happens meanwhile, sends that come all the same where the life is a
/// strict one, a restart.
fn pause_round(adapter: &Arc<Adapter>, strict: bool, at_once: bool, meanwhile: impl FnOnce()) {
    if at_once {
        adapter.pause_at_once();
    } else {
        adapter.pause();
    }
    meanwhile();
    if !strict {
        settle();
        adapter.restart();
        return settle();
    }
    let before = adapter.completions().get(&NDIS_STATUS_PAUSED).copied().unwrap_or_default();
    let stray = SendNbl::new([Frame::new(vec![7; 60])]);
    let mut large = stray.clone();
    large.oob.set(TcpLargeSendNetBufferListInfo, traffic::LARGE_SEND);
    adapter.send_anyway(&[stray, large], 0, 0);
    settle();
    let paused = adapter.completions().get(&NDIS_STATUS_PAUSED).copied().unwrap_or_default();
    assert_eq!(paused, before + 2, "sends to a paused stack are completed with NDIS_STATUS_PAUSED");
    adapter.restart();
    settle();
}
