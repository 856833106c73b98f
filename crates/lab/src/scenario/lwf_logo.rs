//! What the LWF Logo test of the Windows Hardware Lab Kit asks of a filter (NDISTest 6.5), and sleep with I/O before and
//! after: any filter that passes frames on gets through.
//!
//! Each part ends with all that went in come out again, in order, and with nothing left on its way. A filter may drop
//! frames while the stack stops and starts, and only then.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use nblease_ndis::sys::{
    NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_STATUS_MEDIA_DISCONNECTED, NDIS_STATUS_PAUSED, NDIS_STATUS_SUCCESS,
    NetEventReconfigure, OID_802_3_CURRENT_ADDRESS, OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_MAXIMUM_FRAME_SIZE,
    OID_GEN_STATISTICS, TcpLargeSendNetBufferListInfo,
};
use rand::Rng as _;

use super::{
    settle,
    traffic::{self, Ends, LARGE_SEND},
};
use crate::{
    kernel::kernel,
    lab::Lab,
    ndis::{Adapter, AdapterConfig, Event, Frame, ModuleState, OidKind, PowerPath, RecvNbl, SendNbl},
    sync::lock,
};

/// Lists of each direction in the stress part.
const LISTS: usize = 400;
/// Lists of the basic part.
const BASIC: usize = 40;
/// Times that the stack is stopped, and the cable pulled.
const TIMES: usize = 10;
/// Frame sizes above the MTU of 1,500.
const LONG: [usize; 5] = [1515, 1518, 4096, 9014, 16_000];
/// The packet filter of a host: directed, multicast, broadcast.
const PACKET_FILTER: [u8; 4] = [0x0b, 0, 0, 0];

