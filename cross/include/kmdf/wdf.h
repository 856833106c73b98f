/* KMDF 1.33 as the ABI facts have it: written by cross/headers.py, not by hand. */
#pragma once

typedef void (*WDFFUNC)(void);
#define WdfFunctions WdfFunctions_01033
extern const WDFFUNC *WdfFunctions;
extern struct _WDF_DRIVER_GLOBALS *WdfDriverGlobals;
extern ULONG WdfFunctionCount;
extern ULONG WdfStructureCount;
extern BOOLEAN WdfClientVersionHigherThanFramework;
#ifndef WDF_STUB
__declspec(selectany) ULONG WdfMinimumVersionRequired = KMDF_MINIMUM_VERSION_REQUIRED;
#endif

typedef HANDLE WDFOBJECT, *PWDFOBJECT;
typedef PVOID WDFCONTEXT;
typedef struct WDFDEVICE_INIT *PWDFDEVICE_INIT;
typedef struct WDFCXDEVICE_INIT *PWDFCXDEVICE_INIT;

typedef const struct _WDF_DEVICE_PNP_NOTIFICATION_DATA *PCWDF_DEVICE_PNP_NOTIFICATION_DATA;
typedef const struct _WDF_DEVICE_POWER_NOTIFICATION_DATA *PCWDF_DEVICE_POWER_NOTIFICATION_DATA;
typedef const struct _WDF_DEVICE_POWER_POLICY_NOTIFICATION_DATA *PCWDF_DEVICE_POWER_POLICY_NOTIFICATION_DATA;
typedef const struct _WDF_OBJECT_CONTEXT_TYPE_INFO *PCWDF_OBJECT_CONTEXT_TYPE_INFO;
typedef struct _WDFMEMORY_OFFSET *PWDFMEMORY_OFFSET;
typedef struct _WDF_CHILD_ADDRESS_DESCRIPTION_HEADER *PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER;
typedef struct _WDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER *PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER;
typedef struct _WDF_CHILD_LIST_CONFIG *PWDF_CHILD_LIST_CONFIG;
typedef struct _WDF_CHILD_LIST_ITERATOR *PWDF_CHILD_LIST_ITERATOR;
typedef struct _WDF_CHILD_RETRIEVE_INFO *PWDF_CHILD_RETRIEVE_INFO;
typedef struct _WDF_COMMON_BUFFER_CONFIG *PWDF_COMMON_BUFFER_CONFIG;
typedef struct _WDF_DEVICE_PNP_CAPABILITIES *PWDF_DEVICE_PNP_CAPABILITIES;
typedef struct _WDF_DEVICE_POWER_CAPABILITIES *PWDF_DEVICE_POWER_CAPABILITIES;
typedef struct _WDF_DEVICE_POWER_POLICY_IDLE_SETTINGS *PWDF_DEVICE_POWER_POLICY_IDLE_SETTINGS;
typedef struct _WDF_DEVICE_POWER_POLICY_WAKE_SETTINGS *PWDF_DEVICE_POWER_POLICY_WAKE_SETTINGS;
typedef struct _WDF_DEVICE_PROPERTY_DATA *PWDF_DEVICE_PROPERTY_DATA;
typedef struct _WDF_DEVICE_STATE *PWDF_DEVICE_STATE;
typedef struct _WDF_DMA_ENABLER_CONFIG *PWDF_DMA_ENABLER_CONFIG;
typedef struct _WDF_DMA_SYSTEM_PROFILE_CONFIG *PWDF_DMA_SYSTEM_PROFILE_CONFIG;
typedef struct _WDF_DPC_CONFIG *PWDF_DPC_CONFIG;
typedef struct _WDF_DRIVER_CONFIG *PWDF_DRIVER_CONFIG;
typedef struct _WDF_DRIVER_GLOBALS *PWDF_DRIVER_GLOBALS;
typedef struct _WDF_DRIVER_VERSION_AVAILABLE_PARAMS *PWDF_DRIVER_VERSION_AVAILABLE_PARAMS;
typedef struct _WDF_FDO_EVENT_CALLBACKS *PWDF_FDO_EVENT_CALLBACKS;
typedef struct _WDF_FILEOBJECT_CONFIG *PWDF_FILEOBJECT_CONFIG;
typedef struct _WDF_INTERRUPT_CONFIG *PWDF_INTERRUPT_CONFIG;
typedef struct _WDF_INTERRUPT_EXTENDED_POLICY *PWDF_INTERRUPT_EXTENDED_POLICY;
typedef struct _WDF_INTERRUPT_INFO *PWDF_INTERRUPT_INFO;
typedef struct _WDF_IO_QUEUE_CONFIG *PWDF_IO_QUEUE_CONFIG;
typedef struct _WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY *PWDF_IO_QUEUE_FORWARD_PROGRESS_POLICY;
typedef struct _WDF_IO_TARGET_OPEN_PARAMS *PWDF_IO_TARGET_OPEN_PARAMS;
typedef struct _WDF_IO_TYPE_CONFIG *PWDF_IO_TYPE_CONFIG;
typedef struct _WDF_MEMORY_DESCRIPTOR *PWDF_MEMORY_DESCRIPTOR;
typedef struct _WDF_OBJECT_ATTRIBUTES *PWDF_OBJECT_ATTRIBUTES;
typedef struct _WDF_PDO_EVENT_CALLBACKS *PWDF_PDO_EVENT_CALLBACKS;
typedef struct _WDF_PNPPOWER_EVENT_CALLBACKS *PWDF_PNPPOWER_EVENT_CALLBACKS;
typedef struct _WDF_POWER_FRAMEWORK_SETTINGS *PWDF_POWER_FRAMEWORK_SETTINGS;
typedef struct _WDF_POWER_POLICY_EVENT_CALLBACKS *PWDF_POWER_POLICY_EVENT_CALLBACKS;
typedef struct _WDF_QUERY_INTERFACE_CONFIG *PWDF_QUERY_INTERFACE_CONFIG;
typedef struct _WDF_REMOVE_LOCK_OPTIONS *PWDF_REMOVE_LOCK_OPTIONS;
typedef struct _WDF_REQUEST_COMPLETION_PARAMS *PWDF_REQUEST_COMPLETION_PARAMS;
typedef struct _WDF_REQUEST_FORWARD_OPTIONS *PWDF_REQUEST_FORWARD_OPTIONS;
typedef struct _WDF_REQUEST_PARAMETERS *PWDF_REQUEST_PARAMETERS;
typedef struct _WDF_REQUEST_REUSE_PARAMS *PWDF_REQUEST_REUSE_PARAMS;
typedef struct _WDF_REQUEST_SEND_OPTIONS *PWDF_REQUEST_SEND_OPTIONS;
typedef struct _WDF_TASK_SEND_OPTIONS *PWDF_TASK_SEND_OPTIONS;
typedef struct _WDF_TIMER_CONFIG *PWDF_TIMER_CONFIG;
typedef struct _WDF_USB_REQUEST_COMPLETION_PARAMS *PWDF_USB_REQUEST_COMPLETION_PARAMS;
typedef struct _WDF_WMI_INSTANCE_CONFIG *PWDF_WMI_INSTANCE_CONFIG;
typedef struct _WDF_WMI_PROVIDER_CONFIG *PWDF_WMI_PROVIDER_CONFIG;
typedef struct _WDF_WORKITEM_CONFIG *PWDF_WORKITEM_CONFIG;
typedef struct WDFCHILDLIST__ { int unused; } *WDFCHILDLIST;
typedef struct WDFCMRESLIST__ { int unused; } *WDFCMRESLIST;
typedef struct WDFCOLLECTION__ { int unused; } *WDFCOLLECTION;
typedef struct WDFCOMMONBUFFER__ { int unused; } *WDFCOMMONBUFFER;
typedef struct WDFCOMPANIONTARGET__ { int unused; } *WDFCOMPANIONTARGET;
typedef struct WDFDEVICE__ { int unused; } *WDFDEVICE;
typedef struct WDFDMAENABLER__ { int unused; } *WDFDMAENABLER;
typedef struct WDFDMATRANSACTION__ { int unused; } *WDFDMATRANSACTION;
typedef struct WDFDPC__ { int unused; } *WDFDPC;
typedef struct WDFDRIVER__ { int unused; } *WDFDRIVER;
typedef struct WDFFILEOBJECT__ { int unused; } *WDFFILEOBJECT;
typedef struct WDFINTERRUPT__ { int unused; } *WDFINTERRUPT;
typedef struct WDFIORESLIST__ { int unused; } *WDFIORESLIST;
typedef struct WDFIORESREQLIST__ { int unused; } *WDFIORESREQLIST;
typedef struct WDFIOTARGET__ { int unused; } *WDFIOTARGET;
typedef struct WDFKEY__ { int unused; } *WDFKEY;
typedef struct WDFLOOKASIDE__ { int unused; } *WDFLOOKASIDE;
typedef struct WDFMEMORY__ { int unused; } *WDFMEMORY;
typedef struct WDFQUEUE__ { int unused; } *WDFQUEUE;
typedef struct WDFREQUEST__ { int unused; } *WDFREQUEST;
typedef struct WDFSPINLOCK__ { int unused; } *WDFSPINLOCK;
typedef struct WDFSTRING__ { int unused; } *WDFSTRING;
typedef struct WDFTIMER__ { int unused; } *WDFTIMER;
typedef struct WDFWAITLOCK__ { int unused; } *WDFWAITLOCK;
typedef struct WDFWMIINSTANCE__ { int unused; } *WDFWMIINSTANCE;
typedef struct WDFWMIPROVIDER__ { int unused; } *WDFWMIPROVIDER;
typedef struct WDFWORKITEM__ { int unused; } *WDFWORKITEM;

