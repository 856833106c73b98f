//! `nblease gate` against a lab that follows a script: what reaches the driver, what is answered, what is printed.
#![cfg(unix)]

#[path = "../../client/tests/fake_lab/mod.rs"]
mod fake_lab;
mod program;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use fake_lab::{FakeLab, Said, Script, Then, frame, question, temporary};
use nblease_abi::NtStatus;
use nblease_abi::configure::{Configure, Directions, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE};
use nblease_abi::ioctl::{IOCTL_CONFIGURE, IOCTL_VERDICT};
use nblease_abi::pcapng::EpbFlags;
use nblease_abi::rules::{RULE_ASK, RULE_DROP, RULE_PASS, RuleRecord};
use nblease_abi::stats::ReaderStats;
use program::{on, output, reads, sentence, signal};

const IN: EpbFlags = EpbFlags::INBOUND;
const OUT: EpbFlags = EpbFlags::OUTBOUND;

/// A file of rules that is removed with its owner.
struct Rules(PathBuf);

impl Rules {
    fn new(text: &str) -> Self {
        let path = temporary("rules");
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An IPv4 packet of TCP from port 4000 of 10.0.0.1 to `port` of 10.0.0.2.
fn tcp(port: u16) -> Vec<u8> {
    let mut packet = frame(1);
    packet[12..14].copy_from_slice(&[0x08, 0x00]);
    packet[14..34].copy_from_slice(&[0x45, 0, 0, 46, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet[34..36].copy_from_slice(&4000_u16.to_be_bytes());
    packet[36..38].copy_from_slice(&port.to_be_bytes());
    packet[46] = 0x50;
    packet
}

/// Asks about these packets, sent, with the tickets 1, 2, ...
fn asked(packets: &[Vec<u8>]) -> Script {
    let run = (1..).zip(packets).flat_map(|(ticket, packet)| question(ticket, OUT, packet)).collect();
    Script { runs: vec![run], ..Script::default() }
}

fn verdicts(lab: &FakeLab) -> Vec<(u64, Said)> {
    lab.judged().concat()
}

#[test]
fn options_reach_the_driver() {
    let configured = |args: &[&str]| {
        let lab = FakeLab::start(asked(&[frame(1)]));
        let (code, _, err) = output(on(&lab, &[&["gate", "-c", "1"], args].concat()));
        assert_eq!(code, Some(0), "{err}");
        (lab.configured().unwrap(), lab.rules())
    };
    let ((config, luids), rules) = configured(&["wi-fi", "1"]);
    assert_eq!((luids, rules), (vec![9, 7], Vec::new()));
    assert_eq!(config, Configure { snaplen: 256, ..Configure::gate(2, POLICY_PASS, 100) });

    let file = Rules::new("drop vlan 5\nask\npass");
    let options = ["9", "--policy", "drop", "--budget", "5", "--priority", "7", "--direction", "in", "-q", "-d", "1m"];
    let ((config, luids), rules) = configured(&[&options[..], &["--rules", file.path()]].concat());
    assert_eq!(luids, [9]);
    let directions = Directions::IN.bits();
    let expected =
        Configure { snaplen: 256, priority: 7, directions, rule_count: 3, ..Configure::gate(1, POLICY_DROP, 5) };
    assert_eq!(config, expected);
    let vlan = RuleRecord { vlan: [5, 0], matches: 2, ..RuleRecord::all(RULE_DROP) };
    assert_eq!(rules, [vlan, RuleRecord::all(RULE_ASK), RuleRecord::all(RULE_PASS)]);

    let options = ["1", "--policy", "promote", "--budget", "900", "--direction", "out", "--in-program"];
    let ((config, _), rules) = configured(&[&options[..], &["--rules", file.path()]].concat());
    assert_eq!((config.policy, config.budget_ms, config.directions), (POLICY_PROMOTE, 900, Directions::OUT.bits()));
    assert_eq!(rules, []);
}

#[test]
fn what_the_driver_asks_is_answered_by_then_and_default() {
    let file = Rules::new("ask to any port 80 then drop\nask to any port 81 then pass\nask to any port 82");
    let packets = [80, 81, 82, 83].map(tcp);
    let answers = |default: &str| {
        let lab = FakeLab::start(asked(&packets));
        let (code, _, _) = output(on(&lab, &["gate", "1", "-c", "4", "--rules", file.path(), "--default", default]));
        assert_eq!(code, Some(0));
        verdicts(&lab)
    };
    let by_default = |said: Said| vec![(1, Said::Drop), (2, Said::Pass), (3, said.clone()), (4, said)];
    assert_eq!(answers("pass"), by_default(Said::Pass));
    assert_eq!(answers("drop"), by_default(Said::Drop));
}

#[test]
fn the_program_decides_by_all_rules_where_it_is_told_to() {
    let file = Rules::new("pass out tcp to 10.0.0.0/8 port 443\ndrop in\ndrop tcp");
    let lab = FakeLab::start(Script {
        runs: vec![
            [
                question(5, OUT, &tcp(443)),
                question(6, IN, &tcp(443)),
                question(7, OUT, &tcp(80)),
                question(8, OUT, &frame(1)),
            ]
            .concat(),
        ],
        ..Script::default()
    });
    let (code, _, _) = output(on(&lab, &["gate", "1", "-c", "4", "--rules", file.path(), "--in-program"]));
    assert_eq!(code, Some(0));
    assert_eq!(verdicts(&lab), [(5, Said::Pass), (6, Said::Drop), (7, Said::Drop), (8, Said::Pass)]);
}

#[test]
fn each_frame_asked_is_a_line_with_its_verdict() {
    let file = Rules::new("ask tcp then drop");
    let reader_stats = ReaderStats {
        frames_rule_passed: 100,
        frames_rule_dropped: 20,
        frames_policy_passed: 3,
        frames_policy_dropped: 4,
        nbls_promoted: 5,
        trips: 6,
        ..Default::default()
    };
    let script = Script {
        runs: vec![[question(1, OUT, &tcp(80)), question(2, IN, &frame(1)), question(3, IN, &frame(2))].concat()],
        reader_stats,
        ..Script::default()
    };
    let lab = FakeLab::start(script.clone());
    let args = ["gate", "1", "-c", "3", "--rules", file.path()];
    let (code, out, err) = output(on(&lab, &args));
    assert_eq!(code, Some(0));
    let expected = [
        "23:31:30.000000042 Ethernet out 10.0.0.1.4000 > 10.0.0.2.80, TCP, length 60: drop",
        "23:31:30.000000042 Ethernet in  02:00:00:00:00:01 > 02:00:00:00:00:09, ethertype 0x88b5, length 60: pass",
        "23:31:30.000000042 Ethernet in  02:00:00:00:00:02 > 02:00:00:00:00:09, ethertype 0x88b5, length 60: pass",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    assert_eq!(
        err,
        "nblease: 3 frames asked: 2 passed, 1 dropped, 0 late, 0 cancelled, 0 refused; by rules 100 passed, 20 \
         dropped; by policy 3 passed, 4 dropped, 5 NBLs promoted; tripped 6 times\n"
    );

    let lab = FakeLab::start(script.clone());
    assert_eq!(output(on(&lab, &[&args[..], &["-q"]].concat())).1, "");
    assert_eq!(verdicts(&lab).len(), 3);

    let (_, out, err) = output(on(&FakeLab::start(script), &[&args[..], &["--json"]].concat()));
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["verdict"], &lines[0]["ports"][1]), (&"drop".into(), &80.into()));
    assert_eq!((&lines[1]["direction"], &lines[1]["refused"]), (&"in".into(), &serde_json::Value::Null));
    let summary: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((&summary["asked"], &summary["answers"]["dropped"]), (&3.into(), &1.into()));
    assert_eq!(summary["reader"]["frames_rule_passed"], 100);
}

#[test]
fn answers_that_do_not_hold_are_told() {
    let refusals = vec![
        (2, NtStatus::IO_TIMEOUT),
        (3, NtStatus::CANCELLED),
        (4, NtStatus::REQUEST_NOT_ACCEPTED),
        (5, NtStatus(0xC000_1234)),
    ];
    let script = Script { verdicts: refusals, ..asked(&vec![frame(1); 5]) };
    let (_, out, err) = output(on(&FakeLab::start(script), &["gate", "1", "-c", "5", "--default", "drop"]));
    let ends: Vec<_> = out.lines().map(|line| line.split_once("length 60: ").unwrap().1).collect();
    let expected = [
        "drop",
        "drop (late)",
        "drop (cancelled)",
        "drop (refused: STATUS_REQUEST_NOT_ACCEPTED)",
        "drop (refused: NTSTATUS(0xC0001234))",
    ];
    assert_eq!(ends, expected);
    assert!(err.starts_with("nblease: 5 frames asked: 0 passed, 1 dropped, 1 late, 1 cancelled, 2 refused"), "{err}");
}

#[test]
fn a_count_answers_all_that_came_with_the_last() {
    let runs = vec![question(1, IN, &frame(1)), [question(2, IN, &frame(1)), question(3, IN, &frame(1))].concat()];
    let script = Script { runs, held: question(4, IN, &frame(1)), ..Script::default() };
    let lab = FakeLab::start(script);
    let (code, out, _) = output(on(&lab, &["gate", "1", "-c", "2"]));
    assert_eq!((code, out.lines().count()), (Some(0), 4));
    assert_eq!(verdicts(&lab).iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn an_interrupt_ends_a_gate_with_all_answered() {
    let runs = vec![question(1, IN, &frame(1)), question(2, IN, &frame(1))];
    let lab = FakeLab::start(Script { runs, held: question(3, OUT, &frame(1)), ..Script::default() });
    let child = on(&lab, &["gate", "1", "-q"]).stderr(Stdio::piped()).spawn().unwrap();
    lab.wait_for(|events| reads(events) == 4 + 2);
    signal(&child, "-INT");
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(String::from_utf8(stderr).unwrap().starts_with("nblease: 3 frames asked: 3 passed"));
    assert_eq!(lab.judged(), [[(1, Said::Pass)], [(2, Said::Pass)], [(3, Said::Pass)]]);
}

#[test]
fn a_duration_ends_a_gate() {
    let lab = FakeLab::start(asked(&[frame(1)]));
    // Long enough for the one run, which is there at once, on any machine that runs tests.
    let (code, _, err) = output(on(&lab, &["gate", "1", "-d", "2"]));
    assert_eq!(code, Some(0));
    assert!(err.starts_with("nblease: 1 frames asked: 1 passed"), "{err}");
}

#[test]
fn a_reader_of_the_lines_that_has_enough_ends_the_gate_well() {
    let script = Script { then: Then::LastAgain, ..asked(&vec![frame(1); 100]) };
    let lab = FakeLab::start(script);
    let mut child = on(&lab, &["gate", "1"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.ends_with(": pass\n"), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_rules_end_with_2_and_their_place_before_a_device_is_looked_for() {
    let file = Rules::new("pass in\n  drop out tcp form any\n");
    let mut command = program::nblease(&["gate", "1", "--device", "unix:/nonexistent/lab.sock"]);
    command.args(["--rules", file.path()]);
    assert_eq!(
        sentence(command, 2),
        format!("{}:2:16: expected from, to, vlan or the end of the line, found \"form\"", file.path())
    );
}

#[test]
fn failures_end_with_1_and_a_sentence() {
    let missing = ["gate", "1", "--rules", "/nonexistent/rules"];
    let lab = FakeLab::start(Script::default());
    assert_eq!(
        sentence(on(&lab, &missing), 1),
        "cannot read /nonexistent/rules: No such file or directory (os error 2)"
    );
    assert_eq!(
        sentence(on(&lab, &["gate", "eth9"]), 2),
        "there is no adapter \"eth9\"; there are: \"Ethernet\" (index 1), \"Wi-Fi\" (index 2)"
    );
    let refuse = Some((IOCTL_CONFIGURE, NtStatus::QUOTA_EXCEEDED));
    let lab = FakeLab::start(Script { refuse, ..Script::default() });
    assert_eq!(
        sentence(on(&lab, &["gate", "1"]), 1),
        "CONFIGURE was refused: Too many readers hold frames, or for too long together. (STATUS_QUOTA_EXCEEDED)"
    );
    let refuse = Some((IOCTL_VERDICT, NtStatus::INSUFFICIENT_RESOURCES));
    let lab = FakeLab::start(Script { refuse, ..asked(&[frame(1)]) });
    let (code, _, err) = output(on(&lab, &["gate", "1"]));
    assert_eq!(code, Some(1));
    let last = err.lines().last().unwrap();
    assert!(last.starts_with("nblease: VERDICT was refused: The system has too little memory"), "{err}");
}
