//! UNICODE_STRINGs of the driver.

use nblease_ndis::sys::UNICODE_STRING;

use crate::io::{NtStatus, status};

/// The text of a string (FxValidateUnicodeString: lengths even, a buffer where there is a length).
///
/// # Safety
/// `string` is null or points to a readable UNICODE_STRING whose buffer has `Length` bytes.
pub(crate) unsafe fn read(string: *const UNICODE_STRING) -> Result<String, NtStatus> {
    if string.is_null() {
        return Err(status::INVALID_PARAMETER);
    }
    // SAFETY: the caller's promise.
    let raw = unsafe { string.read_unaligned() };
    if raw.Length % 2 != 0 || raw.MaximumLength < raw.Length || (raw.Length > 0 && raw.Buffer.is_null()) {
        return Err(status::INVALID_PARAMETER);
    }
    let mut units = Vec::with_capacity(raw.Length as usize / 2);
    for at in 0..raw.Length as usize / 2 {
        // SAFETY: the buffer has `Length` bytes.
        units.push(unsafe { raw.Buffer.wrapping_add(at).read_unaligned() });
    }
    String::from_utf16(&units).map_err(|_| status::OBJECT_NAME_INVALID)
}
