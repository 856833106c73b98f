//! Packets from bytes: in the place of an original, or where there was none.
#![allow(unsafe_code)]

mod stand_in;

use std::num::NonZeroU32;
use std::ptr::without_provenance_mut;

use nblease_ndis::filter::StatusIndication;
use nblease_ndis::held::Level;
use nblease_ndis::offloads::Offloads;
use nblease_ndis::own::{OwnError, OwnRecv, OwnSend};
use nblease_ndis::packet::NblRef;
use nblease_ndis::replace::{Frame, Offload};
use nblease_ndis::sys::*;
use stand_in::Packet;
use stand_in::lease::{bytes, held_recv, held_send, pool};
use stand_in::memory::{fail_after, live, stop_failing};

const PORT: u32 = 7;
const LOOP: u32 = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
const MTU: u32 = 1500;

/// An IPv4 or IPv6 packet of this protocol in an Ethernet frame of `payload` bytes.
fn frame(tci: Option<u16>, version: u8, protocol: u8, payload: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if let Some(tci) = tci {
        frame.extend([0x81, 0]);
        frame.extend(tci.to_be_bytes());
    }
    let mut packet = vec![0; payload];
    if version == 4 {
        frame.extend([8, 0]);
        (packet[0], packet[9]) = (0x45, protocol);
    } else {
        frame.extend([0x86, 0xdd]);
        (packet[0], packet[6]) = (0x60, protocol);
    }
    frame.extend(packet);
    frame
}

const TCP: u8 = 6;
const UDP: u8 = 17;

fn of(bytes: &[u8]) -> Frame<'_> {
    Frame { bytes, mtu: MTU }
}

/// The slots that are not zero.
fn slots(nbl: NblRef<'_>) -> Vec<(usize, usize)> {
    // SAFETY: a packet that is there.
    let slots = unsafe { (*nbl.as_ptr()).NetBufferListInfo };
    slots.into_iter().map(<*mut _>::addr).enumerate().filter(|&(_, word)| word != 0).collect()
}

/// An original with something in every slot that does not forbid a copy.
fn with_slots(direction: usize) -> Packet {
    let fine: [&[i32]; 2] =
        [&[0, 2, 5, 7, 8, 9, 10, 13, 14, 16, 17, 22], &[0, 2, 3, 5, 7, 8, 9, 10, 13, 14, 16, 17, 22, 23]];
    let mut packet = Packet::of(b"the original").nonpaged();
    for &slot in fine[direction] {
        *packet.info(slot) = without_provenance_mut(0x0aab_0000 + usize::try_from(slot).unwrap());
    }
    packet.nbl.NblFlags = NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET | NDIS_NBL_FLAGS_IS_IPV4 | NDIS_NBL_FLAGS_IS_TCP;
    packet
}

fn replace_send(packet: &mut Packet, bytes: &[u8], offload: Offload) -> Result<OwnSend, OwnError> {
    let held = held_send(packet, PORT, LOOP);
    let tagged = held.nbl().vlan_tci().is_some();
    assert!(held.is_replaceable());
    let replaced = pool().replacing_send(of(bytes), offload, tagged);
    let likeness = held.likeness();
    // The original may leave first.
    held.forward(Level::Passive);
    replaced.map(|own| own.in_place_of(&likeness))
}

fn replace_receive(packet: &mut Packet, bytes: &[u8]) -> Result<OwnRecv, OwnError> {
    let held = held_recv(packet, PORT, 0);
    let tagged = held.nbl().vlan_tci().is_some();
    assert!(held.is_replaceable());
    let replaced = pool().replacing_receive(of(bytes), tagged);
    let likeness = held.likeness();
    held.forward(Level::Passive);
    replaced.map(|own| own.in_place_of(&likeness))
}

#[test]
fn what_told_of_a_sends_bytes_is_cleared() {
    let new = frame(None, 4, TCP, 100);
    let replaced = replace_send(&mut with_slots(0), &new, Offload::default()).unwrap();
    assert_eq!(bytes(replaced.nbl()), vec![new.clone()]);
    // ProtocolId and the hash stay.
    assert_eq!(slots(replaced.nbl()), [(7, 0x0aab_0007), (8, 0x0aab_0008), (9, 0x0aab_0009)]);
    assert_eq!((replaced.port(), replaced.flags()), (PORT, LOOP));
    let again = pool().replacing_send(of(&new[..40]), Offload::default(), false).unwrap();
    let again = again.in_place_of(&replaced.likeness());
    assert_eq!(bytes(again.nbl()), [&new[..40]]);
    assert_eq!((again.port(), again.flags()), (PORT, LOOP));
}

