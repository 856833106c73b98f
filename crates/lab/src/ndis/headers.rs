//! The headers of a frame, as far as TCP/IP and cards look at them: Ethernet, VLAN tags, IPv4, IPv6, TCP, UDP.
//!
//! Nothing here trusts a length in the frame. A frame that is no whole IP packet has headers as far as they go.

use super::frame::Oob;
use nblease_ndis::sys::{NetBufferListHashInfo, NetBufferListHashValue};

/// Bytes of an Ethernet header without tags.
pub const ETHERNET: usize = 14;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// IPv6 extension headers that are passed over.
const MAX_EXTENSIONS: usize = 16;

/// The big-endian word at a place.
pub fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The IP header of a frame, with what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Where the IP header starts.
    pub at: usize,
    /// IPv6, not IPv4.
    pub v6: bool,
    /// Where the upper-layer header starts: behind options and extension headers.
    pub payload: usize,
    /// Upper-layer protocol, where the bytes go so far.
    pub protocol: Option<u8>,
    /// One of several fragments.
    pub fragment: bool,
    /// Where the packet ends by its own length; the frame may be longer (padding) or shorter (cut). None: its length is
    /// 0, as in large sends.
    pub end: Option<usize>,
}

impl Ip {
    /// The IP header behind the Ethernet header and `tags` tags at most.
    fn parse(frame: &[u8], tags: usize) -> Option<Self> {
        let mut at = ETHERNET - 2;
        for _ in 0..tags {
            if TAGS.contains(&word(frame, at)?) {
                at += 4;
            }
        }
        let ether_type = word(frame, at)?;
        at += 2;
        match (ether_type, frame.get(at)? >> 4) {
            (IPV4, 4) => Self::v4(frame, at),
            (IPV6, 6) => Self::v6(frame, at),
            _ => None,
        }
    }

    /// Of a frame without a tag in its bytes: as TCP/IP finds it, to whom others are not delivered.
    pub fn untagged(frame: &[u8]) -> Option<Self> {
        Self::parse(frame, 0)
    }

    /// Of a frame that may have tags in its bytes.
    pub fn tagged(frame: &[u8]) -> Option<Self> {
        Self::parse(frame, 2)
    }

    fn v4(frame: &[u8], at: usize) -> Option<Self> {
        let header = usize::from(frame.get(at)? & 15) * 4;
        let total = usize::from(word(frame, at + 2)?);
        let fragment = word(frame, at + 6)? & 0x3fff != 0;
        let protocol = Some(*frame.get(at + 9)?);
        frame.get(at + 19)?;
        let end = (total != 0).then_some(at + total);
        (header >= 20).then_some(Self { at, v6: false, payload: at + header, protocol, fragment, end })
    }

    fn v6(frame: &[u8], at: usize) -> Option<Self> {
        frame.get(at + 39)?;
        let length = usize::from(word(frame, at + 4)?);
        let end = (length != 0).then_some(at + 40 + length);
        let mut ip = Self { at, v6: true, payload: at + 40, protocol: None, fragment: false, end };
        let mut next = *frame.get(at + 6)?;
        for _ in 0..MAX_EXTENSIONS {
            let length = match next {
                0 | 43 | 60 | 135 | 139 | 140 => frame.get(ip.payload + 1).map(|units| (usize::from(*units) + 1) * 8),
                44 => {
                    let field = word(frame, ip.payload + 2);
                    ip.fragment |= field.is_none_or(|field| field & 0xfff9 != 0);
                    // Behind the header of a later fragment comes payload.
                    if field.is_some_and(|field| field & 0xfff8 != 0) {
                        ip.protocol = frame.get(ip.payload).copied();
                        return Some(ip);
                    }
                    Some(8)
                }
                51 => frame.get(ip.payload + 1).map(|units| (usize::from(*units) + 2) * 4),
                _ => {
                    ip.protocol = Some(next);
                    return Some(ip);
                }
            };
            let (Some(following), Some(length)) = (frame.get(ip.payload), length) else { return Some(ip) };
            next = *following;
            ip.payload += length;
        }
        Some(ip)
    }

