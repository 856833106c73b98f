//! The headers of the filters in C are what the ABI facts give, and say so of themselves when compiled.

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
fn the_headers_are_what_the_facts_give() {
    run(Command::new("python3").arg(filters().join("gen_header.py")).arg("--check"));
}

/// The headers assert the size of each struct and the offset of each field.
#[test]
fn the_headers_lay_structs_out_as_the_facts_say() {
    for header in ["ntddk_ndis_abi.h", "kmdf_abi.h"] {
        run(Command::new("clang-19")
            .args(["--target=x86_64-pc-windows-msvc", "-ffreestanding", "-fsyntax-only"])
            .args(["-Wall", "-Wextra", "-Werror", "-x", "c"])
            .arg(filters().join("include").join(header))
            .arg("-Wno-pragma-once-outside-header"));
    }
}
