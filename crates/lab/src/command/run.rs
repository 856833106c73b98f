//! `nblease-lab run`: any filter, of which nothing is known.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::Args;
use nblease_lab::{
    clock::Mode,
    edges::capture,
    faults::Plan,
    judge::{EXIT_VIOLATION, Verdict, Violation},
    scenario::{
        any::{self, Any, Report, Stressed},
        lifecycle::Lifecycle,
        stress::Cast,
        survival::Lives,
    },
    supervised::{self, Failed, Outcome, Shrunk},
};
use serde::Serialize;

use super::stress;
use crate::{Failing, RunArgs};

/// What to run, and how.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct AnyArgs {
    /// A driver; several make a stack, the lowest first.
    #[arg(long = "sys", required = true)]
    sys: Vec<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    /// A capture (pcap or pcapng) of Ethernet, of which each frame goes down and up.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Then so many events in random order, on processors whose calls interleave.
    #[arg(long, value_name = "EVENTS", default_value_t = 0)]
    stress: u64,
    /// Of a round of these that fails, do not look for the part that matters.
    #[arg(long)]
    no_shrink: bool,
    /// Lists of packets between pauses.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Real threads and time instead of one thread and virtual time; not for --stress.
    #[arg(long)]
    real: bool,
    /// The drivers pass everything on: what goes in has to come out.
    #[arg(long)]
    transparent: bool,
    /// Take what is otherwise only noted for broken rules: sends come also to a stack that is paused, which NDIS itself keeps from
    /// it (V25), and none may keep what NDIS loops back (V49).
    #[arg(long)]
    strict: bool,
    /// Print the report as JSON, that of a violation too.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    failing: Failing,
}

/// What JSON says of a stress that failed.
#[derive(Serialize)]
struct FailedReport<'a> {
    #[serde(flatten)]
    verdict: Verdict,
    stress: FailedStress<'a>,
}

#[derive(Serialize)]
struct FailedStress<'a> {
    events: u64,
    seed: u64,
    shrunk: Option<&'a Shrunk>,
}

/// Runs it; the last line says what came of it.
pub fn run(args: &AnyArgs) -> Result<ExitCode> {
    let mode = if args.real { Mode::Real } else { Mode::Virtual };
    let AnyArgs { rounds, transparent, strict, .. } = *args;
    let failing = Plan::None;
    let life = Lifecycle { drivers: args.sys.clone(), rounds, transparent, strict, failing, thorough: true };
    let replay = args.replay.as_ref().map(|path| capture::frames(path)).transpose()?.unwrap_or_default();
    let mut config = args.run.config(mode, args.run.seed)?;
    if args.json {
        config.report.get_or_insert_with(|| PathBuf::from("/dev/stdout"));
    }
    let mut lives = Lives::default();
    if args.failing.faults || args.failing.failing.is_some() {
        args.failing.live(&mut lives, &config, &life)?;
    }
    let mut report = any::run(&config, &Any { life, replay })?;
    if args.stress > 0 {
        let cast = Cast::Strangers { transparent, strict };
        match stress::supervised(&args.sys, &args.run, cast, args.stress, !args.no_shrink)?.run()? {
            Outcome::Held { frames, verdict } => {
                report.stress = Some(Stressed { events: args.stress, frames, seed: args.run.seed });
                report.verdicts.push(verdict);
            }
            Outcome::Failed(failed) => return failed_run(args, *failed),
        }
    }
    if !strict && mode == Mode::Virtual {
        report.note(found_by_strict(args)?);
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        if lives.runs > 0 {
            println!("{} lives, in most of which calls failed", lives.runs);
        }
        say(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the same life finds when it is a strict one, in a process of its own.
fn found_by_strict(args: &AnyArgs) -> Result<Vec<Violation>> {
    let mut words = vec!["run".into(), "--strict".into()];
    words.extend(supervised::words(&args.sys, args.run.inf.as_deref(), args.run.ndis));
    words.extend([
        "--seed".into(),
        args.run.seed.to_string().into(),
        "--rounds".into(),
        args.rounds.to_string().into(),
    ]);
    let program = std::env::current_exe().context("the path of this program")?;
    Ok(supervised::broken_by(&program, &words)?.map(|verdict| verdict.violations).unwrap_or_default())
}

fn say(report: &Report) {
    for driver in report.drivers.iter().filter(|driver| !driver.lacking.is_empty()) {
        println!("{} imports and did not call: {}", driver.name, driver.lacking.join(", "));
    }
    for note in report.verdicts.iter().flat_map(|verdict| &verdict.notes) {
        println!("note: {}: {} (--strict has the whole report)", note.rule, note.what);
    }
    let (frames, rules) = (report.frames, report.rules_evaluated());
    let stress = report
        .stress
        .as_ref()
        .map(|Stressed { events, frames, seed }| format!(" stress_events={events} stress_frames={frames} seed={seed}"));
    println!("run: ok frames={frames} violations=0 rules_evaluated={rules}{}", stress.unwrap_or_default());
}

/// Says what failed, first as it came and then as little as is needed for it.
fn failed_run(args: &AnyArgs, failed: Failed) -> Result<ExitCode> {
    eprint!("{}", failed.said);
    if let Some(shrunk) = &failed.shrunk {
        eprintln!("{shrunk}");
    }
    let broken = failed.verdict.is_some();
    if args.json {
        let least = failed.shrunk.as_ref().and_then(|shrunk| shrunk.verdict.clone());
        let verdict = least.or(failed.verdict).unwrap_or_default();
        let stress = FailedStress { events: args.stress, seed: args.run.seed, shrunk: failed.shrunk.as_ref() };
        println!("{}", serde_json::to_string(&FailedReport { verdict, stress })?);
    }
    eprintln!("run: FAILED stress_events={} seed={}", args.stress, args.run.seed);
    Ok(ExitCode::from(if broken { EXIT_VIOLATION as u8 } else { 1 }))
}
