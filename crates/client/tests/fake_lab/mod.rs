//! A small lab for the tests of clients: speaks the socket's protocol after a script, without a
//! driver, and writes down what it was asked.

#![allow(dead_code, missing_docs, reason = "each test uses a part of it")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use nblease_abi::NtStatus;
use nblease_abi::configure::{ConfigError, Configure, MAX_SNAPLEN, MODE_GATE};
use nblease_abi::ioctl::{
    ABI_VERSION, ADAPTER_STATE_RUNNING, AdapterEntry, AdapterList, IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS,
    IOCTL_QUERY_VERSION, IOCTL_STATS, IOCTL_VERDICT, VersionInfo,
};
use nblease_abi::pcapng::{EPB_MAX_TRAILER, EpbFlags, EpbPlan, IDB_MAX_LEN, IdbPlan};
use nblease_abi::rules::RuleRecord;
use nblease_abi::stats::{
    AdapterStats, LeaseStats, ReaderStats, STATS_OF_ALL_READERS, STATS_OF_THIS_READER, StatsHeader,
};
use nblease_abi::user_call::{FrameHeader, Reply, Request};
use nblease_abi::verdict::{OffloadFlags, Verdict, Verdicts, VerdictsError, VerdictsReply};
use zerocopy::{FromZeros, IntoBytes};

/// What the lab does.
#[derive(Clone)]
pub struct Script {
    pub abi_version: u32,
    pub adapters: Vec<AdapterEntry>,
    pub adapter_stats: Vec<AdapterStats>,
    pub reader_stats: ReaderStats,
    pub lease_stats: LeaseStats,
    /// A code whose call is refused.
    pub refuse: Option<(u32, NtStatus)>,
    /// Tickets whose verdicts do not hold, and why.
    pub verdicts: Vec<(u64, NtStatus)>,
    /// What the reads return, one after the other, behind the interfaces' descriptions.
    pub runs: Vec<Vec<u8>>,
    /// What the first read to be cancelled holds already.
    pub held: Vec<u8>,
    /// What comes after the runs.
    pub then: Then,
    /// Complete reads in pairs, the second first.
    pub swap: bool,
    /// Send in small pieces.
    pub dribble: bool,
}

/// What comes after the runs of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The reads stay pended.
    Nothing,
    /// The last run, again and again.
    LastAgain,
    /// The lab hangs up.
    HangUp,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            abi_version: ABI_VERSION,
            adapters: vec![adapter(7, 1, "Ethernet"), adapter(9, 2, "Wi-Fi")],
            adapter_stats: Vec::new(),
            reader_stats: ReaderStats::default(),
            lease_stats: LeaseStats::default(),
            refuse: None,
            verdicts: Vec::new(),
            runs: Vec::new(),
            held: Vec::new(),
            then: Then::Nothing,
            swap: false,
            dribble: false,
        }
    }
}

pub fn adapter(net_luid: u64, if_index: u32, name: &str) -> AdapterEntry {
    let mut entry = AdapterEntry::new_zeroed();
    (entry.net_luid, entry.if_index, entry.mtu) = (net_luid, if_index, 1500);
    (entry.link_speed, entry.state, entry.media_connect) = (1_000_000_000, ADAPTER_STATE_RUNNING, 1);
    entry.set_mac(&[2, 0, 0, 0, 0, if_index as u8]);
    entry.set_name(&name.encode_utf16().collect::<Vec<_>>());
    let device = format!("\\DEVICE\\{{{if_index}}}");
    entry.set_base_miniport(&device.encode_utf16().collect::<Vec<_>>());
    entry
}

/// What the lab was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Opened(String),
    Configured(Configure, Vec<u64>, Vec<RuleRecord>),
    /// The verdicts of one request.
    Judged(Vec<(u64, Said)>),
    Read(u32),
    Cancelled,
    /// The client closed the handle or died.
    Gone,
}

/// A verdict that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Pass,
    Drop,
    Replace(Vec<u8>, OffloadFlags, u32),
}

