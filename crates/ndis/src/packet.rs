//! Views of a packet: an NBL with its out-of-band information, and its frames (NBs) with their bytes.
//!
//! Contexts: up to DISPATCH_LEVEL, while the chain that the view was borrowed from is held. A view reads; it changes
//! nothing of the packet but the mappings of its MDLs.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::filter::CancelId;
use crate::handle::FilterHandle;
use crate::mdl::{Chunks, DataError};
use crate::status::Status;
use crate::sys::{
    self, NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO,
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO, NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO, NET_BUFFER,
    NET_BUFFER_LIST, NetBufferListCancelId, NetBufferListFrameType, NetBufferListHashInfo, NetBufferListHashValue,
};

/// An NBL of a chain that is held.
#[derive(Clone, Copy, Debug)]
pub struct NblRef<'a> {
    nbl: NonNull<NET_BUFFER_LIST>,
    chain: PhantomData<&'a NET_BUFFER_LIST>,
}

impl<'a> NblRef<'a> {
    /// # Safety
    /// For `'a` the NBL belongs to a chain that the filter holds.
    pub(crate) unsafe fn new(nbl: NonNull<NET_BUFFER_LIST>) -> Self {
        Self { nbl, chain: PhantomData }
    }

    pub(crate) fn get(&self) -> &NET_BUFFER_LIST {
        // SAFETY: the chain that this was borrowed from is held, and nobody changes an NBL that a filter holds.
        unsafe { self.nbl.as_ref() }
    }

    /// What identifies the NBL while it is held. Not to be followed.
    #[must_use]
    pub fn as_ptr(&self) -> *const NET_BUFFER_LIST {
        self.nbl.as_ptr()
    }

    /// The frames: one or more of a send, exactly one of an Ethernet receive.
    pub fn frames(&self) -> impl Iterator<Item = FrameRef<'a>> + Clone + use<'a> {
        let mut next = self.get().FirstNetBuffer;
        core::iter::from_fn(move || {
            let nb = NonNull::new(next)?;
            // SAFETY: an NB of an NBL that is held for 'a.
            next = unsafe { nb.as_ref() }.Next;
            Some(FrameRef { nb, chain: PhantomData })
        })
    }

    /// How the send ended (`Status`): of a completed send only.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::from_raw(self.get().Status)
    }

    /// Whether NDIS made this receive as the local copy of a send (`NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET`).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.get().NblFlags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET != 0
    }

    /// By which the sender may cancel the packet, of a send only (`NetBufferListCancelId`).
    #[must_use]
    pub fn cancel_id(&self) -> CancelId {
        CancelId(self.get().NetBufferListInfo[NetBufferListCancelId as usize])
    }

    /// Whether the packet is the module's own: no driver above or below made it (`SourceHandle`).
    #[must_use]
    pub fn is_own(&self, filter: FilterHandle) -> bool {
        self.get().SourceHandle == filter.into_raw()
    }

    /// The 802.1Q tag control information that is not in the frame's bytes, as on the wire (priority, DEI, VLAN).
    /// A value of 0 means that there is no tag.
    #[must_use]
    pub fn vlan_tci(&self) -> Option<u16> {
        // SAFETY: the NBL is held.
        let tag = unsafe { sys::NET_BUFFER_LIST_8021Q(self.nbl.as_ptr()) };
        if tag.Value.is_null() {
            return None;
        }
        let tci = tag.TagHeader_UserPriority() << 13 | tag.TagHeader_CanonicalFormatId() << 12 | tag.TagHeader_VlanId();
        Some(tci as u16)
    }

    /// The hash that RSS computed, where it did (`NetBufferListHashValue`, meaningful if the hash function is set).
    #[must_use]
    pub fn hash(&self) -> Option<u32> {
        (!self.get().NetBufferListInfo[NetBufferListHashInfo as usize].is_null())
            .then(|| self.get().NetBufferListInfo[NetBufferListHashValue as usize].addr() as u32)
    }

    /// Checksum offload: of a send what is asked for (`Transmit_*`), of a receive what was found (`Receive_*`).
    #[must_use]
    pub fn checksum(&self) -> NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO {
        // SAFETY: the NBL is held.
        unsafe { sys::NET_BUFFER_LIST_CHECKSUM(self.nbl.as_ptr()) }
    }

    /// Large send offload, of a send only: a value that is not null asks the card to cut the frames into segments.
    #[must_use]
    pub fn large_send(&self) -> NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO {
        // SAFETY: the NBL is held.
        unsafe { sys::NET_BUFFER_LIST_LARGE_SEND(self.nbl.as_ptr()) }
    }

    /// UDP segmentation, of a send only.
    #[must_use]
    pub fn udp_segmentation(&self) -> NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO {
        // SAFETY: the NBL is held.
        unsafe { sys::NET_BUFFER_LIST_UDP_SEGMENTATION(self.nbl.as_ptr()) }
    }

    /// How many TCP segments the card merged into this receive; 0 or 1 where it did not.
    #[must_use]
    pub fn coalesced_segments(&self) -> u16 {
        // SAFETY: the NBL is held.
        unsafe { sys::NET_BUFFER_LIST_RSC(self.nbl.as_ptr()) }.Info_CoalescedSegCount() as u16
    }

    /// The card's receive queue (`FilteringInfo.QueueId`), of a receive only.
    #[must_use]
    pub fn queue_id(&self) -> u16 {
        // SAFETY: the NBL is held.
        unsafe { sys::NET_BUFFER_LIST_FILTERING(self.nbl.as_ptr()) }.FilteringInfo_QueueId() as u16
    }

    /// The EtherType by which NDIS finds the protocol, in network byte order, of a receive only.
    #[must_use]
    pub fn frame_type(&self) -> u16 {
        self.get().NetBufferListInfo[NetBufferListFrameType as usize].addr() as u16
    }
}

