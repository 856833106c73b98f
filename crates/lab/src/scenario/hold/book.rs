//! The book of frames: what went in, what was said about each, where it came out, when its packet came home.
//!
//! The ends of the stack write into it from inside of the driver's calls, so that no call is made with it locked.

use nblease_abi::NtStatus;
use nblease_ndis::sys::{
    NDIS_STATUS, NDIS_STATUS_LOW_POWER_STATE, NDIS_STATUS_PAUSED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS,
};

use super::frames::{Flow, Identity, Way, build, flows, identify};
use crate::{kernel::kernel, ndis::Arrived};

/// Lines kept of what is wrong.
const LINES: usize = 20;

/// A reader's verdict on a frame that the driver took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It passes.
    Pass,
    /// It is dropped.
    Drop,
    /// Replaced by a frame with so many bytes of payload.
    Replace(u16),
    /// Too late: the policy has decided.
    Late,
}

/// How a frame came out at the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In the packet that it went in with.
    Original,
    /// In one of the driver's own that describes the original's bytes.
    Shadow,
    /// In one of the driver's own, the original being gone.
    Copy,
    /// As the bytes that this reader gave for it.
    Replaced(u8),
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its NBL, as an index.
    pub nbl: usize,
    /// Bytes of its payload.
    pub payload: u16,
    /// Verdicts that hold, and those that came too late, with the reader's number.
    pub said: Vec<(u8, Said)>,
    /// A verdict is being given now: whose, and what a replacement's payload is.
    pub saying: Option<(u8, Said)>,
    /// How it came out, and when.
    pub out: Option<(How, u64)>,
}

/// One NBL.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub struct Nbl {
    /// Its flow, as an index.
    pub flow: usize,
    /// Its frames.
    pub frames: std::ops::Range<usize>,
    /// When it went in.
    pub in_ns: u64,
    /// CancelId of a send; 0 for none.
    pub cancel_id: usize,
    /// Lent for the call (RESOURCES).
    pub lent: bool,
    /// Marked as looped back by NDIS.
    pub looped: bool,
    /// The numbers of the readers that were there when it went in.
    pub readers: Vec<u8>,
    /// Its send was cancelled when it was out.
    pub cancelled: bool,
    /// Its adapter paused, went to sleep or was unplugged when it was out.
    pub stopped: bool,
    /// Its adapter was unplugged when some of its frames had not come out.
    pub gone: bool,
    /// A send's status, when its packet came home.
    pub home: Option<NDIS_STATUS>,
    /// It came home when something of it was not decided, as far as anybody could know.
    pub undecided_at_home: bool,
}

/// All frames of a run.
pub struct Book {
    /// The flows.
    pub flows: Vec<Flow>,
    /// The frames, by their numbers.
    pub frames: Vec<Entry>,
    /// The NBLs.
    pub nbls: Vec<Nbl>,
    /// Frames that came out a second time.
    pub doubled: u64,
    /// Originals that overtook an earlier one of their flow.
    pub reordered: u64,
    /// What is wrong, the first few.
    wrong: Vec<String>,
    /// How much is wrong.
    wrongs: u64,
    /// By flow: the last original that came out.
    last: Vec<usize>,
}

impl Book {
    /// An empty one.
    pub fn new() -> Self {
        let flows = flows();
        let last = vec![0; flows.len()];
        Self { flows, frames: vec![], nbls: vec![], doubled: 0, reordered: 0, wrong: vec![], wrongs: 0, last }
    }

    /// Enters an NBL that is about to go in, with the bytes of payload of its frames: the frames as on the wire.
    pub fn enter(&mut self, flow: usize, payloads: &[u16], readers: Vec<u8>) -> Vec<Vec<u8>> {
        let first = self.frames.len();
        let nbl = self.nbls.len();
        for payload in payloads {
            self.frames.push(Entry { nbl, payload: *payload, said: vec![], saying: None, out: None });
        }
        let frames = first..self.frames.len();
        let in_ns = kernel().clock.unbiased_ns();
        self.nbls.push(Nbl {
            flow,
            frames: frames.clone(),
            in_ns,
            cancel_id: 0,
            lent: false,
            looped: false,
            readers,
            cancelled: false,
            stopped: false,
            gone: false,
            home: None,
            undecided_at_home: false,
        });
        frames.filter_map(|number| self.wire(number, 0, None)).collect()
    }

