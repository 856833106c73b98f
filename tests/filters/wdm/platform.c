/* A filter that also registers with the filtering platform, as those do that watch loopback: objects by transactions, a
 * callout, injection handles; all taken back. */
#include "wdm.h"

IMPORT NTSTATUS FwpmEngineOpen0(const WCHAR *, ULONG, PVOID, PVOID, PHANDLE);
IMPORT NTSTATUS FwpmEngineClose0(HANDLE);
IMPORT NTSTATUS FwpmTransactionBegin0(HANDLE, ULONG);
IMPORT NTSTATUS FwpmTransactionCommit0(HANDLE);
IMPORT NTSTATUS FwpmTransactionAbort0(HANDLE);
IMPORT NTSTATUS FwpmProviderAdd0(HANDLE, PVOID, PVOID);
IMPORT NTSTATUS FwpmProviderDeleteByKey0(HANDLE, const GUID *);
IMPORT NTSTATUS FwpmCalloutAdd0(HANDLE, PVOID, PVOID, ULONG *);
IMPORT NTSTATUS FwpmCalloutDeleteByKey0(HANDLE, const GUID *);
IMPORT NTSTATUS FwpmFilterAdd0(HANDLE, PVOID, PVOID, ULONGLONG *);
IMPORT NTSTATUS FwpmFilterDeleteByKey0(HANDLE, const GUID *);
IMPORT NTSTATUS FwpmFilterCreateEnumHandle0(HANDLE, PVOID, PHANDLE);
IMPORT NTSTATUS FwpmFilterEnum0(HANDLE, HANDLE, ULONG, PVOID, ULONG *);
IMPORT NTSTATUS FwpmFilterDestroyEnumHandle0(HANDLE, HANDLE);
IMPORT void FwpmFreeMemory0(PVOID *);
IMPORT NTSTATUS FwpsCalloutRegister3(PVOID, PVOID, ULONG *);
IMPORT NTSTATUS FwpsCalloutUnregisterById0(ULONG);
IMPORT NTSTATUS FwpsInjectionHandleCreate0(USHORT, ULONG, PHANDLE);
IMPORT NTSTATUS FwpsInjectionHandleDestroy0(HANDLE);

#define ALREADY_EXISTS ((NTSTATUS)0xC0220009)
#define IN_USE ((NTSTATUS)0xC022000A)
#define FILTER_NOT_FOUND ((NTSTATUS)0xC0220003)
#define PROVIDER_NOT_FOUND ((NTSTATUS)0xC0220005)

static GUID provider_key = { 1, 2, 3, { 4 } }, callout_key = { 5, 6, 7, { 8 } };
static struct { GUID key; ULONGLONG rest[6]; } provider = { { 1, 2, 3, { 4 } }, { 0 } };
static struct { GUID key; ULONGLONG rest[12]; } callout = { { 5, 6, 7, { 8 } }, { 0 } };
static struct { GUID key; ULONGLONG before[3]; GUID *provider; ULONGLONG rest[19]; } filter;

static ULONG objects(void) {
    HANDLE engine, enumeration;
    ULONGLONG id;
    ULONG count;
    struct { GUID key; } **found;
    CHECK(FwpmEngineOpen0(0, 10, 0, 0, &engine) == STATUS_SUCCESS);
    CHECK(FwpmTransactionBegin0(engine, 0) == STATUS_SUCCESS && FwpmTransactionBegin0(engine, 0) < 0);
    CHECK(FwpmProviderAdd0(engine, &provider, 0) == STATUS_SUCCESS);
    CHECK(FwpmProviderAdd0(engine, &provider, 0) == ALREADY_EXISTS);
    CHECK(FwpmTransactionAbort0(engine) == STATUS_SUCCESS && FwpmTransactionCommit0(engine) < 0);
    CHECK(FwpmProviderDeleteByKey0(engine, &provider_key) == PROVIDER_NOT_FOUND);
    CHECK(FwpmTransactionBegin0(engine, 0) == STATUS_SUCCESS);
    CHECK(FwpmProviderAdd0(engine, &provider, 0) == STATUS_SUCCESS);
    CHECK(FwpmCalloutAdd0(engine, &callout, 0, 0) == STATUS_SUCCESS);
    filter.provider = &provider_key;
    CHECK(FwpmFilterAdd0(engine, &filter, 0, &id) == STATUS_SUCCESS && id);
    CHECK(FwpmTransactionCommit0(engine) == STATUS_SUCCESS);
    CHECK(FwpmProviderDeleteByKey0(engine, &provider_key) == IN_USE);
    GUID *template[12] = { &provider_key };
    CHECK(FwpmFilterCreateEnumHandle0(engine, template, &enumeration) == STATUS_SUCCESS);
    CHECK(FwpmFilterEnum0(engine, enumeration, 10, (PVOID)&found, &count) == STATUS_SUCCESS && count == 1);
    CHECK(FwpmFilterDeleteByKey0(engine, &found[0]->key) == STATUS_SUCCESS);
    CHECK(FwpmFilterDeleteByKey0(engine, &found[0]->key) == FILTER_NOT_FOUND);
    FwpmFreeMemory0((PVOID)&found);
    CHECK(!found && FwpmFilterDestroyEnumHandle0(engine, enumeration) == STATUS_SUCCESS);
    CHECK(FwpmCalloutDeleteByKey0(engine, &callout_key) == STATUS_SUCCESS);
    CHECK(FwpmProviderDeleteByKey0(engine, &provider_key) == STATUS_SUCCESS);
    CHECK(FwpmEngineClose0(engine) == STATUS_SUCCESS);
    return 0;
}

static ULONG dynamic(void) {
    struct { GUID key; PVOID names[2]; ULONG flags, rest[9]; } session = { { 0 }, { 0 }, 1, { 0 } };
    HANDLE engine;
    for (int i = 0; i < 2; i++) {
        CHECK(FwpmEngineOpen0(0, 10, 0, &session, &engine) == STATUS_SUCCESS);
        CHECK(FwpmProviderAdd0(engine, &provider, 0) == STATUS_SUCCESS);
        CHECK(FwpmEngineClose0(engine) == STATUS_SUCCESS);
    }
    return 0;
}

static ULONG callouts(void) {
    HANDLE injection;
    ULONG id;
    CHECK(FwpsCalloutRegister3(registration, &callout, &id) == STATUS_SUCCESS);
    CHECK(FwpsCalloutRegister3(registration, &callout, 0) == ALREADY_EXISTS);
    CHECK(FwpsCalloutUnregisterById0(id) == STATUS_SUCCESS && FwpsCalloutUnregisterById0(id) < 0);
    CHECK(FwpsInjectionHandleCreate0(2, 2, &injection) == STATUS_SUCCESS);
    CHECK(FwpsInjectionHandleDestroy0(injection) == STATUS_SUCCESS);
    return 0;
}

static check *const checks[] = { objects, dynamic, callouts };

CHECKING_DEVICE(L"platform")
