//! `NDIS_STATUS` as a type. It is converted at the edges only: what a callback returns, what an NDIS call answers.

use core::fmt;

use crate::sys;

/// An NDIS_STATUS. As with an NTSTATUS, values below zero (as a signed number) are failures.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(i32);

impl Status {
    /// `NDIS_STATUS_SUCCESS`.
    pub const SUCCESS: Self = Self(sys::NDIS_STATUS_SUCCESS);
    /// `NDIS_STATUS_PENDING`: a completion call will follow.
    pub const PENDING: Self = Self(sys::NDIS_STATUS_PENDING);
    /// `NDIS_STATUS_FAILURE`.
    pub const FAILURE: Self = Self(sys::NDIS_STATUS_FAILURE);
    /// `NDIS_STATUS_PAUSED`: how a send ends that comes while the module is not running.
    pub const PAUSED: Self = Self(sys::NDIS_STATUS_PAUSED);
    /// `NDIS_STATUS_SEND_ABORTED`: how a send ends that was cancelled.
    pub const SEND_ABORTED: Self = Self(sys::NDIS_STATUS_SEND_ABORTED);
    /// `NDIS_STATUS_LOW_POWER_STATE`: how a send ends that an adapter's sleep interrupts.
    pub const LOW_POWER: Self = Self(sys::NDIS_STATUS_LOW_POWER_STATE);
    /// `NDIS_STATUS_RESOURCES`: no memory.
    pub const RESOURCES: Self = Self(sys::NDIS_STATUS_RESOURCES);
    /// `NDIS_STATUS_NOT_SUPPORTED`.
    pub const NOT_SUPPORTED: Self = Self(sys::NDIS_STATUS_NOT_SUPPORTED);
    /// `NDIS_STATUS_BAD_VERSION`: the running NDIS is older than what the filter needs.
    pub const BAD_VERSION: Self = Self(sys::NDIS_STATUS_BAD_VERSION);
    /// `NDIS_STATUS_UNSUPPORTED_MEDIA`: a miniport whose frames are not Ethernet's.
    pub const UNSUPPORTED_MEDIA: Self = Self(sys::NDIS_STATUS_UNSUPPORTED_MEDIA);

    /// From the number that NDIS uses.
    #[must_use]
    pub const fn from_raw(raw: sys::NDIS_STATUS) -> Self {
        Self(raw)
    }

    /// The number that NDIS uses.
    #[must_use]
    pub const fn into_raw(self) -> sys::NDIS_STATUS {
        self.0
    }

    /// `Err` unless this is SUCCESS. PENDING is an `Err` too: it is not the end.
    pub const fn check(self) -> Result<(), Self> {
        if self.0 == Self::SUCCESS.0 { Ok(()) } else { Err(self) }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0.cast_unsigned())
    }
}
