//! `cargo xtask build`: the driver, compiled and linked on Linux.
//!
//! On Windows `cargo make` builds the same sources with the WDK, and none of this is used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::arch::Arch;
use crate::{build_c, paths, setup, wdk, workspace};

/// What to build.
#[derive(clap::Args)]
pub struct Args {
    /// The machine to build for
    #[arg(long, value_enum, default_value_t = Arch::X64)]
    arch: Arch,
    /// Cargo's profile
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Run clippy over the driver and crates/wdf instead, which only this build can compile
    #[arg(long)]
    lint: bool,
    /// Count how often each of its branches is taken
    #[arg(skip)]
    counted: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    Release,
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

impl Args {
    /// A release.
    fn of(arch: Arch) -> Self {
        Self { arch, profile: Profile::Release, lint: false, counted: false }
    }

    /// The target folder.
    fn target(&self) -> PathBuf {
        if self.counted { paths::cross_target().join("counted") } else { workspace::target() }
    }

    /// Where cargo puts what it makes.
    fn output(&self) -> PathBuf {
        self.target().join(self.arch.triple()).join(self.profile.folder())
    }
}

/// Makes `target/driver/ARCH/nblease.{sys,map,pdb}`, and for x64 the filters in C.
pub fn run(args: &Args) -> Result<()> {
    let _lock = begin(args)?;
    let workspace = workspace::prepare()?;
    if args.lint {
        return cargo(
            args,
            &workspace,
            &["clippy", "--package", "nblease", "--package", "nblease-wdf"],
            &["--", "-Dwarnings"],
        );
    }
    cargo(args, &workspace, &["build", "--package", "nblease"], &[])?;
    deliver(args, "nblease", &driver_folder(args.arch))?;
    if args.arch == Arch::X64 {
        build_c::all()?;
    }
    Ok(())
}

/// Builds the driver as a release and says where it is.
pub fn driver(arch: Arch) -> Result<PathBuf> {
    run(&Args::of(arch))?;
    Ok(driver_folder(arch).join("nblease.sys"))
}

/// Builds the driver with one of its sources changed: `nblease.{sys,map,pdb}` in `folder`.
pub fn changed_driver(file: &str, content: &str, folder: &Path) -> Result<PathBuf> {
    let args = Args::of(Arch::X64);
    let _lock = begin(&args)?;
    let workspace = workspace::prepare_changed(file, content)?;
    cargo(&args, &workspace, &["build", "--package", "nblease"], &[])?;
    deliver(&args, workspace::CHANGED, folder)?;
    Ok(folder.join("nblease.sys"))
}

/// Builds the driver with counters in its branches: `nblease.{sys,map,pdb}` in `folder`.
pub fn counted_driver(folder: &Path) -> Result<PathBuf> {
    let args = Args { counted: true, ..Args::of(Arch::X64) };
    let _lock = begin(&args)?;
    let workspace = workspace::prepare()?;
    cargo(&args, &workspace, &["build", "--package", "nblease"], &[])?;
    deliver(&args, "nblease", folder)?;
    Ok(folder.join("nblease.sys"))
}

/// The folder that the driver is delivered to.
fn driver_folder(arch: Arch) -> PathBuf {
    paths::root().join("target/driver").join(arch.name())
}

/// What every build starts with. One at a time: the steps before cargo's share files too.
fn begin(args: &Args) -> Result<File> {
    setup::run()?;
    let cross = paths::cross_target();
    fs::create_dir_all(&cross)?;
    let lock = File::create(cross.join("lock"))?;
    lock.lock().context("wait for another build")?;
    if wdk::prepare(args.arch)? {
        forget_link(&args.output())?;
    }
    Ok(lock)
}

/// Cargo does not know that the image depends on the stand-in's libraries: makes it link again.
fn forget_link(output: &Path) -> Result<()> {
    let Ok(fingerprints) = fs::read_dir(output.join(".fingerprint")) else {
        return Ok(());
    };
    for fingerprint in fingerprints {
        let path = fingerprint?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"nblease-")) {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Debian's cargo, which has the sources of the standard library beside it and may use unstable options.
pub fn debian_cargo() -> Command {
    let mut cargo = Command::new("/usr/bin/cargo");
    let path = std::env::var("PATH").unwrap_or_default();
    cargo.env("RUSTC_BOOTSTRAP", "1").env("PATH", format!("/usr/bin:{path}"));
    // Left by the cargo that runs this program, which may be another one.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "LD_LIBRARY_PATH"] {
        cargo.env_remove(name);
    }
    cargo
}

/// Builds or checks the driver in its workspace.
fn cargo(args: &Args, workspace: &Path, command: &[&str], last: &[&str]) -> Result<()> {
    let triple = args.arch.triple();
    let underscored = triple.replace('-', "_");
    let flags = wdk::binding_flags(args.arch)?;
    let mut cargo = debian_cargo();
    cargo.current_dir(workspace).args(command).arg("-Zbuild-std=core,alloc");
    cargo.args(["--target", triple, "--profile", args.profile.name(), "--target-dir"]).arg(args.target());
    cargo.args(last);
    cargo.env("CARGO_PROFILE_DEV_PANIC", "abort");
    // `core` is built here too, and without any optimization it calls functions that no kernel has (fma).
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    cargo.env("WDKContentRoot", wdk::content_root());
    cargo.env("LIBCLANG_PATH", "/usr/lib/llvm-19/lib");
    cargo.env(format!("BINDGEN_EXTRA_CLANG_ARGS_{underscored}"), &flags);
    cargo.env(format!("CC_{underscored}"), "clang-19").env(format!("CFLAGS_{underscored}"), &flags);
    cargo.env(format!("AR_{underscored}"), "llvm-lib-19");
    cargo.env(format!("CARGO_TARGET_{}_LINKER", underscored.to_uppercase()), "lld-link-19");
    if args.counted {
        cargo.env("RUSTC_WORKSPACE_WRAPPER", paths::root().join("fuzz/counted-rustc"));
    }
    let status = cargo.status().context("run /usr/bin/cargo")?;
    ensure!(status.success(), "cargo {} failed", command[0]);
    Ok(())
}

/// Copies the image that cargo made as `library` under the name that Windows loads it by, with what describes it.
fn deliver(args: &Args, library: &str, to: &Path) -> Result<()> {
    for (made, name) in [("dll", "nblease.sys"), ("map", "nblease.map"), ("pdb", "nblease.pdb")] {
        let made = args.output().join("deps").join(library).with_extension(made);
        let content = fs::read(&made).with_context(|| format!("read {}", made.display()))?;
        paths::write_if_changed(&to.join(name), content)?;
    }
    println!("built {}", to.join("nblease.sys").display());
    Ok(())
}
