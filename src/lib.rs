//! nblease: an NDIS light filter that leases packets to programs.

#![no_std]

mod entry;
use nblease_wdf as _;

// Answers a panic with a bug check.
use wdk_panic as _;

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
