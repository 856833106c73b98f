//! The programs that other commands run: the lab and `nblease`, built for this machine.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, ensure};

use crate::paths;

/// Where they are.
pub struct Programs {
    /// The lab.
    pub lab: PathBuf,
    /// `nblease`.
    pub cli: PathBuf,
}

/// Builds them, in the profile of the tests.
pub fn build() -> Result<Programs> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(paths::root())
        .args(["build", "--quiet", "--package", "nblease-lab", "--package", "nblease-cli"])
        .status()?;
    ensure!(status.success(), "the lab or the program does not build");
    let folder = paths::root().join("target/debug");
    Ok(Programs { lab: folder.join("nblease-lab"), cli: folder.join("nblease") })
}
