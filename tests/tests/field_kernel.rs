//! Filters in the styles of the field, with WDM and KMDF devices: `tests/filters/field/kernel/*.c`. Each is sound, and the
//! lab says nothing of it though it has evaluated the rules that it could break. Built with `BREAK=n` it is broken as its
//! first comment says, and the lab reports that rule and no other.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use nblease_lab::judge::EXIT_VIOLATION;
use nblease_tests::{built, lab};
use serde_json::Value;

/// Several, since what a filter gets to see depends on it.
const SEEDS: [&str; 2] = ["1", "2"];

/// A filter, sound or broken.
struct Filter {
    image: String,
    /// The rule that it breaks.
    breaks: Option<String>,
    /// The rules that its broken kin break.
    rules: Vec<String>,
}

/// What the first comments say.
fn filters() -> Vec<Filter> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("filters/field/kernel");
    let mut filters = Vec::new();
    for entry in fs::read_dir(folder).expect("the filters") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let (name, text) = (path.file_stem().expect("a name").display(), fs::read_to_string(&path).expect("text"));
        let breaks: Vec<(&str, String)> = text
            .lines()
            .filter_map(|line| line.strip_prefix(" * BREAK ")?.split_once(':')?.0.split_once(' '))
            .map(|(number, rule)| (number, rule.to_owned()))
            .collect();
        let image = |number: &str| format!("filters/field/{name}.{number}.sys");
        let rules = breaks.iter().map(|(_, rule)| rule.clone()).collect();
        filters.push(Filter { image: image("0"), breaks: None, rules });
        filters.extend(breaks.into_iter().map(|(number, rule)| Filter {
            image: image(number),
            breaks: Some(rule),
            rules: Vec::new(),
        }));
    }
    filters
}

impl Filter {
    /// Runs it with a seed: what is not as it should be.
    fn fault(&self, seed: &str) -> Option<String> {
        let image = built(&self.image);
        let image = image.to_str().expect("UTF-8");
        let (exit, said) = lab(&["run", "--json", "--seed", seed, "--sys", image]);
        let report = serde_json::Deserializer::from_str(&said).into_iter::<Value>().flatten().next();
        let report = report.unwrap_or_default();
        let fault = match &self.breaks {
            Some(rule) => {
                let violations = report["violations"].as_array().cloned().unwrap_or_default();
                let found: Vec<_> = violations.iter().map(|violation| &violation["rule"]).collect();
                let caught = exit == Some(EXIT_VIOLATION) && found == [rule];
                (!caught).then(|| format!("should break {rule}"))
            }
            None if exit != Some(0) => Some("is sound".to_owned()),
            None => {
                let evaluated = report["verdicts"][0]["evaluated"].as_array().cloned().unwrap_or_default();
                let missing = self.rules.iter().find(|rule| !evaluated.iter().any(|entry| entry[0] == **rule));
                missing.map(|rule| format!("{rule} was not evaluated"))
            }
        };
        fault.map(|fault| format!("{}, seed {seed}: {fault}\n{said}", self.image))
    }
}

#[test]
fn each_sound_filter_passes_and_each_broken_one_is_told_by_its_rule() {
    let (filters, next, faults) = (filters(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    assert!(filters.len() > 100, "{} filters", filters.len());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(filter) = filters.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = SEEDS.iter().find_map(|seed| filter.fault(seed));
                    faults.lock().expect("no thread panics").extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no thread panics");
    assert!(faults.is_empty(), "{} filters:\n{}", faults.len(), faults.join("\n"));
}
