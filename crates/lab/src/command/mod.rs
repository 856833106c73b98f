//! Commands of the program that need more than some lines.

pub mod run;
pub mod stress;
