//! IP and Ethernet addresses as text, both ways (`ip2string.h`, `mstcpip.h`). Any IRQL.

use std::net::{Ipv4Addr, Ipv6Addr};

use nblease_ndis::sys::{BOOLEAN, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, USHORT};

use super::{HIGH_LEVEL, crt, enter, printf::Unit};
use crate::{exports, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "RtlEthernetAddressToStringA" => ethernet_to_string::<u8>,
    "RtlEthernetAddressToStringW" => ethernet_to_string::<u16>,
    "RtlEthernetStringToAddressA" => ethernet_from_string::<u8>,
    "RtlEthernetStringToAddressW" => ethernet_from_string::<u16>,
    "RtlIpv4AddressToStringA" => ipv4_to_string::<u8>,
    "RtlIpv4AddressToStringExA" => ipv4_to_string_ex::<u8>,
    "RtlIpv4AddressToStringExW" => ipv4_to_string_ex::<u16>,
    "RtlIpv4AddressToStringW" => ipv4_to_string::<u16>,
    "RtlIpv4StringToAddressA" => ipv4_from_string::<u8>,
    "RtlIpv4StringToAddressExA" => ipv4_from_string_ex::<u8>,
    "RtlIpv4StringToAddressExW" => ipv4_from_string_ex::<u16>,
    "RtlIpv4StringToAddressW" => ipv4_from_string::<u16>,
    "RtlIpv6AddressToStringA" => ipv6_to_string::<u8>,
    "RtlIpv6AddressToStringExA" => ipv6_to_string_ex::<u8>,
    "RtlIpv6AddressToStringExW" => ipv6_to_string_ex::<u16>,
    "RtlIpv6AddressToStringW" => ipv6_to_string::<u16>,
    "RtlIpv6StringToAddressA" => ipv6_from_string::<u8>,
    "RtlIpv6StringToAddressExA" => ipv6_from_string_ex::<u8>,
    "RtlIpv6StringToAddressExW" => ipv6_from_string_ex::<u16>,
    "RtlIpv6StringToAddressW" => ipv6_from_string::<u16>,
};

/// Text that is looked at for an address is no longer.
const LONGEST: usize = 64;

fn bytes<const N: usize>(at: *const [u8; N]) -> [u8; N] {
    // SAFETY: the DDI demands an address; what is none faults and is reported.
    unsafe { at.read_unaligned() }
}

fn put<T>(to: *mut T, value: T) {
    // SAFETY: the DDI demands storage; where there is none this faults and is reported.
    unsafe { to.write_unaligned(value) };
}

/// Writes text and its end: where that is.
fn write<T: Unit>(to: *mut T, text: &str) -> *mut T {
    for (at, byte) in text.bytes().enumerate() {
        crt::write(to.wrapping_add(at), T::from(byte));
    }
    let end = to.wrapping_add(text.len());
    crt::write(end, T::default());
    end
}

/// As [`write`], where it fits into `room` units: how many it takes with its end.
fn write_within<T: Unit>(to: *mut T, room: *mut ULONG, text: &str) -> NTSTATUS {
    let needed = text.len() as u32 + 1;
    let there = crt::read(room);
    put(room, needed);
    if to.is_null() || there < needed {
        return STATUS_INVALID_PARAMETER;
    }
    write(to, text);
    STATUS_SUCCESS
}

/// The text, as far as it is ASCII and can belong to an address.
fn text_of<T: Unit>(at: *const T) -> String {
    let units = (0..LONGEST).map(|index| -> u32 { crt::read(at.wrapping_add(index)).into() });
    let ascii = units.take_while(|unit| (0x21..0x7f).contains(unit));
    ascii.filter_map(char::from_u32).collect()
}

/// What is read off the front of a text: the value, and how many bytes it took.
type Parsed<V> = Option<(V, usize)>;

/// A number in C's notation: hexadecimal after `0x`, octal after `0`, else decimal.
fn number(text: &str, strict: bool) -> Parsed<u32> {
    let (radix, prefix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] if !strict => (16, 2),
        [b'0', b'0'..=b'9', ..] if !strict => (8, 1),
        _ => (10, 0),
    };
    let len = text[prefix..].bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let value = u32::from_str_radix(&text[prefix..prefix + len], radix).ok()?;
    Some((value, prefix + len))
}

