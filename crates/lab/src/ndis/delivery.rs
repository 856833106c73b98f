//! What the upper edge makes of a received frame, as NDIS and TCP/IP do: the protocol is found by its frame type, the
//! headers of a filter's own packet lie in its first MDL, checksums are right or vouched for.
//!
//! After "Indicating Received Ethernet Frames", `NDIS_NET_BUFFER_LIST_INFO` (NetBufferListFrameType),
//! `NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO`. An original is the wire's: where it came with a bad checksum, as frames
//! of captures may, it would be lost without any filter too, so that it is delivered all the same and only marked.

use nblease_ndis::sys::{NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, TcpIpChecksumNetBufferListInfo};

use super::{
    checksum::{Sum, sums},
    frame::{Arrived, Oob},
    headers::{ETHERNET, Ip, TCP, is_of_type},
    loopback::is_loopback,
    packet::Packet,
    raw::{self, Mdl, Nb},
};

/// What becomes of a received frame at the upper edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// The protocol gets it.
    #[default]
    Delivered,
    /// The protocol gets it although its bytes are not what a checksum says, since the OOB vouches for that.
    Corrupt,
    /// A checksum is wrong or said to be: a filter's own is lost, an original goes to the sink all the same.
    BadChecksum,
    /// NetBufferListFrameType is not the frame's: no protocol gets it.
    WrongType,
    /// The headers of a filter's own packet are not in its first MDL: lost.
    SplitHeaders,
}

impl Fate {
    /// Whether the sink gets the frame.
    pub fn is_delivered(self, filters_own: bool) -> bool {
        match self {
            Self::Delivered | Self::Corrupt => true,
            Self::BadChecksum => !filters_own,
            Self::WrongType | Self::SplitHeaders => false,
        }
    }
}

/// What becomes of a frame that came up.
fn fate(packet: &Packet, nb: Nb, bytes: &[u8]) -> Fate {
    let oob = packet.oob();
    if !is_of_type(bytes, oob.frame_type()) {
        return Fate::WrongType;
    }
    if packet.is_drivers() && first_bytes(nb) < headers_end(bytes).min(bytes.len()) {
        return Fate::SplitHeaders;
    }
    // A send that asks for its checksums comes back without them.
    if is_loopback(packet) {
        return Fate::Delivered;
    }
    checked(bytes, &oob)
}

/// The checksums of a frame, and what the OOB says of them.
fn checked(bytes: &[u8], oob: &Oob) -> Fate {
    let word = std::ptr::without_provenance_mut(oob.get(TcpIpChecksumNetBufferListInfo));
    let said = NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO { Value: word };
    let sums = sums(bytes);
    let (failed, vouched) = if sums.protocol == Some(TCP) {
        (said.Receive_TcpChecksumFailed(), said.Receive_TcpChecksumSucceeded())
    } else {
        (said.Receive_UdpChecksumFailed(), said.Receive_UdpChecksumSucceeded())
    };
    let checks = [
        (sums.ip, said.Receive_IpChecksumFailed(), said.Receive_IpChecksumSucceeded()),
        (sums.transport, failed, vouched),
    ];
    let fates = checks.map(|(sum, failed, vouched)| match sum {
        Sum::Absent => Fate::Delivered,
        _ if failed != 0 => Fate::BadChecksum,
        Sum::Good => Fate::Delivered,
        Sum::Bad if vouched != 0 => Fate::Corrupt,
        Sum::Bad => Fate::BadChecksum,
    });
    // What is lost for one reason is not delivered for another.
    fates.into_iter().max().unwrap_or_default()
}

/// Bytes of used data in the first MDL.
fn first_bytes(nb: Nb) -> usize {
    let count = Mdl::at(nb.current_mdl()).map_or(0, Mdl::byte_count);
    count.saturating_sub(nb.current_mdl_offset()).min(nb.data_length()) as usize
}

fn headers_end(bytes: &[u8]) -> usize {
    Ip::untagged(bytes).map_or(ETHERNET, |ip| ip.headers_end(bytes))
}

/// The frames of a receive, with what becomes of each.
pub fn received(packet: &Packet, port: u32) -> Vec<Arrived> {
    arrived(packet, port, |nb, bytes| fate(packet, nb, bytes))
}

/// The frames of a send.
pub fn sent(packet: &Packet, port: u32) -> Vec<Arrived> {
    arrived(packet, port, |_, _| Fate::Delivered)
}

/// The frames of an NBL, as an end of the stack finds them.
fn arrived(packet: &Packet, port: u32, fate: impl Fn(Nb, &[u8]) -> Fate) -> Vec<Arrived> {
    let nbs = raw::nbs(packet.nbl).unwrap_or_default().into_iter().filter_map(Nb::at);
    let frames = nbs.filter_map(|nb| raw::frame(nb).ok().map(|bytes| (fate(nb, &bytes), bytes)));
    let oob = packet.oob();
    let (nbl_flags, filters_own) = (packet.nbl.nbl_flags(), packet.is_drivers());
    frames.map(|(fate, bytes)| Arrived { bytes, oob, nbl_flags, filters_own, port, fate }).collect()
}
