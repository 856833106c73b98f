//! Programs: TAPs and GATEs of every kind, that read and answer as they like, and programs that do not know how to.

use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow, bail, ensure};
use nblease_abi::{
    configure::{
        Configure, ConfigureFlags, ConfigureReply, DEFAULT_SPILL_BYTES, Directions, POLICY_DROP, POLICY_PASS,
        POLICY_PROMOTE,
    },
    ioctl::{
        AdapterList, DEVICE_NAME_WIN32, IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS, IOCTL_QUERY_VERSION, IOCTL_STATS,
        IOCTL_VERDICT, VersionInfo,
    },
    rules::{MATCH_PROTOCOL, MATCH_VLAN, RULE_ASK, RULE_DROP, RULE_PASS, RuleRecord},
    stats::StatsHeader,
    verdict::{VERDICT_DROP, VERDICT_PASS, VERDICT_REPLACE, VerdictEntry, Verdicts, VerdictsReply},
};
use rand::{Rng as _, rngs::SmallRng};
use zerocopy::IntoBytes as _;

use super::{
    control::Job,
    event::Event,
    programs::{Caller, Calls, Crowd, Program, Programs},
};
use crate::{
    io::{Completion, Handle, Process},
    scenario::reader::records,
    sync::lock,
};

/// Tickets that a program keeps to answer them too often.
const STALE: usize = 16;
/// READs that a program has under way at most.
const READS: usize = 12;

/// What a call was, to know its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Read,
    Configure,
    Verdicts(usize),
    Stats,
    Adapters,
    Version,
    /// Any answer will do, if there is one.
    Anything,
}

/// A program that reads.
pub struct Reader {
    caller: Caller<Asked>,
    is_gate: bool,
    asleep: bool,
    read_len: usize,
    /// Frames that it was asked about and did not answer: ticket, bytes.
    questions: Vec<(u64, Vec<u8>)>,
    /// Tickets that it answered.
    answered: Vec<u64>,
}

fn configuration(rng: &mut SmallRng, luids: &[u64]) -> (Configure, Vec<RuleRecord>) {
    let mut config = Configure::tap(luids.len() as u32);
    match rng.random_range(0..10) {
        0..2 => {}
        2..4 => config.budget_ms = rng.random_range(5..80),
        _ => {
            let policy =
                *[POLICY_PASS, POLICY_DROP, POLICY_PROMOTE].get(rng.random_range(0..3_usize)).unwrap_or(&POLICY_PASS);
            config = Configure::gate(luids.len() as u32, policy, rng.random_range(5..200));
            config.priority = rng.random_range(0..3);
        }
    }
    if rng.random_bool(0.2) {
        config.flags = ConfigureFlags::LOOPBACK.bits();
    }
    if rng.random_bool(0.3) {
        config.directions = if rng.random() { Directions::IN } else { Directions::OUT }.bits();
    }
    config.snaplen = *[1, 64, 400, 2000, 16 << 10].get(rng.random_range(0..5_usize)).unwrap_or(&64);
    config.timeout_ms = if rng.random() { 0 } else { rng.random_range(0..=100) };
    config.spill_bytes = match rng.random_range(0..4) {
        0 => DEFAULT_SPILL_BYTES,
        1 => config.spill_floor(),
        _ => config.spill_floor() + rng.random_range(0..64 << 10),
    };
    let mut rules = Vec::new();
    if config.policy != 0 && rng.random_bool(0.5) {
        rules = (0..rng.random_range(1..6)).map(|_| rule(rng)).collect();
        config.rule_count = rules.len() as u32;
    }
    (config, rules)
}

fn rule(rng: &mut SmallRng) -> RuleRecord {
    let verdict = *[RULE_PASS, RULE_DROP, RULE_ASK].get(rng.random_range(0..3_usize)).unwrap_or(&RULE_ASK);
    let any = RuleRecord { directions: rng.random_range(1..=3), ..RuleRecord::all(verdict) };
    match rng.random_range(0..4) {
        0 => RuleRecord { family: 4, matches: MATCH_PROTOCOL, protocol: rng.random_range(0..20), ..any },
        1 => RuleRecord { matches: MATCH_VLAN, vlan: rng.random_range(0..4096_u16).to_le_bytes(), ..any },
        2 => RuleRecord { family: 6, ..any },
        _ => RuleRecord { family: 4, ..any },
    }
}

