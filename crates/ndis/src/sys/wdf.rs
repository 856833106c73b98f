//! The structs that KMDF 1.33 takes and fills (`wdf*.h`).

use super::callbacks::*;
use super::enums::*;
use super::io::{DEVICE_OBJECT, FILE_OBJECT, MDL};
use super::types::*;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DRIVER_CONFIG {
    pub Size: ULONG,
    pub EvtDriverDeviceAdd: PFN_WDF_DRIVER_DEVICE_ADD,
    pub EvtDriverUnload: PFN_WDF_DRIVER_UNLOAD,
    pub DriverInitFlags: ULONG,
    pub DriverPoolTag: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DRIVER_GLOBALS {
    pub Driver: WDFDRIVER,
    pub DriverFlags: ULONG,
    pub DriverTag: ULONG,
    pub DriverName: [CHAR; 32],
    pub DisplaceDriverUnload: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_OBJECT_ATTRIBUTES {
    pub Size: ULONG,
    pub EvtCleanupCallback: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    pub EvtDestroyCallback: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    pub ExecutionLevel: WDF_EXECUTION_LEVEL,
    pub SynchronizationScope: WDF_SYNCHRONIZATION_SCOPE,
    pub ParentObject: WDFOBJECT,
    pub ContextSizeOverride: SIZE_T,
    pub ContextTypeInfo: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_FILEOBJECT_CONFIG {
    pub Size: ULONG,
    pub EvtDeviceFileCreate: PFN_WDF_DEVICE_FILE_CREATE,
    pub EvtFileClose: PFN_WDF_FILE_CLOSE,
    pub EvtFileCleanup: PFN_WDF_FILE_CLEANUP,
    pub AutoForwardCleanupClose: WDF_TRI_STATE,
    pub FileObjectClass: WDF_FILEOBJECT_CLASS,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_QUEUE_CONFIG_Settings_Parallel {
    pub NumberOfPresentedRequests: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_QUEUE_CONFIG_Settings {
    pub Parallel: WDF_IO_QUEUE_CONFIG_Settings_Parallel,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_QUEUE_CONFIG {
    pub Size: ULONG,
    pub DispatchType: WDF_IO_QUEUE_DISPATCH_TYPE,
    pub PowerManaged: WDF_TRI_STATE,
    pub AllowZeroLengthRequests: BOOLEAN,
    pub DefaultQueue: BOOLEAN,
    pub EvtIoDefault: PFN_WDF_IO_QUEUE_IO_DEFAULT,
    pub EvtIoRead: PFN_WDF_IO_QUEUE_IO_READ,
    pub EvtIoWrite: PFN_WDF_IO_QUEUE_IO_WRITE,
    pub EvtIoDeviceControl: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    pub EvtIoInternalDeviceControl: PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL,
    pub EvtIoStop: PFN_WDF_IO_QUEUE_IO_STOP,
    pub EvtIoResume: PFN_WDF_IO_QUEUE_IO_RESUME,
    pub EvtIoCanceledOnQueue: PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE,
    pub Settings: WDF_IO_QUEUE_CONFIG_Settings,
    pub Driver: WDFDRIVER,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_TIMER_CONFIG {
    pub Size: ULONG,
    pub EvtTimerFunc: PFN_WDF_TIMER,
    pub Period: ULONG,
    pub AutomaticSerialization: BOOLEAN,
    pub TolerableDelay: ULONG,
    pub Padding28: ULONG,
    pub UseHighResolutionTimer: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_WORKITEM_CONFIG {
    pub Size: ULONG,
    pub EvtWorkItemFunc: PFN_WDF_WORKITEM,
    pub AutomaticSerialization: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DPC_CONFIG {
    pub Size: ULONG,
    pub EvtDpcFunc: PFN_WDF_DPC,
    pub AutomaticSerialization: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_PARAMETERS_Create {
    pub SecurityContext: PVOID,
    pub Options: ULONG,
    pub Padding12: ULONG,
    pub FileAttributes: USHORT,
    pub ShareAccess: USHORT,
    pub Padding20: ULONG,
    pub EaLength: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_PARAMETERS_Read {
    pub Length: SIZE_T,
    pub Key: ULONG,
    pub DeviceOffset: LONGLONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_PARAMETERS_DeviceIoControl {
    pub OutputBufferLength: SIZE_T,
    pub InputBufferLength: SIZE_T,
    pub IoControlCode: ULONG,
    pub Type3InputBuffer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_PARAMETERS_Others {
    pub Arg1: PVOID,
    pub Arg2: PVOID,
    pub IoControlCode: ULONG,
    pub Arg4: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union WDF_REQUEST_PARAMETERS_Parameters {
    pub Create: WDF_REQUEST_PARAMETERS_Create,
    pub Read: WDF_REQUEST_PARAMETERS_Read,
    pub Write: WDF_REQUEST_PARAMETERS_Read,
    pub DeviceIoControl: WDF_REQUEST_PARAMETERS_DeviceIoControl,
    pub Others: WDF_REQUEST_PARAMETERS_Others,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_PARAMETERS {
    pub Size: USHORT,
    pub MinorFunction: UCHAR,
    pub Type: WDF_REQUEST_TYPE,
    pub Parameters: WDF_REQUEST_PARAMETERS_Parameters,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_OBJECT_CONTEXT_TYPE_INFO {
    pub Size: ULONG,
    pub ContextName: *const CHAR,
    pub ContextSize: SIZE_T,
    pub UniqueType: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
    pub EvtDriverGetUniqueContextType: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS_Read {
    pub Buffer: WDFMEMORY,
    pub Length: SIZE_T,
    pub Offset: SIZE_T,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS_Ioctl_Input {
    pub Buffer: WDFMEMORY,
    pub Offset: SIZE_T,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS_Ioctl_Output {
    pub Buffer: WDFMEMORY,
    pub Offset: SIZE_T,
    pub Length: SIZE_T,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS_Ioctl {
    pub IoControlCode: ULONG,
    pub Input: WDF_REQUEST_COMPLETION_PARAMS_Ioctl_Input,
    pub Output: WDF_REQUEST_COMPLETION_PARAMS_Ioctl_Output,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union WDF_REQUEST_COMPLETION_PARAMS_Others_Argument {
    pub Ptr: PVOID,
    pub Value: ULONG_PTR,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS_Others {
    pub Argument1: WDF_REQUEST_COMPLETION_PARAMS_Others_Argument,
    pub Argument2: WDF_REQUEST_COMPLETION_PARAMS_Others_Argument,
    pub Argument3: WDF_REQUEST_COMPLETION_PARAMS_Others_Argument,
    pub Argument4: WDF_REQUEST_COMPLETION_PARAMS_Others_Argument,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS_Usb {
    pub Completion: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union WDF_REQUEST_COMPLETION_PARAMS_Parameters {
    pub Write: WDF_REQUEST_COMPLETION_PARAMS_Read,
    pub Read: WDF_REQUEST_COMPLETION_PARAMS_Read,
    pub Ioctl: WDF_REQUEST_COMPLETION_PARAMS_Ioctl,
    pub Others: WDF_REQUEST_COMPLETION_PARAMS_Others,
    pub Usb: WDF_REQUEST_COMPLETION_PARAMS_Usb,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_REQUEST_COMPLETION_PARAMS {
    pub Size: ULONG,
    pub Type: WDF_REQUEST_TYPE,
    pub IoStatus: IO_STATUS_BLOCK,
    pub Parameters: WDF_REQUEST_COMPLETION_PARAMS_Parameters,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_FORWARD_PROGRESS_EXAMINE_POLICY {
    pub EvtIoWdmIrpForForwardProgress: PFN_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_FORWARD_PROGRESS_POLICY {
    pub ExaminePolicy: WDF_FORWARD_PROGRESS_EXAMINE_POLICY,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY_SETTINGS {
    pub Policy: WDF_FORWARD_PROGRESS_POLICY,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY {
    pub Size: ULONG,
    pub TotalForwardProgressRequests: ULONG,
    pub ForwardProgressReservedPolicy: WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY,
    pub ForwardProgressReservePolicySettings: WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY_SETTINGS,
    pub EvtIoAllocateResourcesForReservedRequest: PFN_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST,
    pub EvtIoAllocateRequestResources: PFN_WDF_IO_ALLOCATE_REQUEST_RESOURCES,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_MEMORY_DESCRIPTOR_u_BufferType {
    pub Buffer: PVOID,
    pub Length: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_MEMORY_DESCRIPTOR_u_MdlType {
    pub Mdl: *mut MDL,
    pub BufferLength: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_MEMORY_DESCRIPTOR_u_HandleType {
    pub Memory: WDFMEMORY,
    pub Offsets: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union WDF_MEMORY_DESCRIPTOR_u {
    pub BufferType: WDF_MEMORY_DESCRIPTOR_u_BufferType,
    pub MdlType: WDF_MEMORY_DESCRIPTOR_u_MdlType,
    pub HandleType: WDF_MEMORY_DESCRIPTOR_u_HandleType,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_MEMORY_DESCRIPTOR {
    pub Type: WDF_MEMORY_DESCRIPTOR_TYPE,
    pub u: WDF_MEMORY_DESCRIPTOR_u,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_COMMON_BUFFER_CONFIG {
    pub Size: ULONG,
    pub AlignmentRequirement: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
    pub Size: ULONG,
    pub MajorVersion: ULONG,
    pub MinorVersion: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_DEVICE_STATE {
    pub Size: ULONG,
    pub Disabled: WDF_TRI_STATE,
    pub DontDisplayInUI: WDF_TRI_STATE,
    pub Failed: WDF_TRI_STATE,
    pub NotDisableable: WDF_TRI_STATE,
    pub Removed: WDF_TRI_STATE,
    pub ResourcesChanged: WDF_TRI_STATE,
    pub AssignedToGuest: WDF_TRI_STATE,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_QUERY_INTERFACE_CONFIG {
    pub Size: ULONG,
    pub Interface: PVOID,
    pub InterfaceType: *const GUID,
    pub SendQueryToParentStack: BOOLEAN,
    pub EvtDeviceProcessQueryInterfaceRequest: PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST,
    pub ImportInterface: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WDF_IO_TARGET_OPEN_PARAMS {
    pub Size: ULONG,
    pub Type: WDF_IO_TARGET_OPEN_TYPE,
    pub EvtIoTargetQueryRemove: PFN_WDF_IO_TARGET_QUERY_REMOVE,
    pub EvtIoTargetRemoveCanceled: PFN_WDF_IO_TARGET_REMOVE_CANCELED,
    pub EvtIoTargetRemoveComplete: PFN_WDF_IO_TARGET_REMOVE_COMPLETE,
    pub TargetDeviceObject: *mut DEVICE_OBJECT,
    pub TargetFileObject: *mut FILE_OBJECT,
    pub TargetDeviceName: UNICODE_STRING,
    pub DesiredAccess: ACCESS_MASK,
    pub ShareAccess: ULONG,
    pub FileAttributes: ULONG,
    pub CreateDisposition: ULONG,
    pub CreateOptions: ULONG,
    pub EaBuffer: PVOID,
    pub EaBufferLength: ULONG,
    pub AllocationSize: *mut LONGLONG,
    pub FileInformation: ULONG,
    pub FileName: UNICODE_STRING,
}
