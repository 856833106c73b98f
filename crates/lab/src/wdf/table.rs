//! The table of functions that binding hands to a driver: WDF_FUNCTIONS in its order.
//!
//! Every entry goes through a thunk that notes the call site, as imports do. An entry that the lab does not model leads to
//! [`unmodelled`], which ends the run and names the function.

use std::{ptr, slice};

use nblease_ndis::sys::WDF_FUNCTIONS;

use super::{
    binding, device, device_init, driver, file, lock, memory, object_ddi, queue_ddi, queue_state, registry_key,
    request_buffer, request_cancel, request_ddi, timer, work,
};
use crate::pe::{Export, THUNK, Thunks};

macro_rules! functions {
    ($($name:literal => $function:path;)*) => {
        /// The functions that are modelled, by name.
        const MODELLED: &[Export] = &[$(Export::function($name, $function as *const ())),*];
    };
}

functions! {
    "WdfControlDeviceInitAllocate" => device_init::allocate;
    "WdfControlFinishInitializing" => device::finish_initializing;
    "WdfDeviceConfigureRequestDispatching" => device::configure_request_dispatching;
    "WdfDeviceCreate" => device::create;
    "WdfDeviceCreateSymbolicLink" => device::create_symbolic_link;
    "WdfDeviceGetDefaultQueue" => device::get_default_queue;
    "WdfDeviceGetDriver" => device::get_driver;
    "WdfDeviceGetFileObject" => device::get_file_object;
    "WdfDeviceInitAssignName" => device_init::assign_name;
    "WdfDeviceInitAssignSDDLString" => device_init::assign_sddl;
    "WdfDeviceInitFree" => device_init::free;
    "WdfDeviceInitSetCharacteristics" => device_init::set_characteristics;
    "WdfDeviceInitSetDeviceType" => device_init::set_device_type;
    "WdfDeviceInitSetExclusive" => device_init::set_exclusive;
    "WdfDeviceInitSetFileObjectConfig" => device_init::set_file_object_config;
    "WdfDeviceInitSetIoType" => device_init::set_io_type;
    "WdfDeviceInitSetRequestAttributes" => device_init::set_request_attributes;
    "WdfDeviceWdmGetDeviceObject" => device::wdm_get_device_object;
    "WdfDpcCancel" => work::dpc_cancel;
    "WdfDpcCreate" => work::dpc_create;
    "WdfDpcEnqueue" => work::dpc_enqueue;
    "WdfDpcGetParentObject" => work::dpc_get_parent;
    "WdfDriverCreate" => driver::create;
    "WdfDriverGetRegistryPath" => driver::get_registry_path;
    "WdfDriverIsVersionAvailable" => driver::is_version_available;
    "WdfDriverOpenParametersRegistryKey" => registry_key::open_parameters;
    "WdfDriverWdmGetDriverObject" => driver::wdm_get_driver_object;
    "WdfFileObjectGetDevice" => file::get_device;
    "WdfFileObjectGetInitiatorProcessId" => file::get_initiator_process_id;
    "WdfFileObjectWdmGetFileObject" => file::wdm_get_file_object;
    "WdfIoQueueCreate" => queue_ddi::create;
    "WdfIoQueueDrain" => queue_state::drain;
    "WdfIoQueueDrainSynchronously" => queue_state::drain_synchronously;
    "WdfIoQueueFindRequest" => queue_ddi::find_request;
    "WdfIoQueueGetDevice" => queue_ddi::get_device;
    "WdfIoQueueGetState" => queue_ddi::get_state;
    "WdfIoQueuePurge" => queue_state::purge;
    "WdfIoQueuePurgeSynchronously" => queue_state::purge_synchronously;
    "WdfIoQueueReadyNotify" => queue_ddi::ready_notify;
    "WdfIoQueueRetrieveFoundRequest" => queue_ddi::retrieve_found_request;
    "WdfIoQueueRetrieveNextRequest" => queue_ddi::retrieve_next_request;
    "WdfIoQueueRetrieveRequestByFileObject" => queue_ddi::retrieve_request_by_file_object;
    "WdfIoQueueStart" => queue_state::start;
    "WdfIoQueueStop" => queue_state::stop;
    "WdfIoQueueStopAndPurge" => queue_state::stop_and_purge;
    "WdfIoQueueStopAndPurgeSynchronously" => queue_state::stop_and_purge_synchronously;
    "WdfIoQueueStopSynchronously" => queue_state::stop_synchronously;
    "WdfMemoryCopyFromBuffer" => memory::copy_from_buffer;
    "WdfMemoryCopyToBuffer" => memory::copy_to_buffer;
    "WdfMemoryCreate" => memory::create;
    "WdfMemoryCreatePreallocated" => memory::create_preallocated;
    "WdfMemoryGetBuffer" => memory::get_buffer;
    "WdfObjectAllocateContext" => object_ddi::allocate_context;
    "WdfObjectContextGetObject" => object_ddi::context_get_object;
    "WdfObjectCreate" => object_ddi::create;
    "WdfObjectDelete" => object_ddi::delete;
    "WdfObjectDereferenceActual" => object_ddi::dereference;
    "WdfObjectGetTypedContextWorker" => object_ddi::get_typed_context;
    "WdfObjectReferenceActual" => object_ddi::reference;
    "WdfRegistryClose" => registry_key::close;
    "WdfRegistryQueryULong" => registry_key::query_ulong;
    "WdfRequestComplete" => request_ddi::complete_plain;
    "WdfRequestCompleteWithInformation" => request_ddi::complete_with_information;
    "WdfRequestCompleteWithPriorityBoost" => request_ddi::complete_with_priority_boost;
    "WdfRequestForwardToIoQueue" => request_ddi::forward_to_io_queue;
    "WdfRequestGetFileObject" => request_ddi::get_file_object;
    "WdfRequestGetInformation" => request_ddi::get_information;
    "WdfRequestGetIoQueue" => request_ddi::get_io_queue;
    "WdfRequestGetParameters" => request_ddi::get_parameters;
    "WdfRequestGetRequestorMode" => request_ddi::get_requestor_mode;
    "WdfRequestGetRequestorProcessId" => request_ddi::get_requestor_process_id;
    "WdfRequestIsCanceled" => request_cancel::is_canceled;
    "WdfRequestIsFrom32BitProcess" => request_ddi::is_from_32_bit_process;
    "WdfRequestMarkCancelable" => request_cancel::mark_cancelable;
    "WdfRequestMarkCancelableEx" => request_cancel::mark_cancelable_ex;
    "WdfRequestRequeue" => request_ddi::requeue;
    "WdfRequestRetrieveInputBuffer" => request_buffer::input_buffer;
    "WdfRequestRetrieveInputMemory" => request_buffer::input_memory;
    "WdfRequestRetrieveInputWdmMdl" => request_buffer::input_mdl;
    "WdfRequestRetrieveOutputBuffer" => request_buffer::output_buffer;
    "WdfRequestRetrieveOutputMemory" => request_buffer::output_memory;
    "WdfRequestRetrieveOutputWdmMdl" => request_buffer::output_mdl;
    "WdfRequestSetInformation" => request_ddi::set_information;
    "WdfRequestUnmarkCancelable" => request_cancel::unmark_cancelable;
    "WdfRequestWdmGetIrp" => request_ddi::wdm_get_irp;
    "WdfSpinLockAcquire" => lock::spin_acquire;
    "WdfSpinLockCreate" => lock::spin_create;
    "WdfSpinLockRelease" => lock::spin_release;
    "WdfTimerCreate" => timer::create;
    "WdfTimerGetParentObject" => timer::get_parent;
    "WdfTimerStart" => timer::start;
    "WdfTimerStop" => timer::stop;
    "WdfWaitLockAcquire" => lock::wait_acquire;
    "WdfWaitLockCreate" => lock::wait_create;
    "WdfWaitLockRelease" => lock::wait_release;
    "WdfWorkItemCreate" => work::work_create;
    "WdfWorkItemEnqueue" => work::work_enqueue;
    "WdfWorkItemFlush" => work::work_flush;
    "WdfWorkItemGetParentObject" => work::work_get_parent;
}

