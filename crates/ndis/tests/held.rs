//! Leases over chains: what is split, partitioned and chained again leaves once, in order, with its port and flags.
#![allow(unsafe_code)]

mod stand_in;

use nblease_ndis::Status;
use nblease_ndis::batch::{RecvBatch, SendBatch};
use nblease_ndis::chain::{RecvChain, SendChain};
use nblease_ndis::held::{HeldSend, Level};
use nblease_ndis::sys::*;
use stand_in::{Call, Packet, calls, install, link};

const PORT: u32 = 7;
const LOOP: u32 = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
const ALL_SEND: u32 = LOOP | NDIS_SEND_FLAGS_DISPATCH_LEVEL | NDIS_SEND_FLAGS_SINGLE_QUEUE;
const SHARED: u32 = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;
const ALL_RECEIVE: u32 = SHARED
    | NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL
    | NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE
    | NDIS_RECEIVE_FLAGS_SINGLE_VLAN
    | NDIS_RECEIVE_FLAGS_PERFECT_FILTERED
    | NDIS_RECEIVE_FLAGS_SINGLE_QUEUE
    | NDIS_RECEIVE_FLAGS_MORE_NBLS;

fn packets(count: usize) -> Vec<Packet> {
    (0..count).map(|_| Packet::of(b"frame").nonpaged()).collect()
}

fn sends(packets: &mut [Packet], port: u32, flags: u32) -> (SendChain, Vec<usize>) {
    let (first, nbls) = link(packets);
    // SAFETY: the list is whole and this test's.
    (unsafe { SendChain::from_raw(install(), first, port, flags) }, nbls)
}

fn receives(packets: &mut [Packet], port: u32, flags: u32) -> (RecvChain, Vec<usize>) {
    let (first, nbls) = link(packets);
    // SAFETY: the list is whole and this test's.
    (unsafe { RecvChain::from_raw(install(), first, port, flags) }, nbls)
}

#[test]
fn each_of_a_split_leaves_by_itself() {
    let mut packets = packets(4);
    let (chain, nbls) = sends(&mut packets, PORT, ALL_SEND);
    let mut held: Vec<_> = chain.split().collect();
    let addresses: Vec<_> = held.iter().map(|held| held.nbl().as_ptr().addr()).collect();
    assert_eq!(addresses, nbls);
    assert!(held.iter().all(|held| (held.port(), held.flags()) == (PORT, LOOP)));
    assert_eq!(calls(), []);
    held.remove(2).forward(Level::Dispatch);
    held.remove(0).finish(Status::SEND_ABORTED, Level::Passive);
    held.remove(0).forward(Level::Passive);
    drop(held);
    assert_eq!(
        calls(),
        [
            Call::Send { nbls: vec![nbls[2]], port: PORT, flags: LOOP | NDIS_SEND_FLAGS_DISPATCH_LEVEL },
            Call::SendComplete { nbls: vec![nbls[0]], flags: 0 },
            Call::Send { nbls: vec![nbls[1]], port: PORT, flags: LOOP },
            Call::SendComplete { nbls: vec![nbls[3]], flags: 0 },
        ]
    );
    assert_eq!(packets[0].nbl.Status, NDIS_STATUS_SEND_ABORTED);
    assert_eq!(packets[3].nbl.Status, NDIS_STATUS_FAILURE, "dropped");
}

#[test]
fn each_receive_of_a_split_leaves_by_itself() {
    let mut packets = packets(3);
    let (chain, nbls) = receives(&mut packets, PORT, ALL_RECEIVE);
    let mut held: Vec<_> = chain.split().collect();
    assert!(held.iter().all(|held| (held.port(), held.flags()) == (PORT, SHARED)));
    held.remove(1).forward(Level::Dispatch);
    held.remove(0).finish(Level::Dispatch);
    drop(held);
    let up = SHARED | NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    assert_eq!(
        calls(),
        [
            Call::Indicate { nbls: vec![nbls[1]], port: PORT, count: 1, flags: up },
            Call::Return { nbls: vec![nbls[0]], flags: NDIS_RETURN_FLAGS_DISPATCH_LEVEL },
            Call::Return { nbls: vec![nbls[2]], flags: 0 },
        ]
    );
}

