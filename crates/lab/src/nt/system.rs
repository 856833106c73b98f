//! What the machine and the system are: processors, version, process, exported routines.

use nblease_ndis::sys::{
    BOOLEAN, HANDLE, NTSTATUS, PROCESSOR_NUMBER, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
    UNICODE_STRING, USHORT,
};

use super::{
    HIGH_LEVEL, enter, string,
    version::{BUILD, MAJOR, MINOR},
};
use crate::{
    exports, io,
    pe::{Export, dlls},
    thread::{self, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    KeGetCurrentProcessorNumberEx => ke_get_current_processor_number_ex,
    KeQueryActiveProcessorCountEx => ke_query_active_processor_count_ex,
    KeQueryMaximumProcessorCountEx => ke_query_maximum_processor_count_ex,
    MmGetSystemRoutineAddress => mm_get_system_routine_address,
    PsGetCurrentProcessId => ps_get_current_process_id,
    RtlGetVersion => rtl_get_version,
    RtlIsNtDdiVersionAvailable => rtl_is_nt_ddi_version_available,
};

/// `NTDDI_WIN10_NI`, the newest version that this system has.
const NTDDI_VERSION: u32 = 0x0a00_000c;
/// Bytes of `RTL_OSVERSIONINFOW` and of `RTL_OSVERSIONINFOEXW`.
const VERSION_INFO: u32 = 276;
const VERSION_INFO_EX: u32 = 284;
const ALL_GROUPS: USHORT = 0xffff;

unsafe extern "efiapi" fn ke_get_current_processor_number_ex(number: *mut PROCESSOR_NUMBER) -> ULONG {
    enter("KeGetCurrentProcessorNumberEx", HIGH_LEVEL);
    let processor = thread::processor();
    if !number.is_null() {
        let contents = PROCESSOR_NUMBER { Group: 0, Number: processor as u8, Reserved: 0 };
        // SAFETY: the DDI demands null or storage.
        unsafe { number.write(contents) };
    }
    processor
}

/// All processors are in group 0.
fn processors_of(group: USHORT) -> ULONG {
    if group == 0 || group == ALL_GROUPS { thread::processors() } else { 0 }
}

unsafe extern "efiapi" fn ke_query_active_processor_count_ex(group: USHORT) -> ULONG {
    enter("KeQueryActiveProcessorCountEx", HIGH_LEVEL);
    processors_of(group)
}

unsafe extern "efiapi" fn ke_query_maximum_processor_count_ex(group: USHORT) -> ULONG {
    enter("KeQueryMaximumProcessorCountEx", HIGH_LEVEL);
    processors_of(group)
}

unsafe extern "efiapi" fn rtl_get_version(info: PVOID) -> NTSTATUS {
    enter("RtlGetVersion", PASSIVE_LEVEL);
    let words: *mut u32 = info.cast();
    // SAFETY: the DDI demands a version structure, which starts with its size.
    let size = unsafe { words.read() };
    if size != VERSION_INFO && size != VERSION_INFO_EX {
        return STATUS_INVALID_PARAMETER;
    }
    // Major, minor, build, platform (2: NT); then an empty name of the service pack, and in the larger one its number,
    // the suite, and the product (1: workstation).
    let rest = (size - 4) as usize;
    // SAFETY: the structure has `size` bytes.
    unsafe { words.wrapping_add(1).cast::<u8>().write_bytes(0, rest) };
    for (at, value) in [(1, MAJOR), (2, MINOR), (3, BUILD), (4, 2)] {
        // SAFETY: as above.
        unsafe { words.wrapping_add(at).write(value) };
    }
    if size == VERSION_INFO_EX {
        // SAFETY: as above; wProductType is byte 282.
        unsafe { words.cast::<u8>().wrapping_add(282).write(1) };
    }
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn rtl_is_nt_ddi_version_available(version: ULONG) -> BOOLEAN {
    enter("RtlIsNtDdiVersionAvailable", PASSIVE_LEVEL);
    u8::from(version <= NTDDI_VERSION)
}

unsafe extern "efiapi" fn mm_get_system_routine_address(name: *mut UNICODE_STRING) -> PVOID {
    enter("MmGetSystemRoutineAddress", PASSIVE_LEVEL);
    let found = dlls::find_in_kernel(&string::text(name));
    found.map_or(std::ptr::null_mut(), |export| export.address.cast_mut().cast())
}

/// The process in whose context the thread runs: in a dispatch routine the caller's.
unsafe extern "efiapi" fn ps_get_current_process_id() -> HANDLE {
    enter("PsGetCurrentProcessId", HIGH_LEVEL);
    std::ptr::without_provenance_mut(io::current_process())
}
