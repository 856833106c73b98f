//! The functions of C that the kernel exports: text, narrow and wide, and a few others. Any IRQL.
//!
//! Letters are folded as in the C locale: Latin ones alone.

use super::{printf::Unit, string};
use crate::{exports, kernel::kernel, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "_stricmp" => stricmp,
    "_strnicmp" => strnicmp,
    "_wcsicmp" => wcsicmp,
    "_wcsnicmp" => wcsnicmp,
    "atoi" => atoi,
    "atol" => atoi,
    "bsearch" => bsearch,
    "isdigit" => isdigit,
    "islower" => islower,
    "isspace" => isspace,
    "isupper" => isupper,
    "isxdigit" => isxdigit,
    "memchr" => memchr,
    "qsort" => qsort,
    "strcat" => strcat,
    "strcat_s" => strcat_s,
    "strchr" => strchr,
    "strcmp" => strcmp,
    "strcpy" => strcpy,
    "strcpy_s" => strcpy_s,
    "strlen" => strlen,
    "strncat" => strncat,
    "strncmp" => strncmp,
    "strncpy" => strncpy,
    "strncpy_s" => strncpy_s,
    "strnlen" => strnlen,
    "strrchr" => strrchr,
    "strstr" => strstr,
    "tolower" => tolower,
    "toupper" => toupper,
    "towlower" => towlower,
    "towupper" => towupper,
    "wcscat" => wcscat,
    "wcscat_s" => wcscat_s,
    "wcschr" => wcschr,
    "wcscmp" => wcscmp,
    "wcscpy" => wcscpy,
    "wcscpy_s" => wcscpy_s,
    "wcslen" => wcslen,
    "wcsncat" => wcsncat,
    "wcsncmp" => wcsncmp,
    "wcsncpy" => wcsncpy,
    "wcsncpy_s" => wcsncpy_s,
    "wcsnlen" => wcsnlen,
    "wcsrchr" => wcsrchr,
    "wcsstr" => wcsstr,
};

/// `_TRUNCATE`.
const TRUNCATE: usize = usize::MAX;

/// A unit that can be compared and folded.
trait Letter: Unit + Into<i32> {
    fn lower(self) -> i32 {
        let unit: i32 = self.into();
        if (0x41..=0x5a).contains(&unit) { unit + 0x20 } else { unit }
    }
}
impl Letter for u8 {}
impl Letter for u16 {}

pub(super) fn read<T: Copy>(at: *const T) -> T {
    // SAFETY: the driver says that text lies there; what is none faults and is reported.
    unsafe { at.read_unaligned() }
}

pub(super) fn write<T: Unit>(at: *mut T, value: T) {
    // SAFETY: the driver says that there is room; where there is not, this faults and is reported.
    unsafe { at.write_unaligned(value) };
}

fn length<T: Unit>(text: *const T, most: usize) -> usize {
    (0..most).find(|at| read(text.wrapping_add(*at)) == T::default()).unwrap_or(most)
}

/// Below, at or above zero as the first text comes before, with or after the second.
fn compare<T: Letter>(first: *const T, second: *const T, most: usize, fold: bool) -> i32 {
    for at in 0..most {
        let (a, b) = (read(first.wrapping_add(at)), read(second.wrapping_add(at)));
        let difference = if fold { a.lower() - b.lower() } else { Into::<i32>::into(a) - Into::<i32>::into(b) };
        if difference != 0 {
            return difference.signum();
        }
        if a == T::default() {
            return 0;
        }
    }
    0
}

/// Copies `count` units and a zero.
fn copy<T: Unit>(to: *mut T, from: *const T, count: usize) -> *mut T {
    for at in 0..count {
        write(to.wrapping_add(at), read(from.wrapping_add(at)));
    }
    write(to.wrapping_add(count), T::default());
    to
}

/// As `strncpy`: zeros up to the end, and none behind a text that fills it.
fn copy_padded<T: Unit>(to: *mut T, from: *const T, count: usize) -> *mut T {
    let len = length(from, count);
    for at in 0..count {
        write(to.wrapping_add(at), if at < len { read(from.wrapping_add(at)) } else { T::default() });
    }
    to
}

