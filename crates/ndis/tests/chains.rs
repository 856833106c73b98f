//! Chains: what reaches NDIS when one leaves, and that it leaves once.
#![allow(unsafe_code)]

mod stand_in;

use nblease_ndis::Status;
use nblease_ndis::chain::{LentChain, Received, RecvChain, ReturnedChain, SendChain, SentChain};
use nblease_ndis::packet::FrameRef;
use nblease_ndis::sys::*;
use stand_in::{Call, Frame, MAPPINGS, Packet, calls, install, link};

const PORT: u32 = 7;

fn packets(count: usize) -> Vec<Packet> {
    (0..count).map(|_| Packet::of(b"frame").nonpaged()).collect()
}

fn send_chain(packets: &mut [Packet], flags: u32) -> (SendChain, Vec<usize>) {
    let (first, nbls) = link(packets);
    // SAFETY: the list is whole and this test's.
    (unsafe { SendChain::from_raw(install(), first, PORT, flags) }, nbls)
}

fn recv_chain(packets: &mut [Packet], flags: u32) -> (RecvChain, Vec<usize>) {
    let (first, nbls) = link(packets);
    // SAFETY: the list is whole and this test's.
    (unsafe { RecvChain::from_raw(install(), first, PORT, flags) }, nbls)
}

fn lent_chain(packets: &mut [Packet], flags: u32) -> (LentChain<'_>, Vec<usize>) {
    let (first, nbls) = link(packets);
    // SAFETY: the list is whole and this test's.
    (unsafe { LentChain::from_raw(install(), first, PORT, flags) }, nbls)
}

#[test]
fn a_send_goes_down_as_it_came() {
    let mut packets = packets(3);
    let flags = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK | NDIS_SEND_FLAGS_DISPATCH_LEVEL;
    let (chain, nbls) = send_chain(&mut packets, flags);
    assert_eq!((chain.count(), chain.port(), chain.flags()), (3, PORT, flags));
    let seen: Vec<_> = chain.nbls().map(|nbl| nbl.as_ptr().addr()).collect();
    assert_eq!(seen, nbls);
    chain.forward();
    assert_eq!(calls(), [Call::Send { nbls, port: PORT, flags }]);
}

#[test]
fn a_finished_send_has_its_status_and_the_level_it_came_at() {
    let dispatch = NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL;
    for (flags, complete_flags) in [
        (NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK, 0),
        (NDIS_SEND_FLAGS_DISPATCH_LEVEL | NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK, dispatch),
    ] {
        let mut packets = packets(2);
        let (chain, nbls) = send_chain(&mut packets, flags);
        chain.finish(Status::PAUSED);
        assert_eq!(calls(), [Call::SendComplete { nbls, flags: complete_flags }]);
        assert!(packets.iter().all(|packet| packet.nbl.Status == NDIS_STATUS_PAUSED));
    }
}

#[test]
fn a_dropped_send_is_given_back_as_failed() {
    let mut packets = packets(2);
    let (chain, nbls) = send_chain(&mut packets, 0);
    drop(chain);
    assert_eq!(calls(), [Call::SendComplete { nbls, flags: 0 }]);
    assert!(packets.iter().all(|packet| packet.nbl.Status == NDIS_STATUS_FAILURE));
}

/// An LSO slot as a sender fills it: its type (version 1 is 0), MSS 1460, TCP header at byte 34.
fn large_send(kind: u32) -> NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO {
    let mut info = NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO { Value: std::ptr::null_mut() };
    info.set_LsoV1Transmit_MSS(1460);
    info.set_LsoV1Transmit_TcpHeaderOffset(34);
    info.set_LsoV1Transmit_Type(kind);
    info
}

/// Finishes one large send of two frames with 100 and 50 bytes of payload behind a 24-byte TCP header.
fn finish_large_send(kind: u32, status: Status) -> usize {
    let frame = |payload: usize| {
        let mut data = vec![0; 34 + 24 + payload];
        data[34 + 12] = 6 << 4;
        data
    };
    let (long, short) = (frame(100), frame(50));
    let mut packets = [Packet::new(&[
        Frame { mdls: &[40, 118], offset: 0, data: &long },
        Frame { mdls: &[108], offset: 0, data: &short },
    ])
    .nonpaged()];
    *packets[0].info(TcpLargeSendNetBufferListInfo) = large_send(kind).Value;
    send_chain(&mut packets, 0).0.finish(status);
    assert_eq!(calls().len(), 1);
    packets[0].info(TcpLargeSendNetBufferListInfo).addr()
}

#[test]
fn whoever_completes_a_large_send_writes_its_completion() {
    assert_eq!(finish_large_send(0, Status::SUCCESS), 150, "version 1: the payload sent");
    assert_eq!(finish_large_send(0, Status::PAUSED), 0, "version 1: none was sent");
    assert_eq!(finish_large_send(1, Status::SUCCESS), 1 << 30, "version 2: its type alone");
    assert_eq!(finish_large_send(1, Status::PAUSED), 1 << 30);
}

#[test]
fn what_of_a_large_send_cannot_be_told_was_not_sent() {
    let mut packets = [Packet::new(&[Frame { mdls: &[100], offset: 0, data: &[6 << 4; 100] }])];
    *packets[0].info(TcpLargeSendNetBufferListInfo) = large_send(0).Value;
    MAPPINGS.set(0);
    send_chain(&mut packets, 0).0.finish(Status::SUCCESS);
    MAPPINGS.set(usize::MAX);
    assert!(calls().iter().any(|call| matches!(call, Call::SendComplete { .. })));
    assert_eq!(packets[0].nbl.Status, NDIS_STATUS_RESOURCES);
    assert!(packets[0].info(TcpLargeSendNetBufferListInfo).is_null());
}

