//! The clocks of NT that records are stamped with.

use wdk_sys::{
    LARGE_INTEGER,
    ntddk::{KeQueryPerformanceCounter, KeQuerySystemTimePrecise},
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

fn quad(value: LARGE_INTEGER) -> u64 {
    // SAFETY: every bit pattern is a valid integer, whichever member was written.
    unsafe { value.QuadPart }.cast_unsigned()
}
