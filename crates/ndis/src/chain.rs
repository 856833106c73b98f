//! Chains: lists of NBLs that a filter holds, each of which leaves by one call that consumes it.
//!
//! | type | comes from | held as | leaves by |
//! |---|---|---|---|
//! | [`SendChain`] | FilterSendNetBufferLists | owned | [`forward`](SendChain::forward) down, [`finish`](SendChain::finish) up, [`split`](SendChain::split) |
//! | [`SentChain`] | FilterSendNetBufferListsComplete | owned | [`forward`](SentChain::forward) up, [`settle`](SentChain::settle) |
//! | [`RecvChain`] | FilterReceiveNetBufferLists | owned | [`forward`](RecvChain::forward) up, [`finish`](RecvChain::finish) down, [`split`](RecvChain::split) |
//! | [`LentChain`] | the same, with RESOURCES | lent until the callback returns | [`forward`](LentChain::forward) up, or just by its end |
//! | [`ReturnedChain`] | FilterReturnNetBufferLists | owned | [`forward`](ReturnedChain::forward) down, [`settle`](ReturnedChain::settle) |
//!
//! What is to be held beyond the callback is split into single NBLs first: see [`held`](crate::held). Completed and
//! returned chains may hold NBLs of the filter's own, which end there: see the module [`settle`].
//!
//! Contexts: up to DISPATCH_LEVEL, and with no lock held where a chain leaves: NDIS may call the filter back from within.
//! An owned chain keeps the port and the flags of the call that it came by. Its flags say DISPATCH_LEVEL where NDIS said
//! so; a chain must leave at the level that it came at.
//!
//! To drop an owned chain is a defect in the driver. It is repaired by giving the packets back.
//!
//! # Invariants
//! Of every chain: at least one NBL; no cycle; the count is the number of NBLs; and what leaves by the call is exactly
//! what came.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};

use crate::handle::FilterHandle;
use crate::held::Level;
use crate::list::List;
use crate::lso;
use crate::packet::NblRef;
use crate::settle::{self, Settled};
use crate::status::Status;
use crate::sys::{
    NDIS_PORT_NUMBER, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
    NDIS_RETURN_FLAGS_DISPATCH_LEVEL, NDIS_RETURN_FLAGS_SINGLE_QUEUE, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
    NDIS_SEND_FLAGS_DISPATCH_LEVEL, NET_BUFFER_LIST, NdisFIndicateReceiveNetBufferLists, NdisFReturnNetBufferLists,
    NdisFSendNetBufferLists, NdisFSendNetBufferListsComplete, ULONG,
};

/// What every chain can tell.
macro_rules! common {
    ($name:ident $(<$lifetime:lifetime>)?) => {
        impl $(<$lifetime>)? $name $(<$lifetime>)? {
            /// How many NBLs there are, at least 1.
            #[must_use]
            pub fn count(&self) -> u32 {
                self.list.count
            }

            /// The NBLs, in order.
            pub fn nbls(&self) -> impl Iterator<Item = NblRef<'_>> {
                self.list.nbls()
            }
        }
    };
}

/// Sends on their way down: what FilterSendNetBufferLists brought. Owned.
#[must_use = "a send chain has to be forwarded or finished"]
pub struct SendChain {
    pub(crate) list: List,
    pub(crate) filter: FilterHandle,
    pub(crate) port: NDIS_PORT_NUMBER,
    pub(crate) flags: ULONG,
}
common!(SendChain);

// SAFETY: whoever holds the chain holds its NBLs alone; NDIS lets them leave on any thread.
unsafe impl Send for SendChain {}

impl SendChain {
    /// Takes over what NDIS passed to FilterSendNetBufferLists.
    ///
    /// # Safety
    /// `first`, `port` and `flags` are that call's, of the module `filter`; the list has no cycle and is used by nobody
    /// else from now on.
    pub unsafe fn from_raw(
        filter: FilterHandle,
        first: NonNull<NET_BUFFER_LIST>,
        port: NDIS_PORT_NUMBER,
        flags: ULONG,
    ) -> Self {
        // SAFETY: as the caller says.
        let list = unsafe { List::new(first) };
        Self { list, filter, port, flags }
    }