pub struct FakeLab {
    pub path: PathBuf,
    events: Arc<(Mutex<Vec<Event>>, Condvar)>,
}

impl Drop for FakeLab {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A path that no other test uses.
pub fn temporary(extension: &str) -> PathBuf {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("nblease-test-{}-{number}.{extension}", std::process::id()))
}

impl FakeLab {
    pub fn start(script: Script) -> Self {
        let path = temporary("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let events = Arc::<(Mutex<Vec<Event>>, Condvar)>::default();
        let log = events.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = Connection::new(stream.unwrap(), script.clone(), log.clone());
                thread::spawn(move || connection.serve());
            }
        });
        Self { path, events }
    }

    pub fn device(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.0.lock().unwrap().clone()
    }

    /// Waits until what has happened satisfies `done`; fails after a minute.
    pub fn wait_for(&self, done: impl Fn(&[Event]) -> bool) {
        let events = self.events.0.lock().unwrap();
        let limit = Duration::from_mins(1);
        let (events, wait) = self.events.1.wait_timeout_while(events, limit, |events| !done(events)).unwrap();
        assert!(!wait.timed_out(), "events: {events:?}");
    }

    pub fn configured(&self) -> Option<(Configure, Vec<u64>)> {
        self.events().into_iter().find_map(|event| match event {
            Event::Configured(config, luids, _) => Some((config, luids)),
            _ => None,
        })
    }

    pub fn rules(&self) -> Vec<RuleRecord> {
        let rules = self.events().into_iter().find_map(|event| match event {
            Event::Configured(_, _, rules) => Some(rules),
            _ => None,
        });
        rules.unwrap_or_default()
    }

    /// The requests of verdicts that came.
    pub fn judged(&self) -> Vec<Vec<(u64, Said)>> {
        let events = self.events().into_iter();
        let judged = events.filter_map(|event| match event {
            Event::Judged(verdicts) => Some(verdicts),
            _ => None,
        });
        judged.collect()
    }
}

struct Connection {
    stream: UnixStream,
    script: Script,
    log: Arc<(Mutex<Vec<Event>>, Condvar)>,
    runs: VecDeque<Vec<u8>>,
    pended: VecDeque<u64>,
    needed: Option<u32>,
    is_gate: bool,
}

impl Connection {
    fn new(stream: UnixStream, script: Script, log: Arc<(Mutex<Vec<Event>>, Condvar)>) -> Self {
        Self { stream, script, log, runs: VecDeque::new(), pended: VecDeque::new(), needed: None, is_gate: false }
    }

    fn note(&self, event: Event) {
        self.log.0.lock().unwrap().push(event);
        self.log.1.notify_all();
    }

    fn serve(mut self) {
        loop {
            let mut head = [0; FrameHeader::LEN];
            if self.stream.read_exact(&mut head).is_err() {
                break;
            }
            let header = FrameHeader::parse(&head).unwrap();
            let mut body = vec![0; header.len as usize];
            self.stream.read_exact(&mut body).unwrap();
            let request = Request::parse(header.kind, &body).unwrap();
            self.answer(header.id, &request);
            if !self.deliver() {
                break;
            }
        }
        self.note(Event::Gone);
    }

    fn reply(&mut self, id: u64, status: NtStatus, data: &[u8]) {
        let reply = Reply { status, information: data.len() as u64, data };
        let frame = reply.encode(id).unwrap();
        let bytes = [frame.head(), frame.tail].concat();
        let piece = if self.script.dribble { 7 } else { bytes.len() };
        for piece in bytes.chunks(piece) {
            // A client that has been killed takes no more.
            let _ = self.stream.write_all(piece);
            if self.script.dribble {
                thread::yield_now();
            }
        }
    }

