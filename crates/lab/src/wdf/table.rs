//! The table of functions that binding hands to a driver: WDF_FUNCTIONS in its order.
//!
//! Every entry goes through a thunk that notes the call site, as imports do. An entry that the lab does not model leads to
//! [`unmodelled`], which ends the run and names the function.

use std::{ptr, slice};

use nblease_ndis::sys::WDF_FUNCTIONS;

use super::{
    binding, caller_context, collection, device, device_ddi, device_init, driver, file, io_target, lock, lookaside,
    memory, object_ddi, queue_ddi, queue_state, registry_assign, registry_key, registry_query, request_buffer,
    request_cancel, request_ddi, request_format, request_send, request_user, shutdown, string, sync, timer, work,
};
use crate::pe::{Export, THUNK, Thunks};

macro_rules! functions {
    ($($name:literal => $function:path;)*) => {
        /// The functions that are modelled, by name.
        const MODELLED: &[Export] = &[$(Export::function($name, $function as *const ())),*];
    };
}

functions! {
    "WdfCollectionAdd" => collection::add;
    "WdfCollectionCreate" => collection::create;
    "WdfCollectionGetCount" => collection::get_count;
    "WdfCollectionGetFirstItem" => collection::get_first;
    "WdfCollectionGetItem" => collection::get_item;
    "WdfCollectionGetLastItem" => collection::get_last;
    "WdfCollectionRemove" => collection::remove;
    "WdfCollectionRemoveItem" => collection::remove_item;
    "WdfControlDeviceInitAllocate" => device_init::allocate;
    "WdfControlDeviceInitSetShutdownNotification" => shutdown::set_notification;
    "WdfControlFinishInitializing" => device::finish_initializing;
    "WdfDeviceConfigureRequestDispatching" => device::configure_request_dispatching;
    "WdfDeviceCreate" => device::create;
    "WdfDeviceCreateSymbolicLink" => device::create_symbolic_link;
    "WdfDeviceEnqueueRequest" => caller_context::enqueue_request;
    "WdfDeviceGetAlignmentRequirement" => device_ddi::get_alignment;
    "WdfDeviceGetCharacteristics" => device_ddi::get_characteristics;
    "WdfDeviceGetDefaultQueue" => device_ddi::get_default_queue;
    "WdfDeviceGetDriver" => device_ddi::get_driver;
    "WdfDeviceGetFileObject" => device_ddi::get_file_object;
    "WdfDeviceInitAssignName" => device_init::assign_name;
    "WdfDeviceInitAssignSDDLString" => device_init::assign_sddl;
    "WdfDeviceInitFree" => device_init::free;
    "WdfDeviceInitSetCharacteristics" => device_init::set_characteristics;
    "WdfDeviceInitSetDeviceType" => device_init::set_device_type;
    "WdfDeviceInitSetExclusive" => device_init::set_exclusive;
    "WdfDeviceInitSetFileObjectConfig" => device_init::set_file_object_config;
    "WdfDeviceInitSetIoInCallerContextCallback" => caller_context::set_callback;
    "WdfDeviceInitSetIoType" => device_init::set_io_type;
    "WdfDeviceInitSetRequestAttributes" => device_init::set_request_attributes;
    "WdfDeviceRetrieveDeviceName" => device_ddi::retrieve_device_name;
    "WdfDeviceSetAlignmentRequirement" => device_ddi::set_alignment;
    "WdfDeviceSetCharacteristics" => device_ddi::set_characteristics;
    "WdfDeviceWdmGetAttachedDevice" => device_ddi::wdm_get_attached_device;
    "WdfDeviceWdmGetDeviceObject" => device_ddi::wdm_get_device_object;
    "WdfDeviceWdmGetPhysicalDevice" => device_ddi::wdm_get_physical_device;
    "WdfDpcCancel" => work::dpc_cancel;
    "WdfDpcCreate" => work::dpc_create;
    "WdfDpcEnqueue" => work::dpc_enqueue;
    "WdfDpcGetParentObject" => work::dpc_get_parent;
    "WdfDriverCreate" => driver::create;
    "WdfDriverGetRegistryPath" => driver::get_registry_path;
    "WdfDriverIsVersionAvailable" => driver::is_version_available;
    "WdfDriverOpenParametersRegistryKey" => registry_key::open_parameters;
    "WdfDriverRegisterTraceInfo" => driver::register_trace_info;
    "WdfDriverRetrieveVersionString" => driver::retrieve_version_string;
    "WdfDriverWdmGetDriverObject" => driver::wdm_get_driver_object;
    "WdfFileObjectGetDevice" => file::get_device;
    "WdfFileObjectGetFileName" => file::get_file_name;
    "WdfFileObjectGetFlags" => file::get_flags;
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
    "WdfIoTargetClose" => io_target::close;
    "WdfIoTargetCloseForQueryRemove" => io_target::close_for_query_remove;
    "WdfIoTargetCreate" => io_target::create;
    "WdfIoTargetFormatRequestForInternalIoctl" => request_format::format_internal;
    "WdfIoTargetFormatRequestForIoctl" => request_format::format_ioctl;
    "WdfIoTargetFormatRequestForRead" => request_format::format_read;
    "WdfIoTargetFormatRequestForWrite" => request_format::format_write;
    "WdfIoTargetGetDevice" => io_target::get_device;
    "WdfIoTargetGetState" => io_target::get_state;
    "WdfIoTargetOpen" => io_target::open;
    "WdfIoTargetPurge" => io_target::purge;
    "WdfIoTargetSendInternalIoctlSynchronously" => request_format::send_internal;
    "WdfIoTargetSendIoctlSynchronously" => request_format::send_ioctl;
    "WdfIoTargetSendReadSynchronously" => request_format::send_read;
    "WdfIoTargetSendWriteSynchronously" => request_format::send_write;
    "WdfIoTargetStart" => io_target::start;
    "WdfIoTargetStop" => io_target::stop;
    "WdfLookasideListCreate" => lookaside::create;
    "WdfMemoryAssignBuffer" => memory::assign_buffer;
    "WdfMemoryCopyFromBuffer" => memory::copy_from_buffer;
    "WdfMemoryCopyToBuffer" => memory::copy_to_buffer;
    "WdfMemoryCreate" => memory::create;
    "WdfMemoryCreateFromLookaside" => lookaside::create_memory;
    "WdfMemoryCreatePreallocated" => memory::create_preallocated;
    "WdfMemoryGetBuffer" => memory::get_buffer;
    "WdfObjectAcquireLock" => sync::object_acquire_lock;
    "WdfObjectAllocateContext" => object_ddi::allocate_context;
    "WdfObjectContextGetObject" => object_ddi::context_get_object;
    "WdfObjectCreate" => object_ddi::create;
    "WdfObjectDelete" => object_ddi::delete;
    "WdfObjectDereferenceActual" => object_ddi::dereference;
    "WdfObjectGetTypedContextWorker" => object_ddi::get_typed_context;
    "WdfObjectReferenceActual" => object_ddi::reference;
    "WdfObjectReleaseLock" => sync::object_release_lock;
    "WdfRegistryAssignMemory" => registry_assign::assign_memory;
    "WdfRegistryAssignMultiString" => registry_assign::assign_multi_string;
    "WdfRegistryAssignString" => registry_assign::assign_string;
    "WdfRegistryAssignULong" => registry_assign::assign_ulong;
    "WdfRegistryAssignUnicodeString" => registry_assign::assign_unicode_string;
    "WdfRegistryAssignValue" => registry_assign::assign_value;
    "WdfRegistryClose" => registry_key::close;
    "WdfRegistryCreateKey" => registry_key::create;
    "WdfRegistryOpenKey" => registry_key::open;
    "WdfRegistryQueryMemory" => registry_query::query_memory;
    "WdfRegistryQueryMultiString" => registry_query::query_multi_string;
    "WdfRegistryQueryString" => registry_query::query_string;
    "WdfRegistryQueryULong" => registry_query::query_ulong;
    "WdfRegistryQueryUnicodeString" => registry_query::query_unicode_string;
    "WdfRegistryQueryValue" => registry_query::query_value;
    "WdfRegistryRemoveKey" => registry_key::remove;
    "WdfRegistryRemoveValue" => registry_assign::remove_value;
    "WdfRegistryWdmGetHandle" => registry_key::wdm_get_handle;
    "WdfRequestAllocateTimer" => request_send::allocate_timer;
    "WdfRequestCancelSentRequest" => request_send::cancel_sent;
    "WdfRequestChangeTarget" => request_send::change_target;
    "WdfRequestComplete" => request_ddi::complete_plain;
    "WdfRequestCompleteWithInformation" => request_ddi::complete_with_information;
    "WdfRequestCompleteWithPriorityBoost" => request_ddi::complete_with_priority_boost;
    "WdfRequestCreate" => request_send::create;
    "WdfRequestFormatRequestUsingCurrentType" => request_format::format_using_current_type;
    "WdfRequestForwardToIoQueue" => request_ddi::forward_to_io_queue;
    "WdfRequestGetCompletionParams" => request_send::get_completion_params;
    "WdfRequestGetFileObject" => request_ddi::get_file_object;
    "WdfRequestGetInformation" => request_ddi::get_information;
    "WdfRequestGetIoQueue" => request_ddi::get_io_queue;
    "WdfRequestGetParameters" => request_ddi::get_parameters;
    "WdfRequestGetRequestorMode" => request_ddi::get_requestor_mode;
    "WdfRequestGetRequestorProcessId" => request_ddi::get_requestor_process_id;
    "WdfRequestGetStatus" => request_send::get_status;
    "WdfRequestIsCanceled" => request_cancel::is_canceled;
    "WdfRequestIsFrom32BitProcess" => request_ddi::is_from_32_bit_process;
    "WdfRequestIsReserved" => request_ddi::is_reserved;
    "WdfRequestMarkCancelable" => request_cancel::mark_cancelable;
    "WdfRequestMarkCancelableEx" => request_cancel::mark_cancelable_ex;
    "WdfRequestProbeAndLockUserBufferForRead" => request_user::lock_for_reading;
    "WdfRequestProbeAndLockUserBufferForWrite" => request_user::lock_for_writing;
    "WdfRequestRequeue" => request_ddi::requeue;
    "WdfRequestRetrieveInputBuffer" => request_buffer::input_buffer;
    "WdfRequestRetrieveInputMemory" => request_buffer::input_memory;
    "WdfRequestRetrieveInputWdmMdl" => request_buffer::input_mdl;
    "WdfRequestRetrieveOutputBuffer" => request_buffer::output_buffer;
    "WdfRequestRetrieveOutputMemory" => request_buffer::output_memory;
    "WdfRequestRetrieveOutputWdmMdl" => request_buffer::output_mdl;
    "WdfRequestRetrieveUnsafeUserInputBuffer" => request_user::unsafe_input;
    "WdfRequestRetrieveUnsafeUserOutputBuffer" => request_user::unsafe_output;
    "WdfRequestReuse" => request_send::reuse;
    "WdfRequestSend" => request_send::send;
    "WdfRequestSetCompletionRoutine" => request_send::set_completion_routine;
    "WdfRequestSetInformation" => request_ddi::set_information;
    "WdfRequestUnmarkCancelable" => request_cancel::unmark_cancelable;
    "WdfRequestWdmGetIrp" => request_ddi::wdm_get_irp;
    "WdfSpinLockAcquire" => lock::spin_acquire;
    "WdfSpinLockCreate" => lock::spin_create;
    "WdfSpinLockRelease" => lock::spin_release;
    "WdfStringCreate" => string::create;
    "WdfStringGetUnicodeString" => string::get_unicode_string;
    "WdfTimerCreate" => timer::create;
    "WdfTimerGetParentObject" => timer::get_parent;
    "WdfTimerStart" => timer::start;
    "WdfTimerStop" => timer::stop;
    "WdfVerifierDbgBreakPoint" => device_ddi::break_point;
    "WdfVerifierKeBugCheck" => device_ddi::bug_check;
    "WdfWaitLockAcquire" => lock::wait_acquire;
    "WdfWaitLockCreate" => lock::wait_create;
    "WdfWaitLockRelease" => lock::wait_release;
    "WdfWdmDeviceGetWdfDeviceHandle" => device_ddi::wdm_get_wdf_handle;
    "WdfWdmDriverGetWdfDriverHandle" => driver::wdm_get_wdf_handle;
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
