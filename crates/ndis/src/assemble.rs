//! Own packets put together: the bytes of all frames in one allocation, with an MDL for each.
//!
//! Contexts: up to DISPATCH_LEVEL. Bytes are copied once, from where they lie; no lock is taken.

use core::mem::size_of;
use core::ptr::{NonNull, null_mut};

use crate::own::{OwnError, OwnNbl};
use crate::packet::FrameRef;
use crate::pool::NblPool;
use crate::sys::{MDL, MmGetMdlByteCount, NDIS_PORT_NUMBER, NdisFreeMdl, ULONG};

/// What becomes a frame.
pub(crate) trait Contents {
    /// How many bytes.
    fn len(&self) -> usize;

    /// Copies them all to `to`.
    ///
    /// # Safety
    /// `to` may be written for [`len`](Self::len) bytes, none of which are the source's.
    unsafe fn copy_to(&self, to: *mut u8) -> Result<(), OwnError>;
}

impl Contents for FrameRef<'_> {
    fn len(&self) -> usize {
        FrameRef::len(self)
    }

    unsafe fn copy_to(&self, to: *mut u8) -> Result<(), OwnError> {
        // SAFETY: as the caller says.
        Ok(unsafe { FrameRef::copy_to(self, 0, FrameRef::len(self), to) }?)
    }
}

/// A frame in two pieces, one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'a>(pub &'a [u8], pub &'a [u8]);

impl Contents for Pieces<'_> {
    fn len(&self) -> usize {
        self.0.len() + self.1.len()
    }

    unsafe fn copy_to(&self, to: *mut u8) -> Result<(), OwnError> {
        // SAFETY: the caller has room for both pieces.
        unsafe { to.copy_from_nonoverlapping(self.0.as_ptr(), self.0.len()) };
        // SAFETY: within that room.
        let to = unsafe { to.add(self.0.len()) };
        // SAFETY: as for the first piece.
        unsafe { to.copy_from_nonoverlapping(self.1.as_ptr(), self.1.len()) };
        Ok(())
    }
}

/// The alignment of each frame's first byte, and of the allocation.
const ALIGNMENT: usize = 16;

/// The bytes of a packet: in one allocation a table of the frames' MDLs, then the frames.
pub(crate) struct Block {
    memory: NonNull<u8>,
    bytes: usize,
    frames: usize,
    pool: NblPool,
}

impl Block {
    /// Copies the frames.
    fn new<C: Contents>(pool: &NblPool, frames: impl Iterator<Item = C> + Clone) -> Result<Self, OwnError> {
        let (count, bytes) = measure(frames.clone())?;
        let memory = pool.allocate(bytes).ok_or(OwnError::NoMemory)?;
        for at in 0..count {
            // SAFETY: the table is at the start of the memory, which has room for it.
            let place = unsafe { memory.cast::<*mut MDL>().add(at) };
            // SAFETY: as above.
            unsafe { place.write(null_mut()) };
        }
        let block = Self { memory, bytes, frames: count, pool: pool.share() };
        let mut offset = table(count);
        for (at, frame) in frames.enumerate() {
            let len = frame.len();
            // SAFETY: `measure` has counted this frame, from this offset on.
            let start = unsafe { memory.add(offset) };
            // SAFETY: new memory, which has room for the frame.
            unsafe { frame.copy_to(start.as_ptr()) }?;
            // SAFETY: nonpaged, and the block frees its MDLs before its memory. `measure` has seen that the length fits.
            let mdl = unsafe { pool.allocate_mdl(start, len as u32) }.ok_or(OwnError::NoMemory)?;
            // SAFETY: a place in the table.
            let place = unsafe { memory.cast::<*mut MDL>().add(at) };
            // SAFETY: as above.
            unsafe { place.write(mdl.as_ptr()) };
            offset += len.next_multiple_of(ALIGNMENT);
        }
        Ok(block)
    }

    /// How much memory it is.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn mdls(&self) -> impl Iterator<Item = *mut MDL> + use<> {
        let (table, frames) = (self.memory.cast::<*mut MDL>(), self.frames);
        (0..frames).map(move |at| {
            // SAFETY: a place in the table, used while the block lives.
            let place = unsafe { table.add(at) };
            // SAFETY: as above; written by `new`.
            unsafe { place.read() }
        })
    }

    /// Each frame as an NB describes it: (MDL, offset, length). To be used while the block lives.
    pub fn frames(&self) -> impl Iterator<Item = (*mut MDL, u32, usize)> + use<> {
        self.mdls().map(|mdl| {
            // SAFETY: an MDL of this block.
            let len = unsafe { MmGetMdlByteCount(mdl) };
            (mdl, 0, len as usize)
        })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        for mdl in self.mdls().filter(|mdl| !mdl.is_null()) {
            // SAFETY: allocated by `new`; the NB that had it is freed.
            unsafe { NdisFreeMdl(mdl) };
        }
        // SAFETY: allocated by `new` from this pool; no MDL describes it any more.
        unsafe { self.pool.free(self.memory) };
    }
}

/// Bytes of the table of `frames` MDLs.
const fn table(frames: usize) -> usize {
    (frames * size_of::<*mut MDL>()).next_multiple_of(ALIGNMENT)
}

/// How many frames there are, and how many bytes a block of them has.
fn measure<C: Contents>(frames: impl Iterator<Item = C>) -> Result<(usize, usize), OwnError> {
    let (mut count, mut bytes) = (0, 0_usize);
    for frame in frames {
        if frame.len() == 0 {
            return Err(OwnError::Length);
        }
        count += 1;
        let aligned = frame.len().checked_next_multiple_of(ALIGNMENT);
        bytes = aligned.and_then(|len| bytes.checked_add(len)).ok_or(OwnError::Length)?;
    }
    let all = bytes.checked_add(table(count)).filter(|&all| count > 0 && u32::try_from(all).is_ok());
    Ok((count, all.ok_or(OwnError::Length)?))
}

/// A packet with copies of these frames, without out-of-band information.
pub(crate) fn assemble<C: Contents>(
    pool: &NblPool,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
    frames: impl Iterator<Item = C> + Clone,
) -> Result<OwnNbl, OwnError> {
    let block = Block::new(pool, frames)?;
    let mut own = OwnNbl::new(pool, port, flags, Some(block))?;
    let frames = own.block_frames();
    // SAFETY: the block's MDLs describe all of its frames; the NBL owns the block and frees its NBs first.
    unsafe { own.link(frames) }?;
    Ok(own)
}
