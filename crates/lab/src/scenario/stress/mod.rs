//! Stress: events in random order, on several processors whose calls into the kernel interleave, on the virtual clock.
//!
//! A run is made of rounds. Each has a kernel of its own, in which the driver is loaded, put through events, and unloaded;
//! nothing may be left then. What a round is like follows from its seed, and each event from the round's seed and its
//! number: so a round can be run again without some of its events, and those that matter be found.

mod books;
mod control;
mod event;
mod programs;
mod reader;
mod recovery;
mod round;
mod stranger;
mod traffic;
mod world;

use std::{ops::Range, path::PathBuf};

use anyhow::{Context as _, Result};
use event::Event;
use rand::{SeedableRng as _, rngs::SmallRng};

use crate::{faults::Plan, judge::Verdict, lab::LabConfig};

pub use round::Ended;

/// Events of a round.
pub const EVENTS: u64 = 2000;

/// Who calls the drivers, and what is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// Readers of this project's device.
    Readers,
    /// Strangers, to whom any filter is like any other.
    Strangers {
        /// The filters pass everything on: what goes in has to come out.
        transparent: bool,
        /// Sends come to a stack that is paused, and to a filter that was told of low power; and nobody asks for what NDIS
        /// loops back.
        strict: bool,
    },
}

impl Cast {
    /// Whether what goes in has to come out.
    fn is_transparent(self) -> bool {
        matches!(self, Self::Strangers { transparent: true, .. })
    }

    /// Whether sends come where few drivers expect them, and looped-back receives are left alone.
    fn is_strict(self) -> bool {
        !matches!(self, Self::Strangers { strict: false, .. })
    }
}

/// What a run is.
#[derive(Clone, Debug)]
pub struct Stress {
    /// The drivers' files, the lowest in the stack first.
    pub drivers: Vec<PathBuf>,
    /// Who calls them.
    pub cast: Cast,
    /// Seed of the run, which is also that of its first round.
    pub seed: u64,
    /// Events of all rounds.
    pub events: u64,
    /// Which of several processes that share a run this is: it does every `of`th round.
    pub part: u64,
    /// How many processes share it.
    pub of: u64,
    /// Events of a round that are left out, by number.
    pub without: Vec<Range<u64>>,
    /// Say each event and each call that the driver makes, on standard error.
    pub trace: bool,
    /// One processor, undisturbed, with this plan of calls that fail.
    pub plan: Option<Plan>,
}

impl Stress {
    /// A run of these drivers, of which all parts are this process's, and of which nothing is left out.
    pub fn new(drivers: Vec<PathBuf>, cast: Cast, seed: u64, events: u64) -> Self {
        Self { drivers, cast, seed, events, part: 0, of: 1, without: vec![], trace: false, plan: None }
    }
}

/// What happens in a round as its event of this number, in a word.
pub fn name_of(cast: Cast, round: u64, number: u64) -> String {
    format!("{:?}", event(cast, round, number).0)
}

/// The event of this number in a round of this seed, and the random numbers of which its details follow.
fn event(cast: Cast, round: u64, number: u64) -> (Event, SmallRng) {
    let mut rng = SmallRng::seed_from_u64(mix(!round, number));
    (Event::draw(cast, &mut rng), rng)
}

/// The seed of a round.
pub fn seed_of(run: u64, round: u64) -> u64 {
    if round == 0 { run } else { mix(run, round) }
}

/// A seed made of two (SplitMix64).
fn mix(seed: u64, number: u64) -> u64 {
    let mut x = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Runs it; `say` is told of each round.
///
/// # Errors
/// What is wrong besides broken rules, which end the process.
pub fn run(config: &LabConfig, stress: &Stress, mut say: impl FnMut(u64, &Ended)) -> Result<(Ended, Verdict)> {
    let (mut all, mut verdicts) = (Ended::default(), Verdict { seed: stress.seed, ..Verdict::default() });
    let rounds = stress.events.div_ceil(EVENTS);
    for round in (stress.part..rounds).step_by(stress.of.max(1) as usize) {
        let seed = seed_of(stress.seed, round);
        let events = EVENTS.min(stress.events - round * EVENTS);
        let (ended, verdict) = round::run(config, seed, events, stress)
            .with_context(|| format!("round {round}, of which the seed is {seed}"))?;
        say(seed, &ended);
        all.add(&ended);
        verdicts.add(verdict);
    }
    Ok((all, verdicts))
}
