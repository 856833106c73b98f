//! Locks that are waited for: `KMUTEX`, semaphores, fast mutexes and guarded ones; critical regions.
//!
//! A thread may take a `KMUTEX` several times, a fast mutex once (V39). Fast mutexes raise to APC_LEVEL. All waiting is
//! below DISPATCH_LEVEL (V38). The state is the driver's memory; the owner is the thread's object.

use std::sync::{
    Mutex,
    atomic::{AtomicI32, Ordering},
};

use nblease_ndis::sys::{BOOLEAN, DISPATCHER_HEADER, KEVENT, KPRIORITY, LONG, PVOID, ULONG};

use super::{HIGH_LEVEL, enter, irql, wait};
use crate::{
    exports,
    judge::rule,
    kernel::kernel,
    pe::Export,
    processor,
    sync::lock,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExAcquireFastMutex" => ex_acquire_fast_mutex,
    "ExAcquireFastMutexUnsafe" => ex_acquire_fast_mutex_unsafe,
    "ExReleaseFastMutex" => ex_release_fast_mutex,
    "ExReleaseFastMutexUnsafe" => ex_release_fast_mutex_unsafe,
    "ExTryToAcquireFastMutex" => ex_try_to_acquire_fast_mutex,
    "KeAcquireGuardedMutex" => ex_acquire_fast_mutex,
    "KeAreAllApcsDisabled" => ke_are_all_apcs_disabled,
    "KeAreApcsDisabled" => ke_are_all_apcs_disabled,
    "KeEnterCriticalRegion" => ke_enter_critical_region,
    "KeEnterGuardedRegion" => ke_enter_critical_region,
    "KeInitializeGuardedMutex" => ke_initialize_guarded_mutex,
    "KeInitializeMutex" => ke_initialize_mutex,
    "KeInitializeSemaphore" => ke_initialize_semaphore,
    "KeLeaveCriticalRegion" => ke_leave_critical_region,
    "KeLeaveGuardedRegion" => ke_leave_critical_region,
    "KeReadStateMutex" => ke_read_state_mutex,
    "KeReadStateSemaphore" => ke_read_state_semaphore,
    "KeReleaseGuardedMutex" => ex_release_fast_mutex,
    "KeReleaseMutex" => ke_release_mutex,
    "KeReleaseSemaphore" => ke_release_semaphore,
    "KeTryToAcquireGuardedMutex" => ex_try_to_acquire_fast_mutex,
};

const FAST_MUTEX: &str = "fast mutex";

/// Guards the owners of mutexes, which are more than one word.
static OWNERS: Mutex<()> = Mutex::new(());

/// `KMUTANT`: free at a state of 1, taken at 0 and, again by the same thread, below.
#[repr(C)]
struct Mutant {
    header: DISPATCHER_HEADER,
    list: [usize; 2],
    owner: PVOID,
    abandoned: u8,
    apc_disable: u8,
}

/// `KSEMAPHORE`.
#[repr(C)]
struct Semaphore {
    header: DISPATCHER_HEADER,
    limit: LONG,
}

/// `FAST_MUTEX`: free at a count of 1.
#[repr(C)]
struct FastMutex {
    count: LONG,
    owner: PVOID,
    contention: ULONG,
    event: KEVENT,
    old_irql: ULONG,
}

fn me() -> PVOID {
    processor::thread_object().cast()
}

fn mutant<'a>(header: *mut DISPATCHER_HEADER) -> &'a mut Mutant {
    // SAFETY: the DDI demands a mutex; its fields change under `OWNERS` alone. What is none faults and is reported.
    unsafe { &mut *header.cast() }
}

/// Whether this thread could take the mutex now.
pub(super) fn is_free(header: *mut DISPATCHER_HEADER) -> bool {
    let _owners = lock(&OWNERS);
    let mutant = mutant(header);
    mutant.header.SignalState > 0 || mutant.owner == me()
}

/// Takes the mutex, if it is free or this thread's already.
pub(super) fn try_acquire(header: *mut DISPATCHER_HEADER) -> bool {
    let _owners = lock(&OWNERS);
    let mutant = mutant(header);
    let free = mutant.header.SignalState > 0 || mutant.owner == me();
    if free {
        mutant.header.SignalState -= 1;
        mutant.owner = me();
    }
    free
}

