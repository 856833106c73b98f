//! The pool that a module's own packets come from: NBLs, NBs, and nonpaged memory for their bytes.
//!
//! Contexts: up to DISPATCH_LEVEL; no lock is taken. Each packet keeps its pool alive, so that the pool ends with
//! whichever of its owner and its packets ends last. All of them end before FilterDetach returns: the pool is
//! allocated by the module's handle.

use core::mem::size_of;
use core::num::NonZeroU32;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::handle::FilterHandle;
use crate::own::RECORD_SIZE;
use crate::status::Status;
use crate::sys::{
    ExAllocatePool2, ExFreePoolWithTag, MDL, NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT,
    NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1, NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1,
    NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_LIST_POOL_PARAMETERS, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
    NET_BUFFER_POOL_PARAMETERS, NET_BUFFER_POOL_PARAMETERS_REVISION_1, NdisAllocateMdl, NdisAllocateNetBuffer,
    NdisAllocateNetBufferList, NdisAllocateNetBufferListPool, NdisAllocateNetBufferPool, NdisFreeNetBufferListPool,
    NdisFreeNetBufferPool, POOL_FLAG_NON_PAGED, POOL_FLAG_UNINITIALIZED,
};

/// A module's pool.
pub struct NblPool(NonNull<Shared>);

/// What the pool's owner and its packets share.
struct Shared {
    filter: FilterHandle,
    tag: u32,
    lists: NDIS_HANDLE,
    buffers: NDIS_HANDLE,
    references: AtomicUsize,
    in_flight: AtomicUsize,
}

// SAFETY: NDIS takes the handles on any thread, and the counts are atomic.
unsafe impl Send for NblPool {}
// SAFETY: as for Send.
unsafe impl Sync for NblPool {}

impl NblPool {
    /// Allocates the pool of the module `filter` (`NdisAllocateNetBufferListPool`, `NdisAllocateNetBufferPool`). `tag` is
    /// that of all that comes from it.
    ///
    /// NBLs are allocated without an NB, since a send may need any number: all NBs come from the NB pool.
    ///
    /// # Errors
    /// [`Status::RESOURCES`]; then nothing is allocated.
    pub fn new(filter: FilterHandle, tag: NonZeroU32) -> Result<Self, Status> {
        let tag = tag.get();
        let place = allocate(tag, size_of::<Shared>()).ok_or(Status::RESOURCES)?.cast::<Shared>();
        let Some((lists, buffers)) = allocate_pools(filter, tag) else {
            // SAFETY: allocated above with this tag, and nobody has it.
            unsafe { free(tag, place.cast()) };
            return Err(Status::RESOURCES);
        };
        let (references, in_flight) = (AtomicUsize::new(1), AtomicUsize::new(0));
        // SAFETY: the memory is new, large enough, and aligned to 16 bytes.
        unsafe { place.write(Shared { filter, tag, lists, buffers, references, in_flight }) };
        Ok(Self(place))
    }

    /// The module whose pool this is.
    #[must_use]
    pub fn filter(&self) -> FilterHandle {
        self.shared().filter
    }

