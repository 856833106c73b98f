//! Types of the functions that Windows calls in a driver.
//!
//! The calling convention is the one of 64-bit Windows on every host, so that the lab can call a driver's code on Linux.
//! Rust names it `efiapi`: `win64` on x86-64 and the C convention on ARM64, which is what Windows uses on each. (It is
//! UEFI's convention too, hence the name.)

use super::enums::WDF_IO_FORWARD_PROGRESS_ACTION;
use super::filter::*;
use super::io::*;
use super::nbl::*;
use super::nt::*;
use super::oid::*;
use super::pnp::*;
use super::status::*;
use super::types::*;

// Light filter callbacks (`ndis.h`).
pub type FILTER_ATTACH = unsafe extern "efiapi" fn(
    NDIS_HANDLE,
    NDIS_HANDLE,
    *mut NDIS_FILTER_ATTACH_PARAMETERS,
) -> NDIS_STATUS;
pub type FILTER_ATTACH_HANDLER = Option<FILTER_ATTACH>;
pub type FILTER_CANCEL_DIRECT_OID_REQUEST = unsafe extern "efiapi" fn(NDIS_HANDLE, PVOID);
pub type FILTER_CANCEL_DIRECT_OID_REQUEST_HANDLER = Option<FILTER_CANCEL_DIRECT_OID_REQUEST>;
pub type FILTER_CANCEL_OID_REQUEST = unsafe extern "efiapi" fn(NDIS_HANDLE, PVOID);
pub type FILTER_CANCEL_OID_REQUEST_HANDLER = Option<FILTER_CANCEL_OID_REQUEST>;
pub type FILTER_CANCEL_SEND_HANDLER = Option<FILTER_CANCEL_SEND_NET_BUFFER_LISTS>;
pub type FILTER_CANCEL_SEND_NET_BUFFER_LISTS = unsafe extern "efiapi" fn(NDIS_HANDLE, PVOID);
pub type FILTER_DETACH = unsafe extern "efiapi" fn(NDIS_HANDLE);
pub type FILTER_DETACH_HANDLER = Option<FILTER_DETACH>;
pub type FILTER_DEVICE_PNP_EVENT_NOTIFY =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NET_DEVICE_PNP_EVENT);
pub type FILTER_DEVICE_PNP_EVENT_NOTIFY_HANDLER = Option<FILTER_DEVICE_PNP_EVENT_NOTIFY>;
pub type FILTER_DIRECT_OID_REQUEST =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST) -> NDIS_STATUS;
pub type FILTER_DIRECT_OID_REQUEST_COMPLETE =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST, NDIS_STATUS);
pub type FILTER_DIRECT_OID_REQUEST_COMPLETE_HANDLER = Option<FILTER_DIRECT_OID_REQUEST_COMPLETE>;
pub type FILTER_DIRECT_OID_REQUEST_HANDLER = Option<FILTER_DIRECT_OID_REQUEST>;
pub type FILTER_NET_PNP_EVENT =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NET_PNP_EVENT_NOTIFICATION) -> NDIS_STATUS;
pub type FILTER_NET_PNP_EVENT_HANDLER = Option<FILTER_NET_PNP_EVENT>;
pub type FILTER_OID_REQUEST =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST) -> NDIS_STATUS;
pub type FILTER_OID_REQUEST_COMPLETE =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST, NDIS_STATUS);
pub type FILTER_OID_REQUEST_COMPLETE_HANDLER = Option<FILTER_OID_REQUEST_COMPLETE>;
pub type FILTER_OID_REQUEST_HANDLER = Option<FILTER_OID_REQUEST>;
pub type FILTER_PAUSE =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_FILTER_PAUSE_PARAMETERS) -> NDIS_STATUS;
pub type FILTER_PAUSE_HANDLER = Option<FILTER_PAUSE>;
pub type FILTER_RECEIVE_NET_BUFFER_LISTS =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, NDIS_PORT_NUMBER, ULONG, ULONG);
pub type FILTER_RECEIVE_NET_BUFFER_LISTS_HANDLER = Option<FILTER_RECEIVE_NET_BUFFER_LISTS>;
pub type FILTER_RESTART =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_FILTER_RESTART_PARAMETERS) -> NDIS_STATUS;
pub type FILTER_RESTART_HANDLER = Option<FILTER_RESTART>;
pub type FILTER_RETURN_NET_BUFFER_LISTS =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, ULONG);
pub type FILTER_RETURN_NET_BUFFER_LISTS_HANDLER = Option<FILTER_RETURN_NET_BUFFER_LISTS>;
pub type FILTER_SEND_NET_BUFFER_LISTS =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, NDIS_PORT_NUMBER, ULONG);
pub type FILTER_SEND_NET_BUFFER_LISTS_COMPLETE =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, ULONG);
pub type FILTER_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER =
    Option<FILTER_SEND_NET_BUFFER_LISTS_COMPLETE>;
