//! NDIS 6 for a light filter: raw bindings, and chains of packets that own what NDIS lends.
//!
//! [`sys`] is what the headers say, under C names. Above it, [`filter`] turns an implementation of
//! [`Filter`](filter::Filter) into the callbacks that NDIS calls, and hands it packets as [`chain`]s: lists of NBLs that
//! are held, and that leave by one call each. [`packet`] looks into a chain, [`mdl`] at a frame's bytes where they lie.
//!
//! Off Windows all of this compiles and runs against stand-ins for the kernel's functions ([`sys::Host`]), for tests.
#![no_std]
// This crate is one of those that talk to the kernel.
#![allow(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "DDI names are everywhere")]

extern crate alloc;
#[cfg(not(windows))]
extern crate std;

mod adapter;
pub mod chain;
pub mod filter;
mod handle;
mod lso;
pub mod mdl;
mod oid;
pub mod packet;
mod params;
pub mod shared;
mod status;
pub mod sys;

pub use handle::FilterHandle;
pub use status::Status;
