//! What the lab keeps for each thread that may run driver code: IRQL, the calls under way, the locks held.
//!
//! A thread of the lab is a processor while it runs the driver: raising IRQL to DISPATCH_LEVEL on it keeps the DPCs of
//! this thread's processor away. Everything here is thread-local, so no lock is needed.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    call_stack::Call,
    clock::Mode,
    cpu_time, fault,
    history::Event,
    judge::{Rule, rule},
    kernel::{DriverId, kernel},
    nt, processor, sched, watchdog,
};

/// IRQL of ordinary threads.
pub const PASSIVE_LEVEL: u8 = 0;
/// IRQL at which APCs are held off.
pub const APC_LEVEL: u8 = 1;
/// IRQL of DPCs and spin lock holders.
pub const DISPATCH_LEVEL: u8 = 2;

thread_local! {
    static IRQL: Cell<u8> = const { Cell::new(PASSIVE_LEVEL) };
    static PROCESSOR: Processor = Processor::take();
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    static LOCKS: RefCell<Vec<HeldLock>> = const { RefCell::new(Vec::new()) };
    /// The last release of a spin lock to another IRQL than that before it was taken: (lock, to, before).
    static STRANGE_RELEASE: Cell<Option<(usize, u8, u8)>> = const { Cell::new(None) };
    /// Return address of the driver's last call into the lab, written by the import thunks (see `pe`).
    static CALL_SITE: Cell<usize> = const { Cell::new(0) };
    /// Stack pointer at that call, written by the thunks.
    static CALL_STACK: Cell<usize> = const { Cell::new(0) };
    /// The same, kept for the time of the call.
    static LAST_STACK: Cell<usize> = const { Cell::new(0) };
    /// The last calls of drivers into the lab: function and place, a ring.
    static CALLS: [Cell<(&'static str, Call)>; CALLS_KEPT] =
        const { [const { Cell::new(("", Call { site: 0, callback: None })) }; CALLS_KEPT] };
    static CALL_COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Calls kept for a report.
const CALLS_KEPT: usize = 16;

/// Stack that a callback may use: 12 KiB of the kernel's 24, less a margin for what NDIS itself needs (V42).
const MAX_STACK: usize = 10 << 10;

/// A call of the lab into a driver.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Whose code.
    pub driver: DriverId,
    /// The callback, by the field's name: `FilterSendNetBufferLists`, `EvtIoRead`, `DPC`.
    pub what: &'static str,
    /// The clock when it was entered, time asleep left out.
    pub entered_ns: u64,
    /// Locks held by the thread when the callback was entered.
    locks_at_entry: usize,
    /// Stack pointer of the lab when it called.
    pub stack_at_entry: usize,
    /// Stack that it may use (V42).
    stack_room: usize,
    /// Where the driver's call was, inside of which this one is: return address and stack pointer.
    pub called_from: Option<(usize, usize)>,
}

/// A lock that the thread holds.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldLock {
    /// What it is released by: the lock itself, or its holder's state.
    pub id: usize,
    /// Address or handle of the lock.
    pub lock: usize,
    /// What kind, for reports.
    pub kind: &'static str,
    /// It was taken at DISPATCH_LEVEL: the IRQL may not fall below while it is held.
    spins: bool,
    /// IRQL before it was taken, where taking it raised the IRQL.
    before: Option<u8>,
}

impl fmt::Debug for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}", self.kind, self.lock)
    }
}

/// IRQL of this thread.
pub fn irql() -> u8 {
    IRQL.get()
}

/// Sets the IRQL of this thread and returns the one before; the caller checks the direction.
pub fn set_irql(irql: u8) -> u8 {
    kernel().memory.pageable.follow(irql);
    IRQL.replace(irql)
}

/// Number of the processor that this thread plays: its own among the threads that live (real), or that of a
/// [`crate::sched::Processor`] (virtual).
///
/// A driver may hold a processor's data without a lock at DISPATCH_LEVEL, so that no two threads share a number.
pub fn processor() -> u32 {
    match kernel().clock.mode() {
        Mode::Virtual => sched::processors::number(),
        Mode::Real => PROCESSOR.with(|processor| processor.0),
    }
}

/// How many processors the machine seems to have.
pub fn processors() -> u32 {
    match kernel().clock.mode() {
        Mode::Virtual => 1 + kernel().sched.other_processors(),
        Mode::Real => PROCESSORS,
    }
}

/// Processors of real mode: more than threads that run the driver at a time.
const PROCESSORS: u32 = 64;

/// A processor's number, free again when its thread ends.
struct Processor(u32);

