//! The smallest part of a round that still fails: events are left out, many at first and then few, as long as the same rule
//! breaks without them.

use std::time::{Duration, Instant};

use super::Lab;

/// How long it is looked for.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long a part of a round may take.
const HANG: Duration = Duration::from_secs(20);
/// Events of a round.
const ROUND: usize = 2000;

/// A failure, as a report tells it.
struct Failure {
    /// `V12`, or how the report begins otherwise.
    rule: String,
    /// The round's seed.
    seed: u64,
    /// The number of the event that was under way; none: the round's end.
    event: Option<usize>,
}

impl Failure {
    fn of(report: &str) -> Option<Self> {
        let line = report.lines().find_map(|line| line.strip_prefix("while: round "))?;
        let (seed, rest) = line.split_once(": ")?;
        let event = rest.strip_prefix("event ").and_then(|rest| rest.split(':').next()?.parse().ok());
        let rule = report.lines().next()?.split(':').next()?.to_owned();
        Some(Self { rule, seed: seed.parse().ok()?, event })
    }
}

/// Looks for it and says how to run it again.
pub fn shrink(lab: &Lab, report: &str) {
    let Some(failure) = Failure::of(report) else {
        eprintln!("the report names no round: nothing to shrink");
        return;
    };
    let count = failure.event.map_or(ROUND, |event| event + 1);
    let mut kept = vec![true; count];
    let mut last = report.to_owned();
    let start = Instant::now();
    let mut size = count.div_ceil(2);
    while size > 0 && start.elapsed() < PATIENCE {
        let there: Vec<usize> = (0..count).filter(|at| kept[*at]).collect();
        for some in there.chunks(size) {
            let mut fewer = kept.clone();
            for at in some {
                fewer[*at] = false;
            }
            if let Some(report) = fails(lab, &failure, &fewer) {
                (kept, last) = (fewer, report);
            }
            if start.elapsed() >= PATIENCE {
                break;
            }
        }
        size /= 2;
    }
    let left = kept.iter().filter(|kept| **kept).count();
    eprintln!("with {left} of {count} events:\n{last}");
    let words = words(&failure, &kept);
    eprintln!(
        "again: cargo xtask lab stress --sys {} --inf {} {}",
        lab.driver.display(),
        super::inf().display(),
        words.join(" ")
    );
}

/// The report, where the same rule breaks with these events.
fn fails(lab: &Lab, failure: &Failure, kept: &[bool]) -> Option<String> {
    let words: Vec<_> = words(failure, kept).into_iter().map(Into::into).collect();
    let said = lab.run(&words, HANG).ok()?;
    let same = Failure::of(&said.report).is_some_and(|other| other.rule == failure.rule);
    (!said.status.success() && same).then_some(said.report)
}

fn words(failure: &Failure, kept: &[bool]) -> Vec<String> {
    let mut words = vec![format!("--seed {}", failure.seed), format!("--events {}", kept.len())];
    let mut without = Vec::new();
    let mut at = 0;
    for run in kept.chunk_by(|a, b| a == b) {
        if run.first() == Some(&false) {
            without.push(format!("{at}-{}", at + run.len()));
        }
        at += run.len();
    }
    if !without.is_empty() {
        words.push(format!("--without {}", without.join(",")));
    }
    words.iter().flat_map(|word| word.split(' ')).map(str::to_owned).collect()
}
