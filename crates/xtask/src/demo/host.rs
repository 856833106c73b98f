//! A host of the demo: a network namespace, gone when this is dropped.

use std::{
    ffi::OsStr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// A network namespace with programs of its own.
pub struct Host {
    /// The namespace's name.
    pub name: String,
}

impl Host {
    /// Makes a namespace in which nothing speaks by itself: IPv6 stays off on interfaces until it is wanted.
    pub fn new(name: String) -> Result<Self> {
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let host = Self { name };
        host.set("ipv6/conf/default/disable_ipv6", "1")?;
        Ok(host)
    }

    /// Whether namespaces can be made here.
    pub fn possible() -> bool {
        let name = format!("nblease-try-{}", std::process::id());
        Self::new(name).is_ok() && std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_ok()
    }

    /// A program in the namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs a program in the namespace to its end, which has to be a success.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let (program, arguments) = words.split_first().context("no program")?;
        run(self.command(program).args(arguments))
    }

    /// Sets one of the network's variables.
    pub fn set(&self, variable: &str, value: &str) -> Result<()> {
        self.run(&["sh", "-c", &format!("echo {value} > /proc/sys/net/{variable}")]).map(drop)
    }

    /// Starts a program in the namespace; it is ended when the value is dropped.
    pub fn start(&self, words: &[&str]) -> Result<Running> {
        let (program, arguments) = words.split_first().context("no program")?;
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running::start(&mut command)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).stderr(Stdio::null()).status();
    }
}

/// Runs a command to its end, which has to be a success, and returns what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program under way, ended when this is dropped.
pub struct Running(pub Child);

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn().with_context(|| format!("start {command:?}"))?))
    }

    /// Asks it to end as Ctrl-C does, and waits.
    pub fn interrupt(&mut self) -> Result<std::process::ExitStatus> {
        // The shell's own: a machine need not have another.
        run(Command::new("sh").args(["-c", "kill -INT \"$0\"", &self.0.id().to_string()]))?;
        Ok(self.0.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
