//! What became of objects: events, kept as they come and put in words only where a report asks for them.
//!
//! NBLs, requests and their like keep their events themselves. What has no model of its own to keep them (spin locks, the
//! driver's MDLs, NDIS objects, OID requests, modules) has them in the [`Book`], by address or handle.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
};

use crate::{call_stack, kernel::kernel, sync::lock, thread};

/// Events kept for an object of the book.
const KEPT: usize = 16;

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct Event {
    at_ns: u64,
    what: Cow<'static, str>,
    who: Option<Arc<str>>,
    function: &'static str,
    /// The driver's call that did it; none: the lab by itself.
    call: Option<call_stack::Call>,
    irql: u8,
    processor: u32,
}

impl Event {
    /// What the lab does now, by itself.
    pub fn of_lab(what: impl Into<Cow<'static, str>>) -> Self {
        let (at_ns, irql, processor) = (kernel().clock.now_ns(), thread::irql(), thread::processor());
        Self { at_ns, what: what.into(), who: None, function: "", call: None, irql, processor }
    }

    /// What happens now, by the driver's call that is under way on this thread where there is one.
    pub fn here(what: impl Into<Cow<'static, str>>) -> Self {
        Self { call: call_stack::Call::under_way(), ..Self::of_lab(what) }
    }

    /// To or by whom.
    #[must_use]
    pub fn who(self, who: Arc<str>) -> Self {
        Self { who: Some(who), ..self }
    }

    /// By which function or callback.
    #[must_use]
    pub fn through(self, function: &'static str) -> Self {
        Self { function, ..self }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ns, what, who, function, call, irql, processor } = self;
        write!(f, "{}.{:06} s: {what}", at_ns / 1_000_000_000, at_ns / 1000 % 1_000_000)?;
        if let Some(who) = who {
            write!(f, " {who}")?;
        }
        if !function.is_empty() {
            write!(f, " ({function})")?;
        }
        if let Some(call) = call {
            write!(f, ", from {call} at IRQL {irql}")?;
        }
        if kernel().has_processors() {
            write!(f, ", on processor {processor}")?;
        }
        Ok(())
    }
}

/// The last events of one object, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: VecDeque<Event>,
}

impl History {
    /// Adds an event; of more than `kept` the oldest goes.
    pub fn add(&mut self, event: Event, kept: usize) {
        if self.events.len() >= kept {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// In words.
    pub fn lines(&self) -> Vec<String> {
        self.events.iter().map(Event::to_string).collect()
    }
}

/// The histories of objects by address or handle.
#[derive(Default)]
pub struct Book {
    objects: Mutex<BTreeMap<usize, (&'static str, History)>>,
}

impl Book {
    /// Something happened to an object of a kind ("spin lock").
    pub fn note(&self, kind: &'static str, object: usize, event: Event) {
        let mut objects = lock(&self.objects);
        let entry = objects.entry(object).or_default();
        if entry.0 != kind {
            *entry = (kind, History::default());
        }
        entry.1.add(event, KEPT);
    }

    /// The memory `start..end` is used anew: what lay there is forgotten.
    pub fn forget(&self, start: usize, end: usize) {
        let mut objects = lock(&self.objects);
        while let Some(object) = objects.range(start..end).next().map(|(object, _)| *object) {
            objects.remove(&object);
        }
    }

    /// Kind and history of an object, for a report: nothing where the book is being written.
    pub fn find(&self, object: usize) -> Option<(&'static str, Vec<String>)> {
        let objects = self.objects.try_lock().ok()?;
        objects.get(&object).map(|(kind, history)| (*kind, history.lines()))
    }

    /// The last object that begins in the memory `start..=end`: its kind and where it begins.
    pub fn last_in(&self, start: usize, end: usize) -> Option<(&'static str, usize)> {
        let objects = self.objects.try_lock().ok()?;
        objects.range(start..=end).next_back().map(|(object, (kind, _))| (*kind, *object))
    }

    /// The run is over.
    pub fn clear(&self) {
        lock(&self.objects).clear();
    }
}
