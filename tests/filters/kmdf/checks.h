/* The filter with a KMDF control device, `\\.\breaker`, each of whose controls runs a check: code 0x12 << 16 | n << 2.
 *
 * A file ends with RUN of its `checks`, or with RUN_WITH what changes the device and the queues before they are made. The
 * answer to a control is the line of what does not hold, or 0; STATUS_NO_MORE_ENTRIES beyond the last check. */
#define BROKEN 0
#include "../breakers/kmdf.h"

#ifndef STATUS_NO_MORE_ENTRIES
#define STATUS_NO_MORE_ENTRIES ((NTSTATUS)0x8000001a)
#endif
#define CHECK(holds) do { if (!(holds)) return __LINE__; } while (0)
#define TAG 0x6664776b /* "kwdf" */
#define IS(status, wanted) ((ULONG)(status) == (ULONG)(wanted))

typedef ULONG check(void);

static inline WDF_OBJECT_ATTRIBUTES attributes_of(WDFOBJECT parent) {
    WDF_OBJECT_ATTRIBUTES attributes = {
        .Size = sizeof(attributes),
        .ExecutionLevel = WdfExecutionLevelInheritFromParent,
        .SynchronizationScope = WdfSynchronizationScopeInheritFromParent,
        .ParentObject = parent,
    };
    return attributes;
}

static inline int same(const void *left, const void *right, size_t length) {
    const volatile UCHAR *a = left, *b = right;
    while (length && *a == *b)
        length--, a++, b++;
    return length == 0;
}

static inline int text_is(WDFSTRING string, const UNICODE_STRING *text) {
    UNICODE_STRING found;
    WdfStringGetUnicodeString(string, &found);
    return found.Length == text->Length && same(found.Buffer, text->Buffer, text->Length);
}

static void run_check(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code);

#define RUN(checks) RUN_WITH(checks, (void)0)
#define RUN_WITH(checks, set_up) \
    static void run_check(WDFQUEUE from, WDFREQUEST request, size_t output, size_t input, ULONG code) { \
        ULONG number = (code >> 2) & 0xfff, line = 0, *to; \
        NTSTATUS status = STATUS_NO_MORE_ENTRIES; \
        if (number < sizeof(checks) / sizeof(*checks)) { \
            line = checks[number](); \
            status = WdfRequestRetrieveOutputBuffer(request, sizeof(line), (PVOID *)&to, 0); \
            if (status >= 0) \
                *to = line; \
        } \
        WdfRequestCompleteWithInformation(request, status, status >= 0 ? sizeof(line) : 0); \
    } \
    static void replace(void) { \
        queue.EvtIoDeviceControl = run_check; \
        set_up; \
    }