unsafe extern "win64" fn ke_initialize_mutex(mutex: *mut Mutant, _level: ULONG) {
    enter("KeInitializeMutex", HIGH_LEVEL);
    // SAFETY: the DDI demands storage for a mutex.
    unsafe { mutex.write_bytes(0, 1) };
    // SAFETY: as above.
    unsafe { wait::initialize(mutex.cast(), wait::MUTANT, size_of::<Mutant>(), 1) };
}

unsafe extern "win64" fn ke_release_mutex(mutex: *mut Mutant, _wait: BOOLEAN) -> LONG {
    enter("KeReleaseMutex", DISPATCH_LEVEL);
    let (before, owned) = {
        let _owners = lock(&OWNERS);
        let mutant = mutant(mutex.cast());
        let (before, owned) = (mutant.header.SignalState, mutant.owner == me());
        if owned {
            mutant.header.SignalState += 1;
            if mutant.header.SignalState == 1 {
                mutant.owner = std::ptr::null_mut();
            }
        }
        (before, owned)
    };
    kernel().judge.check(rule::V39, owned, || format!("KeReleaseMutex of {mutex:p} by a thread that does not hold it"));
    kernel().sched.changed();
    before
}

unsafe extern "win64" fn ke_read_state_mutex(mutex: *mut Mutant) -> LONG {
    enter("KeReadStateMutex", DISPATCH_LEVEL);
    let _owners = lock(&OWNERS);
    mutant(mutex.cast()).header.SignalState
}

unsafe extern "win64" fn ke_initialize_semaphore(semaphore: *mut Semaphore, count: LONG, limit: LONG) {
    enter("KeInitializeSemaphore", HIGH_LEVEL);
    // SAFETY: the DDI demands storage for a semaphore.
    unsafe { wait::initialize(semaphore.cast(), wait::SEMAPHORE, size_of::<Semaphore>(), count) };
    // SAFETY: as above.
    unsafe { (*semaphore).limit = limit };
}

unsafe extern "win64" fn ke_release_semaphore(
    semaphore: *mut Semaphore,
    _increment: KPRIORITY,
    adjustment: LONG,
    _wait: BOOLEAN,
) -> LONG {
    enter("KeReleaseSemaphore", DISPATCH_LEVEL);
    // SAFETY: the DDI demands an initialized semaphore.
    let limit = unsafe { (*semaphore).limit };
    // SAFETY: as above.
    let state = unsafe { wait::signal_state(semaphore.cast()) };
    let more = |count: i32| count.checked_add(adjustment).filter(|count| *count <= limit && adjustment > 0);
    let result = state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
    let Ok(before) = result else {
        // NT raises STATUS_SEMAPHORE_LIMIT_EXCEEDED.
        kernel()
            .judge
            .bug_check(format!("KeReleaseSemaphore of {semaphore:p} by {adjustment}, beyond its limit {limit}"));
    };
    kernel().sched.changed();
    before
}

unsafe extern "win64" fn ke_read_state_semaphore(semaphore: *mut Semaphore) -> LONG {
    enter("KeReadStateSemaphore", DISPATCH_LEVEL);
    // SAFETY: the DDI demands an initialized semaphore.
    unsafe { wait::signal_state(semaphore.cast()) }.load(Ordering::SeqCst)
}

fn fast<'a>(mutex: *mut FastMutex) -> &'a mut FastMutex {
    // SAFETY: the DDI demands a fast mutex; its owner and IRQL are only touched by who holds it.
    unsafe { &mut *mutex }
}

fn count_of<'a>(mutex: *mut FastMutex) -> &'a AtomicI32 {
    // SAFETY: the DDI demands a fast mutex.
    let count = unsafe { &raw mut (*mutex).count };
    // SAFETY: as above; all access of the lab's to the count is atomic.
    unsafe { AtomicI32::from_ptr(count) }
}

unsafe extern "win64" fn ke_initialize_guarded_mutex(mutex: *mut FastMutex) {
    enter("KeInitializeGuardedMutex", HIGH_LEVEL);
    // SAFETY: the DDI demands storage for a mutex.
    unsafe { mutex.write_bytes(0, 1) };
    fast(mutex).count = 1;
    // SAFETY: as above.
    let event = unsafe { &raw mut (*mutex).event };
    // SAFETY: as above.
    unsafe { wait::initialize(event.cast(), wait::SYNCHRONIZATION_EVENT, size_of::<KEVENT>(), 0) };
}

