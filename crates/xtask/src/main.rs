//! `cargo xtask`: what a person or CI runs. One module per subcommand.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod arch;
mod build;
mod build_c;
mod demo;
mod faults;
mod field;
mod fuzz;
mod hold;
mod imports;
mod lab_cmd;
mod lwf_logo;
mod mutants;
mod paths;
mod programs;
mod replay;
mod rules;
mod setup;
mod stress;
mod test;
mod trials;
mod wdk;
mod workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, tests and shows nblease")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the Debian packages that the other commands need, as root; say which where not
    Setup,
    /// Build the driver: target/driver/ARCH/nblease.sys, with its map and debug information
    Build(build::Args),
    /// Build the small filters in C: target/driver/x64/filters/NAME.sys
    BuildC,
    /// Show the driver on a live wire between two network namespaces
    Demo(demo::Args),
    /// Break the driver in some ways, and see that the demo or `hold` fails with each
    Mutants,
    /// Put each frame of captures through the driver in both directions, and compare
    Replay(replay::Args),
    /// Readers that hold frames: each frame is accounted for, or real TCP goes through
    Hold(hold::Args),
    /// Put the filters that each break a rule through the lab, and their sound twins
    Rules,
    /// Put filters as the field writes them through the lab, sound and broken
    Field(field::Args),
    /// Put the driver through events in random order, on processors whose calls interleave
    Stress(stress::Args),
    /// Fuzz what takes bytes from others: the driver's calls, the loader, the parsers
    Fuzz(fuzz::Args),
    /// Fail each call of the driver's that may fail once
    Faults(faults::Args),
    /// What the LWF Logo test of the Hardware Lab Kit asks of a filter
    LwfLogo(lwf_logo::Args),
    /// Run everything, as CI does
    Test,
    /// Build the lab and `nblease`
    Programs,
    /// Run the lab, nblease-lab
    Lab(lab_cmd::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup => setup::run(),
        Command::Build(args) => build::run(&args),
        Command::BuildC => build_c::run_alone(),
        Command::Demo(args) => demo::run(&args),
        Command::Mutants => mutants::run(),
        Command::Replay(args) => replay::run(&args),
        Command::Hold(args) => hold::run(&args),
        Command::Rules => rules::run(),
        Command::Field(args) => field::run(&args),
        Command::Stress(args) => stress::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::LwfLogo(args) => lwf_logo::run(&args),
        Command::Test => test::run(),
        Command::Programs => programs::build().map(drop),
        Command::Lab(args) => lab_cmd::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
