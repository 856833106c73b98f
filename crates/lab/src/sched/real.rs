//! The threads of real mode: one for DPCs, one for timers, and workers as they are needed.

use std::{cell::Cell, sync::MutexGuard, time::Duration};

use super::{Dpc, Sched, State};
use crate::{kernel::kernel, sync::lock};

/// Work items that may run side by side.
const MAX_WORKERS: usize = 8;

/// What was queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Dpcs,
    Timers,
    Work,
}

/// Which threads run.
#[derive(Default)]
pub(super) struct Threads {
    dpcs: bool,
    timers: bool,
    workers: usize,
    idle_workers: usize,
    pub(super) stopping: bool,
}

/// Starts the thread that is needed for what was queued, unless it runs.
pub(super) fn start(state: &mut State, need: Need) {
    let threads = &mut state.threads;
    match need {
        Need::Dpcs if !threads.dpcs => {
            threads.dpcs = true;
            spawn("dpcs", Sched::dpc_thread);
        }
        Need::Timers if !threads.timers => {
            threads.timers = true;
            spawn("timers", Sched::timer_thread);
        }
        Need::Work if threads.idle_workers < state.work.len() && threads.workers < MAX_WORKERS => {
            threads.workers += 1;
            spawn("worker", Sched::worker_thread);
        }
        _ => {}
    }
}

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is one of these threads.
pub(super) fn is_own_thread() -> bool {
    OWN.get()
}

fn spawn(name: &str, run: fn(&'static Sched)) {
    let sched = &kernel().sched;
    let builder = std::thread::Builder::new().name(name.to_owned());
    let body = move || {
        OWN.set(true);
        run(sched);
    };
    builder.spawn(body).expect("a thread for the lab");
}

impl Sched {
    fn dpc_thread(&'static self) {
        self.serve(Self::run_dpc, |state| state.dpcs.iter().any(Dpc::is_for_this_thread));
    }

    fn timer_thread(&'static self) {
        // A timer is due by time, not by what is queued: `serve` looks again at the latest when the next one is due.
        self.serve(Self::run_timer, |_| false);
    }

    /// Runs `run` until it finds nothing more, then sleeps until something was queued or a timer is due.
    fn serve(&'static self, run: fn(&Self) -> bool, waits: fn(&State) -> bool) {
        loop {
            while run(self) {}
            let state = lock(&self.state);
            if state.threads.stopping {
                return;
            }
            if !waits(&state) {
                self.sleep(state);
            }
        }
    }

    fn sleep(&self, state: MutexGuard<'_, State>) {
        let now = kernel().clock.unbiased_ns();
        let next = state.timers.keys().next().map_or(u64::MAX, |(due, _)| due.saturating_sub(now));
        let pause = Duration::from_nanos(next).min(Duration::from_secs(1));
        drop(self.queued.wait_timeout(state, pause));
    }

    fn worker_thread(&'static self) {
        let mut state = lock(&self.state);
        loop {
            if state.threads.stopping {
                return;
            }
            if let Some(work) = Self::take_work(&mut state) {
                drop(state);
                self.finish_work(work);
                state = lock(&self.state);
            } else {
                state.threads.idle_workers += 1;
                state = self.queued.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
                state.threads.idle_workers -= 1;
            }
        }
    }
}
