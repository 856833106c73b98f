/* The pass-through filter with a WDM control device, as filters in the field have one: by NdisRegisterDeviceEx, or by
 * IoCreateDevice.
 *
 * A file defines what it wants of `create`, `cleanup`, `dispatch_read`, `dispatch_write`, `control` with macros named HAS_*,
 * and `begin` and `end` with HAS_BEGIN and HAS_END, for what is there from entry to unload. */
#pragma once
#include "../wdm/wdm.h"
#include "field.h"

#define CONTAINING(address, type, field) ((type *)((PUCHAR)(address) - __builtin_offsetof(type, field)))
#define IOCTL(function, method) CODE(0x800 + (function), method)
#define MM_PRIORITY (16 | 0x40000000) /* NormalPagePriority | MdlMappingNoExecute */

static inline void InitializeListHead(PLIST_ENTRY head) { head->Flink = head->Blink = head; }
static inline BOOLEAN IsListEmpty(PLIST_ENTRY head) { return head->Flink == head; }
static inline void InsertTailList(PLIST_ENTRY head, PLIST_ENTRY entry) {
    PLIST_ENTRY last = head->Blink;
    if (last->Flink != head)
        fast_fail(3);
    entry->Flink = head;
    entry->Blink = last;
    last->Flink = entry;
    head->Blink = entry;
}
static inline void RemoveEntryList(PLIST_ENTRY entry) {
    PLIST_ENTRY next = entry->Flink, before = entry->Blink;
    if (next->Blink != entry || before->Flink != entry)
        fast_fail(3);
    before->Flink = next;
    next->Blink = before;
}
static inline PLIST_ENTRY RemoveHeadList(PLIST_ENTRY head) {
    PLIST_ENTRY entry = head->Flink;
    RemoveEntryList(entry);
    return entry;
}
static inline PVOID MmGetSystemAddressForMdlSafe(PMDL mdl, ULONG priority) {
    if (mdl->MdlFlags & 5) /* MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL */
        return mdl->MappedSystemVa;
    return MmMapLockedPagesSpecifyCache(mdl, 0, 1, 0, 0, priority);
}
static inline PIRP irp_of(PLIST_ENTRY entry) { return CONTAINING(entry, IRP, Tail.Overlay.ListEntry); }

IMPORT void IoQueueWorkItem(PIO_WORKITEM, PVOID, int, PVOID);
IMPORT void KeInitializeTimer(PKTIMER);
IMPORT BOOLEAN KeRemoveQueueDpc(PRKDPC);
IMPORT void *memmove(void *, const void *, size_t);

static PDEVICE_OBJECT device;
static NDIS_HANDLE device_handle;

static NTSTATUS succeed(PDEVICE_OBJECT object, PIRP irp) { return complete(irp, STATUS_SUCCESS, 0); }

#ifdef HAS_CREATE
static NTSTATUS create(PDEVICE_OBJECT object, PIRP irp);
#else
#define create succeed
#endif
#ifdef HAS_CLEANUP
static NTSTATUS cleanup(PDEVICE_OBJECT object, PIRP irp);
#else
#define cleanup succeed
#endif
#ifdef HAS_CLOSE
static NTSTATUS dispatch_close(PDEVICE_OBJECT object, PIRP irp);
#else
#define dispatch_close succeed
#endif
#ifdef HAS_READ
static NTSTATUS dispatch_read(PDEVICE_OBJECT object, PIRP irp);
#endif
#ifdef HAS_WRITE
static NTSTATUS dispatch_write(PDEVICE_OBJECT object, PIRP irp);
#endif
#ifdef HAS_CONTROL
static NTSTATUS control(PDEVICE_OBJECT object, PIRP irp);
#endif
#ifdef HAS_BEGIN
static NTSTATUS begin(void);
#endif
#ifdef HAS_END
static void end(void);
#endif

#ifndef DEVICE_FLAGS
#define DEVICE_FLAGS DO_DIRECT_IO
#endif

#ifndef OWN_UNLOAD
static void unload_device(PDRIVER_OBJECT driver) {
    NdisDeregisterDeviceEx(device_handle);
    unload(driver);
#ifdef HAS_END
    end();
#endif
}
#else
static void unload_device(PDRIVER_OBJECT driver);
#endif

#ifndef OWN_ENTRY
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    static UNICODE_STRING device_name = STRING(L"\\Device\\field"), link_name = STRING(L"\\DosDevices\\field");
    PDRIVER_DISPATCH table[IRP_MJ_MAXIMUM_FUNCTION + 1] = { 0 };
#ifdef HAS_REPLACE
    replace();
#endif
    NTSTATUS status = passthru_entry(driver, registry_path);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    driver->DriverUnload = unload_device;
    table[IRP_MJ_CREATE] = create;
    table[IRP_MJ_CLEANUP] = cleanup;
    table[IRP_MJ_CLOSE] = dispatch_close;
#ifdef HAS_READ
    table[IRP_MJ_READ] = dispatch_read;
#endif
#ifdef HAS_WRITE
    table[IRP_MJ_WRITE] = dispatch_write;
#endif
#ifdef HAS_CONTROL
    table[IRP_MJ_DEVICE_CONTROL] = control;
#endif
    NDIS_DEVICE_OBJECT_ATTRIBUTES attributes = {
        .Header = { NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES, 1, sizeof(attributes) },
        .DeviceName = &device_name,
        .SymbolicName = &link_name,
        .MajorFunctions = table,
    };
#ifdef HAS_BEGIN
    status = begin();
    if (status < 0) {
        NdisFDeregisterFilterDriver(registration);
        return status;
    }
#endif
    status = NdisRegisterDeviceEx(registration, &attributes, &device, &device_handle);
    if (status != NDIS_STATUS_SUCCESS) {
        NdisFDeregisterFilterDriver(registration);
#ifdef HAS_END
        end();
#endif
        return status;
    }
    device->Flags |= DEVICE_FLAGS;
    return status;
}
#endif
