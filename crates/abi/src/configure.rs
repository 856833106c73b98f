//! CONFIGURE: what a reader asks for, checked once at the boundary and trusted afterwards.

use core::fmt;
use core::mem::size_of;

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::NtStatus;
use crate::ioctl::ABI_VERSION;
use crate::pcapng;
use crate::rules::{BadRule, MAX_RULES, RuleFault, RuleRecord};

/// Largest snaplen, in bytes: tcpdump's.
pub const MAX_SNAPLEN: u32 = 262_144;
/// Longest time that a read with records in it may be held back, in milliseconds.
pub const MAX_TIMEOUT_MS: u32 = 100;
/// Size of a reader's spill where CONFIGURE says 0, in bytes.
pub const DEFAULT_SPILL_BYTES: u32 = 4 << 20;
/// Largest spill, in bytes.
pub const MAX_SPILL_BYTES: u32 = 256 << 20;
/// Bytes of spill that a record takes up at most besides its own.
pub const SPILL_RECORD_OVERHEAD: u32 = 16;
/// Most adapters of one reader.
pub const MAX_ADAPTERS: u32 = 64;

/// Mode of a reader that watches.
pub const MODE_TAP: u32 = 1;
/// Mode of a reader that judges: frames wait for its verdict.
pub const MODE_GATE: u32 = 2;

/// Policy of a TAP: it has none.
pub const POLICY_NONE: u32 = 0;
/// Policy of a GATE: what it does not decide within its budget passes.
pub const POLICY_PASS: u32 = 1;
/// Policy of a GATE: what it does not decide within its budget is dropped.
pub const POLICY_DROP: u32 = 2;
/// Policy of a GATE: what it does not decide within its budget is deep-copied, and a later verdict decides about the copy.
pub const POLICY_PROMOTE: u32 = 3;

/// Shortest budget, in milliseconds, other than 0 for a TAP without patience.
pub const MIN_BUDGET_MS: u32 = 5;
/// Longest budget, in milliseconds, and the most of all readers together.
pub const MAX_BUDGET_MS: u32 = 900;

bitflags::bitflags! {
    /// Options of a reader.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ConfigureFlags: u32 {
        /// Deliver the copies of sends that NDIS loops back as receives too.
        const LOOPBACK = 1;
    }

    /// Which way a frame goes, seen from this machine.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Directions: u32 {
        /// Received.
        const IN = 1;
        /// Sent.
        const OUT = 2;
    }
}

/// Input of `IOCTL_CONFIGURE`; `adapter_count` `NetLuid`s (little-endian `u64`) follow it, and after them `rule_count`
/// [`RuleRecord`]s.
///
/// A record's interface number is the position of its adapter in that list. The Interface
/// Description Blocks of all of them, in this order, are the first records that the reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Configure {
    /// [`ABI_VERSION`] of the program.
    pub abi_version: u32,
    /// [`ConfigureFlags`]; other bits are refused.
    pub flags: u32,
    /// [`MODE_TAP`] or [`MODE_GATE`].
    pub mode: u32,
    /// [`Directions`]; at least one, other bits are refused.
    pub directions: u32,
    /// Bytes of a frame to keep: 1 to [`MAX_SNAPLEN`].
    pub snaplen: u32,
    /// Milliseconds for which a read that holds records may wait for more: 0 completes it with its
    /// first batch, at most [`MAX_TIMEOUT_MS`].
    pub timeout_ms: u32,
    /// Bytes of spill: 0 for [`DEFAULT_SPILL_BYTES`], otherwise from [`Configure::spill_floor`] to
    /// [`MAX_SPILL_BYTES`].
    pub spill_bytes: u32,
    /// `NetLuid`s that follow: 1 to [`MAX_ADAPTERS`], no two alike.
    pub adapter_count: u32,
    /// One of `POLICY_*`: [`POLICY_NONE`] for a TAP, another one for a GATE.
    pub policy: u32,
    /// Milliseconds for which a frame may wait for the reader: [`MIN_BUDGET_MS`] to [`MAX_BUDGET_MS`], or 0 for a TAP
    /// without patience. The budgets of all readers together are [`MAX_BUDGET_MS`] at most.
    pub budget_ms: u32,
    /// Among several GATEs the lower number is asked first, of equals the earlier one. 0 for a TAP.
    pub priority: u32,
    /// [`RuleRecord`]s that follow the `NetLuid`s: at most [`MAX_RULES`]; none for a TAP.
    pub rule_count: u32,
    /// Zero.
    pub reserved: [u8; 16],
}

