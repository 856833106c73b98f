//! STATS: every counter that the driver keeps, 64 bits wide, each with one meaning.

use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::ioctl::{ABI_VERSION, MalformedReply, entries};

/// Head of the answer to `IOCTL_STATS`. As with `LIST_ADAPTERS`, a buffer with room for this, a
/// [`ReaderStats`], a [`LeaseStats`] and too few [`AdapterStats`] is a success with `adapter_count` below
/// `adapter_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StatsHeader {
    /// [`ABI_VERSION`].
    pub abi_version: u32,
    /// Bytes of this head.
    pub header_size: u32,
    /// Bytes of [`ReaderStats`] and [`LeaseStats`].
    pub reader_size: u32,
    /// Bytes from one [`AdapterStats`] to the next.
    pub adapter_size: u32,
    /// [`AdapterStats`] that follow.
    pub adapter_count: u32,
    /// Adapters that the filter is attached to.
    pub adapter_total: u32,
    /// Readers that are configured now.
    pub readers: u32,
    /// One of `STATS_OF_*`: whose counters the [`ReaderStats`] are.
    pub scope: u32,
}

/// The handle has no configuration: the sums over all readers since the driver was loaded, those
/// that have been closed included.
pub const STATS_OF_ALL_READERS: u32 = 0;
/// The handle is a reader: its own counters since CONFIGURE.
pub const STATS_OF_THIS_READER: u32 = 1;

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$head_doc:meta])* $head:ident: $ty:ty,)* }
        counters { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct $name {
            $($(#[$head_doc])* pub $head: $ty,)*
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            /// The names of the counters, in the order of the structure.
            pub const NAMES: &[&str] = &[$(stringify!($field)),*];

            /// The counters with their names, in the order of the structure.
            pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Counters of one reader, or the sums over all of them.
    ///
    /// Frames that wait for the reader count as seen once they are in its read or spill, so a GATE's are its questions.
    /// `frames_seen = frames_direct + frames_spilled + frames_dropped_spill_full +
    /// frames_dropped_no_memory + frames_dropped_unreadable`, once nothing is under way.
    ReaderStats {}
    counters {
        /// Frames of the reader's adapters and directions.
        frames_seen,
        /// Frames copied from the original straight into a read.
        frames_direct,
        /// Frames copied from the original into the spill.
        frames_spilled,
        /// Frames lost because the spill was full.
        frames_dropped_spill_full,
        /// Frames lost because memory could not be allocated.
        frames_dropped_no_memory,
        /// Frames lost because their own memory could not be mapped or was shorter than they said.
        frames_dropped_unreadable,
        /// Frames whose whole record is in a read that was completed with success.
        frames_delivered,
        /// Captured bytes of those frames: headers and payload, without pcapng's own.
        bytes_delivered,
        /// Captured bytes that were copied: once for a direct frame, twice for one that was
        /// spilled and then read.
        bytes_copied,
        /// Reads completed with success.
        reads_completed,
        /// Of those, reads completed because their time was up and not because they were full.
        reads_timed_out,
        /// Reads that ended empty: cancelled, or their handle closed.
        reads_cancelled,
        /// Reads refused when they came: too short, too long, or the driver is being unloaded.
        reads_refused,
        /// Reads failed when they came because their buffer could not be mapped.
        reads_failed_mapping,
        /// Filler blocks written where a copy into a read failed half-way.
        fillers,
        /// Frames in the spill now.
        spill_frames,
        /// Bytes of records in the spill now.
        spill_bytes_used,
        /// Most bytes that the spill has held; over all readers: the largest of theirs.
        spill_bytes_peak,
        /// Frames that the reader was asked about by ticket, or that waited for a patient TAP.
        frames_asked,
        /// Frames that waited for a patient TAP and got into its read from the original.
        frames_watched,
        /// Frames that the reader's verdicts let pass.
        frames_passed,
        /// Frames that its verdicts dropped.
        frames_dropped,
        /// Frames that its verdicts replaced.
        frames_replaced,
        /// Frames that its rules let pass.
        frames_rule_passed,
        /// Frames that its rules dropped.
        frames_rule_dropped,
        /// Frames that its policy let pass, at the deadline or at once.
        frames_policy_passed,
        /// Frames that its policy dropped, at the deadline or at once.
        frames_policy_dropped,
        /// NBLs whose frames were spilled for a TAP whose patience had ended.
        nbls_spilled,
        /// NBLs that its policy had deep-copied.
        nbls_promoted,
        /// NBLs that its policy would have had copied, but for the bounds: undecided frames were dropped.
        nbls_promotion_refused,
        /// NBLs that could not be copied: undecided frames were dropped.
        nbls_promotion_failed,
        /// NBLs that must not be copied: undecided frames passed.
        nbls_not_promotable,
        /// Promoted copies whose time was up: undecided frames were dropped.
        nbls_promoted_expired,
        /// NBLs that it was not asked about because it held as many as it may.
        nbls_reader_full,
        /// Times that it missed a deadline and was not waited for any more.
        trips,
        /// Times that it was waited for again after that.
        recoveries,
        /// Verdicts refused because the ticket had one.
        verdicts_twice,
        /// Verdicts refused because the deadline was over.
        verdicts_late,
        /// Verdicts refused because the frame had been cancelled, or its adapter paused or put to sleep.
        verdicts_cancelled,
        /// Verdicts refused because the ticket is another reader's.
        verdicts_foreign,
        /// Verdicts refused because there is no such ticket.
        verdicts_unknown,
        /// Verdicts refused because their replacement could not be made.
        verdicts_unfit,
    }
}

/// Buckets of a histogram of hold times: below 1 us, then from 2^(n-1) to 2^n us; the last is open above.
pub const HOLD_BUCKETS: usize = 22;

/// What is held now, and how long originals were held since the driver was loaded; of all adapters and readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LeaseStats {
    /// Leases now, promoted copies included.
    pub leases: u64,
    /// Of those, originals.
    pub originals: u64,
    /// Bytes of frames in those originals.
    pub original_bytes: u64,
    /// Bytes of promoted copies.
    pub promoted_bytes: u64,
    /// The longest that an original was held, in 100-ns units.
    pub longest_hold: u64,
    /// How many received originals were held for how long.
    pub received: [u64; HOLD_BUCKETS],
    /// The same of sent ones.
    pub sent: [u64; HOLD_BUCKETS],
}

counters! {
    /// Counters of one adapter since the filter attached to it.
    ///
    /// While no reader wants an adapter its frames are handed on unexamined: only what happens to
    /// the module itself is counted then.
    AdapterStats {
        /// `NetLuid` of the base miniport.
        net_luid: u64,
        /// Interface index of the base miniport.
        if_index: u32,
        /// State of the module: one of `ADAPTER_STATE_*`.
        state: u32,
    }
    counters {
        /// NBLs that were offered for sending and examined.
        send_nbls,
        /// NBs of those: frames.
        send_frames,
        /// NBLs that were indicated as received and examined.
        receive_nbls,
        /// NBs of those: frames.
        receive_frames,
        /// Of `receive_nbls`, those lent for the call only (`NDIS_RECEIVE_FLAGS_RESOURCES`).
        receive_nbls_resources,
        /// Frames passed over for at least one reader because NDIS had looped them back.
        frames_loopback_skipped,
        /// Frames that at least one reader wanted.
        frames_wanted,
        /// NBLs completed with `NDIS_STATUS_PAUSED` because the module was not running.
        send_nbls_refused_paused,
        /// NBLs passed on unexamined because the module was not running.
        receive_nbls_unexamined,
        /// Times that the module paused.
        pauses,
        /// Times that the module restarted.
        restarts,
        /// OID requests passed on.
        oids_forwarded,
        /// OID requests failed because they could not be cloned.
        oids_failed,
        /// NBLs that were leased.
        nbls_leased,
        /// NBLs that nobody was asked about because the adapter's leases were as many as may be.
        nbls_adapter_full,
        /// NBLs that nobody was asked about because all leases together were as many as may be.
        nbls_table_full,
        /// NBLs that nobody was asked about because there was no place for them.
        nbls_no_place,
        /// NBLs that went on before an earlier one of their flow, for want of a place.
        nbls_order_lost,
        /// NBLs decided by policy at once so that a later one of their flow could go on.
        nbls_hurried,
        /// Leases that ended because the sender cancelled the send.
        leases_cancelled,
        /// Leases that ended because the adapter paused, went to sleep or was detached, and what came right behind them.
        leases_drained,
        /// Sends of which some frames went on in an NBL of the driver's own.
        nbls_shadowed,
        /// Sends of which some frames should have gone on, but there was no memory for that: all were dropped.
        nbls_shadow_failed,
    }
}

/// A whole answer to `IOCTL_STATS`, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Stats<A> {
    /// The head.
    pub header: StatsHeader,
    /// The reader's counters, or the sums.
    pub reader: ReaderStats,
    /// What is held.
    pub leases: LeaseStats,
    /// The adapters' counters.
    pub adapters: A,
}

impl StatsHeader {
    /// Bytes between the head and the first [`AdapterStats`].
    const FIXED: usize = size_of::<ReaderStats>() + size_of::<LeaseStats>();

    /// The head for an answer with `adapter_count` adapters out of `adapter_total`.
    pub const fn new(adapter_count: u32, adapter_total: u32, readers: u32, scope: u32) -> Self {
        Self {
            abi_version: ABI_VERSION,
            header_size: size_of::<Self>() as u32,
            reader_size: Self::FIXED as u32,
            adapter_size: size_of::<AdapterStats>() as u32,
            adapter_count,
            adapter_total,
            readers,
            scope,
        }
    }

    /// Adapters for which an output buffer of `len` bytes has room, or nothing where it is too
    /// short for the rest (answered with `STATUS_BUFFER_TOO_SMALL`).
    pub const fn room(len: usize) -> Option<usize> {
        match len.checked_sub(size_of::<Self>() + Self::FIXED) {
            Some(rest) => Some(rest / size_of::<AdapterStats>()),
            None => None,
        }
    }

    /// Takes an answer apart.
    pub fn parse(bytes: &[u8]) -> Result<Stats<impl Iterator<Item = AdapterStats> + '_>, MalformedReply> {
        let (header, rest) = Self::read_from_prefix(bytes).map_err(|_| MalformedReply)?;
        let (reader, rest) = ReaderStats::read_from_prefix(rest).map_err(|_| MalformedReply)?;
        let (leases, rest) = LeaseStats::read_from_prefix(rest).map_err(|_| MalformedReply)?;
        let Self { adapter_count, adapter_total, readers, scope, .. } = header;
        let known = Self::new(adapter_count, adapter_total, readers, scope);
        let adapters = entries(rest, adapter_count).ok_or(MalformedReply)?;
        if header == known && adapter_count <= adapter_total && scope <= STATS_OF_THIS_READER {
            Ok(Stats { header, reader, leases, adapters })
        } else {
            Err(MalformedReply)
        }
    }
}
