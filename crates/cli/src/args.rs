//! The command line.
#![expect(clippy::doc_markdown, reason = "what documents an option is its help text")]

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use nblease_client::Target;
use nblease_client::abi::configure::{
    Directions, MAX_BUDGET_MS, MAX_SNAPLEN, MAX_SPILL_BYTES, MAX_TIMEOUT_MS, MIN_BUDGET_MS, POLICY_DROP, POLICY_PASS,
    POLICY_PROMOTE,
};

use crate::answer::Answer;
use crate::units::{parse_bytes, parse_duration};

/// See, capture and judge what crosses the network adapters, through the nblease filter driver
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
    /// Judge frames by rules: they go on or not as the rules say, most of them without leaving the driver
    Gate(GateArgs),
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

    /// Milliseconds that traffic may wait for this capture where it has no read pended: 0, or 5 to 900
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = parse_patience)]
    pub patience: u32,
}

/// Options of `gate`.
#[derive(Debug, clap::Args)]
#[command(after_help = RULES_HELP)]
pub struct GateArgs {
    /// Adapter by name, device name, interface index or NetLuid
    #[arg(required = true, value_name = "ADAPTER")]
    pub adapters: Vec<String>,

    /// What becomes of a frame that is not decided within the budget; "promote" lets it wait on as a copy, up to 10 s
    #[arg(long, value_enum, default_value_t = PolicyArg::Pass)]
    pub policy: PolicyArg,

    /// Milliseconds that a frame may wait for this program
    #[arg(long, value_name = "MS", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(i64::from(MIN_BUDGET_MS)..=i64::from(MAX_BUDGET_MS)))]
    pub budget: u32,

    /// Rules to decide by, one on a line; the first that matches decides (see below)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,

    /// Decide by all rules in this program: the driver gets none of them, and asks about every frame
    #[arg(long, requires = "rules")]
    pub in_program: bool,

    /// What becomes of a frame that the program is asked about and no rule decides
    #[arg(long = "default", value_name = "VERDICT", value_enum, default_value_t = Answer::Pass)]
    pub default_answer: Answer,

    /// Of several gates, the lower number is asked first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub priority: u32,

    /// Frames of which direction
    #[arg(long, value_enum, default_value_t = DirectionArg::Both)]
    pub direction: DirectionArg,

    /// End after this many frames asked; those in the same read are answered too
    #[arg(short, long, value_name = "FRAMES", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// End after this time: seconds, or a number with ms, s, m or h
    #[arg(short, long, value_parser = parse_duration)]
    pub duration: Option<Duration>,

    /// Do not print a line for each frame asked
    #[arg(short, long)]
    pub quiet: bool,
}

const RULES_HELP: &str = "\
Rules: each a verdict and what it is about, in this order, every part but the verdict as wanted:

  pass|drop|ask [in|out] [ip4|ip6] [PROTOCOL] [from ADDRESS [port PORTS]] [to ADDRESS [port PORTS]]
                [vlan N] [then pass|drop]

  drop out tcp to 10.0.0.0/8 port 80-90 vlan 5     # in the driver
  pass in udp from 10.0.0.1 port 53
  ask in tcp to any port 22 then drop              # asks this program, which prints it and says drop
  ask                                              # asks this program, which says --default

PROTOCOL is tcp, udp, icmp, icmp6, igmp, gre, esp, ospf, sctp or \"protocol N\". The driver asks about what no rule
matches. A fragment has no ports: no rule with ports matches it.";

fn parse_patience(text: &str) -> Result<u32, String> {
    let ms = text.parse().ok().filter(|ms| *ms == 0 || (MIN_BUDGET_MS..=MAX_BUDGET_MS).contains(ms));
    ms.ok_or_else(|| format!("neither 0 nor between {MIN_BUDGET_MS} and {MAX_BUDGET_MS} ms"))
}

/// Value of `--policy`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PolicyArg {
    /// It goes on
    Pass,
    /// It is dropped
    Drop,
    /// It is copied, and goes on or not by a later verdict
    Promote,
}

impl PolicyArg {
    /// As the driver takes it.
    pub const fn number(self) -> u32 {
        match self {
            Self::Pass => POLICY_PASS,
            Self::Drop => POLICY_DROP,
            Self::Promote => POLICY_PROMOTE,
        }
    }
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
