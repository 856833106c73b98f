//! What drivers import of `NETIO.SYS`: names of interfaces, and notifications of changes of the IP stack's tables.
//!
//! After `netioapi.h` and the IP Helper pages ("ConvertInterfaceLuidToGuid", "NotifyUnicastIpAddressChange" and their kin).
//! The lab has interfaces and no IP stack: its tables are empty and never change.

mod convert;
mod tables;

use crate::pe::exports::Export;

/// What `NETIO.SYS` exports.
pub fn exports() -> Vec<&'static [Export]> {
    vec![convert::EXPORTS, tables::EXPORTS]
}

/// `STATUS_SUCCESS`.
const SUCCESS: i32 = 0;
/// `STATUS_INVALID_PARAMETER`.
const INVALID_PARAMETER: i32 = 0xc000_000d_u32.cast_signed();
/// `STATUS_NOT_FOUND`.
const NOT_FOUND: i32 = 0xc000_0225_u32.cast_signed();
/// `STATUS_NOT_ENOUGH_MEMORY` (`STATUS_NO_MEMORY`): the buffer is too short.
const NOT_ENOUGH_MEMORY: i32 = 0xc000_0017_u32.cast_signed();