static PROCESSORS_TAKEN: AtomicU64 = AtomicU64::new(0);

impl Processor {
    fn take() -> Self {
        let mut number = 0;
        let taken = PROCESSORS_TAKEN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
            number = taken.trailing_ones();
            (number < PROCESSORS).then(|| taken | 1 << number)
        });
        assert!(taken.is_ok(), "more threads run drivers than the lab has processors");
        Self(number)
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        PROCESSORS_TAKEN.fetch_and(!(1 << self.0), Ordering::SeqCst);
    }
}

/// The driver whose code runs on this thread, if any.
pub fn current_driver() -> Option<DriverId> {
    FRAMES.with_borrow(|frames| frames.last().map(|f| f.driver))
}

/// Whether a driver's callback is under way on this thread. A signal handler may call this.
pub fn is_in_driver() -> bool {
    FRAMES.with(|frames| frames.try_borrow().is_ok_and(|frames| !frames.is_empty()))
}

/// The innermost callback under way on this thread.
pub fn current_callback() -> Option<&'static str> {
    FRAMES.with_borrow(|frames| frames.last().map(|f| f.what))
}

/// Cells of this thread that the import thunks write.
pub struct CallCells {
    /// Return address of the call.
    pub site: *const Cell<usize>,
    /// Stack pointer at the call.
    pub stack: *const Cell<usize>,
}

/// The cells' addresses in this thread, for making the thunks.
pub fn call_cells() -> CallCells {
    CallCells { site: CALL_SITE.with(std::ptr::from_ref), stack: CALL_STACK.with(std::ptr::from_ref) }
}

/// Address after the driver's last call into the lab on this thread.
pub fn call_site() -> usize {
    CALL_SITE.get()
}

/// The function that the driver called last on this thread.
pub fn called_function() -> &'static str {
    let last = CALL_COUNT.get().wrapping_sub(1) % CALLS_KEPT;
    CALLS.with(|calls| calls.get(last).map_or("", |call| call.get().0))
}

/// Return addresses of the driver's call into the lab on this thread and of its callers, innermost first.
pub fn call_path() -> Vec<usize> {
    let top = FRAMES.with_borrow(|frames| frames.last().map_or(0, |frame| frame.stack_at_entry));
    let (site, stack) = (call_site(), LAST_STACK.get());
    if stack == 0 { vec![site] } else { nt::exception::callers(site, stack, top) }
}

/// The driver's last call into the lab on this thread: its return address, where that lies, and where the driver's frames
/// end. The stack is 0 where it is not known.
pub fn last_call() -> (usize, usize, usize) {
    let top = FRAMES.with_borrow(|frames| frames.last().map_or(0, |frame| frame.stack_at_entry));
    // What does not begin with `enter` has left it where the thunk put it.
    let stack = match CALL_STACK.get() {
        0 => LAST_STACK.get(),
        stack => stack,
    };
    (call_site(), stack, top)
}

/// The last calls of drivers into the lab on this thread, oldest first.
pub fn last_calls() -> Vec<String> {
    let calls: [_; CALLS_KEPT] = CALLS.with(|calls| std::array::from_fn(|i| calls[i].get()));
    let count = CALL_COUNT.get();
    let oldest_first = (0..CALLS_KEPT).filter_map(|i| calls.get((count + i) % CALLS_KEPT));
    let made = oldest_first.filter(|(function, _)| !function.is_empty());
    made.map(|(function, call)| format!("{function} from {call}")).collect()
}

/// A new run begins on this thread: earlier calls were of images that are gone.
pub fn forget_calls() {
    CALLS.with(|calls| calls.iter().for_each(|call| call.set(("", Call { site: 0, callback: None }))));
}

/// Callbacks under way on this thread, outermost first. A signal handler may call this.
pub fn frames() -> Vec<Frame> {
    FRAMES.with(|frames| frames.try_borrow().map(|frames| frames.clone()).unwrap_or_default())
}

/// The innermost callback under way on this thread, and whose it is. A signal handler may call this.
pub fn callback() -> Option<(DriverId, &'static str)> {
    FRAMES.with(|frames| frames.try_borrow().ok().and_then(|frames| frames.last().map(|f| (f.driver, f.what))))
}

/// Return address and stack pointer of the driver's call into the lab that is under way on this thread, if one is.
pub fn place() -> Option<(usize, usize)> {
    let stack = if CALL_STACK.get() == 0 { LAST_STACK.get() } else { CALL_STACK.get() };
    (stack != 0).then(|| (CALL_SITE.get(), stack))
}

/// Whether a driver's call into the lab is under way on this thread.
pub fn call_is_under_way() -> bool {
    place().is_some()
}