typedef enum _WDFFUNCENUM : int {
    WdfChildListCreateTableIndex = 0,
    WdfChildListGetDeviceTableIndex = 1,
    WdfChildListRetrievePdoTableIndex = 2,
    WdfChildListRetrieveAddressDescriptionTableIndex = 3,
    WdfChildListBeginScanTableIndex = 4,
    WdfChildListEndScanTableIndex = 5,
    WdfChildListBeginIterationTableIndex = 6,
    WdfChildListRetrieveNextDeviceTableIndex = 7,
    WdfChildListEndIterationTableIndex = 8,
    WdfChildListAddOrUpdateChildDescriptionAsPresentTableIndex = 9,
    WdfChildListUpdateChildDescriptionAsMissingTableIndex = 10,
    WdfChildListUpdateAllChildDescriptionsAsPresentTableIndex = 11,
    WdfChildListRequestChildEjectTableIndex = 12,
    WdfCollectionCreateTableIndex = 13,
    WdfCollectionGetCountTableIndex = 14,
    WdfCollectionAddTableIndex = 15,
    WdfCollectionRemoveTableIndex = 16,
    WdfCollectionRemoveItemTableIndex = 17,
    WdfCollectionGetItemTableIndex = 18,
    WdfCollectionGetFirstItemTableIndex = 19,
    WdfCollectionGetLastItemTableIndex = 20,
    WdfCommonBufferCreateTableIndex = 21,
    WdfCommonBufferGetAlignedVirtualAddressTableIndex = 22,
    WdfCommonBufferGetAlignedLogicalAddressTableIndex = 23,
    WdfCommonBufferGetLengthTableIndex = 24,
    WdfControlDeviceInitAllocateTableIndex = 25,
    WdfControlDeviceInitSetShutdownNotificationTableIndex = 26,
    WdfControlFinishInitializingTableIndex = 27,
    WdfDeviceGetDeviceStateTableIndex = 28,
    WdfDeviceSetDeviceStateTableIndex = 29,
    WdfWdmDeviceGetWdfDeviceHandleTableIndex = 30,
    WdfDeviceWdmGetDeviceObjectTableIndex = 31,
    WdfDeviceWdmGetAttachedDeviceTableIndex = 32,
    WdfDeviceWdmGetPhysicalDeviceTableIndex = 33,
    WdfDeviceWdmDispatchPreprocessedIrpTableIndex = 34,
    WdfDeviceAddDependentUsageDeviceObjectTableIndex = 35,
    WdfDeviceAddRemovalRelationsPhysicalDeviceTableIndex = 36,
    WdfDeviceRemoveRemovalRelationsPhysicalDeviceTableIndex = 37,
    WdfDeviceClearRemovalRelationsDevicesTableIndex = 38,
    WdfDeviceGetDriverTableIndex = 39,
    WdfDeviceRetrieveDeviceNameTableIndex = 40,
    WdfDeviceAssignMofResourceNameTableIndex = 41,
    WdfDeviceGetIoTargetTableIndex = 42,
    WdfDeviceGetDevicePnpStateTableIndex = 43,
    WdfDeviceGetDevicePowerStateTableIndex = 44,
    WdfDeviceGetDevicePowerPolicyStateTableIndex = 45,
    WdfDeviceAssignS0IdleSettingsTableIndex = 46,
    WdfDeviceAssignSxWakeSettingsTableIndex = 47,
    WdfDeviceOpenRegistryKeyTableIndex = 48,
    WdfDeviceSetSpecialFileSupportTableIndex = 49,
    WdfDeviceSetCharacteristicsTableIndex = 50,
    WdfDeviceGetCharacteristicsTableIndex = 51,
    WdfDeviceGetAlignmentRequirementTableIndex = 52,
    WdfDeviceSetAlignmentRequirementTableIndex = 53,
    WdfDeviceInitFreeTableIndex = 54,
    WdfDeviceInitSetPnpPowerEventCallbacksTableIndex = 55,
    WdfDeviceInitSetPowerPolicyEventCallbacksTableIndex = 56,
    WdfDeviceInitSetPowerPolicyOwnershipTableIndex = 57,
    WdfDeviceInitRegisterPnpStateChangeCallbackTableIndex = 58,
    WdfDeviceInitRegisterPowerStateChangeCallbackTableIndex = 59,
    WdfDeviceInitRegisterPowerPolicyStateChangeCallbackTableIndex = 60,
    WdfDeviceInitSetIoTypeTableIndex = 61,
    WdfDeviceInitSetExclusiveTableIndex = 62,
    WdfDeviceInitSetPowerNotPageableTableIndex = 63,
    WdfDeviceInitSetPowerPageableTableIndex = 64,
    WdfDeviceInitSetPowerInrushTableIndex = 65,
    WdfDeviceInitSetDeviceTypeTableIndex = 66,
    WdfDeviceInitAssignNameTableIndex = 67,
    WdfDeviceInitAssignSDDLStringTableIndex = 68,
    WdfDeviceInitSetDeviceClassTableIndex = 69,
    WdfDeviceInitSetCharacteristicsTableIndex = 70,
    WdfDeviceInitSetFileObjectConfigTableIndex = 71,
    WdfDeviceInitSetRequestAttributesTableIndex = 72,
    WdfDeviceInitAssignWdmIrpPreprocessCallbackTableIndex = 73,
    WdfDeviceInitSetIoInCallerContextCallbackTableIndex = 74,
    WdfDeviceCreateTableIndex = 75,
    WdfDeviceSetStaticStopRemoveTableIndex = 76,
    WdfDeviceCreateDeviceInterfaceTableIndex = 77,
    WdfDeviceSetDeviceInterfaceStateTableIndex = 78,
    WdfDeviceRetrieveDeviceInterfaceStringTableIndex = 79,
    WdfDeviceCreateSymbolicLinkTableIndex = 80,
    WdfDeviceQueryPropertyTableIndex = 81,
    WdfDeviceAllocAndQueryPropertyTableIndex = 82,
    WdfDeviceSetPnpCapabilitiesTableIndex = 83,
    WdfDeviceSetPowerCapabilitiesTableIndex = 84,
    WdfDeviceSetBusInformationForChildrenTableIndex = 85,
    WdfDeviceIndicateWakeStatusTableIndex = 86,
    WdfDeviceSetFailedTableIndex = 87,
    WdfDeviceStopIdleNoTrackTableIndex = 88,
    WdfDeviceResumeIdleNoTrackTableIndex = 89,
    WdfDeviceGetFileObjectTableIndex = 90,
    WdfDeviceEnqueueRequestTableIndex = 91,
    WdfDeviceGetDefaultQueueTableIndex = 92,
    WdfDeviceConfigureRequestDispatchingTableIndex = 93,
    WdfDmaEnablerCreateTableIndex = 94,
    WdfDmaEnablerGetMaximumLengthTableIndex = 95,
    WdfDmaEnablerGetMaximumScatterGatherElementsTableIndex = 96,
    WdfDmaEnablerSetMaximumScatterGatherElementsTableIndex = 97,
    WdfDmaTransactionCreateTableIndex = 98,
    WdfDmaTransactionInitializeTableIndex = 99,
    WdfDmaTransactionInitializeUsingRequestTableIndex = 100,
    WdfDmaTransactionExecuteTableIndex = 101,
    WdfDmaTransactionReleaseTableIndex = 102,
    WdfDmaTransactionDmaCompletedTableIndex = 103,
    WdfDmaTransactionDmaCompletedWithLengthTableIndex = 104,
    WdfDmaTransactionDmaCompletedFinalTableIndex = 105,
    WdfDmaTransactionGetBytesTransferredTableIndex = 106,
    WdfDmaTransactionSetMaximumLengthTableIndex = 107,
    WdfDmaTransactionGetRequestTableIndex = 108,
    WdfDmaTransactionGetCurrentDmaTransferLengthTableIndex = 109,
    WdfDmaTransactionGetDeviceTableIndex = 110,
    WdfDpcCreateTableIndex = 111,
    WdfDpcEnqueueTableIndex = 112,
    WdfDpcCancelTableIndex = 113,
    WdfDpcGetParentObjectTableIndex = 114,
    WdfDpcWdmGetDpcTableIndex = 115,
    WdfDriverCreateTableIndex = 116,
    WdfDriverGetRegistryPathTableIndex = 117,
    WdfDriverWdmGetDriverObjectTableIndex = 118,
    WdfDriverOpenParametersRegistryKeyTableIndex = 119,
    WdfWdmDriverGetWdfDriverHandleTableIndex = 120,
    WdfDriverRegisterTraceInfoTableIndex = 121,
    WdfDriverRetrieveVersionStringTableIndex = 122,
    WdfDriverIsVersionAvailableTableIndex = 123,
    WdfFdoInitWdmGetPhysicalDeviceTableIndex = 124,
    WdfFdoInitOpenRegistryKeyTableIndex = 125,
    WdfFdoInitQueryPropertyTableIndex = 126,
    WdfFdoInitAllocAndQueryPropertyTableIndex = 127,
    WdfFdoInitSetEventCallbacksTableIndex = 128,
    WdfFdoInitSetFilterTableIndex = 129,
    WdfFdoInitSetDefaultChildListConfigTableIndex = 130,
    WdfFdoQueryForInterfaceTableIndex = 131,
    WdfFdoGetDefaultChildListTableIndex = 132,
    WdfFdoAddStaticChildTableIndex = 133,
    WdfFdoLockStaticChildListForIterationTableIndex = 134,
    WdfFdoRetrieveNextStaticChildTableIndex = 135,
    WdfFdoUnlockStaticChildListFromIterationTableIndex = 136,
    WdfFileObjectGetFileNameTableIndex = 137,
    WdfFileObjectGetFlagsTableIndex = 138,
    WdfFileObjectGetDeviceTableIndex = 139,
    WdfFileObjectWdmGetFileObjectTableIndex = 140,
    WdfInterruptCreateTableIndex = 141,
    WdfInterruptQueueDpcForIsrTableIndex = 142,
    WdfInterruptSynchronizeTableIndex = 143,
    WdfInterruptAcquireLockTableIndex = 144,
    WdfInterruptReleaseLockTableIndex = 145,
    WdfInterruptEnableTableIndex = 146,
    WdfInterruptDisableTableIndex = 147,
    WdfInterruptWdmGetInterruptTableIndex = 148,
    WdfInterruptGetInfoTableIndex = 149,
    WdfInterruptSetPolicyTableIndex = 150,
    WdfInterruptGetDeviceTableIndex = 151,
    WdfIoQueueCreateTableIndex = 152,
    WdfIoQueueGetStateTableIndex = 153,
    WdfIoQueueStartTableIndex = 154,
    WdfIoQueueStopTableIndex = 155,
    WdfIoQueueStopSynchronouslyTableIndex = 156,
    WdfIoQueueGetDeviceTableIndex = 157,
    WdfIoQueueRetrieveNextRequestTableIndex = 158,
    WdfIoQueueRetrieveRequestByFileObjectTableIndex = 159,
    WdfIoQueueFindRequestTableIndex = 160,
    WdfIoQueueRetrieveFoundRequestTableIndex = 161,
    WdfIoQueueDrainSynchronouslyTableIndex = 162,
    WdfIoQueueDrainTableIndex = 163,
    WdfIoQueuePurgeSynchronouslyTableIndex = 164,
    WdfIoQueuePurgeTableIndex = 165,
    WdfIoQueueReadyNotifyTableIndex = 166,
    WdfIoTargetCreateTableIndex = 167,
    WdfIoTargetOpenTableIndex = 168,
    WdfIoTargetCloseForQueryRemoveTableIndex = 169,
    WdfIoTargetCloseTableIndex = 170,
    WdfIoTargetStartTableIndex = 171,
    WdfIoTargetStopTableIndex = 172,
    WdfIoTargetGetStateTableIndex = 173,
    WdfIoTargetGetDeviceTableIndex = 174,
    WdfIoTargetQueryTargetPropertyTableIndex = 175,
    WdfIoTargetAllocAndQueryTargetPropertyTableIndex = 176,
    WdfIoTargetQueryForInterfaceTableIndex = 177,
    WdfIoTargetWdmGetTargetDeviceObjectTableIndex = 178,
    WdfIoTargetWdmGetTargetPhysicalDeviceTableIndex = 179,
    WdfIoTargetWdmGetTargetFileObjectTableIndex = 180,
    WdfIoTargetWdmGetTargetFileHandleTableIndex = 181,
    WdfIoTargetSendReadSynchronouslyTableIndex = 182,
    WdfIoTargetFormatRequestForReadTableIndex = 183,
    WdfIoTargetSendWriteSynchronouslyTableIndex = 184,
    WdfIoTargetFormatRequestForWriteTableIndex = 185,
    WdfIoTargetSendIoctlSynchronouslyTableIndex = 186,
    WdfIoTargetFormatRequestForIoctlTableIndex = 187,
    WdfIoTargetSendInternalIoctlSynchronouslyTableIndex = 188,
    WdfIoTargetFormatRequestForInternalIoctlTableIndex = 189,
    WdfIoTargetSendInternalIoctlOthersSynchronouslyTableIndex = 190,
    WdfIoTargetFormatRequestForInternalIoctlOthersTableIndex = 191,
    WdfMemoryCreateTableIndex = 192,
    WdfMemoryCreatePreallocatedTableIndex = 193,
    WdfMemoryGetBufferTableIndex = 194,
    WdfMemoryAssignBufferTableIndex = 195,
    WdfMemoryCopyToBufferTableIndex = 196,
    WdfMemoryCopyFromBufferTableIndex = 197,
    WdfLookasideListCreateTableIndex = 198,
    WdfMemoryCreateFromLookasideTableIndex = 199,
    WdfDeviceMiniportCreateTableIndex = 200,
    WdfDriverMiniportUnloadTableIndex = 201,
    WdfObjectGetTypedContextWorkerTableIndex = 202,
    WdfObjectAllocateContextTableIndex = 203,
    WdfObjectContextGetObjectTableIndex = 204,
    WdfObjectReferenceActualTableIndex = 205,
    WdfObjectDereferenceActualTableIndex = 206,
    WdfObjectCreateTableIndex = 207,
    WdfObjectDeleteTableIndex = 208,
    WdfObjectQueryTableIndex = 209,
    WdfPdoInitAllocateTableIndex = 210,
    WdfPdoInitSetEventCallbacksTableIndex = 211,
    WdfPdoInitAssignDeviceIDTableIndex = 212,
    WdfPdoInitAssignInstanceIDTableIndex = 213,
    WdfPdoInitAddHardwareIDTableIndex = 214,
    WdfPdoInitAddCompatibleIDTableIndex = 215,
    WdfPdoInitAddDeviceTextTableIndex = 216,
    WdfPdoInitSetDefaultLocaleTableIndex = 217,
    WdfPdoInitAssignRawDeviceTableIndex = 218,
    WdfPdoMarkMissingTableIndex = 219,
    WdfPdoRequestEjectTableIndex = 220,
    WdfPdoGetParentTableIndex = 221,
    WdfPdoRetrieveIdentificationDescriptionTableIndex = 222,
    WdfPdoRetrieveAddressDescriptionTableIndex = 223,
    WdfPdoUpdateAddressDescriptionTableIndex = 224,
    WdfPdoAddEjectionRelationsPhysicalDeviceTableIndex = 225,
    WdfPdoRemoveEjectionRelationsPhysicalDeviceTableIndex = 226,
    WdfPdoClearEjectionRelationsDevicesTableIndex = 227,
    WdfDeviceAddQueryInterfaceTableIndex = 228,
    WdfRegistryOpenKeyTableIndex = 229,
    WdfRegistryCreateKeyTableIndex = 230,
    WdfRegistryCloseTableIndex = 231,
    WdfRegistryWdmGetHandleTableIndex = 232,
    WdfRegistryRemoveKeyTableIndex = 233,
    WdfRegistryRemoveValueTableIndex = 234,
    WdfRegistryQueryValueTableIndex = 235,
    WdfRegistryQueryMemoryTableIndex = 236,
    WdfRegistryQueryMultiStringTableIndex = 237,
    WdfRegistryQueryUnicodeStringTableIndex = 238,
    WdfRegistryQueryStringTableIndex = 239,
    WdfRegistryQueryULongTableIndex = 240,
    WdfRegistryAssignValueTableIndex = 241,
    WdfRegistryAssignMemoryTableIndex = 242,
    WdfRegistryAssignMultiStringTableIndex = 243,
    WdfRegistryAssignUnicodeStringTableIndex = 244,
    WdfRegistryAssignStringTableIndex = 245,
    WdfRegistryAssignULongTableIndex = 246,
    WdfRequestCreateTableIndex = 247,
    WdfRequestCreateFromIrpTableIndex = 248,
    WdfRequestReuseTableIndex = 249,
    WdfRequestChangeTargetTableIndex = 250,
    WdfRequestFormatRequestUsingCurrentTypeTableIndex = 251,
    WdfRequestWdmFormatUsingStackLocationTableIndex = 252,
    WdfRequestSendTableIndex = 253,
    WdfRequestGetStatusTableIndex = 254,
    WdfRequestMarkCancelableTableIndex = 255,
    WdfRequestUnmarkCancelableTableIndex = 256,
    WdfRequestIsCanceledTableIndex = 257,
    WdfRequestCancelSentRequestTableIndex = 258,
    WdfRequestIsFrom32BitProcessTableIndex = 259,
    WdfRequestSetCompletionRoutineTableIndex = 260,
    WdfRequestGetCompletionParamsTableIndex = 261,
    WdfRequestAllocateTimerTableIndex = 262,
    WdfRequestCompleteTableIndex = 263,
    WdfRequestCompleteWithPriorityBoostTableIndex = 264,
    WdfRequestCompleteWithInformationTableIndex = 265,
    WdfRequestGetParametersTableIndex = 266,
    WdfRequestRetrieveInputMemoryTableIndex = 267,
    WdfRequestRetrieveOutputMemoryTableIndex = 268,
    WdfRequestRetrieveInputBufferTableIndex = 269,
    WdfRequestRetrieveOutputBufferTableIndex = 270,
    WdfRequestRetrieveInputWdmMdlTableIndex = 271,
    WdfRequestRetrieveOutputWdmMdlTableIndex = 272,
    WdfRequestRetrieveUnsafeUserInputBufferTableIndex = 273,
    WdfRequestRetrieveUnsafeUserOutputBufferTableIndex = 274,
    WdfRequestSetInformationTableIndex = 275,
    WdfRequestGetInformationTableIndex = 276,
    WdfRequestGetFileObjectTableIndex = 277,
    WdfRequestProbeAndLockUserBufferForReadTableIndex = 278,
    WdfRequestProbeAndLockUserBufferForWriteTableIndex = 279,
    WdfRequestGetRequestorModeTableIndex = 280,
    WdfRequestForwardToIoQueueTableIndex = 281,
    WdfRequestGetIoQueueTableIndex = 282,
    WdfRequestRequeueTableIndex = 283,
    WdfRequestStopAcknowledgeTableIndex = 284,
    WdfRequestWdmGetIrpTableIndex = 285,
    WdfIoResourceRequirementsListSetSlotNumberTableIndex = 286,
    WdfIoResourceRequirementsListSetInterfaceTypeTableIndex = 287,
    WdfIoResourceRequirementsListAppendIoResListTableIndex = 288,
    WdfIoResourceRequirementsListInsertIoResListTableIndex = 289,
    WdfIoResourceRequirementsListGetCountTableIndex = 290,
    WdfIoResourceRequirementsListGetIoResListTableIndex = 291,
    WdfIoResourceRequirementsListRemoveTableIndex = 292,
    WdfIoResourceRequirementsListRemoveByIoResListTableIndex = 293,
    WdfIoResourceListCreateTableIndex = 294,
    WdfIoResourceListAppendDescriptorTableIndex = 295,
    WdfIoResourceListInsertDescriptorTableIndex = 296,
    WdfIoResourceListUpdateDescriptorTableIndex = 297,
    WdfIoResourceListGetCountTableIndex = 298,
    WdfIoResourceListGetDescriptorTableIndex = 299,
    WdfIoResourceListRemoveTableIndex = 300,
    WdfIoResourceListRemoveByDescriptorTableIndex = 301,
    WdfCmResourceListAppendDescriptorTableIndex = 302,
    WdfCmResourceListInsertDescriptorTableIndex = 303,
    WdfCmResourceListGetCountTableIndex = 304,
    WdfCmResourceListGetDescriptorTableIndex = 305,
    WdfCmResourceListRemoveTableIndex = 306,
    WdfCmResourceListRemoveByDescriptorTableIndex = 307,
    WdfStringCreateTableIndex = 308,
    WdfStringGetUnicodeStringTableIndex = 309,
    WdfObjectAcquireLockTableIndex = 310,
    WdfObjectReleaseLockTableIndex = 311,
    WdfWaitLockCreateTableIndex = 312,
    WdfWaitLockAcquireTableIndex = 313,
    WdfWaitLockReleaseTableIndex = 314,
    WdfSpinLockCreateTableIndex = 315,
    WdfSpinLockAcquireTableIndex = 316,
    WdfSpinLockReleaseTableIndex = 317,
    WdfTimerCreateTableIndex = 318,
    WdfTimerStartTableIndex = 319,
    WdfTimerStopTableIndex = 320,
    WdfTimerGetParentObjectTableIndex = 321,
    WdfUsbTargetDeviceCreateTableIndex = 322,
    WdfUsbTargetDeviceRetrieveInformationTableIndex = 323,
    WdfUsbTargetDeviceGetDeviceDescriptorTableIndex = 324,
    WdfUsbTargetDeviceRetrieveConfigDescriptorTableIndex = 325,
    WdfUsbTargetDeviceQueryStringTableIndex = 326,
    WdfUsbTargetDeviceAllocAndQueryStringTableIndex = 327,
    WdfUsbTargetDeviceFormatRequestForStringTableIndex = 328,
    WdfUsbTargetDeviceGetNumInterfacesTableIndex = 329,
    WdfUsbTargetDeviceSelectConfigTableIndex = 330,
    WdfUsbTargetDeviceWdmGetConfigurationHandleTableIndex = 331,
    WdfUsbTargetDeviceRetrieveCurrentFrameNumberTableIndex = 332,
    WdfUsbTargetDeviceSendControlTransferSynchronouslyTableIndex = 333,
    WdfUsbTargetDeviceFormatRequestForControlTransferTableIndex = 334,
    WdfUsbTargetDeviceIsConnectedSynchronousTableIndex = 335,
    WdfUsbTargetDeviceResetPortSynchronouslyTableIndex = 336,
    WdfUsbTargetDeviceCyclePortSynchronouslyTableIndex = 337,
    WdfUsbTargetDeviceFormatRequestForCyclePortTableIndex = 338,
    WdfUsbTargetDeviceSendUrbSynchronouslyTableIndex = 339,
    WdfUsbTargetDeviceFormatRequestForUrbTableIndex = 340,
    WdfUsbTargetPipeGetInformationTableIndex = 341,
    WdfUsbTargetPipeIsInEndpointTableIndex = 342,
    WdfUsbTargetPipeIsOutEndpointTableIndex = 343,
    WdfUsbTargetPipeGetTypeTableIndex = 344,
    WdfUsbTargetPipeSetNoMaximumPacketSizeCheckTableIndex = 345,
    WdfUsbTargetPipeWriteSynchronouslyTableIndex = 346,
    WdfUsbTargetPipeFormatRequestForWriteTableIndex = 347,
    WdfUsbTargetPipeReadSynchronouslyTableIndex = 348,
    WdfUsbTargetPipeFormatRequestForReadTableIndex = 349,
    WdfUsbTargetPipeConfigContinuousReaderTableIndex = 350,
    WdfUsbTargetPipeAbortSynchronouslyTableIndex = 351,
    WdfUsbTargetPipeFormatRequestForAbortTableIndex = 352,
    WdfUsbTargetPipeResetSynchronouslyTableIndex = 353,
    WdfUsbTargetPipeFormatRequestForResetTableIndex = 354,
    WdfUsbTargetPipeSendUrbSynchronouslyTableIndex = 355,
    WdfUsbTargetPipeFormatRequestForUrbTableIndex = 356,
    WdfUsbInterfaceGetInterfaceNumberTableIndex = 357,
    WdfUsbInterfaceGetNumEndpointsTableIndex = 358,
    WdfUsbInterfaceGetDescriptorTableIndex = 359,
    WdfUsbInterfaceSelectSettingTableIndex = 360,
    WdfUsbInterfaceGetEndpointInformationTableIndex = 361,
    WdfUsbTargetDeviceGetInterfaceTableIndex = 362,
    WdfUsbInterfaceGetConfiguredSettingIndexTableIndex = 363,
    WdfUsbInterfaceGetNumConfiguredPipesTableIndex = 364,
    WdfUsbInterfaceGetConfiguredPipeTableIndex = 365,
    WdfUsbTargetPipeWdmGetPipeHandleTableIndex = 366,
    WdfVerifierDbgBreakPointTableIndex = 367,
    WdfVerifierKeBugCheckTableIndex = 368,
    WdfWmiProviderCreateTableIndex = 369,
    WdfWmiProviderGetDeviceTableIndex = 370,
    WdfWmiProviderIsEnabledTableIndex = 371,
    WdfWmiProviderGetTracingHandleTableIndex = 372,
    WdfWmiInstanceCreateTableIndex = 373,
    WdfWmiInstanceRegisterTableIndex = 374,
    WdfWmiInstanceDeregisterTableIndex = 375,
    WdfWmiInstanceGetDeviceTableIndex = 376,
    WdfWmiInstanceGetProviderTableIndex = 377,
    WdfWmiInstanceFireEventTableIndex = 378,
    WdfWorkItemCreateTableIndex = 379,
    WdfWorkItemEnqueueTableIndex = 380,
    WdfWorkItemGetParentObjectTableIndex = 381,
    WdfWorkItemFlushTableIndex = 382,
    WdfCommonBufferCreateWithConfigTableIndex = 383,
    WdfDmaEnablerGetFragmentLengthTableIndex = 384,
    WdfDmaEnablerWdmGetDmaAdapterTableIndex = 385,
    WdfUsbInterfaceGetNumSettingsTableIndex = 386,
    WdfDeviceRemoveDependentUsageDeviceObjectTableIndex = 387,
    WdfDeviceGetSystemPowerActionTableIndex = 388,
    WdfInterruptSetExtendedPolicyTableIndex = 389,
    WdfIoQueueAssignForwardProgressPolicyTableIndex = 390,
    WdfPdoInitAssignContainerIDTableIndex = 391,
    WdfPdoInitAllowForwardingRequestToParentTableIndex = 392,
    WdfRequestMarkCancelableExTableIndex = 393,
    WdfRequestIsReservedTableIndex = 394,
    WdfRequestForwardToParentDeviceIoQueueTableIndex = 395,
    WdfCxDeviceInitAllocateTableIndex = 396,
    WdfCxDeviceInitAssignWdmIrpPreprocessCallbackTableIndex = 397,
    WdfCxDeviceInitSetIoInCallerContextCallbackTableIndex = 398,
    WdfCxDeviceInitSetRequestAttributesTableIndex = 399,
    WdfCxDeviceInitSetFileObjectConfigTableIndex = 400,
    WdfDeviceWdmDispatchIrpTableIndex = 401,
    WdfDeviceWdmDispatchIrpToIoQueueTableIndex = 402,
    WdfDeviceInitSetRemoveLockOptionsTableIndex = 403,
    WdfDeviceConfigureWdmIrpDispatchCallbackTableIndex = 404,
    WdfDmaEnablerConfigureSystemProfileTableIndex = 405,
    WdfDmaTransactionInitializeUsingOffsetTableIndex = 406,
    WdfDmaTransactionGetTransferInfoTableIndex = 407,
    WdfDmaTransactionSetChannelConfigurationCallbackTableIndex = 408,
    WdfDmaTransactionSetTransferCompleteCallbackTableIndex = 409,
    WdfDmaTransactionSetImmediateExecutionTableIndex = 410,
    WdfDmaTransactionAllocateResourcesTableIndex = 411,
    WdfDmaTransactionSetDeviceAddressOffsetTableIndex = 412,
    WdfDmaTransactionFreeResourcesTableIndex = 413,
    WdfDmaTransactionCancelTableIndex = 414,
    WdfDmaTransactionWdmGetTransferContextTableIndex = 415,
    WdfInterruptQueueWorkItemForIsrTableIndex = 416,
    WdfInterruptTryToAcquireLockTableIndex = 417,
    WdfIoQueueStopAndPurgeTableIndex = 418,
    WdfIoQueueStopAndPurgeSynchronouslyTableIndex = 419,
    WdfIoTargetPurgeTableIndex = 420,
    WdfUsbTargetDeviceCreateWithParametersTableIndex = 421,
    WdfUsbTargetDeviceQueryUsbCapabilityTableIndex = 422,
    WdfUsbTargetDeviceCreateUrbTableIndex = 423,
    WdfUsbTargetDeviceCreateIsochUrbTableIndex = 424,
    WdfDeviceWdmAssignPowerFrameworkSettingsTableIndex = 425,
    WdfDmaTransactionStopSystemTransferTableIndex = 426,
    WdfCxVerifierKeBugCheckTableIndex = 427,
    WdfInterruptReportActiveTableIndex = 428,
    WdfInterruptReportInactiveTableIndex = 429,
    WdfDeviceInitSetReleaseHardwareOrderOnFailureTableIndex = 430,
    WdfGetTriageInfoTableIndex = 431,
    WdfDeviceInitSetIoTypeExTableIndex = 432,
    WdfDeviceQueryPropertyExTableIndex = 433,
    WdfDeviceAllocAndQueryPropertyExTableIndex = 434,
    WdfDeviceAssignPropertyTableIndex = 435,
    WdfFdoInitQueryPropertyExTableIndex = 436,
    WdfFdoInitAllocAndQueryPropertyExTableIndex = 437,
    WdfDeviceStopIdleActualTableIndex = 438,
    WdfDeviceResumeIdleActualTableIndex = 439,
    WdfDeviceGetSelfIoTargetTableIndex = 440,
    WdfDeviceInitAllowSelfIoTargetTableIndex = 441,
    WdfIoTargetSelfAssignDefaultIoQueueTableIndex = 442,
    WdfDeviceOpenDevicemapKeyTableIndex = 443,
    WdfDmaTransactionSetSingleTransferRequirementTableIndex = 444,
    WdfCxDeviceInitSetPnpPowerEventCallbacksTableIndex = 445,
    WdfFileObjectGetInitiatorProcessIdTableIndex = 446,
    WdfRequestGetRequestorProcessIdTableIndex = 447,
    WdfDeviceRetrieveCompanionTargetTableIndex = 448,
    WdfCompanionTargetSendTaskSynchronouslyTableIndex = 449,
    WdfCompanionTargetWdmGetCompanionProcessTableIndex = 450,
    WdfDriverOpenPersistentStateRegistryKeyTableIndex = 451,
    WdfDriverErrorReportApiMissingTableIndex = 452,
    WdfPdoInitRemovePowerDependencyOnParentTableIndex = 453,
    WdfCxDeviceInitAllocateContextTableIndex = 454,
    WdfCxDeviceInitGetTypedContextWorkerTableIndex = 455,
    WdfCxDeviceInitSetPowerPolicyEventCallbacksTableIndex = 456,
    WdfDeviceSetDeviceInterfaceStateExTableIndex = 457,
    WdfFunctionTableNumEntries = 458,
} WDFFUNCENUM, *PWDFFUNCENUM;
typedef enum _WDF_BUGCHECK_CODES : int {
    WDF_POWER_ROUTINE_TIMED_OUT = 1,
    WDF_RECURSIVE_LOCK = 2,
    WDF_VERIFIER_FATAL_ERROR = 3,
    WDF_REQUIRED_PARAMETER_IS_NULL = 4,
    WDF_INVALID_HANDLE = 5,
    WDF_REQUEST_FATAL_ERROR = 6,
    WDF_OBJECT_ERROR = 7,
    WDF_DMA_FATAL_ERROR = 8,
    WDF_INVALID_INTERRUPT = 9,
    WDF_QUEUE_FATAL_ERROR = 10,
    WDF_INVALID_LOCK_OPERATION = 11,
    WDF_PNP_FATAL_ERROR = 12,
    WDF_POWER_MULTIPLE_PPO = 13,
    WDF_VERIFIER_IRQL_MISMATCH = 14,
    WDF_VERIFIER_CRITICAL_REGION_MISMATCH = 15,
    WDF_API_UNAVAILABLE = 16,
} WDF_BUGCHECK_CODES, *PWDF_BUGCHECK_CODES;
typedef enum _WDF_CHILD_LIST_RETRIEVE_DEVICE_STATUS : int {
    WdfChildListRetrieveDeviceUndefined = 0,
    WdfChildListRetrieveDeviceSuccess = 1,
    WdfChildListRetrieveDeviceNotYetCreated = 2,
    WdfChildListRetrieveDeviceNoSuchDevice = 3,
} WDF_CHILD_LIST_RETRIEVE_DEVICE_STATUS, *PWDF_CHILD_LIST_RETRIEVE_DEVICE_STATUS;
typedef enum _WDF_DEVICE_FAILED_ACTION : int {
    WdfDeviceFailedUndefined = 0,
    WdfDeviceFailedAttemptRestart = 1,
    WdfDeviceFailedNoRestart = 2,
} WDF_DEVICE_FAILED_ACTION, *PWDF_DEVICE_FAILED_ACTION;
typedef enum _WDF_DEVICE_IO_TYPE : int {
    WdfDeviceIoUndefined = 0,
    WdfDeviceIoNeither = 1,
    WdfDeviceIoBuffered = 2,
    WdfDeviceIoDirect = 3,
    WdfDeviceIoBufferedOrDirect = 4,
    WdfDeviceIoMaximum = 5,
} WDF_DEVICE_IO_TYPE, *PWDF_DEVICE_IO_TYPE;
typedef enum _WDF_DEVICE_PNP_STATE : int {
    WdfDevStatePnpInvalid = 0,
    WdfDevStatePnpObjectCreated = 256,
    WdfDevStatePnpCheckForDevicePresence = 257,
    WdfDevStatePnpEjectFailed = 258,
    WdfDevStatePnpEjectHardware = 259,
    WdfDevStatePnpEjectedWaitingForRemove = 260,
    WdfDevStatePnpInit = 261,
    WdfDevStatePnpInitStarting = 262,
    WdfDevStatePnpInitSurpriseRemoved = 263,
    WdfDevStatePnpHardwareAvailable = 264,
    WdfDevStatePnpEnableInterfaces = 265,
    WdfDevStatePnpHardwareAvailablePowerPolicyFailed = 266,
    WdfDevStatePnpQueryRemoveAskDriver = 267,
    WdfDevStatePnpQueryRemovePending = 268,
    WdfDevStatePnpQueryRemoveStaticCheck = 269,
    WdfDevStatePnpQueriedRemoving = 270,
    WdfDevStatePnpQueryStopAskDriver = 271,
    WdfDevStatePnpQueryStopPending = 272,
    WdfDevStatePnpQueryStopStaticCheck = 273,
    WdfDevStatePnpQueryCanceled = 274,
    WdfDevStatePnpRemoved = 275,
    WdfDevStatePnpPdoRemoved = 276,
    WdfDevStatePnpRemovedPdoWait = 277,
    WdfDevStatePnpRemovedPdoSurpriseRemoved = 278,
    WdfDevStatePnpRemovingDisableInterfaces = 279,
    WdfDevStatePnpRestarting = 280,
    WdfDevStatePnpStarted = 281,
    WdfDevStatePnpStartedCancelStop = 282,
    WdfDevStatePnpStartedCancelRemove = 283,
    WdfDevStatePnpStartedRemoving = 284,
    WdfDevStatePnpStartingFromStopped = 285,
    WdfDevStatePnpStopped = 286,
    WdfDevStatePnpStoppedWaitForStartCompletion = 287,
    WdfDevStatePnpStartedStopping = 288,
    WdfDevStatePnpSurpriseRemove = 289,
    WdfDevStatePnpInitQueryRemove = 290,
    WdfDevStatePnpInitQueryRemoveCanceled = 291,
    WdfDevStatePnpFdoRemoved = 292,
    WdfDevStatePnpRemovedWaitForChildren = 293,
    WdfDevStatePnpQueriedSurpriseRemove = 294,
    WdfDevStatePnpSurpriseRemoveIoStarted = 295,
    WdfDevStatePnpFailedPowerDown = 296,
    WdfDevStatePnpFailedIoStarting = 297,
    WdfDevStatePnpFailedOwnHardware = 298,
    WdfDevStatePnpFailed = 299,
    WdfDevStatePnpFailedSurpriseRemoved = 300,
    WdfDevStatePnpFailedStarted = 301,
    WdfDevStatePnpFailedWaitForRemove = 302,
    WdfDevStatePnpFailedInit = 303,
    WdfDevStatePnpPdoInitFailed = 304,
    WdfDevStatePnpRestart = 305,
    WdfDevStatePnpRestartReleaseHardware = 306,
    WdfDevStatePnpRestartHardwareAvailable = 307,
    WdfDevStatePnpPdoRestart = 308,
    WdfDevStatePnpFinal = 309,
    WdfDevStatePnpRemovedChildrenRemoved = 310,
    WdfDevStatePnpQueryRemoveEnsureDeviceAwake = 311,
    WdfDevStatePnpQueryStopEnsureDeviceAwake = 312,
    WdfDevStatePnpFailedPowerPolicyRemoved = 313,
    WdfDevStatePnpNull = 314,
} WDF_DEVICE_PNP_STATE, *PWDF_DEVICE_PNP_STATE;
typedef enum _WDF_DEVICE_POWER_POLICY_STATE : int {
    WdfDevStatePwrPolInvalid = 0,
    WdfDevStatePwrPolObjectCreated = 1280,
    WdfDevStatePwrPolStarting = 1281,
    WdfDevStatePwrPolStartingSucceeded = 1282,
    WdfDevStatePwrPolStartingFailed = 1283,
    WdfDevStatePwrPolStartingDecideS0Wake = 1284,
    WdfDevStatePwrPolStartedIdleCapable = 1285,
    WdfDevStatePwrPolTimerExpiredNoWake = 1286,
    WdfDevStatePwrPolTimerExpiredNoWakeCompletePowerDown = 1287,
    WdfDevStatePwrPolWaitingUnarmed = 1288,
    WdfDevStatePwrPolWaitingUnarmedQueryIdle = 1289,
    WdfDevStatePwrPolS0NoWakePowerUp = 1290,
    WdfDevStatePwrPolS0NoWakeCompletePowerUp = 1291,
    WdfDevStatePwrPolSystemSleepFromDeviceWaitingUnarmed = 1292,
    WdfDevStatePwrPolSystemSleepNeedWake = 1293,
    WdfDevStatePwrPolSystemSleepNeedWakeCompletePowerUp = 1294,
    WdfDevStatePwrPolSystemSleepPowerRequestFailed = 1295,
    WdfDevStatePwrPolCheckPowerPageable = 1296,
    WdfDevStatePwrPolSleepingWakeWakeArrived = 1297,
    WdfDevStatePwrPolSleepingWakeRevertArmWake = 1298,
    WdfDevStatePwrPolSystemAsleepWakeArmed = 1299,
    WdfDevStatePwrPolSystemWakeDeviceWakeEnabled = 1300,
    WdfDevStatePwrPolSystemWakeDeviceWakeEnabledWakeCanceled = 1301,
    WdfDevStatePwrPolSystemWakeDeviceWakeDisarm = 1302,
    WdfDevStatePwrPolSystemWakeDeviceWakeTriggered = 1303,
    WdfDevStatePwrPolSystemWakeDeviceWakeTriggeredS0 = 1304,
    WdfDevStatePwrPolSystemWakeDeviceWokeDisarm = 1305,
    WdfDevStatePwrPolSleepingWakeWakeArrivedNP = 34074,
    WdfDevStatePwrPolSleepingWakeRevertArmWakeNP = 34075,
    WdfDevStatePwrPolSleepingWakePowerDownFailed = 1308,
    WdfDevStatePwrPolSleepingWakePowerDownFailedWakeCanceled = 1309,
    WdfDevStatePwrPolSystemAsleepWakeArmedNP = 34078,
    WdfDevStatePwrPolSystemWakeDeviceWakeEnabledNP = 34079,
    WdfDevStatePwrPolSystemWakeDeviceWakeEnabledWakeCanceledNP = 34080,
    WdfDevStatePwrPolSystemWakeDeviceWakeDisarmNP = 34081,
    WdfDevStatePwrPolSystemWakeDeviceWakeTriggeredNP = 34082,
    WdfDevStatePwrPolSystemWakeDeviceWakeTriggeredS0NP = 34083,
    WdfDevStatePwrPolSystemWakeDeviceWokeDisarmNP = 34084,
    WdfDevStatePwrPolSystemWakeDeviceWakeCompletePowerUp = 1317,
    WdfDevStatePwrPolSleeping = 1318,
    WdfDevStatePwrPolSleepingNoWakePowerDown = 1319,
    WdfDevStatePwrPolSleepingNoWakeCompletePowerDown = 1320,
    WdfDevStatePwrPolSleepingNoWakeDxRequestFailed = 1321,
    WdfDevStatePwrPolSleepingWakePowerDown = 1322,
    WdfDevStatePwrPolSleepingSendWake = 1323,
    WdfDevStatePwrPolSystemAsleepNoWake = 1324,
    WdfDevStatePwrPolSystemWakeDeviceWakeDisabled = 1325,
    WdfDevStatePwrPolSystemWakeDeviceToD0 = 1326,
    WdfDevStatePwrPolSystemWakeDeviceToD0CompletePowerUp = 1327,
    WdfDevStatePwrPolSystemWakeQueryIdle = 1328,
    WdfDevStatePwrPolStartedWakeCapable = 1329,
    WdfDevStatePwrPolTimerExpiredDecideUsbSS = 1330,
    WdfDevStatePwrPolTimerExpiredWakeCapablePowerDown = 1331,
    WdfDevStatePwrPolTimerExpiredWakeCapableSendWake = 1332,
    WdfDevStatePwrPolTimerExpiredWakeCapableUsbSS = 1333,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeArrived = 1334,
    WdfDevStatePwrPolTimerExpiredWakeCapableCancelWake = 1335,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeCanceled = 1336,
    WdfDevStatePwrPolTimerExpiredWakeCapableCleanup = 1337,
    WdfDevStatePwrPolTimerExpiredWakeCapableDxAllocFailed = 1338,
    WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDown = 1339,
    WdfDevStatePwrPolTimerExpiredWakeCompletedPowerUp = 1340,
    WdfDevStatePwrPolWaitingArmedUsbSS = 1341,
    WdfDevStatePwrPolWaitingArmed = 1342,
    WdfDevStatePwrPolWaitingArmedQueryIdle = 1343,
    WdfDevStatePwrPolIoPresentArmed = 1344,
    WdfDevStatePwrPolIoPresentArmedWakeCanceled = 1345,
    WdfDevStatePwrPolS0WakeDisarm = 1346,
    WdfDevStatePwrPolS0WakeCompletePowerUp = 1347,
    WdfDevStatePwrPolTimerExpiredWakeSucceeded = 1348,
    WdfDevStatePwrPolTimerExpiredWakeCompletedDisarm = 1349,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceeded = 1350,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailed = 1351,
    WdfDevStatePwrPolWakeFailedUsbSS = 1352,
    WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedCancelWake = 1353,
    WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedWakeCanceled = 1354,
    WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedUsbSS = 1355,
    WdfDevStatePwrPolCancelingWakeForSystemSleep = 1356,
    WdfDevStatePwrPolCancelingWakeForSystemSleepWakeCanceled = 1357,
    WdfDevStatePwrPolDisarmingWakeForSystemSleepCompletePowerUp = 1358,
    WdfDevStatePwrPolPowerUpForSystemSleepFailed = 1359,
    WdfDevStatePwrPolWokeFromS0UsbSS = 1360,
    WdfDevStatePwrPolWokeFromS0 = 1361,
    WdfDevStatePwrPolWokeFromS0NotifyDriver = 1362,
    WdfDevStatePwrPolStoppingResetDevice = 1363,
    WdfDevStatePwrPolStoppingResetDeviceCompletePowerUp = 1364,
    WdfDevStatePwrPolStoppingResetDeviceFailed = 1365,
    WdfDevStatePwrPolStoppingD0 = 1366,
    WdfDevStatePwrPolStoppingD0Failed = 1367,
    WdfDevStatePwrPolStoppingDisarmWake = 1368,
    WdfDevStatePwrPolStoppingDisarmWakeCancelWake = 1369,
    WdfDevStatePwrPolStoppingDisarmWakeWakeCanceled = 1370,
    WdfDevStatePwrPolStopping = 1371,
    WdfDevStatePwrPolStoppingFailed = 1372,
    WdfDevStatePwrPolStoppingSendStatus = 1373,
    WdfDevStatePwrPolStoppingCancelTimer = 1374,
    WdfDevStatePwrPolStoppingWaitForIdleTimeout = 1375,
    WdfDevStatePwrPolStoppingCancelUsbSS = 1376,
    WdfDevStatePwrPolStoppingWaitForUsbSSCompletion = 1377,
    WdfDevStatePwrPolStoppingCancelWake = 1378,
    WdfDevStatePwrPolStopped = 1379,
    WdfDevStatePwrPolCancelUsbSS = 1380,
    WdfDevStatePwrPolStarted = 1381,
    WdfDevStatePwrPolStartedCancelTimer = 1382,
    WdfDevStatePwrPolStartedWaitForIdleTimeout = 1383,
    WdfDevStatePwrPolStartedWakeCapableCancelTimerForSleep = 1384,
    WdfDevStatePwrPolStartedWakeCapableWaitForIdleTimeout = 1385,
    WdfDevStatePwrPolStartedWakeCapableSleepingUsbSS = 1386,
    WdfDevStatePwrPolStartedIdleCapableCancelTimerForSleep = 1387,
    WdfDevStatePwrPolStartedIdleCapableWaitForIdleTimeout = 1388,
    WdfDevStatePwrPolDeviceD0PowerRequestFailed = 1389,
    WdfDevStatePwrPolDevicePowerRequestFailed = 1390,
    WdfDevStatePwrPolGotoDx = 1391,
    WdfDevStatePwrPolGotoDxInDx = 1392,
    WdfDevStatePwrPolDx = 1393,
    WdfDevStatePwrPolGotoD0 = 1394,
    WdfDevStatePwrPolGotoD0InD0 = 1395,
    WdfDevStatePwrPolFinal = 1396,
    WdfDevStatePwrPolSleepingPowerDownNotProcessed = 1397,
    WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownNotProcessed = 1398,
    WdfDevStatePwrPolTimerExpiredNoWakePowerDownNotProcessed = 1399,
    WdfDevStatePwrPolTimerExpiredNoWakePoweredDownDisableIdleTimer = 1400,
    WdfDevStatePwrPolStoppingWaitingForImplicitPowerDown = 1401,
    WdfDevStatePwrPolStoppingPoweringUp = 1402,
    WdfDevStatePwrPolStoppingPoweringDown = 1403,
    WdfDevStatePwrPolPowerUpForSystemSleepNotSeen = 1404,
    WdfDevStatePwrPolWaitingArmedStoppingCancelUsbSS = 1405,
    WdfDevStatePwrPolWaitingArmedWakeFailedCancelUsbSS = 1406,
    WdfDevStatePwrPolWaitingArmedIoPresentCancelUsbSS = 1407,
    WdfDevStatePwrPolWaitingArmedWakeSucceededCancelUsbSS = 1408,
    WdfDevStatePwrPolCancelingUsbSSForSystemSleep = 1409,
    WdfDevStatePwrPolStoppingD0CancelUsbSS = 1410,
    WdfDevStatePwrPolStartingPoweredUp = 1411,
    WdfDevStatePwrPolIdleCapableDeviceIdle = 1412,
    WdfDevStatePwrPolDeviceIdleReturnToActive = 1413,
    WdfDevStatePwrPolDeviceIdleSleeping = 1414,
    WdfDevStatePwrPolDeviceIdleStopping = 1415,
    WdfDevStatePwrPolTimerExpiredNoWakeUndoPowerDown = 1416,
    WdfDevStatePwrPolWakeCapableDeviceIdle = 1417,
    WdfDevStatePwrPolWakeCapableUsbSSCompleted = 1418,
    WdfDevStatePwrPolTimerExpiredWakeCapableUndoPowerDown = 1419,
    WdfDevStatePwrPolTimerExpiredWakeCompletedHardwareStarted = 1420,
    WdfDevStatePwrPolStoppedRemoving = 1421,
    WdfDevStatePwrPolRemoved = 1422,
    WdfDevStatePwrPolRestarting = 1423,
    WdfDevStatePwrPolRestartingFailed = 1424,
    WdfDevStatePwrPolStartingPoweredUpFailed = 1425,
    WdfDevStatePwrPolTimerExpiredNoWakeReturnToActive = 1426,
    WdfDevStatePwrPolWaitingArmedWakeInterruptFired = 1427,
    WdfDevStatePwrPolSystemWakeDeviceWakeInterruptFired = 1428,
    WdfDevStatePwrPolSystemWakeDeviceWakeInterruptFiredNP = 34197,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeInterruptArrived = 1430,
    WdfDevStatePwrPolTimerExpiredWakeCapablePowerDownFailedWakeInterruptArrived = 1431,
    WdfDevStatePwrPolWaitingArmedWakeInterruptFiredDuringPowerDown = 1432,
    WdfDevStatePwrPolStartedNotIdleCapableDirectedDown = 1433,
    WdfDevStatePwrPolStartedIdleCapableTimerCanceledForSleep = 1434,
    WdfDevStatePwrPolTimerExpiredNoWakeUndoPowerDownWaitForDirectedUp = 1435,
    WdfDevStatePwrPolIdleCapableTimerNotExpiredDirectedDown = 1436,
    WdfDevStatePwrPolIdleCapableDirectedDownTriggerDPNR = 1437,
    WdfDevStatePwrPolWaitingUnarmedDirectedDown = 1438,
    WdfDevStatePwrPolIdleCapableDirectedDownTriggerDPR = 1439,
    WdfDevStatePwrPolStartedWakeCapableTimerCanceledForSleep = 1440,
    WdfDevStatePwrPolWakeCapableTimerNotExpiredDirectedDown = 1441,
    WdfDevStatePwrPolWakeCapableDirectedDownTriggerDPNR = 1442,
    WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDownWaitForDirectedUp = 1443,
    WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDownDirectedTriggerDPR = 1444,
    WdfDevStatePwrPolTimerExpiredWakeCapableUndoPowerDownWaitForDirectedUp = 1445,
    WdfDevStatePwrPolWakeCapableUsbSSCompletedUndoWaitForDirectedUp = 1446,
    WdfDevStatePwrPolTimerExpiredWakeCapableUsbSSDirectedDown = 1447,
    WdfDevStatePwrPolWaitingArmedWakeInterruptFiredDuringPowerDownCheckDirected = 1448,
    WdfDevStatePwrPolTimerExpiredWakeCompletedPowerDownCheckDirected = 1449,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceededCheckDirected = 1450,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceededWaitForDirectedUp = 1451,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeSucceededTriggerDPR = 1452,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailedCheckDirected = 1453,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailedWaitForDirectedUp = 1454,
    WdfDevStatePwrPolTimerExpiredWakeCapableWakeFailedTriggerDPR = 1455,
    WdfDevStatePwrPolWaitingArmedDirectedDownWakeInterruptFiredTriggerDPR = 1456,
    WdfDevStatePwrPolWaitingArmedDirectedDownWakeInterruptFired = 1457,
    WdfDevStatePwrPolWaitingArmedDirectedDown = 1458,
    WdfDevStatePwrPolWaitingArmedDirectedDownWakeSucceededCancelUsbSS = 1459,
    WdfDevStatePwrPolWaitingArmedDirectedDownWakeFailedCancelUsbSS = 1460,
    WdfDevStatePwrPolWaitingArmedDirectedDownTriggerDPR = 1461,
    WdfDevStatePwrPolWaitingArmedDirectedDownWakeSucceededTriggerDPR = 1462,
    WdfDevStatePwrPolWaitingArmedDirectedDownUsbSSCompleted = 1463,
    WdfDevStatePwrPolWaitingArmedDirectedDownUsbSSCompletedTriggerDPR = 1464,
    WdfDevStatePwrPolWaitingArmedDirectedDownWakeFailedCancelUsbSSTriggerDPR = 1465,
    WdfDevStatePwrPolUsbSSCancelled = 1466,
    WdfDevStatePwrPolTimerExpiredWakeCapableRevertArmWake = 1467,
    WdfDevStatePwrPolSleepingWakeCancelWake = 1468,
    WdfDevStatePwrPolSleepingWakeCancelWakeNP = 34237,
    WdfDevStatePwrPolSystemWakeDeviceD0PowerRequestFailed = 1470,
    WdfDevStatePwrPolSystemWakeDevicePowerRequestFailed = 1471,
    WdfDevStatePwrPolNull = 1472,
} WDF_DEVICE_POWER_POLICY_STATE, *PWDF_DEVICE_POWER_POLICY_STATE;
typedef enum _WDF_DEVICE_POWER_STATE : int {
    WdfDevStatePowerInvalid = 0,
    WdfDevStatePowerObjectCreated = 768,
    WdfDevStatePowerCheckDeviceType = 769,
    WdfDevStatePowerCheckDeviceTypeNP = 33538,
    WdfDevStatePowerCheckParentState = 771,
    WdfDevStatePowerCheckParentStateNP = 33540,
    WdfDevStatePowerEnablingWakeAtBus = 773,
    WdfDevStatePowerEnablingWakeAtBusNP = 33542,
    WdfDevStatePowerD0 = 775,
    WdfDevStatePowerD0NP = 33544,
    WdfDevStatePowerD0BusWakeOwner = 777,
    WdfDevStatePowerD0BusWakeOwnerNP = 33546,
    WdfDevStatePowerD0ArmedForWake = 779,
    WdfDevStatePowerD0ArmedForWakeNP = 33548,
    WdfDevStatePowerD0DisarmingWakeAtBus = 781,
    WdfDevStatePowerD0DisarmingWakeAtBusNP = 33550,
    WdfDevStatePowerD0Starting = 783,
    WdfDevStatePowerD0StartingConnectInterrupt = 784,
    WdfDevStatePowerD0StartingDmaEnable = 785,
    WdfDevStatePowerD0StartingStartSelfManagedIo = 786,
    WdfDevStatePowerDecideD0State = 787,
    WdfDevStatePowerGotoD3Stopped = 788,
    WdfDevStatePowerStopped = 789,
    WdfDevStatePowerStartingCheckDeviceType = 790,
    WdfDevStatePowerStartingChild = 791,
    WdfDevStatePowerDxDisablingWakeAtBus = 792,
    WdfDevStatePowerDxDisablingWakeAtBusNP = 33561,
    WdfDevStatePowerGotoDx = 794,
    WdfDevStatePowerGotoDxNP = 33563,
    WdfDevStatePowerGotoDxIoStopped = 796,
    WdfDevStatePowerGotoDxIoStoppedNP = 33565,
    WdfDevStatePowerGotoDxNPFailed = 33566,
    WdfDevStatePowerDx = 799,
    WdfDevStatePowerDxNP = 33568,
    WdfDevStatePowerGotoDxArmedForWake = 801,
    WdfDevStatePowerGotoDxArmedForWakeNP = 33570,
    WdfDevStatePowerGotoDxIoStoppedArmedForWake = 803,
    WdfDevStatePowerGotoDxIoStoppedArmedForWakeNP = 33572,
    WdfDevStatePowerDxArmedForWake = 805,
    WdfDevStatePowerDxArmedForWakeNP = 33574,
    WdfDevStatePowerCheckParentStateArmedForWake = 807,
    WdfDevStatePowerCheckParentStateArmedForWakeNP = 33576,
    WdfDevStatePowerWaitForParentArmedForWake = 809,
    WdfDevStatePowerWaitForParentArmedForWakeNP = 33578,
    WdfDevStatePowerStartSelfManagedIo = 811,
    WdfDevStatePowerStartSelfManagedIoNP = 33580,
    WdfDevStatePowerStartSelfManagedIoFailed = 813,
    WdfDevStatePowerStartSelfManagedIoFailedNP = 33582,
    WdfDevStatePowerWaitForParent = 815,
    WdfDevStatePowerWaitForParentNP = 33584,
    WdfDevStatePowerWakePending = 817,
    WdfDevStatePowerWakePendingNP = 33586,
    WdfDevStatePowerWaking = 819,
    WdfDevStatePowerWakingNP = 33588,
    WdfDevStatePowerWakingConnectInterrupt = 821,
    WdfDevStatePowerWakingConnectInterruptNP = 33590,
    WdfDevStatePowerWakingConnectInterruptFailed = 823,
    WdfDevStatePowerWakingConnectInterruptFailedNP = 33592,
    WdfDevStatePowerWakingDmaEnable = 825,
    WdfDevStatePowerWakingDmaEnableNP = 33594,
    WdfDevStatePowerWakingDmaEnableFailed = 827,
    WdfDevStatePowerWakingDmaEnableFailedNP = 33596,
    WdfDevStatePowerReportPowerUpFailedDerefParent = 829,
    WdfDevStatePowerReportPowerUpFailed = 830,
    WdfDevStatePowerPowerFailedPowerDown = 831,
    WdfDevStatePowerReportPowerDownFailed = 832,
    WdfDevStatePowerInitialConnectInterruptFailed = 833,
    WdfDevStatePowerInitialDmaEnableFailed = 834,
    WdfDevStatePowerInitialSelfManagedIoFailed = 835,
    WdfDevStatePowerInitialPowerUpFailedDerefParent = 836,
    WdfDevStatePowerInitialPowerUpFailed = 837,
    WdfDevStatePowerDxStoppedDisarmWake = 838,
    WdfDevStatePowerDxStoppedDisarmWakeNP = 33607,
    WdfDevStatePowerGotoDxStoppedDisableInterruptNP = 33608,
    WdfDevStatePowerGotoDxStopped = 841,
    WdfDevStatePowerDxStopped = 842,
    WdfDevStatePowerGotoStopped = 843,
    WdfDevStatePowerStoppedCompleteDx = 844,
    WdfDevStatePowerDxStoppedDecideDxState = 845,
    WdfDevStatePowerDxStoppedArmForWake = 846,
    WdfDevStatePowerDxStoppedArmForWakeNP = 33615,
    WdfDevStatePowerFinalPowerDownFailed = 848,
    WdfDevStatePowerFinal = 849,
    WdfDevStatePowerGotoImplicitD3DisarmWakeAtBus = 850,
    WdfDevStatePowerUpFailed = 851,
    WdfDevStatePowerUpFailedDerefParent = 852,
    WdfDevStatePowerGotoDxFailed = 853,
    WdfDevStatePowerGotoDxStoppedDisableInterrupt = 854,
    WdfDevStatePowerUpFailedNP = 33623,
    WdfDevStatePowerUpFailedDerefParentNP = 33624,
    WdfDevStatePowerNotifyingD0ExitToWakeInterrupts = 857,
    WdfDevStatePowerNotifyingD0EntryToWakeInterrupts = 858,
    WdfDevStatePowerNotifyingD0ExitToWakeInterruptsNP = 33627,
    WdfDevStatePowerNotifyingD0EntryToWakeInterruptsNP = 33628,
    WdfDevStatePowerInitialPowerUpFailedPowerDown = 861,
    WdfDevStatePowerUpFailedPowerDown = 862,
    WdfDevStatePowerUpFailedPowerDownNP = 33631,
    WdfDevStatePowerInitialSelfManagedIoFailedStarted = 864,
    WdfDevStatePowerStartSelfManagedIoFailedStarted = 865,
    WdfDevStatePowerStartSelfManagedIoFailedStartedNP = 33634,
    WdfDevStatePowerWakingPostHardwareEnabled = 867,
    WdfDevStatePowerWakingPostHardwareEnabledNP = 33636,
    WdfDevStatePowerWakingPostHardwareEnabledFailed = 869,
    WdfDevStatePowerWakingPostHardwareEnabledFailedNP = 33638,
    WdfDevStatePowerD0StartingPostHardwareEnabled = 871,
    WdfDevStatePowerInitialPostHardwareEnabledFailed = 872,
    WdfDevStatePowerNull = 873,
} WDF_DEVICE_POWER_STATE, *PWDF_DEVICE_POWER_STATE;
typedef enum _WDF_DEVICE_SHUTDOWN_FLAGS : int {
    WdfDeviceShutdown = 1,
    WdfDeviceLastChanceShutdown = 2,
} WDF_DEVICE_SHUTDOWN_FLAGS, *PWDF_DEVICE_SHUTDOWN_FLAGS;
typedef enum _WDF_DEVICE_STATE_FLAGS : int {
    WdfDevStateNP = 32768,
} WDF_DEVICE_STATE_FLAGS, *PWDF_DEVICE_STATE_FLAGS;
typedef enum _WDF_DISPATCH_IRP_TO_IO_QUEUE_FLAGS : int {
    WDF_DISPATCH_IRP_TO_IO_QUEUE_NO_FLAGS = 0,
    WDF_DISPATCH_IRP_TO_IO_QUEUE_INVOKE_INCALLERCTX_CALLBACK = 1,
    WDF_DISPATCH_IRP_TO_IO_QUEUE_PREPROCESSED_IRP = 2,
} WDF_DISPATCH_IRP_TO_IO_QUEUE_FLAGS, *PWDF_DISPATCH_IRP_TO_IO_QUEUE_FLAGS;
typedef enum _WDF_DMA_DIRECTION : int {
    WdfDmaDirectionReadFromDevice = 0,
    WdfDmaDirectionWriteToDevice = 1,
} WDF_DMA_DIRECTION, *PWDF_DMA_DIRECTION;
typedef enum _WDF_DMA_ENABLER_CONFIG_FLAGS : int {
    WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION = 1,
    WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER = 2,
} WDF_DMA_ENABLER_CONFIG_FLAGS, *PWDF_DMA_ENABLER_CONFIG_FLAGS;
typedef enum _WDF_DMA_PROFILE : int {
    WdfDmaProfileInvalid = 0,
    WdfDmaProfilePacket = 1,
    WdfDmaProfileScatterGather = 2,
    WdfDmaProfilePacket64 = 3,
    WdfDmaProfileScatterGather64 = 4,
    WdfDmaProfileScatterGatherDuplex = 5,
    WdfDmaProfileScatterGather64Duplex = 6,
    WdfDmaProfileSystem = 7,
    WdfDmaProfileSystemDuplex = 8,
} WDF_DMA_PROFILE, *PWDF_DMA_PROFILE;
typedef enum _WDF_DRIVER_INIT_FLAGS : int {
    WdfDriverInitNonPnpDriver = 1,
    WdfDriverInitNoDispatchOverride = 2,
    WdfVerifyOn = 4,
    WdfVerifierOn = 8,
    WdfDriverInitCompanion = 16,
} WDF_DRIVER_INIT_FLAGS, *PWDF_DRIVER_INIT_FLAGS;
typedef enum _WDF_EXECUTION_LEVEL : int {
    WdfExecutionLevelInvalid = 0,
    WdfExecutionLevelInheritFromParent = 1,
    WdfExecutionLevelPassive = 2,
    WdfExecutionLevelDispatch = 3,
} WDF_EXECUTION_LEVEL, *PWDF_EXECUTION_LEVEL;
typedef enum _WDF_FILEOBJECT_CLASS : int {
    WdfFileObjectInvalid = 0,
    WdfFileObjectNotRequired = 1,
    WdfFileObjectWdfCanUseFsContext = 2,
    WdfFileObjectWdfCanUseFsContext2 = 3,
    WdfFileObjectWdfCannotUseFsContexts = 4,
    WdfFileObjectCanBeOptional = -2147483648,
} WDF_FILEOBJECT_CLASS, *PWDF_FILEOBJECT_CLASS;
typedef enum _WDF_INTERRUPT_POLARITY : int {
    WdfInterruptPolarityUnknown = 0,
    WdfInterruptActiveHigh = 1,
    WdfInterruptActiveLow = 2,
} WDF_INTERRUPT_POLARITY, *PWDF_INTERRUPT_POLARITY;
typedef enum _WDF_INTERRUPT_POLICY : int {
    WdfIrqPolicyMachineDefault = 0,
    WdfIrqPolicyAllCloseProcessors = 1,
    WdfIrqPolicyOneCloseProcessor = 2,
    WdfIrqPolicyAllProcessorsInMachine = 3,
    WdfIrqPolicySpecifiedProcessors = 4,
    WdfIrqPolicySpreadMessagesAcrossAllProcessors = 5,
} WDF_INTERRUPT_POLICY, *PWDF_INTERRUPT_POLICY;
typedef enum _WDF_INTERRUPT_PRIORITY : int {
    WdfIrqPriorityUndefined = 0,
    WdfIrqPriorityLow = 1,
    WdfIrqPriorityNormal = 2,
    WdfIrqPriorityHigh = 3,
} WDF_INTERRUPT_PRIORITY, *PWDF_INTERRUPT_PRIORITY;
typedef enum _WDF_IO_FORWARD_PROGRESS_ACTION : int {
    WdfIoForwardProgressActionInvalid = 0,
    WdfIoForwardProgressActionFailRequest = 1,
    WdfIoForwardProgressActionUseReservedRequest = 2,
} WDF_IO_FORWARD_PROGRESS_ACTION, *PWDF_IO_FORWARD_PROGRESS_ACTION;
typedef enum _WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY : int {
    WdfIoForwardProgressInvalidPolicy = 0,
    WdfIoForwardProgressReservedPolicyAlwaysUseReservedRequest = 1,
    WdfIoForwardProgressReservedPolicyUseExamine = 2,
    WdfIoForwardProgressReservedPolicyPagingIO = 3,
} WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY, *PWDF_IO_FORWARD_PROGRESS_RESERVED_POLICY;
typedef enum _WDF_IO_QUEUE_DISPATCH_TYPE : int {
    WdfIoQueueDispatchInvalid = 0,
    WdfIoQueueDispatchSequential = 1,
    WdfIoQueueDispatchParallel = 2,
    WdfIoQueueDispatchManual = 3,
    WdfIoQueueDispatchMax = 4,
} WDF_IO_QUEUE_DISPATCH_TYPE, *PWDF_IO_QUEUE_DISPATCH_TYPE;
typedef enum _WDF_IO_QUEUE_STATE : int {
    WdfIoQueueAcceptRequests = 1,
    WdfIoQueueDispatchRequests = 2,
    WdfIoQueueNoRequests = 4,
    WdfIoQueueDriverNoRequests = 8,
    WdfIoQueuePnpHeld = 16,
} WDF_IO_QUEUE_STATE, *PWDF_IO_QUEUE_STATE;
typedef enum _WDF_IO_TARGET_OPEN_TYPE : int {
    WdfIoTargetOpenUndefined = 0,
    WdfIoTargetOpenUseExistingDevice = 1,
    WdfIoTargetOpenByName = 2,
    WdfIoTargetOpenReopen = 3,
    WdfIoTargetOpenLocalTargetByFile = 4,
} WDF_IO_TARGET_OPEN_TYPE, *PWDF_IO_TARGET_OPEN_TYPE;
typedef enum _WDF_IO_TARGET_PURGE_IO_ACTION : int {
    WdfIoTargetPurgeIoUndefined = 0,
    WdfIoTargetPurgeIoAndWait = 1,
    WdfIoTargetPurgeIo = 2,
} WDF_IO_TARGET_PURGE_IO_ACTION, *PWDF_IO_TARGET_PURGE_IO_ACTION;
typedef enum _WDF_IO_TARGET_SENT_IO_ACTION : int {
    WdfIoTargetSentIoUndefined = 0,
    WdfIoTargetCancelSentIo = 1,
    WdfIoTargetWaitForSentIoToComplete = 2,
    WdfIoTargetLeaveSentIoPending = 3,
} WDF_IO_TARGET_SENT_IO_ACTION, *PWDF_IO_TARGET_SENT_IO_ACTION;
typedef enum _WDF_IO_TARGET_STATE : int {
    WdfIoTargetStateUndefined = 0,
    WdfIoTargetStarted = 1,
    WdfIoTargetStopped = 2,
    WdfIoTargetClosedForQueryRemove = 3,
    WdfIoTargetClosed = 4,
    WdfIoTargetDeleted = 5,
    WdfIoTargetPurged = 6,
} WDF_IO_TARGET_STATE, *PWDF_IO_TARGET_STATE;
typedef enum _WDF_MEMORY_DESCRIPTOR_TYPE : int {
    WdfMemoryDescriptorTypeInvalid = 0,
    WdfMemoryDescriptorTypeBuffer = 1,
    WdfMemoryDescriptorTypeMdl = 2,
    WdfMemoryDescriptorTypeHandle = 3,
} WDF_MEMORY_DESCRIPTOR_TYPE, *PWDF_MEMORY_DESCRIPTOR_TYPE;
typedef enum _WDF_POWER_DEVICE_STATE : int {
    WdfPowerDeviceInvalid = 0,
    WdfPowerDeviceD0 = 1,
    WdfPowerDeviceD1 = 2,
    WdfPowerDeviceD2 = 3,
    WdfPowerDeviceD3 = 4,
    WdfPowerDeviceD3Final = 5,
    WdfPowerDevicePrepareForHibernation = 6,
    WdfPowerDeviceMaximum = 7,
} WDF_POWER_DEVICE_STATE, *PWDF_POWER_DEVICE_STATE;
typedef enum _WDF_POWER_POLICY_IDLE_TIMEOUT_CONSTANTS : int {
    IdleTimeoutDefaultConstant = 0,
} WDF_POWER_POLICY_IDLE_TIMEOUT_CONSTANTS, *PWDF_POWER_POLICY_IDLE_TIMEOUT_CONSTANTS;
typedef enum _WDF_POWER_POLICY_IDLE_TIMEOUT_TYPE : int {
    DriverManagedIdleTimeout = 0,
    SystemManagedIdleTimeout = 1,
    SystemManagedIdleTimeoutWithHint = 2,
} WDF_POWER_POLICY_IDLE_TIMEOUT_TYPE, *PWDF_POWER_POLICY_IDLE_TIMEOUT_TYPE;
typedef enum _WDF_POWER_POLICY_S0_IDLE_CAPABILITIES : int {
    IdleCapsInvalid = 0,
    IdleCannotWakeFromS0 = 1,
    IdleCanWakeFromS0 = 2,
    IdleUsbSelectiveSuspend = 3,
} WDF_POWER_POLICY_S0_IDLE_CAPABILITIES, *PWDF_POWER_POLICY_S0_IDLE_CAPABILITIES;
typedef enum _WDF_POWER_POLICY_S0_IDLE_USER_CONTROL : int {
    IdleUserControlInvalid = 0,
    IdleDoNotAllowUserControl = 1,
    IdleAllowUserControl = 2,
} WDF_POWER_POLICY_S0_IDLE_USER_CONTROL, *PWDF_POWER_POLICY_S0_IDLE_USER_CONTROL;
typedef enum _WDF_POWER_POLICY_SX_WAKE_USER_CONTROL : int {
    WakeUserControlInvalid = 0,
    WakeDoNotAllowUserControl = 1,
    WakeAllowUserControl = 2,
} WDF_POWER_POLICY_SX_WAKE_USER_CONTROL, *PWDF_POWER_POLICY_SX_WAKE_USER_CONTROL;
typedef enum _WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE : int {
    WdfReleaseHardwareOrderOnFailureInvalid = 0,
    WdfReleaseHardwareOrderOnFailureEarly = 1,
    WdfReleaseHardwareOrderOnFailureAfterDescendants = 2,
} WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE, *PWDF_RELEASE_HARDWARE_ORDER_ON_FAILURE;
typedef enum _WDF_REMOVE_LOCK_OPTIONS_FLAGS : int {
    WDF_REMOVE_LOCK_OPTION_ACQUIRE_FOR_IO = 1,
} WDF_REMOVE_LOCK_OPTIONS_FLAGS, *PWDF_REMOVE_LOCK_OPTIONS_FLAGS;
typedef enum _WDF_REQUEST_FATAL_ERROR_CODES : int {
    WDF_REQUEST_FATAL_ERROR_NO_MORE_STACK_LOCATIONS = 1,
    WDF_REQUEST_FATAL_ERROR_NULL_IRP = 2,
    WDF_REQUEST_FATAL_ERROR_REQUEST_ALREADY_SENT = 3,
    WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH = 4,
    WDF_REQUEST_FATAL_ERROR_REQUEST_NOT_IN_QUEUE = 5,
} WDF_REQUEST_FATAL_ERROR_CODES, *PWDF_REQUEST_FATAL_ERROR_CODES;
typedef enum _WDF_REQUEST_FORWARD_OPTIONS_FLAGS : int {
    WDF_REQUEST_FORWARD_OPTION_SEND_AND_FORGET = 1,
} WDF_REQUEST_FORWARD_OPTIONS_FLAGS, *PWDF_REQUEST_FORWARD_OPTIONS_FLAGS;
typedef enum _WDF_REQUEST_REUSE_FLAGS : int {
    WDF_REQUEST_REUSE_NO_FLAGS = 0,
    WDF_REQUEST_REUSE_SET_NEW_IRP = 1,
} WDF_REQUEST_REUSE_FLAGS, *PWDF_REQUEST_REUSE_FLAGS;
typedef enum _WDF_REQUEST_SEND_OPTIONS_FLAGS : int {
    WDF_REQUEST_SEND_OPTION_TIMEOUT = 1,
    WDF_REQUEST_SEND_OPTION_SYNCHRONOUS = 2,
    WDF_REQUEST_SEND_OPTION_IGNORE_TARGET_STATE = 4,
    WDF_REQUEST_SEND_OPTION_SEND_AND_FORGET = 8,
    WDF_REQUEST_SEND_OPTION_IMPERSONATE_CLIENT = 65536,
    WDF_REQUEST_SEND_OPTION_IMPERSONATION_IGNORE_FAILURE = 131072,
} WDF_REQUEST_SEND_OPTIONS_FLAGS, *PWDF_REQUEST_SEND_OPTIONS_FLAGS;
typedef enum _WDF_REQUEST_STOP_ACTION_FLAGS : int {
    WdfRequestStopActionInvalid = 0,
    WdfRequestStopActionSuspend = 1,
    WdfRequestStopActionPurge = 2,
    WdfRequestStopRequestCancelable = 268435456,
} WDF_REQUEST_STOP_ACTION_FLAGS, *PWDF_REQUEST_STOP_ACTION_FLAGS;
typedef enum _WDF_REQUEST_TYPE : int {
    WdfRequestTypeCreate = 0,
    WdfRequestTypeCreateNamedPipe = 1,
    WdfRequestTypeClose = 2,
    WdfRequestTypeRead = 3,
    WdfRequestTypeWrite = 4,
    WdfRequestTypeQueryInformation = 5,
    WdfRequestTypeSetInformation = 6,
    WdfRequestTypeQueryEA = 7,
    WdfRequestTypeSetEA = 8,
    WdfRequestTypeFlushBuffers = 9,
    WdfRequestTypeQueryVolumeInformation = 10,
    WdfRequestTypeSetVolumeInformation = 11,
    WdfRequestTypeDirectoryControl = 12,
    WdfRequestTypeFileSystemControl = 13,
    WdfRequestTypeDeviceControl = 14,
    WdfRequestTypeDeviceControlInternal = 15,
    WdfRequestTypeShutdown = 16,
    WdfRequestTypeLockControl = 17,
    WdfRequestTypeCleanup = 18,
    WdfRequestTypeCreateMailSlot = 19,
    WdfRequestTypeQuerySecurity = 20,
    WdfRequestTypeSetSecurity = 21,
    WdfRequestTypePower = 22,
    WdfRequestTypeSystemControl = 23,
    WdfRequestTypeDeviceChange = 24,
    WdfRequestTypeQueryQuota = 25,
    WdfRequestTypeSetQuota = 26,
    WdfRequestTypePnp = 27,
    WdfRequestTypeOther = 28,
    WdfRequestTypeUsb = 64,
    WdfRequestTypeNoFormat = 255,
    WdfRequestTypeMax = 256,
} WDF_REQUEST_TYPE, *PWDF_REQUEST_TYPE;
typedef enum _WDF_RETRIEVE_CHILD_FLAGS : int {
    WdfRetrieveUnspecified = 0,
    WdfRetrievePresentChildren = 1,
    WdfRetrieveMissingChildren = 2,
    WdfRetrievePendingChildren = 4,
    WdfRetrieveAddedChildren = 5,
    WdfRetrieveAllChildren = 7,
} WDF_RETRIEVE_CHILD_FLAGS, *PWDF_RETRIEVE_CHILD_FLAGS;
typedef enum _WDF_SPECIAL_FILE_TYPE : int {
    WdfSpecialFileUndefined = 0,
    WdfSpecialFilePaging = 1,
    WdfSpecialFileHibernation = 2,
    WdfSpecialFileDump = 3,
    WdfSpecialFileBoot = 4,
    WdfSpecialFilePostDisplay = 5,
    WdfSpecialFileGuestAssigned = 6,
    WdfSpecialFileMax = 7,
} WDF_SPECIAL_FILE_TYPE, *PWDF_SPECIAL_FILE_TYPE;
typedef enum _WDF_STATE_NOTIFICATION_TYPE : int {
    StateNotificationInvalid = 0,
    StateNotificationEnterState = 1,
    StateNotificationPostProcessState = 2,
    StateNotificationLeaveState = 4,
    StateNotificationAllStates = 7,
} WDF_STATE_NOTIFICATION_TYPE, *PWDF_STATE_NOTIFICATION_TYPE;
typedef enum _WDF_SYNCHRONIZATION_SCOPE : int {
    WdfSynchronizationScopeInvalid = 0,
    WdfSynchronizationScopeInheritFromParent = 1,
    WdfSynchronizationScopeDevice = 2,
    WdfSynchronizationScopeQueue = 3,
    WdfSynchronizationScopeNone = 4,
} WDF_SYNCHRONIZATION_SCOPE, *PWDF_SYNCHRONIZATION_SCOPE;
typedef enum _WDF_TASK_SEND_OPTIONS_FLAGS : int {
    WDF_TASK_SEND_OPTION_TIMEOUT = 1,
    WDF_TASK_SEND_OPTION_SYNCHRONOUS = 2,
} WDF_TASK_SEND_OPTIONS_FLAGS, *PWDF_TASK_SEND_OPTIONS_FLAGS;
typedef enum _WDF_TRI_STATE : int {
    WdfFalse = 0,
    WdfTrue = 1,
    WdfUseDefault = 2,
} WDF_TRI_STATE, *PWDF_TRI_STATE;
typedef enum _WDF_WMI_PROVIDER_CONTROL : int {
    WdfWmiControlInvalid = 0,
    WdfWmiEventControl = 1,
    WdfWmiInstanceControl = 2,
} WDF_WMI_PROVIDER_CONTROL, *PWDF_WMI_PROVIDER_CONTROL;
typedef enum _WDF_WMI_PROVIDER_FLAGS : int {
    WdfWmiProviderEventOnly = 1,
    WdfWmiProviderExpensive = 2,
    WdfWmiProviderTracing = 4,
    WdfWmiProviderValidFlags = 7,
} WDF_WMI_PROVIDER_FLAGS, *PWDF_WMI_PROVIDER_FLAGS;

