//! Held packets: one original NBL each, with the port and those flags of its call that are its own.
//!
//! Contexts: up to DISPATCH_LEVEL. A held packet comes from [`SendChain::split`](crate::chain::SendChain::split) or
//! [`RecvChain::split`](crate::chain::RecvChain::split); it may move to another thread and wait, and leaves by one call
//! that consumes it, with no lock held: NDIS may call the filter back from within. Many leave at once through a
//! [`batch`](crate::batch).
//!
//! What a call says of all its NBLs at once (SINGLE_ETHER_TYPE, SINGLE_VLAN, SINGLE_QUEUE, PERFECT_FILTERED, MORE_NBLS)
//! or of its moment (DISPATCH_LEVEL) does not outlive it. CHECK_FOR_LOOPBACK and SHARED_MEMORY_INFO_VALID do.
//!
//! To drop a held packet is a defect in the driver. It is repaired by giving the packet back.

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::handle::FilterHandle;
use crate::lso;
use crate::packet::NblRef;
use crate::status::Status;
use crate::sys::{
    NDIS_PORT_NUMBER, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
    NDIS_RETURN_FLAGS_DISPATCH_LEVEL, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
    NDIS_SEND_FLAGS_DISPATCH_LEVEL, NET_BUFFER_LIST, NdisFIndicateReceiveNetBufferLists, NdisFReturnNetBufferLists,
    NdisFSendNetBufferLists, NdisFSendNetBufferListsComplete, ULONG,
};

/// The IRQL at which packets leave, as the design of the caller knows it. It is never asked from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// PASSIVE_LEVEL, or not known.
    Passive,
    /// DISPATCH_LEVEL for certain: in a DPC, or with a spin lock just released to a DISPATCH_LEVEL that the caller raised.
    Dispatch,
}

impl Level {
    const fn flag(self, dispatch: ULONG) -> ULONG {
        match self {
            Self::Passive => 0,
            Self::Dispatch => dispatch,
        }
    }

    pub(crate) const fn send(self) -> ULONG {
        self.flag(NDIS_SEND_FLAGS_DISPATCH_LEVEL)
    }

    pub(crate) const fn send_complete(self) -> ULONG {
        self.flag(NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL)
    }

    pub(crate) const fn receive(self) -> ULONG {
        self.flag(NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL)
    }

    pub(crate) const fn returned(self) -> ULONG {
        self.flag(NDIS_RETURN_FLAGS_DISPATCH_LEVEL)
    }
}

/// What both kinds of held packets have.
macro_rules! held {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[must_use = "a held packet has to leave"]
        pub struct $name {
            nbl: NonNull<NET_BUFFER_LIST>,
            filter: FilterHandle,
            port: NDIS_PORT_NUMBER,
            flags: ULONG,
        }

        // SAFETY: whoever holds the packet holds its NBL alone; NDIS lets it leave on any thread.
        unsafe impl Send for $name {}

        impl $name {
            /// # Safety
            /// The NBL is an original that `filter` holds, linked to no other; it came by a call with this port, and with
            /// these flags among those that are kept.
            pub(crate) unsafe fn new(
                nbl: NonNull<NET_BUFFER_LIST>,
                filter: FilterHandle,
                port: NDIS_PORT_NUMBER,
                flags: ULONG,
            ) -> Self {
                Self { nbl, filter, port, flags }
            }

            /// The packet.
            #[must_use]
            pub fn nbl(&self) -> NblRef<'_> {
                // SAFETY: held for as long as it is borrowed.
                unsafe { NblRef::new(self.nbl) }
            }

            /// The module that holds it.
            #[must_use]
            pub fn filter(&self) -> FilterHandle {
                self.filter
            }

            /// The port of the call that it came by.
            #[must_use]
            pub fn port(&self) -> NDIS_PORT_NUMBER {
                self.port
            }

            /// Those flags of that call that are kept.
            #[must_use]
            pub fn flags(&self) -> ULONG {
                self.flags
            }

            /// The NBL, for whoever holds it from now on.
            pub(crate) fn into_raw(self) -> NonNull<NET_BUFFER_LIST> {
                ManuallyDrop::new(self).nbl
            }
        }
    };
}

/// The flags of a send that stay with each of its NBLs.
pub(crate) const SEND_KEPT: ULONG = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
/// The flags of a receive that stay with each of its NBLs.
pub(crate) const RECEIVE_KEPT: ULONG = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;

held! {
    /// A send of another's that the filter holds.
    HeldSend
}

impl HeldSend {
    /// Passes the packet down (`NdisFSendNetBufferLists`).
    pub fn forward(self, level: Level) {
        let held = ManuallyDrop::new(self);
        let flags = held.flags | level.send();
        // SAFETY: the NBL is this filter's and is given up here, for good.
        unsafe { NdisFSendNetBufferLists(held.filter.into_raw(), held.nbl.as_ptr(), held.port, flags) };
    }

    /// Completes the packet up without having sent it (`NdisFSendNetBufferListsComplete`). Completion fields of a large
    /// send are written.
    pub fn finish(self, status: Status, level: Level) {
        ManuallyDrop::new(self).complete(status, level);
    }

    /// The NBL with all written that its completion says.
    pub(crate) fn into_completed(self, status: Status) -> NonNull<NET_BUFFER_LIST> {
        let mut nbl = self.into_raw();
        // SAFETY: the NBL was held alone, and no view of it is left.
        lso::finish(unsafe { nbl.as_mut() }, status);
        nbl
    }

    /// The packet is not to be used after.
    fn complete(&mut self, status: Status, level: Level) {
        // SAFETY: the NBL is held alone, and no view of it is left.
        lso::finish(unsafe { self.nbl.as_mut() }, status);
        // SAFETY: the NBL is this filter's and is given up here, for good.
        unsafe {
            NdisFSendNetBufferListsComplete(self.filter.into_raw(), self.nbl.as_ptr(), level.send_complete());
        };
    }
}

impl Drop for HeldSend {
    fn drop(&mut self) {
        self.complete(Status::FAILURE, Level::Passive);
    }
}

held! {
    /// A receive of another's that the filter holds.
    HeldRecv
}

impl HeldRecv {
    /// Passes the packet up (`NdisFIndicateReceiveNetBufferLists`).
    pub fn forward(self, level: Level) {
        let held = ManuallyDrop::new(self);
        let flags = held.flags | level.receive();
        // SAFETY: the NBL is this filter's and is given up here, for good.
        unsafe { NdisFIndicateReceiveNetBufferLists(held.filter.into_raw(), held.nbl.as_ptr(), held.port, 1, flags) };
    }

    /// Gives the packet back to the card without having passed it up (`NdisFReturnNetBufferLists`).
    pub fn finish(self, level: Level) {
        ManuallyDrop::new(self).give_back(level);
    }

    /// The packet is not to be used after.
    fn give_back(&mut self, level: Level) {
        // SAFETY: the NBL is this filter's and is given up here, for good.
        unsafe { NdisFReturnNetBufferLists(self.filter.into_raw(), self.nbl.as_ptr(), level.returned()) };
    }
}

impl Drop for HeldRecv {
    fn drop(&mut self) {
        self.give_back(Level::Passive);
    }
}
