/* Collections, strings, memory, lookaside lists, the registry, getters of a control device. */
#include "checks.h"

static WDFDRIVER this_driver(void) {
    return WdfDriverGlobals->Driver;
}

static ULONG collections(void) {
    WDFCOLLECTION collection;
    WDFOBJECT items[3];
    CHECK(WdfCollectionCreate(0, &collection) == STATUS_SUCCESS);
    CHECK(WdfCollectionGetCount(collection) == 0 && !WdfCollectionGetFirstItem(collection));
    for (int at = 0; at < 3; at++) {
        CHECK(WdfObjectCreate(0, &items[at]) == STATUS_SUCCESS);
        CHECK(WdfCollectionAdd(collection, items[at]) == STATUS_SUCCESS);
    }
    CHECK(WdfCollectionGetCount(collection) == 3 && WdfCollectionGetItem(collection, 1) == items[1]);
    CHECK(WdfCollectionGetFirstItem(collection) == items[0] && WdfCollectionGetLastItem(collection) == items[2]);
    CHECK(!WdfCollectionGetItem(collection, 3));
    WdfCollectionRemove(collection, items[0]);
    WdfCollectionRemoveItem(collection, 1);
    CHECK(WdfCollectionGetCount(collection) == 1 && WdfCollectionGetLastItem(collection) == items[1]);
    for (int at = 0; at < 3; at++)
        WdfObjectDelete(items[at]);
    /* What is deleted stays in the collection that refers to it. */
    CHECK(WdfCollectionGetFirstItem(collection) == items[1]);
    WdfObjectDelete(collection);
    return 0;
}

static ULONG strings(void) {
    static const UNICODE_STRING text = STRING(L"some text"), name = STRING(L"\\Device\\breaker");
    WDFSTRING string;
    CHECK(WdfStringCreate(&text, 0, &string) == STATUS_SUCCESS && text_is(string, &text));
    CHECK(WdfDeviceRetrieveDeviceName(device, string) == STATUS_SUCCESS && text_is(string, &name));
    CHECK(WdfDriverRetrieveVersionString(this_driver(), string) == STATUS_SUCCESS && !text_is(string, &name));
    WdfObjectDelete(string);
    UNICODE_STRING empty;
    CHECK(WdfStringCreate(0, 0, &string) == STATUS_SUCCESS);
    WdfStringGetUnicodeString(string, &empty);
    CHECK(empty.Length == 0);
    WdfObjectDelete(string);
    return 0;
}

static ULONG memories(void) {
    UCHAR first[16] = { 1, 2, 3 }, second[8] = { 9 }, copy[16];
    WDFMEMORY memory;
    size_t length;
    CHECK(WdfMemoryCreatePreallocated(0, first, sizeof(first), &memory) == STATUS_SUCCESS);
    CHECK(WdfMemoryGetBuffer(memory, &length) == first && length == sizeof(first));
    CHECK(WdfMemoryCopyToBuffer(memory, 0, copy, sizeof(copy)) == STATUS_SUCCESS && same(copy, first, sizeof(copy)));
    CHECK(IS(WdfMemoryCopyFromBuffer(memory, 9, copy, 8), 0xc0000023));
    CHECK(WdfMemoryAssignBuffer(memory, second, sizeof(second)) == STATUS_SUCCESS);
    CHECK(WdfMemoryGetBuffer(memory, &length) == second && length == sizeof(second));
    CHECK(IS(WdfMemoryAssignBuffer(memory, 0, 1), STATUS_INVALID_PARAMETER));
    WdfObjectDelete(memory);

    WDFLOOKASIDE list;
    WDFMEMORY entries[2];
    CHECK(WdfLookasideListCreate(0, 40, NonPagedPoolNx, 0, TAG, &list) == STATUS_SUCCESS);
    for (int at = 0; at < 2; at++)
        CHECK(WdfMemoryCreateFromLookaside(list, &entries[at]) == STATUS_SUCCESS);
    volatile UCHAR *buffer = WdfMemoryGetBuffer(entries[0], &length);
    CHECK(length == 40 && (PVOID)buffer != WdfMemoryGetBuffer(entries[1], 0));
    buffer[39] = 1;
    for (int at = 0; at < 2; at++)
        WdfObjectDelete(entries[at]);
    WdfObjectDelete(list);
    return 0;
}