    /// How many packets have been passed to other drivers and are not back yet. A pause waits until it is 0: by then
    /// what came back with them has left too.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared().in_flight.load(Ordering::Acquire)
    }

    /// Counts packets that are about to be passed to other drivers.
    pub(crate) fn launch(&self) {
        self.shared().in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one of them back.
    pub(crate) fn land(&self) {
        self.shared().in_flight.fetch_sub(1, Ordering::Release);
    }

    /// The pool once more.
    pub(crate) fn share(&self) -> Self {
        self.shared().references.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }

    /// Nonpaged memory, aligned to 16 bytes and with any contents.
    pub(crate) fn allocate(&self, bytes: usize) -> Option<NonNull<u8>> {
        allocate(self.shared().tag, bytes)
    }

    /// # Safety
    /// From [`allocate`](Self::allocate) of this pool, and nobody has it any more.
    pub(crate) unsafe fn free(&self, memory: NonNull<u8>) {
        // SAFETY: as the caller says.
        unsafe { free(self.shared().tag, memory) };
    }

    /// An NBL without an NB, with [`RECORD_SIZE`] bytes of context (`NdisAllocateNetBufferList`).
    pub(crate) fn allocate_nbl(&self) -> Option<NonNull<NET_BUFFER_LIST>> {
        // SAFETY: the pool lives.
        NonNull::new(unsafe { NdisAllocateNetBufferList(self.shared().lists, RECORD_SIZE, 0) })
    }

    /// An NB of the `len` bytes that begin `offset` bytes into the chain `mdl` (`NdisAllocateNetBuffer`).
    ///
    /// # Safety
    /// The chain is whole, has these bytes, and outlives the NB.
    // Never inlined: in a loop over frames it would be called from places that no frames come to, which no test can fail.
    #[inline(never)]
    pub(crate) unsafe fn allocate_nb(&self, mdl: *mut MDL, offset: u32, len: usize) -> Option<NonNull<NET_BUFFER>> {
        // SAFETY: the pool lives; the chain is as the caller says.
        NonNull::new(unsafe { NdisAllocateNetBuffer(self.shared().buffers, mdl, offset, len) })
    }

    /// An MDL of nonpaged memory (`NdisAllocateMdl`).
    ///
    /// # Safety
    /// `start` begins `len` bytes of nonpaged pool that outlive the MDL.
    pub(crate) unsafe fn allocate_mdl(&self, start: NonNull<u8>, len: u32) -> Option<NonNull<MDL>> {
        // SAFETY: the module's handle; the memory is as the caller says.
        NonNull::new(unsafe { NdisAllocateMdl(self.filter().into_raw(), start.as_ptr().cast(), len) })
    }

    fn shared(&self) -> &Shared {
        // SAFETY: alive as long as a reference is counted, and this is one.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for NblPool {
    fn drop(&mut self) {
        let &Shared { tag, lists, buffers, ref references, .. } = self.shared();
        if references.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: the last reference is gone, so all NBs are freed.
        unsafe { NdisFreeNetBufferPool(buffers) };
        // SAFETY: and all NBLs.
        unsafe { NdisFreeNetBufferListPool(lists) };
        // SAFETY: allocated by `new` with this tag; nobody can reach it.
        unsafe { free(tag, self.0.cast()) };
    }
}

/// The NBL pool and the NB pool, or neither.
fn allocate_pools(filter: FilterHandle, tag: u32) -> Option<(NDIS_HANDLE, NDIS_HANDLE)> {
    let lists = NET_BUFFER_LIST_POOL_PARAMETERS {
        Header: header(
            NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        ),
        ProtocolId: 0,
        fAllocateNetBuffer: 0,
        ContextSize: RECORD_SIZE,
        PoolTag: tag,
        DataSize: 0,
        Flags: 0,
    };
    let buffers = NET_BUFFER_POOL_PARAMETERS {
        Header: header(NET_BUFFER_POOL_PARAMETERS_REVISION_1, NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1),
        PoolTag: tag,
        DataSize: 0,
        Flags: 0,
    };
    // SAFETY: the module's handle, and parameters that are filled in.
    let lists = NonNull::new(unsafe { NdisAllocateNetBufferListPool(filter.into_raw(), &raw const lists) })?;
    // SAFETY: as above.
    let buffers = unsafe { NdisAllocateNetBufferPool(filter.into_raw(), &raw const buffers) };
    if buffers.is_null() {
        // SAFETY: allocated above, and nothing came from it.
        unsafe { NdisFreeNetBufferListPool(lists.as_ptr()) };
        return None;
    }
    Some((lists.as_ptr(), buffers))
}

fn header(revision: u32, size: u16) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER { Type: NDIS_OBJECT_TYPE_DEFAULT as u8, Revision: revision as u8, Size: size }
}

fn allocate(tag: u32, bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: up to DISPATCH_LEVEL, nonpaged, with a tag.
    let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, bytes, tag) };
    NonNull::new(memory.cast())
}

/// # Safety
/// From [`allocate`] with this tag, and nobody has it any more.
unsafe fn free(tag: u32, memory: NonNull<u8>) {
    // SAFETY: as the caller says.
    unsafe { ExFreePoolWithTag(memory.as_ptr().cast(), tag) };
}
