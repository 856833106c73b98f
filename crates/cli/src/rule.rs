//! A rule of a gate: as a person writes it, as the driver takes it, and as the program asks it itself.

use std::fmt;
use std::net::IpAddr;

use nblease_client::abi::configure::Directions;
use nblease_client::abi::rules::{
    MATCH_DESTINATION_PORTS, MATCH_PROTOCOL, MATCH_SOURCE_PORTS, MATCH_VLAN, RULE_ASK, RULE_DROP, RULE_PASS, RuleRecord,
};

use crate::answer::Answer;

/// The protocols that have a name in rules.
pub const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", TCP),
    ("udp", UDP),
    ("gre", 47),
    ("esp", 50),
    ("icmp6", 58),
    ("ospf", 89),
    ("sctp", 132),
];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What becomes of a frame that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleVerdict {
    /// The driver decides.
    At(Answer),
    /// The program is asked, and answers this; its default where nothing is said.
    Ask(Option<Answer>),
}

/// Version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 4
    Ip4,
    /// 6
    Ip6,
}

impl Family {
    /// That of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ip4,
            IpAddr::V6(_) => Self::Ip6,
        }
    }

    /// Bits of an address.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ip4 => 32,
            Self::Ip6 => 128,
        }
    }
}

/// For people, in sentences.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip4 => "IPv4",
            Self::Ip6 => "IPv6",
        })
    }
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first of them: its bits behind the prefix are 0.
    pub address: IpAddr,
    /// Bits in which they agree.
    pub prefix: u8,
}

impl Network {
    /// The network that an address is in.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let keep = |bits: u8| u128::MAX.checked_shl(u32::from(bits.saturating_sub(prefix))).unwrap_or(0);
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & keep(32) as u32).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & keep(128)).into()),
        };
        Self { address, prefix }
    }

    /// The address's bytes, with zeros behind those of IPv4.
    fn octets(&self) -> [u8; 16] {
        match self.address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96).to_be_bytes(),
            IpAddr::V6(v6) => v6.octets(),
        }
    }
}

/// A whole address without its prefix.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, prefix } = self;
        if *prefix == Family::of(*address).bits() { address.fmt(f) } else { write!(f, "{address}/{prefix}") }
    }
}

/// Where a packet comes from or goes to. What is absent may be anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Addresses.
    pub network: Option<Network>,
    /// First and last port.
    pub ports: Option<(u16, u16)>,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.network {
            Some(network) => network.fmt(f)?,
            None => f.write_str("any")?,
        }
        match self.ports {
            Some((first, last)) if first == last => write!(f, " port {first}"),
            Some((first, last)) => write!(f, " port {first}-{last}"),
            None => Ok(()),
        }
    }
}

/// One rule. What is absent may be anything, also a frame that is not IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What becomes of a frame that agrees with the rest.
    pub verdict: RuleVerdict,
    /// Which way it goes; at least one.
    pub directions: Directions,
    /// Version of IP, where it is said apart from the addresses.
    pub family: Option<Family>,
    /// IP protocol.
    pub protocol: Option<u8>,
    /// Source.
    pub source: End,
    /// Destination.
    pub destination: End,
    /// Outermost VLAN.
    pub vlan: Option<u16>,
}

impl Rule {
    /// Whether the protocol is one that has ports.
    pub fn may_have_ports(&self) -> bool {
        self.protocol.is_none_or(|protocol| [TCP, UDP].contains(&protocol))
    }

    /// As the driver takes it.
    pub fn record(&self) -> RuleRecord {
        self.record_with(match self.verdict {
            RuleVerdict::At(answer) => record_verdict(answer),
            RuleVerdict::Ask(_) => RULE_ASK,
        })
    }

    /// As the program asks it itself: what it says once it is asked.
    pub fn own_record(&self) -> RuleRecord {
        self.record_with(match self.verdict {
            RuleVerdict::At(answer) | RuleVerdict::Ask(Some(answer)) => record_verdict(answer),
            RuleVerdict::Ask(None) => RULE_ASK,
        })
    }

    fn record_with(&self, verdict: u8) -> RuleRecord {
        let mut matches = 0;
        let mut field = |bit, is_set| matches |= if is_set { bit } else { 0 };
        field(MATCH_PROTOCOL, self.protocol.is_some());
        field(MATCH_VLAN, self.vlan.is_some());
        field(MATCH_SOURCE_PORTS, self.source.ports.is_some());
        field(MATCH_DESTINATION_PORTS, self.destination.ports.is_some());
        let network = |end: &End| end.network.map_or(([0; 16], 0), |network| (network.octets(), network.prefix));
        let ports =
            |end: &End| end.ports.map_or([[0; 2]; 2], |(first, last)| [first.to_le_bytes(), last.to_le_bytes()]);
        let of_address = |end: &End| end.network.map(|network| Family::of(network.address));
        let family = self.family.or(of_address(&self.source)).or(of_address(&self.destination));
        let (source, source_prefix) = network(&self.source);
        let (destination, destination_prefix) = network(&self.destination);
        RuleRecord {
            directions: self.directions.bits() as u8,
            matches,
            family: match family {
                None => 0,
                Some(Family::Ip4) => 4,
                Some(Family::Ip6) => 6,
            },
            protocol: self.protocol.unwrap_or(0),
            source_prefix,
            destination_prefix,
            vlan: self.vlan.unwrap_or(0).to_le_bytes(),
            source_ports: ports(&self.source),
            destination_ports: ports(&self.destination),
            source,
            destination,
            ..RuleRecord::all(verdict)
        }
    }
}

const fn record_verdict(answer: Answer) -> u8 {
    match answer {
        Answer::Pass => RULE_PASS,
        Answer::Drop => RULE_DROP,
    }
}

/// As a rules file has it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            RuleVerdict::At(answer) => answer.fmt(f)?,
            RuleVerdict::Ask(_) => f.write_str("ask")?,
        }
        if self.directions == Directions::IN {
            f.write_str(" in")?;
        } else if self.directions == Directions::OUT {
            f.write_str(" out")?;
        }
        match self.family {
            Some(Family::Ip4) => f.write_str(" ip4")?,
            Some(Family::Ip6) => f.write_str(" ip6")?,
            None => {}
        }
        if let Some(protocol) = self.protocol {
            match PROTOCOLS.iter().find(|(_, number)| *number == protocol) {
                Some((name, _)) => write!(f, " {name}")?,
                None => write!(f, " protocol {protocol}")?,
            }
        }
        for (word, end) in [("from", &self.source), ("to", &self.destination)] {
            if *end != End::default() {
                write!(f, " {word} {end}")?;
            }
        }
        if let Some(vlan) = self.vlan {
            write!(f, " vlan {vlan}")?;
        }
        match self.verdict {
            RuleVerdict::Ask(Some(answer)) => write!(f, " then {answer}"),
            RuleVerdict::At(_) | RuleVerdict::Ask(None) => Ok(()),
        }
    }
}
