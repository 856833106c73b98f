//! The clocks of NT: what records are stamped with, and what deadlines run on.

use wdk_sys::{
    LARGE_INTEGER,
    ntddk::{KeQueryPerformanceCounter, KeQuerySystemTimePrecise, KeQueryUnbiasedInterruptTimePrecise},
};

/// (count, counts per second) of the performance counter. Any IRQL.
pub fn performance_counter() -> (u64, u64) {
    let mut frequency = LARGE_INTEGER::default();
    // SAFETY: the pointer is to a local.
    let count = unsafe { KeQueryPerformanceCounter(&raw mut frequency) };
    (quad(count), quad(frequency))
}

/// System time in 100 ns since 1601 (UTC), as precise as the machine has it. Any IRQL.
pub fn system_time() -> u64 {
    let mut time = LARGE_INTEGER::default();
    // SAFETY: the pointer is to a local.
    unsafe { KeQuerySystemTimePrecise(&raw mut time) };
    quad(time)
}

/// Time since the system started, in 100 ns, sleep left out. Any IRQL.
pub fn unbiased_time() -> u64 {
    let mut counter = 0;
    // SAFETY: the pointer is to a local.
    unsafe { KeQueryUnbiasedInterruptTimePrecise(&raw mut counter) }
}

fn quad(value: LARGE_INTEGER) -> u64 {
    // SAFETY: every bit pattern is a valid integer, whichever member was written.
    unsafe { value.QuadPart }.cast_unsigned()
}
