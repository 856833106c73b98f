//! What a round has: adapters, programs, processors that do what happens.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use nblease_abi::ioctl::DEVICE_NAME_WIN32;
use rand::{Rng as _, rngs::SmallRng};

use super::{
    control::{self, Job, Plugged, Stage},
    event::Event,
    reader::{self, Opened, Program},
    traffic::{self, CANCEL_IDS, Frames, Kind},
};
use crate::{
    faults::Plan,
    io::Pending,
    kernel::kernel,
    lab::Lab,
    ndis::{Adapter, AdapterConfig, Loopback, MiniportPace, ProtocolPace},
    sched::Processor,
    sync::lock,
};

/// Adapters at a time.
const ADAPTERS: usize = 3;
/// Programs at a time.
const PROGRAMS: usize = 8;
/// Steps of other processors that are waited for after an event, at most.
const STEPS: usize = 8;
/// Adapters that there may be in all, by their names.
const NAMES: u64 = 5;
/// How long packets may be out when nothing holds them any more.
const LAST_NS: u64 = 12_000_000_000;

/// See the module.
pub struct World<'lab> {
    lab: &'lab Lab,
    processors: Vec<Processor>,
    adapters: Vec<Plugged>,
    programs: Vec<Program>,
    opened: Opened,
    /// Adapters that are gone.
    gone: Vec<Arc<Adapter>>,
    /// Calls of programs that are gone.
    last_calls: Vec<Pending>,
    faults: bool,
    frames: Frames,
}

