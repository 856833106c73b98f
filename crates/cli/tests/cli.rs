//! The program against a lab that follows a script: what it prints, writes and ends with.
#![cfg(unix)]

#[path = "../../client/tests/fake_lab/mod.rs"]
mod fake_lab;
mod program;

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use fake_lab::{Event, FakeLab, Script, Then, adapter, descriptions, frame, record, run, temporary};
use nblease_abi::NtStatus;
use nblease_abi::configure::{Configure, ConfigureFlags, Directions, MAX_SNAPLEN};
use nblease_abi::ioctl::{IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS};
use nblease_abi::pcapng::{BLOCK_SECTION, BLOCK_STATISTICS, Blocks, IsbPlan, filler_header, filler_trailer, option};
use nblease_abi::stats::{AdapterStats, LeaseStats, ReaderStats};
use program::{nblease, on, output, reads, sentence, signal};

/// A file that is removed with its owner.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        Self(temporary("pcapng"))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn read(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap_or_default()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A file's blocks without its head and its statistics, and how many those are. Every block has to
/// be whole.
fn content(file: &[u8]) -> (Vec<u8>, usize) {
    let blocks: Vec<_> = Blocks::new(file).map(Result::unwrap).collect();
    assert_eq!(blocks[0].kind, BLOCK_SECTION);
    let end = blocks.iter().rposition(|block| block.kind != BLOCK_STATISTICS).unwrap();
    let bytes = blocks[1..=end].iter().flat_map(|block| block.bytes).copied().collect();
    (bytes, blocks.len() - 1 - end)
}

fn expected(runs: &[Vec<u8>]) -> Vec<u8> {
    [descriptions(), runs.concat()].concat()
}

/// Waits until `done`, for a minute at most.
fn wait_until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..6000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

#[test]
fn list_shows_what_the_filter_is_attached_to() {
    let lab = FakeLab::start(Script::default());
    let (code, out, err) = output(on(&lab, &["list"]));
    assert_eq!((code, &*err), (Some(0), ""));
    let lines: Vec<Vec<_>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..2], ["INDEX", "NAME"]);
    assert_eq!(
        lines[1],
        ["1", "Ethernet", "02:00:00:00:00:01", "running", "1500", "1", "Gbit/s", "0x0000000000000007"]
    );
    assert_eq!(lines.len(), 3);

    let (code, out, _) = output(on(&lab, &["list", "--json"]));
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(list[1]["name"], "Wi-Fi");
    assert_eq!(list[1]["device"], "\\DEVICE\\{2}");
    assert_eq!(list[1]["net_luid"], 9);
    assert_eq!(list[1]["state"], "running");
}

