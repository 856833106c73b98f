//! Each rule that has a filter that breaks it: the lab names that rule and no other, and says nothing of the filter
//! that does the same work rightly.
//!
//! The filters are `tests/filters/breakers/vNN_*.c`, each built broken and sound. The rules of KMDF (V43 to V48) have
//! their breakers in the lab's own tests (`crates/lab/src/wdf/tests/rules.rs`).

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nblease_lab::judge::EXIT_VIOLATION;
use nblease_tests::{built, program};
use serde_json::Value;

/// The rules that have to have a breaker here.
const RULES: &[&str] =
    &["V01", "V02", "V03", "V05", "V07", "V14", "V15", "V16", "V21", "V23", "V25", "V35", "V36", "V39", "V40"];
/// Several, since what a filter gets to see depends on it.
const SEEDS: std::ops::Range<u64> = 1..4;

/// A breaker's name without `.c`, and its rule.
fn breakers() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters/breakers");
    let mut breakers = Vec::new();
    for entry in fs::read_dir(&folder).expect("the breakers' folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "c") {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            let rule = name.split('_').next().unwrap_or_default().to_uppercase();
            breakers.push((name, rule));
        }
    }
    breakers.sort();
    breakers
}

/// A life of a filter: how it ended, what the lab said, and the rules in its report, if it wrote one.
fn life(filter: &str, seed: u64) -> (Option<i32>, String, Option<Vec<String>>) {
    let report: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{filter}.{seed}.json"));
    let _ = fs::remove_file(&report);
    let mut lab = Command::new(program("nblease-lab"));
    lab.arg("lifecycle").arg("--sys").arg(built(&format!("filters/{filter}.sys")));
    lab.arg("--seed").arg(seed.to_string()).arg("--report").arg(&report);
    let output = lab.output().expect("the lab runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let broken = fs::read(&report).ok().map(|json| {
        let report: Value = serde_json::from_slice(&json).expect("a report in JSON");
        let violations = report["violations"].as_array().expect("violations").iter();
        violations.map(|violation| violation["rule"].as_str().expect("a rule").to_owned()).collect()
    });
    (output.status.code(), said.into_owned(), broken)
}

#[test]
fn each_rule_has_a_breaker() {
    let have: BTreeSet<String> = breakers().into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(have, RULES.iter().map(|rule| (*rule).to_owned()).collect());
}

#[test]
fn each_breaker_is_caught_by_its_rule() {
    for (name, rule) in breakers() {
        for seed in SEEDS {
            let (code, said, broken) = life(&format!("{name}.broken"), seed);
            assert_eq!(code, Some(EXIT_VIOLATION), "{name} with seed {seed}:\n{said}");
            assert_eq!(broken, Some(vec![rule.clone()]), "{name} with seed {seed}:\n{said}");
        }
    }
}

#[test]
fn each_breakers_twin_is_sound() {
    for (name, _) in breakers() {
        for seed in SEEDS {
            let (code, said, broken) = life(&format!("{name}.sound"), seed);
            assert_eq!(code, Some(0), "{name} with seed {seed}:\n{said}");
            assert!(broken.is_none_or(|broken| broken.is_empty()), "{name} with seed {seed}:\n{said}");
        }
    }
}
