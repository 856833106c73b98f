//! OID requests, passed through a module: each goes down as a clone, and what comes back is copied to the original.
//!
//! Contexts: up to DISPATCH_LEVEL. NDIS sends a module one request at a time, so one slot remembers what to cancel. The
//! request is NDIS's until it is answered: by the return value, or after PENDING by `NdisFOidRequestComplete`, once.

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::handle::FilterHandle;
use crate::status::Status;
use crate::sys::{
    NDIS_OID_REQUEST, NdisAllocateCloneOidRequest, NdisFCancelOidRequest, NdisFOidRequest, NdisFOidRequestComplete,
    NdisFreeCloneOidRequest, NdisRequestMethod, NdisRequestSetInformation, c_void,
};

/// What a module remembers of the request that it has passed down.
pub(crate) struct Pending {
    /// Whether one is below.
    is_pending: AtomicBool,
    /// Its RequestId, by which it is cancelled.
    id: AtomicPtr<c_void>,
}

impl Pending {
    pub(crate) const fn new() -> Self {
        Self { is_pending: AtomicBool::new(false), id: AtomicPtr::new(null_mut()) }
    }

    /// FilterOidRequest, first: a clone of the request, to be passed down.
    ///
    /// # Safety
    /// `original` is the request of the module `filter` that NDIS passed to the callback.
    ///
    /// # Errors
    /// The status with which the original is answered: there is no memory for a clone.
    pub(crate) unsafe fn clone_of(
        &self,
        filter: FilterHandle,
        tag: u32,
        original: NonNull<NDIS_OID_REQUEST>,
    ) -> Result<NonNull<NDIS_OID_REQUEST>, Status> {
        let mut clone = null_mut();
        // SAFETY: the original is valid for the call, and the clone's place is ours.
        let raw = unsafe { NdisAllocateCloneOidRequest(filter.into_raw(), original.as_ptr(), tag, &raw mut clone) };
        Status::from_raw(raw).check()?;
        let mut clone = NonNull::new(clone).ok_or(Status::RESOURCES)?;
        {
            // SAFETY: the clone was just allocated and is ours.
            let clone = unsafe { clone.as_mut() };
            // SAFETY: the original is NDIS's, valid and unchanged during the callback.
            clone.RequestId = unsafe { original.as_ref() }.RequestId;
            set_original(clone, Some(original));
            self.id.store(clone.RequestId, Ordering::Relaxed);
        }
        self.is_pending.store(true, Ordering::Release);
        Ok(clone)
    }

    /// FilterOidRequest, second: passes the clone down. The original is answered with the status, unless it is PENDING.
    ///
    /// # Safety
    /// `clone` was just made by [`clone_of`](Self::clone_of), for the module `filter`.
    pub(crate) unsafe fn pass(&self, filter: FilterHandle, clone: NonNull<NDIS_OID_REQUEST>) -> Status {
        // SAFETY: the clone is a valid request, given up until it is completed.
        let status = Status::from_raw(unsafe { NdisFOidRequest(filter.into_raw(), clone.as_ptr()) });
        if status != Status::PENDING {
            // SAFETY: a request that did not pend is ours again, and so is the original to answer.
            unsafe { self.take_back(filter, clone) };
        }
        status
    }

    /// FilterOidRequestComplete: answers the original of a clone that pended below.
    ///
    /// # Safety
    /// `clone` is the request of the module `filter` that NDIS passed to the callback.
    pub(crate) unsafe fn complete(&self, filter: FilterHandle, clone: NonNull<NDIS_OID_REQUEST>, status: Status) {
        // SAFETY: the clone is ours again.
        if let Some(original) = unsafe { self.take_back(filter, clone) } {
            // SAFETY: the original is answered here for the first and only time; its clone is gone.
            unsafe {
                NdisFOidRequestComplete(filter.into_raw(), original.as_ptr(), status.into_raw());
            };
        }
    }

