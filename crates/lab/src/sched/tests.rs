//! The scheduler: order on the virtual clock, and that threads do the same on the real one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    clock::Mode,
    kernel::{DriverId, Kernel, kernel, one_at_a_time},
    ndis::LAB,
    sched::{Disturbance, Processor},
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

const DRIVER: DriverId = DriverId(0);

/// What ran: (name, nanoseconds, IRQL).
type Entry = (&'static str, u64, u8);

/// What ran, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Entry>>>);

impl Log {
    fn entry(&self, name: &'static str) -> impl FnMut() + Send + 'static {
        let log = self.clone();
        move || lock(&log.0).push((name, kernel().clock.now_ns(), thread::irql()))
    }

    fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut lock(&self.0))
    }

    fn names(&self) -> Vec<&'static str> {
        self.take().into_iter().map(|(name, _, _)| name).collect()
    }

    fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

#[test]
fn timers_fire_in_order_of_time_then_of_setting() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    sched.set_timer(300, 0, Box::new(log.entry("late")));
    sched.set_timer(100, 0, Box::new(log.entry("first")));
    sched.set_timer(100, 0, Box::new(log.entry("second")));
    let gone = sched.set_timer(200, 0, Box::new(log.entry("cancelled")));
    assert!(sched.cancel_timer(gone));
    assert!(!sched.cancel_timer(gone));
    sched.advance(99);
    assert_eq!(log.take(), []);
    sched.advance(1);
    assert_eq!(log.take(), [("first", 100, DISPATCH_LEVEL), ("second", 100, DISPATCH_LEVEL)]);
    sched.advance(1000);
    assert_eq!(log.take(), [("late", 300, DISPATCH_LEVEL)], "the clock stands at the due time");
    assert_eq!(kernel().clock.now_ns(), 1100);
}

#[test]
fn a_periodic_timer_fires_until_it_is_cancelled() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    let timer = sched.set_timer(10, 20, Box::new(log.entry("tick")));
    sched.advance(60);
    let fired: Vec<_> = log.take().into_iter().map(|(_, at, _)| at).collect();
    assert_eq!(fired, [10, 30, 50]);
    assert!(sched.cancel_timer(timer));
    sched.advance(100);
    assert_eq!(log.take(), []);
}

#[test]
fn sleep_does_not_expire_timers() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    sched.set_timer(100, 0, Box::new(log.entry("timer")));
    kernel().clock.sleep(1_000_000);
    sched.pump();
    assert_eq!(log.take(), []);
    sched.advance(100);
    assert_eq!(log.take(), [("timer", 1_000_100, DISPATCH_LEVEL)]);
}

#[test]
fn a_drivers_dpc_waits_for_its_own_processor() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    thread::call_driver(DRIVER, "test", DISPATCH_LEVEL, || {
        sched.queue_dpc(DRIVER, Box::new(log.entry("a driver's")));
        sched.queue_dpc(LAB, Box::new(log.entry("an interrupt's")));
        std::thread::scope(|scope| _ = scope.spawn(|| sched.run_dpcs()));
        assert_eq!(log.take(), [("an interrupt's", 0, DISPATCH_LEVEL)]);
    });
    assert_eq!(log.take(), [("a driver's", 0, DISPATCH_LEVEL)]);
}

#[test]
fn what_a_dpc_queues_runs_though_its_processor_is_gone() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    let entry = log.entry("behind");
    let queue = move || _ = sched.queue_dpc(DRIVER, Box::new(entry));
    sched.queue_dpc(DRIVER, Box::new(move || thread::call_driver(DRIVER, "DPC", DISPATCH_LEVEL, queue)));
    std::thread::scope(|scope| _ = scope.spawn(|| sched.run_dpc()));
    assert_eq!(log.take(), []);
    sched.pump();
    assert_eq!(log.take(), [("behind", 0, DISPATCH_LEVEL)]);
}

