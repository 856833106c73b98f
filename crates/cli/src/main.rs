//! The `nblease` program: lists adapters, captures frames, judges them, shows counters.
//!
//! Ends with 0 when all went well, 1 when something failed, 2 when it was called wrongly. What a
//! user asked for goes to standard output, everything else to standard error.

mod answer;
mod args;
mod capture;
mod frame;
mod gate;
#[cfg(unix)]
mod guard;
mod hold_times;
mod interrupt;
mod list;
mod rule;
mod rule_file;
mod select;
mod session;
mod sink;
mod stats;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, WrongUsage};

/// Called wrongly: what clap ends with, too.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let target = args.target();
    let result = match &args.command {
        Command::List => list::run(&target, args.json),
        Command::Capture(options) => capture::run(&target, options, args.json),
        Command::Gate(options) => gate::run(&target, options, args.json),
        Command::Stats => stats::run(&target, args.json),
        #[cfg(unix)]
        Command::GuardFile { path } => guard::run(path).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nblease: {error:#}");
            if error.is::<WrongUsage>() { ExitCode::from(WRONG_USAGE) } else { ExitCode::FAILURE }
        }
    }
}
