//! The ends of the stack: what the upper one makes of received frames, what the lower one does for senders, what NDIS
//! loops back.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::*;

use super::{testing::*, *};
use crate::{kernel::one_at_a_time, sync::lock};

const SUCCEEDED: usize = 0b11_1000;
const FAILED: usize = 0b111;

/// A frame of UDP over IPv4 with right checksums.
fn udp(payload: u8) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend_from_slice(&[8, 0, 0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend_from_slice(&[0, 53, 1, 0, 0, 12, 0, 0, payload, 2, 3, 4]);
    checksum::set_ip(&mut frame);
    checksum::set_transport(&mut frame);
    frame
}

fn oob(frame_type: u16, checksum: usize) -> Oob {
    let mut oob = Oob::default();
    oob.set_frame_type(frame_type);
    oob.set(TcpIpChecksumNetBufferListInfo, checksum);
    oob
}

fn freeing() -> Script {
    Script {
        send_complete: |handle, list, flags| {
            if own_nbl::is_own(list) { own_nbl::free(list) } else { pass_send_complete(handle, list, flags) }
        },
        return_: |handle, list, flags| {
            if own_nbl::is_own(list) { own_nbl::free(list) } else { pass_return(handle, list, flags) }
        },
        ..Script::default()
    }
}

fn sink() -> (Arc<Mutex<Vec<Arrived>>>, adapter::Sink) {
    let all: Arc<Mutex<Vec<Arrived>>> = Arc::default();
    let into = all.clone();
    (all, Arc::new(move |mut frames| lock(&into).append(&mut frames)))
}

fn as_filter(adapter: &Arc<Adapter>, act: impl FnOnce(NDIS_HANDLE)) {
    let module = adapter.modules().pop().expect("the filter's module");
    as_driver(module.driver.id, || act(module.ndis_handle()));
    kernel().sched.pump();
}

/// What becomes of a filter's own receive.
fn fate_of_own(bytes: &[u8], oob: Oob) -> (Option<Fate>, FrameCounts) {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let filter = filter(freeing());
    let adapter = adapter();
    let (all, into) = sink();
    adapter.on_received(into);
    as_filter(&adapter, |handle| pass_receive(handle, own_nbl::with_bytes(handle, bytes, &oob), 0, 1, 0));
    filter.unload();
    assert!(kernel().judge.verdict().violations.is_empty());
    let fate = lock(&all).first().map(|frame| frame.fate);
    (fate, adapter.counts())
}

#[test]
fn the_protocol_of_an_own_receive_is_found_by_its_type() {
    assert_eq!(fate_of_own(&udp(1), oob(0x0800, 0)).0, Some(Fate::Delivered));
    for wrong in [0, 0x86dd, 0x0008] {
        let (fate, counts) = fate_of_own(&udp(1), oob(wrong, 0));
        assert_eq!((fate, counts.lost_wrong_type, counts.reached_protocol), (None, 1, 0), "{wrong:#x}");
    }
}

#[test]
fn an_own_receive_with_a_wrong_checksum_is_lost_or_corrupt() {
    let changed = {
        let mut bytes = udp(1);
        bytes[45] ^= 1;
        bytes
    };
    let (fate, counts) = fate_of_own(&changed, oob(0x0800, 0));
    assert_eq!((fate, counts.lost_bad_checksum, counts.corrupt), (None, 1, 0));
    let (fate, counts) = fate_of_own(&changed, oob(0x0800, SUCCEEDED));
    assert_eq!((fate, counts.lost_bad_checksum, counts.corrupt), (Some(Fate::Corrupt), 0, 1), "stale");
    let (fate, counts) = fate_of_own(&udp(1), oob(0x0800, FAILED));
    assert_eq!((fate, counts.lost_bad_checksum), (None, 1));
    assert_eq!(fate_of_own(&udp(1), oob(0x0800, SUCCEEDED)).0, Some(Fate::Delivered));
}

#[test]
fn originals_are_delivered_as_they_came() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let adapter = adapter();
    let (all, into) = sink();
    adapter.on_received(into);
    let mut bad = udp(1);
    bad[45] ^= 1;
    assert!(adapter.receive(&[RecvNbl::new(Frame::new(bad)), RecvNbl::new(Frame::new(udp(2)))], 0));
    let wrong = RecvNbl { oob: oob(0x0806, 0), ..RecvNbl::new(Frame::new(udp(3))) };
    assert!(adapter.receive(&[wrong], 0));
    let fates: Vec<_> = lock(&all).iter().map(|frame| frame.fate).collect();
    assert_eq!(fates, [Fate::BadChecksum, Fate::Delivered]);
    let counts = adapter.counts();
    assert_eq!((counts.reached_protocol, counts.lost_bad_checksum, counts.lost_wrong_type), (2, 0, 1));
    adapter.unplug();
}

#[test]
fn headers_of_an_own_receive_lie_in_its_first_mdl() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let script = Script {
        // A packet over the original's MDLs, cut as the original is: within the callback alone.
        receive: |handle, list, port, _, _| {
            let own = own_nbl::over(handle, list);
            pass_receive(handle, own, port, 1, NDIS_RECEIVE_FLAGS_RESOURCES);
            own_nbl::free(own);
            pass_return(handle, list, 0);
        },
        ..freeing()
    };
    let filter = filter(script);
    let adapter = adapter();
    for first in [14, 34, 41, 42, 46] {
        let layout = Layout::pieces(&[first, 60], 0);
        assert!(adapter.receive(&[RecvNbl::new(Frame::new(udp(1)).cut(layout))], 0));
    }
    let counts = adapter.counts();
    assert_eq!((counts.lost_split_headers, counts.reached_protocol), (3, 2));
    filter.unload();
    assert!(kernel().judge.verdict().violations.is_empty(), "{:?}", kernel().judge.verdict().violations);
}

