//! UNICODE_STRINGs as drivers pass them to the framework (FxValidateUnicodeString).

use nblease_ndis::sys::UNICODE_STRING;

use crate::io::{NtStatus, status};

/// The units of a driver's string. STATUS_INVALID_PARAMETER where its lengths contradict each other.
///
/// # Safety
/// `string` is null or points to a string whose buffer has `Length` bytes.
pub(crate) unsafe fn units(string: *const UNICODE_STRING) -> Result<Vec<u16>, NtStatus> {
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
    Ok(units)
}

/// The same as text: STATUS_OBJECT_NAME_INVALID where it is none.
///
/// # Safety
/// As for [`units`].
pub(crate) unsafe fn read(string: *const UNICODE_STRING) -> Result<String, NtStatus> {
    // SAFETY: the caller's promise.
    let units = unsafe { units(string) }?;
    String::from_utf16(&units).map_err(|_| status::OBJECT_NAME_INVALID)
}
