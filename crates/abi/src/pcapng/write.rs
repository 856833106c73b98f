//! Writing blocks: sizes first, then bytes, without an allocation.

use core::char::{REPLACEMENT_CHARACTER, decode_utf16};

use super::{
    BLOCK_FILLER, BLOCK_INTERFACE, BLOCK_PACKET, BLOCK_SECTION, BLOCK_STATISTICS, EpbFlags, LINKTYPE_ETHERNET, option,
    pad4,
};
use crate::ioctl::{BASE_MINIPORT_UNITS, NAME_UNITS};

/// Bytes of a block without a body: type and two lengths.
pub const MIN_BLOCK_LEN: usize = 12;

/// Bytes of an Enhanced Packet Block before the frame.
pub const EPB_HEADER_LEN: usize = 28;
/// Most bytes of an Enhanced Packet Block after the frame: padding, four options and their end,
/// length.
pub const EPB_MAX_TRAILER: usize = 3 + 8 + 12 + 12 + 8 + 4 + 4;

/// Most bytes of a block for a frame captured with `snaplen`.
pub const fn epb_max_len(snaplen: u32) -> u32 {
    (EPB_HEADER_LEN + pad4(snaplen as usize) + EPB_MAX_TRAILER - 3) as u32
}

/// An Enhanced Packet Block about to be written: [`header`](Self::header), `captured_len` bytes of
/// frame, [`trailer`](Self::trailer), one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpbPlan {
    /// Interface number: the adapter's position in the reader's configuration.
    pub interface: u32,
    /// Nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// Bytes of the frame that the block holds.
    pub captured_len: u32,
    /// Bytes of the frame.
    pub original_len: u32,
    /// Direction, cast and offloads.
    pub flags: EpbFlags,
    /// Frames lost just before this one; written where it is not 0.
    pub dropcount: u64,
    /// Ticket, where the reader judges.
    pub packet_id: Option<u64>,
    /// Queue of the adapter, where it is known.
    pub queue: Option<u32>,
}

impl EpbPlan {
    /// Bytes of the whole block.
    pub const fn total_len(&self) -> usize {
        EPB_HEADER_LEN + self.captured_len as usize + self.trailer_len()
    }

    /// Bytes after the frame.
    pub const fn trailer_len(&self) -> usize {
        let captured = self.captured_len as usize;
        let mut len = pad4(captured) - captured + 8 + 4 + 4;
        if self.dropcount != 0 {
            len += 12;
        }
        if self.packet_id.is_some() {
            len += 12;
        }
        if self.queue.is_some() {
            len += 8;
        }
        len
    }

    /// What precedes the frame.
    pub fn header(&self) -> [u8; EPB_HEADER_LEN] {
        let mut out = [0; EPB_HEADER_LEN];
        let mut put = Put::new(&mut out);
        put.u32(BLOCK_PACKET);
        put.u32(self.total_len() as u32);
        put.u32(self.interface);
        put.time(self.timestamp_ns);
        put.u32(self.captured_len);
        put.u32(self.original_len);
        out
    }

    /// What follows the frame; the number says how many bytes of `out` it takes.
    pub fn trailer(&self, out: &mut [u8; EPB_MAX_TRAILER]) -> usize {
        let captured = self.captured_len as usize;
        let mut put = Put::new(out);
        put.bytes(zeros(pad4(captured) - captured));
        put.option(option::EPB_FLAGS, &self.flags.bits().to_le_bytes());
        if self.dropcount != 0 {
            put.option(option::EPB_DROPCOUNT, &self.dropcount.to_le_bytes());
        }
        if let Some(id) = self.packet_id {
            put.option(option::EPB_PACKETID, &id.to_le_bytes());
        }
        if let Some(queue) = self.queue {
            put.option(option::EPB_QUEUE, &queue.to_le_bytes());
        }
        put.end(self.total_len())
    }
}

/// Bytes of a filler before its body.
pub const FILLER_HEADER_LEN: usize = 8;
/// Bytes of a filler after its body.
pub const FILLER_TRAILER_LEN: usize = 4;

