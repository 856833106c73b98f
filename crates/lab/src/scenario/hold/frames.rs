//! Frames that can be told apart: each carries its flow, its number, and who made it anew.

use nblease_ndis::sys::{NetBufferListHashInfo, NetBufferListHashValue, TcpIpChecksumNetBufferListInfo};
use rand::{Rng as _, rngs::SmallRng};

use crate::ndis::{
    Frame, Oob,
    checksum::{put, set_ip, set_transport},
    frame::{ether_type, put_vlan, take_vlan},
    headers::Ip,
};

/// What a frame's payload starts with.
const MAGIC: [u8; 4] = *b"hold";
/// Bytes of payload that say what the frame is: the magic, the number, the flow, the mark.
const IDENTITY: usize = 12;
/// EtherType of flows that are not IP (IEEE 802, for experiments).
const EXPERIMENT: u16 = 0x88b5;
/// Shortest frame, in bytes.
const SHORTEST: usize = 60;
/// Longest payload that fits a frame of 1,514 bytes with any of the headers.
const LONGEST: usize = 1400;

/// Which way frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Down the stack: sent.
    Down,
    /// Up: received.
    Up,
}

/// What frames of a flow are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UDP over IPv4.
    Udp4,
    /// TCP over IPv4.
    Tcp4,
    /// UDP over IPv6.
    Udp6,
    /// No IP.
    Other,
}

/// Frames whose order is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its number: also that of its ports and addresses.
    pub number: u16,
    /// Which way.
    pub way: Way,
    /// What its frames are.
    pub kind: Kind,
    /// Tag of its frames (TCI).
    pub vlan: Option<u16>,
    /// Hash that a card gives its frames.
    pub hash: Option<u32>,
    /// NDIS loops its frames back: they were sent from here, and come up as receives.
    pub looped: bool,
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The frame's number.
    pub number: u32,
    /// Its flow's.
    pub flow: u16,
    /// 0: as it was handed in; else the reader that replaced it, counted from 1.
    pub mark: u8,
    /// Bytes of its payload.
    pub payload: u16,
}

/// The flows of a run: each kind both ways, some tagged, some with a hash.
pub fn flows() -> Vec<Flow> {
    let kinds = [Kind::Udp4, Kind::Tcp4, Kind::Udp6, Kind::Udp4, Kind::Tcp4, Kind::Udp6, Kind::Other, Kind::Other];
    let ways = [Way::Down, Way::Up].into_iter();
    let flows = ways.flat_map(|way| kinds.iter().enumerate().map(move |(at, kind)| (way, at, *kind)));
    let numbered = flows.zip(1..).map(|((way, at, kind), number)| Flow {
        number,
        way,
        kind,
        vlan: match at {
            3 => Some(7),
            4 => Some(0x6000 | (100 + number)),
            _ => None,
        },
        hash: (at == 1 || at == 3).then_some(0x5eed_0000 | u32::from(number)),
        looped: way == Way::Up && (at == 5 || at == 7),
    });
    numbered.collect()
}

/// Bytes of payload for a new frame: mostly short ones, some full, now and then one above the MTU.
pub fn payload(rng: &mut SmallRng) -> u16 {
    match rng.random_range(0..40) {
        0 => rng.random_range(LONGEST as u16..8000),
        1..6 => LONGEST as u16,
        _ => rng.random_range(IDENTITY as u16..500),
    }
}

/// Bytes of payload for a frame that takes another's place: it must not be larger than the MTU.
pub fn payload_of_replacement(rng: &mut SmallRng) -> u16 {
    rng.random_range(IDENTITY..LONGEST) as u16
}

/// A frame as on the wire, with right checksums: all of it follows from what it says of itself.
pub fn build(flow: &Flow, identity: Identity) -> Vec<u8> {
    let mut frame = Vec::with_capacity(usize::from(identity.payload) + 80);
    let (station, host) = ([2, 0x15, 0x5d, 0, 1, flow.number as u8], [2, 0x15, 0x5d, 0, 0, 1]);
    let (to, from) = if flow.way == Way::Down { (station, host) } else { (host, station) };
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from);
    let [high, low] = flow.number.to_be_bytes();
    let payload = identity.payload.max(IDENTITY as u16);
    let (protocol, header): (u8, u16) = if flow.kind == Kind::Tcp4 { (6, 20) } else { (17, 8) };
    match flow.kind {
        Kind::Udp4 | Kind::Tcp4 => {
            frame.extend_from_slice(&[8, 0, 0x45, 0]);
            frame.extend_from_slice(&(20 + header + payload).to_be_bytes());
            frame.extend_from_slice(&[0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 1, high, low, 10, 2, high, low]);
        }
        Kind::Udp6 => {
            frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend_from_slice(&(header + payload).to_be_bytes());
            frame.extend_from_slice(&[protocol, 64]);
            for side in [1, 2] {
                frame.extend_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, side, high, low]);
            }
        }
        Kind::Other => frame.extend_from_slice(&EXPERIMENT.to_be_bytes()),
    }
    if flow.kind != Kind::Other {
        frame.extend_from_slice(&source_port(flow).to_be_bytes());
        frame.extend_from_slice(&[0x20, 0]);
        if protocol == 6 {
            frame.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
        } else {
            frame.extend_from_slice(&(header + payload).to_be_bytes());
            frame.extend_from_slice(&[0, 0]);
        }
    }
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&identity.number.to_be_bytes());
    frame.extend_from_slice(&[high, low, identity.mark, 0]);
    let filler = (identity.number as u8).wrapping_mul(31).wrapping_add(identity.mark);
    frame.extend((IDENTITY..payload.into()).map(|at| filler.wrapping_add(at as u8)));
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
    set_ip(&mut frame);
    set_transport(&mut frame);
    if let Some(tci) = flow.vlan {
        put_vlan(&mut frame, tci);
    }
    frame
}