/// Calls into a driver: `f` runs the callback at `irql`.
///
/// On return the IRQL and the held locks must be as on entry (V39 for locks, V09 for IRQL). Then DPCs that waited for
/// this processor's IRQL to fall are run.
pub fn call_driver<R>(driver: DriverId, what: &'static str, irql: u8, f: impl FnOnce() -> R) -> R {
    call_driver_with_stack(MAX_STACK, driver, what, irql, f)
}

/// As [`call_driver`], with so many bytes of stack.
pub(crate) fn call_driver_with_stack<R>(
    stack_room: usize,
    driver: DriverId,
    what: &'static str,
    irql: u8,
    f: impl FnOnce() -> R,
) -> R {
    fault::prepare_thread();
    processor::prepare_thread();
    let before = set_irql(irql);
    let stack_at_entry = std::ptr::from_ref(&before).addr();
    let locks_at_entry = LOCKS.with_borrow(Vec::len);
    let (site_before, stack_before) = (CALL_SITE.get(), place().map_or(0, |(_, stack)| stack));
    let called_from = (stack_before != 0).then_some((site_before, stack_before));
    let entered_ns = kernel().clock.unbiased_ns();
    let frame = Frame { driver, what, entered_ns, locks_at_entry, stack_at_entry, stack_room, called_from };
    FRAMES.with_borrow_mut(|frames| frames.push(frame));
    forget_call();
    let f = || {
        let result = watchdog::watched(f);
        forget_call();
        result
    };
    let strange_before = STRANGE_RELEASE.take();
    let result = if irql >= DISPATCH_LEVEL { cpu_time::measured(what, f) } else { f() };
    let judge = &kernel().judge;
    // What is more to the point comes first.
    judge.check(rule::V39, LOCKS.with_borrow(Vec::len) == locks_at_entry, || {
        format!("{what} returned with locks held: {:?}", LOCKS.with_borrow(Clone::clone))
    });
    let strange = STRANGE_RELEASE.replace(strange_before).filter(|_| IRQL.get() != irql);
    judge.check(rule::V39, strange.is_none(), || {
        let (lock, to, before) = strange.unwrap_or_default();
        let at = IRQL.get();
        format!(
            "{what} was entered at IRQL {irql} and returned at {at}: it released the spin lock {lock:#x} to IRQL {to}, \
             which was {before} when it was taken"
        )
    });
    judge.check(rule::V09, IRQL.get() == irql, || {
        format!("{what} was entered at IRQL {irql} and returned at {}", IRQL.get())
    });
    FRAMES.with_borrow_mut(Vec::pop);
    CALL_SITE.set(site_before);
    LAST_STACK.set(stack_before);
    set_irql(before);
    if before < DISPATCH_LEVEL && irql >= DISPATCH_LEVEL {
        kernel().irql_fell();
    }
    result
}

/// No call of a driver's into the lab is under way: its code runs, or has returned.
fn forget_call() {
    CALL_STACK.set(0);
    LAST_STACK.set(0);
}

/// The start of every function that a driver can import: checks that it may be called at this IRQL.
///
/// `rule` is V09 for NT and NDIS functions, V45 for those of KMDF.
pub fn enter(function: &'static str, max_irql: u8, rule: Rule) {
    note_call(function);
    kernel().judge.check(rule, IRQL.get() <= max_irql, || {
        format!("{function} called at IRQL {}, allowed up to {max_irql}", IRQL.get())
    });
    kernel().sched.called(function);
    watchdog::called();
}

/// Keeps the call for reports, and measures the driver's stack at it (V42).
fn note_call(function: &'static str) {
    let count = CALL_COUNT.get();
    let call = Call { site: CALL_SITE.get(), callback: callback() };
    CALLS.with(|calls| calls[count % CALLS_KEPT].set((function, call)));
    CALL_COUNT.set(count + 1);
    let stack = CALL_STACK.replace(0);
    LAST_STACK.set(stack);
    let entry = FRAMES.with_borrow(|frames| frames.last().map(|f| (f.what, f.stack_at_entry, f.stack_room)));
    if let (Some((what, at_entry, room)), true) = (entry, stack != 0) {
        let used = at_entry.saturating_sub(stack);
        kernel().judge.check(rule::V42, used <= room, || {
            format!("{what} used {used} bytes of stack when it called {function}, allowed are {room}")
        });
    }
}

/// Checks that the thread may wait: not at DISPATCH_LEVEL (V38).
pub fn may_wait(function: &'static str) {
    note_call(function);
    kernel().judge.check(rule::V38, IRQL.get() < DISPATCH_LEVEL, || format!("{function} waits at IRQL {}", IRQL.get()));
}

