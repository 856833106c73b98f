//! `nblease-lab`: puts compiled light filters through scenarios and says what the rules say.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use nblease_lab::{
    clock::Mode,
    lab::{Lab, LabConfig},
    scenario::lifecycle::{self, Lifecycle},
};

/// Hosts compiled NDIS light filters (.sys) in a strict model of NT, KMDF and NDIS.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load, attach, traffic, OIDs, events, pause, restart, detach, unload.
    Lifecycle(LifecycleArgs),
}

#[derive(Args)]
struct LifecycleArgs {
    /// A driver; several make a stack, the lowest first.
    #[arg(long = "sys", required = true)]
    sys: Vec<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    /// How many runs, with seeds one after the other.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Lists of packets between pauses.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Real threads and time instead of one thread and virtual time.
    #[arg(long)]
    real: bool,
    /// The drivers pass everything on: what goes in has to come out.
    #[arg(long)]
    transparent: bool,
}

#[derive(Args)]
struct RunArgs {
    /// Seed of all that is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the report of a violation goes, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Minor number of the NDIS version (6.x).
    #[arg(long, default_value_t = 87, value_parser = clap::value_parser!(u8).range(83..=89))]
    ndis: u8,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nblease-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Lifecycle(args) => lives(&args),
    }
}

fn lives(args: &LifecycleArgs) -> Result<()> {
    let life = Lifecycle { drivers: args.sys.clone(), rounds: args.rounds, transparent: args.transparent };
    let (mut frames, mut rules) = (0, 0);
    for seed in args.run.seed..args.run.seed + args.runs {
        let lab = Lab::new(LabConfig {
            mode: if args.real { Mode::Real } else { Mode::Virtual },
            seed,
            ndis_minor: args.run.ndis,
            report: args.run.report.clone(),
            ..LabConfig::default()
        });
        let result = lifecycle::run(&lab, &life);
        frames += result.map_err(|error| error.context(format!("seed {seed}")))?;
        rules = rules.max(lab.finish().evaluated.len());
    }
    println!("lifecycle: ok runs={} frames={frames} violations=0 rules_evaluated={rules}", args.runs);
    Ok(())
}
