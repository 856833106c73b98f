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
