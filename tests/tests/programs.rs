//! The `nblease` program, as a process of its own, against the driver on real threads: what it captures is what went by,
//! and whatever is done to it, to the adapter or to the driver, the network goes on.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use nblease_abi::stats::{AdapterStats, ReaderStats};
use nblease_lab::ndis::{Adapter, AdapterConfig};
use nblease_tests::{
    Program,
    capture_file::{Bag, CaptureFile},
    live::{LiveRig, len, wait_until},
};
use serde_json::Value;

/// Bytes in a file that is surely being written.
const UNDER_WAY: u64 = 200_000;

fn read(capture: &std::path::Path) -> CaptureFile {
    CaptureFile::read(capture).expect("whole blocks")
}

/// Exit code, standard output and standard error of a program.
fn output(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("nblease runs");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

/// What a program that fails with `code` says: one sentence.
fn sentence(command: Command, code: i32) -> String {
    let (ended, out, err) = output(command);
    assert_eq!((ended, &*out), (Some(code), ""), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    err.trim_end().strip_prefix("nblease: ").expect("it says who speaks").to_owned()
}

fn json(command: Command) -> Value {
    let (code, out, err) = output(command);
    assert_eq!((code, &*err), (Some(0), ""));
    serde_json::from_str(&out).expect("JSON")
}

/// Sends are captured exactly. Of the receives, those that came up while the module did not run are not seen: how many
/// that were.
fn assert_captured_but_unexamined(captured: &Bag, went_by: &Bag) -> usize {
    captured.only(true, usize::MAX).assert_same(&went_by.only(true, usize::MAX));
    assert_eq!(captured.beyond(went_by), 0, "frames that did not go by");
    went_by.count(false) - captured.count(false)
}

fn stats_of(adapter: &Adapter) -> AdapterStats {
    let (_, adapters) = Program::open().stats();
    *adapters.iter().find(|stats| stats.net_luid == adapter.luid).expect("the adapter is attached")
}

#[test]
fn a_capture_that_is_interrupted_holds_all_that_went_by() {
    let rig = LiveRig::start(1);
    let wire = rig.wire("Ethernet");
    let capture = rig.capture("all.pcapng", &[]);
    wire.storm(4, 100);
    rig.await_empty_spill();
    let path = capture.file.clone();
    // The last frames wait for more in a batched read: they come with its end.
    let summary = capture.interrupt().summary();

    wire.assert_nothing_lost();
    let (file, went_by) = (read(&path), wire.went_by());
    file.bag(0).assert_same(&went_by);
    let frames = wire.ends.frames() as u64;
    assert_eq!((summary.captured, summary.received, summary.dropped), (frames, frames, 0));
    assert_eq!((file.interfaces, file.statistics), (vec!["Ethernet".to_owned()], 1));
    assert!(went_by.count(true) > 100 && went_by.count(false) > 100);
    rig.finish();
}

#[test]
fn a_capture_that_is_killed_leaves_whole_blocks_and_no_reader() {
    let rig = LiveRig::start(2);
    let wire = rig.wire("Ethernet");
    for round in 0..3 {
        let capture = rig.capture(&format!("{round}.pcapng"), &[]);
        let path = capture.file.clone();
        wire.under_traffic(|| {
            wait_until("frames in the file", || len(&path) > UNDER_WAY);
            assert_eq!(capture.kill().code, None, "a signal ended it");
            wire.await_flow();
            wait_until("no reader", || Program::open().readers() == 0);
        });
        wire.assert_nothing_lost();
        // Where the kill came in the middle of a write, what is not whole is cut off a moment later.
        wait_until("nothing but whole blocks", || CaptureFile::read(&path).is_ok());
        let captured = read(&path).bag(0);
        assert_eq!(captured.beyond(&wire.went_by()), 0, "frames that did not go by");
        assert!(captured.count(true) > 0 && captured.count(false) > 0);
    }
    rig.finish();
}

#[test]
fn a_capture_that_is_suspended_loses_frames_and_tells_which() {
    let rig = LiveRig::start(3);
    let wire = rig.wire("Ethernet");
    let few_and_small = ["-s", "1514", "--reads", "2", "--read-size", "64", "--spill", "128K"];
    let capture = rig.capture("holes.pcapng", &few_and_small);
    let path = capture.file.clone();
    wire.storm(2, 5);
    capture.suspend();
    wire.under_traffic(|| wait_until("a full spill", || rig.stats().frames_dropped_spill_full > 100));
    wire.under_traffic(|| wire.await_flow());
    // Nobody waited for it.
    wire.assert_nothing_lost();
    let full = rig.stats();
    assert!(full.spill_frames > 0 && full.spill_bytes_used > 64 << 10);

    capture.resume();
    rig.await_empty_spill();
    wire.storm(2, 5);
    rig.await_empty_spill();
    let summary = capture.interrupt().summary();
    let (file, stats) = (read(&path), rig.stats());
    assert_eq!(summary.received, wire.ends.frames() as u64);
    assert_eq!(summary.received, summary.captured + summary.dropped);
    assert_eq!((file.frames.len() as u64, file.lost()), (summary.captured, summary.dropped));
    assert_eq!(stats.frames_dropped_spill_full, summary.dropped);
    let went_by = wire.went_by();
    let mut cut = went_by.only(true, 1514);
    cut.add_all(&went_by.only(false, 1514));
    assert_eq!(file.bag(0).beyond(&cut), 0, "frames that did not go by");
    rig.finish();
}

#[test]
fn an_adapter_that_is_unplugged_and_plugged_again_is_captured_on() {
    let rig = LiveRig::start(4);
    let (stays, goes) = (rig.wire("Ethernet"), rig.wire("Ethernet 2"));
    let capture = rig.capture("both.pcapng", &[]);
    let path = capture.file.clone();
    let back = stays.under_traffic(|| {
        goes.under_traffic(|| {
            goes.await_flow();
            goes.adapter.unplug();
        });
        stays.await_flow();
        let list = json(rig.nblease(&["list", "--json"]));
        let names: Vec<_> = list.as_array().expect("a list").iter().map(|adapter| &adapter["name"]).collect();
        assert_eq!(names, ["Ethernet"]);
        let back = rig.again(&goes);
        back.under_traffic(|| back.await_flow());
        back
    });
    rig.await_empty_spill();
    let summary = capture.interrupt().summary();
    let file = read(&path);
    assert_eq!(file.interfaces, ["Ethernet", "Ethernet 2"]);
    assert_eq!((summary.captured, summary.dropped), (file.frames.len() as u64, 0));

    stays.assert_nothing_lost();
    file.bag(0).assert_same(&stays.went_by());
    back.assert_nothing_lost();
    assert_eq!(back.went_by().beyond(&file.bag(1)), 0, "it is watched from its first frame on");
    let mut went_by = goes.went_by();
    went_by.add_all(&back.went_by());
    assert_captured_but_unexamined(&file.bag(1), &went_by);
    back.adapter.unplug();
    stays.adapter.unplug();
    rig.finish();
}

#[test]
fn a_stack_that_pauses_and_restarts_is_captured_by_two() {
    const PAUSES: u64 = 40;
    let rig = LiveRig::start(5);
    let wire = rig.wire("Ethernet");
    let whole = rig.capture("whole.pcapng", &["--spill", "64M"]);
    let heads = rig.capture("heads.pcapng", &["-s", "60", "--direction", "out", "--spill", "64M"]);
    let paths = [whole.file.clone(), heads.file.clone()];
    wire.under_traffic(|| {
        for _ in 0..PAUSES {
            wire.adapter.pause();
            assert!(!wire.adapter.is_running());
            wire.adapter.restart();
            assert!(wire.adapter.is_running());
        }
        wire.await_flow();
    });
    rig.await_empty_spill();
    let adapter = stats_of(&wire.adapter);
    let summaries = [whole, heads].map(|capture| capture.interrupt().summary());
    let files = paths.map(|path| read(&path));

    assert_eq!(wire.ends.compare_paused(), Ok(()));
    let went_by = wire.went_by();
    let unexamined = assert_captured_but_unexamined(&files[0].bag(0), &went_by);
    assert_eq!(unexamined as u64, adapter.receive_nbls_unexamined);
    files[1].bag(0).assert_same(&went_by.only(true, 60));
    assert_eq!((adapter.pauses, adapter.restarts), (PAUSES, PAUSES + 1));
    assert_eq!(adapter.send_frames, went_by.count(true) as u64);
    for (summary, file) in summaries.iter().zip(&files) {
        let frames = file.frames.len() as u64;
        assert_eq!((summary.captured, summary.received, summary.dropped), (frames, frames, 0));
    }
    rig.finish();
}

#[test]
fn an_unload_waits_for_the_capture() {
    let rig = LiveRig::start(6);
    let wire = rig.wire("Ethernet");
    let capture = rig.capture("last.pcapng", &[]);
    let path = capture.file.clone();
    wire.under_traffic(|| {
        assert!(!rig.unload(), "a handle is open");
        wire.await_flow();
        let refused = sentence(rig.nblease(&["list"]), 1);
        assert!(refused.starts_with("the driver is not loaded"), "{refused}");
    });
    assert!(!rig.is_unloaded());
    let summary = capture.interrupt().summary();
    assert_eq!((summary.received, summary.dropped), (wire.ends.frames() as u64, 0));
    wait_until("the unload", || rig.is_unloaded());
    assert!(wire.adapter.module_states().is_empty());
    // Without the driver, too, the network goes on.
    wire.storm(2, 10);
    wire.assert_nothing_lost();
    assert_eq!(read(&path).bag(0).beyond(&wire.went_by()), 0);
    rig.finish();
}

#[test]
fn without_a_device_the_program_says_how_to_load_it() {
    let rig = LiveRig::not_started(7);
    for args in [&["list"][..], &["stats"], &["capture", "-c", "1"]] {
        let said = sentence(rig.nblease(args), 1);
        assert!(said.starts_with("the driver is not loaded (no device at unix:"), "{said}");
        assert!(said.ends_with("); load it with `cargo xtask lab`"), "{said}");
    }
    let mut nowhere = rig.nblease(&["list"]);
    nowhere.env("NBLEASE_LAB", rig.file("nothing.sock"));
    assert!(sentence(nowhere, 1).starts_with("the driver is not loaded (no device at unix:"));
    rig.finish();
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let rig = LiveRig::start(8);
    let _wire = rig.wire("Ethernet");
    for (args, said) in [
        (&["-i", "eth9"][..], "there is no adapter \"eth9\"; there are: \"Ethernet\" (index 1)"),
        (&["-s", "262145"], "262145 is not in 0..=262144"),
        (&["-s", "some"], "invalid value 'some' for '--snaplen <BYTES>'"),
        (&["-c", "0"], "0 is not in 1.."),
        (&["-d", "1d"], "\"d\" is no unit of time: ms, s, m, h"),
        (&["--direction", "up"], "[possible values: in, out, both]"),
        (&["--spill", "257M"], "not between 1 and 268435456 bytes"),
        (&["--spill", "64K"], "the spill must hold the largest record and be at most 268435456 bytes"),
        (&["--timeout", "101"], "101 is not in 0..=100"),
        (&["--reads", "0"], "0 is not in 1..=64"),
        (&["--read-size", "64"], "give --read-size 257 or more, or a smaller -s"),
        (&["-q"], "unexpected argument '-q' found"),
    ] {
        let (code, out, err) = output(rig.nblease(&[&["capture"][..], args].concat()));
        assert_eq!((code, &*out), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(said), "{args:?}: {err}");
    }
    let (code, ..) = output(rig.nblease(&["dance"]));
    assert_eq!(code, Some(2));
    wait_until("no reader", || Program::open().readers() == 0);
    rig.finish();
}

#[test]
fn an_output_that_takes_nothing_is_a_failure() {
    let rig = LiveRig::start(9);
    let wire = rig.wire("Ethernet");
    let to = |path: &str| sentence(rig.nblease(&["capture", "-c", "1", "-w", path]), 1);
    let nowhere = rig.file("no/such/folder.pcapng");
    let nowhere = nowhere.to_str().expect("a path in UTF-8");
    assert_eq!(to(nowhere), format!("cannot write {nowhere}: No such file or directory (os error 2)"));
    assert_eq!(to("/dev/full"), "cannot write /dev/full: No space left on device (os error 28)");

    // A disk that is full after a while: the shell's limit, 100 units of 512 or 1024 bytes.
    let path = rig.file("cut.pcapng");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]).arg(nblease_tests::child::nblease());
    command.args(["capture", "-w"]).arg(&path).env("NBLEASE_LAB", rig.file("lab.sock"));
    let ended = wire.under_traffic(|| command.output().expect("a shell"));
    let said = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.ends_with("nblease: cannot write what was captured: File too large (os error 27)\n"), "{said}");
    let file = read(&path);
    assert!(said.starts_with(&format!("nblease: {} frames captured, ", file.frames.len())), "{said}");
    assert_eq!(file.bag(0).beyond(&wire.went_by()), 0);
    wire.assert_nothing_lost();
    rig.finish();
}