impl<'lab> World<'lab> {
    /// Nothing yet. With `faults` calls of the driver's fail now and then.
    pub fn new(lab: &'lab Lab, processors: Vec<Processor>, faults: bool) -> Self {
        Self {
            lab,
            processors,
            adapters: vec![],
            programs: vec![],
            opened: Opened::default(),
            gone: vec![],
            last_calls: vec![],
            faults,
            frames: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Frames that went in at the ends.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// An adapter comes: a new one, or one that was there before.
    pub fn plug(&mut self, rng: &mut SmallRng) {
        let free = |luid: &u64| self.adapters.iter().all(|plugged| plugged.adapter.luid != *luid);
        let luid = (0..NAMES).map(|name| 6 << 48 | (0x500 + name) << 24).filter(free).nth(rng.random_range(0..2));
        let loopback = *[Loopback::Off, Loopback::Asked, Loopback::AllLocal]
            .get(rng.random_range(0..3_usize))
            .unwrap_or(&Loopback::Off);
        let adapter = self.lab.adapter(AdapterConfig { luid, loopback, ..AdapterConfig::default() });
        self.adapters.push(Plugged::new(adapter, &self.frames));
    }

    /// Another processor does it, or this one where there is no other.
    fn run(&self, job: Job) {
        if self.processors.is_empty() {
            return job();
        }
        let sched = &kernel().sched;
        let mut idle = None;
        sched.wait_until("a processor", None, &mut || {
            idle = self.processors.iter().position(Processor::is_idle);
            idle.is_some()
        });
        if let Some(processor) = idle.and_then(|at| self.processors.get(at)) {
            processor.give(job);
        }
    }

    fn any_adapter(&self, rng: &mut SmallRng) -> Option<&Plugged> {
        self.adapters.get(rng.random_range(0..self.adapters.len().max(1)))
    }

    fn any_adapter_mut(&mut self, rng: &mut SmallRng) -> Option<&mut Plugged> {
        let at = rng.random_range(0..self.adapters.len().max(1));
        self.adapters.get_mut(at)
    }

    fn any_program(&mut self, rng: &mut SmallRng, wanted: impl Fn(&Program) -> bool) -> Option<&mut Program> {
        let fitting: Vec<_> = self.programs.iter_mut().filter(|program| wanted(program)).collect();
        let at = rng.random_range(0..fitting.len().max(1));
        fitting.into_iter().nth(at)
    }

    /// Something happens.
    ///
    /// # Errors
    /// What is wrong besides broken rules.
    pub fn play(&mut self, event: Event, rng: &mut SmallRng) -> Result<()> {
        self.programs.append(&mut lock(&self.opened));
        if let Some(job) = self.job(event, rng)? {
            self.run(job);
        }
        let sched = &kernel().sched;
        if !self.processors.is_empty() {
            for _ in 0..rng.random_range(0..=STEPS) {
                sched.step();
            }
        } else if rng.random_bool(0.5) {
            sched.step();
        }
        Ok(())
    }

    /// What a processor has to do for an event; what the scenario does itself is done then.
    fn job(&mut self, event: Event, rng: &mut SmallRng) -> Result<Option<Job>> {
        let job = match event {
            Event::Send | Event::Receive | Event::ReceiveLent | Event::ReceiveLooped | Event::ReceiveManyLent => {
                self.packets(event, rng)
            }
            Event::SendAnyway | Event::Cancel | Event::Complete => self.sends(event, rng),
            Event::Oid => self.any_adapter(rng).map(|plugged| plugged.adapter.clone()).map(|a| control::oid(&a, rng)),
            Event::Status | Event::Offloads | Event::NetPnp | Event::DevicePnp | Event::Pace => {
                self.indication(event, rng)
            }
            Event::Link => self.any_adapter_mut(rng).map(Plugged::change_link),
            Event::PauseOrRestart | Event::SleepOrWake => self.stop_or_go(event, rng),
            Event::PlugOrUnplug => self.plug_or_unplug(rng),
            Event::Open => self.open(rng),
            Event::Moment | Event::While | Event::Long | Event::Settle => {
                Self::pass_time(event, rng);
                None
            }
            Event::Fault => {
                if self.faults {
                    let plan = if rng.random_bool(0.7) { Plan::Nth(rng.random_range(1..20)) } else { Plan::None };
                    kernel().faults.plan(plan);
                }
                None
            }
            _ => self.program(event, rng)?,
        };
        Ok(job)
    }

    fn packets(&self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        let (adapter, frames) = (self.any_adapter(rng)?.adapter.clone(), self.frames.clone());
        let kind = match event {
            Event::Send => {
                let sends = traffic::sends(rng);
                return Some(Box::new(move || traffic::send(&adapter, &sends, &frames)));
            }
            Event::ReceiveManyLent => {
                let lists = traffic::many_lent(rng);
                return Some(Box::new(move || {
                    for list in &lists {
                        traffic::receive(&adapter, list, &frames);
                    }
                }));
            }
            Event::ReceiveLent => Kind::Lent,
            Event::ReceiveLooped => Kind::Looped,
            _ => Kind::Owned,
        };
        let receives = traffic::receives(rng, kind);
        Some(Box::new(move || traffic::receive(&adapter, &receives, &frames)))
    }

    fn sends(&self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        let adapter = self.any_adapter(rng)?.adapter.clone();
        Some(match event {
            Event::Cancel => {
                let id = rng.random_range(1..=CANCEL_IDS);
                Box::new(move || adapter.cancel_sends(id))
            }
            Event::Complete => Box::new(move || adapter.complete_sends()),
            _ => {
                let (sends, flags) = traffic::sends(rng);
                let port = rng.random_range(0..3);
                Box::new(move || adapter.send_anyway(&sends, port, flags))
            }
        })
    }

    fn indication(&self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        let plugged = self.any_adapter(rng)?;
        Some(match event {
            Event::Status => control::status(&plugged.adapter, plugged.connected, rng),
            Event::Offloads => control::offloads(&plugged.adapter, rng),
            Event::NetPnp => control::net_pnp(&plugged.adapter, rng),
            Event::DevicePnp => control::device_pnp(&plugged.adapter),
            _ => {
                control::pace(&plugged.adapter, plugged.may_keep(), rng);
                return None;
            }
        })
    }

    /// A stack that does not run is seen to soon.
    fn stop_or_go(&mut self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        let (stop, pause) = (rng.random_bool(0.25), event == Event::PauseOrRestart);
        if self.adapters.iter().all(|plugged| plugged.stage == Stage::Asleep) && self.is_at_rest() {
            kernel().clock.sleep(rng.random_range(0..3_600_000_000_000));
        }
        let at = match self.adapters.iter().position(|plugged| !plugged.runs() && !plugged.is_busy()) {
            Some(at) => at,
            None if stop => rng.random_range(0..self.adapters.len().max(1)),
            None => return None,
        };
        let plugged = self.adapters.get_mut(at)?;
        match plugged.stage {
            Stage::Running if pause => plugged.pause_or_restart(),
            Stage::Running => plugged.sleep_or_wake(rng),
            Stage::Paused | Stage::Asleep => plugged.run_again(rng),
        }
    }

    fn plug_or_unplug(&mut self, rng: &mut SmallRng) -> Option<Job> {
        if self.adapters.len() < 2 || self.adapters.len() < ADAPTERS && rng.random() {
            self.plug(rng);
            return None;
        }
        let at = rng.random_range(0..self.adapters.len());
        if self.adapters.get(at).is_none_or(Plugged::is_busy) {
            return None;
        }
        let mut plugged = self.adapters.swap_remove(at);
        // An adapter that is at low power wakes before it goes.
        if let Some(job) = plugged.run_again(rng) {
            job();
        }
        self.gone.push(plugged.adapter.clone());
        Some(plugged.unplug())
    }

    fn luids(&self, rng: &mut SmallRng) -> Vec<u64> {
        let mut luids: Vec<_> =
            self.adapters.iter().map(|plugged| plugged.adapter.luid).filter(|_| rng.random_bool(0.8)).collect();
        luids.dedup();
        luids
    }

    fn open(&mut self, rng: &mut SmallRng) -> Option<Job> {
        if self.programs.len() >= PROGRAMS {
            return None;
        }
        let luids = self.luids(rng);
        Some(reader::open(rng, DEVICE_NAME_WIN32, &luids, &self.opened))
    }

    fn pass_time(event: Event, rng: &mut SmallRng) {
        let sched = &kernel().sched;
        match event {
            Event::Moment => sched.advance(rng.random_range(0..2_000_000)),
            Event::While => sched.advance(rng.random_range(0..120_000_000)),
            Event::Long => sched.advance(rng.random_range(0..11_000_000_000)),
            _ => sched.pump(),
        }
    }

    fn program(&mut self, event: Event, rng: &mut SmallRng) -> Result<Option<Job>> {
        let foreign: Vec<u64> = self.programs.iter().flat_map(|program| program.answered.iter().copied()).collect();
        let luids = self.luids(rng);
        let awake = |program: &Program| program.is_awake() || event == Event::SuspendOrResume;
        let gates = matches!(event, Event::Answer | Event::AnswerBadly) && rng.random_bool(0.95);
        let wanted = |program: &Program| awake(program) && (!gates || program.is_gate());
        if matches!(event, Event::Close | Event::Kill) {
            return Ok(self.end_one(event, rng));
        }
        let Some(program) = self.any_program(rng, wanted) else { return Ok(None) };
        Ok(match event {
            Event::Read => program.read(rng),
            Event::Take => {
                program.take()?;
                None
            }
            Event::Answer => {
                program.take()?;
                program.answer(rng)
            }
            Event::AnswerBadly => Some(program.answer_badly(rng, &foreign)),
            Event::Ask => Some(program.ask(rng)),
            Event::Configure => Some(program.configure(rng, &luids)),
            Event::Malformed => Some(program.malformed(rng)),
            Event::CancelCalls => Some(program.cancel_calls(rng)),
            Event::SuspendOrResume => {
                program.suspend_or_resume();
                None
            }
            Event::Duplicate => {
                program.duplicate();
                None
            }
            _ => None,
        })
    }

    fn end_one(&mut self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        if self.programs.is_empty() {
            return None;
        }
        let program = self.programs.swap_remove(rng.random_range(0..self.programs.len()));
        let (job, left, calls) = if event == Event::Close { program.close() } else { program.kill() };
        self.programs.extend(left);
        self.last_calls.extend(calls);
        self.last_calls.retain(|pending| !reader::is_over(pending));
        Some(job)
    }

    /// All stacks run, and all processors have nothing more to do.
    pub fn come_to_rest(&mut self, rng: &mut SmallRng) {
        self.await_processors();
        for plugged in &mut self.adapters {
            if let Some(job) = plugged.run_again(rng) {
                job();
            }
            plugged.adapter.set_pace(ProtocolPace::default(), MiniportPace::default());
            plugged.adapter.complete_sends();
        }
        kernel().sched.pump();
        self.programs.append(&mut lock(&self.opened));
    }

    fn is_at_rest(&self) -> bool {
        self.processors.iter().all(Processor::is_idle)
    }

    fn await_processors(&self) {
        kernel().sched.wait_until("the processors", None, &mut || self.is_at_rest());
    }

    /// All programs close their handles or die.
    pub fn end_programs(&mut self, rng: &mut SmallRng) {
        while !self.programs.is_empty() {
            let event = if rng.random() { Event::Close } else { Event::Kill };
            if let Some(job) = self.end_one(event, rng) {
                self.run(job);
            }
        }
        self.await_processors();
    }

    /// All adapters go.
    pub fn unplug_all(&mut self) {
        for plugged in self.adapters.drain(..) {
            plugged.adapter.unplug();
            self.gone.push(plugged.adapter);
        }
    }

    /// What is left though nobody is there any more: packets on their way, calls under way.
    pub fn left(self) -> Vec<String> {
        let adapters = || self.adapters.iter().map(|plugged| &plugged.adapter).chain(&self.gone);
        adapters().for_each(Adapter::complete_sends);
        let out = || adapters().filter(|adapter| adapter.outstanding() != (0, 0)).count();
        kernel().sched.wait_until("the last packets", Some(LAST_NS), &mut || out() == 0);
        let mut left = Vec::new();
        for adapter in adapters().filter(|adapter| adapter.outstanding() != (0, 0)) {
            let (sends, receives) = adapter.outstanding();
            left.push(format!("{sends} sends and {receives} receives of an adapter"));
        }
        let calls = self.last_calls.iter().filter(|pending| !reader::is_over(pending)).count();
        if calls > 0 {
            left.push(format!("{calls} calls of programs that are gone"));
        }
        left
    }
}
