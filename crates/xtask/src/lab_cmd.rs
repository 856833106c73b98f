//! `cargo xtask lab`: the lab, built, with arguments of the caller's.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::programs;

/// What the lab is told.
#[derive(clap::Args)]
pub struct Args {
    /// Arguments of `nblease-lab`; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs `nblease-lab` as told.
pub fn run(args: &Args) -> Result<()> {
    call(&args.args)
}

/// Builds the lab and runs it to its end, which has to be a success.
pub fn call(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    let lab = programs::build()?.lab;
    let status = Command::new(&lab).args(args).status().with_context(|| format!("run {}", lab.display()))?;
    ensure!(status.success(), "nblease-lab: {status}");
    Ok(())
}
