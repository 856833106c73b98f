//! Packets of the module's own: NBLs from its [`pool`](crate::pool), which other drivers give back to be freed.
//!
//! Contexts: up to DISPATCH_LEVEL, with no lock held where a packet leaves. A packet that is passed on comes back through
//! FilterSendNetBufferListsComplete or FilterReturnNetBufferLists, where its chain frees it
//! ([`settle`](crate::settle)). One that is not passed on is freed where it is dropped; nothing else is done then.
//!
//! | how it is made | from | points to the original |
//! |---|---|---|
//! | `promote` | [`HeldSend`](HeldSend::promote), [`HeldRecv`](crate::held::HeldRecv::promote), [`LentChain`](crate::chain::LentChain::promote) | no |
//! | `replace` | [`replace`](crate::replace) | no |
//! | `shadow` | [`HeldSend`](HeldSend::shadow): a [`Shadow`](crate::shadow::Shadow) | yes, and owns it |
//!
//! Its bytes lie in one allocation of nonpaged pool, one MDL for each frame. What belongs to the NBL is written down in
//! its context, which other drivers leave as it is.

use core::mem::{ManuallyDrop, size_of};
use core::ptr::{NonNull, null_mut};

use crate::assemble::Block;
use crate::handle::FilterHandle;
use crate::held::{HeldSend, Level};
use crate::mdl::DataError;
use crate::packet::NblRef;
use crate::pool::NblPool;
use crate::sys::{
    MDL, NDIS_NET_BUFFER_LIST_INFO, NDIS_PORT_NUMBER, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT_DATA_START,
    NdisFIndicateReceiveNetBufferLists, NdisFSendNetBufferLists, NdisFreeNetBuffer, NdisFreeNetBufferList, PVOID,
    ULONG,
};

/// Why a packet could not be made. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnError {
    /// An allocation failed; later it may succeed.
    NoMemory,
    /// The original carries in this slot what a copy cannot carry and what changes the packet on the wire.
    NotPromotable(NDIS_NET_BUFFER_LIST_INFO),
    /// The original's bytes cannot be had.
    Data(DataError),
    /// No frame, a frame without bytes, or more bytes than a packet can have.
    Length,
    /// The frame is larger than the adapter takes.
    TooLong,
    /// An offload was asked for that the frame's headers do not allow.
    Offload,
}

impl From<DataError> for OwnError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

/// What the context of an own NBL says about it.
#[repr(C, align(16))]
pub(crate) struct Record {
    pool: NblPool,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
    cookie: u64,
    block: Option<Block>,
    /// Of a shadow: the packet whose bytes it shows.
    original: Option<HeldSend>,
}

/// The bytes of context that an own NBL has: a multiple of MEMORY_ALLOCATION_ALIGNMENT.
pub(crate) const RECORD_SIZE: u16 = size_of::<Record>() as u16;
const _: () = assert!(size_of::<Record>() < 1024 && RECORD_SIZE.is_multiple_of(16));

/// An NBL from a pool, which whoever has this has alone. Dropping it frees it with all that belongs to it.
pub(crate) struct OwnNbl(NonNull<NET_BUFFER_LIST>);

// SAFETY: whoever has it has the NBL alone; NDIS frees or takes it on any thread.
unsafe impl Send for OwnNbl {}

impl OwnNbl {
    /// An NBL without frames that is to be passed on with `port` and `flags`, and owns `block`.
    pub fn new(pool: &NblPool, port: NDIS_PORT_NUMBER, flags: ULONG, block: Option<Block>) -> Result<Self, OwnError> {
        let mut nbl = pool.allocate_nbl().ok_or(OwnError::NoMemory)?;
        let record = Record { pool: pool.share(), port, flags, cookie: 0, block, original: None };
        // SAFETY: the NBL is new and has a context.
        let place = unsafe { record_of(nbl) };
        // SAFETY: the context has room for it, aligned to 16 bytes.
        unsafe { place.write(record) };
        // SAFETY: new, and nobody else's.
        let fields = unsafe { nbl.as_mut() };
        fields.SourceHandle = pool.filter().into_raw();
        fields.NetBufferListInfo = [null_mut(); 27];
        fields.NblFlags = 0;
        Ok(Self(nbl))
    }

    /// An own NBL as other drivers see it.
    ///
    /// # Safety
    /// An NBL that [`into_raw`](Self::into_raw) gave, and that nobody else has.
    pub unsafe fn from_raw(nbl: NonNull<NET_BUFFER_LIST>) -> Self {
        Self(nbl)
    }

    /// The NBL, for whoever owns it from now on.
    pub fn into_raw(self) -> NonNull<NET_BUFFER_LIST> {
        ManuallyDrop::new(self).0
    }

