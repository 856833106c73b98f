//! Runs the program against a lab that follows a script.

#![allow(dead_code, missing_docs, reason = "each test uses a part of it")]

use std::process::{Child, Command, Output, Stdio};

use crate::fake_lab::{Event, FakeLab};

pub fn nblease(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nblease"));
    command.args(args).env_remove("NBLEASE_LAB").stdin(Stdio::null());
    command
}

pub fn on(lab: &FakeLab, args: &[&str]) -> Command {
    let mut command = nblease(args);
    command.env("NBLEASE_LAB", &lab.path);
    command
}

pub fn output(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What a program that ends with `code` says.
pub fn sentence(command: Command, code: i32) -> String {
    let (ended, out, err) = output(command);
    assert_eq!((ended, &*out), (Some(code), ""), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    err.trim_end().strip_prefix("nblease: ").unwrap().to_owned()
}

pub fn reads(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Read(_))).count()
}

pub fn signal(child: &Child, signal: &str) {
    // The shell's own: a machine need not have another.
    let status =
        Command::new("sh").args(["-c", "kill \"$0\" \"$1\"", signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
