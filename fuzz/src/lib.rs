//! What takes bytes from others, as functions of the bytes: they panic, or end the process, where something is wrong.
//!
//! | target | bytes |
//! |---|---|
//! | [`driver`] | what programs do with the compiled driver in the lab, call after call |
//! | [`image`] | a driver's file, or what is changed in one, for the lab's loader |
//! | [`pcapng`] | what a driver answers, for the reader of blocks and the client |
//! | [`rules`] | a file of rules, for the program |
//! | [`headers`] | a frame, rules and requests, for what the driver parses |
#![allow(clippy::missing_panics_doc, reason = "a panic is how a target says that something is wrong")]

pub mod cursor;
pub mod driver;
pub mod headers;
pub mod image;
pub mod pcapng;
pub mod rules;

/// Modules of the program, which has no library.
#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../crates/cli/src"]
mod program {
    pub mod answer;
    pub mod rule;
    pub mod rule_file;
}
use program::{answer, rule};
