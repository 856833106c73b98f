//! `cargo xtask demo`: the compiled driver on a live wire between two network namespaces, with real programs talking
//! through it, captured by the `nblease` program and compared with what tcpdump saw at both ends.

mod compare;
pub mod host;
mod replayed;
pub mod traffic;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{arch::Arch, build, paths, programs, setup};
use host::{Host, Running};

/// What the demo can be told.
#[derive(clap::Args)]
pub struct Args {
    /// The driver to show; the one that is built here where absent
    #[arg(long)]
    driver: Option<PathBuf>,
    /// Where its files go; target/demo where absent
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replay the project's capture of its own traffic, as where there are no rights for a live wire
    #[arg(long)]
    replay: bool,
}

/// The interface at each end of the wire.
pub const INTERFACE: &str = "wire";

/// Runs the demo and prints its one line.
pub fn run(args: &Args) -> Result<()> {
    setup::run()?;
    let driver = match &args.driver {
        Some(driver) => driver.clone(),
        None => build::driver(Arch::X64)?,
    };
    let programs = programs::build()?;
    let folder = args.out.clone().unwrap_or_else(|| paths::root().join("target/demo"));
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let folder = fs::canonicalize(folder)?;
    let shown = if args.replay {
        replayed::run(&driver, &folder)?
    } else if Host::possible() {
        live(&driver, &programs, &folder)?
    } else {
        println!("no rights for network namespaces here: a capture of the demo's traffic is replayed instead");
        replayed::run(&driver, &folder)?
    };
    println!("{shown}");
    Ok(())
}

/// The wire, the programs, the comparison.
fn live(driver: &Path, programs: &programs::Programs, folder: &Path) -> Result<String> {
    let id = std::process::id();
    let a = Host::new(format!("nblease-a-{id}"))?;
    let b = Host::new(format!("nblease-b-{id}"))?;
    let socket = folder.join("lab.sock");
    let report = folder.join("report.json");
    let file = folder.join("demo.pcapng");
    for old in [&socket, &report, &file] {
        let _ = fs::remove_file(old);
    }
    // Its output stays open as long as it runs.
    let (mut lab, _output) = start_lab(driver, programs, [&a, &b], &socket, &report)?;
    traffic::bring_up(&a, INTERFACE, true)?;
    traffic::bring_up(&b, INTERFACE, false)?;

    // Nothing is sent yet: all observers see the same from here on.
    let names = ["a-out", "a-in", "b-out", "b-in"].map(|name| folder.join(format!("{name}.pcap")));
    let [a_out, a_in, b_out, b_in] = &names;
    let observers =
        [observe(&a, "out", a_out)?, observe(&a, "in", a_in)?, observe(&b, "out", b_out)?, observe(&b, "in", b_in)?];
    let mut capture = start_capture(programs, &socket, &file)?;

    let result = traffic::run(folder, (&a, INTERFACE), (&b, INTERFACE));
    if result.is_ok() {
        traffic::quiesce(&a, INTERFACE)?;
        traffic::quiesce(&b, INTERFACE)?;
        settle(&names)?;
    }
    let ended = capture.interrupt()?;
    for mut observer in observers {
        observer.running.interrupt()?;
        observer.check()?;
    }
    let ended_lab = lab.interrupt()?;
    result.context("the programs that talk over the wire")?;
    ensure!(ended.success(), "nblease capture: {ended}");
    ensure!(ended_lab.success(), "the lab: {ended_lab}; see {}", report.display());

    let (received, sent) = compare::captured(&file)?;
    let [a_out, a_in, b_out, b_in] = [a_out, a_in, b_out, b_in].map(|path| compare::tcpdump(path));
    let (a_out, a_in, b_out, b_in) = (a_out?, a_in?, b_out?, b_in?);
    a_out.same_as(&b_in, "sent at one end and received at the other")?;
    b_out.same_as(&a_in, "sent at the other end and received at the one")?;
    a_out.same_as(&sent, "sent, and captured as sent")?;
    a_in.same_as(&received, "received, and captured as received")?;
    let frames = a_out.total() + a_in.total();
    let captured = sent.total() + received.total();
    ensure!(frames >= 10_000, "only {frames} frames went over the wire");
    tshark(&file, captured)?;

    let report: Value = serde_json::from_slice(&fs::read(&report).context("the lab's report")?)?;
    let number =
        |name: &str| report.get(name).and_then(Value::as_f64).with_context(|| format!("no {name} in the report"));
    let list = |name: &str| report.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let (violations, rules) = (list("violations"), list("evaluated"));
    let line = format!(
        "demo: ok frames={frames} captured={captured} copies_per_frame={:.2} max_hold_ms={:.1} violations={violations} \
         rules_evaluated={rules} file={}",
        number("copies_per_frame")?,
        number("max_hold_ms")?,
        file.display()
    );
    ensure!(violations == 0, "{violations} violations");
    Ok(line)
}

