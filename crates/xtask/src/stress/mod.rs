//! `cargo xtask stress`: the driver under events in random order, on processors whose calls interleave. Two processes share
//! the rounds of a run. Of a round that fails the smallest part that still fails is looked for.

mod shrink;

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::arch::Arch;
use crate::{build, paths, programs};

/// Processes that share a run: one for each of two processors.
const PARTS: u64 = 2;
/// How long a round may take before it counts as a hang.
const HANG: Duration = Duration::from_mins(3);

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// The driver; the one that is built here where absent
    #[arg(long)]
    driver: Option<PathBuf>,
    /// How many events
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Seed of all that is random; a fresh one where absent
    #[arg(long)]
    seed: Option<u64>,
    /// Of a round that fails, do not look for the part that matters
    #[arg(long)]
    no_shrink: bool,
}

/// The lab with a driver.
struct Lab {
    program: PathBuf,
    driver: PathBuf,
}

/// What a process said.
struct Said {
    status: ExitStatus,
    /// Its last line.
    last: String,
    /// What it said of what is wrong.
    report: String,
}

/// Runs it; the last line says what came of it.
pub fn run(args: &Args) -> Result<()> {
    let driver = match &args.driver {
        Some(driver) => driver.clone(),
        None => build::driver(Arch::X64)?,
    };
    let lab = Lab { program: programs::build()?.lab, driver };
    let seed = args.seed.unwrap_or_else(fresh);
    println!("seed={seed}");
    let parts: Vec<_> = std::thread::scope(|scope| {
        let lab = &lab;
        let parts: Vec<_> =
            (0..PARTS).map(|part| scope.spawn(move || lab.run(&words(seed, args.events, part), HANG))).collect();
        parts.into_iter().map(|part| part.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked")))).collect()
    });
    let (mut events, mut violations, mut leaks) = (0, 0, 0);
    for part in parts {
        let Said { status, last, report } = part?;
        if !status.success() {
            eprintln!("{report}");
            if !args.no_shrink {
                shrink::shrink(&lab, &report);
            }
            bail!("stress: FAILED seed={seed}");
        }
        let value = |key: &str| -> Result<u64> {
            let word = last.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            word.with_context(|| format!("{key} in: {last}"))?.parse().with_context(|| last.clone())
        };
        events += value("events")?;
        violations += value("violations")?;
        leaks += value("leaks")?;
    }
    ensure!(
        violations + leaks == 0,
        "stress: FAILED events={events} violations={violations} leaks={leaks} seed={seed}"
    );
    println!("stress: ok events={events} violations={violations} leaks={leaks} seed={seed}");
    Ok(())
}

/// Arguments for one of the processes.
fn words(seed: u64, events: u64, part: u64) -> Vec<OsString> {
    let numbers = [("--seed", seed), ("--events", events), ("--part", part), ("--of", PARTS)];
    numbers.into_iter().flat_map(|(name, number)| [name.into(), number.to_string().into()]).collect()
}

/// A seed that was not there before.
fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ u64::from(std::process::id()) << 48
}

impl Lab {
    /// Runs `nblease-lab stress` with these arguments, as long as it says something now and then.
    fn run(&self, words: &[OsString], hang: Duration) -> Result<Said> {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take().context("its output")?, child.stderr.take().context("its errors")?);
        let report = std::thread::spawn(move || {
            let mut text = String::new();
            BufReader::new(err).read_to_string(&mut text).map(|_| text)
        });
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| said.send(line))
        });
        let mut last = String::new();
        loop {
            match lines.recv_timeout(hang) {
                Ok(line) => last = line,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    child.kill()?;
                    child.wait()?;
                    bail!("a round hangs, after: {last}");
                }
            }
        }
        let status = child.wait()?;
        let report = report.join().map_err(|_| anyhow!("a thread panicked"))??;
        Ok(Said { status, last, report })
    }

    fn command(&self, words: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("stress").arg("--sys").arg(&self.driver);
        command.arg("--inf").arg(inf()).args(words);
        command
    }
}

fn inf() -> PathBuf {
    Path::new(&paths::root()).join("inf/nblease.inx")
}
