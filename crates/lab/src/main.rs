//! `nblease-lab`: puts compiled light filters through scenarios and says what the rules say.
#![allow(unsafe_code)]

mod command;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use nblease_lab::{
    clock::Mode,
    edges::capture,
    faults::Plan,
    judge::replay as replay_of,
    lab::{Lab, LabConfig},
    ndis::Inf,
    scenario::{
        capture::As,
        faults, hold,
        lifecycle::Lifecycle,
        live::{Place, Wire},
        lwf_logo,
        replay::{self, Replayed},
        survival::Lives,
    },
    user_socket::UserSocket,
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
    /// Host any filter: its life, a capture both ways and random events where they are asked for, and what the rules say.
    Run(command::run::AnyArgs),
    /// Put each frame of captures through the driver both ways, and compare.
    Replay(ReplayArgs),
    /// Put the driver through readers that hold frames, and account for each frame.
    Hold(HoldArgs),
    /// Put drivers through events in random order, on processors whose calls interleave.
    Stress(command::stress::StressArgs),
    /// Fail each call that may fail once for each way by which the driver comes to it.
    Faults(FaultsArgs),
    /// What the LWF Logo test of the Hardware Lab Kit asks of any filter.
    LwfLogo(LogoArgs),
    /// Put the driver on a wire between two TAP devices, until SIGINT or SIGTERM.
    Live(LiveArgs),
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
    #[command(flatten)]
    failing: Failing,
}

/// Calls of the drivers that fail.
#[derive(Args)]
struct Failing {
    /// Then lives in which each call fails once that may fail, some by chance, all while memory is low.
    #[arg(long)]
    faults: bool,
    /// Only this life, as a report says: nth:NUMBER, nth:FIRST:COUNT, chance:SEED:ONE_IN, low:SEED:ONE_IN.
    #[arg(long, value_name = "PLAN")]
    failing: Option<Plan>,
}

