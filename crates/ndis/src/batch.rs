//! Batches: packets that leave together, chained again, in as few calls as their order allows.
//!
//! Contexts: packets are put in up to DISPATCH_LEVEL, also under a lock; a batch leaves with no lock held: NDIS may call
//! the filter back from within. Nothing is allocated: packets are linked through `Next`, and the port and flags of each
//! are kept in its `Scratch`, which belongs to whoever owns the NBL.
//!
//! A batch has originals and own packets of one module. To forward it takes one call for each run of packets with equal
//! port and flags (CHECK_FOR_LOOPBACK, or SHARED_MEMORY_INFO_VALID), so that no packet overtakes another. To finish it
//! takes one call for all originals; own packets are freed.
//!
//! To drop a batch that is not empty is a defect in the driver. It is repaired by giving the packets back.

use core::mem::size_of;
use core::ptr::{NonNull, without_provenance_mut};

use crate::chain::indicate;
use crate::handle::FilterHandle;
use crate::held::{HeldRecv, HeldSend, Level};
use crate::list::{List, Queue};
use crate::lso;
use crate::own::{OwnNbl, OwnRecv, OwnSend, launch};
use crate::packet::NblRef;
use crate::shadow::Shadow;
use crate::status::Status;
use crate::sys::{
    NDIS_PORT_NUMBER, NET_BUFFER_LIST, NdisFReturnNetBufferLists, NdisFSendNetBufferLists,
    NdisFSendNetBufferListsComplete, ULONG,
};

/// The call by which a packet leaves: what `Scratch` holds of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
}

const _: () = assert!(size_of::<usize>() == size_of::<Key>());

impl Key {
    /// # Safety
    /// The filter owns the NBL.
    unsafe fn write(self, nbl: NonNull<NET_BUFFER_LIST>) {
        let word = self.port as usize | (self.flags as usize) << 32;
        // SAFETY: as the caller says.
        unsafe { (*nbl.as_ptr()).Scratch = without_provenance_mut(word) };
    }

    /// # Safety
    /// The filter owns the NBL, and [`write`](Self::write) was the last to write its `Scratch`.
    unsafe fn read(nbl: NonNull<NET_BUFFER_LIST>) -> Self {
        // SAFETY: as the caller says.
        let word = unsafe { nbl.as_ref() }.Scratch.addr();
        Self { port: word as u32, flags: (word >> 32) as u32 }
    }
}

mod sealed {
    use super::{FilterHandle, Key, NET_BUFFER_LIST, NonNull};

    /// What can be put into a [`SendBatch`](super::SendBatch).
    pub trait Sendable: Batched {}

    /// What can be put into a [`RecvBatch`](super::RecvBatch).
    pub trait Receivable: Batched {}

    pub trait Batched: Sized {
        fn module(&self) -> FilterHandle;
        fn key(&self) -> Key;
        fn nbl(self) -> NonNull<NET_BUFFER_LIST>;
    }
}

macro_rules! batched {
    ($($packet:ident is $kind:ident, by $nbl:expr;)*) => {
        $(
            impl sealed::$kind for $packet {}
            impl sealed::Batched for $packet {
                fn module(&self) -> FilterHandle {
                    self.filter()
                }
                fn key(&self) -> Key {
                    Key { port: self.port(), flags: self.flags() }
                }
                fn nbl(self) -> NonNull<NET_BUFFER_LIST> {
                    let nbl: fn(Self) -> NonNull<NET_BUFFER_LIST> = $nbl;
                    nbl(self)
                }
            }
        )*
    };
}

batched! {
    HeldSend is Sendable, by Self::into_raw;
    OwnSend is Sendable, by |own| own.into_own().into_raw();
    Shadow is Sendable, by |own| own.into_own().into_raw();
    HeldRecv is Receivable, by Self::into_raw;
    OwnRecv is Receivable, by |own| own.into_own().into_raw();
}

