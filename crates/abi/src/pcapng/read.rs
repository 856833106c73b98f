//! Reading blocks strictly: a fault is an error that names its place, never a panic.

use core::fmt;

use super::{BLOCK_INTERFACE, BLOCK_PACKET, EpbFlags, LINKTYPE_ETHERNET, option, pad4};
use crate::pcapng::write::MIN_BLOCK_LEN;

/// What is wrong with a block, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockError {
    /// Byte at which the block starts.
    pub offset: usize,
    /// What is wrong.
    pub kind: BlockErrorKind,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockErrorKind {
    /// The bytes end before the block does.
    Truncated,
    /// The length is below 12 or no multiple of 4.
    Length,
    /// The length at the end is not the one at the start.
    Lengths,
    /// The body is shorter than its type demands, or than it says itself.
    Body,
    /// An option ends past the block, is padded with other than zeros, follows the end of options,
    /// or has a length that its code does not allow.
    Option,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            BlockErrorKind::Truncated => "is cut short",
            BlockErrorKind::Length => "has a length that no block has",
            BlockErrorKind::Lengths => "has two lengths that differ",
            BlockErrorKind::Body => "has a body that is too short",
            BlockErrorKind::Option => "has a malformed option",
        };
        write!(f, "the pcapng block at byte {} {what}", self.offset)
    }
}

impl core::error::Error for BlockError {}

/// Walks over the blocks of a run of bytes; ends after the first error.
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Blocks<'a> {
    /// The blocks of `bytes`, which start with a block.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let block = Block::first(self.bytes, self.offset);
        let len = block.map_or(self.bytes.len(), |block| block.bytes.len());
        self.bytes = self.bytes.get(len..).unwrap_or(&[]);
        self.offset += len;
        Some(block)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its type: one of `BLOCK_*`, or another.
    pub kind: u32,
    /// Where it starts in the bytes that were walked over.
    pub offset: usize,
    /// The whole block.
    pub bytes: &'a [u8],
    /// What lies between its lengths.
    pub body: &'a [u8],
}

impl<'a> Block<'a> {
    /// The block at the front of `bytes`.
    fn first(bytes: &'a [u8], offset: usize) -> Result<Self, BlockError> {
        let error = |kind| BlockError { offset, kind };
        let truncated = error(BlockErrorKind::Truncated);
        let kind = u32_at(bytes, 0).ok_or(truncated)?;
        let length = u32_at(bytes, 4).ok_or(truncated)?;
        let len = length as usize;
        if len < MIN_BLOCK_LEN || !len.is_multiple_of(4) {
            return Err(error(BlockErrorKind::Length));
        }
        let bytes = bytes.get(..len).ok_or(truncated)?;
        let body = bytes.get(8..len - 4).ok_or(truncated)?;
        if u32_at(bytes, len - 4) != Some(length) {
            return Err(error(BlockErrorKind::Lengths));
        }
        Ok(Self { kind, offset, bytes, body })
    }

    const fn error(&self, kind: BlockErrorKind) -> BlockError {
        BlockError { offset: self.offset, kind }
    }

    /// The block as an Enhanced Packet Block: `None` where it is another.
    pub fn packet(&self) -> Option<Result<Packet<'a>, BlockError>> {
        (self.kind == BLOCK_PACKET).then(|| {
            let packet = self.packet_fields().ok_or(self.error(BlockErrorKind::Body))?;
            packet.with_options().ok_or(self.error(BlockErrorKind::Option))
        })
    }

    fn packet_fields(&self) -> Option<Packet<'a>> {
        let captured = u32_at(self.body, 12)? as usize;
        let rest = self.body.get(20..)?;
        let original_len = u32_at(self.body, 16)?;
        let timestamp_ns = u64::from(u32_at(self.body, 4)?) << 32 | u64::from(u32_at(self.body, 8)?);
        Some(Packet {
            interface: u32_at(self.body, 0)?,
            timestamp_ns,
            original_len,
            data: rest.get(..captured)?,
            flags: EpbFlags::empty(),
            dropcount: 0,
            packet_id: None,
            queue: None,
            options: Options { bytes: rest.get(pad4(captured)..)? },
        })
    }

    /// The block as an Interface Description Block: `None` where it is another.
    pub fn interface(&self) -> Option<Result<Interface<'a>, BlockError>> {
        (self.kind == BLOCK_INTERFACE).then(|| {
            let fields = || {
                let options = Options { bytes: self.body.get(8..)? };
                Some((u16_at(self.body, 0)?, u32_at(self.body, 4)?, options))
            };
            let (link_type, snaplen, options) = fields().ok_or(self.error(BlockErrorKind::Body))?;
            Interface::with_options(link_type, snaplen, options).ok_or(self.error(BlockErrorKind::Option))
        })
    }

    /// The options of a block that [`Block`] does not take apart itself and whose fixed part has
    /// `fixed_len` bytes.
    pub fn options(&self, fixed_len: usize) -> Options<'a> {
        Options { bytes: self.body.get(fixed_len..).unwrap_or(&[]) }
    }
}

