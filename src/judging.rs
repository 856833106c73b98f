//! What the readers that may hold frames want of a packet, found out before it is leased: by their rules where they have
//! some, from the first bytes of each frame.
//!
//! Calling contexts: up to DISPATCH_LEVEL, the adapter's readers locked to read. The packet is looked at, its headers'
//! bytes are copied to the stack; nothing is allocated.

use nblease_engine::{
    flow::{FlowIdentity, FlowKey, FlowSecret, HEADER_PREFIX, Headers},
    lease::{AdapterId, Arrival, MAX_FRAMES, ReaderSet, Wanted},
    reader::Direction,
    rules::RuleVerdict,
};
use nblease_ndis::packet::{FrameRef, NblRef};

use crate::adapter::Tap;

/// What is known of a packet's frames.
pub struct Judging<'a> {
    adapter: AdapterId,
    direction: Direction,
    secret: FlowSecret,
    frames: &'a mut Room,
}

/// Room for what is known of a packet's frames; one more place than a lease has stands for all that are beyond.
pub type Room = [Wanted; MAX_FRAMES + 1];

/// Room with nothing in it.
pub const ROOM: Room = [Wanted { readers: ReaderSet::EMPTY, dropped: false }; MAX_FRAMES + 1];

/// Some flows, by a few bits each: says of a flow that is in it that it is, and of some others too.
#[derive(Clone, Copy, Default)]
pub struct Flows(u64);

impl Flows {
    const fn bit(flow: FlowKey) -> u64 {
        1 << (flow.0 % 64)
    }

    /// Adds one.
    pub const fn insert(&mut self, flow: FlowKey) {
        self.0 |= Self::bit(flow);
    }

    /// Whether one may be in it.
    pub const fn may_contain(self, flow: FlowKey) -> bool {
        self.0 & Self::bit(flow) != 0
    }
}

/// Whether the rules' decisions are counted: once for each frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// They are.
    Yes,
    /// They were, or will be.
    No,
}

/// A packet as it was found.
pub struct Found {
    /// Its flow, which is that of its first frame.
    pub flow: FlowKey,
    /// Whether a reader has to be asked or a frame is dropped: it does not just go on.
    pub concerns: bool,
    /// Whether a rule drops one of its frames.
    pub drops: bool,
    /// NDIS looped it back, and no reader that may hold frames wants such: it just goes on, whatever waits.
    pub is_unasked: bool,
    /// Places of [`Judging::frames`] that are used.
    count: usize,
    bytes: u32,
}

impl<'a> Judging<'a> {
    /// For packets of an adapter.
    pub const fn new(adapter: AdapterId, direction: Direction, secret: FlowSecret, frames: &'a mut Room) -> Self {
        Self { adapter, direction, secret, frames }
    }

    /// Which way the packets go.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Looks at a packet.
    pub fn look(&mut self, nbl: NblRef<'_>, taps: &[Tap], count: Count) -> Found {
        let Self { adapter, direction, secret, .. } = *self;
        let looped_back = direction == Direction::In && nbl.is_loopback();
        let mut found = Found {
            flow: secret.key(adapter.index() as u8, direction, FlowIdentity::None),
            concerns: false,
            drops: false,
            is_unasked: looped_back
                && !taps.iter().any(|tap| tap.holder.is_some() && tap.reader.config().wants(direction, true)),
            count: 0,
            bytes: 0,
        };
        for (number, frame) in nbl.frames().enumerate() {
            let headers = headers(frame);
            if number == 0 {
                let identity = FlowIdentity::of(nbl.hash(), &headers);
                found.flow = secret.key(adapter.index() as u8, direction, identity);
            }
            let wanted = self.ask(&headers, nbl.vlan_tci(), looped_back, taps, count);
            found.concerns |= wanted.dropped || !wanted.readers.is_empty();
            found.drops |= wanted.dropped;
            found.bytes = found.bytes.saturating_add(frame.len() as u32);
            let place = number.min(MAX_FRAMES);
            if let Some(there) = self.frames.get_mut(place) {
                // Those beyond are wanted by whoever wants one of them, and dropped together.
                let before = if number > place { *there } else { Wanted::default() };
                *there =
                    Wanted { readers: before.readers.union(wanted.readers), dropped: before.dropped || wanted.dropped };
            }
            found.count = place + 1;
        }
        found
    }

    /// What the readers want of a frame.
    fn ask(&self, headers: &Headers, tag: Option<u16>, looped_back: bool, taps: &[Tap], count: Count) -> Wanted {
        let mut wanted = Wanted::default();
        for (tap, holder) in taps.iter().filter_map(|tap| Some((tap, tap.holder?))) {
            let config = tap.reader.config();
            if !config.wants(self.direction, looped_back) {
                continue;
            }
            let verdict = if config.is_gate() {
                tap.reader.rules().judge(self.direction, tag, headers)
            } else {
                RuleVerdict::Ask
            };
            if count == Count::Yes {
                tap.reader.counters().add_rule(verdict);
            }
            match verdict {
                RuleVerdict::Pass => {}
                RuleVerdict::Drop => wanted.dropped = true,
                RuleVerdict::Ask => wanted.readers.insert(holder),
            }
        }
        wanted
    }

    /// The packet that was looked at last, as the leases are told of it. `cancel_id` is 0 for a receive.
    pub fn arrival(&self, nbl: NblRef<'_>, found: &Found, promotable: bool, cancel_id: u64) -> Arrival<'_> {
        Arrival {
            adapter: self.adapter,
            direction: self.direction,
            flow: found.flow,
            bytes: found.bytes,
            cancel_id,
            promotable,
            tagged: nbl.vlan_tci().is_some(),
            frames: self.frames.get(..found.count).unwrap_or_default(),
        }
    }

    /// Whether a frame of the packet that was looked at last was dropped by a rule.
    pub fn is_dropped(&self, frame: usize) -> bool {
        self.frames.get(frame.min(MAX_FRAMES)).is_some_and(|wanted| wanted.dropped)
    }
}

/// What a frame's first bytes tell; nothing where they cannot be had.
fn headers(frame: FrameRef<'_>) -> Headers {
    let mut bytes = [0; HEADER_PREFIX];
    let len = frame.len().min(HEADER_PREFIX);
    let Some(first) = bytes.get_mut(..len) else { return Headers::default() };
    match frame.copy_to_slice(0, first) {
        Ok(()) => Headers::parse(first),
        Err(_) => Headers::default(),
    }
}