fn input(config: &Configure, luids: &[u64], rules: &[RuleRecord]) -> Vec<u8> {
    let mut input = config.as_bytes().to_vec();
    input.extend(luids.iter().flat_map(|luid| luid.to_le_bytes()));
    input.extend_from_slice(rules.as_bytes());
    input
}

/// The readers of a round.
#[derive(Default)]
pub struct Readers(Crowd<Reader>);

impl Programs for Readers {
    fn job(&mut self, event: Event, luids: &[u64], rng: &mut SmallRng) -> Result<Option<Job>> {
        if event == Event::Open {
            return Ok((!self.0.is_full()).then(|| {
                let luids = some(luids, rng);
                open(rng, &luids, &self.0.opened)
            }));
        }
        let foreign: Vec<u64> = self.0.all.iter().flat_map(|reader| reader.answered.iter().copied()).collect();
        let luids = some(luids, rng);
        let awake = |reader: &Reader| !reader.asleep || event == Event::SuspendOrResume;
        let gates = matches!(event, Event::Answer | Event::AnswerBadly) && rng.random_bool(0.95);
        if matches!(event, Event::Close | Event::Kill) {
            return Ok(self.end_one(event, rng));
        }
        let wanted = |reader: &Reader| awake(reader) && (!gates || reader.is_gate);
        let Some(reader) = self.0.any(rng, wanted) else { return Ok(None) };
        reader.act(event, &luids, &foreign, rng)
    }

    fn end_one(&mut self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        self.0.end_one(event, rng)
    }

    fn welcome(&mut self) {
        self.0.welcome();
    }

    fn left(&self) -> usize {
        self.0.left()
    }
}

/// Most of the adapters.
fn some(luids: &[u64], rng: &mut SmallRng) -> Vec<u64> {
    let mut luids: Vec<_> = luids.iter().copied().filter(|_| rng.random_bool(0.8)).collect();
    luids.dedup();
    luids
}

/// A program opens the device and, mostly, configures its handle for these adapters. It is then in `opened`.
fn open(rng: &mut SmallRng, luids: &[u64], opened: &Arc<Mutex<Vec<Reader>>>) -> Job {
    let (config, rules) = configuration(rng, luids);
    let configured = rng.random_bool(0.95);
    let administrator = rng.random_bool(0.97);
    let is_gate = config.policy != 0 && configured;
    if config.flags != 0 {
        crate::kernel::kernel().ndis.loopback_is_asked_for();
    }
    let input = input(&config, luids, &rules);
    let read_len = (config.largest_record() as usize * rng.random_range(1..6)).min(256 << 10);
    let opened = opened.clone();
    Box::new(move || {
        let process = Arc::new(Process::new("program", administrator));
        let Ok(handle) = process.open(DEVICE_NAME_WIN32) else { return };
        let calls = Calls::default();
        if configured {
            let configure = handle.ioctl(IOCTL_CONFIGURE, &input, size_of::<ConfigureReply>());
            lock(&calls).push_back((Asked::Configure, configure));
        }
        let caller = Caller::new(process, handle, calls);
        let reader = Reader { caller, is_gate, asleep: false, read_len, questions: vec![], answered: vec![] };
        lock(&opened).push(reader);
    })
}

impl Program for Reader {
    type Asked = Asked;

    fn caller(&mut self) -> &mut Caller<Asked> {
        &mut self.caller
    }
}

impl Reader {
    /// What it does.
    fn act(&mut self, event: Event, luids: &[u64], foreign: &[u64], rng: &mut SmallRng) -> Result<Option<Job>> {
        Ok(match event {
            Event::Read => self.read(rng),
            Event::Take => {
                self.take()?;
                None
            }
            Event::Answer => {
                self.take()?;
                self.answer(rng)
            }
            Event::AnswerBadly => Some(self.answer_badly(rng, foreign)),
            Event::Ask => Some(self.ask(rng)),
            Event::Configure => Some(self.configure(rng, luids)),
            Event::Malformed => Some(self.malformed(rng)),
            Event::CancelCalls => Some(self.caller.cancel_calls(rng)),
            Event::SuspendOrResume => {
                self.asleep = !self.asleep;
                None
            }
            Event::Duplicate => {
                self.caller.duplicate();
                None
            }
            _ => None,
        })
    }

