//! `cargo xtask rules`: each rule of the contract has a filter that breaks it, and a twin that does not.
//!
//! The rules are those of `docs/contract.md`. The filters are `tests/filters/breakers/vNN_*.c`, each built broken and
//! sound (see `build_c`). The lab puts each through a life with several seeds: of the broken one it has to report that
//! rule and no other, of the sound one none, after it has evaluated the rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::arch::Arch;
use crate::trials::{self, EXIT_VIOLATION};
use crate::{build_c, paths, programs, setup, wdk};

/// Several, since what a filter gets to see depends on it.
const SEEDS: std::ops::Range<u64> = 1..4;

/// Rules about a call, a callback or the image: there is no object whose history could be told.
const ABOUT_NO_OBJECT: &[&str] = &["V09", "V10", "V11", "V24", "V28", "V29", "V37", "V38", "V41", "V42", "V45"];

/// A filter, broken or sound, that stands trial.
struct Trial {
    rule: String,
    name: String,
    broken: bool,
}

/// Puts all on trial; the last line says what came of it.
///
/// # Errors
/// Where a rule has no breaker that is caught, or no twin that is sound.
pub fn run() -> Result<()> {
    setup::run()?;
    wdk::prepare(Arch::X64)?;
    build_c::all()?;
    let lab = programs::build()?.lab;
    let rules = rules()?;
    let trials = trials()?;
    let strange = trials.iter().find(|trial| !rules.contains(&trial.rule));
    ensure!(strange.is_none(), "{} is named after no rule", strange.map_or("", |trial| &trial.name));

    let faults = trials::run_all(&trials, |trial| trial.run(&lab));
    for (trial, error) in &faults {
        eprintln!("{}: {error:#}", trial.filter());
    }
    let kept = |broken: bool| -> BTreeSet<&String> {
        let failed = |rule: &String| faults.iter().any(|(trial, _)| trial.rule == *rule && trial.broken == broken);
        trials.iter().filter(|t| t.broken == broken && !failed(&t.rule)).map(|t| &t.rule).collect()
    };
    let (breakers, twins) = (kept(true), kept(false));
    let counts = format!("rules={} breakers={} twins={}", rules.len(), breakers.len(), twins.len());
    let missing = |there: &BTreeSet<&String>| -> Vec<String> {
        rules.iter().filter(|rule| !there.contains(rule)).cloned().collect()
    };
    let (no_breaker, no_twin) = (missing(&breakers), missing(&twins));
    if !no_breaker.is_empty() || !no_twin.is_empty() {
        bail!("rules: {counts}; not caught: {}; no sound twin: {}", no_breaker.join(" "), no_twin.join(" "));
    }
    println!("{} filters, each broken and sound, with {} seeds", trials.len() / 2, SEEDS.count());
    println!("rules: ok {counts}");
    Ok(())
}

/// The rules that the contract's tables list.
fn rules() -> Result<BTreeSet<String>> {
    let path = paths::root().join("docs/contract.md");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let cells = text.lines().filter_map(|line| line.strip_prefix("| V")?.split('|').next());
    let rules: BTreeSet<String> = cells
        .flat_map(|cell| cell.split(", "))
        .map(|rule| format!("V{}", rule.trim().trim_start_matches('V')))
        .collect();
    let numbered = (1..).zip(&rules).all(|(number, rule)| *rule == format!("V{number:02}"));
    ensure!(numbered && !rules.is_empty(), "{} does not list the rules one by one: {rules:?}", path.display());
    Ok(rules)
}

fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for source in paths::files_in(&paths::root().join("tests/filters/breakers"), "c")? {
        let name = source.file_stem().and_then(|name| name.to_str()).context("a breaker's name")?;
        let rule = name.split('_').next().unwrap_or_default().to_uppercase();
        trials.extend([true, false].map(|broken| Trial { rule: rule.clone(), name: name.to_owned(), broken }));
    }
    Ok(trials)
}

