//! Generated traffic: frames of many kinds and sizes, sent and received in lists of any shape.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use nblease_ndis::sys::{
    NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, NDIS_NBL_FLAGS_RECV_READ_ONLY, NDIS_NBL_FLAGS_SEND_READ_ONLY,
    NDIS_RECEIVE_FLAGS_RESOURCES, TcpLargeSendNetBufferListInfo,
};
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
    /// Frames that reached either end in the very packets that the other end made.
    pub originals: AtomicU64,
    /// Whether some receives are sends that NDIS loops back, which who does not ask for them is not shown.
    pub with_loopback: AtomicBool,
}

impl Ends {
    /// Watches both ends of an adapter.
    pub fn watch(adapter: &Adapter) -> Arc<Self> {
        let ends = Arc::new(Self::default());
        let (down, up) = (ends.clone(), ends.clone());
        adapter.on_sent(Arc::new(move |frames| down.keep(&down.reached_miniport, &frames)));
        adapter.on_received(Arc::new(move |frames| up.keep(&up.reached_protocol, &frames)));
        ends
    }

    fn keep(&self, into: &Mutex<Vec<Vec<u8>>>, frames: &[Arrived]) {
        let originals = frames.iter().filter(|frame| !frame.filters_own).count();
        self.originals.fetch_add(originals as u64, Ordering::Relaxed);
        lock(into).extend(frames.iter().filter(|frame| !Frame::is_stray(&frame.bytes)).map(Arrived::on_the_wire));
    }

    /// Whether all came out that went in, as it was, in order within each flow and direction.
    ///
    /// # Errors
    /// What differs.
    pub fn compare(&self) -> Result<(), String> {
        compare("sent", &lock(&self.sent), &lock(&self.reached_miniport))?;
        compare("received", &lock(&self.indicated), &lock(&self.reached_protocol))
    }

    /// As [`Self::compare`], where the stack was paused meanwhile: a filter that is not Running may return receives.
    ///
    /// # Errors
    /// What differs.
    pub fn compare_paused(&self) -> Result<(), String> {
        compare("sent", &lock(&self.sent), &lock(&self.reached_miniport))?;
        let (before, after) = (by_flow(&lock(&self.indicated)), by_flow(&lock(&self.reached_protocol)));
        let mut before = before.iter();
        match after.iter().find(|frame| !before.any(|other| other == *frame)) {
            Some(_) => Err("a received frame came through changed or out of order".to_owned()),
            None => Ok(()),
        }
    }

    /// Frames that went in, both ways.
    pub fn frames(&self) -> usize {
        lock(&self.sent).len() + lock(&self.indicated).len()
    }
}

/// A stable sort by flow: frames of one flow stay in order.
fn by_flow(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut frames = frames.to_vec();
    frames.sort_by_key(|frame| flow(frame));
    frames
}

fn compare(way: &str, before: &[Vec<u8>], after: &[Vec<u8>]) -> Result<(), String> {
    if before.len() != after.len() {
        return Err(format!("{} frames were {way}, {} came through", before.len(), after.len()));
    }
    let (before, after) = (by_flow(before), by_flow(after));
    match before.iter().zip(&after).position(|(a, b)| a != b) {
        Some(at) => Err(format!("frame {at} of those {way} (by flow) came through changed or out of order")),
        None => Ok(()),
    }
}

/// A request for large send offload: LSOv2 for IPv4, MSS 1460, TCP header at 34.
pub const LARGE_SEND: usize = 0x4220_05b4;
/// The same of LSOv1: whoever completes it says how many bytes of TCP payload there were.
pub const LARGE_SEND_V1: usize = 0x0220_05b4;

/// Talkers whose frames one thread makes: few, so that the order within a flow is tested.
const TALKERS: u8 = 3;

/// A frame of any kind, of a flow of the thread's own.
pub fn frame(rng: &mut SmallRng, thread: u8) -> Vec<u8> {
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
    let talker = thread * TALKERS + rng.random_range(0..TALKERS);
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

/// A frame as on the wire: with the tag that goes beside it.
pub fn on_the_wire(bytes: &[u8], oob: &Oob) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(tci) = oob.vlan() {
        crate::ndis::frame::put_vlan(&mut bytes, tci);
    }
    bytes
}

