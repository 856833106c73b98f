//! A captured frame described for people and, field by field, for programs.

use std::fmt;
use std::net::IpAddr;

use etherparse::{LaxNetSlice, LaxSlicedPacket, LinkSlice, TransportSlice};
use nblease_client::abi::pcapng::{EpbFlags, Packet};
use serde::Serialize;

use crate::units;

/// What is said about a frame. Absent is what it does not have, or what was cut off.
#[derive(Debug, Default, Serialize)]
pub struct Frame {
    /// Nanoseconds since 1970.
    time_ns: u64,
    interface: String,
    direction: &'static str,
    length: u32,
    captured: usize,
    /// Frames lost just before this one.
    #[serde(skip_serializing_if = "is_zero")]
    dropped_before: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vlans: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ether_type: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_source: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_destination: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<(u16, u16)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Frame {
    /// Of a packet of the interface with this name.
    pub fn new(packet: &Packet<'_>, interface: &str) -> Self {
        let direction = packet.flags & (EpbFlags::INBOUND | EpbFlags::OUTBOUND);
        let mut frame = Self {
            time_ns: packet.timestamp_ns,
            interface: interface.to_owned(),
            direction: match direction {
                EpbFlags::INBOUND => "in",
                EpbFlags::OUTBOUND => "out",
                _ => "?",
            },
            length: packet.original_len,
            captured: packet.data.len(),
            dropped_before: packet.dropcount,
            ..Self::default()
        };
        if let Ok(layers) = LaxSlicedPacket::from_ethernet(packet.data) {
            frame.describe(&layers);
        }
        frame
    }

    fn describe(&mut self, layers: &LaxSlicedPacket<'_>) {
        if let Some(LinkSlice::Ethernet2(ethernet)) = &layers.link {
            self.source = Some(units::mac(&ethernet.source()));
            self.destination = Some(units::mac(&ethernet.destination()));
        }
        self.vlans = layers.vlan_ids().iter().map(|id| id.value()).collect();
        self.ether_type = layers.ether_payload().map(|payload| payload.ether_type.0);
        match &layers.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                self.ip_source = Some(ip.header().source_addr().into());
                self.ip_destination = Some(ip.header().destination_addr().into());
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                self.ip_source = Some(ip.header().source_addr().into());
                self.ip_destination = Some(ip.header().destination_addr().into());
            }
            Some(LaxNetSlice::Arp(_)) => self.protocol = Some("ARP".to_owned()),
            None => {}
        }
        if let Some(payload) = layers.ip_payload() {
            let number = payload.ip_number;
            let name = number.keyword_str().filter(|name| !name.is_empty());
            self.protocol = Some(name.map_or_else(|| format!("IP protocol {}", number.0), str::to_owned));
        }
        self.ports = match &layers.transport {
            Some(TransportSlice::Tcp(tcp)) => Some((tcp.source_port(), tcp.destination_port())),
            Some(TransportSlice::Udp(udp)) => Some((udp.source_port(), udp.destination_port())),
            _ => None,
        };
    }
}

/// The frame on a line, without its end.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = units::time_of_day(self.time_ns);
        write!(f, "{time} {} {:<3} ", self.interface, self.direction)?;
        if let (Some(source), Some(destination)) = (self.ip_source, self.ip_destination) {
            let (from, to) = self.ports.unzip();
            write!(f, "{} > {}", endpoint(source, from), endpoint(destination, to))?;
        } else {
            let address = |address: &Option<String>| address.clone().unwrap_or_else(|| "?".to_owned());
            write!(f, "{} > {}", address(&self.source), address(&self.destination))?;
        }
        for vlan in &self.vlans {
            write!(f, ", vlan {vlan}")?;
        }
        match (&self.protocol, self.ether_type) {
            (Some(protocol), _) => write!(f, ", {protocol}")?,
            (None, Some(ether_type)) => write!(f, ", ethertype {ether_type:#06x}")?,
            (None, None) => {}
        }
        write!(f, ", length {}", self.length)?;
        if self.dropped_before != 0 {
            write!(f, " ({} dropped before)", self.dropped_before)?;
        }
        Ok(())
    }
}

fn endpoint(address: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{address}.{port}"),
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{PacketBuilder, VlanId};
    use nblease_client::abi::pcapng::{Blocks, EPB_MAX_TRAILER, EpbPlan};

    use super::*;

    fn frame(data: &[u8], flags: EpbFlags, dropcount: u64) -> Frame {
        let plan = EpbPlan {
            interface: 0,
            timestamp_ns: 1_000_000_001,
            captured_len: data.len() as u32,
            original_len: data.len() as u32,
            flags,
            dropcount,
            packet_id: None,
            queue: None,
        };
        let mut trailer = [0; EPB_MAX_TRAILER];
        let len = plan.trailer(&mut trailer);
        let block = [&plan.header()[..], data, &trailer[..len]].concat();
        let block = Blocks::new(&block).next().unwrap().unwrap();
        Frame::new(&block.packet().unwrap().unwrap(), "eth0")
    }

    #[test]
    fn a_line_names_the_innermost_ends() {
        let mut udp = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .single_vlan(VlanId::try_new(7).unwrap())
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(53, 4000)
            .write(&mut udp, b"hello")
            .unwrap();
        let line = frame(&udp, EpbFlags::OUTBOUND, 0).to_string();
        assert_eq!(line, "00:00:01.000000001 eth0 out 10.0.0.1.53 > 10.0.0.2.4000, vlan 7, UDP, length 51");
        // Cut within the IP header: what is left is still told.
        let line = frame(&udp[..20], EpbFlags::INBOUND, 3).to_string();
        assert_eq!(
            line,
            "00:00:01.000000001 eth0 in  02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 7, \
             ethertype 0x0800, length 20 (3 dropped before)"
        );
        let line = frame(&udp[..5], EpbFlags::empty(), 0).to_string();
        assert_eq!(line, "00:00:01.000000001 eth0 ?   ? > ?, length 5");
    }
}
