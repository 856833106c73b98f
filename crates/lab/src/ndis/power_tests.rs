//! Suspend and resume on the three paths, under filters that hold nothing, give back, keep, or wait.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::*;

use super::{testing::*, *};
use crate::{
    clock::Mode,
    kernel::{Kernel, one_at_a_time},
    sync::lock,
};

type List = *mut NET_BUFFER_LIST;

/// Lists that the filter under test holds: (list, port or number, whether it is a send).
static HELD: Mutex<Vec<(usize, u32, bool)>> = Mutex::new(Vec::new());

fn frame() -> Frame {
    let mut bytes = vec![5; 60];
    bytes[12..14].copy_from_slice(&[0x88, 0xcc]);
    Frame::new(bytes)
}

/// Gives back all that is held: sends aborted by the pause, receives returned.
fn give_back(handle: NDIS_HANDLE) {
    let held = std::mem::take(&mut *lock(&HELD));
    for (list, _, send) in held {
        let list: List = std::ptr::with_exposed_provenance_mut(list);
        if send {
            let mut at = list;
            while let Some(nbl) = raw::Nbl::at(at) {
                nbl.set_status(NDIS_STATUS_PAUSED);
                at = nbl.next();
            }
            pass_send_complete(handle, list, 0);
        } else {
            pass_return(handle, list, 0);
        }
    }
}

/// A filter that holds all it gets, until a pause.
fn holding() -> Script {
    Script {
        send: |handle, list, port, flags| {
            let module = kernel().ndis.module("a test", handle).expect("a module");
            if module.low_power.load(std::sync::atomic::Ordering::SeqCst) {
                pass_send(handle, list, port, flags);
            } else {
                lock(&HELD).push((list.expose_provenance(), port, true));
            }
        },
        receive: |handle, list, port, count, flags| {
            if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
                pass_receive(handle, list, port, count, flags);
            } else {
                lock(&HELD).push((list.expose_provenance(), count, false));
            }
        },
        pause: |handle| {
            give_back(handle);
            NDIS_STATUS_SUCCESS
        },
        ..Script::default()
    }
}

fn traffic(adapter: &Arc<Adapter>) {
    adapter.send(&[SendNbl::new([frame()])], 0);
    adapter.receive(&[RecvNbl::new(frame())], 0);
}

/// Puts a filter through a suspend with traffic before, between and after: the rules it breaks, in order.
fn through(path: PowerPath, script: Script, before: fn(&Arc<Adapter>)) -> Vec<String> {
    virtual_kernel(3);
    kernel().judge.stop_at_first(false);
    lock(&HELD).clear();
    let filter = filter(script);
    let adapter = adapter();
    before(&adapter);
    let sending = adapter.clone();
    adapter.on_power(Arc::new(move |stage| {
        if stage == PowerStage::FiltersTold {
            assert!(sending.send(&[SendNbl::new([frame()])], 0), "the protocol was not told yet");
        } else {
            sending.send_anyway(&[SendNbl::new([frame()])], 0, 0);
        }
    }));
    adapter.suspend(path);
    let paused = if path == PowerPath::A { ModuleState::Paused } else { ModuleState::Running };
    assert_eq!(adapter.module_states(), [paused]);
    assert_eq!(adapter.suspended(), Some(path));
    assert!(!adapter.send(&[SendNbl::new([frame()])], 0) && !adapter.receive(&[RecvNbl::new(frame())], 0));
    kernel().clock.sleep(3_600_000_000_000);
    adapter.resume();
    assert_eq!(adapter.module_states(), [ModuleState::Running]);
    traffic(&adapter);
    kernel().sched.pump();
    as_driver(filter.id, || give_back(adapter.modules().pop().expect("a module").ndis_handle()));
    filter.unload();
    kernel().judge.verdict().violations.into_iter().map(|violation| violation.rule).collect()
}

const PATHS: [PowerPath; 3] = [PowerPath::A, PowerPath::B, PowerPath::C];

#[test]
fn a_filter_that_holds_nothing_sleeps_and_wakes() {
    let _one = one_at_a_time();
    for path in PATHS {
        let passing = Script { send: pass_unless_paused, ..Script::default() };
        assert_eq!(through(path, passing, traffic), Vec::<String>::new(), "{path:?}");
    }
}

fn pass_unless_paused(handle: NDIS_HANDLE, list: List, port: u32, flags: u32) {
    send_if_running(handle, list, port, flags);
}

#[test]
fn a_filter_that_gives_back_at_once_sleeps_and_wakes() {
    let _one = one_at_a_time();
    for path in [PowerPath::B, PowerPath::C] {
        let script = Script { net_pnp: give_back, ..holding_until_asleep() };
        assert_eq!(through(path, script, traffic), Vec::<String>::new(), "{path:?}");
    }
}

