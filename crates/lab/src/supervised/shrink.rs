//! The smallest part of a round that still fails: events are left out, many at first and then few, as long as the same rule
//! breaks without them. So many tries are made, not so long tried, so that the same round gives the same part.

use std::{fmt, time::Duration};

use serde::Serialize;

use super::{Said, Supervised};
use crate::{judge::Verdict, scenario::stress};

/// How often it is tried.
const TRIES: usize = 400;
/// How long a part of a round may take.
const HANG: Duration = Duration::from_secs(30);

/// A failure, as a report tells it.
struct Failure {
    /// `V12`, `BUGCHECK`, or `lab` where it is something else.
    rule: String,
    /// The round's seed.
    round: u64,
    /// The round's events up to the one that was under way.
    events: usize,
}

/// A part of a round that fails as the whole does.
#[derive(Clone, Debug, Serialize)]
pub struct Shrunk {
    /// The round's seed.
    pub round: u64,
    /// How many events it had until it failed.
    pub of: usize,
    /// Those that are left: number, and what happens.
    pub events: Vec<(u64, String)>,
    /// The command that runs it again.
    pub replay: String,
    /// What the lab says of it.
    #[serde(skip)]
    pub report: String,
    /// What the rules say of it, where one is broken.
    #[serde(skip)]
    pub verdict: Option<Verdict>,
}

impl Failure {
    /// Reads `while: round SEED of COUNT events: event NUMBER: NAME`.
    fn of(report: &str) -> Option<Self> {
        let line = report.lines().find_map(|line| line.strip_prefix("while: round "))?;
        let (round, rest) = line.split_once(" of ")?;
        let (count, rest) = rest.split_once(" events: ")?;
        let event = rest.strip_prefix("event ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        // Before it a driver's imports may be spoken of.
        let is_rule = |word: &str| word == "BUGCHECK" || word == "lab" || word.len() == 3 && word.starts_with('V');
        let mut rules = report.lines().filter_map(|line| Some(line.split_once(": ")?.0)).filter(|word| is_rule(word));
        let rule = rules.next()?.to_owned();
        let events = match event {
            Some(event) => event + 1,
            None => count.parse().ok()?,
        };
        Some(Self { rule, round: round.parse().ok()?, events })
    }
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "with {} of {} events:", self.events.len(), self.of)?;
        for (number, name) in &self.events {
            writeln!(f, "  event {number}: {name}")?;
        }
        write!(f, "{}", self.report.trim_end())
    }
}

/// Looks for it; none where the report names no round, or the round does not fail again.
pub(super) fn shrink(run: &Supervised, report: &str) -> Option<Shrunk> {
    let failure = Failure::of(report)?;
    let mut kept = vec![true; failure.events];
    let mut last = fails(run, &failure, &kept)?;
    let (mut size, mut tries) = (failure.events.div_ceil(2), 0);
    while size > 0 && tries < TRIES {
        let there: Vec<usize> = (0..kept.len()).filter(|at| kept[*at]).collect();
        for some in there.chunks(size).take(TRIES - tries) {
            tries += 1;
            let mut fewer = kept.clone();
            for at in some {
                fewer[*at] = false;
            }
            if let Some(said) = fails(run, &failure, &fewer) {
                (kept, last) = (fewer, said);
            }
        }
        size /= 2;
    }
    let numbers = (0..).zip(&kept).filter(|(_, kept)| **kept).map(|(number, _)| number);
    Some(Shrunk {
        round: failure.round,
        of: failure.events,
        events: numbers.map(|number| (number, stress::name_of(run.cast, failure.round, number))).collect(),
        replay: last.report.lines().find_map(|line| line.strip_prefix("replay: ")).unwrap_or_default().to_owned(),
        report: last.report,
        verdict: last.verdict,
    })
}

/// What is said where the same rule breaks with these events.
fn fails(run: &Supervised, failure: &Failure, kept: &[bool]) -> Option<Said> {
    let said = run.part(0, 1, failure.round, kept.len() as u64, &without(kept), HANG).ok()?;
    let same = Failure::of(&said.report).is_some_and(|other| other.rule == failure.rule);
    (!said.status.success() && same).then_some(said)
}

/// The events that are not kept, as `FIRST-END`.
fn without(kept: &[bool]) -> Vec<String> {
    let (mut without, mut at) = (Vec::new(), 0);
    for run in kept.chunk_by(|a, b| a == b) {
        if run.first() == Some(&false) {
            without.push(format!("{at}-{}", at + run.len()));
        }
        at += run.len();
    }
    without
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_where_it_failed() {
        let said = |place: &str| format!("V12: too long\n    in x\nwhile: round 77 of 500 events: {place}\nseed=77\n");
        let failure = |place: &str| Failure::of(&said(place)).map(|f| (f.rule, f.round, f.events));
        assert_eq!(failure("event 3: Send"), Some(("V12".to_owned(), 77, 4)));
        assert_eq!(failure("end"), Some(("V12".to_owned(), 77, 500)));
        assert!(Failure::of("V12: too long\nseed=77\n").is_none());
    }

    #[test]
    fn events_that_are_left_out_are_ranges() {
        assert_eq!(without(&[true, false, false, true, false]), ["1-3", "4-5"]);
        assert!(without(&[true; 3]).is_empty());
    }
}