    /// The IRQL that the call came at, as far as NDIS said it.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL == 0 { Level::Passive } else { Level::Dispatch }
    }

    /// The port that the call was for.
    #[must_use]
    pub fn port(&self) -> NDIS_PORT_NUMBER {
        self.port
    }

    /// The call's flags (`NDIS_SEND_FLAGS_*`).
    #[must_use]
    pub fn flags(&self) -> ULONG {
        self.flags
    }

    /// Passes the packets down (`NdisFSendNetBufferLists`), with the port and flags that they came with. They come back
    /// through [`Filter::send_complete`](crate::filter::Filter::send_complete), in any order and grouping.
    pub fn forward(self) {
        let chain = ManuallyDrop::new(self);
        // SAFETY: the list is this filter's and is given up here, for good.
        unsafe {
            NdisFSendNetBufferLists(chain.filter.into_raw(), chain.list.first.as_ptr(), chain.port, chain.flags);
        }
    }

    /// Completes the packets up without having sent them (`NdisFSendNetBufferListsComplete`), each with `status`. Where
    /// large send offload was asked for its completion fields are written: whoever completes has to.
    pub fn finish(self, status: Status) {
        ManuallyDrop::new(self).complete(status);
    }

    /// The chain is not to be used after.
    fn complete(&mut self, status: Status) {
        for mut nbl in self.list.pointers() {
            // SAFETY: the chain holds the NBL alone, and no view of it is left.
            lso::finish(unsafe { nbl.as_mut() }, status);
        }
        let flags =
            if self.flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL == 0 { 0 } else { NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL };
        // SAFETY: the list is this filter's and is given up here, for good.
        unsafe {
            NdisFSendNetBufferListsComplete(self.filter.into_raw(), self.list.first.as_ptr(), flags);
        };
    }
}

impl Drop for SendChain {
    fn drop(&mut self) {
        self.complete(Status::FAILURE);
    }
}

/// Sends that a lower driver completed: what FilterSendNetBufferListsComplete brought. Owned.
#[must_use = "a completed chain has to go up"]
pub struct SentChain {
    list: List,
    filter: FilterHandle,
    flags: ULONG,
}
common!(SentChain);

// SAFETY: as for SendChain.
unsafe impl Send for SentChain {}

impl SentChain {
    /// Takes over what NDIS passed to FilterSendNetBufferListsComplete.
    ///
    /// # Safety
    /// `first` and `flags` are that call's, of the module `filter`; the list has no cycle, those of its NBLs that are the
    /// filter's own were sent by this crate, and nobody else uses it from now on.
    pub unsafe fn from_raw(filter: FilterHandle, first: NonNull<NET_BUFFER_LIST>, flags: ULONG) -> Self {
        // SAFETY: as the caller says.
        let list = unsafe { List::new(first) };
        Self { list, filter, flags }
    }

    /// Passes the completion up (`NdisFSendNetBufferListsComplete`), with the flags that it came with. What is the
    /// filter's own is freed.
    pub fn forward(self) {
        drop(self);
    }

    /// As [`forward`](Self::forward), and tells of each packet of the filter's own after it is freed. By then all that
    /// goes up has gone.
    pub fn settle(self, mut freed: impl FnMut(Settled)) {
        ManuallyDrop::new(self).leave(&mut freed);
    }

    /// The chain is not to be used after.
    fn leave(&mut self, freed: &mut dyn FnMut(Settled)) {
        // SAFETY: the list is this filter's and is given up here, for good.
        unsafe { settle::sent(self.filter, &self.list, self.flags, freed) };
    }
}

impl Drop for SentChain {
    fn drop(&mut self) {
        self.leave(&mut |_| ());
    }
}

/// Receives on their way up: what FilterReceiveNetBufferLists brought without RESOURCES. Owned.
#[must_use = "a receive chain has to be forwarded or finished"]
pub struct RecvChain {
    pub(crate) list: List,
    pub(crate) filter: FilterHandle,
    pub(crate) port: NDIS_PORT_NUMBER,
    pub(crate) flags: ULONG,
}
common!(RecvChain);

// SAFETY: as for SendChain.
unsafe impl Send for RecvChain {}

impl RecvChain {
    /// Takes over what NDIS passed to FilterReceiveNetBufferLists.
    ///
    /// # Safety
    /// `first`, `port` and `flags` are that call's, of the module `filter`; `flags` has no RESOURCES; the list has no
    /// cycle and is used by nobody else from now on.
    pub unsafe fn from_raw(
        filter: FilterHandle,
        first: NonNull<NET_BUFFER_LIST>,
        port: NDIS_PORT_NUMBER,
        flags: ULONG,
    ) -> Self {
        debug_assert_eq!(flags & NDIS_RECEIVE_FLAGS_RESOURCES, 0);
        // SAFETY: as the caller says.
        let list = unsafe { List::new(first) };
        Self { list, filter, port, flags }
    }

