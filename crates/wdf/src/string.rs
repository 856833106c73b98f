//! Constant UTF-16 strings for the kernel.

use wdk_sys::UNICODE_STRING;

/// A constant string in UTF-16, made at compile time from ASCII by [`wide`].
pub struct Wide<const N: usize>([u16; N]);

/// Widens an ASCII string of `N` bytes.
///
/// # Panics
/// At compile time, where the string is not ASCII or not of `N` bytes.
pub const fn wide<const N: usize>(ascii: &str) -> Wide<N> {
    let bytes = ascii.as_bytes();
    assert!(bytes.len() == N);
    let mut units = [0; N];
    let mut i = 0;
    while i < N {
        assert!(bytes[i].is_ascii());
        units[i] = bytes[i] as u16;
        i += 1;
    }
    Wide(units)
}

impl<const N: usize> Wide<N> {
    /// The string for a routine that only reads it. The kernel's type has no const form of the buffer.
    pub(crate) const fn unicode(&'static self) -> UNICODE_STRING {
        let bytes = (N * 2) as u16;
        UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: self.0.as_ptr().cast_mut() }
    }

    /// The UTF-16 units.
    pub const fn units(&self) -> &[u16] {
        &self.0
    }
}
