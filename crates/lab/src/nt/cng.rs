//! What drivers import of `CNG.SYS`: random numbers. Other algorithms there are none.
//!
//! After BCryptOpenAlgorithmProvider and BCryptGenRandom. PASSIVE_LEVEL; up to DISPATCH_LEVEL with a provider that was opened
//! for it. A provider that is left open breaks V35.

use nblease_ndis::sys::{NTSTATUS, PVOID, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};
use rand::RngCore as _;

use super::{enter, pool, string};
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    pe::Export,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "BCryptCloseAlgorithmProvider" => bcrypt_close_algorithm_provider,
    "BCryptGenRandom" => bcrypt_gen_random,
    "BCryptOpenAlgorithmProvider" => bcrypt_open_algorithm_provider,
};

/// The tag by which a provider that was not closed shows at unload.
const TAG: [u8; 4] = *b"BCry";
/// `BCRYPT_PROV_DISPATCH`.
const DISPATCH: u32 = 1;
/// `BCRYPT_USE_SYSTEM_PREFERRED_RNG`.
const SYSTEMS: u32 = 2;
/// `STATUS_NOT_FOUND`, `STATUS_NO_MEMORY`.
const NOT_FOUND: NTSTATUS = 0xc000_0225_u32.cast_signed();
const NO_MEMORY: NTSTATUS = 0xc000_0017_u32.cast_signed();

unsafe extern "win64" fn bcrypt_open_algorithm_provider(
    provider: *mut PVOID,
    algorithm: *const u16,
    _implementation: *const u16,
    flags: ULONG,
) -> NTSTATUS {
    enter("BCryptOpenAlgorithmProvider", PASSIVE_LEVEL);
    let algorithm = String::from_utf16_lossy(&string::wide_string(algorithm));
    if !["RNG", "FIPS186DSARNG", "DUALECRNG"].contains(&algorithm.as_str()) {
        return NOT_FOUND;
    }
    if kernel().faults.should_fail(FaultKind::Object) {
        return NO_MEMORY;
    }
    let made: *mut u32 = pool::allocate_object(TAG, size_of::<u64>()).cast();
    // SAFETY: just allocated; nobody else knows it.
    unsafe { made.write(flags) };
    // SAFETY: the DDI demands storage for the handle.
    unsafe { provider.write(made.cast()) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn bcrypt_close_algorithm_provider(provider: PVOID, _flags: ULONG) -> NTSTATUS {
    enter("BCryptCloseAlgorithmProvider", PASSIVE_LEVEL);
    pool::free_object(TAG, provider);
    STATUS_SUCCESS
}

unsafe extern "win64" fn bcrypt_gen_random(provider: PVOID, buffer: *mut u8, len: ULONG, flags: ULONG) -> NTSTATUS {
    const FUNCTION: &str = "BCryptGenRandom";
    enter(FUNCTION, DISPATCH_LEVEL);
    let systems = flags & SYSTEMS != 0;
    if systems != provider.is_null() {
        return if systems { STATUS_INVALID_PARAMETER } else { STATUS_INVALID_HANDLE };
    }
    // SAFETY: the DDI demands a provider's handle; what is none faults and is reported.
    let anywhere = !systems && unsafe { provider.cast::<u32>().read() } & DISPATCH != 0;
    kernel().judge.check(rule::V09, anywhere || thread::irql() == PASSIVE_LEVEL, || {
        format!("{FUNCTION} at IRQL {} without a provider that was opened with BCRYPT_PROV_DISPATCH", thread::irql())
    });
    let mut bytes = vec![0; len as usize];
    kernel().rng().fill_bytes(&mut bytes);
    // SAFETY: the DDI demands a buffer of that length.
    unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    STATUS_SUCCESS
}
