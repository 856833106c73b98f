//! Owned chains taken apart: into two by a question, or into held packets. Nothing is allocated.
//!
//! Contexts: those of a [`chain`](crate::chain).

use core::mem::ManuallyDrop;

use crate::chain::{RecvChain, SendChain};
use crate::handle::FilterHandle;
use crate::held::{HeldRecv, HeldSend, RECEIVE_KEPT, SEND_KEPT};
use crate::list::{List, Queue};
use crate::packet::NblRef;
use crate::sys::{NDIS_PORT_NUMBER, ULONG};

macro_rules! split {
    ($chain:ident, $split:ident, $held:ident, $kept:ident) => {
        impl $chain {
            fn of(list: List, like: &Self) -> Self {
                Self { list, filter: like.filter, port: like.port, flags: like.flags }
            }

            /// Takes the NBLs apart of which `leaves` says so: (those that stay, those that leave), both in order and with
            /// the port and flags that all came with. What a call says of a whole list holds for its parts.
            #[must_use = "both parts have to leave"]
            pub fn partition(self, mut leaves: impl FnMut(NblRef<'_>) -> bool) -> (Option<Self>, Option<Self>) {
                let all = ManuallyDrop::new(self);
                let (mut stay, mut leave) = (Queue::new(), Queue::new());
                for nbl in all.list.pointers() {
                    // SAFETY: the chain holds it while it is looked at.
                    let part = if leaves(unsafe { NblRef::new(nbl) }) { &mut leave } else { &mut stay };
                    // SAFETY: held by this chain until here, and already passed over in its list.
                    unsafe { part.push(nbl) };
                }
                let chain = |part: Queue| part.into_list().map(|list| Self::of(list, &all));
                (chain(stay), chain(leave))
            }

            /// Takes the chain apart into its NBLs, in order. What is not taken is given back when the iterator ends.
            pub fn split(self) -> $split {
                let all = ManuallyDrop::new(self);
                // SAFETY: the chain is not used after, so the list has one owner again.
                let list = unsafe { core::ptr::read(&raw const all.list) };
                $split { rest: list.into(), filter: all.filter, port: all.port, flags: all.flags & $kept }
            }
        }

        /// The NBLs of a chain, each held by itself.
        #[must_use = "what is not taken is given back"]
        pub struct $split {
            rest: Queue,
            filter: FilterHandle,
            port: NDIS_PORT_NUMBER,
            flags: ULONG,
        }

        // SAFETY: whoever has the iterator holds its NBLs alone.
        unsafe impl Send for $split {}

        impl Iterator for $split {
            type Item = $held;

            fn next(&mut self) -> Option<$held> {
                let nbl = self.rest.pop()?;
                // SAFETY: an NBL of a chain of this module's, with its port and flags, taken out.
                Some(unsafe { $held::new(nbl, self.filter, self.port, self.flags) })
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let left = self.rest.count() as usize;
                (left, Some(left))
            }
        }

        impl ExactSizeIterator for $split {}

        impl Drop for $split {
            fn drop(&mut self) {
                let rest = core::mem::replace(&mut self.rest, Queue::new());
                if let Some(list) = rest.into_list() {
                    drop($chain { list, filter: self.filter, port: self.port, flags: self.flags });
                }
            }
        }
    };
}

split!(SendChain, SendSplit, HeldSend, SEND_KEPT);
split!(RecvChain, RecvSplit, HeldRecv, RECEIVE_KEPT);
