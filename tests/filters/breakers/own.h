/* A frame of the filter's own, with the first send of each time that it runs. The including file defines `say`, which sends
 * or indicates `own`, and calls `speak` in its `replace`. The first adapter's: on others nothing is said. */
#include "breaker.h"

static struct module *speaker;
static NDIS_HANDLE pool;
static PMDL mdl;
static PNET_BUFFER_LIST own;
static volatile LONG is_said;
static KEVENT is_back;
/* To everybody, from a locally administered address, with an EtherType for experiments. */
static UCHAR frame[60] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };

static void say(void);

static void say_once(void) {
    if (__sync_lock_test_and_set(&is_said, 1))
        return;
    KeClearEvent(&is_back);
    say();
}

static NDIS_STATUS prepare(struct module *module) {
    NET_BUFFER_LIST_POOL_PARAMETERS parameters = {
        .Header = {
            NDIS_OBJECT_TYPE_DEFAULT,
            NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        },
        .fAllocateNetBuffer = 1,
        .PoolTag = POOL_TAG,
    };
    pool = NdisAllocateNetBufferListPool(module->handle, &parameters);
    mdl = pool ? NdisAllocateMdl(module->handle, frame, sizeof(frame)) : 0;
    own = mdl ? NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, sizeof(frame)) : 0;
    if (own) {
        own->SourceHandle = module->handle;
        is_said = 0;
        return NDIS_STATUS_SUCCESS;
    }
    if (mdl)
        NdisFreeMdl(mdl);
    if (pool)
        NdisFreeNetBufferListPool(pool);
    return NDIS_STATUS_RESOURCES;
}

static NDIS_STATUS speaking_restart(NDIS_HANDLE context, PNDIS_FILTER_RESTART_PARAMETERS parameters) {
    if (!speaker && prepare(context) == NDIS_STATUS_SUCCESS)
        speaker = context;
    return restart(context, parameters);
}

static NDIS_STATUS speaking_pause(NDIS_HANDLE context, PNDIS_FILTER_PAUSE_PARAMETERS parameters) {
    if (context == speaker) {
        KeWaitForSingleObject(&is_back, Executive, KernelMode, 0, 0);
        NdisFreeNetBufferList(own);
        NdisFreeMdl(mdl);
        NdisFreeNetBufferListPool(pool);
        speaker = 0;
    }
    return pause(context, parameters);
}

static void speaking_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags) {
    if (context == speaker)
        say_once();
    send(context, lists, port, flags);
}

/* Takes its own out of what comes back: the rest. */
static PNET_BUFFER_LIST without_own(PNET_BUFFER_LIST lists) {
    PNET_BUFFER_LIST *link = &lists;
    int is_there = 0;
    while (*link) {
        if (*link == own) {
            *link = own->Next;
            own->Next = 0;
            is_there = 1;
        } else {
            link = &(*link)->Next;
        }
    }
    if (is_there)
        KeSetEvent(&is_back, 0, 0);
    return lists;
}

static void speaking_send_complete(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    PNET_BUFFER_LIST others = without_own(lists);
    if (others)
        send_complete(context, others, flags);
}

static void speaking_returned(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags) {
    PNET_BUFFER_LIST others = without_own(lists);
    if (others)
        returned(context, others, flags);
}

static void speak(void) {
    KeInitializeEvent(&is_back, NotificationEvent, 1);
    characteristics.RestartHandler = speaking_restart;
    characteristics.PauseHandler = speaking_pause;
    characteristics.SendNetBufferListsHandler = speaking_send;
    characteristics.SendNetBufferListsCompleteHandler = speaking_send_complete;
    characteristics.ReturnNetBufferListsHandler = speaking_returned;
}
