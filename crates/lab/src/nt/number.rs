//! Numbers and text of the C runtime that the kernel exports: `strtol` and its kin. Any IRQL.

use super::{HIGH_LEVEL, crt, enter, printf::Unit};
use crate::{exports, kernel::kernel, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "_atoi64" => to_i64::<u8>,
    "_i64toa_s" => put_i64::<u8>,
    "_i64tow_s" => put_i64::<u16>,
    "_itoa" => put_i32_unbounded::<u8>,
    "_itoa_s" => put_i32::<u8>,
    "_itow" => put_i32_unbounded::<u16>,
    "_itow_s" => put_i32::<u16>,
    "_ltoa_s" => put_i32::<u8>,
    "_ltow_s" => put_i32::<u16>,
    "_strtoi64" => parse_i64::<u8>,
    "_strtoui64" => parse_u64::<u8>,
    "_ui64toa_s" => put_u64::<u8>,
    "_ui64tow_s" => put_u64::<u16>,
    "_ultoa_s" => put_u32::<u8>,
    "_ultow_s" => put_u32::<u16>,
    "_wcstoi64" => parse_i64::<u16>,
    "_wcstoui64" => parse_u64::<u16>,
    "_wtoi" => to_i32::<u16>,
    "_wtoi64" => to_i64::<u16>,
    "_wtol" => to_i32::<u16>,
    "abs" => absolute,
    "isalnum" => is_alphanumeric,
    "isalpha" => is_alphabetic,
    "isprint" => is_printable,
    "iswalnum" => is_alphanumeric,
    "iswalpha" => is_alphabetic,
    "iswdigit" => is_digit,
    "iswspace" => is_space,
    "iswxdigit" => is_hexadecimal,
    "labs" => absolute,
    "strtol" => parse_i32::<u8>,
    "strtoul" => parse_u32::<u8>,
    "wcstol" => parse_i32::<u16>,
    "wcstoul" => parse_u32::<u16>,
};

/// A number read off text.
struct Parsed {
    negative: bool,
    /// Saturated.
    value: u64,
    overflow: bool,
}

/// White space, a sign, a prefix that the base allows, digits. `end` gets where they end; the text where there are none.
fn parse<T: Unit>(text: *const T, end: *mut *const T, base: i32) -> Parsed {
    let unit = |at: usize| char::from_u32(crt::read(text.wrapping_add(at)).into()).unwrap_or('\0');
    let mut at = 0;
    while is_white(unit(at)) {
        at += 1;
    }
    let negative = unit(at) == '-';
    at += usize::from(matches!(unit(at), '+' | '-'));
    let hexadecimal = unit(at) == '0' && matches!(unit(at + 1), 'x' | 'X') && unit(at + 2).is_ascii_hexdigit();
    let base = match base {
        0 | 16 if hexadecimal => {
            at += 2;
            16
        }
        0 if unit(at) == '0' => 8,
        0 => 10,
        base => u32::try_from(base).ok().filter(|base| (2..=36).contains(base)).unwrap_or(10),
    };
    let (start, mut value, mut overflow) = (at, 0_u64, false);
    while let Some(digit) = unit(at).to_digit(base) {
        let next = value.checked_mul(u64::from(base)).and_then(|value| value.checked_add(u64::from(digit)));
        overflow |= next.is_none();
        value = next.unwrap_or(u64::MAX);
        at += 1;
    }
    if !end.is_null() {
        let stop = if at == start { text } else { text.wrapping_add(at) };
        // SAFETY: the caller says that there is storage.
        unsafe { end.write(stop) };
    }
    Parsed { negative, value, overflow }
}

fn is_white(unit: char) -> bool {
    matches!(unit, ' ' | '\t'..='\r')
}

impl Parsed {
    /// Within the bounds of a signed number.
    fn signed(&self, min: i64, max: i64) -> i64 {
        let value = i128::from(self.value) * if self.negative { -1 } else { 1 };
        value.clamp(i128::from(min), i128::from(max)) as i64
    }

    /// Within the bounds of an unsigned number; a sign negates it there.
    fn unsigned(&self, max: u64) -> u64 {
        match self {
            Self { overflow: true, .. } => max,
            Self { value, .. } if *value > max => max,
            Self { negative: true, value, .. } => value.wrapping_neg() & max,
            Self { value, .. } => *value,
        }
    }
}

