//! Shadows: some frames of a send go down, and the original is completed when they are.
#![allow(unsafe_code)]

mod stand_in;

use std::collections::BTreeMap;
use std::ptr::without_provenance_mut;

use nblease_ndis::Status;
use nblease_ndis::batch::SendBatch;
use nblease_ndis::held::Level;
use nblease_ndis::own::OwnError;
use nblease_ndis::sys::*;
use stand_in::lease::{addresses, bytes, complete, held_send, pool};
use stand_in::memory::{COPIED_BY_NDIS, Kind, count, fail_after, live, stop_failing};
use stand_in::{Call, Frame, HANDLE, Packet, calls, handed};

const PORT: u32 = 7;
const LOOP: u32 = NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;

fn burst() -> Packet {
    Packet::new(&[
        Frame { mdls: &[4, 30], offset: 6, data: b"first, offset" },
        Frame { mdls: &[8], offset: 0, data: b"second" },
        Frame { mdls: &[2, 2, 9], offset: 1, data: b"third" },
    ])
    .nonpaged()
}

/// What of an NB a shadow has to leave as it is.
fn describe(packet: &mut Packet) -> Vec<(usize, u32, usize, u32, u32, usize)> {
    let describe = |nb: &NET_BUFFER| {
        let (chain, current) = (nb.MdlChain.addr(), nb.CurrentMdl.addr());
        (chain, nb.DataOffset, current, nb.CurrentMdlOffset, nb.DataLength, nb.Next.addr())
    };
    (0..3).map(|at| describe(packet.nb(at))).collect()
}

#[test]
fn a_shadow_shows_the_bytes_where_they_lie() {
    let pool = pool();
    let mut original = burst();
    let read_only = NDIS_NBL_FLAGS_SEND_READ_ONLY | NDIS_NBL_FLAGS_IS_IPV4;
    original.nbl.NblFlags = read_only | NDIS_NBL_FLAGS_CAPTURE_TIMESTAMP_ON_TRANSMIT;
    // The data begin in the second MDL: as NDIS has it, that is the current one.
    // SAFETY: the first frame's first MDL.
    original.nb(0).CurrentMdl = unsafe { (*original.nb(0).MdlChain).Next };
    original.nb(0).CurrentMdlOffset = 2;
    let before = describe(&mut original);
    let original_nbl = original.ptr();
    let memory = count(Kind::Memory);
    let held = held_send(&mut original, PORT, LOOP);
    let mut shadow = held.shadow(&pool, |at| at != 1).map_err(|(_, error)| error).unwrap();
    shadow.set_cookie(5);
    assert_eq!(bytes(shadow.nbl()), [&b"first, offset"[..], b"third"]);
    assert_eq!((count(Kind::Memory) - memory, count(Kind::Mdl), count(Kind::Nb)), (0, 0, 2), "no bytes of its own");
    assert_eq!((shadow.port(), shadow.flags()), (PORT, LOOP));
    handed();
    shadow.forward(Level::Passive);
    let out = handed();
    assert_eq!(calls(), [Call::Send { nbls: addresses(&out), port: PORT, flags: LOOP }]);
    assert_eq!(pool.in_flight(), 1);
    assert_eq!(describe(&mut original), before, "the original is as it was");
    // SAFETY: passed on and not back yet.
    let nbl = unsafe { out[0].as_ref() };
    assert_eq!((nbl.SourceHandle.addr(), nbl.NblFlags), (HANDLE, read_only));
    // SAFETY: its first NB.
    let nb = unsafe { *nbl.FirstNetBuffer };
    let (chain, offset, .., length, _) = before[0];
    assert_eq!((nb.MdlChain.addr(), nb.DataOffset, nb.DataLength), (chain, offset, length));
    // SAFETY: the MDL that its data begin in, 2 bytes into the second.
    assert_eq!((unsafe { (*nb.CurrentMdl).ByteCount }, nb.CurrentMdlOffset), (30, 2));
    // The original goes up in its shadow's place, with its status.
    let mut others = [Packet::of(b"before").nonpaged(), Packet::of(b"after").nonpaged()];
    let [before_it, after_it] = &mut others;
    let (before_it, after_it) = (before_it.ptr(), after_it.ptr());
    let flags = NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL;
    let list = [before_it, out[0], after_it];
    let settled = complete(&list, NDIS_STATUS_FAILURE, flags | NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE);
    assert_eq!((settled.len(), settled[0].cookie, settled[0].memory), (1, 5, 0));
    assert_eq!(calls(), [Call::SendComplete { nbls: addresses(&[before_it, original_nbl, after_it]), flags }]);
    assert_eq!(original.nbl.Status, NDIS_STATUS_FAILURE);
    assert_eq!(pool.in_flight(), 0);
    drop(pool);
    assert_eq!(live(), BTreeMap::new());
}

