//! What a round has: adapters, programs, processors that do what happens.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use rand::{Rng as _, rngs::SmallRng};

use super::{
    Cast,
    books::Books,
    control::{self, Job, Plugged, Stage},
    event::Event,
    programs::Programs,
    traffic::{self, CANCEL_IDS, Frames, Kind},
};
use crate::{
    faults::Plan,
    kernel::kernel,
    lab::Lab,
    ndis::{Adapter, AdapterConfig, Loopback, MiniportPace, ProtocolPace},
    sched::Processor,
};

/// Adapters at a time.
const ADAPTERS: usize = 3;
/// Steps of other processors that are waited for after an event, at most.
const STEPS: usize = 8;
/// Adapters that there may be in all, by their names.
const NAMES: u64 = 5;
/// How long packets may be out when nothing holds them any more.
const LAST_NS: u64 = 12_000_000_000;
/// Longer than a filter may hold a packet (V12, V13).
const QUIET_NS: u64 = 1_100_000_000;

/// See the module.
pub struct World<'lab> {
    lab: &'lab Lab,
    processors: Vec<Processor>,
    cast: Cast,
    adapters: Vec<Plugged>,
    programs: Box<dyn Programs>,
    /// Adapters that are gone.
    gone: Vec<Arc<Adapter>>,
    faults: bool,
    frames: Frames,
}

