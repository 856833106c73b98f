//! Any filter's lives while calls fail: each alone, a few in a row, some by chance, and while memory is low (rule V29).
//!
//! The first life is undisturbed and has to be clean, so that what breaks in another was not survived.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::lifecycle::{self, Lifecycle};
use crate::{
    faults::{Plan, Site},
    judge::Verdict,
    lab::{Lab, LabConfig},
};

/// Calls of a life that fail one by one, by their number. Of later ones only those from places that are new.
const BY_NUMBER: u64 = 200;
/// Calls in a row that fail, at most.
const MOST_IN_A_ROW: u64 = 5;
/// Lives without a new place after which there is none.
const IN_VAIN: usize = 3;
/// Lives in which some calls fail, and of how many one does.
const CHANCES: [u64; 24] = [2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100];
/// The same for lives in which memory is low between bursts of failure.
const LOW: [u64; 8] = [2, 3, 5, 10, 20, 50, 100, 1000];

/// What lives came to.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    /// How many.
    pub runs: u64,
    /// Frames that went through.
    pub frames: usize,
    /// What the rules say of all.
    pub verdict: Option<Verdict>,
    /// Places whose calls failed one at a time, where numbers did not reach.
    pub places: BTreeSet<Site>,
}

impl Lives {
    /// One more, in a lab of its own: how many calls could have failed, and from which new place one did.
    ///
    /// # Errors
    /// As [`lifecycle::run`].
    pub fn live(&mut self, config: &LabConfig, life: &Lifecycle) -> Result<(u64, Option<Site>)> {
        let lab = Lab::new(config.clone());
        self.frames +=
            lifecycle::run(&lab, life).with_context(|| format!("seed {}, failing: {}", config.seed, life.failing))?;
        self.runs += 1;
        let faults = &lab.kernel().faults;
        let came = (faults.total(), faults.fresh());
        let verdict = lab.finish();
        match &mut self.verdict {
            Some(all) => all.add(verdict),
            None => self.verdict = Some(verdict),
        }
        Ok(came)
    }

    /// A life without failures, and those with them.
    ///
    /// # Errors
    /// As [`lifecycle::run`].
    pub fn with_failures(&mut self, config: &LabConfig, life: &Lifecycle) -> Result<()> {
        // A failing call for each call of a curious program would be too many runs.
        let life = &Lifecycle { thorough: false, ..life.clone() };
        let (calls, _) = self.live(config, life)?;
        // What fails does not come out as it went in.
        let failing = |failing: Plan| Lifecycle { failing, transparent: false, ..life.clone() };
        let seeded = |number: u64| LabConfig { seed: config.seed + number, ..config.clone() };
        for first in 1..=calls.min(BY_NUMBER) {
            self.live(config, &failing(Plan::Nth(first)))?;
            // What a driver does in place of what failed may fail too.
            let count = 2 + (config.seed + first) % (MOST_IN_A_ROW - 1);
            self.live(config, &failing(Plan::Several { first, count }))?;
        }
        let (mut number, mut in_vain) = (0, if calls > BY_NUMBER { 0 } else { IN_VAIN });
        while in_vain < IN_VAIN {
            let (_, place) = self.live(&seeded(number), &failing(Plan::Fresh(self.places.clone())))?;
            in_vain = if place.is_some() { 0 } else { in_vain + 1 };
            number += 1;
            self.places.extend(place);
        }
        for (number, one_in) in (0..).zip(CHANCES) {
            let seed = config.seed + number;
            self.live(&seeded(number), &failing(Plan::Chance { seed, one_in }))?;
        }
        for (number, one_in) in (0..).zip(LOW) {
            let seed = config.seed + number;
            self.live(&seeded(number), &failing(Plan::Low { seed, one_in }))?;
        }
        Ok(())
    }
}
