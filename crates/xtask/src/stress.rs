//! `cargo xtask stress`: the driver under events in random order, on processors whose calls interleave, with a fresh seed
//! where none is given.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::arch::Arch;
use crate::{build, lab_cmd, paths};

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// The driver; the one that is built here where absent
    #[arg(long)]
    driver: Option<PathBuf>,
    /// How many events
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Seed of all that is random; a fresh one where absent
    #[arg(long)]
    seed: Option<u64>,
    /// Of a round that fails, do not look for the part that matters
    #[arg(long)]
    no_shrink: bool,
}

/// Runs it; the last line says what came of it.
pub fn run(args: &Args) -> Result<()> {
    let driver = match &args.driver {
        Some(driver) => driver.clone(),
        None => build::driver(Arch::X64)?,
    };
    let seed = args.seed.unwrap_or_else(fresh);
    println!("seed={seed}");
    let inf = paths::root().join("inf/nblease.inx");
    let mut words = vec!["stress".into(), "--sys".into(), driver.into(), "--inf".into(), inf.into_os_string()];
    for (name, number) in [("--events", args.events), ("--seed", seed)] {
        words.extend([name.into(), number.to_string().into()]);
    }
    if args.no_shrink {
        words.push("--no-shrink".into());
    }
    lab_cmd::call(words)
}

/// A seed that was not there before.
fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()) << 48
}
