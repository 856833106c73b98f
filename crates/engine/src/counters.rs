//! The counters of readers and adapters: 64 bits, added to from any processor, read at any time.
//!
//! What a callback counts it gathers in a plain [`ReaderStats`] or [`AdapterStats`] first and adds
//! once: the shared lines are touched once for a batch, and only where something was counted.

use core::sync::atomic::{AtomicU64, Ordering};

use nblease_abi::stats::{AdapterStats, ReaderStats};

use crate::lease::Event;
use crate::rules::RuleVerdict;
use crate::spill::SpillLevel;

macro_rules! atomic_counters {
    ($(#[$doc:meta])* $name:ident of $stats:ident { $($field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name {
            $($field: AtomicU64,)*
        }

        impl $name {
            /// All zero.
            pub const fn new() -> Self {
                Self { $($field: AtomicU64::new(0),)* }
            }

            /// Adds what was counted.
            pub fn add(&self, counted: &$stats) {
                $(if counted.$field != 0 {
                    self.$field.fetch_add(counted.$field, Ordering::Relaxed);
                })*
            }

            fn read(&self) -> $stats {
                $stats {
                    $($field: self.$field.load(Ordering::Relaxed),)*
                    ..$stats::default()
                }
            }
        }
    };
}

atomic_counters! {
    /// Counters of one reader, or those of all readers that have been closed.
    ReaderCounters of ReaderStats {
        frames_seen,
        frames_direct,
        frames_spilled,
        frames_dropped_spill_full,
        frames_dropped_no_memory,
        frames_dropped_unreadable,
        frames_delivered,
        bytes_delivered,
        bytes_copied,
        reads_completed,
        reads_timed_out,
        reads_cancelled,
        reads_refused,
        reads_failed_mapping,
        fillers,
        frames_asked,
        frames_watched,
        frames_passed,
        frames_dropped,
        frames_replaced,
        frames_rule_passed,
        frames_rule_dropped,
        frames_policy_passed,
        frames_policy_dropped,
        nbls_spilled,
        nbls_promoted,
        nbls_promotion_refused,
        nbls_promotion_failed,
        nbls_not_promotable,
        nbls_promoted_expired,
        nbls_reader_full,
        trips,
        recoveries,
        verdicts_twice,
        verdicts_late,
        verdicts_cancelled,
        verdicts_foreign,
        verdicts_unknown,
        verdicts_unfit,
    }
}

atomic_counters! {
    /// Counters of one adapter.
    AdapterCounters of AdapterStats {
        send_nbls,
        send_frames,
        receive_nbls,
        receive_frames,
        receive_nbls_resources,
        frames_loopback_skipped,
        frames_wanted,
        send_nbls_refused_paused,
        receive_nbls_unexamined,
        pauses,
        restarts,
        oids_forwarded,
        oids_failed,
        nbls_leased,
        nbls_adapter_full,
        nbls_table_full,
        nbls_no_place,
        nbls_order_lost,
        nbls_hurried,
        leases_cancelled,
        leases_drained,
        nbls_shadowed,
        nbls_shadow_failed,
    }
}

impl ReaderCounters {
    /// Counts a frame that the reader's rules decided about.
    pub fn add_rule(&self, verdict: RuleVerdict) {
        match verdict {
            RuleVerdict::Pass => self.frames_rule_passed.fetch_add(1, Ordering::Relaxed),
            RuleVerdict::Drop => self.frames_rule_dropped.fetch_add(1, Ordering::Relaxed),
            RuleVerdict::Ask => 0,
        };
    }

    /// Counts what happened to leases on the reader's account. Events of an adapter's are not counted here.
    pub fn add_event(&self, event: Event, count: u32) {
        let counter = match event {
            Event::Asked => &self.frames_asked,
            Event::Watched => &self.frames_watched,
            Event::Passed => &self.frames_passed,
            Event::Dropped => &self.frames_dropped,
            Event::Replaced => &self.frames_replaced,
            Event::PolicyPassed => &self.frames_policy_passed,
            Event::PolicyDropped => &self.frames_policy_dropped,
            Event::Spilled => &self.nbls_spilled,
            Event::Promoted => &self.nbls_promoted,
            Event::PromotionRefused => &self.nbls_promotion_refused,
            Event::PromotionFailed => &self.nbls_promotion_failed,
            Event::NotPromotable => &self.nbls_not_promotable,
            Event::PromotedExpired => &self.nbls_promoted_expired,
            Event::ReaderFull => &self.nbls_reader_full,
            Event::Tripped => &self.trips,
            Event::Recovered => &self.recoveries,
            Event::AnsweredTwice => &self.verdicts_twice,
            Event::AnsweredLate => &self.verdicts_late,
            Event::AnsweredCancelled => &self.verdicts_cancelled,
            Event::AnsweredForeign => &self.verdicts_foreign,
            Event::AnsweredUnknown => &self.verdicts_unknown,
            Event::Leased
            | Event::AdapterFull
            | Event::TableFull
            | Event::NoPlace
            | Event::OrderLost
            | Event::Hurried
            | Event::SendCancelled
            | Event::Drained => return,
        };
        counter.fetch_add(count.into(), Ordering::Relaxed);
    }

    /// The counters now, with how full the reader's spill is.
    pub fn snapshot(&self, spill: SpillLevel) -> ReaderStats {
        ReaderStats {
            spill_frames: spill.frames,
            spill_bytes_used: spill.bytes,
            spill_bytes_peak: spill.peak,
            ..self.read()
        }
    }
}

impl AdapterCounters {
    /// Counts what happened to leases on the adapter's account. Events of a reader's are not counted here.
    pub fn add_event(&self, event: Event, count: u32) {
        let counter = match event {
            Event::Leased => &self.nbls_leased,
            Event::AdapterFull => &self.nbls_adapter_full,
            Event::TableFull => &self.nbls_table_full,
            Event::NoPlace => &self.nbls_no_place,
            Event::OrderLost => &self.nbls_order_lost,
            Event::Hurried => &self.nbls_hurried,
            Event::SendCancelled => &self.leases_cancelled,
            Event::Drained => &self.leases_drained,
            _ => return,
        };
        counter.fetch_add(count.into(), Ordering::Relaxed);
    }

    /// The counters now, of the adapter and in the state named.
    pub fn snapshot(&self, net_luid: u64, if_index: u32, state: u32) -> AdapterStats {
        AdapterStats { net_luid, if_index, state, ..self.read() }
    }
}

/// Adds one reader's counters to the sum over several: all are added, except the largest fill of a
/// spill, of which the larger remains.
pub fn add_reader(sum: &mut ReaderStats, one: &ReaderStats) {
    let counters = ReaderCounters::new();
    counters.add(sum);
    counters.add(one);
    *sum = counters.snapshot(SpillLevel {
        frames: sum.spill_frames.saturating_add(one.spill_frames),
        bytes: sum.spill_bytes_used.saturating_add(one.spill_bytes_used),
        peak: sum.spill_bytes_peak.max(one.spill_bytes_peak),
    });
}
