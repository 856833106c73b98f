//! Structures that begin with their size, of which older versions of the framework had shorter ones
//! (fxversionedstructures.h).

use crate::io::{NtStatus, status};

/// Reads a driver's structure: the whole, or the start that an older version had, the rest zeros. `older` are the sizes of
/// those in bytes. STATUS_INFO_LENGTH_MISMATCH where it says another size.
///
/// # Safety
/// `from` points to a structure that begins with a `ULONG` of its size, and zeros are a value of each of its fields.
pub(crate) unsafe fn read<T: Copy>(from: *const T, older: &[usize]) -> Result<T, NtStatus> {
    // SAFETY: the caller's promise.
    let size = unsafe { from.cast::<u32>().read_unaligned() } as usize;
    if size != size_of::<T>() && !older.contains(&size) {
        return Err(status::INFO_LENGTH_MISMATCH);
    }
    // SAFETY: the caller's promise.
    let mut value: T = unsafe { std::mem::zeroed() };
    let to = (&raw mut value).cast::<u8>();
    // SAFETY: the driver's structure has as many bytes as it says, and `value` has at least those.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), to, size.min(size_of::<T>())) };
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_structure_ends_with_zeros() {
        let read = |words: [u32; 4]| {
            // SAFETY: the array begins with a size and is as long as any that is allowed.
            unsafe { super::read(&raw const words, &[8]) }
        };
        assert_eq!(read([16, 1, 2, 3]), Ok([16, 1, 2, 3]));
        assert_eq!(read([8, 1, 2, 3]), Ok([8, 1, 0, 0]));
        assert_eq!(read([12, 1, 2, 3]), Err(status::INFO_LENGTH_MISMATCH));
        assert_eq!(read([20, 1, 2, 3]), Err(status::INFO_LENGTH_MISMATCH));
    }
}
