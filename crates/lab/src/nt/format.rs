//! What the kernel's `printf`s make of a format and its arguments.
//!
//! Text is in units of 16 bits whatever the format's own width; a narrow text has a byte in each. Conversions are those
//! that drivers use: `d i u x X o p c C s S Z`, with flags, width and precision, and the sizes `h l ll w I64 I32 I z t j`.
//! Floating point is not for kernels.

use nblease_ndis::sys::UNICODE_STRING;

use super::string;

/// `ANSI_STRING`, for `%Z`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct AnsiString {
    pub length: u16,
    pub maximum_length: u16,
    pub buffer: *mut u8,
}

/// Formats; `next` gives the arguments, each in a slot of 8 bytes.
pub(super) fn format(format: &[u16], wide: bool, mut next: impl FnMut() -> u64) -> Vec<u16> {
    let mut out = Vec::new();
    let mut rest = format;
    while let Some((&unit, after)) = rest.split_first() {
        rest = after;
        if unit == u16::from(b'%') {
            Spec::parse(&mut rest, wide, &mut next).convert(&mut out, &mut next);
        } else {
            out.push(unit);
        }
    }
    out
}

fn pointer<T>(value: u64) -> *const T {
    std::ptr::with_exposed_provenance(value as usize)
}

fn widened(bytes: &[u8]) -> Vec<u16> {
    bytes.iter().copied().map(u16::from).collect()
}

/// A conversion: `%-08.3llx`.
#[allow(clippy::struct_excessive_bools, reason = "flags of a conversion are independent")]
#[derive(Default)]
struct Spec {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    /// Bytes of a number.
    size: usize,
    /// Whether text is wide.
    wide: bool,
    conversion: u8,
}

/// Longest width and precision: a wrong format is not to take all memory.
const LONGEST: usize = 4096;

impl Spec {
    fn parse(rest: &mut &[u16], wide: bool, next: &mut impl FnMut() -> u64) -> Self {
        let mut spec = Self { size: 4, wide, ..Self::default() };
        let mut take = || {
            let (&unit, after) = rest.split_first()?;
            *rest = after;
            Some(u8::try_from(unit).unwrap_or(b'?'))
        };
        let mut unit = take();
        while let Some(flag) = unit {
            match flag {
                b'-' => spec.left = true,
                b'0' => spec.zero = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                _ => break,
            }
            unit = take();
        }
        let mut number = |unit: &mut Option<u8>, take: &mut dyn FnMut() -> Option<u8>| {
            if *unit == Some(b'*') {
                *unit = take();
                return next() as u32 as usize;
            }
            let mut number = 0;
            while let Some(digit) = unit.filter(u8::is_ascii_digit) {
                number = (number * 10 + usize::from(digit - b'0')).min(LONGEST);
                *unit = take();
            }
            number
        };
        spec.width = number(&mut unit, &mut take).min(LONGEST);
        if unit == Some(b'.') {
            unit = take();
            spec.precision = Some(number(&mut unit, &mut take).min(LONGEST));
        }
        let mut longs = 0;
        while let Some(size) = unit {
            match size {
                b'h' => (spec.size, spec.wide) = (if spec.size == 2 { 1 } else { 2 }, false),
                // `long` has 4 bytes on Windows.
                b'l' => {
                    longs += 1;
                    (spec.size, spec.wide) = (if longs == 2 { 8 } else { 4 }, true);
                }
                b'w' => spec.wide = true,
                b'z' | b'j' | b't' => spec.size = 8,
                b'I' => {
                    spec.size = 8;
                    let (digits, after) = (rest.first_chunk::<2>().copied(), rest.get(2..));
                    let is = |text: &[u8; 2]| digits == Some([u16::from(text[0]), u16::from(text[1])]);
                    if is(b"64") || is(b"32") {
                        spec.size = if is(b"64") { 8 } else { 4 };
                        *rest = after.unwrap_or_default();
                    }
                    unit = rest.split_first().map(|(&unit, after)| {
                        *rest = after;
                        u8::try_from(unit).unwrap_or(b'?')
                    });
                    continue;
                }
                conversion => {
                    spec.conversion = conversion;
                    break;
                }
            }
            unit = rest.split_first().map(|(&unit, after)| {
                *rest = after;
                u8::try_from(unit).unwrap_or(b'?')
            });
        }
        spec
    }

    fn convert(&self, out: &mut Vec<u16>, next: &mut impl FnMut() -> u64) {
        match self.conversion {
            b'%' => out.push(u16::from(b'%')),
            b'd' | b'i' => {
                let value = self.signed(next());
                let sign = match value {
                    ..0 => "-",
                    _ if self.plus => "+",
                    _ if self.space => " ",
                    _ => "",
                };
                self.number(out, sign, &value.unsigned_abs().to_string());
            }
            b'u' => self.number(out, "", &self.unsigned(next()).to_string()),
            b'x' => {
                let value = self.unsigned(next());
                self.number(out, if self.alternate && value != 0 { "0x" } else { "" }, &format!("{value:x}"));
            }
            b'X' => {
                let value = self.unsigned(next());
                self.number(out, if self.alternate && value != 0 { "0X" } else { "" }, &format!("{value:X}"));
            }
            b'o' => self.number(out, if self.alternate { "0" } else { "" }, &format!("{:o}", self.unsigned(next()))),
            b'p' => self.pad(out, &widened(format!("{:016X}", next()).as_bytes())),
            b'c' | b'C' => {
                let wide = self.wide != (self.conversion == b'C');
                let unit = next() as u16;
                self.pad(out, &[if wide { unit } else { unit & 0xff }]);
            }
            b's' | b'S' => {
                let wide = self.wide != (self.conversion == b'S');
                let text = self.string(next(), wide);
                self.pad(out, &text);
            }
            b'Z' => {
                let text = counted(next(), self.wide);
                self.pad(out, text.get(..self.precision.unwrap_or(usize::MAX)).unwrap_or(&text));
            }
            other => out.extend([u16::from(b'%'), u16::from(other)]),
        }
    }

