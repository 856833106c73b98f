//! `cargo xtask hold --live`: TCP over the demo's wire through `nblease gate`, which is quick, then suspended, then killed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::round_trips::{RoundTrip, RoundTrips, begun, median, now};
use crate::demo::{
    self, INTERFACE,
    host::{Host, Running, run as run_command},
    traffic::{self, ADDRESS_A, ADDRESS_B},
};
use crate::{paths, programs, setup};

/// How long a frame may wait for the gate.
const BUDGET_MS: u32 = 400;
/// Bytes that are transferred each way.
const TRANSFER: &str = "8M";
/// How long round trips are made, in seconds.
const SECONDS: u32 = 6;
/// Round trips before the gate is suspended.
const BASELINE: usize = 100;
/// Times are noisy where processors are shared: what is as quick as before is at most so much slower.
const NOISE_MS: f64 = 50.0;

/// Runs it and prints its one line.
pub fn run(driver: &Path) -> Result<()> {
    setup::run()?;
    let programs = programs::build()?;
    if !Host::possible() {
        println!("hold-live: not done, no rights for network namespaces here");
        return Ok(());
    }
    let folder = paths::root().join("target/hold");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let folder = fs::canonicalize(folder)?;
    let id = std::process::id();
    let a = Host::new(format!("nblease-hold-a-{id}"))?;
    let b = Host::new(format!("nblease-hold-b-{id}"))?;
    let (socket, report) = (folder.join("lab.sock"), folder.join("report.json"));
    for old in [&socket, &report] {
        let _ = fs::remove_file(old);
    }
    // Its output stays open as long as it runs.
    let (mut lab, _output) = demo::start_lab(driver, &programs, [&a, &b], &socket, &report)?;
    traffic::bring_up(&a, INTERFACE, true)?;
    traffic::bring_up(&b, INTERFACE, false)?;
    let wire = Wire { a: &a, b: &b, folder: &folder, cli: programs.cli, device: format!("unix:{}", socket.display()) };
    let result = wire.play();
    let ended = lab.interrupt()?;
    let times = result?;
    ensure!(ended.success(), "the lab: {ended}; see {}", report.display());

    let report: Value = serde_json::from_slice(&fs::read(&report).context("the lab's report")?)?;
    let violations = report.get("violations").and_then(Value::as_array).map_or(0, Vec::len);
    let max_hold_ms = report.get("max_hold_ms").and_then(Value::as_f64).context("no max_hold_ms in the report")?;
    let Times { baseline, held, after, tripped, bytes } = times;
    println!(
        "hold-live: ok bytes={bytes} rtt_ms_baseline={baseline:.1} rtt_ms_suspended={held:.1} rtt_ms_after={after:.1} \
         budget_ms={BUDGET_MS} max_hold_ms={max_hold_ms:.1} tripped={tripped} violations={violations}"
    );
    ensure!(violations == 0, "{violations} violations");
    Ok(())
}

/// The wire between the two hosts.
struct Wire<'a> {
    a: &'a Host,
    b: &'a Host,
    folder: &'a Path,
    cli: PathBuf,
    device: String,
}

/// What was measured.
struct Times {
    /// Median round trip with a quick gate.
    baseline: f64,
    /// The longest while the gate was suspended.
    held: f64,
    /// Median when it had been suspended for more than a budget.
    after: f64,
    /// Times that the gate missed a deadline and was not waited for any more.
    tripped: u64,
    /// Bytes that were transferred.
    bytes: u64,
}