#[test]
fn the_original_of_a_large_send_is_completed_as_one() {
    let pool = pool();
    let tcp = |payload: usize| {
        let mut data = vec![0; 34 + 20 + payload];
        data[34 + 12] = 5 << 4;
        data
    };
    let (long, short) = (tcp(100), tcp(50));
    for (kind, completed) in [(0, 150), (1, 1 << 30)] {
        let mut original = Packet::new(&[
            Frame { mdls: &[154], offset: 0, data: &long },
            Frame { mdls: &[104], offset: 0, data: &short },
        ])
        .nonpaged();
        let mut request = NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO { Value: std::ptr::null_mut() };
        request.set_LsoV1Transmit_MSS(1460);
        request.set_LsoV1Transmit_TcpHeaderOffset(34);
        request.set_LsoV1Transmit_Type(kind);
        *original.info(TcpLargeSendNetBufferListInfo) = request.Value;
        let shadow = held_send(&mut original, 0, 0).shadow(&pool, |at| at == 0).map_err(|(_, error)| error).unwrap();
        handed();
        shadow.forward(Level::Passive);
        let mut out = handed();
        // SAFETY: passed on and not back yet.
        let slots = &mut unsafe { out[0].as_mut() }.NetBufferListInfo;
        let slot = &mut slots[usize::try_from(TcpLargeSendNetBufferListInfo).unwrap()];
        assert_eq!(slot.addr(), request.Value.addr(), "the request went down");
        // What a card writes of what it sent.
        *slot = without_provenance_mut(100);
        complete(&out, NDIS_STATUS_SUCCESS, 0);
        let slot = original.info(TcpLargeSendNetBufferListInfo).addr();
        assert_eq!(slot, completed, "frames that did not pass count as sent");
    }
}

#[test]
fn each_slot_goes_along_or_forbids_a_shadow() {
    let pool = pool();
    let too = [3, NetBufferListHashValue, NetBufferListHashInfo, 15, UdpSegmentationOffloadInfo, 23];
    let never = [18, 19, 21, 24, 25, 26];
    for slot in 0..27 {
        let mut packet = burst();
        *packet.info(slot) = without_provenance_mut(0x1234_5678);
        match held_send(&mut packet, 0, 0).shadow(&pool, |_| true) {
            Ok(shadow) => {
                assert!(!never.contains(&slot), "slot {slot}");
                // SAFETY: the shadow is there.
                let slots = unsafe { (*shadow.nbl().as_ptr()).NetBufferListInfo };
                for (at, value) in (0..).zip(slots) {
                    let along = at == slot && (too.contains(&slot) || COPIED_BY_NDIS.contains(&slot));
                    assert_eq!(value.addr(), if along { 0x1234_5678 } else { 0 }, "slot {slot}, at {at}");
                }
                shadow.finish(Status::SUCCESS, Level::Passive);
            }
            Err((held, error)) => {
                assert_eq!(error, OwnError::NotPromotable(slot));
                assert!(never.contains(&slot), "slot {slot}");
                held.forward(Level::Passive);
            }
        }
    }
}

#[test]
fn each_allocation_of_a_shadow_may_fail() {
    let pool = pool();
    let mut packet = burst();
    let mut held = held_send(&mut packet, PORT, LOOP);
    let before = live();
    for failures in 0.. {
        fail_after(failures);
        match held.shadow(&pool, |_| true) {
            Ok(shadow) => {
                assert!(stop_failing());
                assert_eq!(failures, 1 + 3, "the NBL, NBs");
                drop(shadow);
                break;
            }
            Err((back, error)) => {
                assert!(!stop_failing());
                assert_eq!((error, live()), (OwnError::NoMemory, before.clone()));
                held = back;
            }
        }
    }
    assert_eq!(
        calls(),
        [Call::SendComplete { nbls: addresses(&[packet.ptr()]), flags: 0 }],
        "dropped: given back once"
    );
    assert_eq!(packet.nbl.Status, NDIS_STATUS_FAILURE);
    let (held, error) = held_send(&mut packet, PORT, LOOP).shadow(&pool, |_| false).err().unwrap();
    assert_eq!(error, OwnError::Length);
    held.forward(Level::Passive);
}

#[test]
fn shadows_leave_in_batches() {
    let pool = pool();
    let (mut first, mut second) = (burst(), Packet::of(b"whole").nonpaged());
    for finish in [true, false] {
        let mut batch = SendBatch::new();
        let shadow = held_send(&mut first, PORT, LOOP).shadow(&pool, |at| at == 1).map_err(|(_, error)| error).unwrap();
        assert!(batch.push(shadow).is_ok());
        assert!(batch.push(held_send(&mut second, PORT, LOOP)).is_ok());
        handed();
        let originals = addresses(&[first.ptr(), second.ptr()]);
        if finish {
            batch.finish(Status::SEND_ABORTED, Level::Passive);
        } else {
            batch.forward(Level::Passive);
            assert_eq!(calls().len(), 1);
            let out = stand_in::lease::all(&handed());
            assert_eq!(complete(&out, NDIS_STATUS_SEND_ABORTED, 0).len(), 1);
        }
        assert_eq!(calls(), [Call::SendComplete { nbls: originals, flags: 0 }]);
        assert!([&first, &second].iter().all(|packet| packet.nbl.Status == NDIS_STATUS_SEND_ABORTED));
        assert_eq!((pool.in_flight(), count(Kind::Nbl)), (0, 0));
    }
}
