//! A program with a handle of the device, which calls the driver as it should and as it should not.

use nblease_abi::{
    configure::{Configure, ConfigureReply},
    ioctl::{
        AdapterList, DEVICE_NAME_WIN32, IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS, IOCTL_QUERY_VERSION, IOCTL_STATS,
        IOCTL_VERDICT, VersionInfo,
    },
    pcapng::Blocks,
    rules::{RULE_ASK, RULE_DROP, RULE_PASS, RuleRecord},
    stats::StatsHeader,
    verdict::{VerdictEntry, Verdicts, VerdictsReply},
};
use nblease_lab::{
    io::{Completion, Handle, Pending, Process},
    kernel::kernel,
};
use zerocopy::{FromBytes, IntoBytes};

use crate::cursor::Cursor;

/// Calls that a program has under way at most.
const CALLS: usize = 24;
/// Lengths of buffers that something may depend on; others are taken from the input.
const LENGTHS: &[usize] = &[0, 1, 3, 4, 15, 16, 31, 32, 33, 63, 64, 80, 512, 4096, 16 << 10, 64 << 10];
const CODES: &[u32] = &[IOCTL_QUERY_VERSION, IOCTL_LIST_ADAPTERS, IOCTL_CONFIGURE, IOCTL_STATS, IOCTL_VERDICT];

/// What a call was, to know its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Read,
    Configure,
    Verdicts(usize),
    Stats,
    Adapters,
    Version,
    /// Any answer will do.
    Anything,
}

/// See the module.
pub struct Program {
    process: Process,
    handle: Handle,
    calls: Vec<(Asked, Pending)>,
    /// Tickets that it was given: those not answered yet, and a few that were.
    tickets: Vec<u64>,
}

impl Program {
    /// A program that opens the device; none where it may not.
    pub fn open(administrator: bool) -> Option<Self> {
        let process = Process::new("program", administrator);
        let handle = process.open(DEVICE_NAME_WIN32);
        assert_eq!(handle.is_ok(), administrator, "administrators alone may open the device");
        Some(Self { handle: handle.ok()?, process, calls: Vec::new(), tickets: Vec::new() })
    }

    /// Another program that has the same open file.
    pub fn heir(&self) -> Self {
        let process = Process::new("heir", true);
        let handle = self.handle.duplicate(&process);
        Self { process, handle, calls: Vec::new(), tickets: self.tickets.clone() }
    }

    fn note(&mut self, asked: Asked, pending: Pending) {
        if self.calls.len() >= CALLS {
            let (_, oldest) = self.calls.remove(0);
            oldest.cancel();
        }
        self.calls.push((asked, pending));
    }

    /// CONFIGURE: mostly right, then changed here and there, cut off, or longer.
    pub fn configure(&mut self, luids: &[u64], cursor: &mut Cursor<'_>) {
        let choice = cursor.u8();
        let luids = &luids[..luids.len().min(usize::from(choice >> 6) + 1)];
        let mut config = Configure::tap(luids.len() as u32);
        let mut rules = Vec::new();
        if choice & 3 != 0 {
            config = Configure::gate(luids.len() as u32, u32::from(choice & 3), u32::from(cursor.u8()) + 5);
            config.priority = u32::from(choice >> 4 & 3);
            rules = (0..choice >> 2 & 3).map(|_| rule(cursor)).collect();
            config.rule_count = rules.len() as u32;
        } else if choice & 4 != 0 {
            config.budget_ms = u32::from(cursor.u8()) + 5;
        }
        config.snaplen = cursor.one_of(&[64, 1, 1514, 256 << 10, 14, 4096]);
        config.timeout_ms = cursor.one_of(&[0, 1, 20, 100]);
        config.spill_bytes = cursor.one_of(&[0, config.spill_floor(), config.spill_floor() + 100]);
        let mut input = config.as_bytes().to_vec();
        input.extend(luids.iter().flat_map(|luid| luid.to_le_bytes()));
        input.extend_from_slice(rules.as_bytes());
        change(&mut input, cursor);
        let output = cursor.one_of(&[size_of::<ConfigureReply>(), 0, 31, 33, 4096]);
        // The flag for it may come to be set.
        kernel().ndis.loopback_is_asked_for();
        let pending = self.handle.ioctl(IOCTL_CONFIGURE, &input, output);
        self.note(Asked::Configure, pending);
    }