/// As the copying functions whose name ends in `_s`: 0, or ends the run where the text does not fit, as their handler of
/// invalid parameters does. `at` is where to write.
fn copy_secure<T: Unit>(to: *mut T, at: usize, room: usize, from: *const T, most: usize) -> i32 {
    let len = length(from, most.min(room));
    if at + len < room {
        copy(to.wrapping_add(at), from, len);
        return 0;
    }
    if most != TRUNCATE || room == 0 {
        kernel()
            .judge
            .bug_check(format!("a string of {len} characters or more for a buffer of {room}, {at} of them used"));
    }
    copy(to.wrapping_add(at), from, room - 1 - at);
    80 // STRUNCATE
}

fn find<T: Letter>(text: *const T, unit: i32) -> *const T {
    let (len, wanted) = (length(text, usize::MAX), T::of(unit.cast_unsigned() as u16));
    let found = (0..=len).find(|at| read(text.wrapping_add(*at)) == wanted);
    found.map_or(std::ptr::null(), |at| text.wrapping_add(at))
}

fn find_last<T: Letter>(text: *const T, unit: i32) -> *const T {
    let (len, wanted) = (length(text, usize::MAX), T::of(unit.cast_unsigned() as u16));
    let found = (0..=len).rfind(|at| read(text.wrapping_add(*at)) == wanted);
    found.map_or(std::ptr::null(), |at| text.wrapping_add(at))
}

fn find_text<T: Letter>(text: *const T, wanted: *const T) -> *const T {
    let (len, wanted_len) = (length(text, usize::MAX), length(wanted, usize::MAX));
    let mut places = 0..=len.saturating_sub(wanted_len);
    let found = places.find(|at| wanted_len <= len && compare(text.wrapping_add(*at), wanted, wanted_len, false) == 0);
    found.map_or(std::ptr::null(), |at| text.wrapping_add(at))
}

/// The same functions for narrow and wide text.
macro_rules! both {
    ($($unit:ty: $len:ident $nlen:ident $cmp:ident $ncmp:ident $icmp:ident $nicmp:ident $cpy:ident $ncpy:ident $cat:ident
       $ncat:ident $chr:ident $rchr:ident $str:ident $cpy_s:ident $ncpy_s:ident $cat_s:ident;)+) => {$(
        unsafe extern "win64" fn $len(text: *const $unit) -> usize { length(text, usize::MAX) }
        unsafe extern "win64" fn $nlen(text: *const $unit, most: usize) -> usize { length(text, most) }
        unsafe extern "win64" fn $cmp(a: *const $unit, b: *const $unit) -> i32 { compare(a, b, usize::MAX, false) }
        unsafe extern "win64" fn $ncmp(a: *const $unit, b: *const $unit, most: usize) -> i32 { compare(a, b, most, false) }
        unsafe extern "win64" fn $icmp(a: *const $unit, b: *const $unit) -> i32 { compare(a, b, usize::MAX, true) }
        unsafe extern "win64" fn $nicmp(a: *const $unit, b: *const $unit, most: usize) -> i32 { compare(a, b, most, true) }
        unsafe extern "win64" fn $cpy(to: *mut $unit, from: *const $unit) -> *mut $unit {
            copy(to, from, length(from, usize::MAX))
        }
        unsafe extern "win64" fn $ncpy(to: *mut $unit, from: *const $unit, count: usize) -> *mut $unit {
            copy_padded(to, from, count)
        }
        unsafe extern "win64" fn $cat(to: *mut $unit, from: *const $unit) -> *mut $unit {
            copy(to.wrapping_add(length(to, usize::MAX)), from, length(from, usize::MAX));
            to
        }
        unsafe extern "win64" fn $ncat(to: *mut $unit, from: *const $unit, most: usize) -> *mut $unit {
            copy(to.wrapping_add(length(to, usize::MAX)), from, length(from, most));
            to
        }
        unsafe extern "win64" fn $chr(text: *const $unit, unit: i32) -> *const $unit { find(text, unit) }
        unsafe extern "win64" fn $rchr(text: *const $unit, unit: i32) -> *const $unit { find_last(text, unit) }
        unsafe extern "win64" fn $str(text: *const $unit, wanted: *const $unit) -> *const $unit { find_text(text, wanted) }
        unsafe extern "win64" fn $cpy_s(to: *mut $unit, room: usize, from: *const $unit) -> i32 {
            copy_secure(to, 0, room, from, usize::MAX - 1)
        }
        unsafe extern "win64" fn $ncpy_s(to: *mut $unit, room: usize, from: *const $unit, most: usize) -> i32 {
            copy_secure(to, 0, room, from, most)
        }
        unsafe extern "win64" fn $cat_s(to: *mut $unit, room: usize, from: *const $unit) -> i32 {
            copy_secure(to, length(to, room), room, from, usize::MAX - 1)
        }
    )+};
}