/// Four parts where it is strict, else one to four of which the last fills the rest.
fn parse_ipv4(text: &str, strict: bool) -> Parsed<[u8; 4]> {
    let (mut parts, mut used) = (Vec::new(), 0);
    loop {
        let (value, len) = number(&text[used..], strict)?;
        parts.push(value);
        used += len;
        let goes_on = text[used..].starts_with('.') && parts.len() < 4;
        if !goes_on {
            break;
        }
        used += 1;
    }
    let (last, first) = parts.split_last()?;
    if strict && parts.len() != 4 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let bits = 8 * (4 - first.len());
    if u64::from(*last) >> bits != 0 {
        return None;
    }
    let high = first.iter().enumerate().fold(0, |value, (index, part)| value | part << (24 - 8 * index));
    Some(((high | last).to_be_bytes(), used))
}

/// The longest front of a text that is an address.
fn parse_ipv6(text: &str) -> Parsed<[u8; 16]> {
    let belongs = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let most = text.bytes().take_while(belongs).count();
    (2..=most).rev().find_map(|len| Some((text[..len].parse::<Ipv6Addr>().ok()?.octets(), len)))
}

/// Six pairs of hexadecimal digits, with the same separator between all.
fn parse_ethernet(text: &str) -> Parsed<[u8; 6]> {
    let separator = *text.as_bytes().get(2).filter(|byte| matches!(byte, b'-' | b':'))?;
    let mut address = [0; 6];
    for (index, byte) in address.iter_mut().enumerate() {
        let at = 3 * index;
        if index > 0 && text.as_bytes().get(at - 1) != Some(&separator) {
            return None;
        }
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some((address, 17))
}

/// What the functions that say where the address ends give back.
fn give<T: Unit, const N: usize>(
    parsed: Parsed<[u8; N]>,
    text: *const T,
    end: *mut *const T,
    to: *mut [u8; N],
) -> NTSTATUS {
    let Some((address, used)) = parsed else {
        put(end, text);
        return STATUS_INVALID_PARAMETER;
    };
    put(end, text.wrapping_add(used));
    put(to, address);
    STATUS_SUCCESS
}

/// A port behind its colon, in the order of the network; nothing there is 0.
fn port(text: &str) -> Option<u16> {
    match text.strip_prefix(':') {
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port != 0)?.to_be()),
        None => text.is_empty().then_some(0),
    }
}

unsafe extern "win64" fn ipv4_to_string<T: Unit>(address: *const [u8; 4], to: *mut T) -> *mut T {
    enter("RtlIpv4AddressToString", HIGH_LEVEL);
    write(to, &Ipv4Addr::from(bytes(address)).to_string())
}

unsafe extern "win64" fn ipv4_to_string_ex<T: Unit>(
    address: *const [u8; 4],
    port: USHORT,
    to: *mut T,
    room: *mut ULONG,
) -> NTSTATUS {
    enter("RtlIpv4AddressToStringEx", HIGH_LEVEL);
    let address = Ipv4Addr::from(bytes(address));
    let text = if port == 0 { address.to_string() } else { format!("{address}:{}", u16::from_be(port)) };
    write_within(to, room, &text)
}

unsafe extern "win64" fn ipv6_to_string<T: Unit>(address: *const [u8; 16], to: *mut T) -> *mut T {
    enter("RtlIpv6AddressToString", HIGH_LEVEL);
    write(to, &Ipv6Addr::from(bytes(address)).to_string())
}

unsafe extern "win64" fn ipv6_to_string_ex<T: Unit>(
    address: *const [u8; 16],
    scope: ULONG,
    port: USHORT,
    to: *mut T,
    room: *mut ULONG,
) -> NTSTATUS {
    enter("RtlIpv6AddressToStringEx", HIGH_LEVEL);
    let mut text = Ipv6Addr::from(bytes(address)).to_string();
    if scope != 0 {
        text = format!("{text}%{scope}");
    }
    if port != 0 {
        text = format!("[{text}]:{}", u16::from_be(port));
    }
    write_within(to, room, &text)
}