#[test]
fn completions_and_returns_pass_with_their_flags() {
    let mut packets = packets(2);
    let (first, nbls) = link(&mut packets);
    // SAFETY: the list is whole and this test's.
    unsafe { SentChain::from_raw(install(), first, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL) }.forward();
    // SAFETY: as above.
    unsafe { ReturnedChain::from_raw(install(), first, NDIS_RETURN_FLAGS_SINGLE_QUEUE) }.forward();
    assert_eq!(
        calls(),
        [
            Call::SendComplete { nbls: nbls.clone(), flags: NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL },
            Call::Return { nbls, flags: NDIS_RETURN_FLAGS_SINGLE_QUEUE },
        ]
    );
}

#[test]
fn a_receive_goes_up_as_it_came() {
    let mut packets = packets(4);
    let flags = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL | NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE;
    let (chain, nbls) = recv_chain(&mut packets, flags);
    assert_eq!((chain.count(), chain.port(), chain.flags()), (4, PORT, flags));
    Received::Owned(chain).forward();
    assert_eq!(calls(), [Call::Indicate { nbls, port: PORT, count: 4, flags }]);
}

#[test]
fn a_finished_or_dropped_receive_goes_back_to_the_card() {
    let both = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL | NDIS_RECEIVE_FLAGS_SINGLE_QUEUE;
    let both_returned = NDIS_RETURN_FLAGS_DISPATCH_LEVEL | NDIS_RETURN_FLAGS_SINGLE_QUEUE;
    for (flags, return_flags) in [
        (both, both_returned),
        (NDIS_RECEIVE_FLAGS_SINGLE_VLAN, 0),
        (NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RETURN_FLAGS_DISPATCH_LEVEL),
    ] {
        let mut packets = packets(2);
        let (chain, nbls) = recv_chain(&mut packets, flags);
        chain.finish();
        drop(recv_chain(&mut packets, flags).0);
        let call = Call::Return { nbls, flags: return_flags };
        assert_eq!(calls(), [call.clone(), call]);
    }
}

#[test]
fn a_lent_receive_goes_up_on_loan_or_just_ends() {
    let mut packets = packets(2);
    let flags = NDIS_RECEIVE_FLAGS_RESOURCES | NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    let (chain, nbls) = lent_chain(&mut packets, flags);
    Received::Lent(chain).forward();
    assert_eq!(calls(), [Call::Indicate { nbls, port: PORT, count: 2, flags }]);
    {
        let _ended = lent_chain(&mut packets, flags);
    }
    assert_eq!(calls(), []);
}

#[test]
fn some_of_a_lent_chain_go_up_in_runs_and_the_list_is_as_it_was() {
    let mut packets = packets(6);
    let flags = NDIS_RECEIVE_FLAGS_RESOURCES;
    let (chain, nbls) = lent_chain(&mut packets, flags);
    let mut asked = 0..;
    chain.forward_those(|_| ![0, 3].contains(&asked.next().unwrap()));
    assert_eq!(asked.next(), Some(6), "each once");
    let up = |run: &[usize]| Call::Indicate { nbls: run.to_vec(), port: PORT, count: run.len() as u32, flags };
    assert_eq!(calls(), [up(&nbls[1..3]), up(&nbls[4..])]);
    let linked: Vec<_> = packets.iter().map(|packet| packet.nbl.Next.addr()).collect();
    assert_eq!(linked, [&nbls[1..], &[0]].concat());
}

#[test]
fn a_packet_tells_what_is_out_of_band() {
    let mut packets = [Packet::new(&[
        Frame { mdls: &[4], offset: 0, data: b"one." },
        Frame { mdls: &[1, 0, 9], offset: 1, data: b"the two" },
    ])];
    packets[0].nbl.NblFlags = NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
    let mut tag = NDIS_NET_BUFFER_LIST_8021Q_INFO { Value: std::ptr::null_mut() };
    tag.set_TagHeader_VlanId(0xabc);
    tag.set_TagHeader_UserPriority(5);
    *packets[0].info(Ieee8021QNetBufferListInfo) = tag.Value;
    *packets[0].info(NetBufferListHashValue) = std::ptr::without_provenance_mut(0x1234_5678);
    let mut queue = NDIS_NET_BUFFER_LIST_FILTERING_INFO { Value: std::ptr::null_mut() };
    queue.set_FilteringInfo_QueueId(3);
    *packets[0].info(NetBufferListFilteringInfo) = queue.Value;
    {
        let (chain, _) = lent_chain(&mut packets, NDIS_RECEIVE_FLAGS_RESOURCES);
        let nbl = chain.nbls().next().unwrap();
        assert!(nbl.is_loopback());
        assert_eq!(nbl.vlan_tci(), Some(0xaabc));
        assert_eq!(nbl.hash(), None, "no hash function is set");
        assert_eq!((nbl.queue_id(), nbl.coalesced_segments()), (3, 0));
        let frames: Vec<_> = nbl.frames().collect();
        assert_eq!(frames.iter().map(FrameRef::len).collect::<Vec<_>>(), [4, 7]);
        assert_eq!(frames[1].read::<3>(4), Ok(*b"two"));
        assert!(frames[1].read::<3>(5).is_err(), "past the end");
    }
    packets[0].nbl.NblFlags = 0;
    *packets[0].info(Ieee8021QNetBufferListInfo) = std::ptr::null_mut();
    *packets[0].info(NetBufferListHashInfo) = std::ptr::without_provenance_mut(1);
    let (chain, _) = lent_chain(&mut packets, NDIS_RECEIVE_FLAGS_RESOURCES);
    let nbl = chain.nbls().next().unwrap();
    assert!(!nbl.is_loopback());
    assert_eq!((nbl.vlan_tci(), nbl.hash()), (None, Some(0x1234_5678)));
}
