//! A filter's own packets over the data of others' that it holds: whose time it is, what is open, what is wrong.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::*;

use super::{testing::*, *};
use crate::{
    clock::Mode,
    kernel::{Kernel, one_at_a_time},
    sync::lock,
    testing::report_of,
};

type List = *mut NET_BUFFER_LIST;

/// (own, original) NBLs under way.
static PAIRS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

fn frame() -> Frame {
    Frame::new(vec![5; 60]).cut(Layout::whole(60))
}

/// Sends an NBL of its own over each original's data; completes the original when that is back.
fn sharing() -> Script {
    Script {
        send: |handle, list, port, flags| {
            let own = own_nbl::over(handle, list);
            lock(&PAIRS).push((own.expose_provenance(), list.expose_provenance()));
            pass_send(handle, own, port, flags);
        },
        send_complete: |handle, list, flags| {
            let mut pairs = lock(&PAIRS);
            let at = pairs.iter().position(|(own, _)| *own == list.addr()).expect("an NBL of its own");
            let original: List = std::ptr::with_exposed_provenance_mut(pairs.remove(at).1);
            drop(pairs);
            own_nbl::free(list);
            assert_eq!(own_nbl::read_as_driver(original), 5, "its data is open again");
            raw::Nbl::at(original).expect("an NBL").set_status(NDIS_STATUS_SUCCESS);
            pass_send_complete(handle, original, flags);
        },
        ..Script::default()
    }
}

fn start(script: Script) -> (TestFilter, Arc<Adapter>) {
    virtual_kernel(1);
    kernel().judge.stop_at_first(false);
    lock(&PAIRS).clear();
    let filter = filter(script);
    let adapter = adapter();
    adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::Manual);
    (filter, adapter)
}

fn broken() -> Vec<String> {
    kernel().judge.verdict().violations.into_iter().map(|violation| violation.rule).collect()
}

fn send_one(adapter: &Arc<Adapter>) {
    assert!(adapter.send(&[SendNbl::new([frame()])], 0));
}

#[test]
fn the_time_below_is_not_the_filters() {
    let _one = one_at_a_time();
    let (filter, adapter) = start(sharing());
    send_one(&adapter);
    assert_eq!(kernel().ndis.held_by(filter.id), Held::default(), "it is below");
    kernel().sched.advance(3_000_000_000);
    adapter.complete_sends();
    assert_eq!(broken(), Vec::<String>::new());
    let holds = kernel().ndis.holds_of(filter.id);
    assert_eq!((holds.sends.count, holds.sends.max_ms()), (1, 0));
    assert_eq!(adapter.completions(), [(NDIS_STATUS_SUCCESS, 1)].into());
    filter.unload();
    assert_eq!(broken(), Vec::<String>::new());
}

#[test]
fn the_time_before_and_after_is() {
    let _one = one_at_a_time();
    let keep = Script {
        send: |_, list, _, _| lock(&PAIRS).push((0, list.expose_provenance())),
        send_complete: |handle, list, flags| {
            if own_nbl::is_own(list) { own_nbl::free(list) } else { pass_send_complete(handle, list, flags) }
        },
        ..Script::default()
    };
    let (filter, adapter) = start(keep);
    send_one(&adapter);
    assert_eq!(kernel().ndis.held_by(filter.id), Held { sends: 1, receives: 0 });
    kernel().sched.advance(600_000_000);
    let module = adapter.modules().pop().expect("a module");
    let original: List = std::ptr::with_exposed_provenance_mut(lock(&PAIRS).remove(0).1);
    as_driver(filter.id, || pass_send(module.ndis_handle(), own_nbl::over(module.ndis_handle(), original), 0, 0));
    kernel().sched.advance(5_000_000_000);
    adapter.complete_sends();
    kernel().sched.advance(700_000_000);
    as_driver(filter.id, || {
        raw::Nbl::at(original).expect("an NBL").set_status(NDIS_STATUS_SUCCESS);
        pass_send_complete(module.ndis_handle(), original, 0);
    });
    assert_eq!(kernel().ndis.holds_of(filter.id).sends.max_ms(), 1300);
    assert_eq!(broken(), ["V12"]);
    filter.unload();
}

#[test]
fn v16_an_original_completed_while_its_data_is_below() {
    let _one = one_at_a_time();
    let script = Script {
        send: |handle, list, port, flags| {
            pass_send(handle, own_nbl::over(handle, list), port, flags);
            raw::Nbl::at(list).expect("an NBL").set_status(NDIS_STATUS_SUCCESS);
            pass_send_complete(handle, list, 0);
        },
        send_complete: |_, list, _| own_nbl::free(list),
        ..Script::default()
    };
    let (filter, adapter) = start(script);
    send_one(&adapter);
    assert_eq!(broken(), ["V16"]);
    adapter.complete_sends();
    filter.unload();
}

