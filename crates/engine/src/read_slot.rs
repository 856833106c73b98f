//! One active read and its writers: room is reserved by one atomic operation, copies are made
//! without a lock, and whoever ends the last of them completes the read.
//!
//! | state | who may touch what the driver keeps beside the slot (request, address) |
//! |---|---|
//! | idle | nobody |
//! | owned | the holder of [`Owner`] or [`Finished`], alone |
//! | open | writers, between reservation and commit, for reading |
//! | closing | writers that reserved before, likewise |
//!
//! idle → owned ([`ReadSlot::acquire`]) → open ([`Owner::open`]) → closing (a record that does not
//! fit, or [`ReadSlot::close`]) → owned (the last commit, or at once where no writer is under way)
//! → open again, or idle (the owner is dropped).

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// The atomic word that a slot is made of: [`AtomicU64`], or a model of it in tests.
pub trait Word {
    /// Loads with acquire ordering.
    fn load(&self) -> u64;
    /// Replaces `current` by `new` with acquire and release ordering; may fail spuriously, and
    /// then says what it found.
    fn replace(&self, current: u64, new: u64) -> Result<(), u64>;
    /// Stores without ordering.
    fn set(&self, value: u64);
    /// Loads without ordering.
    fn get(&self) -> u64;
}

impl Word for AtomicU64 {
    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn replace(&self, current: u64, new: u64) -> Result<(), u64> {
        self.compare_exchange_weak(current, new, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    fn set(&self, value: u64) {
        self.store(value, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

/// Largest capacity of a read, in bytes: more than any READ that the driver accepts.
pub const MAX_CAPACITY: u32 = (1 << FREE_BITS) - 1;

const FREE_BITS: u32 = 24;
const WRITERS_BITS: u32 = 14;
const EPOCH_BITS: u32 = 24;
const MAX_WRITERS: u32 = (1 << WRITERS_BITS) - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Owned,
    Open,
    Closing,
}

/// The word taken apart: from the low end free bytes (24 bits), writers (14), phase (2), epoch (24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    free: u32,
    writers: u32,
    phase: Phase,
    epoch: u32,
}

impl State {
    const fn unpack(word: u64) -> Self {
        const fn bits(word: u64, from: u32, count: u32) -> u32 {
            (word >> from) as u32 & ((1 << count) - 1)
        }
        Self {
            free: bits(word, 0, FREE_BITS),
            writers: bits(word, FREE_BITS, WRITERS_BITS),
            phase: match bits(word, FREE_BITS + WRITERS_BITS, 2) {
                0 => Phase::Idle,
                1 => Phase::Owned,
                2 => Phase::Open,
                _ => Phase::Closing,
            },
            epoch: bits(word, 64 - EPOCH_BITS, EPOCH_BITS),
        }
    }

    const fn pack(self) -> u64 {
        self.free as u64
            | (self.writers as u64) << FREE_BITS
            | (self.phase as u64) << (FREE_BITS + WRITERS_BITS)
            | (self.epoch as u64) << (64 - EPOCH_BITS)
    }

    /// Closed to new writers; owned at once where none is under way.
    const fn closed(mut self) -> Self {
        self.phase = if self.writers == 0 { Phase::Owned } else { Phase::Closing };
        self
    }
}

/// Names one opening of a slot, so that a timer or a cancellation that comes late closes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u32);

/// See the [module](self).
pub struct ReadSlot<W = AtomicU64> {
    state: W,
    /// Bytes of the read: written by the owner, read by writers and by the next owner.
    capacity: W,
}

impl ReadSlot {
    /// An idle slot.
    pub const fn new() -> Self {
        Self { state: AtomicU64::new(0), capacity: AtomicU64::new(0) }
    }
}

impl Default for ReadSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl<W> fmt::Debug for ReadSlot<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadSlot").finish_non_exhaustive()
    }
}

/// Exclusive right to the slot and to what is kept beside it. Dropping it makes the slot idle.
#[must_use = "dropping it releases the slot"]
#[derive(Debug)]
pub struct Owner<'a, W: Word = AtomicU64>(&'a ReadSlot<W>);

/// A read to which nothing is added any more and which whoever holds this completes.
#[must_use = "the read has to be completed"]
#[derive(Debug)]
pub struct Finished<'a, W: Word = AtomicU64> {
    /// Bytes of whole records at the start of the read's buffer.
    pub bytes: u32,
    /// The slot, for the next read.
    pub owner: Owner<'a, W>,
}

/// Room in the active read that belongs to one writer until it commits.
#[must_use = "the read cannot be completed until this is committed"]
#[derive(Debug)]
pub struct Reserved<'a, W: Word = AtomicU64> {
    slot: &'a ReadSlot<W>,
    /// Where the room starts in the read's buffer.
    pub offset: u32,
    /// Bytes of room: what was asked for.
    pub len: u32,
    /// The opening it belongs to.
    pub ticket: Ticket,
}

