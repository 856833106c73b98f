//! A frame as a reader gets it: the VLAN tag that was held out of band is put back, and the whole
//! is cut at the snaplen.

use core::iter;

/// Where a tag stands: behind the two addresses.
const TAG_AT: u32 = 12;
const TAG_LEN: u32 = 4;
/// 802.1Q's tag protocol identifier.
const TPID: u16 = 0x8100;

/// A tag control information that was held out of band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag(u16);

impl VlanTag {
    /// Priority, drop eligibility and VLAN number as on the wire; 0 means that there is no tag.
    pub const fn from_tci(tci: u16) -> Option<Self> {
        if tci == 0 { None } else { Some(Self(tci)) }
    }

    /// The tag's 4 bytes on the wire.
    pub const fn bytes(self) -> [u8; 4] {
        let [a, b] = TPID.to_be_bytes();
        let [c, d] = self.0.to_be_bytes();
        [a, b, c, d]
    }
}

/// The lengths of a frame's copy and what it is put together from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameShape {
    /// Bytes that are kept: `original_len` cut at the snaplen.
    pub captured_len: u32,
    /// Bytes of the frame with its tag.
    pub original_len: u32,
    tag: Option<VlanTag>,
}

/// A piece of a frame's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// `len` bytes of the original from `offset` on; never empty.
    Original {
        /// Where they start in the original.
        offset: u32,
        /// How many they are.
        len: u32,
    },
    /// The first `len` of `bytes`; never empty.
    Tag {
        /// The tag.
        bytes: [u8; 4],
        /// How many of them are kept.
        len: u32,
    },
}

impl FrameShape {
    /// For an original of `frame_len` bytes. A frame too short for both addresses has no place for
    /// a tag and is left as it is.
    pub const fn new(frame_len: u32, tag: Option<VlanTag>, snaplen: u32) -> Self {
        let tag = if frame_len < TAG_AT { None } else { tag };
        let original_len = match tag {
            Some(_) => frame_len.saturating_add(TAG_LEN),
            None => frame_len,
        };
        let captured_len = if original_len < snaplen { original_len } else { snaplen };
        Self { captured_len, original_len, tag }
    }

    /// The pieces that the copy consists of, in order; `captured_len` bytes in all.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + use<> {
        let kept = self.captured_len;
        let (front, tag, rest) = match self.tag {
            None => (kept, None, 0),
            Some(tag) => (
                kept.min(TAG_AT),
                Some((tag, kept.saturating_sub(TAG_AT).min(TAG_LEN))),
                kept.saturating_sub(TAG_AT + TAG_LEN),
            ),
        };
        let original = |offset, len| (len != 0).then_some(Segment::Original { offset, len });
        let tag = tag.filter(|&(_, len)| len != 0).map(|(tag, len)| Segment::Tag { bytes: tag.bytes(), len });
        iter::empty().chain(original(0, front)).chain(tag).chain(original(TAG_AT, rest))
    }
}
