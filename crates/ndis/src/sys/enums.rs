//! Enumerations. A C `enum` is an `int` here, never a Rust `enum`: memory that others write may hold any value.
//!
//! [`ENUMERATORS`] lists all of them for the test against the headers and for diagnostics.

/// An enumerator: its enumeration, its name, its value.
pub type Enumerator = (&'static str, &'static str, i32);

macro_rules! enums {
    ($($enumeration:ident { $($name:ident = $value:expr),* $(,)? })*) => {
        $(
            pub type $enumeration = i32;
            $(pub const $name: $enumeration = $value;)*
        )*
        /// Each enumerator of this module.
        pub const ENUMERATORS: &[Enumerator] = &[
            $($((stringify!($enumeration), stringify!($name), $value),)*)*
        ];
    };
}

enums! {
    DEVICE_POWER_STATE {
        PowerDeviceUnspecified = 0, PowerDeviceD0 = 1, PowerDeviceD1 = 2, PowerDeviceD2 = 3,
        PowerDeviceD3 = 4, PowerDeviceMaximum = 5,
    }
    EVENT_TYPE {
        NotificationEvent = 0, SynchronizationEvent = 1,
    }
    KWAIT_REASON {
        Executive = 0, FreePage = 1, PageIn = 2, PoolAllocation = 3, DelayExecution = 4,
        Suspended = 5, UserRequest = 6, WrExecutive = 7, WrFreePage = 8, WrPageIn = 9,
        WrPoolAllocation = 10, WrDelayExecution = 11, WrSuspended = 12, WrUserRequest = 13,
        WrSpare0 = 14, WrQueue = 15, WrLpcReceive = 16, WrLpcReply = 17, WrVirtualMemory = 18,
        WrPageOut = 19, WrRendezvous = 20, WrKeyedEvent = 21, WrTerminated = 22, WrProcessInSwap
        = 23, WrCpuRateControl = 24, WrCalloutStack = 25, WrKernel = 26, WrResource = 27,
        WrPushLock = 28, WrMutex = 29, WrQuantumEnd = 30, WrDispatchInt = 31, WrPreempted = 32,
        WrYieldExecution = 33, WrFastMutex = 34, WrGuardedMutex = 35, WrRundown = 36,
        WrAlertByThreadId = 37, WrDeferredPreempt = 38, WrPhysicalFault = 39, WrIoRing = 40,
        WrMdlCache = 41, MaximumWaitReason = 42,
    }
    MEMORY_CACHING_TYPE {
        MmNonCached = 0, MmCached = 1, MmWriteCombined = 2, MmHardwareCoherentCached = 3,
        MmNonCachedUnordered = 4, MmUSWCCached = 5, MmMaximumCacheType = 6, MmNotMapped = -1,
    }
    MM_PAGE_PRIORITY {
        LowPagePriority = 0, NormalPagePriority = 16, HighPagePriority = 32,
    }
    MODE {
        KernelMode = 0, UserMode = 1, MaximumMode = 2,
    }
    NDIS_DEVICE_PNP_EVENT {
        NdisDevicePnPEventQueryRemoved = 0, NdisDevicePnPEventRemoved = 1,
        NdisDevicePnPEventSurpriseRemoved = 2, NdisDevicePnPEventQueryStopped = 3,
        NdisDevicePnPEventStopped = 4, NdisDevicePnPEventPowerProfileChanged = 5,
        NdisDevicePnPEventFilterListChanged = 6, NdisDevicePnPEventMaximum = 7,
    }
    NDIS_DEVICE_POWER_STATE {
        NdisDeviceStateUnspecified = 0, NdisDeviceStateD0 = 1, NdisDeviceStateD1 = 2,
        NdisDeviceStateD2 = 3, NdisDeviceStateD3 = 4, NdisDeviceStateMaximum = 5,
    }
    NDIS_MEDIUM {
        NdisMedium802_3 = 0, NdisMedium802_5 = 1, NdisMediumFddi = 2, NdisMediumWan = 3,
        NdisMediumLocalTalk = 4, NdisMediumDix = 5, NdisMediumArcnetRaw = 6,
        NdisMediumArcnet878_2 = 7, NdisMediumAtm = 8, NdisMediumWirelessWan = 9, NdisMediumIrda
        = 10, NdisMediumBpc = 11, NdisMediumCoWan = 12, NdisMedium1394 = 13,
        NdisMediumInfiniBand = 14, NdisMediumTunnel = 15, NdisMediumNative802_11 = 16,
        NdisMediumLoopback = 17, NdisMediumWiMAX = 18, NdisMediumIP = 19, NdisMediumMax = 20,
    }
    NDIS_NET_BUFFER_LIST_INFO {
        TcpIpChecksumNetBufferListInfo = 0, TcpOffloadBytesTransferred = 0,
        IPsecOffloadV1NetBufferListInfo = 1, IPsecOffloadV2NetBufferListInfo = 1,
        TcpLargeSendNetBufferListInfo = 2, TcpReceiveNoPush = 2,
        ClassificationHandleNetBufferListInfo = 3, Ieee8021QNetBufferListInfo = 4,
        NetBufferListCancelId = 5, MediaSpecificInformation = 6, NetBufferListFrameType = 7,
        NetBufferListProtocolId = 7, NetBufferListHashValue = 8, NetBufferListHashInfo = 9,
        WfpNetBufferListInfo = 10, IPsecOffloadV2TunnelNetBufferListInfo = 11,
        IPsecOffloadV2HeaderNetBufferListInfo = 12, NetBufferListCorrelationId = 13,
        NetBufferListFilteringInfo = 14, MediaSpecificInformationEx = 15,
        NblOriginalInterfaceIfIndex = 16, NblReAuthWfpFlowContext = 16,
        TcpReceiveBytesTransferred = 17, NrtNameResolutionId = 17, UdpRecvSegCoalesceOffloadInfo
        = 17, SwitchForwardingReserved = 18, SwitchForwardingDetail = 19, VirtualSubnetInfo =
        20, IMReserved = 21, TcpRecvSegCoalesceInfo = 22, UdpSegmentationOffloadInfo = 22,
        RscTcpTimestampDelta = 23, TcpSendOffloadsSupplementalNetBufferListInfo = 23,
        GftOffloadInformation = 24, GftFlowEntryId = 25, NetBufferListInfoReserved3 = 26,
        MaxNetBufferListInfo = 27,
    }
    NDIS_REQUEST_TYPE {
        NdisRequestQueryInformation = 0, NdisRequestSetInformation = 1,
        NdisRequestQueryStatistics = 2, NdisRequestOpen = 3, NdisRequestClose = 4,
        NdisRequestSend = 5, NdisRequestTransferData = 6, NdisRequestReset = 7,
        NdisRequestGeneric1 = 8, NdisRequestGeneric2 = 9, NdisRequestGeneric3 = 10,
        NdisRequestGeneric4 = 11, NdisRequestMethod = 12,
    }
    NET_DEVICE_POWER_STATE {
        NetDeviceStateUnspecified = 0, NetDeviceStateD0 = 1, NetDeviceStateD1 = 2,
        NetDeviceStateD2 = 3, NetDeviceStateD3 = 4, NetDeviceStateMaximum = 5,
    }
    NET_IF_ACCESS_TYPE {
        NET_IF_ACCESS_LOOPBACK = 1, NET_IF_ACCESS_BROADCAST = 2, NET_IF_ACCESS_POINT_TO_POINT =
        3, NET_IF_ACCESS_POINT_TO_MULTI_POINT = 4, NET_IF_ACCESS_MAXIMUM = 5,
    }
    NET_IF_CONNECTION_TYPE {
        NET_IF_CONNECTION_DEDICATED = 1, NET_IF_CONNECTION_PASSIVE = 2, NET_IF_CONNECTION_DEMAND
        = 3, NET_IF_CONNECTION_MAXIMUM = 4,
    }
    NET_IF_MEDIA_CONNECT_STATE {
        MediaConnectStateUnknown = 0, MediaConnectStateConnected = 1,
        MediaConnectStateDisconnected = 2,
    }
    NET_IF_MEDIA_DUPLEX_STATE {
        MediaDuplexStateUnknown = 0, MediaDuplexStateHalf = 1, MediaDuplexStateFull = 2,
    }
    NET_PNP_EVENT_CODE {
        NetEventSetPower = 0, NetEventQueryPower = 1, NetEventQueryRemoveDevice = 2,
        NetEventCancelRemoveDevice = 3, NetEventReconfigure = 4, NetEventBindList = 5,
        NetEventBindsComplete = 6, NetEventPnPCapabilities = 7, NetEventPause = 8,
        NetEventRestart = 9, NetEventPortActivation = 10, NetEventPortDeactivation = 11,
        NetEventIMReEnableDevice = 12, NetEventNDKEnable = 13, NetEventNDKDisable = 14,
        NetEventFilterPreDetach = 15, NetEventBindFailed = 16, NetEventSwitchActivate = 17,
        NetEventAllowBindsAbove = 18, NetEventInhibitBindsAbove = 19, NetEventAllowStart = 20,
        NetEventRequirePause = 21, NetEventUploadGftFlowEntries = 22, NetEventMaximum = 23,
    }
    POOL_TYPE {
        NonPagedPool = 0, NonPagedPoolExecute = 0, PagedPool = 1, NonPagedPoolMustSucceed = 2,
        DontUseThisType = 3, NonPagedPoolCacheAligned = 4, PagedPoolCacheAligned = 5,
        NonPagedPoolCacheAlignedMustS = 6, MaxPoolType = 7, NonPagedPoolBase = 0,
        NonPagedPoolBaseMustSucceed = 2, NonPagedPoolBaseCacheAligned = 4,
        NonPagedPoolBaseCacheAlignedMustS = 6, NonPagedPoolSession = 32, PagedPoolSession = 33,
        NonPagedPoolMustSucceedSession = 34, DontUseThisTypeSession = 35,
        NonPagedPoolCacheAlignedSession = 36, PagedPoolCacheAlignedSession = 37,
        NonPagedPoolCacheAlignedMustSSession = 38, NonPagedPoolNx = 512,
        NonPagedPoolNxCacheAligned = 516, NonPagedPoolSessionNx = 544,
    }
    SYSTEM_POWER_STATE {
        PowerSystemUnspecified = 0, PowerSystemWorking = 1, PowerSystemSleeping1 = 2,
        PowerSystemSleeping2 = 3, PowerSystemSleeping3 = 4, PowerSystemHibernate = 5,
        PowerSystemShutdown = 6, PowerSystemMaximum = 7,
    }
    TIMER_TYPE {
        NotificationTimer = 0, SynchronizationTimer = 1,
    }
    WDF_DEVICE_IO_TYPE {
        WdfDeviceIoUndefined = 0, WdfDeviceIoNeither = 1, WdfDeviceIoBuffered = 2,
        WdfDeviceIoDirect = 3, WdfDeviceIoBufferedOrDirect = 4, WdfDeviceIoMaximum = 5,
    }
    WDF_DRIVER_INIT_FLAGS {
        WdfDriverInitNonPnpDriver = 1, WdfDriverInitNoDispatchOverride = 2, WdfVerifyOn = 4,
        WdfVerifierOn = 8, WdfDriverInitCompanion = 16,
    }
    WDF_EXECUTION_LEVEL {
        WdfExecutionLevelInvalid = 0, WdfExecutionLevelInheritFromParent = 1,
        WdfExecutionLevelPassive = 2, WdfExecutionLevelDispatch = 3,
    }
    WDF_FILEOBJECT_CLASS {
        WdfFileObjectInvalid = 0, WdfFileObjectNotRequired = 1, WdfFileObjectWdfCanUseFsContext
        = 2, WdfFileObjectWdfCanUseFsContext2 = 3, WdfFileObjectWdfCannotUseFsContexts = 4,
        WdfFileObjectCanBeOptional = -2147483648,
    }
    WDF_IO_FORWARD_PROGRESS_ACTION {
        WdfIoForwardProgressActionInvalid = 0, WdfIoForwardProgressActionFailRequest = 1,
        WdfIoForwardProgressActionUseReservedRequest = 2,
    }
    WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY {
        WdfIoForwardProgressInvalidPolicy = 0,
        WdfIoForwardProgressReservedPolicyAlwaysUseReservedRequest = 1,
        WdfIoForwardProgressReservedPolicyUseExamine = 2,
        WdfIoForwardProgressReservedPolicyPagingIO = 3,
    }
    WDF_IO_QUEUE_DISPATCH_TYPE {
        WdfIoQueueDispatchInvalid = 0, WdfIoQueueDispatchSequential = 1,
        WdfIoQueueDispatchParallel = 2, WdfIoQueueDispatchManual = 3, WdfIoQueueDispatchMax = 4,
    }
    WDF_IO_QUEUE_STATE {
        WdfIoQueueAcceptRequests = 1, WdfIoQueueDispatchRequests = 2, WdfIoQueueNoRequests = 4,
        WdfIoQueueDriverNoRequests = 8, WdfIoQueuePnpHeld = 16,
    }
    WDF_IO_TARGET_OPEN_TYPE {
        WdfIoTargetOpenUndefined = 0, WdfIoTargetOpenUseExistingDevice = 1,
        WdfIoTargetOpenByName = 2, WdfIoTargetOpenReopen = 3, WdfIoTargetOpenLocalTargetByFile =
        4,
    }
    WDF_MEMORY_DESCRIPTOR_TYPE {
        WdfMemoryDescriptorTypeInvalid = 0, WdfMemoryDescriptorTypeBuffer = 1,
        WdfMemoryDescriptorTypeMdl = 2, WdfMemoryDescriptorTypeHandle = 3,
    }
    WDF_REQUEST_STOP_ACTION_FLAGS {
        WdfRequestStopActionInvalid = 0, WdfRequestStopActionSuspend = 1,
        WdfRequestStopActionPurge = 2, WdfRequestStopRequestCancelable = 268435456,
    }
    WDF_REQUEST_TYPE {
        WdfRequestTypeCreate = 0, WdfRequestTypeCreateNamedPipe = 1, WdfRequestTypeClose = 2,
        WdfRequestTypeRead = 3, WdfRequestTypeWrite = 4, WdfRequestTypeQueryInformation = 5,
        WdfRequestTypeSetInformation = 6, WdfRequestTypeQueryEA = 7, WdfRequestTypeSetEA = 8,
        WdfRequestTypeFlushBuffers = 9, WdfRequestTypeQueryVolumeInformation = 10,
        WdfRequestTypeSetVolumeInformation = 11, WdfRequestTypeDirectoryControl = 12,
        WdfRequestTypeFileSystemControl = 13, WdfRequestTypeDeviceControl = 14,
        WdfRequestTypeDeviceControlInternal = 15, WdfRequestTypeShutdown = 16,
        WdfRequestTypeLockControl = 17, WdfRequestTypeCleanup = 18, WdfRequestTypeCreateMailSlot
        = 19, WdfRequestTypeQuerySecurity = 20, WdfRequestTypeSetSecurity = 21,
        WdfRequestTypePower = 22, WdfRequestTypeSystemControl = 23, WdfRequestTypeDeviceChange =
        24, WdfRequestTypeQueryQuota = 25, WdfRequestTypeSetQuota = 26, WdfRequestTypePnp = 27,
        WdfRequestTypeOther = 28, WdfRequestTypeUsb = 64, WdfRequestTypeNoFormat = 255,
        WdfRequestTypeMax = 256,
    }
    WDF_SYNCHRONIZATION_SCOPE {
        WdfSynchronizationScopeInvalid = 0, WdfSynchronizationScopeInheritFromParent = 1,
        WdfSynchronizationScopeDevice = 2, WdfSynchronizationScopeQueue = 3,
        WdfSynchronizationScopeNone = 4,
    }
    WDF_TRI_STATE {
        WdfFalse = 0, WdfTrue = 1, WdfUseDefault = 2,
    }
}
