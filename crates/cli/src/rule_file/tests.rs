//! Rules read, printed, and refused.

use nblease_client::abi::rules::{
    MATCH_DESTINATION_PORTS, MATCH_PROTOCOL, MATCH_SOURCE_PORTS, MATCH_VLAN, RULE_ASK, RULE_DROP, RULE_IN, RULE_OUT,
    RULE_PASS, RuleRecord,
};
use proptest::option;
use proptest::prelude::*;

use super::*;

/// The driver's form of the one rule in `text`.
fn record(text: &str) -> RuleRecord {
    let rules = parse(text).unwrap();
    assert_eq!(rules.len(), 1, "{text}");
    rules[0].record()
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_rule_with_all_its_parts() {
    let expected = RuleRecord {
        directions: RULE_OUT,
        matches: MATCH_PROTOCOL | MATCH_VLAN | MATCH_SOURCE_PORTS | MATCH_DESTINATION_PORTS,
        family: 4,
        protocol: 6,
        source_prefix: 32,
        destination_prefix: 8,
        vlan: [5, 0],
        source_ports: [[53, 0], [53, 0]],
        destination_ports: [[80, 0], [0, 1]],
        source: [192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        destination: [10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ..RuleRecord::all(RULE_DROP)
    };
    assert_eq!(record("drop out ip4 tcp from 192.0.2.1 port 53 to 10.0.0.0/8 port 80-256 vlan 5"), expected);
}

#[test]
fn what_is_absent_may_be_anything() {
    for (text, verdict) in [("pass", RULE_PASS), ("drop", RULE_DROP), ("ask", RULE_ASK), ("ask then drop", RULE_ASK)] {
        assert_eq!(record(text), RuleRecord::all(verdict));
    }
    assert_eq!(record("pass in"), RuleRecord { directions: RULE_IN, ..RuleRecord::all(RULE_PASS) });
    assert_eq!(record("pass ip6"), RuleRecord { family: 6, ..RuleRecord::all(RULE_PASS) });
    assert_eq!(record("pass from any to any"), RuleRecord::all(RULE_PASS));
    let any_of_4 = RuleRecord { family: 4, ..RuleRecord::all(RULE_PASS) };
    assert_eq!(record("pass from 0.0.0.0/0"), any_of_4);
    let udp = RuleRecord { protocol: 17, matches: MATCH_PROTOCOL, ..RuleRecord::all(RULE_PASS) };
    assert_eq!((record("pass udp"), record("pass protocol 17")), (udp, udp));
    let zero = RuleRecord { matches: MATCH_VLAN | MATCH_PROTOCOL, ..RuleRecord::all(RULE_PASS) };
    assert_eq!(record("pass protocol 0 vlan 0"), zero);
    let v6 = record("pass to fe80::/10");
    assert_eq!((v6.family, v6.destination_prefix, v6.destination[..2].to_vec()), (6, 10, vec![0xFE, 0x80]));
}

#[test]
fn what_the_program_says_once_it_is_asked() {
    let own = |text| parse(text).unwrap()[0].own_record().verdict;
    let texts = ["pass", "drop", "ask", "ask then pass", "ask then drop"];
    assert_eq!(texts.map(own), [RULE_PASS, RULE_DROP, RULE_ASK, RULE_PASS, RULE_DROP]);
}

#[test]
fn lines_without_a_rule_are_passed_over() {
    let text = "\u{FEFF}# all\r\n\r\n  \t\npass in # received\r\n\tdrop#out\n";
    let rules = parse(text).unwrap();
    assert_eq!(rules.iter().map(Rule::to_string).collect::<Vec<_>>(), ["pass in", "drop"]);
    assert_eq!(parse(""), Ok(Vec::new()));
}

#[test]
fn every_fault_names_its_place_and_what_was_expected() {
    let cases = [
        ("allow", "1:1: expected pass, drop or ask, found \"allow\""),
        ("# one\n\n  Drop in", "3:3: expected pass, drop or ask, found \"Drop\""),
        ("pass up", "1:6: expected in, out, ip4, ip6, a protocol, from, to, vlan or the end of the line, found \"up\""),
        ("pass in out", "1:9: expected ip4, ip6, a protocol, from, to, vlan or the end of the line, found \"out\""),
        ("pass ip4 ip6", "1:10: expected a protocol, from, to, vlan or the end of the line, found \"ip6\""),
        ("pass tcp udp", "1:10: expected from, to, vlan or the end of the line, found \"udp\""),
        ("pass tcp in", "1:10: expected from, to, vlan or the end of the line, found \"in\""),
        ("pass protocol", "1:14: expected the number of a protocol, 0 to 255, found the end of the line"),
        ("pass protocol 256", "1:15: expected the number of a protocol, 0 to 255, found \"256\""),
        ("pass protocol tcp", "1:15: expected the number of a protocol, 0 to 255, found \"tcp\""),
        ("pass from # any", "1:10: expected an address, a network or any, found the end of the line"),
        ("pass from", "1:10: expected an address, a network or any, found the end of the line"),
        ("pass from port 5", "1:11: expected an address, a network or any, found \"port\""),
        ("pass to 10.0.0", "1:9: expected an address, a network or any, found \"10.0.0\""),
        ("pass to 10.0.0.256", "1:9: expected an address, a network or any, found \"10.0.0.256\""),
        ("pass to 10.0.0.0/", "1:18: expected a prefix of 0 to 32 bits, found \"\""),
        ("pass to 10.0.0.0/33", "1:18: expected a prefix of 0 to 32 bits, found \"33\""),
        ("pass to fe80::/129", "1:16: expected a prefix of 0 to 128 bits, found \"129\""),
        ("pass to fe80::/+9", "1:16: expected a prefix of 0 to 128 bits, found \"+9\""),
        ("pass to 10.1.0.0/8", "1:9: \"10.1.0.0/8\" has bits behind its prefix; the network is 10.0.0.0/8"),
        ("pass to fe80::1/64", "1:9: \"fe80::1/64\" has bits behind its prefix; the network is fe80::/64"),
        ("pass from any from any", "1:15: expected port, to, vlan or the end of the line, found \"from\""),
        ("pass from any port 5 port", "1:22: expected to, vlan or the end of the line, found \"port\""),
        ("pass to any from any", "1:13: expected port, vlan or the end of the line, found \"from\""),
        ("pass from ::1 to 10.0.0.1", "1:18: \"10.0.0.1\" is IPv4, and the rule is about IPv6"),
        ("pass ip4 to ::1", "1:13: \"::1\" is IPv6, and the rule is about IPv4"),
        ("pass to any port", "1:17: expected a port or a range of ports, as 80 or 80-90, found the end of the line"),
        ("pass to any port x", "1:18: expected a port or a range of ports, as 80 or 80-90, found \"x\""),
        ("pass to any port 80-", "1:18: expected a port or a range of ports, as 80 or 80-90, found \"80-\""),
        ("pass to any port 1-2-3", "1:18: expected a port or a range of ports, as 80 or 80-90, found \"1-2-3\""),
        ("pass to any port 65536", "1:18: expected a port or a range of ports, as 80 or 80-90, found \"65536\""),
        ("pass to any port 90-80", "1:18: the range \"90-80\" ends before it starts"),
        ("pass icmp to any port 7", "1:18: only tcp and udp have ports"),
        ("pass protocol 132 from any port 7", "1:28: only tcp and udp have ports"),
        ("pass vlan", "1:10: expected the number of a VLAN, 0 to 4095, found the end of the line"),
        ("pass vlan 4096", "1:11: expected the number of a VLAN, 0 to 4095, found \"4096\""),
        ("pass vlan 5 5", "1:13: expected the end of the line, found \"5\""),
        ("pass vlan 5 then drop", "1:13: expected the end of the line, found \"then\""),
        ("ask vlan 5 5", "1:12: expected then or the end of the line, found \"5\""),
        ("ask then", "1:9: expected pass or drop, found the end of the line"),
        ("ask then ask", "1:10: expected pass or drop, found \"ask\""),
        ("ask then drop then", "1:15: expected the end of the line, found \"then\""),
        // Characters are counted, not bytes.
        ("pass\u{3000}to grüße", "1:9: expected an address, a network or any, found \"grüße\""),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn there_are_only_so_many() {
    let text = "pass\n".repeat(MAX_RULES);
    assert_eq!(parse(&text).unwrap().len(), MAX_RULES);
    assert_eq!(error(&format!("{text}\n # one more\n drop")), "1027:2: there may be 1024 rules at most");
}

fn network(family: Family) -> BoxedStrategy<Network> {
    match family {
        Family::Ip4 => (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(a, prefix)| Network::around(a.into(), prefix)).boxed(),
        Family::Ip6 => {
            (any::<[u8; 16]>(), 0..=128_u8).prop_map(|(a, prefix)| Network::around(a.into(), prefix)).boxed()
        }
    }
}

fn ends(family: Family, has_ports: bool) -> impl Strategy<Value = End> {
    let network = option::of(network(family));
    let ports = (any::<u16>(), any::<u16>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let ports = option::of(ports).prop_map(move |ports| ports.filter(|_| has_ports));
    (network, ports).prop_map(|(network, ports)| End { network, ports })
}

/// Any rule that can be written.
fn rules() -> impl Strategy<Value = Rule> {
    let answer = prop_oneof![Just(Answer::Pass), Just(Answer::Drop)];
    let verdict = prop_oneof![answer.clone().prop_map(RuleVerdict::At), option::of(answer).prop_map(RuleVerdict::Ask),];
    let directions = prop_oneof![Just(Directions::IN), Just(Directions::OUT), Just(Directions::all())];
    let family = prop_oneof![Just(Family::Ip4), Just(Family::Ip6)];
    let protocol = option::of(prop_oneof![Just(6), Just(17), any::<u8>()]);
    (verdict, directions, family, any::<bool>(), protocol, option::of(0..=4095_u16)).prop_flat_map(
        |(verdict, directions, family, is_said, protocol, vlan)| {
            let any = End::default();
            let head = Rule {
                verdict,
                directions,
                family: is_said.then_some(family),
                protocol,
                source: any,
                destination: any,
                vlan,
            };
            let ends = || ends(family, head.may_have_ports());
            (ends(), ends()).prop_map(move |(source, destination)| Rule { source, destination, ..head })
        },
    )
}

/// Words of rules, and others.
const WORDS: &str = "pass|drop|ask|in|ip4|tcp|from|to|any|port|vlan|then|10\\.0\\.0\\.0/8|[0-9-]{1,5}|\n|#|\\PC{0,6}";

proptest! {
    #[test]
    fn a_rule_is_read_as_it_is_printed(rules in prop::collection::vec(rules(), 0..5)) {
        let text = rules.iter().map(Rule::to_string).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(parse(&text), Ok(rules), "{}", text);
    }

    #[test]
    fn the_driver_takes_every_rule(rule in rules()) {
        prop_assert_eq!(rule.record().check(), Ok(()), "{}", rule);
        prop_assert_eq!(rule.own_record().check(), Ok(()), "{}", rule);
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(
        words in prop::collection::vec(WORDS, 0..20)
    ) {
        let text = words.join(" ");
        if let Err(error) = parse(&text) {
            let line = text.lines().nth(error.line - 1).expect("a line of the text");
            prop_assert!((1..=line.chars().count() + 1).contains(&error.fault.column), "{}: {}", text, error);
        }
    }
}
