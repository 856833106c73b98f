//! Compiled filters live through the lab's lifecycle: load, attach, traffic, OIDs, events, pause, restart, detach,
//! unload. What goes in comes out, no rule breaks, nothing is left behind.
//!
//! Each run is a process of its own with a seed that it prints where it fails.

use std::process::Command;

use nblease_tests::{built, program};

/// Puts a stack of drivers, the lowest first, through lives that have to end well; returns the last line.
fn live(drivers: &[&str], more: &[&str]) -> String {
    let mut lab = Command::new(program("nblease-lab"));
    lab.arg("lifecycle");
    for driver in drivers {
        lab.arg("--sys").arg(built(driver));
    }
    let output = lab.arg("--transparent").args(more).output().expect("the lab runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{lab:?}: {}\n{said}{complained}", output.status);
    let line = said.lines().last().unwrap_or_default().to_owned();
    assert!(line.starts_with("lifecycle: ok ") && line.contains(" violations=0 "), "{line}");
    line
}

#[test]
fn the_driver_lives_with_many_seeds() {
    live(&["nblease.sys"], &["--runs", "20"]);
}

#[test]
fn the_driver_lives_on_real_threads() {
    live(&["nblease.sys"], &["--real", "--runs", "3"]);
}

#[test]
fn the_driver_lives_with_each_version_of_ndis() {
    for minor in 83..=89 {
        live(&["nblease.sys"], &["--ndis", &minor.to_string(), "--seed", &minor.to_string()]);
    }
}

/// The filter in C shares no binding with the lab or the driver.
#[test]
fn a_filter_in_c_lives() {
    live(&["filters/passthru.sys"], &["--runs", "20"]);
}

#[test]
fn the_driver_lives_between_other_filters() {
    let passthru = "filters/passthru.sys";
    live(&["nblease.sys", passthru], &["--runs", "5"]);
    live(&[passthru, "nblease.sys"], &["--runs", "5"]);
}

/// The same seed gives the same life.
#[test]
fn a_seed_repeats_its_life() {
    let life = |seed| live(&["nblease.sys"], &["--seed", seed]);
    assert_eq!(life("7"), life("7"));
    assert_ne!(life("7"), life("8"));
}