impl<'lab> World<'lab> {
    /// Nothing yet. With `faults` calls of the driver's fail now and then.
    pub fn new(
        lab: &'lab Lab,
        processors: Vec<Processor>,
        cast: Cast,
        programs: Box<dyn Programs>,
        faults: bool,
    ) -> Self {
        Self {
            lab,
            processors,
            cast,
            adapters: vec![],
            programs,
            gone: vec![],
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
        self.adapters.push(Plugged::new(adapter, &self.frames, self.cast));
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

    /// Something happens.
    ///
    /// # Errors
    /// What is wrong besides broken rules.
    pub fn play(&mut self, event: Event, rng: &mut SmallRng) -> Result<()> {
        self.programs.welcome();
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
        self.books().try_for_each(|(books, _)| books.look())
    }

    /// The books of the adapters that there are, and the adapters.
    fn books(&self) -> impl Iterator<Item = (&Books, &Plugged)> {
        self.adapters.iter().filter_map(|plugged| Some((&**plugged.books.as_ref()?, plugged)))
    }

    /// What a processor has to do for an event; what the scenario does itself is done then.
    fn job(&mut self, event: Event, rng: &mut SmallRng) -> Result<Option<Job>> {
        let job = match event {
            Event::Send | Event::Receive | Event::ReceiveLent | Event::ReceiveLooped | Event::ReceiveManyLent => {
                self.packets(event, rng)
            }
            Event::SendAnyway | Event::Cancel | Event::Complete => self.sends(event, rng),
            Event::Oid => self.any_adapter(rng).map(|plugged| control::oid(&plugged.adapter, self.cast, rng)),
            Event::CancelOid => {
                self.any_adapter(rng).map(|plugged| control::cancelled_oid(&plugged.adapter, self.cast, rng))
            }
            Event::Status | Event::Offloads | Event::NetPnp | Event::DevicePnp | Event::Pace => {
                self.indication(event, rng)
            }
            Event::Link => self.any_adapter_mut(rng).map(Plugged::change_link),
            Event::PauseOrRestart | Event::SleepOrWake => self.stop_or_go(event, rng),
            Event::Restart => self.any_adapter(rng).and_then(Plugged::restart),
            Event::PlugOrUnplug => self.plug_or_unplug(rng),
            Event::Moment | Event::While | Event::Long | Event::Settle => {
                self.pass_time(event, rng)?;
                None
            }
            Event::Fault => {
                if self.faults {
                    let plan = if rng.random_bool(0.7) { Plan::Nth(rng.random_range(1..20)) } else { Plan::None };
                    kernel().faults.plan(plan);
                }
                None
            }
            _ => {
                let luids: Vec<_> = self.adapters.iter().map(|plugged| plugged.adapter.luid).collect();
                self.programs.job(event, &luids, rng)?
            }
        };
        Ok(job)
    }

    fn packets(&self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        let feed = self.any_adapter(rng)?.feed.clone();
        let kind = match event {
            Event::Send => {
                let mut list = traffic::sends(rng);
                let mut port = 0;
                if self.cast != Cast::Readers {
                    traffic::ask_for_checksums(rng, &mut list.0);
                    port = u32::from(rng.random_bool(0.1));
                }
                return Some(Box::new(move || feed.send(&list, port)));
            }
            Event::ReceiveManyLent => {
                let lists = traffic::many_lent(rng);
                return Some(Box::new(move || {
                    for list in &lists {
                        feed.receive(list);
                    }
                }));
            }
            Event::ReceiveLent => Kind::Lent,
            Event::ReceiveLooped => Kind::Looped,
            _ => Kind::Owned,
        };
        let receives = traffic::receives(rng, kind);
        Some(Box::new(move || feed.receive(&receives)))
    }

    fn sends(&self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        let feed = self.any_adapter(rng)?.feed.clone();
        Some(match event {
            Event::Cancel => {
                let id = rng.random_range(1..=CANCEL_IDS);
                Box::new(move || feed.cancel(id))
            }
            Event::Complete => Box::new(move || feed.adapter.complete_sends()),
            _ if !self.cast.is_strict() => return None,
            _ => {
                let list = traffic::sends(rng);
                let port = rng.random_range(0..3);
                Box::new(move || feed.send_anyway(&list, port))
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

    fn pass_time(&self, event: Event, rng: &mut SmallRng) -> Result<()> {
        let sched = &kernel().sched;
        match event {
            Event::Moment => sched.advance(rng.random_range(0..2_000_000)),
            Event::While => sched.advance(rng.random_range(0..120_000_000)),
            Event::Long => sched.advance(rng.random_range(0..11_000_000_000)),
            _ if self.cast.is_transparent() => return self.close_books(),
            _ => sched.pump(),
        }
        Ok(())
    }

    /// All that is on its way comes to its end, as the books have to say too.
    fn close_books(&self) -> Result<()> {
        if !self.cast.is_transparent() {
            return Ok(());
        }
        self.await_processors();
        kernel().sched.advance(QUIET_NS);
        self.books().try_for_each(|(books, plugged)| {
            books.close().with_context(|| format!("adapter {}", plugged.adapter.if_index))
        })
    }

    /// All stacks run, and all processors have nothing more to do.
    ///
    /// # Errors
    /// Frames that did not come through.
    pub fn come_to_rest(&mut self, rng: &mut SmallRng) -> Result<()> {
        self.await_processors();
        for plugged in &mut self.adapters {
            if let Some(job) = plugged.run_again(rng) {
                job();
            }
            plugged.adapter.set_pace(ProtocolPace::default(), MiniportPace::default());
            plugged.adapter.complete_sends();
        }
        kernel().sched.pump();
        self.programs.welcome();
        self.close_books()
    }

    fn is_at_rest(&self) -> bool {
        self.processors.iter().all(Processor::is_idle)
    }

    fn await_processors(&self) {
        kernel().sched.wait_until("the processors", None, &mut || self.is_at_rest());
    }

    /// All programs close their handles or die.
    pub fn end_programs(&mut self, rng: &mut SmallRng) {
        loop {
            let event = if rng.random() { Event::Close } else { Event::Kill };
            let Some(job) = self.programs.end_one(event, rng) else { break };
            self.run(job);
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
        let calls = self.programs.left();
        if calls > 0 {
            left.push(format!("{calls} calls of programs that are gone"));
        }
        left
    }
}
