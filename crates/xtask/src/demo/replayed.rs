//! The demo where there are no rights for a live wire: the project's capture of its own traffic, replayed in both
//! directions.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::compare;
use crate::{paths, replay};

/// Replays the capture and compares what the driver delivered with it; returns the demo's line.
pub fn run(driver: &Path, folder: &Path) -> Result<String> {
    let own = paths::own_capture();
    let captured = folder.join(own.file_name().context("the capture's name")?);
    let _ = fs::remove_file(&captured);
    replay::with(driver, &["--out".into(), folder.into(), own.clone().into()])?;

    let (mut expected, sent) = compare::captured(&own)?;
    expected.add_all(sent);
    let (received, sent) = compare::captured(&captured)?;
    expected.same_as(&sent, "replayed, and captured as sent")?;
    expected.same_as(&received, "replayed, and captured as received")?;
    ensure!(expected.total() > 0, "{} has no frames", own.display());
    Ok(format!(
        "demo: ok frames={} captured={} replayed={} violations=0 file={}",
        2 * expected.total(),
        sent.total() + received.total(),
        own.display(),
        captured.display()
    ))
}