/// A frame: one NB of a packet that is held.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef<'a> {
    nb: NonNull<NET_BUFFER>,
    chain: PhantomData<&'a NET_BUFFER>,
}

impl<'a> FrameRef<'a> {
    pub(crate) fn get(&self) -> &NET_BUFFER {
        // SAFETY: the chain that this was borrowed from is held, and nobody changes an NB that a filter holds.
        unsafe { self.nb.as_ref() }
    }

    /// The frame's length in bytes (`DataLength`). It may exceed the MTU: offloads segment below.
    #[must_use]
    pub fn len(&self) -> usize {
        self.get().DataLength as usize
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame's bytes where they lie.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'a> {
        let nb = self.get();
        // SAFETY: for 'a the frame belongs to a chain that is held: its MDLs stay, their pages are locked, and the
        // holder alone maps them.
        unsafe { Chunks::new(nb.CurrentMdl, nb.CurrentMdlOffset as usize, self.len()) }
    }

    /// Copies the `len` bytes from `at` on to `to`, one `memcpy` per chunk.
    ///
    /// # Safety
    /// `to` may be written for `len` bytes, none of which are the frame's.
    ///
    /// # Errors
    /// [`DataError::Short`] where the frame has no such bytes (then nothing is written), [`DataError::NotMapped`] where
    /// an MDL could not be mapped (then some may be).
    pub unsafe fn copy_to(&self, at: usize, len: usize, to: *mut u8) -> Result<(), DataError> {
        let range = self.chunks().range(at, len)?;
        // SAFETY: the caller vouches for `to`.
        unsafe { range.copy_to(to) }
    }

    /// Fills `to` with the bytes from `at` on.
    ///
    /// # Errors
    /// As for [`copy_to`](Self::copy_to).
    pub fn copy_to_slice(&self, at: usize, to: &mut [u8]) -> Result<(), DataError> {
        // SAFETY: a slice that is borrowed exclusively is writable, and no frame's.
        unsafe { self.copy_to(at, to.len(), to.as_mut_ptr()) }
    }

    /// The `N` bytes from `at` on.
    ///
    /// # Errors
    /// As for [`copy_to`](Self::copy_to).
    pub fn read<const N: usize>(&self, at: usize) -> Result<[u8; N], DataError> {
        let mut bytes = [0; N];
        self.copy_to_slice(at, &mut bytes)?;
        Ok(bytes)
    }
}