#[test]
fn v16_data_of_a_packet_that_is_gone() {
    let _one = one_at_a_time();
    let script = Script {
        send: |handle, list, port, flags| {
            let own = own_nbl::over(handle, list);
            pass_send(handle, list, port, flags);
            pass_send(handle, own, port, flags);
        },
        send_complete: |handle, list, flags| {
            if own_nbl::is_own(list) { own_nbl::free(list) } else { pass_send_complete(handle, list, flags) }
        },
        ..Script::default()
    };
    let (filter, adapter) = start(script);
    send_one(&adapter);
    assert_eq!(broken(), ["V16"]);
    adapter.complete_sends();
    filter.unload();
}

#[test]
fn v16_data_that_is_below_is_not_touched() {
    let report = report_of("ndis::sharing_tests::v16_data_that_is_below_is_not_touched", || {
        let script = Script {
            send: |handle, list, port, flags| {
                pass_send(handle, own_nbl::over(handle, list), port, flags);
                own_nbl::read_as_driver(list);
            },
            ..sharing()
        };
        let (_filter, adapter) = start(script);
        send_one(&adapter);
    });
    assert!(report.contains("V16") && report.contains("describes its data"), "{report}");
}

#[test]
fn a_filter_below_may_look_at_shared_data() {
    let _one = one_at_a_time();
    let looking = Script {
        send: |handle, list, port, flags| {
            assert_eq!(own_nbl::read_as_driver(list), 5);
            pass_send(handle, list, port, flags);
        },
        ..Script::default()
    };
    let (below, _) = start(looking);
    let above = filter(sharing());
    let adapter = adapter();
    adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::Later);
    send_one(&adapter);
    kernel().sched.pump();
    assert_eq!(adapter.completions(), [(NDIS_STATUS_SUCCESS, 1)].into());
    assert_eq!(broken(), Vec::<String>::new());
    above.unload();
    below.unload();
    assert_eq!(broken(), Vec::<String>::new());
}

/// The NBLs of a list, each taken out of it.
fn singly(list: List) -> Vec<List> {
    let nbls = raw::nbls(list).expect("a list that ends");
    for nbl in &nbls {
        raw::Nbl::at(*nbl).expect("an NBL").set_next(std::ptr::null_mut());
    }
    nbls
}

#[test]
fn shared_data_under_traffic_on_all_processors() {
    let _one = one_at_a_time();
    Kernel::install(Mode::Real, 7);
    lock(&PAIRS).clear();
    let script = Script {
        send: |handle, list, port, flags| {
            for one in singly(list) {
                let own = own_nbl::over(handle, one);
                lock(&PAIRS).push((own.expose_provenance(), one.expose_provenance()));
                pass_send(handle, own, port, flags);
            }
        },
        send_complete: |handle, list, flags| {
            for own in singly(list) {
                let mut pairs = lock(&PAIRS);
                let at = pairs.iter().position(|(other, _)| *other == own.addr()).expect("an NBL of its own");
                let original: List = std::ptr::with_exposed_provenance_mut(pairs.remove(at).1);
                drop(pairs);
                own_nbl::free(own);
                assert_eq!(own_nbl::read_as_driver(original), 5);
                raw::Nbl::at(original).expect("an NBL").set_status(NDIS_STATUS_SUCCESS);
                pass_send_complete(handle, original, flags);
            }
        },
        ..Script::default()
    };
    let below = filter(Script::default());
    let above = filter(script);
    let adapter = Adapter::plug(AdapterConfig { loopback: Loopback::AllLocal, ..AdapterConfig::default() });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert!(adapter.send(&[SendNbl::new([frame()]), SendNbl::new([frame()])], 0));
                }
            });
        }
    });
    adapter.pause();
    assert_eq!(adapter.completions(), [(NDIS_STATUS_SUCCESS, 600)].into());
    assert_eq!(adapter.looped_back(), 600);
    above.unload();
    below.unload();
    kernel().sched.stop();
    assert_eq!(broken(), Vec::<String>::new());
}

/// Holds sends; ends them at a cancellation with a status.
fn cancelling(cancel: fn(NDIS_HANDLE, usize)) -> Script {
    Script { send: |_, list, _, _| lock(&PAIRS).push((0, list.expose_provenance())), cancel, ..Script::default() }
}

fn end_all(handle: NDIS_HANDLE, status: NDIS_STATUS) {
    for (_, list) in std::mem::take(&mut *lock(&PAIRS)) {
        let list: List = std::ptr::with_exposed_provenance_mut(list);
        raw::Nbl::at(list).expect("an NBL").set_status(status);
        pass_send_complete(handle, list, 0);
    }
}