/// Starts the lab and waits until the wire is there.
pub fn start_lab(
    driver: &Path,
    programs: &programs::Programs,
    [a, b]: [&Host; 2],
    socket: &Path,
    report: &Path,
) -> Result<(Running, BufReader<ChildStdout>)> {
    let mut command = Command::new(&programs.lab);
    command.arg("live").arg("--sys").arg(driver).arg("--inf").arg(paths::root().join("inf/nblease.inx"));
    command.arg("--upper").arg(format!("{}:{INTERFACE}", a.name));
    command.arg("--lower").arg(format!("{}:{INTERFACE}", b.name));
    command.arg("--socket").arg(socket).arg("--report").arg(report);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut lab = Running::start(&mut command)?;
    let output = lab.0.stdout.take().context("the lab's output")?;
    let (mut output, mut line) = (BufReader::new(output), String::new());
    output.read_line(&mut line)?;
    ensure!(line.starts_with("ready"), "the lab did not start: {line}");
    Ok((lab, output))
}

/// Starts the capture and waits until it has its adapter.
fn start_capture(programs: &programs::Programs, socket: &Path, file: &Path) -> Result<Running> {
    let mut command = Command::new(&programs.cli);
    command.arg("capture").arg("--device").arg(format!("unix:{}", socket.display())).arg("-w").arg(file);
    let running = Running::start(command.stdin(Stdio::null()))?;
    wait_for("the capture", || fs::metadata(file).is_ok_and(|file| file.len() > 0))?;
    Ok(running)
}

/// A tcpdump on one end of the wire.
struct Observer {
    running: Running,
    said: PathBuf,
}

impl Observer {
    /// Fails where tcpdump itself lost something.
    fn check(&self) -> Result<()> {
        let said = fs::read_to_string(&self.said)?;
        ensure!(said.contains("\n0 packets dropped by kernel"), "tcpdump lost frames: {said}");
        Ok(())
    }
}

fn observe(host: &Host, direction: &str, file: &Path) -> Result<Observer> {
    let said = file.with_extension("log");
    let mut command = host.command("tcpdump");
    command.args(["-i", INTERFACE, "-Q", direction, "-B", "65536", "-U", "-Z", "root", "-w"]).arg(file);
    command.stdin(Stdio::null()).stderr(fs::File::create(&said)?);
    let running = Running::start(&mut command)?;
    wait_for("tcpdump", || fs::read_to_string(&said).is_ok_and(|said| said.contains("listening on")))?;
    Ok(Observer { running, said })
}

/// Waits until the files have stopped growing: tcpdump hands over what it has once a second, and forgets the rest when it is
/// interrupted.
fn settle(files: &[PathBuf]) -> Result<()> {
    let sizes = || files.iter().map(|file| Ok(fs::metadata(file)?.len())).collect::<Result<Vec<_>>>();
    let mut before = sizes()?;
    loop {
        sleep(Duration::from_millis(2500));
        let now = sizes()?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_there() {
        if start.elapsed() > Duration::from_secs(20) {
            bail!("{what} did not start");
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Another program reads the file, and finds as many frames in it.
fn tshark(file: &Path, frames: u64) -> Result<()> {
    let output =
        Command::new("tshark").args(["-n", "-r"]).arg(file).args(["-T", "fields", "-e", "frame.number"]).output()?;
    let said: Vec<_> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| !line.contains("Running as user"))
        .map(str::to_owned)
        .collect();
    ensure!(output.status.success() && said.is_empty(), "tshark: {}", said.join("\n"));
    let read = String::from_utf8_lossy(&output.stdout).lines().count() as u64;
    ensure!(read == frames, "tshark read {read} of {frames} frames");
    Ok(())
}
