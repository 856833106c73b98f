//! When things run: DPCs, work items, timers, and waits of the lab.
//!
//! With [`Mode::Virtual`] one thread does everything: what is queued runs when its IRQL falls, while it waits
//! ([`Sched::wait_until`]), or when a scenario says so ([`Sched::pump`], [`Sched::advance`]); the clock moves only when
//! nothing else can. [`Sched::start_processors`] makes it several processors, of which one runs at a time. With [`Mode::Real`] threads play the processors; they start with the first thing queued.
//!
//! Routines given to this module call [`crate::thread::call_driver`] themselves. DPC and timer routines run at
//! DISPATCH_LEVEL, work at PASSIVE_LEVEL. No lock of a model may be held when a function of this module is called that
//! says it runs things.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::ThreadId,
    time::Duration,
};

use rand::Rng as _;

use crate::{
    clock::Mode,
    io::ProcessContext,
    judge::rule,
    kernel::{DriverId, kernel},
    ndis::LAB,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
    watchdog,
};

pub(crate) mod processors;
mod real;
#[cfg(test)]
mod tests;
mod threads;

pub use processors::{Disturbance, Processor};

/// How long a wait without a limit may last on the real clock before it counts as a hang (V04).
const HANG: Duration = Duration::from_mins(1);

/// How long [`Sched::pump`] waits on the real clock: under traffic there may always be something queued.
const SETTLING_NS: u64 = 2_000_000_000;

/// A DPC's or work item's routine.
pub type Routine = Box<dyn FnOnce() + Send>;
/// A timer's routine.
pub type TimerRoutine = Box<dyn FnMut() + Send>;

/// A queued DPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DpcId(u64);

/// A timer that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(u64);

/// The scheduler of a run.
#[derive(Default)]
pub struct Sched {
    state: Mutex<State>,
    /// Something was queued: for the threads that run things.
    queued: Condvar,
    /// Something changed: for those who wait.
    changed: Condvar,
    /// Virtual: the threads that drivers made.
    fibers: threads::Fibers,
    /// Virtual: processors besides the first.
    processors: processors::Processors,
}

#[derive(Default)]
struct State {
    generation: u64,
    last_id: u64,
    dpcs: VecDeque<Dpc>,
    dpcs_running: usize,
    work: VecDeque<Routine>,
    work_running: usize,
    /// By (when due in unbiased nanoseconds, number).
    timers: BTreeMap<(u64, u64), Timer>,
    threads: real::Threads,
}

struct Dpc {
    id: u64,
    driver: DriverId,
    /// The thread that runs it when its IRQL falls, where it has to be that one.
    on: Option<ThreadId>,
    routine: Routine,
}

impl Dpc {
    fn is_for_this_thread(&self) -> bool {
        self.on.is_none_or(|on| on == std::thread::current().id())
    }
}

thread_local! {
    /// This thread runs a DPC, behind which what is queued meanwhile comes.
    static IN_DPC: Cell<bool> = const { Cell::new(false) };
}

struct Timer {
    period_ns: u64,
    routine: Arc<Mutex<TimerRoutine>>,
}

