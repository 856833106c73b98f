//! Threads that go over to another process's memory (`KeStackAttachProcess`), and processes by their IDs.

use std::cell::RefCell;

use nblease_ndis::sys::{HANDLE, NTSTATUS, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use super::enter;
use crate::{
    exports,
    io::{self, ProcessContext, wdm},
    kernel::kernel,
    pe::Export,
    thread::{APC_LEVEL, PASSIVE_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "KeStackAttachProcess" => ke_stack_attach_process,
    "KeUnstackDetachProcess" => ke_unstack_detach_process,
    "PsLookupProcessByProcessId" => ps_lookup_process_by_process_id,
};

thread_local! {
    /// What this thread is attached to, innermost last, each with the state that the driver passed.
    static ATTACHED: RefCell<Vec<(usize, ProcessContext)>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "win64" fn ke_stack_attach_process(process: PVOID, state: PVOID) {
    enter("KeStackAttachProcess", APC_LEVEL);
    let number = io::process_number(wdm::process_object_id(process));
    ATTACHED.with_borrow_mut(|attached| attached.push((state.addr(), ProcessContext::enter(number))));
}

/// Detaching what was not attached last leaves the thread in a process that nobody expects.
unsafe extern "win64" fn ke_unstack_detach_process(state: PVOID) {
    enter("KeUnstackDetachProcess", APC_LEVEL);
    let last = ATTACHED.with_borrow_mut(Vec::pop);
    if last.is_none_or(|(of, _context)| of != state.addr()) {
        kernel().judge.bug_check("KeUnstackDetachProcess of a process that this thread did not attach to last");
    }
}

unsafe extern "win64" fn ps_lookup_process_by_process_id(id: HANDLE, process: *mut PVOID) -> NTSTATUS {
    enter("PsLookupProcessByProcessId", PASSIVE_LEVEL);
    if id.is_null() || !id.addr().is_multiple_of(4) {
        return STATUS_INVALID_PARAMETER;
    }
    let object = wdm::process_object(id.addr());
    kernel().nt.handles.reference(object.addr());
    // SAFETY: the DDI demands storage for the pointer.
    unsafe { process.write(object) };
    STATUS_SUCCESS
}
