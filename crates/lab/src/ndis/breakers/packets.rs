//! Rules of the data path: V12 to V31.

use super::*;
use crate::thread::{self, PASSIVE_LEVEL};

#[test]
fn v12_a_send_held_over_the_budget() {
    fn script() -> Script {
        Script { send: |_, list, _, _| keep(list), ..Script::default() }
    }
    fn after(ms: u64) -> impl FnOnce(&Arc<Adapter>) {
        move |adapter| {
            send(adapter);
            kernel().sched.advance(ms * 1_000_000);
            let module = adapter.modules().pop().expect("the filter's module");
            let list = kept().expect("the send");
            as_driver(module.driver.id, || pass_send(module.ndis_handle(), list, 0, 0));
        }
    }
    assert_eq!(first_broken_by(script(), after(1000)), "");
    assert_eq!(first_broken_by(script(), after(1001)), "V12");
}

#[test]
fn v13_a_receive_held_over_the_budget() {
    let script = Script { receive: |_, list, _, _, _| keep(list), ..Script::default() };
    let broken = first_broken_by(script, |adapter| {
        receive(adapter);
        kernel().sched.advance(1_001_000_000);
        let module = adapter.modules().pop().expect("the filter's module");
        let list = kept().expect("the receive");
        as_driver(module.driver.id, || pass_return(module.ndis_handle(), list, 0));
    });
    assert_eq!(broken, "V13");
}

#[test]
fn v14_a_lent_receive_returned() {
    let receive = |handle, list, _, _, _| pass_return(handle, list, 0);
    assert_eq!(first_broken_by(Script { receive, ..Script::default() }, receive_lent), "V14");
}

#[test]
fn v14_a_lent_receive_given_away() {
    let receive = |handle, list, port, count, _| pass_receive(handle, list, port, count, 0);
    assert_eq!(first_broken_by(Script { receive, ..Script::default() }, receive_lent), "V14");
}

#[test]
fn v14_a_lent_list_not_put_back() {
    let receive = |_, list: List, _, _, _| {
        if let Some(nbl) = raw::Nbl::at(list) {
            nbl.set_next(std::ptr::null_mut());
        }
    };
    assert_eq!(first_broken_by(Script { receive, ..Script::default() }, receive_lent), "V14");
}

#[test]
fn a_lent_list_cut_and_put_back_is_none_of_it() {
    let receive = |handle, list: List, port, _, flags| {
        let nbl = raw::Nbl::at(list).expect("a list");
        let rest = nbl.next();
        nbl.set_next(std::ptr::null_mut());
        pass_receive(handle, list, port, 1, flags);
        pass_receive(handle, rest, port, 1, flags);
        nbl.set_next(rest);
    };
    assert_eq!(first_broken_by(Script { receive, ..Script::default() }, receive_lent), "");
}

#[test]
fn v15_a_send_completed_after_it_was_passed_on() {
    let send_ = |handle, list, port, flags| {
        pass_send(handle, list, port, flags);
        pass_send_complete(handle, list, 0);
    };
    let script = Script { send: send_, ..Script::default() };
    let broken = first_broken_by(script, |adapter| {
        adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::Manual);
        send(adapter);
        adapter.complete_sends();
    });
    assert_eq!(broken, "V15");
}

#[test]
fn v15_a_receive_returned_twice() {
    let return_ = |handle, list, flags| {
        pass_return(handle, list, flags);
        pass_return(handle, list, flags);
    };
    assert_eq!(first_broken_by(Script { return_, ..Script::default() }, receive), "V15");
}

