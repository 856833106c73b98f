/* What NDIS and NETIO say of interfaces, of the filters in a stack and of processors; the read-write lock of old. */
#include "ntddk_ndis_abi.h"

static NDIS_HANDLE module_handle;
static NDIS_STATUS noted_set_attributes(NDIS_HANDLE handle, NDIS_HANDLE context, PNDIS_FILTER_ATTRIBUTES attributes) {
    module_handle = handle;
    return NdisFSetAttributes(handle, context, attributes);
}
#define NdisFSetAttributes noted_set_attributes
#include "wdm.h"

IMPORT NTSTATUS ConvertInterfaceAliasToLuid(const WCHAR *, NET_LUID *);
IMPORT NTSTATUS ConvertInterfaceGuidToLuid(const GUID *, NET_LUID *);
IMPORT NTSTATUS ConvertInterfaceIndexToLuid(ULONG, NET_LUID *);
IMPORT NTSTATUS ConvertInterfaceLuidToAlias(const NET_LUID *, WCHAR *, size_t);
IMPORT NTSTATUS ConvertInterfaceLuidToGuid(const NET_LUID *, GUID *);
IMPORT NTSTATUS ConvertInterfaceLuidToIndex(const NET_LUID *, ULONG *);
IMPORT NTSTATUS NotifyUnicastIpAddressChange(USHORT, PVOID, PVOID, BOOLEAN, PHANDLE);
IMPORT NTSTATUS CancelMibChangeNotify2(HANDLE);

static ULONG names(void) {
    NET_LUID luid, again;
    GUID guid;
    ULONG index;
    WCHAR alias[32];
    CHECK(ConvertInterfaceAliasToLuid(L"Ethernet", &luid) == STATUS_SUCCESS && luid.Value >> 48 == 6);
    CHECK(ConvertInterfaceLuidToGuid(&luid, &guid) == STATUS_SUCCESS && guid.Data1 == 0x4d36e972);
    CHECK(ConvertInterfaceGuidToLuid(&guid, &again) == STATUS_SUCCESS && again.Value == luid.Value);
    CHECK(ConvertInterfaceLuidToIndex(&luid, &index) == STATUS_SUCCESS && index);
    CHECK(ConvertInterfaceIndexToLuid(index, &again) == STATUS_SUCCESS && again.Value == luid.Value);
    CHECK(NdisIfGetInterfaceIndexFromNetLuid(luid, &index) == NDIS_STATUS_SUCCESS);
    CHECK(NdisIfGetNetLuidFromInterfaceIndex(index, &again) == NDIS_STATUS_SUCCESS && again.Value == luid.Value);
    CHECK(NdisIfGetNetLuidFromInterfaceIndex(0x99999, &again) == NDIS_STATUS_INTERFACE_NOT_FOUND);
    CHECK(ConvertInterfaceLuidToAlias(&luid, alias, 9) == STATUS_SUCCESS && alias[7] == L't' && !alias[8]);
    CHECK(ConvertInterfaceLuidToAlias(&luid, alias, 8) < 0);
    luid.Value = 1;
    CHECK(ConvertInterfaceLuidToGuid(&luid, &guid) == STATUS_INVALID_PARAMETER);
    return 0;
}

struct filter_interface {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags, FilterType, FilterRunType, IfIndex;
    NET_LUID NetLuid;
    UNICODE_STRING FilterClass, FilterInstanceName;
};
struct enum_filters {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags, NumberOfFilters, OffsetFirstFilter;
};

static ULONG stack(void) {
    static ULONGLONG room[64];
    ULONG needed = 0, written = 9, index;
    CHECK(NdisEnumerateFilterModules(module_handle, room, 8, &needed, &written) == NDIS_STATUS_BUFFER_TOO_SHORT);
    CHECK(needed > 80 && needed <= sizeof(room) && written == 0);
    CHECK(NdisEnumerateFilterModules(module_handle, room, needed, &needed, &written) == NDIS_STATUS_SUCCESS);
    struct enum_filters *filters = (PVOID)room;
    struct filter_interface *own = (PVOID)((UCHAR *)room + filters->OffsetFirstFilter);
    CHECK(written == needed && filters->NumberOfFilters == 1 && own->Header.Revision == 2 && own->Flags == 2);
    CHECK(NdisIfGetInterfaceIndexFromNetLuid(own->NetLuid, &index) == NDIS_STATUS_SUCCESS && index == own->IfIndex);
    CHECK(own->FilterInstanceName.Length == (38 + 1 + 38 + 5) * sizeof(WCHAR));
    NDIS_OBJECT_HEADER handlers = { 0xb8, 2, 240 };
    PVOID context;
    CHECK(NdisFGetOptionalSwitchHandlers(module_handle, (PVOID)&context, (PVOID)&handlers) == NDIS_STATUS_NOT_SUPPORTED);
    return 0;
}

