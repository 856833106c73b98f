//! `cargo xtask fuzz`: libFuzzer over what takes bytes from others (`fuzz/`), each target for its share of the time.
//!
//! Each target starts from `fuzz/corpus/TARGET`, and from what earlier runs found (`target/fuzz/corpus/TARGET`). An input
//! on which it fails is kept in `target/fuzz/crashes`.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::arch::Arch;
use crate::{build, paths};

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What the fuzzer goes by: counters at the branches, and the values that are compared.
const FLAGS: &str = "-Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Lines of a failed run that are shown.
const SHOWN: usize = 40;

/// Something that is fuzzed.
struct Target {
    name: &'static str,
    /// Its share of the time, in relation.
    weight: u32,
    /// Longest input, in bytes.
    max_len: u32,
    /// Inputs of a process, as a kernel of the lab is never freed; -1: any number.
    runs: i32,
}

const TARGETS: &[Target] = &[
    Target { name: "driver", weight: 6, max_len: 1024, runs: 8_000 },
    Target { name: "image", weight: 3, max_len: 20 << 10, runs: 10_000 },
    Target { name: "pcapng", weight: 1, max_len: 4096, runs: -1 },
    Target { name: "rules", weight: 1, max_len: 1024, runs: -1 },
    Target { name: "headers", weight: 1, max_len: 1024, runs: -1 },
];

/// What to fuzz.
#[derive(clap::Args)]
pub struct Args {
    /// How long, for all targets together
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// One target only: driver, image, pcapng, rules or headers
    #[arg(long)]
    target: Option<String>,
    /// Run the target on this file only, once
    #[arg(long, requires = "target", conflicts_with = "keep")]
    input: Option<PathBuf>,
    /// Afterwards, add to fuzz/corpus what was found and shows something that is not there
    #[arg(long)]
    keep: bool,
}

/// Where the built targets are, and the driver that counts its branches.
struct Built {
    folder: PathBuf,
    driver: PathBuf,
}

/// What a process said.
struct Said {
    status: ExitStatus,
    /// The last lines.
    last: VecDeque<String>,
    executions: u64,
}

/// Runs them one after the other; the last line says what came of it.
///
/// # Errors
/// Where an input makes a target fail: the input's file, and how to run it again.
pub fn run(args: &Args) -> Result<()> {
    let chosen = |target: &&Target| args.target.as_deref().is_none_or(|name| name == target.name);
    let targets: Vec<_> = TARGETS.iter().filter(chosen).collect();
    let weights: u32 = targets.iter().map(|target| target.weight).sum();
    if weights == 0 {
        bail!("there is no such target; there are: {}", TARGETS.iter().map(|t| t.name).collect::<Vec<_>>().join(", "));
    }
    let built = Built::build(&targets)?;
    let mut executions = 0;
    for target in &targets {
        if let Some(input) = &args.input {
            let input = input.canonicalize().with_context(|| format!("find {}", input.display()))?;
            return built.run_once(target, &input);
        }
        let share = Duration::from_secs(args.seconds.into()) * target.weight / weights;
        let done = built.fuzz(target, share)?;
        println!("{}: {done} executions in {} s", target.name, share.as_secs());
        executions += done;
        if args.keep {
            built.keep(target)?;
        }
    }
    println!("fuzz: ok seconds={} targets={} executions={executions} crashes=0", args.seconds, targets.len());
    Ok(())
}

fn folder() -> PathBuf {
    paths::root().join("target/fuzz")
}

impl Built {
    fn build(targets: &[&Target]) -> Result<Self> {
        build::driver(Arch::X64)?;
        let driver = build::counted_driver(&folder().join("driver"))?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(paths::root()).args(["build", "--quiet", "--package", "nblease-fuzz"]);
        cargo.args(["--features", "libfuzzer", "--profile", "fuzz", "--target", TRIPLE, "--target-dir"]).arg(folder());
        for target in targets {
            cargo.args(["--bin", target.name]);
        }
        cargo.env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS").env("CXX", "clang++-19");
        if !cargo.status().context("run cargo")?.success() {
            bail!("the targets do not build");
        }
        Ok(Self { folder: folder().join(TRIPLE).join("fuzz"), driver })
    }