#[test]
fn own_packets_go_and_come_back() {
    let _one = one_at_a_time();
    let frames: Arc<Mutex<Vec<Arrived>>> = Arc::default();
    let broken = broken_by(originating(|_| NDIS_STATUS_SUCCESS), |adapter| {
        for _ in 0..2 {
            let into = frames.clone();
            let sink: adapter::Sink = Arc::new(move |mut arrived| lock(&into).append(&mut arrived));
            adapter.on_sent(sink.clone());
            adapter.on_received(sink);
        }
        as_filter(adapter, |handle| pass_send(handle, own_nbl(handle), 0, 0));
        as_filter(adapter, |handle| pass_receive(handle, own_nbl(handle), 0, 1, 0));
        as_filter(adapter, |handle| {
            let list = own_nbl(handle);
            pass_receive(handle, list, 0, 1, NDIS_RECEIVE_FLAGS_RESOURCES);
            free_own(list);
        });
    });
    assert_eq!(broken, Vec::<String>::new());
    let frames = lock(&frames);
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|frame| frame.filters_own && frame.bytes.len() == 60));
}

#[test]
fn v17_own_packets_completed_up() {
    let script = Script { send_complete: pass_send_complete, ..originating(|_| NDIS_STATUS_SUCCESS) };
    let broken = first_broken_by(script, |adapter| {
        as_filter(adapter, |handle| pass_send(handle, own_nbl(handle), 0, 0));
    });
    assert_eq!(broken, "V17");
}

#[test]
fn v17_packets_of_others_freed() {
    let script = Script {
        send: |handle, list, port, flags| {
            // SAFETY: what is wrong with it is what the judge says.
            unsafe { pool::free_nbl(list) };
            pass_send(handle, list, port, flags);
        },
        ..Script::default()
    };
    assert_eq!(first_broken_by(script, send), "V17");
}

#[test]
fn v17_a_send_indicated_up() {
    let send_ = |handle, list, port, _| pass_receive(handle, list, port, 1, 0);
    assert_eq!(first_broken_by(Script { send: send_, ..Script::default() }, send), "V17");
}

#[test]
fn v18_source_handles() {
    let change = |handle, list: List, port, flags| {
        raw::Nbl::at(list).expect("a list").set_source(handle);
        pass_send(handle, list, port, flags);
    };
    assert_eq!(first_broken_by(Script { send: change, ..Script::default() }, send), "V18");
    let broken = first_broken_by(originating(|_| NDIS_STATUS_SUCCESS), |adapter| {
        as_filter(adapter, |handle| {
            let list = own_nbl(handle);
            raw::Nbl::at(list).expect("an NBL").set_source(std::ptr::null_mut());
            pass_send(handle, list, 0, 0);
        });
    });
    assert_eq!(broken, "V18");
}

#[test]
fn v19_a_completion_without_a_status() {
    let send_ = |handle, list, _, _| pass_send_complete(handle, list, 0);
    assert_eq!(first_broken_by(Script { send: send_, ..Script::default() }, send), "V19");
}

#[test]
fn v19_a_large_send_completed_as_it_came() {
    let send_ = |handle, list, _, _| {
        set_status(list, NDIS_STATUS_SUCCESS);
        pass_send_complete(handle, list, 0);
    };
    let broken = first_broken_by(Script { send: send_, ..Script::default() }, |adapter| {
        let mut send = SendNbl::new([frame()]);
        send.oob.set(TcpLargeSendNetBufferListInfo, 0x4000_05b4);
        adapter.send(&[send], 0);
    });
    assert_eq!(broken, "V19");
}

#[test]
fn v20_cancelled_sends_kept() {
    let script = Script { send: |_, list, _, _| keep(list), ..Script::default() };
    let broken = first_broken_by(script, |adapter| {
        let mut send = SendNbl::new([frame()]);
        send.oob.set(NetBufferListCancelId, 9);
        adapter.send(&[send], 0);
        adapter.cancel_sends(8);
        assert!(kernel().judge.verdict().violations.is_empty(), "another CancelId");
        adapter.cancel_sends(9);
        as_filter(adapter, |handle| pass_send(handle, kept().expect("the send"), 0, 0));
    });
    assert_eq!(broken, "V20");
}

