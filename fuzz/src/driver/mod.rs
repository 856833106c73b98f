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
    clock::Mode,
    kernel::{DriverId, Kernel, one_at_a_time},
    ndis::Inf,
    nt, pe,
};

use crate::cursor::Cursor;
use world::World;

/// Calls and events of an input.
const STEPS: usize = 200;

/// Lives a life.
pub fn run(input: &[u8]) {
    let mut cursor = Cursor(input);
    let _alone = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, cursor.u8().into());
    kernel.judge.abort_at_end(true);
    kernel.ndis.set_minor_version(cursor.one_of(&[87, 83, 85, 89]));
    let driver = load();
    kernel.ndis.set_inf(driver, inf());
    assert_eq!(nt::driver::start(driver), 0, "DriverEntry");
    let mut world = World::new(kernel);
    for _ in 0..STEPS {
        if cursor.is_empty() {
            break;
        }
        world.step(&mut cursor);
    }
    world.end();
    counters::take(driver);
    assert!(nt::driver::unload(driver), "the driver stays: {:?}", kernel.io.open_files(driver));
    assert!(kernel.memory.pool.live(driver).is_empty(), "pool left");
    assert!(kernel.judge.verdict().violations.is_empty());
}

/// Loads the driver. The one with counters is read once and has no symbols, for which a map would be read each time.
fn load() -> DriverId {
    static COUNTED: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let counted = COUNTED.get_or_init(|| {
        let path: PathBuf = std::env::var_os("NBLEASE_FUZZ_DRIVER")?.into();
        Some(std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display())))
    });
    let loaded = match counted {
        Some(file) => pe::load_bytes("nblease.sys", file, Vec::new()),
        None => pe::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/driver/x64/nblease.sys")),
    };
    loaded.expect("the driver loads: cargo xtask build")
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
