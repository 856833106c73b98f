//! Conversions and comparisons of counted strings (`Rtl*`). PASSIVE_LEVEL where the page says so, else any IRQL.
//!
//! The ANSI code page is taken for Latin-1: what drivers convert are names.

use nblease_ndis::sys::{
    BOOLEAN, GUID, LONG, NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, ULONG, UNICODE_STRING, WCHAR,
};

use super::{HIGH_LEVEL, enter, format::AnsiString, pool, string};
use crate::{exports, pe::Export, thread::PASSIVE_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "RtlAnsiStringToUnicodeString" => rtl_ansi_string_to_unicode_string,
    "RtlAppendUnicodeStringToString" => rtl_append_unicode_string_to_string,
    "RtlAppendUnicodeToString" => rtl_append_unicode_to_string,
    "RtlCompareString" => rtl_compare_string,
    "RtlDowncaseUnicodeChar" => rtl_downcase_unicode_char,
    "RtlEqualString" => rtl_equal_string,
    "RtlFreeAnsiString" => rtl_free_ansi_string,
    "RtlFreeUnicodeString" => rtl_free_unicode_string,
    "RtlGUIDFromString" => rtl_guid_from_string,
    "RtlHashUnicodeString" => rtl_hash_unicode_string,
    "RtlInitAnsiString" => rtl_init_ansi_string,
    "RtlInitString" => rtl_init_ansi_string,
    "RtlInitUnicodeStringEx" => rtl_init_unicode_string_ex,
    "WdmlibRtlInitUnicodeStringEx" => rtl_init_unicode_string_ex,
    "RtlIntegerToUnicodeString" => rtl_integer_to_unicode_string,
    "RtlPrefixUnicodeString" => rtl_prefix_unicode_string,
    "RtlStringFromGUID" => rtl_string_from_guid,
    "RtlUnicodeStringToAnsiString" => rtl_unicode_string_to_ansi_string,
    "RtlUnicodeStringToInteger" => rtl_unicode_string_to_integer,
    "RtlUpcaseUnicodeChar" => rtl_upcase_unicode_char,
    "RtlUpcaseUnicodeString" => rtl_upcase_unicode_string,
    "RtlxAnsiStringToUnicodeSize" => rtlx_ansi_string_to_unicode_size,
    "RtlxUnicodeStringToAnsiSize" => rtlx_unicode_string_to_ansi_size,
};

/// `STATUS_NO_MEMORY`.
const STATUS_NO_MEMORY: NTSTATUS = 0xc000_0017_u32.cast_signed();
/// Pool of strings that were allocated for a driver, which frees them.
const TAG: [u8; 4] = *b"RtlS";

fn string_of<'a>(at: *mut UNICODE_STRING) -> &'a mut UNICODE_STRING {
    // SAFETY: the DDI demands a counted string; what is none faults and is reported.
    unsafe { &mut *at }
}

fn ansi_of<'a>(at: *mut AnsiString) -> &'a mut AnsiString {
    // SAFETY: the DDI demands a counted string; what is none faults and is reported.
    unsafe { &mut *at }
}

/// The bytes of a counted string.
fn ansi_bytes(at: *const AnsiString) -> Vec<u8> {
    let string = ansi_of(at.cast_mut());
    let byte = |index: usize| {
        // SAFETY: a counted string's buffer has so many bytes.
        unsafe { string.buffer.wrapping_add(index).read() }
    };
    (0..usize::from(string.length)).map(byte).collect()
}

/// Writes units and, where there is room, a zero behind them: whether they fit.
fn put(to: &mut UNICODE_STRING, units: &[WCHAR]) -> bool {
    let room = usize::from(to.MaximumLength) / 2;
    if units.len() > room {
        return false;
    }
    for (index, unit) in units.iter().chain([&0]).take(room).enumerate() {
        // SAFETY: the buffer has room for `MaximumLength` bytes.
        unsafe { to.Buffer.wrapping_add(index).write_unaligned(*unit) };
    }
    to.Length = (units.len() * 2) as u16;
    true
}

/// Gives a string that has to be allocated a buffer for `bytes`: whether there is one.
fn allocate(bytes: usize) -> Option<*mut u8> {
    let buffer = pool::allocate_object(TAG, bytes);
    (!buffer.is_null()).then_some(buffer.cast())
}

