//! A cursor over the bytes that an MDL chain describes, chunk by chunk, where they lie.
//!
//! Contexts: up to DISPATCH_LEVEL, inside the call or the ownership that makes the chain readable. Mapping an MDL writes
//! its fields, so one thread at a time walks a chain. Mappings are not undone here: they live as long as the MDL's pages
//! are locked, and belong to whoever locked them.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::sys::{
    MDL, MdlMappingNoExecute, MmGetMdlByteCount, MmGetSystemAddressForMdlSafe, NormalPagePriority, ULONG,
};

/// Why bytes of a frame cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataError {
    /// The chain ends before the frame's length, or the range asked for is not within the frame.
    Short,
    /// The system could not map an MDL (it is out of page table entries); later it may.
    NotMapped,
}

/// A run of bytes that lie together, not empty. They may change while they are looked at: a sender's pages can be
/// shared with a program. So they are read by pointer, never by reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The first byte.
    pub start: NonNull<u8>,
    /// How many bytes, at least 1.
    pub len: usize,
}

/// The chunks of a range of an MDL chain, in order. MDLs that add nothing to the range are passed over. After an error
/// the iterator is at its end.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    mdl: *mut MDL,
    /// Where in `mdl` the range goes on.
    offset: usize,
    /// Bytes of the range still to come.
    left: usize,
    chain: PhantomData<&'a MDL>,
}

impl Chunks<'_> {
    /// The `len` bytes that begin `offset` bytes into the chain `mdl`.
    ///
    /// # Safety
    /// For `'a`: the MDLs of the chain stay as they are, their pages stay locked and readable, and no other thread maps
    /// them at the same time.
    #[must_use]
    pub unsafe fn new(mdl: *mut MDL, offset: usize, len: usize) -> Self {
        Self { mdl, offset, left: len, chain: PhantomData }
    }

    /// How many bytes are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }

    /// Narrows the range to the `len` bytes that begin `at` bytes into it. Nothing is mapped for bytes passed over.
    pub fn range(mut self, at: usize, len: usize) -> Result<Self, DataError> {
        if at.checked_add(len).is_none_or(|end| end > self.left) {
            return Err(DataError::Short);
        }
        self.offset = self.offset.checked_add(at).ok_or(DataError::Short)?;
        self.left = len;
        Ok(self)
    }

    /// Copies all that is left to `to`, one `memcpy` per chunk.
    ///
    /// # Safety
    /// `to` may be written for [`left`](Self::left) bytes, which do not overlap the chain's.
    ///
    /// # Errors
    /// As for the iterator; what came before the error has been written.
    pub unsafe fn copy_to(self, mut to: *mut u8) -> Result<(), DataError> {
        for chunk in self {
            let Chunk { start, len } = chunk?;
            // SAFETY: the chunk is readable for `len` bytes, `to` is writable for all that is left, and the two do not
            // overlap.
            unsafe { to.copy_from_nonoverlapping(start.as_ptr(), len) };
            // SAFETY: at most the end of the destination.
            to = unsafe { to.add(len) };
        }
        Ok(())
    }

    /// The next chunk; `None` where the chain ends first.
    fn chunk(&mut self) -> Result<Chunk, DataError> {
        while let Some(mdl) = NonNull::new(self.mdl) {
            // SAFETY: `new`'s caller keeps the MDLs of the chain as they are.
            let bytes = unsafe { MmGetMdlByteCount(mdl.as_ptr()) } as usize;
            if self.offset < bytes {
                return self.chunk_of(mdl, bytes);
            }
            self.offset -= bytes;
            // SAFETY: as above.
            self.mdl = unsafe { mdl.as_ref() }.Next;
        }
        Err(DataError::Short)
    }

    /// The chunk that begins at `offset` in `mdl`, which has `bytes` bytes, more than `offset`.
    fn chunk_of(&mut self, mdl: NonNull<MDL>, bytes: usize) -> Result<Chunk, DataError> {
        const PRIORITY: ULONG = NormalPagePriority as ULONG | MdlMappingNoExecute;
        // SAFETY: `new`'s caller keeps the pages locked and lets no other thread map them.
        let base = unsafe { MmGetSystemAddressForMdlSafe(mdl.as_ptr(), PRIORITY) };
        let base = NonNull::new(base.cast::<u8>()).ok_or(DataError::NotMapped)?;
        // SAFETY: `offset` is within the MDL's bytes, which are mapped from `base` on.
        let start = unsafe { base.add(self.offset) };
        let len = self.left.min(bytes - self.offset);
        self.offset += len;
        self.left -= len;
        Ok(Chunk { start, len })
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Chunk, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let chunk = self.chunk();
        if chunk.is_err() {
            self.left = 0;
        }
        Some(chunk)
    }
}
