//! Each target over its corpus, and over what once made it fail: a process for each, since a broken rule ends it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use nblease_fuzz::{driver, headers, image, pcapng, rules};

/// Its name, and what takes an input.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("driver", driver::run),
    ("headers", headers::run),
    ("image", image::run),
    ("pcapng", pcapng::run),
    ("rules", rules::run),
];

/// Lines of a target that fails which are shown.
const SHOWN: usize = 60;

fn main() {
    let wanted = std::env::args().nth(1);
    if let Some((name, run)) = TARGETS.iter().find(|(name, _)| wanted.as_deref() == Some(*name)) {
        return replay(name, *run);
    }
    let own = std::env::current_exe().expect("a test is a program");
    for (name, _) in TARGETS {
        let said = Command::new(&own).arg(name).output().expect("a test can run itself");
        if !said.status.success() {
            let lines = String::from_utf8_lossy(&said.stderr);
            let lines: Vec<_> = lines.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(SHOWN)..].join("\n"));
        }
        assert!(said.status.success(), "{name}: {}", said.status);
    }
}

fn replay(name: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inputs: Vec<_> = ["corpus", "crashes"].iter().flat_map(|kind| inputs(&root.join(kind).join(name))).collect();
    assert!(!inputs.is_empty(), "{name} has no corpus");
    for input in &inputs {
        eprintln!("{}", input.display());
        run(&std::fs::read(input).expect("an input is a file"));
    }
}

/// The files of a folder, if there is one, in order of name.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut inputs: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    inputs.sort();
    inputs
}
