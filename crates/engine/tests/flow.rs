//! Headers of frames that are well formed, cut short, or arbitrary bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nblease_engine::flow::{FlowIdentity, FlowSecret, HEADER_PREFIX, Headers, Ports, Tuple};
use nblease_engine::reader::Direction;
use proptest::prelude::*;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// Ethernet with tags (TPID and TCI), and what the frame carries.
fn ethernet(tags: &[(u16, u16)], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02; 12];
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame
}

fn ipv4(options: usize, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 20 + options * 4];
    packet[0] = 0x40 | (5 + options) as u8;
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[9] = protocol;
    packet[12..16].copy_from_slice(&[10, 0, 0, 1]);
    packet[16..20].copy_from_slice(&[10, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    packet[6] = next;
    packet[23] = 1;
    packet[39] = 2;
    packet.extend(payload);
    packet
}

const PORTS: [u8; 8] = [0x01, 0xBB, 0xC0, 0x00, 0, 0, 0, 0];
const PARSED: Option<Ports> = Some(Ports { source: 443, destination: 49152 });

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be nothing")]
fn v4(protocol: u8, ports: Option<Ports>) -> Option<Tuple> {
    let [source, destination] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
    Some(Tuple { source, destination, protocol: Some(protocol), ports })
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be nothing")]
fn v6(protocol: Option<u8>, ports: Option<Ports>) -> Option<Tuple> {
    let [source, destination] = [1, 2].map(|last| IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, last)));
    Some(Tuple { source, destination, protocol, ports })
}

fn tuple(frame: &[u8]) -> Option<Tuple> {
    Headers::parse(frame).tuple
}

#[test]
fn tags_are_passed_over_and_the_outermost_is_kept() {
    let packet = ipv4(0, 0, TCP, &PORTS);
    for tags in [&[][..], &[(0x8100, 0xE005)], &[(0x88A8, 0x0005), (0x8100, 7), (0x9100, 9)]] {
        let headers = Headers::parse(&ethernet(tags, 0x0800, &packet));
        assert_eq!(headers.vlan, tags.first().map(|_| 5));
        assert_eq!(headers.ethertype, Some(0x0800));
        assert_eq!(headers.tuple, v4(TCP, PARSED));
    }
}

#[test]
fn ipv4_ports_stand_behind_the_options() {
    for options in 0..=10 {
        assert_eq!(tuple(&ethernet(&[], 0x0800, &ipv4(options, 0, UDP, &PORTS))), v4(UDP, PARSED));
    }
    assert_eq!(tuple(&ethernet(&[], 0x0800, &ipv4(0, 0, ICMP, &PORTS))), v4(ICMP, None));
    let mut short = ipv4(0, 0, UDP, &PORTS);
    short[0] = 0x44;
    assert_eq!(tuple(&ethernet(&[], 0x0800, &short)), None);
    short[0] = 0x65;
    assert_eq!(tuple(&ethernet(&[], 0x0800, &short)), None);
}

#[test]
fn fragments_have_no_ports() {
    for fragment in [0x2000, 0x2001, 0x0001, 0x1FFF] {
        assert_eq!(tuple(&ethernet(&[], 0x0800, &ipv4(0, fragment, UDP, &PORTS))), v4(UDP, None));
    }
    assert_eq!(tuple(&ethernet(&[], 0x0800, &ipv4(0, 0x4000, UDP, &PORTS))), v4(UDP, PARSED), "DF is none");
    for (field, ports) in [(0_u16, PARSED), (1, None), (8, None), (0xFFF8, None)] {
        let mut header = vec![UDP, 0, 0, 0, 0, 0, 0, 0];
        header[2..4].copy_from_slice(&field.to_be_bytes());
        header.extend(PORTS);
        assert_eq!(tuple(&ethernet(&[], 0x86DD, &ipv6(44, &header))), v6(Some(UDP), ports));
    }
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    let mut chain = vec![43, 0, 0, 0, 0, 0, 0, 0];
    chain.extend([60, 1].into_iter().chain([0; 14]));
    chain.extend([51, 0].into_iter().chain([0; 6]));
    chain.extend([TCP, 1].into_iter().chain([0; 10]));
    chain.extend(PORTS);
    let frame = ethernet(&[], 0x86DD, &ipv6(0, &chain));
    assert_eq!(tuple(&frame), v6(Some(TCP), PARSED));
    // Where the bytes end among them, the protocol is not known.
    assert_eq!(tuple(&frame[..14 + 40 + 9]), v6(None, None));
    let endless: Vec<_> = [0, 0, 0, 0, 0, 0, 0, 0].repeat(40);
    assert_eq!(tuple(&ethernet(&[], 0x86DD, &ipv6(0, &endless))), v6(None, None));
}