    fn command(&self, target: &Target) -> Command {
        let mut command = Command::new(self.folder.join(target.name));
        command.current_dir(paths::root()).env("NBLEASE_FUZZ_DRIVER", &self.driver).env("RUST_BACKTRACE", "0");
        command.args(["-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=0", "-len_control=0"]);
        command.arg(format!("-max_len={}", target.max_len));
        command
    }

    /// Fuzzes a target, in one process after the other: how many inputs it took.
    fn fuzz(&self, target: &Target, time: Duration) -> Result<u64> {
        let (found, crashes) = (folder().join("corpus").join(target.name), folder().join("crashes"));
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&crashes)?;
        let before = paths_in(&crashes)?;
        let (start, mut executions) = (Instant::now(), 0);
        loop {
            let left = time.saturating_sub(start.elapsed()).as_secs().max(1);
            let mut command = self.command(target);
            command.arg(format!("-max_total_time={left}")).arg(format!("-runs={}", target.runs));
            command.arg(format!("-artifact_prefix={}/{}-", crashes.display(), target.name));
            command.arg(&found).args(committed(target.name));
            let said = say(command)?;
            executions += said.executions;
            if !said.status.success() {
                let crash = paths_in(&crashes)?.into_iter().find(|path| !before.contains(path));
                return Err(failure(target, &said, crash.as_deref()));
            }
            if start.elapsed() + Duration::from_secs(1) >= time {
                return Ok(executions);
            }
        }
    }

    fn run_once(&self, target: &Target, input: &Path) -> Result<()> {
        let mut command = self.command(target);
        // The driver as it is, whose symbols are known.
        command.env_remove("NBLEASE_FUZZ_DRIVER").arg(input);
        let status = command.status().context("run the target")?;
        if !status.success() {
            bail!("{} fails on {}: {status}", target.name, input.display());
        }
        println!("fuzz: ok target={} input={}", target.name, input.display());
        Ok(())
    }

    /// Adds to the committed corpus the smallest of the found inputs that show something new.
    fn keep(&self, target: &Target) -> Result<()> {
        let mut command = self.command(target);
        command.args(["-merge=1", "-set_cover_merge=1"]).arg(paths::root().join("fuzz/corpus").join(target.name));
        command.arg(folder().join("corpus").join(target.name));
        let said = say(command)?;
        if !said.status.success() {
            return Err(failure(target, &said, None));
        }
        Ok(())
    }
}

/// The committed inputs: the corpus, and what once failed.
fn committed(target: &str) -> Vec<PathBuf> {
    let folders = ["corpus", "crashes"].map(|kind| paths::root().join("fuzz").join(kind).join(target));
    folders.into_iter().filter(|folder| folder.is_dir()).collect()
}

fn paths_in(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Runs a target to its end.
fn say(mut command: Command) -> Result<Said> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let errors = child.stderr.take().context("its errors")?;
    let (mut last, mut executions) = (VecDeque::new(), 0);
    for line in BufReader::new(errors).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executions = count.trim().parse().context("a count of executions")?;
        }
        if last.len() == SHOWN {
            last.pop_front();
        }
        last.push_back(line);
    }
    Ok(Said { status: child.wait()?, last, executions })
}

/// What is told where a target failed.
fn failure(target: &Target, said: &Said, crash: Option<&Path>) -> anyhow::Error {
    for line in &said.last {
        eprintln!("{line}");
    }
    let name = target.name;
    let again = crash.map_or_else(
        || "no input was kept".to_owned(),
        |path| format!("{}; again: cargo xtask fuzz --target {name} --input {}", path.display(), path.display()),
    );
    anyhow::anyhow!("fuzz: FAILED target={name} {}: {again}", said.status)
}
