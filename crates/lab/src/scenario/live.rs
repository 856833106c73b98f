//! The live wire: two TAP devices, real programs behind them, and the driver between, on real threads.
//!
//! What the upper interface sends goes down the stack as sends and comes out of the lower interface; what the lower
//! one sends goes up as receives and comes out of the upper one. The adapter is thus the card of the host that the
//! upper interface belongs to. Tags of most tagged frames travel out of band, as a card does it.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::{Context as _, Result};
use nblease_ndis::sys::{NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES};
use rand::Rng as _;
use serde::Serialize;

use crate::{
    edges::tap::{MAX_FRAME, Tap},
    judge::Verdict,
    kernel::kernel,
    lab::Lab,
    ndis::{Adapter, AdapterConfig, Arrived, Frame, HoldStats, Oob, RecvNbl, SendNbl, frame::take_vlan},
};

/// Most frames that go through the stack in one list.
const MAX_LIST: usize = 32;
/// How long a pump waits for a frame before it looks whether it is to end.
const POLL_MS: i32 = 50;

/// Where an interface is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Network namespace, by its name under /run/netns; empty: the present one.
    pub namespace: String,
    /// Name of the interface.
    pub interface: String,
}

impl std::str::FromStr for Place {
    type Err = String;

    /// `NAMESPACE:INTERFACE`, or `INTERFACE` alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, interface) = text.split_once(':').unwrap_or(("", text));
        if interface.is_empty() {
            return Err("an interface's name is missing".to_owned());
        }
        Ok(Self { namespace: namespace.to_owned(), interface: interface.to_owned() })
    }
}

/// A wire under way.
pub struct Wire {
    adapter: Arc<Adapter>,
    drivers: Vec<crate::kernel::DriverId>,
    pumps: Vec<JoinHandle<io::Result<()>>>,
    stopping: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
}

/// What a wire came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the rules say.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Frames sent down.
    pub frames_sent: u64,
    /// Frames received up.
    pub frames_received: u64,
    /// Frames that came out below.
    pub frames_reached_miniport: u64,
    /// Frames that came out above.
    pub frames_reached_protocol: u64,
    /// Frames that a paused stack did not take.
    pub frames_refused: u64,
    /// Times that the driver copied each payload byte that it copied at all: straight into a read counts once.
    pub copies_per_frame: f64,
    /// Longest time that the driver held a packet of somebody else.
    pub max_hold_ms: f64,
    /// Packets of others that it handed on or back.
    pub packets_handed_on: u64,
}