/// What an Enhanced Packet Block holds.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// Interface number.
    pub interface: u32,
    /// Time in the interface's unit: nanoseconds since 1970 in the driver's records.
    pub timestamp_ns: u64,
    /// Bytes of the frame.
    pub original_len: u32,
    /// The bytes of it that were captured.
    pub data: &'a [u8],
    /// `epb_flags`; empty where absent.
    pub flags: EpbFlags,
    /// `epb_dropcount`; 0 where absent.
    pub dropcount: u64,
    /// `epb_packetid`
    pub packet_id: Option<u64>,
    /// `epb_queue`
    pub queue: Option<u32>,
    /// All of its options.
    pub options: Options<'a>,
}

impl Packet<'_> {
    fn with_options(mut self) -> Option<Self> {
        for field in self.options.clone() {
            let OptionField { code, value } = field.ok()?;
            match code {
                option::EPB_FLAGS => {
                    self.flags = EpbFlags::from_bits_retain(u32::from_le_bytes(array(value)?));
                }
                option::EPB_DROPCOUNT => self.dropcount = u64::from_le_bytes(array(value)?),
                option::EPB_PACKETID => self.packet_id = Some(u64::from_le_bytes(array(value)?)),
                option::EPB_QUEUE => self.queue = Some(u32::from_le_bytes(array(value)?)),
                _ => {}
            }
        }
        Some(self)
    }
}

/// What an Interface Description Block holds.
#[derive(Clone, Debug)]
pub struct Interface<'a> {
    /// Link type: 1 is Ethernet.
    pub link_type: u16,
    /// Bytes of a frame that are kept; 0 is all.
    pub snaplen: u32,
    /// `if_name`
    pub name: Option<&'a str>,
    /// `if_description`
    pub description: Option<&'a str>,
    /// `if_MACaddr`
    pub mac: Option<[u8; 6]>,
    /// `if_speed`
    pub speed: Option<u64>,
    /// `if_tsresol`; 6, microseconds, where absent.
    pub tsresol: u8,
    /// All of its options.
    pub options: Options<'a>,
}

impl<'a> Interface<'a> {
    fn with_options(link_type: u16, snaplen: u32, options: Options<'a>) -> Option<Self> {
        let mut interface = Self {
            link_type,
            snaplen,
            name: None,
            description: None,
            mac: None,
            speed: None,
            tsresol: 6,
            options: options.clone(),
        };
        for field in options {
            let OptionField { code, value } = field.ok()?;
            match code {
                option::IF_NAME => interface.name = Some(text(value)?),
                option::IF_DESCRIPTION => interface.description = Some(text(value)?),
                option::IF_MACADDR => interface.mac = Some(array(value)?),
                option::IF_SPEED => interface.speed = Some(u64::from_le_bytes(array(value)?)),
                option::IF_TSRESOL => [interface.tsresol] = array(value)?,
                _ => {}
            }
        }
        Some(interface)
    }

    /// Whether its link type is Ethernet.
    pub const fn is_ethernet(&self) -> bool {
        self.link_type == LINKTYPE_ETHERNET
    }
}

fn text(value: &[u8]) -> Option<&str> {
    core::str::from_utf8(value).ok()
}

fn array<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

/// One option of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionField<'a> {
    /// Its code; what it means depends on the block.
    pub code: u16,
    /// Its value without padding.
    pub value: &'a [u8],
}

/// An option that is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedOption;

/// Walks over the options of a block; ends after the first error.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    bytes: &'a [u8],
}

impl<'a> Options<'a> {
    /// The first option with the bytes behind it; `None` where it is the end of options.
    fn first(bytes: &'a [u8]) -> Result<Option<(OptionField<'a>, &'a [u8])>, MalformedOption> {
        let split = || {
            let code = u16_at(bytes, 0)?;
            let len = usize::from(u16_at(bytes, 2)?);
            let rest = bytes.get(4..)?;
            Some((code, rest.get(..len)?, rest.get(len..pad4(len))?, rest.get(pad4(len)..)?))
        };
        let (code, value, padding, rest) = split().ok_or(MalformedOption)?;
        if code == option::END {
            let last = value.is_empty() && rest.is_empty();
            return if last { Ok(None) } else { Err(MalformedOption) };
        }
        if padding.iter().any(|&byte| byte != 0) {
            return Err(MalformedOption);
        }
        Ok(Some((OptionField { code, value }, rest)))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<OptionField<'a>, MalformedOption>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let first = Self::first(self.bytes);
        self.bytes = match first {
            Ok(Some((_, rest))) => rest,
            _ => &[],
        };
        first.map(|option| option.map(|(field, _)| field)).transpose()
    }
}
