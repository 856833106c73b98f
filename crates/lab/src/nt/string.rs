//! Counted Unicode strings (`Rtl*UnicodeString`). PASSIVE_LEVEL where the page says so, else any IRQL.

use nblease_ndis::sys::{BOOLEAN, LONG, UNICODE_STRING, WCHAR};

use super::{HIGH_LEVEL, enter};
use crate::{exports, pe::Export, thread::PASSIVE_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    RtlCompareUnicodeString => rtl_compare_unicode_string,
    "RtlCopyUnicodeString" => rtl_copy_unicode_string,
    "RtlEqualUnicodeString" => rtl_equal_unicode_string,
    RtlInitUnicodeString => rtl_init_unicode_string,
};

/// The bytes of a string that ends with a zero; none for null.
pub(super) fn c_string(start: *const u8) -> Vec<u8> {
    until_zero(start)
}

/// The units of a wide string that ends with a zero; none for null.
pub(super) fn wide_string(start: *const WCHAR) -> Vec<WCHAR> {
    until_zero(start)
}

fn until_zero<T: Copy + Default + PartialEq>(start: *const T) -> Vec<T> {
    units_up_to(start, usize::MAX)
}

/// The units up to a zero, `most` at most; none for null.
pub(super) fn units_up_to<T: Copy + Default + PartialEq>(start: *const T, most: usize) -> Vec<T> {
    let mut units = Vec::new();
    let mut at = start;
    while !at.is_null() && units.len() < most {
        // SAFETY: the driver passed a string that ends with a zero; what does not faults and is reported.
        let unit = unsafe { at.read_unaligned() };
        if unit == T::default() {
            break;
        }
        units.push(unit);
        at = at.wrapping_add(1);
    }
    units
}

/// The units of a counted string; none for null.
pub fn units(string: *const UNICODE_STRING) -> Vec<WCHAR> {
    // SAFETY: null, or a counted string of the driver's; what is neither faults and is reported.
    let Some(string) = (unsafe { string.as_ref() }) else { return Vec::new() };
    let count = usize::from(string.Length) / size_of::<WCHAR>();
    if count == 0 || string.Buffer.is_null() {
        return Vec::new();
    }
    // SAFETY: as above, the buffer holds `Length` bytes.
    unsafe { std::slice::from_raw_parts(string.Buffer, count) }.to_vec()
}

/// A counted string as text.
pub fn text(string: *const UNICODE_STRING) -> String {
    String::from_utf16_lossy(&units(string))
}

/// Upper case for Latin letters, which is what names in the kernel have.
pub(super) fn upcase(unit: WCHAR) -> WCHAR {
    char::from_u32(u32::from(unit)).map_or(unit, |c| c.to_ascii_uppercase() as u32 as WCHAR)
}

unsafe extern "efiapi" fn rtl_init_unicode_string(string: *mut UNICODE_STRING, source: *const WCHAR) {
    enter("RtlInitUnicodeString", HIGH_LEVEL);
    let bytes = wide_string(source).len() * size_of::<WCHAR>();
    let with_end = if source.is_null() { 0 } else { bytes + size_of::<WCHAR>() };
    let contents = UNICODE_STRING { Length: bytes as u16, MaximumLength: with_end as u16, Buffer: source.cast_mut() };
    // SAFETY: the DDI demands storage for the string.
    unsafe { string.write(contents) };
}

unsafe extern "win64" fn rtl_copy_unicode_string(to: *mut UNICODE_STRING, from: *const UNICODE_STRING) {
    enter("RtlCopyUnicodeString", HIGH_LEVEL);
    let source = units(from);
    // SAFETY: the DDI demands a counted string with a buffer of its maximum length.
    let to = unsafe { &mut *to };
    let room = usize::from(to.MaximumLength) / size_of::<WCHAR>();
    let count = source.len().min(room);
    if count > 0 {
        // SAFETY: `count` units fit the buffer; the source was copied out, so that nothing overlaps.
        unsafe { to.Buffer.copy_from_nonoverlapping(source.as_ptr(), count) };
    }
    to.Length = (count * size_of::<WCHAR>()) as u16;
    if count < room {
        // SAFETY: one more unit fits.
        unsafe { to.Buffer.wrapping_add(count).write(0) };
    }
}

unsafe extern "efiapi" fn rtl_compare_unicode_string(
    first: *const UNICODE_STRING,
    second: *const UNICODE_STRING,
    ignore_case: BOOLEAN,
) -> LONG {
    enter("RtlCompareUnicodeString", PASSIVE_LEVEL);
    compare(first, second, ignore_case) as LONG
}

unsafe extern "win64" fn rtl_equal_unicode_string(
    first: *const UNICODE_STRING,
    second: *const UNICODE_STRING,
    ignore_case: BOOLEAN,
) -> BOOLEAN {
    enter("RtlEqualUnicodeString", PASSIVE_LEVEL);
    u8::from(compare(first, second, ignore_case).is_eq())
}

fn compare(first: *const UNICODE_STRING, second: *const UNICODE_STRING, ignore_case: BOOLEAN) -> std::cmp::Ordering {
    let fold = |string| {
        let units = units(string);
        if ignore_case == 0 { units } else { units.into_iter().map(upcase).collect() }
    };
    fold(first).cmp(&fold(second))
}

/// A counted string whose buffer lives for ever, for the lab's own objects.
pub fn leak(text: &str) -> UNICODE_STRING {
    let units: Vec<WCHAR> = text.encode_utf16().chain([0]).collect();
    let bytes = units.len() * size_of::<WCHAR>();
    let buffer = Box::leak(units.into_boxed_slice()).as_mut_ptr();
    UNICODE_STRING { Length: (bytes - size_of::<WCHAR>()) as u16, MaximumLength: bytes as u16, Buffer: buffer }
}
