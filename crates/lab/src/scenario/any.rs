//! Any filter: a life with traffic of every kind, then the frames of a capture both ways, and what the rules say.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use nblease_ndis::sys::NDIS_RECEIVE_FLAGS_RESOURCES;
use rand::Rng as _;
use serde::Serialize;

use super::{
    lifecycle::{self, Lifecycle},
    settle,
    traffic::Ends,
};
use crate::{
    judge::{Verdict, Violation, rule},
    kernel::{DriverId, kernel},
    lab::{Lab, LabConfig},
    ndis::{Adapter, AdapterConfig, Frame, RecvNbl, SendNbl},
    sync::lock,
};

/// What a filter is run with.
#[derive(Clone, Debug)]
pub struct Any {
    /// The filters and their lives.
    pub life: Lifecycle,
    /// Frames that go down and up besides.
    pub replay: Vec<Vec<u8>>,
}

/// A driver of the run.
#[derive(Clone, Debug, Serialize)]
pub struct DriverReport {
    /// Its file's name.
    pub name: String,
    /// What it imports and the lab lacks, `DLL!function`; none of it was called.
    pub lacking: Vec<String>,
}

/// What random events came to in which no rule was broken.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stressed {
    /// Events.
    pub events: u64,
    /// Frames that went in at the ends.
    pub frames: u64,
    /// Seed of the run.
    pub seed: u64,
}

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The drivers, the lowest first.
    pub drivers: Vec<DriverReport>,
    /// Frames that went through.
    pub frames: usize,
    /// What the rules say of the life, and of the replay, the shutdown and the random events where there were.
    pub verdicts: Vec<Verdict>,
    /// Random events, where there were any.
    pub stress: Option<Stressed>,
}

impl Report {
    /// Adds notes of rules that have none yet.
    pub fn note(&mut self, more: Vec<Violation>) {
        let noted = |rule: &str| self.verdicts.iter().flat_map(|verdict| &verdict.notes).any(|note| note.rule == rule);
        let more: Vec<_> = more.into_iter().filter(|note| !noted(&note.rule)).collect();
        if let Some(verdict) = self.verdicts.last_mut() {
            verdict.notes.extend(more);
        }
    }

    /// How many rules were evaluated in any part.
    pub fn rules_evaluated(&self) -> usize {
        let rules = self.verdicts.iter().flat_map(|verdict| verdict.evaluated.iter().map(|(rule, _)| rule));
        rules.collect::<std::collections::BTreeSet<_>>().len()
    }
}

/// Runs it, each part in a lab of its own.
///
/// # Errors
/// A driver that does not load, start or unload; with a transparent one also what did not come out as it went in.
pub fn run(config: &LabConfig, any: &Any) -> Result<Report> {
    let lab = new_lab(config, any.life.strict);
    let mut frames = lifecycle::run(&lab, &any.life).context("the life")?;
    let drivers = (0..any.life.drivers.len()).filter_map(|index| kernel().driver(DriverId(index)));
    let drivers = drivers.map(|driver| DriverReport { name: driver.name.clone(), lacking: driver.names_of_lacking() });
    let drivers = drivers.collect();
    let mut verdicts = vec![lab.finish()];
    if !any.replay.is_empty() {
        let lab = new_lab(config, any.life.strict);
        frames += replay(&lab, &any.life.drivers, any).context("the replay")?;
        verdicts.push(lab.finish());
    }
    if let Some(verdict) = shutdown(config, &any.life).context("the shutdown")? {
        verdicts.push(verdict);
    }
    Ok(Report { drivers, frames, verdicts, stress: None })
}

/// Shuts the system down under drivers that want to hear of it: what the rules say, where there is one.
fn shutdown(config: &LabConfig, life: &Lifecycle) -> Result<Option<Verdict>> {
    let lab = new_lab(config, life.strict);
    for path in &life.drivers {
        lab.run(path)?;
    }
    if !kernel().io.hears_of_shutdown() {
        lab.finish();
        return Ok(None);
    }
    lab.adapter(AdapterConfig::default());
    settle();
    Ok(Some(lab.shut_down()))
}

/// A lab for any filter. V49 is no rule of NDIS: unless it is a strict one, whoever keeps what NDIS loops back gets a note.
fn new_lab(config: &LabConfig, strict: bool) -> Lab {
    let lab = Lab::new(config.clone());
    if !strict {
        lab.kernel().judge.only_note(rule::V49);
    }
    lab
}

/// Puts each frame through both ways: how many came out.
fn replay(lab: &Lab, drivers: &[PathBuf], any: &Any) -> Result<usize> {
    let loaded = drivers.iter().map(|path| lab.run(path)).collect::<Result<Vec<_>>>()?;
    let adapter = lab.adapter(AdapterConfig::default());
    settle();
    let ends = Ends::watch(&adapter);
    let mut left = any.replay.as_slice();
    while !left.is_empty() {
        let count = kernel().rng().random_range(1..=6).min(left.len());
        let (now, later) = left.split_at(count);
        left = later;
        both_ways(&adapter, &ends, now);
        settle();
    }
    for driver in loaded.into_iter().rev() {
        ensure!(lab.unload(driver), "{} does not unload", kernel().driver_name(driver));
    }
    if any.life.transparent {
        ends.compare().map_err(anyhow::Error::msg)?;
    }
    Ok(ends.frames())
}

fn both_ways(adapter: &Arc<Adapter>, ends: &Ends, frames: &[Vec<u8>]) {
    let sends: Vec<_> = frames.iter().map(|frame| SendNbl::new([Frame::new(frame.clone())])).collect();
    lock(&ends.sent).extend_from_slice(frames);
    adapter.send(&sends, 0);
    let receives: Vec<_> = frames.iter().map(|frame| RecvNbl::new(Frame::new(frame.clone()))).collect();
    let resources = kernel().rng().random_bool(0.2);
    lock(&ends.indicated).extend_from_slice(frames);
    adapter.receive(&receives, if resources { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 });
}