#[test]
fn dpcs_wait_for_the_irql_to_fall() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    thread::call_driver(DRIVER, "test", DISPATCH_LEVEL, || {
        sched.queue_dpc(DRIVER, Box::new(log.entry("a")));
        let b = sched.queue_dpc(DRIVER, Box::new(log.entry("b")));
        sched.queue_dpc(DRIVER, Box::new(log.entry("c")));
        sched.run_dpcs();
        assert_eq!(log.len(), 0, "not at DISPATCH_LEVEL");
        assert_eq!(sched.dpcs_of(DRIVER), 3);
        assert!(sched.remove_dpc(b));
        assert!(!sched.remove_dpc(b));
    });
    assert_eq!(log.take(), [("a", 0, DISPATCH_LEVEL), ("c", 0, DISPATCH_LEVEL)], "when the callback returned");
    assert_eq!(thread::irql(), PASSIVE_LEVEL);
}

#[test]
fn a_wait_runs_what_is_there_and_moves_the_clock_only_when_idle() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Virtual, 1).sched;
    let log = Log::default();
    sched.queue_work(Box::new(log.entry("work")));
    sched.queue_dpc(DRIVER, Box::new(log.entry("dpc")));
    sched.set_timer(500, 0, Box::new(log.entry("timer")));
    let seen = log.clone();
    assert!(sched.wait_until("all three", Some(1000), &mut || seen.len() == 3));
    let expected = [("dpc", 0, DISPATCH_LEVEL), ("work", 0, PASSIVE_LEVEL), ("timer", 500, DISPATCH_LEVEL)];
    assert_eq!(log.take(), expected);
    assert!(!sched.wait_until("nothing", Some(1000), &mut || false));
    assert_eq!(kernel().clock.now_ns(), 1500, "the whole timeout passed");
}

#[test]
fn a_wait_that_cannot_end_breaks_v04() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.judge.stop_at_first(false);
    assert!(!kernel.sched.wait_until("the moon", None, &mut || false));
    let violations = kernel.judge.verdict().violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].rule, "V04");
    assert!(violations[0].what.contains("the moon"));
}

/// The order in which eight work items run with a seed.
fn order_of_work(seed: u64) -> Vec<&'static str> {
    let sched = &Kernel::install(Mode::Virtual, seed).sched;
    let log = Log::default();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        sched.queue_work(Box::new(log.entry(name)));
    }
    sched.pump();
    assert_eq!(sched.work_pending(), 0);
    log.names()
}

#[test]
fn the_seed_chooses_the_order_of_work() {
    let _serial = one_at_a_time();
    let orders: Vec<_> = (0..8).map(order_of_work).collect();
    assert_eq!(orders, (0..8).map(order_of_work).collect::<Vec<_>>(), "the same seed gives the same order");
    assert!(orders.iter().any(|order| *order != orders[0]), "another seed gives another");
    for mut order in orders {
        order.sort_unstable();
        assert_eq!(order, ["a", "b", "c", "d", "e", "f", "g", "h"], "each runs once");
    }
}

#[test]
fn threads_run_what_is_queued_on_the_real_clock() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Real, 1).sched;
    let log = Log::default();
    sched.queue_dpc(DRIVER, Box::new(log.entry("dpc")));
    sched.queue_work(Box::new(log.entry("work")));
    let tick = sched.set_timer(1_000_000, 1_000_000, Box::new(log.entry("tick")));
    let seen = log.clone();
    assert!(sched.wait_until("five", Some(20_000_000_000), &mut || seen.len() >= 5));
    assert!(sched.cancel_timer(tick));
    sched.flush_dpcs();
    let ran = log.take();
    for (name, irql) in [("dpc", DISPATCH_LEVEL), ("work", PASSIVE_LEVEL), ("tick", DISPATCH_LEVEL)] {
        assert!(ran.iter().any(|entry| (entry.0, entry.2) == (name, irql)), "{name} in {ran:?}");
    }
    assert!(!sched.wait_until("no more", Some(5_000_000), &mut || log.len() > 0), "it was cancelled");
    sched.stop();
}

