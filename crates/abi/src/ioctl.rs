//! Device names, IOCTL codes, and the layouts of `QUERY_VERSION` and `LIST_ADAPTERS`.
//!
//! Every structure is `repr(C)`, has no implicit padding, and holds plain integers: no Rust enum,
//! bool or reference is shared with user mode. Reserved fields are zero.

use core::mem::size_of;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// Version of everything in this crate that crosses. Any change of it raises the number.
pub const ABI_VERSION: u32 = 1;

/// Name of the control device in NT's namespace.
pub const DEVICE_NAME_NT: &str = "\\Device\\nblease";
/// Symbolic link to it.
pub const DEVICE_NAME_LINK: &str = "\\DosDevices\\nblease";
/// The name that a program opens.
pub const DEVICE_NAME_WIN32: &str = "\\\\.\\nblease";

/// `FILE_DEVICE_NETWORK`: the control device's type, and that of its IOCTL codes.
pub const DEVICE_TYPE: u32 = 0x12;

const METHOD_BUFFERED: u32 = 0;
const FILE_READ_ACCESS: u32 = 1;
const FILE_WRITE_ACCESS: u32 = 2;

/// `CTL_CODE` of the Windows headers.
const fn ctl_code(function: u32, access: u32) -> u32 {
    (DEVICE_TYPE << 16) | (access << 14) | (function << 2) | METHOD_BUFFERED
}

/// Out: [`VersionInfo`]. Answered whatever version the program speaks.
pub const IOCTL_QUERY_VERSION: u32 = ctl_code(0x900, FILE_READ_ACCESS);
/// Out: [`AdapterList`] followed by [`AdapterEntry`]s, as many as fit.
pub const IOCTL_LIST_ADAPTERS: u32 = ctl_code(0x901, FILE_READ_ACCESS);
/// In: [`Configure`](crate::configure::Configure) and its `NetLuid`s.
/// Out: [`ConfigureReply`](crate::configure::ConfigureReply). Once per handle.
pub const IOCTL_CONFIGURE: u32 = ctl_code(0x902, FILE_READ_ACCESS | FILE_WRITE_ACCESS);
/// Out: [`StatsHeader`](crate::stats::StatsHeader), [`ReaderStats`](crate::stats::ReaderStats),
/// [`LeaseStats`](crate::stats::LeaseStats), and [`AdapterStats`](crate::stats::AdapterStats), as many as fit.
pub const IOCTL_STATS: u32 = ctl_code(0x903, FILE_READ_ACCESS);
/// In: [`Verdicts`](crate::verdict::Verdicts), its entries and the frames that they replace others by.
/// Out: [`VerdictsReply`](crate::verdict::VerdictsReply) and a status for each entry. Of a GATE only.
pub const IOCTL_VERDICT: u32 = ctl_code(0x904, FILE_READ_ACCESS | FILE_WRITE_ACCESS);
// 0x905 is kept for INJECT.

/// Longest READ that the driver accepts, in bytes.
pub const MAX_READ_BYTES: u32 = 4 << 20;

/// Answer to [`IOCTL_QUERY_VERSION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VersionInfo {
    /// [`ABI_VERSION`] of the driver.
    pub abi_version: u32,
    /// Version of the driver: major, minor, patch.
    pub driver: [u16; 3],
    /// Zero.
    pub reserved0: u16,
    /// NDIS version that the filter registered with: major in the high half, minor in the low.
    pub ndis_version: u32,
    /// Bit *n* is set where mode *n* of CONFIGURE is offered.
    pub modes: u32,
    /// Largest snaplen, in bytes.
    pub max_snaplen: u32,
    /// Largest spill, in bytes.
    pub max_spill_bytes: u32,
    /// Most adapters in one CONFIGURE.
    pub max_adapters: u32,
    /// Longest READ, in bytes.
    pub max_read_bytes: u32,
    /// Longest budget of all readers together, in milliseconds.
    pub max_budget_ms: u32,
    /// Most rules of a GATE.
    pub max_rules: u32,
    /// Most entries of one VERDICT.
    pub max_verdicts: u32,
    /// Zero.
    pub reserved1: [u32; 4],
}

/// Head of the answer to [`IOCTL_LIST_ADAPTERS`]. A buffer that holds the head but not every entry
/// is a success with `count` below `total`: ask again with more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AdapterList {
    /// [`ABI_VERSION`].
    pub abi_version: u32,
    /// Bytes before the first entry.
    pub header_size: u32,
    /// Bytes from one entry to the next.
    pub entry_size: u32,
    /// Entries that follow.
    pub count: u32,
    /// Adapters that the filter is attached to.
    pub total: u32,
    /// Zero.
    pub reserved: [u32; 3],
}

/// UTF-16 units that [`AdapterEntry::name`] has room for.
pub const NAME_UNITS: usize = 128;
/// UTF-16 units that [`AdapterEntry::base_miniport`] has room for.
pub const BASE_MINIPORT_UNITS: usize = 64;

