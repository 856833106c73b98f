/* The pass-through filter with a control device by KMDF, in which filters put their queues and objects: what
 * `breakers/kmdf.h` has, and initializers as the framework's headers have them. */
#pragma once
/* To the framework's headers a WDFOBJECT is any handle; to the generated one it has a type of its own. */
#pragma clang diagnostic ignored "-Wincompatible-pointer-types"
#define BROKEN 0
#define OWN_BEGIN
#include "../breakers/kmdf.h"
#include "field.h"

#define IOCTL(function, method) (0x22 << 16 | (0x800 + (function)) << 2 | (method))

static inline WDF_OBJECT_ATTRIBUTES attributes_of(WDFOBJECT parent) {
    return (WDF_OBJECT_ATTRIBUTES){
        .Size = sizeof(WDF_OBJECT_ATTRIBUTES),
        .ExecutionLevel = WdfExecutionLevelInheritFromParent,
        .SynchronizationScope = WdfSynchronizationScopeInheritFromParent,
        .ParentObject = parent,
    };
}

/* A context's type, as WDF_DECLARE_CONTEXT_TYPE makes it. */
#define CONTEXT_TYPE(type)                                                                                            \
    static WDF_OBJECT_CONTEXT_TYPE_INFO type##_info = { sizeof(type##_info), #type, sizeof(struct type), 0, 0 };       \
    static inline struct type *get_##type(WDFOBJECT object) {                                                         \
        return WdfObjectGetTypedContextWorker(object, &type##_info);                                                  \
    }

static NTSTATUS make_objects(void);

/* The objects are there before programs are let in. */
static NTSTATUS begin(PDRIVER_OBJECT driver) {
    NTSTATUS status = make_objects();
    if (status >= 0)
        status = NdisFRegisterFilterDriver(driver, driver, &characteristics, &registration);
    if (status >= 0)
        WdfControlFinishInitializing(device);
    return status;
}
