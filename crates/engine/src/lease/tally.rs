//! What happens to leases, for who counts it.

use core::sync::atomic::{AtomicU64, Ordering};

use super::ids::{AdapterId, ReaderId};
use crate::reader::Direction;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Something that is counted. Where it says frames, one event may stand for several.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Event {
            $($(#[$doc])* $name,)*
        }

        impl Event {
            /// Each event once.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

events! {
    /// An NBL was leased.
    Leased,
    /// Frames that a reader was asked about.
    Asked,
    /// Frames that a reader let pass.
    Passed,
    /// Frames that a reader dropped.
    Dropped,
    /// Frames that a reader replaced.
    Replaced,
    /// Frames that a patient TAP got from the original.
    Watched,
    /// A reader missed a deadline and is not waited for any more.
    Tripped,
    /// A reader is waited for again.
    Recovered,
    /// Frames that policy let pass, at the deadline or at once.
    PolicyPassed,
    /// Frames that policy dropped.
    PolicyDropped,
    /// NBLs whose frames had to be spilled, at the deadline or at once.
    Spilled,
    /// NBLs that policy had copied.
    Promoted,
    /// NBLs that policy would have had copied, but for the bounds: what was not decided is dropped.
    PromotionRefused,
    /// NBLs that could not be copied: what was not decided is dropped.
    PromotionFailed,
    /// NBLs that must not be copied: what was not decided passes.
    NotPromotable,
    /// Promoted copies whose time was up: what was not decided is dropped.
    PromotedExpired,
    /// NBLs for which a reader was not asked because of its own cap.
    ReaderFull,
    /// NBLs for which nobody was asked because of the adapter's cap.
    AdapterFull,
    /// NBLs for which nobody was asked because of the cap on all.
    TableFull,
    /// NBLs for which the table had no place.
    NoPlace,
    /// NBLs that went on before an earlier one of their flow, for want of a place.
    OrderLost,
    /// NBLs that were decided at once so that a later one of their flow can go on in its turn.
    Hurried,
    /// Leases that ended because the sender cancelled the send.
    SendCancelled,
    /// Leases that ended because the adapter was closed to them.
    Drained,
    /// Verdicts on a ticket that had one.
    AnsweredTwice,
    /// Verdicts after the deadline, or on a ticket too old to be remembered.
    AnsweredLate,
    /// Verdicts on what had been cancelled.
    AnsweredCancelled,
    /// Verdicts on another reader's ticket.
    AnsweredForeign,
    /// Verdicts on what is no ticket.
    AnsweredUnknown,
}

/// Who counts. It is called with the table's lock held, so it adds and does no more.
pub trait Tally {
    /// `count` times `event`; `reader` is the one that it is about.
    fn count(&mut self, adapter: Option<AdapterId>, reader: Option<ReaderId>, event: Event, count: u32) {
        let _ = (adapter, reader, event, count);
    }

    /// An original was held for `held`, in 100-ns units.
    fn held(&mut self, adapter: AdapterId, direction: Direction, held: u64) {
        let _ = (adapter, direction, held);
    }
}

/// Nobody counts.
impl Tally for () {}

/// A counter for each event, added to by one and read by others at any time.
#[derive(Debug)]
pub struct LeaseCounters([AtomicU64; Event::ALL.len()]);

impl LeaseCounters {
    /// All zero.
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Event::ALL.len()])
    }

    /// Counts.
    pub fn add(&self, event: Event, count: u32) {
        if let Some(counter) = self.0.get(event as usize) {
            counter.fetch_add(count.into(), Ordering::Relaxed);
        }
    }

    /// How often it has happened.
    pub fn get(&self, event: Event) -> u64 {
        self.0.get(event as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Default for LeaseCounters {
    fn default() -> Self {
        Self::new()
    }
}
