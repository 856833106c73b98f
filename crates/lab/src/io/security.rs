//! Who may open a device: the few forms of SDDL that control devices use.
//!
//! Facts from "SDDL for Device Objects" and `wdmsec.h` (`SDDL_DEVOBJ_*`): `D:P` is a protected DACL, each `(A;;GA;;;SY)`
//! an entry that grants rights to a group. A string without `D:` or with an entry that cannot be read is refused.

use crate::io::status::{self, NtStatus};

/// The groups that a process can be in, as far as a device's descriptor tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// Administrators have full access (`BA`).
    pub administrators: bool,
    /// SYSTEM has full access (`SY`).
    pub system: bool,
    /// Everyone has read and write access (`WD`).
    pub everyone: bool,
}

impl Security {
    /// Nobody but administrators and SYSTEM.
    pub const ADMINISTRATORS: Self = Self { administrators: true, system: true, everyone: false };
    /// The default of a device without a descriptor: anyone.
    pub const EVERYONE: Self = Self { administrators: true, system: true, everyone: true };

    /// Reads a descriptor in SDDL.
    pub fn parse(sddl: &str) -> Result<Self, NtStatus> {
        let entries = sddl.strip_prefix("D:").ok_or(status::INVALID_PARAMETER)?;
        let entries = entries.strip_prefix('P').unwrap_or(entries);
        let mut security = Self { administrators: false, system: false, everyone: false };
        let mut rest = entries;
        while !rest.is_empty() {
            let (entry, after) =
                rest.strip_prefix('(').and_then(|r| r.split_once(')')).ok_or(status::INVALID_PARAMETER)?;
            rest = after;
            let fields: Vec<&str> = entry.split(';').collect();
            let [kind, _, rights, _, _, group] = fields[..] else { return Err(status::INVALID_PARAMETER) };
            // Every open of the lab asks for GENERIC_READ | GENERIC_WRITE.
            let enough = rights == "GA" || (rights.contains("GR") && rights.contains("GW"));
            if kind != "A" || !enough {
                continue;
            }
            match group {
                "BA" => security.administrators = true,
                "SY" => security.system = true,
                "WD" => security.everyone = true,
                _ => {}
            }
        }
        Ok(security)
    }

    /// Whether a process may open the device for reading and writing.
    pub fn admits(self, administrator: bool) -> bool {
        self.everyone || (administrator && self.administrators)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strings_of_wdmsec_say_who_may_open() {
        // SDDL_DEVOBJ_SYS_ALL_ADM_ALL, SDDL_DEVOBJ_SYS_ALL, SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R
        assert_eq!(Security::parse("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), Ok(Security::ADMINISTRATORS));
        let system = Security::parse("D:P(A;;GA;;;SY)").unwrap();
        assert!(!system.admits(true));
        let world = Security::parse("D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)").unwrap();
        assert!(world.admits(false));
        assert!(!Security::ADMINISTRATORS.admits(false));
        for bad in ["", "P(A;;GA;;;SY)", "D:P(A;;GA;;SY)", "D:P(A;;GA;;;SY"] {
            assert_eq!(Security::parse(bad), Err(status::INVALID_PARAMETER), "{bad}");
        }
    }
}
