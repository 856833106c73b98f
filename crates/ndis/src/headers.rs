//! Where the headers of a frame lie, as an offload request has to say it.

/// The network protocol of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    V4,
    V6,
}

/// The transport protocol of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// A frame's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Headers {
    pub network: Network,
    /// TCP or UDP, and at which byte of the frame it begins; none in a fragment, and of other protocols.
    pub transport: Option<(Transport, usize)>,
}

/// Bytes of an Ethernet header.
pub(crate) const ETHERNET: usize = 14;
/// Bytes of an 802.1Q tag.
pub(crate) const TAG: usize = 4;
/// Bytes before the EtherType, or before a tag.
pub(crate) const ADDRESSES: usize = 12;
const TAGGED: u16 = 0x8100;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let word = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(word.try_into().ok()?))
}

/// The tag control information of a tag that the frame begins with.
pub(crate) fn leading_tag(frame: &[u8]) -> Option<u16> {
    (word(frame, ADDRESSES)? == TAGGED).then(|| word(frame, ADDRESSES + 2))?
}

/// The headers of an IP packet, which may be behind one tag.
pub(crate) fn headers(frame: &[u8]) -> Option<Headers> {
    let start = if leading_tag(frame).is_some() { ETHERNET + TAG } else { ETHERNET };
    match word(frame, start - 2)? {
        0x0800 => v4(frame, start),
        0x86dd => v6(frame, start),
        _ => None,
    }
}

fn v4(frame: &[u8], start: usize) -> Option<Headers> {
    let first = *frame.get(start)?;
    let len = usize::from(first & 0xf) * 4;
    if first >> 4 != 4 || len < 20 || frame.len() < start + len {
        return None;
    }
    // More fragments, or an offset.
    let fragment = word(frame, start + 6)? & 0x3fff != 0;
    let transport = transport(*frame.get(start + 9)?, start + len).filter(|_| !fragment);
    Some(Headers { network: Network::V4, transport })
}

fn v6(frame: &[u8], start: usize) -> Option<Headers> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION: u8 = 60;
    let mut next = *frame.get(start + 6)?;
    let mut at = start + 40;
    if frame.get(start)? >> 4 != 6 || frame.len() < at {
        return None;
    }
    while let HOP_BY_HOP | ROUTING | DESTINATION = next {
        next = *frame.get(at)?;
        at += (usize::from(*frame.get(at + 1)?) + 1) * 8;
    }
    Some(Headers { network: Network::V6, transport: transport(next, at) })
}

fn transport(protocol: u8, at: usize) -> Option<(Transport, usize)> {
    match protocol {
        6 => Some((Transport::Tcp, at)),
        17 => Some((Transport::Udp, at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{vec, vec::Vec};

    use super::*;

    fn frame(tag: Option<u16>, ether_type: u16, packet: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xaa; ADDRESSES];
        if let Some(tci) = tag {
            frame.extend(TAGGED.to_be_bytes());
            frame.extend(tci.to_be_bytes());
        }
        frame.extend(ether_type.to_be_bytes());
        frame.extend(packet);
        frame
    }

    fn v4_packet(words: u8, protocol: u8, fragment: u16) -> Vec<u8> {
        let mut packet = vec![0; usize::from(words) * 4 + 8];
        packet[0] = 0x40 | words;
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
        packet[9] = protocol;
        packet
    }

    #[test]
    fn headers_are_found_behind_options_and_a_tag() {
        let tcp = |at| Some(Headers { network: Network::V4, transport: Some((Transport::Tcp, at)) });
        assert_eq!(headers(&frame(None, 0x800, &v4_packet(5, 6, 0x4000))), tcp(34));
        assert_eq!(headers(&frame(None, 0x800, &v4_packet(7, 6, 0))), tcp(42));
        assert_eq!(headers(&frame(Some(5), 0x800, &v4_packet(5, 6, 0))), tcp(38));
        let udp = Headers { network: Network::V4, transport: Some((Transport::Udp, 34)) };
        assert_eq!(headers(&frame(None, 0x800, &v4_packet(5, 17, 0))), Some(udp));
    }

    #[test]
    fn extension_headers_are_walked() {
        let mut packet = vec![0; 40 + 8 + 16 + 20];
        packet[0] = 0x60;
        packet[6] = 0;
        packet[40..42].copy_from_slice(&[60, 0]);
        packet[48..50].copy_from_slice(&[6, 1]);
        let found = headers(&frame(None, 0x86dd, &packet));
        assert_eq!(found, Some(Headers { network: Network::V6, transport: Some((Transport::Tcp, 14 + 64)) }));
        // The last header says that it is longer than the frame.
        packet[41] = 255;
        assert_eq!(headers(&frame(None, 0x86dd, &packet)), None);
    }

    #[test]
    fn fragments_and_others_have_no_transport() {
        let none = Some(Headers { network: Network::V4, transport: None });
        assert_eq!(headers(&frame(None, 0x800, &v4_packet(5, 6, 0x2000))), none);
        assert_eq!(headers(&frame(None, 0x800, &v4_packet(5, 6, 1))), none);
        assert_eq!(headers(&frame(None, 0x800, &v4_packet(5, 1, 0))), none);
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let whole = frame(Some(7), 0x800, &v4_packet(5, 6, 0));
        for len in 0..38 {
            assert_eq!(headers(&whole[..len]), None, "{len} bytes");
        }
        assert_eq!(headers(&frame(None, 0x806, &[0; 28])), None);
        assert_eq!(leading_tag(&whole), Some(7));
        assert_eq!(leading_tag(&whole[..15]), None);
    }
}
