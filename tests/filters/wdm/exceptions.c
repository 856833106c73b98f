/* Structured exceptions: faults and raised ones, __except and __finally, as MSVC's language handler has them. */
#include "wdm.h"

IMPORT void ExRaiseStatus(NTSTATUS);
IMPORT void ProbeForRead(PVOID, SIZE_T, ULONG);

#define EXECUTE_HANDLER 1
#define CONTINUE_SEARCH 0
#define CONTINUE_EXECUTION -1
#define NOT_MAPPED ((volatile ULONG *)0x1230)

struct record { ULONG code, flags; PVOID inner, address; ULONG count; ULONGLONG information[15]; };
struct pointers { struct record *record; PUCHAR context; };

/* Called through pointers that the compiler cannot see through, so that it knows of no call that it cannot raise. */
static ULONG load(volatile ULONG *at) { return *at; }
static void raise(NTSTATUS status) { ExRaiseStatus(status); }
static ULONG divide(ULONG by) { return 100 / by; }
static ULONG (*volatile load_at)(volatile ULONG *) = load;
static void (*volatile raise_status)(NTSTATUS) = raise;
static ULONG (*volatile divide_by)(ULONG) = divide;

static ULONG steps;

static ULONG a_fault_is_handled(void) {
    ULONG code = 0;
    __try {
        load_at(NOT_MAPPED);
        return __LINE__;
    } __except (EXECUTE_HANDLER) {
        code = _exception_code();
    }
    CHECK(code == 0xc0000005);
    return 0;
}

static int look(struct pointers *pointers) {
    steps = pointers->record->code == 0xc0000005 && pointers->record->count == 2 &&
        pointers->record->information[0] == 0 && pointers->record->information[1] == (ULONGLONG)NOT_MAPPED;
    return EXECUTE_HANDLER;
}

static ULONG a_filter_sees_the_record(void) {
    steps = 0;
    __try {
        load_at(NOT_MAPPED);
    } __except (look((struct pointers *)_exception_info())) {
        CHECK(steps == 1);
        return 0;
    }
    return __LINE__;
}

static ULONG a_status_is_raised(void) {
    __try {
        raise_status(STATUS_INSUFFICIENT_RESOURCES);
    } __except (_exception_code() == (ULONG)STATUS_INSUFFICIENT_RESOURCES) {
        return 0;
    }
    return __LINE__;
}

static ULONG a_division_is_handled(void) {
    __try {
        divide_by(0);
    } __except (_exception_code() == 0xc0000094) {
        return 0;
    }
    return __LINE__;
}

static void inner(void) {
    __try {
        __try {
            raise_status(STATUS_CANCELLED);
            steps = steps * 10 + 9;
        } __finally {
            steps = steps * 10 + 2;
        }
    } __except ((steps = steps * 10 + 1), CONTINUE_SEARCH) {
        steps = steps * 10 + 9;
    }
}
static void (*volatile inner_function)(void) = inner;

/* The filters run first, inner to outer; then the blocks between, then the handler. */
static ULONG blocks_run_in_order(void) {
    steps = 0;
    __try {
        __try {
            inner_function();
        } __finally {
            steps = steps * 10 + 3;
        }
    } __except (EXECUTE_HANDLER) {
        steps = steps * 10 + 4;
    }
    CHECK(steps == 1234);
    return 0;
}

static ULONG without_an_exception(void) {
    steps = 0;
    __try {
        __try {
            steps = load_at((volatile ULONG *)&steps) + 1;
        } __finally {
            steps += 10;
        }
    } __except (EXECUTE_HANDLER) {
        return __LINE__;
    }
    CHECK(steps == 11);
    return 0;
}

static ULONG elsewhere = 77;

/* The address was the first argument, which is in rcx. */
static int mend(struct pointers *pointers) {
    *(PVOID *)(pointers->context + 0x80) = &elsewhere;
    return CONTINUE_EXECUTION;
}

static ULONG execution_continues(void) {
    ULONG loaded = 0;
    __try {
        loaded = load_at(NOT_MAPPED);
    } __except (mend((struct pointers *)_exception_info())) {
        return __LINE__;
    }
    CHECK(loaded == 77);
    return 0;
}

/* Uses all registers that a call preserves, on the way to an exception. */
static ULONG spread(ULONG a, ULONG b, ULONG c, ULONG d, ULONG depth) {
    if (!depth)
        return load_at(NOT_MAPPED) + a;
    ULONG sum = spread(b * 3, c * 5, d * 7, a * 11, depth - 1);
    return sum + a * b + c * d + depth;
}
static ULONG (*volatile spread_out)(ULONG, ULONG, ULONG, ULONG, ULONG) = spread;

static ULONG registers_are_as_before(void) {
    ULONG a = KeGetCurrentProcessorIndex() + 3, b = a * 5, c = b * 7, d = c * 11, e = d * 13, caught = 0;
    for (int i = 0; i < 3; i++) {
        __try {
            spread_out(a, b, c, d, 20);
        } __except (EXECUTE_HANDLER) {
            caught++;
        }
    }
    CHECK(caught == 3 && b == a * 5 && c == b * 7 && d == c * 11 && e == d * 13);
    return 0;
}

static void (*volatile probe)(PVOID, SIZE_T, ULONG);
static void *(*volatile copy)(void *, const void *, size_t);

static ULONG the_kernels_functions_raise(void) {
    ULONG caught = 0, here = 0;
    probe = ProbeForRead;
    copy = memcpy;
    __try {
        probe(&here, 4, 4);
    } __except (EXECUTE_HANDLER) {
        caught += _exception_code() == 0xc0000005;
    }
    __try {
        probe((PVOID)0x1001, 4, 4);
    } __except (EXECUTE_HANDLER) {
        caught += _exception_code() == 0x80000002;
    }
    __try {
        copy(&here, (PVOID)NOT_MAPPED, 4);
    } __except (EXECUTE_HANDLER) {
        caught += _exception_code() == 0xc0000005;
    }
    CHECK(caught == 3);
    return 0;
}

static check *const checks[] = {
    a_fault_is_handled, a_filter_sees_the_record, a_status_is_raised, a_division_is_handled, blocks_run_in_order,
    without_an_exception, execution_continues, registers_are_as_before, the_kernels_functions_raise,
};

CHECKING_DEVICE(L"exceptions")
