/* A number among a driver's parameters in the registry, for filters that a test tells what to be like. */
#pragma once
#include "wdm.h"

/* The DWORD `text` below the service's `Parameters` key; 0 where there is none. */
static ULONG parameter(PUNICODE_STRING service, const WCHAR *text) {
    static WCHAR path[128];
    UNICODE_STRING key_name = { 0, sizeof(path), path }, name;
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), 0, &key_name, 0x240, 0, 0 };
    struct { ULONG title, type, length, data; } value = { 0 };
    HANDLE key;
    ULONG needed;
    memcpy(path, service->Buffer, service->Length);
    key_name.Length = service->Length;
    RtlAppendUnicodeToString(&key_name, L"\\Parameters");
    RtlInitUnicodeString(&name, text);
    if (ZwOpenKey(&key, 0x20019, &attributes) != STATUS_SUCCESS)
        return 0;
    ZwQueryValueKey(key, &name, 2, &value, sizeof(value), &needed);
    ZwClose(key);
    return value.data;
}
