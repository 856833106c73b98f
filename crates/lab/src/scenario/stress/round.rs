//! One round: a kernel, the driver in it, events, and nothing left at the end.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use super::{Stress, event::Event, mix, recovery, world::World};
use crate::{
    clock::Mode,
    faults::Plan,
    kernel::{DriverId, kernel},
    lab::{Lab, LabConfig},
    sched::Disturbance,
};

/// What rounds came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Events that were played.
    pub events: u64,
    /// Frames that went in at the ends.
    pub frames: u64,
    /// Broken rules.
    pub violations: u64,
    /// What was left: allocations, packets, calls of programs.
    pub leaks: u64,
    /// A number that the same run has again.
    pub digest: u64,
}

impl Ended {
    /// Adds another round's.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.frames += other.frames;
        self.violations += other.violations;
        self.leaks += other.leaks;
        self.digest = mix(self.digest, other.digest);
    }
}

/// What a round is like.
struct Nature {
    processors: u32,
    disturbance: Disturbance,
    faults: bool,
    adapters: usize,
    ndis_minor: u8,
}

impl Nature {
    fn of(rng: &mut SmallRng) -> Self {
        let processors = rng.random_range(0..=3);
        let one_in = *[u32::MAX, 100, 30, 10, 4].get(rng.random_range(0..5_usize)).unwrap_or(&u32::MAX);
        let late_ns = *[0, 1_000_000, 15_600_000].get(rng.random_range(0..3_usize)).unwrap_or(&0);
        Self {
            processors,
            disturbance: Disturbance { one_in, late_ns },
            faults: rng.random_bool(0.25),
            adapters: rng.random_range(1..=2),
            ndis_minor: rng.random_range(83..=89),
        }
    }
}

/// Runs it.
///
/// # Errors
/// What is wrong besides broken rules.
pub fn run(config: &LabConfig, driver: &Path, seed: u64, events: u64, stress: &Stress) -> Result<Ended> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut nature = Nature::of(&mut rng);
    if stress.plan.is_some() {
        nature = Nature {
            processors: 0,
            disturbance: Disturbance { one_in: u32::MAX, late_ns: 0 },
            faults: false,
            ..nature
        };
    }
    let lab = Lab::new(LabConfig { mode: Mode::Virtual, seed, ndis_minor: nature.ndis_minor, ..config.clone() });
    let kernel = lab.kernel();
    kernel.judge.under_way(format!("round {seed}: start"));
    if stress.trace {
        kernel.sched.trace();
    }
    kernel.reseed(seed);
    let processors = kernel.sched.start_processors(nature.processors);
    kernel.sched.disturb(nature.disturbance);

    let mut ended = Ended::default();
    let driver = start(&lab, driver, &nature, stress.plan.as_ref(), &mut rng)?;
    let mut world = World::new(&lab, processors, nature.faults);
    for _ in 0..nature.adapters {
        world.plug(&mut rng);
    }
    let low = stress.plan.clone().filter(|plan| matches!(plan, Plan::Low { .. }));
    if let Some(plan) = &low {
        kernel.faults.plan(plan.clone());
    }
    for number in (0..events).filter(|number| !stress.without.iter().any(|range| range.contains(number))) {
        kernel.reseed(mix(seed, number));
        let mut rng = SmallRng::seed_from_u64(mix(!seed, number));
        let event = Event::draw(&mut rng);
        kernel.judge.under_way(format!("round {seed}: event {number}: {event:?}"));
        if stress.trace {
            eprintln!("event {number}: {event:?}");
        }
        world.play(event, &mut rng)?;
        ended.events += 1;
    }
    if low.is_some() {
        kernel.judge.under_way(format!("round {seed}: memory is there again"));
        world.come_to_rest(&mut rng);
        kernel.faults.end();
        world.end_programs(&mut rng);
        recovery::check(&lab).context("after calls failed and fail no more")?;
    }
    kernel.judge.under_way(format!("round {seed}: end"));
    ended.frames = world.frames();
    ended.leaks += take_down(&lab, driver, world, &mut rng)?;
    ended.digest = kernel.sched.digest();
    ended.leaks += kernel.memory.pool.live(driver).len() as u64;
    ended.violations = lab.finish().violations.len() as u64;
    Ok(ended)
}

/// Loads and starts the driver. Where a call fails that keeps it from starting, it is loaded once more.
fn start(lab: &Lab, path: &Path, nature: &Nature, plan: Option<&Plan>, rng: &mut SmallRng) -> Result<DriverId> {
    let faults = &kernel().faults;
    match plan {
        // Memory is low only later.
        Some(Plan::Low { .. }) => {}
        Some(plan) => faults.plan(plan.clone()),
        None if nature.faults && rng.random_bool(0.2) => faults.plan(Plan::Nth(rng.random_range(1..30))),
        None => {}
    }
    let driver = lab.load(path)?;
    if lab.start(driver) >= 0 {
        return Ok(driver);
    }
    ensure!(!faults.failed().is_empty(), "DriverEntry fails");
    let left = kernel().memory.pool.live(driver);
    ensure!(left.is_empty(), "left by a DriverEntry that failed: {left:?}");
    faults.plan(Plan::None);
    let driver = lab.run(path)?;
    // Where some calls fail by chance, others do from now on.
    if let Some(plan @ Plan::Chance { .. }) = plan {
        faults.plan(plan.clone());
    }
    Ok(driver)
}

/// The end: programs close or die, adapters go or stay, the driver is unloaded. What was left.
fn take_down(lab: &Lab, driver: DriverId, mut world: World<'_>, rng: &mut SmallRng) -> Result<u64> {
    world.come_to_rest(rng);
    // What failed is not forgotten where a plan was given: what is left was not freed for its sake.
    kernel().faults.end();
    let programs_first = rng.random_bool(0.7);
    if programs_first {
        world.end_programs(rng);
    }
    if rng.random_bool(0.5) {
        world.unplug_all();
    }
    lab.unload(driver);
    if !programs_first {
        world.end_programs(rng);
    }
    // While a handle was open, or a call of a program that is gone was not at its end, it was put off.
    if kernel().io.is_unload_pending(driver) {
        kernel().io.await_unload(driver);
    }
    let left = world.left();
    ensure!(left.is_empty(), "left at the end: {}", left.join("; "));
    Ok(left.len() as u64)
}