    pub fn nbl(&self) -> NblRef<'_> {
        // SAFETY: owned for as long as it is borrowed.
        unsafe { NblRef::new(self.0) }
    }

    pub fn fields(&mut self) -> &mut NET_BUFFER_LIST {
        // SAFETY: owned alone.
        unsafe { self.0.as_mut() }
    }

    fn record(&self) -> &Record {
        // SAFETY: written by `new`, and shared only while the NBL is borrowed.
        unsafe { self.place().as_ref() }
    }

    fn record_mut(&mut self) -> &mut Record {
        // SAFETY: written by `new`, and the NBL is owned alone.
        unsafe { self.place().as_mut() }
    }

    fn place(&self) -> NonNull<Record> {
        // SAFETY: an NBL from a pool of this crate.
        unsafe { record_of(self.0) }
    }

    /// Gives the NBL its frames: NBs over these (MDL chain, offset, length). After an error it has some of them.
    ///
    /// # Safety
    /// Each chain is whole, has these bytes, and outlives the NBL.
    pub unsafe fn link(&mut self, frames: impl Iterator<Item = (*mut MDL, u32, usize)>) -> Result<(), OwnError> {
        let pool = self.record().pool.share();
        let mut place: *mut *mut NET_BUFFER = &raw mut self.fields().FirstNetBuffer;
        for (mdl, offset, len) in frames {
            // SAFETY: as the caller says.
            let nb = unsafe { pool.allocate_nb(mdl, offset, len) }.ok_or(OwnError::NoMemory)?.as_ptr();
            // SAFETY: the link of this NBL, or of its last NB.
            unsafe { place.write(nb) };
            // SAFETY: a new NB.
            place = unsafe { &raw mut (*nb).Next };
            // SAFETY: as above.
            unsafe { place.write(null_mut()) };
        }
        Ok(())
    }

    /// The MDLs of the block.
    pub fn block_frames(&self) -> impl Iterator<Item = (*mut MDL, u32, usize)> + use<> {
        self.record().block.as_ref().map(Block::frames).into_iter().flatten()
    }

    /// Makes this a shadow of `original`.
    pub fn set_original(&mut self, original: HeldSend) {
        self.record_mut().original = Some(original);
    }

    /// The packet whose shadow this was.
    pub fn take_original(&mut self) -> Option<HeldSend> {
        self.record_mut().original.take()
    }

    /// Frees the packet, and gives its cookie, its bytes and its pool, which is to count it back.
    pub fn free(self) -> (u64, usize, NblPool) {
        let record = self.record();
        (record.cookie, self.memory(), record.pool.share())
    }

    /// The nonpaged bytes that hold its frames.
    pub fn memory(&self) -> usize {
        self.record().block.as_ref().map_or(0, Block::bytes)
    }

    pub fn filter(&self) -> FilterHandle {
        self.record().pool.filter()
    }

    pub fn port(&self) -> NDIS_PORT_NUMBER {
        self.record().port
    }

    pub fn flags(&self) -> ULONG {
        self.record().flags
    }

    /// Sets the call by which the packet leaves.
    pub fn leave_with(&mut self, port: NDIS_PORT_NUMBER, flags: ULONG) {
        let record = self.record_mut();
        (record.port, record.flags) = (port, flags);
    }

    /// Frees those frames of the packet that `keep` does not say, by their index in it. The packet keeps its memory.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut place: *mut *mut NET_BUFFER = &raw mut self.fields().FirstNetBuffer;
        for at in 0.. {
            // SAFETY: the link of this NBL, or of an NB of it.
            let Some(nb) = NonNull::new(unsafe { place.read() }) else {
                break;
            };
            // SAFETY: an NB of this NBL.
            let next = unsafe { &raw mut (*nb.as_ptr()).Next };
            if keep(at) {
                place = next;
                continue;
            }
            // SAFETY: the link of an NB of this NBL.
            let next = unsafe { next.read() };
            // SAFETY: as above.
            unsafe { place.write(next) };
            // SAFETY: from the pool's NBs, linked nowhere any more.
            unsafe { NdisFreeNetBuffer(nb.as_ptr()) };
        }
    }

    pub fn cookie(&self) -> u64 {
        self.record().cookie
    }

    pub fn set_cookie(&mut self, cookie: u64) {
        self.record_mut().cookie = cookie;
    }

    /// Passes the packet down, as its record says.
    pub fn send(self, level: Level) {
        let (filter, port, flags) = (self.filter(), self.port(), self.flags() | level.send());
        let nbl = self.into_raw();
        // SAFETY: an own NBL, about to be passed on.
        unsafe { launch(nbl) };
        // SAFETY: the NBL is this filter's and is given up here until it comes back.
        unsafe { NdisFSendNetBufferLists(filter.into_raw(), nbl.as_ptr(), port, flags) };
    }

    /// Passes the packet up, as its record says.
    pub fn indicate(self, level: Level) {
        let (filter, port, flags) = (self.filter(), self.port(), self.flags() | level.receive());
        let nbl = self.into_raw();
        // SAFETY: an own NBL, about to be passed on.
        unsafe { launch(nbl) };
        // SAFETY: the NBL is this filter's and is given up here until it comes back.
        unsafe { NdisFIndicateReceiveNetBufferLists(filter.into_raw(), nbl.as_ptr(), port, 1, flags) };
    }
}