#[test]
fn what_is_not_taken_of_a_split_is_given_back_at_once() {
    let mut sent = packets(3);
    let (chain, nbls) = sends(&mut sent, PORT, ALL_SEND);
    let mut split = chain.split();
    let first = split.next().unwrap();
    assert_eq!(split.len(), 2);
    drop(split);
    assert_eq!(calls(), [Call::SendComplete { nbls: nbls[1..].to_vec(), flags: 0 }]);
    assert_eq!(sent[2].nbl.Status, NDIS_STATUS_FAILURE);
    first.forward(Level::Passive);
    assert_eq!(calls().len(), 1);
    let mut received = packets(2);
    let (chain, nbls) = receives(&mut received, PORT, ALL_RECEIVE);
    drop(chain.split());
    assert_eq!(calls(), [Call::Return { nbls, flags: 0 }]);
}

#[test]
fn a_partition_keeps_order_port_and_flags() {
    let mut packets = packets(5);
    let (chain, nbls) = sends(&mut packets, PORT, ALL_SEND);
    let mut asked = Vec::new();
    let (stay, leave) = chain.partition(|nbl| {
        asked.push(nbl.as_ptr().addr());
        [nbls[1], nbls[2], nbls[4]].contains(&nbl.as_ptr().addr())
    });
    assert_eq!(asked, nbls, "each once, in order");
    let (stay, leave) = (stay.unwrap(), leave.unwrap());
    assert_eq!((stay.count(), leave.count()), (2, 3));
    stay.forward();
    leave.finish(Status::SUCCESS);
    assert_eq!(
        calls(),
        [
            Call::Send { nbls: vec![nbls[0], nbls[3]], port: PORT, flags: ALL_SEND },
            Call::SendComplete {
                nbls: vec![nbls[1], nbls[2], nbls[4]],
                flags: NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL
            },
        ]
    );
}

#[test]
fn a_partition_may_have_one_part_only() {
    let mut all = packets(2);
    for leaves in [true, false] {
        let (chain, nbls) = receives(&mut all, PORT, ALL_RECEIVE);
        let (stay, leave) = chain.partition(|_| leaves);
        assert_eq!((stay.is_none(), leave.is_none()), (leaves, !leaves));
        stay.or(leave).unwrap().forward();
        assert_eq!(calls(), [Call::Indicate { nbls, port: PORT, count: 2, flags: ALL_RECEIVE }]);
    }
}

/// Held sends of chains with these ports and flags, one each.
fn held_sends(packets: &mut [Packet], keys: &[(u32, u32)]) -> (Vec<HeldSend>, Vec<usize>) {
    let (mut held, mut nbls) = (Vec::new(), Vec::new());
    for (packet, &(port, flags)) in packets.chunks_mut(1).zip(keys) {
        let (chain, addresses) = sends(packet, port, flags);
        held.extend(chain.split());
        nbls.extend(addresses);
    }
    (held, nbls)
}

#[test]
fn a_batch_takes_one_call_for_each_run_of_equals() {
    let keys = [(1, LOOP), (1, LOOP), (1, 0), (1, NDIS_SEND_FLAGS_SINGLE_QUEUE), (2, 0), (1, LOOP)];
    let mut packets = packets(keys.len());
    let (held, nbls) = held_sends(&mut packets, &keys);
    let mut batch = SendBatch::new();
    assert!(batch.is_empty());
    for held in held {
        assert!(batch.push(held).is_ok());
    }
    assert_eq!(batch.count(), 6);
    let addresses: Vec<_> = batch.nbls().map(|nbl| nbl.as_ptr().addr()).collect();
    assert_eq!(addresses, nbls);
    batch.forward(Level::Dispatch);
    let down = NDIS_SEND_FLAGS_DISPATCH_LEVEL;
    assert_eq!(
        calls(),
        [
            Call::Send { nbls: nbls[..2].to_vec(), port: 1, flags: LOOP | down },
            Call::Send { nbls: nbls[2..4].to_vec(), port: 1, flags: down },
            Call::Send { nbls: vec![nbls[4]], port: 2, flags: down },
            Call::Send { nbls: vec![nbls[5]], port: 1, flags: LOOP | down },
        ]
    );
}