/// Fills a string, with a buffer of its own where the driver asks for that.
fn fill(to: *mut UNICODE_STRING, units: &[WCHAR], allocated: BOOLEAN) -> NTSTATUS {
    let to = string_of(to);
    if allocated != 0 {
        let bytes = (units.len() + 1) * 2;
        let Some(buffer) = allocate(bytes) else { return STATUS_NO_MEMORY };
        (to.Buffer, to.MaximumLength) = (buffer.cast(), bytes as u16);
    }
    if put(to, units) { STATUS_SUCCESS } else { STATUS_BUFFER_OVERFLOW }
}

unsafe extern "win64" fn rtl_init_ansi_string(to: *mut AnsiString, source: *const u8) {
    enter("RtlInitAnsiString", HIGH_LEVEL);
    let len = string::c_string(source).len() as u16;
    let maximum_length = if source.is_null() { 0 } else { len + 1 };
    *ansi_of(to) = AnsiString { length: len, maximum_length, buffer: source.cast_mut() };
}

unsafe extern "win64" fn rtl_init_unicode_string_ex(to: *mut UNICODE_STRING, source: *const WCHAR) -> NTSTATUS {
    enter("RtlInitUnicodeStringEx", HIGH_LEVEL);
    let bytes = string::wide_string(source).len() * 2;
    let Ok(maximum) = u16::try_from(bytes + 2) else { return 0xc000_0106_u32.cast_signed() };
    let with_end = if source.is_null() { 0 } else { maximum };
    *string_of(to) = UNICODE_STRING { Length: bytes as u16, MaximumLength: with_end, Buffer: source.cast_mut() };
    STATUS_SUCCESS
}

unsafe extern "win64" fn rtl_ansi_string_to_unicode_string(
    to: *mut UNICODE_STRING,
    from: *const AnsiString,
    allocated: BOOLEAN,
) -> NTSTATUS {
    enter("RtlAnsiStringToUnicodeString", PASSIVE_LEVEL);
    let units: Vec<WCHAR> = ansi_bytes(from).into_iter().map(WCHAR::from).collect();
    fill(to, &units, allocated)
}

unsafe extern "win64" fn rtl_unicode_string_to_ansi_string(
    to: *mut AnsiString,
    from: *const UNICODE_STRING,
    allocated: BOOLEAN,
) -> NTSTATUS {
    enter("RtlUnicodeStringToAnsiString", PASSIVE_LEVEL);
    let bytes: Vec<u8> = string::units(from).into_iter().map(|unit| u8::try_from(unit).unwrap_or(b'?')).collect();
    let to = ansi_of(to);
    if allocated != 0 {
        let Some(buffer) = allocate(bytes.len() + 1) else { return STATUS_NO_MEMORY };
        (to.buffer, to.maximum_length) = (buffer, (bytes.len() + 1) as u16);
    }
    let room = usize::from(to.maximum_length);
    let fits = bytes.len() < room;
    let count = if fits { bytes.len() } else { room.saturating_sub(1) };
    for (index, byte) in bytes.iter().take(count).chain([&0]).take(room).enumerate() {
        // SAFETY: the buffer has room for its maximum length.
        unsafe { to.buffer.wrapping_add(index).write(*byte) };
    }
    to.length = count as u16;
    if fits { STATUS_SUCCESS } else { STATUS_BUFFER_OVERFLOW }
}

unsafe extern "win64" fn rtl_free_unicode_string(string: *mut UNICODE_STRING) {
    enter("RtlFreeUnicodeString", PASSIVE_LEVEL);
    let string = string_of(string);
    if !string.Buffer.is_null() {
        pool::free("RtlFreeUnicodeString", string.Buffer.cast(), None);
    }
    *string = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: std::ptr::null_mut() };
}

unsafe extern "win64" fn rtl_free_ansi_string(string: *mut AnsiString) {
    enter("RtlFreeAnsiString", PASSIVE_LEVEL);
    let string = ansi_of(string);
    if !string.buffer.is_null() {
        pool::free("RtlFreeAnsiString", string.buffer.cast(), None);
    }
    *string = AnsiString { length: 0, maximum_length: 0, buffer: std::ptr::null_mut() };
}