    /// Forgets the NBLs from this one on: the stack did not take them.
    pub fn forget_from(&mut self, nbl: usize) {
        if let Some(first) = self.nbls.get(nbl).map(|nbl| nbl.frames.start) {
            self.frames.truncate(first);
            self.nbls.truncate(nbl);
        }
    }

    /// A frame as on the wire: as it went in, or as reader `mark` replaced it.
    pub fn wire(&self, number: usize, mark: u8, replaced_by: Option<u16>) -> Option<Vec<u8>> {
        let entry = self.frames.get(number)?;
        let flow = self.flows.get(self.nbls.get(entry.nbl)?.flow)?;
        let payload = replaced_by.unwrap_or(entry.payload);
        Some(build(flow, Identity { number: number as u32, flow: flow.number, mark, payload }))
    }

    /// Which frame these bytes are, where they are those of one that went in.
    pub fn number_of(&mut self, bytes: &[u8]) -> Option<usize> {
        let identity = identify(bytes)?;
        let number = identity.number as usize;
        (self.frames.len() > number).then_some(number)
    }

    /// The NBL of a frame.
    pub fn nbl_of(&self, number: usize) -> Option<&Nbl> {
        self.nbls.get(self.frames.get(number)?.nbl)
    }

    /// Something is wrong.
    pub fn complain(&mut self, what: impl FnOnce(&Self) -> String) {
        self.wrongs += 1;
        if self.wrong.len() < LINES {
            let what = what(self);
            self.wrong.push(what);
        }
    }

    /// What has been wrong since this was asked last, in words.
    pub fn take_wrong(&mut self) -> Vec<String> {
        let mut wrong = std::mem::take(&mut self.wrong);
        let more = std::mem::take(&mut self.wrongs).saturating_sub(wrong.len() as u64);
        if more > 0 {
            wrong.push(format!("and {more} more"));
        }
        wrong
    }

    /// A frame in words.
    pub fn describe(&self, number: usize) -> String {
        let Some((entry, nbl)) = self.frames.get(number).zip(self.nbl_of(number)) else {
            return format!("frame {number}");
        };
        let way = self.flows.get(nbl.flow).map(|flow| (flow.way, flow.kind));
        let (said, out, home) = (&entry.said, entry.out, nbl.home);
        format!(
            "frame {number} of NBL {:?} ({way:?}, flow {}{}{}{}{}), in at {} us, said {said:?}, out {out:?}, home {home:x?}",
            nbl.frames,
            nbl.flow,
            if nbl.lent { ", lent" } else { "" },
            if nbl.looped { ", looped back" } else { "" },
            if nbl.cancelled { ", cancelled" } else { "" },
            if nbl.stopped { ", stopped" } else { "" },
            nbl.in_ns / 1000
        )
    }

    /// Frames came out at the far end.
    pub fn came_out(&mut self, way: Way, arrived: &[Arrived]) {
        for frame in arrived {
            let wire = frame.on_the_wire();
            let Some(identity) = identify(&wire) else {
                self.complain(|_| format!("a frame came out that nobody put in: {:02x?}", wire.get(..64)));
                continue;
            };
            self.one_came_out(way, identity, &wire, frame.filters_own);
        }
    }