pub type FILTER_SEND_NET_BUFFER_LISTS_HANDLER = Option<FILTER_SEND_NET_BUFFER_LISTS>;
pub type FILTER_SET_FILTER_MODULE_OPTIONS_HANDLER = Option<FILTER_SET_MODULE_OPTIONS>;
pub type FILTER_SET_MODULE_OPTIONS = unsafe extern "efiapi" fn(NDIS_HANDLE) -> NDIS_STATUS;
pub type FILTER_SET_OPTIONS = SET_OPTIONS;
pub type FILTER_STATUS = unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_STATUS_INDICATION);
pub type FILTER_STATUS_HANDLER = Option<FILTER_STATUS>;
pub type FILTER_SYNCHRONOUS_OID_REQUEST =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST, *mut PVOID) -> NDIS_STATUS;
pub type FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE =
    unsafe extern "efiapi" fn(NDIS_HANDLE, *mut NDIS_OID_REQUEST, *mut NDIS_STATUS, PVOID);
pub type FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE_HANDLER =
    Option<FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE>;
pub type FILTER_SYNCHRONOUS_OID_REQUEST_HANDLER = Option<FILTER_SYNCHRONOUS_OID_REQUEST>;
pub type SET_OPTIONS = unsafe extern "efiapi" fn(NDIS_HANDLE, NDIS_HANDLE) -> NDIS_STATUS;
pub type SET_OPTIONS_HANDLER = Option<SET_OPTIONS>;

// NT and other NDIS callbacks (`wdm.h`, `ndis.h`).
pub type CALLBACK_FUNCTION = unsafe extern "efiapi" fn(PVOID, PVOID, PVOID);
pub type DRIVER_CANCEL = unsafe extern "efiapi" fn(*mut DEVICE_OBJECT, *mut IRP);
pub type DRIVER_DISPATCH = unsafe extern "efiapi" fn(*mut DEVICE_OBJECT, *mut IRP) -> NTSTATUS;
pub type DRIVER_INITIALIZE =
    unsafe extern "efiapi" fn(*mut DRIVER_OBJECT, *mut UNICODE_STRING) -> NTSTATUS;
pub type DRIVER_UNLOAD = unsafe extern "efiapi" fn(*mut DRIVER_OBJECT);
pub type EXT_CALLBACK = unsafe extern "efiapi" fn(PVOID, PVOID);
pub type IO_WORKITEM_ROUTINE = unsafe extern "efiapi" fn(*mut DEVICE_OBJECT, PVOID);
pub type IO_WORKITEM_ROUTINE_EX = unsafe extern "efiapi" fn(PVOID, PVOID, PVOID);
pub type KDEFERRED_ROUTINE = unsafe extern "efiapi" fn(*mut KDPC, PVOID, PVOID, PVOID);
pub type KSTART_ROUTINE = unsafe extern "efiapi" fn(PVOID);
pub type NDIS_TIMER_FUNCTION = unsafe extern "efiapi" fn(PVOID, PVOID, PVOID, PVOID);
pub type NET_BUFFER_ALLOCATE_MDL = unsafe extern "efiapi" fn(*mut ULONG) -> *mut MDL;
pub type NET_BUFFER_FREE_MDL = unsafe extern "efiapi" fn(*mut MDL);
pub type PCALLBACK_FUNCTION = Option<CALLBACK_FUNCTION>;
pub type PDRIVER_CANCEL = Option<DRIVER_CANCEL>;
pub type PDRIVER_DISPATCH = Option<DRIVER_DISPATCH>;
pub type PDRIVER_INITIALIZE = Option<DRIVER_INITIALIZE>;
pub type PDRIVER_UNLOAD = Option<DRIVER_UNLOAD>;
pub type PEXT_CALLBACK = Option<EXT_CALLBACK>;
pub type PIO_WORKITEM_ROUTINE = Option<IO_WORKITEM_ROUTINE>;
pub type PIO_WORKITEM_ROUTINE_EX = Option<IO_WORKITEM_ROUTINE_EX>;
pub type PKDEFERRED_ROUTINE = Option<KDEFERRED_ROUTINE>;
pub type PKSTART_ROUTINE = Option<KSTART_ROUTINE>;
pub type PNDIS_TIMER_FUNCTION = Option<NDIS_TIMER_FUNCTION>;

// KMDF events (`wdf*.h`).
pub type EVT_WDF_DEVICE_FILE_CREATE =
    unsafe extern "efiapi" fn(WDFDEVICE, WDFREQUEST, WDFFILEOBJECT);
pub type PFN_WDF_DEVICE_FILE_CREATE = Option<EVT_WDF_DEVICE_FILE_CREATE>;
pub type EVT_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST =
    unsafe extern "efiapi" fn(WDFDEVICE, *mut GUID, PVOID, PVOID) -> NTSTATUS;
pub type PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST =
    Option<EVT_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST>;