unsafe extern "win64" fn parse_i32<T: Unit>(text: *const T, end: *mut *const T, base: i32) -> i32 {
    enter("strtol", HIGH_LEVEL);
    parse(text, end, base).signed(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

unsafe extern "win64" fn parse_u32<T: Unit>(text: *const T, end: *mut *const T, base: i32) -> u32 {
    enter("strtoul", HIGH_LEVEL);
    parse(text, end, base).unsigned(u64::from(u32::MAX)) as u32
}

unsafe extern "win64" fn parse_i64<T: Unit>(text: *const T, end: *mut *const T, base: i32) -> i64 {
    enter("_strtoi64", HIGH_LEVEL);
    parse(text, end, base).signed(i64::MIN, i64::MAX)
}

unsafe extern "win64" fn parse_u64<T: Unit>(text: *const T, end: *mut *const T, base: i32) -> u64 {
    enter("_strtoui64", HIGH_LEVEL);
    parse(text, end, base).unsigned(u64::MAX)
}

unsafe extern "win64" fn to_i32<T: Unit>(text: *const T) -> i32 {
    enter("_wtoi", HIGH_LEVEL);
    parse(text, std::ptr::null_mut(), 10).signed(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

unsafe extern "win64" fn to_i64<T: Unit>(text: *const T) -> i64 {
    enter("_atoi64", HIGH_LEVEL);
    parse(text, std::ptr::null_mut(), 10).signed(i64::MIN, i64::MAX)
}

/// The digits of a number in a base.
fn digits(negative: bool, mut value: u64, base: u32) -> String {
    let mut reversed = Vec::new();
    loop {
        let digit = (value % u64::from(base)) as u32;
        reversed.push(char::from_digit(digit, base).unwrap_or('?'));
        value /= u64::from(base);
        if value == 0 {
            break;
        }
    }
    reversed.extend(negative.then_some('-'));
    reversed.into_iter().rev().collect()
}

fn base_of(base: i32) -> u32 {
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    base.unwrap_or_else(|| kernel().judge.bug_check("a number is to be written in a base that is none"))
}

fn put_text<T: Unit>(to: *mut T, room: usize, text: &str) -> i32 {
    if text.len() >= room {
        kernel().judge.bug_check(format!("{text} for a buffer of {room}"));
    }
    for (at, byte) in text.bytes().chain([0]).enumerate() {
        crt::write(to.wrapping_add(at), T::from(byte));
    }
    0
}

/// Only in base 10 there is a sign.
fn signed_digits(value: i64, bits: u32, base: i32) -> String {
    let base = base_of(base);
    let negative = value < 0 && base == 10;
    let raw = value.cast_unsigned() & (u64::MAX >> (64 - bits));
    digits(negative, if negative { value.unsigned_abs() } else { raw }, base)
}

unsafe extern "win64" fn put_i32<T: Unit>(value: i32, to: *mut T, room: usize, base: i32) -> i32 {
    enter("_itoa_s", HIGH_LEVEL);
    put_text(to, room, &signed_digits(i64::from(value), 32, base))
}

unsafe extern "win64" fn put_i32_unbounded<T: Unit>(value: i32, to: *mut T, base: i32) -> *mut T {
    enter("_itoa", HIGH_LEVEL);
    put_text(to, usize::MAX, &signed_digits(i64::from(value), 32, base));
    to
}

unsafe extern "win64" fn put_i64<T: Unit>(value: i64, to: *mut T, room: usize, base: i32) -> i32 {
    enter("_i64toa_s", HIGH_LEVEL);
    put_text(to, room, &signed_digits(value, 64, base))
}

unsafe extern "win64" fn put_u32<T: Unit>(value: u32, to: *mut T, room: usize, base: i32) -> i32 {
    enter("_ultoa_s", HIGH_LEVEL);
    put_text(to, room, &digits(false, u64::from(value), base_of(base)))
}

unsafe extern "win64" fn put_u64<T: Unit>(value: u64, to: *mut T, room: usize, base: i32) -> i32 {
    enter("_ui64toa_s", HIGH_LEVEL);
    put_text(to, room, &digits(false, value, base_of(base)))
}

unsafe extern "win64" fn absolute(value: i32) -> i32 {
    enter("abs", HIGH_LEVEL);
    value.wrapping_abs()
}

/// Whether a unit is ASCII and of a kind.
fn is(unit: i32, kind: fn(&char) -> bool) -> i32 {
    let ascii = u8::try_from(unit).ok().filter(u8::is_ascii).map(char::from);
    i32::from(ascii.is_some_and(|unit| kind(&unit)))
}

unsafe extern "win64" fn is_alphanumeric(unit: i32) -> i32 {
    is(unit, char::is_ascii_alphanumeric)
}

unsafe extern "win64" fn is_alphabetic(unit: i32) -> i32 {
    is(unit, char::is_ascii_alphabetic)
}

unsafe extern "win64" fn is_printable(unit: i32) -> i32 {
    is(unit, |unit| (' '..='~').contains(unit))
}

unsafe extern "win64" fn is_digit(unit: i32) -> i32 {
    is(unit, char::is_ascii_digit)
}

unsafe extern "win64" fn is_space(unit: i32) -> i32 {
    is(unit, |unit| is_white(*unit))
}

unsafe extern "win64" fn is_hexadecimal(unit: i32) -> i32 {
    is(unit, char::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_does() {
        let read = |text: &[u8], base: i32| {
            let mut end = std::ptr::null();
            let parsed = parse(text.as_ptr(), &raw mut end, base);
            (parsed.signed(-0x8000_0000, 0x7fff_ffff), parsed.unsigned(0xffff_ffff), end.addr() - text.as_ptr().addr())
        };
        assert_eq!(read(b" -12x\0", 10), (-12, 0xffff_fff4, 4));
        assert_eq!(read(b"0x1fg\0", 0), (31, 31, 4));
        assert_eq!(read(b"0x1f\0", 16), (31, 31, 4));
        assert_eq!(read(b"0xg\0\0", 0), (0, 0, 1));
        assert_eq!(read(b"017\0", 0), (15, 15, 3));
        assert_eq!(read(b"99999999999999999999\0", 10), (0x7fff_ffff, 0xffff_ffff, 20));
        assert_eq!(read(b"nothing\0", 10), (0, 0, 0));
        assert_eq!(signed_digits(-1, 32, 16), "ffffffff");
        assert_eq!(signed_digits(-10, 32, 10), "-10");
        assert_eq!(signed_digits(0, 64, 2), "0");
    }
}