fn after_cancel(script: Script) -> Vec<String> {
    let (filter, adapter) = start(script);
    for id in [7, 8] {
        let mut send = SendNbl::new([frame()]);
        send.oob.set(NetBufferListCancelId, id);
        assert!(adapter.send(&[send], 0));
        if id == 7 {
            adapter.cancel_sends(7);
        }
    }
    let handle = adapter.modules().pop().expect("a module").ndis_handle();
    as_driver(filter.id, || end_all(handle, NDIS_STATUS_SUCCESS));
    filter.unload();
    broken()
}

#[test]
fn v20_a_cancelled_send_is_completed_as_aborted() {
    let _one = one_at_a_time();
    let good = cancelling(|handle, _| end_all(handle, NDIS_STATUS_SEND_ABORTED));
    assert_eq!(after_cancel(good), Vec::<String>::new());
    let with_success = cancelling(|handle, _| end_all(handle, NDIS_STATUS_SUCCESS));
    assert_eq!(after_cancel(with_success), ["V20"]);
    // All are ended, also what is not cancelled.
    let all = cancelling(|handle, _| end_all(handle, NDIS_STATUS_SEND_ABORTED));
    let (filter, adapter) = start(all);
    for id in [7, 8] {
        let mut send = SendNbl::new([frame()]);
        send.oob.set(NetBufferListCancelId, id);
        assert!(adapter.send(&[send], 0));
    }
    adapter.cancel_sends(7);
    filter.unload();
    assert_eq!(broken(), ["V20"]);
}

#[test]
fn v19_a_large_send_says_what_was_sent() {
    type Completion = fn(usize) -> usize;
    /// Status and OOB that the filter completes a send with.
    static WITH: Mutex<Option<(NDIS_STATUS, Completion)>> = Mutex::new(None);
    let _one = one_at_a_time();
    let completed_with = |status, payload: usize, word: Completion| {
        *lock(&WITH) = Some((status, word));
        let script = Script {
            send: |handle, list, _, _| {
                let nbl = raw::Nbl::at(list).expect("an NBL");
                let mut oob = Oob(nbl.info().map(<*mut _>::addr));
                let (status, word) = lock(&WITH).expect("a completion");
                oob.set(TcpLargeSendNetBufferListInfo, word(oob.get(TcpLargeSendNetBufferListInfo)));
                nbl.set_info(oob.0.map(std::ptr::without_provenance_mut::<_>));
                nbl.set_status(status);
                pass_send_complete(handle, list, 0);
            },
            ..Script::default()
        };
        let (filter, adapter) = start(script);
        for request in [0x0220_05b4, 0x4220_05b4] {
            let mut bytes = vec![2; 12];
            bytes.extend_from_slice(&[8, 0, 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            bytes.extend_from_slice(&[0, 80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
            bytes.resize(54 + payload, 9);
            let mut send = SendNbl::new([Frame::new(bytes)]);
            send.oob.set(TcpLargeSendNetBufferListInfo, request);
            assert!(adapter.send(&[send], 0));
        }
        filter.unload();
        broken()
    };
    let completed = |word: Completion| completed_with(NDIS_STATUS_SUCCESS, 4000, word);
    assert_eq!(completed(|word| if word >> 30 == 0 { 4000 } else { 1 << 30 }), Vec::<String>::new());
    assert_eq!(completed(|word| if word >> 30 == 0 { 3999 } else { 1 << 30 }), ["V19"]);
    assert_eq!(completed(|word| if word >> 30 == 0 { 4000 } else { 0 }), ["V19"], "the type stays");
    assert_eq!(completed(|word| word), ["V19", "V19"]);
    assert_eq!(completed_with(NDIS_STATUS_RESOURCES, 1000, |word| word), Vec::<String>::new(), "refused, not cut");
}

#[test]
fn v31_a_held_original_passed_on_after_a_later_one() {
    let _one = one_at_a_time();
    let script = Script {
        send: |handle, list, port, flags| {
            let first = lock(&PAIRS).is_empty();
            lock(&PAIRS).push((0, list.expose_provenance()));
            if !first {
                pass_send(handle, list, port, flags);
            }
        },
        ..Script::default()
    };
    let run = |hashes: [usize; 2]| {
        let (filter, adapter) = start(script.clone());
        adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::AtOnce);
        for hash in hashes {
            let mut send = SendNbl::new([frame()]);
            send.oob.set(NetBufferListHashInfo, usize::from(hash != 0));
            send.oob.set(NetBufferListHashValue, hash);
            assert!(adapter.send(&[send], 0));
        }
        let held: List = std::ptr::with_exposed_provenance_mut(lock(&PAIRS).remove(0).1);
        let handle = adapter.modules().pop().expect("a module").ndis_handle();
        as_driver(filter.id, || pass_send(handle, held, 0, 0));
        filter.unload();
        broken()
    };
    assert_eq!(run([0, 0]), ["V31"]);
    assert_eq!(run([4, 4]), ["V31"]);
    assert_eq!(run([4, 5]), Vec::<String>::new(), "two flows");
}
