//! `cargo xtask replay`: each frame of captures through the compiled driver, in both directions, in the lab.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::arch::Arch;
use crate::{build, lab_cmd};

/// What to replay.
#[derive(clap::Args)]
pub struct Args {
    /// The driver; the one that is built here where absent
    #[arg(long)]
    driver: Option<PathBuf>,
    /// Captures (pcap or pcapng), and other arguments of `nblease-lab replay`: [--mode tap|gate] [--out DIR] [--seed N]
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "FILE")]
    files: Vec<OsString>,
}

/// Replays the files; the lab ends with the one line that says what came of it.
pub fn run(args: &Args) -> Result<()> {
    let driver = match &args.driver {
        Some(driver) => driver.clone(),
        None => build::driver(Arch::X64)?,
    };
    with(&driver, &args.files)
}

/// Replays with a driver that is there.
pub fn with(driver: &Path, args: &[OsString]) -> Result<()> {
    let fixed = ["replay".into(), "--sys".into(), driver.into()];
    lab_cmd::call(fixed.iter().chain(args))
}