fn append(to: *mut UNICODE_STRING, more: &[WCHAR]) -> NTSTATUS {
    let whole = [string::units(to).as_slice(), more].concat();
    if put(string_of(to), &whole) { STATUS_SUCCESS } else { STATUS_BUFFER_TOO_SMALL }
}

unsafe extern "win64" fn rtl_append_unicode_string_to_string(
    to: *mut UNICODE_STRING,
    more: *const UNICODE_STRING,
) -> NTSTATUS {
    enter("RtlAppendUnicodeStringToString", HIGH_LEVEL);
    append(to, &string::units(more))
}

unsafe extern "win64" fn rtl_append_unicode_to_string(to: *mut UNICODE_STRING, more: *const WCHAR) -> NTSTATUS {
    enter("RtlAppendUnicodeToString", HIGH_LEVEL);
    append(to, &string::wide_string(more))
}

fn compare(first: *const AnsiString, second: *const AnsiString, ignore_case: BOOLEAN) -> std::cmp::Ordering {
    let fold = |string| {
        let bytes = ansi_bytes(string);
        if ignore_case == 0 { bytes } else { bytes.to_ascii_uppercase() }
    };
    fold(first).cmp(&fold(second))
}

unsafe extern "win64" fn rtl_compare_string(
    first: *const AnsiString,
    second: *const AnsiString,
    ignore_case: BOOLEAN,
) -> LONG {
    enter("RtlCompareString", PASSIVE_LEVEL);
    compare(first, second, ignore_case) as LONG
}

unsafe extern "win64" fn rtl_equal_string(
    first: *const AnsiString,
    second: *const AnsiString,
    ignore_case: BOOLEAN,
) -> BOOLEAN {
    enter("RtlEqualString", PASSIVE_LEVEL);
    u8::from(compare(first, second, ignore_case).is_eq())
}

unsafe extern "win64" fn rtl_prefix_unicode_string(
    first: *const UNICODE_STRING,
    second: *const UNICODE_STRING,
    ignore_case: BOOLEAN,
) -> BOOLEAN {
    enter("RtlPrefixUnicodeString", PASSIVE_LEVEL);
    let fold = |units: Vec<WCHAR>| -> Vec<WCHAR> {
        if ignore_case == 0 { units } else { units.into_iter().map(string::upcase).collect() }
    };
    u8::from(fold(string::units(second)).starts_with(&fold(string::units(first))))
}

unsafe extern "win64" fn rtl_upcase_unicode_char(unit: WCHAR) -> WCHAR {
    enter("RtlUpcaseUnicodeChar", PASSIVE_LEVEL);
    string::upcase(unit)
}

unsafe extern "win64" fn rtl_downcase_unicode_char(unit: WCHAR) -> WCHAR {
    enter("RtlDowncaseUnicodeChar", PASSIVE_LEVEL);
    u8::try_from(unit).map_or(unit, |byte| byte.to_ascii_lowercase().into())
}

unsafe extern "win64" fn rtl_upcase_unicode_string(
    to: *mut UNICODE_STRING,
    from: *const UNICODE_STRING,
    allocated: BOOLEAN,
) -> NTSTATUS {
    enter("RtlUpcaseUnicodeString", PASSIVE_LEVEL);
    let units: Vec<WCHAR> = string::units(from).into_iter().map(string::upcase).collect();
    fill(to, &units, allocated)
}

unsafe extern "win64" fn rtl_integer_to_unicode_string(value: ULONG, base: ULONG, to: *mut UNICODE_STRING) -> NTSTATUS {
    enter("RtlIntegerToUnicodeString", PASSIVE_LEVEL);
    let text = match base {
        0 | 10 => value.to_string(),
        2 => format!("{value:b}"),
        8 => format!("{value:o}"),
        16 => format!("{value:X}"),
        _ => return STATUS_INVALID_PARAMETER,
    };
    fill(to, &text.encode_utf16().collect::<Vec<_>>(), 0)
}