/// What precedes the body of a filler of `total_len` bytes: a multiple of 4, at least
/// [`MIN_BLOCK_LEN`]. Whoever writes it zeroes the body, so that nothing half copied is told.
pub fn filler_header(total_len: u32) -> [u8; FILLER_HEADER_LEN] {
    let mut out = [0; FILLER_HEADER_LEN];
    let mut put = Put::new(&mut out);
    put.u32(BLOCK_FILLER);
    put.u32(total_len);
    out
}

/// What follows the body of a filler of `total_len` bytes.
pub const fn filler_trailer(total_len: u32) -> [u8; FILLER_TRAILER_LEN] {
    total_len.to_le_bytes()
}

/// Most bytes of an Interface Description Block: a UTF-16 unit is at most 3 bytes of UTF-8.
pub const IDB_MAX_LEN: usize =
    16 + (4 + pad4(3 * BASE_MINIPORT_UNITS)) + (4 + pad4(3 * NAME_UNITS)) + 12 + 12 + 8 + 4 + 4;

/// An Interface Description Block about to be written: Ethernet, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdbPlan<'a> {
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// Device name in UTF-16, of which the first [`BASE_MINIPORT_UNITS`] are written.
    pub name: &'a [u16],
    /// Name for people in UTF-16, of which the first [`NAME_UNITS`] are written.
    pub description: &'a [u16],
    /// Hardware address; written where it has 6 bytes.
    pub mac: &'a [u8],
    /// Bits a second; written where it is neither 0 nor `u64::MAX`, which mean unknown.
    pub speed: u64,
}

impl IdbPlan<'_> {
    /// Bytes of the whole block; at most [`IDB_MAX_LEN`].
    pub fn total_len(&self) -> usize {
        let mut len = 16 + 8 + 4 + 4;
        for text in [self.name(), self.description()] {
            if !text.is_empty() {
                len += 4 + pad4(utf8(text).map(char::len_utf8).sum());
            }
        }
        if self.mac.len() == 6 {
            len += 12;
        }
        if self.speed_known() {
            len += 12;
        }
        len
    }

    /// Writes the block to the front of `out` and returns its length; nothing where it does not
    /// fit.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let total = self.total_len();
        let mut put = Put::new(out.get_mut(..total)?);
        put.u32(BLOCK_INTERFACE);
        put.u32(total as u32);
        put.u16(LINKTYPE_ETHERNET);
        put.u16(0);
        put.u32(self.snaplen);
        put.utf16(option::IF_NAME, self.name());
        put.utf16(option::IF_DESCRIPTION, self.description());
        if self.mac.len() == 6 {
            put.option(option::IF_MACADDR, self.mac);
        }
        if self.speed_known() {
            put.option(option::IF_SPEED, &self.speed.to_le_bytes());
        }
        put.option(option::IF_TSRESOL, &[9]);
        Some(put.end(total))
    }

    fn name(&self) -> &[u16] {
        self.name.get(..BASE_MINIPORT_UNITS).unwrap_or(self.name)
    }

    fn description(&self) -> &[u16] {
        self.description.get(..NAME_UNITS).unwrap_or(self.description)
    }

    const fn speed_known(&self) -> bool {
        self.speed != 0 && self.speed != u64::MAX
    }
}

/// Most bytes of a Section Header Block: its texts are cut to 256 bytes each.
pub const SHB_MAX_LEN: usize = 28 + 2 * (4 + SHB_TEXT) + 4;
const SHB_TEXT: usize = 256;

/// A Section Header Block about to be written, of a section whose length is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShbPlan<'a> {
    /// The operating system; left out where empty.
    pub os: &'a str,
    /// The program; left out where empty.
    pub userappl: &'a str,
}

impl ShbPlan<'_> {
    /// Writes the block to the front of `out` and returns its length.
    pub fn write(&self, out: &mut [u8; SHB_MAX_LEN]) -> usize {
        let texts = [(option::SHB_OS, self.os), (option::SHB_USERAPPL, self.userappl)];
        let texts = texts.map(|(code, text)| (code, cut(text)));
        let text_len = |(_, text): &(u16, &[u8])| match text.len() {
            0 => 0,
            len => 4 + pad4(len),
        };
        let total = 28 + texts.iter().map(text_len).sum::<usize>() + 4;
        let mut put = Put::new(out);
        put.u32(BLOCK_SECTION);
        put.u32(total as u32);
        put.u32(0x1A2B_3C4D);
        put.u16(1);
        put.u16(0);
        put.u64(u64::MAX);
        for (code, text) in texts {
            if !text.is_empty() {
                put.option(code, text);
            }
        }
        put.end(total)
    }
}

