//! `NTSTATUS` as a type, converted at the edges.

use core::fmt;

use wdk_sys::NTSTATUS;

/// An NTSTATUS. Values below zero (as a signed number) are errors and warnings.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct NtStatus(pub NTSTATUS);

impl NtStatus {
    /// STATUS_SUCCESS.
    pub const SUCCESS: Self = Self(wdk_sys::STATUS_SUCCESS);
    /// STATUS_CANCELLED.
    pub const CANCELLED: Self = Self(wdk_sys::STATUS_CANCELLED);
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub const INSUFFICIENT_RESOURCES: Self = Self(wdk_sys::STATUS_INSUFFICIENT_RESOURCES);

    /// From the unsigned form in which NTSTATUS values are written.
    pub const fn new(value: u32) -> Self {
        Self(value.cast_signed())
    }

    /// `Ok` for success and informational values (NT_SUCCESS).
    pub const fn check(self) -> Result<(), Self> {
        if self.0 >= 0 { Ok(()) } else { Err(self) }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0.cast_unsigned())
    }
}
