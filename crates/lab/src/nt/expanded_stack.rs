//! Calls with more stack than a callback has (`KeExpandKernelStackAndCallout`): the routine may use as much as was asked for.

use nblease_ndis::sys::{BOOLEAN, NTSTATUS, PVOID, SIZE_T, STATUS_SUCCESS};

use super::{dpc::owner, enter};
use crate::{
    exports,
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "KeExpandKernelStackAndCallout" => ke_expand_kernel_stack_and_callout,
    "KeExpandKernelStackAndCalloutEx" => ke_expand_kernel_stack_and_callout_ex,
};

/// `MAXIMUM_EXPANSION_SIZE`: a large stack less half a page.
const MAXIMUM: usize = 0x12000 - 0x800;
/// `STATUS_INVALID_PARAMETER_3`.
const INVALID_SIZE: NTSTATUS = 0xc000_00f1_u32.cast_signed();

type Routine = unsafe extern "win64" fn(PVOID);

unsafe extern "win64" fn ke_expand_kernel_stack_and_callout(
    routine: Routine,
    parameter: PVOID,
    size: SIZE_T,
) -> NTSTATUS {
    enter("KeExpandKernelStackAndCallout", APC_LEVEL);
    call(routine, parameter, size)
}

unsafe extern "win64" fn ke_expand_kernel_stack_and_callout_ex(
    routine: Routine,
    parameter: PVOID,
    size: SIZE_T,
    _wait: BOOLEAN,
    _context: PVOID,
) -> NTSTATUS {
    enter("KeExpandKernelStackAndCalloutEx", DISPATCH_LEVEL);
    call(routine, parameter, size)
}

fn call(routine: Routine, parameter: PVOID, size: usize) -> NTSTATUS {
    if size > MAXIMUM {
        return INVALID_SIZE;
    }
    let driver = owner(routine as usize);
    thread::call_driver_with_stack(size, driver, "ExpandedStackCall", thread::irql(), || {
        // SAFETY: the driver's own routine and parameter.
        unsafe { routine(parameter) };
    });
    STATUS_SUCCESS
}
