//! A frame's record: a pcapng block, written piece by piece from the original, where it lies, into its room in a read or
//! in the spill.
//!
//! Calling contexts: up to DISPATCH_LEVEL. The frame is borrowed from its NBL, whose owner is the caller; the room is
//! the writer's alone. Each captured byte of the frame is read once and stored once.

use core::cell::Cell;

use nblease_abi::pcapng::{EPB_HEADER_LEN, EPB_MAX_TRAILER, EpbFlags, EpbPlan};
use nblease_engine::{
    reader::Direction,
    vlan::{FrameShape, Segment, VlanTag},
};
use nblease_ndis::{
    packet::{FrameRef, NblRef},
    shared,
};
use nblease_wdf::read::ReadBuffer;

/// Bytes of the destination address, with which a frame starts.
const DESTINATION: usize = 6;

/// Where a record goes.
pub trait Room {
    /// Stores bytes at an offset in the record.
    fn put(&mut self, offset: usize, bytes: &[Cell<u8>]);

    /// Looks at bytes stored before.
    fn look(&self, offset: usize, bytes: &mut [u8]);
}

/// A frame's record before it has a place.
pub struct Plan {
    /// How the frame is put together.
    pub shape: FrameShape,
    /// The block around it.
    pub block: EpbPlan,
}

impl Plan {
    /// The shape that a frame's copy gets: with its tag, cut at the snaplen.
    pub fn shape(nbl: NblRef<'_>, frame: FrameRef<'_>, snaplen: u32) -> FrameShape {
        let tag = nbl.vlan_tci().and_then(VlanTag::from_tci);
        FrameShape::new(frame.len() as u32, tag, snaplen)
    }

    /// Bytes of the record.
    pub const fn len(&self) -> u32 {
        self.block.total_len() as u32
    }

    /// Writes the record. The frame's MDLs are mapped as far as it is captured.
    pub fn write(mut self, frame: FrameRef<'_>, room: &mut impl Room) {
        let mut at = EPB_HEADER_LEN;
        room.put(0, cells(&mut self.block.header()));
        for segment in self.shape.segments() {
            match segment {
                Segment::Original { offset, len } => frame.for_each_chunk(offset as usize, len as usize, |bytes| {
                    room.put(at, bytes);
                    at += bytes.len();
                }),
                Segment::Tag { mut bytes, len } => {
                    room.put(at, cells(bytes.get_mut(..len as usize).unwrap_or_default()));
                    at += len as usize;
                }
            }
        }
        self.block.flags |= self.cast(room);
        let mut trailer = [0; EPB_MAX_TRAILER];
        let len = self.block.trailer(&mut trailer);
        room.put(at, cells(trailer.get_mut(..len).unwrap_or_default()));
    }

    /// To whom the frame goes, by the copy that was just made of its destination: the original is not read again. A
    /// program that writes to its read meanwhile misleads itself alone.
    fn cast(&self, room: &impl Room) -> EpbFlags {
        let mut destination = [0; DESTINATION];
        // With less than the whole address nothing is known.
        if (self.shape.captured_len as usize) < DESTINATION {
            return EpbFlags::empty();
        }
        room.look(EPB_HEADER_LEN, &mut destination);
        EpbFlags::cast_of(&destination)
    }
}

/// What is known about a frame beside its bytes.
pub fn flags(nbl: NblRef<'_>, direction: Direction) -> EpbFlags {
    match direction {
        Direction::Out => {
            let mut flags = EpbFlags::OUTBOUND;
            flags.set(EpbFlags::CHECKSUM_NOT_READY, nbl.asks_for_checksum());
            flags.set(EpbFlags::SEGMENTATION_OFFLOADED, nbl.asks_for_segmentation());
            flags
        }
        Direction::In => {
            let mut flags = EpbFlags::INBOUND;
            flags.set(EpbFlags::CHECKSUM_VALID, nbl.checksum_succeeded());
            flags
        }
    }
}

/// Bytes of our own in the form in which a frame's come.
fn cells(bytes: &mut [u8]) -> &[Cell<u8>] {
    Cell::from_mut(bytes).as_slice_of_cells()
}

/// Room in a read.
pub struct ReadRoom {
    /// The read's buffer.
    pub buffer: ReadBuffer,
    /// Where the room starts in it.
    pub start: usize,
}

impl Room for ReadRoom {
    fn put(&mut self, offset: usize, bytes: &[Cell<u8>]) {
        self.buffer.put_cells(self.start + offset, bytes);
    }

    fn look(&self, offset: usize, bytes: &mut [u8]) {
        self.buffer.look(self.start + offset, bytes);
    }
}

/// Room in the spill, in two parts where the record wraps around its end.
pub struct SpillParts<'a> {
    /// The front of the record.
    pub first: &'a mut [u8],
    /// The rest.
    pub second: &'a mut [u8],
}

impl SpillParts<'_> {
    /// How many bytes from `offset` on lie in the first part, and where the others lie in the second.
    const fn split(&self, offset: usize) -> (usize, usize) {
        (self.first.len().saturating_sub(offset), offset.saturating_sub(self.first.len()))
    }
}

impl Room for SpillParts<'_> {
    fn put(&mut self, offset: usize, bytes: &[Cell<u8>]) {
        let (in_first, in_second) = self.split(offset);
        let (front, back) = bytes.split_at_checked(in_first).unwrap_or((bytes, &[]));
        shared::copy(front, self.first.get_mut(offset..).unwrap_or_default());
        shared::copy(back, self.second.get_mut(in_second..).unwrap_or_default());
    }

    fn look(&self, offset: usize, bytes: &mut [u8]) {
        let stored = self.first.iter().chain(self.second.iter()).skip(offset);
        for (to, from) in bytes.iter_mut().zip(stored) {
            *to = *from;
        }
    }
}