unsafe extern "win64" fn ethernet_to_string<T: Unit>(address: *const [u8; 6], to: *mut T) -> *mut T {
    enter("RtlEthernetAddressToString", HIGH_LEVEL);
    write(to, &bytes(address).map(|byte| format!("{byte:02X}")).join("-"))
}

unsafe extern "win64" fn ipv4_from_string<T: Unit>(
    text: *const T,
    strict: BOOLEAN,
    end: *mut *const T,
    to: *mut [u8; 4],
) -> NTSTATUS {
    enter("RtlIpv4StringToAddress", HIGH_LEVEL);
    give(parse_ipv4(&text_of(text), strict != 0), text, end, to)
}

unsafe extern "win64" fn ipv4_from_string_ex<T: Unit>(
    text: *const T,
    strict: BOOLEAN,
    to: *mut [u8; 4],
    to_port: *mut USHORT,
) -> NTSTATUS {
    enter("RtlIpv4StringToAddressEx", HIGH_LEVEL);
    let text = text_of(text);
    let parsed = parse_ipv4(&text, strict != 0).and_then(|(address, used)| Some((address, port(&text[used..])?)));
    let Some((address, port)) = parsed else { return STATUS_INVALID_PARAMETER };
    put(to, address);
    put(to_port, port);
    STATUS_SUCCESS
}

unsafe extern "win64" fn ipv6_from_string<T: Unit>(text: *const T, end: *mut *const T, to: *mut [u8; 16]) -> NTSTATUS {
    enter("RtlIpv6StringToAddress", HIGH_LEVEL);
    give(parse_ipv6(&text_of(text)), text, end, to)
}

unsafe extern "win64" fn ipv6_from_string_ex<T: Unit>(
    text: *const T,
    to: *mut [u8; 16],
    to_scope: *mut ULONG,
    to_port: *mut USHORT,
) -> NTSTATUS {
    enter("RtlIpv6StringToAddressEx", HIGH_LEVEL);
    let Some((address, scope, port)) = parse_ipv6_ex(&text_of(text)) else { return STATUS_INVALID_PARAMETER };
    put(to, address);
    put(to_scope, scope);
    put(to_port, port);
    STATUS_SUCCESS
}

/// `address%scope`, or `[address%scope]:port`.
fn parse_ipv6_ex(text: &str) -> Option<([u8; 16], u32, u16)> {
    let (inner, behind) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => (text, ""),
    };
    let (address, used) = parse_ipv6(inner)?;
    let scope = match inner[used..].strip_prefix('%') {
        Some(scope) => scope.parse().ok()?,
        None if used == inner.len() => 0,
        None => return None,
    };
    Some((address, scope, port(behind)?))
}

unsafe extern "win64" fn ethernet_from_string<T: Unit>(
    text: *const T,
    end: *mut *const T,
    to: *mut [u8; 6],
) -> NTSTATUS {
    enter("RtlEthernetStringToAddress", HIGH_LEVEL);
    give(parse_ethernet(&text_of(text)), text, end, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_off_the_front() {
        assert_eq!(parse_ipv4("10.1.2.3/8", true), Some(([10, 1, 2, 3], 8)));
        assert_eq!(parse_ipv4("0x7f.1", false), Some(([127, 0, 0, 1], 6)));
        assert_eq!(parse_ipv4("010.1.1.1", true), Some(([10, 1, 1, 1], 9)));
        for wrong in ["10.1.2", "10.1.2.256", "a.b", "", "1..2.3"] {
            assert_eq!(parse_ipv4(wrong, true), None, "{wrong}");
        }
        assert_eq!(parse_ipv6("fe80::1%3").map(|(_, used)| used), Some(7));
        assert_eq!(parse_ipv6("g"), None);
        assert_eq!(parse_ipv6_ex("[::1%7]:80").map(|(_, scope, port)| (scope, u16::from_be(port))), Some((7, 80)));
        assert_eq!(parse_ipv6_ex("::1:x"), None);
        assert_eq!(parse_ethernet("02-aB-00-00-00-01"), Some(([2, 0xab, 0, 0, 0, 1], 17)));
        assert_eq!(parse_ethernet("02-ab:00-00-00-01"), None);
    }
}
