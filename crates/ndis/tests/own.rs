//! Own packets: deep copies that point to nothing of the original, out-of-band information slot by slot, failures, and
//! where they end.
#![allow(unsafe_code)]

mod stand_in;

use std::collections::BTreeMap;
use std::ptr::without_provenance_mut;

use nblease_ndis::batch::{RecvBatch, SendBatch};
use nblease_ndis::chain::LentChain;
use nblease_ndis::held::Level;
use nblease_ndis::mdl::DataError;
use nblease_ndis::own::OwnError;
use nblease_ndis::packet::NblRef;
use nblease_ndis::pool::NblPool;
use nblease_ndis::settle::Settled;
use nblease_ndis::sys::*;
use nblease_ndis::{FilterHandle, Status};
use stand_in::lease::{addresses, all, bytes, complete, give_back, held_recv, held_send, pool};
use stand_in::memory::{self, Kind, count, fail_after, live, stop_failing};
use stand_in::{Call, Frame, HANDLE, MAPPINGS, Packet, calls, forget, handed, install, link};

const PORT: u32 = 7;
const LOOP: u32 = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;

/// Three frames in MDLs of all kinds.
fn burst() -> Packet {
    Packet::new(&[
        Frame { mdls: &[3, 0, 14, 40], offset: 2, data: b"the first frame, split up" },
        Frame { mdls: &[64], offset: 10, data: b"the second" },
        Frame { mdls: &[5, 5, 5], offset: 4, data: b"the third.." },
    ])
}

fn burst_bytes() -> Vec<Vec<u8>> {
    vec![b"the first frame, split up".to_vec(), b"the second".to_vec(), b"the third..".to_vec()]
}