#[test]
fn v21_packets_changed() {
    let data_start = |handle, list: List, port, flags| {
        let nb = raw::Nbl::at(list).expect("a list").first_nb();
        // SAFETY: as a driver would.
        unsafe { data::advance_nb(nb, 4, 0, None) };
        pass_send(handle, list, port, flags);
    };
    let unlinked = |handle, list: List, port, flags| {
        let nbl = raw::Nbl::at(list).expect("a list");
        nbl.set_first_nb(raw::Nb::at(nbl.first_nb()).expect("an NB").next());
        pass_send(handle, list, port, flags);
    };
    let payload = |handle, list: List, port, flags| {
        let nb = raw::Nb::at(raw::Nbl::at(list).expect("a list").first_nb()).expect("an NB");
        let parts = raw::parts(nb.mdl_chain(), nb.data_offset() as usize, 60);
        raw::write(parts.first().expect("data").0, 6_u8);
        pass_send(handle, list, port, flags);
    };
    for (name, change) in [("data start", data_start as fn(_, _, _, _)), ("NB", unlinked), ("payload", payload)] {
        assert_eq!(first_broken_by(Script { send: change, ..Script::default() }, send), "V21", "{name}");
    }
}

#[test]
fn a_retreat_that_is_undone_changes_nothing() {
    let send_ = |handle, list: List, port, flags| {
        // SAFETY: as a driver would.
        let status = unsafe { data::retreat_nbl(list, 500, 20, None, None) };
        assert_eq!(status, NDIS_STATUS_SUCCESS);
        // SAFETY: as a driver would.
        unsafe { data::advance_nbl(list, 500, 1, None) };
        pass_send(handle, list, port, flags);
    };
    let script = Script { send: send_, ..Script::default() };
    assert_eq!(first_broken_by(script, |adapter| (0..20).for_each(|_| send(adapter))), "");
}

#[test]
fn v21_a_context_left_on_a_packet() {
    let send_ = |handle, list: List, port, flags| {
        // SAFETY: as a driver would.
        let status = unsafe { context::allocate_context(list, 16, 0, 1) };
        assert_eq!(status, NDIS_STATUS_SUCCESS);
        pass_send(handle, list, port, flags);
    };
    let freed = |handle, list: List, flags| {
        // SAFETY: as a driver would.
        unsafe { context::free_context(list, 16) };
        pass_send_complete(handle, list, flags);
    };
    let one = |adapter: &Arc<Adapter>| (0..8).for_each(|_| assert!(adapter.send(&[SendNbl::new([frame()])], 0)));
    let script = Script { send: send_, ..Script::default() };
    assert_eq!(first_broken_by(Script { send_complete: freed, ..script.clone() }, one), "");
    assert_eq!(first_broken_by(script, one), "V21");
}

#[test]
fn v22_two_nbs_in_a_receive() {
    let broken = first_broken_by(originating(|_| NDIS_STATUS_SUCCESS), |adapter| {
        as_filter(adapter, |handle| {
            let (first, second) = (own_nbl(handle), own_nbl(handle));
            let (one, two) = (raw::Nbl::at(first).expect("one"), raw::Nbl::at(second).expect("two"));
            raw::Nb::at(one.first_nb()).expect("an NB").set_next(two.first_nb());
            pass_receive(handle, first, 0, 1, NDIS_RECEIVE_FLAGS_RESOURCES);
            free_own(second);
            free_own(first);
        });
    });
    assert_eq!(broken, "V22");
}

#[test]
fn v23_lists_that_are_not_what_they_say() {
    let count = |handle, list, port, count, flags| pass_receive(handle, list, port, count + 1, flags);
    assert_eq!(first_broken_by(Script { receive: count, ..Script::default() }, receive), "V23");
    let ring = |handle, list: List, flags| {
        let nbl = raw::Nbl::at(list).expect("a list");
        let second = raw::Nbl::at(nbl.next());
        if let Some(second) = second {
            second.set_next(list);
        }
        pass_return(handle, list, flags);
    };
    assert_eq!(first_broken_by(Script { return_: ring, ..Script::default() }, receive), "V23");
}