impl Drop for OwnNbl {
    fn drop(&mut self) {
        // SAFETY: written by `new`; the NBL, and so its context, is not used after this.
        let record = unsafe { self.place().read() };
        let mut next = core::mem::replace(&mut self.fields().FirstNetBuffer, null_mut());
        while let Some(nb) = NonNull::new(next) {
            // SAFETY: an NB of this NBL.
            next = unsafe { nb.as_ref() }.Next;
            // SAFETY: from the pool's NBs, linked nowhere any more.
            unsafe { NdisFreeNetBuffer(nb.as_ptr()) };
        }
        // SAFETY: from the pool, which the record keeps until after, and nobody has it any more.
        unsafe { NdisFreeNetBufferList(self.0.as_ptr()) };
        drop(record);
    }
}

/// Where the record of an own NBL is.
///
/// # Safety
/// The NBL came from a pool of this crate.
unsafe fn record_of(nbl: NonNull<NET_BUFFER_LIST>) -> NonNull<Record> {
    // SAFETY: the NBL has the context that the pool gave it.
    let data = unsafe { NET_BUFFER_LIST_CONTEXT_DATA_START(nbl.as_ptr()) };
    // SAFETY: a place within the NBL's context is not null.
    unsafe { NonNull::new_unchecked(data.cast()) }
}

/// Counts an own NBL as passed on.
///
/// # Safety
/// An NBL of [`OwnNbl::into_raw`], which nobody else has.
pub(crate) unsafe fn launch(nbl: NonNull<NET_BUFFER_LIST>) {
    // SAFETY: as the caller says.
    let record = unsafe { record_of(nbl) };
    // SAFETY: written by `new`, and nobody writes it now.
    unsafe { record.as_ref() }.pool.launch();
}

/// Puts a value into an out-of-band slot.
pub(crate) fn set_slot(nbl: &mut NET_BUFFER_LIST, slot: NDIS_NET_BUFFER_LIST_INFO, value: PVOID) {
    if let Some(place) = usize::try_from(slot).ok().and_then(|slot| nbl.NetBufferListInfo.get_mut(slot)) {
        *place = value;
    }
}

macro_rules! own {
    ($(#[$meta:meta])* $name:ident leaves by $leave:ident) => {
        $(#[$meta])*
        #[must_use = "a packet that is not passed on is freed"]
        pub struct $name(OwnNbl);

        impl $name {
            pub(crate) fn new(nbl: OwnNbl) -> Self {
                Self(nbl)
            }

            /// The packet.
            #[must_use]
            pub fn nbl(&self) -> NblRef<'_> {
                self.0.nbl()
            }

            /// The module whose packet it is.
            #[must_use]
            pub fn filter(&self) -> FilterHandle {
                self.0.filter()
            }

            /// The port that it leaves with.
            #[must_use]
            pub fn port(&self) -> NDIS_PORT_NUMBER {
                self.0.port()
            }

            /// The flags that it leaves with, but for the level's.
            #[must_use]
            pub fn flags(&self) -> ULONG {
                self.0.flags()
            }

            /// Bytes of nonpaged pool that hold its frames.
            #[must_use]
            pub fn memory(&self) -> usize {
                self.0.memory()
            }

            /// What the driver wrote on it, 0 unless it did. [`Settled`](crate::settle::Settled) tells it.
            #[must_use]
            pub fn cookie(&self) -> u64 {
                self.0.cookie()
            }

            /// Writes on the packet whose it is, in the driver's terms.
            pub fn set_cookie(&mut self, cookie: u64) {
                self.0.set_cookie(cookie);
            }

            /// Passes the packet on. Only while the module is Running.
            pub fn forward(self, level: Level) {
                self.0.$leave(level);
            }

            pub(crate) fn into_own(self) -> OwnNbl {
                self.0
            }
        }
    };
}

own! {
    /// A send of the module's own (`NdisFSendNetBufferLists`).
    OwnSend leaves by send
}

impl OwnSend {
    /// Frees those frames that `keep` does not say, by their index in the packet. One without frames must not be passed
    /// on. No lock is held.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        self.0.retain(keep);
    }
}

own! {
    /// A receive of the module's own (`NdisFIndicateReceiveNetBufferLists`).
    OwnRecv leaves by indicate
}