    /// Some READs, of a length that is right or not.
    pub fn read(&mut self, cursor: &mut Cursor<'_>) {
        let len = match cursor.below(8) {
            0 => length(cursor),
            1 => usize::from(cursor.u16()) << 8,
            2..5 => 4096,
            _ => 512 << 10,
        };
        for _ in 0..=cursor.below(4) {
            let pending = self.handle.read(len);
            self.note(Asked::Read, pending);
        }
    }

    /// VERDICT: about tickets that it has, and about others.
    pub fn verdict(&mut self, foreign: &[u64], cursor: &mut Cursor<'_>) {
        let mut entries = Vec::new();
        let mut frames = Vec::new();
        for _ in 0..=cursor.below(8) {
            let (verdict, which) = (u32::from(cursor.u8() & 3), cursor.u8());
            let known = if which & 0x80 == 0 { &self.tickets } else { foreign };
            let ticket = known.get(usize::from(which & 0x7f) % known.len().max(1)).copied();
            let mut entry = VerdictEntry::plain(ticket.unwrap_or_else(|| cursor.u64()), verdict);
            if verdict == 3 {
                let frame = super::world::frame(cursor);
                (entry.offset, entry.length) = (frames.len() as u32, frame.len() as u32);
                (entry.offload, entry.segment) = cursor.one_of(&[(0, 0), (1, 0), (2, 0), (3, 0), (2, 536)]);
                frames.extend(frame);
            }
            entries.push(entry);
        }
        let mut input = Verdicts::new(entries.len() as u32, frames.len() as u32).as_bytes().to_vec();
        input.extend_from_slice(entries.as_bytes());
        input.extend(frames);
        let asked = if change(&mut input, cursor) { Asked::Anything } else { Asked::Verdicts(entries.len()) };
        let whole = VerdictsReply::output_len(entries.len());
        let output = cursor.one_of(&[whole, whole, whole - 1, 0, 16]);
        let pending = self.handle.ioctl(IOCTL_VERDICT, &input, output);
        self.note(asked, pending);
    }

    /// What there is to know, with room or without.
    pub fn ask(&mut self, cursor: &mut Cursor<'_>) {
        let (asked, code) = cursor.one_of(&[
            (Asked::Stats, IOCTL_STATS),
            (Asked::Adapters, IOCTL_LIST_ADAPTERS),
            (Asked::Version, IOCTL_QUERY_VERSION),
        ]);
        let len = length(cursor);
        let pending = self.handle.ioctl(code, &[], len);
        self.note(asked, pending);
    }

    /// Any call with any bytes: known codes with other methods, rights, functions; writes; calls as of another driver.
    pub fn anything(&mut self, cursor: &mut Cursor<'_>) {
        let code = match cursor.below(4) {
            0 => cursor.u32(),
            1 => cursor.one_of(CODES),
            2 => cursor.one_of(CODES) ^ u32::from(cursor.u8() & 3),
            _ => cursor.one_of(CODES) ^ 1 << cursor.below(32),
        };
        let (how, len) = (cursor.below(8), length(cursor));
        let count = cursor.below(256);
        let input = cursor.bytes(count);
        let pending = match how {
            0 => self.handle.write(input),
            1 => self.handle.internal_ioctl(code, input, len),
            _ => self.handle.ioctl(code, input, len),
        };
        self.note(Asked::Anything, pending);
    }

    /// Cancels one call, or all.
    pub fn cancel(&self, cursor: &mut Cursor<'_>) {
        match self.calls.get(cursor.below(CALLS + 1)) {
            Some((_, pending)) => pending.cancel(),
            None => self.handle.cancel_all(),
        }
    }

    /// Closes its handle; that of an heir stays.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Dies.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Tickets that it was given.
    pub fn tickets(&self) -> &[u64] {
        &self.tickets
    }