/// One adapter that the filter is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AdapterEntry {
    /// `NetLuid` of the base miniport: what CONFIGURE names an adapter by, and what
    /// `GetAdaptersAddresses` reports.
    pub net_luid: u64,
    /// Receive link speed in bits a second; `u64::MAX` where unknown.
    pub link_speed: u64,
    /// Interface index of the base miniport.
    pub if_index: u32,
    /// Largest payload of a frame in bytes; 0 where NDIS has not said it (a restart may come without attributes).
    pub mtu: u32,
    /// `NDIS_MEDIUM`: 0 is 802.3.
    pub media_type: u32,
    /// State of the filter module: one of `ADAPTER_STATE_*`.
    pub state: u32,
    /// `NET_IF_MEDIA_CONNECT_STATE`: 0 unknown, 1 connected, 2 disconnected.
    pub media_connect: u32,
    /// Valid bytes of `mac`.
    pub mac_len: u16,
    /// Valid UTF-16 units of `name`.
    pub name_len: u16,
    /// Valid UTF-16 units of `base_miniport`.
    pub base_miniport_len: u16,
    /// Zero.
    pub reserved0: u16,
    /// Zero.
    pub reserved1: u32,
    /// Current hardware address; bytes past `mac_len` are zero.
    pub mac: [u8; 32],
    /// Instance name of the base miniport, as the Device Manager shows it; UTF-16, zero-filled.
    pub name: [u16; NAME_UNITS],
    /// Device name of the base miniport, `\DEVICE\{GUID}`; UTF-16, zero-filled.
    pub base_miniport: [u16; BASE_MINIPORT_UNITS],
}

/// The module is Paused: nothing is originated on it.
pub const ADAPTER_STATE_PAUSED: u32 = 1;
/// The module is Restarting.
pub const ADAPTER_STATE_RESTARTING: u32 = 2;
/// The module is Running: its frames are seen.
pub const ADAPTER_STATE_RUNNING: u32 = 3;
/// The module is Pausing.
pub const ADAPTER_STATE_PAUSING: u32 = 4;

impl AdapterEntry {
    /// The hardware address.
    pub fn mac_address(&self) -> &[u8] {
        let len = usize::from(self.mac_len).min(self.mac.len());
        self.mac.get(..len).unwrap_or(&[])
    }

    /// The base miniport's instance name in UTF-16.
    pub fn name_utf16(&self) -> &[u16] {
        let len = usize::from(self.name_len).min(self.name.len());
        self.name.get(..len).unwrap_or(&[])
    }

    /// The base miniport's device name in UTF-16.
    pub fn base_miniport_utf16(&self) -> &[u16] {
        let len = usize::from(self.base_miniport_len).min(self.base_miniport.len());
        self.base_miniport.get(..len).unwrap_or(&[])
    }

    /// Stores an instance name, cut to the room there is.
    pub fn set_name(&mut self, name: &[u16]) {
        self.name_len = store(&mut self.name, name);
    }

    /// Stores a device name, cut to the room there is.
    pub fn set_base_miniport(&mut self, name: &[u16]) {
        self.base_miniport_len = store(&mut self.base_miniport, name);
    }

    /// Stores a hardware address, cut to the room there is.
    pub fn set_mac(&mut self, mac: &[u8]) {
        self.mac_len = store(&mut self.mac, mac);
    }
}

/// Copies what fits to the front of `room`, zeroes the rest, and returns the number copied.
fn store<T: Copy + FromZeros>(room: &mut [T], from: &[T]) -> u16 {
    let len = from.len().min(room.len());
    for (i, slot) in room.iter_mut().enumerate() {
        *slot = from.get(i).copied().unwrap_or_else(T::new_zeroed);
    }
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// An answer that does not have the form that this ABI version gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedReply;

impl AdapterList {
    /// The head for an answer of `count` entries out of `total`.
    pub const fn new(count: u32, total: u32) -> Self {
        Self {
            abi_version: ABI_VERSION,
            header_size: size_of::<Self>() as u32,
            entry_size: size_of::<AdapterEntry>() as u32,
            count,
            total,
            reserved: [0; 3],
        }
    }

    /// Entries for which an output buffer of `len` bytes has room, or nothing where it is too
    /// short for the head (answered with `STATUS_BUFFER_TOO_SMALL`).
    pub const fn room(len: usize) -> Option<usize> {
        match len.checked_sub(size_of::<Self>()) {
            Some(rest) => Some(rest / size_of::<AdapterEntry>()),
            None => None,
        }
    }

    /// Takes an answer apart: the head and its entries.
    pub fn parse(bytes: &[u8]) -> Result<(Self, impl Iterator<Item = AdapterEntry> + '_), MalformedReply> {
        let (head, rest) = Self::read_from_prefix(bytes).map_err(|_| MalformedReply)?;
        let known = Self::new(head.count, head.total);
        let entries = entries::<AdapterEntry>(rest, head.count).ok_or(MalformedReply)?;
        if head == known && head.count <= head.total { Ok((head, entries)) } else { Err(MalformedReply) }
    }
}

/// `count` entries read from `bytes`, which must hold exactly those.
pub(crate) fn entries<T: FromBytes>(bytes: &[u8], count: u32) -> Option<impl Iterator<Item = T> + '_> {
    let len = usize::try_from(count).ok()?.checked_mul(size_of::<T>())?;
    (bytes.len() == len).then(|| bytes.chunks_exact(size_of::<T>()).filter_map(|chunk| T::read_from_bytes(chunk).ok()))
}