/// Output of `IOCTL_CONFIGURE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ConfigureReply {
    /// Shortest READ that is accepted, in bytes; a shorter one gets `STATUS_BUFFER_TOO_SMALL`.
    pub needed_read_bytes: u32,
    /// Bytes of spill that the reader has.
    pub spill_bytes: u32,
    /// Zero.
    pub reserved: [u32; 6],
}

/// Why a CONFIGURE is refused. A refused request changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The input is shorter than [`Configure`], or the output than [`ConfigureReply`].
    TooShort,
    /// `abi_version` is not the driver's.
    AbiVersion,
    /// A bit of `flags` is unknown.
    Flags,
    /// `mode` is not one that the driver offers.
    Mode,
    /// `directions` is empty or has an unknown bit.
    Directions,
    /// `snaplen` is 0 or above [`MAX_SNAPLEN`].
    Snaplen,
    /// `timeout_ms` is above [`MAX_TIMEOUT_MS`].
    Timeout,
    /// `spill_bytes` is below the floor or above [`MAX_SPILL_BYTES`].
    Spill,
    /// `adapter_count` is 0 or above [`MAX_ADAPTERS`].
    AdapterCount,
    /// The input's length is not that of `adapter_count` adapters.
    Length,
    /// An adapter is named twice.
    DuplicateAdapter,
    /// `policy` is not one of the mode's.
    Policy,
    /// `budget_ms` is not between [`MIN_BUDGET_MS`] and [`MAX_BUDGET_MS`].
    Budget,
    /// A TAP has a priority.
    Priority,
    /// A rule is refused; or a TAP has rules.
    Rule(BadRule),
    /// A reserved byte is not zero.
    Reserved,
}

impl ConfigError {
    /// The status that the request is completed with.
    pub const fn status(self) -> NtStatus {
        match self {
            Self::TooShort => NtStatus::BUFFER_TOO_SMALL,
            Self::AbiVersion => NtStatus::REVISION_MISMATCH,
            Self::Flags | Self::Mode => NtStatus::NOT_SUPPORTED,
            Self::Directions
            | Self::Snaplen
            | Self::Timeout
            | Self::Spill
            | Self::AdapterCount
            | Self::Length
            | Self::DuplicateAdapter
            | Self::Policy
            | Self::Budget
            | Self::Priority
            | Self::Rule(_)
            | Self::Reserved => NtStatus::INVALID_PARAMETER,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("a buffer of CONFIGURE is too short"),
            Self::AbiVersion => write!(f, "the driver speaks ABI version {ABI_VERSION} only"),
            Self::Flags => f.write_str("an unknown flag is set"),
            Self::Mode => f.write_str("the driver does not offer this mode"),
            Self::Directions => f.write_str("no direction, or an unknown one"),
            Self::Snaplen => write!(f, "the snaplen must be 1 to {MAX_SNAPLEN} bytes"),
            Self::Timeout => write!(f, "the timeout must be at most {MAX_TIMEOUT_MS} ms"),
            Self::Spill => write!(f, "the spill must hold the largest record and be at most {MAX_SPILL_BYTES} bytes"),
            Self::AdapterCount => write!(f, "1 to {MAX_ADAPTERS} adapters can be named"),
            Self::Length => f.write_str("the length does not agree with the number of adapters and rules"),
            Self::DuplicateAdapter => f.write_str("an adapter is named twice"),
            Self::Policy => f.write_str("a GATE has the policy pass, drop or promote, a TAP none"),
            Self::Budget => write!(f, "the budget must be {MIN_BUDGET_MS} to {MAX_BUDGET_MS} ms"),
            Self::Priority => f.write_str("only a GATE has a priority"),
            Self::Rule(bad) => bad.fmt(f),
            Self::Reserved => f.write_str("a reserved byte is not zero"),
        }
    }
}

impl core::error::Error for ConfigError {}

/// The `NetLuid`s behind a [`Configure`], where they lie in the request.
#[derive(Clone, Copy, Debug)]
pub struct Luids<'a>(&'a [U64]);