both! {
    u8: strlen strnlen strcmp strncmp stricmp strnicmp strcpy strncpy strcat strncat strchr strrchr strstr strcpy_s
        strncpy_s strcat_s;
    u16: wcslen wcsnlen wcscmp wcsncmp wcsicmp wcsnicmp wcscpy wcsncpy wcscat wcsncat wcschr wcsrchr wcsstr wcscpy_s
        wcsncpy_s wcscat_s;
}

unsafe extern "win64" fn memchr(memory: *const u8, byte: i32, len: usize) -> *const u8 {
    let found = (0..len).find(|at| i32::from(read(memory.wrapping_add(*at))) == byte & 0xff);
    found.map_or(std::ptr::null(), |at| memory.wrapping_add(at))
}

unsafe extern "win64" fn atoi(text: *const u8) -> i32 {
    let text = String::from_utf8_lossy(&string::c_string(text)).into_owned();
    let text = text.trim_start();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.strip_prefix('+').unwrap_or(text)), |rest| (-1, rest));
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0_i32, |value, digit| value.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'))).wrapping_mul(sign)
}

fn ascii(unit: i32) -> u8 {
    u8::try_from(unit).unwrap_or(0x80)
}

unsafe extern "win64" fn isdigit(unit: i32) -> i32 {
    i32::from(ascii(unit).is_ascii_digit())
}

unsafe extern "win64" fn isxdigit(unit: i32) -> i32 {
    i32::from(ascii(unit).is_ascii_hexdigit())
}

unsafe extern "win64" fn isspace(unit: i32) -> i32 {
    i32::from(matches!(unit, 0x09..=0x0d | 0x20))
}

unsafe extern "win64" fn isupper(unit: i32) -> i32 {
    i32::from(ascii(unit).is_ascii_uppercase())
}

unsafe extern "win64" fn islower(unit: i32) -> i32 {
    i32::from(ascii(unit).is_ascii_lowercase())
}

unsafe extern "win64" fn tolower(unit: i32) -> i32 {
    if ascii(unit).is_ascii_uppercase() { unit + 0x20 } else { unit }
}

unsafe extern "win64" fn toupper(unit: i32) -> i32 {
    if ascii(unit).is_ascii_lowercase() { unit - 0x20 } else { unit }
}

unsafe extern "win64" fn towlower(unit: u16) -> u16 {
    // SAFETY: no memory is touched.
    unsafe { tolower(i32::from(unit)).cast_unsigned() as u16 }
}

unsafe extern "win64" fn towupper(unit: u16) -> u16 {
    // SAFETY: no memory is touched.
    unsafe { toupper(i32::from(unit)).cast_unsigned() as u16 }
}

type Compare = unsafe extern "win64" fn(*const u8, *const u8) -> i32;

/// Sorts by insertion: what drivers sort is short.
unsafe extern "win64" fn qsort(base: *mut u8, count: usize, size: usize, order: Compare) {
    let element = |index: usize| base.wrapping_add(index * size);
    for sorted in 1..count {
        for at in (0..sorted).rev() {
            // SAFETY: the driver's own function, as part of its call, with two of its elements.
            if unsafe { order(element(at), element(at + 1)) } <= 0 {
                break;
            }
            // SAFETY: two different elements of the driver's array.
            unsafe { std::ptr::swap_nonoverlapping(element(at), element(at + 1), size) };
        }
    }
}

unsafe extern "win64" fn bsearch(
    key: *const u8,
    base: *const u8,
    count: usize,
    size: usize,
    order: Compare,
) -> *const u8 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = usize::midpoint(low, high);
        let element = base.wrapping_add(middle * size);
        // SAFETY: the driver's own function, as part of its call.
        match unsafe { order(key, element) } {
            0 => return element,
            ..0 => high = middle,
            _ => low = middle + 1,
        }
    }
    std::ptr::null()
}
