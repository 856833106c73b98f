//! Replay: each frame of a capture goes down as a send and up as a receive, through the driver, which is captured from
//! meanwhile, by a TAP or by a GATE that lets all pass. What comes out at the ends and what was captured has to be what
//! went in, byte for byte.
//!
//! In slow mode, so that the lab itself counts what the driver copies; after each list no 16 bytes of a payload may
//! lie in memory of the driver's own.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use anyhow::{Result, ensure};
use nblease_ndis::sys::{NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, NDIS_RECEIVE_FLAGS_RESOURCES};
use rand::{Rng as _, rngs::SmallRng};

use super::{
    capture::{As, Capture, Captured},
    traffic::Ends,
};
use crate::{
    judge::rule,
    kernel::{DriverId, kernel},
    lab::Lab,
    ndis::{Adapter, AdapterConfig, Frame, Oob, RecvNbl, SendNbl, frame::take_vlan},
    sync::lock,
};

/// Most frames in one call.
const MAX_LIST: usize = 6;
/// Most bytes of a frame's record besides the frame, and of a tag that is put back.
const SNAPLEN_SLACK: u32 = 64;

/// What replays came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Frames of the captures; each went both ways.
    pub frames: u64,
    /// Payload bytes that readers got.
    pub delivered: u64,
    /// Payload bytes that the driver copied for that.
    pub copied: u64,
    /// Of the frames that went in, both ways, those that came out in the very packets that they went in with.
    pub originals: u64,
}

impl Replayed {
    /// Payload bytes copied over payload bytes delivered.
    #[allow(clippy::cast_precision_loss)]
    pub fn copies_per_frame(&self) -> f64 {
        if self.delivered == 0 { 0.0 } else { self.copied as f64 / self.delivered as f64 }
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.delivered += other.delivered;
        self.copied += other.copied;
        self.originals += other.originals;
    }

    /// Per cent of the frames that came out in their own packets, rounded down.
    pub fn forwarded_originals(&self) -> u64 {
        (100 * self.originals).checked_div(2 * self.frames).unwrap_or_default()
    }
}

/// Replays `frames` through the driver at `driver` in a lab in slow mode: what it came to, and a capture file.
///
/// # Errors
/// What differs, or was left in the driver's memory.
pub fn run(lab: &Lab, driver: &Path, how: As, frames: &[Vec<u8>]) -> Result<(Replayed, Vec<u8>)> {
    let driver = lab.run(driver)?;
    let adapter = lab.adapter(AdapterConfig::default());
    kernel().sched.pump();
    let ends = Ends::watch(&adapter);
    let longest = frames.iter().map(Vec::len).max().unwrap_or_default() as u32;
    let mut capture = Capture::start(&[&adapter], how, longest + SNAPLEN_SLACK)?;
    capture.collect()?;
    kernel().memory.reset_counts();
    // What is lent for a call only is not waited for.
    let resources = how == As::Tap;
    let mut delivered = 0;
    let mut looped = 0;
    let mut left = frames;
    while !left.is_empty() {
        let count = kernel().rng().random_range(1..=MAX_LIST).min(left.len());
        let (now, later) = left.split_at(count);
        left = later;
        for sent in [true, false] {
            delivered += if sent { send(&adapter, &ends, now) } else { receive(&adapter, &ends, now, resources) };
            capture.collect()?;
            nothing_left_behind(driver, now)?;
        }
        if kernel().rng().random_bool(0.2) {
            loop_back(&adapter, &ends, &mut capture, now)?;
            looped += now.len() as u64;
        }
    }
    let counts = kernel().memory.counts();
    compare(&ends, &capture, frames)?;
    ensure!(counts.payload_written == 0, "the driver wrote {} bytes of payload", counts.payload_written);
    ensure!(
        counts.payload_to_read_buffer <= delivered,
        "{} bytes of payload went into reads, {delivered} were delivered",
        counts.payload_to_read_buffer
    );
    // What did not go straight into a read was copied at least twice.
    let copied = counts.payload_to_read_buffer + 2 * (delivered - counts.payload_to_read_buffer);
    let file = capture.pcapng();
    capture.stop();
    kernel().sched.pump();
    ensure!(lab.unload(driver), "the driver does not unload");
    let originals = ends.originals.load(Ordering::Relaxed).saturating_sub(looped);
    Ok((Replayed { frames: frames.len() as u64, delivered, copied, originals }, file))
}

