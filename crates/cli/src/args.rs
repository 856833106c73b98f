//! The command line.
#![expect(clippy::doc_markdown, reason = "what documents an option is its help text")]

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use nblease_client::Target;
use nblease_client::abi::configure::{Directions, MAX_SNAPLEN, MAX_SPILL_BYTES, MAX_TIMEOUT_MS};

use crate::units::{parse_bytes, parse_duration};

/// See and capture what crosses the network adapters, through the nblease filter driver
#[derive(Debug, Parser)]
#[command(name = "nblease", version, arg_required_else_help = true)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub command: Command,

    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// The control device: its Win32 name, or unix:PATH for a lab's socket
    /// [default: the socket that NBLEASE_LAB names, else \\.\nblease on Windows and
    /// unix:/run/nblease-lab.sock elsewhere]
    #[arg(long, global = true, value_name = "DEVICE")]
    device: Option<Target>,
}

impl Args {
    /// The control device that is meant.
    pub fn target(&self) -> Target {
        self.device.clone().unwrap_or_else(Target::from_environment)
    }
}

/// The command line asks for what cannot be had, as only the driver's answers show: the sentence that says so.
#[derive(Debug)]
pub struct WrongUsage(pub String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the adapters that the filter is attached to
    List,
    /// Capture frames: into a pcapng file, or as a line for each
    Capture(CaptureArgs),
    /// Show the driver's counters
    Stats,
    /// What a capture runs beside itself
    #[cfg(unix)]
    #[command(name = crate::guard::COMMAND, hide = true)]
    GuardFile {
        /// The capture's file
        path: PathBuf,
    },
}

/// Options of `capture`.
#[derive(Debug, clap::Args)]
pub struct CaptureArgs {
    /// Adapter by name, device name, interface index or NetLuid; may be repeated [default: all]
    #[arg(short, long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,

    /// Write pcapng to FILE, or to standard output for "-"
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Bytes of each frame to keep; 0 for the most there is
    #[arg(short, long, value_name = "BYTES", default_value_t = MAX_SNAPLEN,
          value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_SNAPLEN)))]
    pub snaplen: u32,

    /// End after this many frames
    #[arg(short, long, value_name = "FRAMES", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// End after this time: seconds, or a number with ms, s, m or h
    #[arg(short, long, value_parser = parse_duration)]
    pub duration: Option<Duration>,

    /// Frames of which direction
    #[arg(long, value_enum, default_value_t = DirectionArg::Both)]
    pub direction: DirectionArg,

    /// Capture the copies of sends that NDIS loops back as receives too
    #[arg(long)]
    pub loopback: bool,

    /// Size of each read in KiB [default: 256, or more where the snaplen needs it]
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub read_size: Option<u16>,

    /// Reads to keep pended
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u8).range(1..=64))]
    pub reads: u8,

    /// Milliseconds that a read with frames in it waits for more; 0 delivers each batch at once
    /// [default: 0 for lines, 100 for pcapng]
    #[arg(long, value_name = "MS",
          value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_TIMEOUT_MS)))]
    pub timeout: Option<u32>,

    /// Memory in which frames wait for a read: bytes, or a number with K or M [default: 4M]
    #[arg(long, value_name = "BYTES", value_parser = parse_spill)]
    pub spill: Option<u32>,
}

fn parse_spill(text: &str) -> Result<u32, String> {
    parse_bytes(text)?
        .try_into()
        .ok()
        .filter(|bytes| (1..=MAX_SPILL_BYTES).contains(bytes))
        .ok_or_else(|| format!("not between 1 and {MAX_SPILL_BYTES} bytes"))
}

/// Value of `--direction`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DirectionArg {
    /// Received
    In,
    /// Sent
    Out,
    /// Received and sent
    Both,
}

impl From<DirectionArg> for Directions {
    fn from(direction: DirectionArg) -> Self {
        match direction {
            DirectionArg::In => Self::IN,
            DirectionArg::Out => Self::OUT,
            DirectionArg::Both => Self::all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