    /// The IRQL that the call came at, as far as NDIS said it.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL == 0 { Level::Passive } else { Level::Dispatch }
    }

    /// The port that the call was for.
    #[must_use]
    pub fn port(&self) -> NDIS_PORT_NUMBER {
        self.port
    }

    /// The call's flags (`NDIS_RECEIVE_FLAGS_*`).
    #[must_use]
    pub fn flags(&self) -> ULONG {
        self.flags
    }

    /// Passes the packets up (`NdisFIndicateReceiveNetBufferLists`), with the port and flags that they came with. They
    /// come back through [`Filter::returned`](crate::filter::Filter::returned), in any order and grouping.
    pub fn forward(self) {
        let chain = ManuallyDrop::new(self);
        // SAFETY: the list is this filter's and is given up here, for good.
        unsafe { indicate(chain.filter, &chain.list, chain.port, chain.flags) };
    }

    /// Gives the packets back to the card without having passed them up (`NdisFReturnNetBufferLists`).
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for RecvChain {
    fn drop(&mut self) {
        let mut flags = 0;
        if self.flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0 {
            flags |= NDIS_RETURN_FLAGS_DISPATCH_LEVEL;
        }
        if self.flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE != 0 {
            flags |= NDIS_RETURN_FLAGS_SINGLE_QUEUE;
        }
        // SAFETY: the list is this filter's and is given up here, for good.
        unsafe {
            NdisFReturnNetBufferLists(self.filter.into_raw(), self.list.first.as_ptr(), flags);
        };
    }
}

/// Receives that the caller wants back at once: what FilterReceiveNetBufferLists brought with RESOURCES. Lent until the
/// callback returns, which is what returns them; there is no call for it.
///
/// It cannot be kept, however long the keeper lives. What this function takes of the chain compiles:
/// ```
/// use nblease_ndis::chain::Received;
///
/// fn keep(kept: &mut Vec<u32>, received: Received<'_>) {
///     if let Received::Lent(chain) = received {
///         kept.push(chain.count());
///     }
/// }
/// ```
/// The chain itself does not:
/// ```compile_fail
/// use nblease_ndis::chain::{LentChain, Received};
///
/// fn keep<'k>(kept: &mut Vec<LentChain<'k>>, received: Received<'_>) {
///     if let Received::Lent(chain) = received {
///         kept.push(chain);
///     }
/// }
/// ```
/// Nor can it be split into packets that are held, as a chain that is owned can:
/// ```
/// use nblease_ndis::chain::RecvChain;
///
/// fn hold(chain: RecvChain) -> usize {
///     chain.split().count()
/// }
/// ```
/// ```compile_fail
/// use nblease_ndis::chain::LentChain;
///
/// fn hold(chain: LentChain<'_>) -> usize {
///     chain.split().count()
/// }
/// ```
pub struct LentChain<'call> {
    list: List,
    filter: FilterHandle,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
    /// Invariant, so that no other lifetime will do.
    call: PhantomData<fn(&'call ()) -> &'call ()>,
}
common!(LentChain<'call>);

impl LentChain<'_> {
    /// Looks at what NDIS passed to FilterReceiveNetBufferLists.
    ///
    /// # Safety
    /// `first`, `port` and `flags` are that call's, of the module `filter`; `flags` has RESOURCES; the list has no cycle;
    /// and `'call` ends before the callback returns.
    #[must_use]
    pub unsafe fn from_raw(
        filter: FilterHandle,
        first: NonNull<NET_BUFFER_LIST>,
        port: NDIS_PORT_NUMBER,
        flags: ULONG,
    ) -> Self {
        debug_assert_ne!(flags & NDIS_RECEIVE_FLAGS_RESOURCES, 0);
        // SAFETY: as the caller says.
        let list = unsafe { List::new(first) };
        Self { list, filter, port, flags, call: PhantomData }
    }

    /// The IRQL that the call came at, as far as NDIS said it.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL == 0 { Level::Passive } else { Level::Dispatch }
    }

    /// The port that the call was for.
    #[must_use]
    pub fn port(&self) -> NDIS_PORT_NUMBER {
        self.port
    }

    /// The call's flags (`NDIS_RECEIVE_FLAGS_*`).
    #[must_use]
    pub fn flags(&self) -> ULONG {
        self.flags
    }

    /// Passes the packets up (`NdisFIndicateReceiveNetBufferLists`) with RESOURCES still set, so that they are back when
    /// this returns. Without it they are dropped.
    pub fn forward(self) {
        // SAFETY: the list is on loan to this filter until the callback returns, and the flag lends it on no longer than
        // this call lasts.
        unsafe { indicate(self.filter, &self.list, self.port, self.flags) };
    }

    /// Passes those packets up that `passes` says, each run of them by one call; the others are dropped. It is asked about
    /// each packet once, in order. The list is linked as it came when this returns.
    pub fn forward_those(self, mut passes: impl FnMut(NblRef<'_>) -> bool) {
        let mut run: Option<(NonNull<NET_BUFFER_LIST>, NonNull<NET_BUFFER_LIST>)> = None;
        for nbl in self.list.pointers() {
            // SAFETY: an NBL of the list, which is on loan to this filter.
            if passes(unsafe { NblRef::new(nbl) }) {
                run = Some(run.map_or((nbl, nbl), |(first, _)| (first, nbl)));
            } else if let Some((first, last)) = run.take() {
                // SAFETY: a run of the list; `nbl` comes after it.
                unsafe { self.forward_run(first, last) };
            }
        }
        if let Some((first, last)) = run {
            // SAFETY: the end of the list.
            unsafe { self.forward_run(first, last) };
        }
    }

    /// # Safety
    /// `last` is `first` or comes after it in the list.
    unsafe fn forward_run(&self, first: NonNull<NET_BUFFER_LIST>, last: NonNull<NET_BUFFER_LIST>) {
        // SAFETY: an NBL of the list, which is on loan to this filter alone.
        let rest = unsafe { core::mem::replace(&mut (*last.as_ptr()).Next, null_mut()) };
        // SAFETY: as for `forward`; the run ends where it was cut.
        let run = unsafe { List::new(first) };
        // SAFETY: as for `forward`.
        unsafe { indicate(self.filter, &run, self.port, self.flags) };
        // SAFETY: the run is back.
        unsafe { (*last.as_ptr()).Next = rest };
    }
}

