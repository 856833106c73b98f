//! What becomes of an original's out-of-band information and flags in a packet that replaces it, slot by slot.
//!
//! After the pages on NET_BUFFER_LIST information and NDIS_NET_BUFFER_LIST_INFO. Slots 2, 17, 22 and 23 mean different
//! things on the way down and on the way up. A slot that is not known to be harmless keeps the packet from being copied:
//! to leave it out could change what goes over the wire, or send in the clear what was to be encrypted.
//!
//! Contexts: up to DISPATCH_LEVEL, the original held.

use core::ptr::null_mut;

use crate::own::{OwnError, set_slot};
use crate::packet::NblRef;
use crate::sys::{
    MaxNetBufferListInfo, NDIS_NBL_FLAGS_IS_IPV4, NDIS_NBL_FLAGS_IS_IPV6, NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
    NDIS_NBL_FLAGS_IS_TCP, NDIS_NBL_FLAGS_IS_UDP, NDIS_NBL_FLAGS_SEND_READ_ONLY, NDIS_NET_BUFFER_LIST_FILTERING_INFO,
    NDIS_NET_BUFFER_LIST_INFO, NDIS_PORT_NUMBER, NET_BUFFER_LIST, NdisCopySendNetBufferListInfo,
    NetBufferListFilteringInfo, NetBufferListHashInfo, NetBufferListHashValue, PVOID,
    TcpSendOffloadsSupplementalNetBufferListInfo, ULONG, UdpSegmentationOffloadInfo,
};

/// What becomes of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A plain value, of the packet whatever its bytes: copied.
    Copied,
    /// A plain value that tells of the bytes: copied with them.
    WithBytes,
    /// Of the original alone, and not of what goes over the wire: left out.
    Left,
    /// A pointer, or something that changes the packet on the wire: where it is not zero there is no copy.
    Refused,
}
use Fate::{Copied, Left, Refused, WithBytes};

const SLOTS: usize = MaxNetBufferListInfo as usize;

/// Of a send.
const SEND: [Fate; SLOTS] = [
    WithBytes, // 0 TcpIpChecksum
    Refused,   // 1 IPsecOffloadV1, V2
    WithBytes, // 2 TcpLargeSend
    Refused,   // 3 ClassificationHandle: the packet scheduler's, which marks by it
    WithBytes, // 4 Ieee8021Q
    Left,      // 5 CancelId
    Refused,   // 6 MediaSpecificInformation
    Copied,    // 7 ProtocolId
    Copied,    // 8 HashValue
    Copied,    // 9 HashInfo
    Left,      // 10 Wfp
    Refused,   // 11 IPsecOffloadV2Tunnel
    Refused,   // 12 IPsecOffloadV2Header
    Left,      // 13 CorrelationId
    Left,      // 14 Filtering: a queue of the card that may be gone
    Refused,   // 15 MediaSpecificInformationEx
    Left,      // 16 NblReAuthWfpFlowContext
    Left,      // 17 NrtNameResolutionId
    Refused,   // 18 SwitchForwardingReserved
    Refused,   // 19 SwitchForwardingDetail
    Refused,   // 20 VirtualSubnet
    Refused,   // 21 IMReserved
    WithBytes, // 22 UdpSegmentationOffload
    Refused,   // 23 TcpSendOffloadsSupplemental: of encapsulated packets
    Refused,   // 24 GftOffloadInformation
    Refused,   // 25 GftFlowEntryId
    Refused,   // 26 Reserved3
];

/// Of a receive.
const RECEIVE: [Fate; SLOTS] = [
    WithBytes, // 0 TcpIpChecksum
    Refused,   // 1 IPsecOffloadV1, V2
    Left,      // 2 TcpReceiveNoPush
    Left,      // 3 ClassificationHandle
    WithBytes, // 4 Ieee8021Q
    Left,      // 5 CancelId
    Refused,   // 6 MediaSpecificInformation
    WithBytes, // 7 FrameType
    WithBytes, // 8 HashValue
    WithBytes, // 9 HashInfo
    Left,      // 10 Wfp
    Refused,   // 11 IPsecOffloadV2Tunnel
    Refused,   // 12 IPsecOffloadV2Header
    Left,      // 13 CorrelationId
    Copied,    // 14 Filtering: its QueueId
    Refused,   // 15 MediaSpecificInformationEx
    Left,      // 16 NblOriginalInterfaceIfIndex
    WithBytes, // 17 UdpRecvSegCoalesceOffload
    Refused,   // 18 SwitchForwardingReserved
    Refused,   // 19 SwitchForwardingDetail
    Refused,   // 20 VirtualSubnet
    Refused,   // 21 IMReserved
    WithBytes, // 22 TcpRecvSegCoalesce
    WithBytes, // 23 RscTcpTimestampDelta
    Refused,   // 24 GftOffloadInformation
    Refused,   // 25 GftFlowEntryId
    Refused,   // 26 Reserved3
];

/// A packet's direction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Send,
    Receive,
}

impl Direction {
    fn slots(self) -> impl Iterator<Item = (NDIS_NET_BUFFER_LIST_INFO, Fate)> {
        let fates = match self {
            Self::Send => SEND,
            Self::Receive => RECEIVE,
        };
        (0..).zip(fates)
    }
}

