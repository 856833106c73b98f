//! Adapters that pause, go and come back, and programs that die, under traffic.

use nblease_abi::{configure::Configure, ioctl, stats::AdapterStats};
use nblease_lab::{
    faults::{FaultKind, Plan},
    ndis::{
        Adapter, AdapterConfig, OidKind,
        frame::{Frame, SendNbl},
    },
};
use nblease_tests::{Program, READ, Rig, frame_bytes, receive_of, seen, send_of};

#[test]
fn a_module_that_does_not_run_refuses_sends_and_passes_receives_on() {
    let rig = Rig::start(1);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    let read = program.handle.read(READ);
    adapter.pause();
    rig.kernel.sched.pump();
    assert!(!adapter.is_running());
    adapter.send_anyway(&[send_of(frame_bytes(60, 1))], 0, 0);
    rig.kernel.sched.pump();
    assert!(read.try_result().is_none(), "nothing is seen while it is paused");
    let (_, adapters) = program.stats();
    assert_eq!((adapters[0].state, adapters[0].send_nbls_refused_paused), (ioctl::ADAPTER_STATE_PAUSED, 1));

    adapter.restart();
    rig.kernel.sched.pump();
    adapter.send(&[send_of(frame_bytes(60, 2))], 0);
    rig.kernel.sched.pump();
    let completion = read.try_result().expect("the same read goes on");
    assert_eq!(seen(&completion.data[..completion.information])[0].bytes[14], 2);
    let (_, adapters) = program.stats();
    let AdapterStats { pauses, restarts, state, .. } = adapters[0];
    assert_eq!((pauses, restarts, state), (1, 2, ioctl::ADAPTER_STATE_RUNNING));
    drop(program);
    rig.finish();
}

#[test]
fn traffic_goes_on_through_pauses_and_nothing_is_lost_but_what_was_refused() {
    let rig = Rig::start(2);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure { spill_bytes: 64 << 20, ..Configure::tap(1) }, &[&adapter]);
    for round in 0..50_u8 {
        adapter.send(&[SendNbl::new((0..3).map(|i| Frame::new(frame_bytes(100, round + i))))], 0);
        adapter.receive(&[receive_of(frame_bytes(100, round)), receive_of(frame_bytes(101, round))], 0);
        adapter.pause();
        adapter.restart();
    }
    rig.kernel.sched.pump();
    let counts = adapter.counts();
    let read = program.handle.read(4 << 20).wait();
    let frames = seen(&read.data[..read.information]);
    let sent = frames.iter().filter(|frame| frame.sent).count() as u64;
    assert_eq!((sent, frames.len() as u64 - sent), (counts.reached_miniport, counts.reached_protocol));
    drop(program);
    rig.finish();
}

#[test]
fn an_adapter_that_comes_back_is_watched_under_its_old_number() {
    let rig = Rig::start(3);
    let (first, second) = (rig.adapter("Ethernet"), rig.adapter("Ethernet 2"));
    let program = Program::tap(&Configure::tap(1), &[&first, &second]);
    let read = program.handle.read(READ);
    second.unplug();
    rig.kernel.sched.pump();
    let list = program.handle.ioctl(ioctl::IOCTL_LIST_ADAPTERS, &[], 4096).wait();
    let (head, _) = ioctl::AdapterList::parse(&list.data[..list.information]).expect("well-formed");
    assert_eq!(head.total, 1);
    first.receive(&[receive_of(frame_bytes(60, 1))], 0);
    rig.kernel.sched.pump();
    let completion = read.try_result().expect("the other goes on");
    assert_eq!(seen(&completion.data[..completion.information])[0].interface, 0);

    let read = program.handle.read(READ);
    let back =
        Adapter::plug(AdapterConfig { name: "Ethernet 2".into(), luid: Some(second.luid), ..AdapterConfig::default() });
    rig.kernel.sched.pump();
    back.receive(&[receive_of(frame_bytes(60, 2))], 0);
    rig.kernel.sched.pump();
    let completion = read.try_result().expect("seen again");
    let frame = &seen(&completion.data[..completion.information])[0];
    assert_eq!((frame.interface, frame.bytes[14]), (1, 2));
    drop(program);
    rig.finish();
}

