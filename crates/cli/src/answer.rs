//! What a frame's fate is.

use std::fmt;

use clap::ValueEnum;
use nblease_client::Decision;

/// Pass or drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    /// It goes on
    Pass,
    /// It goes no further
    Drop,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
        })
    }
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Pass => Self::Pass,
            Answer::Drop => Self::Drop,
        }
    }
}