/// Kind of the locks with which KMDF serializes a driver's callbacks, for [`lock_taken`].
pub const FRAMEWORKS_LOCK: &str = "callback lock of the framework";

/// The start of a function that waits: at DISPATCH_LEVEL it breaks V38, at another IRQL above its own `rule`.
pub fn enter_to_wait(function: &'static str, max_irql: u8, rule: Rule) {
    may_wait(function);
    if IRQL.get() < DISPATCH_LEVEL {
        enter(function, max_irql, rule);
    }
}

/// Checks that no spin lock of the driver's is held: for calls into NDIS that hand packets over, and completions (V39).
pub fn no_locks(function: &'static str) {
    no_locks_but(function, "");
}

/// As [`no_locks`], for a function that may be called with locks of one kind.
pub fn no_locks_but(function: &'static str, kind: &str) {
    let at_entry = FRAMES.with_borrow(|frames| frames.last().map_or(0, |f| f.locks_at_entry));
    let held = LOCKS.with_borrow(|locks| {
        let own = locks.get(at_entry..).unwrap_or_default().iter();
        own.filter(|lock| lock.spins && lock.kind != kind).cloned().collect::<Vec<_>>()
    });
    kernel().judge.check(rule::V39, held.is_empty(), || format!("{function} called with locks held: {held:?}"));
}

/// Notes a lock as held by this thread. Taking one twice is a deadlock on a real machine, as is taking two in an order
/// that was the opposite before (V39).
pub fn lock_taken(id: usize, kind: &'static str) {
    lock_taken_by(id, id, kind);
}

/// As [`lock_taken`], for a lock that raised the IRQL.
pub fn lock_taken_from(before: u8, id: usize, kind: &'static str) {
    lock_taken(id, kind);
    LOCKS.with_borrow_mut(|locks| {
        if let Some(lock) = locks.last_mut() {
            lock.before = Some(before);
        }
    });
}

/// As [`lock_taken`], for a lock that a thread may take several times, each time by another holder's `id`.
pub fn lock_taken_by(id: usize, lock: usize, kind: &'static str) {
    let (twice, held) = LOCKS.with_borrow(|locks| {
        let held: Vec<_> = locks.iter().map(|l| l.lock).filter(|held| *held != lock).collect();
        (locks.iter().any(|l| l.id == id), held)
    });
    kernel().judge.check(rule::V39, !twice, || format!("{kind} {id:#x} taken twice by one thread"));
    kernel().lock_order.taken(lock, kind, &held);
    kernel().book.note(kind, lock, Event::here("taken"));
    let spins = IRQL.get() >= DISPATCH_LEVEL;
    LOCKS.with_borrow_mut(|locks| locks.push(HeldLock { id, lock, kind, spins, before: None }));
}

/// Checks that the IRQL may fall to `to`: no spin lock is held (V39).
pub fn may_lower(to: u8) {
    let held = LOCKS.with_borrow(|locks| locks.iter().filter(|l| l.spins).cloned().collect::<Vec<_>>());
    kernel().judge.check(rule::V39, to >= DISPATCH_LEVEL || held.is_empty(), || {
        format!("IRQL lowered to {to} with spin locks held: {held:?}")
    });
}

/// Notes a lock as released; releasing one that is not held, or as another kind of lock, breaks V39.
pub fn lock_released(id: usize, kind: &'static str) {
    take_out(id, kind);
}

/// As [`lock_released`], where the IRQL is to be `to` again.
pub fn lock_released_to(to: u8, id: usize, kind: &'static str) {
    let before = take_out(id, kind).and_then(|lock| lock.before);
    let last = LOCKS.with_borrow(|locks| !locks.iter().any(|lock| lock.spins));
    if let Some(before) = before.filter(|before| last && *before != to) {
        STRANGE_RELEASE.set(Some((id, to, before)));
    }
}

fn take_out(id: usize, kind: &'static str) -> Option<HeldLock> {
    let found = LOCKS.with_borrow_mut(|locks| {
        let at = locks.iter().rposition(|l| l.id == id);
        at.map(|at| locks.remove(at))
    });
    if let Some(released) = &found {
        kernel().book.note(kind, released.lock, Event::here("released"));
    }
    let judge = &kernel().judge;
    judge.check(rule::V39, found.is_some(), || format!("{kind} {id:#x} released by a thread that does not hold it"));
    let taken = found.as_ref().map_or(kind, |lock| lock.kind);
    judge.check(rule::V39, taken == kind, || format!("{taken} {id:#x} released as {kind}"));
    found
}
