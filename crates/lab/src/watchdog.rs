//! Callbacks that do not return: they end the run with a report, not the lab with a hang.
//!
//! A thread looks after those that run drivers. One whose callback uses the processor and neither returns nor waits lets
//! others on first, as a machine that interrupts it would: DPCs, timers, other processors, the virtual clock. When it has
//! gone on so for [`LIMIT`] times what a callback at DISPATCH_LEVEL may take, it is reported: where the driver's code is, by a
//! signal, or else at its next call into the lab, which may hold a lock before. One that waits again and again is reported
//! when it has taken [`WAITING_NS`].

use std::{
    cell::Cell,
    collections::HashMap,
    mem::MaybeUninit,
    ptr,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use libc::{c_int, c_void, siginfo_t};

use crate::{
    call_stack,
    clock::Mode,
    cpu_time, fault,
    judge::{Rule, rule},
    kernel::kernel,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

/// How many times the limit of V28 a callback may run on: 10 s of processor time.
const LIMIT: u64 = 400;
/// How long a callback that has to return may wait, again and again.
const WAITING_NS: u64 = 600_000_000_000;
/// The same on the machine's own clock.
const WAITING_REAL_NS: u64 = 60_000_000_000;
/// How often the threads are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Processor time after which a callback gets to let others on.
const PATIENCE_NS: u64 = 300_000_000;
/// Waits that take less are as good as none.
const SHORT_NS: u64 = 1_000_000;

thread_local! {
    static WATCHED: Handle = Handle::new();
    /// The clock at the last wait that was no short one.
    static LAST_WAIT: Cell<u64> = const { Cell::new(0) };
}

/// A thread that runs drivers.
struct Watched {
    thread: libc::pthread_t,
    /// Callbacks under way.
    depth: AtomicUsize,
    /// Changes whenever a callback begins, returns or waits.
    progress: AtomicU64,
    /// Processor time since the last progress, where that is much.
    stuck_ns: AtomicU64,
    /// It lets others on: what they do is no progress of its own.
    lets_others_on: AtomicBool,
}

static ALL: Mutex<Vec<Arc<Watched>>> = Mutex::new(Vec::new());

/// A thread's own entry, which goes when the thread does.
struct Handle(Arc<Watched>);

impl Handle {
    fn new() -> Self {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| {
            install();
            std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch).expect("a thread that watches");
        });
        // SAFETY: asks for this thread's number.
        let thread = unsafe { libc::pthread_self() };
        let watched = Arc::new(Watched {
            thread,
            depth: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            stuck_ns: AtomicU64::new(0),
            lets_others_on: AtomicBool::new(false),
        });
        lock(&ALL).push(watched.clone());
        Self(watched)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        lock(&ALL).retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

impl Watched {
    fn advances(&self) {
        if !self.lets_others_on.load(Ordering::Relaxed) {
            self.progress.fetch_add(1, Ordering::Relaxed);
            self.stuck_ns.store(0, Ordering::Relaxed);
        }
    }

    /// Processor time that the thread has used; none where it cannot be told.
    fn used_ns(&self) -> Option<u64> {
        let mut clock = 0;
        // SAFETY: the thread lives: it takes itself out of the list, which is locked, before it ends.
        let known = unsafe { libc::pthread_getcpuclockid(self.thread, &raw mut clock) } == 0;
        known.then(|| cpu_time::time_of_ns(clock))
    }
}

/// Runs a callback that is to return.
pub(crate) fn watched<R>(f: impl FnOnce() -> R) -> R {
    let watched = WATCHED.with(|handle| handle.0.clone());
    watched.depth.fetch_add(1, Ordering::Relaxed);
    watched.advances();
    let result = f();
    watched.depth.fetch_sub(1, Ordering::Relaxed);
    watched.advances();
    result
}

/// Looks at all threads, again and again.
fn watch() {
    let mut seen: HashMap<usize, (u64, u64)> = HashMap::new();
    loop {
        std::thread::sleep(TICK);
        let all = lock(&ALL);
        seen.retain(|key, _| all.iter().any(|watched| Arc::as_ptr(watched).addr() == *key));
        for watched in all.iter().filter(|watched| watched.depth.load(Ordering::Relaxed) > 0) {
            let (progress, Some(used)) = (watched.progress.load(Ordering::Relaxed), watched.used_ns()) else {
                continue;
            };
            let since = seen.entry(Arc::as_ptr(watched).addr()).or_insert((progress, used));
            if since.0 != progress {
                *since = (progress, used);
            }
            let stuck = used.saturating_sub(since.1);
            // Slow mode makes every touch of a buffer a signal.
            if stuck >= PATIENCE_NS && !kernel().memory.is_slow() {
                watched.stuck_ns.store(stuck, Ordering::Relaxed);
                // SAFETY: the thread lives, as above.
                unsafe { libc::pthread_kill(watched.thread, signal()) };
            }
        }
    }
}

/// A signal that nobody else uses.
fn signal() -> c_int {
    libc::SIGRTMIN() + 4
}

fn install() {
    // SAFETY: a `sigaction` of zeros is a valid value.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = interrupted;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and lives as long as the program.
    unsafe { libc::sigaction(signal(), &raw const action, ptr::null_mut()) };
}

/// A thread is stuck. In the driver's own code it holds no lock of the lab; elsewhere it is left alone until its next call.
extern "C" fn interrupted(_signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the interrupted thread's context.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let [at, stack] = [libc::REG_RIP, libc::REG_RSP]
        .map(|register| registers[register.cast_unsigned() as usize].cast_unsigned() as usize);
    in_code(at, stack);
}

/// A signal came while an instruction was to be run: if it is a driver's, has its callback been stuck before? A signal handler
/// may call this.
pub(crate) fn in_code(at: usize, stack: usize) {
    WATCHED.with(|handle| {
        let is_stuck = handle.0.stuck_ns.load(Ordering::Relaxed) > 0;
        if is_stuck && thread::is_in_driver() && kernel().is_driver_code(at) {
            stuck(&handle.0, Some((at, stack)));
        }
    });
}

/// A driver calls the lab: has its callback been stuck before?
pub(crate) fn called() {
    WATCHED.with(|handle| {
        if handle.0.stuck_ns.load(Ordering::Relaxed) > 0 && thread::is_in_driver() {
            stuck(&handle.0, None);
        }
    });
}

/// Lets others on, or reports the callback: it is at an instruction with a stack pointer, or in a call into the lab.
fn stuck(watched: &Watched, place: Option<(usize, usize)>) {
    let used = watched.stuck_ns.swap(0, Ordering::Relaxed);
    if used == 0 || watched.lets_others_on.swap(true, Ordering::Relaxed) {
        return;
    }
    if used > LIMIT * kernel().cpu_time.limit_ns() && !may_run_on() {
        fault::signals::begin_report();
        if let Some((at, stack)) = place {
            call_stack::faulted(at, stack);
        }
        does_not_return(&format!("it has run for {} s of processor time and not waited", used / 1_000_000_000));
    }
    if kernel().clock.mode() == Mode::Virtual {
        kernel().clock.advance(TICK.as_nanos() as u64);
        kernel().sched.let_others_on();
    }
    watched.lets_others_on.store(false, Ordering::Relaxed);
}

/// On real processors a thread of a driver's own may compute for as long as it likes; on the virtual clock nothing else runs then.
fn may_run_on() -> bool {
    let own = thread::current_callback() == Some("SystemThread") && thread::irql() < DISPATCH_LEVEL;
    own && kernel().clock.mode() == Mode::Real
}

/// A driver's wait is over, or it has waited for so long.
pub(crate) fn waited() {
    let now = kernel().clock.unbiased_ns();
    if now.abs_diff(LAST_WAIT.get()) >= SHORT_NS || kernel().clock.mode() == Mode::Real {
        LAST_WAIT.set(now);
        WATCHED.with(|handle| handle.0.advances());
    }
    let limit = if kernel().clock.mode() == Mode::Real { WAITING_REAL_NS } else { WAITING_NS };
    let frames = thread::frames();
    let Some(frame) = frames.last().filter(|frame| has_to_return(frame.what)) else { return };
    let took = now.saturating_sub(frame.entered_ns);
    if took > limit {
        does_not_return(&format!("it has waited again and again, for {} s", took / 1_000_000_000));
    }
}

/// Callbacks that nobody may keep for long. Others wait for what a program does: a dispatch routine, a thread.
fn has_to_return(callback: &str) -> bool {
    callback.starts_with("Filter") || ["DriverEntry", "DriverUnload", "EvtDriverUnload"].contains(&callback)
}

fn does_not_return(why: &str) -> ! {
    let (driver, what) = thread::callback()
        .map_or_else(|| ("the driver".to_owned(), "a callback"), |(driver, what)| (kernel().driver_name(driver), what));
    let report = format!("{what} of {driver} does not return: {why}");
    match broken_by(what) {
        Some(rule) => kernel().judge.fatal(rule, report, Vec::new()),
        None => kernel().judge.bug_check(report),
    }
}

/// The rule that says that a callback ends.
fn broken_by(callback: &str) -> Option<Rule> {
    match callback {
        _ if thread::irql() >= DISPATCH_LEVEL => Some(rule::V28),
        "FilterPause" => Some(rule::V01),
        "FilterDetach" | "FilterNetPnPEvent" | "FilterStatus" => Some(rule::V04),
        _ => None,
    }
}
