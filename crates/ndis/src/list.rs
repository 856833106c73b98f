//! Lists of NBLs that the filter holds, linked through `Next`.
//!
//! Contexts: up to DISPATCH_LEVEL. Whoever has the list holds its NBLs, and nobody else links them meanwhile. Nothing is
//! allocated.

use core::ptr::{NonNull, null_mut};

use crate::packet::NblRef;
use crate::sys::NET_BUFFER_LIST;

/// A list of at least one NBL.
pub(crate) struct List {
    pub first: NonNull<NET_BUFFER_LIST>,
    last: NonNull<NET_BUFFER_LIST>,
    pub count: u32,
}

impl List {
    /// Counts the list.
    ///
    /// # Safety
    /// `first` begins a list of NBLs without a cycle, which the filter holds from now on.
    pub unsafe fn new(first: NonNull<NET_BUFFER_LIST>) -> Self {
        let mut list = Self { first, last: first, count: 0 };
        for nbl in list.pointers() {
            list.last = nbl;
            list.count += 1;
        }
        list
    }

    /// The NBLs, for as long as the list is borrowed.
    pub fn nbls(&self) -> impl Iterator<Item = NblRef<'_>> {
        self.pointers().map(|nbl| {
            // SAFETY: the list holds its NBLs while it is borrowed.
            unsafe { NblRef::new(nbl) }
        })
    }

    pub fn pointers(&self) -> impl Iterator<Item = NonNull<NET_BUFFER_LIST>> + use<> {
        let mut next = Some(self.first);
        core::iter::from_fn(move || {
            let nbl = next?;
            // SAFETY: an NBL of the list, which holds it.
            next = NonNull::new(unsafe { nbl.as_ref() }.Next);
            Some(nbl)
        })
    }
}

/// A list of any number of NBLs, first in, first out.
pub(crate) struct Queue(Option<List>);

impl Queue {
    pub const fn new() -> Self {
        Self(None)
    }

    /// # Safety
    /// The NBL is held by whoever has the queue, and is in no other list.
    pub unsafe fn push(&mut self, nbl: NonNull<NET_BUFFER_LIST>) {
        // SAFETY: as the caller says.
        unsafe { (*nbl.as_ptr()).Next = null_mut() };
        match &mut self.0 {
            None => self.0 = Some(List { first: nbl, last: nbl, count: 1 }),
            Some(list) => list.put_last(nbl, nbl, 1),
        }
    }

    /// Takes out the first, linked to nothing.
    pub fn pop(&mut self) -> Option<NonNull<NET_BUFFER_LIST>> {
        let List { first, last, count } = self.0.take()?;
        // SAFETY: an NBL of the queue, which holds it.
        let next = unsafe { core::mem::replace(&mut (*first.as_ptr()).Next, null_mut()) };
        self.0 = NonNull::new(next).map(|next| List { first: next, last, count: count - 1 });
        Some(first)
    }

    /// Puts all of `other` after all that is here.
    pub fn append(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (_, None) => {}
            (None, more) => self.0 = more,
            (Some(list), Some(more)) => list.put_last(more.first, more.last, more.count),
        }
    }

    pub fn count(&self) -> u32 {
        self.0.as_ref().map_or(0, |list| list.count)
    }

    pub fn nbls(&self) -> impl Iterator<Item = NblRef<'_>> {
        self.0.iter().flat_map(List::nbls)
    }

    /// The first, left where it is.
    pub fn first(&self) -> Option<NonNull<NET_BUFFER_LIST>> {
        self.0.as_ref().map(|list| list.first)
    }

    pub fn into_list(self) -> Option<List> {
        self.0
    }
}

impl From<List> for Queue {
    fn from(list: List) -> Self {
        Self(Some(list))
    }
}

impl List {
    /// Links `count` NBLs from `first` to `last`, which this list holds from now on.
    fn put_last(&mut self, first: NonNull<NET_BUFFER_LIST>, last: NonNull<NET_BUFFER_LIST>, count: u32) {
        // SAFETY: an NBL of the list, which holds it.
        unsafe { (*self.last.as_ptr()).Next = first.as_ptr() };
        self.last = last;
        self.count += count;
    }
}