unsafe extern "win64" fn rtl_unicode_string_to_integer(
    from: *const UNICODE_STRING,
    base: ULONG,
    value: *mut ULONG,
) -> NTSTATUS {
    enter("RtlUnicodeStringToInteger", PASSIVE_LEVEL);
    let text = string::text(from);
    let text = text.trim_start();
    let (negative, text) = text.strip_prefix('-').map_or((false, text.trim_start_matches('+')), |rest| (true, rest));
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter();
    let found = prefixed.filter(|_| base == 0).find_map(|(prefix, radix)| Some((text.strip_prefix(prefix)?, radix)));
    let (digits, radix) = found.unwrap_or((text, if base == 0 { 10 } else { base }));
    if ![2, 8, 10, 16].contains(&radix) {
        return STATUS_INVALID_PARAMETER;
    }
    // Up to the first that is no digit.
    let number = digits.chars().map_while(|c| c.to_digit(radix));
    let number = number.fold(0_u32, |number, digit| number.wrapping_mul(radix).wrapping_add(digit));
    // SAFETY: the DDI demands storage for the number.
    unsafe { value.write(if negative { number.wrapping_neg() } else { number }) };
    STATUS_SUCCESS
}

/// The default algorithm (`HASH_STRING_ALGORITHM_X65599`).
unsafe extern "win64" fn rtl_hash_unicode_string(
    string: *const UNICODE_STRING,
    ignore_case: BOOLEAN,
    algorithm: ULONG,
    hash: *mut ULONG,
) -> NTSTATUS {
    enter("RtlHashUnicodeString", HIGH_LEVEL);
    if algorithm > 1 {
        return STATUS_INVALID_PARAMETER;
    }
    let folded =
        string::units(string).into_iter().map(|unit| if ignore_case == 0 { unit } else { string::upcase(unit) });
    let value = folded.fold(0_u32, |hash, unit| hash.wrapping_mul(65599).wrapping_add(unit.into()));
    // SAFETY: the DDI demands storage for the hash.
    unsafe { hash.write(value) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn rtl_string_from_guid(guid: *const GUID, to: *mut UNICODE_STRING) -> NTSTATUS {
    enter("RtlStringFromGUID", PASSIVE_LEVEL);
    // SAFETY: the DDI demands a GUID.
    let GUID { Data1, Data2, Data3, Data4 } = unsafe { *guid };
    let rest: Vec<String> = Data4.iter().map(|byte| format!("{byte:02X}")).collect();
    let (high, low) = rest.split_at(2);
    let text = format!("{{{Data1:08X}-{Data2:04X}-{Data3:04X}-{}-{}}}", high.concat(), low.concat());
    fill(to, &text.encode_utf16().collect::<Vec<_>>(), 1)
}

unsafe extern "win64" fn rtl_guid_from_string(from: *const UNICODE_STRING, guid: *mut GUID) -> NTSTATUS {
    enter("RtlGUIDFromString", PASSIVE_LEVEL);
    let text = string::text(from);
    let parts: Vec<&str> = text.trim_matches(['{', '}']).split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let number = |at: usize| u64::from_str_radix(parts.get(at).copied().unwrap_or(""), 16).ok();
    let (Some(first), Some(second), Some(third), Some(high), Some(low)) =
        (number(0), number(1), number(2), number(3), number(4))
    else {
        return STATUS_INVALID_PARAMETER;
    };
    if lengths != [8, 4, 4, 4, 12] || text.len() != 38 {
        return STATUS_INVALID_PARAMETER;
    }
    let data4 = (high << 48 | low).to_be_bytes();
    let parsed = GUID { Data1: first as u32, Data2: second as u16, Data3: third as u16, Data4: data4 };
    // SAFETY: the DDI demands storage for a GUID.
    unsafe { guid.write(parsed) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn rtlx_ansi_string_to_unicode_size(string: *const AnsiString) -> ULONG {
    enter("RtlxAnsiStringToUnicodeSize", PASSIVE_LEVEL);
    (ULONG::from(ansi_of(string.cast_mut()).length) + 1) * 2
}

unsafe extern "win64" fn rtlx_unicode_string_to_ansi_size(string: *const UNICODE_STRING) -> ULONG {
    enter("RtlxUnicodeStringToAnsiSize", PASSIVE_LEVEL);
    ULONG::from(string_of(string.cast_mut()).Length) / 2 + 1
}