#[test]
fn list_and_stats_show_the_driver_as_it_is() {
    let rig = LiveRig::start(10);
    // NDIS says the first one's MTU.
    let adapter = |name: &str, says: bool| {
        let (name, restart_attributes) = (name.to_owned(), Some(says));
        rig.plug(AdapterConfig { name, restart_attributes, ..AdapterConfig::default() })
    };
    let wires = [adapter("Ethernet", true), adapter("Wi-Fi ☂", false)];
    wires[1].adapter.pause();

    let (code, out, err) = output(rig.nblease(&["list"]));
    assert_eq!((code, &*err), (Some(0), ""));
    let lines: Vec<Vec<_>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    let luid = format!("{:#018x}", wires[0].adapter.luid);
    assert_eq!(lines[1], ["1", "Ethernet", "02:15:5d:00:00:01", "running", "1500", "1", "Gbit/s", &luid]);
    assert_eq!(lines[2][..6], ["2", "Wi-Fi", "☂", "02:15:5d:00:00:01", "paused", "?"]);
    assert_eq!(lines.len(), 3);

    let list = json(rig.nblease(&["list", "--json"]));
    for (entry, wire) in list.as_array().expect("a list").iter().zip(&wires) {
        assert_eq!(entry["name"], *wire.adapter.config.name);
        assert_eq!(entry["net_luid"], wire.adapter.luid);
        assert_eq!(entry["index"], wire.adapter.if_index);
        assert_eq!(entry["link_speed"], 1_000_000_000);
    }
    assert_eq!((&list[0]["mtu"], &list[1]["mtu"]), (&1500.into(), &Value::Null));
    assert_eq!((&list[0]["state"], &list[1]["state"]), (&"running".into(), &"paused".into()));

    let capture = rig.capture("some.pcapng", &["-i", "1"]);
    wires[0].storm(2, 10);
    rig.await_empty_spill();
    let (all, (_, adapters)) = (rig.stats(), Program::open().stats());
    assert_eq!(all.frames_seen, wires[0].ends.frames() as u64);
    let stats = json(rig.nblease(&["stats", "--json"]));
    assert_eq!(stats["readers"], 1);
    assert_eq!(counters(&stats["all_readers"]), named(all.counters()));
    for (entry, adapter) in stats["adapters"].as_array().expect("a list").iter().zip(&adapters) {
        assert_eq!(counters(&entry["counters"]), named(adapter.counters()));
    }
    let text = output(rig.nblease(&["stats"])).1;
    assert!(text.starts_with("all readers (1 now)\n") && text.contains("\nWi-Fi ☂ (paused)\n"), "{text}");
    let seen = text.lines().find(|line| line.starts_with("  frames seen ")).expect("a line");
    assert_eq!(seen.split_whitespace().last(), Some(&*all.frames_seen.to_string()));
    let counters = ReaderStats::NAMES.len() + 2 * AdapterStats::NAMES.len();
    let counts = text.lines().filter(|line| line.starts_with("  ") && line.contains(|c: char| c.is_ascii_digit()));
    assert!(counts.count() >= counters, "{text}");
    capture.interrupt().summary();
    rig.finish();
}

