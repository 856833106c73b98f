//! The compiled driver in the lab, and what programs do with it, call after call.
//!
//! Each input is a life of the driver: it is loaded, the calls that the bytes stand for are made, and it is unloaded. A
//! rule that is broken ends the process, as does an answer that is none and anything that is left.
//!
//! Where the driver is built with counters in its branches (`NBLEASE_FUZZ_DRIVER`), the fuzzer sees those.

mod counters;
mod program;
mod world;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use nblease_lab::{
    lab::{Lab, LabConfig},
    ndis::Inf,
};

use crate::cursor::Cursor;
use world::World;

/// Calls and events of an input.
const STEPS: usize = 200;

/// Lives a life.
pub fn run(input: &[u8]) {
    let mut cursor = Cursor(input);
    let seed = u64::from(cursor.u8());
    let ndis_minor = cursor.one_of(&[87, 83, 85, 89]);
    let lab = Lab::new(LabConfig { seed, ndis_minor, inf: Some(inf()), ..LabConfig::default() });
    let kernel = lab.kernel();
    kernel.judge.abort_at_end(true);
    let driver = lab.load(driver()).expect("the driver loads");
    assert_eq!(lab.start(driver), 0, "DriverEntry");
    let mut world = World::new(&lab);
    for _ in 0..STEPS {
        if cursor.is_empty() {
            break;
        }
        world.step(&mut cursor);
    }
    world.end();
    counters::take(driver);
    assert!(lab.unload(driver), "the driver stays: {:?}", kernel.io.open_files(driver));
    assert!(kernel.memory.pool.live(driver).is_empty(), "pool left");
    assert!(lab.finish().violations.is_empty());
}

/// The driver's file.
fn driver() -> &'static Path {
    static DRIVER: OnceLock<PathBuf> = OnceLock::new();
    DRIVER.get_or_init(|| match std::env::var_os("NBLEASE_FUZZ_DRIVER") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/driver/x64/nblease.sys"),
    })
}

/// The names in the driver's INF, with which its registration has to agree (V11).
fn inf() -> Inf {
    let text = include_str!("../../../inf/nblease.inx");
    let value = |key: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(key)).expect(key);
        let (_, value) = line.split_once('=').expect("KEY = VALUE");
        value.split(',').next().unwrap_or_default().trim().trim_matches('"').to_owned()
    };
    Inf { net_cfg_instance_id: value("NetCfgInstanceId"), service: value("AddService") }
}
