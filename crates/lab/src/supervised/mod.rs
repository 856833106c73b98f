//! Stress in processes of its own: a broken rule ends the process that it breaks in, and may leave it in any state.
//!
//! A run is shared by some processes, each of which does `nblease-lab stress --part` of it and is killed where it says
//! nothing for long. Of a round that fails the smallest part that still fails is looked for.

mod shrink;

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};

pub use shrink::Shrunk;

use crate::{
    judge::{EXIT_VIOLATION, Verdict},
    scenario::stress::Cast,
};

/// Processes that share a run: one for each of two processors.
const PARTS: u64 = 2;
/// How long a round may take before it counts as a hang.
const HANG: Duration = Duration::from_mins(3);

/// A run.
#[derive(Clone, Debug)]
pub struct Supervised {
    /// `nblease-lab`.
    pub program: PathBuf,
    /// Arguments of `nblease-lab stress` besides those below.
    pub words: Vec<OsString>,
    /// Who calls the drivers, as `words` say.
    pub cast: Cast,
    /// Seed of the run.
    pub seed: u64,
    /// Events of all rounds.
    pub events: u64,
    /// Whether the part that matters of a round that fails is looked for.
    pub shrink: bool,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// No rule was broken, and nothing was left.
    Held {
        /// Frames that went in at the ends.
        frames: u64,
        /// What the rules say of all rounds.
        verdict: Verdict,
    },
    /// Something was wrong.
    Failed(Box<Failed>),
}

/// A run in which something was wrong.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What the process said.
    pub said: String,
    /// Where a rule was broken: what the rules say of the round.
    pub verdict: Option<Verdict>,
    /// The part of the round that matters, if it was looked for and found.
    pub shrunk: Option<Shrunk>,
}

/// What a process came to.
struct Said {
    status: ExitStatus,
    /// Its last line.
    last: String,
    /// What it said of what is wrong.
    report: String,
    verdict: Option<Verdict>,
}

/// Where a process leaves what the rules say.
struct Report(PathBuf);

impl Report {
    fn of(part: u64) -> Self {
        Self(std::env::temp_dir().join(format!("nblease-lab-{}-{part}.json", std::process::id())))
    }

    fn read(&self) -> Option<Verdict> {
        serde_json::from_slice(&fs::read(&self.0).ok()?).ok()
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // Where there is none nothing was left.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs `nblease-lab` with these words, which do not say where the report goes: what the rules say, where one was broken.
///
/// # Errors
/// A process that does not start.
pub fn broken_by(program: &Path, words: &[OsString]) -> Result<Option<Verdict>> {
    let left = Report::of(PARTS);
    let mut command = Command::new(program);
    command.args(words).arg("--report").arg(&left.0);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let (status, ..) = listen(child.with_context(|| program.display().to_string())?, HANG)?;
    Ok(left.read().filter(|_| status.code() == Some(EXIT_VIOLATION)))
}

impl Supervised {
    /// Runs it to its end.
    ///
    /// # Errors
    /// Processes that do not start, or whose words are not understood.
    pub fn run(&self) -> Result<Outcome> {
        let parts: Vec<Result<Said>> = thread::scope(|scope| {
            let run = |part| move || self.part(part, PARTS, self.seed, self.events, &[], HANG);
            let parts: Vec<_> = (0..PARTS).map(|part| scope.spawn(run(part))).collect();
            parts.into_iter().map(|part| part.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked")))).collect()
        });
        let (mut frames, mut verdict) = (0, Verdict { seed: self.seed, ..Verdict::default() });
        for part in parts {
            let said = part?;
            if !said.status.success() {
                let broken = said.status.code() == Some(EXIT_VIOLATION);
                let shrunk = if self.shrink { shrink::shrink(self, &said.report) } else { None };
                let verdict = said.verdict.filter(|_| broken);
                return Ok(Outcome::Failed(Box::new(Failed { said: said.report, verdict, shrunk })));
            }
            let frames_of = said.last.split(' ').find_map(|word| word.strip_prefix("frames="));
            frames += frames_of.with_context(|| said.last.clone())?.parse::<u64>()?;
            verdict.add(said.verdict.context("a process left no report")?);
        }
        Ok(Outcome::Held { frames, verdict })
    }

    /// Runs a part in a process, as long as that says something now and then.
    fn part(&self, part: u64, of: u64, seed: u64, events: u64, without: &[String], hang: Duration) -> Result<Said> {
        let left = Report::of(part);
        let mut command = Command::new(&self.program);
        command.arg("stress").args(&self.words).arg("--report").arg(&left.0);
        for (name, number) in [("--part", part), ("--of", of), ("--seed", seed), ("--events", events)] {
            command.arg(name).arg(number.to_string());
        }
        if !without.is_empty() {
            command.arg("--without").arg(without.join(","));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let (status, last, report) = listen(child.with_context(|| self.program.display().to_string())?, hang)?;
        Ok(Said { status, last, report, verdict: left.read() })
    }
}

/// Waits for a process's end: its status, its last line, what it said on standard error. One that says nothing for as long
/// as `hang` is killed.
fn listen(mut child: Child, hang: Duration) -> Result<(ExitStatus, String, String)> {
    let (out, err) = (child.stdout.take().context("its output")?, child.stderr.take().context("its errors")?);
    let report = thread::spawn(move || {
        let mut text = String::new();
        BufReader::new(err).read_to_string(&mut text).map(|_| text)
    });
    let (said, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    let (mut last, mut hangs) = (String::new(), false);
    loop {
        match lines.recv_timeout(hang) {
            Ok(line) => last = line,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                hangs = true;
                child.kill()?;
                break;
            }
        }
    }
    let status = child.wait()?;
    let mut report = report.join().map_err(|_| anyhow!("a thread panicked"))??;
    if hangs {
        report.extend(["a round hangs, after: ", &last, "\n"]);
    }
    Ok((status, last, report))
}

/// The words for `nblease-lab stress` that say which drivers, of what INF and NDIS version.
pub fn words(drivers: &[PathBuf], inf: Option<&Path>, ndis: u8) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    for driver in drivers {
        words.extend(["--sys".into(), driver.into()]);
    }
    if let Some(inf) = inf {
        words.extend(["--inf".into(), inf.into()]);
    }
    words.extend(["--ndis".into(), ndis.to_string().into()]);
    words
}
