//! VERDICT: a GATE's answers, by ticket.
//!
//! A ticket comes with a frame's record (`epb_packetid`). It is good for one verdict, of the reader that got it. A frame
//! that is replaced goes on as the bytes that come with the verdict: an Ethernet frame from its destination address on,
//! without FCS, a VLAN tag in its place.

use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::NtStatus;
use crate::ioctl::{MalformedReply, entries};

/// Most entries of one request.
pub const MAX_VERDICTS: u32 = 4096;
/// Most bytes of one request's input.
pub const MAX_VERDICT_BYTES: u32 = 4 << 20;

/// The frame passes, as far as this reader is concerned.
pub const VERDICT_PASS: u32 = 1;
/// The frame is dropped.
pub const VERDICT_DROP: u32 = 2;
/// The frame is dropped, and other bytes go in its place.
pub const VERDICT_REPLACE: u32 = 3;

bitflags::bitflags! {
    /// What the card is asked to do with a sent frame that replaces another. Where nothing is asked for, all checksums
    /// are the program's business.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OffloadFlags: u32 {
        /// The checksum of the IPv4 header.
        const IP_CHECKSUM = 1;
        /// The checksum of TCP or UDP; in its place is the sum of the pseudo header.
        const TRANSPORT_CHECKSUM = 2;
    }
}

/// Head of the input of `IOCTL_VERDICT`. `count` [`VerdictEntry`]s follow it, then `bytes` bytes of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Verdicts {
    /// Entries that follow: 1 to [`MAX_VERDICTS`].
    pub count: u32,
    /// Bytes of frames behind the entries.
    pub bytes: u32,
    /// Zero.
    pub reserved: [u32; 2],
}

/// One verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VerdictEntry {
    /// The ticket of the frame's record.
    pub ticket: u64,
    /// One of `VERDICT_*`.
    pub verdict: u32,
    /// [`OffloadFlags`] of a replacement; 0 otherwise.
    pub offload: u32,
    /// Bytes of payload in each segment that the card is to cut a replacement into (LSO, USO); 0 for none.
    pub segment: u32,
    /// Where the replacement starts in the bytes behind the entries; 0 where there is none.
    pub offset: u32,
    /// Bytes of the replacement; 0 where there is none.
    pub length: u32,
    /// Zero.
    pub reserved: u32,
}

/// Head of the output of `IOCTL_VERDICT`. `count` statuses ([`NtStatus`], `u32`) follow it, in the order of the entries:
///
/// | status | the verdict |
/// |---|---|
/// | `SUCCESS` | holds |
/// | `REQUEST_NOT_ACCEPTED` | is the second of its ticket |
/// | `IO_TIMEOUT` | came after the deadline; the policy has decided |
/// | `CANCELLED` | came after the send was cancelled, or the adapter paused or went to sleep |
/// | `ACCESS_DENIED` | is on another reader's ticket |
/// | `NOT_FOUND` | is on no ticket |
/// | `INVALID_PARAMETER` | has a replacement that is no frame, or larger than the MTU; the ticket stays good |
/// | `NOT_SUPPORTED` | asks for an offload that the adapter does not do, or replaces a frame with out-of-band information that a replacement cannot carry; the ticket stays good |
/// | `INSUFFICIENT_RESOURCES` | has a replacement for which there is no memory; the ticket stays good |
///
/// All but the first are without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VerdictsReply {
    /// Statuses that follow.
    pub count: u32,
    /// Verdicts that hold.
    pub accepted: u32,
    /// Zero.
    pub reserved: [u32; 2],
}

/// What a verdict says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The frame passes.
    Pass,
    /// The frame is dropped.
    Drop,
    /// Other bytes go in its place.
    Replace {
        /// The frame.
        frame: &'a [u8],
        /// What the card is asked to do with it.
        offload: OffloadFlags,
        /// Bytes of payload in each segment; 0 for none.
        segment: u32,
    },
}

/// A request that is refused whole: no verdict of it has any effect. It is completed with `INVALID_PARAMETER`, or
/// `BUFFER_TOO_SMALL` where the input is shorter than its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictsError {
    /// The input is shorter than [`Verdicts`].
    TooShort,
    /// `count` is 0 or above [`MAX_VERDICTS`], or the input above [`MAX_VERDICT_BYTES`].
    Count,
    /// The input's length is not that of its entries and bytes.
    Length,
    /// The entry of this number has an unknown verdict or flag, reserved bytes that are not zero, or bytes that do not
    /// lie in the request.
    Entry(usize),
}