    /// It reads: some READs of a length that it should have, or not.
    fn read(&self, rng: &mut SmallRng) -> Option<Job> {
        let under_way = lock(self.caller.calls()).iter().filter(|(asked, _)| *asked == Asked::Read).count();
        if under_way >= READS {
            return None;
        }
        let count = rng.random_range(1..=4);
        let len = if rng.random_bool(0.05) { rng.random_range(0..5 << 20) } else { self.read_len };
        let (handle, calls) = (self.caller.handle().clone(), self.caller.calls().clone());
        Some(Box::new(move || {
            for _ in 0..count {
                let pending = handle.read(len);
                lock(&calls).push_back((Asked::Read, pending));
            }
        }))
    }

    /// Takes what has been completed, and looks at it.
    ///
    /// # Errors
    /// What is no answer to what was asked.
    fn take(&mut self) -> Result<()> {
        for (asked, pending) in self.caller.take() {
            if let Some(completion) = pending.try_result() {
                self.look(asked, &completion)?;
            }
        }
        Ok(())
    }

    fn look(&mut self, asked: Asked, completion: &Completion) -> Result<()> {
        let bytes = completion.data.get(..completion.information);
        let Some(bytes) = bytes else { bail!("{asked:?}: more bytes than there is room for") };
        if completion.status != 0 {
            return Ok(());
        }
        match asked {
            Asked::Read => {
                for record in records(bytes)? {
                    ensure!(record.bytes.len() <= record.original_len, "a record longer than its frame");
                    if let Some(ticket) = record.ticket {
                        self.questions.push((ticket, record.bytes));
                    }
                }
            }
            Asked::Verdicts(count) => {
                let (_, statuses) = VerdictsReply::parse(bytes).map_err(|_| anyhow!("the answer to VERDICT"))?;
                ensure!(statuses.count() == count, "so many statuses as verdicts");
            }
            Asked::Stats => {
                StatsHeader::parse(bytes).map_err(|_| anyhow!("the answer to STATS"))?;
            }
            Asked::Adapters => {
                let (_, adapters) = AdapterList::parse(bytes).map_err(|_| anyhow!("the answer to LIST_ADAPTERS"))?;
                ensure!(adapters.count() < 100, "adapters");
            }
            Asked::Configure => ensure!(bytes.len() == size_of::<ConfigureReply>(), "the answer to CONFIGURE"),
            Asked::Version => ensure!(bytes.len() == size_of::<VersionInfo>(), "the answer to QUERY_VERSION"),
            Asked::Anything => {}
        }
        Ok(())
    }

    /// It answers some of what it was asked.
    fn answer(&mut self, rng: &mut SmallRng) -> Option<Job> {
        if self.questions.is_empty() {
            return None;
        }
        let count = rng.random_range(1..=self.questions.len().min(40));
        let from = if rng.random_bool(0.7) { 0 } else { rng.random_range(0..=self.questions.len() - count) };
        let mut entries = Vec::with_capacity(count);
        let mut frames = Vec::new();
        for (ticket, bytes) in self.questions.drain(from..from + count) {
            entries.push(match rng.random_range(0..10) {
                0..2 => VerdictEntry::plain(ticket, VERDICT_DROP),
                2..4 => {
                    let frame = replacement(rng, bytes);
                    let (offset, length) = (frames.len() as u32, frame.len() as u32);
                    frames.extend(frame);
                    VerdictEntry { offset, length, ..VerdictEntry::plain(ticket, VERDICT_REPLACE) }
                }
                _ => VerdictEntry::plain(ticket, VERDICT_PASS),
            });
            self.answered.push(ticket);
        }
        let excess = self.answered.len().saturating_sub(STALE);
        self.answered.drain(..excess);
        Some(self.tell(rng, &entries, &frames))
    }

