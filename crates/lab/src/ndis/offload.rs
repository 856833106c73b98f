//! Offloads of a card: what it has, what a send asks for, and doing it.
//!
//! After `NDIS_OFFLOAD`, `NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO`,
//! `NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO`, `NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO`,
//! "Offloading the Segmentation of Large TCP Packets".

use nblease_ndis::sys::{
    NDIS_OBJECT_TYPE_OFFLOAD, NDIS_OFFLOAD, NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO,
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO, NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO,
    TcpIpChecksumNetBufferListInfo, TcpLargeSendNetBufferListInfo, UdpSegmentationOffloadInfo,
};

use super::{
    attach::{blank, header},
    checksum,
    frame::Oob,
    headers::{Ip, TCP, UDP, word},
    raw,
};

/// `NDIS_ENCAPSULATION_IEEE_802_3`.
const ENCAPSULATION: u32 = 2;
/// `NDIS_OFFLOAD_SUPPORTED`.
const SUPPORTED: u32 = 1;
/// Largest large send.
const LARGEST: u32 = 0x4_0000;
/// Fewest segments of one.
const FEWEST: u32 = 2;

/// The offload configuration of a card: what a send may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Offloads {
    /// Checksum of IPv4 headers.
    pub ip: bool,
    /// Checksum of TCP over IPv4.
    pub tcp_v4: bool,
    /// Checksum of UDP over IPv4.
    pub udp_v4: bool,
    /// Checksum of TCP over IPv6.
    pub tcp_v6: bool,
    /// Checksum of UDP over IPv6.
    pub udp_v6: bool,
    /// Large sends, version 1.
    pub lso_v1: bool,
    /// Large sends, version 2, over IPv4.
    pub lso_v4: bool,
    /// Large sends, version 2, over IPv6.
    pub lso_v6: bool,
    /// UDP segmentation.
    pub uso: bool,
}

impl Offloads {
    /// A card that does nothing for its sender.
    pub const NONE: Self = Self {
        ip: false,
        tcp_v4: false,
        udp_v4: false,
        tcp_v6: false,
        udp_v6: false,
        lso_v1: false,
        lso_v4: false,
        lso_v6: false,
        uso: false,
    };
    /// A card that does all.
    pub const ALL: Self = Self {
        ip: true,
        tcp_v4: true,
        udp_v4: true,
        tcp_v6: true,
        udp_v6: true,
        lso_v1: true,
        lso_v4: true,
        lso_v6: true,
        uso: true,
    };

    /// As NDIS tells it.
    pub(super) fn config(self) -> NDIS_OFFLOAD {
        let mut o: NDIS_OFFLOAD = blank();
        o.Header = header(NDIS_OBJECT_TYPE_OFFLOAD, 7, size_of::<NDIS_OFFLOAD>());
        let has = |it: bool| if it { SUPPORTED } else { 0 };
        let encapsulation = |it: bool| if it { ENCAPSULATION } else { 0 };
        let v4 = &mut o.Checksum.IPv4Transmit;
        v4.Encapsulation = encapsulation(self.ip || self.tcp_v4 || self.udp_v4);
        v4.set_IpOptionsSupported(has(self.ip));
        v4.set_TcpOptionsSupported(has(self.tcp_v4));
        v4.set_IpChecksum(has(self.ip));
        v4.set_TcpChecksum(has(self.tcp_v4));
        v4.set_UdpChecksum(has(self.udp_v4));
        let v6 = &mut o.Checksum.IPv6Transmit;
        v6.Encapsulation = encapsulation(self.tcp_v6 || self.udp_v6);
        v6.set_IpExtensionHeadersSupported(has(self.tcp_v6));
        v6.set_TcpOptionsSupported(has(self.tcp_v6));
        v6.set_TcpChecksum(has(self.tcp_v6));
        v6.set_UdpChecksum(has(self.udp_v6));
        if self.lso_v1 {
            o.LsoV1.IPv4.Encapsulation = ENCAPSULATION;
            (o.LsoV1.IPv4.MaxOffLoadSize, o.LsoV1.IPv4.MinSegmentCount) = (LARGEST, FEWEST);
        }
        if self.lso_v4 {
            o.LsoV2.IPv4.Encapsulation = ENCAPSULATION;
            (o.LsoV2.IPv4.MaxOffLoadSize, o.LsoV2.IPv4.MinSegmentCount) = (LARGEST, FEWEST);
        }
        if self.lso_v6 {
            o.LsoV2.IPv6.Encapsulation = ENCAPSULATION;
            (o.LsoV2.IPv6.MaxOffLoadSize, o.LsoV2.IPv6.MinSegmentCount) = (LARGEST, FEWEST);
        }
        if self.uso {
            let (v4, v6) = (&mut o.UdpSegmentation.IPv4, &mut o.UdpSegmentation.IPv6);
            (v4.Encapsulation, v4.MaxOffLoadSize) = (ENCAPSULATION, LARGEST);
            (v6.Encapsulation, v6.MaxOffLoadSize) = (ENCAPSULATION, LARGEST);
        }
        o
    }

