//! Any filter under random events: sound ones survive them, alone and stacked, and faults that only some order of events
//! shows are caught, the same way with the same seed.

use nblease_lab::judge::EXIT_VIOLATION;
use nblease_tests::{built, lab};
use serde_json::Value;

/// Seeds that are tried until one shows a race.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=12;

/// `nblease-lab run` of these drivers, the lowest first: how it ended, and what it said.
fn run(drivers: &[&str], more: &[&str]) -> (Option<i32>, String) {
    let paths: Vec<_> = drivers.iter().map(|name| built(name).display().to_string()).collect();
    let mut words = vec!["run"];
    words.extend(paths.iter().flat_map(|path| ["--sys", path]));
    words.extend(more);
    lab(&words)
}

/// The report in JSON.
fn report(said: &str) -> Value {
    let json = said.lines().find(|line| line.starts_with('{')).expect("a report in JSON");
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn sound_filters_survive() {
    let stacks: [&[&str]; 5] = [
        &["filters/passthru.sys"],
        &["filters/queue_device.sys"],
        &["nblease.sys"],
        &["filters/passthru.sys", "nblease.sys"],
        &["nblease.sys", "filters/queue_device.sys"],
    ];
    for drivers in stacks {
        for (seed, more) in [("1", "--transparent"), ("2", "--transparent"), ("3", "--strict")] {
            let (code, said) = run(drivers, &["--stress", "4000", "--seed", seed, more]);
            assert_eq!(code, Some(0), "{drivers:?} {seed}\n{said}");
            let last = said.lines().last().unwrap_or_default();
            assert!(last.starts_with("run: ok frames="), "{said}");
            assert!(last.contains(" stress_events=4000 ") && last.ends_with(&format!(" seed={seed}")), "{said}");
        }
    }
    let (code, said) = run(&["filters/passthru.sys"], &["--stress", "4000", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let stress = &report(&said)["stress"];
    assert_eq!((&stress["events"], &stress["seed"]), (&4000.into(), &1.into()), "no seed is 1");
    assert!(stress["frames"].as_u64().is_some_and(|frames| frames > 1000), "{said}");
}

#[test]
fn what_only_a_strict_life_finds_is_noted() {
    for (filter, broken) in [("v25_sends_passed_on_while_paused", "V25"), ("v49_loopback_held", "V49")] {
        let filter = [format!("filters/{filter}.broken.sys")];
        let filter = [filter[0].as_str()];
        let (code, said) = run(&filter, &[]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("note: {broken}: ")), "{said}");
        let (code, said) = run(&filter, &["--json"]);
        assert_eq!(code, Some(0), "{said}");
        let noted =
            report(&said)["verdicts"].as_array().into_iter().flatten().any(|it| it["notes"][0]["rule"] == broken);
        assert!(noted, "{said}");
        let (code, said) = run(&filter, &["--strict"]);
        assert_eq!(code, Some(EXIT_VIOLATION), "{said}");
        assert!(said.contains(&format!("{broken}: ")), "{said}");
    }
}

/// A report without addresses, which are others in each process: of long hexadecimal numbers nothing is left.
fn without_addresses(report: &Value) -> String {
    let text = report.to_string();
    let (first, rest) = text.split_once("0x").unwrap_or((&text, ""));
    let numbers = rest.split("0x").map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        if digits > 8 { &rest[digits..] } else { rest }
    });
    std::iter::once(first).chain(numbers).collect::<Vec<_>>().join("0x")
}

/// The first seed with which a filter breaks a rule, and the report.
fn caught(filter: &str, more: &[&str]) -> (String, Value) {
    for seed in SEEDS {
        let seed = seed.to_string();
        let words = ["--stress", "20000", "--json", "--seed", &seed];
        let (code, said) = run(&[filter], &[words.as_slice(), more].concat());
        if code != Some(0) {
            assert_eq!(code, Some(EXIT_VIOLATION), "{filter} {seed}\n{said}");
            return (seed, report(&said));
        }
    }
    panic!("{filter}: no seed of {SEEDS:?} shows what is wrong with it");
}

/// The rule that a report says is broken.
fn rule(report: &Value) -> &str {
    report["violations"][0]["rule"].as_str().unwrap_or_default()
}

#[test]
fn faults_that_only_some_orders_show_are_caught() {
    // A cache that lost a block may have another one twice, and who completes a read twice may touch it before (V16).
    let races: [(&str, &[&str]); 3] = [
        ("v35_cache_without_a_lock", &["V35", "V36"]),
        ("v36_timer_after_detach", &["V36"]),
        ("v43_read_completed_twice", &["V43", "V16"]),
    ];
    for (filter, rules) in races {
        let [broken, sound] = ["broken", "sound"].map(|kind| format!("filters/{filter}.{kind}.sys"));
        let (code, said) = run(&[&broken], &[]);
        assert_eq!(code, Some(0), "nothing shows in its life\n{said}");
        let (code, said) = run(&[&sound], &["--stress", "8000"]);
        assert_eq!(code, Some(0), "{said}");
        let (seed, found) = caught(&broken, &["--no-shrink"]);
        let what = found["violations"][0]["what"].as_str().unwrap_or_default();
        // Where a call was made to fail before, V29 stands for the rule.
        let by_rule = rules.contains(&rule(&found))
            || rule(&found) == "V29" && rules.iter().any(|rule| what.contains(&format!(": {rule}: ")));
        assert!(by_rule, "{filter}, seed {seed}: {found:#}");
    }
}

#[test]
fn a_seed_gives_the_same_least_part() {
    let filter = "filters/v36_timer_after_detach.broken.sys";
    let (seed, found) = caught(filter, &[]);
    let shrunk = &found["stress"]["shrunk"];
    let events = shrunk["events"].as_array().expect("what is left");
    assert!(events.len() <= 6 && events.len() < shrunk["of"].as_u64().unwrap_or_default() as usize, "{found:#}");
    // The event that sets the timer is one of them.
    assert!(events.iter().any(|event| event[1] == "NetPnp"), "{found:#}");
    let (code, said) = run(&[filter], &["--stress", "20000", "--json", "--seed", &seed]);
    assert_eq!(code, Some(EXIT_VIOLATION), "{said}");
    assert_eq!(without_addresses(&report(&said)), without_addresses(&found), "seed {seed}");
    assert!(said.contains(&format!("run: FAILED stress_events=20000 seed={seed}")), "{said}");
    // It can be run again as it says.
    let replay: Vec<_> = shrunk["replay"].as_str().expect("how").split(' ').skip(1).collect();
    let (code, said) = lab(&replay);
    assert_eq!(code, Some(EXIT_VIOLATION), "{replay:?}\n{said}");
    assert!(said.contains(&format!("{}: ", rule(&found))), "{said}");
}

#[test]
fn who_loses_frames_is_not_transparent() {
    let filter = ["filters/loses_long_sends.broken.sys"];
    let (code, said) = run(&filter, &["--stress", "8000"]);
    assert_eq!(code, Some(0), "no rule asks for it\n{said}");
    let (code, said) = run(&filter, &["--stress", "8000", "--transparent"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("frames that were sent did not come through"), "{said}");
    let (code, said) = run(&["filters/loses_long_sends.sound.sys"], &["--stress", "8000", "--transparent"]);
    assert_eq!(code, Some(0), "{said}");
}