#[test]
fn a_program_that_is_killed_leaves_nothing() {
    let rig = Rig::start(4);
    let adapter = rig.adapter("Ethernet");
    for round in 0..20 {
        let config = Configure { timeout_ms: if round % 2 == 0 { 0 } else { 100 }, ..Configure::tap(1) };
        let program = Program::tap(&config, &[&adapter]);
        let reads: Vec<_> = (0..4).map(|_| program.handle.read(READ)).collect();
        adapter.send(&[send_of(frame_bytes(60, 1))], 0);
        adapter.receive(&[receive_of(frame_bytes(60, 2))], 0);
        program.process.kill();
        rig.kernel.sched.pump();
        assert!(reads.iter().all(|read| read.try_result().is_some()), "round {round}");
        adapter.receive(&[receive_of(frame_bytes(60, 3))], 0);
    }
    rig.kernel.sched.pump();
    assert_eq!(adapter.counts().reached_protocol, 40);
    rig.finish();
}

#[test]
fn a_duplicated_handle_keeps_the_reader_until_it_is_closed_too() {
    let rig = Rig::start(5);
    let adapter = rig.adapter("Ethernet");
    let program = Program::tap(&Configure::tap(1), &[&adapter]);
    let heir = nblease_lab::io::Process::new("heir.exe", true);
    let handle = program.handle.duplicate(&heir);
    program.process.kill();
    adapter.receive(&[receive_of(frame_bytes(60, 1))], 0);
    rig.kernel.sched.pump();
    let completion = handle.read(READ).wait();
    assert_eq!(seen(&completion.data[..completion.information]).len(), 1);
    handle.close();
    rig.finish();
}

#[test]
fn media_that_are_not_ethernet_are_refused() {
    let rig = Rig::start(6);
    // NdisMedium802_5
    let token_ring = Adapter::plug(AdapterConfig { name: "Token Ring".into(), medium: 1, ..AdapterConfig::default() });
    rig.kernel.sched.pump();
    let program = Program::open();
    let list = program.handle.ioctl(ioctl::IOCTL_LIST_ADAPTERS, &[], 4096).wait();
    let (head, _) = ioctl::AdapterList::parse(&list.data[..list.information]).expect("well-formed");
    assert_eq!(head.total, 0);
    drop(program);
    token_ring.unplug();
    rig.finish();
}

#[test]
fn every_version_of_ndis_from_6_83_on_gets_its_driver() {
    for minor in 83..=89 {
        let rig = Rig::load(7);
        rig.kernel.ndis.set_minor_version(minor);
        assert_eq!(nblease_lab::nt::driver::start(rig.driver), 0);
        let adapter = rig.adapter("Ethernet");
        let program = Program::open();
        let completion = program.handle.ioctl(ioctl::IOCTL_QUERY_VERSION, &[], 64).wait();
        let version = u32::from_le_bytes(completion.data[12..16].try_into().expect("four bytes"));
        assert_eq!((version >> 16, version & 0xFFFF), (6, u32::from(minor)));
        drop(program);
        adapter.unplug();
        rig.finish();
    }
}

#[test]
fn an_older_system_is_refused_at_entry() {
    let rig = Rig::load(8);
    rig.kernel.ndis.set_minor_version(82);
    assert_ne!(nblease_lab::nt::driver::start(rig.driver), 0);
    assert!(rig.kernel.judge.verdict().violations.is_empty());
    assert!(rig.kernel.memory.pool.live(rig.driver).is_empty());
}

#[test]
fn oid_requests_and_the_link_are_passed_on_and_counted() {
    let rig = Rig::start(9);
    let adapter = rig.adapter("Ethernet");
    let program = Program::open();
    let entry = |program: &Program| {
        let list = program.handle.ioctl(ioctl::IOCTL_LIST_ADAPTERS, &[], 4096).wait();
        let (_, mut entries) = ioctl::AdapterList::parse(&list.data[..list.information]).expect("well-formed");
        entries.next().expect("an adapter")
    };
    assert_eq!((entry(&program).media_connect, entry(&program).link_speed), (1, 1_000_000_000));
    adapter.indicate_link(false);
    rig.kernel.sched.pump();
    assert_eq!(entry(&program).media_connect, 2);
    adapter.indicate_link(true);
    rig.kernel.sched.pump();
    assert_eq!(entry(&program).media_connect, 1);

    // OID_GEN_CURRENT_PACKET_FILTER
    let before = program.stats().1[0].oids_forwarded;
    let set = adapter.oid(OidKind::Set, 0x0001_010E, &1_u32.to_le_bytes());
    assert_eq!(set.status, 0);
    rig.kernel.faults.plan(Plan::All(FaultKind::Pool));
    let failed = adapter.oid(OidKind::Set, 0x0001_010E, &1_u32.to_le_bytes());
    rig.kernel.faults.plan(Plan::None);
    let (_, adapters) = program.stats();
    let lost = u64::from(failed.status != 0);
    assert_eq!((adapters[0].oids_forwarded, adapters[0].oids_failed), (before + 2 - lost, lost));
    drop(program);
    rig.finish();
}
