//! NDIS 6 for a light filter: raw bindings, and chains of packets that own what NDIS lends.
//!
//! [`sys`] is what the headers say, under C names. Above it, [`filter`] turns an implementation of
//! [`Filter`](filter::Filter) into the callbacks that NDIS calls, and hands it packets as [`chain`]s: lists of NBLs that
//! are held, and that leave by one call each. [`packet`] looks into a chain, [`mdl`] at a frame's bytes where they lie.
//!
//! A chain that is to be kept is split into [`held`] packets, each an original with its port and flags; a [`batch`] chains
//! them again. Packets of the filter's own come from a [`pool`] and are [`own`]: deep copies, replacements
//! ([`replace`]), and what passes of a send of which not all may ([`shadow`]). They end where they come back
//! ([`settle`]).
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
mod assemble;
pub mod batch;
pub mod chain;
pub mod filter;
mod handle;
mod headers;
pub mod held;
mod list;
mod lso;
pub mod mdl;
pub mod offloads;
mod oid;
mod oob;
pub mod own;
pub mod packet;
mod params;
pub mod pool;
mod promote;
pub mod replace;
pub mod settle;
pub mod shadow;
pub mod shared;
mod split;
mod status;
pub mod sys;

pub use handle::FilterHandle;
pub use status::Status;