impl VerdictsError {
    /// The status that the request is completed with.
    pub const fn status(self) -> NtStatus {
        match self {
            Self::TooShort => NtStatus::BUFFER_TOO_SMALL,
            Self::Count | Self::Length | Self::Entry(_) => NtStatus::INVALID_PARAMETER,
        }
    }
}

/// The entries of a request, checked, where they lie in it.
#[derive(Clone, Copy, Debug)]
pub struct VerdictList<'a> {
    entries: &'a [u8],
    bytes: &'a [u8],
}

impl Verdicts {
    /// The head of a request.
    pub const fn new(count: u32, bytes: u32) -> Self {
        Self { count, bytes, reserved: [0; 2] }
    }

    /// Checks a request's whole input. It has to be memory that nobody else writes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(input: &[u8]) -> Result<VerdictList<'_>, VerdictsError> {
        let (head, rest) = Self::read_from_prefix(input).map_err(|_| VerdictsError::TooShort)?;
        if !(1..=MAX_VERDICTS).contains(&head.count) || input.len() > MAX_VERDICT_BYTES as usize {
            return Err(VerdictsError::Count);
        }
        let entries = head.count as usize * size_of::<VerdictEntry>();
        let (entries, bytes) = rest.split_at_checked(entries).ok_or(VerdictsError::Length)?;
        if bytes.len() != head.bytes as usize || head.reserved != [0; 2] {
            return Err(VerdictsError::Length);
        }
        let list = VerdictList { entries, bytes };
        match list.checked().position(|verdict| verdict.is_none()) {
            Some(at) => Err(VerdictsError::Entry(at)),
            None => Ok(list),
        }
    }

    /// Bytes of input for so many entries and bytes of frames.
    pub const fn input_len(count: usize, bytes: usize) -> usize {
        size_of::<Self>() + count * size_of::<VerdictEntry>() + bytes
    }
}

impl VerdictEntry {
    /// A verdict without a replacement.
    pub const fn plain(ticket: u64, verdict: u32) -> Self {
        Self { ticket, verdict, offload: 0, segment: 0, offset: 0, length: 0, reserved: 0 }
    }

    fn verdict<'a>(&self, bytes: &'a [u8]) -> Option<Verdict<'a>> {
        let is_plain = *self == Self::plain(self.ticket, self.verdict);
        match self.verdict {
            VERDICT_PASS if is_plain => Some(Verdict::Pass),
            VERDICT_DROP if is_plain => Some(Verdict::Drop),
            VERDICT_REPLACE if self.reserved == 0 => {
                let frame = bytes.get(self.offset as usize..)?.get(..self.length as usize)?;
                let offload = OffloadFlags::from_bits(self.offload)?;
                Some(Verdict::Replace { frame, offload, segment: self.segment })
            }
            _ => None,
        }
    }
}

impl<'a> VerdictList<'a> {
    fn checked(&self) -> impl Iterator<Item = Option<(u64, Verdict<'a>)>> + use<'a> {
        let bytes = self.bytes;
        self.entries.chunks_exact(size_of::<VerdictEntry>()).map(move |entry| {
            let entry = VerdictEntry::read_from_bytes(entry).ok()?;
            Some((entry.ticket, entry.verdict(bytes)?))
        })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entries.len() / size_of::<VerdictEntry>()
    }

    /// Never: a request has a verdict.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Tickets with what is said about them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Verdict<'a>)> + use<'a> {
        self.checked().flatten()
    }
}

impl VerdictsReply {
    /// The head of an answer.
    pub const fn new(count: u32, accepted: u32) -> Self {
        Self { count, accepted, reserved: [0; 2] }
    }

    /// Bytes of the answer to so many entries.
    pub const fn output_len(count: usize) -> usize {
        size_of::<Self>() + count * size_of::<u32>()
    }