/// What FilterReceiveNetBufferLists brought.
pub enum Received<'call> {
    /// Without RESOURCES: the filter's until it lets go.
    Owned(RecvChain),
    /// With RESOURCES: the caller's again when the callback returns.
    Lent(LentChain<'call>),
}

impl Received<'_> {
    /// The NBLs, in order.
    pub fn nbls(&self) -> impl Iterator<Item = NblRef<'_>> {
        match self {
            Self::Owned(chain) => chain.list.nbls(),
            Self::Lent(chain) => chain.list.nbls(),
        }
    }

    /// Passes the packets up, whichever they are.
    pub fn forward(self) {
        match self {
            Self::Owned(chain) => chain.forward(),
            Self::Lent(chain) => chain.forward(),
        }
    }
}

/// Receives that the drivers above are done with: what FilterReturnNetBufferLists brought. Owned.
#[must_use = "a returned chain has to go down"]
pub struct ReturnedChain {
    list: List,
    filter: FilterHandle,
    flags: ULONG,
}
common!(ReturnedChain);

// SAFETY: as for SendChain.
unsafe impl Send for ReturnedChain {}

impl ReturnedChain {
    /// Takes over what NDIS passed to FilterReturnNetBufferLists.
    ///
    /// # Safety
    /// `first` and `flags` are that call's, of the module `filter`; the list has no cycle, those of its NBLs that are the
    /// filter's own were indicated by this crate, and nobody else uses it from now on.
    pub unsafe fn from_raw(filter: FilterHandle, first: NonNull<NET_BUFFER_LIST>, flags: ULONG) -> Self {
        // SAFETY: as the caller says.
        let list = unsafe { List::new(first) };
        Self { list, filter, flags }
    }

    /// Passes the packets down to whoever indicated them (`NdisFReturnNetBufferLists`). What is the filter's own is
    /// freed.
    pub fn forward(self) {
        drop(self);
    }

    /// As [`forward`](Self::forward), and tells of each packet of the filter's own after it is freed. By then all that
    /// goes down has gone.
    pub fn settle(self, mut freed: impl FnMut(Settled)) {
        ManuallyDrop::new(self).leave(&mut freed);
    }

    /// The chain is not to be used after.
    fn leave(&mut self, freed: &mut dyn FnMut(Settled)) {
        // SAFETY: the list is this filter's and is given up here, for good.
        unsafe { settle::returned(self.filter, &self.list, self.flags, freed) };
    }
}

impl Drop for ReturnedChain {
    fn drop(&mut self) {
        self.leave(&mut |_| ());
    }
}

/// `NdisFIndicateReceiveNetBufferLists` with the list's count.
///
/// # Safety
/// The list is the filter's to indicate, and is not used after unless `flags` has RESOURCES.
pub(crate) unsafe fn indicate(filter: FilterHandle, list: &List, port: NDIS_PORT_NUMBER, flags: ULONG) {
    // SAFETY: as the caller says.
    unsafe {
        NdisFIndicateReceiveNetBufferLists(filter.into_raw(), list.first.as_ptr(), port, list.count, flags);
    };
}
