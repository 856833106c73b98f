/* A WDM filter that writes to the system's error log. */
#include "wdm.h"

typedef struct {
    UCHAR MajorFunctionCode, RetryCount;
    USHORT DumpDataSize, NumberOfStrings, StringOffset, EventCategory;
    NTSTATUS ErrorCode;
    ULONG UniqueErrorValue;
    NTSTATUS FinalStatus;
    ULONG SequenceNumber, IoControlCode;
    LARGE_INTEGER DeviceOffset;
    ULONG DumpData[1];
} PACKET;
_Static_assert(sizeof(PACKET) == 48, "IO_ERROR_LOG_PACKET");
#define MAXIMUM 240

IMPORT PACKET *IoAllocateErrorLogEntry(PVOID, UCHAR);
IMPORT void IoFreeErrorLogEntry(PACKET *);
IMPORT void IoWriteErrorLogEntry(PACKET *);

static PDRIVER_OBJECT this_driver;

static PACKET *entry_of(UCHAR size) {
    PACKET *entry = IoAllocateErrorLogEntry(this_driver, size);
    if (entry)
        entry->ErrorCode = (NTSTATUS)0xC0040001;
    return entry;
}

static ULONG writes_a_string(void) {
    static const WCHAR text[] = L"a string";
    PACKET *entry = entry_of(sizeof(*entry) + sizeof(ULONG) + sizeof(text));
    CHECK(entry);
    entry->DumpDataSize = 2 * sizeof(ULONG);
    entry->NumberOfStrings = 1;
    entry->StringOffset = sizeof(*entry) + sizeof(ULONG);
    memcpy((char *)entry + entry->StringOffset, text, sizeof(text));
    IoWriteErrorLogEntry(entry);
    return 0;
}
static ULONG frees_what_it_does_not_write(void) {
    PACKET *entry = IoAllocateErrorLogEntry(this_driver->DeviceObject, MAXIMUM);
    CHECK(entry);
    write_cr8(2);
    IoFreeErrorLogEntry(entry);
    write_cr8(0);
    return 0;
}
static ULONG asks_for_too_much_and_too_little(void) {
    CHECK(!entry_of(MAXIMUM + 1));
    CHECK(!entry_of(sizeof(PACKET) - 1));
    return 0;
}

static ULONG leaves_an_entry(void) { return entry_of(MAXIMUM) == 0; }
static ULONG frees_what_it_wrote(void) {
    PACKET *entry = entry_of(sizeof(*entry));
    CHECK(entry);
    IoWriteErrorLogEntry(entry);
    IoFreeErrorLogEntry(entry);
    return 0;
}
static ULONG dumps_more_than_there_is(void) {
    PACKET *entry = entry_of(sizeof(*entry));
    CHECK(entry);
    entry->DumpDataSize = 3 * sizeof(ULONG);
    IoWriteErrorLogEntry(entry);
    return 0;
}
static ULONG writes_a_string_without_end(void) {
    PACKET *entry = entry_of(sizeof(*entry) + sizeof(WCHAR));
    CHECK(entry);
    entry->NumberOfStrings = 1;
    entry->StringOffset = sizeof(*entry);
    *(WCHAR *)(PVOID)(entry + 1) = L'x';
    IoWriteErrorLogEntry(entry);
    return 0;
}
static ULONG names_no_object(void) { return IoAllocateErrorLogEntry(&this_driver, MAXIMUM) == 0; }

static check *const checks[] = {
    writes_a_string, frees_what_it_does_not_write, asks_for_too_much_and_too_little,
    [20] = leaves_an_entry, frees_what_it_wrote, dumps_more_than_there_is, writes_a_string_without_end, names_no_object,
};

#define DriverEntry device_entry
CHECKING_DEVICE(L"error_log")
#undef DriverEntry

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path) {
    this_driver = driver;
    return device_entry(driver, registry_path);
}