    /// FilterCancelOidRequest: cancels the clone below if it is the one meant.
    pub(crate) fn cancel(&self, filter: FilterHandle, id: *mut c_void) {
        if self.is_pending.load(Ordering::Acquire) && self.id.load(Ordering::Relaxed) == id {
            // SAFETY: NDIS looks the request up by its id, and finds none where it has just been completed.
            unsafe { NdisFCancelOidRequest(filter.into_raw(), id) };
        }
    }

    /// Copies the clone's results to its original, frees the clone, and gives the original.
    ///
    /// # Safety
    /// `clone` was made by [`clone_of`](Self::clone_of) and is back.
    unsafe fn take_back(
        &self,
        filter: FilterHandle,
        mut clone: NonNull<NDIS_OID_REQUEST>,
    ) -> Option<NonNull<NDIS_OID_REQUEST>> {
        self.is_pending.store(false, Ordering::Relaxed);
        // SAFETY: the clone is ours.
        let mut original = set_original(unsafe { clone.as_mut() }, None)?;
        // SAFETY: the original stays NDIS's but valid until it is answered, which comes after this.
        let target = unsafe { original.as_mut() };
        // SAFETY: the clone is ours.
        copy_results(unsafe { clone.as_ref() }, target);
        // SAFETY: the clone was allocated for this module and is not used after.
        unsafe { NdisFreeCloneOidRequest(filter.into_raw(), clone.as_ptr()) };
        Some(original)
    }
}

/// Puts a pointer to the original into the clone's `SourceReserved`, which is its maker's to use, and gives what was
/// there.
#[allow(clippy::cast_ptr_alignment, reason = "read and written unaligned")]
fn set_original(
    clone: &mut NDIS_OID_REQUEST,
    original: Option<NonNull<NDIS_OID_REQUEST>>,
) -> Option<NonNull<NDIS_OID_REQUEST>> {
    let place = (&raw mut clone.SourceReserved).cast::<Option<NonNull<NDIS_OID_REQUEST>>>();
    // SAFETY: the place has room for two pointers; a null or our own pointer is an Option of a NonNull. It may not be
    // aligned for one.
    let before = unsafe { place.read_unaligned() };
    // SAFETY: as above.
    unsafe { place.write_unaligned(original) };
    before
}

/// What the drivers below wrote for the one who asked.
#[allow(non_upper_case_globals, reason = "the enumerators' names are C's")]
fn copy_results(from: &NDIS_OID_REQUEST, to: &mut NDIS_OID_REQUEST) {
    to.SupportedRevision = from.SupportedRevision;
    match from.RequestType {
        NdisRequestMethod => {
            // SAFETY: the type says which view of the union holds.
            let from = unsafe { &from.DATA.METHOD_INFORMATION };
            // SAFETY: a clone has its original's type.
            let to = unsafe { &mut to.DATA.METHOD_INFORMATION };
            to.OutputBufferLength = from.OutputBufferLength;
            to.BytesWritten = from.BytesWritten;
            to.BytesRead = from.BytesRead;
            to.BytesNeeded = from.BytesNeeded;
        }
        NdisRequestSetInformation => {
            // SAFETY: the type says which view of the union holds.
            let from = unsafe { &from.DATA.SET_INFORMATION };
            // SAFETY: a clone has its original's type.
            let to = unsafe { &mut to.DATA.SET_INFORMATION };
            to.BytesRead = from.BytesRead;
            to.BytesNeeded = from.BytesNeeded;
        }
        _ => {
            // SAFETY: the types that are left are queries.
            let from = unsafe { &from.DATA.QUERY_INFORMATION };
            // SAFETY: a clone has its original's type.
            let to = unsafe { &mut to.DATA.QUERY_INFORMATION };
            to.BytesWritten = from.BytesWritten;
            to.BytesNeeded = from.BytesNeeded;
        }
    }
}
