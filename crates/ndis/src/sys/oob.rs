//! Out-of-band (OOB) information of an NBL: what a slot of `NetBufferListInfo` holds, told by its index
//! (`NDIS_NET_BUFFER_LIST_INFO`). Slots 2, 17, 22 and 23 mean different things on the way down and on the way up.

use super::types::*;

/// A slot's word, as the headers' bit-field views see it: the low 32 bits of the pointer-sized `Value`.
fn word(value: PVOID) -> u32 {
    value.addr() as u32
}

/// `value` with its low 32 bits replaced.
fn with_word(value: PVOID, word: u32) -> PVOID {
    core::ptr::without_provenance_mut((value.addr() >> 32 << 32) | word as usize)
}

macro_rules! slot {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[repr(transparent)]
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            pub Value: PVOID,
        }
    };
}

slot! {
    /// Slot `TcpIpChecksumNetBufferListInfo`: what a sender asks for, or what a receiver found.
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO
}
bit_fields! {
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO: u32, |this| word(this.Value), |new| this.Value = with_word(this.Value, new);
    Transmit_IsIPv4, set_Transmit_IsIPv4: 0..=0;
    Transmit_IsIPv6, set_Transmit_IsIPv6: 1..=1;
    Transmit_TcpChecksum, set_Transmit_TcpChecksum: 2..=2;
    Transmit_UdpChecksum, set_Transmit_UdpChecksum: 3..=3;
    Transmit_IpHeaderChecksum, set_Transmit_IpHeaderChecksum: 4..=4;
    Transmit_Reserved, set_Transmit_Reserved: 5..=15;
    Transmit_TcpHeaderOffset, set_Transmit_TcpHeaderOffset: 16..=25;
    Receive_TcpChecksumFailed, set_Receive_TcpChecksumFailed: 0..=0;
    Receive_UdpChecksumFailed, set_Receive_UdpChecksumFailed: 1..=1;
    Receive_IpChecksumFailed, set_Receive_IpChecksumFailed: 2..=2;
    Receive_TcpChecksumSucceeded, set_Receive_TcpChecksumSucceeded: 3..=3;
    Receive_UdpChecksumSucceeded, set_Receive_UdpChecksumSucceeded: 4..=4;
    Receive_IpChecksumSucceeded, set_Receive_IpChecksumSucceeded: 5..=5;
    Receive_Loopback, set_Receive_Loopback: 6..=6;
    Receive_TcpChecksumValueInvalid, set_Receive_TcpChecksumValueInvalid: 7..=7;
    Receive_IpChecksumValueInvalid, set_Receive_IpChecksumValueInvalid: 8..=8;
}

slot! {
    /// Slot `TcpLargeSendNetBufferListInfo` of a send: large send offload, versions 1 and 2, request and completion.
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO
}
bit_fields! {
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO: u32, |this| word(this.Value), |new| this.Value = with_word(this.Value, new);
    Transmit_Unused, set_Transmit_Unused: 0..=29;
    Transmit_Type, set_Transmit_Type: 30..=30;
    Transmit_Reserved2, set_Transmit_Reserved2: 31..=31;
    LsoV1Transmit_MSS, set_LsoV1Transmit_MSS: 0..=19;
    LsoV1Transmit_TcpHeaderOffset, set_LsoV1Transmit_TcpHeaderOffset: 20..=29;
    LsoV1Transmit_Type, set_LsoV1Transmit_Type: 30..=30;
    LsoV1Transmit_Reserved2, set_LsoV1Transmit_Reserved2: 31..=31;
    LsoV1TransmitComplete_TcpPayload, set_LsoV1TransmitComplete_TcpPayload: 0..=29;
    LsoV1TransmitComplete_Type, set_LsoV1TransmitComplete_Type: 30..=30;
    LsoV1TransmitComplete_Reserved2, set_LsoV1TransmitComplete_Reserved2: 31..=31;
    LsoV2Transmit_MSS, set_LsoV2Transmit_MSS: 0..=19;
    LsoV2Transmit_TcpHeaderOffset, set_LsoV2Transmit_TcpHeaderOffset: 20..=29;
    LsoV2Transmit_Type, set_LsoV2Transmit_Type: 30..=30;
    LsoV2Transmit_IPVersion, set_LsoV2Transmit_IPVersion: 31..=31;
    LsoV2TransmitComplete_Reserved, set_LsoV2TransmitComplete_Reserved: 0..=29;
    LsoV2TransmitComplete_Type, set_LsoV2TransmitComplete_Type: 30..=30;
    LsoV2TransmitComplete_Reserved2, set_LsoV2TransmitComplete_Reserved2: 31..=31;
}

slot! {
    /// Slot `UdpSegmentationOffloadInfo` of a send.
    NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO
}
bit_fields! {
    NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO: u32, |this| word(this.Value), |new| this.Value = with_word(this.Value, new);
    Transmit_MSS, set_Transmit_MSS: 0..=19;
    Transmit_UdpHeaderOffset, set_Transmit_UdpHeaderOffset: 20..=29;
    Transmit_Reserved, set_Transmit_Reserved: 30..=30;
    Transmit_IPVersion, set_Transmit_IPVersion: 31..=31;
}

slot! {
    /// Slot `Ieee8021QNetBufferListInfo`: the 802.1Q tag that is not in the frame's bytes. All zero means no tag.
    NDIS_NET_BUFFER_LIST_8021Q_INFO
}
bit_fields! {
    NDIS_NET_BUFFER_LIST_8021Q_INFO: u32, |this| word(this.Value), |new| this.Value = with_word(this.Value, new);
    TagHeader_UserPriority, set_TagHeader_UserPriority: 0..=2;
    TagHeader_CanonicalFormatId, set_TagHeader_CanonicalFormatId: 3..=3;
    TagHeader_VlanId, set_TagHeader_VlanId: 4..=15;
    TagHeader_Reserved, set_TagHeader_Reserved: 16..=31;
    WLanTagHeader_UserPriority, set_WLanTagHeader_UserPriority: 0..=2;
    WLanTagHeader_CanonicalFormatId, set_WLanTagHeader_CanonicalFormatId: 3..=3;
    WLanTagHeader_VlanId, set_WLanTagHeader_VlanId: 4..=15;
    WLanTagHeader_WMMInfo, set_WLanTagHeader_WMMInfo: 16..=19;
    WLanTagHeader_Reserved, set_WLanTagHeader_Reserved: 20..=31;
}

slot! {
    /// Slot `TcpRecvSegCoalesceInfo` of a receive: how many segments were coalesced into this one.
    NDIS_RSC_NBL_INFO
}
bit_fields! {
    NDIS_RSC_NBL_INFO: u32, |this| word(this.Value), |new| this.Value = with_word(this.Value, new);
    Info_CoalescedSegCount, set_Info_CoalescedSegCount: 0..=15;
    Info_DupAckCount, set_Info_DupAckCount: 16..=31;
}

slot! {
    /// Slot `NetBufferListFilteringInfo` of a receive. The facts have no row for it: its two halves are documented at
    /// NDIS_NET_BUFFER_LIST_FILTERING_INFO.
    NDIS_NET_BUFFER_LIST_FILTERING_INFO
}
bit_fields! {
    NDIS_NET_BUFFER_LIST_FILTERING_INFO: u32, |this| word(this.Value), |new| this.Value = with_word(this.Value, new);
    FilteringInfo_FilterId, set_FilteringInfo_FilterId: 0..=15;
    FilteringInfo_QueueId, set_FilteringInfo_QueueId: 16..=31;
}
