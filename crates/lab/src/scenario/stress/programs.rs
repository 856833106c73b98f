//! The programs of a round, whatever they know of the devices: processes, their handles and calls, how they come and go.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use nblease_abi::NtStatus;
use rand::{Rng as _, rngs::SmallRng};

use super::{control::Job, event::Event};
use crate::{
    io::{Handle, Pending, Process},
    sync::lock,
};

/// Programs at a time.
const MOST: usize = 8;

/// The programs of a round.
pub trait Programs {
    /// What a processor has to do for an event of theirs; what the scenario does itself is done then. `luids` are those of
    /// the adapters that there are.
    ///
    /// # Errors
    /// What a program has to know is wrong.
    fn job(&mut self, event: Event, luids: &[u64], rng: &mut SmallRng) -> Result<Option<Job>>;

    /// One of them closes its handle or dies ([`Event::Close`], [`Event::Kill`]); none: there is none left.
    fn end_one(&mut self, event: Event, rng: &mut SmallRng) -> Option<Job>;

    /// Those that processors have started since are there from now on.
    fn welcome(&mut self);

    /// Calls of programs that are gone which are not over.
    fn left(&self) -> usize;
}

/// Calls under way, as processors make them: what was asked, and the call.
pub type Calls<A> = Arc<Mutex<VecDeque<(A, Pending)>>>;

/// A process with a handle, which other processes may share.
pub struct Caller<A> {
    process: Arc<Process>,
    handle: Handle,
    /// The same open file in other processes.
    copies: Vec<(Arc<Process>, Handle)>,
    calls: Calls<A>,
}

impl<A: Send + 'static> Caller<A> {
    /// A process that has opened a device.
    pub fn new(process: Arc<Process>, handle: Handle, calls: Calls<A>) -> Self {
        Self { process, handle, copies: vec![], calls }
    }

    /// Its handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Its calls.
    pub fn calls(&self) -> &Calls<A> {
        &self.calls
    }

    /// A call on its handle, or another one of the same file.
    pub fn call(&self, rng: &mut SmallRng, asked: A, call: impl FnOnce(&Handle) -> Pending + Send + 'static) -> Job {
        let copy = self.copies.get(rng.random_range(0..=self.copies.len()));
        let handle = copy.map_or(&self.handle, |(_, handle)| handle).clone();
        let calls = self.calls.clone();
        Box::new(move || {
            let pending = call(&handle);
            lock(&calls).push_back((asked, pending));
        })
    }

    /// Takes the calls that are over.
    pub fn take(&self) -> VecDeque<(A, Pending)> {
        let mut calls = lock(&self.calls);
        let (done, left) = calls.drain(..).partition(|(_, pending)| pending.try_result().is_some());
        *calls = left;
        done
    }

    /// It cancels one of its calls, or all.
    pub fn cancel_calls(&self, rng: &mut SmallRng) -> Job {
        let one = {
            let calls = lock(&self.calls);
            calls.get(rng.random_range(0..=calls.len())).map(|(_, pending)| pending.clone())
        };
        let handle = self.handle.clone();
        Box::new(move || match one {
            Some(pending) => pending.cancel(),
            None => handle.cancel_all(),
        })
    }

    /// Another process gets its handle too.
    pub fn duplicate(&mut self) {
        let heir = Arc::new(Process::new("heir", true));
        let copy = self.handle.duplicate(&heir);
        self.copies.push((heir, copy));
    }

    /// It closes its handle, or dies. Where another process has the handle too this is that one from now on, and the
    /// calls are its; else they are the answer.
    fn leave(&mut self, event: Event) -> (Job, Option<Vec<Pending>>) {
        let (process, handle) = (self.process.clone(), self.handle.clone());
        let job: Job = if event == Event::Close {
            Box::new(move || {
                handle.close();
            })
        } else {
            Box::new(move || process.kill())
        };
        if let Some(heir) = self.copies.pop() {
            (self.process, self.handle) = heir;
            return (job, None);
        }
        (job, Some(lock(&self.calls).drain(..).map(|(_, pending)| pending).collect()))
    }
}

/// A program: a caller, and what it knows.
pub trait Program {
    /// What its calls ask.
    type Asked: Send + 'static;

    /// Its process, handle and calls.
    fn caller(&mut self) -> &mut Caller<Self::Asked>;
}

/// Programs of one kind.
pub struct Crowd<P> {
    /// Those that are there.
    pub all: Vec<P>,
    /// Where a processor puts those that it starts.
    pub opened: Arc<Mutex<Vec<P>>>,
    /// Calls of programs that are gone.
    last_calls: Vec<Pending>,
}

impl<P> Default for Crowd<P> {
    fn default() -> Self {
        Self { all: vec![], opened: Arc::default(), last_calls: vec![] }
    }
}

impl<P: Program> Crowd<P> {
    /// Whether no more may come.
    pub fn is_full(&self) -> bool {
        self.all.len() >= MOST
    }

    /// One that is `wanted`.
    pub fn any(&mut self, rng: &mut SmallRng, wanted: impl Fn(&P) -> bool) -> Option<&mut P> {
        let fitting: Vec<_> = self.all.iter_mut().filter(|program| wanted(program)).collect();
        let at = rng.random_range(0..fitting.len().max(1));
        fitting.into_iter().nth(at)
    }

    /// See [`Programs::end_one`].
    pub fn end_one(&mut self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        if self.all.is_empty() {
            return None;
        }
        let mut program = self.all.swap_remove(rng.random_range(0..self.all.len()));
        let (job, calls) = program.caller().leave(event);
        match calls {
            Some(calls) => self.last_calls.extend(calls),
            None => self.all.push(program),
        }
        self.last_calls.retain(|pending| !is_over(pending));
        Some(job)
    }

    /// See [`Programs::welcome`].
    pub fn welcome(&mut self) {
        self.all.append(&mut lock(&self.opened));
    }

    /// See [`Programs::left`].
    pub fn left(&self) -> usize {
        self.last_calls.iter().filter(|pending| !is_over(pending)).count()
    }
}

/// Whether a call came to its end.
fn is_over(pending: &Pending) -> bool {
    pending.try_result().is_some_and(|completion| completion.status != NtStatus::PENDING.0)
}
