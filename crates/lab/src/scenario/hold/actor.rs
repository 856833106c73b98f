//! A program of an act: it reads, answers in its own time, is suspended or killed.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use nblease_abi::{NtStatus, rules::RULE_ASK};
use rand::Rng as _;

use super::{
    book::Said,
    frames::{Way, payload_of_replacement},
    plan::{Plan, Role, Temper},
    world::World,
};
use crate::{
    kernel::kernel,
    scenario::reader::{Reader, Record, Say, records},
};

/// Time now, sleep left out.
fn now_ns() -> u64 {
    kernel().clock.unbiased_ns()
}

/// READs that are pended at a time.
const READS: usize = 6;
/// Most verdicts in a request.
const VERDICTS: usize = 40;
/// Tickets that are remembered, to be answered again or by another reader.
const REMEMBERED: usize = 50;

/// What a program does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// It reads and answers.
    Awake,
    /// It reads and answers nothing.
    Mute,
    /// It does nothing.
    Asleep,
    /// It is not there.
    Dead,
}

/// A frame that it was asked about.
struct Question {
    /// When it means to answer.
    due_ns: u64,
    ticket: u64,
    number: usize,
    /// A first answer was refused, and the ticket stays good.
    again: bool,
}

/// A program.
pub struct Actor {
    /// Its number in the book, from 1.
    pub number: u8,
    /// What it is like.
    pub plan: Plan,
    reader: Option<Reader>,
    mood: Mood,
    until_ns: u64,
    questions: Vec<Question>,
    /// Tickets that it has answered of late.
    pub answered: Vec<u64>,
    /// Statuses of its verdicts.
    pub statuses: BTreeMap<u32, u64>,
    /// Verdicts that hold, by kind: passed, dropped, replaced.
    pub held: [u64; 3],
    /// Records that it got.
    pub records: u64,
    /// From when to when nobody waits for it any more: (asleep and a budget later, awake).
    pub ignored: Vec<(u64, u64)>,
}

impl Actor {
    /// It starts to read.
    ///
    /// # Errors
    /// The device refuses.
    pub fn start(number: u8, plan: Plan, world: &mut World<'_>) -> Result<Self> {
        let reader = Reader::open(&[&world.adapter], plan.configure(), &plan.rules, READS)?;
        let mut actor = Self {
            number,
            plan,
            reader: Some(reader),
            mood: Mood::Awake,
            until_ns: 0,
            questions: vec![],
            answered: vec![],
            statuses: BTreeMap::new(),
            held: [0; 3],
            records: 0,
            ignored: vec![],
        };
        actor.until_ns = now_ns() + actor.budgets(world, 2, 5);
        actor.read(world)?;
        Ok(actor)
    }

    /// Whether the driver knows it.
    pub fn is_there(&self) -> bool {
        self.reader.is_some()
    }

    fn budget_ns(&self) -> u64 {
        u64::from(self.plan.budget_ms) * 1_000_000
    }

    /// Some time, in budgets.
    fn budgets(&self, world: &mut World<'_>, from: u64, to: u64) -> u64 {
        world.rng.random_range(from * self.budget_ns()..to * self.budget_ns())
    }

    /// Its turn.
    ///
    /// # Errors
    /// What the driver refuses for no reason.
    pub fn turn(&mut self, world: &mut World<'_>) -> Result<()> {
        if now_ns() >= self.until_ns {
            self.change(world)?;
        }
        if matches!(self.mood, Mood::Awake | Mood::Mute) {
            self.read(world)?;
        }
        if self.mood == Mood::Awake {
            self.answer(world)?;
        }
        Ok(())
    }

