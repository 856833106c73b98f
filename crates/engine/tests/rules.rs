//! Rules against a plain reading of what they say.

use std::net::IpAddr;

use nblease_engine::flow::{Headers, Ports, Tuple};
use nblease_engine::reader::Direction;
use nblease_engine::rules::*;
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

fn headers(source: &str, destination: &str, protocol: u8, ports: Option<(u16, u16)>) -> Headers {
    let ports = ports.map(|(source, destination)| Ports { source, destination });
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    Headers {
        vlan: None,
        ethertype: Some(0x0800),
        tuple: Some(Tuple { source, destination, protocol: Some(protocol), ports }),
    }
}

fn address(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    match text.parse().unwrap() {
        IpAddr::V4(v4) => bytes[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => bytes.copy_from_slice(&v6.octets()),
    }
    bytes
}

fn from(family: u8, source: &str, source_prefix: u8) -> RuleRecord {
    RuleRecord { family, source: address(source), source_prefix, ..RuleRecord::all(RULE_DROP) }
}

fn matches(rule: RuleRecord, tag: Option<u16>, headers: &Headers) -> bool {
    RuleTable::new([rule]).unwrap().judge(Direction::Out, tag, headers) == RuleVerdict::Drop
}

#[test]
fn a_prefix_matches_to_the_bit() {
    for (rule, source, expected) in [
        (from(4, "10.1.2.0", 23), "10.1.3.255", true),
        (from(4, "10.1.2.0", 23), "10.1.4.0", false),
        (from(4, "10.1.2.3", 32), "10.1.2.3", true),
        (from(4, "10.1.2.3", 32), "10.1.2.2", false),
        (from(4, "128.0.0.0", 1), "255.0.0.0", true),
        (from(4, "128.0.0.0", 1), "127.0.0.0", false),
        (from(4, "0.0.0.0", 0), "1.2.3.4", true),
    ] {
        assert_eq!(matches(rule, None, &headers(source, "1.1.1.1", 6, None)), expected, "{rule:?} {source}");
    }
    for (rule, source, expected) in [
        (from(6, "fe80::", 10), "febf::1", true),
        (from(6, "fe80::", 10), "fec0::1", false),
        (from(6, "::1", 128), "::1", true),
        (from(6, "::1", 128), "::2", false),
        (from(4, "0.0.0.0", 0), "::1", false),
        (RuleRecord::all(RULE_DROP), "::1", true),
    ] {
        assert_eq!(matches(rule, None, &headers(source, "::9", 6, None)), expected, "{rule:?} {source}");
    }
}

#[test]
fn a_tag_beside_the_frame_is_the_outermost() {
    let rule = RuleRecord { matches: MATCH_VLAN, vlan: 5_u16.to_le_bytes(), ..RuleRecord::all(RULE_DROP) };
    let inner = Headers { vlan: Some(5), ..Headers::default() };
    assert!(matches(rule, None, &inner));
    assert!(matches(rule, Some(0xE005), &Headers::default()));
    assert!(!matches(rule, Some(0xE006), &inner));
    assert!(!matches(rule, None, &Headers::default()));
}

#[test]
fn ports_need_ports() {
    let rule = RuleRecord {
        matches: MATCH_DESTINATION_PORTS,
        destination_ports: [80_u16.to_le_bytes(), 88_u16.to_le_bytes()],
        ..RuleRecord::all(RULE_DROP)
    };
    for (port, expected) in [(79, false), (80, true), (88, true), (89, false)] {
        assert_eq!(matches(rule, None, &headers("1.1.1.1", "2.2.2.2", 17, Some((80, port)))), expected);
    }
    assert!(!matches(rule, None, &headers("1.1.1.1", "2.2.2.2", 17, None)), "a fragment");
    assert!(!matches(rule, None, &Headers::default()));
    assert!(matches(RuleRecord::all(RULE_DROP), None, &Headers::default()));
}

#[test]
fn each_fault_is_named_with_its_rule() {
    let all = RuleRecord::all(RULE_PASS);
    let two = 2_u16.to_le_bytes();
    for (rule, fault) in [
        (RuleRecord { verdict: 0, ..all }, RuleFault::Verdict),
        (RuleRecord { verdict: 4, ..all }, RuleFault::Verdict),
        (RuleRecord { directions: 0, ..all }, RuleFault::Directions),
        (RuleRecord { directions: 4, ..all }, RuleFault::Directions),
        (RuleRecord { matches: 16, ..all }, RuleFault::Matches),
        (RuleRecord { protocol: 6, ..all }, RuleFault::Matches),
        (RuleRecord { vlan: two, ..all }, RuleFault::Matches),
        (RuleRecord { source_ports: [[0; 2], two], ..all }, RuleFault::Matches),
        (RuleRecord { destination_ports: [[0; 2], two], ..all }, RuleFault::Matches),
        (RuleRecord { family: 5, ..all }, RuleFault::Family),
        (RuleRecord { source_prefix: 1, ..all }, RuleFault::Family),
        (RuleRecord { family: 4, source_prefix: 33, ..all }, RuleFault::Prefix),
        (RuleRecord { family: 6, destination_prefix: 129, ..all }, RuleFault::Prefix),
        (RuleRecord { family: 4, source: [1; 16], source_prefix: 32, ..all }, RuleFault::Prefix),
        (RuleRecord { source: [1; 16], ..all }, RuleFault::Prefix),
        (RuleRecord { matches: MATCH_SOURCE_PORTS, source_ports: [two, [1, 0]], ..all }, RuleFault::Ports),
        (RuleRecord { matches: MATCH_VLAN, vlan: [0, 16], ..all }, RuleFault::Vlan),
        (RuleRecord { reserved: 1, ..all }, RuleFault::Reserved),
        (RuleRecord { reserved_end: [1; 14], ..all }, RuleFault::Reserved),
    ] {
        assert_eq!(RuleTable::new([all, rule]).unwrap_err(), BadRule { index: 1, fault }, "{rule:?}");
    }
    let many = vec![all; MAX_RULES + 1];
    assert!(RuleTable::new(&many[1..]).is_ok());
    assert_eq!(RuleTable::new(many).unwrap_err(), BadRule { index: MAX_RULES, fault: RuleFault::TooMany });
    assert_eq!(size_of::<RuleRecord>(), 64);
}

/// Rules and frames over a few values, so that they meet.
fn rule() -> impl Strategy<Value = RuleRecord> {
    let fields = (1..=3_u8, 1..=3_u8, 0..=15_u8, prop::sample::select(vec![0_u8, 4]));
    let values = (0..2_u8, 0..=32_u8, 0..=32_u8, 0..2_u16, [0..4_u16, 0..4], [0..4_u16, 0..4]);
    (fields, values, any::<[u32; 2]>()).prop_map(|(fields, values, addresses)| {
        let (verdict, directions, matches, family) = fields;
        let (protocol, source_prefix, destination_prefix, vlan, mut source, mut destination) = values;
        source.sort_unstable();
        destination.sort_unstable();
        let masked = |address: u32, prefix: u8| {
            let mut bytes = [0; 16];
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            // Two addresses, of which any prefix is a prefix of one that frames have.
            let address = if address.is_multiple_of(2) { 0x0A00_0001 } else { 0x0A00_00FF };
            bytes[..4].copy_from_slice(&(address & mask).to_be_bytes());
            bytes
        };
        let when = |bit, value: [u16; 2]| if matches & bit == 0 { [[0; 2]; 2] } else { value.map(u16::to_le_bytes) };
        let prefix = |prefix| if family == 0 { 0 } else { prefix };
        let [source_prefix, destination_prefix] = [source_prefix, destination_prefix].map(prefix);
        RuleRecord {
            directions,
            matches,
            family,
            protocol: if matches & MATCH_PROTOCOL == 0 { 0 } else { protocol },
            source_prefix,
            destination_prefix,
            vlan: when(MATCH_VLAN, [vlan; 2])[0],
            source_ports: when(MATCH_SOURCE_PORTS, source),
            destination_ports: when(MATCH_DESTINATION_PORTS, destination),
            source: masked(addresses[0], source_prefix),
            destination: masked(addresses[1], destination_prefix),
            ..RuleRecord::all(verdict)
        }
    })
}

fn frame() -> impl Strategy<Value = (Direction, Option<u16>, Headers)> {
    let address = prop::sample::select(vec!["10.0.0.1", "10.0.0.255", "10.0.1.0", "::1"]);
    let tuple = (address.clone(), address, prop::option::of(0..2_u8), prop::option::of((0..4_u16, 0..4_u16))).prop_map(
        |(source, destination, protocol, ports)| Tuple {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol,
            ports: ports.map(|(source, destination)| Ports { source, destination }),
        },
    );
    let headers = (prop::option::of(0..2_u16), prop::option::weighted(0.9, tuple)).prop_map(|(vlan, tuple)| Headers {
        vlan,
        ethertype: None,
        tuple,
    });
    let direction = prop::sample::select(vec![Direction::In, Direction::Out]);
    (direction, prop::option::of(prop::sample::select(vec![0xA000_u16, 0x0001])), headers)
}

fn says(rule: &RuleRecord, direction: Direction, tag: Option<u16>, headers: &Headers) -> bool {
    let number = u16::from_le_bytes;
    let vlan = tag.map(|tci| tci % 4096).or(headers.vlan);
    let tuple = headers.tuple.as_ref();
    let on = |bit| rule.matches & bit != 0;
    let bits = |bytes: &[u8]| -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 != 0)).collect()
    };
    let starts = |rule: &[u8; 16], prefix: u8, address: IpAddr| {
        let address = match address {
            IpAddr::V4(v4) => bits(&v4.octets()),
            IpAddr::V6(v6) => bits(&v6.octets()),
        };
        address.starts_with(&bits(rule)[..prefix.into()])
    };
    let family = |tuple: &Tuple| match tuple.source {
        _ if tuple.source.is_ipv4() != tuple.destination.is_ipv4() => None,
        IpAddr::V4(_) => Some(4),
        IpAddr::V6(_) => Some(6),
    };
    let port = |range: [[u8; 2]; 2], port: Option<u16>| {
        port.is_some_and(|port| number(range[0]) <= port && port <= number(range[1]))
    };
    let ports = tuple.and_then(|tuple| tuple.ports);
    rule.directions & if direction == Direction::In { RULE_IN } else { RULE_OUT } != 0
        && (!on(MATCH_VLAN) || vlan == Some(number(rule.vlan)))
        && (!on(MATCH_PROTOCOL) || tuple.is_some_and(|tuple| tuple.protocol == Some(rule.protocol)))
        && (!on(MATCH_SOURCE_PORTS) || port(rule.source_ports, ports.map(|p| p.source)))
        && (!on(MATCH_DESTINATION_PORTS) || port(rule.destination_ports, ports.map(|p| p.destination)))
        && (rule.family == 0
            || tuple.is_some_and(|tuple| {
                family(tuple) == Some(rule.family)
                    && starts(&rule.source, rule.source_prefix, tuple.source)
                    && starts(&rule.destination, rule.destination_prefix, tuple.destination)
            }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_first_that_matches_decides(
        rules in prop::collection::vec(rule(), 0..8),
        frames in prop::collection::vec(frame(), 1..8),
    ) {
        let table = RuleTable::new(&rules).unwrap();
        for (direction, tag, headers) in frames {
            let first = rules.iter().find(|rule| says(rule, direction, tag, &headers));
            let expected = match first.map(|rule| rule.verdict) {
                Some(RULE_PASS) => RuleVerdict::Pass,
                Some(RULE_DROP) => RuleVerdict::Drop,
                _ => RuleVerdict::Ask,
            };
            prop_assert_eq!(table.judge(direction, tag, &headers), expected);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_judged(bytes in any::<[[u8; 32]; 2]>(), (direction, tag, headers) in frame()) {
        let rule = RuleRecord::read_from_bytes(bytes.as_bytes()).unwrap();
        if let Ok(table) = RuleTable::new([rule]) {
            table.judge(direction, tag, &headers);
        }
    }
}