static const UNICODE_STRING depth = STRING(L"Depth"), name = STRING(L"Name"), many = STRING(L"Many"),
                            bytes = STRING(L"Bytes");

static ULONG registry_values(void) {
    static const UNICODE_STRING text = STRING(L"name"), new_text = STRING(L"another");
    WDFKEY key;
    WDFSTRING string;
    ULONG value = 0, type = 0, length = 0;
    CHECK(WdfDriverOpenParametersRegistryKey(this_driver(), 0x20019, 0, &key) == STATUS_SUCCESS);
    CHECK(WdfRegistryQueryULong(key, &depth, &value) == STATUS_SUCCESS && value == 17);
    CHECK(IS(WdfRegistryQueryULong(key, &name, &value), 0xc0000024));
    CHECK(IS(WdfRegistryQueryULong(key, &many, &value), 0xc0000034));
    CHECK(WdfStringCreate(0, 0, &string) == STATUS_SUCCESS);
    CHECK(WdfRegistryQueryString(key, &name, string) == STATUS_SUCCESS && text_is(string, &text));
    WCHAR buffer[8];
    UNICODE_STRING own = { 0, sizeof(buffer), buffer }, narrow = { 0, 4, buffer };
    USHORT needed = 0;
    CHECK(WdfRegistryQueryUnicodeString(key, &name, &needed, &own) == STATUS_SUCCESS);
    CHECK(needed == 10 && own.Length == 8 && same(buffer, text.Buffer, 8));
    CHECK(IS(WdfRegistryQueryUnicodeString(key, &name, &needed, &narrow), STATUS_BUFFER_OVERFLOW) && needed == 10);
    CHECK(WdfRegistryAssignUnicodeString(key, &name, &new_text) == STATUS_SUCCESS);
    CHECK(WdfRegistryQueryString(key, &name, string) == STATUS_SUCCESS && text_is(string, &new_text));
    CHECK(WdfRegistryAssignULong(key, &depth, 18) == STATUS_SUCCESS);
    CHECK(WdfRegistryQueryValue(key, &depth, sizeof(value), &value, &length, &type) == STATUS_SUCCESS);
    CHECK(value == 18 && length == 4 && type == 4);
    CHECK(IS(WdfRegistryQueryValue(key, &depth, 2, &value, &length, &type), STATUS_BUFFER_OVERFLOW));
    WDFMEMORY memory;
    CHECK(WdfRegistryAssignValue(key, &bytes, 3, 5, "\1\2\3\4\5") == STATUS_SUCCESS);
    CHECK(WdfRegistryQueryMemory(key, &bytes, NonPagedPoolNx, 0, &memory, &type) == STATUS_SUCCESS && type == 3);
    size_t size;
    CHECK(same(WdfMemoryGetBuffer(memory, &size), "\1\2\3\4\5", 5) && size == 5);
    CHECK(WdfRegistryAssignMemory(key, &many, 3, memory, 0) == STATUS_SUCCESS);
    CHECK(WdfRegistryRemoveValue(key, &many) == STATUS_SUCCESS);
    CHECK(IS(WdfRegistryRemoveValue(key, &many), 0xc0000034));
    WdfObjectDelete(memory);
    WdfObjectDelete(string);
    WdfRegistryClose(key);
    return 0;
}