fn try_fast(mutex: *mut FastMutex) -> bool {
    count_of(mutex).compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

fn acquire_fast(function: &'static str, mutex: *mut FastMutex) {
    thread::enter_to_wait(function, APC_LEVEL, rule::V09);
    let mine = count_of(mutex).load(Ordering::SeqCst) != 1 && fast(mutex).owner == me();
    if mine {
        kernel().judge.fatal(
            rule::V39,
            format!("{function}: the thread holds the mutex {mutex:p} already"),
            Vec::new(),
        );
    }
    kernel().sched.wait_until(function, None, &mut || try_fast(mutex));
    fast(mutex).owner = me();
    thread::lock_taken(mutex.addr(), FAST_MUTEX);
}

fn release_fast(function: &'static str, mutex: *mut FastMutex) {
    enter(function, APC_LEVEL);
    let mine = count_of(mutex).load(Ordering::SeqCst) != 1 && fast(mutex).owner == me();
    kernel().judge.check(rule::V39, mine, || format!("{function} of {mutex:p} by a thread that does not hold it"));
    thread::lock_released(mutex.addr(), FAST_MUTEX);
    fast(mutex).owner = std::ptr::null_mut();
    count_of(mutex).store(1, Ordering::SeqCst);
    kernel().sched.changed();
}

unsafe extern "win64" fn ex_acquire_fast_mutex(mutex: *mut FastMutex) {
    acquire_fast("ExAcquireFastMutex", mutex);
    fast(mutex).old_irql = thread::set_irql(APC_LEVEL).into();
}

unsafe extern "win64" fn ex_try_to_acquire_fast_mutex(mutex: *mut FastMutex) -> BOOLEAN {
    enter("ExTryToAcquireFastMutex", APC_LEVEL);
    let taken = try_fast(mutex);
    if taken {
        fast(mutex).owner = me();
        thread::lock_taken(mutex.addr(), FAST_MUTEX);
        fast(mutex).old_irql = thread::set_irql(APC_LEVEL).into();
    }
    u8::from(taken)
}

unsafe extern "win64" fn ex_release_fast_mutex(mutex: *mut FastMutex) {
    let to = fast(mutex).old_irql as u8;
    kernel().judge.check(rule::V09, thread::irql() == APC_LEVEL, || {
        format!("ExReleaseFastMutex at IRQL {}, acquired at APC_LEVEL", thread::irql())
    });
    release_fast("ExReleaseFastMutex", mutex);
    irql::lower(to);
}

unsafe extern "win64" fn ex_acquire_fast_mutex_unsafe(mutex: *mut FastMutex) {
    acquire_fast("ExAcquireFastMutexUnsafe", mutex);
}

unsafe extern "win64" fn ex_release_fast_mutex_unsafe(mutex: *mut FastMutex) {
    release_fast("ExReleaseFastMutexUnsafe", mutex);
}

thread_local! {
    /// How many critical regions the thread is in.
    static REGIONS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

unsafe extern "win64" fn ke_enter_critical_region() {
    enter("KeEnterCriticalRegion", APC_LEVEL);
    REGIONS.set(REGIONS.get() + 1);
}

unsafe extern "win64" fn ke_leave_critical_region() {
    enter("KeLeaveCriticalRegion", APC_LEVEL);
    let Some(left) = REGIONS.get().checked_sub(1) else {
        kernel().judge.bug_check("KeLeaveCriticalRegion without KeEnterCriticalRegion");
    };
    REGIONS.set(left);
}

unsafe extern "win64" fn ke_are_all_apcs_disabled() -> BOOLEAN {
    enter("KeAreApcsDisabled", DISPATCH_LEVEL);
    u8::from(REGIONS.get() > 0 || thread::irql() >= APC_LEVEL)
}

/// Critical regions that this thread is in.
pub(super) fn critical_regions() -> u32 {
    REGIONS.get()
}

/// As `KeEnterCriticalRegion`, for the functions that do it too.
pub(super) fn enter_region() {
    REGIONS.set(REGIONS.get() + 1);
}

/// As `KeLeaveCriticalRegion`, for the functions that do it too.
pub(super) fn leave_region() {
    REGIONS.set(REGIONS.get().saturating_sub(1));
}
