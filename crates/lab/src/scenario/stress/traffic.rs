//! Frames that go in at the ends: lists of any shape, with out-of-band information of all kinds.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use nblease_ndis::sys::{
    NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, NDIS_NBL_FLAGS_RECV_READ_ONLY, NDIS_NBL_FLAGS_SEND_READ_ONLY,
    NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
    NDIS_SEND_FLAGS_DISPATCH_LEVEL, NetBufferListCancelId, NetBufferListFilteringInfo, NetBufferListHashInfo,
    NetBufferListHashValue, TcpIpChecksumNetBufferListInfo, TcpLargeSendNetBufferListInfo,
};
use rand::{Rng as _, rngs::SmallRng};

use super::books::Books;
use crate::{
    ndis::{Adapter, Frame, Oob, RecvNbl, SendNbl, Way},
    scenario::traffic::{self, LARGE_SEND, LARGE_SEND_V1, on_the_wire},
};

/// CancelIds of sends: few, so that cancels find some.
pub const CANCEL_IDS: usize = 8;
/// Sets of talkers. Not the first, whose IPv6 frames have extension headers in which any bytes may stand: how far they
/// are followed is everyone's own business, and so which flow such a frame is of.
const SPEAKERS: std::ops::Range<u8> = 1..8;
/// Short lists that come one after the other.
const MANY: usize = 40;

/// Counts frames.
pub type Frames = Arc<AtomicU64>;

/// What kind of receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the card.
    Owned,
    /// Of the card, lent for the call.
    Lent,
    /// Sends that NDIS looped back.
    Looped,
}

fn bytes(rng: &mut SmallRng) -> Vec<u8> {
    let speaker = rng.random_range(SPEAKERS);
    let mut bytes = traffic::frame(rng, speaker);
    // Long frames take time, and show what a few show.
    if bytes.len() > 300 && rng.random_bool(0.8) {
        bytes.truncate(rng.random_range(60..300));
    }
    bytes
}

fn vlan(rng: &mut SmallRng, oob: &mut Oob) {
    if rng.random_bool(0.15) {
        oob.set_vlan(rng.random_range(1..=u16::MAX));
    }
}

fn hash(rng: &mut SmallRng, oob: &mut Oob) {
    if rng.random_bool(0.2) {
        oob.set(NetBufferListHashValue, rng.random_range(1..6));
        oob.set(NetBufferListHashInfo, 0x0101);
    }
}

/// An NBL of up to 5 frames; now and then one with more frames than a lease tells apart.
fn a_send(rng: &mut SmallRng) -> SendNbl {
    let first = bytes(rng);
    let head = first.get(..58.min(first.len())).unwrap_or_default().to_vec();
    let others = match rng.random_range(0..60) {
        0 => rng.random_range(5..90),
        1..30 => 0,
        _ => rng.random_range(1..5),
    };
    let mut frames = vec![first];
    for _ in 0..others {
        let mut next = if others > 5 { vec![rng.random(); 60] } else { bytes(rng) };
        let shared = head.len().min(next.len());
        if let (Some(to), Some(from)) = (next.get_mut(..shared), head.get(..shared)) {
            to.copy_from_slice(from);
        }
        frames.push(next);
    }
    let mut oob = Oob::default();
    vlan(rng, &mut oob);
    hash(rng, &mut oob);
    if rng.random_bool(0.05) {
        let by_v1 = rng.random_bool(0.3) && frames.iter().all(|bytes| bytes.len() >= 60);
        oob.set(TcpLargeSendNetBufferListInfo, if by_v1 { LARGE_SEND_V1 } else { LARGE_SEND });
        if by_v1 {
            for bytes in &mut frames {
                make_whole_tcp(bytes);
            }
        }
    }
    if rng.random_bool(0.6) {
        oob.set(NetBufferListCancelId, rng.random_range(1..=CANCEL_IDS));
    }
    let nbl_flags = if rng.random_bool(0.1) { NDIS_NBL_FLAGS_SEND_READ_ONLY } else { 0 };
    SendNbl { frames: frames.into_iter().map(Frame::new).collect(), oob, nbl_flags }
}

/// Makes a frame a whole packet of TCP over IPv4, whose payload begins at 54: with LSOv1 it matters how much that is.
fn make_whole_tcp(bytes: &mut [u8]) {
    let total = (bytes.len() - 14) as u16;
    let mut put = |at: usize, new: &[u8]| bytes[at..at + new.len()].copy_from_slice(new);
    put(12, &[0x08, 0x00, 0x45]);
    put(16, &total.to_be_bytes());
    // No fragment; TCP; a header of five words.
    put(20, &[0, 0]);
    put(23, &[6]);
    put(46, &[0x50]);
}

