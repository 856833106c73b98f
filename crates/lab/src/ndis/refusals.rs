//! Whether a filter refuses frames for their length (V26): offloads make frames above the MTU, and filters handle them.
//!
//! A filter may drop what it likes. It drops for length where all that it ended of a kind is longer than all that it
//! passed on of it.

use std::collections::HashMap;

use super::{packet::Packet, raw};
use crate::{judge::rule, kernel::kernel};

/// Bytes of an Ethernet header with a VLAN tag.
const ETHERNET_HEADER: u32 = 18;
/// So many say that it is no chance.
const SEVERAL: u64 = 3;

/// What a module passed on and what it ended, by direction (whether sent) and EtherType.
#[derive(Default)]
pub struct Refusals(HashMap<(bool, u16), Kind>);

#[derive(Default)]
struct Kind {
    passed_on: u64,
    longest_passed_on: u32,
    refused: u64,
    shortest_refused: u32,
    /// The last one that was ended: what is said of it, and its history.
    last: Option<(String, Vec<String>)>,
}

impl Refusals {
    /// A packet is passed on.
    pub fn passed_on(&mut self, send: bool, packet: &Packet) {
        let (ether_type, length) = longest(packet);
        let kind = self.0.entry((send, ether_type)).or_default();
        kind.passed_on += 1;
        kind.longest_passed_on = kind.longest_passed_on.max(length);
    }

    /// A packet is ended.
    pub fn refused(&mut self, send: bool, packet: &Packet, what: &str) {
        let (ether_type, length) = longest(packet);
        let kind = self.0.entry((send, ether_type)).or_default();
        kind.shortest_refused = if kind.refused == 0 { length } else { kind.shortest_refused.min(length) };
        kind.refused += 1;
        kind.last = Some((format!("{}, of {length} bytes: {what}", packet.name()), packet.history()));
    }

    /// Judges what there was so far.
    pub fn judge(&self, mtu: u32) {
        let above = mtu + ETHERNET_HEADER;
        for ((_, ether_type), kind) in &self.0 {
            if kind.longest_passed_on > above || kind.refused > 0 {
                kernel().judge.evaluated(rule::V26);
            }
            let for_length = kind.shortest_refused > kind.longest_passed_on.max(above);
            let often = kind.refused >= SEVERAL && kind.passed_on >= SEVERAL;
            if let Some((what, history)) = kind.last.as_ref().filter(|_| for_length && often) {
                let longest = kind.longest_passed_on;
                let what = format!("{what}, as all of EtherType {ether_type:#06x} above {longest} bytes");
                kernel().judge.broken_with(rule::V26, what, history.clone());
            }
        }
    }
}

/// The EtherType and the length of its longest frame.
fn longest(packet: &Packet) -> (u16, u32) {
    let nbs = raw::nbs(packet.nbl).unwrap_or_default().into_iter().filter_map(raw::Nb::at);
    let Some(nb) = nbs.max_by_key(|nb| nb.data_length()) else { return (0, 0) };
    let mut ether_type = [0; 2];
    let mut left = ether_type.as_mut_slice();
    for (at, bytes) in raw::parts(nb.mdl_chain(), nb.data_offset() as usize + 12, 2) {
        let (now, later) = left.split_at_mut(bytes);
        raw::read_bytes(at, now);
        left = later;
    }
    (u16::from_be_bytes(ether_type), nb.data_length())
}
