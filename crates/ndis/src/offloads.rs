//! What a card offers to do with sends now: its current task offload configuration.
//!
//! After the pages on NDIS_OFFLOAD and NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG: in a configuration that is current, what
//! is not 0 is on. Older revisions of the structure are shorter; what they leave out is off.
//!
//! Contexts: any; plain values.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::headers::{Network, Transport, headers};
use crate::replace::Offload;
use crate::sys::{NDIS_OBJECT_HEADER, NDIS_OFFLOAD};

/// What is offered. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    v4: OfNetwork,
    v6: OfNetwork,
}

/// What is offered over IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfNetwork {
    ip_checksum: bool,
    tcp: OfTransport,
    udp: OfTransport,
}

/// What is offered for TCP or UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfTransport {
    checksum: bool,
    /// Most bytes of a packet that is to be cut; 0 where none is.
    most: u32,
    /// Fewest segments that it is cut into.
    fewest: u32,
}

impl Offloads {
    /// # Safety
    /// `raw` is null, or an NDIS_OFFLOAD as its header says, of `room` bytes at most.
    pub(crate) unsafe fn from_raw(raw: *const NDIS_OFFLOAD, room: usize) -> Self {
        let Some(raw) = NonNull::new(raw.cast_mut()).filter(|_| room >= size_of::<NDIS_OBJECT_HEADER>()) else {
            return Self::default();
        };
        // SAFETY: there is a header.
        let header = unsafe { raw.cast::<NDIS_OBJECT_HEADER>().read_unaligned() };
        let len = usize::from(header.Size).min(room).min(size_of::<NDIS_OFFLOAD>());
        let mut known = MaybeUninit::<NDIS_OFFLOAD>::zeroed();
        // SAFETY: `len` bytes are there, and fit.
        unsafe { known.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(raw.as_ptr().cast(), len) };
        // SAFETY: a structure of integers, any of which may be 0.
        Self::of(&unsafe { known.assume_init() })
    }

    fn of(raw: &NDIS_OFFLOAD) -> Self {
        let (v4, v6) = (&raw.Checksum.IPv4Transmit, &raw.Checksum.IPv6Transmit);
        let (tcp_v4, tcp_v6) = (&raw.LsoV2.IPv4, &raw.LsoV2.IPv6);
        let (udp_v4, udp_v6) = (&raw.UdpSegmentation.IPv4, &raw.UdpSegmentation.IPv6);
        Self {
            v4: OfNetwork {
                ip_checksum: v4.IpChecksum() != 0,
                tcp: OfTransport {
                    checksum: v4.TcpChecksum() != 0,
                    most: tcp_v4.MaxOffLoadSize,
                    fewest: tcp_v4.MinSegmentCount,
                },
                udp: OfTransport {
                    checksum: v4.UdpChecksum() != 0,
                    most: udp_v4.MaxOffLoadSize,
                    fewest: udp_v4.MinSegmentCount(),
                },
            },
            v6: OfNetwork {
                ip_checksum: false,
                tcp: OfTransport {
                    checksum: v6.TcpChecksum() != 0,
                    most: tcp_v6.MaxOffLoadSize,
                    fewest: tcp_v6.MinSegmentCount,
                },
                udp: OfTransport {
                    checksum: v6.UdpChecksum() != 0,
                    most: udp_v6.MaxOffLoadSize,
                    fewest: udp_v6.MinSegmentCount() as u32,
                },
            },
        }
    }

    /// Whether the card does what is asked of it with this frame.
    #[must_use]
    pub fn do_for(&self, offload: Offload, frame: &[u8]) -> bool {
        if offload == Offload::default() {
            return true;
        }
        let Some(headers) = headers(frame) else {
            return false;
        };
        let network = match headers.network {
            Network::V4 => &self.v4,
            Network::V6 => &self.v6,
        };
        let transport = headers.transport.map(|(transport, at)| match transport {
            Transport::Tcp => (&network.tcp, at),
            Transport::Udp => (&network.udp, at),
        });
        let checksum = !offload.transport_checksum || transport.is_some_and(|(offered, _)| offered.checksum);
        let segments = offload.segment.is_none_or(|segment| {
            transport.is_some_and(|(offered, at)| {
                let count = frame.len().saturating_sub(at) / segment.get() as usize;
                frame.len() <= offered.most as usize && count >= offered.fewest as usize
            })
        });
        (!offload.ip_checksum || network.ip_checksum) && checksum && segments
    }
}
