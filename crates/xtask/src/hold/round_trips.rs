//! Round trips of TCP over the wire, one after the other, each with its time.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{ChildStdout, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};

use crate::demo::host::{Host, Running};

/// One round trip.
#[derive(Clone, Copy, Debug)]
pub struct RoundTrip {
    /// When it began, in seconds since 1970.
    pub start: f64,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// A program that makes them.
pub struct RoundTrips {
    asking: Running,
    _serving: Running,
    seen: Arc<Mutex<Vec<RoundTrip>>>,
    reading: JoinHandle<()>,
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl RoundTrips {
    /// Starts to make them, from one host to the other at `address`, for so many seconds.
    pub fn start(folder: &Path, from: &Host, to: &Host, address: &str, seconds: u32) -> Result<Self> {
        let script = folder.join("rtt.py");
        fs::write(&script, include_str!("rtt.py"))?;
        let script = script.to_str().context("a path that is not UTF-8")?;
        let serving = to.start(&["python3", script, "serve", address])?;
        let mut command = from.command("python3");
        command.args([script, "ask", address, &seconds.to_string()]);
        let mut asking = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let output = asking.0.stdout.take().context("its output")?;
        let seen = Arc::<Mutex<Vec<RoundTrip>>>::default();
        let into = seen.clone();
        let reading = std::thread::spawn(move || read(output, &into));
        Ok(Self { asking, _serving: serving, seen, reading })
    }

    /// How many were made so far.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until the program has ended: all that were made.
    pub fn finish(mut self) -> Result<Vec<RoundTrip>> {
        let status = self.asking.0.wait()?;
        self.reading.join().map_err(|_| anyhow::anyhow!("the reader of round trips panicked"))?;
        ensure!(status.success(), "round trips: {status}");
        Ok(std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(output: ChildStdout, into: &Mutex<Vec<RoundTrip>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let mut words = line.split_whitespace().map(str::parse);
        if let (Some(Ok(start)), Some(Ok(ms))) = (words.next(), words.next()) {
            into.lock().unwrap_or_else(PoisonError::into_inner).push(RoundTrip { start, ms });
        }
    }
}

/// The middle of these times, in milliseconds.
pub fn median(trips: &[RoundTrip]) -> Option<f64> {
    let mut times: Vec<_> = trips.iter().map(|trip| trip.ms).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// Those that began in this time.
pub fn begun(trips: &[RoundTrip], from: f64, to: f64) -> Vec<RoundTrip> {
    trips.iter().copied().filter(|trip| (from..to).contains(&trip.start)).collect()
}