fn a_receive(rng: &mut SmallRng, kind: Kind) -> RecvNbl {
    let mut oob = Oob::default();
    vlan(rng, &mut oob);
    hash(rng, &mut oob);
    if rng.random_bool(0.2) {
        // IpChecksumSucceeded, TcpChecksumSucceeded.
        oob.set(TcpIpChecksumNetBufferListInfo, 1 << 5 | 1 << 3);
    }
    if rng.random_bool(0.1) {
        // QueueId.
        oob.set(NetBufferListFilteringInfo, rng.random_range(1..4) << 16);
    }
    let nbl_flags = match rng.random_range(0..10) {
        _ if kind == Kind::Looped => NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
        0 => NDIS_NBL_FLAGS_RECV_READ_ONLY,
        _ => 0,
    };
    RecvNbl { frame: Frame::new(bytes(rng)), oob, nbl_flags }
}

/// Sends, of which each list is short.
pub fn sends(rng: &mut SmallRng) -> (Vec<SendNbl>, u32) {
    let count = rng.random_range(1..=3);
    let mut flags = 0;
    if rng.random_bool(0.2) {
        flags |= NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
    }
    if rng.random_bool(0.3) {
        flags |= NDIS_SEND_FLAGS_DISPATCH_LEVEL;
    }
    ((0..count).map(|_| a_send(rng)).collect(), flags)
}

/// Receives.
pub fn receives(rng: &mut SmallRng, kind: Kind) -> (Vec<RecvNbl>, u32) {
    let count = rng.random_range(1..=4);
    let mut flags = if kind == Kind::Lent { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 };
    if rng.random_bool(0.3) {
        flags |= NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    }
    ((0..count).map(|_| a_receive(rng, kind)).collect(), flags)
}

/// Sends that ask the card for checksums, some of them wrongly.
pub fn ask_for_checksums(rng: &mut SmallRng, sends: &mut [SendNbl]) {
    for send in sends {
        if rng.random_bool(0.3) && send.oob.get(TcpLargeSendNetBufferListInfo) == 0 {
            // IsIPv4 or IsIPv6; TcpChecksum, UdpChecksum, IpHeaderChecksum; TcpHeaderOffset.
            let (version, what) = (rng.random_range(1..=2), rng.random_range(1..8));
            send.oob.set(TcpIpChecksumNetBufferListInfo, version | what << 2 | 34 << 16);
        }
    }
}

/// Puts frames into an adapter's stack, and counts them.
#[derive(Clone)]
pub struct Feed {
    /// The adapter.
    pub adapter: Arc<Adapter>,
    frames: Frames,
    books: Option<Arc<Books>>,
}

impl Feed {
    /// Counts with the round's frames, and enters them in the books where there are any.
    pub fn new(adapter: Arc<Adapter>, frames: &Frames, books: Option<Arc<Books>>) -> Self {
        Self { adapter, frames: frames.clone(), books }
    }

    /// Sends, now.
    pub fn send(&self, (sends, flags): &(Vec<SendNbl>, u32), port: u32) {
        let sent = || sends.iter().flat_map(|send| send.frames.iter().map(|frame| (&frame.bytes, &send.oob)));
        self.put(Way::Down, sent, || self.adapter.send_from(sends, port, *flags));
    }

    /// Sends, now, whether the stack runs or not.
    pub fn send_anyway(&self, (sends, flags): &(Vec<SendNbl>, u32), port: u32) {
        if let Some(books) = &self.books {
            for (frame, oob) in sends.iter().flat_map(|send| send.frames.iter().map(|frame| (frame, &send.oob))) {
                books.enter(Way::Down, on_the_wire(&frame.bytes, oob), true);
            }
        }
        self.adapter.send_anyway(sends, port, *flags);
    }

    /// Receives, now.
    pub fn receive(&self, (receives, flags): &(Vec<RecvNbl>, u32)) {
        let frames = || receives.iter().map(|receive| (&receive.frame.bytes, &receive.oob));
        self.put(Way::Up, frames, || self.adapter.receive(receives, *flags));
    }

    /// Cancels the sends of this CancelId.
    pub fn cancel(&self, id: usize) {
        if let Some(books) = &self.books {
            books.cancelled();
        }
        self.adapter.cancel_sends(id);
    }

    fn put<'a, I: Iterator<Item = (&'a Vec<u8>, &'a Oob)>>(
        &self,
        way: Way,
        frames: impl Fn() -> I,
        put: impl FnOnce() -> bool,
    ) {
        if let Some(books) = &self.books {
            for (bytes, oob) in frames() {
                books.enter(way, on_the_wire(bytes, oob), false);
            }
        }
        if put() {
            self.frames.fetch_add(frames().count() as u64, Ordering::Relaxed);
        } else if let Some(books) = &self.books {
            for (bytes, oob) in frames() {
                books.take_back(way, &on_the_wire(bytes, oob));
            }
        }
    }
}

/// Many short lists that are lent.
pub fn many_lent(rng: &mut SmallRng) -> Vec<(Vec<RecvNbl>, u32)> {
    (0..MANY).map(|_| (vec![a_receive(rng, Kind::Lent)], NDIS_RECEIVE_FLAGS_RESOURCES)).collect()
}