#[test]
fn what_told_of_a_receives_bytes_is_cleared() {
    let new = frame(None, 6, TCP, 100);
    let replaced = replace_receive(&mut with_slots(1), &new).unwrap();
    assert_eq!(bytes(replaced.nbl()), vec![new.clone()]);
    // FrameType is the new one, as it lies in the frame; the queue stays.
    assert_eq!(slots(replaced.nbl()), [(7, 0xdd86), (14, 0x0aab_0000)]);
    assert!(replaced.nbl().is_loopback());
    // SAFETY: a packet that is there.
    assert_eq!(unsafe { (*replaced.nbl().as_ptr()).NblFlags }, NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET);
    let again = pool().replacing_receive(of(&frame(None, 4, UDP, 60)), false).unwrap();
    let again = again.in_place_of(&replaced.likeness());
    assert_eq!(slots(again.nbl()), [(7, 0x0008), (14, 0x0aab_0000)]);
}

#[test]
fn a_slot_that_forbids_a_copy_forbids_a_replacement() {
    for slot in [1, 6, 11, 12, 15, 18, 19, 20, 21, 24, 25, 26] {
        let mut packet = Packet::of(b"secret").nonpaged();
        *packet.info(slot) = without_provenance_mut(1);
        let held = held_send(&mut packet, PORT, LOOP);
        assert!(!held.is_replaceable());
        held.forward(Level::Passive);
        let held = held_recv(&mut packet, PORT, 0);
        assert!(!held.is_replaceable());
        held.forward(Level::Passive);
    }
}

#[test]
fn a_leading_tag_goes_where_the_originals_was() {
    let tci = 0b1011_0000_0110_0101;
    let (tagged, untagged) = (frame(Some(tci), 4, TCP, 100), frame(None, 4, TCP, 100));
    let tag_slot = usize::try_from(Ieee8021QNetBufferListInfo).unwrap();
    let mut out_of_band = Packet::of(b"original").nonpaged();
    *out_of_band.info(Ieee8021QNetBufferListInfo) = without_provenance_mut(0x10);
    let mut in_band = Packet::of(b"original").nonpaged();

    let send = replace_send(&mut out_of_band, &tagged, Offload::default()).unwrap();
    assert_eq!(send.nbl().vlan_tci(), Some(tci));
    assert_eq!(slots(send.nbl()), [(tag_slot, 0x65 << 4 | 1 << 3 | 5)]);
    assert_eq!(bytes(send.nbl()), vec![untagged.clone()]);
    let receive = replace_receive(&mut out_of_band, &tagged).unwrap();
    assert_eq!((receive.nbl().vlan_tci(), receive.nbl().frame_type()), (Some(tci), 0x0008));
    assert_eq!(bytes(receive.nbl()), vec![untagged.clone()]);
    // The program took the tag away.
    let receive = replace_receive(&mut out_of_band, &untagged).unwrap();
    assert_eq!((receive.nbl().vlan_tci(), bytes(receive.nbl())), (None, vec![untagged]));

    let send = replace_send(&mut in_band, &tagged, Offload::default()).unwrap();
    assert_eq!((send.nbl().vlan_tci(), bytes(send.nbl())), (None, vec![tagged.clone()]));
    let receive = replace_receive(&mut in_band, &tagged).unwrap();
    assert_eq!((receive.nbl().vlan_tci(), receive.nbl().frame_type()), (None, 0x0081));
    assert_eq!(bytes(receive.nbl()), [tagged]);
}