impl Luids<'_> {
    /// Number of adapters.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Never, once parsed: a configuration names at least one adapter.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The adapters in the order of their interface numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.0.iter().map(|luid| luid.get())
    }
}

impl Configure {
    /// A TAP of both directions with whole frames, immediate reads and the default spill.
    /// `adapter_count` is for who appends the `NetLuid`s.
    pub const fn tap(adapter_count: u32) -> Self {
        Self {
            abi_version: ABI_VERSION,
            flags: 0,
            mode: MODE_TAP,
            directions: Directions::all().bits(),
            snaplen: MAX_SNAPLEN,
            timeout_ms: 0,
            spill_bytes: 0,
            adapter_count,
            policy: POLICY_NONE,
            budget_ms: 0,
            priority: 0,
            rule_count: 0,
            reserved: [0; 16],
        }
    }

    /// A GATE of both directions with whole frames and immediate reads, without rules. `adapter_count` is for who appends
    /// the `NetLuid`s.
    pub const fn gate(adapter_count: u32, policy: u32, budget_ms: u32) -> Self {
        Self { mode: MODE_GATE, policy, budget_ms, ..Self::tap(adapter_count) }
    }

    /// Checks a request's whole input. Nothing else about it needs a check afterwards, except that
    /// the adapters exist.
    ///
    /// The input is copied where a value is used more than once, so `METHOD_BUFFERED` memory that
    /// nobody else writes is what `input` has to be.
    pub fn parse(input: &[u8]) -> Result<(Self, Luids<'_>, &[RuleRecord]), ConfigError> {
        let (config, rest) = Self::read_from_prefix(input).map_err(|_| ConfigError::TooShort)?;
        if config.abi_version != ABI_VERSION {
            return Err(ConfigError::AbiVersion);
        }
        if ConfigureFlags::from_bits(config.flags).is_none() {
            return Err(ConfigError::Flags);
        }
        config.check_mode()?;
        match Directions::from_bits(config.directions) {
            Some(directions) if !directions.is_empty() => {}
            _ => return Err(ConfigError::Directions),
        }
        if !(1..=MAX_SNAPLEN).contains(&config.snaplen) {
            return Err(ConfigError::Snaplen);
        }
        if config.timeout_ms > MAX_TIMEOUT_MS {
            return Err(ConfigError::Timeout);
        }
        if !(1..=MAX_ADAPTERS).contains(&config.adapter_count) {
            return Err(ConfigError::AdapterCount);
        }
        if config.spill_bytes != 0 && !(config.spill_floor()..=MAX_SPILL_BYTES).contains(&config.spill_bytes) {
            return Err(ConfigError::Spill);
        }
        if config.reserved.iter().any(|&byte| byte != 0) {
            return Err(ConfigError::Reserved);
        }
        let luids = config.adapter_count as usize;
        let (luids, rest) = <[U64]>::ref_from_prefix_with_elems(rest, luids).map_err(|_| ConfigError::Length)?;
        let rules = <[RuleRecord]>::ref_from_bytes(rest).map_err(|_| ConfigError::Length)?;
        if rules.len() != config.rule_count as usize {
            return Err(ConfigError::Length);
        }
        let named_before = |(i, luid)| luids.iter().take(i).any(|earlier| earlier == luid);
        if luids.iter().enumerate().any(named_before) {
            return Err(ConfigError::DuplicateAdapter);
        }
        for (index, rule) in rules.iter().enumerate() {
            rule.check().map_err(|fault| ConfigError::Rule(BadRule { index, fault }))?;
        }
        Ok((config, Luids(luids), rules))
    }

    /// What a mode asks of the other fields.
    fn check_mode(&self) -> Result<(), ConfigError> {
        let budget = (MIN_BUDGET_MS..=MAX_BUDGET_MS).contains(&self.budget_ms);
        match self.mode {
            MODE_TAP if self.policy != POLICY_NONE => Err(ConfigError::Policy),
            MODE_TAP if !budget && self.budget_ms != 0 => Err(ConfigError::Budget),
            MODE_TAP if self.priority != 0 => Err(ConfigError::Priority),
            MODE_TAP if self.rule_count != 0 => Err(ConfigError::Rule(BadRule { index: 0, fault: RuleFault::TooMany })),
            MODE_GATE if !matches!(self.policy, POLICY_PASS | POLICY_DROP | POLICY_PROMOTE) => Err(ConfigError::Policy),
            MODE_GATE if !budget => Err(ConfigError::Budget),
            MODE_GATE if self.rule_count as usize > MAX_RULES => {
                Err(ConfigError::Rule(BadRule { index: MAX_RULES, fault: RuleFault::TooMany }))
            }
            MODE_TAP | MODE_GATE => Ok(()),
            _ => Err(ConfigError::Mode),
        }
    }

