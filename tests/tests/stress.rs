//! Stress: a seed gives the same run, and seeds that once found something find nothing any more.

use nblease_lab::{
    clock::Mode,
    lab::LabConfig,
    ndis::Inf,
    scenario::stress::{self, Cast, EVENTS, Ended, Stress},
};
use nblease_tests::built;

/// Rounds that once failed.
const FOUND: [u64; 12] = [
    // A receive that NDIS looped back was leased though nobody had asked for such (V49).
    2_493_001_065_868_230_072,
    9_648_886_400_068_060_533,
    // A later packet of a flow overtook one that was being handed over (V31).
    18_375_963_916_961_238_210,
    // A pause that waits for the card (V04).
    17_136_003_896_154_688_275,
    // A packet that another processor looks at when the adapter goes to sleep (V13), a part of one (V12).
    5_855_936_858_803_247_593,
    201,
    // A request of the stack's on its way when a module was detached (V36).
    13_813_489_576_262_883_136,
    // A send that came before a restart was seen by a driver that knew of the restart, and was taken for one that came to
    // a paused module (V25).
    5_928_075_211_248_462_119,
    // A timer came before a cancellation was looked at, and completed what it names (V20).
    2_105_204_584_258_061_229,
    // Two processors cancelled, and one completed what the other did (V20).
    10_526_718_527_090_942_840,
    // An unload that was put off.
    13_174_024_418_124_447_826,
    5_833_679_380_957_638_813,
];

fn round(seed: u64) -> Ended {
    let text = include_str!("../../inf/nblease.inx");
    let inf = Inf::parse(text).expect("the driver's INF");
    let config = LabConfig { mode: Mode::Virtual, seed, inf: Some(inf), ..LabConfig::default() };
    let stress = Stress::new(vec![built("nblease.sys")], Cast::Readers, seed, EVENTS);
    let (ended, _) = stress::run(&config, &stress, |_, _| ()).expect("a round");
    assert_eq!((ended.violations, ended.leaks), (0, 0), "seed {seed}");
    ended
}

#[test]
fn a_seed_gives_the_same_run() {
    for seed in 1..=4 {
        let (first, second) = (round(seed), round(seed));
        assert_eq!(first, second, "seed {seed}");
        assert!(first.events == EVENTS && first.frames > 0, "{first:?}");
    }
    assert_ne!(round(1).digest, round(2).digest);
}

#[test]
fn what_was_found_once_is_not_found_again() {
    for seed in FOUND {
        round(seed);
    }
}
