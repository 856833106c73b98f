//! `cargo xtask field`: filters as the field writes them, in the lab that hosts any filter.
//!
//! Each `tests/filters/field/NAME.c` is a design of its own, sound, and knows ways to break a rule: the lines of its
//! `enum { SOUND, WAY, /* VNN: how */ ... }`. It is built once for each. Of a broken one `nblease-lab run` has to report
//! or note that rule first, of the sound one none, after it has evaluated each of these rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::arch::Arch;
use crate::build_c::Field;
use crate::{paths, programs, setup, wdk};

/// Several, since what a filter gets to see depends on it.
const SEEDS: std::ops::Range<u64> = 1..4;

/// A filter, built one way.
struct Trial {
    source: PathBuf,
    fault: String,
    /// What it breaks; none: it is sound.
    rule: Option<String>,
    /// What has to be evaluated.
    evaluated: BTreeSet<String>,
}

/// Puts all on trial; the last line says what came of it.
///
/// # Errors
/// Where a broken filter is not caught by its rule, or a sound one is accused.
pub fn run() -> Result<()> {
    setup::run()?;
    wdk::prepare(Arch::X64)?;
    let (field, lab) = (Field::prepare()?, programs::build()?.lab);
    let mut trials = Vec::new();
    for source in paths::files_in(&Field::folder(), "c")? {
        trials.extend(trials_of(&source)?);
    }
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = trial.run(&field, &lab) {
                        let name = trial.source.file_stem().unwrap_or_default().display();
                        faults.lock().expect("no thread panics").push(format!("{name}, {}: {error:#}", trial.fault));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no thread panics");
    if !faults.is_empty() {
        bail!("{} of {} filters:\n{}", faults.len(), trials.len(), faults.join("\n"));
    }
    let sound = trials.iter().filter(|trial| trial.rule.is_none()).count();
    println!("field: ok sound={sound} broken={}", trials.len() - sound);
    Ok(())
}

/// The ways to build a filter, as its source lists them.
fn trials_of(source: &Path) -> Result<Vec<Trial>> {
    let text = fs::read_to_string(source).with_context(|| format!("read {}", source.display()))?;
    let list = text.split_once("enum {").and_then(|(_, rest)| rest.split_once("};")).context("a list of ways")?.0;
    let ways = list.lines().filter_map(|line| {
        let (name, how) = line.trim().split_once(", /* ")?;
        Some((name.to_owned(), how.split_once(':')?.0.to_owned()))
    });
    let ways: Vec<_> = ways.collect();
    ensure!(!ways.is_empty(), "{} lists no way to break a rule", source.display());
    let rules: BTreeSet<String> = ways.iter().map(|(_, rule)| rule.clone()).collect();
    let trial = |fault, rule: Option<String>, evaluated| Trial { source: source.to_owned(), fault, rule, evaluated };
    let broken = ways.into_iter().map(|(name, rule)| trial(name, Some(rule.clone()), [rule].into()));
    Ok(broken.chain([trial("SOUND".to_owned(), None, rules.clone())]).collect())
}

impl Trial {
    fn run(&self, field: &Field, lab: &Path) -> Result<()> {
        let image = field.build(&self.source, &self.fault)?;
        let mut missing = self.evaluated.clone();
        for seed in SEEDS {
            let evaluated = self.run_with(&image, lab, seed).with_context(|| format!("seed {seed}"))?;
            missing.retain(|rule| !evaluated.contains(rule));
        }
        ensure!(missing.is_empty(), "{missing:?} not evaluated");
        Ok(())
    }

    /// Which rules were evaluated.
    fn run_with(&self, image: &Path, lab: &Path, seed: u64) -> Result<BTreeSet<String>> {
        let mut run = Command::new(lab);
        run.arg("run").arg("--json").arg("--seed").arg(seed.to_string()).arg("--sys").arg(image);
        let output = run.output().with_context(|| format!("run {}", lab.display()))?;
        let said = || String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("{}", said()))?;
        // The report of a broken rule, or of a whole run.
        let parts = report["verdicts"].as_array().map_or(std::slice::from_ref(&report), Vec::as_slice);
        let verdict = parts.first().context("a report of nothing")?;
        let rules = |kind| parts.iter().flat_map(move |part| part[kind].as_array().into_iter().flatten());
        let mut found = rules("violations").chain(rules("notes")).filter_map(|found| found["rule"].as_str());
        // Many designs keep what NDIS loops back: that is for the lab's owner alone to mind.
        let broken = found.find(|rule| *rule != "V49");
        ensure!(broken == self.rule.as_deref(), "the lab says {broken:?}, not {:?}\n{}", self.rule, said());
        let evaluated = verdict["evaluated"].as_array().context("a report without what was evaluated")?;
        Ok(evaluated.iter().filter_map(|entry| Some(entry[0].as_str()?.to_owned())).collect())
    }
}