#[test]
fn frames_have_to_fit() {
    let mut packet = Packet::of(b"original").nonpaged();
    let all = Offload { segment: NonZeroU32::new(0x578), ..Offload::default() };
    for (tci, payload, fits) in [(None, 1500, true), (None, 1501, false), (Some(9), 1500, true), (Some(9), 1501, false)]
    {
        let new = frame(tci, 4, TCP, payload);
        let error = (!fits).then_some(OwnError::TooLong);
        assert_eq!(replace_send(&mut packet, &new, Offload::default()).err(), error);
        assert_eq!(replace_receive(&mut packet, &new).err(), error);
        assert_eq!(pool().send(0, of(&new), Offload::default()).err(), error);
        assert_eq!(pool().receive(0, of(&new)).err(), error);
        assert!(replace_send(&mut packet, &new, all).is_ok());
    }
    let short = frame(None, 4, TCP, 20);
    for len in 0..14 {
        assert_eq!(replace_send(&mut packet, &short[..len], Offload::default()).err(), Some(OwnError::Length));
        assert_eq!(replace_receive(&mut packet, &short[..len]).err(), Some(OwnError::Length));
    }
    assert!(replace_receive(&mut packet, &short[..14]).is_ok());
    assert_eq!(replace_receive(&mut packet, &frame(Some(1), 4, TCP, 20)[..17]).err(), Some(OwnError::Length));
}

#[test]
fn a_send_asks_for_what_it_is_told_to() {
    let checksums = Offload { ip_checksum: true, transport_checksum: true, segment: None };
    let only_transport = Offload { ip_checksum: false, ..checksums };
    let segments = Offload { ip_checksum: false, transport_checksum: false, segment: NonZeroU32::new(0x578) };
    // Offsets are of the frame without its tag where that goes out of band.
    for (oob_tag, tci, shift) in [(0, None, 0), (0, Some(3), 4), (0x30, Some(3), 0)] {
        let mut packet = Packet::of(b"original").nonpaged();
        *packet.info(Ieee8021QNetBufferListInfo) = without_provenance_mut(oob_tag);
        let mut asks = |version, protocol, offload| {
            let send = replace_send(&mut packet, &frame(tci, version, protocol, 200), offload).unwrap();
            let nbl = send.nbl();
            let (checksum, large_send) = (nbl.checksum().Value.addr(), nbl.large_send().Value.addr());
            (checksum, large_send, nbl.udp_segmentation().Value.addr())
        };
        let (v4, v6) = (34 + shift, 54 + shift);
        assert_eq!(asks(4, TCP, checksums), (0b10101 | v4 << 16, 0, 0));
        assert_eq!(asks(4, UDP, checksums), (0b11001 | v4 << 16, 0, 0));
        assert_eq!(asks(6, TCP, only_transport), (0b00110 | v6 << 16, 0, 0));
        assert_eq!(asks(6, UDP, only_transport), (0b01010 | v6 << 16, 0, 0));
        assert_eq!(asks(4, TCP, segments), (0, 0x578 | v4 << 20 | 1 << 30, 0));
        assert_eq!(asks(6, TCP, segments), (0, 0x578 | v6 << 20 | 1 << 30 | 1 << 31, 0));
        assert_eq!(asks(4, UDP, segments), (0, 0, 0x578 | v4 << 20));
        assert_eq!(asks(6, UDP, segments), (0, 0, 0x578 | v6 << 20 | 1 << 31));
        assert_eq!(asks(4, 1, Offload { transport_checksum: false, ..checksums }).0, 0b10001);
    }
}

#[test]
fn what_the_headers_do_not_allow_is_refused() {
    let mut packet = Packet::of(b"original").nonpaged();
    let none = Offload::default();
    let ip = Offload { ip_checksum: true, ..none };
    let transport = Offload { transport_checksum: true, ..none };
    let segment = |bytes| Offload { segment: NonZeroU32::new(bytes), ..none };
    // A header of destination options with 1024 bytes: TCP is farther off than a request can say.
    let mut far = frame(None, 6, 60, 1100);
    far[14 + 40..][..2].copy_from_slice(&[TCP, 127]);
    let arp = [&frame(None, 4, TCP, 60)[..12], &[8, 6], &[0; 46]].concat();
    for (new, offload) in [
        (frame(None, 6, TCP, 100), ip),
        (frame(None, 4, 1, 100), transport),
        (frame(None, 4, 1, 100), segment(1400)),
        (frame(None, 4, TCP, 100), segment(1 << 20)),
        (arp, ip),
        (far, transport),
    ] {
        assert_eq!(replace_send(&mut packet, &new, offload).err(), Some(OwnError::Offload));
    }
}