    /// As NDIS tells it, in bytes.
    pub(super) fn bytes(self) -> [u8; size_of::<NDIS_OFFLOAD>()] {
        let config = self.config();
        let mut bytes = [0; size_of::<NDIS_OFFLOAD>()];
        raw::read_bytes((&raw const config).cast(), &mut bytes);
        bytes
    }

    /// What this send asks for that the card does not have.
    pub fn lacking(self, oob: &Oob) -> Option<&'static str> {
        let asked = Asked::of(oob);
        let checksum = asked.checksum;
        let (v4, v6) = (checksum.Transmit_IsIPv4() != 0, checksum.Transmit_IsIPv6() != 0);
        let (tcp, udp) = (checksum.Transmit_TcpChecksum() != 0, checksum.Transmit_UdpChecksum() != 0);
        let large =
            asked.large_send.map(|large| (large.LsoV2Transmit_Type() != 0, large.LsoV2Transmit_IPVersion() != 0));
        let wants = [
            (v4 && checksum.Transmit_IpHeaderChecksum() != 0, self.ip, "the IPv4 header's checksum"),
            (v4 && tcp, self.tcp_v4, "TCP's checksum over IPv4"),
            (v4 && udp, self.udp_v4, "UDP's checksum over IPv4"),
            (v6 && tcp, self.tcp_v6, "TCP's checksum over IPv6"),
            (v6 && udp, self.udp_v6, "UDP's checksum over IPv6"),
            (large.is_some_and(|(v2, _)| !v2), self.lso_v1, "a large send, version 1"),
            (large == Some((true, false)), self.lso_v4, "a large send over IPv4"),
            (large == Some((true, true)), self.lso_v6, "a large send over IPv6"),
            (asked.segments.is_some(), self.uso, "UDP segmentation"),
        ];
        wants.into_iter().find_map(|(wanted, has, what)| (wanted && !has).then_some(what))
    }
}

/// What a send asks for.
struct Asked {
    checksum: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO,
    large_send: Option<NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO>,
    segments: Option<NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO>,
}

impl Asked {
    fn of(oob: &Oob) -> Self {
        let word = |slot| std::ptr::without_provenance_mut(oob.get(slot));
        let large_send =
            NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO { Value: word(TcpLargeSendNetBufferListInfo) };
        let segments = NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO { Value: word(UdpSegmentationOffloadInfo) };
        Self {
            checksum: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO { Value: word(TcpIpChecksumNetBufferListInfo) },
            large_send: (large_send.LsoV2Transmit_MSS() != 0).then_some(large_send),
            segments: (segments.Transmit_MSS() != 0).then_some(segments),
        }
    }
}