/// Whether a copy can stand for the original; if not, the slot that forbids it.
pub(crate) fn check(direction: Direction, original: NblRef<'_>) -> Result<(), OwnError> {
    let set = |slot| !slot_of(original, slot).is_null();
    match direction.slots().find(|&(slot, fate)| fate == Refused && set(slot)) {
        Some((slot, _)) => Err(OwnError::NotPromotable(slot)),
        None => Ok(()),
    }
}

/// What a packet of other bytes takes over from the original in whose place it goes: where it leaves, and what does not
/// tell of the bytes. Plain values, so that the original may leave first.
#[derive(Clone, Copy)]
pub struct Likeness {
    pub(crate) port: NDIS_PORT_NUMBER,
    pub(crate) flags: ULONG,
    direction: Direction,
    slots: [PVOID; SLOTS],
    nbl_flags: ULONG,
}

impl Likeness {
    pub(crate) fn of(direction: Direction, original: NblRef<'_>, port: NDIS_PORT_NUMBER, flags: ULONG) -> Self {
        let mut slots = [null_mut(); SLOTS];
        for ((slot, _), value) in direction.slots().zip(&mut slots).filter(|((_, fate), _)| *fate == Copied) {
            *value = slot_of(original, slot);
        }
        let nbl_flags = original.get().NblFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
        Self { port, flags, direction, slots, nbl_flags }
    }

    /// Gives a packet what it takes over.
    pub(crate) fn give(&self, to: &mut NET_BUFFER_LIST) {
        for ((slot, _), &value) in self.direction.slots().zip(&self.slots).filter(|((_, fate), _)| *fate == Copied) {
            set_slot(to, slot, if slot == NetBufferListFilteringInfo { queue_only(value) } else { value });
        }
        to.NblFlags = self.nbl_flags;
    }
}

/// Gives a deep copy those slots and flags that it has of its original. Its other slots stay as they are.
pub(crate) fn copy(direction: Direction, original: NblRef<'_>, to: &mut NET_BUFFER_LIST) {
    for (slot, _) in direction.slots().filter(|&(_, fate)| matches!(fate, Copied | WithBytes)) {
        let value = slot_of(original, slot);
        set_slot(to, slot, if slot == NetBufferListFilteringInfo { queue_only(value) } else { value });
    }
    to.NblFlags = original.get().NblFlags & (NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET | IS_PROTOCOL);
}

/// What is known about the headers. The other flags tell of the original's memory, or ask for something that its sender
/// is told in its completion.
const IS_PROTOCOL: u32 =
    NDIS_NBL_FLAGS_IS_IPV4 | NDIS_NBL_FLAGS_IS_IPV6 | NDIS_NBL_FLAGS_IS_TCP | NDIS_NBL_FLAGS_IS_UDP;

fn queue_only(value: PVOID) -> PVOID {
    let from = NDIS_NET_BUFFER_LIST_FILTERING_INFO { Value: value };
    let mut queue = NDIS_NET_BUFFER_LIST_FILTERING_INFO { Value: core::ptr::null_mut() };
    queue.set_FilteringInfo_QueueId(from.FilteringInfo_QueueId());
    queue.Value
}

fn slot_of(nbl: NblRef<'_>, slot: NDIS_NET_BUFFER_LIST_INFO) -> PVOID {
    usize::try_from(slot).ok().and_then(|slot| nbl.get().NetBufferListInfo.get(slot)).copied().unwrap_or_default()
}

/// What a shadow takes from its original beside what `NdisCopySendNetBufferListInfo` copies: the original outlives it, so
/// that pointers may go along.
const SHADOW_TOO: [NDIS_NET_BUFFER_LIST_INFO; 6] = [
    3, // ClassificationHandle
    NetBufferListHashValue,
    NetBufferListHashInfo,
    15, // MediaSpecificInformationEx
    UdpSegmentationOffloadInfo,
    TcpSendOffloadsSupplementalNetBufferListInfo,
];

/// What only its owner may put into an NBL: the switch's, an intermediate driver's, and what is not known.
const SHADOW_NEVER: [NDIS_NET_BUFFER_LIST_INFO; 6] = [18, 19, 21, 24, 25, 26];

/// Gives a shadow, whose slots and flags are zero, its original's.
pub(crate) fn shadow(original: NblRef<'_>, to: &mut NET_BUFFER_LIST) -> Result<(), OwnError> {
    if let Some(slot) = SHADOW_NEVER.into_iter().find(|&slot| !slot_of(original, slot).is_null()) {
        return Err(OwnError::NotPromotable(slot));
    }
    // SAFETY: an own NBL, and an original that is held.
    unsafe { NdisCopySendNetBufferListInfo(to, original.as_ptr()) };
    for slot in SHADOW_TOO {
        set_slot(to, slot, slot_of(original, slot));
    }
    to.NblFlags = original.get().NblFlags & (NDIS_NBL_FLAGS_SEND_READ_ONLY | IS_PROTOCOL);
    Ok(())
}
