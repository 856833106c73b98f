//! The machine and what belongs to all of it: processors and their groups, memory, features, random numbers, callbacks.
//!
//! One group holds all processors. Affinities are noted nowhere: a thread plays the processor that it is.

use nblease_ndis::sys::{
    BOOLEAN, NTSTATUS, PROCESSOR_NUMBER, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, USHORT,
};
use rand::Rng as _;

use super::{HIGH_LEVEL, enter};
use crate::{
    exports,
    kernel::kernel,
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExGetPreviousMode" => ex_get_previous_mode,
    "ExIsProcessorFeaturePresent" => ex_is_processor_feature_present,
    "ExLocalTimeToSystemTime" => same_time,
    "ExSystemTimeToLocalTime" => same_time,
    "ExUuidCreate" => ex_uuid_create,
    "IoGetStackLimits" => io_get_stack_limits,
    "KeGetProcessorIndexFromNumber" => ke_get_processor_index_from_number,
    "KeGetProcessorNumberFromIndex" => ke_get_processor_number_from_index,
    "KeQueryActiveGroupCount" => one_group,
    "KeQueryActiveProcessorCount" => ke_query_active_processor_count,
    "KeQueryActiveProcessors" => ke_query_active_processors,
    "KeQueryGroupAffinity" => ke_query_group_affinity,
    "KeQueryMaximumGroupCount" => one_group,
    "KeQueryMaximumProcessorCount" => ke_query_maximum_processor_count,
    "KeRevertToUserAffinityThreadEx" => affinity,
    "KeRevertToUserGroupAffinityThread" => affinity,
    "KeSetSystemAffinityThreadEx" => affinity,
    "KeSetSystemGroupAffinityThread" => affinity,
    "KeSetTargetProcessorDpc" => affinity,
    "KeSetTargetProcessorDpcEx" => affinity,
    "MmIsAddressValid" => mm_is_address_valid,
    "MmLockPagableDataSection" => mm_lock_pagable_section,
    "MmLockPagableSectionByHandle" => mm_lock_pagable_section,
    "MmPageEntireDriver" => mm_page_entire_driver,
    "MmQuerySystemSize" => mm_query_system_size,
    "MmResetDriverPaging" => mm_page_entire_driver,
    "MmUnlockPagableImageSection" => mm_unlock_pagable_section,
    "PsGetVersion" => ps_get_version,
    "RtlRandomEx" => rtl_random_ex,
    "RtlVerifyVersionInfo" => rtl_verify_version_info,
    "VerSetConditionMask" => ver_set_condition_mask,
};

/// Data that the kernel exports.
pub const DATA_EXPORTS: &[Export] = &[
    Export::direct("KdDebuggerEnabled", (&raw const NO_DEBUGGER).cast()),
    Export::direct("KdDebuggerNotPresent", (&raw const DEBUGGER_NOT_PRESENT).cast()),
    Export::direct("InitSafeBootMode", (&raw const NO_SAFE_BOOT).cast()),
    Export::direct("NtBuildNumber", (&raw const BUILD_NUMBER).cast()),
];

static NO_DEBUGGER: u8 = 0;
static DEBUGGER_NOT_PRESENT: u8 = 1;
static NO_SAFE_BOOT: u32 = 0;
/// A free build: the top half says so.
static BUILD_NUMBER: u32 = 0xf000_0000 | super::version::BUILD;

/// `MmLargeSystem`.
const LARGE_SYSTEM: i32 = 2;
/// Bytes of a kernel stack.
const KERNEL_STACK: usize = 24 << 10;

/// A driver's own calls come from the kernel; a dispatch routine's caller is a program.
unsafe extern "win64" fn ex_get_previous_mode() -> i8 {
    enter("ExGetPreviousMode", HIGH_LEVEL);
    i8::from(crate::io::current_process() != crate::io::process_id(1))
}

/// What any x64 processor of today has: those of `PF_*` that the shared page says too.
unsafe extern "win64" fn ex_is_processor_feature_present(feature: ULONG) -> BOOLEAN {
    enter("ExIsProcessorFeaturePresent", HIGH_LEVEL);
    u8::from(crate::processor::has_feature(feature))
}

/// The lab lives in UTC.
unsafe extern "win64" fn same_time(from: *const i64, to: *mut i64) {
    enter("ExSystemTimeToLocalTime", HIGH_LEVEL);
    // SAFETY: the DDI demands a time.
    let time = unsafe { from.read() };
    // SAFETY: the DDI demands storage for a time.
    unsafe { to.write(time) };
}