/// What became of a reservation.
#[derive(Debug)]
pub enum Reserve<'a, W: Word = AtomicU64> {
    /// There was room. Addresses are taken from beside the slot now, not before.
    Room(Reserved<'a, W>),
    /// There was not, so the read is closed now. Without [`Finished`] another writer is still
    /// copying and will get it.
    Full(Option<Finished<'a, W>>),
    /// No read is open.
    NoRead,
}

impl<W: Word> ReadSlot<W> {
    /// An idle slot of two words that hold 0.
    pub const fn from_words(state: W, capacity: W) -> Self {
        Self { state, capacity }
    }

    /// Replaces the state by what `next` makes of it, unless it makes nothing of it. Returns what
    /// was replaced and what replaced it.
    fn update(&self, next: impl Fn(State) -> Option<State>) -> Option<(State, State)> {
        let mut word = self.state.load();
        loop {
            let old = State::unpack(word);
            let new = next(old)?;
            match self.state.replace(word, new.pack()) {
                Ok(()) => return Some((old, new)),
                Err(found) => word = found,
            }
        }
    }

    /// [`Finished`] for who brought the slot into the owned state.
    fn finished(&self, state: State) -> Option<Finished<'_, W>> {
        (state.phase == Phase::Owned).then(|| {
            let capacity = self.capacity.get() as u32;
            Finished { bytes: capacity.saturating_sub(state.free), owner: Owner(self) }
        })
    }

    /// Makes the idle slot one's own; `None` where a read is open, closing, or owned.
    pub fn acquire(&self) -> Option<Owner<'_, W>> {
        self.update(|state| (state.phase == Phase::Idle).then_some(State { phase: Phase::Owned, ..state }))
            .map(|_| Owner(self))
    }

    /// Reserves `len` bytes, a multiple of 4 as every record's length is. A record that does not
    /// fit closes the read.
    pub fn reserve(&self, len: u32) -> Reserve<'_, W> {
        let step = self.update(|mut state| {
            if state.phase != Phase::Open {
                return None;
            }
            match state.free.checked_sub(len) {
                Some(free) if state.writers < MAX_WRITERS => {
                    state.free = free;
                    state.writers += 1;
                    Some(state)
                }
                _ => Some(state.closed()),
            }
        });
        match step {
            None => Reserve::NoRead,
            Some((old, new)) if new.phase == Phase::Open => Reserve::Room(Reserved {
                slot: self,
                offset: (self.capacity.get() as u32).saturating_sub(old.free),
                len,
                ticket: Ticket(new.epoch),
            }),
            Some((_, new)) => Reserve::Full(self.finished(new)),
        }
    }

    /// Closes the read that `ticket` names: its time is up, or it is being cancelled. `None` where
    /// it is closed already or a writer is still copying: whoever closed it, or the last writer,
    /// completes it.
    pub fn close(&self, ticket: Ticket) -> Option<Finished<'_, W>> {
        self.close_if(|state| state.epoch == ticket.0)
    }

    /// Closes whatever read is open and has something in it: the end of a batch, for a reader that
    /// wants it at once. A read that another processor has only just opened stays open. `None` as
    /// for [`close`](Self::close), and where nothing was closed.
    pub fn close_filled(&self) -> Option<Finished<'_, W>> {
        // Of another opening the capacity can only be if the state is too, which is then not replaced.
        self.close_if(|state| self.capacity.get() != u64::from(state.free))
    }

    /// Closes whatever read is open, as when its handle is closed. `None` as for
    /// [`close`](Self::close), and where no read is open.
    pub fn close_any(&self) -> Option<Finished<'_, W>> {
        self.close_if(|_| true)
    }

    fn close_if(&self, which: impl Fn(State) -> bool) -> Option<Finished<'_, W>> {
        let (_, new) = self.update(|state| (state.phase == Phase::Open && which(state)).then(|| state.closed()))?;
        self.finished(new)
    }
}

impl<W: Word> Owner<'_, W> {
    /// Opens the slot with a read of `capacity` bytes, of which the first `used` are filled
    /// already, from the spill. What writers need is in its place beside the slot.
    ///
    /// # Errors
    /// The owner comes back where `capacity` is above [`MAX_CAPACITY`] or below `used`.
    pub fn open(self, capacity: u32, used: u32) -> Result<Ticket, Self> {
        let free = match capacity.checked_sub(used) {
            Some(free) if capacity <= MAX_CAPACITY => free,
            _ => return Err(self),
        };
        let slot = self.0;
        core::mem::forget(self);
        slot.capacity.set(capacity.into());
        let opened = slot.update(|state| {
            let epoch = (state.epoch + 1) & ((1 << EPOCH_BITS) - 1);
            Some(State { free, writers: 0, phase: Phase::Open, epoch })
        });
        Ok(Ticket(opened.map_or(0, |(_, new)| new.epoch)))
    }
}

impl<W: Word> Drop for Owner<'_, W> {
    fn drop(&mut self) {
        self.0.update(|state| Some(State { phase: Phase::Idle, ..state }));
    }
}

impl<'a, W: Word> Reserved<'a, W> {
    /// Says that all of the room has been written: a record or, where its copy failed half-way, a
    /// filler of the same length (`nblease_abi::pcapng::filler_header`, zeros, `filler_trailer`).
    ///
    /// Returns [`Finished`] to the last writer of a closed read.
    pub fn commit(self) -> Option<Finished<'a, W>> {
        let (_, new) = self.slot.update(|mut state| {
            state.writers = state.writers.saturating_sub(1);
            Some(if state.phase == Phase::Closing { state.closed() } else { state })
        })?;
        self.slot.finished(new)
    }
}