    /// What it does next.
    fn change(&mut self, world: &mut World<'_>) -> Result<()> {
        let now = now_ns();
        let slow_tap = self.plan.role == Role::Tap && self.plan.temper == Temper::Slow;
        let (mood, time) = match (self.plan.temper, self.mood) {
            (Temper::Slow, Mood::Awake) if slow_tap => {
                (Mood::Asleep, world.rng.random_range(self.budget_ns() / 4..self.budget_ns() * 3 / 2))
            }
            (Temper::Slow, _) if slow_tap => (Mood::Awake, 1),
            (Temper::Quick | Temper::Slow, _) => (Mood::Awake, self.budget_ns()),
            (_, Mood::Asleep | Mood::Mute | Mood::Dead) => {
                if self.reader.is_none() {
                    if world.is_faulty() {
                        return Ok(());
                    }
                    let config = self.plan.configure();
                    self.reader = Some(Reader::open(&[&world.adapter], config, &self.plan.rules, READS)?);
                }
                if self.plan.temper == Temper::Suspended && self.until_ns != 0 {
                    self.close_window(now);
                }
                (Mood::Awake, self.budgets(world, 2, 5))
            }
            (Temper::Suspended, Mood::Awake) => {
                self.ignored.push((now + 2 * self.budget_ns(), u64::MAX));
                let mute = self.plan.role != Role::Tap && world.rng.random_bool(0.5);
                let mood = if mute { Mood::Mute } else { Mood::Asleep };
                (mood, self.budgets(world, 3, 7))
            }
            (Temper::Killed, Mood::Awake) => {
                if let Some(reader) = self.reader.take() {
                    reader.kill();
                }
                self.questions.clear();
                self.answered.clear();
                (Mood::Dead, self.budgets(world, 1, 3))
            }
            (Temper::Inherited, Mood::Awake) => {
                if let Some(reader) = &mut self.reader {
                    reader.move_to_another_process();
                }
                self.questions.clear();
                (Mood::Asleep, self.budgets(world, 2, 4))
            }
        };
        self.mood = mood;
        self.until_ns = now + time;
        Ok(())
    }

    fn close_window(&mut self, now: u64) {
        if let Some((_, to)) = self.ignored.last_mut() {
            *to = (*to).min(now);
        }
    }

    fn read(&mut self, world: &mut World<'_>) -> Result<()> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let (reads, failed) = reader.take();
        reader.pend();
        ensure!(failed.is_empty() || world.was_faulty, "READ: {failed:?}");
        for bytes in reads {
            for record in records(&bytes)? {
                self.take(world, &record)?;
            }
        }
        Ok(())
    }

    /// A record: a question, of a GATE.
    fn take(&mut self, world: &mut World<'_>, record: &Record) -> Result<()> {
        self.records += 1;
        let mut book = world.book();
        let Some(number) = book.number_of(&record.bytes) else { bail!("a record of no frame: {record:?}") };
        let expected = book.nbl_of(number).is_some_and(|nbl| {
            let flow = book.flows.get(nbl.flow);
            !nbl.looped
                && flow.is_some_and(|flow| record.sent == (flow.way == Way::Down))
                && flow.is_some_and(|flow| {
                    self.plan.wants(flow.way) && self.plan.rule(flow).is_none_or(|rule| rule == RULE_ASK)
                })
        });
        if !expected || record.ticket.is_some() != self.plan.policy().is_some() {
            book.complain(|book| {
                format!("{}: reader {} got it, {:?}", book.describe(number), self.number, self.plan.role)
            });
        }
        drop(book);
        if let Some(ticket) = record.ticket {
            let due_ns = now_ns() + self.delay(world);
            self.questions.push(Question { due_ns, ticket, number, again: false });
        }
        Ok(())
    }

    /// How long it thinks about a question.
    fn delay(&self, world: &mut World<'_>) -> u64 {
        let budget = self.budget_ns();
        match self.plan.temper {
            Temper::Slow if world.rng.random_bool(0.1) => world.rng.random_range(budget * 4 / 5..budget * 3 / 2),
            Temper::Slow => world.rng.random_range(0..budget * 4 / 5),
            _ => 0,
        }
    }

    /// Answers what is due, and now and then what it has no business to.
    fn answer(&mut self, world: &mut World<'_>) -> Result<()> {
        let now = now_ns();
        let (due, later) = std::mem::take(&mut self.questions).into_iter().partition(|question| question.due_ns <= now);
        self.questions = later;
        let due: Vec<Question> = due;
        let mut left = due.as_slice();
        while !left.is_empty() {
            let count = world.rng.random_range(1..=VERDICTS).min(left.len());
            let (these, rest) = left.split_at(count);
            left = rest;
            self.say(world, these)?;
        }
        if world.rng.random_bool(0.1) {
            self.answer_again(world)?;
        }
        Ok(())
    }

