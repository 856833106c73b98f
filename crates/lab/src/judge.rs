//! The judge: the numbered rules of the contract, how often each was evaluated, and what to do when one breaks.
//!
//! A violation ends the run by default: the report goes to standard error (and as JSON to a file where one was asked
//! for) and the process exits with [`EXIT_VIOLATION`], since a driver that broke the contract cannot be trusted to
//! unwind. Rules are cited as `V05`; their wording is in `docs/contract.md`.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use crate::{call_stack, kernel::kernel, sync::lock, thread};
use demands::DEMANDS;
pub use known::Known;

mod demands;
mod known;
pub mod replay;

/// Exit status of a process whose driver broke a rule.
pub const EXIT_VIOLATION: i32 = 70;

/// What a violation is called that no rule says.
const BUG_CHECK: &str = "BUGCHECK";

/// How many rules there are; they are numbered from 1.
pub const RULES: usize = 49;

/// A rule of the contract, by number (1 to [`RULES`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule(u8);

impl Rule {
    /// The rule of this number, or none where there is no such rule.
    pub const fn new(number: u8) -> Option<Self> {
        if number >= 1 && number as usize <= RULES { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What has to hold.
    pub fn demand(self) -> &'static str {
        DEMANDS.get(self.0 as usize - 1).copied().unwrap_or_default()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{:02}", self.0)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! rules {
    ($($name:ident = $n:literal),* $(,)?) => {
        /// The rules by name.
        pub mod rule {
            use super::Rule;
            $(#[doc = concat!("Rule ", $n, ".")] pub const $name: Rule = Rule($n);)*
        }
    };
}

rules! {
    V01 = 1, V02 = 2, V03 = 3, V04 = 4, V05 = 5, V06 = 6, V07 = 7, V08 = 8, V09 = 9, V10 = 10, V11 = 11, V12 = 12,
    V13 = 13, V14 = 14, V15 = 15, V16 = 16, V17 = 17, V18 = 18, V19 = 19, V20 = 20, V21 = 21, V22 = 22, V23 = 23,
    V24 = 24, V25 = 25, V26 = 26, V27 = 27, V28 = 28, V29 = 29, V30 = 30, V31 = 31, V32 = 32, V33 = 33, V34 = 34,
    V35 = 35, V36 = 36, V37 = 37, V38 = 38, V39 = 39, V40 = 40, V41 = 41, V42 = 42, V43 = 43, V44 = 44, V45 = 45,
    V46 = 46, V47 = 47, V48 = 48, V49 = 49,
}

/// One break of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// `V05`, or `BUGCHECK`; after a call that failed by plan `V29`, with the rule in the text.
    pub rule: String,
    /// What has to hold; empty for a bugcheck.
    pub demand: String,
    /// What was seen, in one sentence or more.
    pub what: String,
    /// The last events of the object concerned, oldest first.
    pub history: Vec<String>,
    /// Other objects that `what` names.
    pub objects: Vec<Known>,
    /// The driver's functions and callbacks under way, innermost first, with offsets in the image and symbols.
    pub stack: Vec<String>,
    /// The last calls of drivers into the lab on this thread, oldest first.
    pub calls: Vec<String>,
    /// The last calls that failed by plan, oldest first, by what path the driver came to them.
    pub failed: Vec<String>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// The seed of the run.
    pub seed: u64,
    /// The command that runs the same again, where the run is one of a command's.
    pub replay: Option<String>,
    /// What the scenario did last.
    pub under_way: String,
    /// (rule, how often it was evaluated), for the rules evaluated at least once.
    pub evaluated: Vec<(String, u64)>,
    /// What broke.
    pub violations: Vec<Violation>,
    /// What is no violation, but worth a look: the first of each rule that is only noted.
    pub notes: Vec<Violation>,
}

/// Counts evaluations and keeps violations.
pub struct Judge {
    evaluated: [AtomicU64; RULES + 1],
    violations: Mutex<Vec<Violation>>,
    notes: Mutex<Vec<Violation>>,
    only_noted: AtomicU64,
    stop: AtomicBool,
    abort: AtomicBool,
    report: Mutex<Option<PathBuf>>,
    under_way: Mutex<String>,
    replay: Mutex<Option<String>>,
    seed: u64,
}

impl Verdict {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        for (rule, count) in other.evaluated {
            match self.evaluated.binary_search_by(|(known, _)| known.cmp(&rule)) {
                Ok(at) => self.evaluated[at].1 += count,
                Err(at) => self.evaluated.insert(at, (rule, count)),
            }
        }
        self.violations.extend(other.violations);
        self.notes.extend(other.notes);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            write!(f, "{violation}")?;
        }
        if !self.under_way.is_empty() {
            writeln!(f, "while: {}", self.under_way)?;
        }
        writeln!(f, "seed={}", self.seed)?;
        self.replay.iter().try_for_each(|command| writeln!(f, "replay: {command}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.rule, self.what)?;
        if !self.demand.is_empty() {
            writeln!(f, "    what has to hold: {}", self.demand)?;
        }
        let mut list = |title: &str, lines: &[String]| -> fmt::Result {
            if !lines.is_empty() {
                writeln!(f, "    {title}:")?;
            }
            lines.iter().try_for_each(|line| writeln!(f, "        {line}"))
        };
        list("history", &self.history)?;
        for object in &self.objects {
            list(&format!("history of {}", object.name), &object.history)?;
        }
        list("failed by plan, oldest first", &self.failed)?;
        list("stack, innermost first", &self.stack)?;
        list("last calls of this thread, oldest first", &self.calls)
    }
}

impl Judge {
    /// A judge that ends the process at the first violation.
    pub fn new(seed: u64) -> Self {
        Self {
            evaluated: [const { AtomicU64::new(0) }; RULES + 1],
            violations: Mutex::new(Vec::new()),
            notes: Mutex::new(Vec::new()),
            only_noted: AtomicU64::new(0),
            stop: AtomicBool::new(true),
            abort: AtomicBool::new(false),
            report: Mutex::new(None),
            under_way: Mutex::default(),
            replay: Mutex::default(),
            seed,
        }
    }

    /// Keep going after violations that leave the run meaningful (`false`), or end at the first (`true`, the start).
    pub fn stop_at_first(&self, stop: bool) {
        self.stop.store(stop, Ordering::Relaxed);
    }

    /// The process ends by an abort instead of [`EXIT_VIOLATION`], so that a fuzzer keeps what led there.
    pub fn abort_at_end(&self, abort: bool) {
        self.abort.store(abort, Ordering::Relaxed);
    }

    /// A rule that is not for every driver: who does otherwise gets a note, and the run goes on.
    pub fn only_note(&self, rule: Rule) {
        self.only_noted.fetch_or(1 << rule.0, Ordering::Relaxed);
    }

    /// Where the JSON report goes when the process ends by a violation.
    pub fn report_to(&self, path: Option<PathBuf>) {
        *lock(&self.report) = path;
    }

    /// The command that runs the same again, but for the seed.
    pub fn replayed_by(&self, command: Option<String>) {
        *lock(&self.replay) = command;
    }

    /// What the scenario does, for the report.
    pub fn under_way(&self, what: String) {
        *lock(&self.under_way) = what;
    }

    /// A rule was evaluated: looked at with something that could have broken it.
    pub fn evaluated(&self, rule: Rule) {
        if let Some(count) = self.evaluated.get(rule.0 as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Evaluates `rule`: when `holds` is false it is broken, as `what` says.
    pub fn check(&self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        self.evaluated(rule);
        if !holds {
            self.broken(rule, what());
        }
    }

    /// A rule is broken; the run ends unless the judge was told to go on.
    pub fn broken(&self, rule: Rule, what: impl Into<String>) {
        self.broken_with(rule, what, Vec::new());
    }

    /// As [`Self::broken`], with the history of the object concerned.
    pub fn broken_with(&self, rule: Rule, what: impl Into<String>, history: Vec<String>) {
        self.evaluated(rule);
        if self.only_noted.load(Ordering::Relaxed) & 1 << rule.0 != 0 {
            return self.note(rule, what.into(), history);
        }
        self.keep(Some(rule), what.into(), history);
        if self.stop.load(Ordering::Relaxed) {
            self.end();
        }
    }

    /// Keeps a violation. Where a call was made to fail by plan, what follows is that the driver did not survive it: it
    /// did nothing of the kind in the run without the plan, which comes first.
    fn keep(&self, mut rule: Option<Rule>, mut what: String, history: Vec<String>) {
        let failed = kernel().faults.failed();
        if let Some(last) = failed.last() {
            self.evaluated(rule::V29);
            let broke = if rule == Some(rule::V29) { String::new() } else { format!("{}: ", name_of(rule)) };
            what = match kernel().faults.failures() {
                1 => format!("did not survive the failure of {last}: {broke}{what}"),
                count => format!("did not survive {count} failed calls, lastly {last}: {broke}{what}"),
            };
            rule = Some(rule::V29);
        }
        lock(&self.violations).push(violation(rule, what, history, failed));
    }

    fn note(&self, rule: Rule, what: String, history: Vec<String>) {
        let (mut notes, note) = (lock(&self.notes), violation(Some(rule), what, history, Vec::new()));
        if notes.iter().all(|other| other.rule != note.rule) {
            notes.push(note);
        }
    }

    /// What a real machine would end with, where no rule of the contract says it better.
    pub fn bug_check(&self, what: impl Into<String>) -> ! {
        self.keep(None, what.into(), Vec::new());
        self.end()
    }

    /// A rule is broken in a way after which nothing can go on (a fault inside the driver).
    pub fn fatal(&self, rule: Rule, what: impl Into<String>, history: Vec<String>) -> ! {
        self.stop_at_first(false);
        self.broken_with(rule, what, history);
        self.end()
    }

    /// What the run came to so far.
    pub fn verdict(&self) -> Verdict {
        let evaluated = (1..=RULES)
            .filter_map(|n| {
                let count = self.evaluated.get(n)?.load(Ordering::Relaxed);
                (count > 0).then(|| (format!("V{n:02}"), count))
            })
            .collect();
        let replay = lock(&self.replay).as_ref().map(|command| {
            let failing = kernel().faults.replay().map(|plan| format!(" --failing {plan}")).unwrap_or_default();
            format!("{command} --seed {}{failing}", self.seed)
        });
        let under_way = lock(&self.under_way).clone();
        Verdict {
            seed: self.seed,
            replay,
            under_way,
            evaluated,
            violations: lock(&self.violations).clone(),
            notes: lock(&self.notes).clone(),
        }
    }

    /// Prints the report and ends the process.
    fn end(&self) -> ! {
        let verdict = self.verdict();
        eprint!("{verdict}");
        if let (Some(path), Ok(json)) = (lock(&self.report).as_ref(), serde_json::to_vec_pretty(&verdict)) {
            let _ = std::fs::write(path, json);
        }
        if self.abort.load(Ordering::Relaxed) {
            std::process::abort();
        }
        // SAFETY: ends the process without running destructors: the driver's threads are in an unknown state.
        unsafe { libc::_exit(EXIT_VIOLATION) }
    }
}

fn name_of(rule: Option<Rule>) -> String {
    rule.map_or_else(|| BUG_CHECK.to_owned(), |rule| rule.to_string())
}

/// What was seen now, on this thread.
fn violation(rule: Option<Rule>, what: String, history: Vec<String>, failed: Vec<String>) -> Violation {
    let mut objects = known::named_in(&what);
    objects.retain(|object| object.history != history);
    let demand = rule.map(Rule::demand).unwrap_or_default().to_owned();
    let (stack, calls) = (call_stack::lines(), thread::last_calls());
    Violation { rule: name_of(rule), demand, what, history, objects, stack, calls, failed }
}
