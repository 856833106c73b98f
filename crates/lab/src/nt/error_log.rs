//! Entries of the system's error log. IRQL up to DISPATCH_LEVEL.
//!
//! An entry is the driver's until it is written or freed, which gives it back either way (IoWriteErrorLogEntry,
//! IoFreeErrorLogEntry): a second time breaks V36, and one that is left V35.

use nblease_ndis::sys::{PVOID, UCHAR};

use super::{enter, pool};
use crate::{exports, faults::FaultKind, judge::rule, kernel::kernel, pe::Export, thread::DISPATCH_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "IoAllocateErrorLogEntry" => io_allocate_error_log_entry,
    "IoFreeErrorLogEntry" => io_free_error_log_entry,
    "IoWriteErrorLogEntry" => io_write_error_log_entry,
};

/// The tag by which an entry that was neither written nor freed shows at unload.
const TAG: [u8; 4] = *b"IoEr";
/// What a `DEVICE_OBJECT` and a `DRIVER_OBJECT` begin with.
const IO_TYPE_DEVICE: u16 = 3;
const IO_TYPE_DRIVER: u16 = 4;
/// `sizeof(IO_ERROR_LOG_PACKET)`.
const PACKET: usize = 48;
/// `ERROR_LOG_MAXIMUM_SIZE`.
const MAXIMUM: usize = 240;
/// Where `DumpData` begins.
const DUMP_DATA: usize = 40;

/// The beginning of an `IO_ERROR_LOG_PACKET`.
#[repr(C)]
struct Packet {
    major_function: u8,
    retry_count: u8,
    dump_data_size: u16,
    strings: u16,
    string_offset: u16,
}

/// Null where the size is not that of an entry: of the packet, its dump data and its strings, ERROR_LOG_MAXIMUM_SIZE at most.
unsafe extern "win64" fn io_allocate_error_log_entry(object: PVOID, size: UCHAR) -> PVOID {
    enter("IoAllocateErrorLogEntry", DISPATCH_LEVEL);
    // SAFETY: the DDI demands a driver's object or a device's, which begin with what they are.
    let kind = unsafe { object.cast::<u16>().read_unaligned() };
    kernel().judge.check(rule::V36, [IO_TYPE_DEVICE, IO_TYPE_DRIVER].contains(&kind), || {
        format!("IoAllocateErrorLogEntry for what is no driver or device: {}", kernel().memory.describe(object.addr()))
    });
    if !(PACKET..=MAXIMUM).contains(&usize::from(size)) || kernel().faults.should_fail(FaultKind::Object) {
        return std::ptr::null_mut();
    }
    pool::allocate_object(TAG, usize::from(size))
}

unsafe extern "win64" fn io_free_error_log_entry(entry: PVOID) {
    enter("IoFreeErrorLogEntry", DISPATCH_LEVEL);
    pool::free_object(TAG, entry);
}

unsafe extern "win64" fn io_write_error_log_entry(entry: PVOID) {
    enter("IoWriteErrorLogEntry", DISPATCH_LEVEL);
    if let Some(allocation) = kernel().memory.pool.find(entry.addr()) {
        judge_packet(entry, allocation.len);
    }
    pool::free_object(TAG, entry);
}

/// Dump data and strings lie within the entry, and each string ends there (`IO_ERROR_LOG_PACKET`).
fn judge_packet(entry: PVOID, len: usize) {
    if len < PACKET {
        return;
    }
    // SAFETY: an allocation of that length begins there.
    let Packet { dump_data_size, strings, string_offset, .. } = unsafe { entry.cast::<Packet>().read() };
    let dump = DUMP_DATA + usize::from(dump_data_size);
    kernel().judge.check(rule::V36, dump <= len, || {
        format!("IoWriteErrorLogEntry of an entry of {len} bytes, with dump data up to byte {dump}")
    });
    // SAFETY: the same allocation.
    let bytes = unsafe { std::slice::from_raw_parts(entry.cast::<u8>(), len) };
    let text = bytes.get(usize::from(string_offset)..).unwrap_or_default();
    let ends = text.chunks_exact(2).filter(|unit| **unit == [0, 0]).count();
    kernel().judge.check(rule::V36, usize::from(strings) <= ends, || {
        format!("IoWriteErrorLogEntry of an entry of {len} bytes with {strings} strings, of which {ends} end in it")
    });
}
