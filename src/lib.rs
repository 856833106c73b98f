//! nblease: an NDIS 6 light filter that leases packets to programs.
//!
//! | module | what it holds |
//! |---|---|
//! | `entry` | DriverEntry and unload: the order in which things come and go |
//! | `filter` | a module on an adapter, from attach to detach |
//! | `datapath` | frames on their way down and up |
//! | `judging` | what readers that may hold frames want of a packet |
//! | `leases` | packets that wait for readers, and the steps by which they end |
//! | `departure`, `packet` | packets on their way out, ours and others' |
//! | `power` | when frames may be held: restart, pause, sleep, cancel |
//! | `verdict` | a GATE's answers |
//! | `reader` | a configured handle: active read, spill, and how a frame gets there |
//! | `offer` | a leased packet as a reader is shown it |
//! | `record` | a frame's record, written from the original into its room |
//! | `control` | the control device: READ and IOCTLs |
//! | `registry`, `adapter` | who is there, and who watches whom |
//! | `names` | what the driver is called |
#![no_std]

extern crate alloc;

mod adapter;
mod control;
mod datapath;
mod departure;
mod entry;
mod filter;
mod judging;
mod leases;
mod names;
mod offer;
mod packet;
mod power;
mod reader;
mod record;
mod registry;
mod verdict;

// Answers a panic with a bug check.
use wdk_panic as _;

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