/// As [`holding`]; sends that come between the event and low power pass.
fn holding_until_asleep() -> Script {
    Script {
        send: |handle, list, port, flags| {
            let module = kernel().ndis.module("a test", handle).expect("a module");
            let told = module.adapter.suspended().is_some();
            if told {
                pass_send(handle, list, port, flags);
            } else {
                lock(&HELD).push((list.expose_provenance(), port, true));
            }
        },
        ..holding()
    }
}

#[test]
fn a_held_packet_is_seen_on_paths_b_and_c() {
    let _one = one_at_a_time();
    let a_send = |adapter: &Arc<Adapter>| assert!(adapter.send(&[SendNbl::new([frame()])], 0));
    let a_receive = |adapter: &Arc<Adapter>| assert!(adapter.receive(&[RecvNbl::new(frame())], 0));
    for path in [PowerPath::B, PowerPath::C] {
        let first = |before| through(path, holding_until_asleep(), before).into_iter().next();
        assert_eq!(first(a_send).as_deref(), Some("V12"), "{path:?}");
        assert_eq!(first(a_receive).as_deref(), Some("V13"), "{path:?}");
    }
    let waits = through(PowerPath::C, holding_until_asleep(), a_receive);
    assert!(waits.iter().filter(|rule| *rule == "V13").count() > 2, "the miniport waits too: {waits:?}");
}

#[test]
fn a_held_packet_is_seen_on_real_processors() {
    let _one = one_at_a_time();
    Kernel::install(Mode::Real, 3);
    kernel().judge.stop_at_first(false);
    lock(&HELD).clear();
    let filter = filter(holding_until_asleep());
    let adapter = adapter();
    traffic(&adapter);
    adapter.suspend(PowerPath::B);
    as_driver(filter.id, || give_back(adapter.modules().pop().expect("a module").ndis_handle()));
    adapter.resume();
    filter.unload();
    kernel().sched.stop();
    let broken: Vec<_> = kernel().judge.verdict().violations.into_iter().map(|violation| violation.rule).collect();
    assert_eq!(broken, ["V12", "V13"]);
}

#[test]
fn a_packet_kept_after_the_event_is_seen() {
    let _one = one_at_a_time();
    let script = Script {
        send: |_, list, port, _| lock(&HELD).push((list.expose_provenance(), port, true)),
        ..Script::default()
    };
    let broken = through(PowerPath::B, script, |_| {});
    assert_eq!(broken.first().map(String::as_str), Some("V12"));
}

#[test]
fn v04_a_filter_that_waits_in_a_power_event() {
    let _one = one_at_a_time();
    let script = Script {
        net_pnp: |_| {
            kernel().sched.wait_until("some time", Some(2_000_000_000), &mut || false);
        },
        ..Script::default()
    };
    for path in PATHS {
        assert_eq!(through(path, script.clone(), |_| {}).first().map(String::as_str), Some("V04"), "{path:?}");
    }
}

#[test]
fn a_filter_for_an_old_ndis_is_paused() {
    let _one = one_at_a_time();
    for (minor, expected) in [(20, PowerPath::A), (30, PowerPath::B)] {
        virtual_kernel(1);
        let mut old = characteristics();
        old.MinorNdisVersion = minor;
        let filter = filter_with(Script::default(), old);
        let adapter = adapter();
        adapter.suspend(PowerPath::B);
        assert_eq!(adapter.suspended(), Some(expected), "6.{minor}");
        adapter.resume();
        filter.unload();
    }
}

#[test]
fn the_question_comes_to_the_protocol() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let filter = filter(Script::default());
    let adapter = adapter();
    assert_eq!(adapter.query_power(), NDIS_STATUS_SUCCESS);
    assert_eq!(adapter.take_events(), [Event::NetPnP(NetEventQueryPower)]);
    filter.unload();
}

#[test]
fn sends_at_low_power_are_refused_with_that_status() {
    let _one = one_at_a_time();
    virtual_kernel(1);
    let filter = filter(Script { send: send_always, ..Script::default() });
    let adapter = adapter();
    adapter.suspend(PowerPath::B);
    adapter.send_anyway(&[SendNbl::new([frame()])], 0, 0);
    adapter.resume();
    assert_eq!(adapter.completions(), [(NDIS_STATUS_LOW_POWER_STATE, 1)].into());
    filter.unload();
}

#[test]
fn a_stack_sleeps_and_wakes_under_traffic() {
    let _one = one_at_a_time();
    Kernel::install(Mode::Real, 5);
    let filter = filter(Script::default());
    let adapter = adapter();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    traffic(&adapter);
                }
            });
        }
        for path in PATHS.iter().cycle().take(12) {
            adapter.suspend(*path);
            assert!(!adapter.is_running());
            adapter.resume();
            assert!(adapter.is_running());
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    filter.unload();
    kernel().sched.stop();
    let verdict = kernel().judge.verdict();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
}