    /// Takes an answer apart: its head and the statuses.
    pub fn parse(bytes: &[u8]) -> Result<(Self, impl Iterator<Item = NtStatus> + '_), MalformedReply> {
        let (head, rest) = Self::read_from_prefix(bytes).map_err(|_| MalformedReply)?;
        let statuses = entries::<u32>(rest, head.count).ok_or(MalformedReply)?;
        if head == Self::new(head.count, head.accepted) && head.accepted <= head.count {
            Ok((head, statuses.map(NtStatus)))
        } else {
            Err(MalformedReply)
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn input(entries: &[VerdictEntry], bytes: &[u8]) -> Vec<u8> {
        let head = Verdicts::new(entries.len() as u32, bytes.len() as u32);
        [head.as_bytes(), entries.as_bytes(), bytes].concat()
    }

    fn replace(offset: u32, length: u32) -> VerdictEntry {
        VerdictEntry { offset, length, ..VerdictEntry::plain(9, VERDICT_REPLACE) }
    }

    #[test]
    fn verdicts_come_in_order_with_their_bytes() {
        let offload = OffloadFlags::TRANSPORT_CHECKSUM;
        let replacing = VerdictEntry { offload: offload.bits(), segment: 1460, ..replace(1, 2) };
        let bytes =
            input(&[VerdictEntry::plain(7, VERDICT_PASS), VerdictEntry::plain(8, VERDICT_DROP), replacing], b"abcd");
        assert_eq!(bytes.len(), Verdicts::input_len(3, 4));
        let list = Verdicts::parse(&bytes).unwrap();
        let replaced = Verdict::Replace { frame: b"bc", offload, segment: 1460 };
        assert_eq!(list.len(), 3);
        assert_eq!(list.iter().collect::<Vec<_>>(), [(7, Verdict::Pass), (8, Verdict::Drop), (9, replaced)]);
    }

    #[test]
    fn each_fault_refuses_the_whole_request() {
        let good = VerdictEntry::plain(7, VERDICT_PASS);
        let refusal = |bad: VerdictEntry| Verdicts::parse(&input(&[good, bad], b"abcd")).err();
        assert_eq!(refusal(good), None);
        for bad in [
            VerdictEntry { verdict: 0, ..good },
            VerdictEntry { verdict: 4, ..good },
            VerdictEntry { offload: 1, ..good },
            VerdictEntry { segment: 1, ..good },
            VerdictEntry { length: 1, ..good },
            VerdictEntry { offset: 1, ..good },
            VerdictEntry { reserved: 1, ..good },
            VerdictEntry { reserved: 1, ..replace(0, 4) },
            VerdictEntry { offload: 4, ..replace(0, 4) },
            replace(0, 5),
            replace(5, 0),
            replace(u32::MAX, u32::MAX),
        ] {
            assert_eq!(refusal(bad), Some(VerdictsError::Entry(1)), "{bad:?}");
        }
        assert_eq!(Verdicts::parse(&input(&[], b"")).unwrap_err(), VerdictsError::Count);
        let bytes = input(&[good], b"abcd");
        for len in 0..bytes.len() {
            let short = len < size_of::<Verdicts>();
            let expected = if short { VerdictsError::TooShort } else { VerdictsError::Length };
            assert_eq!(Verdicts::parse(&bytes[..len]).unwrap_err(), expected);
        }
        let many = std::vec![good; MAX_VERDICTS as usize + 1];
        assert_eq!(Verdicts::parse(&input(&many, b"")).unwrap_err(), VerdictsError::Count);
        assert_eq!(Verdicts::parse(&input(&many[1..], b"")).unwrap().len(), MAX_VERDICTS as usize);
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let statuses = [NtStatus::SUCCESS.0, NtStatus::IO_TIMEOUT.0];
        let bytes = [VerdictsReply::new(2, 1).as_bytes(), statuses.as_bytes()].concat();
        assert_eq!(bytes.len(), VerdictsReply::output_len(2));
        let (head, found) = VerdictsReply::parse(&bytes).unwrap();
        assert_eq!((head.accepted, found.collect::<Vec<_>>()), (1, std::vec![NtStatus::SUCCESS, NtStatus::IO_TIMEOUT]));
        for len in 0..bytes.len() {
            assert!(VerdictsReply::parse(&bytes[..len]).is_err());
        }
    }
}
