//! A frame's bytes for who may not follow a pointer, and the few questions that a record answers about a packet.
//!
//! Contexts: as for [`packet`](crate::packet). The bytes are the sender's or the card's and may change while they are
//! looked at, so they come as cells, never as a plain slice.

use core::cell::Cell;
use core::slice;

use crate::mdl::{Chunk, DataError};
use crate::packet::{FrameRef, NblRef};

impl FrameRef<'_> {
    /// Maps what has to be mapped of the first `len` bytes, without looking at them.
    ///
    /// After a success [`for_each_chunk`](Self::for_each_chunk) of bytes among them cannot fail while the chain is held.
    pub fn map(&self, len: usize) -> Result<(), DataError> {
        self.chunks().range(0, len)?.try_for_each(|chunk| chunk.map(drop))
    }

    /// Shows the `len` bytes from `at` on, chunk by chunk, where they lie. Ends early where there are no more, or where
    /// they cannot be mapped.
    pub fn for_each_chunk(&self, at: usize, len: usize, mut show: impl FnMut(&[Cell<u8>])) {
        let Ok(chunks) = self.chunks().range(at, len) else {
            return;
        };
        for Chunk { start, len } in chunks.map_while(Result::ok) {
            // SAFETY: mapped and held while `show` runs; cells assume nothing about who else writes.
            show(unsafe { slice::from_raw_parts(start.as_ptr().cast::<Cell<u8>>(), len) });
        }
    }
}

/// Copies as many bytes of a frame as there is room for, in one `memcpy`. Any IRQL.
pub fn copy(from: &[Cell<u8>], to: &mut [u8]) {
    let len = from.len().min(to.len());
    // SAFETY: both are valid for `len` bytes, and nobody else has what is borrowed exclusively.
    unsafe { to.as_mut_ptr().copy_from_nonoverlapping(from.as_ptr().cast(), len) };
}

impl NblRef<'_> {
    /// Whether a send leaves checksums to the card, so that those in the frame are not right yet.
    #[must_use]
    pub fn asks_for_checksum(&self) -> bool {
        let info = self.checksum();
        info.Transmit_TcpChecksum() | info.Transmit_UdpChecksum() | info.Transmit_IpHeaderChecksum() != 0
    }

    /// Whether a send leaves cutting into segments to the card.
    #[must_use]
    pub fn asks_for_segmentation(&self) -> bool {
        !self.large_send().Value.is_null() || !self.udp_segmentation().Value.is_null()
    }

    /// Whether the card has checked a receive's checksums and found none wrong.
    #[must_use]
    pub fn checksum_succeeded(&self) -> bool {
        let info = self.checksum();
        let failed =
            info.Receive_TcpChecksumFailed() | info.Receive_UdpChecksumFailed() | info.Receive_IpChecksumFailed();
        failed == 0 && info.Receive_TcpChecksumSucceeded() | info.Receive_UdpChecksumSucceeded() != 0
    }
}
