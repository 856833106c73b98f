//! A gate against a lab that follows a script: who is asked what, and how the answers go back.
#![cfg(unix)]

mod fake_lab;

use std::time::Duration;

use fake_lab::{Event, FakeLab, Said, Script, descriptions, frame, question, record};
use nblease_abi::NtStatus;
use nblease_abi::configure::{ConfigError, Configure, Directions, POLICY_PASS};
use nblease_abi::ioctl::IOCTL_VERDICT;
use nblease_abi::pcapng::EpbFlags;
use nblease_abi::rules::{RULE_DROP, RULE_PASS, RuleRecord};
use nblease_abi::verdict::{MAX_VERDICTS, OffloadFlags};
use nblease_client::{CaptureOptions, Decision, Device, Error, Gate, Question, Target, Transport, Verdicts};

const LONG: Duration = Duration::from_secs(10);
const IN: EpbFlags = EpbFlags::INBOUND;
const OUT: EpbFlags = EpbFlags::OUTBOUND;

type Boxed = Box<dyn Transport>;

fn open(lab: &FakeLab) -> Device<Boxed> {
    Device::open(&Target::Socket(lab.path.clone())).unwrap()
}

fn gate_with(lab: &FakeLab, rules: &[RuleRecord]) -> Gate<Boxed> {
    let config = Configure::gate(2, POLICY_PASS, 100);
    Gate::start(open(lab), &config, &[7, 9], rules, CaptureOptions::default()).unwrap()
}

fn gate(lab: &FakeLab) -> Gate<Boxed> {
    gate_with(lab, &[])
}

/// Passes received frames, drops sent ones of odd tickets and replaces the others.
fn decide(question: &Question<'_>) -> Decision {
    match question.direction() {
        Directions::IN => Decision::Pass,
        _ if question.ticket % 2 == 1 => Decision::Drop,
        _ => Decision::Replace {
            frame: question.packet.data.iter().rev().copied().collect(),
            offload: OffloadFlags::TRANSPORT_CHECKSUM,
            segment: 1460,
        },
    }
}

#[test]
fn each_read_is_answered_by_one_request() {
    let first = [question(5, IN, &frame(1)), record(0, &frame(9)), question(7, OUT, &frame(2))].concat();
    let second = question(8, OUT, &[1, 2, 3]);
    let lab = FakeLab::start(Script { runs: vec![first, second], swap: true, ..Script::default() });
    let mut gate = gate(&lab);
    let mut seen = Vec::new();
    let mut statuses = Vec::new();
    while seen.len() < 3 {
        let answers = gate.next(LONG, |question| {
            seen.push((question.ticket, question.direction(), question.packet.data.to_vec()));
            decide(question)
        });
        statuses.push(answers.unwrap().unwrap());
    }
    assert_eq!(
        seen,
        [(5, Directions::IN, frame(1)), (7, Directions::OUT, frame(2)), (8, Directions::OUT, vec![1, 2, 3])]
    );
    assert_eq!(statuses, [vec![NtStatus::SUCCESS; 2], vec![NtStatus::SUCCESS]]);
    let replaced = Said::Replace(vec![3, 2, 1], OffloadFlags::TRANSPORT_CHECKSUM, 1460);
    assert_eq!(lab.judged(), [vec![(5, Said::Pass), (7, Said::Drop)], vec![(8, replaced)]]);
}

#[test]
fn nothing_is_said_where_nothing_is_asked() {
    let lab = FakeLab::start(Script { runs: vec![record(0, &frame(1))], ..Script::default() });
    let mut gate = gate(&lab);
    let never = |_: &Question<'_>| panic!("no frame has a ticket");
    assert_eq!(gate.next(LONG, never).unwrap(), Some(Vec::new()));
    assert_eq!(gate.next(Duration::from_millis(1), never).unwrap(), Some(Vec::new()));
    assert_eq!(lab.judged(), Vec::<Vec<_>>::new());
}

#[test]
fn answers_that_do_not_hold_are_told_in_their_place() {
    let run = (1..=4).flat_map(|ticket| question(ticket, IN, &frame(1))).collect();
    let verdicts = vec![(2, NtStatus::IO_TIMEOUT), (4, NtStatus::CANCELLED)];
    let lab = FakeLab::start(Script { runs: vec![run], verdicts, ..Script::default() });
    let statuses = gate(&lab).next(LONG, decide).unwrap().unwrap();
    assert_eq!(statuses, [NtStatus::SUCCESS, NtStatus::IO_TIMEOUT, NtStatus::SUCCESS, NtStatus::CANCELLED]);
}

