//! The system that the lab seems to be: Windows 11 22H2.

/// Major version.
pub const MAJOR: u32 = 10;
/// Minor version.
pub const MINOR: u32 = 0;
/// Build number.
pub const BUILD: u32 = 22621;
