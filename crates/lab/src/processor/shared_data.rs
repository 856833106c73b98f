//! KUSER_SHARED_DATA: the page at a fixed address that the kernel writes and everyone may read.
//!
//! `KeQueryTickCount`, `KeQuerySystemTime`, `KeQueryInterruptTime` and the tests for processor features are inline reads
//! of it. The address is out of a program's reach, so that reads fault and are served from here. Offsets are those of
//! `ntddk.h`.

use std::sync::OnceLock;

use crate::{
    kernel::kernel,
    memory::{PAGE, Protection, map},
    nt::version,
    thread,
};

/// `KI_USER_SHARED_DATA`.
pub const ADDRESS: usize = 0xffff_f780_0000_0000;

/// Units of 100 ns between ticks of the clock.
const TICK: u64 = 156_250;
/// Ticks to milliseconds, in units of 2^-24.
const TICK_MULTIPLIER: u32 = ((TICK << 24) / 10_000) as u32;

/// `PROCESSOR_FEATURE_MAX`, and the features that any x64 processor of today has: those of SSE to SSE4.2, RDTSC,
/// compare-exchange of 16 bytes, NX.
const FEATURES: usize = 64;
const PRESENT: [usize; 12] = [2, 6, 8, 9, 10, 12, 13, 14, 36, 37, 38, 23];

/// Whether the processor has a feature of `PF_*`.
pub fn has_feature(feature: u32) -> bool {
    PRESENT.contains(&(feature as usize))
}

/// Where the page's contents lie for now, brought up to date.
pub fn page() -> *mut u8 {
    static PAGE_CELL: OnceLock<usize> = OnceLock::new();
    let at = *PAGE_CELL.get_or_init(|| {
        let page = map::reserve(PAGE).expect("addresses for the shared page");
        map::protect(page, PAGE, Protection::ReadWrite);
        page.expose_provenance()
    });
    let page = std::ptr::with_exposed_provenance_mut(at);
    fill(page);
    page
}

fn put<T>(page: *mut u8, at: usize, value: T) {
    // SAFETY: every offset below lies in the page; a field that two threads write at once gets the same kind of value.
    unsafe { page.wrapping_add(at).cast::<T>().write_unaligned(value) };
}

/// `KSYSTEM_TIME`: the low part, and the high part twice.
fn put_time(page: *mut u8, at: usize, time: u64) {
    put(page, at + 8, (time >> 32) as u32);
    put(page, at, time as u32);
    put(page, at + 4, (time >> 32) as u32);
}

fn fill(page: *mut u8) {
    let clock = &kernel().clock;
    let interrupt_time = clock.now_ns() / 100;
    put(page, 0x004, TICK_MULTIPLIER);
    put_time(page, 0x008, interrupt_time);
    put_time(page, 0x014, clock.system_time());
    for (index, unit) in r"C:\Windows".encode_utf16().enumerate() {
        put(page, 0x030 + 2 * index, unit);
    }
    put(page, 0x260, version::BUILD);
    put(page, 0x264, 1_u32); // NtProductWinNt
    put(page, 0x268, 1_u8);
    put(page, 0x26a, 9_u16); // PROCESSOR_ARCHITECTURE_AMD64
    put(page, 0x26c, version::MAJOR);
    put(page, 0x270, version::MINOR);
    for feature in PRESENT.into_iter().filter(|feature| *feature < FEATURES) {
        put(page, 0x274 + feature, 1_u8);
    }
    put(page, 0x300, 10_000_000_u64); // QpcFrequency
    put_time(page, 0x320, interrupt_time / TICK);
    put(page, 0x3c0, thread::processors());
}
