//! `nblease gate`

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use nblease_client::abi::NtStatus;
use nblease_client::abi::configure::{Configure, Directions};
use nblease_client::abi::rules::RuleRecord;
use nblease_client::{CaptureOptions, Device, Error, Gate, Question, Stats, Target, Transport};
use nblease_engine::flow::Headers;
use nblease_engine::reader::Direction;
use nblease_engine::rules::{RuleTable, RuleVerdict};
use serde::Serialize;
use serde_json::json;

use crate::answer::Answer;
use crate::args::{GateArgs, WrongUsage};
use crate::capture::{POLL, explain};
use crate::frame::Frame;
use crate::interrupt;
use crate::rule::Rule;
use crate::rule_file;
use crate::select::select;
use crate::sink::stdout;
use crate::stats::object;

/// Bytes of a frame that come here: all that rules and lines look at are its headers.
const SNAPLEN: u32 = 256;

/// Judges until interrupted, or as much or as long as was asked for.
pub fn run(target: &Target, args: &GateArgs, json: bool) -> Result<()> {
    let rules = args.rules.as_deref().map_or(Ok(Vec::new()), read_rules)?;
    let judge = Judge::new(&rules, args.default_answer)?;
    let mut device = Device::open(target)?;
    let adapters = device.adapters()?;
    let luids = select(&adapters, &args.adapters)?;
    let name =
        |luid| adapters.iter().find(|adapter| adapter.entry.net_luid == luid).map(|adapter| adapter.name.clone());
    let names: Vec<_> = luids.iter().map(|&luid| name(luid).unwrap_or_default()).collect();
    let records: Vec<_> = if args.in_program { Vec::new() } else { rules.iter().map(Rule::record).collect() };
    let is_interrupted = interrupt::noticed()?;
    let config = configuration(args, luids.len());
    let mut gate = Gate::start(device, &config, &luids, &records, CaptureOptions::default()).map_err(explain)?;
    let mut report = Report::new(names, args.quiet, json)?;
    let deadline = args.duration.map(|duration| Instant::now() + duration);
    let is_over = |asked| {
        args.count.is_some_and(|count| asked >= count)
            || is_interrupted()
            || deadline.is_some_and(|at| Instant::now() >= at)
    };

    let result = pump(&mut gate, &judge, &mut report, is_over);
    let stats = gate.stats().ok();
    report.summarize(stats.as_ref(), json);
    match result {
        Err(PumpError::Output(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write what was asked")
        }
        Err(PumpError::Driver(error)) => Err(error.into()),
        Ok(()) | Err(PumpError::Output(_)) => Ok(()),
    }
}

fn read_rules(path: &Path) -> Result<Vec<Rule>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    rule_file::parse(&text).map_err(|error| WrongUsage(format!("{}:{error}", path.display())).into())
}

fn configuration(args: &GateArgs, adapters: usize) -> Configure {
    let adapters = u32::try_from(adapters).unwrap_or(u32::MAX);
    Configure {
        directions: Directions::from(args.direction).bits(),
        snaplen: SNAPLEN,
        priority: args.priority,
        ..Configure::gate(adapters, args.policy.number(), args.budget)
    }
}

/// Decides about what the driver asks.
struct Judge {
    rules: RuleTable<Vec<RuleRecord>>,
    default: Answer,
}

impl Judge {
    fn new(rules: &[Rule], default: Answer) -> Result<Self> {
        let records: Vec<_> = rules.iter().map(Rule::own_record).collect();
        let rules = RuleTable::new(records).map_err(|bad| anyhow::anyhow!("{bad}"))?;
        Ok(Self { rules, default })
    }

    /// By the same rules as in the driver, matched in the same way.
    fn answer(&self, question: &Question<'_>) -> Answer {
        let direction = match question.direction() {
            Directions::OUT => Direction::Out,
            _ => Direction::In,
        };
        // The driver has put a tag that was beside the frame into it.
        match self.rules.judge(direction, None, &Headers::parse(question.packet.data)) {
            RuleVerdict::Pass => Answer::Pass,
            RuleVerdict::Drop => Answer::Drop,
            RuleVerdict::Ask => self.default,
        }
    }
}

enum PumpError {
    Output(io::Error),
    Driver(Error),
}

impl From<io::Error> for PumpError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Error> for PumpError {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

/// Answers until it is over, by how many frames were asked, and the reads have ended.
fn pump<T: Transport>(
    gate: &mut Gate<T>,
    judge: &Judge,
    report: &mut Report,
    is_over: impl Fn(u64) -> bool,
) -> Result<(), PumpError> {
    loop {
        if is_over(report.asked()) {
            gate.stop();
        }
        let mut lines = Vec::new();
        let decide = |question: &Question<'_>| {
            let answer = judge.answer(question);
            lines.push((report.describe(question), answer));
            answer.into()
        };
        let Some(statuses) = gate.next(POLL, decide)? else {
            return Ok(());
        };
        // Only now: no frame waits for the output.
        report.add(lines, &statuses)?;
    }
}