impl State {
    /// Nothing is queued or running.
    fn is_idle(&self) -> bool {
        self.dpcs.is_empty() && self.dpcs_running == 0 && self.work.is_empty() && self.work_running == 0
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// ` in FilterPause of x.sys`, for a report on who waits.
fn within() -> String {
    let callback = thread::callback();
    callback.map(|(driver, what)| format!(" in {what} of {}", kernel().driver_name(driver))).unwrap_or_default()
}

impl Sched {
    /// The run is over: what is queued never runs.
    pub(crate) fn retire(&self) {
        let never = {
            let State { dpcs, work, timers, .. } = &mut *lock(&self.state);
            (std::mem::take(dpcs), std::mem::take(work), std::mem::take(timers))
        };
        // What routines hold may call the scheduler when it goes.
        drop(never);
    }

    /// Queues a DPC. One that a driver queues at DISPATCH_LEVEL is in the queue of its processor (KeInsertQueueDpc), and
    /// runs when the IRQL falls there ([`Self::run_dpcs`]). Others run at the next such fall, on the DPC thread (real),
    /// or while the lab waits or pumps (virtual).
    pub fn queue_dpc(&self, driver: DriverId, routine: Routine) -> DpcId {
        // Those of the lab itself stand for interrupts of any processor. What a DPC queues comes behind it on whichever
        // goes on: no fall of the IRQL need follow on this one.
        let waits = driver != LAB && thread::irql() >= DISPATCH_LEVEL && !IN_DPC.get();
        let on = waits.then(|| std::thread::current().id());
        let mut state = lock(&self.state);
        let id = state.next_id();
        state.dpcs.push_back(Dpc { id, driver, on, routine });
        self.wake(state, real::Need::Dpcs);
        DpcId(id)
    }

    /// Takes a DPC out of the queue: whether it was still there.
    pub fn remove_dpc(&self, id: DpcId) -> bool {
        let mut state = lock(&self.state);
        let at = state.dpcs.iter().position(|dpc| dpc.id == id.0);
        let removed = at.and_then(|at| state.dpcs.remove(at));
        drop(state);
        removed.is_some()
    }

    /// DPCs of a driver that are queued.
    pub fn dpcs_of(&self, driver: DriverId) -> usize {
        lock(&self.state).dpcs.iter().filter(|dpc| dpc.driver == driver).count()
    }

    /// Runs the queued DPCs on this thread, if its IRQL is below DISPATCH_LEVEL.
    pub fn run_dpcs(&self) {
        if thread::irql() < DISPATCH_LEVEL && !IN_DPC.get() {
            while self.run_dpc() {}
        }
    }

    /// Waits until every DPC queued before has run (KeFlushQueuedDpcs). Runs things.
    pub fn flush_dpcs(&self) {
        self.run_dpcs();
        self.wait_until("the queued DPCs", None, &mut || {
            let state = lock(&self.state);
            state.dpcs.is_empty() && state.dpcs_running == 0
        });
    }

    fn run_dpc(&self) -> bool {
        let Some(dpc) = ({
            let mut state = lock(&self.state);
            let at = state.dpcs.iter().position(Dpc::is_for_this_thread);
            let dpc = at.and_then(|at| state.dpcs.remove(at));
            state.dpcs_running += usize::from(dpc.is_some());
            dpc
        }) else {
            return false;
        };
        let before = IN_DPC.replace(true);
        at_irql(DISPATCH_LEVEL, dpc.routine);
        IN_DPC.set(before);
        lock(&self.state).dpcs_running -= 1;
        self.changed();
        true
    }

    /// Queues a routine for a system worker thread, at PASSIVE_LEVEL.
    pub fn queue_work(&self, routine: Routine) {
        let mut state = lock(&self.state);
        state.work.push_back(routine);
        self.wake(state, real::Need::Work);
    }

    fn take_work(state: &mut State) -> Option<Routine> {
        // Worker threads run side by side, so that no order is promised: the seed chooses one.
        let count = state.work.len();
        let chosen =
            if count > 1 && kernel().clock.mode() == Mode::Virtual { kernel().rng().random_range(0..count) } else { 0 };
        let work = state.work.remove(chosen)?;
        state.work_running += 1;
        Some(work)
    }

    fn finish_work(&self, work: Routine) {
        {
            let _worker = ProcessContext::system();
            at_irql(PASSIVE_LEVEL, work);
        }
        lock(&self.state).work_running -= 1;
        self.changed();
    }

    fn run_work(&self) -> bool {
        let work = Self::take_work(&mut lock(&self.state));
        work.map(|work| self.finish_work(work)).is_some()
    }

    /// Work items that are queued or running.
    pub fn work_pending(&self) -> usize {
        let state = lock(&self.state);
        state.work.len() + state.work_running
    }

    /// Sets a timer: `routine` runs at DISPATCH_LEVEL after `due_ns` of time awake, then every `period_ns` unless 0.
    pub fn set_timer(&self, due_ns: u64, period_ns: u64, routine: TimerRoutine) -> TimerId {
        let due = kernel().clock.unbiased_ns() + due_ns + self.lateness();
        let mut state = lock(&self.state);
        let id = state.next_id();
        state.timers.insert((due, id), Timer { period_ns, routine: Arc::new(Mutex::new(routine)) });
        self.wake(state, real::Need::Timers);
        TimerId(id)
    }

    /// Cancels a timer: whether it was pending. Its routine may be running still.
    pub fn cancel_timer(&self, id: TimerId) -> bool {
        let mut state = lock(&self.state);
        let key = state.timers.keys().find(|(_, timer)| *timer == id.0).copied();
        let timer = key.and_then(|key| state.timers.remove(&key));
        drop(state);
        timer.is_some()
    }

    /// When the next timer is due, or a thread has waited long enough, in unbiased nanoseconds.
    fn next_due(&self) -> Option<u64> {
        let timer = lock(&self.state).timers.keys().next().map(|(due, _)| *due);
        timer.into_iter().chain(self.fibers.next_limit()).min()
    }

    /// Runs the first timer that is due, if any.
    fn run_timer(&self) -> bool {
        let now = kernel().clock.unbiased_ns();
        let mut state = lock(&self.state);
        let Some((&(due, id), _)) = state.timers.iter().next().filter(|((due, _), _)| *due <= now) else {
            return false;
        };
        let Some(timer) = state.timers.remove(&(due, id)) else {
            return false;
        };
        let routine = timer.routine.clone();
        if timer.period_ns > 0 {
            state.timers.insert((due + timer.period_ns, id), timer);
        }
        state.dpcs_running += 1;
        drop(state);
        at_irql(DISPATCH_LEVEL, || lock(&routine)());
        lock(&self.state).dpcs_running -= 1;
        self.changed();
        true
    }

    /// Something that somebody may wait for changed.
    pub fn changed(&self) {
        lock(&self.state).generation += 1;
        self.changed.notify_all();
    }

    /// Waits until `condition` holds: whether it does (false: the time is over). Runs things. `what` is for the report
    /// when it can never hold (V04). The condition is looked at whenever [`Self::changed`] was called.
    pub fn wait_until(&self, what: &str, timeout_ns: Option<u64>, condition: &mut dyn FnMut() -> bool) -> bool {
        let limit = timeout_ns.map(|ns| kernel().clock.unbiased_ns().saturating_add(ns));
        let holds = match kernel().clock.mode() {
            Mode::Real => self.wait_real(what, limit, condition),
            Mode::Virtual => self.wait_virtual(what, limit, condition),
        };
        if thread::is_in_driver() {
            watchdog::waited();
        }
        holds
    }

    fn wait_virtual(&self, what: &str, limit: Option<u64>, condition: &mut dyn FnMut() -> bool) -> bool {
        if let Some(result) = self.wait_fiber(limit, condition) {
            return result;
        }
        let clock = &kernel().clock;
        loop {
            if condition() {
                return true;
            }
            let now = clock.unbiased_ns();
            if limit.is_some_and(|limit| limit <= now) {
                return false;
            }
            if self.step() {
                continue;
            }
            match (self.next_due(), limit) {
                (Some(due), limit) => clock.advance(limit.map_or(due, |l| l.min(due)).saturating_sub(now)),
                (None, Some(limit)) => clock.advance(limit - now),
                (None, None) => {
                    kernel()
                        .judge
                        .broken(rule::V04, format!("{what}{}: waited for, and nothing is left to run", within()));
                    return false;
                }
            }
        }
    }

    fn wait_real(&self, what: &str, limit: Option<u64>, condition: &mut dyn FnMut() -> bool) -> bool {
        let clock = &kernel().clock;
        let hang = clock.unbiased_ns() + HANG.as_nanos() as u64;
        loop {
            let before = lock(&self.state).generation;
            if condition() {
                return true;
            }
            let now = clock.unbiased_ns();
            if limit.is_some_and(|limit| limit <= now) {
                return false;
            }
            if limit.is_none() && now >= hang {
                kernel().judge.broken(rule::V04, format!("{what}{}: waited for longer than {HANG:?}", within()));
                return false;
            }
            let state = lock(&self.state);
            if state.generation == before {
                let pause = Duration::from_nanos(limit.unwrap_or(hang) - now);
                drop(self.changed.wait_timeout(state, pause));
            }
        }
    }

    /// Virtual: runs one thing that is due now: whether there was one.
    pub fn step(&self) -> bool {
        if thread::irql() >= DISPATCH_LEVEL {
            return false;
        }
        if self.others_first() && self.run_fiber() {
            return true;
        }
        self.run_dpc() || self.run_timer() || self.run_work() || self.run_fiber()
    }

    /// Virtual: runs all that is due now. Real: waits until the threads did, for a while at most, unless it is one of
    /// them that calls. Runs things.
    pub fn pump(&self) {
        match kernel().clock.mode() {
            Mode::Virtual => while self.step() {},
            Mode::Real if real::is_own_thread() => {}
            Mode::Real => {
                self.wait_until("what is queued", Some(SETTLING_NS), &mut || lock(&self.state).is_idle());
            }
        }
    }

    /// Virtual: lets `ns` of time awake pass, with the timers in their order. Real: sleeps. Runs things.
    pub fn advance(&self, ns: u64) {
        let clock = &kernel().clock;
        if clock.mode() == Mode::Real {
            std::thread::sleep(Duration::from_nanos(ns));
            return;
        }
        let end = clock.unbiased_ns() + ns;
        loop {
            self.pump();
            let next = self.next_due().filter(|due| *due <= end).unwrap_or(end);
            clock.advance(next.saturating_sub(clock.unbiased_ns()));
            if next == end && self.next_due().is_none_or(|due| due > end) {
                break;
            }
        }
        self.pump();
    }

    /// Ends the threads of real mode; what is queued stays undone.
    pub fn stop(&self) {
        lock(&self.state).threads.stopping = true;
        self.queued.notify_all();
        self.changed();
    }

    /// Real: makes sure that a thread will look at the queue.
    fn wake(&self, mut state: MutexGuard<'_, State>, need: real::Need) {
        state.generation += 1;
        if kernel().clock.mode() == Mode::Real {
            real::start(&mut state, need);
        }
        drop(state);
        self.queued.notify_all();
        self.changed.notify_all();
    }
}

/// Runs `f` at an IRQL and restores the thread's own.
fn at_irql(irql: u8, f: impl FnOnce()) {
    let before = thread::set_irql(irql);
    f();
    thread::set_irql(before);
    if irql >= DISPATCH_LEVEL && before < DISPATCH_LEVEL {
        kernel().irql_fell();
    }
}
