//! What a driver prints, and its bug checks.
//!
//! `DbgPrint` and `DbgPrintEx` take a variable number of arguments, which stable Rust cannot declare: a few instructions
//! put the arguments that came in registers beside those on the stack and pass on where they lie.

use std::{arch::naked_asm, fmt::Write as _};

use nblease_ndis::sys::{ULONG, ULONG_PTR, UNICODE_STRING};

use super::{HIGH_LEVEL, enter, string};
use crate::{exports, kernel::kernel, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "DbgPrint" => dbg_print,
    "DbgPrintEx" => dbg_print_ex,
    "KeBugCheck" => ke_bug_check,
    "KeBugCheckEx" => ke_bug_check_ex,
};

/// `DbgPrint(Format, ...)`: the variable arguments begin in `rdx`, whose home is at `[rsp + 16]`.
#[unsafe(naked)]
unsafe extern "win64" fn dbg_print() {
    naked_asm!(
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], r8",
        "mov [rsp + 32], r9",
        "lea rdx, [rsp + 16]",
        "sub rsp, 40",
        "call {print}",
        "add rsp, 40",
        "ret",
        print = sym print,
    )
}

/// `DbgPrintEx(ComponentId, Level, Format, ...)`: they begin in `r9`, whose home is at `[rsp + 32]`.
#[unsafe(naked)]
unsafe extern "win64" fn dbg_print_ex() {
    naked_asm!(
        "mov [rsp + 32], r9",
        "mov rcx, r8",
        "lea rdx, [rsp + 32]",
        "sub rsp, 40",
        "call {print}",
        "add rsp, 40",
        "ret",
        print = sym print,
    )
}

/// Prints: `arguments` points to the first variable argument, each of 8 bytes.
unsafe extern "win64" fn print(format: *const u8, arguments: *const u64) -> i32 {
    enter("DbgPrint", HIGH_LEVEL);
    let mut next = arguments;
    let text = format_message(&string::c_string(format), || {
        let value = next;
        next = next.wrapping_add(1);
        // SAFETY: the format names as many arguments as the caller passed, each in an aligned slot of 8 bytes.
        unsafe { value.read() }
    });
    for line in text.lines() {
        eprintln!("[driver] {line}");
    }
    0
}

/// Formats as `DbgPrint` does, for the conversions that drivers use: `d i u x X p c s S wZ Z` with `0`, a width, and
/// the sizes `l ll h I64 z w`.
fn format_message(format: &[u8], mut next: impl FnMut() -> u64) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        let spec = Spec::parse(&mut rest);
        let _ = match spec.conversion {
            b'%' => out.write_char('%'),
            b'd' | b'i' => spec.number(&mut out, &spec.signed(next()).to_string()),
            b'u' => spec.number(&mut out, &spec.unsigned(next()).to_string()),
            b'x' => spec.number(&mut out, &format!("{:x}", spec.unsigned(next()))),
            b'X' => spec.number(&mut out, &format!("{:X}", spec.unsigned(next()))),
            b'p' => write!(out, "{:016x}", next()),
            b'c' => out.write_char(char::from(next() as u8)),
            b's' if !spec.wide => out.write_str(&String::from_utf8_lossy(&string::c_string(pointer(next())))),
            b's' | b'S' => out.write_str(&String::from_utf16_lossy(&string::wide_string(pointer(next())))),
            b'Z' => out.write_str(&string::text(pointer::<UNICODE_STRING>(next()))),
            other => write!(out, "%{}", char::from(other)),
        };
    }
    out
}

fn pointer<T>(value: u64) -> *const T {
    std::ptr::with_exposed_provenance(value as usize)
}

/// A conversion: `%08llx`.
struct Spec {
    zero: bool,
    width: usize,
    long: bool,
    wide: bool,
    conversion: u8,
}

impl Spec {
    fn parse(rest: &mut &[u8]) -> Self {
        let mut spec = Self { zero: false, width: 0, long: false, wide: false, conversion: b'%' };
        let mut longs = 0;
        while let Some((&byte, after)) = rest.split_first() {
            *rest = after;
            match byte {
                b'-' | b'+' | b'#' | b' ' | b'.' | b'h' => {}
                b'0' if spec.width == 0 => spec.zero = true,
                b'0'..=b'9' => spec.width = (spec.width * 10 + usize::from(byte - b'0')).min(64),
                // `l` is 32 bits on Windows, and makes a string wide.
                b'l' => {
                    longs += 1;
                    spec.long |= longs == 2;
                    spec.wide = true;
                }
                b'w' => spec.wide = true,
                b'z' | b'j' | b't' => spec.long = true,
                b'I' => {
                    spec.long = true;
                    *rest = rest.strip_prefix(b"64").unwrap_or(rest);
                }
                conversion => {
                    spec.conversion = conversion;
                    break;
                }
            }
        }
        spec
    }

    fn unsigned(&self, value: u64) -> u64 {
        if self.long { value } else { u64::from(value as u32) }
    }

    fn signed(&self, value: u64) -> i64 {
        if self.long { value.cast_signed() } else { i64::from((value as u32).cast_signed()) }
    }

    fn number(&self, out: &mut String, digits: &str) -> std::fmt::Result {
        let width = self.width;
        if self.zero { write!(out, "{digits:0>width$}") } else { write!(out, "{digits:>width$}") }
    }
}

unsafe extern "win64" fn ke_bug_check(code: ULONG) {
    bug_check(code, [0; 4]);
}

unsafe extern "win64" fn ke_bug_check_ex(
    code: ULONG,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
    fourth: ULONG_PTR,
) {
    bug_check(code, [first, second, third, fourth]);
}

fn bug_check(code: u32, parameters: [usize; 4]) -> ! {
    let [first, second, third, fourth] = parameters;
    kernel().judge.bug_check(format!(
        "the driver called KeBugCheckEx({code:#x}, {first:#x}, {second:#x}, {third:#x}, {fourth:#x})"
    ))
}

#[cfg(test)]
mod tests {
    use super::format_message;

    fn formatted(format: &str, arguments: &[u64]) -> String {
        let mut arguments = arguments.iter().copied();
        format_message(format.as_bytes(), || arguments.next().expect("an argument"))
    }

    #[test]
    fn conversions() {
        assert_eq!(
            formatted("a%%b %d %u|%5x|%05X|%lld", &[u64::MAX, u64::MAX, 0xab, 0xab, u64::MAX]),
            "a%b -1 4294967295|   ab|000AB|-1"
        );
        assert_eq!(formatted("%I64x %zu %p", &[1 << 40, 1 << 40, 0x10]), "10000000000 1099511627776 0000000000000010");
        let name = "name\0";
        assert_eq!(formatted("%s!", &[name.as_ptr().expose_provenance() as u64]), "name!");
        let wide: Vec<u16> = "wide\0".encode_utf16().collect();
        let at = wide.as_ptr().expose_provenance() as u64;
        assert_eq!(formatted("%S %ws %ls", &[at, at, at]), "wide wide wide");
    }
}