/// Bytes of the code that an entry without a model leads to.
const STUB: usize = 32;

/// A driver's table. It lives as long as the process: the driver may call through it as long as its code runs.
pub(crate) struct Table {
    entries: &'static [usize],
}

impl Table {
    /// Makes a table, with its thunks.
    ///
    /// # Panics
    /// When no memory for code can be had.
    pub(crate) fn new() -> Self {
        let count = WDF_FUNCTIONS.len();
        let room = code_pages(count * (THUNK + STUB));
        let base = room.as_ptr().addr();
        let (thunks, stubs) = room.split_at_mut(count * THUNK);
        let stubs_at = base + count * THUNK;
        let mut thunks = Thunks::new(thunks, base);
        let entries: Vec<usize> = (0..count)
            .map(|index| {
                let modelled = MODELLED.iter().find(|export| export.name == WDF_FUNCTIONS[index]);
                let stub = stubs_at + index * STUB;
                stubs[index * STUB..][..STUB].copy_from_slice(&stub_code(index));
                let missing = Export::function("unmodelled", ptr::with_exposed_provenance(stub));
                thunks.bind(modelled.unwrap_or(&missing))
            })
            .collect();
        // SAFETY: the pages were mapped by `code_pages` and are written no more.
        let result = unsafe { libc::mprotect(room_start(base), len_of(count), libc::PROT_READ | libc::PROT_EXEC) };
        assert_eq!(result, 0, "mprotect: {}", std::io::Error::last_os_error());
        Self { entries: Vec::leak(entries) }
    }