#[derive(Args)]
struct ReplayArgs {
    /// The driver, which offers the capture device.
    #[arg(long)]
    sys: PathBuf,
    #[command(flatten)]
    run: RunArgs,
    /// How the driver is read.
    #[arg(long, value_enum, default_value_t = ReadMode::Tap)]
    mode: ReadMode,
    /// Where what was captured goes, as NAME.pcapng for each file.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Captures (pcap or pcapng) of Ethernet.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// How a reader reads.
#[derive(Clone, Copy, ValueEnum)]
enum ReadMode {
    /// It watches.
    Tap,
    /// It is asked about each frame, and lets it pass.
    Gate,
}

#[derive(Args)]
struct HoldArgs {
    /// The driver, which offers the device.
    #[arg(long)]
    sys: PathBuf,
    #[command(flatten)]
    run: RunArgs,
    /// About how many frames go through.
    #[arg(long, default_value_t = 110_000)]
    frames: u64,
    /// Say what each act came to.
    #[arg(long)]
    verbose: bool,
}

#[derive(Args)]
struct FaultsArgs {
    /// The driver, which offers the device.
    #[arg(long)]
    sys: PathBuf,
    #[command(flatten)]
    run: RunArgs,
    /// Say each place.
    #[arg(long)]
    verbose: bool,
    /// Only this run, as a report says: nth:NUMBER, nth:FIRST:COUNT, chance:SEED:ONE_IN, low:SEED:ONE_IN.
    #[arg(long, value_name = "PLAN")]
    failing: Option<Plan>,
}

#[derive(Args)]
struct LogoArgs {
    /// The driver.
    #[arg(long)]
    sys: PathBuf,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct LiveArgs {
    /// A driver; several make a stack, the lowest first.
    #[arg(long = "sys", required = true)]
    sys: Vec<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
    /// NAMESPACE:INTERFACE above the stack: what it sends goes down.
    #[arg(long)]
    upper: Place,
    /// NAMESPACE:INTERFACE below the stack: what it sends is received.
    #[arg(long)]
    lower: Place,
    /// Where programs reach the driver's device.
    #[arg(long)]
    socket: Option<PathBuf>,
}

#[derive(Args)]
struct RunArgs {
    /// Seed of all that is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the report goes, as JSON: that of a violation, and of `lifecycle` and `live` at their end.
    #[arg(long)]
    report: Option<PathBuf>,
    /// The driver's INF: registration is checked against it.
    #[arg(long)]
    inf: Option<PathBuf>,
    /// Minor number of the NDIS version (6.x): a driver that registers for a newer one does not start.
    #[arg(long, default_value_t = 89, value_parser = clap::value_parser!(u8).range(83..=89))]
    ndis: u8,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nblease-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Lifecycle(args) => lives(&args)?,
        Command::Run(args) => return command::run::run(&args),
        Command::Replay(args) => replays(&args)?,
        Command::Hold(args) => holds(&args)?,
        Command::Stress(args) => command::stress::run(&args)?,
        Command::Faults(args) => fail(&args)?,
        Command::LwfLogo(args) => logo(&args)?,
        Command::Live(args) => live(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl RunArgs {
    fn config(&self, mode: Mode, seed: u64) -> Result<LabConfig> {
        let inf = self.inf.as_ref().map(|path| -> Result<Inf> {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Inf::parse(&text).with_context(|| format!("{}: NetCfgInstanceId or the service is missing", path.display()))
        });
        let report = self.report.clone();
        let command = Some(replay_of::command(std::env::args().skip(1)));
        Ok(LabConfig { mode, seed, slow: false, ndis_minor: self.ndis, inf: inf.transpose()?, report, command })
    }

    /// Writes a report where it is to go, if anywhere.
    fn keep(&self, report: &impl serde::Serialize) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        fs::write(path, serde_json::to_vec_pretty(report)?).with_context(|| path.display().to_string())
    }
}

fn lives(args: &LifecycleArgs) -> Result<()> {
    let mode = if args.real { Mode::Real } else { Mode::Virtual };
    let LifecycleArgs { rounds, transparent, .. } = *args;
    let failing = Plan::None;
    let life = Lifecycle { drivers: args.sys.clone(), rounds, transparent, strict: true, failing, thorough: true };
    let mut lives = Lives::default();
    for seed in args.run.seed..args.run.seed + args.runs {
        args.failing.live(&mut lives, &args.run.config(mode, seed)?, &life)?;
    }
    let rules = lives.verdict.as_ref().map_or(0, |verdict| verdict.evaluated.len());
    args.run.keep(&lives.verdict)?;
    println!("lifecycle: ok runs={} frames={} violations=0 rules_evaluated={rules}", lives.runs, lives.frames);
    Ok(())
}

impl Failing {
    /// A life, or several.
    fn live(&self, lives: &mut Lives, config: &LabConfig, life: &Lifecycle) -> Result<()> {
        match &self.failing {
            Some(plan) => {
                let failing = plan.clone();
                lives
                    .live(config, &Lifecycle { failing, transparent: false, thorough: false, ..life.clone() })
                    .map(drop)
            }
            None if self.faults => lives.with_failures(config, life),
            None => lives.live(config, life).map(drop),
        }
    }
}

fn replays(args: &ReplayArgs) -> Result<()> {
    let how = match args.mode {
        ReadMode::Tap => As::Tap,
        ReadMode::Gate => As::Gate,
    };
    let mut all = Replayed::default();
    for (number, file) in args.files.iter().enumerate() {
        let frames = capture::frames(file)?;
        let seed = args.run.seed + number as u64;
        let lab = Lab::new(LabConfig { slow: true, ..args.run.config(Mode::Virtual, seed)? });
        let (replayed, captured) =
            replay::run(&lab, &args.sys, how, &frames).with_context(|| format!("{}, seed {seed}", file.display()))?;
        lab.finish();
        all.add(replayed);
        if let Some(out) = &args.out {
            keep(out, file, &captured)?;
        }
    }
    let originals = match how {
        As::Tap => String::new(),
        As::Gate => format!(" forwarded_originals={}%", all.forwarded_originals()),
    };
    println!(
        "replay: ok files={} frames={} copies_per_frame={:.2}{originals} violations=0",
        args.files.len(),
        all.frames,
        all.copies_per_frame()
    );
    Ok(())
}

/// Writes what was captured of `file` into the folder `out`.
fn keep(out: &Path, file: &Path, captured: &[u8]) -> Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let name = Path::new(file.file_name().context("a capture's name")?).with_extension("pcapng");
    let path = out.join(name);
    fs::write(&path, captured).with_context(|| path.display().to_string())
}

fn holds(args: &HoldArgs) -> Result<()> {
    println!("seed={}", args.run.seed);
    let lab = Lab::new(args.run.config(Mode::Virtual, args.run.seed)?);
    let say = |line: &str| {
        if args.verbose {
            println!("{line}");
        }
    };
    let held = hold::run(&lab, &args.sys, args.frames, say).with_context(|| format!("seed {}", args.run.seed))?;
    let violations = lab.finish().violations.len();
    let hold::Held { frames, lost, doubled, reordered, max_hold_ms, budget_ms, promoted, tripped } = held;
    let good = lost + doubled + reordered == 0 && max_hold_ms <= budget_ms && promoted > 0 && tripped > 0;
    println!(
        "hold: {} frames={frames} lost={lost} doubled={doubled} reordered={reordered} max_hold_ms={max_hold_ms} \
         budget_ms={budget_ms} promoted={promoted} tripped={tripped} violations={violations}",
        if good && violations == 0 { "ok" } else { "FAILED" }
    );
    ensure!(good && violations == 0, "frames were lost, doubled, reordered or held too long, or nothing was tried");
    Ok(())
}

fn fail(args: &FaultsArgs) -> Result<()> {
    let config = args.run.config(Mode::Virtual, args.run.seed)?;
    if let Some(plan) = &args.failing {
        let calls = faults::once(&config, &args.sys, args.run.seed, plan.clone())?;
        println!("faults: ok failed={calls}");
        return Ok(());
    }
    let faults::Failed { sites, unreached, runs, behind, combined, low } =
        faults::run(&config, &args.sys, args.run.seed, |site| {
            if args.verbose {
                println!("survived: {site}");
            }
        })?;
    for call in &unreached {
        println!("unreached: {call}");
    }
    println!("one call at a time: {runs} runs");
    println!("one call more while memory is low: {} runs, {} calls found", behind.runs, behind.calls);
    println!("some by chance: {} runs, {} calls failed", combined.runs, combined.calls);
    println!("memory low, then there again: {} runs, {} calls failed", low.runs, low.calls);
    ensure!(unreached.is_empty(), "faults: FAILED sites={} unreached={}", sites.len(), unreached.len());
    println!("faults: ok sites={} survived={}", sites.len(), sites.len());
    Ok(())
}

fn logo(args: &LogoArgs) -> Result<()> {
    let lab = Lab::new(args.run.config(Mode::Virtual, args.run.seed)?);
    let frames = lwf_logo::run(&lab, &args.sys, |part| println!("{part}: passed"))
        .with_context(|| format!("lwf-logo: FAILED seed={}", args.run.seed))?;
    let violations = lab.finish().violations.len();
    ensure!(violations == 0, "lwf-logo: FAILED violations={violations} seed={}", args.run.seed);
    println!("{frames} frames, no rule broken, seed={}", args.run.seed);
    println!("lwf-logo: ok");
    Ok(())
}

fn live(args: &LiveArgs) -> Result<()> {
    let signals = Signals::block()?;
    let lab = Lab::new(args.run.config(Mode::Real, args.run.seed)?);
    let wire = Wire::start(&lab, &args.sys, &args.upper, &args.lower)?;
    let socket = args.socket.as_ref().map(|path| UserSocket::listen(path)).transpose().context("the socket")?;
    println!("ready");
    io::stdout().flush()?;
    signals.wait()?;
    drop(socket);
    let report = wire.stop(lab)?;
    args.run.keep(&report)?;
    println!(
        "live: ok sent={} received={} refused={} copies_per_frame={:.2} max_hold_ms={:.1} violations=0",
        report.frames_sent, report.frames_received, report.frames_refused, report.copies_per_frame, report.max_hold_ms
    );
    ensure!(report.verdict.violations.is_empty(), "{} violations", report.verdict.violations.len());
    Ok(())
}

/// SIGINT and SIGTERM, kept from ending the process.
struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks them for this thread and those that it starts.
    fn block() -> Result<Self> {
        // SAFETY: a set of bits.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // SAFETY: the set is this function's own.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: as above; the old mask is not asked for.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        ensure!(result == 0, "the signal mask: {}", io::Error::from_raw_os_error(result));
        Ok(Self(set))
    }

    /// Waits for one.
    fn wait(&self) -> Result<()> {
        let mut signal = 0;
        // SAFETY: the set is of blocked signals; the number goes to a local.
        let result = unsafe { libc::sigwait(&raw const self.0, &raw mut signal) };
        ensure!(result == 0, "sigwait: {}", io::Error::from_raw_os_error(result));
        Ok(())
    }
}
