//! Caps: how many leases there may be, and of how many bytes.

/// The most that may be held; both hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Leases.
    pub leases: u32,
    /// Bytes of frames in them.
    pub bytes: u64,
}

impl Cap {
    /// As many as there are places.
    pub const NONE: Self = Self { leases: u32::MAX, bytes: u64::MAX };
}

/// What is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Leases.
    pub leases: u32,
    /// Bytes of frames in them.
    pub bytes: u64,
}

impl Load {
    /// Whether one more lease of `bytes` stays within the cap.
    pub(super) fn admits(&self, cap: &Cap, bytes: u32) -> bool {
        self.leases < cap.leases && self.bytes.saturating_add(bytes.into()) <= cap.bytes
    }

    pub(super) fn add(&mut self, bytes: u32) {
        self.leases += 1;
        self.bytes = self.bytes.saturating_add(bytes.into());
    }

    pub(super) fn remove(&mut self, bytes: u32) {
        self.leases = self.leases.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes.into());
    }
}
