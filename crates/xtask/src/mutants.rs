//! `cargo xtask mutants`: the demo has to fail when the driver is broken.
//!
//! Each mutant is the driver with one piece of its source replaced. It is built beside the driver, put on the demo's
//! wire, and the demo has to end with a failure that names what is wrong.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{build, paths};

/// A driver that is broken in one way.
struct Mutant {
    name: &'static str,
    /// Which file of `src/` is changed.
    file: &'static str,
    /// What is replaced. It is there exactly once.
    text: &'static str,
    replacement: &'static str,
    /// Words of the demo's, live or replayed, one of which says what is wrong.
    reasons: &'static [&'static str],
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "vlan-tag-not-put-back",
        file: "record.rs",
        text: "let tag = nbl.vlan_tci().and_then(VlanTag::from_tci);",
        replacement: "let tag = nbl.vlan_tci().and_then(VlanTag::from_tci).filter(|_| false);",
        reasons: &["captured as sent", "captured frames are not what went through"],
    },
    Mutant {
        name: "one-frame-in-a-thousand-lost",
        file: "reader.rs",
        text: "self.write(nbl, frame, Told { batch, interface, ticket: None }, Otherwise::Spill, counted, done);",
        replacement: "static SEEN: AtomicU64 = AtomicU64::new(0);
        if SEEN.fetch_add(1, Ordering::Relaxed) % 1000 != 999 {
            self.write(nbl, frame, Told { batch, interface, ticket: None }, Otherwise::Spill, counted, done);
        }",
        reasons: &["captured as sent", "frames were captured"],
    },
    Mutant {
        name: "one-nbl-never-returned",
        file: "filter.rs",
        text: "self.returned_down(chain);",
        replacement: "static SEEN: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);
        if SEEN.fetch_add(1, core::sync::atomic::Ordering::Relaxed) == 100 {
            return core::mem::forget(chain);
        }
        self.returned_down(chain);",
        reasons: &["V05: "],
    },
];

/// Runs the demo with each mutant.
///
/// # Errors
/// Where a mutant passes the demo, or fails it for another reason than its own.
pub fn run() -> Result<()> {
    for mutant in MUTANTS {
        let reason = mutant.find().with_context(|| format!("mutant {}", mutant.name))?;
        println!("mutant {}: found: {reason}", mutant.name);
    }
    println!("mutants: ok found={}", MUTANTS.len());
    Ok(())
}

impl Mutant {
    /// Runs the demo, which has to find what is wrong; returns the line that says it.
    fn find(&self) -> Result<String> {
        let driver = self.build()?;
        let mut demo = Command::new(std::env::current_exe()?);
        demo.args(["demo", "--driver"]).arg(&driver).arg("--out").arg(driver.with_file_name("demo"));
        let output = demo.output()?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            bail!("the demo does not see what is wrong with it:\n{said}");
        }
        let reason = said.lines().find(|line| self.reasons.iter().any(|reason| line.contains(reason)));
        let reason = reason.with_context(|| format!("the demo fails, but for none of {:?}:\n{said}", self.reasons))?;
        Ok(reason.chars().take(120).collect())
    }

    /// Makes `target/driver/mutants/NAME/nblease.sys`.
    fn build(&self) -> Result<PathBuf> {
        let path = paths::root().join("src").join(self.file);
        let source = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let found = source.matches(self.text).count();
        ensure!(found == 1, "{}: `{}` is there {found} times, not once", path.display(), self.text);
        let folder = paths::root().join("target/driver/mutants").join(self.name);
        build::changed_driver(self.file, &source.replace(self.text, self.replacement), &folder)
    }
}
