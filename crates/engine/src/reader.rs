//! What a reader asked for, in the form that the data path asks it.

use nblease_abi::configure::{
    Configure, ConfigureFlags, Directions, Luids, MAX_ADAPTERS, MODE_GATE, POLICY_DROP, POLICY_PROMOTE,
};

use crate::lease::Policy;

/// Which way a frame goes, seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

impl Direction {
    const fn mask(self) -> Directions {
        match self {
            Self::In => Directions::IN,
            Self::Out => Directions::OUT,
        }
    }
}

/// How a reader may hold frames: a GATE, or a TAP with patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What becomes of a frame at the deadline.
    pub policy: Policy,
    /// Milliseconds that a frame may wait.
    pub budget_ms: u32,
    /// The lower is asked first.
    pub priority: u32,
}

/// A configuration that has been checked; it does not change while the reader lives.
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    directions: Directions,
    flags: ConfigureFlags,
    snaplen: u32,
    timeout_ms: u32,
    largest_record: u32,
    spill_bytes: u32,
    hold: Option<Hold>,
    luids: [u64; MAX_ADAPTERS as usize],
    adapters: usize,
}

impl ReaderConfig {
    /// From what [`Configure::parse`] accepted.
    pub fn new(config: &Configure, adapters: Luids<'_>) -> Self {
        let mut luids = [0; MAX_ADAPTERS as usize];
        for (place, luid) in luids.iter_mut().zip(adapters.iter()) {
            *place = luid;
        }
        Self {
            directions: Directions::from_bits_truncate(config.directions),
            flags: ConfigureFlags::from_bits_truncate(config.flags),
            snaplen: config.snaplen,
            timeout_ms: config.timeout_ms,
            largest_record: config.largest_record(),
            spill_bytes: config.spill_size(),
            hold: hold(config),
            luids,
            adapters: adapters.len().min(luids.len()),
        }
    }

    /// The adapters by `NetLuid`, in the order of their interface numbers.
    pub fn adapters(&self) -> &[u64] {
        self.luids.get(..self.adapters).unwrap_or(&self.luids)
    }

    /// The interface number of an adapter, which it keeps when it goes and comes back; `None`
    /// where the reader has not asked for it.
    pub fn interface(&self, luid: u64) -> Option<u32> {
        self.adapters().iter().position(|&wanted| wanted == luid).map(|index| index as u32)
    }

    /// Whether frames of this direction are wanted at all.
    pub const fn wants_direction(&self, direction: Direction) -> bool {
        self.directions.contains(direction.mask())
    }

    /// Whether a frame of one of the reader's adapters is wanted. `looped_back`: it is the copy of
    /// a send that NDIS indicates as a receive.
    pub const fn wants(&self, direction: Direction, looped_back: bool) -> bool {
        self.wants_direction(direction) && (!looped_back || self.flags.contains(ConfigureFlags::LOOPBACK))
    }

    /// Whether a read is completed with its first batch.
    pub const fn is_immediate(&self) -> bool {
        self.timeout_ms == 0
    }

    /// Milliseconds that a read waits for more records from its first on; 0 for
    /// [immediate](Self::is_immediate).
    pub const fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// Bytes of a frame that are kept.
    pub const fn snaplen(&self) -> u32 {
        self.snaplen
    }

    /// Bytes of the shortest READ that is accepted.
    pub const fn largest_record(&self) -> u32 {
        self.largest_record
    }

    /// How it may hold frames; `None` for a TAP without patience.
    pub const fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// Whether it judges.
    pub const fn is_gate(&self) -> bool {
        matches!(self.hold, Some(Hold { policy: Policy::Pass | Policy::Drop | Policy::Promote, .. }))
    }

    /// Bytes of spill to allocate.
    pub const fn spill_bytes(&self) -> u32 {
        self.spill_bytes
    }
}

fn hold(config: &Configure) -> Option<Hold> {
    let policy = match (config.mode, config.policy) {
        (MODE_GATE, POLICY_DROP) => Policy::Drop,
        (MODE_GATE, POLICY_PROMOTE) => Policy::Promote,
        (MODE_GATE, _) => Policy::Pass,
        _ => Policy::Spill,
    };
    let &Configure { budget_ms, priority, .. } = config;
    (budget_ms != 0).then_some(Hold { policy, budget_ms, priority })
}
