/* Automatic synchronization by the device's lock: at DISPATCH_LEVEL, or at PASSIVE_LEVEL (kmdf_serial_passive.c). Every
 * callback counts those that are inside with it. */
#define OWN_BEGIN
#include "checks.h"

#ifndef PASSIVE
#define PASSIVE 0
#endif

static volatile LONG inside, overlaps, calls;
static WDFQUEUE second;

static void enter(void) {
    if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) != 1)
        __atomic_add_fetch(&overlaps, 1, __ATOMIC_SEQ_CST);
    if (KeGetCurrentIrql() != (PASSIVE ? PASSIVE_LEVEL : DISPATCH_LEVEL))
        __atomic_add_fetch(&overlaps, 1, __ATOMIC_SEQ_CST);
    calls++;
}
static void leave(void) {
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

/* Goes on to the second queue, whose event may not come before this one is over. */
static void on_write(WDFQUEUE from, WDFREQUEST request, size_t length) {
    enter();
    NTSTATUS status = WdfRequestForwardToIoQueue(request, second);
    if (status < 0)
        WdfRequestComplete(request, status);
    leave();
}

static void on_second(WDFQUEUE from, WDFREQUEST request, size_t length) {
    enter();
    WdfRequestCompleteWithInformation(request, STATUS_SUCCESS, length);
    leave();
}

static void on_timer(WDFTIMER timer) {
    enter();
    leave();
}

static void on_work(WDFWORKITEM item) {
    WdfObjectAcquireLock(device);
    enter();
    leave();
    WdfObjectReleaseLock(device);
    WdfObjectDelete(item);
}

/* Another level than the device's lock has is refused. */
static ULONG levels(void) {
    WDF_OBJECT_ATTRIBUTES below = attributes_of(device);
    WDF_WORKITEM_CONFIG work = { .Size = sizeof(work), .EvtWorkItemFunc = on_work, .AutomaticSerialization = 1 };
    WDFWORKITEM item;
    NTSTATUS status = WdfWorkItemCreate(&work, &below, &item);
    CHECK(PASSIVE ? status == STATUS_SUCCESS : IS(status, 0xc020020c));
    if (PASSIVE)
        WdfObjectDelete(item);
    below.ExecutionLevel = PASSIVE ? WdfExecutionLevelDispatch : WdfExecutionLevelPassive;
    WDF_TIMER_CONFIG config = { .Size = sizeof(config), .EvtTimerFunc = on_timer, .AutomaticSerialization = 1 };
    WDFTIMER timer;
    CHECK(IS(WdfTimerCreate(&config, &below, &timer), 0xc020020c));
    CHECK(KeGetCurrentIrql() == (PASSIVE ? PASSIVE_LEVEL : DISPATCH_LEVEL));
    return 0;
}

/* Starts what runs at its own time. */
static ULONG started(void) {
    WDF_OBJECT_ATTRIBUTES below = attributes_of(device);
    WDF_WORKITEM_CONFIG work = { .Size = sizeof(work), .EvtWorkItemFunc = on_work };
    WDFWORKITEM item;
    CHECK(WdfWorkItemCreate(&work, &below, &item) == STATUS_SUCCESS);
    WdfWorkItemEnqueue(item);
    below.ExecutionLevel = PASSIVE ? WdfExecutionLevelPassive : WdfExecutionLevelInheritFromParent;
    WDF_TIMER_CONFIG config = { .Size = sizeof(config), .EvtTimerFunc = on_timer, .AutomaticSerialization = 1 };
    WDFTIMER timer;
    CHECK(WdfTimerCreate(&config, &below, &timer) == STATUS_SUCCESS);
    WdfTimerStart(timer, -1);
    return 0;
}

/* Four writes, each in both queues, a timer and a work item: one at a time. */
static ULONG one_at_a_time(void) {
    CHECK(calls == 10);
    CHECK(overlaps == 0);
    return 0;
}

static check *const checks[] = { levels, started, one_at_a_time };

static NTSTATUS begin(PDRIVER_OBJECT driver) {
    WDF_IO_QUEUE_CONFIG config = {
        .Size = sizeof(config),
        .DispatchType = WdfIoQueueDispatchParallel,
        .PowerManaged = WdfUseDefault,
        .EvtIoWrite = on_second,
        .Settings.Parallel.NumberOfPresentedRequests = 0xffffffff,
    };
    NTSTATUS status = WdfIoQueueCreate(device, &config, 0, &second);
    if (status >= 0)
        status = NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
    if (status >= 0)
        WdfControlFinishInitializing(device);
    return status;
}

static WDF_OBJECT_ATTRIBUTES of_device = {
    .Size = sizeof(of_device),
    .ExecutionLevel = PASSIVE ? WdfExecutionLevelPassive : WdfExecutionLevelInheritFromParent,
    .SynchronizationScope = WdfSynchronizationScopeDevice,
};
RUN_WITH(checks, (queue.EvtIoWrite = on_write, device_attributes = &of_device))
