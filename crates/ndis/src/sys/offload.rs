//! The offload configuration of a miniport, RSS and header-data split (`ntddndis.h`).

use super::types::*;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CHECKSUM_OFFLOAD_IPv4Transmit {
    pub Encapsulation: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_CHECKSUM_OFFLOAD_IPv4Transmit: u32, |this| this.Bits, |word| this.Bits = word;
    IpOptionsSupported, set_IpOptionsSupported: 0..=1;
    TcpOptionsSupported, set_TcpOptionsSupported: 2..=3;
    TcpChecksum, set_TcpChecksum: 4..=5;
    UdpChecksum, set_UdpChecksum: 6..=7;
    IpChecksum, set_IpChecksum: 8..=9;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CHECKSUM_OFFLOAD_IPv4Receive {
    pub Encapsulation: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_CHECKSUM_OFFLOAD_IPv4Receive: u32, |this| this.Bits, |word| this.Bits = word;
    IpOptionsSupported, set_IpOptionsSupported: 0..=1;
    TcpOptionsSupported, set_TcpOptionsSupported: 2..=3;
    TcpChecksum, set_TcpChecksum: 4..=5;
    UdpChecksum, set_UdpChecksum: 6..=7;
    IpChecksum, set_IpChecksum: 8..=9;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CHECKSUM_OFFLOAD_IPv6Transmit {
    pub Encapsulation: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_CHECKSUM_OFFLOAD_IPv6Transmit: u32, |this| this.Bits, |word| this.Bits = word;
    IpExtensionHeadersSupported, set_IpExtensionHeadersSupported: 0..=1;
    TcpOptionsSupported, set_TcpOptionsSupported: 2..=3;
    TcpChecksum, set_TcpChecksum: 4..=5;
    UdpChecksum, set_UdpChecksum: 6..=7;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CHECKSUM_OFFLOAD_IPv6Receive {
    pub Encapsulation: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_CHECKSUM_OFFLOAD_IPv6Receive: u32, |this| this.Bits, |word| this.Bits = word;
    IpExtensionHeadersSupported, set_IpExtensionHeadersSupported: 0..=1;
    TcpOptionsSupported, set_TcpOptionsSupported: 2..=3;
    TcpChecksum, set_TcpChecksum: 4..=5;
    UdpChecksum, set_UdpChecksum: 6..=7;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_IP_CHECKSUM_OFFLOAD {
    pub IPv4Transmit: NDIS_CHECKSUM_OFFLOAD_IPv4Transmit,
    pub IPv4Receive: NDIS_CHECKSUM_OFFLOAD_IPv4Receive,
    pub IPv6Transmit: NDIS_CHECKSUM_OFFLOAD_IPv6Transmit,
    pub IPv6Receive: NDIS_CHECKSUM_OFFLOAD_IPv6Receive,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_V1_IPv4 {
    pub Encapsulation: ULONG,
    pub MaxOffLoadSize: ULONG,
    pub MinSegmentCount: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_TCP_LARGE_SEND_OFFLOAD_V1_IPv4: u32, |this| this.Bits, |word| this.Bits = word;
    TcpOptions, set_TcpOptions: 0..=1;
    IpOptions, set_IpOptions: 2..=3;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_V1 {
    pub IPv4: NDIS_TCP_LARGE_SEND_OFFLOAD_V1_IPv4,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_IPSEC_OFFLOAD_V1_Supported {
    pub Encapsulation: ULONG,
    pub AhEspCombined: ULONG,
    pub TransportTunnelCombined: ULONG,
    pub IPv4Options: ULONG,
    pub Flags: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_IPSEC_OFFLOAD_V1_IPv4AH {
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_IPSEC_OFFLOAD_V1_IPv4AH: u32, |this| this.Bits, |word| this.Bits = word;
    Md5, set_Md5: 0..=1;
    Sha_1, set_Sha_1: 2..=3;
    Transport, set_Transport: 4..=5;
    Tunnel, set_Tunnel: 6..=7;
    Send, set_Send: 8..=9;
    Receive, set_Receive: 10..=11;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_IPSEC_OFFLOAD_V1_IPv4ESP {
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_IPSEC_OFFLOAD_V1_IPv4ESP: u32, |this| this.Bits, |word| this.Bits = word;
    Des, set_Des: 0..=1;
    Reserved, set_Reserved: 2..=3;
    TripleDes, set_TripleDes: 4..=5;
    NullEsp, set_NullEsp: 6..=7;
    Transport, set_Transport: 8..=9;
    Tunnel, set_Tunnel: 10..=11;
    Send, set_Send: 12..=13;
    Receive, set_Receive: 14..=15;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_IPSEC_OFFLOAD_V1 {
    pub Supported: NDIS_IPSEC_OFFLOAD_V1_Supported,
    pub IPv4AH: NDIS_IPSEC_OFFLOAD_V1_IPv4AH,
    pub IPv4ESP: NDIS_IPSEC_OFFLOAD_V1_IPv4ESP,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_V2_IPv4 {
    pub Encapsulation: ULONG,
    pub MaxOffLoadSize: ULONG,
    pub MinSegmentCount: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_V2_IPv6 {
    pub Encapsulation: ULONG,
    pub MaxOffLoadSize: ULONG,
    pub MinSegmentCount: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_TCP_LARGE_SEND_OFFLOAD_V2_IPv6: u32, |this| this.Bits, |word| this.Bits = word;
    IpExtensionHeadersSupported, set_IpExtensionHeadersSupported: 0..=1;
    TcpOptionsSupported, set_TcpOptionsSupported: 2..=3;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_V2 {
    pub IPv4: NDIS_TCP_LARGE_SEND_OFFLOAD_V2_IPv4,
    pub IPv6: NDIS_TCP_LARGE_SEND_OFFLOAD_V2_IPv6,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_IPSEC_OFFLOAD_V2 {
    pub Encapsulation: ULONG,
    pub IPv6Supported: BOOLEAN,
    pub IPv4Options: BOOLEAN,
    pub IPv6NonIPsecExtensionHeaders: BOOLEAN,
    pub Ah: BOOLEAN,
    pub Esp: BOOLEAN,
    pub AhEspCombined: BOOLEAN,
    pub Transport: BOOLEAN,
    pub Tunnel: BOOLEAN,
    pub TransportTunnelCombined: BOOLEAN,
    pub LsoSupported: BOOLEAN,
    pub ExtendedSequenceNumbers: BOOLEAN,
    pub UdpEsp: ULONG,
    pub AuthenticationAlgorithms: ULONG,
    pub EncryptionAlgorithms: ULONG,
    pub SaOffloadCapacity: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD_IPv4 {
    pub Enabled: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD_IPv6 {
    pub Enabled: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD {
    pub IPv4: NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD_IPv4,
    pub IPv6: NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD_IPv6,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD {
    pub Bits: ULONG,
    pub MaxHeaderSizeSupported: ULONG,
}

bit_fields! {
    NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD: u32, |this| this.Bits, |word| this.Bits = word;
    TransmitChecksumOffloadSupported, set_TransmitChecksumOffloadSupported: 0..=3;
    ReceiveChecksumOffloadSupported, set_ReceiveChecksumOffloadSupported: 4..=7;
    LsoV2Supported, set_LsoV2Supported: 8..=11;
    RssSupported, set_RssSupported: 12..=15;
    VmqSupported, set_VmqSupported: 16..=19;
    UsoSupported, set_UsoSupported: 20..=23;
    Reserved, set_Reserved: 24..=31;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct VXLAN_INFO {
    pub VxlanUDPPortNumber: USHORT,
    pub Bits: USHORT,
}

bit_fields! {
    VXLAN_INFO: u16, |this| this.Bits, |word| this.Bits = word;
    VxlanUDPPortNumberConfigurable, set_VxlanUDPPortNumberConfigurable: 0..=0;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union ENCAPSULATION_PROTOCOL_INFO {
    pub VxlanInfo: VXLAN_INFO,
    pub Value: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD_V2 {
    pub Bits: ULONG,
    pub MaxHeaderSizeSupported: ULONG,
    pub EncapsulationProtocolInfo: ENCAPSULATION_PROTOCOL_INFO,
    pub Reserved1: ULONG,
    pub Reserved2: ULONG,
}

bit_fields! {
    NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD_V2: u32, |this| this.Bits, |word| this.Bits = word;
    TransmitChecksumOffloadSupported, set_TransmitChecksumOffloadSupported: 0..=3;
    ReceiveChecksumOffloadSupported, set_ReceiveChecksumOffloadSupported: 4..=7;
    LsoV2Supported, set_LsoV2Supported: 8..=11;
    RssSupported, set_RssSupported: 12..=15;
    VmqSupported, set_VmqSupported: 16..=19;
    UsoSupported, set_UsoSupported: 20..=23;
    Reserved, set_Reserved: 24..=31;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RFC6877_464XLAT_OFFLOAD {
    pub XlatOffload: NDIS_RFC6877_464XLAT_OFFLOAD_OPTIONS,
    pub Flags: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_UDP_SEGMENTATION_OFFLOAD_IPv4 {
    pub Encapsulation: ULONG,
    pub MaxOffLoadSize: ULONG,
    pub Bits: ULONG,
}

bit_fields! {
    NDIS_UDP_SEGMENTATION_OFFLOAD_IPv4: u32, |this| this.Bits, |word| this.Bits = word;
    MinSegmentCount, set_MinSegmentCount: 0..=5;
    SubMssFinalSegmentSupported, set_SubMssFinalSegmentSupported: 6..=6;
    Reserved, set_Reserved: 7..=31;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_UDP_SEGMENTATION_OFFLOAD_IPv6 {
    pub Encapsulation: ULONG,
    pub MaxOffLoadSize: ULONG,
    pub Bits0: ULONG,
    pub Bits1: ULONG,
}

bit_fields! {
    NDIS_UDP_SEGMENTATION_OFFLOAD_IPv6: u64,
    |this| u64::from(this.Bits0) | u64::from(this.Bits1) << 32,
    |word| (this.Bits0, this.Bits1) = (word as u32, (word >> 32) as u32);
    MinSegmentCount, set_MinSegmentCount: 0..=5;
    SubMssFinalSegmentSupported, set_SubMssFinalSegmentSupported: 6..=6;
    Reserved1, set_Reserved1: 7..=31;
    IpExtensionHeadersSupported, set_IpExtensionHeadersSupported: 32..=33;
    Reserved2, set_Reserved2: 34..=63;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_UDP_SEGMENTATION_OFFLOAD {
    pub IPv4: NDIS_UDP_SEGMENTATION_OFFLOAD_IPv4,
    pub IPv6: NDIS_UDP_SEGMENTATION_OFFLOAD_IPv6,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OFFLOAD {
    pub Header: NDIS_OBJECT_HEADER,
    pub Checksum: NDIS_TCP_IP_CHECKSUM_OFFLOAD,
    pub LsoV1: NDIS_TCP_LARGE_SEND_OFFLOAD_V1,
    pub IPsecV1: NDIS_IPSEC_OFFLOAD_V1,
    pub LsoV2: NDIS_TCP_LARGE_SEND_OFFLOAD_V2,
    pub Flags: ULONG,
    pub IPsecV2: NDIS_IPSEC_OFFLOAD_V2,
    pub Rsc: NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD,
    pub EncapsulatedPacketTaskOffloadGre: NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD,
    pub EncapsulatedPacketTaskOffloadVxlan: NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD_V2,
    pub EncapsulationTypes: UCHAR,
    pub Rfc6877Xlat: NDIS_RFC6877_464XLAT_OFFLOAD,
    pub UdpSegmentation: NDIS_UDP_SEGMENTATION_OFFLOAD,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_SCALE_CAPABILITIES {
    pub Header: NDIS_OBJECT_HEADER,
    pub CapabilitiesFlags: NDIS_RSS_CAPS_FLAGS,
    pub NumberOfInterruptMessages: ULONG,
    pub NumberOfReceiveQueues: ULONG,
    pub NumberOfIndirectionTableEntries: USHORT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_HD_SPLIT_CURRENT_CONFIG {
    pub Header: NDIS_OBJECT_HEADER,
    pub HardwareCapabilities: ULONG,
    pub CurrentCapabilities: ULONG,
    pub HDSplitFlags: ULONG,
    pub HDSplitCombineFlags: ULONG,
    pub BackfillSize: ULONG,
    pub MaxHeaderSize: ULONG,
}
