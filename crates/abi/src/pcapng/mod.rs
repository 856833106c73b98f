//! pcapng: the blocks that the driver's records and the program's files are made of.
//!
//! The plans compute every size first and write headers and trailers apart from the payload, so that a payload goes from where it lies straight to where it is read. [`Blocks`]
//! reads strictly and never panics. Little-endian only: what the driver writes and the program
//! keeps. Numbers and layouts: draft-ietf-opsawg-pcapng.

mod read;
mod write;

pub use read::{Block, BlockError, BlockErrorKind, Blocks, Interface, MalformedOption, OptionField, Options, Packet};
pub use write::{
    EPB_HEADER_LEN, EPB_MAX_TRAILER, EpbPlan, FILLER_HEADER_LEN, FILLER_TRAILER_LEN, IDB_MAX_LEN, IdbPlan, IsbPlan,
    MIN_BLOCK_LEN, SHB_MAX_LEN, ShbPlan, epb_max_len, filler_header, filler_trailer,
};

/// Section Header Block.
pub const BLOCK_SECTION: u32 = 0x0A0D_0D0A;
/// Interface Description Block.
pub const BLOCK_INTERFACE: u32 = 1;
/// Interface Statistics Block.
pub const BLOCK_STATISTICS: u32 = 5;
/// Enhanced Packet Block.
pub const BLOCK_PACKET: u32 = 6;
/// Filler: a block without content, of the types left to local use, which readers skip. It stands
/// where a record's copy failed half-way after its room in a read had been reserved.
pub const BLOCK_FILLER: u32 = 0x8000_4E42;

/// `LINKTYPE_ETHERNET`
pub const LINKTYPE_ETHERNET: u16 = 1;

/// Option codes, by the block they belong to.
pub mod option {
    /// Ends a list of options.
    pub const END: u16 = 0;
    /// A comment, in any block.
    pub const COMMENT: u16 = 1;
    /// SHB: the operating system.
    pub const SHB_OS: u16 = 3;
    /// SHB: the program that wrote the section.
    pub const SHB_USERAPPL: u16 = 4;
    /// IDB: the interface's device name.
    pub const IF_NAME: u16 = 2;
    /// IDB: the interface's name for people.
    pub const IF_DESCRIPTION: u16 = 3;
    /// IDB: 6 bytes of hardware address.
    pub const IF_MACADDR: u16 = 6;
    /// IDB: bits a second, `u64`.
    pub const IF_SPEED: u16 = 8;
    /// IDB: resolution of the timestamps; 9 is nanoseconds.
    pub const IF_TSRESOL: u16 = 9;
    /// EPB: [`EpbFlags`](super::EpbFlags), `u32`.
    pub const EPB_FLAGS: u16 = 2;
    /// EPB: frames lost between this one and the one before, `u64`.
    pub const EPB_DROPCOUNT: u16 = 4;
    /// EPB: the frame's ticket, `u64`.
    pub const EPB_PACKETID: u16 = 5;
    /// EPB: the interface's queue, `u32`.
    pub const EPB_QUEUE: u16 = 6;
    /// ISB: when the capture began; high and low `u32` like a packet's time.
    pub const ISB_STARTTIME: u16 = 2;
    /// ISB: when it ended.
    pub const ISB_ENDTIME: u16 = 3;
    /// ISB: frames that the interface received, `u64`.
    pub const ISB_IFRECV: u16 = 4;
    /// ISB: frames that the interface dropped, `u64`.
    pub const ISB_IFDROP: u16 = 5;
    /// ISB: frames that the filter accepted, `u64`.
    pub const ISB_FILTERACCEPT: u16 = 6;
    /// ISB: frames that the operating system dropped, `u64`.
    pub const ISB_OSDROP: u16 = 7;
    /// ISB: frames delivered to the user, `u64`.
    pub const ISB_USRDELIV: u16 = 8;
}

bitflags::bitflags! {
    /// `epb_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct EpbFlags: u32 {
        /// Received.
        const INBOUND = 1;
        /// Sent.
        const OUTBOUND = 2;
        /// To one station.
        const UNICAST = 1 << 2;
        /// To a group.
        const MULTICAST = 2 << 2;
        /// To all stations.
        const BROADCAST = 3 << 2;
        /// To another station than this.
        const PROMISCUOUS = 4 << 2;
        /// The checksums are left to the card: those in the frame are not right yet.
        const CHECKSUM_NOT_READY = 1 << 9;
        /// The card has found the checksums right.
        const CHECKSUM_VALID = 1 << 10;
        /// The card is to cut the frame into TCP segments.
        const SEGMENTATION_OFFLOADED = 1 << 11;
    }
}

impl EpbFlags {
    /// [`UNICAST`](Self::UNICAST), [`MULTICAST`](Self::MULTICAST) or
    /// [`BROADCAST`](Self::BROADCAST) by a frame's first bytes; nothing where there are less
    /// than 6.
    pub const fn cast_of(destination: &[u8]) -> Self {
        match destination.first_chunk::<6>() {
            None => Self::empty(),
            Some([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) => Self::BROADCAST,
            Some([first, ..]) if *first & 1 == 1 => Self::MULTICAST,
            Some(_) => Self::UNICAST,
        }
    }
}

/// `len` rounded up to pcapng's 4-byte units.
pub(crate) const fn pad4(len: usize) -> usize {
    len.div_ceil(4) * 4
}
