//! Interface indexes, NetLuids, GUIDs and aliases into each other. PASSIVE_LEVEL.

use nblease_ndis::sys::{STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_SUCCESS};

use crate::{
    judge::rule,
    ndis::{self, interfaces, raw},
    pe::exports::Export,
    thread::{self, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "ConvertInterfaceAliasToLuid" => alias_to_luid,
    "ConvertInterfaceGuidToLuid" => guid_to_luid,
    "ConvertInterfaceIndexToLuid" => index_to_luid,
    "ConvertInterfaceLuidToAlias" => luid_to_alias,
    "ConvertInterfaceLuidToGuid" => luid_to_guid,
    "ConvertInterfaceLuidToIndex" => luid_to_index,
    "ConvertIpv4MaskToLength" => mask_to_length,
    "ConvertLengthToIpv4Mask" => length_to_mask,
};

/// `STATUS_NOT_ENOUGH_MEMORY` on the pages: the buffer is too short.
const STATUS_NO_MEMORY: i32 = 0xc000_0017_u32.cast_signed();

/// `GUID`, as bytes in memory.
type Guid = [u8; 16];

fn enter(function: &'static str) {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
}

/// The GUID that NDIS names an interface by.
fn guid(luid: u64) -> Guid {
    let text = ndis::interface_guid(luid);
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16)).unwrap_or(0) as u8;
    // The first three fields lie in memory with their least byte first.
    [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(|byte| digit(byte * 2) << 4 | digit(byte * 2 + 1))
}

fn write_luid(to: *mut u64, luid: Option<u64>) -> i32 {
    raw::write(to, luid.unwrap_or(0));
    if luid.is_some() { STATUS_SUCCESS } else { STATUS_INVALID_PARAMETER }
}

unsafe extern "win64" fn alias_to_luid(alias: *const u16, luid: *mut u64) -> i32 {
    enter("ConvertInterfaceAliasToLuid");
    let units = (0..).map(|at| raw::read(alias.wrapping_add(at))).take_while(|unit| *unit != 0);
    let alias = String::from_utf16_lossy(&units.collect::<Vec<_>>());
    let found = interfaces::all().into_iter().find(|(_, _, name)| name.eq_ignore_ascii_case(&alias));
    write_luid(luid, found.map(|(_, luid, _)| luid))
}

unsafe extern "win64" fn guid_to_luid(from: *const Guid, luid: *mut u64) -> i32 {
    enter("ConvertInterfaceGuidToLuid");
    let from = raw::read(from);
    write_luid(luid, interfaces::all().into_iter().map(|(_, luid, _)| luid).find(|luid| guid(*luid) == from))
}

unsafe extern "win64" fn index_to_luid(index: u32, luid: *mut u64) -> i32 {
    enter("ConvertInterfaceIndexToLuid");
    let found = interfaces::all().into_iter().find(|(other, ..)| *other == index);
    let status = write_luid(luid, found.map(|(_, luid, _)| luid));
    if status == STATUS_SUCCESS { STATUS_SUCCESS } else { STATUS_NOT_FOUND }
}

/// `len` counts characters, the zero among them.
unsafe extern "win64" fn luid_to_alias(luid: *const u64, alias: *mut u16, len: usize) -> i32 {
    enter("ConvertInterfaceLuidToAlias");
    let luid = raw::read(luid);
    let Some((_, _, name)) = interfaces::all().into_iter().find(|(_, other, _)| *other == luid) else {
        return STATUS_INVALID_PARAMETER;
    };
    let units: Vec<u16> = name.encode_utf16().chain([0]).collect();
    if len < units.len() {
        return STATUS_NO_MEMORY;
    }
    for (at, unit) in units.into_iter().enumerate() {
        raw::write(alias.wrapping_add(at), unit);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn luid_to_guid(luid: *const u64, to: *mut Guid) -> i32 {
    enter("ConvertInterfaceLuidToGuid");
    let luid = raw::read(luid);
    let known = interfaces::all().into_iter().any(|(_, other, _)| other == luid);
    raw::write(to, if known { guid(luid) } else { Guid::default() });
    if known { STATUS_SUCCESS } else { STATUS_INVALID_PARAMETER }
}

unsafe extern "win64" fn luid_to_index(luid: *const u64, index: *mut u32) -> i32 {
    enter("ConvertInterfaceLuidToIndex");
    let luid = raw::read(luid);
    let found = interfaces::all().into_iter().find(|(_, other, _)| *other == luid);
    raw::write(index, found.as_ref().map_or(0, |(index, ..)| *index));
    if found.is_some() { STATUS_SUCCESS } else { STATUS_INVALID_PARAMETER }
}

/// The mask is in network order.
unsafe extern "win64" fn mask_to_length(mask: u32, length: *mut u8) -> i32 {
    let ones = mask.swap_bytes().leading_ones();
    raw::write(length, ones as u8);
    if ones == mask.count_ones() { STATUS_SUCCESS } else { STATUS_INVALID_PARAMETER }
}

unsafe extern "win64" fn length_to_mask(length: u32, mask: *mut u32) -> i32 {
    let bits = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
    raw::write(mask, bits.swap_bytes());
    if length <= 32 { STATUS_SUCCESS } else { STATUS_INVALID_PARAMETER }
}

#[cfg(test)]
mod tests {
    use super::guid;

    #[test]
    fn a_guid_lies_in_memory_as_windows_has_it() {
        let text = crate::ndis::interface_guid(6 << 48 | 0x101 << 24);
        assert_eq!(text, "{4D36E972-E325-11CE-BFC1-000600010100}");
        let bytes = [0x72, 0xe9, 0x36, 0x4d, 0x25, 0xe3, 0xce, 0x11, 0xbf, 0xc1, 0, 6, 0, 1, 1, 0];
        assert_eq!(guid(6 << 48 | 0x101 << 24), bytes);
    }
}