/// A part: its name and what it does.
type Part = (&'static str, fn(&Arc<Adapter>) -> Result<()>);

const PARTS: [Part; 10] = [
    ("basic send and receive", basic),
    ("configuration", configuration),
    ("frames above the MTU", above_mtu),
    ("two-way stress with RESOURCES indications", two_way),
    ("miniport stop and start", stop_and_start),
    ("media connect and disconnect", media),
    ("reset", reset),
    ("sleep and resume, path A", |adapter| sleep(adapter, PowerPath::A)),
    ("sleep and resume, path B", |adapter| sleep(adapter, PowerPath::B)),
    ("sleep and resume, path C", |adapter| sleep(adapter, PowerPath::C)),
];

/// Runs all parts; `say` is told of each. Frames that went through.
///
/// # Errors
/// What a part found, by its name.
pub fn run(lab: &Lab, driver: &Path, mut say: impl FnMut(&str)) -> Result<u64> {
    let driver = lab.load(driver)?;
    if let Some(inf) = lab.inf() {
        lab.set_inf(driver, inf.clone());
    }
    let status = lab.start(driver);
    ensure!(status >= 0, "DriverEntry failed with {status:#x}");
    let adapter = lab.adapter(AdapterConfig::default());
    settle();
    ensure!(
        adapter.module_states() == [ModuleState::Running],
        "the filter is not attached: {:?}",
        adapter.module_states()
    );
    for (name, part) in PARTS {
        kernel().judge.under_way(name.to_owned());
        part(&adapter).context(name)?;
        settle();
        ensure!(adapter.outstanding() == (0, 0), "{name}: packets are left on their way: {:?}", adapter.outstanding());
        // After each part the filter still does what it is there for.
        basic(&adapter).with_context(|| format!("after {name}"))?;
        say(name);
    }
    let counts = adapter.counts();
    ensure!(lab.unload(driver), "the filter does not unload");
    settle();
    // Without the filter the adapter goes on.
    basic(&adapter).context("after the filter's unload")?;
    Ok(counts.sent + counts.indicated)
}

/// Time for a filter that holds frames to let them go.
fn rest() {
    kernel().sched.advance(1_000_000_000);
    settle();
}

/// What went in has to come out.
fn through(adapter: &Arc<Adapter>, traffic: impl FnOnce(&Ends) -> Result<()>) -> Result<()> {
    let ends = Ends::watch(adapter);
    traffic(&ends)?;
    rest();
    ends.compare().map_err(anyhow::Error::msg)
}

/// Some lists, one after the other.
fn basic(adapter: &Arc<Adapter>) -> Result<()> {
    through(adapter, |ends| {
        for number in 0..BASIC {
            let taken = if number % 2 == 0 {
                traffic::send_some(adapter, ends, 0)
            } else {
                traffic::receive_some(adapter, ends, 1)
            };
            ensure!(taken, "the stack does not run");
            settle();
        }
        Ok(())
    })
}

/// ConfigCheck: the requests of a protocol that is bound get their answers, and what is indicated comes up.
fn configuration(adapter: &Arc<Adapter>) -> Result<()> {
    for kind in [OidKind::Query, OidKind::DirectQuery, OidKind::SynchronousQuery] {
        let reply = adapter.oid(kind, OID_802_3_CURRENT_ADDRESS, &[0; 6]);
        let good = reply.status == NDIS_STATUS_SUCCESS && reply.data == adapter.config.mac;
        ensure!(good, "OID_802_3_CURRENT_ADDRESS by {kind:?}: {reply:?}");
    }
    let size = adapter.oid(OidKind::Query, OID_GEN_MAXIMUM_FRAME_SIZE, &[0; 4]);
    let mtu = adapter.config.mtu.to_le_bytes();
    ensure!(size.status == NDIS_STATUS_SUCCESS && size.data == mtu, "OID_GEN_MAXIMUM_FRAME_SIZE: {size:?}");
    let set = adapter.oid(OidKind::Set, OID_GEN_CURRENT_PACKET_FILTER, &PACKET_FILTER);
    ensure!(set.status == NDIS_STATUS_SUCCESS, "OID_GEN_CURRENT_PACKET_FILTER: {set:?}");
    let short = adapter.oid(OidKind::Query, OID_GEN_STATISTICS, &[0; 8]);
    ensure!(short.status != NDIS_STATUS_SUCCESS && short.needed > 8, "a query with a short buffer: {short:?}");
    let unknown = adapter.oid(OidKind::Query, 0xff00_0001, &[0; 8]);
    ensure!(unknown.status != NDIS_STATUS_SUCCESS, "a query that no card knows: {unknown:?}");
    adapter.take_events();
    let answer = adapter.net_pnp_event(NetEventReconfigure, &[]);
    ensure!(answer == NDIS_STATUS_SUCCESS, "NetEventReconfigure: {answer:#x}");
    ensure!(
        adapter.take_events().contains(&Event::NetPnP(NetEventReconfigure)),
        "NetEventReconfigure does not come up"
    );
    Ok(())
}

/// Frames longer than the MTU: large sends, and receives that a card has put together.
fn above_mtu(adapter: &Arc<Adapter>) -> Result<()> {
    through(adapter, |ends| {
        for length in LONG {
            let frames: Vec<_> = (0..3).map(|_| long(length)).collect();
            let mut send = SendNbl::new(frames.iter().map(|bytes| Frame::new(bytes.clone())));
            if kernel().rng().random_bool(0.5) {
                send.oob.set(TcpLargeSendNetBufferListInfo, LARGE_SEND);
            }
            ensure!(adapter.send(&[send], 0), "the stack does not take sends");
            lock(&ends.sent).extend(frames);
            for flags in [0, NDIS_RECEIVE_FLAGS_RESOURCES] {
                let bytes = long(length);
                ensure!(adapter.receive(&[RecvNbl::new(Frame::new(bytes.clone()))], flags), "no receives");
                lock(&ends.indicated).push(bytes);
            }
            settle();
        }
        Ok(())
    })
}

/// A frame of this length that is no IP.
fn long(length: usize) -> Vec<u8> {
    let fill: u8 = kernel().rng().random();
    let mut bytes = vec![fill; length];
    if let Some(head) = bytes.get_mut(..14) {
        head.copy_from_slice(&[2, 0x15, 0x5d, 0, 0, 9, 2, 0x15, 0x5d, 0, 0, 1, 0x88, 0xb5]);
    }
    bytes
}

/// Both directions, without a rest between lists; every other list of receives is lent for the call.
fn two_way(adapter: &Arc<Adapter>) -> Result<()> {
    through(adapter, |ends| {
        for number in 0..LISTS {
            ensure!(traffic::send_some(adapter, ends, 0), "the stack does not take sends");
            if number % 2 == 0 {
                let frames: Vec<_> = (0..4).map(|_| traffic::frame(&mut kernel().rng(), 1)).collect();
                let lent: Vec<_> = frames.iter().map(|bytes| RecvNbl::new(Frame::new(bytes.clone()))).collect();
                ensure!(adapter.receive(&lent, NDIS_RECEIVE_FLAGS_RESOURCES), "the stack does not take receives");
                lock(&ends.indicated).extend(frames);
            } else {
                ensure!(traffic::receive_some(adapter, ends, 2), "the stack does not take receives");
            }
            if kernel().rng().random_bool(0.2) {
                settle();
            }
        }
        Ok(())
    })
}

/// The stack stops under traffic and starts again. Sends that come meanwhile are completed with NDIS_STATUS_PAUSED.
fn stop_and_start(adapter: &Arc<Adapter>) -> Result<()> {
    for _ in 0..TIMES {
        let ends = Ends::watch(adapter);
        some(adapter, &ends);
        adapter.pause();
        let before = refused(adapter);
        adapter.send_anyway(&[SendNbl::new([Frame::new(long(100))])], 0, 0);
        settle();
        ensure!(refused(adapter) == before + 1, "a send to a paused stack is not completed with NDIS_STATUS_PAUSED");
        ensure!(adapter.outstanding() == (0, 0), "packets are out when the stack is paused");
        adapter.restart();
        settle();
        ends.compare_paused().map_err(anyhow::Error::msg)?;
        ensure!(
            adapter.is_running() && adapter.module_states() == [ModuleState::Running],
            "the stack does not restart"
        );
    }
    Ok(())
}

fn refused(adapter: &Adapter) -> u64 {
    adapter.completions().get(&NDIS_STATUS_PAUSED).copied().unwrap_or_default()
}

/// A few lists of both directions that nobody waits for.
fn some(adapter: &Arc<Adapter>, ends: &Ends) {
    for _ in 0..5 {
        traffic::send_some(adapter, ends, 0);
        traffic::receive_some(adapter, ends, 1);
    }
}

/// The cable is pulled and plugged in under traffic: both come up as a status, and sends meanwhile come back.
fn media(adapter: &Arc<Adapter>) -> Result<()> {
    for _ in 0..TIMES {
        let ends = Ends::watch(adapter);
        some(adapter, &ends);
        rest();
        adapter.take_events();
        adapter.set_link(false);
        let lost = |adapter: &Adapter| adapter.completions().get(&NDIS_STATUS_MEDIA_DISCONNECTED).copied();
        let before = lost(adapter).unwrap_or_default();
        ensure!(adapter.send(&[SendNbl::new([Frame::new(long(100))])], 0), "the stack does not take sends");
        rest();
        ensure!(lost(adapter).unwrap_or_default() == before + 1, "a send without a link does not come back so");
        adapter.set_link(true);
        settle();
        let told = adapter.take_events().iter().filter(|event| matches!(event, Event::Status(..))).count();
        ensure!(told == 2, "{told} of 2 link states come up");
        ends.compare().map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

/// A reset of the card, which NDIS makes of a stop and a start without a rest, then the requests of a protocol anew.
fn reset(adapter: &Arc<Adapter>) -> Result<()> {
    for _ in 0..TIMES {
        let ends = Ends::watch(adapter);
        some(adapter, &ends);
        adapter.pause();
        adapter.restart();
        some(adapter, &ends);
        settle();
        ends.compare_paused().map_err(anyhow::Error::msg)?;
        let set = adapter.oid(OidKind::Set, OID_GEN_CURRENT_PACKET_FILTER, &PACKET_FILTER);
        ensure!(set.status == NDIS_STATUS_SUCCESS, "OID_GEN_CURRENT_PACKET_FILTER: {set:?}");
    }
    Ok(())
}

/// Sleep and resume with I/O before and after, and under way when it begins.
fn sleep(adapter: &Arc<Adapter>, path: PowerPath) -> Result<()> {
    for _ in 0..TIMES {
        let ends = Ends::watch(adapter);
        some(adapter, &ends);
        adapter.suspend(path);
        settle();
        ensure!(adapter.outstanding() == (0, 0), "packets are out at low power");
        kernel().clock.sleep(3_600_000_000_000);
        adapter.resume();
        settle();
        ends.compare_paused().map_err(anyhow::Error::msg)?;
        basic(adapter).context("after the sleep")?;
    }
    Ok(())
}
