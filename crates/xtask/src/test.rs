//! `cargo xtask test`: everything, as CI runs it. A table of commands, each of which can be run alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{build, paths};

/// One command.
struct Step {
    /// What fails where it fails.
    what: &'static str,
    tool: Tool,
    args: Vec<OsString>,
    /// What a person would type, where it is shorter.
    shown: Option<String>,
}

enum Tool {
    /// This machine's cargo.
    Cargo,
    /// Debian's, which can compile std for Windows.
    DebianCargo,
    /// This program.
    Xtask,
}

/// Runs all steps, also behind one that fails, and ends with how many passed.
///
/// # Errors
/// Where any failed.
pub fn run() -> Result<()> {
    let program = std::env::current_exe()?;
    let mut failed = Vec::new();
    let steps = steps()?;
    for step in &steps {
        println!("\n== {}: {}", step.what, step.line());
        let start = Instant::now();
        match step.run(&program) {
            Ok(()) => println!("== {}: passed in {} s", step.what, start.elapsed().as_secs()),
            Err(error) => {
                println!("== {}: FAILED: {error:#}; again: {}", step.what, step.line());
                failed.push(step.what);
            }
        }
    }
    println!("\ntest: {} passed, {} failed", steps.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The table. What needs less comes first.
fn steps() -> Result<Vec<Step>> {
    let cargo = |what, line| Step::new(what, Tool::Cargo, line);
    let xtask = |what, line| Step::new(what, Tool::Xtask, line);
    let mut replayed = xtask("replay", "replay");
    let (shown, captures) = captures()?;
    replayed.args.extend(captures);
    replayed.shown = Some(format!("cargo xtask replay {shown}"));
    let mut judged = xtask("replay through a gate", "replay --mode gate");
    judged.args.extend(replayed.args.iter().skip(1).cloned());
    judged.shown = Some(format!("cargo xtask replay --mode gate {shown}"));
    Ok(vec![
        xtask("packages", "setup"),
        cargo("format", "fmt --all --check"),
        cargo("lint", "clippy --workspace --exclude nblease --exclude nblease-wdf --all-targets -- -Dwarnings"),
        cargo("unit tests", "test"),
        xtask("driver for x64", "build"),
        xtask("driver for ARM64", "build --arch arm64"),
        xtask("lint of the driver", "build --lint"),
        Step::new(
            "program for Windows",
            Tool::DebianCargo,
            "check -Zbuild-std=std,panic_abort --target x86_64-pc-windows-msvc --package nblease-cli \
             --target-dir target/windows",
        ),
        xtask("programs of the tests", "programs"),
        cargo("end-to-end tests", "test --package nblease-tests -- --include-ignored"),
        replayed,
        judged,
        xtask("frames held", "hold"),
        xtask("frames held on a live wire", "hold --live"),
        xtask("stress", "stress --events 20000"),
        xtask("failing calls", "faults"),
        // What the fuzzer found before; that it finds nothing more is for `cargo xtask fuzz`, which takes its time.
        cargo("corpora of the fuzzer", "test --package nblease-fuzz"),
        xtask("LWF Logo", "lwf-logo"),
        xtask("demo", "demo"),
        xtask("demo without rights", "demo --replay"),
        xtask("broken drivers", "mutants"),
    ])
}

/// The captures beside the checkout where they are, else the project's own: as a person would type them, and all.
fn captures() -> Result<(String, Vec<OsString>)> {
    let shared = paths::root().join("../shared/pcaps");
    if !shared.is_dir() {
        let own = paths::own_capture();
        return Ok((own.display().to_string(), vec![own.into()]));
    }
    let captures = paths::files_in(&shared, "pcap")?.into_iter().map(PathBuf::into_os_string).collect();
    Ok(("../shared/pcaps/*.pcap".to_owned(), captures))
}

impl Step {
    fn new(what: &'static str, tool: Tool, line: &str) -> Self {
        Self { what, tool, args: line.split_whitespace().map(OsString::from).collect(), shown: None }
    }

    /// What a person would type.
    fn line(&self) -> String {
        if let Some(shown) = &self.shown {
            return shown.clone();
        }
        let tool = match self.tool {
            Tool::Cargo => "cargo",
            Tool::DebianCargo => "RUSTC_BOOTSTRAP=1 PATH=/usr/bin:$PATH cargo",
            Tool::Xtask => "cargo xtask",
        };
        let mut line = tool.to_owned();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&arg.to_string_lossy());
        }
        line
    }

    fn run(&self, program: &Path) -> Result<()> {
        let mut command = match self.tool {
            Tool::Cargo => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Tool::DebianCargo => build::debian_cargo(),
            Tool::Xtask => Command::new(program),
        };
        command.current_dir(paths::root()).args(&self.args).stdin(Stdio::null());
        let status = command.status().with_context(|| self.line())?;
        if !status.success() {
            bail!("{status}");
        }
        Ok(())
    }
}
