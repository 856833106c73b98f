//! Where the module's own packets end: among those that other drivers complete and return.
//!
//! Contexts: FilterSendNetBufferListsComplete and FilterReturnNetBufferLists, up to DISPATCH_LEVEL. Own NBLs are told by
//! SourceHandle, which is the module's handle in no other's. Others' go on first, in order, and with them the originals
//! of shadows in their shadows' places; then the own ones are freed and counted back
//! ([`NblPool::in_flight`](crate::pool::NblPool::in_flight)). So a pause that has seen none in flight has nothing held
//! on their account. Nothing is allocated, and a list without own NBLs is not touched.

use core::ptr::NonNull;

use crate::handle::FilterHandle;
use crate::list::{List, Queue};
use crate::own::OwnNbl;
use crate::packet::NblRef;
use crate::status::Status;
use crate::sys::{
    NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE, NET_BUFFER_LIST, NdisFReturnNetBufferLists, NdisFSendNetBufferListsComplete,
    ULONG,
};

/// An own packet that has come back and is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What the driver had written on it.
    pub cookie: u64,
    /// The bytes of nonpaged pool that it had.
    pub memory: usize,
    /// How it ended, of a send; of a receive it says nothing.
    pub status: Status,
}

/// Completes others' sends up, and frees own ones.
///
/// # Safety
/// The filter holds the list and gives it up here. Those of its NBLs with this SourceHandle were passed on by this crate.
pub(crate) unsafe fn sent(filter: FilterHandle, list: &List, mut flags: ULONG, freed: &mut dyn FnMut(Settled)) {
    let up = |first: NonNull<NET_BUFFER_LIST>, flags| {
        // SAFETY: a list that this filter holds and gives up, for good.
        unsafe { NdisFSendNetBufferListsComplete(filter.into_raw(), first.as_ptr(), flags) };
    };
    if !has_own(filter, list) {
        return up(list.first, flags);
    }
    let (mut own, mut others) = (Queue::new(), Queue::new());
    for nbl in list.pointers() {
        // SAFETY: an NBL of the list.
        if !unsafe { NblRef::new(nbl) }.is_own(filter) {
            // SAFETY: held, and passed over in its list.
            unsafe { others.push(nbl) };
            continue;
        }
        // SAFETY: an own NBL that is back.
        let mut packet = unsafe { OwnNbl::from_raw(nbl) };
        if let Some(original) = packet.take_original() {
            flags &= !NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE;
            let original = original.into_completed(packet.nbl().status());
            // SAFETY: held until here by its shadow.
            unsafe { others.push(original) };
        }
        // SAFETY: owned, and passed over in its list.
        unsafe { own.push(packet.into_raw()) };
    }
    if let Some(others) = others.into_list() {
        up(others.first, flags);
    }
    // SAFETY: own NBLs that are back.
    unsafe { free(own, freed) };
}

/// Returns others' receives down, and frees own ones.
///
/// # Safety
/// As for [`sent`].
pub(crate) unsafe fn returned(filter: FilterHandle, list: &List, flags: ULONG, freed: &mut dyn FnMut(Settled)) {
    let down = |first: NonNull<NET_BUFFER_LIST>| {
        // SAFETY: a list that this filter holds and gives up, for good.
        unsafe { NdisFReturnNetBufferLists(filter.into_raw(), first.as_ptr(), flags) };
    };
    if !has_own(filter, list) {
        return down(list.first);
    }
    let (mut own, mut others) = (Queue::new(), Queue::new());
    for nbl in list.pointers() {
        // SAFETY: an NBL of the list.
        let part = if unsafe { NblRef::new(nbl) }.is_own(filter) { &mut own } else { &mut others };
        // SAFETY: held, and passed over in its list.
        unsafe { part.push(nbl) };
    }
    if let Some(others) = others.into_list() {
        down(others.first);
    }
    // SAFETY: own NBLs that are back.
    unsafe { free(own, freed) };
}

fn has_own(filter: FilterHandle, list: &List) -> bool {
    list.nbls().any(|nbl| nbl.is_own(filter))
}

/// # Safety
/// Own NBLs that nobody else has, and that were counted when they were passed on.
unsafe fn free(mut own: Queue, freed: &mut dyn FnMut(Settled)) {
    while let Some(nbl) = own.pop() {
        // SAFETY: as the caller says.
        let packet = unsafe { OwnNbl::from_raw(nbl) };
        let status = packet.nbl().status();
        let (cookie, memory, pool) = packet.free();
        freed(Settled { cookie, memory, status });
        pool.land();
    }
}
