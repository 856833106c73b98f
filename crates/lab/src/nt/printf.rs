//! `DbgPrint`, and the functions that print into a buffer. Any IRQL.
//!
//! Variable arguments, which stable Rust cannot declare, lie one after the other in slots of 8 bytes once those that came
//! in registers are put beside those on the stack: a few instructions do that and pass on where they begin. A `va_list`
//! is that place already.

use std::arch::naked_asm;

use nblease_ndis::sys::ULONG;

use super::{HIGH_LEVEL, enter, format, string};
use crate::{exports, kernel::kernel, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "DbgPrint" => dbg_print,
    "DbgPrintEx" => dbg_print_ex,
    "vDbgPrintEx" => v_dbg_print_ex,
    "vDbgPrintExWithPrefix" => v_dbg_print_ex_with_prefix,
    "_snprintf" => snprintf,
    "_snprintf_s" => snprintf_s,
    "_snwprintf" => snwprintf,
    "_snwprintf_s" => snwprintf_s,
    "_vsnprintf" => vsnprintf,
    "_vsnprintf_s" => vsnprintf_s,
    "_vsnwprintf" => vsnwprintf,
    "_vsnwprintf_s" => vsnwprintf_s,
    "sprintf" => sprintf,
    "sprintf_s" => sprintf_s,
    "swprintf" => swprintf,
    "swprintf_s" => swprintf_s,
    "vsprintf" => vsprintf,
    "vsprintf_s" => vsprintf_s,
    "vswprintf_s" => vswprintf_s,
};

/// `_TRUNCATE`: as much as fits.
const TRUNCATE: usize = usize::MAX;

/// Declares a function with so many fixed arguments as the registers named, which passes on where the variable ones begin.
macro_rules! variadic {
    ($($name:ident, $home:literal, $pass:literal => $target:ident;)+) => {$(
        #[unsafe(naked)]
        unsafe extern "win64" fn $name() {
            naked_asm!(
                "mov [rsp + 8], rcx",
                "mov [rsp + 16], rdx",
                "mov [rsp + 24], r8",
                "mov [rsp + 32], r9",
                concat!("lea rax, [rsp + ", $home, "]"),
                "sub rsp, 56",
                $pass,
                "call {target}",
                "add rsp, 56",
                "ret",
                target = sym $target,
            )
        }
    )+};
}

variadic! {
    dbg_print, 16, "mov rdx, rax" => v_dbg_print;
    dbg_print_ex, 32, "mov r9, rax" => v_dbg_print_ex;
    sprintf, 24, "mov r8, rax" => vsprintf;
    swprintf, 24, "mov r8, rax" => vswprintf;
    snprintf, 32, "mov r9, rax" => vsnprintf;
    snwprintf, 32, "mov r9, rax" => vsnwprintf;
    sprintf_s, 32, "mov r9, rax" => vsprintf_s;
    swprintf_s, 32, "mov r9, rax" => vswprintf_s;
    snprintf_s, 40, "mov [rsp + 32], rax" => vsnprintf_s;
    snwprintf_s, 40, "mov [rsp + 32], rax" => vsnwprintf_s;
}

/// Where the next argument lies.
type Arguments = *const u64;

/// The text of a format and its arguments.
fn text(format: &[u16], wide: bool, arguments: Arguments) -> Vec<u16> {
    let mut next = arguments;
    format::format(format, wide, || {
        let value = next;
        next = next.wrapping_add(1);
        // SAFETY: the format names as many arguments as the caller passed, each in an aligned slot of 8 bytes.
        unsafe { value.read() }
    })
}

fn narrow_text(format: *const u8, arguments: Arguments) -> Vec<u16> {
    let format: Vec<u16> = string::c_string(format).into_iter().map(u16::from).collect();
    text(&format, false, arguments)
}

fn print(prefix: *const u8, format: *const u8, arguments: Arguments) -> i32 {
    enter("DbgPrint", HIGH_LEVEL);
    let text = narrow_text(format, arguments);
    // Narrow text may be UTF-8; text that came from wide strings has more than a byte in a unit.
    let bytes: Option<Vec<u8>> = text.iter().map(|unit| u8::try_from(*unit).ok()).collect();
    let text = bytes.map_or_else(|| String::from_utf16_lossy(&text), |b| String::from_utf8_lossy(&b).into_owned());
    let prefix = string::c_string(prefix);
    for line in text.lines() {
        eprintln!("[driver] {}{line}", String::from_utf8_lossy(&prefix));
    }
    0
}

unsafe extern "win64" fn v_dbg_print(format: *const u8, arguments: Arguments) -> i32 {
    print(std::ptr::null(), format, arguments)
}

unsafe extern "win64" fn v_dbg_print_ex(
    _component: ULONG,
    _level: ULONG,
    format: *const u8,
    arguments: Arguments,
) -> i32 {
    print(std::ptr::null(), format, arguments)
}