impl Trial {
    /// The filter's name without `.sys`.
    fn filter(&self) -> String {
        format!("{}.{}", self.name, if self.broken { "broken" } else { "sound" })
    }

    fn run(&self, lab: &PathBuf) -> Result<()> {
        SEEDS.into_iter().try_for_each(|seed| self.run_with(lab, seed).with_context(|| format!("seed {seed}")))
    }

    /// A report says what a filter's author needs: the rule and what it demands, what was seen, where in the driver, what
    /// became of the object that the rule is about, and how to see it again.
    fn check_report(&self, violation: &Value, report: &Value, seed: u64, said: &str) -> Result<()> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let lines = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        let of_objects: Vec<_> = violation["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|object| lines(&object["history"]))
            .collect();
        let history = [lines(&violation["history"]), of_objects].concat();
        let (what, demand) = (text(&violation["what"]), text(&violation["demand"]));
        ensure!(!what.is_empty() && !demand.is_empty(), "the report lacks what was seen or what has to hold\n{said}");
        // Lives in which calls fail have seeds of their own.
        let seed =
            report["seed"].as_u64().filter(|said| *said == seed || self.rule == "V29").context("another seed")?;
        let replay = text(&report["replay"]);
        ensure!(
            replay.contains(&self.filter()) && replay.contains("--seed "),
            "the report does not say how to replay it: {replay:?}\n{said}"
        );
        let image = format!("{}.sys+0x", self.filter());
        let traced = [history.clone(), lines(&violation["stack"]), lines(&violation["calls"])].concat();
        ensure!(
            traced.iter().any(|line| line.split_once(&image).is_some_and(|(_, place)| place.contains(" ("))),
            "no line of the report names a function of the driver\n{said}"
        );
        let about_an_object = !ABOUT_NO_OBJECT.contains(&self.rule.as_str());
        ensure!(!about_an_object || !history.is_empty(), "the report has no history of an object\n{said}");
        for piece in [&format!("{}: {what}", self.rule), &demand, &format!("seed={seed}"), &format!("replay: {replay}")]
        {
            ensure!(said.contains(piece.as_str()), "what is printed lacks {piece:?}\n{said}");
        }
        Ok(())
    }

    fn run_with(&self, lab: &PathBuf, seed: u64) -> Result<()> {
        let report = paths::root().join("target/rules").join(format!("{}.{seed}.json", self.filter()));
        paths::create_parent(&report)?;
        if report.exists() {
            fs::remove_file(&report)?;
        }
        let mut life = Command::new(lab);
        life.arg("lifecycle").arg("--sys").arg(build_c::output().join(format!("{}.sys", self.filter())));
        life.arg("--inf").arg(paths::root().join("tests/filters/passthru.inf"));
        life.arg("--seed").arg(seed.to_string()).arg("--report").arg(&report);
        if self.rule == "V29" {
            life.arg("--faults");
        }
        let output = life.output().with_context(|| format!("run {}", lab.display()))?;
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let expected = if self.broken { EXIT_VIOLATION } else { 0 };
        ensure!(output.status.code() == Some(expected), "{}\n{said}", output.status);

        let report: Value = serde_json::from_slice(&fs::read(&report)?)?;
        let violations = report["violations"].as_array().context("a report without violations")?;
        let broken: Vec<_> =
            violations.iter().map(|violation| violation["rule"].as_str().unwrap_or_default()).collect();
        let expected: &[&str] = if self.broken { &[&self.rule] } else { &[] };
        ensure!(broken == expected, "the lab says {broken:?}\n{said}");
        violations.iter().try_for_each(|violation| self.check_report(violation, &report, seed, &said))?;
        let evaluated = report["evaluated"].as_array().context("a report without what was evaluated")?;
        ensure!(evaluated.iter().any(|entry| entry[0] == *self.rule), "{} was not evaluated", self.rule);
        Ok(())
    }
}
