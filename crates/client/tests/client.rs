//! The client against a lab that follows a script: order, refusals, and a stream in pieces.
#![cfg(unix)]

mod fake_lab;

use std::time::Duration;

use fake_lab::{Event, FakeLab, Script, Then, adapter, descriptions, run};
use nblease_abi::NtStatus;
use nblease_abi::configure::{ConfigError, Configure, DEFAULT_SPILL_BYTES};
use nblease_abi::ioctl::IOCTL_STATS;
use nblease_abi::stats::{AdapterStats, STATS_OF_ALL_READERS, STATS_OF_THIS_READER};
use nblease_client::{Capture, CaptureOptions, Device, Error, Target, Transport};

type Boxed = Box<dyn Transport>;

fn target(lab: &FakeLab) -> Target {
    Target::Socket(lab.path.clone())
}

fn open(lab: &FakeLab) -> Device<Boxed> {
    Device::open(&target(lab)).unwrap()
}

fn capture(lab: &FakeLab) -> Capture<Boxed> {
    Capture::start(open(lab), &Configure::tap(2), &[7, 9], CaptureOptions::default()).unwrap()
}

/// All that comes until there are `len` bytes.
fn collect(capture: &mut Capture<Boxed>, len: usize, timeout: Duration) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        all.extend_from_slice(capture.next(timeout).unwrap().expect("the capture is not stopped"));
    }
    all
}

fn expected(runs: &[Vec<u8>]) -> Vec<u8> {
    [descriptions(), runs.concat()].concat()
}

#[test]
fn runs_come_in_the_order_of_the_reads() {
    let runs: Vec<_> = (0..8).map(|n| run([2 * n, 2 * n + 1])).collect();
    let lab = FakeLab::start(Script { runs: runs.clone(), swap: true, ..Script::default() });
    let mut capture = capture(&lab);
    let expected = expected(&runs);
    assert_eq!(collect(&mut capture, expected.len(), Duration::from_secs(10)), expected);
    // Four reads at first, and one for each run that came.
    lab.wait_for(|events| events.iter().filter(|event| matches!(event, Event::Read(_))).count() == 4 + 8);
}

#[test]
fn a_stream_in_pieces_is_put_together_between_timeouts() {
    let runs: Vec<_> = (0..20).map(|n| run([n])).collect();
    let lab = FakeLab::start(Script { runs: runs.clone(), dribble: true, ..Script::default() });
    let mut capture = capture(&lab);
    let expected = expected(&runs);
    assert_eq!(collect(&mut capture, expected.len(), Duration::from_micros(1)), expected);
}

#[test]
fn a_stopped_capture_gives_what_its_reads_held() {
    let lab = FakeLab::start(Script { held: run([5]), ..Script::default() });
    let mut capture = capture(&lab);
    let first = collect(&mut capture, 1, Duration::from_secs(10));
    assert_eq!(first, descriptions());
    capture.stop();
    capture.stop();
    let mut rest = Vec::new();
    while let Some(run) = capture.next(Duration::from_secs(10)).unwrap() {
        rest.extend_from_slice(run);
    }
    assert_eq!(rest, run([5]));
    let cancelled = lab.events().iter().filter(|event| **event == Event::Cancelled).count();
    assert_eq!(cancelled, 4);
    assert_eq!(capture.stats().unwrap().scope, STATS_OF_THIS_READER);
    drop(capture);
    lab.wait_for(|events| events.last() == Some(&Event::Gone));
}

#[test]
fn lists_longer_than_the_first_buffer_come_whole() {
    let adapters: Vec<_> = (0..100).map(|n| adapter(n, n as u32, &format!("Adapter {n}"))).collect();
    let adapter_stats: Vec<_> =
        (0..100).map(|n| AdapterStats { net_luid: n, pauses: n, ..Default::default() }).collect();
    let lab = FakeLab::start(Script {
        adapters: adapters.clone(),
        adapter_stats: adapter_stats.clone(),
        ..Script::default()
    });
    let mut device = open(&lab);
    let listed = device.adapters().unwrap();
    assert_eq!(listed.iter().map(|adapter| adapter.entry).collect::<Vec<_>>(), adapters);
    assert_eq!((&*listed[42].name, &*listed[42].device), ("Adapter 42", "\\DEVICE\\{42}"));
    let stats = device.stats().unwrap();
    assert_eq!(stats.adapters, adapter_stats);
    assert_eq!(stats.scope, STATS_OF_ALL_READERS);
}

#[test]
fn a_configuration_is_accepted_once() {
    let lab = FakeLab::start(Script::default());
    let mut device = open(&lab);
    assert!(matches!(device.configure(&Configure::tap(1), &[8], &[]), Err(Error::NoAdapter)));
    let reply = device.configure(&Configure::tap(1), &[9], &[]).unwrap();
    assert_eq!(reply.spill_bytes, DEFAULT_SPILL_BYTES);
    let again = device.configure(&Configure::tap(1), &[9], &[]).unwrap_err();
    assert!(matches!(again, Error::Refused { status: NtStatus::INVALID_DEVICE_STATE, .. }));
    assert_eq!(
        again.to_string(),
        "CONFIGURE was refused: The handle is configured already: open another one. \
         (STATUS_INVALID_DEVICE_STATE)"
    );
}

#[test]
fn what_no_driver_accepts_is_not_sent() {
    let lab = FakeLab::start(Script::default());
    let config = Configure { snaplen: 0, ..Configure::tap(1) };
    let error = open(&lab).configure(&config, &[9], &[]).unwrap_err();
    assert!(matches!(error, Error::Config(ConfigError::Snaplen)));
    let options = CaptureOptions { read_size: Some(1024), ..CaptureOptions::default() };
    let error = Capture::start(open(&lab), &Configure::tap(1), &[9], options).err().unwrap();
    assert!(matches!(error, Error::ReadTooSmall { size: 1024, needed: 262_220 }));
    assert_eq!(lab.configured(), None);
}

#[test]
fn no_lab_other_versions_and_refusals_are_told() {
    let absent = Target::Socket("/nonexistent/nblease.sock".into());
    let error = Device::open(&absent).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the driver is not loaded (no device at unix:/nonexistent/nblease.sock); \
         load it with `cargo xtask lab`"
    );
    let lab = FakeLab::start(Script { abi_version: 2, ..Script::default() });
    assert!(matches!(Device::open(&target(&lab)), Err(Error::AbiVersion { driver: 2 })));
    let refuse = Some((IOCTL_STATS, NtStatus::INSUFFICIENT_RESOURCES));
    let lab = FakeLab::start(Script { refuse, ..Script::default() });
    let error = open(&lab).stats().unwrap_err();
    assert!(matches!(error, Error::Refused { status: NtStatus::INSUFFICIENT_RESOURCES, .. }));
}

#[test]
fn a_lab_that_hangs_up_is_an_error() {
    let lab = FakeLab::start(Script { then: Then::HangUp, ..Script::default() });
    let mut capture = capture(&lab);
    let error = loop {
        if let Err(error) = capture.next(Duration::from_secs(10)) {
            break error;
        }
    };
    assert!(matches!(error, Error::Lost(_)), "{error}");
}