/// Does what a send asks for to one of its frames: the frames that go out on the wire. A frame that does not fit what is
/// asked for (no IP, no TCP where it is said to be) goes out as it is.
pub fn perform(oob: &Oob, mut frame: Vec<u8>) -> Vec<Vec<u8>> {
    let asked = Asked::of(oob);
    if let Some(large) = asked.large_send {
        return segmented(
            frame,
            TCP,
            large.LsoV2Transmit_MSS() as usize,
            large.LsoV2Transmit_TcpHeaderOffset() as usize,
        );
    }
    if let Some(large) = asked.segments {
        return segmented(frame, UDP, large.Transmit_MSS() as usize, large.Transmit_UdpHeaderOffset() as usize);
    }
    let checksum = asked.checksum;
    // "If neither is set, the miniport driver should not perform checksum tasks."
    if checksum.Transmit_IsIPv4() != 0 || checksum.Transmit_IsIPv6() != 0 {
        if checksum.Transmit_IpHeaderChecksum() != 0 {
            checksum::set_ip(&mut frame);
        }
        let protocol = Ip::untagged(&frame).and_then(|ip| ip.protocol);
        let tcp = checksum.Transmit_TcpChecksum() != 0 && protocol == Some(TCP);
        let udp = checksum.Transmit_UdpChecksum() != 0 && protocol == Some(UDP);
        if tcp || udp {
            checksum::set_transport(&mut frame);
        }
    }
    vec![frame]
}

/// Payload bytes of TCP in a frame, where it is one.
pub fn tcp_payload(frame: &[u8]) -> Option<usize> {
    let ip = Ip::untagged(frame).filter(|ip| ip.protocol == Some(TCP) && !ip.fragment)?;
    Some(ip.end.unwrap_or(frame.len()).min(frame.len()).saturating_sub(ip.headers_end(frame)))
}

/// Cuts a frame into segments of `size` bytes of payload, each with headers and checksums of its own.
fn segmented(frame: Vec<u8>, protocol: u8, size: usize, offset: usize) -> Vec<Vec<u8>> {
    let whole = |ip: &Ip| {
        let fits = ip.protocol == Some(protocol) && ip.payload == offset && !ip.fragment;
        fits && ip.end.is_none_or(|end| end == frame.len())
    };
    let Some(ip) = Ip::untagged(&frame).filter(whole) else { return vec![frame] };
    let Some((headers, payload)) = frame.split_at_checked(ip.headers_end(&frame)) else { return vec![frame] };
    let count = payload.len().div_ceil(size).max(1);
    let segments = payload.chunks(size).enumerate().map(|(number, part)| {
        let mut segment = [headers, part].concat();
        let packet = segment.len() - ip.at;
        if ip.v6 {
            checksum::put(&mut segment, ip.at + 4, (packet - 40) as u16);
        } else {
            checksum::put(&mut segment, ip.at + 2, packet as u16);
            let identification = word(headers, ip.at + 4).unwrap_or_default();
            checksum::put(&mut segment, ip.at + 4, identification.wrapping_add(number as u16));
        }
        if protocol == TCP {
            set_tcp(&mut segment, ip.payload, number * size, number == 0, number + 1 == count);
        } else {
            checksum::put(&mut segment, ip.payload + 4, (8 + part.len()) as u16);
        }
        checksum::set_ip(&mut segment);
        checksum::set_transport(&mut segment);
        segment
    });
    let segments: Vec<_> = segments.collect();
    if segments.is_empty() { vec![frame] } else { segments }
}