/// What both kinds of batches have.
macro_rules! batch {
    ($(#[$meta:meta])* $name:ident of $kind:path) => {
        $(#[$meta])*
        #[must_use = "a batch has to leave"]
        pub struct $name {
            queue: Queue,
            /// The module of all packets; none while there is none.
            filter: Option<FilterHandle>,
        }

        // SAFETY: whoever has the batch owns its NBLs alone; NDIS lets them leave on any thread.
        unsafe impl Send for $name {}

        impl $name {
            /// A batch without packets, which may be dropped.
            pub const fn new() -> Self {
                Self { queue: Queue::new(), filter: None }
            }

            /// Puts a packet after the others.
            ///
            /// # Errors
            /// The packet, where it is of another module than those in the batch.
            pub fn push<P: $kind>(&mut self, packet: P) -> Result<(), P> {
                if *self.filter.get_or_insert(packet.module()) != packet.module() {
                    return Err(packet);
                }
                let (key, nbl) = (packet.key(), packet.nbl());
                // SAFETY: the batch owns the NBL from here on.
                unsafe { key.write(nbl) };
                // SAFETY: as above; a packet is linked to no other.
                unsafe { self.queue.push(nbl) };
                Ok(())
            }

            /// Puts all packets of `other` after these.
            ///
            /// # Errors
            /// `other`, where its packets are of another module.
            pub fn append(&mut self, mut other: Self) -> Result<(), Self> {
                if let Some(filter) = other.filter
                    && *self.filter.get_or_insert(filter) != filter
                {
                    return Err(other);
                }
                self.queue.append(other.take().1);
                Ok(())
            }

            /// How many packets there are.
            #[must_use]
            pub fn count(&self) -> u32 {
                self.queue.count()
            }

            /// Whether there is none.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.count() == 0
            }

            /// The packets, in order.
            pub fn nbls(&self) -> impl Iterator<Item = NblRef<'_>> {
                self.queue.nbls()
            }

            fn take(&mut self) -> (Option<FilterHandle>, Queue) {
                (self.filter.take(), core::mem::replace(&mut self.queue, Queue::new()))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

batch! {
    /// Sends of one module that leave together: originals, own ones and shadows.
    SendBatch of sealed::Sendable
}

impl SendBatch {
    /// Passes the packets down (`NdisFSendNetBufferLists`). Own ones only while the module is Running.
    pub fn forward(mut self, level: Level) {
        let (Some(filter), mut queue) = self.take() else {
            return;
        };
        while let Some((run, Key { port, flags })) = next_run(&mut queue, filter) {
            // SAFETY: a run of NBLs that are this filter's and are given up here.
            unsafe { NdisFSendNetBufferLists(filter.into_raw(), run.first.as_ptr(), port, flags | level.send()) };
        }
    }

    /// Completes the originals up, each with `status` (`NdisFSendNetBufferListsComplete`), those of shadows among them,
    /// and frees the own packets.
    pub fn finish(mut self, status: Status, level: Level) {
        self.complete(status, level);
    }

    fn complete(&mut self, status: Status, level: Level) {
        let (Some(filter), mut queue) = self.take() else {
            return;
        };
        let mut originals = Queue::new();
        while let Some(mut nbl) = queue.pop() {
            // SAFETY: the batch owned it.
            if unsafe { NblRef::new(nbl) }.is_own(filter) {
                // SAFETY: an own packet, of which nobody else has the NBL.
                let original = unsafe { OwnNbl::from_raw(nbl) }.take_original();
                let Some(original) = original else {
                    continue;
                };
                nbl = original.into_completed(status);
            } else {
                // SAFETY: held alone, and no view of it is left.
                lso::finish(unsafe { nbl.as_mut() }, status);
            }
            // SAFETY: an original that is held, linked to no other.
            unsafe { originals.push(nbl) };
        }
        if let Some(list) = originals.into_list() {
            let flags = level.send_complete();
            // SAFETY: the list is this filter's and is given up here, for good.
            unsafe { NdisFSendNetBufferListsComplete(filter.into_raw(), list.first.as_ptr(), flags) };
        }
    }
}

impl Drop for SendBatch {
    fn drop(&mut self) {
        self.complete(Status::FAILURE, Level::Passive);
    }
}

batch! {
    /// Receives of one module that leave together: originals and own ones.
    RecvBatch of sealed::Receivable
}

impl RecvBatch {
    /// Passes the packets up (`NdisFIndicateReceiveNetBufferLists`). Own ones only while the module is Running.
    pub fn forward(mut self, level: Level) {
        let (Some(filter), mut queue) = self.take() else {
            return;
        };
        while let Some((run, Key { port, flags })) = next_run(&mut queue, filter) {
            // SAFETY: a run of NBLs that are this filter's and are given up here; none came with RESOURCES.
            unsafe { indicate(filter, &run, port, flags | level.receive()) };
        }
    }

    /// Gives the originals back to the card (`NdisFReturnNetBufferLists`), and frees the own packets.
    pub fn finish(mut self, level: Level) {
        self.give_back(level);
    }

    fn give_back(&mut self, level: Level) {
        let (Some(filter), mut queue) = self.take() else {
            return;
        };
        let mut originals = Queue::new();
        while let Some(nbl) = queue.pop() {
            // SAFETY: the batch owned it.
            if unsafe { NblRef::new(nbl) }.is_own(filter) {
                // SAFETY: an own packet, of which nobody else has the NBL.
                drop(unsafe { OwnNbl::from_raw(nbl) });
            } else {
                // SAFETY: an original that is held, linked to no other.
                unsafe { originals.push(nbl) };
            }
        }
        if let Some(list) = originals.into_list() {
            // SAFETY: the list is this filter's and is given up here, for good.
            unsafe { NdisFReturnNetBufferLists(filter.into_raw(), list.first.as_ptr(), level.returned()) };
        }
    }
}

impl Drop for RecvBatch {
    fn drop(&mut self) {
        self.give_back(Level::Passive);
    }
}

/// Takes out the packets up to the first that leaves by another call. Own ones are counted as passed on.
fn next_run(queue: &mut Queue, filter: FilterHandle) -> Option<(List, Key)> {
    // SAFETY: packets of a batch, which wrote their keys.
    let key_of = |nbl| unsafe { Key::read(nbl) };
    let key = queue.first().map(key_of)?;
    let mut run = Queue::new();
    while let Some(nbl) = queue.first().filter(|&nbl| key_of(nbl) == key).and_then(|_| queue.pop()) {
        // SAFETY: the batch owned it.
        if unsafe { NblRef::new(nbl) }.is_own(filter) {
            // SAFETY: an own packet, about to be passed on.
            unsafe { launch(nbl) };
        }
        // SAFETY: owned, and just taken out.
        unsafe { run.push(nbl) };
    }
    run.into_list().map(|list| (list, key))
}