static ULONG provider(void) {
    struct { NDIS_OBJECT_HEADER Header; PVOID Query, Set, Reserved[2]; } characteristics = {
        { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof(characteristics) }, (PVOID)1, (PVOID)1, { 0 } };
    struct { NDIS_OBJECT_HEADER Header; ULONG Rest[23]; } information = {
        { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof(information) }, { 0 } };
    NDIS_HANDLE handle;
    NET_LUID luid, found;
    ULONG index, second;
    UINT number;
    CHECK(NdisIfRegisterProvider((PVOID)&characteristics, 0, &handle) == NDIS_STATUS_SUCCESS);
    CHECK(NdisIfAllocateNetLuidIndex(53, &number) == NDIS_STATUS_SUCCESS && number);
    luid.Value = 53ull << 48 | (ULONGLONG)number << 24;
    CHECK(NdisIfRegisterInterface(handle, luid, 0, (PVOID)&information, &index) == NDIS_STATUS_SUCCESS && index);
    CHECK(NdisIfRegisterInterface(handle, luid, 0, (PVOID)&information, &second) < 0);
    CHECK(NdisIfGetNetLuidFromInterfaceIndex(index, &found) == NDIS_STATUS_SUCCESS && found.Value == luid.Value);
    CHECK(ConvertInterfaceAliasToLuid(L"Ethernet", &found) == STATUS_SUCCESS);
    CHECK(ConvertInterfaceLuidToIndex(&found, &second) == STATUS_SUCCESS);
    CHECK(NdisIfAddIfStackEntry(index, second) == NDIS_STATUS_SUCCESS);
    CHECK(NdisIfAddIfStackEntry(index, 0x99999) == NDIS_STATUS_INTERFACE_NOT_FOUND);
    NdisIfDeleteIfStackEntry(index, second);
    NdisIfDeregisterInterface(index);
    CHECK(NdisIfGetNetLuidFromInterfaceIndex(index, &found) == NDIS_STATUS_INTERFACE_NOT_FOUND);
    CHECK(NdisIfFreeNetLuidIndex(53, number) == NDIS_STATUS_SUCCESS);
    NdisIfDeregisterProvider(handle);
    return 0;
}

static void changed(PVOID context, PVOID row, int kind) { *(ULONG *)context += row ? 100 : kind; }

static ULONG notifications(void) {
    HANDLE handle;
    ULONG told = 0;
    CHECK(NotifyUnicastIpAddressChange(0, (PVOID)changed, &told, 1, &handle) == STATUS_SUCCESS && told == 3);
    CHECK(CancelMibChangeNotify2(handle) == STATUS_SUCCESS);
    CHECK(NotifyUnicastIpAddressChange(2, (PVOID)changed, &told, 0, &handle) == STATUS_SUCCESS && told == 3);
    CHECK(CancelMibChangeNotify2(handle) == STATUS_SUCCESS);
    return 0;
}

static ULONG processors(void) {
    static ULONG room[400];
    size_t size = 0;
    CHECK(NdisGetProcessorInformationEx(registration, 0, &size) == NDIS_STATUS_BUFFER_TOO_SHORT && size >= 60);
    CHECK(NdisGetProcessorInformationEx(registration, (PVOID)room, &size) == NDIS_STATUS_SUCCESS);
    CHECK(room[8] == NdisGroupActiveProcessorCount(0) && room[7] == 40 && room[9] == 20 && size == 40 + room[8] * 20);
    room[0] = NDIS_OBJECT_TYPE_DEFAULT | 1 << 8 | 1072 << 16;
    CHECK(NdisGetProcessorInformation((PVOID)room) == NDIS_STATUS_SUCCESS && room[4] == room[8] && room[8]);
    KIRQL irql = KfRaiseIrql(2);
    PROCESSOR_NUMBER number = NdisCurrentGroupAndProcessor();
    KeLowerIrql(irql);
    CHECK(number.Group == 0 && number.Number < room[8]);
    return 0;
}

static ULONG old_lock(void) {
    static struct { ULONGLONG words[130]; } lock;
    struct { USHORT state; KIRQL irql; } one, two;
    NdisInitializeReadWriteLock((PVOID)&lock);
    NdisAcquireReadWriteLock((PVOID)&lock, 0, (PVOID)&one);
    CHECK(read_cr8() == 2);
    NdisDprAcquireReadWriteLock((PVOID)&lock, 0, (PVOID)&two);
    NdisDprReleaseReadWriteLock((PVOID)&lock, (PVOID)&two);
    NdisReleaseReadWriteLock((PVOID)&lock, (PVOID)&one);
    CHECK(read_cr8() == 0);
    NdisAcquireReadWriteLock((PVOID)&lock, 1, (PVOID)&one);
    NdisReleaseReadWriteLock((PVOID)&lock, (PVOID)&one);
    return 0;
}

static check *const checks[] = { names, stack, provider, notifications, processors, old_lock };

CHECKING_DEVICE(L"interfaces")