/// Source port of a flow's frames.
pub fn source_port(flow: &Flow) -> u16 {
    0x1000 + flow.number
}

/// What a frame says of itself, but for its payload's length; none where it is not one of these.
pub fn identify(frame: &[u8]) -> Option<Identity> {
    let at = match Ip::tagged(frame) {
        Some(ip) => ip.headers_end(frame),
        None if ether_type(frame) == 0x8100 => 18,
        None => 14,
    };
    let bytes: &[u8; IDENTITY] = frame.get(at..)?.first_chunk()?;
    let [a, b, c, d, n0, n1, n2, n3, f0, f1, mark, _] = *bytes;
    let known = [a, b, c, d] == MAGIC;
    let (number, flow) = (u32::from_be_bytes([n0, n1, n2, n3]), u16::from_be_bytes([f0, f1]));
    known.then_some(Identity { number, flow, mark, payload: 0 })
}

/// What an end of the stack makes of a frame: its tag out of band mostly, its checksums left to the card or vouched for
/// by it.
pub fn dress(rng: &mut SmallRng, flow: &Flow, frames: Vec<Vec<u8>>) -> (Vec<Frame>, Oob) {
    let mut oob = Oob::default();
    let out_of_band = flow.vlan.is_some() && rng.random_bool(0.8);
    let checksums = (flow.vlan.is_none() || out_of_band) && flow.kind != Kind::Other && rng.random_bool(0.5);
    if checksums {
        oob.set(TcpIpChecksumNetBufferListInfo, checksum_word(flow));
    }
    if let Some(hash) = flow.hash {
        oob.set(NetBufferListHashValue, hash as usize);
        // Toeplitz over the addresses of IPv4.
        oob.set(NetBufferListHashInfo, 0x0101);
    }
    let dressed = frames.into_iter().map(|mut bytes| {
        if out_of_band && let Some(tci) = take_vlan(&mut bytes) {
            oob.set_vlan(tci);
        }
        if checksums && flow.way == Way::Down {
            spoil(&mut bytes);
        }
        Frame::new(bytes)
    });
    (dressed.collect(), oob)
}

/// `NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO`: a send asks for all checksums, of a receive all are said to be right.
fn checksum_word(flow: &Flow) -> usize {
    let tcp = flow.kind == Kind::Tcp4;
    match (flow.way, flow.kind) {
        // IsIPv6 and UdpChecksum.
        (Way::Down, Kind::Udp6) => 1 << 1 | 1 << 3,
        // IsIPv4, IpHeaderChecksum, TcpChecksum or UdpChecksum.
        (Way::Down, _) => 1 | 1 << 4 | if tcp { 1 << 2 } else { 1 << 3 },
        // IpChecksumSucceeded, TcpChecksumSucceeded or UdpChecksumSucceeded.
        (Way::Up, _) => 1 << 5 | if tcp { 1 << 3 } else { 1 << 4 },
    }
}

/// Makes the checksums wrong: the card sets them.
fn spoil(frame: &mut [u8]) {
    let Some(ip) = Ip::untagged(frame) else { return };
    if !ip.v6 {
        put(frame, ip.at + 10, 0);
    }
    put(frame, ip.payload + if ip.protocol == Some(6) { 16 } else { 6 }, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndis::{
        checksum::{Sum, sums},
        offload,
    };
    use rand::SeedableRng as _;

    #[test]
    fn a_frame_says_what_it_is_and_the_card_makes_it_whole() {
        let rng = &mut SmallRng::seed_from_u64(5);
        for flow in flows() {
            for number in 0..50 {
                let identity = Identity { number, flow: flow.number, mark: 3, payload: payload(rng) };
                let wire = build(&flow, identity);
                assert_eq!(identify(&wire), Some(Identity { payload: 0, ..identity }));
                let (frames, oob) = dress(rng, &flow, vec![wire.clone()]);
                let mut out = match flow.way {
                    Way::Down => offload::perform(&oob, frames[0].bytes.clone()).remove(0),
                    Way::Up => frames[0].bytes.clone(),
                };
                if let Some(tci) = oob.vlan() {
                    put_vlan(&mut out, tci);
                }
                assert!(out == wire, "{flow:?} {number}");
            }
        }
        let plain = build(&flows()[0], Identity { number: 1, flow: 1, mark: 0, payload: 100 });
        assert_eq!((sums(&plain).ip, sums(&plain).transport), (Sum::Good, Sum::Good));
        assert_eq!(identify(&plain[..50]), None);
    }
}