#[test]
fn stats_shows_every_counter() {
    let reader_stats = ReaderStats { frames_dropped_spill_full: 12, ..Default::default() };
    let adapter_stats = vec![AdapterStats { net_luid: 9, if_index: 2, state: 1, pauses: 34, ..Default::default() }];
    let lab = FakeLab::start(Script { adapter_stats, reader_stats, ..Script::default() });
    let (code, out, _) = output(on(&lab, &["stats"]));
    assert_eq!(code, Some(0));
    let value = |name: &str| {
        let line = out.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(value("frames dropped spill full"), "12");
    assert_eq!(value("pauses"), "34");
    assert!(out.contains("Wi-Fi (paused)"));

    let (_, out, _) = output(on(&lab, &["--json", "stats"]));
    let stats: serde_json::Value = serde_json::from_str(&out).unwrap();
    let all_readers = stats["all_readers"].as_object().unwrap();
    assert_eq!(all_readers.len(), ReaderStats::NAMES.len());
    assert_eq!(all_readers["frames_dropped_spill_full"], 12);
    assert_eq!(stats["adapters"][0]["counters"]["pauses"], 34);
    assert_eq!(stats["adapters"][0]["name"], "Wi-Fi");
}

#[test]
fn stats_shows_what_is_held_and_for_how_long() {
    let mut lease_stats = LeaseStats {
        leases: 12,
        originals: 10,
        original_bytes: 15_000,
        promoted_bytes: 3000,
        longest_hold: 115_009,
        ..Default::default()
    };
    let lab = FakeLab::start(Script { lease_stats, ..Script::default() });
    let (_, out, _) = output(on(&lab, &["stats"]));
    assert!(out.ends_with("longest hold: 11.500 ms\n"), "no histogram without a hold: {out}");

    (lease_stats.received[0], lease_stats.received[2], lease_stats.sent[2]) = (1, 240, 120);
    let lab = FakeLab::start(Script { lease_stats, ..Script::default() });
    let (code, out, _) = output(on(&lab, &["stats"]));
    assert_eq!(code, Some(0));
    let expected = "

leases now: 12
  originals                                10  (15000 bytes)
  promoted copies                           2  (3000 bytes)
longest hold: 11.500 ms

            held      received                                   sent
          < 1 us             1 #                                    0
     1 us - 2 us             0                                      0
     2 us - 4 us           240 ########################           120 ############
";
    assert!(out.ends_with(expected), "{out}");

    (lease_stats.received, lease_stats.sent) = Default::default();
    (lease_stats.sent[10], lease_stats.sent[21]) = (1, 2);
    let lab = FakeLab::start(Script { lease_stats, ..Script::default() });
    let (_, out, _) = output(on(&lab, &["stats"]));
    assert!(out.contains("\n   512 us - 1 ms "), "{out}");
    assert!(out.contains("\n    524 ms - 1 s "), "{out}");
    assert!(out.contains("\n          >= 1 s "), "{out}");

    let (_, out, _) = output(on(&lab, &["stats", "--json"]));
    let stats: serde_json::Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!({
        "leases": 12,
        "originals": 10,
        "original_bytes": 15_000,
        "promoted_bytes": 3000,
        "longest_hold_ms": 11.5009,
        "held_received": [],
        "held_sent": [
            { "from_us": 512, "below_us": 1024, "count": 1 },
            { "from_us": 1 << 20, "below_us": null, "count": 2 },
        ],
    });
    assert_eq!(stats["held"], expected);
}

#[test]
fn patience_reaches_the_driver_and_the_summary() {
    let reader_stats =
        ReaderStats { frames_seen: 9, frames_watched: 5, nbls_spilled: 3, trips: 1, ..Default::default() };
    let lab = FakeLab::start(Script { runs: vec![run([1])], reader_stats, ..Script::default() });
    let (code, _, err) = output(on(&lab, &["capture", "-c", "1", "--patience", "250"]));
    assert_eq!(code, Some(0));
    assert_eq!(lab.configured().unwrap().0, Configure { budget_ms: 250, ..Configure::tap(2) });
    assert_eq!(
        err,
        "nblease: 1 frames captured, 9 received by the filter, 0 dropped by it; with patience of 250 ms 5 frames \
         waited and got into a read, 3 NBLs were spilled, 1 times it ended\n"
    );
    let (_, _, err) = output(on(&lab, &["capture", "-c", "1", "--patience", "5", "--json"]));
    let summary: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((&summary["patience_ms"], &summary["reader"]["frames_watched"]), (&5.into(), &5.into()));
    for patience in ["0", "900"] {
        let lab = FakeLab::start(Script { runs: vec![run([1])], ..Script::default() });
        output(on(&lab, &["capture", "-c", "1", "--patience", patience]));
        assert_eq!(lab.configured().unwrap().0.budget_ms.to_string(), patience);
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["frobnicate"][..],
        &["capture", "--frobnicate"],
        &["capture", "-s", "262145"],
        &["capture", "-s", "-1"],
        &["capture", "-c", "0"],
        &["capture", "-d", "1d"],
        &["capture", "--direction", "up"],
        &["capture", "--read-size", "0"],
        &["capture", "--read-size", "4097"],
        &["capture", "--reads", "0"],
        &["capture", "--reads", "65"],
        &["capture", "--timeout", "101"],
        &["capture", "--spill", "0"],
        &["capture", "--spill", "257M"],
        &["capture", "--patience", "4"],
        &["capture", "--patience", "901"],
        &["gate"],
        &["gate", "1", "--policy", "ask"],
        &["gate", "1", "--budget", "4"],
        &["gate", "1", "--budget", "901"],
        &["gate", "1", "--default", "promote"],
        &["gate", "1", "--in-program"],
        &["list", "extra"],
        &[],
    ] {
        let (code, out, err) = output(nblease(args));
        assert_eq!((code, &*out), (Some(2), ""), "{args:?}");
        assert!(!err.is_empty(), "{args:?}");
    }
    for args in [&["--help"][..], &["capture", "--help"], &["gate", "--help"], &["--version"]] {
        let (code, out, err) = output(nblease(args));
        assert_eq!((code, &*err), (Some(0), ""), "{args:?}");
        assert!(out.contains("nblease"), "{args:?}");
    }
}

#[test]
fn wrong_usage_that_only_the_driver_shows_ends_with_2_and_a_sentence() {
    let scripted = |args: &[&str]| sentence(on(&FakeLab::start(Script::default()), args), 2);
    assert_eq!(
        scripted(&["capture", "-i", "eth9"]),
        "there is no adapter \"eth9\"; there are: \"Ethernet\" (index 1), \"Wi-Fi\" (index 2)"
    );
    assert_eq!(
        scripted(&["capture", "--read-size", "64"]),
        "reads of 65536 bytes are too small for this snaplen, which needs 262220 bytes: \
         give --read-size 257 or more, or a smaller -s"
    );
    assert_eq!(
        scripted(&["capture", "--spill", "64K"]),
        "the spill must hold the largest record and be at most 268435456 bytes"
    );
}

#[test]
fn failures_end_with_1_and_a_sentence() {
    let scripted = |script: Script, args: &[&str]| {
        let lab = FakeLab::start(script);
        sentence(on(&lab, args), 1)
    };
    let sentence = |command| sentence(command, 1);
    assert_eq!(
        sentence(nblease(&["list", "--device", "unix:/nonexistent/lab.sock"])),
        "the driver is not loaded (no device at unix:/nonexistent/lab.sock); \
         load it with `cargo xtask lab`"
    );
    assert_eq!(
        sentence(nblease(&["list", "--device", "\\\\.\\nblease"])),
        "\\\\.\\nblease cannot be opened: unsupported"
    );
    assert_eq!(
        scripted(Script { abi_version: 7, ..Script::default() }, &["stats"]),
        "the driver speaks ABI version 7 and this program version 1: \
         use the ones that came together"
    );
    let refuse = |code, status| Script { refuse: Some((code, status)), ..Script::default() };
    assert_eq!(
        scripted(refuse(IOCTL_LIST_ADAPTERS, NtStatus(0xC000_1234)), &["list"]),
        "LIST_ADAPTERS was refused: The driver answered 0xC0001234."
    );
    assert_eq!(
        scripted(refuse(IOCTL_CONFIGURE, NtStatus::INSUFFICIENT_RESOURCES), &["capture"]),
        "CONFIGURE was refused: The system has too little memory for the request. \
         (STATUS_INSUFFICIENT_RESOURCES)"
    );
    assert_eq!(
        scripted(refuse(IOCTL_CONFIGURE, NtStatus::NOT_FOUND), &["capture"]),
        "an adapter that was asked for is not attached any more"
    );
    assert_eq!(
        scripted(Script { adapters: Vec::new(), ..Script::default() }, &["capture"]),
        "the filter is attached to no adapter"
    );
    assert_eq!(
        scripted(Script::default(), &["capture", "-c", "1", "-w", "/nonexistent/x.pcapng"]),
        "cannot write /nonexistent/x.pcapng: No such file or directory (os error 2)"
    );
}

#[test]
fn a_disk_that_takes_no_more_is_a_failure_that_keeps_whole_blocks() {
    let lab = FakeLab::start(Script::default());
    let full = sentence(on(&lab, &["capture", "-w", "/dev/full"]), 1);
    assert_eq!(full, "cannot write /dev/full: No space left on device (os error 28)");

    let runs: Vec<_> = (0..100).map(|n| run([n; 20])).collect();
    let lab = FakeLab::start(Script { runs: runs.clone(), ..Script::default() });
    let file = Temporary::new();
    // At most 20 units of 512 or 1024 bytes: some of the runs, and a part of one. The signal is that of the limit only.
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 20; exec \"$0\" capture -w \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_nblease"), file.path()]).env("NBLEASE_LAB", &lab.path);
    let (code, _, err) = output(command);
    assert_eq!(code, Some(1));
    let (captured, _) = content(&file.read());
    let frames = captured.strip_prefix(&*descriptions()).unwrap();
    assert!(!frames.is_empty() && runs.concat().starts_with(frames) && frames.len() % runs[0].len() == 0);
    let count = 20 * frames.len() / runs[0].len();
    assert!(err.starts_with(&format!("nblease: {count} frames captured")), "{err}");
    assert!(err.ends_with("nblease: cannot write what was captured: File too large (os error 27)\n"), "{err}");
}