unsafe extern "win64" fn v_dbg_print_ex_with_prefix(
    prefix: *const u8,
    _component: ULONG,
    _level: ULONG,
    format: *const u8,
    arguments: Arguments,
) -> i32 {
    print(prefix, format, arguments)
}

/// A unit of text in memory: a byte, or 16 bits.
pub(super) trait Unit: Copy + Default + PartialEq + From<u8> + Into<u32> {
    /// From 16 bits; what does not fit is a question mark.
    fn of(unit: u16) -> Self;
}

impl Unit for u8 {
    fn of(unit: u16) -> Self {
        Self::try_from(unit).unwrap_or(b'?')
    }
}

impl Unit for u16 {
    fn of(unit: u16) -> Self {
        unit
    }
}

/// Writes the first `count` units of a text.
fn put<T: Unit>(to: *mut T, text: &[u16], count: usize) {
    for (index, unit) in text.iter().take(count).enumerate() {
        // SAFETY: the caller's buffer has room for so many; where it has not, this faults and is reported.
        unsafe { to.wrapping_add(index).write(T::of(*unit)) };
    }
}

fn end<T: Unit>(to: *mut T, at: usize) {
    put(to.wrapping_add(at), &[0], 1);
}

/// As `_vsnprintf`: ends with a zero where that fits; -1 where the text does not.
fn bounded<T: Unit>(to: *mut T, room: usize, text: &[u16]) -> i32 {
    put(to, text, room);
    if text.len() < room {
        end(to, text.len());
    }
    if text.len() > room { -1 } else { text.len().cast_signed() as i32 }
}

/// As the functions whose name ends in `_s`: always a zero at the end. Text that does not fit is cut where `most` says
/// so, and else ends the run, as it ends in a bug check there.
fn secure<T: Unit>(function: &'static str, to: *mut T, room: usize, most: usize, text: &[u16]) -> i32 {
    let whole = &text[..text.len().min(if most == TRUNCATE { text.len() } else { most })];
    let cut = whole.len() < text.len();
    if whole.len() < room {
        put(to, whole, whole.len());
        end(to, whole.len());
        return if cut { -1 } else { whole.len().cast_signed() as i32 };
    }
    if most != TRUNCATE || room == 0 {
        kernel().judge.bug_check(format!("{function}: {} characters for a buffer of {room}", text.len()));
    }
    put(to, whole, room - 1);
    end(to, room - 1);
    -1
}

fn wide_text(format: *const u16, arguments: Arguments) -> Vec<u16> {
    text(&string::wide_string(format), true, arguments)
}

unsafe extern "win64" fn vsprintf(to: *mut u8, format: *const u8, arguments: Arguments) -> i32 {
    enter("vsprintf", HIGH_LEVEL);
    bounded(to, usize::MAX, &narrow_text(format, arguments))
}

unsafe extern "win64" fn vswprintf(to: *mut u16, format: *const u16, arguments: Arguments) -> i32 {
    enter("swprintf", HIGH_LEVEL);
    bounded(to, usize::MAX, &wide_text(format, arguments))
}

unsafe extern "win64" fn vsnprintf(to: *mut u8, room: usize, format: *const u8, arguments: Arguments) -> i32 {
    enter("_vsnprintf", HIGH_LEVEL);
    bounded(to, room, &narrow_text(format, arguments))
}

unsafe extern "win64" fn vsnwprintf(to: *mut u16, room: usize, format: *const u16, arguments: Arguments) -> i32 {
    enter("_vsnwprintf", HIGH_LEVEL);
    bounded(to, room, &wide_text(format, arguments))
}

unsafe extern "win64" fn vsprintf_s(to: *mut u8, room: usize, format: *const u8, arguments: Arguments) -> i32 {
    enter("vsprintf_s", HIGH_LEVEL);
    secure("vsprintf_s", to, room, room, &narrow_text(format, arguments))
}

unsafe extern "win64" fn vswprintf_s(to: *mut u16, room: usize, format: *const u16, arguments: Arguments) -> i32 {
    enter("vswprintf_s", HIGH_LEVEL);
    secure("vswprintf_s", to, room, room, &wide_text(format, arguments))
}

unsafe extern "win64" fn vsnprintf_s(
    to: *mut u8,
    room: usize,
    most: usize,
    format: *const u8,
    arguments: Arguments,
) -> i32 {
    enter("_vsnprintf_s", HIGH_LEVEL);
    secure("_vsnprintf_s", to, room, most, &narrow_text(format, arguments))
}

unsafe extern "win64" fn vsnwprintf_s(
    to: *mut u16,
    room: usize,
    most: usize,
    format: *const u16,
    arguments: Arguments,
) -> i32 {
    enter("_vsnwprintf_s", HIGH_LEVEL);
    secure("_vsnwprintf_s", to, room, most, &wide_text(format, arguments))
}