    fn answer(&mut self, id: u64, request: &Request<'_>) {
        match *request {
            Request::Open { name } => {
                self.note(Event::Opened(name.to_owned()));
                self.reply(id, NtStatus::SUCCESS, &[]);
            }
            Request::Close => self.reply(id, NtStatus::SUCCESS, &[]),
            Request::Ioctl { code, output_len, input } => match self.ioctl(code, output_len as usize, input) {
                Ok(output) => self.reply(id, NtStatus::SUCCESS, &output),
                Err(status) => self.reply(id, status, &[]),
            },
            Request::Read { len } => {
                self.note(Event::Read(len));
                match self.needed {
                    None => self.reply(id, NtStatus::DEVICE_NOT_READY, &[]),
                    Some(needed) if len < needed => {
                        self.reply(id, NtStatus::BUFFER_TOO_SMALL, &[]);
                    }
                    Some(_) => self.pended.push_back(id),
                }
            }
            Request::Cancel => {
                let before = self.pended.len();
                self.pended.retain(|&pended| pended != id);
                if self.pended.len() < before {
                    self.note(Event::Cancelled);
                    let held = std::mem::take(&mut self.script.held);
                    let status = if held.is_empty() { NtStatus::CANCELLED } else { NtStatus::SUCCESS };
                    self.reply(id, status, &held);
                }
            }
        }
    }

    fn ioctl(&mut self, code: u32, room: usize, input: &[u8]) -> Result<Vec<u8>, NtStatus> {
        if let Some((refused, status)) = self.script.refuse
            && refused == code
        {
            return Err(status);
        }
        match code {
            IOCTL_QUERY_VERSION => {
                let mut version = VersionInfo::new_zeroed();
                version.abi_version = self.script.abi_version;
                version.ndis_version = 0x0006_0059;
                Ok(version.as_bytes().to_vec())
            }
            IOCTL_LIST_ADAPTERS => {
                let adapters = &self.script.adapters;
                let count = AdapterList::room(room).ok_or(NtStatus::BUFFER_TOO_SMALL)?.min(adapters.len());
                let head = AdapterList::new(count as u32, adapters.len() as u32);
                Ok([head.as_bytes(), adapters[..count].as_bytes()].concat())
            }
            IOCTL_CONFIGURE => {
                if self.needed.is_some() {
                    return Err(NtStatus::INVALID_DEVICE_STATE);
                }
                let (config, luids, rules) = Configure::parse(input).map_err(ConfigError::status)?;
                let luids: Vec<_> = luids.iter().collect();
                self.configure(&config, &luids)?;
                self.note(Event::Configured(config, luids, rules.to_vec()));
                Ok(config.reply().as_bytes().to_vec())
            }
            IOCTL_STATS => {
                let adapters = &self.script.adapter_stats;
                let count = StatsHeader::room(room).ok_or(NtStatus::BUFFER_TOO_SMALL)?.min(adapters.len());
                let scope = match self.needed {
                    Some(_) => STATS_OF_THIS_READER,
                    None => STATS_OF_ALL_READERS,
                };
                let head = StatsHeader::new(count as u32, adapters.len() as u32, 1, scope);
                let (reader, leases) = (self.script.reader_stats, self.script.lease_stats);
                Ok([head.as_bytes(), reader.as_bytes(), leases.as_bytes(), adapters[..count].as_bytes()].concat())
            }
            IOCTL_VERDICT => self.judge(room, input),
            _ => Err(NtStatus::INVALID_DEVICE_REQUEST),
        }
    }

    fn judge(&self, room: usize, input: &[u8]) -> Result<Vec<u8>, NtStatus> {
        if !self.is_gate {
            return Err(NtStatus::INVALID_DEVICE_REQUEST);
        }
        let list = Verdicts::parse(input).map_err(VerdictsError::status)?;
        if room < VerdictsReply::output_len(list.len()) {
            return Err(NtStatus::BUFFER_TOO_SMALL);
        }
        let said = |verdict| match verdict {
            Verdict::Pass => Said::Pass,
            Verdict::Drop => Said::Drop,
            Verdict::Replace { frame, offload, segment } => Said::Replace(frame.to_vec(), offload, segment),
        };
        self.note(Event::Judged(list.iter().map(|(ticket, verdict)| (ticket, said(verdict))).collect()));
        let refused = |ticket| self.script.verdicts.iter().find(|(refused, _)| *refused == ticket);
        let statuses: Vec<_> =
            list.iter().map(|(ticket, _)| refused(ticket).map_or(0, |(_, status)| status.0)).collect();
        let accepted = statuses.iter().filter(|status| **status == 0).count();
        let head = VerdictsReply::new(list.len() as u32, accepted as u32);
        Ok([head.as_bytes(), statuses.as_bytes()].concat())
    }