pub type EVT_WDF_DPC = unsafe extern "efiapi" fn(WDFDPC);
pub type PFN_WDF_DPC = Option<EVT_WDF_DPC>;
pub type EVT_WDF_DRIVER_DEVICE_ADD = unsafe extern "efiapi" fn(WDFDRIVER, PVOID) -> NTSTATUS;
pub type PFN_WDF_DRIVER_DEVICE_ADD = Option<EVT_WDF_DRIVER_DEVICE_ADD>;
pub type EVT_WDF_DRIVER_UNLOAD = unsafe extern "efiapi" fn(WDFDRIVER);
pub type PFN_WDF_DRIVER_UNLOAD = Option<EVT_WDF_DRIVER_UNLOAD>;
pub type EVT_WDF_FILE_CLEANUP = unsafe extern "efiapi" fn(WDFFILEOBJECT);
pub type PFN_WDF_FILE_CLEANUP = Option<EVT_WDF_FILE_CLEANUP>;
pub type EVT_WDF_FILE_CLOSE = unsafe extern "efiapi" fn(WDFFILEOBJECT);
pub type PFN_WDF_FILE_CLOSE = Option<EVT_WDF_FILE_CLOSE>;
pub type EVT_WDF_IO_ALLOCATE_REQUEST_RESOURCES =
    unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST) -> NTSTATUS;
pub type PFN_WDF_IO_ALLOCATE_REQUEST_RESOURCES = Option<EVT_WDF_IO_ALLOCATE_REQUEST_RESOURCES>;
pub type EVT_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST =
    unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST) -> NTSTATUS;
pub type PFN_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST =
    Option<EVT_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST>;
pub type EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE = unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST);
pub type PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE = Option<EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE>;
pub type EVT_WDF_IO_QUEUE_IO_DEFAULT = unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST);
pub type PFN_WDF_IO_QUEUE_IO_DEFAULT = Option<EVT_WDF_IO_QUEUE_IO_DEFAULT>;
pub type EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL =
    unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST, SIZE_T, SIZE_T, ULONG);
pub type PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL = Option<EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL>;
pub type EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL =
    unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST, SIZE_T, SIZE_T, ULONG);
pub type PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL =
    Option<EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL>;
pub type EVT_WDF_IO_QUEUE_IO_READ = unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST, SIZE_T);
pub type PFN_WDF_IO_QUEUE_IO_READ = Option<EVT_WDF_IO_QUEUE_IO_READ>;
pub type EVT_WDF_IO_QUEUE_IO_RESUME = unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST);
pub type PFN_WDF_IO_QUEUE_IO_RESUME = Option<EVT_WDF_IO_QUEUE_IO_RESUME>;
pub type EVT_WDF_IO_QUEUE_IO_STOP = unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST, ULONG);
pub type PFN_WDF_IO_QUEUE_IO_STOP = Option<EVT_WDF_IO_QUEUE_IO_STOP>;
pub type EVT_WDF_IO_QUEUE_IO_WRITE = unsafe extern "efiapi" fn(WDFQUEUE, WDFREQUEST, SIZE_T);
pub type PFN_WDF_IO_QUEUE_IO_WRITE = Option<EVT_WDF_IO_QUEUE_IO_WRITE>;
pub type EVT_WDF_IO_TARGET_QUERY_REMOVE = unsafe extern "efiapi" fn(WDFIOTARGET) -> NTSTATUS;
pub type PFN_WDF_IO_TARGET_QUERY_REMOVE = Option<EVT_WDF_IO_TARGET_QUERY_REMOVE>;
pub type EVT_WDF_IO_TARGET_REMOVE_CANCELED = unsafe extern "efiapi" fn(WDFIOTARGET);
pub type PFN_WDF_IO_TARGET_REMOVE_CANCELED = Option<EVT_WDF_IO_TARGET_REMOVE_CANCELED>;
pub type EVT_WDF_IO_TARGET_REMOVE_COMPLETE = unsafe extern "efiapi" fn(WDFIOTARGET);
pub type PFN_WDF_IO_TARGET_REMOVE_COMPLETE = Option<EVT_WDF_IO_TARGET_REMOVE_COMPLETE>;
pub type EVT_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS =
    unsafe extern "efiapi" fn(WDFQUEUE, *mut IRP) -> WDF_IO_FORWARD_PROGRESS_ACTION;
pub type PFN_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS = Option<EVT_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS>;
pub type EVT_WDF_OBJECT_CONTEXT_CLEANUP = unsafe extern "efiapi" fn(WDFOBJECT);
pub type PFN_WDF_OBJECT_CONTEXT_CLEANUP = Option<EVT_WDF_OBJECT_CONTEXT_CLEANUP>;
pub type EVT_WDF_OBJECT_CONTEXT_DESTROY = unsafe extern "efiapi" fn(WDFOBJECT);
pub type PFN_WDF_OBJECT_CONTEXT_DESTROY = Option<EVT_WDF_OBJECT_CONTEXT_DESTROY>;
pub type EVT_WDF_TIMER = unsafe extern "efiapi" fn(WDFTIMER);
pub type PFN_WDF_TIMER = Option<EVT_WDF_TIMER>;
pub type EVT_WDF_WORKITEM = unsafe extern "efiapi" fn(WDFWORKITEM);
pub type PFN_WDF_WORKITEM = Option<EVT_WDF_WORKITEM>;
