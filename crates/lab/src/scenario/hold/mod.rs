//! Hold: patient TAPs and GATEs of each policy, quick, slow, suspended and killed, on the virtual clock, and every frame
//! accounted for: it came out unchanged, or replaced as a verdict said, or it was dropped and there is a reason.

mod actor;
mod audit;
mod book;
mod frames;
mod plan;
mod sums;
mod world;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use crate::{kernel::kernel, lab::Lab};
use actor::Actor;
use audit::Ends;
use plan::{Act, Role};
use sums::{Auditor, Sums};
use world::World;

/// How long promoted copies wait for their verdicts, and a little more.
const COPIES_NS: u64 = 11_000_000_000;
/// Turns that readers have at the end of an act to answer what is open.
const LAST_TURNS: usize = 30;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Frames that went in.
    pub frames: u64,
    /// Frames that ended without a reason.
    pub lost: u64,
    /// Frames that came out twice.
    pub doubled: u64,
    /// Originals that overtook an earlier one of their flow.
    pub reordered: u64,
    /// The longest that a packet of another's was held, in milliseconds, rounded up.
    pub max_hold_ms: u64,
    /// The largest sum of budgets.
    pub budget_ms: u64,
    /// NBLs that were promoted.
    pub promoted: u64,
    /// Times that a reader missed a deadline and was not waited for any more.
    pub tripped: u64,
}

/// Runs all acts with about `frames` frames in all. Acts are told of on `say` as they end.
///
/// # Errors
/// What is wrong, act by act.
pub fn run(lab: &Lab, driver: &Path, frames: u64, mut say: impl FnMut(&str)) -> Result<Held> {
    let driver = lab.run(driver)?;
    let mut world = World::new(lab, SmallRng::seed_from_u64(kernel().seed));
    let auditor = Auditor::open()?;
    let acts = plan::acts();
    let each = frames.div_ceil(acts.len() as u64);
    let (mut held, mut failed) = (Held::default(), Vec::new());
    for (number, act) in acts.iter().enumerate() {
        let name = format!("act {} of {} ({})", number + 1, acts.len(), act.name());
        match play(&mut world, &auditor, act, each, &mut held) {
            Ok(line) => say(&format!("{name}: {line}")),
            Err(error) => {
                failed.push(format!("{name}: {error:#}"));
                failed.extend(world.book().take_wrong());
            }
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    let book = world.book();
    (held.frames, held.doubled, held.reordered) = (book.frames.len() as u64, book.doubled, book.reordered);
    drop(book);
    drop((world, auditor));
    kernel().sched.pump();
    ensure!(lab.unload(driver), "the driver does not unload");
    Ok(held)
}

/// One act: what it came to, in words.
fn play(world: &mut World<'_>, auditor: &Auditor, act: &Act, frames: u64, held: &mut Held) -> Result<String> {
    let ndis = &kernel().ndis;
    ndis.reset_holds();
    world.was_faulty = false;
    let before = auditor.ask()?;
    let since = world.book().nbls.len();
    let first = world.book().frames.len() as u64;
    let mut actors = (1..)
        .zip(&act.readers)
        .map(|(number, plan)| Actor::start(number, plan.clone(), world))
        .collect::<Result<Vec<_>>>()?;
    while (world.book().frames.len() as u64) < first + frames {
        let there: Vec<_> = actors.iter().filter(|actor| actor.is_there()).map(|actor| actor.number).collect();
        world.traffic(&there)?;
        pass_time(world, act);
        turns(world, &mut actors)?;
        world.event(act.events, since)?;
    }
    finish(world, act, &mut actors)?;
    let after = auditor.ask()?;

    let mut book = world.book();
    let ends = audit::frames(act, &mut book, since);
    audit::held_for_nobody(act, &actors, &mut book, since);
    let disagreements = audit::counters(act, &actors, &book, since, &ends, (&before, &after));
    let longest_ns = ndis.hold_stats().max_ns;
    held.lost += ends.lost;
    held.max_hold_ms = held.max_hold_ms.max(longest_ns.div_ceil(1_000_000));
    held.budget_ms = held.budget_ms.max(act.budget_ms().into());
    held.promoted += after.since(&before, "nbls_promoted");
    held.tripped += after.since(&before, "trips");
    let mut wrong = book.take_wrong();
    wrong.extend(disagreements);
    if longest_ns > u64::from(act.budget_ms()) * 1_000_000 {
        wrong.push(format!("a packet was held for {} us", longest_ns / 1000));
    }
    wrong.extend(left(&after));
    if !wrong.is_empty() {
        bail!("{}\n{ends:?}\n{}", wrong.join("\n"), after.changes(&before));
    }
    Ok(told(&ends, longest_ns, &before, &after))
}

fn told(ends: &Ends, max_ns: u64, before: &Sums, after: &Sums) -> String {
    let (promoted, trips) = (after.since(before, "nbls_promoted"), after.since(before, "trips"));
    format!("{ends:?}, held for {} us at most, promoted {promoted}, tripped {trips}", max_ns / 1000)
}

/// What is held when nobody reads any more.
fn left(sums: &Sums) -> Option<String> {
    let leases = sums.leases;
    (leases.leases != 0 || leases.promoted_bytes != 0).then(|| format!("left when all readers have gone: {leases:?}"))
}

/// Time until the next lists: mostly a little, now and then none.
fn pass_time(world: &mut World<'_>, act: &Act) {
    if world.rng.random_bool(0.9) {
        let time = world.rng.random_range(0..=act.beat_us * 1000);
        kernel().sched.advance(time);
    }
    kernel().sched.pump();
}

fn turns(world: &mut World<'_>, actors: &mut [Actor]) -> Result<()> {
    for actor in &mut *actors {
        actor.turn(world)?;
    }
    if actors.len() > 1 && world.rng.random_bool(0.1) {
        let (from, to) = (world.rng.random_range(0..actors.len()), world.rng.random_range(0..actors.len()));
        let tickets: Vec<_> = actors.get(from).map(|actor| actor.answered.clone()).unwrap_or_default();
        if from != to
            && let Some(actor) = actors.get_mut(to)
        {
            actor.answer_for_others(world, &tickets)?;
        }
    }
    Ok(())
}

/// The readers answer what is open, or go at once; copies that nobody answers expire.
fn finish(world: &mut World<'_>, act: &Act, actors: &mut [Actor]) -> Result<()> {
    if world.is_faulty() {
        world.fail_calls(false);
    }
    let watched = act.readers.iter().all(|plan| plan.role == Role::Tap);
    if watched || world.rng.random_bool(0.8) {
        for _ in 0..LAST_TURNS {
            for actor in &mut *actors {
                actor.wake();
            }
            turns(world, actors)?;
            pass_time(world, act);
        }
        if world.rng.random_bool(0.5) {
            kernel().sched.advance(COPIES_NS);
        }
    }
    for actor in actors {
        actor.end(world);
    }
    kernel().sched.advance(COPIES_NS);
    Ok(())
}
