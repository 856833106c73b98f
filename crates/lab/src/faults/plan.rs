//! Which calls fail: one, those of a kind, or some by chance; as text for a command line.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{FaultKind, Site};

/// Calls that are alike in low-resource mode: in a burst of so many every one fails.
const BURST: u64 = 40;
/// One stretch of calls in so many is a burst.
const BURSTS: u64 = 4;

/// Which calls fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// None.
    #[default]
    None,
    /// The nth of a kind, counted from 1.
    NthOf(FaultKind, u64),
    /// The nth of all, counted from 1.
    Nth(u64),
    /// The nth of all and those behind it.
    Several {
        /// Which is the first, counted from 1.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Every one of a kind.
    All(FaultKind),
    /// The first from a place that is none of these.
    Fresh(BTreeSet<Site>),
    /// Each with a chance of one in `one_in`, by the seed.
    Chance {
        /// Which ones.
        seed: u64,
        /// How many.
        one_in: u64,
    },
    /// Memory is low: allocations and mappings fail with a chance, and all of them in bursts, as under Driver Verifier's
    /// low resources simulation with a high probability.
    Low {
        /// Which ones, and when the bursts are.
        seed: u64,
        /// How many between the bursts.
        one_in: u64,
    },
    /// What one of these fails.
    Any(Vec<Plan>),
}

impl Plan {
    /// Whether the call fails that is the `total`th of all and the `of_kind`th of its kind, from a place.
    pub(super) fn fails(&self, kind: FaultKind, total: u64, of_kind: u64, site: Option<&Site>) -> bool {
        match self {
            Self::None => false,
            Self::NthOf(planned, n) => *planned == kind && of_kind == *n,
            Self::Nth(n) => total == *n,
            Self::Several { first, count } => (*first..first.saturating_add(*count)).contains(&total),
            Self::All(planned) => *planned == kind,
            Self::Fresh(known) => site.is_some_and(|site| !known.contains(site)),
            Self::Chance { seed, one_in } => draw(*seed, total).is_multiple_of(*one_in),
            Self::Low { seed, one_in } => {
                let burst = draw(!seed, total / BURST).is_multiple_of(BURSTS);
                kind.takes_memory() && (burst || draw(*seed, total).is_multiple_of(*one_in))
            }
            Self::Any(plans) => plans.iter().any(|plan| plan.fails(kind, total, of_kind, site)),
        }
    }

    /// The places that are not fresh to it, where it looks for fresh ones.
    pub(super) fn known(&self) -> Option<&BTreeSet<Site>> {
        match self {
            Self::Fresh(known) => Some(known),
            Self::Any(plans) => plans.iter().find_map(Self::known),
            _ => None,
        }
    }

    /// The plan by which the same calls fail again, where the call at `number` is the one from a fresh place, if any is.
    pub(super) fn again(&self, number: Option<u64>) -> Self {
        match self {
            Self::Fresh(_) => number.map_or(Self::None, Self::Nth),
            Self::Any(plans) => Self::Any(plans.iter().map(|plan| plan.again(number)).collect()),
            other => other.clone(),
        }
    }
}

impl FaultKind {
    /// Whether it fails for want of memory.
    fn takes_memory(self) -> bool {
        !matches!(self, Self::Request | Self::Ndis)
    }
}

/// A number drawn for a call (SplitMix64).
fn draw(seed: u64, call: u64) -> u64 {
    let mut x = seed.wrapping_add(call.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

impl fmt::Display for Plan {
    /// `none`, `nth:12`, `nth:FIRST:COUNT`, `chance:SEED:ONE_IN`, `low:SEED:ONE_IN`, several of them with `+` between; others
    /// are of tests alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "none"),
            Self::Any(plans) => {
                let plans: Vec<_> = plans.iter().map(Self::to_string).collect();
                write!(f, "{}", plans.join("+"))
            }
            Self::Nth(n) => write!(f, "nth:{n}"),
            Self::Several { first, count } => write!(f, "nth:{first}:{count}"),
            Self::Chance { seed, one_in } => write!(f, "chance:{seed}:{one_in}"),
            Self::Low { seed, one_in } => write!(f, "low:{seed}:{one_in}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('+') {
            return Ok(Self::Any(text.split('+').map(str::parse).collect::<Result<_, _>>()?));
        }
        let wrong =
            || format!("{text} is none of none, nth:NUMBER, nth:FIRST:COUNT, chance:SEED:ONE_IN, low:SEED:ONE_IN");
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let numbers = parts.map(str::parse).collect::<Result<Vec<u64>, _>>().map_err(|_| wrong())?;
        match (name, numbers.as_slice()) {
            ("none", &[]) => Ok(Self::None),
            ("nth", &[n]) => Ok(Self::Nth(n)),
            ("nth", &[first, count]) => Ok(Self::Several { first, count }),
            ("chance", &[seed, one_in]) if one_in > 0 => Ok(Self::Chance { seed, one_in }),
            ("low", &[seed, one_in]) if one_in > 0 => Ok(Self::Low { seed, one_in }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_of_command_lines_are_read_as_they_are_written() {
        for plan in [
            Plan::Nth(3),
            Plan::Several { first: 4, count: 2 },
            Plan::Chance { seed: 5, one_in: 7 },
            Plan::Low { seed: 1, one_in: 2 },
            Plan::Any(vec![Plan::Low { seed: 1, one_in: 2 }, Plan::None, Plan::Nth(7)]),
        ] {
            assert_eq!(plan.to_string().parse(), Ok(plan));
        }
        for wrong in ["", "nth", "nth:x", "chance:1", "low:1:0", "other:1", "nth:1+", "nth:1+x"] {
            assert!(wrong.parse::<Plan>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn chance_fails_about_one_in_so_many_and_the_same_again() {
        let failing =
            |plan: &Plan| -> Vec<u64> { (1..=10_000).filter(|n| plan.fails(FaultKind::Pool, *n, *n, None)).collect() };
        let plan = Plan::Chance { seed: 9, one_in: 10 };
        assert!((800..1200).contains(&failing(&plan).len()), "{}", failing(&plan).len());
        assert_eq!(failing(&plan), failing(&plan.clone()));
        assert_ne!(failing(&plan), failing(&Plan::Chance { seed: 10, one_in: 10 }));
    }

    #[test]
    fn a_fresh_call_is_failed_again_by_its_number() {
        let low = Plan::Low { seed: 3, one_in: 9 };
        let plan = Plan::Any(vec![low.clone(), Plan::Fresh(BTreeSet::new())]);
        assert_eq!(plan.again(Some(5)), Plan::Any(vec![low.clone(), Plan::Nth(5)]));
        assert_eq!(plan.again(None), Plan::Any(vec![low.clone(), Plan::None]));
        assert!(plan.known().is_some() && low.known().is_none());
    }

    #[test]
    fn low_memory_comes_in_bursts_and_spares_what_takes_none() {
        let plan = Plan::Low { seed: 3, one_in: 1000 };
        let fails = |n: u64| plan.fails(FaultKind::Map, n, n, None);
        let runs: Vec<_> =
            (0..100).map(|burst| (0..BURST).filter(|at| fails(burst * BURST + at)).count() as u64).collect();
        assert!(runs.contains(&BURST) && runs.contains(&0), "{runs:?}");
        assert!((0..4000).all(|n| !plan.fails(FaultKind::Ndis, n, n, None)));
    }
}
