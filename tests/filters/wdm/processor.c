/* What WDK headers read of the processor inline: GS, CR8, KUSER_SHARED_DATA. */
#include "wdm.h"

static ULONG thread_and_number(void) {
    PVOID thread = KeGetCurrentThread();
    CHECK(thread && thread == KeGetCurrentThread());
    CHECK(KeGetCurrentProcessorIndex() == KeGetCurrentProcessorNumberEx(0));
    return 0;
}

static KSPIN_LOCK lock;

static ULONG irql(void) {
    CHECK(read_cr8() == 0 && KeGetCurrentIrql() == 0);
    write_cr8(2);
    CHECK(read_cr8() == 2 && KeGetCurrentIrql() == 2);
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeReleaseSpinLockFromDpcLevel(&lock);
    write_cr8(0);
    KIRQL before = KeAcquireSpinLockRaiseToDpc(&lock);
    CHECK(before == 0 && read_cr8() == 2);
    KeReleaseSpinLock(&lock, before);
    CHECK(read_cr8() == 0);
    return 0;
}

static volatile LONG ran;
static KDPC dpc;

static void count(PKDPC object, PVOID context, PVOID first, PVOID second) {
    ran += read_cr8() == 2 && context == &ran ? 1 : 100;
}

/* A DPC waits for the level to fall, and comes at once when it does. */
static ULONG dpc_at_the_fall(void) {
    KeInitializeDpc(&dpc, count, (PVOID)&ran);
    ran = 0;
    write_cr8(2);
    KeInsertQueueDpc(&dpc, 0, 0);
    CHECK(ran == 0);
    write_cr8(0);
    CHECK(ran == 1);
    return 0;
}

static ULONG time_passes(void) {
    ULONGLONG ticks = query_tick_count(), system = query_system_time();
    LARGE_INTEGER second, precise;
    second.QuadPart = -10000000;
    KeDelayExecutionThread(0, 0, &second);
    ULONGLONG ticked = query_tick_count() - ticks;
    CHECK(ticked >= 63);
    CHECK(query_system_time() - system >= 10000000);
    KeQuerySystemTimePrecise(&precise);
    CHECK((ULONGLONG)precise.QuadPart >= system + 10000000);
    return 0;
}

static ULONG versions(void) {
    CHECK(SHARED(ULONG, 0x26c) == 10 && SHARED(ULONG, 0x270) == 0);
    CHECK(SHARED(UCHAR, 0x274 + 10)); /* PF_XMMI64_INSTRUCTIONS_AVAILABLE */
    CHECK(SHARED(USHORT, 0x30) == 'C');
    return 0;
}

static check *const checks[] = { thread_and_number, irql, dpc_at_the_fall, time_passes, versions };
CHECKING_DEVICE(L"processor")