static ULONG registry_lists(void) {
    static const UNICODE_STRING words[] = { STRING(L"one"), STRING(L"two") };
    WDFCOLLECTION out, in;
    WDFKEY key;
    CHECK(WdfDriverOpenParametersRegistryKey(this_driver(), 0x20019, 0, &key) == STATUS_SUCCESS);
    CHECK(WdfCollectionCreate(0, &out) == STATUS_SUCCESS && WdfCollectionCreate(0, &in) == STATUS_SUCCESS);
    for (int at = 0; at < 2; at++) {
        WDFSTRING string;
        CHECK(WdfStringCreate(&words[at], 0, &string) == STATUS_SUCCESS);
        CHECK(WdfCollectionAdd(out, string) == STATUS_SUCCESS);
    }
    WDF_OBJECT_ATTRIBUTES below = attributes_of(in);
    CHECK(WdfRegistryAssignMultiString(key, &many, out) == STATUS_SUCCESS);
    CHECK(WdfRegistryQueryMultiString(key, &many, &below, in) == STATUS_SUCCESS && WdfCollectionGetCount(in) == 2);
    for (int at = 0; at < 2; at++)
        CHECK(text_is(WdfCollectionGetItem(in, at), &words[at]));
    CHECK(WdfRegistryRemoveValue(key, &many) == STATUS_SUCCESS);
    WdfObjectDelete(in);
    WdfObjectDelete(out);
    WdfRegistryClose(key);
    return 0;
}

static ULONG registry_keys(void) {
    static const UNICODE_STRING state = STRING(L"State"),
        missing = STRING(L"\\Registry\\Machine\\Software\\Missing");
    WDFKEY key, below;
    ULONG how = 0, value = 0;
    CHECK(WdfDriverOpenParametersRegistryKey(this_driver(), 0x20019, 0, &key) == STATUS_SUCCESS);
    CHECK(IS(WdfRegistryOpenKey(0, &missing, 0x20019, 0, &below), 0xc0000034));
    CHECK(IS(WdfRegistryOpenKey(key, &state, 0x20019, 0, &below), 0xc0000034));
    CHECK(WdfRegistryCreateKey(key, &state, 0x20019, 0, &how, 0, &below) == STATUS_SUCCESS && how == 1);
    CHECK(WdfRegistryAssignULong(below, &depth, 3) == STATUS_SUCCESS);
    WdfRegistryClose(below);
    CHECK(WdfRegistryCreateKey(key, &state, 0x20019, 0, &how, 0, &below) == STATUS_SUCCESS && how == 2);
    CHECK(WdfRegistryQueryULong(below, &depth, &value) == STATUS_SUCCESS && value == 3);
    CHECK(WdfRegistryWdmGetHandle(below));
    CHECK(WdfRegistryRemoveKey(below) == STATUS_SUCCESS);
    CHECK(IS(WdfRegistryOpenKey(key, &state, 0x20019, 0, &below), 0xc0000034));
    WdfRegistryClose(key);
    return 0;
}

static ULONG getters(void) {
    PDEVICE_OBJECT object = WdfDeviceWdmGetDeviceObject(device);
    CHECK(object && WdfWdmDeviceGetWdfDeviceHandle(object) == device);
    CHECK(WdfWdmDriverGetWdfDriverHandle(object->DriverObject) == this_driver());
    CHECK(WdfDeviceGetDriver(device) == this_driver() && !WdfDeviceWdmGetAttachedDevice(device));
    WdfDeviceSetAlignmentRequirement(device, 7);
    CHECK(WdfDeviceGetAlignmentRequirement(device) == 7);
    WdfDeviceSetCharacteristics(device, 0x100);
    CHECK(WdfDeviceGetCharacteristics(device) == 0x100);
    CHECK(WdfDriverRegisterTraceInfo(object->DriverObject, 0, 0) == STATUS_SUCCESS);
    return 0;
}

static check *const checks[] = {
    collections, strings, memories, registry_values, registry_lists, registry_keys, getters,
};
RUN(checks)