#[test]
fn a_batch_is_finished_by_one_call() {
    let keys = [(1, LOOP), (2, 0), (1, 0)];
    for (level, flags) in [(Level::Passive, 0), (Level::Dispatch, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL)] {
        let mut packets = packets(3);
        let (held, nbls) = held_sends(&mut packets, &keys);
        let mut batch = SendBatch::new();
        assert!(held.into_iter().all(|held| batch.push(held).is_ok()));
        batch.finish(Status::PAUSED, level);
        assert_eq!(calls(), [Call::SendComplete { nbls, flags }]);
        assert!(packets.iter().all(|packet| packet.nbl.Status == NDIS_STATUS_PAUSED));
    }
}

#[test]
fn a_dropped_batch_is_given_back() {
    let mut sent = packets(2);
    let (held, nbls) = held_sends(&mut sent, &[(1, 0), (2, 0)]);
    let mut batch = SendBatch::default();
    assert!(held.into_iter().all(|held| batch.push(held).is_ok()));
    drop(batch);
    drop(SendBatch::new());
    assert_eq!(calls(), [Call::SendComplete { nbls, flags: 0 }]);
    assert!(sent.iter().all(|packet| packet.nbl.Status == NDIS_STATUS_FAILURE));
    let mut received = packets(2);
    let (chain, nbls) = receives(&mut received, PORT, ALL_RECEIVE);
    let mut batch = RecvBatch::default();
    assert!(chain.split().all(|held| batch.push(held).is_ok()));
    drop(batch);
    assert_eq!(calls(), [Call::Return { nbls, flags: 0 }]);
}

#[test]
fn receives_with_and_without_shared_memory_are_not_mixed() {
    let (mut with, mut without) = (packets(2), packets(2));
    let (with, with_nbls) = receives(&mut with, PORT, ALL_RECEIVE);
    let (without, without_nbls) = receives(&mut without, PORT, ALL_RECEIVE & !SHARED);
    let mut batch = RecvBatch::new();
    let mut other = RecvBatch::new();
    assert!(with.split().all(|held| batch.push(held).is_ok()));
    assert!(without.split().all(|held| other.push(held).is_ok()));
    assert!(batch.append(other).is_ok());
    assert_eq!(batch.count(), 4);
    batch.forward(Level::Passive);
    assert_eq!(
        calls(),
        [
            Call::Indicate { nbls: with_nbls, port: PORT, count: 2, flags: SHARED },
            Call::Indicate { nbls: without_nbls, port: PORT, count: 2, flags: 0 },
        ]
    );
}

#[test]
fn receives_leave_a_batch_at_their_level() {
    let mut packets = packets(3);
    let mut batch = || {
        let (chain, nbls) = receives(&mut packets, PORT, ALL_RECEIVE);
        let mut batch = RecvBatch::new();
        assert!(chain.split().all(|held| batch.push(held).is_ok()));
        (batch, nbls)
    };
    let (passing, nbls) = batch();
    passing.forward(Level::Dispatch);
    let (dropping, _) = batch();
    dropping.finish(Level::Dispatch);
    let (dropping, _) = batch();
    dropping.finish(Level::Passive);
    let up = SHARED | NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    assert_eq!(
        calls(),
        [
            Call::Indicate { nbls: nbls.clone(), port: PORT, count: 3, flags: up },
            Call::Return { nbls: nbls.clone(), flags: NDIS_RETURN_FLAGS_DISPATCH_LEVEL },
            Call::Return { nbls, flags: 0 },
        ]
    );
}

#[test]
fn a_batch_is_of_one_module() {
    let mut packets = packets(2);
    let (chain, _) = sends(&mut packets[..1], PORT, 0);
    let (first, _) = link(&mut packets[1..]);
    // SAFETY: the stand-ins take any handle, but pass none on that is not the tests' own.
    let other = unsafe { nblease_ndis::FilterHandle::from_raw(std::ptr::without_provenance_mut(0xbad)) };
    // SAFETY: the list is whole and this test's.
    let stranger = unsafe { SendChain::from_raw(other, first, PORT, 0) }.split().next().unwrap();
    let mut batch = SendBatch::new();
    assert!(chain.split().all(|held| batch.push(held).is_ok()));
    let stranger = batch.push(stranger).unwrap_err();
    assert_eq!(batch.count(), 1);
    let mut alone = SendBatch::new();
    assert!(alone.push(stranger).is_ok());
    let alone = batch.append(alone).err().unwrap();
    assert_eq!((batch.count(), alone.count()), (1, 1));
    std::mem::forget(alone);
    batch.forward(Level::Passive);
    assert_eq!(calls().len(), 1);
}
