//! `cargo xtask hold`: readers that hold frames. In the lab on the virtual clock, where each frame is accounted for; with
//! `--live` on the demo's wire, where real TCP goes through a gate.

mod live;
mod round_trips;

use std::path::PathBuf;

use anyhow::Result;

use crate::arch::Arch;
use crate::{build, lab_cmd, paths};

/// What to hold, and how.
#[derive(clap::Args)]
pub struct Args {
    /// The driver; the one that is built here where absent
    #[arg(long)]
    driver: Option<PathBuf>,
    /// Real TCP between two network namespaces, through `nblease gate`
    #[arg(long)]
    live: bool,
    /// Seed of all that is random
    #[arg(long, default_value_t = 1, conflicts_with = "live")]
    seed: u64,
    /// About how many frames go through
    #[arg(long, default_value_t = 110_000, conflicts_with = "live")]
    frames: u64,
    /// Say what each act came to
    #[arg(long, conflicts_with = "live")]
    verbose: bool,
}

/// Runs it; the last line says what came of it.
pub fn run(args: &Args) -> Result<()> {
    let driver = match &args.driver {
        Some(driver) => driver.clone(),
        None => build::driver(Arch::X64)?,
    };
    if args.live {
        return live::run(&driver);
    }
    let mut words = vec!["hold".into(), "--sys".into(), driver.into_os_string()];
    words.extend(["--inf".into(), paths::root().join("inf/nblease.inx").into_os_string()]);
    words.extend(["--seed".into(), args.seed.to_string().into()]);
    words.extend(["--frames".into(), args.frames.to_string().into()]);
    if args.verbose {
        words.push("--verbose".into());
    }
    lab_cmd::call(words)
}