typedef NTSTATUS EVT_WDFDEVICE_WDM_IRP_DISPATCH(WDFDEVICE, UCHAR, UCHAR, ULONG, WDFCONTEXT, PIRP, WDFCONTEXT);
typedef NTSTATUS EVT_WDFDEVICE_WDM_IRP_PREPROCESS(WDFDEVICE, PIRP);
typedef NTSTATUS EVT_WDFDEVICE_WDM_POST_PO_FX_REGISTER_DEVICE(WDFDEVICE, POHANDLE);
typedef void EVT_WDFDEVICE_WDM_PRE_PO_FX_UNREGISTER_DEVICE(WDFDEVICE, POHANDLE);
typedef void EVT_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_CLEANUP(WDFCHILDLIST, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef void EVT_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_COPY(WDFCHILDLIST, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef NTSTATUS EVT_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_DUPLICATE(WDFCHILDLIST, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef NTSTATUS EVT_WDF_CHILD_LIST_CREATE_DEVICE(WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER, PWDFDEVICE_INIT);
typedef BOOLEAN EVT_WDF_CHILD_LIST_DEVICE_REENUMERATED(WDFCHILDLIST, WDFDEVICE, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef void EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_CLEANUP(WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef BOOLEAN EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_COMPARE(WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef void EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_COPY(WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef NTSTATUS EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_DUPLICATE(WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef void EVT_WDF_CHILD_LIST_SCAN_FOR_CHILDREN(WDFCHILDLIST);
typedef NTSTATUS EVT_WDF_DEVICE_ARM_WAKE_FROM_S0(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_ARM_WAKE_FROM_SX(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_ARM_WAKE_FROM_SX_WITH_REASON(WDFDEVICE, BOOLEAN, BOOLEAN);
typedef NTSTATUS EVT_WDF_DEVICE_D0_ENTRY(WDFDEVICE, WDF_POWER_DEVICE_STATE);
typedef NTSTATUS EVT_WDF_DEVICE_D0_ENTRY_POST_HARDWARE_ENABLED(WDFDEVICE, WDF_POWER_DEVICE_STATE);
typedef NTSTATUS EVT_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED(WDFDEVICE, WDF_POWER_DEVICE_STATE);
typedef NTSTATUS EVT_WDF_DEVICE_D0_EXIT(WDFDEVICE, WDF_POWER_DEVICE_STATE);
typedef NTSTATUS EVT_WDF_DEVICE_D0_EXIT_PRE_HARDWARE_DISABLED(WDFDEVICE, WDF_POWER_DEVICE_STATE);
typedef NTSTATUS EVT_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED(WDFDEVICE, WDF_POWER_DEVICE_STATE);
typedef void EVT_WDF_DEVICE_DISABLE_WAKE_AT_BUS(WDFDEVICE);
typedef void EVT_WDF_DEVICE_DISARM_WAKE_FROM_S0(WDFDEVICE);
typedef void EVT_WDF_DEVICE_DISARM_WAKE_FROM_SX(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_EJECT(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_ENABLE_WAKE_AT_BUS(WDFDEVICE, SYSTEM_POWER_STATE);
typedef void EVT_WDF_DEVICE_FILE_CREATE(WDFDEVICE, WDFREQUEST, WDFFILEOBJECT);
typedef NTSTATUS EVT_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS(WDFDEVICE, WDFIORESREQLIST);
typedef void EVT_WDF_DEVICE_PNP_STATE_CHANGE_NOTIFICATION(WDFDEVICE, PCWDF_DEVICE_PNP_NOTIFICATION_DATA);
typedef void EVT_WDF_DEVICE_POWER_POLICY_STATE_CHANGE_NOTIFICATION(WDFDEVICE, PCWDF_DEVICE_POWER_POLICY_NOTIFICATION_DATA);
typedef void EVT_WDF_DEVICE_POWER_STATE_CHANGE_NOTIFICATION(WDFDEVICE, PCWDF_DEVICE_POWER_NOTIFICATION_DATA);
typedef NTSTATUS EVT_WDF_DEVICE_PREPARE_HARDWARE(WDFDEVICE, WDFCMRESLIST, WDFCMRESLIST);
typedef NTSTATUS EVT_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST(WDFDEVICE, LPGUID, PINTERFACE, PVOID);
typedef NTSTATUS EVT_WDF_DEVICE_QUERY_REMOVE(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_QUERY_STOP(WDFDEVICE);
typedef void EVT_WDF_DEVICE_RELATIONS_QUERY(WDFDEVICE, DEVICE_RELATION_TYPE);
typedef NTSTATUS EVT_WDF_DEVICE_RELEASE_HARDWARE(WDFDEVICE, WDFCMRESLIST);
typedef NTSTATUS EVT_WDF_DEVICE_REMOVE_ADDED_RESOURCES(WDFDEVICE, WDFCMRESLIST, WDFCMRESLIST);
typedef void EVT_WDF_DEVICE_REPORTED_MISSING(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_RESOURCES_QUERY(WDFDEVICE, WDFCMRESLIST);
typedef NTSTATUS EVT_WDF_DEVICE_RESOURCE_REQUIREMENTS_QUERY(WDFDEVICE, WDFIORESREQLIST);
typedef void EVT_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP(WDFDEVICE);
typedef void EVT_WDF_DEVICE_SELF_MANAGED_IO_FLUSH(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_SELF_MANAGED_IO_INIT(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_SELF_MANAGED_IO_RESTART(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DEVICE_SET_LOCK(WDFDEVICE, BOOLEAN);
typedef void EVT_WDF_DEVICE_SHUTDOWN_NOTIFICATION(WDFDEVICE);
typedef void EVT_WDF_DEVICE_SURPRISE_REMOVAL(WDFDEVICE);
typedef void EVT_WDF_DEVICE_USAGE_NOTIFICATION(WDFDEVICE, WDF_SPECIAL_FILE_TYPE, BOOLEAN);
typedef NTSTATUS EVT_WDF_DEVICE_USAGE_NOTIFICATION_EX(WDFDEVICE, WDF_SPECIAL_FILE_TYPE, BOOLEAN);
typedef void EVT_WDF_DEVICE_WAKE_FROM_S0_TRIGGERED(WDFDEVICE);
typedef void EVT_WDF_DEVICE_WAKE_FROM_SX_TRIGGERED(WDFDEVICE);
typedef NTSTATUS EVT_WDF_DMA_ENABLER_DISABLE(WDFDMAENABLER);
typedef NTSTATUS EVT_WDF_DMA_ENABLER_ENABLE(WDFDMAENABLER);
typedef NTSTATUS EVT_WDF_DMA_ENABLER_FILL(WDFDMAENABLER);
typedef NTSTATUS EVT_WDF_DMA_ENABLER_FLUSH(WDFDMAENABLER);
typedef NTSTATUS EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_START(WDFDMAENABLER);
typedef NTSTATUS EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP(WDFDMAENABLER);
typedef BOOLEAN EVT_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL(WDFDMATRANSACTION, WDFDEVICE, PVOID, PMDL, size_t, size_t);
typedef void EVT_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE(WDFDMATRANSACTION, WDFDEVICE, WDFCONTEXT, WDF_DMA_DIRECTION, DMA_COMPLETION_STATUS);
typedef void EVT_WDF_DPC(WDFDPC);
typedef NTSTATUS EVT_WDF_DRIVER_DEVICE_ADD(WDFDRIVER, PWDFDEVICE_INIT);
typedef void EVT_WDF_DRIVER_UNLOAD(WDFDRIVER);
typedef void EVT_WDF_FILE_CLEANUP(WDFFILEOBJECT);
typedef void EVT_WDF_FILE_CLOSE(WDFFILEOBJECT);
typedef NTSTATUS EVT_WDF_INTERRUPT_DISABLE(WDFINTERRUPT, WDFDEVICE);
typedef void EVT_WDF_INTERRUPT_DPC(WDFINTERRUPT, WDFOBJECT);
typedef NTSTATUS EVT_WDF_INTERRUPT_ENABLE(WDFINTERRUPT, WDFDEVICE);
typedef BOOLEAN EVT_WDF_INTERRUPT_ISR(WDFINTERRUPT, ULONG);
typedef BOOLEAN EVT_WDF_INTERRUPT_SYNCHRONIZE(WDFINTERRUPT, WDFCONTEXT);
typedef void EVT_WDF_INTERRUPT_WORKITEM(WDFINTERRUPT, WDFOBJECT);
typedef NTSTATUS EVT_WDF_IO_ALLOCATE_REQUEST_RESOURCES(WDFQUEUE, WDFREQUEST);
typedef NTSTATUS EVT_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST(WDFQUEUE, WDFREQUEST);
typedef void EVT_WDF_IO_IN_CALLER_CONTEXT(WDFDEVICE, WDFREQUEST);
typedef void EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE(WDFQUEUE, WDFREQUEST);
typedef void EVT_WDF_IO_QUEUE_IO_DEFAULT(WDFQUEUE, WDFREQUEST);
typedef void EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL(WDFQUEUE, WDFREQUEST, size_t, size_t, ULONG);
typedef void EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL(WDFQUEUE, WDFREQUEST, size_t, size_t, ULONG);
typedef void EVT_WDF_IO_QUEUE_IO_READ(WDFQUEUE, WDFREQUEST, size_t);
typedef void EVT_WDF_IO_QUEUE_IO_RESUME(WDFQUEUE, WDFREQUEST);
typedef void EVT_WDF_IO_QUEUE_IO_STOP(WDFQUEUE, WDFREQUEST, ULONG);
typedef void EVT_WDF_IO_QUEUE_IO_WRITE(WDFQUEUE, WDFREQUEST, size_t);
typedef void EVT_WDF_IO_QUEUE_STATE(WDFQUEUE, WDFCONTEXT);
typedef NTSTATUS EVT_WDF_IO_TARGET_QUERY_REMOVE(WDFIOTARGET);
typedef void EVT_WDF_IO_TARGET_REMOVE_CANCELED(WDFIOTARGET);
typedef void EVT_WDF_IO_TARGET_REMOVE_COMPLETE(WDFIOTARGET);
typedef WDF_IO_FORWARD_PROGRESS_ACTION EVT_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS(WDFQUEUE, PIRP);
typedef void EVT_WDF_OBJECT_CONTEXT_CLEANUP(WDFOBJECT);
typedef void EVT_WDF_OBJECT_CONTEXT_DESTROY(WDFOBJECT);
typedef BOOLEAN EVT_WDF_PROGRAM_DMA(WDFDMATRANSACTION, WDFDEVICE, WDFCONTEXT, WDF_DMA_DIRECTION, PSCATTER_GATHER_LIST);
typedef void EVT_WDF_REQUEST_CANCEL(WDFREQUEST);
typedef void EVT_WDF_REQUEST_COMPLETION_ROUTINE(WDFREQUEST, WDFIOTARGET, PWDF_REQUEST_COMPLETION_PARAMS, WDFCONTEXT);
typedef void EVT_WDF_RESERVE_DMA(WDFDMATRANSACTION, PVOID);
typedef void EVT_WDF_TIMER(WDFTIMER);
typedef NTSTATUS EVT_WDF_TRACE_CALLBACK(UCHAR, PVOID, ULONG, PVOID, PVOID, PULONG);
typedef NTSTATUS EVT_WDF_WMI_INSTANCE_EXECUTE_METHOD(WDFWMIINSTANCE, ULONG, ULONG, ULONG, PVOID, PULONG);
typedef NTSTATUS EVT_WDF_WMI_INSTANCE_QUERY_INSTANCE(WDFWMIINSTANCE, ULONG, PVOID, PULONG);
typedef NTSTATUS EVT_WDF_WMI_INSTANCE_SET_INSTANCE(WDFWMIINSTANCE, ULONG, PVOID);
typedef NTSTATUS EVT_WDF_WMI_INSTANCE_SET_ITEM(WDFWMIINSTANCE, ULONG, ULONG, PVOID);
typedef NTSTATUS EVT_WDF_WMI_PROVIDER_FUNCTION_CONTROL(WDFWMIPROVIDER, WDF_WMI_PROVIDER_CONTROL, BOOLEAN);
typedef void EVT_WDF_WORKITEM(WDFWORKITEM);
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP EVT_WDF_DEVICE_CONTEXT_CLEANUP;
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY EVT_WDF_DEVICE_CONTEXT_DESTROY;
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP EVT_WDF_FILE_CONTEXT_CLEANUP_CALLBACK;
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY EVT_WDF_FILE_CONTEXT_DESTROY_CALLBACK;
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP EVT_WDF_IO_QUEUE_CONTEXT_CLEANUP_CALLBACK;
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY EVT_WDF_IO_QUEUE_CONTEXT_DESTROY_CALLBACK;
typedef EVT_WDFDEVICE_WDM_IRP_DISPATCH * PFN_WDFDEVICE_WDM_IRP_DISPATCH;
typedef EVT_WDFDEVICE_WDM_IRP_PREPROCESS * PFN_WDFDEVICE_WDM_IRP_PREPROCESS;
typedef EVT_WDFDEVICE_WDM_POST_PO_FX_REGISTER_DEVICE * PFN_WDFDEVICE_WDM_POST_PO_FX_REGISTER_DEVICE;
typedef EVT_WDFDEVICE_WDM_PRE_PO_FX_UNREGISTER_DEVICE * PFN_WDFDEVICE_WDM_PRE_PO_FX_UNREGISTER_DEVICE;
typedef EVT_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_CLEANUP * PFN_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_CLEANUP;
typedef EVT_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_COPY * PFN_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_COPY;
typedef EVT_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_DUPLICATE * PFN_WDF_CHILD_LIST_ADDRESS_DESCRIPTION_DUPLICATE;
typedef EVT_WDF_CHILD_LIST_CREATE_DEVICE * PFN_WDF_CHILD_LIST_CREATE_DEVICE;
typedef EVT_WDF_CHILD_LIST_DEVICE_REENUMERATED * PFN_WDF_CHILD_LIST_DEVICE_REENUMERATED;
typedef EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_CLEANUP * PFN_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_CLEANUP;
typedef EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_COMPARE * PFN_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_COMPARE;
typedef EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_COPY * PFN_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_COPY;
typedef EVT_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_DUPLICATE * PFN_WDF_CHILD_LIST_IDENTIFICATION_DESCRIPTION_DUPLICATE;
typedef EVT_WDF_CHILD_LIST_SCAN_FOR_CHILDREN * PFN_WDF_CHILD_LIST_SCAN_FOR_CHILDREN;
typedef EVT_WDF_DEVICE_ARM_WAKE_FROM_S0 * PFN_WDF_DEVICE_ARM_WAKE_FROM_S0;
typedef EVT_WDF_DEVICE_ARM_WAKE_FROM_SX * PFN_WDF_DEVICE_ARM_WAKE_FROM_SX;
typedef EVT_WDF_DEVICE_ARM_WAKE_FROM_SX_WITH_REASON * PFN_WDF_DEVICE_ARM_WAKE_FROM_SX_WITH_REASON;
typedef EVT_WDF_DEVICE_D0_ENTRY * PFN_WDF_DEVICE_D0_ENTRY;
typedef EVT_WDF_DEVICE_D0_ENTRY_POST_HARDWARE_ENABLED * PFN_WDF_DEVICE_D0_ENTRY_POST_HARDWARE_ENABLED;
typedef EVT_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED * PFN_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED;
typedef EVT_WDF_DEVICE_D0_EXIT * PFN_WDF_DEVICE_D0_EXIT;
typedef EVT_WDF_DEVICE_D0_EXIT_PRE_HARDWARE_DISABLED * PFN_WDF_DEVICE_D0_EXIT_PRE_HARDWARE_DISABLED;
typedef EVT_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED * PFN_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED;
typedef EVT_WDF_DEVICE_DISABLE_WAKE_AT_BUS * PFN_WDF_DEVICE_DISABLE_WAKE_AT_BUS;
typedef EVT_WDF_DEVICE_DISARM_WAKE_FROM_S0 * PFN_WDF_DEVICE_DISARM_WAKE_FROM_S0;
typedef EVT_WDF_DEVICE_DISARM_WAKE_FROM_SX * PFN_WDF_DEVICE_DISARM_WAKE_FROM_SX;
typedef EVT_WDF_DEVICE_EJECT * PFN_WDF_DEVICE_EJECT;
typedef EVT_WDF_DEVICE_ENABLE_WAKE_AT_BUS * PFN_WDF_DEVICE_ENABLE_WAKE_AT_BUS;
typedef EVT_WDF_DEVICE_FILE_CREATE * PFN_WDF_DEVICE_FILE_CREATE;
typedef EVT_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS * PFN_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS;
typedef EVT_WDF_DEVICE_PNP_STATE_CHANGE_NOTIFICATION * PFN_WDF_DEVICE_PNP_STATE_CHANGE_NOTIFICATION;
typedef EVT_WDF_DEVICE_POWER_POLICY_STATE_CHANGE_NOTIFICATION * PFN_WDF_DEVICE_POWER_POLICY_STATE_CHANGE_NOTIFICATION;
typedef EVT_WDF_DEVICE_POWER_STATE_CHANGE_NOTIFICATION * PFN_WDF_DEVICE_POWER_STATE_CHANGE_NOTIFICATION;
typedef EVT_WDF_DEVICE_PREPARE_HARDWARE * PFN_WDF_DEVICE_PREPARE_HARDWARE;
typedef EVT_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST * PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST;
typedef EVT_WDF_DEVICE_QUERY_REMOVE * PFN_WDF_DEVICE_QUERY_REMOVE;
typedef EVT_WDF_DEVICE_QUERY_STOP * PFN_WDF_DEVICE_QUERY_STOP;
typedef EVT_WDF_DEVICE_RELATIONS_QUERY * PFN_WDF_DEVICE_RELATIONS_QUERY;
typedef EVT_WDF_DEVICE_RELEASE_HARDWARE * PFN_WDF_DEVICE_RELEASE_HARDWARE;
typedef EVT_WDF_DEVICE_REMOVE_ADDED_RESOURCES * PFN_WDF_DEVICE_REMOVE_ADDED_RESOURCES;
typedef EVT_WDF_DEVICE_REPORTED_MISSING * PFN_WDF_DEVICE_REPORTED_MISSING;
typedef EVT_WDF_DEVICE_RESOURCES_QUERY * PFN_WDF_DEVICE_RESOURCES_QUERY;
typedef EVT_WDF_DEVICE_RESOURCE_REQUIREMENTS_QUERY * PFN_WDF_DEVICE_RESOURCE_REQUIREMENTS_QUERY;
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP * PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP;
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_FLUSH * PFN_WDF_DEVICE_SELF_MANAGED_IO_FLUSH;
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_INIT * PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT;
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_RESTART * PFN_WDF_DEVICE_SELF_MANAGED_IO_RESTART;
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND * PFN_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND;
typedef EVT_WDF_DEVICE_SET_LOCK * PFN_WDF_DEVICE_SET_LOCK;
typedef EVT_WDF_DEVICE_SHUTDOWN_NOTIFICATION * PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION;
typedef EVT_WDF_DEVICE_SURPRISE_REMOVAL * PFN_WDF_DEVICE_SURPRISE_REMOVAL;
typedef EVT_WDF_DEVICE_USAGE_NOTIFICATION * PFN_WDF_DEVICE_USAGE_NOTIFICATION;
typedef EVT_WDF_DEVICE_USAGE_NOTIFICATION_EX * PFN_WDF_DEVICE_USAGE_NOTIFICATION_EX;
typedef EVT_WDF_DEVICE_WAKE_FROM_S0_TRIGGERED * PFN_WDF_DEVICE_WAKE_FROM_S0_TRIGGERED;
typedef EVT_WDF_DEVICE_WAKE_FROM_SX_TRIGGERED * PFN_WDF_DEVICE_WAKE_FROM_SX_TRIGGERED;
typedef EVT_WDF_DMA_ENABLER_DISABLE * PFN_WDF_DMA_ENABLER_DISABLE;
typedef EVT_WDF_DMA_ENABLER_ENABLE * PFN_WDF_DMA_ENABLER_ENABLE;
typedef EVT_WDF_DMA_ENABLER_FILL * PFN_WDF_DMA_ENABLER_FILL;
typedef EVT_WDF_DMA_ENABLER_FLUSH * PFN_WDF_DMA_ENABLER_FLUSH;
typedef EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_START * PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_START;
typedef EVT_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP * PFN_WDF_DMA_ENABLER_SELFMANAGED_IO_STOP;
typedef EVT_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL * PFN_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL;
typedef EVT_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE * PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE;
typedef EVT_WDF_DPC * PFN_WDF_DPC;
typedef EVT_WDF_DRIVER_DEVICE_ADD * PFN_WDF_DRIVER_DEVICE_ADD;
typedef EVT_WDF_DRIVER_UNLOAD * PFN_WDF_DRIVER_UNLOAD;
typedef EVT_WDF_FILE_CLEANUP * PFN_WDF_FILE_CLEANUP;
typedef EVT_WDF_FILE_CLOSE * PFN_WDF_FILE_CLOSE;
typedef EVT_WDF_INTERRUPT_DISABLE * PFN_WDF_INTERRUPT_DISABLE;
typedef EVT_WDF_INTERRUPT_DPC * PFN_WDF_INTERRUPT_DPC;
typedef EVT_WDF_INTERRUPT_ENABLE * PFN_WDF_INTERRUPT_ENABLE;
typedef EVT_WDF_INTERRUPT_ISR * PFN_WDF_INTERRUPT_ISR;
typedef EVT_WDF_INTERRUPT_SYNCHRONIZE * PFN_WDF_INTERRUPT_SYNCHRONIZE;
typedef EVT_WDF_INTERRUPT_WORKITEM * PFN_WDF_INTERRUPT_WORKITEM;
typedef EVT_WDF_IO_ALLOCATE_REQUEST_RESOURCES * PFN_WDF_IO_ALLOCATE_REQUEST_RESOURCES;
typedef EVT_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST * PFN_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST;
typedef EVT_WDF_IO_IN_CALLER_CONTEXT * PFN_WDF_IO_IN_CALLER_CONTEXT;
typedef EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE * PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE;
typedef EVT_WDF_IO_QUEUE_IO_DEFAULT * PFN_WDF_IO_QUEUE_IO_DEFAULT;
typedef EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL * PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL;
typedef EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL * PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL;
typedef EVT_WDF_IO_QUEUE_IO_READ * PFN_WDF_IO_QUEUE_IO_READ;
typedef EVT_WDF_IO_QUEUE_IO_RESUME * PFN_WDF_IO_QUEUE_IO_RESUME;
typedef EVT_WDF_IO_QUEUE_IO_STOP * PFN_WDF_IO_QUEUE_IO_STOP;
typedef EVT_WDF_IO_QUEUE_IO_WRITE * PFN_WDF_IO_QUEUE_IO_WRITE;
typedef EVT_WDF_IO_QUEUE_STATE * PFN_WDF_IO_QUEUE_STATE;
typedef EVT_WDF_IO_TARGET_QUERY_REMOVE * PFN_WDF_IO_TARGET_QUERY_REMOVE;
typedef EVT_WDF_IO_TARGET_REMOVE_CANCELED * PFN_WDF_IO_TARGET_REMOVE_CANCELED;
typedef EVT_WDF_IO_TARGET_REMOVE_COMPLETE * PFN_WDF_IO_TARGET_REMOVE_COMPLETE;
typedef EVT_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS * PFN_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS;
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP * PFN_WDF_OBJECT_CONTEXT_CLEANUP;
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY * PFN_WDF_OBJECT_CONTEXT_DESTROY;
typedef EVT_WDF_PROGRAM_DMA * PFN_WDF_PROGRAM_DMA;
typedef EVT_WDF_REQUEST_CANCEL * PFN_WDF_REQUEST_CANCEL;
typedef EVT_WDF_REQUEST_COMPLETION_ROUTINE * PFN_WDF_REQUEST_COMPLETION_ROUTINE;
typedef EVT_WDF_RESERVE_DMA * PFN_WDF_RESERVE_DMA;
typedef EVT_WDF_TIMER * PFN_WDF_TIMER;
typedef EVT_WDF_TRACE_CALLBACK * PFN_WDF_TRACE_CALLBACK;
typedef EVT_WDF_WMI_INSTANCE_EXECUTE_METHOD * PFN_WDF_WMI_INSTANCE_EXECUTE_METHOD;
typedef EVT_WDF_WMI_INSTANCE_QUERY_INSTANCE * PFN_WDF_WMI_INSTANCE_QUERY_INSTANCE;
typedef EVT_WDF_WMI_INSTANCE_SET_INSTANCE * PFN_WDF_WMI_INSTANCE_SET_INSTANCE;
typedef EVT_WDF_WMI_INSTANCE_SET_ITEM * PFN_WDF_WMI_INSTANCE_SET_ITEM;
typedef EVT_WDF_WMI_PROVIDER_FUNCTION_CONTROL * PFN_WDF_WMI_PROVIDER_FUNCTION_CONTROL;
typedef EVT_WDF_WORKITEM * PFN_WDF_WORKITEM;
typedef PCWDF_OBJECT_CONTEXT_TYPE_INFO (*PFN_GET_UNIQUE_CONTEXT_TYPE)(void);
typedef struct _WDF_DRIVER_CONFIG {
    ULONG Size;
    PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd;
    PFN_WDF_DRIVER_UNLOAD EvtDriverUnload;
    ULONG DriverInitFlags;
    ULONG DriverPoolTag;
} WDF_DRIVER_CONFIG;
_Static_assert(sizeof(WDF_DRIVER_CONFIG) == 32, "WDF_DRIVER_CONFIG");
_Static_assert(__builtin_offsetof(WDF_DRIVER_CONFIG, Size) == 0, "WDF_DRIVER_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_DRIVER_CONFIG, EvtDriverDeviceAdd) == 8, "WDF_DRIVER_CONFIG.EvtDriverDeviceAdd");
_Static_assert(__builtin_offsetof(WDF_DRIVER_CONFIG, EvtDriverUnload) == 16, "WDF_DRIVER_CONFIG.EvtDriverUnload");
_Static_assert(__builtin_offsetof(WDF_DRIVER_CONFIG, DriverInitFlags) == 24, "WDF_DRIVER_CONFIG.DriverInitFlags");
_Static_assert(__builtin_offsetof(WDF_DRIVER_CONFIG, DriverPoolTag) == 28, "WDF_DRIVER_CONFIG.DriverPoolTag");
typedef struct _WDF_DRIVER_GLOBALS {
    WDFDRIVER Driver;
    ULONG DriverFlags;
    ULONG DriverTag;
    CHAR DriverName[32];
    BOOLEAN DisplaceDriverUnload;
} WDF_DRIVER_GLOBALS;
_Static_assert(sizeof(WDF_DRIVER_GLOBALS) == 56, "WDF_DRIVER_GLOBALS");
_Static_assert(__builtin_offsetof(WDF_DRIVER_GLOBALS, Driver) == 0, "WDF_DRIVER_GLOBALS.Driver");
_Static_assert(__builtin_offsetof(WDF_DRIVER_GLOBALS, DriverFlags) == 8, "WDF_DRIVER_GLOBALS.DriverFlags");
_Static_assert(__builtin_offsetof(WDF_DRIVER_GLOBALS, DriverTag) == 12, "WDF_DRIVER_GLOBALS.DriverTag");
_Static_assert(__builtin_offsetof(WDF_DRIVER_GLOBALS, DriverName) == 16, "WDF_DRIVER_GLOBALS.DriverName");
_Static_assert(__builtin_offsetof(WDF_DRIVER_GLOBALS, DisplaceDriverUnload) == 48, "WDF_DRIVER_GLOBALS.DisplaceDriverUnload");
typedef struct _WDF_OBJECT_ATTRIBUTES {
    ULONG Size;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP EvtCleanupCallback;
    PFN_WDF_OBJECT_CONTEXT_DESTROY EvtDestroyCallback;
    WDF_EXECUTION_LEVEL ExecutionLevel;
    WDF_SYNCHRONIZATION_SCOPE SynchronizationScope;
    WDFOBJECT ParentObject;
    size_t ContextSizeOverride;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO ContextTypeInfo;
} WDF_OBJECT_ATTRIBUTES;
_Static_assert(sizeof(WDF_OBJECT_ATTRIBUTES) == 56, "WDF_OBJECT_ATTRIBUTES");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, Size) == 0, "WDF_OBJECT_ATTRIBUTES.Size");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, EvtCleanupCallback) == 8, "WDF_OBJECT_ATTRIBUTES.EvtCleanupCallback");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, EvtDestroyCallback) == 16, "WDF_OBJECT_ATTRIBUTES.EvtDestroyCallback");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, ExecutionLevel) == 24, "WDF_OBJECT_ATTRIBUTES.ExecutionLevel");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, SynchronizationScope) == 28, "WDF_OBJECT_ATTRIBUTES.SynchronizationScope");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, ParentObject) == 32, "WDF_OBJECT_ATTRIBUTES.ParentObject");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, ContextSizeOverride) == 40, "WDF_OBJECT_ATTRIBUTES.ContextSizeOverride");
_Static_assert(__builtin_offsetof(WDF_OBJECT_ATTRIBUTES, ContextTypeInfo) == 48, "WDF_OBJECT_ATTRIBUTES.ContextTypeInfo");
typedef struct _WDF_FILEOBJECT_CONFIG {
    ULONG Size;
    PFN_WDF_DEVICE_FILE_CREATE EvtDeviceFileCreate;
    PFN_WDF_FILE_CLOSE EvtFileClose;
    PFN_WDF_FILE_CLEANUP EvtFileCleanup;
    WDF_TRI_STATE AutoForwardCleanupClose;
    WDF_FILEOBJECT_CLASS FileObjectClass;
} WDF_FILEOBJECT_CONFIG;
_Static_assert(sizeof(WDF_FILEOBJECT_CONFIG) == 40, "WDF_FILEOBJECT_CONFIG");
_Static_assert(__builtin_offsetof(WDF_FILEOBJECT_CONFIG, Size) == 0, "WDF_FILEOBJECT_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_FILEOBJECT_CONFIG, EvtDeviceFileCreate) == 8, "WDF_FILEOBJECT_CONFIG.EvtDeviceFileCreate");
_Static_assert(__builtin_offsetof(WDF_FILEOBJECT_CONFIG, EvtFileClose) == 16, "WDF_FILEOBJECT_CONFIG.EvtFileClose");
_Static_assert(__builtin_offsetof(WDF_FILEOBJECT_CONFIG, EvtFileCleanup) == 24, "WDF_FILEOBJECT_CONFIG.EvtFileCleanup");
_Static_assert(__builtin_offsetof(WDF_FILEOBJECT_CONFIG, AutoForwardCleanupClose) == 32, "WDF_FILEOBJECT_CONFIG.AutoForwardCleanupClose");
_Static_assert(__builtin_offsetof(WDF_FILEOBJECT_CONFIG, FileObjectClass) == 36, "WDF_FILEOBJECT_CONFIG.FileObjectClass");
typedef struct _WDF_IO_QUEUE_CONFIG {
    ULONG Size;
    WDF_IO_QUEUE_DISPATCH_TYPE DispatchType;
    WDF_TRI_STATE PowerManaged;
    BOOLEAN AllowZeroLengthRequests;
    BOOLEAN DefaultQueue;
    PFN_WDF_IO_QUEUE_IO_DEFAULT EvtIoDefault;
    PFN_WDF_IO_QUEUE_IO_READ EvtIoRead;
    PFN_WDF_IO_QUEUE_IO_WRITE EvtIoWrite;
    PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL EvtIoDeviceControl;
    PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL EvtIoInternalDeviceControl;
    PFN_WDF_IO_QUEUE_IO_STOP EvtIoStop;
    PFN_WDF_IO_QUEUE_IO_RESUME EvtIoResume;
    PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE EvtIoCanceledOnQueue;
    union {
        struct {
            ULONG NumberOfPresentedRequests;
        } Parallel;
    } Settings;
    WDFDRIVER Driver;
} WDF_IO_QUEUE_CONFIG;
_Static_assert(sizeof(WDF_IO_QUEUE_CONFIG) == 96, "WDF_IO_QUEUE_CONFIG");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, Size) == 0, "WDF_IO_QUEUE_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, DispatchType) == 4, "WDF_IO_QUEUE_CONFIG.DispatchType");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, PowerManaged) == 8, "WDF_IO_QUEUE_CONFIG.PowerManaged");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, AllowZeroLengthRequests) == 12, "WDF_IO_QUEUE_CONFIG.AllowZeroLengthRequests");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, DefaultQueue) == 13, "WDF_IO_QUEUE_CONFIG.DefaultQueue");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoDefault) == 16, "WDF_IO_QUEUE_CONFIG.EvtIoDefault");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoRead) == 24, "WDF_IO_QUEUE_CONFIG.EvtIoRead");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoWrite) == 32, "WDF_IO_QUEUE_CONFIG.EvtIoWrite");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoDeviceControl) == 40, "WDF_IO_QUEUE_CONFIG.EvtIoDeviceControl");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoInternalDeviceControl) == 48, "WDF_IO_QUEUE_CONFIG.EvtIoInternalDeviceControl");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoStop) == 56, "WDF_IO_QUEUE_CONFIG.EvtIoStop");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoResume) == 64, "WDF_IO_QUEUE_CONFIG.EvtIoResume");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, EvtIoCanceledOnQueue) == 72, "WDF_IO_QUEUE_CONFIG.EvtIoCanceledOnQueue");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, Settings) == 80, "WDF_IO_QUEUE_CONFIG.Settings");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, Settings.Parallel) == 80, "WDF_IO_QUEUE_CONFIG.Settings.Parallel");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, Settings.Parallel.NumberOfPresentedRequests) == 80, "WDF_IO_QUEUE_CONFIG.Settings.Parallel.NumberOfPresentedRequests");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_CONFIG, Driver) == 88, "WDF_IO_QUEUE_CONFIG.Driver");
typedef struct _WDF_TIMER_CONFIG {
    ULONG Size;
    PFN_WDF_TIMER EvtTimerFunc;
    ULONG Period;
    BOOLEAN AutomaticSerialization;
    ULONG TolerableDelay;
    __declspec(align(8)) BOOLEAN UseHighResolutionTimer;
} WDF_TIMER_CONFIG;
_Static_assert(sizeof(WDF_TIMER_CONFIG) == 40, "WDF_TIMER_CONFIG");
_Static_assert(__builtin_offsetof(WDF_TIMER_CONFIG, Size) == 0, "WDF_TIMER_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_TIMER_CONFIG, EvtTimerFunc) == 8, "WDF_TIMER_CONFIG.EvtTimerFunc");
_Static_assert(__builtin_offsetof(WDF_TIMER_CONFIG, Period) == 16, "WDF_TIMER_CONFIG.Period");
_Static_assert(__builtin_offsetof(WDF_TIMER_CONFIG, AutomaticSerialization) == 20, "WDF_TIMER_CONFIG.AutomaticSerialization");
_Static_assert(__builtin_offsetof(WDF_TIMER_CONFIG, TolerableDelay) == 24, "WDF_TIMER_CONFIG.TolerableDelay");
_Static_assert(__builtin_offsetof(WDF_TIMER_CONFIG, UseHighResolutionTimer) == 32, "WDF_TIMER_CONFIG.UseHighResolutionTimer");
typedef struct _WDF_WORKITEM_CONFIG {
    ULONG Size;
    PFN_WDF_WORKITEM EvtWorkItemFunc;
    BOOLEAN AutomaticSerialization;
} WDF_WORKITEM_CONFIG;
_Static_assert(sizeof(WDF_WORKITEM_CONFIG) == 24, "WDF_WORKITEM_CONFIG");
_Static_assert(__builtin_offsetof(WDF_WORKITEM_CONFIG, Size) == 0, "WDF_WORKITEM_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_WORKITEM_CONFIG, EvtWorkItemFunc) == 8, "WDF_WORKITEM_CONFIG.EvtWorkItemFunc");
_Static_assert(__builtin_offsetof(WDF_WORKITEM_CONFIG, AutomaticSerialization) == 16, "WDF_WORKITEM_CONFIG.AutomaticSerialization");
typedef struct _WDF_DPC_CONFIG {
    ULONG Size;
    PFN_WDF_DPC EvtDpcFunc;
    BOOLEAN AutomaticSerialization;
} WDF_DPC_CONFIG;
_Static_assert(sizeof(WDF_DPC_CONFIG) == 24, "WDF_DPC_CONFIG");
_Static_assert(__builtin_offsetof(WDF_DPC_CONFIG, Size) == 0, "WDF_DPC_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_DPC_CONFIG, EvtDpcFunc) == 8, "WDF_DPC_CONFIG.EvtDpcFunc");
_Static_assert(__builtin_offsetof(WDF_DPC_CONFIG, AutomaticSerialization) == 16, "WDF_DPC_CONFIG.AutomaticSerialization");
typedef struct _WDF_REQUEST_PARAMETERS {
    USHORT Size;
    UCHAR MinorFunction;
    WDF_REQUEST_TYPE Type;
    union {
        struct {
            PIO_SECURITY_CONTEXT SecurityContext;
            ULONG Options;
            __declspec(align(8)) USHORT FileAttributes;
            USHORT ShareAccess;
            __declspec(align(8)) ULONG EaLength;
        } Create;
        struct {
            size_t Length;
            ULONG Key;
            LONGLONG DeviceOffset;
        } Read;
        struct {
            size_t Length;
            ULONG Key;
            LONGLONG DeviceOffset;
        } Write;
        struct {
            size_t OutputBufferLength;
            size_t InputBufferLength;
            ULONG IoControlCode;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVOID Arg1;
            PVOID Arg2;
            ULONG IoControlCode;
            PVOID Arg4;
        } Others;
    } Parameters;
} WDF_REQUEST_PARAMETERS;
_Static_assert(sizeof(WDF_REQUEST_PARAMETERS) == 40, "WDF_REQUEST_PARAMETERS");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Size) == 0, "WDF_REQUEST_PARAMETERS.Size");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, MinorFunction) == 2, "WDF_REQUEST_PARAMETERS.MinorFunction");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Type) == 4, "WDF_REQUEST_PARAMETERS.Type");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters) == 8, "WDF_REQUEST_PARAMETERS.Parameters");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Create) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Create");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Create.SecurityContext) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Create.SecurityContext");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Create.Options) == 16, "WDF_REQUEST_PARAMETERS.Parameters.Create.Options");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Create.FileAttributes) == 24, "WDF_REQUEST_PARAMETERS.Parameters.Create.FileAttributes");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Create.ShareAccess) == 26, "WDF_REQUEST_PARAMETERS.Parameters.Create.ShareAccess");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Create.EaLength) == 32, "WDF_REQUEST_PARAMETERS.Parameters.Create.EaLength");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Read) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Read");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Read.Length) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Read.Length");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Read.Key) == 16, "WDF_REQUEST_PARAMETERS.Parameters.Read.Key");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Read.DeviceOffset) == 24, "WDF_REQUEST_PARAMETERS.Parameters.Read.DeviceOffset");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Write) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Write");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Write.Length) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Write.Length");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Write.Key) == 16, "WDF_REQUEST_PARAMETERS.Parameters.Write.Key");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Write.DeviceOffset) == 24, "WDF_REQUEST_PARAMETERS.Parameters.Write.DeviceOffset");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl) == 8, "WDF_REQUEST_PARAMETERS.Parameters.DeviceIoControl");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.OutputBufferLength) == 8, "WDF_REQUEST_PARAMETERS.Parameters.DeviceIoControl.OutputBufferLength");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.InputBufferLength) == 16, "WDF_REQUEST_PARAMETERS.Parameters.DeviceIoControl.InputBufferLength");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.IoControlCode) == 24, "WDF_REQUEST_PARAMETERS.Parameters.DeviceIoControl.IoControlCode");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.Type3InputBuffer) == 32, "WDF_REQUEST_PARAMETERS.Parameters.DeviceIoControl.Type3InputBuffer");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Others) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Others");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Others.Arg1) == 8, "WDF_REQUEST_PARAMETERS.Parameters.Others.Arg1");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Others.Arg2) == 16, "WDF_REQUEST_PARAMETERS.Parameters.Others.Arg2");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Others.IoControlCode) == 24, "WDF_REQUEST_PARAMETERS.Parameters.Others.IoControlCode");
_Static_assert(__builtin_offsetof(WDF_REQUEST_PARAMETERS, Parameters.Others.Arg4) == 32, "WDF_REQUEST_PARAMETERS.Parameters.Others.Arg4");
typedef struct _WDF_OBJECT_CONTEXT_TYPE_INFO {
    ULONG Size;
    LPCSTR ContextName;
    size_t ContextSize;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO UniqueType;
    PFN_GET_UNIQUE_CONTEXT_TYPE EvtDriverGetUniqueContextType;
} WDF_OBJECT_CONTEXT_TYPE_INFO;
_Static_assert(sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO) == 40, "WDF_OBJECT_CONTEXT_TYPE_INFO");
_Static_assert(__builtin_offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, Size) == 0, "WDF_OBJECT_CONTEXT_TYPE_INFO.Size");
_Static_assert(__builtin_offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, ContextName) == 8, "WDF_OBJECT_CONTEXT_TYPE_INFO.ContextName");
_Static_assert(__builtin_offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, ContextSize) == 16, "WDF_OBJECT_CONTEXT_TYPE_INFO.ContextSize");
_Static_assert(__builtin_offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, UniqueType) == 24, "WDF_OBJECT_CONTEXT_TYPE_INFO.UniqueType");
_Static_assert(__builtin_offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, EvtDriverGetUniqueContextType) == 32, "WDF_OBJECT_CONTEXT_TYPE_INFO.EvtDriverGetUniqueContextType");
typedef struct _WDF_REQUEST_COMPLETION_PARAMS {
    ULONG Size;
    WDF_REQUEST_TYPE Type;
    struct _IO_STATUS_BLOCK IoStatus;
    union {
        struct {
            WDFMEMORY Buffer;
            size_t Length;
            size_t Offset;
        } Write;
        struct {
            WDFMEMORY Buffer;
            size_t Length;
            size_t Offset;
        } Read;
        struct {
            ULONG IoControlCode;
            struct {
                WDFMEMORY Buffer;
                size_t Offset;
            } Input;
            struct {
                WDFMEMORY Buffer;
                size_t Offset;
                size_t Length;
            } Output;
        } Ioctl;
        struct {
            union {
                PVOID Ptr;
                ULONG_PTR Value;
            } Argument1;
            union {
                PVOID Ptr;
                ULONG_PTR Value;
            } Argument2;
            union {
                PVOID Ptr;
                ULONG_PTR Value;
            } Argument3;
            union {
                PVOID Ptr;
                ULONG_PTR Value;
            } Argument4;
        } Others;
        struct {
            PWDF_USB_REQUEST_COMPLETION_PARAMS Completion;
        } Usb;
    } Parameters;
} WDF_REQUEST_COMPLETION_PARAMS;
_Static_assert(sizeof(WDF_REQUEST_COMPLETION_PARAMS) == 72, "WDF_REQUEST_COMPLETION_PARAMS");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Size) == 0, "WDF_REQUEST_COMPLETION_PARAMS.Size");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Type) == 4, "WDF_REQUEST_COMPLETION_PARAMS.Type");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, IoStatus) == 8, "WDF_REQUEST_COMPLETION_PARAMS.IoStatus");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Write) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Write");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Write.Buffer) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Write.Buffer");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Write.Length) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Write.Length");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Write.Offset) == 40, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Write.Offset");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Read) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Read");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Read.Buffer) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Read.Buffer");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Read.Length) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Read.Length");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Read.Offset) == 40, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Read.Offset");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.IoControlCode) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.IoControlCode");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Input) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Input");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Input.Buffer) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Input.Buffer");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Input.Offset) == 40, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Input.Offset");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Output) == 48, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Output");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Output.Buffer) == 48, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Output.Buffer");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Output.Offset) == 56, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Output.Offset");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Ioctl.Output.Length) == 64, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Ioctl.Output.Length");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument1) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument1");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument1.Ptr) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument1.Ptr");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument1.Value) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument1.Value");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument2) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument2");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument2.Ptr) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument2.Ptr");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument2.Value) == 32, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument2.Value");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument3) == 40, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument3");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument3.Ptr) == 40, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument3.Ptr");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument3.Value) == 40, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument3.Value");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument4) == 48, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument4");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument4.Ptr) == 48, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument4.Ptr");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Others.Argument4.Value) == 48, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Others.Argument4.Value");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Usb) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Usb");
_Static_assert(__builtin_offsetof(WDF_REQUEST_COMPLETION_PARAMS, Parameters.Usb.Completion) == 24, "WDF_REQUEST_COMPLETION_PARAMS.Parameters.Usb.Completion");
typedef struct _WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY {
    ULONG Size;
    ULONG TotalForwardProgressRequests;
    WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY ForwardProgressReservedPolicy;
    union _WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY_SETTINGS {
        union {
            struct {
                PFN_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS EvtIoWdmIrpForForwardProgress;
            } ExaminePolicy;
        } Policy;
    } ForwardProgressReservePolicySettings;
    PFN_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST EvtIoAllocateResourcesForReservedRequest;
    PFN_WDF_IO_ALLOCATE_REQUEST_RESOURCES EvtIoAllocateRequestResources;
} WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY;
_Static_assert(sizeof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY) == 40, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, Size) == 0, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.Size");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, TotalForwardProgressRequests) == 4, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.TotalForwardProgressRequests");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, ForwardProgressReservedPolicy) == 8, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.ForwardProgressReservedPolicy");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, ForwardProgressReservePolicySettings) == 16, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.ForwardProgressReservePolicySettings");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, ForwardProgressReservePolicySettings.Policy) == 16, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.ForwardProgressReservePolicySettings.Policy");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, ForwardProgressReservePolicySettings.Policy.ExaminePolicy) == 16, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.ForwardProgressReservePolicySettings.Policy.ExaminePolicy");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, ForwardProgressReservePolicySettings.Policy.ExaminePolicy.EvtIoWdmIrpForForwardProgress) == 16, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.ForwardProgressReservePolicySettings.Policy.ExaminePolicy.EvtIoWdmIrpForForwardProgress");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, EvtIoAllocateResourcesForReservedRequest) == 24, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.EvtIoAllocateResourcesForReservedRequest");
_Static_assert(__builtin_offsetof(WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY, EvtIoAllocateRequestResources) == 32, "WDF_IO_QUEUE_FORWARD_PROGRESS_POLICY.EvtIoAllocateRequestResources");
typedef struct _WDF_MEMORY_DESCRIPTOR {
    WDF_MEMORY_DESCRIPTOR_TYPE Type;
    union {
        struct {
            PVOID Buffer;
            ULONG Length;
        } BufferType;
        struct {
            PMDL Mdl;
            ULONG BufferLength;
        } MdlType;
        struct {
            WDFMEMORY Memory;
            PWDFMEMORY_OFFSET Offsets;
        } HandleType;
    } u;
} WDF_MEMORY_DESCRIPTOR;
_Static_assert(sizeof(WDF_MEMORY_DESCRIPTOR) == 24, "WDF_MEMORY_DESCRIPTOR");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, Type) == 0, "WDF_MEMORY_DESCRIPTOR.Type");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u) == 8, "WDF_MEMORY_DESCRIPTOR.u");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.BufferType) == 8, "WDF_MEMORY_DESCRIPTOR.u.BufferType");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.BufferType.Buffer) == 8, "WDF_MEMORY_DESCRIPTOR.u.BufferType.Buffer");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.BufferType.Length) == 16, "WDF_MEMORY_DESCRIPTOR.u.BufferType.Length");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.MdlType) == 8, "WDF_MEMORY_DESCRIPTOR.u.MdlType");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.MdlType.Mdl) == 8, "WDF_MEMORY_DESCRIPTOR.u.MdlType.Mdl");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.MdlType.BufferLength) == 16, "WDF_MEMORY_DESCRIPTOR.u.MdlType.BufferLength");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.HandleType) == 8, "WDF_MEMORY_DESCRIPTOR.u.HandleType");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.HandleType.Memory) == 8, "WDF_MEMORY_DESCRIPTOR.u.HandleType.Memory");
_Static_assert(__builtin_offsetof(WDF_MEMORY_DESCRIPTOR, u.HandleType.Offsets) == 16, "WDF_MEMORY_DESCRIPTOR.u.HandleType.Offsets");
typedef struct _WDF_COMMON_BUFFER_CONFIG {
    ULONG Size;
    ULONG AlignmentRequirement;
} WDF_COMMON_BUFFER_CONFIG;
_Static_assert(sizeof(WDF_COMMON_BUFFER_CONFIG) == 8, "WDF_COMMON_BUFFER_CONFIG");
_Static_assert(__builtin_offsetof(WDF_COMMON_BUFFER_CONFIG, Size) == 0, "WDF_COMMON_BUFFER_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_COMMON_BUFFER_CONFIG, AlignmentRequirement) == 4, "WDF_COMMON_BUFFER_CONFIG.AlignmentRequirement");
typedef struct _WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
    ULONG Size;
    ULONG MajorVersion;
    ULONG MinorVersion;
} WDF_DRIVER_VERSION_AVAILABLE_PARAMS;
_Static_assert(sizeof(WDF_DRIVER_VERSION_AVAILABLE_PARAMS) == 12, "WDF_DRIVER_VERSION_AVAILABLE_PARAMS");
_Static_assert(__builtin_offsetof(WDF_DRIVER_VERSION_AVAILABLE_PARAMS, Size) == 0, "WDF_DRIVER_VERSION_AVAILABLE_PARAMS.Size");
_Static_assert(__builtin_offsetof(WDF_DRIVER_VERSION_AVAILABLE_PARAMS, MajorVersion) == 4, "WDF_DRIVER_VERSION_AVAILABLE_PARAMS.MajorVersion");
_Static_assert(__builtin_offsetof(WDF_DRIVER_VERSION_AVAILABLE_PARAMS, MinorVersion) == 8, "WDF_DRIVER_VERSION_AVAILABLE_PARAMS.MinorVersion");
typedef struct _WDF_DEVICE_STATE {
    ULONG Size;
    WDF_TRI_STATE Disabled;
    WDF_TRI_STATE DontDisplayInUI;
    WDF_TRI_STATE Failed;
    WDF_TRI_STATE NotDisableable;
    WDF_TRI_STATE Removed;
    WDF_TRI_STATE ResourcesChanged;
    WDF_TRI_STATE AssignedToGuest;
} WDF_DEVICE_STATE;
_Static_assert(sizeof(WDF_DEVICE_STATE) == 32, "WDF_DEVICE_STATE");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, Size) == 0, "WDF_DEVICE_STATE.Size");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, Disabled) == 4, "WDF_DEVICE_STATE.Disabled");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, DontDisplayInUI) == 8, "WDF_DEVICE_STATE.DontDisplayInUI");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, Failed) == 12, "WDF_DEVICE_STATE.Failed");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, NotDisableable) == 16, "WDF_DEVICE_STATE.NotDisableable");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, Removed) == 20, "WDF_DEVICE_STATE.Removed");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, ResourcesChanged) == 24, "WDF_DEVICE_STATE.ResourcesChanged");
_Static_assert(__builtin_offsetof(WDF_DEVICE_STATE, AssignedToGuest) == 28, "WDF_DEVICE_STATE.AssignedToGuest");
typedef struct _WDF_QUERY_INTERFACE_CONFIG {
    ULONG Size;
    PINTERFACE Interface;
    const GUID * InterfaceType;
    BOOLEAN SendQueryToParentStack;
    PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST EvtDeviceProcessQueryInterfaceRequest;
    BOOLEAN ImportInterface;
} WDF_QUERY_INTERFACE_CONFIG;
_Static_assert(sizeof(WDF_QUERY_INTERFACE_CONFIG) == 48, "WDF_QUERY_INTERFACE_CONFIG");
_Static_assert(__builtin_offsetof(WDF_QUERY_INTERFACE_CONFIG, Size) == 0, "WDF_QUERY_INTERFACE_CONFIG.Size");
_Static_assert(__builtin_offsetof(WDF_QUERY_INTERFACE_CONFIG, Interface) == 8, "WDF_QUERY_INTERFACE_CONFIG.Interface");
_Static_assert(__builtin_offsetof(WDF_QUERY_INTERFACE_CONFIG, InterfaceType) == 16, "WDF_QUERY_INTERFACE_CONFIG.InterfaceType");
_Static_assert(__builtin_offsetof(WDF_QUERY_INTERFACE_CONFIG, SendQueryToParentStack) == 24, "WDF_QUERY_INTERFACE_CONFIG.SendQueryToParentStack");
_Static_assert(__builtin_offsetof(WDF_QUERY_INTERFACE_CONFIG, EvtDeviceProcessQueryInterfaceRequest) == 32, "WDF_QUERY_INTERFACE_CONFIG.EvtDeviceProcessQueryInterfaceRequest");
_Static_assert(__builtin_offsetof(WDF_QUERY_INTERFACE_CONFIG, ImportInterface) == 40, "WDF_QUERY_INTERFACE_CONFIG.ImportInterface");
typedef struct _WDF_IO_TARGET_OPEN_PARAMS {
    ULONG Size;
    WDF_IO_TARGET_OPEN_TYPE Type;
    PFN_WDF_IO_TARGET_QUERY_REMOVE EvtIoTargetQueryRemove;
    PFN_WDF_IO_TARGET_REMOVE_CANCELED EvtIoTargetRemoveCanceled;
    PFN_WDF_IO_TARGET_REMOVE_COMPLETE EvtIoTargetRemoveComplete;
    PDEVICE_OBJECT TargetDeviceObject;
    PFILE_OBJECT TargetFileObject;
    struct _UNICODE_STRING TargetDeviceName;
    ACCESS_MASK DesiredAccess;
    ULONG ShareAccess;
    ULONG FileAttributes;
    ULONG CreateDisposition;
    ULONG CreateOptions;
    PVOID EaBuffer;
    ULONG EaBufferLength;
    PLONGLONG AllocationSize;
    ULONG FileInformation;
    struct _UNICODE_STRING FileName;
} WDF_IO_TARGET_OPEN_PARAMS;
_Static_assert(sizeof(WDF_IO_TARGET_OPEN_PARAMS) == 136, "WDF_IO_TARGET_OPEN_PARAMS");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, Size) == 0, "WDF_IO_TARGET_OPEN_PARAMS.Size");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, Type) == 4, "WDF_IO_TARGET_OPEN_PARAMS.Type");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, EvtIoTargetQueryRemove) == 8, "WDF_IO_TARGET_OPEN_PARAMS.EvtIoTargetQueryRemove");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, EvtIoTargetRemoveCanceled) == 16, "WDF_IO_TARGET_OPEN_PARAMS.EvtIoTargetRemoveCanceled");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, EvtIoTargetRemoveComplete) == 24, "WDF_IO_TARGET_OPEN_PARAMS.EvtIoTargetRemoveComplete");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, TargetDeviceObject) == 32, "WDF_IO_TARGET_OPEN_PARAMS.TargetDeviceObject");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, TargetFileObject) == 40, "WDF_IO_TARGET_OPEN_PARAMS.TargetFileObject");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, TargetDeviceName) == 48, "WDF_IO_TARGET_OPEN_PARAMS.TargetDeviceName");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, DesiredAccess) == 64, "WDF_IO_TARGET_OPEN_PARAMS.DesiredAccess");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, ShareAccess) == 68, "WDF_IO_TARGET_OPEN_PARAMS.ShareAccess");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, FileAttributes) == 72, "WDF_IO_TARGET_OPEN_PARAMS.FileAttributes");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, CreateDisposition) == 76, "WDF_IO_TARGET_OPEN_PARAMS.CreateDisposition");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, CreateOptions) == 80, "WDF_IO_TARGET_OPEN_PARAMS.CreateOptions");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, EaBuffer) == 88, "WDF_IO_TARGET_OPEN_PARAMS.EaBuffer");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, EaBufferLength) == 96, "WDF_IO_TARGET_OPEN_PARAMS.EaBufferLength");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, AllocationSize) == 104, "WDF_IO_TARGET_OPEN_PARAMS.AllocationSize");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, FileInformation) == 112, "WDF_IO_TARGET_OPEN_PARAMS.FileInformation");
_Static_assert(__builtin_offsetof(WDF_IO_TARGET_OPEN_PARAMS, FileName) == 120, "WDF_IO_TARGET_OPEN_PARAMS.FileName");
typedef NTSTATUS (*PFN_WDFCHILDLISTADDORUPDATECHILDDESCRIPTIONASPRESENT)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef void (*PFN_WDFCHILDLISTBEGINITERATION)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_LIST_ITERATOR);
typedef void (*PFN_WDFCHILDLISTBEGINSCAN)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST);
typedef NTSTATUS (*PFN_WDFCHILDLISTCREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_CHILD_LIST_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFCHILDLIST *);
typedef void (*PFN_WDFCHILDLISTENDITERATION)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_LIST_ITERATOR);
typedef void (*PFN_WDFCHILDLISTENDSCAN)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST);
typedef WDFDEVICE (*PFN_WDFCHILDLISTGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST);
typedef BOOLEAN (*PFN_WDFCHILDLISTREQUESTCHILDEJECT)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef NTSTATUS (*PFN_WDFCHILDLISTRETRIEVEADDRESSDESCRIPTION)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef NTSTATUS (*PFN_WDFCHILDLISTRETRIEVENEXTDEVICE)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_LIST_ITERATOR, WDFDEVICE *, PWDF_CHILD_RETRIEVE_INFO);
typedef WDFDEVICE (*PFN_WDFCHILDLISTRETRIEVEPDO)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_RETRIEVE_INFO);
typedef void (*PFN_WDFCHILDLISTUPDATEALLCHILDDESCRIPTIONSASPRESENT)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST);
typedef NTSTATUS (*PFN_WDFCHILDLISTUPDATECHILDDESCRIPTIONASMISSING)(PWDF_DRIVER_GLOBALS, WDFCHILDLIST, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef NTSTATUS (*PFN_WDFCMRESOURCELISTAPPENDDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFCMRESLIST, PCM_PARTIAL_RESOURCE_DESCRIPTOR);
typedef ULONG (*PFN_WDFCMRESOURCELISTGETCOUNT)(PWDF_DRIVER_GLOBALS, WDFCMRESLIST);
typedef PCM_PARTIAL_RESOURCE_DESCRIPTOR (*PFN_WDFCMRESOURCELISTGETDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFCMRESLIST, ULONG);
typedef NTSTATUS (*PFN_WDFCMRESOURCELISTINSERTDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFCMRESLIST, PCM_PARTIAL_RESOURCE_DESCRIPTOR, ULONG);
typedef void (*PFN_WDFCMRESOURCELISTREMOVE)(PWDF_DRIVER_GLOBALS, WDFCMRESLIST, ULONG);
typedef void (*PFN_WDFCMRESOURCELISTREMOVEBYDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFCMRESLIST, PCM_PARTIAL_RESOURCE_DESCRIPTOR);
typedef NTSTATUS (*PFN_WDFCOLLECTIONADD)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION, WDFOBJECT);
typedef NTSTATUS (*PFN_WDFCOLLECTIONCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFCOLLECTION *);
typedef ULONG (*PFN_WDFCOLLECTIONGETCOUNT)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION);
typedef WDFOBJECT (*PFN_WDFCOLLECTIONGETFIRSTITEM)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION);
typedef WDFOBJECT (*PFN_WDFCOLLECTIONGETITEM)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION, ULONG);
typedef WDFOBJECT (*PFN_WDFCOLLECTIONGETLASTITEM)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION);
typedef void (*PFN_WDFCOLLECTIONREMOVE)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION, WDFOBJECT);
typedef void (*PFN_WDFCOLLECTIONREMOVEITEM)(PWDF_DRIVER_GLOBALS, WDFCOLLECTION, ULONG);
typedef NTSTATUS (*PFN_WDFCOMMONBUFFERCREATE)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, size_t, PWDF_OBJECT_ATTRIBUTES, WDFCOMMONBUFFER *);
typedef NTSTATUS (*PFN_WDFCOMMONBUFFERCREATEWITHCONFIG)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, size_t, PWDF_COMMON_BUFFER_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFCOMMONBUFFER *);
typedef PHYSICAL_ADDRESS (*PFN_WDFCOMMONBUFFERGETALIGNEDLOGICALADDRESS)(PWDF_DRIVER_GLOBALS, WDFCOMMONBUFFER);
typedef PVOID (*PFN_WDFCOMMONBUFFERGETALIGNEDVIRTUALADDRESS)(PWDF_DRIVER_GLOBALS, WDFCOMMONBUFFER);
typedef size_t (*PFN_WDFCOMMONBUFFERGETLENGTH)(PWDF_DRIVER_GLOBALS, WDFCOMMONBUFFER);
typedef NTSTATUS (*PFN_WDFCOMPANIONTARGETSENDTASKSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFCOMPANIONTARGET, USHORT, ULONG, PWDF_MEMORY_DESCRIPTOR, PWDF_MEMORY_DESCRIPTOR, PWDF_TASK_SEND_OPTIONS, PULONG_PTR);
typedef PEPROCESS (*PFN_WDFCOMPANIONTARGETWDMGETCOMPANIONPROCESS)(PWDF_DRIVER_GLOBALS, WDFCOMPANIONTARGET);
typedef PWDFDEVICE_INIT (*PFN_WDFCONTROLDEVICEINITALLOCATE)(PWDF_DRIVER_GLOBALS, WDFDRIVER, const UNICODE_STRING *);
typedef void (*PFN_WDFCONTROLDEVICEINITSETSHUTDOWNNOTIFICATION)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION, UCHAR);
typedef void (*PFN_WDFCONTROLFINISHINITIALIZING)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFDEVICEADDDEPENDENTUSAGEDEVICEOBJECT)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PDEVICE_OBJECT);
typedef NTSTATUS (*PFN_WDFDEVICEADDQUERYINTERFACE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_QUERY_INTERFACE_CONFIG);
typedef NTSTATUS (*PFN_WDFDEVICEADDREMOVALRELATIONSPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PDEVICE_OBJECT);
typedef NTSTATUS (*PFN_WDFDEVICEALLOCANDQUERYPROPERTY)(PWDF_DRIVER_GLOBALS, WDFDEVICE, DEVICE_REGISTRY_PROPERTY, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFDEVICEALLOCANDQUERYPROPERTYEX)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_PROPERTY_DATA, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY *, PDEVPROPTYPE);
typedef NTSTATUS (*PFN_WDFDEVICEASSIGNMOFRESOURCENAME)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFDEVICEASSIGNPROPERTY)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_PROPERTY_DATA, DEVPROPTYPE, ULONG, PVOID);
typedef NTSTATUS (*PFN_WDFDEVICEASSIGNS0IDLESETTINGS)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_POWER_POLICY_IDLE_SETTINGS);
typedef NTSTATUS (*PFN_WDFDEVICEASSIGNSXWAKESETTINGS)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_POWER_POLICY_WAKE_SETTINGS);
typedef void (*PFN_WDFDEVICECLEARREMOVALRELATIONSDEVICES)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFDEVICECONFIGUREREQUESTDISPATCHING)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFQUEUE, WDF_REQUEST_TYPE);
typedef NTSTATUS (*PFN_WDFDEVICECONFIGUREWDMIRPDISPATCHCALLBACK)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFDRIVER, UCHAR, PFN_WDFDEVICE_WDM_IRP_DISPATCH, WDFCONTEXT);
typedef NTSTATUS (*PFN_WDFDEVICECREATE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT *, PWDF_OBJECT_ATTRIBUTES, WDFDEVICE *);
typedef NTSTATUS (*PFN_WDFDEVICECREATEDEVICEINTERFACE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, const GUID *, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFDEVICECREATESYMBOLICLINK)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFDEVICEENQUEUEREQUEST)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFREQUEST);
typedef ULONG (*PFN_WDFDEVICEGETALIGNMENTREQUIREMENT)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef ULONG (*PFN_WDFDEVICEGETCHARACTERISTICS)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDFQUEUE (*PFN_WDFDEVICEGETDEFAULTQUEUE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDF_DEVICE_PNP_STATE (*PFN_WDFDEVICEGETDEVICEPNPSTATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDF_DEVICE_POWER_POLICY_STATE (*PFN_WDFDEVICEGETDEVICEPOWERPOLICYSTATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDF_DEVICE_POWER_STATE (*PFN_WDFDEVICEGETDEVICEPOWERSTATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef void (*PFN_WDFDEVICEGETDEVICESTATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_STATE);
typedef WDFDRIVER (*PFN_WDFDEVICEGETDRIVER)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDFFILEOBJECT (*PFN_WDFDEVICEGETFILEOBJECT)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PFILE_OBJECT);
typedef WDFIOTARGET (*PFN_WDFDEVICEGETIOTARGET)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef POWER_ACTION (*PFN_WDFDEVICEGETSYSTEMPOWERACTION)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFDEVICEINDICATEWAKESTATUS)(PWDF_DRIVER_GLOBALS, WDFDEVICE, NTSTATUS);
typedef NTSTATUS (*PFN_WDFDEVICEINITASSIGNNAME)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFDEVICEINITASSIGNSDDLSTRING)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFDEVICEINITASSIGNWDMIRPPREPROCESSCALLBACK)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PFN_WDFDEVICE_WDM_IRP_PREPROCESS, UCHAR, PUCHAR, ULONG);
typedef void (*PFN_WDFDEVICEINITFREE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef NTSTATUS (*PFN_WDFDEVICEINITREGISTERPNPSTATECHANGECALLBACK)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, WDF_DEVICE_PNP_STATE, PFN_WDF_DEVICE_PNP_STATE_CHANGE_NOTIFICATION, ULONG);
typedef NTSTATUS (*PFN_WDFDEVICEINITREGISTERPOWERPOLICYSTATECHANGECALLBACK)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, WDF_DEVICE_POWER_POLICY_STATE, PFN_WDF_DEVICE_POWER_POLICY_STATE_CHANGE_NOTIFICATION, ULONG);
typedef NTSTATUS (*PFN_WDFDEVICEINITREGISTERPOWERSTATECHANGECALLBACK)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, WDF_DEVICE_POWER_STATE, PFN_WDF_DEVICE_POWER_STATE_CHANGE_NOTIFICATION, ULONG);
typedef void (*PFN_WDFDEVICEINITSETCHARACTERISTICS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, ULONG, BOOLEAN);
typedef void (*PFN_WDFDEVICEINITSETDEVICECLASS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, const GUID *);
typedef void (*PFN_WDFDEVICEINITSETDEVICETYPE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, ULONG);
typedef void (*PFN_WDFDEVICEINITSETEXCLUSIVE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, BOOLEAN);
typedef void (*PFN_WDFDEVICEINITSETFILEOBJECTCONFIG)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_FILEOBJECT_CONFIG, PWDF_OBJECT_ATTRIBUTES);
typedef void (*PFN_WDFDEVICEINITSETIOINCALLERCONTEXTCALLBACK)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PFN_WDF_IO_IN_CALLER_CONTEXT);
typedef void (*PFN_WDFDEVICEINITSETIOTYPE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, WDF_DEVICE_IO_TYPE);
typedef void (*PFN_WDFDEVICEINITSETIOTYPEEX)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_IO_TYPE_CONFIG);
typedef void (*PFN_WDFDEVICEINITSETPNPPOWEREVENTCALLBACKS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_PNPPOWER_EVENT_CALLBACKS);
typedef void (*PFN_WDFDEVICEINITSETPOWERINRUSH)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef void (*PFN_WDFDEVICEINITSETPOWERNOTPAGEABLE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef void (*PFN_WDFDEVICEINITSETPOWERPAGEABLE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef void (*PFN_WDFDEVICEINITSETPOWERPOLICYEVENTCALLBACKS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_POWER_POLICY_EVENT_CALLBACKS);
typedef void (*PFN_WDFDEVICEINITSETPOWERPOLICYOWNERSHIP)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, BOOLEAN);
typedef void (*PFN_WDFDEVICEINITSETRELEASEHARDWAREORDERONFAILURE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE);
typedef void (*PFN_WDFDEVICEINITSETREMOVELOCKOPTIONS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_REMOVE_LOCK_OPTIONS);
typedef void (*PFN_WDFDEVICEINITSETREQUESTATTRIBUTES)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_OBJECT_ATTRIBUTES);
typedef NTSTATUS (*PFN_WDFDEVICEOPENDEVICEMAPKEY)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PCUNICODE_STRING, ACCESS_MASK, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFDEVICEOPENREGISTRYKEY)(PWDF_DRIVER_GLOBALS, WDFDEVICE, ULONG, ACCESS_MASK, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFDEVICEQUERYPROPERTY)(PWDF_DRIVER_GLOBALS, WDFDEVICE, DEVICE_REGISTRY_PROPERTY, ULONG, PVOID, PULONG);
typedef NTSTATUS (*PFN_WDFDEVICEQUERYPROPERTYEX)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_PROPERTY_DATA, ULONG, PVOID, PULONG, PDEVPROPTYPE);
typedef void (*PFN_WDFDEVICEREMOVEDEPENDENTUSAGEDEVICEOBJECT)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PDEVICE_OBJECT);
typedef void (*PFN_WDFDEVICEREMOVEREMOVALRELATIONSPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PDEVICE_OBJECT);
typedef void (*PFN_WDFDEVICERESUMEIDLEACTUAL)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PVOID, LONG, PCCH);
typedef void (*PFN_WDFDEVICERESUMEIDLENOTRACK)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFDEVICERETRIEVECOMPANIONTARGET)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFCOMPANIONTARGET *);
typedef NTSTATUS (*PFN_WDFDEVICERETRIEVEDEVICEINTERFACESTRING)(PWDF_DRIVER_GLOBALS, WDFDEVICE, const GUID *, PCUNICODE_STRING, WDFSTRING);
typedef NTSTATUS (*PFN_WDFDEVICERETRIEVEDEVICENAME)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFSTRING);
typedef void (*PFN_WDFDEVICESETALIGNMENTREQUIREMENT)(PWDF_DRIVER_GLOBALS, WDFDEVICE, ULONG);
typedef void (*PFN_WDFDEVICESETBUSINFORMATIONFORCHILDREN)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PPNP_BUS_INFORMATION);
typedef void (*PFN_WDFDEVICESETCHARACTERISTICS)(PWDF_DRIVER_GLOBALS, WDFDEVICE, ULONG);
typedef void (*PFN_WDFDEVICESETDEVICEINTERFACESTATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, const GUID *, PCUNICODE_STRING, BOOLEAN);
typedef void (*PFN_WDFDEVICESETDEVICEINTERFACESTATEEX)(PWDF_DRIVER_GLOBALS, WDFDEVICE, const GUID *, PCUNICODE_STRING, BOOLEAN);
typedef void (*PFN_WDFDEVICESETDEVICESTATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_STATE);
typedef void (*PFN_WDFDEVICESETFAILED)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDF_DEVICE_FAILED_ACTION);
typedef void (*PFN_WDFDEVICESETPNPCAPABILITIES)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_PNP_CAPABILITIES);
typedef void (*PFN_WDFDEVICESETPOWERCAPABILITIES)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DEVICE_POWER_CAPABILITIES);
typedef void (*PFN_WDFDEVICESETSPECIALFILESUPPORT)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDF_SPECIAL_FILE_TYPE, BOOLEAN);
typedef void (*PFN_WDFDEVICESETSTATICSTOPREMOVE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, BOOLEAN);
typedef NTSTATUS (*PFN_WDFDEVICESTOPIDLEACTUAL)(PWDF_DRIVER_GLOBALS, WDFDEVICE, BOOLEAN, PVOID, LONG, PCCH);
typedef NTSTATUS (*PFN_WDFDEVICESTOPIDLENOTRACK)(PWDF_DRIVER_GLOBALS, WDFDEVICE, BOOLEAN);
typedef NTSTATUS (*PFN_WDFDEVICEWDMASSIGNPOWERFRAMEWORKSETTINGS)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_POWER_FRAMEWORK_SETTINGS);
typedef NTSTATUS (*PFN_WDFDEVICEWDMDISPATCHIRP)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PIRP, WDFCONTEXT);
typedef NTSTATUS (*PFN_WDFDEVICEWDMDISPATCHIRPTOIOQUEUE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PIRP, WDFQUEUE, ULONG);
typedef NTSTATUS (*PFN_WDFDEVICEWDMDISPATCHPREPROCESSEDIRP)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PIRP);
typedef PDEVICE_OBJECT (*PFN_WDFDEVICEWDMGETATTACHEDDEVICE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef PDEVICE_OBJECT (*PFN_WDFDEVICEWDMGETDEVICEOBJECT)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef PDEVICE_OBJECT (*PFN_WDFDEVICEWDMGETPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFDMAENABLERCONFIGURESYSTEMPROFILE)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, PWDF_DMA_SYSTEM_PROFILE_CONFIG, WDF_DMA_DIRECTION);
typedef NTSTATUS (*PFN_WDFDMAENABLERCREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_DMA_ENABLER_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFDMAENABLER *);
typedef size_t (*PFN_WDFDMAENABLERGETFRAGMENTLENGTH)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, WDF_DMA_DIRECTION);
typedef size_t (*PFN_WDFDMAENABLERGETMAXIMUMLENGTH)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER);
typedef size_t (*PFN_WDFDMAENABLERGETMAXIMUMSCATTERGATHERELEMENTS)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER);
typedef void (*PFN_WDFDMAENABLERSETMAXIMUMSCATTERGATHERELEMENTS)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, size_t);
typedef PDMA_ADAPTER (*PFN_WDFDMAENABLERWDMGETDMAADAPTER)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, WDF_DMA_DIRECTION);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONALLOCATERESOURCES)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, WDF_DMA_DIRECTION, ULONG, PFN_WDF_RESERVE_DMA, PVOID);
typedef BOOLEAN (*PFN_WDFDMATRANSACTIONCANCEL)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONCREATE)(PWDF_DRIVER_GLOBALS, WDFDMAENABLER, PWDF_OBJECT_ATTRIBUTES, WDFDMATRANSACTION *);
typedef BOOLEAN (*PFN_WDFDMATRANSACTIONDMACOMPLETED)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, NTSTATUS *);
typedef BOOLEAN (*PFN_WDFDMATRANSACTIONDMACOMPLETEDFINAL)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, size_t, NTSTATUS *);
typedef BOOLEAN (*PFN_WDFDMATRANSACTIONDMACOMPLETEDWITHLENGTH)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, size_t, NTSTATUS *);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONEXECUTE)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, WDFCONTEXT);
typedef void (*PFN_WDFDMATRANSACTIONFREERESOURCES)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef size_t (*PFN_WDFDMATRANSACTIONGETBYTESTRANSFERRED)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef size_t (*PFN_WDFDMATRANSACTIONGETCURRENTDMATRANSFERLENGTH)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef WDFDEVICE (*PFN_WDFDMATRANSACTIONGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef WDFREQUEST (*PFN_WDFDMATRANSACTIONGETREQUEST)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef void (*PFN_WDFDMATRANSACTIONGETTRANSFERINFO)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, ULONG *, ULONG *);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONINITIALIZE)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, PFN_WDF_PROGRAM_DMA, WDF_DMA_DIRECTION, PMDL, PVOID, size_t);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONINITIALIZEUSINGOFFSET)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, PFN_WDF_PROGRAM_DMA, WDF_DMA_DIRECTION, PMDL, size_t, size_t);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONINITIALIZEUSINGREQUEST)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, WDFREQUEST, PFN_WDF_PROGRAM_DMA, WDF_DMA_DIRECTION);
typedef NTSTATUS (*PFN_WDFDMATRANSACTIONRELEASE)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef void (*PFN_WDFDMATRANSACTIONSETCHANNELCONFIGURATIONCALLBACK)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, PFN_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL, PVOID);
typedef void (*PFN_WDFDMATRANSACTIONSETDEVICEADDRESSOFFSET)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, ULONG);
typedef void (*PFN_WDFDMATRANSACTIONSETIMMEDIATEEXECUTION)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, BOOLEAN);
typedef void (*PFN_WDFDMATRANSACTIONSETMAXIMUMLENGTH)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, size_t);
typedef void (*PFN_WDFDMATRANSACTIONSETSINGLETRANSFERREQUIREMENT)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, BOOLEAN);
typedef void (*PFN_WDFDMATRANSACTIONSETTRANSFERCOMPLETECALLBACK)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION, PFN_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE, PVOID);
typedef void (*PFN_WDFDMATRANSACTIONSTOPSYSTEMTRANSFER)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef PVOID (*PFN_WDFDMATRANSACTIONWDMGETTRANSFERCONTEXT)(PWDF_DRIVER_GLOBALS, WDFDMATRANSACTION);
typedef BOOLEAN (*PFN_WDFDPCCANCEL)(PWDF_DRIVER_GLOBALS, WDFDPC, BOOLEAN);
typedef NTSTATUS (*PFN_WDFDPCCREATE)(PWDF_DRIVER_GLOBALS, PWDF_DPC_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFDPC *);
typedef BOOLEAN (*PFN_WDFDPCENQUEUE)(PWDF_DRIVER_GLOBALS, WDFDPC);
typedef WDFOBJECT (*PFN_WDFDPCGETPARENTOBJECT)(PWDF_DRIVER_GLOBALS, WDFDPC);
typedef PKDPC (*PFN_WDFDPCWDMGETDPC)(PWDF_DRIVER_GLOBALS, WDFDPC);
typedef NTSTATUS (*PFN_WDFDRIVERCREATE)(PWDF_DRIVER_GLOBALS, PDRIVER_OBJECT, PCUNICODE_STRING, PWDF_OBJECT_ATTRIBUTES, PWDF_DRIVER_CONFIG, WDFDRIVER *);
typedef NTSTATUS (*PFN_WDFDRIVERERRORREPORTAPIMISSING)(PWDF_DRIVER_GLOBALS, WDFDRIVER, PCWSTR, ULONG, BOOLEAN);
typedef PWSTR (*PFN_WDFDRIVERGETREGISTRYPATH)(PWDF_DRIVER_GLOBALS, WDFDRIVER);
typedef BOOLEAN (*PFN_WDFDRIVERISVERSIONAVAILABLE)(PWDF_DRIVER_GLOBALS, WDFDRIVER, PWDF_DRIVER_VERSION_AVAILABLE_PARAMS);
typedef NTSTATUS (*PFN_WDFDRIVEROPENPARAMETERSREGISTRYKEY)(PWDF_DRIVER_GLOBALS, WDFDRIVER, ACCESS_MASK, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFDRIVEROPENPERSISTENTSTATEREGISTRYKEY)(PWDF_DRIVER_GLOBALS, WDFDRIVER, ACCESS_MASK, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFDRIVERREGISTERTRACEINFO)(PWDF_DRIVER_GLOBALS, PDRIVER_OBJECT, PFN_WDF_TRACE_CALLBACK, PVOID);
typedef NTSTATUS (*PFN_WDFDRIVERRETRIEVEVERSIONSTRING)(PWDF_DRIVER_GLOBALS, WDFDRIVER, WDFSTRING);
typedef PDRIVER_OBJECT (*PFN_WDFDRIVERWDMGETDRIVEROBJECT)(PWDF_DRIVER_GLOBALS, WDFDRIVER);
typedef NTSTATUS (*PFN_WDFFDOADDSTATICCHILD)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFDEVICE);
typedef WDFCHILDLIST (*PFN_WDFFDOGETDEFAULTCHILDLIST)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFFDOINITALLOCANDQUERYPROPERTY)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, DEVICE_REGISTRY_PROPERTY, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFFDOINITALLOCANDQUERYPROPERTYEX)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_DEVICE_PROPERTY_DATA, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY *, PDEVPROPTYPE);
typedef NTSTATUS (*PFN_WDFFDOINITOPENREGISTRYKEY)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, ULONG, ACCESS_MASK, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFFDOINITQUERYPROPERTY)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, DEVICE_REGISTRY_PROPERTY, ULONG, PVOID, PULONG);
typedef NTSTATUS (*PFN_WDFFDOINITQUERYPROPERTYEX)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_DEVICE_PROPERTY_DATA, ULONG, PVOID, PULONG, PDEVPROPTYPE);
typedef void (*PFN_WDFFDOINITSETDEFAULTCHILDLISTCONFIG)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_CHILD_LIST_CONFIG, PWDF_OBJECT_ATTRIBUTES);
typedef void (*PFN_WDFFDOINITSETEVENTCALLBACKS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_FDO_EVENT_CALLBACKS);
typedef void (*PFN_WDFFDOINITSETFILTER)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef PDEVICE_OBJECT (*PFN_WDFFDOINITWDMGETPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef void (*PFN_WDFFDOLOCKSTATICCHILDLISTFORITERATION)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFFDOQUERYFORINTERFACE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, LPCGUID, PINTERFACE, USHORT, USHORT, PVOID);
typedef WDFDEVICE (*PFN_WDFFDORETRIEVENEXTSTATICCHILD)(PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFDEVICE, ULONG);
typedef void (*PFN_WDFFDOUNLOCKSTATICCHILDLISTFROMITERATION)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDFDEVICE (*PFN_WDFFILEOBJECTGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFFILEOBJECT);
typedef PUNICODE_STRING (*PFN_WDFFILEOBJECTGETFILENAME)(PWDF_DRIVER_GLOBALS, WDFFILEOBJECT);
typedef ULONG (*PFN_WDFFILEOBJECTGETFLAGS)(PWDF_DRIVER_GLOBALS, WDFFILEOBJECT);
typedef ULONG (*PFN_WDFFILEOBJECTGETINITIATORPROCESSID)(PWDF_DRIVER_GLOBALS, WDFFILEOBJECT);
typedef PFILE_OBJECT (*PFN_WDFFILEOBJECTWDMGETFILEOBJECT)(PWDF_DRIVER_GLOBALS, WDFFILEOBJECT);
typedef PVOID (*PFN_WDFGETTRIAGEINFO)(PWDF_DRIVER_GLOBALS);
typedef void (*PFN_WDFINTERRUPTACQUIRELOCK)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef NTSTATUS (*PFN_WDFINTERRUPTCREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_INTERRUPT_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFINTERRUPT *);
typedef void (*PFN_WDFINTERRUPTDISABLE)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef void (*PFN_WDFINTERRUPTENABLE)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef WDFDEVICE (*PFN_WDFINTERRUPTGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef void (*PFN_WDFINTERRUPTGETINFO)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT, PWDF_INTERRUPT_INFO);
typedef BOOLEAN (*PFN_WDFINTERRUPTQUEUEDPCFORISR)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef BOOLEAN (*PFN_WDFINTERRUPTQUEUEWORKITEMFORISR)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef void (*PFN_WDFINTERRUPTRELEASELOCK)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef void (*PFN_WDFINTERRUPTREPORTACTIVE)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef void (*PFN_WDFINTERRUPTREPORTINACTIVE)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef void (*PFN_WDFINTERRUPTSETEXTENDEDPOLICY)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT, PWDF_INTERRUPT_EXTENDED_POLICY);
typedef void (*PFN_WDFINTERRUPTSETPOLICY)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT, WDF_INTERRUPT_POLICY, WDF_INTERRUPT_PRIORITY, KAFFINITY);
typedef BOOLEAN (*PFN_WDFINTERRUPTSYNCHRONIZE)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT, PFN_WDF_INTERRUPT_SYNCHRONIZE, WDFCONTEXT);
typedef BOOLEAN (*PFN_WDFINTERRUPTTRYTOACQUIRELOCK)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef PKINTERRUPT (*PFN_WDFINTERRUPTWDMGETINTERRUPT)(PWDF_DRIVER_GLOBALS, WDFINTERRUPT);
typedef NTSTATUS (*PFN_WDFIOQUEUEASSIGNFORWARDPROGRESSPOLICY)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PWDF_IO_QUEUE_FORWARD_PROGRESS_POLICY);
typedef NTSTATUS (*PFN_WDFIOQUEUECREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_IO_QUEUE_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFQUEUE *);
typedef void (*PFN_WDFIOQUEUEDRAIN)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, WDFCONTEXT);
typedef void (*PFN_WDFIOQUEUEDRAINSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFQUEUE);
typedef NTSTATUS (*PFN_WDFIOQUEUEFINDREQUEST)(PWDF_DRIVER_GLOBALS, WDFQUEUE, WDFREQUEST, WDFFILEOBJECT, PWDF_REQUEST_PARAMETERS, WDFREQUEST *);
typedef WDFDEVICE (*PFN_WDFIOQUEUEGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFQUEUE);
typedef WDF_IO_QUEUE_STATE (*PFN_WDFIOQUEUEGETSTATE)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PULONG, PULONG);
typedef void (*PFN_WDFIOQUEUEPURGE)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, WDFCONTEXT);
typedef void (*PFN_WDFIOQUEUEPURGESYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFQUEUE);
typedef NTSTATUS (*PFN_WDFIOQUEUEREADYNOTIFY)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, WDFCONTEXT);
typedef NTSTATUS (*PFN_WDFIOQUEUERETRIEVEFOUNDREQUEST)(PWDF_DRIVER_GLOBALS, WDFQUEUE, WDFREQUEST, WDFREQUEST *);
typedef NTSTATUS (*PFN_WDFIOQUEUERETRIEVENEXTREQUEST)(PWDF_DRIVER_GLOBALS, WDFQUEUE, WDFREQUEST *);
typedef NTSTATUS (*PFN_WDFIOQUEUERETRIEVEREQUESTBYFILEOBJECT)(PWDF_DRIVER_GLOBALS, WDFQUEUE, WDFFILEOBJECT, WDFREQUEST *);
typedef void (*PFN_WDFIOQUEUESTART)(PWDF_DRIVER_GLOBALS, WDFQUEUE);
typedef void (*PFN_WDFIOQUEUESTOP)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, WDFCONTEXT);
typedef void (*PFN_WDFIOQUEUESTOPANDPURGE)(PWDF_DRIVER_GLOBALS, WDFQUEUE, PFN_WDF_IO_QUEUE_STATE, WDFCONTEXT);
typedef void (*PFN_WDFIOQUEUESTOPANDPURGESYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFQUEUE);
typedef void (*PFN_WDFIOQUEUESTOPSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFQUEUE);
typedef NTSTATUS (*PFN_WDFIORESOURCELISTAPPENDDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFIORESLIST, PIO_RESOURCE_DESCRIPTOR);
typedef NTSTATUS (*PFN_WDFIORESOURCELISTCREATE)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, PWDF_OBJECT_ATTRIBUTES, WDFIORESLIST *);
typedef ULONG (*PFN_WDFIORESOURCELISTGETCOUNT)(PWDF_DRIVER_GLOBALS, WDFIORESLIST);
typedef PIO_RESOURCE_DESCRIPTOR (*PFN_WDFIORESOURCELISTGETDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFIORESLIST, ULONG);
typedef NTSTATUS (*PFN_WDFIORESOURCELISTINSERTDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFIORESLIST, PIO_RESOURCE_DESCRIPTOR, ULONG);
typedef void (*PFN_WDFIORESOURCELISTREMOVE)(PWDF_DRIVER_GLOBALS, WDFIORESLIST, ULONG);
typedef void (*PFN_WDFIORESOURCELISTREMOVEBYDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFIORESLIST, PIO_RESOURCE_DESCRIPTOR);
typedef void (*PFN_WDFIORESOURCELISTUPDATEDESCRIPTOR)(PWDF_DRIVER_GLOBALS, WDFIORESLIST, PIO_RESOURCE_DESCRIPTOR, ULONG);
typedef NTSTATUS (*PFN_WDFIORESOURCEREQUIREMENTSLISTAPPENDIORESLIST)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, WDFIORESLIST);
typedef ULONG (*PFN_WDFIORESOURCEREQUIREMENTSLISTGETCOUNT)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST);
typedef WDFIORESLIST (*PFN_WDFIORESOURCEREQUIREMENTSLISTGETIORESLIST)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, ULONG);
typedef NTSTATUS (*PFN_WDFIORESOURCEREQUIREMENTSLISTINSERTIORESLIST)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, WDFIORESLIST, ULONG);
typedef void (*PFN_WDFIORESOURCEREQUIREMENTSLISTREMOVE)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, ULONG);
typedef void (*PFN_WDFIORESOURCEREQUIREMENTSLISTREMOVEBYIORESLIST)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, WDFIORESLIST);
typedef void (*PFN_WDFIORESOURCEREQUIREMENTSLISTSETINTERFACETYPE)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, INTERFACE_TYPE);
typedef void (*PFN_WDFIORESOURCEREQUIREMENTSLISTSETSLOTNUMBER)(PWDF_DRIVER_GLOBALS, WDFIORESREQLIST, ULONG);
typedef NTSTATUS (*PFN_WDFIOTARGETALLOCANDQUERYTARGETPROPERTY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, DEVICE_REGISTRY_PROPERTY, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY *);
typedef void (*PFN_WDFIOTARGETCLOSE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef void (*PFN_WDFIOTARGETCLOSEFORQUERYREMOVE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef NTSTATUS (*PFN_WDFIOTARGETCREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_OBJECT_ATTRIBUTES, WDFIOTARGET *);
typedef NTSTATUS (*PFN_WDFIOTARGETFORMATREQUESTFORINTERNALIOCTL)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, ULONG, WDFMEMORY, PWDFMEMORY_OFFSET, WDFMEMORY, PWDFMEMORY_OFFSET);
typedef NTSTATUS (*PFN_WDFIOTARGETFORMATREQUESTFORINTERNALIOCTLOTHERS)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, ULONG, WDFMEMORY, PWDFMEMORY_OFFSET, WDFMEMORY, PWDFMEMORY_OFFSET, WDFMEMORY, PWDFMEMORY_OFFSET);
typedef NTSTATUS (*PFN_WDFIOTARGETFORMATREQUESTFORIOCTL)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, ULONG, WDFMEMORY, PWDFMEMORY_OFFSET, WDFMEMORY, PWDFMEMORY_OFFSET);
typedef NTSTATUS (*PFN_WDFIOTARGETFORMATREQUESTFORREAD)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, WDFMEMORY, PWDFMEMORY_OFFSET, PLONGLONG);
typedef NTSTATUS (*PFN_WDFIOTARGETFORMATREQUESTFORWRITE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, WDFMEMORY, PWDFMEMORY_OFFSET, PLONGLONG);
typedef WDFDEVICE (*PFN_WDFIOTARGETGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef WDF_IO_TARGET_STATE (*PFN_WDFIOTARGETGETSTATE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef NTSTATUS (*PFN_WDFIOTARGETOPEN)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, PWDF_IO_TARGET_OPEN_PARAMS);
typedef void (*PFN_WDFIOTARGETPURGE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDF_IO_TARGET_PURGE_IO_ACTION);
typedef NTSTATUS (*PFN_WDFIOTARGETQUERYFORINTERFACE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, LPCGUID, PINTERFACE, USHORT, USHORT, PVOID);
typedef NTSTATUS (*PFN_WDFIOTARGETQUERYTARGETPROPERTY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, DEVICE_REGISTRY_PROPERTY, ULONG, PVOID, PULONG);
typedef NTSTATUS (*PFN_WDFIOTARGETSENDINTERNALIOCTLOTHERSSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, ULONG, PWDF_MEMORY_DESCRIPTOR, PWDF_MEMORY_DESCRIPTOR, PWDF_MEMORY_DESCRIPTOR, PWDF_REQUEST_SEND_OPTIONS, PULONG_PTR);
typedef NTSTATUS (*PFN_WDFIOTARGETSENDINTERNALIOCTLSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, ULONG, PWDF_MEMORY_DESCRIPTOR, PWDF_MEMORY_DESCRIPTOR, PWDF_REQUEST_SEND_OPTIONS, PULONG_PTR);
typedef NTSTATUS (*PFN_WDFIOTARGETSENDIOCTLSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, ULONG, PWDF_MEMORY_DESCRIPTOR, PWDF_MEMORY_DESCRIPTOR, PWDF_REQUEST_SEND_OPTIONS, PULONG_PTR);
typedef NTSTATUS (*PFN_WDFIOTARGETSENDREADSYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, PWDF_MEMORY_DESCRIPTOR, PLONGLONG, PWDF_REQUEST_SEND_OPTIONS, PULONG_PTR);
typedef NTSTATUS (*PFN_WDFIOTARGETSENDWRITESYNCHRONOUSLY)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDFREQUEST, PWDF_MEMORY_DESCRIPTOR, PLONGLONG, PWDF_REQUEST_SEND_OPTIONS, PULONG_PTR);
typedef NTSTATUS (*PFN_WDFIOTARGETSTART)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef void (*PFN_WDFIOTARGETSTOP)(PWDF_DRIVER_GLOBALS, WDFIOTARGET, WDF_IO_TARGET_SENT_IO_ACTION);
typedef PDEVICE_OBJECT (*PFN_WDFIOTARGETWDMGETTARGETDEVICEOBJECT)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef HANDLE (*PFN_WDFIOTARGETWDMGETTARGETFILEHANDLE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef PFILE_OBJECT (*PFN_WDFIOTARGETWDMGETTARGETFILEOBJECT)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef PDEVICE_OBJECT (*PFN_WDFIOTARGETWDMGETTARGETPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, WDFIOTARGET);
typedef NTSTATUS (*PFN_WDFLOOKASIDELISTCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, size_t, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, ULONG, WDFLOOKASIDE *);
typedef NTSTATUS (*PFN_WDFMEMORYASSIGNBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, PVOID, size_t);
typedef NTSTATUS (*PFN_WDFMEMORYCOPYFROMBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, size_t, PVOID, size_t);
typedef NTSTATUS (*PFN_WDFMEMORYCOPYTOBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, size_t, PVOID, size_t);
typedef NTSTATUS (*PFN_WDFMEMORYCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, POOL_TYPE, ULONG, size_t, WDFMEMORY *, PVOID *);
typedef NTSTATUS (*PFN_WDFMEMORYCREATEFROMLOOKASIDE)(PWDF_DRIVER_GLOBALS, WDFLOOKASIDE, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFMEMORYCREATEPREALLOCATED)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PVOID, size_t, WDFMEMORY *);
typedef PVOID (*PFN_WDFMEMORYGETBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, size_t *);
typedef void (*PFN_WDFOBJECTACQUIRELOCK)(PWDF_DRIVER_GLOBALS, WDFOBJECT);
typedef NTSTATUS (*PFN_WDFOBJECTALLOCATECONTEXT)(PWDF_DRIVER_GLOBALS, WDFOBJECT, PWDF_OBJECT_ATTRIBUTES, PVOID *);
typedef WDFOBJECT (*PFN_WDFOBJECTCONTEXTGETOBJECT)(PWDF_DRIVER_GLOBALS, PVOID);
typedef NTSTATUS (*PFN_WDFOBJECTCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFOBJECT *);
typedef void (*PFN_WDFOBJECTDELETE)(PWDF_DRIVER_GLOBALS, WDFOBJECT);
typedef void (*PFN_WDFOBJECTDEREFERENCEACTUAL)(PWDF_DRIVER_GLOBALS, WDFOBJECT, PVOID, LONG, PCCH);
typedef PVOID (*PFN_WDFOBJECTGETTYPEDCONTEXTWORKER)(PWDF_DRIVER_GLOBALS, WDFOBJECT, PCWDF_OBJECT_CONTEXT_TYPE_INFO);
typedef NTSTATUS (*PFN_WDFOBJECTQUERY)(PWDF_DRIVER_GLOBALS, WDFOBJECT, const GUID *, ULONG, PVOID);
typedef void (*PFN_WDFOBJECTREFERENCEACTUAL)(PWDF_DRIVER_GLOBALS, WDFOBJECT, PVOID, LONG, PCCH);
typedef void (*PFN_WDFOBJECTRELEASELOCK)(PWDF_DRIVER_GLOBALS, WDFOBJECT);
typedef NTSTATUS (*PFN_WDFPDOADDEJECTIONRELATIONSPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PDEVICE_OBJECT);
typedef void (*PFN_WDFPDOCLEAREJECTIONRELATIONSDEVICES)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef WDFDEVICE (*PFN_WDFPDOGETPARENT)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFPDOINITADDCOMPATIBLEID)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFPDOINITADDDEVICETEXT)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING, PCUNICODE_STRING, LCID);
typedef NTSTATUS (*PFN_WDFPDOINITADDHARDWAREID)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef PWDFDEVICE_INIT (*PFN_WDFPDOINITALLOCATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef void (*PFN_WDFPDOINITALLOWFORWARDINGREQUESTTOPARENT)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef NTSTATUS (*PFN_WDFPDOINITASSIGNCONTAINERID)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFPDOINITASSIGNDEVICEID)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFPDOINITASSIGNINSTANCEID)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFPDOINITASSIGNRAWDEVICE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, const GUID *);
typedef void (*PFN_WDFPDOINITREMOVEPOWERDEPENDENCYONPARENT)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT);
typedef void (*PFN_WDFPDOINITSETDEFAULTLOCALE)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, LCID);
typedef void (*PFN_WDFPDOINITSETEVENTCALLBACKS)(PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, PWDF_PDO_EVENT_CALLBACKS);
typedef NTSTATUS (*PFN_WDFPDOMARKMISSING)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef void (*PFN_WDFPDOREMOVEEJECTIONRELATIONSPHYSICALDEVICE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PDEVICE_OBJECT);
typedef void (*PFN_WDFPDOREQUESTEJECT)(PWDF_DRIVER_GLOBALS, WDFDEVICE);
typedef NTSTATUS (*PFN_WDFPDORETRIEVEADDRESSDESCRIPTION)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef NTSTATUS (*PFN_WDFPDORETRIEVEIDENTIFICATIONDESCRIPTION)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_CHILD_IDENTIFICATION_DESCRIPTION_HEADER);
typedef NTSTATUS (*PFN_WDFPDOUPDATEADDRESSDESCRIPTION)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_CHILD_ADDRESS_DESCRIPTION_HEADER);
typedef NTSTATUS (*PFN_WDFREGISTRYASSIGNMEMORY)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, ULONG, WDFMEMORY, PWDFMEMORY_OFFSET);
typedef NTSTATUS (*PFN_WDFREGISTRYASSIGNMULTISTRING)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, WDFCOLLECTION);
typedef NTSTATUS (*PFN_WDFREGISTRYASSIGNSTRING)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, WDFSTRING);
typedef NTSTATUS (*PFN_WDFREGISTRYASSIGNULONG)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, ULONG);
typedef NTSTATUS (*PFN_WDFREGISTRYASSIGNUNICODESTRING)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, PCUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFREGISTRYASSIGNVALUE)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, ULONG, ULONG, PVOID);
typedef void (*PFN_WDFREGISTRYCLOSE)(PWDF_DRIVER_GLOBALS, WDFKEY);
typedef NTSTATUS (*PFN_WDFREGISTRYCREATEKEY)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, ACCESS_MASK, ULONG, PULONG, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFREGISTRYOPENKEY)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, ACCESS_MASK, PWDF_OBJECT_ATTRIBUTES, WDFKEY *);
typedef NTSTATUS (*PFN_WDFREGISTRYQUERYMEMORY)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, POOL_TYPE, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY *, PULONG);
typedef NTSTATUS (*PFN_WDFREGISTRYQUERYMULTISTRING)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, PWDF_OBJECT_ATTRIBUTES, WDFCOLLECTION);
typedef NTSTATUS (*PFN_WDFREGISTRYQUERYSTRING)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, WDFSTRING);
typedef NTSTATUS (*PFN_WDFREGISTRYQUERYULONG)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, PULONG);
typedef NTSTATUS (*PFN_WDFREGISTRYQUERYUNICODESTRING)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, PUSHORT, PUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFREGISTRYQUERYVALUE)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING, ULONG, PVOID, PULONG, PULONG);
typedef NTSTATUS (*PFN_WDFREGISTRYREMOVEKEY)(PWDF_DRIVER_GLOBALS, WDFKEY);
typedef NTSTATUS (*PFN_WDFREGISTRYREMOVEVALUE)(PWDF_DRIVER_GLOBALS, WDFKEY, PCUNICODE_STRING);
typedef HANDLE (*PFN_WDFREGISTRYWDMGETHANDLE)(PWDF_DRIVER_GLOBALS, WDFKEY);
typedef NTSTATUS (*PFN_WDFREQUESTALLOCATETIMER)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef BOOLEAN (*PFN_WDFREQUESTCANCELSENTREQUEST)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef NTSTATUS (*PFN_WDFREQUESTCHANGETARGET)(PWDF_DRIVER_GLOBALS, WDFREQUEST, WDFIOTARGET);
typedef void (*PFN_WDFREQUESTCOMPLETE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, NTSTATUS);
typedef void (*PFN_WDFREQUESTCOMPLETEWITHINFORMATION)(PWDF_DRIVER_GLOBALS, WDFREQUEST, NTSTATUS, ULONG_PTR);
typedef void (*PFN_WDFREQUESTCOMPLETEWITHPRIORITYBOOST)(PWDF_DRIVER_GLOBALS, WDFREQUEST, NTSTATUS, CCHAR);
typedef NTSTATUS (*PFN_WDFREQUESTCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFIOTARGET, WDFREQUEST *);
typedef NTSTATUS (*PFN_WDFREQUESTCREATEFROMIRP)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PIRP, BOOLEAN, WDFREQUEST *);
typedef void (*PFN_WDFREQUESTFORMATREQUESTUSINGCURRENTTYPE)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef NTSTATUS (*PFN_WDFREQUESTFORWARDTOIOQUEUE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, WDFQUEUE);
typedef NTSTATUS (*PFN_WDFREQUESTFORWARDTOPARENTDEVICEIOQUEUE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, WDFQUEUE, PWDF_REQUEST_FORWARD_OPTIONS);
typedef void (*PFN_WDFREQUESTGETCOMPLETIONPARAMS)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PWDF_REQUEST_COMPLETION_PARAMS);
typedef WDFFILEOBJECT (*PFN_WDFREQUESTGETFILEOBJECT)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef ULONG_PTR (*PFN_WDFREQUESTGETINFORMATION)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef WDFQUEUE (*PFN_WDFREQUESTGETIOQUEUE)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef void (*PFN_WDFREQUESTGETPARAMETERS)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PWDF_REQUEST_PARAMETERS);
typedef KPROCESSOR_MODE (*PFN_WDFREQUESTGETREQUESTORMODE)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef ULONG (*PFN_WDFREQUESTGETREQUESTORPROCESSID)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef NTSTATUS (*PFN_WDFREQUESTGETSTATUS)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef BOOLEAN (*PFN_WDFREQUESTISCANCELED)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef BOOLEAN (*PFN_WDFREQUESTISFROM32BITPROCESS)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef BOOLEAN (*PFN_WDFREQUESTISRESERVED)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef void (*PFN_WDFREQUESTMARKCANCELABLE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PFN_WDF_REQUEST_CANCEL);
typedef NTSTATUS (*PFN_WDFREQUESTMARKCANCELABLEEX)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PFN_WDF_REQUEST_CANCEL);
typedef NTSTATUS (*PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORREAD)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PVOID, size_t, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORWRITE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PVOID, size_t, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFREQUESTREQUEUE)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEINPUTBUFFER)(PWDF_DRIVER_GLOBALS, WDFREQUEST, size_t, PVOID *, size_t *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEINPUTMEMORY)(PWDF_DRIVER_GLOBALS, WDFREQUEST, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEINPUTWDMMDL)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PMDL *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEOUTPUTBUFFER)(PWDF_DRIVER_GLOBALS, WDFREQUEST, size_t, PVOID *, size_t *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEOUTPUTMEMORY)(PWDF_DRIVER_GLOBALS, WDFREQUEST, WDFMEMORY *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEOUTPUTWDMMDL)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PMDL *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEUNSAFEUSERINPUTBUFFER)(PWDF_DRIVER_GLOBALS, WDFREQUEST, size_t, PVOID *, size_t *);
typedef NTSTATUS (*PFN_WDFREQUESTRETRIEVEUNSAFEUSEROUTPUTBUFFER)(PWDF_DRIVER_GLOBALS, WDFREQUEST, size_t, PVOID *, size_t *);
typedef NTSTATUS (*PFN_WDFREQUESTREUSE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PWDF_REQUEST_REUSE_PARAMS);
typedef BOOLEAN (*PFN_WDFREQUESTSEND)(PWDF_DRIVER_GLOBALS, WDFREQUEST, WDFIOTARGET, PWDF_REQUEST_SEND_OPTIONS);
typedef void (*PFN_WDFREQUESTSETCOMPLETIONROUTINE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PFN_WDF_REQUEST_COMPLETION_ROUTINE, WDFCONTEXT);
typedef void (*PFN_WDFREQUESTSETINFORMATION)(PWDF_DRIVER_GLOBALS, WDFREQUEST, ULONG_PTR);
typedef void (*PFN_WDFREQUESTSTOPACKNOWLEDGE)(PWDF_DRIVER_GLOBALS, WDFREQUEST, BOOLEAN);
typedef NTSTATUS (*PFN_WDFREQUESTUNMARKCANCELABLE)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef void (*PFN_WDFREQUESTWDMFORMATUSINGSTACKLOCATION)(PWDF_DRIVER_GLOBALS, WDFREQUEST, PIO_STACK_LOCATION);
typedef PIRP (*PFN_WDFREQUESTWDMGETIRP)(PWDF_DRIVER_GLOBALS, WDFREQUEST);
typedef void (*PFN_WDFSPINLOCKACQUIRE)(PWDF_DRIVER_GLOBALS, WDFSPINLOCK);
typedef NTSTATUS (*PFN_WDFSPINLOCKCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFSPINLOCK *);
typedef void (*PFN_WDFSPINLOCKRELEASE)(PWDF_DRIVER_GLOBALS, WDFSPINLOCK);
typedef NTSTATUS (*PFN_WDFSTRINGCREATE)(PWDF_DRIVER_GLOBALS, PCUNICODE_STRING, PWDF_OBJECT_ATTRIBUTES, WDFSTRING *);
typedef void (*PFN_WDFSTRINGGETUNICODESTRING)(PWDF_DRIVER_GLOBALS, WDFSTRING, PUNICODE_STRING);
typedef NTSTATUS (*PFN_WDFTIMERCREATE)(PWDF_DRIVER_GLOBALS, PWDF_TIMER_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFTIMER *);
typedef WDFOBJECT (*PFN_WDFTIMERGETPARENTOBJECT)(PWDF_DRIVER_GLOBALS, WDFTIMER);
typedef BOOLEAN (*PFN_WDFTIMERSTART)(PWDF_DRIVER_GLOBALS, WDFTIMER, LONGLONG);
typedef BOOLEAN (*PFN_WDFTIMERSTOP)(PWDF_DRIVER_GLOBALS, WDFTIMER, BOOLEAN);
typedef void (*PFN_WDFVERIFIERDBGBREAKPOINT)(PWDF_DRIVER_GLOBALS);
typedef void (*PFN_WDFVERIFIERKEBUGCHECK)(PWDF_DRIVER_GLOBALS, ULONG, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);
typedef NTSTATUS (*PFN_WDFWAITLOCKACQUIRE)(PWDF_DRIVER_GLOBALS, WDFWAITLOCK, PLONGLONG);
typedef NTSTATUS (*PFN_WDFWAITLOCKCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFWAITLOCK *);
typedef void (*PFN_WDFWAITLOCKRELEASE)(PWDF_DRIVER_GLOBALS, WDFWAITLOCK);
typedef WDFDEVICE (*PFN_WDFWDMDEVICEGETWDFDEVICEHANDLE)(PWDF_DRIVER_GLOBALS, PDEVICE_OBJECT);
typedef WDFDRIVER (*PFN_WDFWDMDRIVERGETWDFDRIVERHANDLE)(PWDF_DRIVER_GLOBALS, PDRIVER_OBJECT);
typedef NTSTATUS (*PFN_WDFWMIINSTANCECREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_WMI_INSTANCE_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFWMIINSTANCE *);
typedef void (*PFN_WDFWMIINSTANCEDEREGISTER)(PWDF_DRIVER_GLOBALS, WDFWMIINSTANCE);
typedef NTSTATUS (*PFN_WDFWMIINSTANCEFIREEVENT)(PWDF_DRIVER_GLOBALS, WDFWMIINSTANCE, ULONG, PVOID);
typedef WDFDEVICE (*PFN_WDFWMIINSTANCEGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFWMIINSTANCE);
typedef WDFWMIPROVIDER (*PFN_WDFWMIINSTANCEGETPROVIDER)(PWDF_DRIVER_GLOBALS, WDFWMIINSTANCE);
typedef NTSTATUS (*PFN_WDFWMIINSTANCEREGISTER)(PWDF_DRIVER_GLOBALS, WDFWMIINSTANCE);
typedef NTSTATUS (*PFN_WDFWMIPROVIDERCREATE)(PWDF_DRIVER_GLOBALS, WDFDEVICE, PWDF_WMI_PROVIDER_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFWMIPROVIDER *);
typedef WDFDEVICE (*PFN_WDFWMIPROVIDERGETDEVICE)(PWDF_DRIVER_GLOBALS, WDFWMIPROVIDER);
typedef ULONGLONG (*PFN_WDFWMIPROVIDERGETTRACINGHANDLE)(PWDF_DRIVER_GLOBALS, WDFWMIPROVIDER);
typedef BOOLEAN (*PFN_WDFWMIPROVIDERISENABLED)(PWDF_DRIVER_GLOBALS, WDFWMIPROVIDER, WDF_WMI_PROVIDER_CONTROL);
typedef NTSTATUS (*PFN_WDFWORKITEMCREATE)(PWDF_DRIVER_GLOBALS, PWDF_WORKITEM_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDFWORKITEM *);
typedef void (*PFN_WDFWORKITEMENQUEUE)(PWDF_DRIVER_GLOBALS, WDFWORKITEM);
typedef void (*PFN_WDFWORKITEMFLUSH)(PWDF_DRIVER_GLOBALS, WDFWORKITEM);
typedef WDFOBJECT (*PFN_WDFWORKITEMGETPARENTOBJECT)(PWDF_DRIVER_GLOBALS, WDFWORKITEM);
#define WDF_ALWAYS_AVAILABLE_FUNCTION_COUNT 0x1c5
#define WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS 0xffffffff
#define WDF_DRIVER_GLOBALS_NAME_LEN 0x20
#define WDF_FIRST_VERSION_SUPPORTING_CLIENT_VERSION_HIGHER_THAN_FRAMEWORK 0x19
#define WDF_INSERT_AT_END 0xffffffff
#define WDF_REGKEY_DEVICE_SUBKEY 0x0
#define WDF_REGKEY_DRIVER_SUBKEY 0x0
#define WDF_TIMEOUT_TO_MS 0x2710
#define WDF_TIMEOUT_TO_SEC 0x989680
#define WDF_TIMEOUT_TO_US 0xa
#define WDF_TRACE_ID 0x54524143
#define WDF_VIOLATION 0x10d
