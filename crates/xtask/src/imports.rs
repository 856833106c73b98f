//! The import libraries of a WDK, made from lists of names.
//!
//! What the kernel and NDIS export is in the ABI facts; what the compiler and the wdk crates call besides is listed here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::paths;
use crate::wdk::run;

/// Exports of ntoskrnl.exe that compiled code calls by itself, and those that the facts leave out.
const KERNEL: &[&str] = &[
    "__C_specific_handler",
    "__chkstk",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "strlen",
    "DbgPrint",
    "ExReInitializeRundownProtection",
    "RtlCopyUnicodeString",
];

/// Exports of WDFLDR.SYS.
const WDF_LOADER: &[&str] = &["WdfVersionBind", "WdfVersionBindClass", "WdfVersionUnbind", "WdfVersionUnbindClass"];

/// Libraries that wdk-build names and from which nothing is used.
const EMPTY: &[&str] = &["BufferOverflowFastFailK", "arm64rt", "hal", "wmilib"];

/// Makes the import libraries of the kernel, NDIS and KMDF in `folder`; says whether any was made anew.
pub fn make(arch: Arch, folder: &Path) -> Result<bool> {
    let exports = exports()?;
    let named = |is_wanted: fn(&str) -> bool| exports.iter().map(String::as_str).filter(move |name| is_wanted(name));
    let kernel: BTreeSet<&str> = named(|name| !name.starts_with("Ndis")).chain(KERNEL.iter().copied()).collect();
    let ndis: BTreeSet<&str> = named(|name| name.starts_with("Ndis")).collect();

    let mut changed = library(arch, folder, "ntoskrnl", "ntoskrnl.exe", &kernel)?;
    changed |= library(arch, folder, "ndis", "NDIS.SYS", &ndis)?;
    changed |= library(arch, folder, "WdfLdr", "WDFLDR.SYS", &WDF_LOADER.iter().copied().collect())?;
    for name in EMPTY {
        changed |= library(arch, folder, name, name, &BTreeSet::new())?;
    }
    Ok(changed)
}

/// The functions that the ABI facts call exported.
fn exports() -> Result<Vec<String>> {
    let path = paths::root().join("crates/ndis/abi/functions.tsv");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut exports = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        if let (Some(name), Some("export")) = (fields.next(), fields.next()) {
            exports.push(name.to_owned());
        }
    }
    Ok(exports)
}

fn library(arch: Arch, folder: &Path, name: &str, dll: &str, exports: &BTreeSet<&str>) -> Result<bool> {
    let definition: PathBuf = folder.join(name).with_extension("def");
    let library = folder.join(name).with_extension("lib");
    let mut text = format!("LIBRARY {dll}\nEXPORTS\n");
    for export in exports {
        text.push_str(export);
        text.push('\n');
    }
    if !paths::write_if_changed(&definition, text)? && library.exists() {
        return Ok(false);
    }
    let mut dlltool = Command::new("llvm-dlltool-19");
    dlltool.args(["-m", arch.dlltool_machine(), "-d"]).arg(&definition).arg("-l").arg(&library);
    run(&mut dlltool)?;
    Ok(true)
}