    fn one_came_out(&mut self, way: Way, identity: Identity, wire: &[u8], own: bool) {
        let number = identity.number as usize;
        let now = kernel().clock.unbiased_ns();
        let Some((entry, nbl)) = self.frames.get(number).zip(self.nbl_of(number)) else {
            self.complain(|_| format!("frame {number} came out, and never went in"));
            return;
        };
        let (flow, at_home) = (nbl.flow, nbl.home.is_some());
        let how = match (identity.mark, own) {
            (0, false) => How::Original,
            (0, true) if way == Way::Down && !at_home => How::Shadow,
            (0, true) => How::Copy,
            (mark, _) => How::Replaced(mark),
        };
        let given = entry.said.iter().chain(&entry.saying).find_map(|(reader, said)| match said {
            Said::Replace(payload) if *reader == identity.mark => Some(*payload),
            _ => None,
        });
        if identity.mark != 0 && given.is_none() {
            self.complain(|book| {
                format!("{}: replaced by reader {}, which never said so", book.describe(number), identity.mark)
            });
            return;
        }
        let same_way = self.flows.get(flow).is_some_and(|flow| flow.way == way);
        if !same_way || self.wire(number, identity.mark, given).as_deref() != Some(wire) {
            let bytes = wire.len();
            self.complain(|book| format!("{}: came out changed, {bytes} bytes, {how:?}", book.describe(number)));
        }
        if matches!(how, How::Original | How::Shadow)
            && let Some(last) = self.last.get_mut(flow)
        {
            if number < *last {
                self.reordered += 1;
                let last = *last;
                self.complain(|book| format!("{}: overtaken by {}", book.describe(number), book.describe(last)));
            } else {
                *last = number;
            }
        }
        let Some(entry) = self.frames.get_mut(number) else { return };
        if entry.out.is_some() {
            self.doubled += 1;
            self.complain(|book| format!("{}: came out again, {how:?}", book.describe(number)));
        } else {
            entry.out = Some((how, now));
        }
    }

    /// An NBL came back to the end that made it.
    pub fn came_home(&mut self, way: Way, frames: &[Arrived], status: NDIS_STATUS) {
        let Some(number) = frames.first().and_then(|frame| self.number_of(&frame.bytes)) else { return };
        let Some(at) = self.frames.get(number).map(|entry| entry.nbl) else { return };
        let decided = |entry: &Entry| !entry.said.is_empty() || entry.saying.is_some() || entry.out.is_some();
        let Some(nbl) = self.nbls.get_mut(at) else { return };
        let undecided = self.frames.get(nbl.frames.clone()).is_some_and(|frames| !frames.iter().all(decided));
        nbl.undecided_at_home = undecided;
        let expected = match status {
            NDIS_STATUS_SUCCESS => true,
            NDIS_STATUS_SEND_ABORTED => nbl.cancelled,
            NDIS_STATUS_PAUSED | NDIS_STATUS_LOW_POWER_STATE => nbl.stopped,
            _ => way == Way::Up,
        };
        let twice = nbl.home.replace(if way == Way::Up { NDIS_STATUS_SUCCESS } else { status }).is_some();
        if twice || way == Way::Down && !expected {
            self.complain(|book| format!("{}: came home with {status:#x}, twice: {twice}", book.describe(number)));
        }
    }

    /// The adapter stops: what becomes of the NBLs from `since` on that are out is explained by that. `gone`: it does
    /// not come back, and copies neither.
    pub fn stop(&mut self, since: usize, gone: bool) {
        let Self { frames, nbls, .. } = self;
        for nbl in nbls.iter_mut().skip(since) {
            nbl.stopped |= nbl.home.is_none();
            let out = |entry: &Entry| entry.out.is_some();
            nbl.gone |= gone && !frames.get(nbl.frames.clone()).is_some_and(|frames| frames.iter().all(out));
        }
    }

    /// A reader is about to say this of a frame: it may come out, or its packet come home, before the call returns.
    pub fn saying(&mut self, number: usize, reader: u8, said: Said) {
        if let Some(entry) = self.frames.get_mut(number) {
            entry.saying = Some((reader, said));
        }
    }

    /// The call has returned with this status for the frame: what it was, where it holds.
    pub fn said(&mut self, number: usize, status: NtStatus) -> Option<Said> {
        let entry = self.frames.get_mut(number)?;
        let (reader, said) = entry.saying.take()?;
        match status {
            NtStatus::SUCCESS => {
                entry.said.push((reader, said));
                return Some(said);
            }
            NtStatus::IO_TIMEOUT => entry.said.push((reader, Said::Late)),
            NtStatus::CANCELLED => {
                let stopped = self.nbl_of(number).is_some_and(|nbl| nbl.stopped || nbl.cancelled || nbl.gone);
                if !stopped {
                    self.complain(|book| format!("{}: a verdict was answered with {status:?}", book.describe(number)));
                }
            }
            NtStatus::INVALID_PARAMETER | NtStatus::NOT_SUPPORTED | NtStatus::INSUFFICIENT_RESOURCES => {}
            _ => self.complain(|book| format!("{}: a verdict was answered with {status:?}", book.describe(number))),
        }
        None
    }
}
