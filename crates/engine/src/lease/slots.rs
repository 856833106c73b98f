//! Arrays whose places are named by small numbers, and pools of such places.
//!
//! A number that names no place reaches a place of its own, the *nowhere*, that nobody looks for
//! anything in. So links can end without a special case, and no path can panic.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::{Index, IndexMut};

/// The name of a place.
pub(super) trait Ix: Copy + PartialEq {
    /// Names no place.
    const NONE: Self;
    fn of(number: usize) -> Self;
    fn number(self) -> usize;
}

macro_rules! ix {
    ($($(#[$doc:meta])* $name:ident($int:ty),)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(super) struct $name(pub(super) $int);

        impl Ix for $name {
            const NONE: Self = Self(<$int>::MAX);

            fn of(number: usize) -> Self {
                <$int>::try_from(number).map_or(Self::NONE, Self)
            }

            fn number(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ix! {
    /// Names a lease.
    LeaseIx(u32),
    /// Names a frame of a lease.
    FrameIx(u32),
    /// Names a flow.
    FlowIx(u32),
    /// Names a chain of flows with like keys.
    BucketIx(u32),
    /// Names a tick of the wheel.
    SpokeIx(u16),
}

/// A fixed number of places.
#[derive(Debug)]
pub(super) struct Slots<I, T> {
    places: Vec<T>,
    nowhere: T,
    ix: PhantomData<fn(I)>,
}

impl<I: Ix, T> Slots<I, T> {
    /// As many places as asked for, or `None` where there is no memory for them.
    pub fn try_new(count: usize, mut empty: impl FnMut() -> T) -> Option<Self> {
        let mut places = Vec::new();
        places.try_reserve_exact(count).ok()?;
        places.extend((0..count).map(|_| empty()));
        Some(Self { places, nowhere: empty(), ix: PhantomData })
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn get(&self, ix: I) -> Option<&T> {
        self.places.get(ix.number())
    }

    pub fn get_mut(&mut self, ix: I) -> Option<&mut T> {
        self.places.get_mut(ix.number())
    }

    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.places.iter().enumerate().map(|(number, place)| (I::of(number), place))
    }
}

impl<I: Ix, T> Index<I> for Slots<I, T> {
    type Output = T;

    fn index(&self, ix: I) -> &T {
        self.places.get(ix.number()).unwrap_or(&self.nowhere)
    }
}

impl<I: Ix, T> IndexMut<I> for Slots<I, T> {
    fn index_mut(&mut self, ix: I) -> &mut T {
        self.places.get_mut(ix.number()).unwrap_or(&mut self.nowhere)
    }
}

/// What can lie in a pool: while it is free it links to the next free place.
pub(super) trait Pooled<I> {
    fn next_free(&mut self) -> &mut I;
}

/// Places that are taken and given back, the longest free first: a place rests as long as it can
/// before it is used again.
#[derive(Debug)]
pub(super) struct Pool<I, T> {
    slots: Slots<I, T>,
    first_free: I,
    last_free: I,
    free: usize,
}

impl<I: Ix, T: Pooled<I>> Pool<I, T> {
    /// As many free places as asked for, or `None` where there is no memory for them.
    pub fn try_new(count: usize, empty: impl FnMut() -> T) -> Option<Self> {
        let mut pool = Self { slots: Slots::try_new(count, empty)?, first_free: I::NONE, last_free: I::NONE, free: 0 };
        for number in 0..count {
            pool.give_back(I::of(number));
        }
        Some(pool)
    }

    /// How many are free.
    pub const fn free(&self) -> usize {
        self.free
    }

    /// How many there are.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub fn get(&self, ix: I) -> Option<&T> {
        self.slots.get(ix)
    }

    pub fn take(&mut self) -> Option<I> {
        let ix = self.first_free;
        self.first_free = *self.slots.get_mut(ix)?.next_free();
        if self.first_free == I::NONE {
            self.last_free = I::NONE;
        }
        self.free -= 1;
        Some(ix)
    }

    pub fn give_back(&mut self, ix: I) {
        *self.slots[ix].next_free() = I::NONE;
        let last = self.last_free;
        if last == I::NONE {
            self.first_free = ix;
        } else {
            *self.slots[last].next_free() = ix;
        }
        self.last_free = ix;
        self.free += 1;
    }
}

impl<I: Ix, T> Index<I> for Pool<I, T> {
    type Output = T;

    fn index(&self, ix: I) -> &T {
        &self.slots[ix]
    }
}

impl<I: Ix, T> IndexMut<I> for Pool<I, T> {
    fn index_mut(&mut self, ix: I) -> &mut T {
        &mut self.slots[ix]
    }
}