#[test]
fn a_promoted_send_points_to_nothing_of_the_original() {
    let pool = pool();
    let mut original = burst();
    let held = held_send(&mut original, PORT, LOOP | NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    let before = count(Kind::Memory);
    let mut copy = held.promote(&pool).unwrap();
    copy.set_cookie(42);
    held.finish(Status::SUCCESS, Level::Passive);
    drop(original);
    assert_eq!((copy.port(), copy.flags(), copy.cookie()), (PORT, LOOP, 42));
    assert_eq!(bytes(copy.nbl()), burst_bytes());
    assert_eq!(count(Kind::Memory) - before, 1, "one allocation");
    assert_eq!((count(Kind::Nbl), count(Kind::Nb), count(Kind::Mdl)), (1, 3, 3));
    assert!(copy.memory() >= 25 + 10 + 11);
    for frame in copy.nbl().frames() {
        let chunks: Vec<_> = frame.chunks().map(Result::unwrap).collect();
        assert_eq!(chunks.len(), 1, "one MDL for each frame");
        assert!(memory::is_own(chunks[0].start.addr().get(), chunks[0].len));
    }
    forget();
    copy.forward(Level::Dispatch);
    let out = handed();
    let flags = LOOP | NDIS_SEND_FLAGS_DISPATCH_LEVEL;
    assert_eq!(calls(), [Call::Send { nbls: addresses(&out), port: PORT, flags }]);
    // SAFETY: passed on and not back yet.
    let nbl = unsafe { out[0].as_ref() };
    assert_eq!(nbl.SourceHandle.addr(), HANDLE);
    assert_eq!(pool.in_flight(), 1);
    let settled = complete(&out, NDIS_STATUS_SUCCESS, 0);
    assert_eq!(settled.len(), 1);
    assert_eq!((settled[0].cookie, settled[0].status), (42, Status::SUCCESS));
    assert_eq!(calls(), [], "never completed up");
    assert_eq!((pool.in_flight(), count(Kind::Nbl)), (0, 0));
    drop(pool);
    assert_eq!(live(), BTreeMap::new());
}

#[test]
fn a_promoted_send_keeps_some_of_its_frames() {
    let pool = pool();
    let mut original = burst();
    let held = held_send(&mut original, PORT, 0);
    let mut copy = held.promote(&pool).unwrap();
    copy.retain(|at| at != 1);
    assert_eq!(bytes(copy.nbl()), [&burst_bytes()[0][..], &burst_bytes()[2][..]]);
    copy.retain(|_| false);
    assert_eq!(copy.nbl().frames().count(), 0);
    drop((copy, held));
    drop(pool);
    assert_eq!(live(), BTreeMap::new(), "dropped: freed, and nothing else");
    assert_eq!(calls().len(), 8, "a mapping for each MDL that is not empty, and the original's completion");
}

#[test]
fn a_promoted_receive_goes_up_and_is_freed_when_it_is_back() {
    let pool = pool();
    let mut original =
        Packet::new(&[Frame { mdls: &[6, 6, 20], offset: 0, data: b"all headers in one MDL" }]).nonpaged();
    let flags = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID | NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    let held = held_recv(&mut original, PORT, flags);
    let copy = held.promote(&pool).unwrap();
    held.finish(Level::Passive);
    drop(original);
    forget();
    assert_eq!(bytes(copy.nbl()), [b"all headers in one MDL"]);
    copy.forward(Level::Passive);
    let out = handed();
    assert_eq!(calls(), [Call::Indicate { nbls: addresses(&out), port: PORT, count: 1, flags: 0 }]);
    assert_eq!((pool.in_flight(), give_back(&out, 0).len(), pool.in_flight()), (1, 1, 0));
    assert_eq!(calls(), [], "never returned down");
    drop(pool);
    assert_eq!(live(), BTreeMap::new());
}

#[test]
fn a_lent_receive_is_kept_by_a_copy_alone() {
    let pool = pool();
    let mut packets = [Packet::of(b"one").nonpaged(), Packet::of(b"two").nonpaged()];
    let (first, _) = link(&mut packets);
    // SAFETY: the list is whole and this test's.
    let chain = unsafe { LentChain::from_raw(install(), first, PORT, NDIS_RECEIVE_FLAGS_RESOURCES) };
    let copies: Vec<_> = chain.nbls().map(|nbl| nbl.promote_receive(&pool, chain.port()).unwrap()).collect();
    drop(packets);
    assert_eq!(copies.iter().flat_map(|copy| bytes(copy.nbl())).collect::<Vec<_>>(), [b"one", b"two"]);
    assert!(copies.iter().all(|copy| (copy.port(), copy.flags()) == (PORT, 0)));
}

#[test]
fn own_packets_end_among_others_that_go_on_in_order() {
    let pool = pool();
    let mut others: Vec<_> = (0..3).map(|_| Packet::of(b"other").nonpaged()).collect();
    let mut source = Packet::of(b"source").nonpaged();
    let held = held_send(&mut source, PORT, 0);
    let own: Vec<_> = (0..3).map(|_| held.promote(&pool).unwrap()).collect();
    held.finish(Status::SUCCESS, Level::Passive);
    forget();
    for own in own {
        own.forward(Level::Passive);
    }
    let own = handed();
    let others: Vec<_> = others.iter_mut().map(Packet::ptr).collect();
    calls();
    let flags = NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL;
    let mixed = [own[0], others[0], others[1], own[1], others[2], own[2]];
    assert_eq!(pool.in_flight(), 3);
    let settled = complete(&mixed, NDIS_STATUS_SUCCESS, flags);
    assert_eq!((settled.len(), pool.in_flight()), (3, 0));
    assert_eq!(calls(), [Call::SendComplete { nbls: addresses(&others), flags }]);
    assert_eq!(complete(&others, NDIS_STATUS_SUCCESS, flags), [], "none of them own");
    let returned = NDIS_RETURN_FLAGS_SINGLE_QUEUE;
    assert_eq!(give_back(&others, returned), []);
    assert_eq!(
        calls(),
        [
            Call::SendComplete { nbls: addresses(&others), flags },
            Call::Return { nbls: addresses(&others), flags: returned },
        ]
    );
}

#[test]
fn own_receives_end_among_others_that_go_on_in_order() {
    let pool = pool();
    let mut others: Vec<_> = (0..3).map(|_| Packet::of(b"other").nonpaged()).collect();
    let mut source = Packet::of(b"source").nonpaged();
    let held = held_recv(&mut source, PORT, 0);
    let (first, second) = (held.promote(&pool).unwrap(), held.promote(&pool).unwrap());
    held.finish(Level::Passive);
    forget();
    let mut batch = RecvBatch::new();
    assert!(batch.push(first).is_ok() && batch.push(second).is_ok());
    batch.forward(Level::Passive);
    let own = all(&handed());
    assert_eq!((own.len(), pool.in_flight()), (2, 2));
    assert_eq!(calls(), [Call::Indicate { nbls: addresses(&own), port: PORT, count: 2, flags: 0 }]);
    let others: Vec<_> = others.iter_mut().map(Packet::ptr).collect();
    let mixed = [others[0], own[1], others[1], others[2], own[0]];
    assert_eq!(give_back(&mixed, 0).len(), 2);
    assert_eq!(calls(), [Call::Return { nbls: addresses(&others), flags: 0 }]);
    assert_eq!((pool.in_flight(), count(Kind::Nbl)), (0, 0));
}

#[test]
fn a_batch_has_originals_and_own_packets() {
    let pool = pool();
    let mut packets: Vec<_> = (0..2).map(|_| Packet::of(b"original").nonpaged()).collect();
    for finish in [false, true] {
        let mut batch = SendBatch::new();
        let mut originals = Vec::new();
        for packet in &mut packets {
            let held = held_send(packet, PORT, LOOP);
            let own = held.promote(&pool).unwrap();
            originals.push(held.nbl().as_ptr().addr());
            assert!(batch.push(own).is_ok() && batch.push(held).is_ok());
        }
        handed();
        if finish {
            batch.finish(Status::SUCCESS, Level::Passive);
            assert_eq!(calls(), [Call::SendComplete { nbls: originals, flags: 0 }]);
        } else {
            batch.forward(Level::Passive);
            let out = all(&handed());
            assert_eq!(calls(), [Call::Send { nbls: addresses(&out), port: PORT, flags: LOOP }]);
            assert_eq!((out.len(), pool.in_flight()), (4, 2));
            assert_eq!(complete(&out, NDIS_STATUS_SUCCESS, 0).len(), 2);
            calls();
        }
        assert_eq!((pool.in_flight(), count(Kind::Nbl)), (0, 0));
    }
}

/// What becomes of each slot that is not zero: C copied, - left out, X refused, Q the queue of two halves alone. Slots 0
/// to 26.
const SENDS: &[u8; 27] = b"CXCXC-XCCC-XX--X--XXXXCXXXX";
const RECEIVES: &[u8; 27] = b"CX--C-XCCC-XX-QX-CXXXXCCXXX";

/// A value with bits in all parts of a slot's views.
const VALUE: usize = 0x8765_4321;

fn slots(copy: NblRef<'_>) -> [usize; 27] {
    // SAFETY: the copy is there.
    unsafe { *copy.as_ptr() }.NetBufferListInfo.map(<*mut _>::addr)
}

#[test]
fn each_slot_has_its_fate_in_each_direction() {
    let pool = pool();
    for (is_send, fates) in [(true, SENDS), (false, RECEIVES)] {
        for (slot, &fate) in (0..).zip(fates) {
            let mut packet = Packet::of(b"some frame").nonpaged();
            *packet.info(slot) = without_provenance_mut(VALUE);
            let copied = if is_send {
                let held = held_send(&mut packet, 0, 0);
                let copied = held.promote(&pool).map(|copy| slots(copy.nbl()));
                held.forward(Level::Passive);
                copied
            } else {
                let held = held_recv(&mut packet, 0, 0);
                let copied = held.promote(&pool).map(|copy| slots(copy.nbl()));
                held.forward(Level::Passive);
                copied
            };
            let mut expected = [0; 27];
            expected[usize::try_from(slot).unwrap()] = match fate {
                b'C' => VALUE,
                b'Q' => VALUE & 0xffff_0000,
                _ => 0,
            };
            let expected = if fate == b'X' { Err(OwnError::NotPromotable(slot)) } else { Ok(expected) };
            assert_eq!(copied, expected, "send: {is_send}, slot {slot}");
        }
    }
}

#[test]
fn flags_that_tell_of_memory_are_not_copied() {
    let pool = pool();
    let mut packet = Packet::of(b"some frame").nonpaged();
    packet.nbl.NblFlags = u32::MAX;
    let held = held_recv(&mut packet, 0, 0);
    let copy = held.promote(&pool).unwrap();
    // SAFETY: the copy is there.
    let flags = unsafe { (*copy.nbl().as_ptr()).NblFlags };
    let kept = NDIS_NBL_FLAGS_IS_IPV4
        | NDIS_NBL_FLAGS_IS_IPV6
        | NDIS_NBL_FLAGS_IS_TCP
        | NDIS_NBL_FLAGS_IS_UDP
        | NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
    assert_eq!(flags, kept);
}

#[test]
fn each_allocation_of_a_copy_may_fail() {
    let pool = pool();
    let mut packet = burst();
    let held = held_send(&mut packet, PORT, 0);
    let before = live();
    let mut failures = 0;
    loop {
        fail_after(failures);
        let copy = held.promote(&pool);
        if stop_failing() {
            assert!(copy.is_ok());
            break;
        }
        assert_eq!(copy.err(), Some(OwnError::NoMemory));
        assert_eq!(live(), before, "after allocation {failures} failed");
        failures += 1;
    }
    assert_eq!(failures, 1 + 3 + 1 + 3, "memory, MDLs, the NBL, NBs");
    calls();
    held.forward(Level::Passive);
    assert_eq!(calls().len(), 1, "still the holder's");
}

#[test]
fn each_allocation_of_a_pool_may_fail() {
    let filter = install();
    for failures in 0..3 {
        fail_after(failures);
        assert_eq!(NblPool::new(filter, memory::POOL_TAG).err(), Some(Status::RESOURCES));
        assert!(!stop_failing());
        assert_eq!(live(), BTreeMap::new());
    }
}

#[test]
fn bytes_that_cannot_be_had_are_an_error() {
    let pool = pool();
    let before = live();
    let mut packet = burst();
    let held = held_send(&mut packet, PORT, 0);
    for mappings in 0..5 {
        MAPPINGS.set(mappings);
        let error = held.promote(&pool).err();
        MAPPINGS.set(usize::MAX);
        if let Some(error) = error {
            assert_eq!(error, OwnError::Data(DataError::NotMapped));
            assert_eq!(live(), before);
        } else {
            assert!(mappings > 0);
        }
    }
    held.forward(Level::Passive);
    packet.nb(1).DataLength += 100;
    let held = held_send(&mut packet, PORT, 0);
    assert_eq!(held.promote(&pool).err(), Some(OwnError::Data(DataError::Short)));
    held.forward(Level::Passive);
    packet.nb(1).DataLength = 0;
    let held = held_send(&mut packet, PORT, 0);
    assert_eq!(held.promote(&pool).err(), Some(OwnError::Length));
    assert_eq!(live(), before);
}

#[test]
fn a_pool_ends_with_its_last_packet() {
    let pool = pool();
    let mut packet = Packet::of(b"frame").nonpaged();
    let held = held_send(&mut packet, PORT, 0);
    let copy = held.promote(&pool).unwrap();
    drop(pool);
    assert_eq!((count(Kind::NblPool), count(Kind::NbPool)), (1, 1));
    handed();
    copy.forward(Level::Passive);
    let out = handed();
    assert_eq!(complete(&out, NDIS_STATUS_SUCCESS, 0), [Settled { cookie: 0, memory: 32, status: Status::SUCCESS }]);
    assert_eq!(live(), BTreeMap::new());
}

#[test]
fn an_own_packet_of_another_module_is_foreign() {
    let mut packet = Packet::of(b"frame").nonpaged();
    packet.nbl.SourceHandle = without_provenance_mut(HANDLE + 1);
    let nbl = packet.ptr();
    let _: FilterHandle = install();
    assert_eq!(complete(&[nbl], NDIS_STATUS_SUCCESS, 0), []);
    assert_eq!(calls(), [Call::SendComplete { nbls: addresses(&[nbl]), flags: 0 }]);
}