/// What was asked and what came of it.
struct Report {
    /// Names of the adapters, at the positions of their interface numbers.
    names: Vec<String>,
    out: Option<Lines>,
    counts: Counts,
}

/// Where the lines go.
struct Lines {
    out: BufWriter<File>,
    json: bool,
}

/// Frames asked, by what came of the answer.
#[derive(Debug, Default, Serialize)]
struct Counts {
    passed: u64,
    dropped: u64,
    /// After the deadline.
    late: u64,
    /// After the send was cancelled or the adapter went.
    cancelled: u64,
    /// Answers that did not hold for another reason.
    refused: u64,
}

/// One frame that was asked.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    frame: &'a Frame,
    verdict: String,
    /// Why the verdict did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.frame, self.verdict)?;
        match &self.refused {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

impl Report {
    fn new(names: Vec<String>, quiet: bool, json: bool) -> Result<Self> {
        let out = if quiet { None } else { Some(Lines { out: BufWriter::new(stdout()?), json }) };
        Ok(Self { names, out, counts: Counts::default() })
    }

    const fn asked(&self) -> u64 {
        let Counts { passed, dropped, late, cancelled, refused } = &self.counts;
        *passed + *dropped + *late + *cancelled + *refused
    }

    /// What a line says of a frame, where there are lines.
    fn describe(&self, question: &Question<'_>) -> Option<Frame> {
        let name = self.names.get(question.packet.interface as usize).map_or("?", String::as_str);
        self.out.is_some().then(|| Frame::new(&question.packet, name))
    }

    /// Counts and prints the answers to one read.
    fn add(&mut self, lines: Vec<(Option<Frame>, Answer)>, statuses: &[NtStatus]) -> io::Result<()> {
        for ((frame, answer), &status) in lines.into_iter().zip(statuses) {
            *self.counts.of(answer, status) += 1;
            if let (Some(frame), Some(lines)) = (&frame, &mut self.out) {
                lines.put(&Line { frame, verdict: answer.to_string(), refused: refused(status) })?;
            }
        }
        self.out.as_mut().map_or(Ok(()), |lines| lines.out.flush())
    }

    /// One line on standard error: what was asked, and what the driver decided without asking.
    fn summarize(&self, stats: Option<&Stats>, json: bool) {
        let (asked, counts) = (self.asked(), &self.counts);
        let reader = stats.map(|stats| &stats.reader);
        if json {
            let counters = reader.map(|reader| object(reader.counters()));
            eprintln!("{}", json!({ "asked": asked, "answers": counts, "reader": counters }));
            return;
        }
        let driver = reader.map_or_else(String::new, |reader| {
            format!(
                "; by rules {} passed, {} dropped; by policy {} passed, {} dropped, {} NBLs promoted; tripped {} times",
                reader.frames_rule_passed,
                reader.frames_rule_dropped,
                reader.frames_policy_passed,
                reader.frames_policy_dropped,
                reader.nbls_promoted,
                reader.trips
            )
        });
        let Counts { passed, dropped, late, cancelled, refused } = counts;
        eprintln!(
            "nblease: {asked} frames asked: {passed} passed, {dropped} dropped, {late} late, {cancelled} cancelled, \
             {refused} refused{driver}"
        );
    }
}

impl Counts {
    const fn of(&mut self, answer: Answer, status: NtStatus) -> &mut u64 {
        match (status, answer) {
            (NtStatus::SUCCESS, Answer::Pass) => &mut self.passed,
            (NtStatus::SUCCESS, Answer::Drop) => &mut self.dropped,
            (NtStatus::IO_TIMEOUT, _) => &mut self.late,
            (NtStatus::CANCELLED, _) => &mut self.cancelled,
            _ => &mut self.refused,
        }
    }
}

/// Why an answer does not hold; nothing where it does.
fn refused(status: NtStatus) -> Option<String> {
    match status {
        NtStatus::SUCCESS => None,
        NtStatus::IO_TIMEOUT => Some("late".to_owned()),
        NtStatus::CANCELLED => Some("cancelled".to_owned()),
        status => Some(format!("refused: {status:?}")),
    }
}

impl Lines {
    fn put(&mut self, line: &Line<'_>) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.out, line)?;
            writeln!(self.out)
        } else {
            writeln!(self.out, "{line}")
        }
    }
}