    /// Looks at the calls that have come to an end.
    pub fn take(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        for (asked, pending) in calls {
            match pending.try_result() {
                Some(completion) => self.look(asked, &completion),
                None => self.calls.push((asked, pending)),
            }
        }
    }

    /// Once nothing is open any more every call has come to an end.
    pub fn end(mut self) {
        self.take();
        assert!(self.calls.is_empty(), "{} calls of a program that is gone", self.calls.len());
    }

    fn look(&mut self, asked: Asked, completion: &Completion) {
        let bytes = completion.data.get(..completion.information);
        let bytes = bytes.unwrap_or_else(|| panic!("{asked:?}: more bytes than there is room for"));
        if completion.status != 0 {
            return;
        }
        match asked {
            Asked::Read => {
                for block in Blocks::new(bytes) {
                    let block = block.expect("a read holds whole blocks");
                    let _ = block.interface().map(|interface| interface.expect("a well-formed interface"));
                    if let Some(packet) = block.packet() {
                        let packet = packet.expect("a well-formed packet");
                        assert!(packet.data.len() <= packet.original_len as usize, "a record longer than its frame");
                        self.tickets.extend(packet.packet_id);
                    }
                }
                let excess = self.tickets.len().saturating_sub(64);
                self.tickets.drain(..excess);
            }
            Asked::Verdicts(count) => {
                let (head, statuses) = VerdictsReply::parse(bytes).expect("the answer to VERDICT");
                let statuses: Vec<_> = statuses.collect();
                let accepted = statuses.iter().filter(|status| status.is_success()).count();
                assert_eq!((statuses.len(), head.accepted as usize), (count, accepted));
            }
            Asked::Stats => {
                StatsHeader::parse(bytes).expect("the answer to STATS");
            }
            Asked::Adapters => {
                let (head, adapters) = AdapterList::parse(bytes).expect("the answer to LIST_ADAPTERS");
                assert_eq!(head.count as usize, adapters.count());
            }
            Asked::Configure => {
                let reply = ConfigureReply::read_from_bytes(bytes).expect("the answer to CONFIGURE");
                assert!(reply.needed_read_bytes <= reply.spill_bytes && reply.reserved == [0; 6]);
            }
            Asked::Version => {
                VersionInfo::read_from_bytes(bytes).expect("the answer to QUERY_VERSION");
            }
            Asked::Anything => {}
        }
    }
}

fn length(cursor: &mut Cursor<'_>) -> usize {
    match cursor.u8() {
        0xff => usize::from(cursor.u16()),
        choice => LENGTHS[usize::from(choice) % LENGTHS.len()],
    }
}

fn rule(cursor: &mut Cursor<'_>) -> RuleRecord {
    if cursor.below(4) == 0 {
        let mut bytes = [0; size_of::<RuleRecord>()];
        let taken = cursor.bytes(bytes.len());
        bytes[..taken.len()].copy_from_slice(taken);
        return RuleRecord::read_from_bytes(&bytes).expect("of its length");
    }
    let any = RuleRecord { directions: 3, ..RuleRecord::all(cursor.one_of(&[RULE_ASK, RULE_PASS, RULE_DROP])) };
    RuleRecord { family: cursor.one_of(&[0, 4, 6]), ..any }
}

/// Changes bytes of an input, or its length; whether it did.
fn change(input: &mut Vec<u8>, cursor: &mut Cursor<'_>) -> bool {
    let choice = cursor.u8();
    if choice < 0xc0 {
        return false;
    }
    for _ in 0..choice & 3 {
        let (at, value) = (usize::from(cursor.u16()), cursor.u8());
        let len = input.len().max(1);
        if let Some(byte) = input.get_mut(at % len) {
            *byte = value;
        }
    }
    match choice >> 2 & 3 {
        0 => input.truncate(usize::from(cursor.u16()) % (input.len() + 1)),
        1 => input.resize(input.len() + cursor.below(70), 0),
        _ => {}
    }
    true
}
