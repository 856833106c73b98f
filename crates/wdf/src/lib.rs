//! A small safe face on KMDF, and on the few NT routines that the driver needs beside it.
//!
//! What is here is what a control device with pended reads needs and no more: the driver object, the control device
//! and its callbacks ([`device`]), requests and reads that can be cancelled while they are being filled ([`request`],
//! [`read`]), locks, rundown protection, a timer, time, and memory that is refused rather than assumed.
//!
//! Calling contexts: each function says its highest IRQL. Callbacks of [`device::Control`] come at PASSIVE_LEVEL except
//! `read_cancelled` and `timer`, which may come at DISPATCH_LEVEL.
#![no_std]
#![allow(unsafe_code)]

extern crate alloc;

pub mod device;
pub mod driver;
pub mod event;
pub mod global;
pub mod lock;
pub mod pool;
pub mod read;
pub mod request;
pub mod rundown;
pub mod status;
pub mod string;
pub mod time;
pub mod timer;

pub use status::NtStatus;
