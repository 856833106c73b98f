//! What names readers, adapters and tickets.

use super::slots::{FrameIx, Ix};

/// Readers that hold frames, GATEs and patient TAPs, at a time.
pub const MAX_READERS: usize = 32;
/// Adapters at a time.
pub const MAX_ADAPTERS: usize = 64;

/// A reader's place in a table. It is used again once the reader is gone and no lease of its is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReaderId(pub(super) u8);

/// An adapter's place in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdapterId(pub(super) u8);

impl ReaderId {
    /// Below [`MAX_READERS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The one of this [`index`](Self::index).
    pub const fn of_index(index: u8) -> Option<Self> {
        if (index as usize) < MAX_READERS { Some(Self(index)) } else { None }
    }
}

impl AdapterId {
    /// Below [`MAX_ADAPTERS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The one of this [`index`](Self::index).
    pub const fn of_index(index: u8) -> Option<Self> {
        if (index as usize) < MAX_ADAPTERS { Some(Self(index)) } else { None }
    }
}

macro_rules! small_ix {
    ($name:ident, $set:ident($bits:ty), $doc:literal) => {
        impl Ix for $name {
            const NONE: Self = Self(u8::MAX);

            fn of(number: usize) -> Self {
                u8::try_from(number).map_or(Self::NONE, Self)
            }

            fn number(self) -> usize {
                self.0.into()
            }
        }

        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set($bits);

        impl $set {
            /// Nobody.
            pub const EMPTY: Self = Self(0);

            fn bit(id: $name) -> $bits {
                <$bits>::from(1_u8).checked_shl(id.0.into()).unwrap_or(0)
            }

            /// Adds one.
            pub fn insert(&mut self, id: $name) {
                self.0 |= Self::bit(id);
            }

            /// Takes one out.
            pub fn remove(&mut self, id: $name) {
                self.0 &= !Self::bit(id);
            }

            /// Whether one is in it.
            pub fn contains(self, id: $name) -> bool {
                self.0 & Self::bit(id) != 0
            }

            /// Whether nobody is in it.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Those in either.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether somebody is in both.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// The one with the lowest number.
            pub fn first(self) -> Option<$name> {
                (self.0 != 0).then(|| $name(self.0.trailing_zeros() as u8))
            }
        }

        impl $set {
            /// Each of them, by number.
            pub fn iter(mut self) -> impl Iterator<Item = $name> {
                core::iter::from_fn(move || {
                    let id = self.first()?;
                    self.remove(id);
                    Some(id)
                })
            }
        }

        impl FromIterator<$name> for $set {
            fn from_iter<T: IntoIterator<Item = $name>>(ids: T) -> Self {
                let mut set = Self::EMPTY;
                ids.into_iter().for_each(|id| set.insert(id));
                set
            }
        }
    };
}
small_ix!(ReaderId, ReaderSet(u32), "A set of readers.");
small_ix!(AdapterId, AdapterSet(u64), "A set of adapters.");

const SLOT_BITS: u32 = 24;
const READER_BITS: u32 = 5;
const GENERATION_BITS: u32 = 64 - SLOT_BITS - READER_BITS;

/// Frames that a table can hold at most: what a ticket can tell apart.
pub const MAX_TABLE_FRAMES: usize = (1 << SLOT_BITS) - 1;
/// After this many tickets a place for frames is not used again.
pub(super) const LAST_GENERATION: u64 = (1 << GENERATION_BITS) - 1;

/// Names one claim: one reader's question about one frame. No other claim of the table ever has
/// the same.
///
/// From the low end the frame's place (24 bits), the reader asked (5) and how many tickets the
/// place has had before and with this one (35). A program sees it as a number and gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

impl Ticket {
    pub(super) fn new(frame: FrameIx, reader: ReaderId, generation: u64) -> Self {
        Self(generation << (SLOT_BITS + READER_BITS) | u64::from(reader.0) << SLOT_BITS | u64::from(frame.0))
    }

    pub(super) const fn frame(self) -> FrameIx {
        FrameIx(self.0 as u32 & ((1 << SLOT_BITS) - 1))
    }

    pub(super) const fn reader(self) -> ReaderId {
        ReaderId((self.0 >> SLOT_BITS) as u8 & ((1 << READER_BITS) - 1))
    }

    pub(super) const fn generation(self) -> u64 {
        self.0 >> (SLOT_BITS + READER_BITS)
    }
}