#[test]
fn other_frames_have_no_tuple() {
    assert_eq!(Headers::parse(&[]), Headers::default());
    assert_eq!(Headers::parse(&ethernet(&[], 0x0806, &[0; 28])).ethertype, Some(0x0806));
    assert_eq!(tuple(&ethernet(&[], 0x0806, &ipv4(0, 0, TCP, &PORTS))), None);
    assert_eq!(tuple(&ethernet(&[], 0x86DD, &ipv4(0, 0, TCP, &PORTS))), None);
}

#[test]
fn a_flow_is_the_hash_else_the_tuple_else_nothing() {
    let headers = Headers::parse(&ethernet(&[], 0x0800, &ipv4(0, 0, TCP, &PORTS)));
    let other = Headers::parse(&ethernet(&[], 0x0800, &ipv4(0, 0, UDP, &PORTS)));
    let arp = Headers::parse(&ethernet(&[], 0x0806, &[]));
    assert_eq!(FlowIdentity::of(Some(5), &headers), FlowIdentity::Hash(5));
    assert_eq!(FlowIdentity::of(None, &arp), FlowIdentity::None);
    let secret = FlowSecret::new(1, 2);
    let identities = [Some(5), Some(6), None].map(|hash| FlowIdentity::of(hash, &headers));
    let identities = identities.into_iter().chain([FlowIdentity::of(None, &other), FlowIdentity::None]);
    let mut keys: Vec<_> = identities
        .flat_map(|identity| [0, 1].map(|adapter| (identity, adapter)))
        .flat_map(|(identity, adapter)| {
            [Direction::In, Direction::Out].map(|direction| secret.key(adapter, direction, identity))
        })
        .collect();
    let again = secret.key(1, Direction::Out, FlowIdentity::None);
    assert_eq!(keys.last(), Some(&again));
    assert_ne!(FlowSecret::new(1, 3).key(1, Direction::Out, FlowIdentity::None), again);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 20);
}

/// Bytes that get further than random ones do.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let packet = prop_oneof![
        (0..4_usize, any::<u16>(), any::<u8>(), any::<Vec<u8>>())
            .prop_map(|(options, fragment, protocol, rest)| (0x0800, ipv4(options, fragment, protocol, &rest))),
        (prop::sample::select(vec![0, 6, 17, 43, 44, 51, 60, 135, 255]), any::<Vec<u8>>())
            .prop_map(|(next, rest)| (0x86DD, ipv6(next, &rest))),
        (any::<u16>(), any::<Vec<u8>>()),
    ];
    let tags = prop::collection::vec((prop::sample::select(vec![0x8100_u16, 0x88A8, 0x9100]), any::<u16>()), 0..4);
    prop_oneof![
        1 => any::<Vec<u8>>(),
        4 => (tags, packet, any::<prop::sample::Index>()).prop_map(|(tags, (ethertype, packet), cut)| {
            let frame = ethernet(&tags, ethertype, &packet);
            frame[..cut.index(frame.len() + 1)].to_vec()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_known_from_a_prefix_stays_true(frame in frames(), cut in any::<prop::sample::Index>()) {
        let all = Headers::parse(&frame);
        let some = Headers::parse(&frame[..cut.index(frame.len() + 1)]);
        prop_assert!(some.vlan.is_none() || some.vlan == all.vlan);
        prop_assert!(some.ethertype.is_none() || some.ethertype == all.ethertype);
        if let Some(tuple) = some.tuple {
            let whole = all.tuple.unwrap();
            prop_assert_eq!((tuple.source, tuple.destination), (whole.source, whole.destination));
            prop_assert!(tuple.protocol.is_none() || tuple.protocol == whole.protocol);
            prop_assert!(tuple.ports.is_none() || tuple.ports == whole.ports);
        }
        // A prefix is enough for all but long chains of headers.
        if frame.len() > HEADER_PREFIX && all.tuple.is_some_and(|t| t.source.is_ipv4()) {
            let prefix = Headers::parse(&frame[..HEADER_PREFIX]);
            prop_assert_eq!(prefix, all);
        }
    }
}
