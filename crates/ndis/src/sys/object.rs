//! Objects that NDIS lends a driver: generic object, device, timer, spin lock, event, lock state (`ndis.h`).

use super::callbacks::*;
use super::io::DRIVER_OBJECT;
use super::nt::KEVENT;
use super::types::*;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_GENERIC_OBJECT {
    pub Header: NDIS_OBJECT_HEADER,
    pub Caller: PVOID,
    pub CallersCaller: PVOID,
    pub DriverObject: *mut DRIVER_OBJECT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_DEVICE_OBJECT_ATTRIBUTES {
    pub Header: NDIS_OBJECT_HEADER,
    pub DeviceName: *mut UNICODE_STRING,
    pub SymbolicName: *mut UNICODE_STRING,
    pub MajorFunctions: *mut PDRIVER_DISPATCH,
    pub ExtensionSize: ULONG,
    pub DefaultSDDLString: *const UNICODE_STRING,
    pub DeviceClassGuid: *const GUID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TIMER_CHARACTERISTICS {
    pub Header: NDIS_OBJECT_HEADER,
    pub AllocationTag: ULONG,
    pub TimerFunction: PNDIS_TIMER_FUNCTION,
    pub FunctionContext: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_SPIN_LOCK {
    pub SpinLock: KSPIN_LOCK,
    pub OldIrql: KIRQL,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_EVENT {
    pub Event: KEVENT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LOCK_STATE_EX {
    pub OldIrql: KIRQL,
    pub LockState: UCHAR,
    pub Flags: UCHAR,
}