/// Sets sequence number and flags of a segment: CWR in the first alone, FIN and PSH in the last alone.
fn set_tcp(segment: &mut [u8], at: usize, before: usize, first: bool, last: bool) {
    const CWR: u8 = 0x80;
    const FIN_PSH: u8 = 0x09;
    if let Some(place) = segment.get_mut(at + 4..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *place = u32::from_be_bytes(*place).wrapping_add(before as u32).to_be_bytes();
    }
    if let Some(flags) = segment.get_mut(at + 13) {
        if !first {
            *flags &= !CWR;
        }
        if !last {
            *flags &= !FIN_PSH;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ndis::checksum::{Sum, sums};

    /// A large send of TCP over IPv4 with its total length 0, as LSOv2 has it.
    fn large(payload: usize) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend_from_slice(&[8, 0, 0x45, 0, 0, 0, 0xff, 0xff, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend_from_slice(&[0, 80, 1, 0, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 0x50, 0x99, 0, 0, 0, 0, 0, 0]);
        frame.extend((0..payload).map(|at| at as u8));
        frame
    }

    fn request(mss: usize, v2: bool) -> Oob {
        let mut oob = Oob::default();
        oob.set(TcpLargeSendNetBufferListInfo, mss | 34 << 20 | usize::from(v2) << 30);
        oob
    }

    #[test]
    fn a_large_send_goes_out_as_right_segments() {
        let segments = perform(&request(1000, true), large(2500));
        let lengths: Vec<_> = segments.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1054, 1054, 554]);
        let payload: Vec<u8> = segments.iter().flat_map(|segment| segment[54..].to_vec()).collect();
        assert_eq!(payload, large(2500)[54..]);
        for (segment, (sequence, flags)) in segments.iter().zip([(0xffff_fff0_u32, 0x90), (984, 0x10), (1984, 0x19)]) {
            assert_eq!((sums(segment).ip, sums(segment).transport), (Sum::Good, Sum::Good));
            assert_eq!(segment[38..42], sequence.to_be_bytes()[..]);
            assert_eq!(segment[47], flags);
        }
        let ids: Vec<_> = segments.iter().filter_map(|segment| word(segment, 18)).collect();
        assert_eq!(ids, [0xffff, 0, 1]);
    }

    #[test]
    fn what_does_not_fit_goes_out_as_it_is() {
        let mut odd = large(3000);
        odd[23] = 47;
        assert_eq!(perform(&request(1000, true), odd.clone()), [odd]);
        assert_eq!(perform(&request(1000, true), vec![1; 20]), [vec![1; 20]]);
        let unasked = large(20);
        assert_eq!(perform(&Oob::default(), unasked.clone()), [unasked]);
    }

    #[test]
    fn checksums_are_filled_where_asked_for() {
        let mut frame = large(11);
        checksum::put(&mut frame, 16, 51);
        let mut oob = Oob::default();
        oob.set(TcpIpChecksumNetBufferListInfo, 0b10100);
        assert_eq!(perform(&oob, frame.clone()), [frame.clone()], "neither IPv4 nor IPv6");
        oob.set(TcpIpChecksumNetBufferListInfo, 0b10101 | 34 << 16);
        let done = perform(&oob, frame.clone()).remove(0);
        assert_eq!((sums(&done).ip, sums(&done).transport), (Sum::Good, Sum::Good));
        oob.set(TcpIpChecksumNetBufferListInfo, 0b10001);
        let done = perform(&oob, frame).remove(0);
        assert_eq!((sums(&done).ip, sums(&done).transport), (Sum::Good, Sum::Bad));
    }

    #[test]
    fn a_card_lacks_what_it_does_not_have() {
        let mut oob = Oob::default();
        assert_eq!(Offloads::NONE.lacking(&oob), None);
        oob.set(TcpIpChecksumNetBufferListInfo, 0b101);
        assert_eq!(Offloads::NONE.lacking(&oob), Some("TCP's checksum over IPv4"));
        assert_eq!(Offloads { tcp_v4: true, ..Offloads::NONE }.lacking(&oob), None);
        assert_eq!(Offloads { lso_v4: true, ..Offloads::NONE }.lacking(&request(900, true)), None);
        assert_eq!(
            Offloads { lso_v4: true, ..Offloads::NONE }.lacking(&request(900, false)),
            Some("a large send, version 1")
        );
        assert_eq!(Offloads::ALL.lacking(&request(900, false)), None);
    }
}
