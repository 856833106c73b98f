//! The fields of the structs of `sys`, to be compared with the facts.

use std::mem::{align_of, offset_of, size_of};

use nblease_ndis::sys::*;

use super::{Ours, Struct, type_of};

/// The structs of `sys`, one line of paths per field; the order is the facts'.
#[rustfmt::skip]
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn ours() -> Vec<Struct> { layouts! {
    NET_BUFFER {
        Next, CurrentMdl, CurrentMdlOffset, DataLength, MdlChain, DataOffset, ChecksumBias, Reserved,
        NdisPoolHandle, NdisReserved, ProtocolReserved, MiniportReserved, DataPhysicalAddress,
        DataPhysicalAddress.u.LowPart as "DataPhysicalAddress.LowPart",
        DataPhysicalAddress.u.HighPart as "DataPhysicalAddress.HighPart", DataPhysicalAddress.u,
        DataPhysicalAddress.u.LowPart, DataPhysicalAddress.u.HighPart, DataPhysicalAddress.QuadPart,
        SharedMemoryInfo, SharedMemoryInfo as "ScatterGatherList"
    }
    NET_BUFFER_LIST {
        Next, FirstNetBuffer, Context, ParentNetBufferList, NdisPoolHandle, NdisReserved,
        ProtocolReserved, MiniportReserved, Scratch, SourceHandle, NblFlags, ChildRefCount, Flags,
        Status, NetBufferListInfo
    }
    NET_BUFFER_LIST_CONTEXT {
        Next, Size, Offset, ContextData
    }
    NET_BUFFER_LIST_POOL_PARAMETERS {
        Header, Header.Type, Header.Revision, Header.Size, ProtocolId, fAllocateNetBuffer, ContextSize,
        PoolTag, DataSize, Flags
    }
    NET_BUFFER_POOL_PARAMETERS {
        Header, Header.Type, Header.Revision, Header.Size, PoolTag, DataSize, Flags
    }
    NDIS_OBJECT_HEADER {
        Type, Revision, Size
    }
    NDIS_FILTER_DRIVER_CHARACTERISTICS {
        Header, Header.Type, Header.Revision, Header.Size, MajorNdisVersion, MinorNdisVersion,
        MajorDriverVersion, MinorDriverVersion, Flags, FriendlyName, FriendlyName.Length,
        FriendlyName.MaximumLength, FriendlyName.Buffer, UniqueName, UniqueName.Length,
        UniqueName.MaximumLength, UniqueName.Buffer, ServiceName, ServiceName.Length,
        ServiceName.MaximumLength, ServiceName.Buffer, SetOptionsHandler, SetFilterModuleOptionsHandler,
        AttachHandler, DetachHandler, RestartHandler, PauseHandler, SendNetBufferListsHandler,
        SendNetBufferListsCompleteHandler, CancelSendNetBufferListsHandler,
        ReceiveNetBufferListsHandler, ReturnNetBufferListsHandler, OidRequestHandler,
        OidRequestCompleteHandler, CancelOidRequestHandler, DevicePnPEventNotifyHandler,
        NetPnPEventHandler, StatusHandler, DirectOidRequestHandler, DirectOidRequestCompleteHandler,
        CancelDirectOidRequestHandler, SynchronousOidRequestHandler,
        SynchronousOidRequestCompleteHandler
    }
    NDIS_FILTER_PARTIAL_CHARACTERISTICS {
        Header, Header.Type, Header.Revision, Header.Size, Flags, SendNetBufferListsHandler,
        SendNetBufferListsCompleteHandler, CancelSendNetBufferListsHandler,
        ReceiveNetBufferListsHandler, ReturnNetBufferListsHandler
    }
    NDIS_FILTER_ATTRIBUTES {
        Header, Header.Type, Header.Revision, Header.Size, Flags
    }
    NDIS_FILTER_ATTACH_PARAMETERS {
        Header, Header.Type, Header.Revision, Header.Size, IfIndex, NetLuid, NetLuid.Value,
        FilterModuleGuidName, BaseMiniportIfIndex, BaseMiniportInstanceName, BaseMiniportName,
        MediaConnectState, MediaDuplexState, XmitLinkSpeed, RcvLinkSpeed, MiniportMediaType,
        MiniportPhysicalMediaType, MiniportMediaSpecificAttributes, DefaultOffloadConfiguration,
        MacAddressLength, CurrentMacAddress, BaseMiniportNetLuid, BaseMiniportNetLuid.Value,
        LowerIfIndex, LowerIfNetLuid, LowerIfNetLuid.Value, Flags, HDSplitCurrentConfig,
        ReceiveFilterCapabilities, MiniportPhysicalDeviceObject, NicSwitchCapabilities,
        BaseMiniportIfConnectorPresent, SriovCapabilities, NicSwitchArray
    }
    NDIS_FILTER_RESTART_PARAMETERS {
        Header, Header.Type, Header.Revision, Header.Size, MiniportMediaType, MiniportPhysicalMediaType,
        RestartAttributes, LowerIfIndex, LowerIfNetLuid, LowerIfNetLuid.Value, Flags
    }
    NDIS_FILTER_PAUSE_PARAMETERS {
        Header, Header.Type, Header.Revision, Header.Size, Flags, PauseReason
    }
    NDIS_RESTART_ATTRIBUTES {
        Next, Oid, DataLength, Data
    }
    NDIS_RESTART_GENERAL_ATTRIBUTES {
        Header, Header.Type, Header.Revision, Header.Size, MtuSize, MaxXmitLinkSpeed, MaxRcvLinkSpeed,
        LookaheadSize, MacOptions, SupportedPacketFilters, MaxMulticastListSize, RecvScaleCapabilities,
        AccessType, Flags, ConnectionType, SupportedStatistics, DataBackFillSize, ContextBackFillSize,
        SupportedOidList, SupportedOidListLength, MaxLookaheadSizeAccessed
    }
    NDIS_OID_REQUEST {
        Header, Header.Type, Header.Revision, Header.Size, RequestType, PortNumber, Timeout, RequestId,
        RequestHandle, DATA, DATA.Oid, DATA.QUERY_INFORMATION, DATA.QUERY_INFORMATION.Oid,
        DATA.QUERY_INFORMATION.InformationBuffer, DATA.QUERY_INFORMATION.InformationBufferLength,
        DATA.QUERY_INFORMATION.BytesWritten, DATA.QUERY_INFORMATION.BytesNeeded, DATA.SET_INFORMATION,
        DATA.SET_INFORMATION.Oid, DATA.SET_INFORMATION.InformationBuffer,
        DATA.SET_INFORMATION.InformationBufferLength, DATA.SET_INFORMATION.BytesRead,
        DATA.SET_INFORMATION.BytesNeeded, DATA.METHOD_INFORMATION, DATA.METHOD_INFORMATION.Oid,
        DATA.METHOD_INFORMATION.InformationBuffer, DATA.METHOD_INFORMATION.InputBufferLength,
        DATA.METHOD_INFORMATION.OutputBufferLength, DATA.METHOD_INFORMATION.MethodId,
        DATA.METHOD_INFORMATION.BytesWritten, DATA.METHOD_INFORMATION.BytesRead,
        DATA.METHOD_INFORMATION.BytesNeeded, NdisReserved, MiniportReserved, SourceReserved,
        SupportedRevision, Reserved1, Reserved2, SwitchId, VPortId, Flags
    }
    NDIS_STATUS_INDICATION {
        Header, Header.Type, Header.Revision, Header.Size, SourceHandle, PortNumber, StatusCode, Flags,
        DestinationHandle, RequestId, StatusBuffer, StatusBufferSize, Guid, Guid.Data1, Guid.Data2,
        Guid.Data3, Guid.Data4, NdisReserved
    }
    NET_PNP_EVENT_NOTIFICATION {
        Header, Header.Type, Header.Revision, Header.Size, PortNumber, NetPnPEvent,
        NetPnPEvent.NetEvent, NetPnPEvent.Buffer, NetPnPEvent.BufferLength, NetPnPEvent.NdisReserved,
        NetPnPEvent.TransportReserved, NetPnPEvent.TdiReserved, NetPnPEvent.TdiClientReserved, Flags,
        SwitchId, VPortId
    }
    NET_PNP_EVENT {
        NetEvent, Buffer, BufferLength, NdisReserved, TransportReserved, TdiReserved, TdiClientReserved
    }
    NET_DEVICE_PNP_EVENT {
        Header, Header.Type, Header.Revision, Header.Size, PortNumber, DevicePnPEvent,
        InformationBuffer, InformationBufferLength, NdisReserved
    }
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO {
        Value
    }
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO {
        Value
    }
    NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO {
        Value
    }
    NDIS_NET_BUFFER_LIST_8021Q_INFO {
        Value
    }
    NDIS_RSC_NBL_INFO {
        Value
    }
    NDIS_GENERIC_OBJECT {
        Header, Header.Type, Header.Revision, Header.Size, Caller, CallersCaller, DriverObject
    }
    NDIS_LINK_STATE {
        Header, Header.Type, Header.Revision, Header.Size, MediaConnectState, MediaDuplexState,
        XmitLinkSpeed, RcvLinkSpeed, PauseFunctions, AutoNegotiationFlags
    }
    NDIS_DEVICE_OBJECT_ATTRIBUTES {
        Header, Header.Type, Header.Revision, Header.Size, DeviceName, SymbolicName, MajorFunctions,
        ExtensionSize, DefaultSDDLString, DeviceClassGuid
    }
    NDIS_TIMER_CHARACTERISTICS {
        Header, Header.Type, Header.Revision, Header.Size, AllocationTag, TimerFunction, FunctionContext
    }
    NDIS_OFFLOAD {
        Header, Header.Type, Header.Revision, Header.Size, Checksum, Checksum.IPv4Transmit,
        Checksum.IPv4Transmit.Encapsulation, Checksum.IPv4Receive, Checksum.IPv4Receive.Encapsulation,
        Checksum.IPv6Transmit, Checksum.IPv6Transmit.Encapsulation, Checksum.IPv6Receive,
        Checksum.IPv6Receive.Encapsulation, LsoV1, LsoV1.IPv4, LsoV1.IPv4.Encapsulation,
        LsoV1.IPv4.MaxOffLoadSize, LsoV1.IPv4.MinSegmentCount, IPsecV1, IPsecV1.Supported,
        IPsecV1.Supported.Encapsulation, IPsecV1.Supported.AhEspCombined,
        IPsecV1.Supported.TransportTunnelCombined, IPsecV1.Supported.IPv4Options,
        IPsecV1.Supported.Flags, IPsecV1.IPv4AH, IPsecV1.IPv4ESP, LsoV2, LsoV2.IPv4,
        LsoV2.IPv4.Encapsulation, LsoV2.IPv4.MaxOffLoadSize, LsoV2.IPv4.MinSegmentCount, LsoV2.IPv6,
        LsoV2.IPv6.Encapsulation, LsoV2.IPv6.MaxOffLoadSize, LsoV2.IPv6.MinSegmentCount, Flags, IPsecV2,
        IPsecV2.Encapsulation, IPsecV2.IPv6Supported, IPsecV2.IPv4Options,
        IPsecV2.IPv6NonIPsecExtensionHeaders, IPsecV2.Ah, IPsecV2.Esp, IPsecV2.AhEspCombined,
        IPsecV2.Transport, IPsecV2.Tunnel, IPsecV2.TransportTunnelCombined, IPsecV2.LsoSupported,
        IPsecV2.ExtendedSequenceNumbers, IPsecV2.UdpEsp, IPsecV2.AuthenticationAlgorithms,
        IPsecV2.EncryptionAlgorithms, IPsecV2.SaOffloadCapacity, Rsc, Rsc.IPv4, Rsc.IPv4.Enabled,
        Rsc.IPv6, Rsc.IPv6.Enabled, EncapsulatedPacketTaskOffloadGre,
        EncapsulatedPacketTaskOffloadGre.MaxHeaderSizeSupported, EncapsulatedPacketTaskOffloadVxlan,
        EncapsulatedPacketTaskOffloadVxlan.MaxHeaderSizeSupported,
        EncapsulatedPacketTaskOffloadVxlan.EncapsulationProtocolInfo,
        EncapsulatedPacketTaskOffloadVxlan.EncapsulationProtocolInfo.VxlanInfo,
        EncapsulatedPacketTaskOffloadVxlan.EncapsulationProtocolInfo.VxlanInfo.VxlanUDPPortNumber,
        EncapsulatedPacketTaskOffloadVxlan.EncapsulationProtocolInfo.Value,
        EncapsulatedPacketTaskOffloadVxlan.Reserved1, EncapsulatedPacketTaskOffloadVxlan.Reserved2,
        EncapsulationTypes, Rfc6877Xlat, Rfc6877Xlat.XlatOffload, Rfc6877Xlat.Flags, UdpSegmentation,
        UdpSegmentation.IPv4, UdpSegmentation.IPv4.Encapsulation, UdpSegmentation.IPv4.MaxOffLoadSize,
        UdpSegmentation.IPv6, UdpSegmentation.IPv6.Encapsulation, UdpSegmentation.IPv6.MaxOffLoadSize
    }
    NDIS_PM_CAPABILITIES {
        Header, Header.Type, Header.Revision, Header.Size, Flags, SupportedWoLPacketPatterns,
        NumTotalWoLPatterns, MaxWoLPatternSize, MaxWoLPatternOffset, MaxWoLPacketSaveBuffer,
        SupportedProtocolOffloads, NumArpOffloadIPv4Addresses, NumNSOffloadIPv6Addresses,
        MinMagicPacketWakeUp, MinPatternWakeUp, MinLinkChangeWakeUp, SupportedWakeUpEvents,
        MediaSpecificWakeUpEvents
    }
    NDIS_RECEIVE_SCALE_CAPABILITIES {
        Header, Header.Type, Header.Revision, Header.Size, CapabilitiesFlags, NumberOfInterruptMessages,
        NumberOfReceiveQueues, NumberOfIndirectionTableEntries
    }
    NDIS_HD_SPLIT_CURRENT_CONFIG {
        Header, Header.Type, Header.Revision, Header.Size, HardwareCapabilities, CurrentCapabilities,
        HDSplitFlags, HDSplitCombineFlags, BackfillSize, MaxHeaderSize
    }
    NET_LUID {
        Value
    }
    NDIS_STATISTICS_INFO {
        Header, Header.Type, Header.Revision, Header.Size, SupportedStatistics, ifInDiscards,
        ifInErrors, ifHCInOctets, ifHCInUcastPkts, ifHCInMulticastPkts, ifHCInBroadcastPkts,
        ifHCOutOctets, ifHCOutUcastPkts, ifHCOutMulticastPkts, ifHCOutBroadcastPkts, ifOutErrors,
        ifOutDiscards, ifHCInUcastOctets, ifHCInMulticastOctets, ifHCInBroadcastOctets,
        ifHCOutUcastOctets, ifHCOutMulticastOctets, ifHCOutBroadcastOctets
    }
    NDIS_SPIN_LOCK {
        SpinLock, OldIrql
    }
    NDIS_EVENT {
        Event, Event.Header, Event.Header.SignalState, Event.Header.WaitListHead,
        Event.Header.WaitListHead.Flink, Event.Header.WaitListHead.Blink
    }
    LOCK_STATE_EX {
        OldIrql, LockState, Flags
    }
    MDL {
        Next, Size, MdlFlags, Process, MappedSystemVa, StartVa, ByteCount, ByteOffset
    }
    IRP {
        Type, Size, MdlAddress, Flags, AssociatedIrp, AssociatedIrp.MasterIrp, AssociatedIrp.IrpCount,
        AssociatedIrp.SystemBuffer, ThreadListEntry, ThreadListEntry.Flink, ThreadListEntry.Blink,
        IoStatus, IoStatus.u.Status as "IoStatus.Status", IoStatus.u.Pointer as "IoStatus.Pointer",
        IoStatus.Information, RequestorMode, PendingReturned, StackCount, CurrentLocation, Cancel,
        CancelIrql, ApcEnvironment, AllocationFlags, UserIosb, UserEvent, Overlay,
        Overlay.AsynchronousParameters, Overlay.AsynchronousParameters.UserApcRoutine,
        Overlay.AsynchronousParameters.UserApcContext, Overlay.AllocationSize,
        Overlay.AllocationSize.u.LowPart as "Overlay.AllocationSize.LowPart",
        Overlay.AllocationSize.u.HighPart as "Overlay.AllocationSize.HighPart",
        Overlay.AllocationSize.u, Overlay.AllocationSize.u.LowPart, Overlay.AllocationSize.u.HighPart,
        Overlay.AllocationSize.QuadPart, CancelRoutine, UserBuffer, Tail, Tail.Overlay,
        Tail.Overlay.Thread, Tail.Overlay.AuxiliaryBuffer, Tail.Overlay.ListEntry,
        Tail.Overlay.OriginalFileObject, Tail.CompletionKey
    }
    IO_STACK_LOCATION {
        MajorFunction, MinorFunction, Flags, Control, Parameters, Parameters.Create,
        Parameters.Create.SecurityContext, Parameters.Create.Options, Parameters.Create.FileAttributes,
        Parameters.Create.ShareAccess, Parameters.Create.EaLength, Parameters.Read,
        Parameters.Read.Length, Parameters.Read.Key, Parameters.Read.Flags, Parameters.Read.ByteOffset,
        Parameters.Read.ByteOffset.u, Parameters.Read.ByteOffset.QuadPart, Parameters.Write,
        Parameters.Write.Length, Parameters.Write.Key, Parameters.Write.Flags,
        Parameters.Write.ByteOffset, Parameters.Write.ByteOffset.u,
        Parameters.Write.ByteOffset.QuadPart, Parameters.DeviceIoControl,
        Parameters.DeviceIoControl.OutputBufferLength, Parameters.DeviceIoControl.InputBufferLength,
        Parameters.DeviceIoControl.IoControlCode, Parameters.DeviceIoControl.Type3InputBuffer,
        Parameters.QueryInterface, Parameters.QueryInterface.InterfaceType,
        Parameters.QueryInterface.Size, Parameters.QueryInterface.Version,
        Parameters.QueryInterface.Interface, Parameters.QueryInterface.InterfaceSpecificData,
        Parameters.Power, Parameters.Power.SystemContext, Parameters.Power.Type, Parameters.Power.State,
        Parameters.Power.State.SystemState, Parameters.Power.State.DeviceState,
        Parameters.Power.ShutdownType, Parameters.Others, Parameters.Others.Argument1,
        Parameters.Others.Argument2, Parameters.Others.Argument3, Parameters.Others.Argument4,
        DeviceObject, FileObject, CompletionRoutine, Context
    }
    DEVICE_OBJECT {
        Type, Size, ReferenceCount, DriverObject, NextDevice, AttachedDevice, CurrentIrp, Timer, Flags,
        Characteristics, Vpb, DeviceExtension, DeviceType, StackSize, Queue, Queue.ListEntry,
        Queue.ListEntry.Flink, Queue.ListEntry.Blink, Queue.Wcb, Queue.Wcb.DeviceRoutine,
        Queue.Wcb.DeviceContext, Queue.Wcb.NumberOfMapRegisters, Queue.Wcb.DeviceObject,
        Queue.Wcb.CurrentIrp, Queue.Wcb.BufferChainingDpc, AlignmentRequirement, DeviceQueue,
        DeviceQueue.Type, DeviceQueue.Size, DeviceQueue.DeviceListHead,
        DeviceQueue.DeviceListHead.Flink, DeviceQueue.DeviceListHead.Blink, DeviceQueue.Lock,
        DeviceQueue.Busy, Dpc, Dpc.Type, Dpc.Importance, Dpc.Number, Dpc.DpcListEntry,
        Dpc.DpcListEntry.Next, Dpc.ProcessorHistory, Dpc.DeferredRoutine, Dpc.DeferredContext,
        Dpc.SystemArgument1, Dpc.SystemArgument2, Dpc.DpcData, ActiveThreadCount, SecurityDescriptor,
        DeviceLock, DeviceLock.Header, DeviceLock.Header.SignalState, DeviceLock.Header.WaitListHead,
        DeviceLock.Header.WaitListHead.Flink, DeviceLock.Header.WaitListHead.Blink, SectorSize, Spare1,
        DeviceObjectExtension, Reserved
    }
    DRIVER_OBJECT {
        Type, Size, DeviceObject, Flags, DriverStart, DriverSize, DriverSection, DriverExtension,
        DriverName, DriverName.Length, DriverName.MaximumLength, DriverName.Buffer, HardwareDatabase,
        FastIoDispatch, DriverInit, DriverStartIo, DriverUnload, MajorFunction
    }
    FILE_OBJECT {
        Type, Size, DeviceObject, Vpb, FsContext, FsContext2, SectionObjectPointer, PrivateCacheMap,
        FinalStatus, RelatedFileObject, LockOperation, DeletePending, ReadAccess, WriteAccess,
        DeleteAccess, SharedRead, SharedWrite, SharedDelete, Flags, FileName, FileName.Length,
        FileName.MaximumLength, FileName.Buffer, CurrentByteOffset,
        CurrentByteOffset.u.LowPart as "CurrentByteOffset.LowPart",
        CurrentByteOffset.u.HighPart as "CurrentByteOffset.HighPart", CurrentByteOffset.u,
        CurrentByteOffset.u.LowPart, CurrentByteOffset.u.HighPart, CurrentByteOffset.QuadPart, Waiters,
        Busy, LastLock, Lock, Lock.Header, Lock.Header.SignalState, Lock.Header.WaitListHead,
        Lock.Header.WaitListHead.Flink, Lock.Header.WaitListHead.Blink, Event, Event.Header,
        Event.Header.SignalState, Event.Header.WaitListHead, Event.Header.WaitListHead.Flink,
        Event.Header.WaitListHead.Blink, CompletionContext, IrpListLock, IrpList, IrpList.Flink,
        IrpList.Blink, FileObjectExtension
    }
    KDPC {
        Type, Importance, Number, DpcListEntry, DpcListEntry.Next, ProcessorHistory, DeferredRoutine,
        DeferredContext, SystemArgument1, SystemArgument2, DpcData
    }
    KTIMER {
        Header, Header.Type, Header.Signalling, Header.Size, Header.Reserved1, Header.SignalState,
        Header.WaitListHead, Header.WaitListHead.Flink, Header.WaitListHead.Blink, DueTime,
        DueTime.u.LowPart as "DueTime.LowPart", DueTime.u.HighPart as "DueTime.HighPart", DueTime.u,
        DueTime.u.LowPart, DueTime.u.HighPart, DueTime.QuadPart, TimerListEntry, TimerListEntry.Flink,
        TimerListEntry.Blink, Dpc, Processor, TimerType, Period
    }
    KEVENT {
        Header, Header.Type, Header.Signalling, Header.Size, Header.Reserved1, Header.SignalState,
        Header.WaitListHead, Header.WaitListHead.Flink, Header.WaitListHead.Blink
    }
    KSPIN_LOCK_QUEUE {
        Next, Lock
    }
    KLOCK_QUEUE_HANDLE {
        LockQueue, LockQueue.Next, LockQueue.Lock, OldIrql
    }
    UNICODE_STRING {
        Length, MaximumLength, Buffer
    }
    LARGE_INTEGER {
        u.LowPart as "LowPart", u.HighPart as "HighPart", u, u.LowPart, u.HighPart, QuadPart
    }
    LIST_ENTRY {
        Flink, Blink
    }
    SLIST_HEADER {
        Alignment, Region
    }
    IO_CSQ {
        Type, CsqInsertIrp, CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock,
        CsqCompleteCanceledIrp, ReservePointer
    }
    EX_RUNDOWN_REF {
        Count, Ptr
    }
    LOOKASIDE_LIST_EX {
        L, L.ListHead, L.Depth, L.MaximumDepth, L.TotalAllocates, L.AllocateMisses,
        L.AllocateMisses as "L.AllocateHits", L.TotalFrees, L.FreeMisses, L.FreeMisses as "L.FreeHits",
        L.Type, L.Tag, L.Size, L.AllocateEx, L.AllocateEx as "L.Allocate", L.FreeEx,
        L.FreeEx as "L.Free", L.ListEntry, L.ListEntry.Flink, L.ListEntry.Blink, L.LastTotalAllocates,
        L.LastAllocateMisses, L.LastAllocateMisses as "L.LastAllocateHits", L.Future
    }
    GENERAL_LOOKASIDE {
        ListHead, ListHead.Alignment, ListHead.Region, Depth, MaximumDepth, TotalAllocates,
        AllocateMisses, AllocateMisses as "AllocateHits", TotalFrees, FreeMisses,
        FreeMisses as "FreeHits", Type, Tag, Size, AllocateEx, AllocateEx as "Allocate", FreeEx,
        FreeEx as "Free", ListEntry, ListEntry.Flink, ListEntry.Blink, LastTotalAllocates,
        LastAllocateMisses, LastAllocateMisses as "LastAllocateHits", Future
    }
    KAPC_STATE {
        ApcListHead, Process, InProgressFlags, KernelApcPending, UserApcPendingAll
    }
    DISPATCHER_HEADER {
        Type, Signalling, Size, Reserved1, SignalState, WaitListHead, WaitListHead.Flink,
        WaitListHead.Blink
    }
    WORK_QUEUE_ITEM {
        List, List.Flink, List.Blink, WorkerRoutine, Parameter
    }
    OBJECT_ATTRIBUTES {
        Length, RootDirectory, ObjectName, Attributes, SecurityDescriptor, SecurityQualityOfService
    }
    IO_STATUS_BLOCK {
        u.Status as "Status", u.Pointer as "Pointer", Information
    }
    WDF_DRIVER_CONFIG {
        Size, EvtDriverDeviceAdd, EvtDriverUnload, DriverInitFlags, DriverPoolTag
    }
    WDF_DRIVER_GLOBALS {
        Driver, DriverFlags, DriverTag, DriverName, DisplaceDriverUnload
    }
    WDF_OBJECT_ATTRIBUTES {
        Size, EvtCleanupCallback, EvtDestroyCallback, ExecutionLevel, SynchronizationScope,
        ParentObject, ContextSizeOverride, ContextTypeInfo
    }
    WDF_FILEOBJECT_CONFIG {
        Size, EvtDeviceFileCreate, EvtFileClose, EvtFileCleanup, AutoForwardCleanupClose,
        FileObjectClass
    }
    WDF_IO_QUEUE_CONFIG {
        Size, DispatchType, PowerManaged, AllowZeroLengthRequests, DefaultQueue, EvtIoDefault,
        EvtIoRead, EvtIoWrite, EvtIoDeviceControl, EvtIoInternalDeviceControl, EvtIoStop, EvtIoResume,
        EvtIoCanceledOnQueue, Settings, Settings.Parallel, Settings.Parallel.NumberOfPresentedRequests,
        Driver
    }
    WDF_TIMER_CONFIG {
        Size, EvtTimerFunc, Period, AutomaticSerialization, TolerableDelay, UseHighResolutionTimer
    }
    WDF_WORKITEM_CONFIG {
        Size, EvtWorkItemFunc, AutomaticSerialization
    }
    WDF_DPC_CONFIG {
        Size, EvtDpcFunc, AutomaticSerialization
    }
    WDF_REQUEST_PARAMETERS {
        Size, MinorFunction, Type, Parameters, Parameters.Create, Parameters.Create.SecurityContext,
        Parameters.Create.Options, Parameters.Create.FileAttributes, Parameters.Create.ShareAccess,
        Parameters.Create.EaLength, Parameters.Read, Parameters.Read.Length, Parameters.Read.Key,
        Parameters.Read.DeviceOffset, Parameters.Write, Parameters.Write.Length, Parameters.Write.Key,
        Parameters.Write.DeviceOffset, Parameters.DeviceIoControl,
        Parameters.DeviceIoControl.OutputBufferLength, Parameters.DeviceIoControl.InputBufferLength,
        Parameters.DeviceIoControl.IoControlCode, Parameters.DeviceIoControl.Type3InputBuffer,
        Parameters.Others, Parameters.Others.Arg1, Parameters.Others.Arg2,
        Parameters.Others.IoControlCode, Parameters.Others.Arg4
    }
    WDF_OBJECT_CONTEXT_TYPE_INFO {
        Size, ContextName, ContextSize, UniqueType, EvtDriverGetUniqueContextType
    }
    WDF_REQUEST_COMPLETION_PARAMS {
        Size, Type, IoStatus, IoStatus.u.Status as "IoStatus.Status",
        IoStatus.u.Pointer as "IoStatus.Pointer", IoStatus.Information, Parameters, Parameters.Write,
        Parameters.Write.Buffer, Parameters.Write.Length, Parameters.Write.Offset, Parameters.Read,
        Parameters.Read.Buffer, Parameters.Read.Length, Parameters.Read.Offset, Parameters.Ioctl,
        Parameters.Ioctl.IoControlCode, Parameters.Ioctl.Input, Parameters.Ioctl.Input.Buffer,
        Parameters.Ioctl.Input.Offset, Parameters.Ioctl.Output, Parameters.Ioctl.Output.Buffer,
        Parameters.Ioctl.Output.Offset, Parameters.Ioctl.Output.Length, Parameters.Others,
        Parameters.Others.Argument1, Parameters.Others.Argument1.Ptr, Parameters.Others.Argument1.Value,
        Parameters.Others.Argument2, Parameters.Others.Argument2.Ptr, Parameters.Others.Argument2.Value,
        Parameters.Others.Argument3, Parameters.Others.Argument3.Ptr, Parameters.Others.Argument3.Value,
        Parameters.Others.Argument4, Parameters.Others.Argument4.Ptr, Parameters.Others.Argument4.Value,
        Parameters.Usb, Parameters.Usb.Completion
    }
    WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY {
        Size, TotalForwardProgressRequests, ForwardProgressReservedPolicy,
        ForwardProgressReservePolicySettings, ForwardProgressReservePolicySettings.Policy,
        ForwardProgressReservePolicySettings.Policy.ExaminePolicy,
        ForwardProgressReservePolicySettings.Policy.ExaminePolicy.EvtIoWdmIrpForForwardProgress,
        EvtIoAllocateResourcesForReservedRequest, EvtIoAllocateRequestResources
    }
    WDF_MEMORY_DESCRIPTOR {
        Type, u, u.BufferType, u.BufferType.Buffer, u.BufferType.Length, u.MdlType, u.MdlType.Mdl,
        u.MdlType.BufferLength, u.HandleType, u.HandleType.Memory, u.HandleType.Offsets
    }
    WDF_COMMON_BUFFER_CONFIG {
        Size, AlignmentRequirement
    }
    WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
        Size, MajorVersion, MinorVersion
    }
    WDF_DEVICE_STATE {
        Size, Disabled, DontDisplayInUI, Failed, NotDisableable, Removed, ResourcesChanged,
        AssignedToGuest
    }
    WDF_QUERY_INTERFACE_CONFIG {
        Size, Interface, InterfaceType, SendQueryToParentStack, EvtDeviceProcessQueryInterfaceRequest,
        ImportInterface
    }
    WDF_IO_TARGET_OPEN_PARAMS {
        Size, Type, EvtIoTargetQueryRemove, EvtIoTargetRemoveCanceled, EvtIoTargetRemoveComplete,
        TargetDeviceObject, TargetFileObject, TargetDeviceName, TargetDeviceName.Length,
        TargetDeviceName.MaximumLength, TargetDeviceName.Buffer, DesiredAccess, ShareAccess,
        FileAttributes, CreateDisposition, CreateOptions, EaBuffer, EaBufferLength, AllocationSize,
        FileInformation, FileName, FileName.Length, FileName.MaximumLength, FileName.Buffer
    }
} }
