//! Packets of the module's own from bytes that a program gives: in the place of an original, or where there was none.
//!
//! Contexts: up to DISPATCH_LEVEL. A replacement is made where its bytes come from, and told whose place it takes where
//! both leave: what it takes over then are plain values, and nothing can fail any more.
//!
//! Of the original's out-of-band information only what does not tell of its bytes is kept; slots that keep it from being
//! copied keep it from being replaced. A tag that the bytes begin with goes out of band where the original's was there.
//! A receive gets its FrameType from the bytes. A send asks for offloads only as told, whatever the original asked for.

use core::num::NonZeroU32;
use core::ptr::{null_mut, without_provenance_mut};

use crate::assemble::{Pieces, assemble};
use crate::headers::{ADDRESSES, ETHERNET, Headers, Network, TAG, Transport, headers, leading_tag};
use crate::held::{HeldRecv, HeldSend};
pub use crate::oob::Likeness;
use crate::oob::{self, Direction};
use crate::own::{OwnError, OwnNbl, OwnRecv, OwnSend, set_slot};
use crate::pool::NblPool;
use crate::sys::{
    Ieee8021QNetBufferListInfo, NDIS_NET_BUFFER_LIST_8021Q_INFO, NDIS_PORT_NUMBER, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO,
    NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE, NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO, NetBufferListFrameType,
    PVOID, TcpIpChecksumNetBufferListInfo, TcpLargeSendNetBufferListInfo, ULONG, UdpSegmentationOffloadInfo,
};

/// What a send asks the card to do. The card's current configuration has to have it, which the caller knows; and where a
/// transport checksum or segmentation is asked for, the bytes have in its place what the card starts from (the sum of
/// the pseudo header).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// The checksum of the IPv4 header.
    pub ip_checksum: bool,
    /// The checksum of TCP or UDP.
    pub transport_checksum: bool,
    /// Cut into segments with this many bytes of payload: LSO version 2 of TCP, USO of UDP. Then the frame may be larger
    /// than the MTU.
    pub segment: Option<NonZeroU32>,
}

/// A frame that is to be sent or indicated.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// All of it from the destination address on, without FCS; a tag in its place.
    pub bytes: &'a [u8],
    /// The most bytes that the adapter takes behind the Ethernet header and its tag (`MtuSize`).
    pub mtu: u32,
}

macro_rules! likeness {
    ($($packet:ty => $direction:ident, $flags:expr;)*) => {$(
        impl $packet {
            /// What a packet that goes in this one's place takes over from it.
            #[must_use]
            pub fn likeness(&self) -> Likeness {
                let flags: fn(&Self) -> ULONG = $flags;
                Likeness::of(Direction::$direction, self.nbl(), self.port(), flags(self))
            }

            /// Whether a packet of the module's own can go in this one's place: it carries nothing out of band that
            /// would be lost and changes what goes over the wire.
            #[must_use]
            pub fn is_replaceable(&self) -> bool {
                oob::check(Direction::$direction, self.nbl()).is_ok()
            }
        }
    )*};
}

// A receive of our own has no shared memory information, and no other flag of a receive stays with its NBL.
likeness! {
    HeldSend => Send, Self::flags;
    OwnSend => Send, Self::flags;
    HeldRecv => Receive, |_| 0;
    OwnRecv => Receive, |_| 0;
}

impl OwnSend {
    /// Makes this a packet that goes in another's place.
    pub fn in_place_of(self, original: &Likeness) -> Self {
        Self::new(self.into_own().in_place_of(original))
    }
}

impl OwnRecv {
    /// Makes this a packet that goes in another's place.
    pub fn in_place_of(self, original: &Likeness) -> Self {
        Self::new(self.into_own().in_place_of(original))
    }
}

impl OwnNbl {
    fn in_place_of(mut self, original: &Likeness) -> Self {
        original.give(self.fields());
        self.leave_with(original.port, original.flags);
        self
    }
}

