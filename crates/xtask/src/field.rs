//! `cargo xtask field`: filters as the field writes them, in the lab that hosts any filter.
//!
//! Each `tests/filters/field/NAME.c` is a design of its own, sound, and knows ways to break a rule: the lines of its
//! `enum { SOUND, WAY, /* VNN: how */ ... }`. It is built once for each. Of a broken one `nblease-lab run` has to report
//! or note that rule and no other, of the sound one none, after it has evaluated each of these rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::arch::Arch;
use crate::build_c::Field;
use crate::trials::{self, EXIT_VIOLATION};
use crate::{paths, programs, setup, wdk};

/// Several, since what a filter gets to see depends on it.
const SEEDS: std::ops::Range<u64> = 1..4;
/// Many designs keep what NDIS loops back: that rule is for the lab's owner alone to mind.
const LOOPED_BACK_KEPT: &str = "V49";

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// Only these designs: names of sources, without `.c`
    names: Vec<String>,
}

/// A filter, built one way.
struct Trial {
    source: PathBuf,
    fault: String,
    /// What it breaks; none: it is sound.
    rule: Option<String>,
    /// What has to be evaluated with one seed or another.
    evaluated: BTreeSet<String>,
}

/// Puts all on trial; the last line says what came of it.
///
/// # Errors
/// Where a broken filter is not caught by its rule, or a sound one is accused.
pub fn run(args: &Args) -> Result<()> {
    setup::run()?;
    wdk::prepare(Arch::X64)?;
    let (field, lab) = (Field::prepare()?, programs::build()?.lab);
    let mut all = Vec::new();
    for source in sources(&args.names)? {
        all.extend(trials_of(&source).with_context(|| source.display().to_string())?);
    }
    let failed = trials::run_all(&all, |trial| trial.run(&field, &lab));
    for (trial, error) in &failed {
        eprintln!("{}, {}: {error:#}", trial.source.file_stem().unwrap_or_default().display(), trial.fault);
    }
    if !failed.is_empty() {
        bail!("field: {} of {} filters failed", failed.len(), all.len());
    }
    let sound = all.iter().filter(|trial| trial.rule.is_none()).count();
    println!("field: ok sound={sound} broken={}", all.len() - sound);
    Ok(())
}

/// The designs of these names, or all.
fn sources(names: &[String]) -> Result<Vec<PathBuf>> {
    if names.is_empty() {
        return paths::files_in(&Field::folder(), "c");
    }
    Ok(names.iter().map(|name| Field::folder().join(name).with_extension("c")).collect())
}

/// The ways to build a filter, as its source lists them.
fn trials_of(source: &Path) -> Result<Vec<Trial>> {
    let ways = ways(&fs::read_to_string(source)?)?;
    let evaluated = ways.iter().map(|(_, rule)| rule.clone()).collect();
    let trial = |fault, rule, evaluated| Trial { source: source.to_owned(), fault, rule, evaluated };
    let broken = ways.into_iter().map(|(name, rule)| trial(name, Some(rule.clone()), [rule].into()));
    Ok(broken.chain([trial("SOUND".to_owned(), None, evaluated)]).collect())
}

/// The ways to break a rule that a source lists, each with its rule.
///
/// # Errors
/// Where it lists none, or one that its code does not know.
fn ways(text: &str) -> Result<Vec<(String, String)>> {
    let (_, rest) = text.split_once("enum {\n    SOUND,\n").context("lists no ways to break a rule")?;
    let (list, code) = rest.split_once("};").context("the list does not end")?;
    ensure!(!list.trim().is_empty(), "lists no ways to break a rule");
    let words: BTreeSet<_> = code.split(|letter: char| letter != '_' && !letter.is_alphanumeric()).collect();
    let read = |line| {
        let (name, rule) = way(line).with_context(|| format!("not a way to break a rule: {line}"))?;
        ensure!(words.contains(name), "{name} does nothing");
        Ok((name.to_owned(), rule.to_owned()))
    };
    list.lines().map(read).collect()
}

/// A line of the list, `WAY, /* VNN: how */`: the way and the rule.
fn way(line: &str) -> Option<(&str, &str)> {
    let (name, comment) = line.trim().split_once(", /* ")?;
    let (rule, _how) = comment.strip_suffix(" */")?.split_once(':')?;
    rule.starts_with('V').then_some((name, rule))
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
        let rules = |kind| -> BTreeSet<&str> {
            let found = parts.iter().flat_map(|part| part[kind].as_array().into_iter().flatten());
            found.filter_map(|found| found["rule"].as_str()).filter(|rule| *rule != LOOPED_BACK_KEPT).collect()
        };
        let (violations, notes) = (rules("violations"), rules("notes"));
        let broken: BTreeSet<_> = violations.union(&notes).copied().collect();
        let expected: BTreeSet<_> = self.rule.as_deref().into_iter().collect();
        ensure!(broken == expected, "the lab says {broken:?}, not {expected:?}\n{}", said());
        let exit = if violations.is_empty() { 0 } else { EXIT_VIOLATION };
        ensure!(output.status.code() == Some(exit), "{} and {violations:?}\n{}", output.status, said());
        let verdict = parts.first().context("a report of nothing")?;
        let evaluated = verdict["evaluated"].as_array().context("a report without what was evaluated")?;
        Ok(evaluated.iter().filter_map(|entry| Some(entry[0].as_str()?.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_those_of_the_list() {
        let text = "enum {\n    SOUND,\n    EARLY, /* V15: before */\n    LATE, /* V12: */\n};\nFAULT == EARLY || FAULT == LATE";
        let pairs = [("EARLY", "V15"), ("LATE", "V12")].map(|(name, rule)| (name.to_owned(), rule.to_owned()));
        assert_eq!(ways(text).expect("a list"), pairs);
    }

    #[test]
    fn a_list_that_says_too_little_is_refused() {
        let with = |line: &str| ways(&format!("enum {{\n    SOUND,\n{line}\n}};\nFAULT == EARLY"));
        assert!(with("    EARLY, /* V15: */").is_ok());
        for line in ["", "    EARLY,", "    EARLY, /* too early */", "    EARL, /* V15: nothing asks for it */"] {
            assert!(with(line).is_err(), "{line}");
        }
    }
}
