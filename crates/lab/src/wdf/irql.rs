//! The highest IRQL at which each framework function may be called (V45): the `req.irql` of its DDI page.

use crate::thread::{DISPATCH_LEVEL, PASSIVE_LEVEL};

/// Functions for PASSIVE_LEVEL alone.
const PASSIVE: &[&str] = &[
    "WdfControlDeviceInitAllocate",
    "WdfDeviceAddQueryInterface",
    "WdfDeviceAllocAndQueryProperty",
    "WdfDeviceAssignMofResourceName",
    "WdfDeviceCreate",
    "WdfDeviceCreateDeviceInterface",
    "WdfDeviceCreateSymbolicLink",
    "WdfDeviceInitAssignName",
    "WdfDeviceInitAssignSDDLString",
    "WdfDeviceInitRegisterPnpStateChangeCallback",
    "WdfDeviceInitRegisterPowerPolicyStateChangeCallback",
    "WdfDeviceInitRegisterPowerStateChangeCallback",
    "WdfDeviceMiniportCreate",
    "WdfDeviceOpenDevicemapKey",
    "WdfDeviceOpenRegistryKey",
    "WdfDeviceQueryProperty",
    "WdfDeviceRetrieveDeviceInterfaceString",
    "WdfDeviceRetrieveDeviceName",
    "WdfDeviceSetDeviceInterfaceState",
    "WdfDeviceSetDeviceInterfaceStateEx",
    "WdfDeviceWdmAssignPowerFrameworkSettings",
    "WdfDriverCreate",
    "WdfDriverGetRegistryPath",
    "WdfDriverIsVersionAvailable",
    "WdfDriverOpenParametersRegistryKey",
    "WdfDriverOpenPersistentStateRegistryKey",
    "WdfDriverRetrieveVersionString",
    "WdfFileObjectGetFileName",
    "WdfIoQueueAssignForwardProgressPolicy",
    "WdfIoQueueDrainSynchronously",
    "WdfIoQueuePurgeSynchronously",
    "WdfIoQueueStopAndPurgeSynchronously",
    "WdfIoQueueStopSynchronously",
    "WdfIoTargetAllocAndQueryTargetProperty",
    "WdfIoTargetClose",
    "WdfIoTargetCloseForQueryRemove",
    "WdfIoTargetCreate",
    "WdfIoTargetOpen",
    "WdfIoTargetQueryForInterface",
    "WdfIoTargetQueryTargetProperty",
    "WdfIoTargetSendInternalIoctlOthersSynchronously",
    "WdfIoTargetSendInternalIoctlSynchronously",
    "WdfIoTargetSendIoctlSynchronously",
    "WdfIoTargetSendReadSynchronously",
    "WdfIoTargetSendWriteSynchronously",
    "WdfRegistryAssignMemory",
    "WdfRegistryAssignMultiString",
    "WdfRegistryAssignString",
    "WdfRegistryAssignULong",
    "WdfRegistryAssignUnicodeString",
    "WdfRegistryAssignValue",
    "WdfRegistryClose",
    "WdfRegistryCreateKey",
    "WdfRegistryOpenKey",
    "WdfRegistryQueryMemory",
    "WdfRegistryQueryMultiString",
    "WdfRegistryQueryString",
    "WdfRegistryQueryULong",
    "WdfRegistryQueryUnicodeString",
    "WdfRegistryQueryValue",
    "WdfRegistryRemoveKey",
    "WdfRegistryRemoveValue",
    "WdfRegistryWdmGetHandle",
    "WdfRequestProbeAndLockUserBufferForRead",
    "WdfRequestProbeAndLockUserBufferForWrite",
    "WdfRequestRetrieveUnsafeUserInputBuffer",
    "WdfRequestRetrieveUnsafeUserOutputBuffer",
    "WdfStringCreate",
    "WdfStringGetUnicodeString",
    "WdfWorkItemFlush",
];

/// Functions without a limit.
const ANY: &[&str] = &[
    "WdfDpcEnqueue",
    "WdfDpcGetParentObject",
    "WdfDpcWdmGetDpc",
    "WdfDriverRegisterTraceInfo",
    "WdfMemoryAssignBuffer",
    "WdfMemoryCopyFromBuffer",
    "WdfMemoryCopyToBuffer",
    "WdfMemoryGetBuffer",
    "WdfObjectContextGetObject",
    "WdfObjectGetTypedContextWorker",
    "WdfVerifierDbgBreakPoint",
    "WdfVerifierKeBugCheck",
    "WdfWdmDriverGetWdfDriverHandle",
];

/// The limit of a function: DISPATCH_LEVEL unless listed.
pub(crate) const fn limit(function: &str) -> u8 {
    if listed(PASSIVE, function) {
        PASSIVE_LEVEL
    } else if listed(ANY, function) {
        u8::MAX
    } else {
        DISPATCH_LEVEL
    }
}

const fn listed(list: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < list.len() {
        if same(list[at].as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_name_functions_of_the_framework() {
        for name in PASSIVE.iter().chain(ANY) {
            assert!(nblease_ndis::sys::WDF_FUNCTIONS.contains(name), "{name}");
        }
        assert_eq!(limit("WdfDeviceCreate"), PASSIVE_LEVEL);
        assert_eq!(limit("WdfRequestComplete"), DISPATCH_LEVEL);
        assert_eq!(limit("WdfDpcEnqueue"), u8::MAX);
    }
}
