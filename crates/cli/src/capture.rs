//! `nblease capture`

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nblease_client::abi::configure::{Configure, ConfigureFlags, Directions, MAX_SNAPLEN};
use nblease_client::{Capture, CaptureOptions, Device, Error, Stats, Target, Transport};
use serde_json::json;

use crate::args::{CaptureArgs, WrongUsage};
use crate::interrupt;
use crate::select::select;
use crate::session::{RunError, Session, dropped};
use crate::sink::Sink;
use crate::stats::object;

/// How long a wait for frames lasts before it is looked whether to end.
pub const POLL: Duration = Duration::from_millis(50);

/// Milliseconds that a read may wait for more frames where they go into a file.
const FILE_TIMEOUT_MS: u32 = 100;

/// Captures until interrupted, or as much or as long as was asked for.
pub fn run(target: &Target, args: &CaptureArgs, json: bool) -> Result<()> {
    let mut device = Device::open(target)?;
    let luids = select(&device.adapters()?, &args.interfaces)?;
    let version = *device.version();
    let options =
        CaptureOptions { reads: args.reads.into(), read_size: args.read_size.map(|kib| usize::from(kib) << 10) };
    let is_interrupted = interrupt::noticed()?;
    let mut capture = Capture::start(device, &configuration(args, luids.len()), &luids, options).map_err(explain)?;
    // Only now, so that a capture that cannot start leaves a file of the same name alone.
    let sink = Sink::create(args.write.as_deref(), json, &version)?;
    let mut session = Session::new(sink, args.count.unwrap_or(u64::MAX));
    let deadline = args.duration.map(|duration| Instant::now() + duration);
    let is_over = || is_interrupted() || deadline.is_some_and(|at| Instant::now() >= at);

    let result = pump(&mut capture, &mut session, is_over);
    // Whatever ended it, the output is finished and the summary told, as far as they can be.
    let stats = capture.stats().ok();
    let closed = session.end(stats.as_ref());
    summarize(&session, stats.as_ref(), args.patience, json);
    match result {
        Err(PumpError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(PumpError::Output(error)) => Err(error).context("cannot write what was captured"),
        Err(PumpError::Driver(error)) => Err(error),
        Ok(()) => closed.context("cannot write what was captured"),
    }
}

fn configuration(args: &CaptureArgs, adapters: usize) -> Configure {
    let mut flags = ConfigureFlags::empty();
    flags.set(ConfigureFlags::LOOPBACK, args.loopback);
    let file_timeout = if args.write.is_some() { FILE_TIMEOUT_MS } else { 0 };
    Configure {
        flags: flags.bits(),
        directions: Directions::from(args.direction).bits(),
        snaplen: if args.snaplen == 0 { MAX_SNAPLEN } else { args.snaplen },
        timeout_ms: args.timeout.unwrap_or(file_timeout),
        spill_bytes: args.spill.unwrap_or(0),
        budget_ms: args.patience,
        ..Configure::tap(u32::try_from(adapters).unwrap_or(u32::MAX))
    }
}

/// Tells what is wrong with the command line from other failures, and says what to change about it.
pub fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::ReadTooSmall { needed, .. } => {
            let advice = format!("give --read-size {} or more, or a smaller -s", needed.div_ceil(1024));
            WrongUsage(format!("{error}: {advice}")).into()
        }
        Error::Config(error) => WrongUsage(error.to_string()).into(),
        error => error.into(),
    }
}

enum PumpError {
    Output(io::Error),
    Driver(anyhow::Error),
}

impl From<Error> for PumpError {
    fn from(error: Error) -> Self {
        Self::Driver(error.into())
    }
}

/// Moves runs from the reads into the session until it is over and the reads have ended.
fn pump<T: Transport>(
    capture: &mut Capture<T>,
    session: &mut Session,
    is_over: impl Fn() -> bool,
) -> Result<(), PumpError> {
    loop {
        if session.is_complete() || is_over() {
            capture.stop();
        }
        match capture.next(POLL)? {
            None => return Ok(()),
            Some(run) => session.run(run).map_err(|error| match error {
                RunError::Output(error) => PumpError::Output(error),
                RunError::Malformed(error) => {
                    PumpError::Driver(anyhow::Error::new(error).context("the driver's answer to READ is malformed"))
                }
            })?,
        }
    }
}

/// One line on standard error: what was captured, and what the driver saw and lost meanwhile.
fn summarize(session: &Session, stats: Option<&Stats>, patience_ms: u32, json: bool) {
    let captured = session.captured();
    let reader = stats.map(|stats| stats.reader);
    if json {
        let counters = reader.map(|reader| object(reader.counters()));
        let summary = json!({
            "captured": captured,
            "received": reader.map(|reader| reader.frames_seen),
            "dropped": reader.as_ref().map(dropped),
            "patience_ms": patience_ms,
            "reader": counters,
        });
        eprintln!("{summary}");
        return;
    }
    let driver = reader.map_or_else(String::new, |reader| {
        format!(", {} received by the filter, {} dropped by it", reader.frames_seen, dropped(&reader))
    });
    let patience = reader.filter(|_| patience_ms != 0).map_or_else(String::new, |reader| {
        format!(
            "; with patience of {patience_ms} ms {} frames waited and got into a read, {} NBLs were spilled, {} times \
             it ended",
            reader.frames_watched, reader.nbls_spilled, reader.trips
        )
    });
    eprintln!("nblease: {captured} frames captured{driver}{patience}");
}
