//! `cargo xtask setup`: the Debian packages that the other commands use.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail, ensure};

/// A Debian package, and a file that is there once it is installed.
const PACKAGES: &[(&str, &str)] = &[
    // The driver's build: a compiler that can build core for Windows, the linker, the DDK's headers.
    ("rustc-web", "/usr/bin/rustc"),
    ("cargo-web", "/usr/bin/cargo"),
    ("rust-web-clippy", "/usr/bin/cargo-clippy"),
    ("rust-web-src", "/usr/lib/rustlib/src/rust"),
    ("clang-19", "/usr/bin/clang-19"),
    ("libclang-19-dev", "/usr/lib/llvm-19/lib/libclang.so"),
    ("lld-19", "/usr/bin/lld-link-19"),
    ("llvm-19", "/usr/bin/llvm-dlltool-19"),
    ("mingw-w64-common", "/usr/share/mingw-w64/include/ddk/ntddk.h"),
    // libFuzzer is in C++.
    ("g++", "/usr/bin/c++"),
    // The live wire.
    ("curl", "/usr/bin/curl"),
    ("iperf3", "/usr/bin/iperf3"),
    ("iproute2", "/sbin/ip"),
    ("iputils-ping", "/bin/ping"),
    ("tcpdump", "/usr/bin/tcpdump"),
    ("tshark", "/usr/bin/tshark"),
];

/// Installs what is missing, or fails with the one line that would.
///
/// Says nothing where everything is there.
pub fn run() -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install {}", missing.join(" "));
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!("some packages are missing; install them: {line}");
    }
    println!("setup: {line}");
    apt_get(&["update", "-q"])?;
    apt_get(&[&["install", "-q", "-y", "--no-install-recommends"], missing.as_slice()].concat())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output()?;
    ensure!(output.status.success(), "apt-get {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(())
}