unsafe extern "win64" fn ex_uuid_create(uuid: *mut [u8; 16]) -> NTSTATUS {
    enter("ExUuidCreate", PASSIVE_LEVEL);
    let mut bytes: [u8; 16] = kernel().rng().random();
    // Version 4, variant 1; the first three fields are little-endian.
    bytes[7] = bytes[7] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    // SAFETY: the DDI demands storage for a UUID.
    unsafe { uuid.write(bytes) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn io_get_stack_limits(low: *mut usize, high: *mut usize) {
    enter("IoGetStackLimits", HIGH_LEVEL);
    let here = std::ptr::from_ref(&low).addr();
    let top = here.next_multiple_of(KERNEL_STACK);
    // SAFETY: the DDI demands storage.
    unsafe { low.write(top - KERNEL_STACK) };
    // SAFETY: as above.
    unsafe { high.write(top) };
}

unsafe extern "win64" fn ke_get_processor_index_from_number(number: *const PROCESSOR_NUMBER) -> ULONG {
    enter("KeGetProcessorIndexFromNumber", HIGH_LEVEL);
    // SAFETY: the DDI demands a number.
    let PROCESSOR_NUMBER { Group, Number, .. } = unsafe { *number };
    let known = Group == 0 && ULONG::from(Number) < thread::processors();
    if known { Number.into() } else { ULONG::MAX }
}

unsafe extern "win64" fn ke_get_processor_number_from_index(index: ULONG, number: *mut PROCESSOR_NUMBER) -> NTSTATUS {
    enter("KeGetProcessorNumberFromIndex", HIGH_LEVEL);
    if index >= thread::processors() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the DDI demands storage for the number.
    unsafe { number.write(PROCESSOR_NUMBER { Group: 0, Number: index as u8, Reserved: 0 }) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn one_group() -> USHORT {
    enter("KeQueryActiveGroupCount", HIGH_LEVEL);
    1
}

/// A bit for each processor.
fn mask() -> u64 {
    u64::MAX >> (64 - thread::processors())
}

unsafe extern "win64" fn ke_query_active_processor_count(active: *mut u64) -> ULONG {
    enter("KeQueryActiveProcessorCount", HIGH_LEVEL);
    if !active.is_null() {
        // SAFETY: the DDI demands null or storage for the mask.
        unsafe { active.write(mask()) };
    }
    thread::processors()
}

unsafe extern "win64" fn ke_query_maximum_processor_count() -> ULONG {
    enter("KeQueryMaximumProcessorCount", HIGH_LEVEL);
    thread::processors()
}

unsafe extern "win64" fn ke_query_active_processors() -> u64 {
    enter("KeQueryActiveProcessors", HIGH_LEVEL);
    mask()
}

unsafe extern "win64" fn ke_query_group_affinity(group: USHORT) -> u64 {
    enter("KeQueryGroupAffinity", HIGH_LEVEL);
    if group == 0 { mask() } else { 0 }
}

/// Whatever sets or reverts an affinity: the one before is all processors.
unsafe extern "win64" fn affinity() -> u64 {
    enter("KeSetSystemAffinityThreadEx", DISPATCH_LEVEL);
    0
}

unsafe extern "win64" fn mm_is_address_valid(address: PVOID) -> BOOLEAN {
    enter("MmIsAddressValid", DISPATCH_LEVEL);
    let (at, kernel) = (address.addr(), kernel());
    let pool = kernel.memory.pool.find(at);
    let in_pool = pool.is_some_and(|a| a.freed.is_none() && (a.start..a.start + a.len).contains(&at));
    u8::from(in_pool || kernel.driver_at(at).is_some())
}

/// By an address in the section, or by the handle that is one here.
unsafe extern "win64" fn mm_lock_pagable_section(address: PVOID) -> PVOID {
    enter("MmLockPagableDataSection", APC_LEVEL);
    kernel().memory.pageable.lock(address.addr());
    address
}

unsafe extern "win64" fn mm_unlock_pagable_section(handle: PVOID) {
    enter("MmUnlockPagableImageSection", APC_LEVEL);
    kernel().memory.pageable.unlock(handle.addr());
}

/// Whatever makes all of a driver pageable, or what its sections say again: it stays as they say.
unsafe extern "win64" fn mm_page_entire_driver(address: PVOID) -> PVOID {
    enter("MmPageEntireDriver", APC_LEVEL);
    address
}

unsafe extern "win64" fn mm_query_system_size() -> i32 {
    enter("MmQuerySystemSize", PASSIVE_LEVEL);
    LARGE_SYSTEM
}

unsafe extern "win64" fn ps_get_version(
    major: *mut ULONG,
    minor: *mut ULONG,
    build: *mut ULONG,
    _pack: PVOID,
) -> BOOLEAN {
    enter("PsGetVersion", PASSIVE_LEVEL);
    let version = super::version::MAJOR;
    for (to, value) in [(major, version), (minor, super::version::MINOR), (build, super::version::BUILD)] {
        if !to.is_null() {
            // SAFETY: the DDI demands null or storage.
            unsafe { to.write(value) };
        }
    }
    0
}

unsafe extern "win64" fn rtl_random_ex(seed: *mut ULONG) -> ULONG {
    enter("RtlRandomEx", APC_LEVEL);
    // SAFETY: the DDI demands a seed.
    let before = unsafe { seed.read() };
    let next = before.wrapping_mul(1_103_515_245).wrapping_add(12345);
    // SAFETY: as above.
    unsafe { seed.write(next) };
    // 0 to MAXLONG - 1.
    (next >> 1) % 0x7fff_ffff
}

/// Windows 11 is at least what drivers ask for.
unsafe extern "win64" fn rtl_verify_version_info(_info: PVOID, _mask: ULONG, _conditions: u64) -> NTSTATUS {
    enter("RtlVerifyVersionInfo", PASSIVE_LEVEL);
    STATUS_SUCCESS
}

unsafe extern "win64" fn ver_set_condition_mask(mask: u64, _kind: ULONG, _condition: u8) -> u64 {
    enter("VerSetConditionMask", HIGH_LEVEL);
    mask
}