/// One list of sends: up to 4 NBLs of up to 5 NBs. Whether the stack took it.
pub fn send_some(adapter: &Arc<Adapter>, ends: &Ends, thread: u8) -> bool {
    let sends: Vec<SendNbl> = {
        let rng = &mut *kernel().rng();
        let count = rng.random_range(1..=4);
        (0..count).map(|_| a_send(rng, thread)).collect()
    };
    let taken = adapter.send(&sends, 0);
    if taken {
        let wire = sends.iter().flat_map(|send| send.frames.iter().map(|frame| on_the_wire(&frame.bytes, &send.oob)));
        lock(&ends.sent).extend(wire);
    }
    taken
}

/// An NBL of up to 5 frames of one flow: as TCP/IP makes them.
fn a_send(rng: &mut SmallRng, thread: u8) -> SendNbl {
    let first = frame(rng, thread);
    let others = rng.random_range(0..5);
    let head = first.get(..58.min(first.len())).unwrap_or_default().to_vec();
    let mut frames = vec![Frame::new(first)];
    for _ in 0..others {
        let mut next = frame(rng, thread);
        let shared = head.len().min(next.len());
        if let (Some(to), Some(from)) = (next.get_mut(..shared), head.get(..shared)) {
            to.copy_from_slice(from);
        }
        frames.push(Frame::new(next));
    }
    let nbl_flags = if rng.random_bool(0.1) { NDIS_NBL_FLAGS_SEND_READ_ONLY } else { 0 };
    let mut oob = oob(rng);
    if frames.iter().all(|frame| is_ipv4(&frame.bytes)) && rng.random_bool(0.3) {
        for frame in &mut frames {
            make_tcp(&mut frame.bytes);
        }
        oob.set(TcpLargeSendNetBufferListInfo, LARGE_SEND);
    }
    SendNbl { frames, oob, nbl_flags }
}

/// Whether a frame is of IPv4 and has room for the headers of TCP.
fn is_ipv4(frame: &[u8]) -> bool {
    frame.len() >= 54 && frame[12..14] == [8, 0]
}

/// Makes TCP of it: only TCP asks for large sends.
fn make_tcp(frame: &mut [u8]) {
    frame[23] = 6;
    frame[46] = 0x50;
}

/// One list of receives: up to 8 NBLs, some lists with RESOURCES. Whether the miniport indicated it.
pub fn receive_some(adapter: &Arc<Adapter>, ends: &Ends, thread: u8) -> bool {
    let (receives, flags) = {
        let rng = &mut *kernel().rng();
        let count = rng.random_range(1..=8);
        let loops_back = ends.with_loopback.load(Ordering::Relaxed);
        let receives: Vec<_> = (0..count).map(|_| a_receive(rng, thread, loops_back)).collect();
        (receives, if rng.random_bool(0.3) { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 })
    };
    let taken = adapter.receive(&receives, flags);
    if taken {
        let wire = receives.iter().map(|receive| on_the_wire(&receive.frame.bytes, &receive.oob));
        lock(&ends.indicated).extend(wire);
    }
    taken
}

/// A send and a receive of the plainest kind: a filter that holds any will hold these.
pub fn send_and_receive_plain(adapter: &Arc<Adapter>, ends: &Ends) {
    let [sent, received] = [0, 1].map(|thread| frame(&mut kernel().rng(), thread));
    if adapter.send(&[SendNbl::new([Frame::new(sent.clone())])], 0) {
        lock(&ends.sent).push(sent);
    }
    if adapter.receive(&[RecvNbl::new(Frame::new(received.clone()))], 0) {
        lock(&ends.indicated).push(received);
    }
}

fn a_receive(rng: &mut SmallRng, thread: u8, loops_back: bool) -> RecvNbl {
    let nbl_flags = match rng.random_range(0..10) {
        0 => NDIS_NBL_FLAGS_RECV_READ_ONLY,
        1 if loops_back => NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
        _ => 0,
    };
    RecvNbl { frame: Frame::new(frame(rng, thread)), oob: oob(rng), nbl_flags }
}

/// Traffic of both directions from several threads at a time, `rounds` lists from each, while this thread does
/// `meanwhile`.
pub fn storm(adapter: &Arc<Adapter>, ends: &Ends, threads: u8, rounds: usize, meanwhile: impl FnOnce()) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for round in 0..rounds {
                    // Half of the threads send first: both directions are under way at any time.
                    if (round + usize::from(thread)) % 2 == 0 {
                        send_some(adapter, ends, thread);
                    } else {
                        receive_some(adapter, ends, thread);
                    }
                }
            });
        }
        meanwhile();
    });
}