    /// It answers what it has answered before, what others were asked, and what nobody was.
    fn answer_badly(&self, rng: &mut SmallRng, foreign: &[u64]) -> Job {
        let mut tickets: Vec<u64> = self.answered.iter().chain(foreign).copied().collect();
        tickets.extend([rng.random(), 0, rng.random_range(0..1000)]);
        let entries: Vec<_> = tickets
            .iter()
            .map(|ticket| match rng.random_range(0..3) {
                0 => VerdictEntry::plain(*ticket, VERDICT_PASS),
                1 => VerdictEntry::plain(*ticket, VERDICT_DROP),
                _ => VerdictEntry { length: 60, ..VerdictEntry::plain(*ticket, VERDICT_REPLACE) },
            })
            .collect();
        self.tell(rng, &entries, &[0x55; 60])
    }

    fn tell(&self, rng: &mut SmallRng, entries: &[VerdictEntry], frames: &[u8]) -> Job {
        let head = Verdicts::new(entries.len() as u32, frames.len() as u32);
        let input = [head.as_bytes(), entries.as_bytes(), frames].concat();
        let count = entries.len();
        let call = move |handle: &Handle| handle.ioctl(IOCTL_VERDICT, &input, VerdictsReply::output_len(count));
        self.caller.call(rng, Asked::Verdicts(count), call)
    }

    /// It asks for what there is to know, with room or without.
    fn ask(&self, rng: &mut SmallRng) -> Job {
        let (asked, code) = match rng.random_range(0..3) {
            0 => (Asked::Stats, IOCTL_STATS),
            1 => (Asked::Adapters, IOCTL_LIST_ADAPTERS),
            _ => (Asked::Version, IOCTL_QUERY_VERSION),
        };
        let room = *[0, 16, 32, 1000, 16 << 10].get(rng.random_range(0..5_usize)).unwrap_or(&0);
        self.caller.call(rng, asked, move |handle| handle.ioctl(code, &[], room))
    }

    /// It configures its handle, again or with something wrong.
    fn configure(&self, rng: &mut SmallRng, luids: &[u64]) -> Job {
        let (config, rules) = configuration(rng, luids);
        let mut input = input(&config, luids, &rules);
        if rng.random_bool(0.8) {
            let at = rng.random_range(0..input.len());
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.random();
            }
        }
        if rng.random_bool(0.3) {
            input.truncate(rng.random_range(0..=input.len()));
        }
        // The loopback flag may come to be set.
        crate::kernel::kernel().ndis.loopback_is_asked_for();
        let room = if rng.random_bool(0.8) { size_of::<ConfigureReply>() } else { rng.random_range(0..64) };
        self.caller.call(rng, Asked::Anything, move |handle| handle.ioctl(IOCTL_CONFIGURE, &input, room))
    }

    /// It calls the driver in a way that makes no sense.
    fn malformed(&self, rng: &mut SmallRng) -> Job {
        let bytes: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
        let room = rng.random_range(0..300);
        let codes = [IOCTL_QUERY_VERSION, IOCTL_LIST_ADAPTERS, IOCTL_STATS, IOCTL_VERDICT];
        let code = match rng.random_range(0..6) {
            0 => rng.random(),
            1 => IOCTL_VERDICT | rng.random_range(0..4),
            at => codes.get(at - 2).copied().unwrap_or(IOCTL_STATS),
        };
        match rng.random_range(0..10) {
            0 => self.caller.call(rng, Asked::Anything, move |handle| handle.write(&bytes)),
            1 => self.caller.call(rng, Asked::Anything, move |handle| handle.internal_ioctl(code, &bytes, room)),
            2 => self.caller.call(rng, Asked::Anything, |handle| handle.read(0)),
            _ => self.caller.call(rng, Asked::Anything, move |handle| handle.ioctl(code, &bytes, room)),
        }
    }
}

/// What goes in a frame's place: like it mostly, now and then something that cannot.
fn replacement(rng: &mut SmallRng, mut bytes: Vec<u8>) -> Vec<u8> {
    match rng.random_range(0..10) {
        0 => bytes.truncate(rng.random_range(0..=bytes.len())),
        1 => bytes.resize(rng.random_range(0..4000), 0x77),
        2 => bytes.resize(bytes.len().max(60) + 4, 0x66),
        _ => {
            bytes.resize(bytes.len().clamp(14, 1514), 0);
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 0xff;
            }
        }
    }
    bytes
}
