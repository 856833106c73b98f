//! `nblease gate`, the real program, against the driver on real threads: rules in the driver and in the program, lines and
//! sums that agree with what went by.

use std::process::{Command, Stdio};

use nblease_tests::{
    Program, frame_bytes,
    live::{LiveRig, wait_until},
    receive_of, send_of,
};
use serde_json::Value;

/// An IPv4 packet of UDP to this port, in an Ethernet frame.
fn udp(to_port: u16) -> Vec<u8> {
    let mut bytes = frame_bytes(14, 0);
    bytes.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(4000_u16.to_be_bytes());
    bytes.extend(to_port.to_be_bytes());
    bytes.extend([0, 20, 0, 0]);
    bytes.resize(60, 0);
    bytes
}

/// What the gate printed as JSON lines, and its summary.
fn judged(mut command: Command, rig: &LiveRig, traffic: impl FnOnce()) -> (Vec<Value>, Value) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    wait_until("the gate's reader", || Program::open().readers() == 1);
    // It has READs pended once it has got the description of its adapter.
    wait_until("its first read", || rig.stats().reads_completed > 0);
    traffic();
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(interrupted.success());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let json = |line: &str| serde_json::from_str::<Value>(line).expect(line);
    (out.lines().map(json).collect(), json(err.lines().last().expect("a summary")))
}

#[test]
fn rules_decide_in_the_driver_and_the_program_decides_the_rest() {
    let rig = LiveRig::start(1);
    let wire = rig.wire("Ethernet");
    let rules = rig.file("rules");
    std::fs::write(&rules, "drop out udp to any port 80\npass out udp to any port 53\nask in udp then drop\n").unwrap();
    let args = ["gate", "1", "--policy", "drop", "--budget", "900", "--rules", rules.to_str().unwrap(), "--json"];
    let (lines, summary) = judged(rig.nblease(&args), &rig, || {
        for port in [80, 53, 443] {
            wire.adapter.send(&[send_of(udp(port))], 0);
            wire.adapter.receive(&[receive_of(udp(port))], 0);
        }
        wait_until("all decided", || {
            let stats = rig.stats();
            stats.frames_passed + stats.frames_dropped + stats.frames_rule_passed + stats.frames_rule_dropped == 6
        });
    });
    // Asked: what no rule decides (sent to 443), and all that is received.
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(summary["asked"], 4);
    assert_eq!((&summary["answers"]["passed"], &summary["answers"]["dropped"]), (&1.into(), &3.into()), "{summary}");
    let stats = rig.stats();
    assert_eq!((stats.frames_rule_passed, stats.frames_rule_dropped), (1, 1));
    assert_eq!((stats.frames_passed, stats.frames_dropped, stats.trips), (1, 3, 0));
    wait_until("two frames went on", || wire.went_by().count(true) == 2);
    assert_eq!(wire.went_by().count(false), 0);
    rig.finish();
}

#[test]
fn wrong_rules_are_refused_before_anything_is_held() {
    let rig = LiveRig::start(2);
    let _wire = rig.wire("Ethernet");
    let rules = rig.file("rules");
    std::fs::write(&rules, "pass in udp\nmaybe out tcp\n").unwrap();
    let output = rig.nblease(&["gate", "1", "--rules", rules.to_str().unwrap()]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(error.contains("rules:2:1: "), "{error}");
    assert_eq!(Program::open().readers(), 0);
    rig.finish();
}
