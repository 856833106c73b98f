//! `nblease-lab stress`: events in random order, on processors whose calls interleave.

use std::{ops::Range, path::PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use nblease_lab::{
    clock::Mode,
    kernel::kernel,
    scenario::stress::{self, Cast, Stress},
    supervised::{self, Outcome, Supervised},
};

use crate::RunArgs;

/// What to run.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct StressArgs {
    /// The driver, which offers the device; with --strangers any, of which several make a stack, the lowest first.
    #[arg(long = "sys", required = true)]
    sys: Vec<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    /// How many events.
    #[arg(long, default_value_t = stress::EVENTS)]
    events: u64,
    /// Programs that know nothing of the drivers, instead of readers.
    #[arg(long)]
    strangers: bool,
    /// The drivers pass everything on: what goes in has to come out.
    #[arg(long, requires = "strangers")]
    transparent: bool,
    /// Sends come also to a stack that is paused and to a filter that was told of low power; none may keep what is looped back.
    #[arg(long, requires = "strangers")]
    strict: bool,
    /// This process does every OFth round, from the PARTth on, and ends at the first that fails. Without it, --without and
    /// --trace some processes share the rounds, and the part that matters of a round that fails is looked for.
    #[arg(long)]
    part: Option<u64>,
    /// Processes that share the run.
    #[arg(long, default_value_t = 1, requires = "part", value_parser = clap::value_parser!(u64).range(1..))]
    of: u64,
    /// Events of a round that are left out: FIRST-END, END not among them.
    #[arg(long, value_delimiter = ',', value_parser = range)]
    without: Vec<Range<u64>>,
    /// Say each event, and each call that drivers make.
    #[arg(long)]
    trace: bool,
    /// Of a round that fails, do not look for the part that matters.
    #[arg(long)]
    no_shrink: bool,
}

/// `FIRST-END`.
fn range(text: &str) -> Result<Range<u64>, String> {
    let ends = text.split_once('-').and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    ends.ok_or_else(|| format!("{text} is not FIRST-END"))
}

impl StressArgs {
    fn cast(&self) -> Cast {
        let Self { strangers, transparent, strict, .. } = *self;
        if strangers { Cast::Strangers { transparent, strict } } else { Cast::Readers }
    }
}

/// Runs it; the last line says what came of it.
pub fn run(args: &StressArgs) -> Result<()> {
    let is_part = args.part.is_some() || !args.without.is_empty() || args.trace;
    if is_part { run_part(args, args.part.unwrap_or_default()) } else { run_supervised(args) }
}

fn run_supervised(args: &StressArgs) -> Result<()> {
    let StressArgs { sys, run, events, no_shrink, .. } = args;
    let seed = run.seed;
    match supervised(sys, run, args.cast(), *events, !no_shrink)?.run()? {
        Outcome::Held { verdict, .. } => {
            run.keep(&verdict)?;
            println!("stress: ok events={events} violations=0 leaks=0 seed={seed}");
            Ok(())
        }
        Outcome::Failed(failed) => {
            eprint!("{}", failed.said);
            if let Some(shrunk) = &failed.shrunk {
                eprintln!("{shrunk}");
            }
            bail!("stress: FAILED seed={seed}");
        }
    }
}

/// A run of this program's in processes of their own.
pub fn supervised(drivers: &[PathBuf], run: &RunArgs, cast: Cast, events: u64, shrink: bool) -> Result<Supervised> {
    let mut words = supervised::words(drivers, run.inf.as_deref(), run.ndis);
    if let Cast::Strangers { transparent, strict } = cast {
        let switches = [("--strangers", true), ("--transparent", transparent), ("--strict", strict)];
        words.extend(switches.into_iter().filter(|(_, is_on)| *is_on).map(|(switch, _)| switch.into()));
    }
    let program = std::env::current_exe().context("the path of this program")?;
    Ok(Supervised { program, words, cast, seed: run.seed, events, shrink })
}

fn run_part(args: &StressArgs, part: u64) -> Result<()> {
    let StressArgs { sys, run, events, of, without, trace, .. } = args;
    let (of, without, trace) = (*of, without.clone(), *trace);
    let whole = Stress::new(sys.clone(), args.cast(), run.seed, *events);
    let stress = Stress { part, of, without, trace, ..whole };
    let config = run.config(Mode::Virtual, run.seed)?;
    let said = stress::run(&config, &stress, |seed, ended| {
        let stress::Ended { events, frames, digest, .. } = ended;
        println!("round seed={seed} events={events} frames={frames} digest={digest:016x}");
    });
    let (all, verdict) = match said {
        Ok(said) => said,
        Err(error) => {
            // As the report of a broken rule.
            eprintln!("lab: {error:#}");
            eprint!("{}", kernel().judge.verdict());
            bail!("stress: FAILED");
        }
    };
    run.keep(&verdict)?;
    let stress::Ended { events, frames, violations, leaks, digest } = all;
    println!("part events={events} violations={violations} leaks={leaks} frames={frames} digest={digest:016x}");
    ensure!(violations + leaks == 0, "rules were broken, or something is left");
    Ok(())
}
