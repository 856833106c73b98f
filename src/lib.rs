//! nblease: an NDIS 6 light filter that leases packets to programs.
//!
//! | module | what it holds |
//! |---|---|
//! | `entry` | DriverEntry and unload: the order in which things come and go |
//! | `filter` | a module on an adapter, from attach to detach |
//! | `datapath` | frames on their way down and up |
//! | `reader` | a configured handle: active read, spill, and how a frame gets there |
//! | `record` | a frame's record, written from the original into its room |
//! | `control` | the control device: READ and IOCTLs |
//! | `registry`, `adapter` | who is there, and who watches whom |
//! | `names` | what the driver is called |
#![no_std]

extern crate alloc;

mod adapter;
mod control;
mod datapath;
mod entry;
mod filter;
mod names;
mod reader;
mod record;
mod registry;

// Answers a panic with a bug check.
use wdk_panic as _;

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
