//! One round: a kernel, the driver in it, events, and nothing left at the end.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use super::{Cast, Stress, mix, programs::Programs, reader::Readers, recovery, stranger::Strangers, world::World};
use crate::{
    clock::Mode,
    faults::Plan,
    judge::Verdict,
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
pub fn run(config: &LabConfig, seed: u64, events: u64, stress: &Stress) -> Result<(Ended, Verdict)> {
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
    // A filter of others may need the version that was asked for, and refuses to start on an older one.
    if matches!(stress.cast, Cast::Strangers { .. }) {
        nature.ndis_minor = config.ndis_minor;
    }
    // A call that fails may cost a frame.
    nature.faults &= !stress.cast.is_transparent();
    let lab = Lab::new(LabConfig { mode: Mode::Virtual, seed, ndis_minor: nature.ndis_minor, ..config.clone() });
    let kernel = lab.kernel();
    let name = format!("round {seed} of {events} events");
    kernel.judge.under_way(format!("{name}: start"));
    if stress.trace {
        kernel.sched.trace();
    }
    kernel.reseed(seed);
    let processors = kernel.sched.start_processors(nature.processors);
    kernel.sched.disturb(nature.disturbance);

    let mut ended = Ended::default();
    let drivers = start(&lab, &stress.drivers, &nature, stress.plan.as_ref(), &mut rng)?;
    let programs: Box<dyn Programs> = match stress.cast {
        Cast::Readers => Box::<Readers>::default(),
        Cast::Strangers { .. } => {
            if !stress.cast.is_strict() {
                kernel.ndis.loopback_is_asked_for();
            }
            let files = stress.drivers.iter().map(PathBuf::as_path);
            let started: Vec<_> = drivers.iter().copied().zip(files).collect();
            Box::new(Strangers::of(&started)?)
        }
    };
    let mut world = World::new(&lab, processors, stress.cast, programs, nature.faults);
    for _ in 0..nature.adapters {
        world.plug(&mut rng);
    }
    let low = stress.plan.clone().filter(|plan| matches!(plan, Plan::Low { .. }));
    if let Some(plan) = &low {
        kernel.faults.plan(plan.clone());
    }
    for number in (0..events).filter(|number| !stress.without.iter().any(|range| range.contains(number))) {
        kernel.reseed(mix(seed, number));
        let (event, mut rng) = super::event(stress.cast, seed, number);
        kernel.judge.under_way(format!("{name}: event {number}: {event:?}"));
        if stress.trace {
            eprintln!("event {number}: {event:?}");
        }
        world.play(event, &mut rng)?;
        ended.events += 1;
    }
    if low.is_some() {
        kernel.judge.under_way(format!("{name}: memory is there again"));
        world.come_to_rest(&mut rng)?;
        kernel.faults.end();
        world.end_programs(&mut rng);
        recovery::check(&lab).context("after calls failed and fail no more")?;
    }
    kernel.judge.under_way(format!("{name}: end"));
    ended.frames = world.frames();
    take_down(&lab, &drivers, world, &mut rng)?;
    ended.digest = kernel.sched.digest();
    ended.leaks = drivers.iter().map(|driver| kernel.memory.pool.live(*driver).len() as u64).sum();
    let verdict = lab.finish();
    ended.violations = verdict.violations.len() as u64;
    Ok((ended, verdict))
}

/// Loads and starts the drivers. Where a call fails that keeps one from starting, it is loaded once more.
fn start(
    lab: &Lab,
    paths: &[PathBuf],
    nature: &Nature,
    plan: Option<&Plan>,
    rng: &mut SmallRng,
) -> Result<Vec<DriverId>> {
    let faults = &kernel().faults;
    match plan {
        // Memory is low only later.
        Some(Plan::Low { .. }) => {}
        Some(plan) => faults.plan(plan.clone()),
        None if nature.faults && rng.random_bool(0.2) => faults.plan(Plan::Nth(rng.random_range(1..30))),
        None => {}
    }
    paths.iter().map(|path| start_one(lab, path, plan)).collect()
}

fn start_one(lab: &Lab, path: &Path, plan: Option<&Plan>) -> Result<DriverId> {
    let faults = &kernel().faults;
    let driver = lab.load(path)?;
    if lab.start(driver) >= 0 {
        return Ok(driver);
    }
    ensure!(!faults.failed().is_empty(), "DriverEntry of {} fails", path.display());
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

/// The end: programs close or die, adapters go or stay, the drivers are unloaded, the highest first. Nothing is left.
fn take_down(lab: &Lab, drivers: &[DriverId], mut world: World<'_>, rng: &mut SmallRng) -> Result<()> {
    world.come_to_rest(rng)?;
    // What failed is not forgotten where a plan was given: what is left was not freed for its sake.
    kernel().faults.end();
    let programs_first = rng.random_bool(0.7);
    if programs_first {
        world.end_programs(rng);
    }
    if rng.random_bool(0.5) {
        world.unplug_all();
    }
    for driver in drivers.iter().rev() {
        lab.unload(*driver);
    }
    if !programs_first {
        world.end_programs(rng);
    }
    // While a handle was open, or a call of a program that is gone was not at its end, it was put off.
    for driver in drivers.iter().filter(|driver| kernel().io.is_unload_pending(**driver)) {
        kernel().io.await_unload(*driver);
    }
    let left = world.left();
    ensure!(left.is_empty(), "left at the end: {}", left.join("; "));
    Ok(())
}
