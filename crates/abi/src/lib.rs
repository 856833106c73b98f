//! What crosses between the driver and a program: device names, IOCTLs, statuses, pcapng records,
//! and the lab's stand-in for file calls.
//!
//! The driver, the client, the lab and the tests share this crate and nothing else. It knows
//! neither an operating system nor an allocator. A change of anything that crosses raises
//! [`ioctl::ABI_VERSION`]; `tests/layout.rs` holds every size, offset and code to that number.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("the layouts are little-endian, as are all machines that Windows runs on");

pub mod configure;
pub mod ioctl;
pub mod pcapng;
pub mod rules;
pub mod stats;
pub mod status;
pub mod user_call;
pub mod verdict;

pub use status::NtStatus;