#[test]
fn the_card_does_what_it_is_asked_for_and_has() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let filter = filter(Script::default());
    let adapter = adapter();
    let (all, into) = sink();
    adapter.on_sent(into);
    let mut raw = udp(1);
    checksum::put(&mut raw, 24, 0x1111);
    checksum::put(&mut raw, 40, 0x2222);
    let mut send = SendNbl::new([Frame::new(raw.clone())]);
    send.oob.set(TcpIpChecksumNetBufferListInfo, 0b11001);
    assert!(adapter.send(&[send.clone(), SendNbl::new([Frame::new(raw.clone())])], 0));
    adapter.set_offloads(Offloads { ip: true, ..Offloads::NONE });
    assert!(adapter.send(&[send], 0));
    kernel().sched.pump();
    let wire: Vec<_> = lock(&all).iter().map(|frame| frame.bytes.clone()).collect();
    assert_eq!(wire, [udp(1), raw]);
    assert_eq!(adapter.counts().lost_offload, 1);
    assert_eq!(adapter.completions().get(&NDIS_STATUS_NOT_SUPPORTED), Some(&1));
    let said: Vec<_> = adapter.take_events();
    assert!(matches!(said.as_slice(), [Event::Status(NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, _)]), "{said:?}");
    filter.unload();
}

#[test]
fn a_link_that_is_down_carries_nothing() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let filter = filter(Script::default());
    let adapter = adapter();
    adapter.set_link(false);
    assert!(adapter.send(&[SendNbl::new([Frame::new(udp(1))])], 0));
    assert!(!adapter.receive(&[RecvNbl::new(Frame::new(udp(1)))], 0));
    adapter.set_link(true);
    assert!(adapter.receive(&[RecvNbl::new(Frame::new(udp(1)))], 0));
    assert_eq!(adapter.completions(), [(NDIS_STATUS_MEDIA_DISCONNECTED, 1)].into());
    kernel().sched.pump();
    filter.unload();
}

/// Sends to whom the adapter listens and to others, with and without the flag: what came back to the top.
fn looped(loopback: Loopback, seed: u64) -> Vec<u8> {
    virtual_kernel(seed);
    let filter = filter(Script::default());
    let adapter = Adapter::plug(AdapterConfig { loopback, ..AdapterConfig::default() });
    let (all, into) = sink();
    adapter.on_received(into);
    for (mark, station) in
        [(0, adapter.config.mac), (1, [0xff; 6]), (2, [2, 0, 0, 0, 9, 9]), (3, [1, 0, 0x5e, 0, 0, 1])]
    {
        for (asked, flags) in [(0, 0), (10, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK)] {
            let mut frame = udp(mark + asked);
            frame[..6].copy_from_slice(&station);
            assert!(adapter.send(&[SendNbl::new([Frame::new(frame)])], flags));
        }
    }
    kernel().sched.pump();
    assert!(lock(&all).is_empty(), "they are kept apart");
    let looped = adapter.take_looped_back();
    assert_eq!(adapter.looped_back(), looped.len() as u64);
    assert!(looped.iter().all(|frame| frame.nbl_flags & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET != 0));
    filter.unload();
    assert!(kernel().judge.verdict().violations.is_empty());
    let mut marks: Vec<_> = looped.iter().map(|frame| frame.bytes[42]).collect();
    marks.sort_unstable();
    marks
}

#[test]
fn ndis_loops_back_what_is_asked_for() {
    let _one = one_at_a_time();
    for seed in 0..8 {
        assert_eq!(looped(Loopback::Off, seed), [0_u8; 0]);
        assert_eq!(looped(Loopback::Asked, seed), [10, 11, 13], "seed {seed}");
        assert_eq!(looped(Loopback::AllLocal, seed), [0, 1, 2, 3, 10, 11, 12, 13], "seed {seed}");
    }
}

#[test]
fn v49_a_looped_back_frame_shown() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    kernel().judge.stop_at_first(false);
    let adapter = Adapter::plug(AdapterConfig { loopback: Loopback::AllLocal, ..AdapterConfig::default() });
    let both = udp(1);
    assert!(adapter.send(&[SendNbl::new([Frame::new(both.clone())]), SendNbl::new([Frame::new(udp(2))])], 0));
    assert!(adapter.receive(&[RecvNbl::new(Frame::new(both.clone()))], 0));
    kernel().sched.pump();
    let broken = |shown: &[Vec<u8>]| {
        let before = kernel().judge.verdict().violations.len();
        adapter.judge_shown(shown.iter().map(Vec::as_slice));
        kernel().judge.verdict().violations.len() - before
    };
    assert_eq!(broken(&[both.clone(), udp(3)]), 0, "received from the wire too");
    assert_eq!(broken(&[both.clone(), both.clone()]), 1);
    assert_eq!(broken(&[udp(2)]), 1);
    kernel().ndis.loopback_is_asked_for();
    assert_eq!(broken(&[udp(2)]), 0);
    adapter.unplug();
}
