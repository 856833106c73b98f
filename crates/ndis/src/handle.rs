//! The handle by which NDIS knows a filter module.

use crate::sys::NDIS_HANDLE;

/// What NDIS gave the module in FilterAttach (`NdisFilterHandle`), valid until FilterDetach returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterHandle(NDIS_HANDLE);

// SAFETY: NDIS takes the handle in calls from any thread; nothing is reached through it directly.
unsafe impl Send for FilterHandle {}
// SAFETY: as for Send.
unsafe impl Sync for FilterHandle {}

impl FilterHandle {
    /// # Safety
    /// `raw` is the handle that NDIS gave a module of this driver, and the module is not detached while it is in use.
    #[must_use]
    pub const unsafe fn from_raw(raw: NDIS_HANDLE) -> Self {
        Self(raw)
    }

    /// The handle, for a call into NDIS.
    #[must_use]
    pub const fn into_raw(self) -> NDIS_HANDLE {
        self.0
    }
}
