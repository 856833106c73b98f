//! Processors of the virtual clock, and what may happen at any call of a driver's into the kernel: another processor gets
//! on, a DPC or a timer interrupts, time passes.
//!
//! Each processor is a thread with a stack and an IRQL of its own, but only one of them runs at a time, and the seed says
//! when it is another one's turn: so a seed still gives the same run. The thread that made the kernel is a processor too
//! and lets the others run ([`Sched::step`]); timers are its own.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use super::{
    Sched,
    threads::{Body, Fiber},
};
use crate::{
    kernel::kernel,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

thread_local! {
    /// Number of the processor that this thread is.
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// Most time that passes between two calls of a driver's.
const BETWEEN_CALLS_NS: u64 = 20_000;
/// A timer that is due so soon may interrupt.
const SOON_NS: u64 = 2_000_000;
/// Tries after which a lock will never be free.
const DEADLOCK: u32 = 100_000;

/// How a run is disturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// Something happens at one in so many calls; 0: at none.
    pub one_in: u32,
    /// How much later than it is due a timer runs out at most.
    pub late_ns: u64,
}

/// The processors besides the first, and what disturbs them.
#[derive(Default)]
pub(super) struct Processors {
    count: AtomicU32,
    one_in: AtomicU32,
    late_ns: AtomicU64,
    rng: Mutex<Option<SmallRng>>,
    digest: AtomicU64,
    traced: AtomicBool,
}

/// A processor of the virtual clock, which runs what it is given. Dropped where it has nothing to do.
pub struct Processor {
    fiber: Arc<Fiber>,
    job: Arc<Mutex<Option<Body>>>,
    ending: Arc<AtomicBool>,
}

/// Number of the processor that this thread is, on the virtual clock.
pub(crate) fn number() -> u32 {
    NUMBER.get()
}

/// Ends the process when a job panics: nobody else would get a turn.
struct NoPanic;

impl Drop for NoPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

impl Processor {
    /// Whether it has nothing to do.
    pub fn is_idle(&self) -> bool {
        lock(&self.job).is_none() && self.fiber.is_parked()
    }

    /// Gives it something to do; it is idle.
    pub fn give(&self, job: impl FnOnce() + Send + 'static) {
        *lock(&self.job) = Some(Box::new(job));
        self.fiber.unpark();
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.is_idle() {
            self.ending.store(true, Ordering::SeqCst);
            self.fiber.unpark();
            kernel().sched.pump();
        }
    }
}

impl Sched {
    /// Virtual: starts processors besides the first. To be done before a driver is loaded, which may count them.
    pub fn start_processors(&self, count: u32) -> Vec<Processor> {
        self.processors.count.store(count, Ordering::SeqCst);
        (1..=count).map(|number| self.start_processor(number)).collect()
    }

    fn start_processor(&self, number: u32) -> Processor {
        let (job, ending) = (Arc::<Mutex<Option<Body>>>::default(), Arc::new(AtomicBool::new(false)));
        let (jobs, end) = (job.clone(), ending.clone());
        let body = move || {
            let _no_panic = NoPanic;
            NUMBER.set(number);
            while !end.load(Ordering::SeqCst) {
                let job = lock(&jobs).take();
                match job {
                    Some(job) => job(),
                    None => Self::park(),
                }
            }
        };
        let fiber = self.start_fiber(&format!("processor {number}"), Box::new(body));
        // It comes to its first rest.
        self.pump();
        Processor { fiber, job, ending }
    }

    /// Virtual: processors besides the first.
    pub fn other_processors(&self) -> u32 {
        self.processors.count.load(Ordering::Relaxed)
    }

    /// Whether calls of drivers are disturbed: timers and DPCs come in the middle of a callback.
    pub fn is_disturbed(&self) -> bool {
        self.processors.one_in.load(Ordering::SeqCst) != 0
    }

    /// From now on calls of drivers are disturbed.
    pub fn disturb(&self, disturbance: Disturbance) {
        self.processors.one_in.store(disturbance.one_in, Ordering::SeqCst);
        self.processors.late_ns.store(disturbance.late_ns, Ordering::SeqCst);
    }

    /// What happens between calls goes by this seed from now on.
    pub fn reseed(&self, seed: u64) {
        *lock(&self.processors.rng) = Some(SmallRng::seed_from_u64(seed));
    }

    /// A number that two runs share that made the same calls in the same order. It counts calls from [`Self::reseed`] on.
    pub fn digest(&self) -> u64 {
        self.processors.digest.load(Ordering::Relaxed)
    }

    /// Says each call on standard error: time, processor, IRQL, function, from where.
    pub fn trace(&self) {
        self.processors.traced.store(true, Ordering::Relaxed);
    }

    /// Something random, of what disturbs; none before [`Self::reseed`].
    fn random<R>(&self, draw: impl FnOnce(&mut SmallRng) -> R) -> Option<R> {
        lock(&self.processors.rng).as_mut().map(draw)
    }

    /// How much later than it is due a timer runs out.
    pub(super) fn lateness(&self) -> u64 {
        match self.processors.late_ns.load(Ordering::Relaxed) {
            0 => 0,
            most => self.random(|rng| rng.random_range(0..=most)).unwrap_or_default(),
        }
    }

    /// Which of several threads goes on.
    pub(super) fn choose(&self, count: usize) -> usize {
        if count < 2 { 0 } else { self.random(|rng| rng.random_range(0..count)).unwrap_or_default() }
    }

    /// Whether other processors come before what is queued, this time.
    pub(super) fn others_first(&self) -> bool {
        self.other_processors() > 0 && self.random(|rng| rng.random_bool(0.5)).unwrap_or_default()
    }

    /// A driver calls the kernel: something may happen before the call does anything. Runs things.
    pub(crate) fn called(&self, function: &'static str) {
        let one_in = self.processors.one_in.load(Ordering::Relaxed);
        if self.processors.late_ns.load(Ordering::Relaxed) == 0 && one_in == 0 {
            return;
        }
        self.note(function);
        if one_in == 0 || !thread::is_in_driver() || !Self::may_be_disturbed() {
            return;
        }
        let Some(Some(event)) = self.random(|rng| rng.random_ratio(1, one_in).then(|| rng.random::<u32>())) else {
            return;
        };
        match event % 8 {
            0 | 1 if thread::irql() < DISPATCH_LEVEL => {
                self.run_dpc();
            }
            2 => self.let_time_pass(u64::from(event >> 3) % BETWEEN_CALLS_NS),
            3 if (event >> 3).is_multiple_of(8) => {
                let now = kernel().clock.unbiased_ns();
                let soon = self.next_due().map(|due| due.saturating_sub(now)).filter(|ns| *ns <= SOON_NS);
                self.let_time_pass(soon.unwrap_or_default());
            }
            _ => self.yield_now(),
        }
    }

    /// The clock moves, and a timer that is due interrupts.
    fn let_time_pass(&self, ns: u64) {
        kernel().clock.advance(ns);
        if number() == 0 && thread::irql() < DISPATCH_LEVEL {
            self.run_timer();
        }
    }

    /// This one spins: what would interrupt it comes, and others get on.
    pub(crate) fn let_others_on(&self) {
        if !Self::may_be_disturbed() {
            Self::pass_turn();
        } else if number() != 0 || !self.step() {
            self.yield_now();
        }
    }

    /// Another processor gets on, if any has something to do.
    fn yield_now(&self) {
        if number() == 0 {
            self.run_fiber();
        } else {
            Self::pass_turn();
        }
    }

    /// Spins until `attempt` succeeds, while other processors get on: whether it did. False: it never will.
    pub(crate) fn spin(&self, mut attempt: impl FnMut() -> bool) -> bool {
        for _ in 0..DEADLOCK {
            if attempt() {
                return true;
            }
            if number() == 0 {
                if !self.run_fiber() {
                    return false;
                }
            } else {
                Self::pass_turn();
            }
        }
        false
    }

    fn note(&self, function: &'static str) {
        // FNV-1a. One thread runs at a time.
        let start = self.processors.digest.load(Ordering::Relaxed) ^ u64::from(number());
        let digest = function.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.processors.digest.store(digest, Ordering::Relaxed);
        if self.processors.traced.load(Ordering::Relaxed) {
            let (now, site) = (kernel().clock.unbiased_ns() / 1000, kernel().describe_address(thread::call_site()));
            let callback = thread::current_callback().unwrap_or_default();
            eprintln!("{now} us: {} at {}: {function} in {callback} from {site}", number(), thread::irql());
        }
    }
}