/// The first [`SHB_TEXT`] bytes of a text, cut at a character.
fn cut(text: &str) -> &[u8] {
    text.get(..text.floor_char_boundary(SHB_TEXT)).unwrap_or("").as_bytes()
}

/// An Interface Statistics Block about to be written. What is `None` is not known and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IsbPlan {
    /// The interface's number.
    pub interface: u32,
    /// When the numbers were taken, in nanoseconds since 1970.
    pub timestamp_ns: u64,
    /// When the capture began.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// Frames that the interface received.
    pub received: Option<u64>,
    /// Frames that the driver had to drop.
    pub os_dropped: Option<u64>,
    /// Frames delivered to the user.
    pub delivered: Option<u64>,
}

impl IsbPlan {
    /// Most bytes of the block.
    pub const MAX_LEN: usize = 20 + 5 * 12 + 4 + 4;

    /// Writes the block to the front of `out` and returns its length.
    pub fn write(&self, out: &mut [u8; Self::MAX_LEN]) -> usize {
        let counts = [
            (option::ISB_IFRECV, self.received),
            (option::ISB_OSDROP, self.os_dropped),
            (option::ISB_USRDELIV, self.delivered),
        ];
        let known = counts.iter().filter(|(_, count)| count.is_some()).count();
        let total = 20 + (2 + known) * 12 + 4 + 4;
        let mut put = Put::new(out);
        put.u32(BLOCK_STATISTICS);
        put.u32(total as u32);
        put.u32(self.interface);
        put.time(self.timestamp_ns);
        for (code, time) in [(option::ISB_STARTTIME, self.start_ns), (option::ISB_ENDTIME, self.end_ns)] {
            put.u16(code);
            put.u16(8);
            put.time(time);
        }
        for (code, count) in counts {
            if let Some(count) = count {
                put.option(code, &count.to_le_bytes());
            }
        }
        put.end(total)
    }
}

fn utf8(text: &[u16]) -> impl Iterator<Item = char> + '_ {
    decode_utf16(text.iter().copied()).map(|c| c.unwrap_or(REPLACEMENT_CHARACTER))
}

/// Padding of `len` bytes, at most 3.
fn zeros(len: usize) -> &'static [u8] {
    const ZEROS: &[u8] = &[0; 3];
    ZEROS.get(..len).unwrap_or(ZEROS)
}

/// A cursor over bytes that are known to suffice; what does not fit is left out rather than
/// panicked over.
struct Put<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Put<'a> {
    const fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        let room = self.out.get_mut(self.at..end);
        debug_assert!(room.is_some(), "a block is longer than was computed");
        if let Some(room) = room {
            room.copy_from_slice(bytes);
        }
        self.at = end;
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// A time: high half, then low half.
    fn time(&mut self, ns: u64) {
        self.u32((ns >> 32) as u32);
        self.u32(ns as u32);
    }

    fn pad(&mut self) {
        self.bytes(zeros(pad4(self.at) - self.at));
    }

    /// An option with its padding. `value` starts at a multiple of 4 as every option does.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.u16(code);
        self.u16(value.len() as u16);
        self.bytes(value);
        self.bytes(zeros(pad4(value.len()) - value.len()));
    }

    fn utf16(&mut self, code: u16, text: &[u16]) {
        if text.is_empty() {
            return;
        }
        self.u16(code);
        self.u16(utf8(text).map(char::len_utf8).sum::<usize>() as u16);
        for c in utf8(text) {
            self.bytes(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.pad();
    }

    /// Ends the options and the block, whose length is said again. Returns the bytes put.
    fn end(mut self, total: usize) -> usize {
        self.u32(0);
        self.u32(total as u32);
        self.at
    }
}
