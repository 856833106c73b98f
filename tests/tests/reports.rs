//! What a report on a broken rule says to a filter's author: who had the object when, with places in the image and their
//! symbols, the stack, the seed, the command that replays it. The filters are breakers of the lab's rules.

use std::process::Command;

use nblease_lab::judge::EXIT_VIOLATION;
use nblease_tests::{built, program};

/// The report on a breaker's life.
fn report(breaker: &str, more: &[&str]) -> String {
    let filter = built(&format!("filters/{breaker}.broken.sys"));
    let mut lab = Command::new(program("nblease-lab"));
    lab.arg("lifecycle").arg("--sys").arg(filter).args(["--seed", "1"]).args(more);
    let output = lab.output().expect("the lab runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(EXIT_VIOLATION), "{said}");
    said
}

/// The report has lines with these pieces, in this order; `*` in a piece stands for any text.
fn expect(breaker: &str, lines: &[&str]) {
    let said = report(breaker, &[]);
    let mut left = said.lines();
    for wanted in lines {
        let fits = |line: &str| {
            let mut rest = Some(line);
            for piece in wanted.split('*') {
                rest = rest.and_then(|rest| rest.split_once(piece)).map(|(_, after)| after);
            }
            rest.is_some()
        };
        assert!(left.by_ref().any(fits), "{breaker}: no line, or not in its place: {wanted}\n{said}");
    }
}

#[test]
fn a_packet_has_who_had_it_when() {
    expect(
        "v12_send_held_too_long",
        &[
            "V12: NBL * at 0x* (a protocol's send): v12_send_held_too_long.broken.sys on Ethernet held it for 2000 ms",
            "what has to hold: a foreign send is held no longer than 1 s",
            "history:",
            "0.000000 s: given to v12_send_held_too_long.broken.sys on Ethernet (FilterSendNetBufferLists)",
            "2.000000 s: handed down to NDIS by * (NdisFSendNetBufferLists), from *.sys+0x* (time_is_over+0x*) in NetTimerCallback at IRQL 2",
            "history of filter module 0x*, v12_send_held_too_long.broken.sys on Ethernet:",
            "0.000000 s: Running",
            "stack, innermost first:",
            ".sys+0x* (time_is_over+0x*)",
            "NetTimerCallback of v12_send_held_too_long.broken.sys",
            "last calls of this thread, oldest first:",
            "seed=1",
            "replay: nblease-lab lifecycle --sys *v12_send_held_too_long.broken.sys --seed 1",
        ],
    );
}

#[test]
fn a_packet_that_is_home_has_its_history_still() {
    expect(
        "v15_send_completed_twice",
        &[
            "V15: NdisFSendNetBufferListsComplete by * with 0x*, which is no NBL (any more)",
            "completed to NDIS by * (NdisFSendNetBufferListsComplete), from *.sys+0x* (repeating_send_complete+0x*)",
            "back with its maker",
            // The second call is the function's last, and a jump.
            "stack, innermost first:",
            "a jump at the end of FilterSendNetBufferListsComplete, *.sys+0x* (repeating_send_complete+0x0)",
        ],
    );
}

#[test]
fn a_touch_names_the_packet_the_instruction_and_the_hand_off() {
    expect(
        "v16_payload_read_after_send",
        &[
            "V16: read of 0x*: byte * of * bytes of payload of NBL 1 at 0x* (a protocol's send)*NdisFSendNetBufferLists, by *.sys+0x* (looking_send+0x*)",
            "handed down to NDIS by *, from *.sys+0x* (looking_send+0x*) in FilterSendNetBufferLists",
            "stack, innermost first:",
            ".sys+0x* (looking_send+0x*)",
            "FilterSendNetBufferLists of v16_payload_read_after_send.broken.sys",
        ],
    );
}

#[test]
fn pool_has_who_allocated_and_freed_it() {
    expect(
        "v36_used_after_free",
        &[
            "V36: write of 0x*: byte 0 of freed 100 bytes of pool at 0x*, tag Pasu",
            "history of freed 100 bytes of pool",
            "allocated, from *.sys+0x* (late_attach+0x*) in FilterAttach at IRQL 0",
            "freed, from *.sys+0x* (late_attach+0x*) in FilterAttach at IRQL 0",
        ],
    );
}

#[test]
fn a_lock_has_where_it_was_taken() {
    expect(
        "v39_locks_in_two_orders",
        &[
            "V39: spin lock 0x* taken with lock 0x* held; the order was the opposite before (*, from *.sys+0x* (locking_send+0x*)",
            "history of spin lock 0x",
            "taken, from *.sys+0x* (locking_send+0x*) in FilterSendNetBufferLists at IRQL 2",
            "history of spin lock 0x",
            "taken, from *.sys+0x* (locking_receive+0x*) in FilterReceiveNetBufferLists at IRQL 2",
        ],
    );
}

#[test]
fn requests_mdls_and_objects_have_their_histories() {
    expect(
        "v34_request_completed_twice",
        &[
            "V34: ",
            "history of OID request 0x",
            "given to * (FilterOidRequest)",
            "completed with 0x* by *, from *.sys+0x* (completing_oid_request+0x*)",
            "completed with 0x* by ",
        ],
    );
    expect(
        "v40_mdl_mapped_unlocked",
        &["V40: ", "history of MDL 0x", "IoAllocateMdl, from *.sys+0x* (mapping_attach+0x*)"],
    );
    expect(
        "v44_cancelable_request_completed",
        &["V44: ", "history:", "presented to ", "marked cancelable, from *.sys+0x* (", "stack, innermost first:"],
    );
    expect("v48_entry_fails_with_a_file_open", &["V48: ", "opened by stranger"]);
    expect(
        "v04_pause_waits_for_nothing",
        &["V04: *dispatcher object 0x* in FilterPause of ", "KeInitializeEvent, from "],
    );
}

#[test]
fn a_report_as_json_has_the_same() {
    let path = std::env::temp_dir().join(format!("nblease-report-{}.json", std::process::id()));
    report("v05_receive_held_over_pause", &["--report", path.to_str().expect("a path of text")]);
    let json = std::fs::read(&path).expect("the report is there");
    std::fs::remove_file(&path).expect("it goes");
    let report: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
    let violation = &report["violations"][0];
    assert_eq!((&violation["rule"], &report["seed"]), (&"V05".into(), &1.into()), "{report:#}");
    assert!(report["replay"].as_str().is_some_and(|replay| replay.ends_with("--seed 1")), "{report:#}");
    let objects = violation["objects"].as_array().expect("objects");
    let names: Vec<_> = objects.iter().filter_map(|object| object["name"].as_str()).collect();
    assert!(names[0].starts_with("NBL ") && names[1].starts_with("filter module "), "{names:?}");
    assert_eq!(objects[0]["history"].as_array().map(Vec::len), Some(1), "{report:#}");
}