/// Counters in JSON, by name.
fn counters(json: &Value) -> Vec<(String, u64)> {
    let counters = json.as_object().expect("an object").iter();
    let mut counters: Vec<_> = counters.map(|(name, count)| (name.clone(), count.as_u64().expect("a count"))).collect();
    counters.sort();
    counters
}

fn named(counters: impl Iterator<Item = (&'static str, u64)>) -> Vec<(String, u64)> {
    let mut counters: Vec<_> = counters.map(|(name, count)| (name.to_owned(), count)).collect();
    counters.sort();
    counters
}

#[test]
fn a_count_is_kept_exactly_and_a_duration_ends_a_capture() {
    let rig = LiveRig::start(11);
    let wire = rig.wire("Ethernet");
    for count in [1, 7, 1000] {
        let capture = rig.capture(&format!("{count}.pcapng"), &["-c", &count.to_string()]);
        let path = capture.file.clone();
        let summary = wire.under_traffic(|| capture.end()).summary();
        assert_eq!(summary.captured, count);
        assert!(summary.received >= count);
        let file = read(&path);
        assert_eq!((file.frames.len() as u64, file.statistics), (count, 1));
        assert_eq!(file.bag(0).beyond(&wire.went_by()), 0);
    }
    let summary = wire.under_traffic(|| rig.capture("second.pcapng", &["-d", "1s"]).end()).summary();
    let file = read(&rig.file("second.pcapng"));
    assert_eq!((file.frames.len() as u64, file.statistics), (summary.captured, 1));
    assert_eq!(file.bag(0).beyond(&wire.went_by()), 0);

    // Lines and JSON for each frame, in place of a file.
    let lines = wire.under_traffic(|| output(rig.nblease(&["capture", "-c", "50", "--direction", "in"])).1);
    assert_eq!(lines.lines().filter(|line| line.contains(" Ethernet in  ")).count(), 50, "{lines}");
    let lines = wire.under_traffic(|| output(rig.nblease(&["capture", "-c", "50", "--json"])).1);
    let frames: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(frames.len() == 50 && frames.iter().all(|frame| frame["interface"] == "Ethernet"));
    rig.finish();
}

#[test]
fn tshark_reads_a_capture_from_a_pipe_without_complaint() {
    let rig = LiveRig::start(12);
    let wire = rig.wire("Ethernet");
    let said = rig.file("said");
    let mut capture = rig.nblease(&["capture", "-c", "500", "-w", "-"]);
    let mut capture =
        capture.stdout(Stdio::piped()).stderr(fs::File::create(&said).expect("a file")).spawn().expect("nblease runs");
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-r", "-", "-T", "fields", "-e", "frame.number", "-e", "frame.len"]);
    tshark.stdin(capture.stdout.take().expect("a pipe"));
    let (code, out, err) = wire.under_traffic(|| output(tshark));
    assert!(capture.wait().expect("the program can be waited for").success());
    // Root is warned, but that is not about the file.
    let complaints: Vec<_> = err.lines().filter(|line| !line.contains("Running as user")).collect();
    assert_eq!((code, complaints.as_slice()), (Some(0), &[][..]));
    assert_eq!(out.lines().count(), 500);
    let summary = fs::read_to_string(said).expect("text");
    assert!(summary.starts_with("nblease: 500 frames captured, "), "{summary}");
    rig.finish();
}