impl NblPool {
    /// Makes a send of one frame that is to go [in another's place](OwnSend::in_place_of). `tagged`: the other's VLAN tag
    /// lies beside its bytes, so that of these bytes is put there too.
    ///
    /// # Errors
    /// [`OwnError`].
    pub fn replacing_send(&self, frame: Frame<'_>, offload: Offload, tagged: bool) -> Result<OwnSend, OwnError> {
        send(self, Leaves { port: 0, flags: 0 }, &Layout::new(frame, offload, tagged)?).map(OwnSend::new)
    }

    /// Makes a receive that is to go [in another's place](OwnRecv::in_place_of). `tagged` as for a
    /// [send](Self::replacing_send).
    ///
    /// # Errors
    /// [`OwnError`].
    pub fn replacing_receive(&self, frame: Frame<'_>, tagged: bool) -> Result<OwnRecv, OwnError> {
        receive(self, 0, &Layout::new(frame, Offload::default(), tagged)?).map(OwnRecv::new)
    }
}

impl NblPool {
    /// Makes a send in no packet's place. A tag stays in the frame's bytes. NDIS loops it back where it has to.
    ///
    /// # Errors
    /// [`OwnError`].
    pub fn send(&self, port: NDIS_PORT_NUMBER, frame: Frame<'_>, offload: Offload) -> Result<OwnSend, OwnError> {
        let leaves = Leaves { port, flags: NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK };
        send(self, leaves, &Layout::new(frame, offload, false)?).map(OwnSend::new)
    }

    /// Makes a receive in no packet's place. A tag stays in the frame's bytes.
    ///
    /// # Errors
    /// [`OwnError`].
    pub fn receive(&self, port: NDIS_PORT_NUMBER, frame: Frame<'_>) -> Result<OwnRecv, OwnError> {
        receive(self, port, &Layout::new(frame, Offload::default(), false)?).map(OwnRecv::new)
    }
}

/// The call that a packet is to leave by.
#[derive(Clone, Copy)]
struct Leaves {
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
}

/// A send with what its layout asks for.
fn send(pool: &NblPool, leaves: Leaves, layout: &Layout<'_>) -> Result<OwnNbl, OwnError> {
    let mut own = assemble(pool, leaves.port, leaves.flags, core::iter::once(layout.bytes))?;
    let nbl = own.fields();
    set_slot(nbl, Ieee8021QNetBufferListInfo, layout.tag);
    set_slot(nbl, TcpIpChecksumNetBufferListInfo, layout.requests.checksum);
    set_slot(nbl, TcpLargeSendNetBufferListInfo, layout.requests.large_send);
    set_slot(nbl, UdpSegmentationOffloadInfo, layout.requests.udp_segmentation);
    Ok(own)
}

/// A receive of the type that its bytes say.
fn receive(pool: &NblPool, port: NDIS_PORT_NUMBER, layout: &Layout<'_>) -> Result<OwnNbl, OwnError> {
    let mut own = assemble(pool, port, 0, core::iter::once(layout.bytes))?;
    let nbl = own.fields();
    set_slot(nbl, Ieee8021QNetBufferListInfo, layout.tag);
    // In network byte order, as it lies in the frame.
    set_slot(nbl, NetBufferListFrameType, without_provenance_mut(usize::from(layout.ether_type.to_be())));
    Ok(own)
}

/// How a frame becomes a packet.
struct Layout<'a> {
    /// The bytes that go into it.
    bytes: Pieces<'a>,
    /// The word of the tag that does not; null where there is none.
    tag: PVOID,
    ether_type: u16,
    requests: Requests,
}

