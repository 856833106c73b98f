//! `cargo xtask mutants`: the demo, or `cargo xtask hold`, has to fail when the driver is broken.
//!
//! Each mutant is the driver with one piece of its source replaced. It is built beside the driver and shown to the one or
//! the other, which has to end with a failure that names what is wrong.

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
    /// Who finds it.
    found_by: Finder,
    /// Words of the finder's (of the demo's, live or replayed), one of which says what is wrong.
    reasons: &'static [&'static str],
}

/// A command that fails with a broken driver.
#[derive(Clone, Copy)]
enum Finder {
    Demo,
    Hold,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "vlan-tag-not-put-back",
        file: "record.rs",
        text: "let tag = nbl.vlan_tci().and_then(VlanTag::from_tci);",
        replacement: "let tag = nbl.vlan_tci().and_then(VlanTag::from_tci).filter(|_| false);",
        found_by: Finder::Demo,
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
        found_by: Finder::Demo,
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
        found_by: Finder::Demo,
        reasons: &["V05: "],
    },
    Mutant {
        name: "verdict-of-drop-passes",
        file: "verdict.rs",
        text: "let verdict = if verdict == Verdict::Drop { lease::Verdict::Drop } else { lease::Verdict::Pass };",
        replacement: "let _ = verdict;
            let verdict = lease::Verdict::Pass;",
        found_by: Finder::Hold,
        reasons: &["came out though it was dropped"],
    },
    Mutant {
        name: "budget-overdrawn",
        file: "leases/mod.rs",
        text: "hold.budget_ms.saturating_sub(EARLY_MS)",
        replacement: "hold.budget_ms + EARLY_MS",
        found_by: Finder::Hold,
        reasons: &["a packet was held for"],
    },
    Mutant {
        name: "rest-of-a-send-lost",
        file: "departure.rs",
        text: "Ending::Partly(frames) => return self.forward_frames(packet, frames, pool),",
        replacement: "Ending::Partly(_) => self.finish(packet, None),",
        found_by: Finder::Hold,
        reasons: &["lost: "],
    },
];

/// Shows each mutant to its finder.
///
/// # Errors
/// Where a finder passes a mutant, or fails for another reason than its own.
pub fn run() -> Result<()> {
    for mutant in MUTANTS {
        let reason = mutant.find().with_context(|| format!("mutant {}", mutant.name))?;
        println!("mutant {}: found: {reason}", mutant.name);
    }
    println!("mutants: ok found={}", MUTANTS.len());
    Ok(())
}

impl Mutant {
    /// Runs the finder, which has to find what is wrong; returns the line that says it.
    fn find(&self) -> Result<String> {
        let driver = self.build()?;
        let mut finder = Command::new(std::env::current_exe()?);
        match self.found_by {
            Finder::Demo => finder.args(["demo", "--out"]).arg(driver.with_file_name("demo")),
            Finder::Hold => finder.args(["hold", "--frames", "40000"]),
        };
        let output = finder.arg("--driver").arg(&driver).output()?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            bail!("nobody sees what is wrong with it:\n{said}");
        }
        let reason = said.lines().find(|line| self.reasons.iter().any(|reason| line.contains(reason)));
        let reason = reason.with_context(|| format!("it fails, but for none of {:?}:\n{said}", self.reasons))?;
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
