//! The header of the filters in C is what the ABI facts give, and says so of itself when compiled.

use std::path::{Path, PathBuf};
use std::process::Command;

fn filters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("filters")
}

/// Runs a command to success, or fails with what it said.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}

#[test]
fn the_header_is_what_the_facts_give() {
    run(Command::new("python3").arg(filters().join("gen_header.py")).arg("--check"));
}

/// The header asserts the size of each struct and the offset of each field.
#[test]
fn the_header_lays_structs_out_as_the_facts_say() {
    run(Command::new("clang-19")
        .args(["--target=x86_64-pc-windows-msvc", "-ffreestanding", "-fsyntax-only"])
        .args(["-Wall", "-Wextra", "-Werror", "-x", "c"])
        .arg(filters().join("include/ntddk_ndis_abi.h"))
        .arg("-Wno-pragma-once-outside-header"));
}
