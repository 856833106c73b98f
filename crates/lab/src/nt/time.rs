//! Clocks and delays. Any IRQL, but for the delay of a thread.
//!
//! The performance counter runs at 10 MHz, as on Windows with an invariant TSC; interrupt time is in the same unit.

use nblease_ndis::sys::{BOOLEAN, KPROCESSOR_MODE, LARGE_INTEGER, NTSTATUS, STATUS_SUCCESS, ULONG64, ULONGLONG};

use super::{HIGH_LEVEL, enter};
use crate::{clock::Mode, exports, kernel::kernel, pe::Export, thread};

pub const EXPORTS: &[Export] = exports! {
    KeDelayExecutionThread => ke_delay_execution_thread,
    "KeQueryInterruptTime" => ke_query_interrupt_time,
    KeQueryInterruptTimePrecise => ke_query_interrupt_time_precise,
    KeQueryPerformanceCounter => ke_query_performance_counter,
    KeQuerySystemTimePrecise => ke_query_system_time_precise,
    "KeQueryTimeIncrement" => ke_query_time_increment,
    KeQueryUnbiasedInterruptTime => ke_query_unbiased_interrupt_time,
    KeQueryUnbiasedInterruptTimePrecise => ke_query_unbiased_interrupt_time_precise,
    "KeStallExecutionProcessor" => ke_stall_execution_processor,
};

/// Nanoseconds in the kernel's unit of time.
const UNIT_NS: u64 = 100;
const PERFORMANCE_HZ: i64 = 10_000_000;

/// When something is due, as the kernel's functions say it: in units of 100 ns, negative from now, else since 1601.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due(i64);

impl Due {
    pub(super) fn new(time: i64) -> Self {
        Self(time)
    }

    /// Whether it asks not to wait at all.
    pub(super) fn is_now(self) -> bool {
        self.0 == 0
    }

    /// Whether it is from now.
    pub(super) fn is_relative(self) -> bool {
        self.0 < 0
    }

    /// Nanoseconds from now.
    pub(super) fn ns_from_now(self) -> u64 {
        if self.is_relative() {
            self.0.unsigned_abs().saturating_mul(UNIT_NS)
        } else {
            self.0.cast_unsigned().saturating_sub(kernel().clock.system_time()).saturating_mul(UNIT_NS)
        }
    }
}

impl From<&LARGE_INTEGER> for Due {
    fn from(time: &LARGE_INTEGER) -> Self {
        // SAFETY: each view of the union holds all of its bits.
        Self(unsafe { time.QuadPart })
    }
}

fn counter() -> i64 {
    (kernel().clock.now_ns() / UNIT_NS).cast_signed()
}

fn interrupt_time() -> u64 {
    kernel().clock.now_ns() / UNIT_NS
}

fn unbiased_interrupt_time() -> u64 {
    kernel().clock.unbiased_ns() / UNIT_NS
}

/// Writes a number where the driver asks for it.
fn put<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: the DDI demands null or storage for the number; any other pointer faults and is reported.
        unsafe { to.write(value) };
    }
}

unsafe extern "efiapi" fn ke_query_performance_counter(frequency: *mut LARGE_INTEGER) -> LARGE_INTEGER {
    enter("KeQueryPerformanceCounter", HIGH_LEVEL);
    put(frequency, LARGE_INTEGER { QuadPart: PERFORMANCE_HZ });
    LARGE_INTEGER { QuadPart: counter() }
}

unsafe extern "efiapi" fn ke_query_system_time_precise(time: *mut LARGE_INTEGER) {
    enter("KeQuerySystemTimePrecise", HIGH_LEVEL);
    put(time, LARGE_INTEGER { QuadPart: kernel().clock.system_time().cast_signed() });
}

unsafe extern "win64" fn ke_query_interrupt_time() -> ULONGLONG {
    enter("KeQueryInterruptTime", HIGH_LEVEL);
    interrupt_time()
}

unsafe extern "efiapi" fn ke_query_interrupt_time_precise(at_counter: *mut ULONG64) -> ULONG64 {
    enter("KeQueryInterruptTimePrecise", HIGH_LEVEL);
    put(at_counter, counter().cast_unsigned());
    interrupt_time()
}

unsafe extern "efiapi" fn ke_query_unbiased_interrupt_time() -> ULONGLONG {
    enter("KeQueryUnbiasedInterruptTime", HIGH_LEVEL);
    unbiased_interrupt_time()
}

unsafe extern "efiapi" fn ke_query_unbiased_interrupt_time_precise(at_counter: *mut ULONG64) -> ULONG64 {
    enter("KeQueryUnbiasedInterruptTimePrecise", HIGH_LEVEL);
    put(at_counter, counter().cast_unsigned());
    unbiased_interrupt_time()
}

/// Units of 100 ns between two ticks of the clock: 1/64 s.
unsafe extern "win64" fn ke_query_time_increment() -> u32 {
    enter("KeQueryTimeIncrement", HIGH_LEVEL);
    156_250
}

unsafe extern "win64" fn ke_stall_execution_processor(microseconds: u32) {
    enter("KeStallExecutionProcessor", HIGH_LEVEL);
    let clock = &kernel().clock;
    let ns = u64::from(microseconds) * 1000;
    match clock.mode() {
        Mode::Virtual => clock.advance(ns),
        Mode::Real => {
            let end = clock.now_ns() + ns;
            while clock.now_ns() < end {
                std::hint::spin_loop();
            }
        }
    }
}

unsafe extern "efiapi" fn ke_delay_execution_thread(
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    interval: *mut LARGE_INTEGER,
) -> NTSTATUS {
    thread::may_wait("KeDelayExecutionThread");
    // SAFETY: the DDI demands a time.
    let due = Due::from(unsafe { &*interval });
    kernel().sched.wait_until("KeDelayExecutionThread", Some(due.ns_from_now()), &mut || false);
    STATUS_SUCCESS
}