    /// Bytes of the largest record that this configuration allows, and so of the shortest READ.
    pub const fn largest_record(&self) -> u32 {
        let packet = pcapng::epb_max_len(self.snaplen);
        if packet > pcapng::IDB_MAX_LEN as u32 { packet } else { pcapng::IDB_MAX_LEN as u32 }
    }

    /// Smallest spill other than 0, in bytes: every interface's description and one largest record.
    pub const fn spill_floor(&self) -> u32 {
        let interface = pcapng::IDB_MAX_LEN as u32 + SPILL_RECORD_OVERHEAD;
        self.largest_record() + SPILL_RECORD_OVERHEAD + self.adapter_count * interface
    }

    /// Bytes of spill that the reader gets.
    pub const fn spill_size(&self) -> u32 {
        if self.spill_bytes == 0 { DEFAULT_SPILL_BYTES } else { self.spill_bytes }
    }

    /// The answer to this configuration.
    pub const fn reply(&self) -> ConfigureReply {
        ConfigureReply { needed_read_bytes: self.largest_record(), spill_bytes: self.spill_size(), reserved: [0; 6] }
    }

    /// Bytes of input for so many adapters and rules.
    pub const fn input_len(adapters: usize, rules: usize) -> usize {
        size_of::<Self>() + adapters * size_of::<U64>() + rules * size_of::<RuleRecord>()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn input(change: impl FnOnce(&mut Configure), luids: &[u64]) -> Vec<u8> {
        let mut config = Configure::tap(luids.len() as u32);
        change(&mut config);
        let mut bytes = config.as_bytes().to_vec();
        for luid in luids {
            bytes.extend_from_slice(&luid.to_le_bytes());
        }
        bytes
    }

    fn refusal(change: impl FnOnce(&mut Configure), luids: &[u64]) -> Option<ConfigError> {
        Configure::parse(&input(change, luids)).err()
    }

    #[test]
    fn a_good_request_keeps_its_adapters_in_order() {
        // One byte in, so that nothing relies on alignment.
        let mut bytes = std::vec![0];
        bytes.extend(input(|c| c.snaplen = 96, &[7, 3, u64::MAX]));
        let (config, luids, rules) = Configure::parse(&bytes[1..]).unwrap();
        assert!(rules.is_empty());
        assert_eq!(config.snaplen, 96);
        assert_eq!(luids.iter().collect::<Vec<_>>(), [7, 3, u64::MAX]);
        assert_eq!(config.reply().spill_bytes, DEFAULT_SPILL_BYTES);
    }

    #[test]
    fn each_fault_has_its_own_error() {
        use ConfigError as E;
        assert_eq!(refusal(|c| c.abi_version = 2, &[1]), Some(E::AbiVersion));
        assert_eq!(refusal(|c| c.flags = 2, &[1]), Some(E::Flags));
        assert_eq!(refusal(|c| c.mode = 0, &[1]), Some(E::Mode));
        assert_eq!(refusal(|c| c.mode = 3, &[1]), Some(E::Mode));
        assert_eq!(refusal(|c| c.policy = POLICY_PASS, &[1]), Some(E::Policy));
        assert_eq!(refusal(|c| c.budget_ms = MIN_BUDGET_MS - 1, &[1]), Some(E::Budget));
        assert_eq!(refusal(|c| c.budget_ms = MAX_BUDGET_MS + 1, &[1]), Some(E::Budget));
        assert_eq!(refusal(|c| c.budget_ms = MIN_BUDGET_MS, &[1]), None);
        assert_eq!(refusal(|c| c.priority = 1, &[1]), Some(E::Priority));
        assert!(matches!(refusal(|c| c.rule_count = 1, &[1]), Some(E::Rule(_))));
        let gate = |policy, budget| move |c: &mut Configure| *c = Configure::gate(1, policy, budget);
        assert_eq!(refusal(gate(POLICY_PROMOTE, MAX_BUDGET_MS), &[1]), None);
        assert_eq!(refusal(gate(POLICY_NONE, 100), &[1]), Some(E::Policy));
        assert_eq!(refusal(gate(4, 100), &[1]), Some(E::Policy));
        assert_eq!(refusal(gate(POLICY_DROP, 0), &[1]), Some(E::Budget));
        assert_eq!(refusal(|c| c.directions = 0, &[1]), Some(E::Directions));
        assert_eq!(refusal(|c| c.directions = 4, &[1]), Some(E::Directions));
        assert_eq!(refusal(|c| c.snaplen = 0, &[1]), Some(E::Snaplen));
        assert_eq!(refusal(|c| c.snaplen = MAX_SNAPLEN + 1, &[1]), Some(E::Snaplen));
        assert_eq!(refusal(|c| c.timeout_ms = 101, &[1]), Some(E::Timeout));
        assert_eq!(refusal(|c| c.spill_bytes = 1, &[1]), Some(E::Spill));
        assert_eq!(refusal(|c| c.spill_bytes = MAX_SPILL_BYTES + 1, &[1]), Some(E::Spill));
        assert_eq!(refusal(|c| c.adapter_count = 65, &[1]), Some(E::AdapterCount));
        assert_eq!(refusal(|_| (), &[]), Some(E::AdapterCount));
        assert_eq!(refusal(|c| c.adapter_count = 2, &[1]), Some(E::Length));
        assert_eq!(refusal(|c| c.adapter_count = 1, &[1, 2]), Some(E::Length));
        assert_eq!(refusal(|_| (), &[1, 2, 1]), Some(E::DuplicateAdapter));
        for at in 0..16 {
            assert_eq!(refusal(|c| c.reserved[at] = 1, &[1]), Some(E::Reserved));
        }
    }

    #[test]
    fn a_gates_rules_are_checked_and_follow_its_adapters() {
        let with = |rules: &[RuleRecord]| {
            let count = rules.len() as u32;
            let gate = Configure { rule_count: count, ..Configure::gate(2, POLICY_DROP, 100) };
            let mut bytes = input(|c| *c = gate, &[7, 8]);
            bytes.extend_from_slice(rules.as_bytes());
            bytes
        };
        let rule = RuleRecord::all(crate::rules::RULE_ASK);
        let bytes = with(&[rule, rule]);
        assert_eq!(bytes.len(), Configure::input_len(2, 2));
        assert_eq!(Configure::parse(&bytes).unwrap().2, [rule, rule]);
        assert_eq!(Configure::parse(&bytes[..bytes.len() - 1]).unwrap_err(), ConfigError::Length);
        let bad = BadRule { index: 1, fault: RuleFault::Verdict };
        assert_eq!(Configure::parse(&with(&[rule, RuleRecord::all(0)])).unwrap_err(), ConfigError::Rule(bad));
        let many = std::vec![rule; MAX_RULES + 1];
        let bad = BadRule { index: MAX_RULES, fault: RuleFault::TooMany };
        assert_eq!(Configure::parse(&with(&many)).unwrap_err(), ConfigError::Rule(bad));
        assert_eq!(Configure::parse(&with(&many[1..])).unwrap().2.len(), MAX_RULES);
    }

    #[test]
    fn every_shorter_and_longer_input_is_refused() {
        let bytes = input(|_| (), &[1, 2]);
        for len in 0..bytes.len() {
            let error = Configure::parse(&bytes[..len]).unwrap_err();
            let short = len < size_of::<Configure>();
            assert_eq!(error, if short { ConfigError::TooShort } else { ConfigError::Length });
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(Configure::parse(&longer).unwrap_err(), ConfigError::Length);
    }

    #[test]
    fn the_smallest_spill_is_accepted_and_one_byte_less_is_not() {
        let floor = Configure { snaplen: 64, ..Configure::tap(1) }.spill_floor();
        let with = |bytes| refusal(|c| (c.snaplen, c.spill_bytes) = (64, bytes), &[1]);
        assert_eq!(with(floor), None);
        assert_eq!(with(floor - 1), Some(ConfigError::Spill));
        assert!(Configure::tap(MAX_ADAPTERS).spill_floor() <= DEFAULT_SPILL_BYTES);
    }
}