impl<'a> Layout<'a> {
    /// With `strip` a tag that the frame begins with is taken out of its bytes.
    fn new(frame: Frame<'a>, offload: Offload, strip: bool) -> Result<Self, OwnError> {
        let Frame { bytes, mtu } = frame;
        let tci = leading_tag(bytes);
        let header = if tci.is_some() { ETHERNET + TAG } else { ETHERNET };
        let payload = bytes.len().checked_sub(header).ok_or(OwnError::Length)?;
        if payload > mtu as usize && offload.segment.is_none() {
            return Err(OwnError::TooLong);
        }
        let tci = tci.filter(|_| strip);
        let stripped = if tci.is_some() { TAG } else { 0 };
        let (addresses, rest) = bytes.split_at_checked(ADDRESSES).ok_or(OwnError::Length)?;
        let rest = rest.get(stripped..).ok_or(OwnError::Length)?;
        let &[high, low, ..] = rest else {
            return Err(OwnError::Length);
        };
        Ok(Self {
            bytes: Pieces(addresses, rest),
            tag: tci.map_or(null_mut(), tag_word),
            ether_type: u16::from_be_bytes([high, low]),
            requests: requests(bytes, stripped, offload).ok_or(OwnError::Offload)?,
        })
    }
}

/// The word of the tag's slot; null where the tag says nothing, which NDIS takes for none.
fn tag_word(tci: u16) -> PVOID {
    let tci = u32::from(tci);
    let mut tag = NDIS_NET_BUFFER_LIST_8021Q_INFO { Value: null_mut() };
    tag.set_TagHeader_UserPriority(tci >> 13);
    tag.set_TagHeader_CanonicalFormatId(tci >> 12);
    tag.set_TagHeader_VlanId(tci);
    tag.Value
}

/// The words of the slots by which a send asks for offloads; null for none.
struct Requests {
    checksum: PVOID,
    large_send: PVOID,
    udp_segmentation: PVOID,
}

/// The words for `offload` of a frame that goes without `stripped` of its bytes; none where its headers do not allow it.
fn requests(frame: &[u8], stripped: usize, offload: Offload) -> Option<Requests> {
    let mut requests = Requests { checksum: null_mut(), large_send: null_mut(), udp_segmentation: null_mut() };
    if offload == Offload::default() {
        return Some(requests);
    }
    let Headers { network, transport } = headers(frame)?;
    let is_v4 = network == Network::V4;
    if offload.ip_checksum && !is_v4 || (offload.transport_checksum || offload.segment.is_some()) && transport.is_none()
    {
        return None;
    }
    let at = transport.map_or(0, |(_, at)| at - stripped);
    let at = u32::try_from(at).ok().filter(|&at| at <= MAX_HEADER_OFFSET)?;
    let is = |protocol| transport.is_some_and(|(transport, _)| transport == protocol);
    if offload.ip_checksum || offload.transport_checksum {
        let mut info = NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO { Value: null_mut() };
        info.set_Transmit_IsIPv4(is_v4.into());
        info.set_Transmit_IsIPv6((!is_v4).into());
        info.set_Transmit_IpHeaderChecksum(offload.ip_checksum.into());
        info.set_Transmit_TcpChecksum((offload.transport_checksum && is(Transport::Tcp)).into());
        info.set_Transmit_UdpChecksum((offload.transport_checksum && is(Transport::Udp)).into());
        info.set_Transmit_TcpHeaderOffset(at);
        requests.checksum = info.Value;
    }
    let Some(segment) = offload.segment else {
        return Some(requests);
    };
    let segment = Some(segment.get()).filter(|&bytes| bytes <= MAX_SEGMENT)?;
    // Both words say 1 for IPv6.
    let version = u32::from(!is_v4);
    if is(Transport::Tcp) {
        let mut info = NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO { Value: null_mut() };
        info.set_LsoV2Transmit_MSS(segment);
        info.set_LsoV2Transmit_TcpHeaderOffset(at);
        info.set_LsoV2Transmit_Type(NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
        info.set_LsoV2Transmit_IPVersion(version);
        requests.large_send = info.Value;
    } else {
        let mut info = NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO { Value: null_mut() };
        info.set_Transmit_MSS(segment);
        info.set_Transmit_UdpHeaderOffset(at);
        info.set_Transmit_IPVersion(version);
        requests.udp_segmentation = info.Value;
    }
    Some(requests)
}

/// What the 10 bits of a header's offset hold.
const MAX_HEADER_OFFSET: u32 = 0x3ff;
/// What the 20 bits of a segment's size hold.
const MAX_SEGMENT: u32 = 0xf_ffff;
