//! Which flow a frame belongs to, from the first bytes of the frame.
//!
//! What is parsed is Ethernet with any number of VLAN tags, IPv4 with options, IPv6 with extension
//! headers, and the ports of TCP and UDP. A fragment has no ports, the first one included, so that
//! all fragments of a datagram share a flow. Nothing here trusts a length in the frame.

use core::hash::Hasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip::SipHasher13;

use crate::reader::Direction;

/// Bytes from the start of a frame that are enough for every header that is parsed, short of very
/// long chains of tags, options or extension headers.
pub const HEADER_PREFIX: usize = 128;

const ETHERTYPE_AT: usize = 12;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// IPv6 extension headers that are passed over; more make the protocol unknown.
const MAX_EXTENSIONS: usize = 16;

/// Source and destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// Of the sender.
    pub source: u16,
    /// Of the receiver.
    pub destination: u16,
}

/// Addresses, protocol and ports of an IP packet: the 5-tuple, as far as the bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Of the sender.
    pub source: IpAddr,
    /// Of the receiver.
    pub destination: IpAddr,
    /// IP protocol number of what the packet carries, extension headers passed over; `None` where
    /// the bytes end before it is known.
    pub protocol: Option<u8>,
    /// Of TCP and UDP; `None` for a fragment, for other protocols, and where the bytes end earlier.
    pub ports: Option<Ports>,
}

/// What the first bytes of a frame tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// Number of the outermost VLAN, in the frame itself.
    pub vlan: Option<u16>,
    /// Type of what follows addresses and tags; `None` for a frame that ends before it.
    pub ethertype: Option<u16>,
    /// Of IPv4 and IPv6.
    pub tuple: Option<Tuple>,
}

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88A8 | 0x9100)
}

impl Headers {
    /// Parses a frame of which `bytes` are the first, or all.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut headers = Self::default();
        let mut at = ETHERTYPE_AT;
        while let Some(ethertype) = word(bytes, at) {
            at += 2;
            if !is_tag(ethertype) {
                headers.ethertype = Some(ethertype);
                break;
            }
            let Some(tci) = word(bytes, at) else {
                break;
            };
            headers.vlan = headers.vlan.or(Some(tci & 0x0FFF));
            at += 2;
        }
        let packet = bytes.get(at..).unwrap_or_default();
        headers.tuple = match headers.ethertype {
            Some(IPV4) => ipv4(packet),
            Some(IPV6) => ipv6(packet),
            _ => None,
        };
        headers
    }
}

fn ipv4(packet: &[u8]) -> Option<Tuple> {
    let first = byte(packet, 0)?;
    let header_len = usize::from(first & 0x0F) * 4;
    if first >> 4 != 4 || header_len < 20 {
        return None;
    }
    // More fragments follow, or this is not the first one.
    let fragment = word(packet, 6)? & 0x3FFF != 0;
    let protocol = byte(packet, 9)?;
    let address = |at: usize| packet.get(at..)?.first_chunk::<4>().map(|a| IpAddr::V4(Ipv4Addr::from(*a)));
    Some(Tuple {
        source: address(12)?,
        destination: address(16)?,
        protocol: Some(protocol),
        ports: if fragment { None } else { ports(protocol, packet.get(header_len..).unwrap_or_default()) },
    })
}

fn ipv6(packet: &[u8]) -> Option<Tuple> {
    if byte(packet, 0)? >> 4 != 6 {
        return None;
    }
    let address = |at: usize| packet.get(at..)?.first_chunk::<16>().map(|a| IpAddr::V6(Ipv6Addr::from(*a)));
    let (source, destination) = (address(8)?, address(24)?);
    let mut tuple = Tuple { source, destination, protocol: None, ports: None };
    let mut next = byte(packet, 6)?;
    let mut rest = packet.get(40..).unwrap_or_default();
    let mut fragment = false;
    for _ in 0..MAX_EXTENSIONS {
        let len = match next {
            // Hop by hop, routing, destination options, mobility, HIP, shim6: length in units of 8
            // bytes beyond the first.
            0 | 43 | 60 | 135 | 139 | 140 => byte(rest, 1).map(|units| (usize::from(units) + 1) * 8),
            44 => {
                // Offset or "more" set; a datagram in one fragment is whole.
                fragment |= word(rest, 2).is_none_or(|field| field & 0xFFF9 != 0);
                Some(8)
            }
            // Authentication: in units of 4 bytes beyond the first two.
            51 => byte(rest, 1).map(|units| (usize::from(units) + 2) * 4),
            _ => {
                tuple.protocol = Some(next);
                tuple.ports = if fragment { None } else { ports(next, rest) };
                return Some(tuple);
            }
        };
        let (Some(following), Some(len)) = (byte(rest, 0), len) else {
            break;
        };
        // Of a later fragment the rest is payload: its protocol is what the fragment header says.
        if next == 44 && word(rest, 2).is_some_and(|field| field & 0xFFF8 != 0) {
            tuple.protocol = Some(following);
            break;
        }
        next = following;
        rest = rest.get(len..).unwrap_or_default();
    }
    Some(tuple)
}

fn ports(protocol: u8, segment: &[u8]) -> Option<Ports> {
    if protocol != TCP && protocol != UDP {
        return None;
    }
    Some(Ports { source: word(segment, 0)?, destination: word(segment, 2)? })
}

/// What tells one flow from another on an adapter and in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowIdentity<'a> {
    /// The hash that the card or the stack keeps with the frame.
    Hash(u32),
    /// Where there is no hash.
    Tuple(&'a Tuple),
    /// Neither: all such frames are one flow.
    None,
}

impl<'a> FlowIdentity<'a> {
    /// By the rule: hash, else 5-tuple, else nothing.
    pub fn of(hash: Option<u32>, headers: &'a Headers) -> Self {
        match (hash, &headers.tuple) {
            (Some(hash), _) => Self::Hash(hash),
            (None, Some(tuple)) => Self::Tuple(tuple),
            (None, None) => Self::None,
        }
    }
}

/// A secret that keeps others from choosing frames whose flows collide.
#[derive(Clone, Copy)]
pub struct FlowSecret(u64, u64);

impl core::fmt::Debug for FlowSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FlowSecret")
    }
}

impl FlowSecret {
    /// From random numbers, drawn when the driver is loaded.
    pub const fn new(a: u64, b: u64) -> Self {
        Self(a, b)
    }

    /// The name of a flow. Two flows share one by a chance of one in 2^64, and then only wait for
    /// each other.
    pub fn key(self, adapter: u8, direction: Direction, identity: FlowIdentity<'_>) -> FlowKey {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write_u8(adapter);
        hasher.write_u8(direction as u8);
        match identity {
            FlowIdentity::None => hasher.write_u8(0),
            FlowIdentity::Hash(hash) => {
                hasher.write_u8(1);
                hasher.write_u32(hash);
            }
            FlowIdentity::Tuple(tuple) => {
                hasher.write_u8(2);
                for address in [tuple.source, tuple.destination] {
                    match address {
                        IpAddr::V4(v4) => hasher.write(&v4.octets()),
                        IpAddr::V6(v6) => hasher.write(&v6.octets()),
                    }
                }
                hasher.write_u16(tuple.protocol.map_or(u16::MAX, u16::from));
                if let Some(ports) = tuple.ports {
                    hasher.write_u16(ports.source);
                    hasher.write_u16(ports.destination);
                }
            }
        }
        FlowKey(hasher.finish())
    }
}

/// Names a flow of an adapter and a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowKey(pub u64);
