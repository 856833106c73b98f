//! The kernel's functions, called as a driver would: what they do, and which rules they judge.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use nblease_ndis::sys::{
    KDPC, KEVENT, KLOCK_QUEUE_HANDLE, KSPIN_LOCK, KTIMER, LARGE_INTEGER, MDL, NTSTATUS, PVOID, STATUS_SUCCESS,
    STATUS_TIMEOUT, UNICODE_STRING, signatures,
};

use crate::{
    clock::Mode,
    faults::{FaultKind, Plan},
    judge::Rule,
    kernel::{DriverId, Kernel, kernel, one_at_a_time},
    memory::{Access, Kind, mdl::MdlKind},
    pe::dlls,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

const DRIVER: DriverId = DriverId(0);
const NON_PAGED: u64 = 0x40;
const PAGED: u64 = 0x100;
const TAG: u32 = u32::from_le_bytes(*b"Test");

/// An export of the kernel, by its name and the type of its signature.
macro_rules! nt {
    ($name:ident) => {
        export::<signatures::$name>(stringify!($name))
    };
    ($name:literal, $type:ty) => {
        export::<$type>($name)
    };
}

fn export<F: Copy>(name: &str) -> F {
    let address = dlls::find("ntoskrnl.exe", name).unwrap().expect(name).address;
    // SAFETY: `F` is the type of the function of that name: the lists of exports pin it.
    unsafe { std::mem::transmute_copy::<*const (), F>(&address) }
}

/// Runs `body` as a driver's callback on the virtual clock: the rules that it broke.
fn broken_by(irql: u8, body: impl FnOnce()) -> Vec<String> {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.judge.stop_at_first(false);
    thread::call_driver(DRIVER, "test", irql, body);
    kernel.judge.verdict().violations.into_iter().map(|v| v.rule).collect()
}

fn clean(irql: u8, body: impl FnOnce()) {
    assert_eq!(broken_by(irql, body), Vec::<String>::new());
}

fn evaluations(rule: Rule) -> u64 {
    let evaluated = kernel().judge.verdict().evaluated;
    evaluated.into_iter().find(|(name, _)| *name == rule.to_string()).map_or(0, |(_, count)| count)
}

fn relative_ms(ms: i64) -> LARGE_INTEGER {
    LARGE_INTEGER { QuadPart: -ms * 10_000 }
}

/// A driver's object on the heap, where it stays.
#[expect(clippy::unnecessary_box_returns, reason = "an object may not move")]
fn zeroed<T>() -> Box<T> {
    // SAFETY: only for C structs of integers and pointers, for which zeros are a valid value.
    unsafe { Box::new(std::mem::zeroed()) }
}

#[expect(clippy::unnecessary_box_returns, reason = "an event may not move")]
fn new_event(kind: i32) -> Box<KEVENT> {
    let mut event = zeroed::<KEVENT>();
    // SAFETY: storage for an event.
    unsafe { nt!(KeInitializeEvent)(&raw mut *event, kind, 0) };
    event
}

fn wait(object: PVOID, mut timeout: Option<LARGE_INTEGER>) -> NTSTATUS {
    let timeout = timeout.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: a dispatcher object, and null or a time.
    unsafe { nt!(KeWaitForSingleObject)(object, 0, 0, 0, timeout) }
}

#[test]
fn a_notification_event_stays_and_a_synchronization_event_lets_one_through() {
    clean(PASSIVE_LEVEL, || {
        for (kind, second) in [(0, STATUS_SUCCESS), (1, STATUS_TIMEOUT)] {
            let mut event = new_event(kind);
            let event = &raw mut *event;
            assert_eq!(wait(event.cast(), Some(relative_ms(5))), STATUS_TIMEOUT);
            // SAFETY: an initialized event.
            assert_eq!(unsafe { nt!(KeSetEvent)(event, 0, 0) }, 0);
            assert_eq!(wait(event.cast(), None), STATUS_SUCCESS);
            assert_eq!(wait(event.cast(), Some(LARGE_INTEGER { QuadPart: 0 })), second);
        }
        assert_eq!(kernel().clock.now_ns(), 10_000_000, "two timeouts of 5 ms");
    });
}

#[test]
fn waiting_at_dispatch_breaks_v38_unless_it_does_not_wait() {
    clean(DISPATCH_LEVEL, || {
        let mut event = new_event(0);
        assert_eq!(wait((&raw mut *event).cast(), Some(LARGE_INTEGER { QuadPart: 0 })), STATUS_TIMEOUT);
    });
    let broken = broken_by(DISPATCH_LEVEL, || {
        let mut event = new_event(0);
        wait((&raw mut *event).cast(), Some(relative_ms(1)));
    });
    assert_eq!(broken, ["V38"]);
}

fn acquire(lock: *mut KSPIN_LOCK) -> u8 {
    // SAFETY: a spin lock.
    unsafe { nt!(KeAcquireSpinLockRaiseToDpc)(lock) }
}

fn release(lock: *mut KSPIN_LOCK, irql: u8) {
    // SAFETY: a spin lock.
    unsafe { nt!(KeReleaseSpinLock)(lock, irql) };
}

#[test]
fn spin_locks_raise_and_lower() {
    clean(PASSIVE_LEVEL, || {
        let (mut outer, mut inner): (KSPIN_LOCK, KSPIN_LOCK) = (0, 0);
        let (outer, inner) = (&raw mut outer, &raw mut inner);
        let mut handle = zeroed::<KLOCK_QUEUE_HANDLE>();
        for _ in 0..2 {
            let before = acquire(outer);
            assert_eq!((before, thread::irql()), (PASSIVE_LEVEL, DISPATCH_LEVEL));
            // SAFETY: a spin lock and storage for its handle.
            unsafe { nt!(KeAcquireInStackQueuedSpinLockAtDpcLevel)(inner, &raw mut *handle) };
            // SAFETY: the handle just filled.
            unsafe { nt!(KeReleaseInStackQueuedSpinLockFromDpcLevel)(&raw mut *handle) };
            release(outer, before);
            assert_eq!(thread::irql(), PASSIVE_LEVEL);
        }
    });
}

#[test]
fn locks_taken_in_both_orders_break_v39() {
    let (mut a, mut b): (KSPIN_LOCK, KSPIN_LOCK) = (0, 0);
    let (a, b) = (&raw mut a, &raw mut b);
    let broken = broken_by(DISPATCH_LEVEL, || {
        for (outer, inner) in [(a, b), (b, a)] {
            acquire(outer);
            acquire(inner);
            release(inner, DISPATCH_LEVEL);
            release(outer, DISPATCH_LEVEL);
        }
    });
    assert_eq!(broken, ["V39"]);
}

#[test]
fn what_is_wrong_with_locks_breaks_v39() {
    let not_held = broken_by(DISPATCH_LEVEL, || {
        let mut lock: KSPIN_LOCK = 0;
        release(&raw mut lock, DISPATCH_LEVEL);
    });
    assert_eq!(not_held, ["V39"]);
    let lowered_too_early = broken_by(PASSIVE_LEVEL, || {
        let (mut a, mut b): (KSPIN_LOCK, KSPIN_LOCK) = (0, 0);
        let before = acquire(&raw mut a);
        acquire(&raw mut b);
        release(&raw mut a, before);
        thread::set_irql(DISPATCH_LEVEL);
        release(&raw mut b, PASSIVE_LEVEL);
    });
    assert_eq!(lowered_too_early, ["V39"]);
    let mut lock: KSPIN_LOCK = 0;
    let lock = &raw mut lock;
    let returned_with_it = broken_by(DISPATCH_LEVEL, || {
        acquire(lock);
    });
    thread::lock_released(lock.addr(), "spin lock");
    assert_eq!(returned_with_it, ["V39"]);
    let below_dispatch = broken_by(PASSIVE_LEVEL, || {
        let mut lock: KSPIN_LOCK = 0;
        // SAFETY: a spin lock.
        unsafe { nt!(KeAcquireSpinLockAtDpcLevel)(&raw mut lock) };
        // SAFETY: as above.
        unsafe { nt!(KeReleaseSpinLockFromDpcLevel)(&raw mut lock) };
    });
    assert_eq!(below_dispatch, ["V09", "V09"]);
}

#[test]
fn rundown_closes_waits_and_opens_again() {
    clean(PASSIVE_LEVEL, || {
        let mut reference = zeroed();
        let reference = &raw mut *reference;
        let reopen =
            nt!("ExReInitializeRundownProtection", unsafe extern "win64" fn(*mut nblease_ndis::sys::EX_RUNDOWN_REF));
        // SAFETY: storage for a reference, which outlives all of this.
        unsafe { nt!(ExInitializeRundownProtection)(reference) };
        for _ in 0..2 {
            // SAFETY: an initialized reference.
            assert_eq!(unsafe { nt!(ExAcquireRundownProtection)(reference) }, 1);
            let address = reference.expose_provenance();
            kernel().sched.set_timer(
                1_000_000,
                0,
                Box::new(move || {
                    // SAFETY: the reference is waited for below.
                    unsafe { nt!(ExReleaseRundownProtection)(std::ptr::with_exposed_provenance_mut(address)) };
                }),
            );
            let before = kernel().clock.now_ns();
            // SAFETY: as above.
            unsafe { nt!(ExWaitForRundownProtectionRelease)(reference) };
            assert_eq!(kernel().clock.now_ns(), before + 1_000_000, "it waited for the release");
            // SAFETY: as above.
            assert_eq!(unsafe { nt!(ExAcquireRundownProtection)(reference) }, 0, "closed");
            // SAFETY: as above.
            unsafe { reopen(reference) };
        }
    });
}

static FIRED: AtomicUsize = AtomicUsize::new(0);
static LAST_ARGUMENT: AtomicPtr<std::ffi::c_void> = AtomicPtr::new(std::ptr::null_mut());

unsafe extern "efiapi" fn count_dpc(_dpc: *mut KDPC, _context: PVOID, first: PVOID, _second: PVOID) {
    assert_eq!(thread::irql(), DISPATCH_LEVEL);
    FIRED.fetch_add(1, Ordering::SeqCst);
    LAST_ARGUMENT.store(first, Ordering::SeqCst);
}

unsafe extern "efiapi" fn count_timer(_timer: PVOID, context: PVOID) {
    assert_eq!(thread::irql(), DISPATCH_LEVEL);
    FIRED.fetch_add(1, Ordering::SeqCst);
    LAST_ARGUMENT.store(context, Ordering::SeqCst);
}

unsafe extern "efiapi" fn count_work(_object: PVOID, context: PVOID, item: PVOID) {
    assert_eq!(thread::irql(), PASSIVE_LEVEL);
    FIRED.fetch_add(1, Ordering::SeqCst);
    LAST_ARGUMENT.store(context, Ordering::SeqCst);
    // SAFETY: a work item may be freed by its own routine.
    unsafe { nt!(IoFreeWorkItem)(item) };
}

#[test]
fn dpcs_run_at_once_below_dispatch_and_once_when_queued_twice() {
    clean(PASSIVE_LEVEL, || {
        FIRED.store(0, Ordering::SeqCst);
        let mut dpc = zeroed::<KDPC>();
        let dpc = &raw mut *dpc;
        let argument: PVOID = std::ptr::without_provenance_mut(0x1234);
        let insert = |argument| {
            // SAFETY: an initialized DPC.
            unsafe { nt!(KeInsertQueueDpc)(dpc, argument, std::ptr::null_mut()) }
        };
        // SAFETY: storage for a DPC.
        unsafe { nt!(KeInitializeDpc)(dpc, Some(count_dpc), std::ptr::null_mut()) };
        assert_eq!(insert(argument), 1);
        assert_eq!((FIRED.load(Ordering::SeqCst), LAST_ARGUMENT.load(Ordering::SeqCst)), (1, argument));
        // SAFETY: raising is allowed at any IRQL.
        let before = unsafe { nt!(KfRaiseIrql)(DISPATCH_LEVEL) };
        assert_eq!((insert(argument), insert(std::ptr::null_mut())), (1, 0));
        assert_eq!(FIRED.load(Ordering::SeqCst), 1);
        // SAFETY: the IRQL before.
        unsafe { nt!(KeLowerIrql)(before) };
        assert_eq!((FIRED.load(Ordering::SeqCst), LAST_ARGUMENT.load(Ordering::SeqCst)), (2, argument));
    });
}

#[test]
fn a_timer_queues_its_dpc_and_is_signalled() {
    clean(PASSIVE_LEVEL, || {
        FIRED.store(0, Ordering::SeqCst);
        let (mut timer, mut dpc) = (zeroed::<KTIMER>(), zeroed::<KDPC>());
        let (timer, dpc) = (&raw mut *timer, &raw mut *dpc);
        // SAFETY: storage for a DPC.
        unsafe { nt!(KeInitializeDpc)(dpc, Some(count_dpc), std::ptr::null_mut()) };
        // SAFETY: storage for a timer.
        unsafe { nt!(KeInitializeTimerEx)(timer, 0) };
        let set = |ms, period| {
            // SAFETY: an initialized timer and DPC, which outlive it.
            unsafe { nt!(KeSetTimerEx)(timer, relative_ms(ms), period, dpc) }
        };
        // SAFETY: as above.
        let cancel = || unsafe { nt!(KeCancelTimer)(timer) };
        assert_eq!(set(5, 0), 0);
        assert_eq!(set(3, 0), 1, "it was set before");
        assert_eq!(wait(timer.cast(), None), STATUS_SUCCESS);
        assert_eq!(kernel().clock.now_ns(), 3_000_000);
        kernel().sched.advance(10_000_000);
        assert_eq!(FIRED.load(Ordering::SeqCst), 1, "the first setting is gone");
        assert_eq!(cancel(), 0);
        assert_eq!(set(1, 2), 0);
        kernel().sched.advance(6_000_000);
        assert_eq!(FIRED.load(Ordering::SeqCst), 4, "at 1, 3 and 5 ms");
        assert_eq!(cancel(), 1, "a periodic timer stays set");
    });
}

#[test]
fn ex_timers_call_back_and_show_as_leaks() {
    let broken = broken_by(PASSIVE_LEVEL, || {
        FIRED.store(0, Ordering::SeqCst);
        let context: PVOID = std::ptr::without_provenance_mut(0x77);
        let allocate = || {
            // SAFETY: the callback fits.
            unsafe { nt!(ExAllocateTimer)(Some(count_timer), context, 0) }
        };
        let delete = |timer| {
            // SAFETY: a timer of the test's.
            unsafe { nt!(ExDeleteTimer)(timer, 1, 1, std::ptr::null_mut()) }
        };
        let timer = allocate();
        // SAFETY: as above.
        unsafe { nt!(ExSetTimer)(timer, -10_000, 20_000, std::ptr::null_mut()) };
        kernel().sched.advance(5_000_000);
        assert_eq!((FIRED.load(Ordering::SeqCst), LAST_ARGUMENT.load(Ordering::SeqCst)), (3, context));
        assert_eq!(delete(timer), 1, "it was set");
        kernel().sched.advance(5_000_000);
        assert_eq!(FIRED.load(Ordering::SeqCst), 3);
        kernel().memory.pool.check_empty(DRIVER);
        assert_eq!(kernel().judge.verdict().violations.len(), 0);
        allocate();
        kernel().memory.pool.check_empty(DRIVER);
        kernel().faults.plan(Plan::NthOf(FaultKind::Timer, 1));
        assert!(allocate().is_null());
    });
    assert_eq!(broken, ["V35"]);
}

#[test]
fn work_items_run_at_passive_level() {
    clean(DISPATCH_LEVEL, || {
        FIRED.store(0, Ordering::SeqCst);
        let context: PVOID = std::ptr::without_provenance_mut(0x99);
        // SAFETY: the lab only keeps the object's address.
        let item = unsafe { nt!(IoAllocateWorkItem)(std::ptr::null_mut()) };
        // SAFETY: a work item of the test's.
        unsafe { nt!(IoQueueWorkItemEx)(item, Some(count_work), 1, context) };
        assert_eq!(FIRED.load(Ordering::SeqCst), 0);
    });
    // The driver's callback returned: now the worker has its turn.
    let _serial = one_at_a_time();
    kernel().sched.pump();
    assert_eq!((FIRED.load(Ordering::SeqCst), LAST_ARGUMENT.load(Ordering::SeqCst).addr()), (1, 0x99));
    assert_eq!(kernel().memory.pool.live(DRIVER).len(), 0);
}

fn allocate(flags: u64, len: usize) -> PVOID {
    // SAFETY: allocation has no preconditions.
    unsafe { nt!(ExAllocatePool2)(flags, len, TAG) }
}

fn free(block: PVOID) {
    // SAFETY: a block of the test's.
    unsafe { nt!(ExFreePoolWithTag)(block, TAG) };
}

#[test]
fn pool_is_judged() {
    clean(DISPATCH_LEVEL, || {
        assert!(allocate(0, 8).is_null(), "no pool named");
        let block = allocate(NON_PAGED, 8);
        // SAFETY: 8 bytes were allocated.
        assert_eq!(unsafe { block.cast::<u64>().read() }, 0, "zeroed");
        free(block);
        kernel().faults.plan(Plan::NthOf(FaultKind::Pool, 2));
        let block = allocate(NON_PAGED, 8);
        assert!(allocate(NON_PAGED, 8).is_null());
        assert_eq!(evaluations(crate::judge::rule::V29), 1);
        free(block);
    });
    assert_eq!(broken_by(DISPATCH_LEVEL, || free(allocate(PAGED, 8))), ["V09", "V09"]);
    assert_eq!(broken_by(PASSIVE_LEVEL, || free(allocate(0x80, 8))), ["V37"]);
    let with_timer_set = broken_by(PASSIVE_LEVEL, || {
        let timer: *mut KTIMER = allocate(NON_PAGED, size_of::<KTIMER>()).cast();
        // SAFETY: storage for a timer.
        unsafe { nt!(KeInitializeTimerEx)(timer, 0) };
        // SAFETY: an initialized timer.
        unsafe { nt!(KeSetTimerEx)(timer, relative_ms(5), 0, std::ptr::null_mut()) };
        free(timer.cast());
    });
    assert_eq!(with_timer_set, ["V36"]);
}

fn map(mdl: *mut MDL, priority: u32) -> PVOID {
    // SAFETY: an MDL.
    unsafe { nt!(MmMapLockedPagesSpecifyCache)(mdl, 0, 1, std::ptr::null_mut(), 0, priority) }
}

const NO_EXECUTE: u32 = 0x4000_0010;

/// An MDL of the lab's for the bytes of a span.
fn lab_mdl(target: *mut u8, len: usize, kind: MdlKind) -> (crate::memory::Span, *mut MDL) {
    let span = kernel().memory.alloc(Kind::Descriptor, 200);
    span.open(Access::ReadWrite);
    let mdl: *mut MDL = span.driver().cast();
    kernel().memory.mdls.write(mdl, target, len, kind);
    (span, mdl)
}

#[test]
fn mdls_map_what_they_describe() {
    clean(PASSIVE_LEVEL, || {
        let payload = kernel().memory.alloc(Kind::Payload, 9000);
        let target = payload.driver().wrapping_add(100);
        let (_span, mdl) = lab_mdl(target, 5000, MdlKind::Locked);
        // SAFETY: the MDL is open to the test.
        let MDL { StartVa, ByteOffset, ByteCount, .. } = unsafe { *mdl };
        let (seen, count) = (StartVa.addr() + ByteOffset as usize, ByteCount);
        assert!(kernel().memory.is_user(seen), "not mapped: the program's address");
        assert_eq!(count, 5000);
        // SAFETY: allocation has no preconditions.
        let partial = unsafe {
            nt!(IoAllocateMdl)(std::ptr::without_provenance_mut(seen + 200), 300, 0, 0, std::ptr::null_mut())
        };
        // SAFETY: both are MDLs.
        unsafe { nt!(IoBuildPartialMdl)(mdl, partial, std::ptr::without_provenance_mut(seen + 200), 300) };
        assert_eq!(map(partial, NO_EXECUTE).addr(), target.addr() + 200);
        assert_eq!(map(mdl, NO_EXECUTE).addr(), target.addr());
        // SAFETY: an MDL of the test's.
        unsafe { nt!(IoFreeMdl)(partial) };
        kernel().memory.mdls.forget(mdl);
        kernel().memory.pool.check_empty(DRIVER);
    });
}

#[test]
fn mdls_out_of_state_break_v40() {
    let twice = broken_by(PASSIVE_LEVEL, || {
        let payload = kernel().memory.alloc(Kind::Payload, 60);
        let (_span, mdl) = lab_mdl(payload.driver(), 60, MdlKind::Locked);
        map(mdl, NO_EXECUTE);
        map(mdl, NO_EXECUTE);
    });
    assert_eq!(twice, ["V40"]);
    let executable = broken_by(PASSIVE_LEVEL, || {
        let payload = kernel().memory.alloc(Kind::Payload, 60);
        let (_span, mdl) = lab_mdl(payload.driver(), 60, MdlKind::Locked);
        map(mdl, 0x10);
    });
    assert_eq!(executable, ["V37"]);
    let not_locked = broken_by(PASSIVE_LEVEL, || {
        let block = allocate(NON_PAGED, 60);
        // SAFETY: allocation has no preconditions.
        let mdl = unsafe { nt!(IoAllocateMdl)(block, 60, 0, 0, std::ptr::null_mut()) };
        map(mdl, NO_EXECUTE);
    });
    assert_eq!(not_locked, ["V40", "V40"], "not locked, and it describes nothing");
    let freed_locked = broken_by(PASSIVE_LEVEL, || {
        let block = allocate(NON_PAGED, 60);
        // SAFETY: allocation has no preconditions.
        let mdl = unsafe { nt!(IoAllocateMdl)(block, 60, 0, 0, std::ptr::null_mut()) };
        // SAFETY: an MDL of the test's.
        unsafe { nt!(MmProbeAndLockPages)(mdl, 0, 1) };
        // SAFETY: as above.
        unsafe { nt!(IoFreeMdl)(mdl) };
    });
    assert_eq!(freed_locked, ["V40"]);
    let failing = broken_by(PASSIVE_LEVEL, || {
        let payload = kernel().memory.alloc(Kind::Payload, 60);
        let (_span, mdl) = lab_mdl(payload.driver(), 60, MdlKind::Locked);
        kernel().faults.plan(Plan::Nth(1));
        assert!(map(mdl, NO_EXECUTE).is_null());
    });
    assert_eq!(failing, Vec::<String>::new());
}

#[test]
fn clocks_agree() {
    clean(PASSIVE_LEVEL, || {
        kernel().clock.advance(1_234_567_800);
        kernel().clock.sleep(1_000_000_000);
        let mut frequency = LARGE_INTEGER { QuadPart: 0 };
        // SAFETY: storage for a number.
        let counter = unsafe { nt!(KeQueryPerformanceCounter)(&raw mut frequency) };
        // SAFETY: each view of the union holds all of its bits.
        assert_eq!(unsafe { counter.QuadPart }, 22_345_678);
        // SAFETY: as above.
        assert_eq!(unsafe { frequency.QuadPart }, 10_000_000);
        // SAFETY: no preconditions.
        assert_eq!(unsafe { nt!(KeQueryUnbiasedInterruptTime)() }, 12_345_678);
        let mut at = 0;
        // SAFETY: storage for a number.
        assert_eq!(unsafe { nt!(KeQueryInterruptTimePrecise)(&raw mut at) }, 22_345_678);
        assert_eq!(at, 22_345_678);
    });
}

#[test]
fn strings_are_counted_and_compared() {
    clean(PASSIVE_LEVEL, || {
        let new = |text: &str| -> UNICODE_STRING { super::string::leak(text) };
        let (a, b) = (new("Parameters"), new("PARAMETERS"));
        // SAFETY: counted strings.
        let compare = |case| unsafe { nt!(RtlCompareUnicodeString)(&raw const a, &raw const b, case) };
        assert_eq!((compare(1), compare(0)), (0, 1));
        let mut counted = new("");
        let text: Vec<u16> = "abc\0".encode_utf16().collect();
        // SAFETY: storage for a string, and a text with an end.
        unsafe { nt!(RtlInitUnicodeString)(&raw mut counted, text.as_ptr()) };
        assert_eq!((counted.Length, counted.MaximumLength), (6, 8));
        let copy = nt!("RtlCopyUnicodeString", unsafe extern "win64" fn(*mut UNICODE_STRING, *const UNICODE_STRING));
        let mut room = new("12");
        // SAFETY: counted strings.
        unsafe { copy(&raw mut room, &raw const counted) };
        assert_eq!(super::string::text(&raw const room), "abc", "it fills what there is");
    });
}
