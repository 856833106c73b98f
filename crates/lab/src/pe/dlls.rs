//! The DLLs that a driver may import from, and what each exports.

use anyhow::{Context as _, Result, bail};

use super::exports::Export;

/// The lists of a DLL's exports; the name compares without case, as in Windows.
///
/// V37: no import outside this list of DLLs.
fn exports_of(dll: &str) -> Option<Vec<&'static [Export]>> {
    match dll.to_ascii_lowercase().as_str() {
        "ntoskrnl.exe" => Some(crate::nt::exports()),
        "ndis.sys" => Some(crate::ndis::exports()),
        "wdfldr.sys" => Some(vec![crate::wdf::EXPORTS]),
        _ => None,
    }
}

/// What an import is bound to. An import that the lab lacks is an error that names it.
pub fn find(dll: &str, function: &str) -> Result<&'static Export> {
    let Some(lists) = exports_of(dll) else {
        bail!("{dll}!{function}: a light filter may not import from this DLL (V37)");
    };
    let mut exports = lists.into_iter().flatten();
    exports
        .find(|export| export.name == function)
        .with_context(|| format!("{dll}!{function}: the lab lacks this import"))
}

/// What `MmGetSystemRoutineAddress` finds: exports of the kernel alone.
pub fn find_in_kernel(function: &str) -> Option<&'static Export> {
    crate::nt::exports().into_iter().flatten().find(|export| export.name == function)
}