    /// The text at an address, up to its zero or the precision.
    fn string(&self, at: u64, wide: bool) -> Vec<u16> {
        let most = self.precision.unwrap_or(usize::MAX);
        if at == 0 {
            return widened(b"(null)");
        }
        if wide { string::units_up_to(pointer(at), most) } else { widened(&string::units_up_to(pointer(at), most)) }
    }

    fn unsigned(&self, value: u64) -> u64 {
        match self.size {
            8 => value,
            size => value & ((1 << (8 * size)) - 1),
        }
    }

    fn signed(&self, value: u64) -> i64 {
        match self.size {
            8 => value.cast_signed(),
            4 => i64::from((value as u32).cast_signed()),
            2 => i64::from((value as u16).cast_signed()),
            _ => i64::from((value as u8).cast_signed()),
        }
    }

    fn number(&self, out: &mut Vec<u16>, sign: &str, digits: &str) {
        let zeros = match self.precision {
            Some(precision) => precision.saturating_sub(digits.len()),
            None if self.zero && !self.left => self.width.saturating_sub(sign.len() + digits.len()),
            None => 0,
        };
        let text = format!("{sign}{}{digits}", "0".repeat(zeros));
        self.pad(out, &widened(text.as_bytes()));
    }

    fn pad(&self, out: &mut Vec<u16>, text: &[u16]) {
        let padding = std::iter::repeat_n(u16::from(b' '), self.width.saturating_sub(text.len()));
        if self.left {
            out.extend_from_slice(text);
            out.extend(padding);
        } else {
            out.extend(padding);
            out.extend_from_slice(text);
        }
    }
}

/// The text of a counted string.
fn counted(at: u64, wide: bool) -> Vec<u16> {
    if wide {
        return string::units(pointer::<UNICODE_STRING>(at));
    }
    let string = pointer::<AnsiString>(at);
    // SAFETY: the format says that an `ANSI_STRING` lies there, or null; what is neither faults and is reported.
    let Some(string) = (unsafe { string.as_ref() }) else { return widened(b"(null)") };
    let bytes = (0..usize::from(string.length)).map(|index| {
        // SAFETY: as above, the buffer holds so many bytes.
        unsafe { string.buffer.wrapping_add(index).read() }
    });
    bytes.map(u16::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str, wide: bool, arguments: &[u64]) -> String {
        let mut arguments = arguments.iter().copied();
        let units: Vec<u16> = text.encode_utf16().collect();
        String::from_utf16(&format(&units, wide, || arguments.next().expect("an argument"))).unwrap()
    }

    #[test]
    fn numbers() {
        let all = u64::MAX;
        assert_eq!(
            formatted("a%%b %d %u|%5x|%05X|%lld", false, &[all, all, 0xab, 0xab, all]),
            "a%b -1 4294967295|   ab|000AB|-1"
        );
        assert_eq!(
            formatted("%I64x %zu %I32d %hd %hhu", false, &[1 << 40, 1 << 40, all, 0x1_ffff, 0x1ff]),
            "10000000000 1099511627776 -1 -1 255"
        );
        assert_eq!(
            formatted("%-6d|%+d|% d|%.3d|%6.3d|%#x|%*d", false, &[7, 7, 7, 7, 7, 255, 4, 7]),
            "7     |+7| 7|007|   007|0xff|   7"
        );
        assert_eq!(formatted("%p", false, &[0x10ab]), "00000000000010AB");
    }

    #[test]
    fn text_is_as_wide_as_the_format_unless_it_says_so() {
        let narrow = c"name".as_ptr().expose_provenance() as u64;
        let units: Vec<u16> = "wide\0".encode_utf16().collect();
        let wide = units.as_ptr().expose_provenance() as u64;
        assert_eq!(
            formatted("%s|%6s|%-6s|%.2s|%c", false, &[narrow, narrow, narrow, narrow, 65]),
            "name|  name|name  |na|A"
        );
        assert_eq!(formatted("%S %ws %ls", false, &[wide, wide, wide]), "wide wide wide");
        assert_eq!(formatted("%s %S %hs %ws", true, &[wide, narrow, narrow, wide]), "wide name name wide");
        assert_eq!(formatted("%s", false, &[0]), "(null)");
        let counted = AnsiString { length: 3, maximum_length: 3, buffer: narrow as usize as *mut u8 };
        assert_eq!(formatted("%Z", false, &[std::ptr::from_ref(&counted).expose_provenance() as u64]), "nam");
    }
}
