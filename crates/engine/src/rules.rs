//! The rules of a GATE, asked about a frame: the first that matches decides, and where none does the reader is asked.

use core::net::IpAddr;

use nblease_abi::rules::ports;
pub use nblease_abi::rules::{
    BadRule, MATCH_DESTINATION_PORTS, MATCH_PROTOCOL, MATCH_SOURCE_PORTS, MATCH_VLAN, MAX_RULES, RULE_ASK, RULE_DROP,
    RULE_IN, RULE_OUT, RULE_PASS, RuleFault, RuleRecord,
};

use crate::flow::Headers;
use crate::reader::Direction;

/// What the rules say about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleVerdict {
    /// It goes on, as far as this reader is concerned.
    Pass,
    /// It is dropped.
    Drop,
    /// The reader is asked.
    Ask,
}

/// Whether the first `prefix` bits of two addresses agree.
fn agrees(rule: &[u8], prefix: u8, address: &[u8]) -> bool {
    let (whole, rest) = (usize::from(prefix / 8), prefix % 8);
    let mask = !(0xFF_u8.checked_shr(rest.into()).unwrap_or(0));
    rule.iter().zip(address).take(whole).all(|(a, b)| a == b)
        && match (rule.get(whole), address.get(whole)) {
            (Some(a), Some(b)) => (a ^ b) & mask == 0,
            _ => true,
        }
}

/// Whether a frame is one that a rule is about.
fn is_match(rule: &RuleRecord, direction: Direction, vlan: Option<u16>, headers: &Headers) -> bool {
    let bit = match direction {
        Direction::In => RULE_IN,
        Direction::Out => RULE_OUT,
    };
    if rule.directions & bit == 0 || rule.has(MATCH_VLAN) && vlan != Some(u16::from_le_bytes(rule.vlan)) {
        return false;
    }
    let ip = rule.matches & !MATCH_VLAN != 0 || rule.family != 0;
    let Some(tuple) = &headers.tuple else {
        return !ip;
    };
    let addresses = match (rule.family, tuple.source, tuple.destination) {
        (0, _, _) => true,
        (4, IpAddr::V4(source), IpAddr::V4(destination)) => {
            agrees(&rule.source, rule.source_prefix, &source.octets())
                && agrees(&rule.destination, rule.destination_prefix, &destination.octets())
        }
        (6, IpAddr::V6(source), IpAddr::V6(destination)) => {
            agrees(&rule.source, rule.source_prefix, &source.octets())
                && agrees(&rule.destination, rule.destination_prefix, &destination.octets())
        }
        _ => false,
    };
    let within = |bit, range, port: Option<u16>| {
        let (first, last) = ports(range);
        !rule.has(bit) || port.is_some_and(|port| (first..=last).contains(&port))
    };
    addresses
        && (!rule.has(MATCH_PROTOCOL) || tuple.protocol == Some(rule.protocol))
        && within(MATCH_SOURCE_PORTS, rule.source_ports, tuple.ports.map(|p| p.source))
        && within(MATCH_DESTINATION_PORTS, rule.destination_ports, tuple.ports.map(|p| p.destination))
}

/// Rules that have been checked, over memory of the driver's.
#[derive(Clone, Debug)]
pub struct RuleTable<S>(S);

impl<S: AsRef<[RuleRecord]>> RuleTable<S> {
    /// Checks every rule. Memory that nobody else writes is what `rules` has to be.
    pub fn new(rules: S) -> Result<Self, BadRule> {
        for (index, rule) in rules.as_ref().iter().enumerate() {
            let checked = if index < MAX_RULES { rule.check() } else { Err(RuleFault::TooMany) };
            checked.map_err(|fault| BadRule { index, fault })?;
        }
        Ok(Self(rules))
    }

    /// What the first rule that matches says. `tag` is the VLAN tag's 16 bits where it is kept
    /// beside the frame; it is the outermost then.
    ///
    /// A rule on ports matches no fragment, and a rule on addresses, protocol or ports no frame
    /// other than IP: what must not slip through is better dropped or asked about by a last rule.
    pub fn judge(&self, direction: Direction, tag: Option<u16>, headers: &Headers) -> RuleVerdict {
        let vlan = tag.map(|tci| tci & 0x0FFF).or(headers.vlan);
        match self.0.as_ref().iter().find(|rule| is_match(rule, direction, vlan, headers)).map(|rule| rule.verdict) {
            Some(RULE_PASS) => RuleVerdict::Pass,
            Some(RULE_DROP) => RuleVerdict::Drop,
            _ => RuleVerdict::Ask,
        }
    }
}