#[test]
fn v24_a_flag_that_is_not_true() {
    let send_ = |handle, list, port, flags| pass_send(handle, list, port, flags | NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    let script = Script { send: send_, ..Script::default() };
    let broken = first_broken_by(script, |adapter| {
        for _ in 0..20 {
            assert_eq!(thread::irql(), PASSIVE_LEVEL);
            send(adapter);
        }
    });
    assert_eq!(broken, "V24");
}

#[test]
fn v25_packets_while_not_running() {
    let paused = |script| {
        first_broken_by(script, |adapter| {
            adapter.pause();
            adapter.send_anyway(&[SendNbl::new([frame()])], 0, 0);
            adapter.restart();
        })
    };
    // The scripted filter asks whether it runs unless told otherwise; this one does not.
    assert_eq!(paused(Script { send: send_always, ..Script::default() }), "V25");
    let success = |handle, list, _, _| {
        set_status(list, NDIS_STATUS_SUCCESS);
        pass_send_complete(handle, list, 0);
    };
    assert_eq!(paused(Script { send: success, ..Script::default() }), "V25");
    assert_eq!(paused(Script { send: |_, list, _, _| keep(list), ..Script::default() }), "V25");
    let originate = originating(|handle| {
        pass_send(handle, own_nbl(handle), 0, 0);
        NDIS_STATUS_SUCCESS
    });
    assert_eq!(first_broken_by(originate, Adapter::pause), "V25");
}

#[test]
fn v26_a_frame_above_the_mtu_refused() {
    let refuse = |handle, list: List, port, flags| {
        let nb = raw::Nb::at(raw::Nbl::at(list).expect("a list").first_nb()).expect("an NB");
        if nb.data_length() > 1514 {
            set_status(list, NDIS_STATUS_INVALID_LENGTH);
            pass_send_complete(handle, list, 0);
        } else {
            pass_send(handle, list, port, flags);
        }
    };
    let script = Script { send: refuse, ..Script::default() };
    let broken = first_broken_by(script, |adapter| {
        for bytes in [60, 60, 60, 9000, 3000, 9000] {
            adapter.send(&[SendNbl::new([Frame::new(vec![5; bytes])])], 0);
        }
        adapter.pause();
    });
    assert_eq!(broken, "V26");
}

#[test]
fn v27_a_pool_freed_with_packets_out() {
    let broken = first_broken_by(Script::default(), |adapter| {
        as_filter(adapter, |handle| {
            let list = own_nbl(handle);
            let pool = std::ptr::with_exposed_provenance_mut(lock(&KEPT).remove(0));
            // SAFETY: what is wrong with it is what the judge says.
            unsafe { pool::free_nbl_pool(pool) };
            keep(list);
        });
    });
    assert_eq!(broken, "V27");
}

#[test]
fn v31_a_flow_out_of_order() {
    let reorder = |handle, list: List, port, flags| {
        let nbl = raw::Nbl::at(list).expect("a list");
        let second = nbl.next();
        nbl.set_next(std::ptr::null_mut());
        pass_send(handle, second, port, flags);
        pass_send(handle, list, port, flags);
    };
    let two = |first: u8, second: u8| {
        move |adapter: &Arc<Adapter>| {
            let sends = [first, second].map(|fill| {
                let mut bytes = vec![fill; 60];
                bytes[12..15].copy_from_slice(&[8, 0, 0x45]);
                SendNbl::new([Frame::new(bytes)])
            });
            adapter.send(&sends, 0);
        }
    };
    let script = Script { send: reorder, ..Script::default() };
    assert_eq!(first_broken_by(script.clone(), two(5, 5)), "V31");
    assert_eq!(first_broken_by(script, two(5, 6)), "", "two flows");
}