impl Wire {
    /// Makes the interfaces, plugs the adapter in, starts the drivers and the pumps.
    ///
    /// # Errors
    /// No rights for TAP devices, or a driver that does not start.
    pub fn start(lab: &Lab, drivers: &[PathBuf], upper: &Place, lower: &Place) -> Result<Self> {
        let make = |place: &Place| -> Result<Arc<Tap>> {
            let tap = Tap::create(&place.namespace, &place.interface);
            Ok(Arc::new(tap.with_context(|| format!("{}:{}", place.namespace, place.interface))?))
        };
        let (upper, lower) = (make(upper)?, make(lower)?);
        let adapter = lab.adapter(AdapterConfig::default());
        let (above, below) = (upper.clone(), lower.clone());
        adapter.on_sent(Arc::new(move |frames| put(&below, &frames)));
        adapter.on_received(Arc::new(move |frames| put(&above, &frames)));
        let mut loaded = Vec::new();
        for driver in drivers {
            loaded.push(lab.run(driver)?);
        }
        kernel().sched.wait_until("the stack to run", None, &mut || {
            adapter.is_running() && adapter.module_states().len() == loaded.len()
        });
        let (stopping, refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let pump = |tap: Arc<Tap>, give: fn(&Arc<Adapter>, Vec<Vec<u8>>) -> bool| {
            let (adapter, stopping, refused) = (adapter.clone(), stopping.clone(), refused.clone());
            std::thread::spawn(move || {
                while !stopping.load(Ordering::SeqCst) {
                    let frames = take(&tap)?;
                    let count = frames.len() as u64;
                    if count > 0 && !give(&adapter, frames) {
                        refused.fetch_add(count, Ordering::Relaxed);
                    }
                }
                Ok(())
            })
        };
        let pumps = vec![pump(upper, send), pump(lower, receive)];
        Ok(Self { adapter, drivers: loaded, pumps, stopping, refused })
    }

    /// Ends it: no more frames, the stack pauses, the drivers unload.
    ///
    /// # Errors
    /// A TAP device that failed.
    #[allow(clippy::cast_precision_loss)]
    pub fn stop(self, lab: Lab) -> Result<Report> {
        self.stopping.store(true, Ordering::SeqCst);
        for pump in self.pumps {
            pump.join().map_err(|_| anyhow::anyhow!("a pump panicked"))?.context("a TAP device")?;
        }
        self.adapter.pause();
        for driver in self.drivers.into_iter().rev() {
            lab.unload(driver);
        }
        let counts = self.adapter.counts();
        let memory = kernel().memory.counts();
        let HoldStats { count, max_ns } = kernel().ndis.hold_stats();
        let moved = memory.payload_read;
        let copies = if moved == 0 {
            0.0
        } else {
            1.0 + (moved - memory.payload_to_read_buffer.min(moved)) as f64 / moved as f64
        };
        Ok(Report {
            verdict: lab.finish(),
            frames_sent: counts.sent,
            frames_received: counts.indicated,
            frames_reached_miniport: counts.reached_miniport,
            frames_reached_protocol: counts.reached_protocol,
            frames_refused: self.refused.load(Ordering::Relaxed),
            copies_per_frame: copies,
            max_hold_ms: max_ns as f64 / 1e6,
            packets_handed_on: count,
        })
    }
}

/// The frames that are there, at most a list of them; waits a little for the first.
fn take(tap: &Tap) -> io::Result<Vec<Vec<u8>>> {
    let mut buffer: Box<[u8; MAX_FRAME]> = vec![0; MAX_FRAME].try_into().expect("a buffer of that size");
    let mut frames = Vec::new();
    let mut next = tap.read(&mut buffer, POLL_MS)?;
    while let Some(len) = next {
        frames.extend(buffer.get(..len).map(<[u8]>::to_vec));
        next = if frames.len() < MAX_LIST { tap.read_now(&mut buffer)? } else { None };
    }
    Ok(frames)
}

/// Writes frames to an interface. A full queue is waited for: the wire itself loses nothing.
fn put(tap: &Tap, frames: &[Arrived]) {
    for frame in frames {
        let bytes = frame.on_the_wire();
        while let Err(error) = tap.write(&bytes) {
            if error.kind() != io::ErrorKind::WouldBlock {
                eprintln!("nblease-lab: a frame of {} bytes does not go out: {error}", bytes.len());
                break;
            }
            std::thread::yield_now();
        }
    }
}

/// Takes most tags out of band.
fn dress(mut bytes: Vec<u8>) -> (Frame, Oob) {
    let mut oob = Oob::default();
    if kernel().rng().random_bool(0.9)
        && let Some(tci) = take_vlan(&mut bytes)
    {
        oob.set_vlan(tci);
    }
    (Frame::new(bytes), oob)
}

fn send(adapter: &Arc<Adapter>, frames: Vec<Vec<u8>>) -> bool {
    let mut sends: Vec<SendNbl> = Vec::new();
    for (frame, oob) in frames.into_iter().map(dress) {
        match sends.last_mut() {
            Some(last) if last.oob == oob && kernel().rng().random_bool(0.5) => last.frames.push(frame),
            _ => sends.push(SendNbl { frames: vec![frame], oob, nbl_flags: 0 }),
        }
    }
    adapter.send(&sends, 0)
}

fn receive(adapter: &Arc<Adapter>, frames: Vec<Vec<u8>>) -> bool {
    let receives: Vec<_> =
        frames.into_iter().map(dress).map(|(frame, oob)| RecvNbl { oob, ..RecvNbl::new(frame) }).collect();
    let resources = if kernel().rng().random_bool(0.1) { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 };
    adapter.receive(&receives, resources | NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL)
}