/// Standard output is the caller's: a file behind it is not guarded, nor one that is called `-`.
#[test]
fn a_file_that_is_called_like_standard_output_is_left_alone() {
    let lab = FakeLab::start(Script { runs: vec![run([1])], ..Script::default() });
    let folder = temporary("d");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("-"), [7; 5000]).unwrap();
    let out = fs::File::create(folder.join("out")).unwrap();
    let mut command = on(&lab, &["capture", "-c", "1", "-w", "-"]);
    assert!(command.current_dir(&folder).stdout(out).stderr(Stdio::null()).status().unwrap().success());
    assert_eq!(content(&fs::read(folder.join("out")).unwrap()).0, expected(&[run([1])]));
    assert_eq!(fs::read(folder.join("-")).unwrap(), [7; 5000]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn options_reach_the_driver() {
    let configured = |args: &[&str]| {
        let mut script = Script::default();
        script.adapters.push(adapter(1 << 40, 30, "7"));
        script.runs = vec![run([1])];
        let lab = FakeLab::start(script);
        let args = [&["capture", "-c", "1"][..], args].concat();
        assert_eq!(output(on(&lab, &args)).0, Some(0), "{args:?}");
        let lengths: Vec<_> = lab
            .events()
            .iter()
            .filter_map(|event| match event {
                Event::Read(len) => Some(*len),
                _ => None,
            })
            .collect();
        (lab.configured().unwrap(), lengths)
    };
    let all = configured(&[]);
    assert_eq!(all.0, (Configure::tap(3), vec![7, 9, 1 << 40]));
    // One read more than are kept pended: for the one that the frame came in.
    assert_eq!(all.1, [266_240; 5]);

    let file = Temporary::new();
    let batched = configured(&["-w", file.path(), "-s", "0"]).0.0;
    assert_eq!((batched.timeout_ms, batched.snaplen), (100, MAX_SNAPLEN));

    let ((config, luids), lengths) = configured(&[
        "-i",
        "wi-fi",
        "-i",
        "\\device\\{1}",
        "-i",
        "2",
        "-s",
        "96",
        "--direction",
        "out",
        "--loopback",
        "--read-size",
        "64",
        "--reads",
        "2",
        "--timeout",
        "20",
        "--spill",
        "64K",
    ]);
    assert_eq!(luids, [9, 7]);
    let expected = Configure {
        flags: ConfigureFlags::LOOPBACK.bits(),
        directions: Directions::OUT.bits(),
        snaplen: 96,
        timeout_ms: 20,
        spill_bytes: 65_536,
        ..Configure::tap(2)
    };
    assert_eq!(config, expected);
    assert_eq!(lengths, [65_536; 3]);

    // A name goes before a NetLuid, and a number may be hexadecimal.
    assert_eq!(configured(&["-i", "7"]).0.1, [1 << 40]);
    assert_eq!(configured(&["-i", "30", "-i", "0x7", "-i", "0x10000000000"]).0.1, [1 << 40, 7]);
    assert_eq!(configured(&["-i", "9", "--direction", "in"]).0.0.directions, Directions::IN.bits());
}

#[test]
fn a_count_cuts_at_the_frame() {
    let runs = vec![run([1, 2]), run([3, 4, 5]), run([6])];
    let reader_stats = ReaderStats {
        frames_seen: 10,
        frames_dropped_spill_full: 1,
        frames_dropped_no_memory: 2,
        frames_dropped_unreadable: 4,
        ..Default::default()
    };
    let script = Script { runs: runs.clone(), reader_stats, held: run([7]), ..Script::default() };
    for (count, frames) in [(1_u8, run([1])), (2, run([1, 2])), (4, run(1..=4))] {
        let lab = FakeLab::start(script.clone());
        let file = Temporary::new();
        let command = on(&lab, &["capture", "-c", &count.to_string(), "-w", file.path()]);
        let (code, out, err) = output(command);
        assert_eq!((code, &*out), (Some(0), ""));
        assert_eq!(err, format!("nblease: {count} frames captured, 10 received by the filter, 7 dropped by it\n"));
        assert_eq!(content(&file.read()), (expected(&[frames]), 2), "{count}");
    }
}

#[test]
fn one_interface_ends_with_the_readers_statistics() {
    let reader_stats = ReaderStats { frames_seen: 10, frames_dropped_spill_full: 3, ..Default::default() };
    let lab = FakeLab::start(Script { runs: vec![run([1])], reader_stats, ..Script::default() });
    let file = Temporary::new();
    let args = ["capture", "-i", "1", "-c", "1", "-w", file.path(), "--json"];
    let (code, _, err) = output(on(&lab, &args));
    assert_eq!(code, Some(0));
    let summary: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((&summary["captured"], &summary["received"]), (&1.into(), &10.into()));
    assert_eq!((&summary["dropped"], &summary["reader"]["frames_seen"]), (&3.into(), &10.into()));

    let bytes = file.read();
    let last = Blocks::new(&bytes).last().unwrap().unwrap();
    assert!(last.bytes.len() <= IsbPlan::MAX_LEN);
    let counts: Vec<_> = last
        .options(12)
        .map(Result::unwrap)
        .filter(|field| field.code > option::ISB_ENDTIME)
        .map(|field| (field.code, u64::from_le_bytes(field.value.try_into().unwrap())))
        .collect();
    let expected = [(option::ISB_IFRECV, 10), (option::ISB_OSDROP, 3), (option::ISB_USRDELIV, 1)];
    assert_eq!(counts, expected);
}

#[test]
fn standard_output_gets_the_same_bytes() {
    let runs = vec![run([1, 2]), run([3])];
    let lab = FakeLab::start(Script { runs: runs.clone(), ..Script::default() });
    let Output { status, stdout, .. } = on(&lab, &["capture", "-w", "-", "-c", "3"]).output().unwrap();
    assert!(status.success());
    assert_eq!(content(&stdout), (expected(&runs), 2));
}

#[test]
fn a_reader_that_has_enough_ends_the_capture_well() {
    let runs = vec![run(0..=255); 1000];
    let lab = FakeLab::start(Script { runs, ..Script::default() });
    let mut child = on(&lab, &["capture", "-w", "-"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut some = [0; 1000];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn frames_are_lines_unless_they_go_into_a_file() {
    let mut runs = vec![[record(1, &frame(1)), record(0, &frame(2)[..20])].concat()];
    let mut filler = filler_header(40).to_vec();
    filler.resize(36, 0);
    filler.extend(filler_trailer(40));
    // A filler is no frame.
    runs.insert(0, filler);
    let lab = FakeLab::start(Script { runs, ..Script::default() });
    let (code, out, err) = output(on(&lab, &["capture", "-c", "2"]));
    assert_eq!(code, Some(0));
    let expected = [
        "23:31:30.000000042 Wi-Fi in  02:00:00:00:00:01 > 02:00:00:00:00:09, ethertype 0x88b5, length 60",
        "23:31:30.000000042 Ethernet in  02:00:00:00:00:02 > 02:00:00:00:00:09, ethertype 0x88b5, length 20",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    assert_eq!(err, "nblease: 2 frames captured, 0 received by the filter, 0 dropped by it\n");

    let (_, out, _) = output(on(&lab, &["capture", "-c", "2", "--json"]));
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["interface"], "Wi-Fi");
    assert_eq!(lines[0]["ether_type"], 0x88B5);
    assert_eq!(lines[1]["captured"], 20);
    assert_eq!(lines[1]["time_ns"], 1_234_567_890_000_000_042_u64);
}

#[test]
fn an_interrupt_ends_a_capture_with_all_that_came() {
    for name in ["-INT", "-TERM"] {
        let runs = vec![run([1, 2]), run([3])];
        let script = Script { runs: runs.clone(), held: run([4, 5]), ..Script::default() };
        let lab = FakeLab::start(script);
        let file = Temporary::new();
        let child = on(&lab, &["capture", "-w", file.path()]).stderr(Stdio::piped()).spawn().unwrap();
        lab.wait_for(|events| reads(events) == 4 + 2);
        signal(&child, name);
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert!(stderr.starts_with("nblease: 5 frames captured"), "{stderr}");
        assert_eq!(content(&file.read()), (expected(&[run(1..=5)]), 2));
        let cancelled = lab.events().iter().filter(|event| **event == Event::Cancelled).count();
        assert_eq!(cancelled, 4);
    }
}

#[test]
fn a_duration_ends_a_capture() {
    let lab = FakeLab::start(Script { runs: vec![run([1])], ..Script::default() });
    let file = Temporary::new();
    // Long enough for the one run, which is there at once, on any machine that runs tests.
    let (code, _, err) = output(on(&lab, &["capture", "-d", "2", "-w", file.path()]));
    assert_eq!(code, Some(0));
    assert!(err.starts_with("nblease: 1 frames captured"), "{err}");
    assert_eq!(content(&file.read()), (expected(&[run([1])]), 2));
}

#[test]
fn a_killed_capture_leaves_whole_blocks_of_all_that_came() {
    let runs: Vec<_> = (0..50).map(|n| run([n, n])).collect();
    let lab = FakeLab::start(Script { runs: runs.clone(), ..Script::default() });
    let file = Temporary::new();
    let mut child = on(&lab, &["capture", "-w", file.path()]).stderr(Stdio::null()).spawn().unwrap();
    let expected = expected(&runs);
    wait_until("all runs in the file", || {
        let bytes = file.read();
        !bytes.is_empty() && content(&bytes).0.len() == expected.len()
    });
    signal(&child, "-KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    assert_eq!(content(&file.read()), (expected, 0));
    lab.wait_for(|events| events.last() == Some(&Event::Gone));
}

/// Killed anywhere, often in the middle of a write.
#[test]
fn a_capture_killed_while_it_writes_leaves_whole_blocks() {
    let large: Vec<_> = (0..150).flat_map(|n| record(0, &[n; 1500])).collect();
    let script = Script { runs: vec![large.clone()], then: Then::LastAgain, ..Script::default() };
    for round in 1..=10 {
        let lab = FakeLab::start(script.clone());
        let file = Temporary::new();
        let len = || fs::metadata(&file.0).map_or(0, |metadata| metadata.len() as usize);
        let mut child = on(&lab, &["capture", "-w", file.path()]).stderr(Stdio::null()).spawn().unwrap();
        wait_until("a few runs in the file", || len() > large.len() * round);
        signal(&child, "-KILL");
        child.wait().unwrap();
        let is_whole = || Blocks::new(&file.read()).all(|block| block.is_ok());
        wait_until("nothing but whole blocks in the file", is_whole);
        let (captured, statistics) = content(&file.read());
        let frames = captured.strip_prefix(&*descriptions()).unwrap();
        assert!(frames.chunks(large.len()).all(|run| large.starts_with(run)));
        assert!(frames.len() >= large.len() * (round - 1));
        assert_eq!(statistics, 0);
    }
}

/// What runs beside a capture, given what a kill may leave behind the last length it was told.
#[test]
fn the_guard_cuts_off_what_is_not_whole() {
    let told = run([1, 2]);
    let block = run([3]);
    let cases = [
        (&[][..], 0),
        (&block[..3], 0),
        (&block[..8], 0),
        (&block[..block.len() - 1], 0),
        (&block, block.len()),
        (&[&block[..], &block[..50]].concat(), block.len()),
        (&[0; 100], 0),
    ];
    for (tail, kept) in cases {
        let file = Temporary::new();
        fs::write(&file.0, [&told, tail].concat()).unwrap();
        let mut guard = nblease(&["guard-file", file.path()]).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = guard.stdin.take().unwrap();
        for len in [0, told.len() as u64] {
            pipe.write_all(&len.to_le_bytes()).unwrap();
        }
        // A length that did not come whole is none.
        pipe.write_all(&[1; 7]).unwrap();
        drop(pipe);
        assert!(guard.wait().unwrap().success());
        assert_eq!(file.read(), [&told, &tail[..kept]].concat());
    }
}

#[test]
fn a_driver_that_goes_away_is_a_failure_that_keeps_what_came() {
    let runs = vec![run([1, 2]), run([3])];
    let lab = FakeLab::start(Script { runs: runs.clone(), then: Then::HangUp, ..Script::default() });
    let file = Temporary::new();
    let (code, _, err) = output(on(&lab, &["capture", "-w", file.path()]));
    assert_eq!(code, Some(1));
    assert!(err.contains("nblease: 3 frames captured\n"), "{err}");
    assert!(err.contains("nblease: the connection to the driver broke: "), "{err}");
    assert_eq!(content(&file.read()), (expected(&runs), 2));
}

#[test]
fn a_malformed_run_is_a_failure_that_keeps_what_was_whole() {
    let mut broken = run([1, 2, 3]);
    broken.truncate(broken.len() - 4);
    let lab = FakeLab::start(Script { runs: vec![broken], ..Script::default() });
    let file = Temporary::new();
    let (code, _, err) = output(on(&lab, &["capture", "-w", file.path()]));
    assert_eq!(code, Some(1));
    assert!(err.contains("the driver's answer to READ is malformed"), "{err}");
    assert_eq!(content(&file.read()), (expected(&[run([1, 2])]), 2));
}

#[test]
fn a_capture_that_cannot_start_leaves_the_file_alone() {
    let refuse = Some((IOCTL_CONFIGURE, NtStatus::INSUFFICIENT_RESOURCES));
    let lab = FakeLab::start(Script { refuse, ..Script::default() });
    let file = Temporary::new();
    fs::write(&file.0, "precious").unwrap();
    assert_eq!(output(on(&lab, &["capture", "-w", file.path()])).0, Some(1));
    assert_eq!(file.read(), b"precious");
}

#[test]
fn a_device_option_goes_before_the_environment() {
    let lab = FakeLab::start(Script::default());
    let mut command = nblease(&["list", "--device", &lab.device()]);
    command.env("NBLEASE_LAB", "/nonexistent/lab.sock");
    assert_eq!(output(command).0, Some(0));
    assert_eq!(lab.events()[0], Event::Opened("\\\\.\\nblease".to_owned()));
}