    /// The two addresses.
    pub fn addresses<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let range = if self.v6 { self.at + 8..self.at + 40 } else { self.at + 12..self.at + 20 };
        frame.get(range).unwrap_or_default()
    }

    /// Its ports: of TCP and UDP, whole packets.
    fn ports<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let has = !self.fragment && matches!(self.protocol, Some(TCP | UDP));
        has.then(|| frame.get(self.payload..self.payload + 4)).flatten().unwrap_or_default()
    }

    /// Where the headers end, the upper-layer one included.
    pub fn headers_end(&self, frame: &[u8]) -> usize {
        match self.protocol {
            Some(TCP) if !self.fragment => {
                self.payload + frame.get(self.payload + 12).map_or(20, |byte| usize::from(byte >> 4) * 4)
            }
            Some(UDP) if !self.fragment => self.payload + 8,
            _ => self.payload,
        }
    }
}

/// A number that the frames of one flow share: the OOB hash where there is one, else the 5-tuple, else all are one.
pub fn flow(frame: &[u8], oob: &Oob) -> u64 {
    let mut key = Vec::with_capacity(48);
    if oob.get(NetBufferListHashInfo) != 0 {
        key.push(1);
        key.extend_from_slice(&(oob.get(NetBufferListHashValue) as u32).to_le_bytes());
    } else if let Some(ip) = Ip::tagged(frame) {
        key.extend_from_slice(&[2, ip.protocol.unwrap_or_default()]);
        key.extend_from_slice(ip.addresses(frame));
        key.extend_from_slice(ip.ports(frame));
    }
    // FNV-1a.
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether `frame_type` is what NDIS finds the protocol of this frame by: the EtherType; where the frame has a length
/// instead (802.3), that, 0, or the type behind a SNAP header.
pub fn is_of_type(frame: &[u8], frame_type: u16) -> bool {
    const SMALLEST_TYPE: u16 = 0x600;
    match word(frame, ETHERNET - 2) {
        None => true,
        Some(ether_type) if ether_type >= SMALLEST_TYPE => frame_type == ether_type,
        Some(length) => frame_type == length || frame_type == 0 || word(frame, ETHERNET + 6) == Some(frame_type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndis::frame::put_vlan;

    fn tcp_v4() -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend_from_slice(&[8, 0, 0x45, 0, 0, 44, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend_from_slice(&[0, 80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        frame
    }

    #[test]
    fn headers_are_found() {
        let frame = tcp_v4();
        let ip = Ip::untagged(&frame).expect("IPv4");
        assert_eq!((ip.at, ip.payload, ip.protocol, ip.end), (14, 34, Some(TCP), Some(58)));
        assert_eq!(ip.headers_end(&frame), 54);
        let mut tagged = frame.clone();
        put_vlan(&mut tagged, 7);
        assert_eq!(Ip::untagged(&tagged), None);
        assert_eq!(Ip::tagged(&tagged).map(|ip| ip.payload), Some(38));
        for length in 0..34 {
            assert_eq!(Ip::untagged(frame.get(..length).unwrap()), None, "{length}");
        }
    }

    #[test]
    fn a_flow_is_the_hash_else_the_tuple_else_one() {
        let (frame, none) = (tcp_v4(), Oob::default());
        let changed = |at: usize| {
            let mut other = frame.clone();
            other[at] ^= 0x21;
            other
        };
        assert_eq!(flow(&frame, &none), flow(&changed(0), &none), "the station does not matter");
        assert_eq!(flow(&frame, &none), flow(&changed(57), &none), "nor does the payload");
        for at in [23, 26, 33, 34, 37] {
            assert_ne!(flow(&frame, &none), flow(&changed(at), &none), "{at}");
        }
        let mut fragment = frame.clone();
        fragment[20] = 0x20;
        let mut other = fragment.clone();
        other[34] ^= 1;
        assert_eq!(flow(&fragment, &none), flow(&other, &none), "a fragment has no ports");
        let mut hashed = none;
        hashed.set(NetBufferListHashInfo, 1);
        hashed.set(NetBufferListHashValue, 77);
        assert_eq!(flow(&frame, &hashed), flow(&changed(33), &hashed));
        assert_ne!(flow(&frame, &hashed), flow(&frame, &none));
        assert_eq!(flow(&[1; 60], &none), flow(&[2; 14], &none));
    }

    #[test]
    fn frame_types() {
        let mut frame = tcp_v4();
        assert!(is_of_type(&frame, 0x0800) && !is_of_type(&frame, 0x86dd) && !is_of_type(&frame, 0));
        frame[12..14].copy_from_slice(&[0, 50]);
        frame[20..22].copy_from_slice(&[8, 6]);
        assert!(is_of_type(&frame, 50) && is_of_type(&frame, 0) && is_of_type(&frame, 0x0806));
        assert!(!is_of_type(&frame, 0x0800));
    }
}
