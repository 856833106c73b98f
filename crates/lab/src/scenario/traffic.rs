//! Generated traffic: frames of many kinds and sizes, sent and received in lists of any shape.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::NDIS_RECEIVE_FLAGS_RESOURCES;
use rand::{Rng as _, rngs::SmallRng};

use crate::{
    kernel::kernel,
    ndis::{Adapter, Arrived, Frame, Oob, RecvNbl, SendNbl, frame::flow},
    sync::lock,
};

/// Largest frame that is generated: above any MTU, as offloads make them (V26).
const LARGEST: usize = 16_000;

/// Frames at the two ends of an adapter: what went in, what came out.
#[derive(Default)]
pub struct Ends {
    /// Frames given to the protocol to send, as on the wire.
    pub sent: Mutex<Vec<Vec<u8>>>,
    /// Frames that reached the miniport, as on the wire.
    pub reached_miniport: Mutex<Vec<Vec<u8>>>,
    /// Frames given to the miniport to indicate.
    pub indicated: Mutex<Vec<Vec<u8>>>,
    /// Frames that reached the protocol.
    pub reached_protocol: Mutex<Vec<Vec<u8>>>,
}

impl Ends {
    /// Watches both ends of an adapter.
    pub fn watch(adapter: &Adapter) -> Arc<Self> {
        let ends = Arc::new(Self::default());
        let (down, up) = (ends.clone(), ends.clone());
        adapter.on_sent(Arc::new(move |frames| keep(&down.reached_miniport, &frames)));
        adapter.on_received(Arc::new(move |frames| keep(&up.reached_protocol, &frames)));
        ends
    }

    /// Whether all came out that went in, as it was, in order within each flow and direction.
    ///
    /// # Errors
    /// What differs.
    pub fn compare(&self) -> Result<(), String> {
        compare("sent", &lock(&self.sent), &lock(&self.reached_miniport))?;
        compare("received", &lock(&self.indicated), &lock(&self.reached_protocol))
    }

    /// Frames that went in, both ways.
    pub fn frames(&self) -> usize {
        lock(&self.sent).len() + lock(&self.indicated).len()
    }
}

fn keep(into: &Mutex<Vec<Vec<u8>>>, frames: &[Arrived]) {
    lock(into).extend(frames.iter().map(Arrived::on_the_wire));
}

fn compare(way: &str, before: &[Vec<u8>], after: &[Vec<u8>]) -> Result<(), String> {
    if before.len() != after.len() {
        return Err(format!("{} frames were {way}, {} came through", before.len(), after.len()));
    }
    // A stable sort by flow: frames of one flow stay in order.
    let by_flow = |frames: &[Vec<u8>]| {
        let mut frames = frames.to_vec();
        frames.sort_by_key(|frame| flow(frame));
        frames
    };
    let (before, after) = (by_flow(before), by_flow(after));
    let differs = before.iter().zip(&after).position(|(a, b)| a != b);
    match differs {
        Some(at) => Err(format!("frame {at} of those {way} (by flow) came through changed or out of order")),
        None => Ok(()),
    }
}

/// A frame of any kind.
pub fn frame(rng: &mut SmallRng) -> Vec<u8> {
    let length = match rng.random_range(0..10) {
        0 => rng.random_range(14..60),
        1 => rng.random_range(1514..LARGEST),
        2 => 1514,
        _ => rng.random_range(60..1514),
    };
    let mut bytes: Vec<u8> = (0..length).map(|_| rng.random()).collect();
    let ether_type: u16 = match rng.random_range(0..5) {
        0 => 0x0806,
        1 | 2 => 0x0800,
        3 => 0x86dd,
        _ => 0x88cc,
    };
    if let Some(place) = bytes.get_mut(12..14) {
        place.copy_from_slice(&ether_type.to_be_bytes());
    }
    // Few flows, so that order within a flow is tested: the addresses and ports are drawn from a small set.
    let talker = rng.random_range(0..3_u8);
    for (at, byte) in bytes.iter_mut().enumerate() {
        match at {
            0..12 => *byte = 2 + talker,
            14 => *byte = if ether_type == 0x0800 { 0x45 } else { 0x60 },
            20..24 | 26..38 | 54..58 => *byte = talker,
            _ => {}
        }
    }
    bytes
}

/// OOB of any kind: now and then a VLAN tag.
fn oob(rng: &mut SmallRng) -> Oob {
    let mut oob = Oob::default();
    if rng.random_bool(0.2) {
        oob.set_vlan(rng.random_range(1..=u16::MAX));
    }
    oob
}

fn on_the_wire(bytes: &[u8], oob: &Oob) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(tci) = oob.vlan() {
        crate::ndis::frame::put_vlan(&mut bytes, tci);
    }
    bytes
}

/// One list of sends: up to 4 NBLs of up to 5 NBs.
pub fn send_some(adapter: &Arc<Adapter>, ends: &Ends) {
    let sends: Vec<SendNbl> = {
        let rng = &mut *kernel().rng();
        let count = rng.random_range(1..=4);
        (0..count).map(|_| a_send(rng)).collect()
    };
    let wire = sends.iter().flat_map(|send| send.frames.iter().map(|frame| on_the_wire(&frame.bytes, &send.oob)));
    lock(&ends.sent).extend(wire);
    assert!(adapter.send(&sends, 0), "the stack runs");
}

/// An NBL of up to 5 frames of one flow: as TCP/IP makes them.
fn a_send(rng: &mut SmallRng) -> SendNbl {
    let first = frame(rng);
    let others = rng.random_range(0..5);
    let head = first.get(..58.min(first.len())).unwrap_or_default().to_vec();
    let mut frames = vec![Frame::new(first)];
    for _ in 0..others {
        let mut next = frame(rng);
        let shared = head.len().min(next.len());
        if let (Some(to), Some(from)) = (next.get_mut(..shared), head.get(..shared)) {
            to.copy_from_slice(from);
        }
        frames.push(Frame::new(next));
    }
    SendNbl { frames, oob: oob(rng), nbl_flags: 0 }
}

/// One list of receives: up to 8 NBLs, some lists with RESOURCES.
pub fn receive_some(adapter: &Arc<Adapter>, ends: &Ends) {
    let (receives, flags) = {
        let rng = &mut *kernel().rng();
        let count = rng.random_range(1..=8);
        let one = |rng: &mut SmallRng| RecvNbl { oob: oob(rng), ..RecvNbl::new(Frame::new(frame(rng))) };
        let receives: Vec<_> = (0..count).map(|_| one(rng)).collect();
        (receives, if rng.random_bool(0.3) { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 })
    };
    let wire = receives.iter().map(|receive| on_the_wire(&receive.frame.bytes, &receive.oob));
    lock(&ends.indicated).extend(wire);
    assert!(adapter.receive(&receives, flags), "the stack runs");
}
