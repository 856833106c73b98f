//! Threads that drivers make.
//!
//! On the real clock they are threads like any other. On the virtual one each has a stack of its own but not a turn: it
//! runs when the one thread that does everything lets it, until it waits or ends, so that a seed still gives the same run.

use std::{
    cell::RefCell,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use super::{Sched, processors};
use crate::{clock::Mode, kernel::kernel, sync::lock, thread};

/// What a thread runs.
pub type Body = Box<dyn FnOnce() + Send>;

thread_local! {
    /// The virtual thread that this is, if it is one.
    static CURRENT: RefCell<Option<Arc<Fiber>>> = const { RefCell::new(None) };
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Scheduler,
    Thread,
    Over,
}

/// What a thread without a turn waits for.
#[derive(Clone, Copy)]
struct Wait {
    /// The scheduler's generation when its condition was last looked at; none: it does not wait.
    seen: Option<u64>,
    /// When it stops to wait, in unbiased nanoseconds.
    limit: Option<u64>,
    /// Until somebody says so.
    parked: bool,
}

impl Wait {
    const NONE: Self = Self { seen: None, limit: None, parked: false };
}

/// A thread of virtual mode.
pub(super) struct Fiber {
    turn: Mutex<Turn>,
    changed: Condvar,
    wait: Mutex<Wait>,
}

impl Fiber {
    /// Hands the turn to `to` and waits until it is handed back, or over.
    fn hand(&self, to: Turn, mine: impl Fn(Turn) -> bool) {
        let mut turn = lock(&self.turn);
        *turn = to;
        self.changed.notify_all();
        while !mine(*turn) {
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        kernel().memory.pageable.follow(thread::irql());
    }

    fn is_ready(&self, generation: u64, now: u64) -> bool {
        let Wait { seen, limit, parked } = *lock(&self.wait);
        let due = seen != Some(generation) || limit.is_some_and(|limit| limit <= now);
        *lock(&self.turn) == Turn::Scheduler && !parked && due
    }

    /// Whether it rests until [`Self::unpark`].
    pub(super) fn is_parked(&self) -> bool {
        lock(&self.wait).parked
    }

    /// It has something to do.
    pub(super) fn unpark(&self) {
        lock(&self.wait).parked = false;
    }
}

/// The threads of virtual mode that are not over.
#[derive(Default)]
pub(super) struct Fibers {
    all: Mutex<Vec<Arc<Fiber>>>,
}

impl Fibers {
    /// When the first of them stops to wait.
    pub(super) fn next_limit(&self) -> Option<u64> {
        lock(&self.all).iter().filter_map(|fiber| lock(&fiber.wait).limit).min()
    }
}

impl Sched {
    /// Starts a thread. It ends when `body` returns.
    ///
    /// # Panics
    /// Where the system has no thread to give.
    pub fn start_thread(&self, name: &str, body: Body) {
        if kernel().clock.mode() == Mode::Real {
            let builder = std::thread::Builder::new().name(name.to_owned());
            builder.spawn(body).expect("a thread for a driver");
            return;
        }
        self.start_fiber(name, body);
    }

    /// Virtual: starts a thread.
    pub(super) fn start_fiber(&self, name: &str, body: Body) -> Arc<Fiber> {
        let wait = Mutex::new(Wait::NONE);
        let fiber = Arc::new(Fiber { turn: Mutex::new(Turn::Scheduler), changed: Condvar::new(), wait });
        lock(&self.fibers.all).push(fiber.clone());
        let own = fiber.clone();
        let run = move || {
            // The turn is not the thread's yet.
            let mut turn = lock(&own.turn);
            while *turn != Turn::Thread {
                turn = own.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
            }
            drop(turn);
            kernel().memory.pageable.follow(thread::irql());
            CURRENT.set(Some(own.clone()));
            body();
            own.hand(Turn::Over, |_| true);
        };
        let builder = std::thread::Builder::new().name(name.to_owned());
        builder.spawn(run).expect("a thread for a driver");
        self.changed();
        fiber
    }

    /// Whether calls of drivers on this thread may be disturbed: it is a processor.
    pub(super) fn may_be_disturbed() -> bool {
        processors::number() != 0 || CURRENT.with_borrow(Option::is_none)
    }

    /// This virtual thread lets others run, and goes on when it is its turn again.
    pub(super) fn pass_turn() {
        let fiber = CURRENT.with_borrow(Clone::clone);
        if let Some(fiber) = fiber {
            *lock(&fiber.wait) = Wait::NONE;
            fiber.hand(Turn::Scheduler, |turn| turn == Turn::Thread);
        }
    }

    /// This virtual thread rests until it is unparked.
    pub(super) fn park() {
        let fiber = CURRENT.with_borrow(Clone::clone);
        if let Some(fiber) = fiber {
            *lock(&fiber.wait) = Wait { parked: true, ..Wait::NONE };
            fiber.hand(Turn::Scheduler, |turn| turn == Turn::Thread);
        }
    }

    /// Virtual: lets one thread run that may have something to do: whether there was one.
    pub(super) fn run_fiber(&self) -> bool {
        let (generation, now) = (lock(&self.state).generation, kernel().clock.unbiased_ns());
        let ready: Vec<_> =
            lock(&self.fibers.all).iter().filter(|fiber| fiber.is_ready(generation, now)).cloned().collect();
        let Some(fiber) = ready.get(self.choose(ready.len())).cloned() else { return false };
        fiber.hand(Turn::Thread, |turn| turn != Turn::Thread);
        if *lock(&fiber.turn) == Turn::Over {
            lock(&self.fibers.all).retain(|other| !Arc::ptr_eq(other, &fiber));
            self.changed();
        }
        true
    }

    /// A wait of a virtual thread's: what it came to. None: this is no such thread.
    pub(super) fn wait_fiber(&self, limit: Option<u64>, condition: &mut dyn FnMut() -> bool) -> Option<bool> {
        let fiber = CURRENT.with_borrow(Clone::clone)?;
        loop {
            let generation = lock(&self.state).generation;
            if condition() {
                return Some(true);
            }
            if limit.is_some_and(|limit| limit <= kernel().clock.unbiased_ns()) {
                return Some(false);
            }
            *lock(&fiber.wait) = Wait { seen: Some(generation), limit, parked: false };
            fiber.hand(Turn::Scheduler, |turn| turn == Turn::Thread);
            lock(&fiber.wait).limit = None;
        }
    }
}