impl Wire<'_> {
    fn play(&self) -> Result<Times> {
        let _server = self.b.start(&["iperf3", "-s", "-B", ADDRESS_B])?;
        let gate = self.gate()?;
        let mut bytes = self.transfer("with a quick gate")?;
        let before = self.counter("trips")?;
        let (trips, stopped) = self.suspend(&gate)?;
        let tripped = self.counter("trips")? - before;
        let times = judge(&trips, stopped)?;
        ensure!(tripped >= 1, "the suspended gate has not been tripped");

        // With the gate suspended, and when it reads again.
        bytes += self.transfer("with a suspended gate")?;
        signal(&gate, "CONT")?;
        bytes += self.transfer("with a gate that has come back")?;
        ensure!(self.counter("recoveries")? >= 1, "the gate is not waited for again");

        // Killed with frames out: with a pause before, there are some.
        let longest = longest(&self.kill(gate)?);
        ensure!(longest < 3.0 * f64::from(BUDGET_MS), "with the gate killed a round trip took {longest:.0} ms");
        bytes += self.transfer("with the gate gone")?;
        Ok(Times { tripped, bytes, ..times })
    }

    /// Starts the gate and waits until the driver knows it.
    fn gate(&self) -> Result<Running> {
        let mut command = Command::new(&self.cli);
        command.args(["gate", "--device", &self.device, "--policy", "pass", "--budget", &BUDGET_MS.to_string()]);
        command.args(["--quiet", "Ethernet"]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut gate = Running::start(&mut command)?;
        for _ in 0..200 {
            if let Some(status) = gate.0.try_wait()? {
                bail!("nblease gate: {status}");
            }
            if self.stats()?.get("readers").and_then(Value::as_u64) >= Some(1) {
                return Ok(gate);
            }
            sleep(Duration::from_millis(50));
        }
        bail!("nblease gate does not start")
    }

    /// `nblease stats` of all readers.
    fn stats(&self) -> Result<Value> {
        let mut command = Command::new(&self.cli);
        let said = run_command(command.args(["--json", "stats", "--device", &self.device]))?;
        serde_json::from_str(&said).with_context(|| format!("nblease stats: {said}"))
    }

    fn counter(&self, name: &str) -> Result<u64> {
        let stats = self.stats()?;
        let counter = stats.get("all_readers").and_then(|reader| reader.get(name)).and_then(Value::as_u64);
        counter.with_context(|| format!("nblease stats: no {name} in {stats}"))
    }

    /// Bytes over TCP, both ways, by iperf3: how many.
    fn transfer(&self, when: &str) -> Result<u64> {
        let mut bytes = 0;
        for reverse in [false, true] {
            let reverse: &[&str] = if reverse { &["-R"] } else { &[] };
            // Where the wire is gone it would wait for ever.
            let words = [&["timeout", "60", "iperf3", "-c", ADDRESS_B, "-B", ADDRESS_A, "-n", TRANSFER, "-J"], reverse]
                .concat();
            let said = self.patiently(&words).with_context(|| format!("a transfer {when}"))?;
            let said: Value = serde_json::from_str(&said)?;
            let received = said.pointer("/end/sum_received/bytes").and_then(Value::as_u64);
            bytes += received.with_context(|| format!("a transfer {when}: {said}"))?;
        }
        Ok(bytes)
    }

    /// Runs a client whose server is about to listen, or to have done with the last one.
    fn patiently(&self, words: &[&str]) -> Result<String> {
        let mut result = self.a.run(words);
        for _ in 0..50 {
            let is_soon = |error: &anyhow::Error| {
                let said = error.to_string();
                said.contains("Connection refused") || said.contains("server is busy")
            };
            if !result.as_ref().is_err_and(is_soon) {
                break;
            }
            sleep(Duration::from_millis(100));
            result = self.a.run(words);
        }
        result
    }

    /// Round trips during which the gate is suspended: they, and when that was.
    fn suspend(&self, gate: &Running) -> Result<(Vec<RoundTrip>, f64)> {
        let trips = self.round_trips()?;
        let stopped = now();
        signal(gate, "STOP")?;
        Ok((trips.finish()?, stopped))
    }

    /// Round trips during which the gate is suspended and then killed, within its budget.
    fn kill(&self, gate: Running) -> Result<Vec<RoundTrip>> {
        let trips = self.round_trips()?;
        signal(&gate, "STOP")?;
        sleep(Duration::from_millis(u64::from(BUDGET_MS) / 4));
        // Dropping it kills it.
        drop(gate);
        trips.finish()
    }

    /// Starts round trips, and waits for as many as a baseline takes.
    fn round_trips(&self) -> Result<RoundTrips> {
        let trips = RoundTrips::start(self.folder, self.a, self.b, ADDRESS_B, SECONDS)?;
        for _ in 0..600 {
            if trips.count() >= BASELINE {
                return Ok(trips);
            }
            sleep(Duration::from_millis(10));
        }
        bail!("{} round trips in 6 s, with a quick gate", trips.count())
    }
}

/// What round trips say of a gate that was suspended at `stopped`.
fn judge(trips: &[RoundTrip], stopped: f64) -> Result<Times> {
    let budget_s = f64::from(BUDGET_MS) / 1000.0;
    let before = begun(trips, 0.0, stopped - 0.05);
    // Each direction waits for a budget at most, and may do so once; what began then is over after two.
    let later = begun(trips, stopped + 2.0 * budget_s, f64::MAX);
    let baseline = median(&before).context("no round trips before")?;
    let after = median(&later).context("no round trips after")?;
    let slow = f64::from(BUDGET_MS) / 2.0;
    let held = trips.iter().filter(|trip| trip.start >= stopped - 0.05 && trip.ms >= slow).count();
    let still = later.iter().filter(|trip| trip.ms >= slow).count();
    let longest = longest(trips);
    ensure!(held >= 1, "no round trip waited for the suspended gate");
    ensure!(longest < 3.0 * f64::from(BUDGET_MS), "a round trip took {longest:.0} ms");
    ensure!(later.len() >= 50, "only {} round trips when the budget was over", later.len());
    ensure!(still * 20 <= later.len(), "{still} of {} round trips still wait for the gate", later.len());
    ensure!(after <= 3.0 * baseline + NOISE_MS, "round trips of {after:.1} ms after the budget, {baseline:.1} before");
    Ok(Times { baseline, held: longest, after, tripped: 0, bytes: 0 })
}

fn longest(trips: &[RoundTrip]) -> f64 {
    trips.iter().map(|trip| trip.ms).fold(0.0, f64::max)
}

/// Sends a program a signal.
fn signal(program: &Running, name: &str) -> Result<()> {
    // The shell's own: a machine need not have another.
    let words = ["-c", &format!("kill -{name} \"$0\""), &program.0.id().to_string()];
    run_command(Command::new("sh").args(words)).map(drop)
}
