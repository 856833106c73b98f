//! Raw bindings to NDIS, and to the parts of NT and KMDF that a filter and its host share, under their C names.
//!
//! Written by hand: bindgen trips over `ndis.h`. Every layout, value and signature is checked against `abi/` by this
//! crate's tests. The names are documented in the WDK; only what differs from C is said here:
//! - a C `enum` is an `i32`, `BOOLEAN` a `u8`, and a pointer to a struct that is not bound a [`PVOID`];
//! - a function pointer that may be null is an `Option`;
//! - anonymous unions of which one view suffices are that view; bit-fields are accessors;
//! - a field `PaddingN` is the gap that C leaves at byte N of the struct.
//!
//! Nothing here depends on the WDK, so the lab reads a driver's structs with the same definitions on Linux.
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    missing_docs,
    clippy::wildcard_imports,
    clippy::type_complexity,
    clippy::unreadable_literal
)]

mod callbacks;
mod constants;
mod enums;
mod filter;
mod functions;
mod inline;
mod io;
mod nbl;
mod nt;
mod object;
mod offload;
mod oid;
mod oob;
mod pnp;
pub mod signatures;
mod status;
mod types;
mod wdf;
mod wdf_functions;

pub use callbacks::*;
pub use constants::*;
pub use enums::*;
pub use filter::*;
pub use functions::*;
pub use inline::*;
pub use io::*;
pub use nbl::*;
pub use nt::*;
pub use object::*;
pub use offload::*;
pub use oid::*;
pub use oob::*;
pub use pnp::*;
pub use status::*;
pub use types::*;
pub use wdf::*;
pub use wdf_functions::*;
