//! The lab: a strict model of NT, KMDF and NDIS on Linux that maps a compiled light filter (`.sys`) and judges it by
//! the numbered rules of the contract.
//!
//! The lab is one [`kernel::Kernel`] at a time in a process: the functions that a driver imports have no context
//! argument, so they find it by [`kernel::kernel`]. Rules of the house:
//!
//! * A model's mutex is never held while the driver is called.
//! * Every call into the driver goes through [`thread::call_driver`], which sets the IRQL, keeps the call stack for
//!   reports and checks on return that IRQL and locks are as they were.
//! * Every function that a driver can import is `unsafe extern "win64"`, listed in its module's `EXPORTS`, and starts
//!   with [`thread::enter`], which checks its IRQL.
//! * What is wrong goes to [`judge::Judge`], by rule.
#![allow(unsafe_code)]
// The names of DDIs, levels and flags would be half of the text in backticks.
#![allow(clippy::doc_markdown)]

pub mod call_stack;
pub mod clock;
pub mod cpu_time;
pub mod edges;
pub mod fault;
pub mod faults;
pub mod history;
pub mod io;
pub mod judge;
pub mod kernel;
pub mod lab;
pub mod lock_order;
pub mod memory;
pub mod ndis;
mod netio;
pub mod nt;
pub mod pe;
mod processor;
pub mod registry;
pub mod scenario;
pub mod sched;
pub mod supervised;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod thread;
pub mod user_socket;
mod watchdog;
pub mod wdf;
pub mod wfp;
