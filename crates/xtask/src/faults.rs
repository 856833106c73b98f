//! `cargo xtask faults`: each call of the driver's that may fail is failed once, for each way by which the driver comes to
//! it, and the driver goes on.

use std::path::PathBuf;

use anyhow::Result;

use crate::arch::Arch;
use crate::{build, lab_cmd, paths};

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// The driver; the one that is built here where absent
    #[arg(long)]
    driver: Option<PathBuf>,
    /// Seed of all that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Say each place
    #[arg(long)]
    verbose: bool,
}

/// Runs it; the last line says what came of it.
pub fn run(args: &Args) -> Result<()> {
    let driver = match &args.driver {
        Some(driver) => driver.clone(),
        None => build::driver(Arch::X64)?,
    };
    let mut words = vec!["faults".into(), "--sys".into(), driver.into_os_string()];
    words.extend(["--inf".into(), paths::root().join("inf/nblease.inx").into_os_string()]);
    words.extend(["--seed".into(), args.seed.to_string().into()]);
    if args.verbose {
        words.push("--verbose".into());
    }
    lab_cmd::call(words)
}