/// A frame and its tag: in the frame, or for most tagged ones out of band, as a card does it.
fn dress(rng: &mut SmallRng, wire: &[u8]) -> (Frame, Oob) {
    let (mut bytes, mut oob) = (wire.to_vec(), Oob::default());
    if rng.random_bool(0.8)
        && let Some(tci) = take_vlan(&mut bytes)
    {
        oob.set_vlan(tci);
    }
    (Frame::new(bytes), oob)
}

/// Sends frames in one list, several in an NBL where their OOB is alike: bytes of payload.
fn send(adapter: &Arc<Adapter>, ends: &Ends, wire: &[Vec<u8>]) -> u64 {
    let mut sends: Vec<SendNbl> = Vec::new();
    let mut bytes = 0;
    for frame in wire {
        let rng = &mut *kernel().rng();
        let (frame, oob) = dress(rng, frame);
        bytes += frame.bytes.len() as u64;
        match sends.last_mut() {
            Some(last) if last.oob == oob && rng.random_bool(0.6) => last.frames.push(frame),
            _ => sends.push(SendNbl { frames: vec![frame], oob, nbl_flags: 0 }),
        }
    }
    lock(&ends.sent).extend_from_slice(wire);
    adapter.send(&sends, 0);
    bytes
}

/// Indicates frames in one list, some lists with RESOURCES where `resources` says so: bytes of payload.
fn receive(adapter: &Arc<Adapter>, ends: &Ends, wire: &[Vec<u8>], resources: bool) -> u64 {
    let (receives, resources) = {
        let rng = &mut *kernel().rng();
        let dressed: Vec<_> = wire.iter().map(|frame| dress(rng, frame)).collect();
        let receives = dressed.into_iter().map(|(frame, oob)| RecvNbl { oob, ..RecvNbl::new(frame) });
        (receives.collect::<Vec<_>>(), resources && rng.random_bool(0.2))
    };
    lock(&ends.indicated).extend_from_slice(wire);
    adapter.receive(&receives, if resources { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 });
    receives.iter().map(|receive| receive.frame.bytes.len() as u64).sum()
}

/// NDIS loops sends back as receives: they are not delivered (V49).
fn loop_back(adapter: &Arc<Adapter>, ends: &Ends, capture: &mut Capture, wire: &[Vec<u8>]) -> Result<()> {
    let before = capture.frames().len();
    let copies: Vec<_> = wire
        .iter()
        .map(|frame| RecvNbl {
            nbl_flags: NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
            ..RecvNbl::new(Frame::new(frame.clone()))
        })
        .collect();
    lock(&ends.indicated).extend_from_slice(wire);
    adapter.receive(&copies, 0);
    capture.collect()?;
    kernel().judge.check(rule::V49, capture.frames().len() == before, || {
        "a frame that NDIS looped back was delivered".to_owned()
    });
    Ok(())
}

fn nothing_left_behind(driver: DriverId, frames: &[Vec<u8>]) -> Result<()> {
    let found = kernel().memory.find_in_driver(frames.iter().map(Vec::as_slice), driver);
    ensure!(found.is_none(), "a frame's payload lies in {}", found.unwrap_or_default());
    Ok(())
}

fn compare(ends: &Ends, capture: &Capture, frames: &[Vec<u8>]) -> Result<()> {
    ends.compare().map_err(anyhow::Error::msg)?;
    ensure!(capture.lost() == 0, "{} frames were lost for the capture", capture.lost());
    let both = frames.iter().flat_map(|frame| [true, false].map(|sent| Captured { sent, bytes: frame.clone() }));
    let (mut expected, mut captured): (Vec<_>, Vec<_>) = (both.collect(), capture.frames().to_vec());
    expected.sort();
    captured.sort();
    ensure!(captured.len() == expected.len(), "{} of {} frames were captured", captured.len(), expected.len());
    let differs = expected.iter().zip(&captured).position(|(a, b)| a != b);
    ensure!(differs.is_none(), "captured frames are not what went through");
    Ok(())
}