#[test]
fn a_frame_may_go_where_there_was_none() {
    let pool = pool();
    let tagged = frame(Some(5), 4, UDP, 100);
    let send = pool.send(3, of(&tagged), Offload { transport_checksum: true, ..Offload::default() }).unwrap();
    assert_eq!((send.port(), send.flags(), bytes(send.nbl())), (3, LOOP, vec![tagged.clone()]));
    assert_eq!(slots(send.nbl()), [(0, 0b1001 | 38 << 16)]);
    // SAFETY: a packet that is there.
    assert_eq!(unsafe { (*send.nbl().as_ptr()).NblFlags }, 0);
    let receive = pool.receive(3, of(&tagged)).unwrap();
    assert_eq!((receive.port(), receive.flags(), bytes(receive.nbl())), (3, 0, vec![tagged]));
    assert_eq!(slots(receive.nbl()), [(7, 0x0081)]);
}

#[test]
fn each_allocation_of_a_replacement_may_fail() {
    let pool = pool();
    let new = frame(None, 4, TCP, 100);
    let before = live();
    for failures in 0..4 {
        fail_after(failures);
        assert_eq!(pool.replacing_send(of(&new), Offload::default(), false).err(), Some(OwnError::NoMemory));
        assert!(!stop_failing());
        assert_eq!(live(), before);
    }
}

/// A configuration as NDIS tells it in a status indication, of which `len` bytes are said to be there.
fn offered(change: impl FnOnce(&mut NDIS_OFFLOAD), len: usize) -> Offloads {
    // SAFETY: a structure of integers, any of which may be 0.
    let mut config: NDIS_OFFLOAD = unsafe { std::mem::zeroed() };
    config.Header.Size = u16::try_from(size_of::<NDIS_OFFLOAD>()).unwrap();
    change(&mut config);
    // SAFETY: as above.
    let mut status: NDIS_STATUS_INDICATION = unsafe { std::mem::zeroed() };
    status.StatusCode = NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;
    status.StatusBuffer = (&raw mut config).cast();
    status.StatusBufferSize = u32::try_from(len).unwrap();
    // SAFETY: the buffer is there while it is looked at.
    unsafe { StatusIndication::new(&status) }.offloads().unwrap()
}

#[test]
fn a_card_does_what_its_configuration_says() {
    let whole = size_of::<NDIS_OFFLOAD>();
    let tcp_checksum = Offload { transport_checksum: true, ..Offload::default() };
    let ip_checksum = Offload { ip_checksum: true, ..Offload::default() };
    let segment = Offload { segment: NonZeroU32::new(100), ..Offload::default() };
    let (tcp_v4, tcp_v6, udp_v4) = (frame(None, 4, TCP, 1000), frame(None, 6, TCP, 1000), frame(None, 4, UDP, 1000));
    let none = offered(|_| (), whole);
    assert!(none.do_for(Offload::default(), &tcp_v4));
    assert!([tcp_checksum, ip_checksum, segment].iter().all(|&asked| !none.do_for(asked, &tcp_v4)));

    let some = |config: &mut NDIS_OFFLOAD| {
        config.Checksum.IPv4Transmit.set_TcpChecksum(1);
        config.Checksum.IPv4Transmit.set_IpChecksum(1);
        config.LsoV2.IPv6.MaxOffLoadSize = u32::try_from(tcp_v6.len()).unwrap();
        config.LsoV2.IPv6.MinSegmentCount = 2;
    };
    let offers = offered(some, whole);
    assert!(offers.do_for(tcp_checksum, &tcp_v4) && offers.do_for(ip_checksum, &tcp_v4));
    assert!(!offers.do_for(tcp_checksum, &tcp_v6) && !offers.do_for(ip_checksum, &tcp_v6));
    assert!(!offers.do_for(tcp_checksum, &udp_v4) && !offers.do_for(tcp_checksum, b"no frame"));
    assert!(offers.do_for(segment, &tcp_v6) && !offers.do_for(segment, &tcp_v4));
    assert!(!offers.do_for(segment, &[&tcp_v6[..], &[0]].concat()), "more than it takes");
    assert!(!offers.do_for(Offload { segment: NonZeroU32::new(900), ..segment }, &tcp_v6), "too few segments");
    // An older structure is shorter.
    let short = std::mem::offset_of!(NDIS_OFFLOAD, LsoV2);
    let older = offered(some, short);
    assert!(older.do_for(tcp_checksum, &tcp_v4) && !older.do_for(segment, &tcp_v6));
    assert_eq!(offered(some, 3), Offloads::default());
}
