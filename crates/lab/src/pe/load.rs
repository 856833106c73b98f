//! Mapping a driver: its image at an address of the lab's choice, relocated, bound, protected as its sections say, with
//! closed pages around it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use rand::Rng as _;

use super::{
    dlls,
    image::{Image, Section},
    symbols,
    thunk::{THUNK, Thunks},
};
use crate::{
    judge::rule,
    kernel::{DriverId, DriverInfo, Lacking, kernel},
    memory::{PAGE, Protection, map},
};

/// Closed bytes before and after an image.
const GUARD: usize = 16 * PAGE;

/// Loads the driver in a file: maps it and registers it with the kernel. Its entry is not called. Imports that the lab
/// lacks are listed in its [`DriverInfo`]; the run ends when one is called.
///
/// # Errors
/// Where the file is no driver, or imports from a DLL that is not the kernel's.
pub fn load(path: &Path) -> Result<DriverId> {
    let name = path.file_name().map_or_else(|| "driver".into(), |name| name.to_string_lossy().into_owned());
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let symbols = symbols::read(path);
    let driver = load_bytes(&name, &file, symbols).with_context(|| format!("cannot load {}", path.display()))?;
    let lacking = kernel().driver(driver).map(|info| info.names_of_lacking().join(", ")).unwrap_or_default();
    if !lacking.is_empty() {
        eprintln!("{name} imports what the lab lacks, which ends the run when it is called: {lacking}");
    }
    Ok(driver)
}

/// Loads a driver from its file's bytes.
pub fn load_bytes(name: &str, file: &[u8], symbols: Vec<(usize, String)>) -> Result<DriverId> {
    let mut image = Image::parse(file)?;
    judge_sections(name, &image.sections);
    let size = image.bytes.len();
    let thunks_len = (image.imports.len() * THUNK).next_multiple_of(PAGE);
    // Guard, image, guard, thunks, guard, a closed page for each import that the lab may lack.
    let region = map::reserve(3 * GUARD + size + thunks_len + image.imports.len() * PAGE)?;
    let base = region.wrapping_add(GUARD);
    let thunks_at = base.wrapping_add(size + GUARD);
    let lacking_at = thunks_at.wrapping_add(thunks_len + GUARD).addr();

    let mut thunks_code = vec![0xcc; thunks_len];
    let mut thunks = Thunks::new(&mut thunks_code, thunks_at.expose_provenance());
    let mut lacking = Vec::new();
    for import in &image.imports {
        let address = if let Some(export) = dlls::find(&import.dll, &import.function)? {
            thunks.bind(export)
        } else {
            let name = format!("{}!{}", import.dll, import.function);
            let (page, thunk) = (lacking_at + lacking.len() * PAGE, thunks.bind_lacking(&name));
            lacking.push(Lacking { name, page, thunk });
            page
        };
        write_u64(&mut image.bytes, import.slot, address as u64)?;
    }
    relocate(&mut image, base.expose_provenance() as u64)?;
    image.load_config.fill(&mut image.bytes, kernel().rng().random());

    fill(base, &image.bytes);
    fill(thunks_at, &thunks_code);
    if thunks_len > 0 {
        map::protect(thunks_at, thunks_len, Protection::ReadExecute);
    }
    protect(base, size, &image.sections);
    for section in image.sections.iter().filter(|section| section.is_pageable()) {
        kernel().memory.pageable.add(base.addr() + section.start, section.len, section.protection());
    }
    let (base, entry) = (base.addr(), base.addr() + image.entry);
    let (functions, sections) = (image.functions, image.sections);
    let bounds = ["MmUserProbeAddress", "MmHighestUserAddress", "MmSystemRangeStart"];
    let probes_inline = image.imports.iter().any(|import| bounds.contains(&import.function.as_str()));
    let name = name.to_owned();
    let info = DriverInfo { name, base, size, entry, sections, symbols, functions, probes_inline, lacking };
    Ok(kernel().add_driver(info))
}

/// V37: no section both writable and executable.
fn judge_sections(name: &str, sections: &[Section]) {
    for section in sections {
        kernel().judge.check(rule::V37, !(section.writable && section.executable), || {
            format!("section {} of {name} is both writable and executable", section.name)
        });
    }
}

fn relocate(image: &mut Image, base: u64) -> Result<()> {
    let delta = base.wrapping_sub(image.base);
    for at in &image.relocations {
        let bytes = image.bytes.get(*at..at + 8).context("a relocation outside the image")?;
        let address = bytes.try_into().map(u64::from_le_bytes)?;
        write_u64(&mut image.bytes, *at, address.wrapping_add(delta))?;
    }
    Ok(())
}

fn write_u64(bytes: &mut [u8], at: usize, value: u64) -> Result<()> {
    let slot = bytes.get_mut(at..at + 8).context("a slot outside the image")?;
    slot.copy_from_slice(&value.to_le_bytes());
    Ok(())
}

fn fill(to: *mut u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        map::protect(to, bytes.len(), Protection::ReadWrite);
        // SAFETY: the caller reserved the range for these bytes, and it was just made writable.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
}

/// Headers read-only, gaps closed, sections as they say.
fn protect(base: *mut u8, size: usize, sections: &[Section]) {
    map::protect(base, size, Protection::None);
    map::protect(base, PAGE, Protection::Read);
    for section in sections {
        map::protect(base.wrapping_add(section.start), section.len, section.protection());
    }
}

/// Closes the sections that Windows throws away once `DriverEntry` returned: a later call into them faults.
pub fn discard_init(driver: DriverId) {
    let Some(info) = kernel().driver(driver) else { return };
    // Relocations and debug data are marked discardable as well.
    for section in info.sections.iter().filter(|section| section.discardable) {
        let start = std::ptr::with_exposed_provenance_mut(info.base + section.start);
        map::protect(start, section.len, Protection::None);
    }
}

/// Closes a driver's image after its unload: a late callback into it faults and is reported.
pub fn unmap(driver: DriverId) {
    if let Some(info) = kernel().driver(driver) {
        for section in info.sections.iter().filter(|section| section.is_pageable()) {
            kernel().memory.pageable.remove(info.base + section.start);
        }
        let start = std::ptr::with_exposed_provenance_mut(info.base);
        map::protect(start, info.size, Protection::None);
        map::discard(start, info.size);
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
