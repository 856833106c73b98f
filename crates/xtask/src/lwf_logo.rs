//! `cargo xtask lwf-logo`: what the LWF Logo test of the Hardware Lab Kit asks, of this driver or any filter.

use std::path::PathBuf;

use anyhow::Result;

use crate::arch::Arch;
use crate::{build, lab_cmd, paths};

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// Any filter; this driver where absent
    #[arg(long)]
    sys: Option<PathBuf>,
    /// Its INF, against which its registration is checked
    #[arg(long, requires = "sys")]
    inf: Option<PathBuf>,
    /// Seed of all that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs it; the last line says what came of it.
pub fn run(args: &Args) -> Result<()> {
    let (driver, inf) = match &args.sys {
        Some(driver) => (driver.clone(), args.inf.clone()),
        None => (build::driver(Arch::X64)?, Some(paths::root().join("inf/nblease.inx"))),
    };
    let mut words = vec!["lwf-logo".into(), "--sys".into(), driver.into_os_string()];
    words.extend(["--seed".into(), args.seed.to_string().into()]);
    words.extend(inf.into_iter().flat_map(|inf| ["--inf".into(), inf.into_os_string()]));
    lab_cmd::call(words)
}