    /// The address that a driver's WdfFunctions points to.
    pub(crate) fn address(&self) -> *const *const () {
        self.entries.as_ptr().cast()
    }
}

fn len_of(count: usize) -> usize {
    count * (THUNK + STUB)
}

fn room_start(base: usize) -> *mut libc::c_void {
    ptr::with_exposed_provenance_mut(base)
}

/// Fresh pages for code, writable for now.
fn code_pages(len: usize) -> &'static mut [u8] {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the system's choice touches no existing memory.
    let address = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(address, libc::MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
    let _ = address.expose_provenance();
    // SAFETY: the mapping has `len` bytes, is zeroed, is nobody else's and is never unmapped.
    unsafe { slice::from_raw_parts_mut(address.cast(), len) }
}

/// `mov rcx, index; mov rax, unmodelled; jmp rax`
fn stub_code(index: usize) -> [u8; STUB] {
    let mut code = [0xcc; STUB];
    let target = unmodelled as *const ();
    code[..2].copy_from_slice(&[0x48, 0xb9]);
    code[2..10].copy_from_slice(&index.to_le_bytes());
    code[10..12].copy_from_slice(&[0x48, 0xb8]);
    code[12..20].copy_from_slice(&target.expose_provenance().to_le_bytes());
    code[20..22].copy_from_slice(&[0xff, 0xe0]);
    code
}

/// Where the entries without a model end up.
unsafe extern "win64" fn unmodelled(index: usize) {
    binding::unmodelled(WDF_FUNCTIONS.get(index).copied().unwrap_or("a function of the framework"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_modelled_function_has_a_place_in_the_table() {
        for export in MODELLED {
            assert!(WDF_FUNCTIONS.contains(&export.name), "{}", export.name);
        }
        let mut names: Vec<_> = MODELLED.iter().map(|e| e.name).collect();
        names.dedup();
        assert_eq!(names.len(), MODELLED.len());
    }
}
