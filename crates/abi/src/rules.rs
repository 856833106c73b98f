//! Rules that a GATE carries: they decide about frames in the kernel, so that most never wait for a program. They are
//! matched in order, the first that matches decides, and where none does the reader is asked.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Most rules of a reader.
pub const MAX_RULES: usize = 1024;

/// [`RuleRecord`]'s `verdict`: the frame goes on without the reader.
pub const RULE_PASS: u8 = 1;
/// [`RuleRecord`]'s `verdict`: the frame is dropped.
pub const RULE_DROP: u8 = 2;
/// [`RuleRecord`]'s `verdict`: the reader is asked.
pub const RULE_ASK: u8 = 3;

/// [`RuleRecord`]'s `matches`: the IP protocol is `protocol`.
pub const MATCH_PROTOCOL: u8 = 1;
/// [`RuleRecord`]'s `matches`: the outermost VLAN is `vlan`.
pub const MATCH_VLAN: u8 = 2;
/// [`RuleRecord`]'s `matches`: the source port lies in `source_ports`.
pub const MATCH_SOURCE_PORTS: u8 = 4;
/// [`RuleRecord`]'s `matches`: the destination port lies in `destination_ports`.
pub const MATCH_DESTINATION_PORTS: u8 = 8;
const MATCH_ALL: u8 = MATCH_PROTOCOL | MATCH_VLAN | MATCH_SOURCE_PORTS | MATCH_DESTINATION_PORTS;

/// [`RuleRecord`]'s `directions`: received frames.
pub const RULE_IN: u8 = 1;
/// [`RuleRecord`]'s `directions`: sent frames.
pub const RULE_OUT: u8 = 2;

/// One rule as a program hands it over: 64 bytes, numbers little-endian. What a rule does not
/// match on is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RuleRecord {
    /// `RULE_PASS`, `RULE_DROP` or `RULE_ASK`.
    pub verdict: u8,
    /// `RULE_IN`, `RULE_OUT` or both.
    pub directions: u8,
    /// `MATCH_*`: which of the fields below a frame has to agree with.
    pub matches: u8,
    /// 4 or 6: an IP packet of this version; 0: any frame, and then both prefixes are 0.
    pub family: u8,
    /// IP protocol number.
    pub protocol: u8,
    /// Leading bits of `source` that a frame has to agree with: up to 32 or 128.
    pub source_prefix: u8,
    /// The same for `destination`.
    pub destination_prefix: u8,
    /// 0.
    pub reserved: u8,
    /// VLAN number, below 4,096.
    pub vlan: [u8; 2],
    /// First and last source port.
    pub source_ports: [[u8; 2]; 2],
    /// First and last destination port.
    pub destination_ports: [[u8; 2]; 2],
    /// Source address, in network order from the first byte; bits behind the prefix are 0.
    pub source: [u8; 16],
    /// Destination address, likewise.
    pub destination: [u8; 16],
    /// 0.
    pub reserved_end: [u8; 14],
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleFault {
    /// An unknown verdict.
    Verdict,
    /// No direction, or an unknown one.
    Directions,
    /// Unknown bits in `matches`, or a field that is set and not matched on.
    Matches,
    /// Neither 0, 4 nor 6, or 0 with an address.
    Family,
    /// A prefix longer than an address, or address bits behind it.
    Prefix,
    /// First above last.
    Ports,
    /// Above 4,095.
    Vlan,
    /// Reserved bytes that are not 0.
    Reserved,
    /// More than [`MAX_RULES`]; said of the first one too many.
    TooMany,
}

/// A rule that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRule {
    /// Its place in the table.
    pub index: usize,
    /// What is wrong with it.
    pub fault: RuleFault,
}

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            RuleFault::Verdict => "its verdict is unknown",
            RuleFault::Directions => "it has no direction, or an unknown one",
            RuleFault::Matches => "a field is set that it does not match on, or it matches on an unknown one",
            RuleFault::Family => "its family is neither 4 nor 6, or there is none and it has an address",
            RuleFault::Prefix => "a prefix is longer than an address, or the address has bits behind it",
            RuleFault::Ports => "a range of ports ends before it starts",
            RuleFault::Vlan => "its VLAN is above 4095",
            RuleFault::Reserved => "a reserved byte is not zero",
            RuleFault::TooMany => "there may not be so many",
        };
        write!(f, "rule {}: {fault}", self.index + 1)
    }
}

/// First and last port of a range.
pub const fn ports(range: [[u8; 2]; 2]) -> (u16, u16) {
    let [first, last] = range;
    (u16::from_le_bytes(first), u16::from_le_bytes(last))
}

/// Whether all bits behind the first `prefix` are 0.
fn is_masked(address: &[u8; 16], prefix: u8) -> bool {
    let bits = u128::from_be_bytes(*address);
    bits.checked_shl(prefix.into()).unwrap_or(0) == 0
}

impl RuleRecord {
    /// A rule that matches every frame.
    pub const fn all(verdict: u8) -> Self {
        Self {
            verdict,
            directions: RULE_IN | RULE_OUT,
            matches: 0,
            family: 0,
            protocol: 0,
            source_prefix: 0,
            destination_prefix: 0,
            reserved: 0,
            vlan: [0; 2],
            source_ports: [[0; 2]; 2],
            destination_ports: [[0; 2]; 2],
            source: [0; 16],
            destination: [0; 16],
            reserved_end: [0; 14],
        }
    }

    /// Whether `matches` has this bit.
    pub const fn has(&self, bit: u8) -> bool {
        self.matches & bit != 0
    }

    /// Checks everything about the rule.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), RuleFault> {
        let longest = match self.family {
            0 => 0,
            4 => 32,
            6 => 128,
            _ => return Err(RuleFault::Family),
        };
        let vlan = u16::from_le_bytes(self.vlan);
        let (source, destination) = (ports(self.source_ports), ports(self.destination_ports));
        let unused = |bit, is_zero: bool| !self.has(bit) && !is_zero;
        if !matches!(self.verdict, RULE_PASS | RULE_DROP | RULE_ASK) {
            Err(RuleFault::Verdict)
        } else if self.directions == 0 || self.directions & !(RULE_IN | RULE_OUT) != 0 {
            Err(RuleFault::Directions)
        } else if self.matches & !MATCH_ALL != 0
            || unused(MATCH_PROTOCOL, self.protocol == 0)
            || unused(MATCH_VLAN, vlan == 0)
            || unused(MATCH_SOURCE_PORTS, source == (0, 0))
            || unused(MATCH_DESTINATION_PORTS, destination == (0, 0))
        {
            Err(RuleFault::Matches)
        } else if self.source_prefix.max(self.destination_prefix) > longest {
            Err(if self.family == 0 { RuleFault::Family } else { RuleFault::Prefix })
        } else if !is_masked(&self.source, self.source_prefix) || !is_masked(&self.destination, self.destination_prefix)
        {
            Err(RuleFault::Prefix)
        } else if source.0 > source.1 || destination.0 > destination.1 {
            Err(RuleFault::Ports)
        } else if vlan > 0x0FFF {
            Err(RuleFault::Vlan)
        } else if self.reserved != 0 || self.reserved_end != [0; 14] {
            Err(RuleFault::Reserved)
        } else {
            Ok(())
        }
    }
}