#[test]
fn pumping_on_the_real_clock_waits_for_what_is_queued() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Real, 1).sched;
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let done = done.clone();
        sched.queue_work(Box::new(move || {
            // A worker that pumps does not wait for itself.
            kernel().sched.pump();
            let last = done.clone();
            kernel().sched.queue_dpc(DRIVER, Box::new(move || _ = last.fetch_add(1, Ordering::SeqCst)));
        }));
    }
    sched.pump();
    assert_eq!(done.load(Ordering::SeqCst), 20);
    sched.stop();
}

#[test]
fn a_wait_on_the_real_clock_sees_each_change() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Real, 1).sched;
    let count = Arc::new(AtomicUsize::new(0));
    let counting = count.clone();
    let other = std::thread::spawn(move || {
        for _ in 0..100 {
            counting.fetch_add(1, Ordering::SeqCst);
            kernel().sched.changed();
        }
    });
    assert!(sched.wait_until("100", None, &mut || count.load(Ordering::SeqCst) == 100));
    other.join().unwrap();
    sched.stop();
}

#[test]
fn work_that_waits_does_not_hold_up_other_work() {
    let _serial = one_at_a_time();
    let sched = &Kernel::install(Mode::Real, 1).sched;
    let done = Arc::new(AtomicUsize::new(0));
    let (first, second) = (done.clone(), done.clone());
    sched.queue_work(Box::new(move || {
        kernel().sched.wait_until("the other", None, &mut || first.load(Ordering::SeqCst) == 1);
        first.fetch_add(1, Ordering::SeqCst);
    }));
    sched.queue_work(Box::new(move || {
        second.fetch_add(1, Ordering::SeqCst);
    }));
    assert!(sched.wait_until("both", Some(20_000_000_000), &mut || done.load(Ordering::SeqCst) == 2));
    sched.stop();
}

#[test]
fn processors_take_turns_and_a_seed_says_whose_it_is() {
    let run = |seed| {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, seed);
        kernel.reseed(seed);
        let processors = kernel.sched.start_processors(3);
        assert!(processors.iter().all(Processor::is_idle));
        let order = Arc::new(Mutex::new(Vec::new()));
        for processor in &processors {
            let order = order.clone();
            processor.give(move || {
                for _ in 0..8 {
                    lock(&order).push(thread::processor());
                    // Somebody else gets on before this is free.
                    let mut tries = 0;
                    assert!(kernel.sched.spin(|| {
                        tries += 1;
                        tries == 2
                    }));
                }
            });
        }
        assert!(!processors.iter().any(Processor::is_idle));
        kernel.sched.pump();
        assert!(processors.iter().all(Processor::is_idle));
        drop(processors);
        lock(&order).clone()
    };
    let (first, again, other) = (run(1), run(1), run(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    for number in 1..=3 {
        assert_eq!(first.iter().filter(|who| **who == number).count(), 8);
    }
    assert!(first.windows(2).filter(|two| two[0] != two[1]).count() > 3, "they alternate: {first:?}");
}

#[test]
fn a_lock_that_nobody_will_free_is_a_deadlock() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    assert!(!kernel.sched.spin(|| false));
}

#[test]
fn timers_are_late_by_what_was_said_at_most() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.reseed(1);
    kernel.sched.disturb(Disturbance { one_in: 0, late_ns: 1000 });
    let fired = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..20 {
        let fired = fired.clone();
        kernel.sched.set_timer(500, 0, Box::new(move || lock(&fired).push(kernel.clock.unbiased_ns())));
    }
    kernel.sched.advance(2000);
    let fired = lock(&fired);
    assert!(fired.len() == 20 && fired.iter().all(|at| (500..=1500).contains(at)), "{fired:?}");
    assert!(fired.iter().any(|at| *at > 500), "{fired:?}");
}
