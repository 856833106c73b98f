//! `cargo xtask build-c`: the small filters in C that the lab is tested with.
//!
//! Each `tests/filters/NAME.c` is a driver of its own. They are compiled against declarations made from the ABI facts
//! and share no binding with the driver or the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::wdk::{self, run};
use crate::{paths, setup};

/// Makes `target/driver/x64/filters/NAME.{sys,map,pdb}` of each source.
pub fn run_alone() -> Result<()> {
    setup::run()?;
    wdk::prepare(Arch::X64)?;
    all()
}

/// The same, where the import libraries are there already.
pub fn all() -> Result<()> {
    let folder = paths::root().join("tests/filters");
    if !folder.is_dir() {
        return Ok(());
    }
    let mut headers = Vec::new();
    for place in [folder.clone(), folder.join("include")] {
        if place.is_dir() {
            headers.extend(paths::files_in(&place, "h")?);
        }
    }
    let libraries = ["ntoskrnl.lib", "ndis.lib"].map(|name| wdk::library_folder(Arch::X64).join(name));
    let output = paths::root().join("target/driver/x64/filters");
    fs::create_dir_all(&output).with_context(|| format!("create {}", output.display()))?;
    let mut made = 0;
    for source in paths::files_in(&folder, "c")? {
        let image = output.join(source.file_stem().unwrap_or_default()).with_extension("sys");
        let inputs = [headers.as_slice(), &libraries, std::slice::from_ref(&source)].concat();
        if !paths::is_fresh(&image, &inputs)? {
            build(&source, &folder, &image, &libraries)?;
            made += 1;
        }
    }
    if made > 0 {
        println!("built {made} filters in {}", output.display());
    }
    Ok(())
}

fn build(source: &Path, folder: &Path, image: &Path, libraries: &[PathBuf]) -> Result<()> {
    let object = image.with_extension("obj");
    let mut clang = Command::new("clang-19");
    clang.arg(format!("--target={}", Arch::X64.triple()));
    clang.args(["-std=c17", "-ffreestanding", "-fms-extensions", "-O2", "-g", "-gcodeview", "-c"]);
    clang.args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-microsoft"]);
    clang.arg("-I").arg(folder.join("include")).arg("-I").arg(folder);
    run(clang.arg(source).arg("-o").arg(&object))?;

    let mut link = Command::new("lld-link-19");
    link.args(["/driver", "/subsystem:native", "/entry:DriverEntry", "/nodefaultlib"]);
    link.args(["/dynamicbase", "/nxcompat", "/debug", "/pdbaltpath:%_PDB%"]);
    link.arg(format!("/map:{}", image.with_extension("map").display()));
    link.arg(format!("/out:{}", image.display())).arg(&object).args(libraries);
    run(&mut link)?;
    fs::remove_file(object)?;
    Ok(())
}