#[test]
fn a_read_with_more_frames_than_a_request_may_answer_takes_two() {
    let many = u64::from(MAX_VERDICTS) + 1;
    let run = (1..=many).flat_map(|ticket| question(ticket, IN, &[0; 14])).collect();
    let lab = FakeLab::start(Script { runs: vec![run], ..Script::default() });
    let options = CaptureOptions { read_size: Some(1 << 20), ..CaptureOptions::default() };
    let config = Configure { snaplen: 64, ..Configure::gate(2, POLICY_PASS, 100) };
    let mut gate = Gate::start(open(&lab), &config, &[7, 9], &[], options).unwrap();
    assert_eq!(gate.next(LONG, decide).unwrap().unwrap().len(), many as usize);
    assert_eq!(lab.judged().iter().map(Vec::len).collect::<Vec<_>>(), [MAX_VERDICTS as usize, 1]);
}

#[test]
fn what_reads_hold_when_a_gate_stops_is_answered() {
    let lab = FakeLab::start(Script { held: question(3, OUT, &frame(1)), ..Script::default() });
    let mut gate = gate(&lab);
    lab.wait_for(|events| events.iter().filter(|event| matches!(event, Event::Read(_))).count() == 4);
    gate.stop();
    while gate.next(LONG, decide).unwrap().is_some() {}
    assert_eq!(lab.judged(), [vec![(3, Said::Drop)]]);
    drop(gate);
    lab.wait_for(|events| events.last() == Some(&Event::Gone));
}

#[test]
fn frames_before_a_malformed_block_are_answered() {
    let run = [question(3, IN, &frame(1)), vec![6, 0, 0, 0, 13, 0, 0, 0]].concat();
    let lab = FakeLab::start(Script { runs: vec![run], ..Script::default() });
    let error = gate(&lab).next(LONG, decide).unwrap_err();
    assert!(matches!(error, Error::Malformed { call: "READ" }), "{error}");
    assert_eq!(lab.judged(), [vec![(3, Said::Pass)]]);
}

#[test]
fn rules_go_with_the_configuration() {
    let rules = [RuleRecord { vlan: [5, 0], matches: 2, ..RuleRecord::all(RULE_DROP) }, RuleRecord::all(RULE_PASS)];
    let lab = FakeLab::start(Script::default());
    let gate = gate_with(&lab, &rules);
    assert_eq!(lab.rules(), rules);
    let sent = Configure { rule_count: 2, ..Configure::gate(2, POLICY_PASS, 100) };
    assert_eq!(lab.configured(), Some((sent, vec![7, 9])));
    drop(gate);

    let lab = FakeLab::start(Script::default());
    let bad = [rules[0], RuleRecord::all(9)];
    let error = open(&lab).configure(&Configure::gate(1, POLICY_PASS, 100), &[9], &bad).unwrap_err();
    assert_eq!(error.to_string(), "rule 2: its verdict is unknown");
    let error = open(&lab).configure(&Configure::tap(1), &[9], &rules).unwrap_err();
    assert!(matches!(error, Error::Config(ConfigError::Rule(_))), "{error}");
    assert_eq!(lab.configured(), None);
}

#[test]
fn a_request_that_is_refused_whole_is_an_error() {
    let lab = FakeLab::start(Script::default());
    let mut device = open(&lab);
    let mut verdicts = Verdicts::new();
    assert_eq!(device.verdict(&verdicts).unwrap(), []);
    verdicts.push(1, &nblease_abi::verdict::Verdict::Pass).unwrap();
    device.configure(&Configure::tap(1), &[9], &[]).unwrap();
    let error = device.verdict(&verdicts).unwrap_err();
    assert!(matches!(error, Error::Refused { call: "VERDICT", status: NtStatus::INVALID_DEVICE_REQUEST }), "{error}");

    let refuse = Some((IOCTL_VERDICT, NtStatus::INSUFFICIENT_RESOURCES));
    let lab = FakeLab::start(Script { refuse, runs: vec![question(3, IN, &frame(1))], ..Script::default() });
    let error = gate(&lab).next(LONG, decide).unwrap_err();
    assert!(matches!(error, Error::Refused { call: "VERDICT", .. }), "{error}");
}

/// The descriptions of the interfaces come as in a capture, and are nobody's business here.
#[test]
fn descriptions_are_no_questions() {
    assert!(!descriptions().is_empty());
    let lab = FakeLab::start(Script::default());
    assert_eq!(gate(&lab).next(LONG, decide).unwrap(), Some(Vec::new()));
}
