//! What NDIS says of the machine: processors and their numbers, alignment; and the system's event log. IRQL up to
//! DISPATCH_LEVEL unless said otherwise.
//!
//! One group holds all processors, as in `nt::machine`.

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_SUCCESS, PROCESSOR_NUMBER, PVOID, STATUS_INVALID_PARAMETER, UNICODE_STRING,
};

use super::raw;
use crate::{
    judge::rule,
    kernel::kernel,
    memory::pool::PoolKind,
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "NdisActiveGroupCount" => one_group,
    "NdisGetCurrentProcessorCounts" => current_processor_counts,
    "NdisGetCurrentProcessorCpuUsage" => current_processor_usage,
    "NdisGetSharedDataAlignment" => shared_data_alignment,
    "NdisGroupActiveProcessorCount" => processors_of_group,
    "NdisGroupActiveProcessorMask" => mask_of_group,
    "NdisGroupMaxProcessorCount" => processors_of_group,
    "NdisInitializeString" => initialize_string,
    "NdisMaxGroupCount" => one_group,
    "NdisProcessorIndexToNumber" => index_to_number,
    "NdisProcessorNumberToIndex" => number_to_index,
    "NdisSystemActiveProcessorCount" => active_processors,
    "NdisSystemProcessorCount" => processor_count,
    "NdisWriteErrorLogEntry" => write_error_log,
    "NdisWriteEventLogEntry" => write_event_log,
};

/// `ALL_PROCESSOR_GROUPS`.
const ALL_GROUPS: u16 = 0xffff;
/// Bytes of a cache line.
const CACHE_LINE: u32 = 64;
/// The tag of a string's buffer, which `NdisFreeString` frees.
const STRING_TAG: [u8; 4] = *b"NDst";

fn enter(function: &'static str) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
}

unsafe extern "win64" fn one_group() -> u16 {
    enter("NdisActiveGroupCount");
    1
}

unsafe extern "win64" fn processors_of_group(group: u16) -> u32 {
    enter("NdisGroupActiveProcessorCount");
    if group == 0 || group == ALL_GROUPS { thread::processors() } else { 0 }
}

/// A bit for each processor.
fn mask() -> u64 {
    u64::MAX >> (64 - thread::processors())
}

unsafe extern "win64" fn mask_of_group(group: u16) -> u64 {
    enter("NdisGroupActiveProcessorMask");
    if group == 0 { mask() } else { 0 }
}

unsafe extern "win64" fn active_processors(active: *mut u64) -> u32 {
    enter("NdisSystemActiveProcessorCount");
    if !active.is_null() {
        raw::write(active, mask());
    }
    thread::processors()
}

unsafe extern "win64" fn processor_count() -> i8 {
    enter("NdisSystemProcessorCount");
    (thread::processors().min(64) as u8).cast_signed()
}

unsafe extern "win64" fn index_to_number(index: u32, number: *mut PROCESSOR_NUMBER) -> i32 {
    enter("NdisProcessorIndexToNumber");
    if index >= thread::processors() {
        return STATUS_INVALID_PARAMETER;
    }
    raw::write(number, PROCESSOR_NUMBER { Group: 0, Number: index as u8, Reserved: 0 });
    0
}

/// The number is passed by value: group in the low half, then number.
unsafe extern "win64" fn number_to_index(number: u32) -> u32 {
    enter("NdisProcessorNumberToIndex");
    let (group, index) = (number & 0xffff, number >> 16 & 0xff);
    if group == 0 && index < thread::processors() { index } else { u32::MAX }
}

/// Idle time, kernel and user time, and this processor's number: nothing but time at work is counted.
unsafe extern "win64" fn current_processor_counts(idle: *mut u32, work: *mut u32, index: *mut u32) {
    enter("NdisGetCurrentProcessorCounts");
    raw::write(idle, 0);
    raw::write(work, (kernel().clock.now_ns() / 1_000_000) as u32);
    raw::write(index, thread::processor());
}

unsafe extern "win64" fn current_processor_usage(percent: *mut u32) {
    enter("NdisGetCurrentProcessorCpuUsage");
    raw::write(percent, 100);
}

unsafe extern "win64" fn shared_data_alignment() -> u32 {
    enter("NdisGetSharedDataAlignment");
    CACHE_LINE
}

/// A counted string of an ANSI one, in memory that the driver frees. PASSIVE_LEVEL.
unsafe extern "win64" fn initialize_string(to: *mut UNICODE_STRING, source: *const u8) {
    thread::enter("NdisInitializeString", PASSIVE_LEVEL, rule::V09);
    let bytes = (0..).map(|at| raw::read(source.wrapping_add(at))).take_while(|byte| *byte != 0);
    let units: Vec<u16> = bytes.map(u16::from).chain([0]).collect();
    let len = units.len() * 2;
    let (driver, tag) = (thread::current_driver(), u32::from_le_bytes(STRING_TAG));
    let memory: PVOID = kernel().memory.pool.allocate(driver, tag, len, PoolKind::NonPaged, true).cast();
    let buffer: *mut u16 = memory.cast();
    if buffer.is_null() {
        return raw::write(to, UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: buffer });
    }
    for (at, unit) in units.iter().enumerate() {
        raw::write(buffer.wrapping_add(at), *unit);
    }
    raw::write(to, UNICODE_STRING { Length: (len - 2) as u16, MaximumLength: len as u16, Buffer: buffer });
}

/// Takes a variable number of values, which are not looked at.
unsafe extern "win64" fn write_error_log(_adapter: NDIS_HANDLE, code: u32, count: u32) {
    enter("NdisWriteErrorLogEntry");
    eprintln!("[driver] error log entry {code:#x} with {count} values");
}

unsafe extern "win64" fn write_event_log(_handle: PVOID, code: NDIS_STATUS, _value: u32, _strings: u16) -> NDIS_STATUS {
    enter("NdisWriteEventLogEntry");
    eprintln!("[driver] event log entry {code:#x}");
    NDIS_STATUS_SUCCESS
}