    /// A verdict on each of these, in one request.
    fn say(&mut self, world: &mut World<'_>, questions: &[Question]) -> Result<()> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            let said = match world.rng.random_range(0..20) {
                0..3 if !question.again => Said::Drop,
                3..6 if !question.again => Said::Replace(payload_of_replacement(&mut world.rng)),
                _ => Said::Pass,
            };
            let mut book = world.book();
            let say = match said {
                Said::Replace(payload) => {
                    Say::Replace(book.wire(question.number, self.number, Some(payload)).unwrap_or_default())
                }
                Said::Drop => Say::Drop,
                Said::Pass | Said::Late => Say::Pass,
            };
            book.saying(question.number, self.number, said);
            answers.push((question.ticket, say));
        }
        let answer = reader.answer(&answers);
        let mut book = world.book();
        match answer {
            Ok(statuses) => {
                for (question, status) in questions.iter().zip(statuses) {
                    let said = book.said(question.number, status);
                    self.note(question, status, said);
                }
            }
            Err(status) => {
                for question in questions {
                    book.said(question.number, NtStatus::INSUFFICIENT_RESOURCES);
                    self.questions.push(Question { due_ns: 0, again: true, ..*question });
                }
                drop(book);
                ensure!(world.is_faulty(), "VERDICT: {status:?}");
            }
        }
        Ok(())
    }

    /// What became of a verdict.
    fn note(&mut self, question: &Question, status: NtStatus, said: Option<Said>) {
        *self.statuses.entry(status.0).or_default() += 1;
        let kind = match said {
            Some(Said::Pass) => Some(0),
            Some(Said::Drop) => Some(1),
            Some(Said::Replace(_)) => Some(2),
            _ => None,
        };
        if let Some(count) = kind.and_then(|kind| self.held.get_mut(kind)) {
            *count += 1;
        }
        let stays_good = [NtStatus::INVALID_PARAMETER, NtStatus::NOT_SUPPORTED, NtStatus::INSUFFICIENT_RESOURCES];
        if stays_good.contains(&status) {
            self.questions.push(Question { due_ns: 0, again: true, ..*question });
        } else if status == NtStatus::SUCCESS {
            self.answered.push(question.ticket);
            let excess = self.answered.len().saturating_sub(REMEMBERED);
            self.answered.drain(..excess);
        }
    }

    /// Says something else of a frame that it has decided about, and of none at all: without effect.
    fn answer_again(&mut self, world: &mut World<'_>) -> Result<()> {
        let mut tickets: Vec<u64> = self.answered.iter().rev().take(3).copied().collect();
        tickets.push(u64::MAX - u64::from(world.rng.random::<u8>()));
        let say = if world.rng.random_bool(0.5) { Say::Drop } else { Say::Pass };
        self.say_in_vain(
            world,
            &tickets,
            &say,
            &[NtStatus::REQUEST_NOT_ACCEPTED, NtStatus::IO_TIMEOUT, NtStatus::NOT_FOUND],
        )
    }

    /// Says something of others' frames: without effect.
    ///
    /// # Errors
    /// It had one.
    pub fn answer_for_others(&mut self, world: &World<'_>, tickets: &[u64]) -> Result<()> {
        self.say_in_vain(world, tickets, &Say::Drop, &[NtStatus::ACCESS_DENIED, NtStatus::NOT_FOUND])
    }

    fn say_in_vain(&mut self, world: &World<'_>, tickets: &[u64], say: &Say, allowed: &[NtStatus]) -> Result<()> {
        let Some(reader) = self.reader.as_ref().filter(|_| self.plan.policy().is_some() && !tickets.is_empty()) else {
            return Ok(());
        };
        let answers: Vec<_> = tickets.iter().map(|ticket| (*ticket, say.clone())).collect();
        match reader.answer(&answers) {
            Ok(statuses) => {
                let good = statuses.iter().all(|status| allowed.contains(status));
                ensure!(good, "verdicts on tickets that are not open: {statuses:?}, not {allowed:?}");
                for status in statuses {
                    *self.statuses.entry(status.0).or_default() += 1;
                }
            }
            Err(status) => ensure!(world.is_faulty(), "VERDICT: {status:?}"),
        }
        Ok(())
    }

    /// The act ends: from now on it is awake and quick.
    pub fn wake(&mut self) {
        if self.reader.is_some() {
            self.close_window(now_ns());
            self.mood = Mood::Awake;
            self.until_ns = u64::MAX;
            self.questions.iter_mut().for_each(|question| question.due_ns = 0);
            if self.plan.temper == Temper::Slow {
                self.plan.temper = Temper::Quick;
            }
        }
    }

    /// It closes its handle, or dies.
    pub fn end(&mut self, world: &mut World<'_>) {
        if let Some(mut reader) = self.reader.take() {
            let (reads, _) = reader.take();
            self.records +=
                reads.iter().filter_map(|bytes| records(bytes).ok()).map(|all| all.len() as u64).sum::<u64>();
            if world.rng.random_bool(0.5) { reader.close() } else { reader.kill() }
        }
    }
}
