//! The DLLs that a driver may import from, and what each exports.

use anyhow::{Result, ensure};

use super::exports::Export;

/// The lists of a DLL's exports; the name compares without case, as in Windows. None: the lab has nothing of that DLL.
fn exports_of(dll: &str) -> Vec<&'static [Export]> {
    match dll.to_ascii_lowercase().as_str() {
        // Of the HAL's functions many moved to the kernel; drivers find them under either name.
        "ntoskrnl.exe" | "hal.dll" => crate::nt::exports(),
        "ndis.sys" => crate::ndis::exports(),
        "netio.sys" => crate::netio::exports(),
        "fwpkclnt.sys" => vec![crate::wfp::EXPORTS],
        // `ksecdd.lib` has what moved to CNG, under the old name.
        "cng.sys" | "ksecdd.sys" => vec![crate::nt::cng::EXPORTS],
        "wdfldr.sys" => vec![crate::wdf::EXPORTS],
        _ => Vec::new(),
    }
}

/// What an import is bound to; none where the lab lacks it.
///
/// # Errors
/// A DLL that is not the kernel's: Windows does not load such a driver (V37).
pub fn find(dll: &str, function: &str) -> Result<Option<&'static Export>> {
    ensure!(is_kernels(dll), "{dll}!{function}: a light filter may not import from this DLL (V37)");
    Ok(exports_of(dll).into_iter().flatten().find(|export| export.name == function))
}

/// Whether kernel-mode images may import from it: other drivers, the kernel, and the few of its parts called `.dll`.
fn is_kernels(dll: &str) -> bool {
    let dll = dll.to_ascii_lowercase();
    let parts = ["hal.dll", "kdcom.dll", "bootvid.dll", "ci.dll"];
    let extension = dll.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "sys" | "exe") || parts.contains(&dll.as_str()) || dll.starts_with("ext-ms-")
}

/// What `MmGetSystemRoutineAddress` finds: exports of the kernel alone.
pub fn find_in_kernel(function: &str) -> Option<&'static Export> {
    crate::nt::exports().into_iter().flatten().find(|export| export.name == function)
}