    fn configure(&mut self, config: &Configure, luids: &[u64]) -> Result<(), NtStatus> {
        let mut descriptions = Vec::new();
        for luid in luids {
            let known = self.script.adapters.iter().find(|entry| entry.net_luid == *luid);
            descriptions.extend(idb(known.ok_or(NtStatus::NOT_FOUND)?, config.snaplen));
        }
        self.runs = self.script.runs.clone().into();
        match self.runs.front_mut() {
            Some(first) => *first = [descriptions, first.clone()].concat(),
            None => self.runs.push_back(descriptions),
        }
        self.needed = Some(config.largest_record());
        self.is_gate = config.mode == MODE_GATE;
        Ok(())
    }

    /// Completes reads with what there is; `false` where it is time to hang up.
    fn deliver(&mut self) -> bool {
        let batch = if self.script.swap { 2 } else { 1 };
        while self.pended.len() >= batch && self.runs.len() >= batch {
            if self.script.then == Then::LastAgain && self.runs.len() == 1 {
                self.runs.extend(self.script.runs.last().cloned());
            }
            let mut pairs: Vec<_> = self.pended.drain(..batch).zip(self.runs.drain(..batch)).collect();
            pairs.reverse();
            for (id, run) in pairs {
                self.reply(id, NtStatus::SUCCESS, &run);
            }
        }
        !(self.script.then == Then::HangUp && self.needed.is_some() && self.runs.is_empty())
    }
}

pub fn idb(entry: &AdapterEntry, snaplen: u32) -> Vec<u8> {
    let mut out = [0; IDB_MAX_LEN];
    let len = IdbPlan {
        snaplen,
        name: entry.base_miniport_utf16(),
        description: entry.name_utf16(),
        mac: entry.mac_address(),
        speed: entry.link_speed,
    }
    .write(&mut out)
    .unwrap();
    out[..len].to_vec()
}

/// The descriptions of the default adapters, as a capture of all of them starts with.
pub fn descriptions() -> Vec<u8> {
    Script::default().adapters.iter().flat_map(|entry| idb(entry, MAX_SNAPLEN)).collect()
}

/// A record of a received frame with this content.
pub fn record(interface: u32, data: &[u8]) -> Vec<u8> {
    packet(interface, EpbFlags::INBOUND, None, data)
}

/// A record that asks about a frame.
pub fn question(ticket: u64, direction: EpbFlags, data: &[u8]) -> Vec<u8> {
    packet(0, direction, Some(ticket), data)
}

fn packet(interface: u32, direction: EpbFlags, packet_id: Option<u64>, data: &[u8]) -> Vec<u8> {
    let plan = EpbPlan {
        interface,
        timestamp_ns: 1_234_567_890_000_000_042,
        captured_len: data.len() as u32,
        original_len: data.len() as u32,
        flags: direction | EpbFlags::cast_of(data),
        dropcount: 0,
        packet_id,
        queue: None,
    };
    let mut trailer = [0; EPB_MAX_TRAILER];
    let len = plan.trailer(&mut trailer);
    [&plan.header()[..], data, &trailer[..len]].concat()
}

/// A frame of 60 bytes that can be told from others.
pub fn frame(number: u8) -> Vec<u8> {
    let mut frame = vec![number; 60];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, number, 0x88, 0xB5]);
    frame
}

/// The run of the frames with these numbers, on the first interface.
pub fn run(numbers: impl IntoIterator<Item = u8>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| record(0, &frame(number))).collect()
}
