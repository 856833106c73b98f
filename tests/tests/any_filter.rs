//! Filters as others write them: WDM devices, what the WDK's headers have inline, what filters in the field import. The
//! filters are `tests/filters/wdm/*.c`; what they check they check themselves, in the lab's kernel.

use nblease_lab::{
    clock::Mode,
    faults::Plan,
    io::{Handle, NtStatus, Process},
    kernel::kernel,
    lab::{Lab, LabConfig},
    ndis::AdapterConfig,
    registry::Value,
    scenario::lifecycle::{self, Lifecycle},
};
use nblease_tests::{
    built,
    filter_rig::{FilterRig, assert_said, code, status::*},
    frame_bytes, lab, send_of,
};

/// A filter of `tests/filters/wdm`, whose device has its name.
fn start(filter: &str, mode: Mode) -> FilterRig {
    FilterRig::start(&[], &format!("wdm/{filter}"), &format!(r"\\.\{filter}"), mode)
}

/// What a filter's checks from one on do wrong, by the words of the reports.
fn wrongs_are_said(filter: &str, first: u32, cases: &[(&str, &[&str])]) {
    for (number, (case, expected)) in (first..).zip(cases) {
        assert_said(case, expected, || {
            let rig = start(filter, Mode::Virtual);
            rig.call(code(number, 0), &[], 4);
            rig.finish();
        });
    }
}

/// Runs a filter's checks on the virtual clock and on the real one.
fn checks_hold(filter: &str, count: u32) {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = start(filter, mode);
        rig.run_checks(count);
        rig.finish();
    }
}

#[test]
fn what_headers_read_of_the_processor_is_there() {
    checks_hold("processor", 5);
}

#[test]
fn what_filters_import_of_the_kernel_is_there() {
    checks_hold("kernel", 11);
}

#[test]
fn the_kernels_library_is_there() {
    checks_hold("library", 11);
}

#[test]
fn a_driver_sends_irps_and_keeps_files() {
    checks_hold("sender", 5);
}

#[test]
fn entries_of_the_error_log_are_written_or_freed() {
    checks_hold("error_log", 3);
    wrongs_are_said(
        "error_log",
        20,
        &[
            ("left", &["V35: error_log.sys left 1 allocations, 240 bytes, with tag IoEr"]),
            ("freed twice", &["V36: ", "IoEr"]),
            ("dump data", &["V36: IoWriteErrorLogEntry of an entry of 48 bytes, with dump data up to byte 52"]),
            ("string", &["V36: IoWriteErrorLogEntry of an entry of 50 bytes with 1 strings, of which 0 end in it"]),
            ("no object", &["V36: IoAllocateErrorLogEntry for what is no driver or device: "]),
        ],
    );
}

#[test]
fn tables_stack_privileges_and_random_numbers_are_there() {
    checks_hold("services", 5);
    wrongs_are_said(
        "services",
        20,
        &[
            ("a table left", &["V35: services.sys left 2 allocations", "with tag HTab"]),
            ("an entry twice", &["V36: RtlInsertEntryHashTable of the entry", "which is in the table already"]),
            ("an entry freed", &["V36: read of", "Tabl"]),
            ("more stack than asked for", &["V42: ExpandedStackCall used", "allowed are 4096"]),
            ("a provider left", &["V35: services.sys left 1 allocations", "with tag BCry"]),
            ("at dispatch", &["V09: BCryptGenRandom at IRQL 2 without a provider"]),
        ],
    );
    let rig = start("services", Mode::Virtual);
    let program = Process::new("guest.exe", false);
    let guest = program.open(r"\\.\services").expect("it opens to all");
    let load_driver = |handle: &Handle| {
        let answer = handle.ioctl(code(30, 0), &[], 4).wait();
        assert_eq!(answer.status, SUCCESS);
        answer.data[0]
    };
    assert_eq!((load_driver(&rig.handle), load_driver(&guest)), (1, 0), "SeLoadDriverPrivilege");
    guest.close();
    rig.finish();
}

#[test]
fn what_a_driver_does_wrong_with_irps_of_its_own_is_said() {
    let cases: [(&str, &[&str]); 6] = [
        ("never taken back", &["V43: the IRP", "no completion routine of its maker took it back"]),
        ("freed under way", &["V43: IoFreeIrp of the IRP", "which was sent and has not come back"]),
        ("no location", &["BUGCHECK: NO_MORE_IRP_STACK_LOCATIONS"]),
        ("left", &["V35:", "Irp "]),
        ("file object left", &["V48: sender.sys cannot be unloaded: [\"file"]),
        ("file left open", &["V35: sender.sys was unloaded and left open: handle"]),
    ];
    wrongs_are_said("sender", 20, &cases);
}

#[test]
fn a_device_by_ndis_and_its_services_are_there() {
    checks_hold("ndis_device", 5);
}

#[test]
fn nbls_are_derived_from_others() {
    checks_hold("derived", 4);
}

#[test]
fn interfaces_processors_and_old_locks_are_there() {
    checks_hold("interfaces", 6);
}

#[test]
fn the_filtering_platform_keeps_objects() {
    checks_hold("platform", 3);
}

/// Each set of handlers that NDIS accepts makes a filter that nothing is wrong with, and what it does not take passes by.
#[test]
fn a_filter_may_leave_out_handlers() {
    const ALL: u32 = 2047;
    let sets = [0, 3, 7, 8 | 16 | 256, 2, 16 | 256, 256, 32 | 64, 32 | 64 | 128, 512, 1024, 512 | 1024, ALL];
    let changing = [2048 | 256, 2048 | ALL, 4096, 4096 | ALL, 2048 | 4096 | ALL];
    for (number, handlers) in (0..).zip(sets.into_iter().chain(changing)) {
        for minor in [0, 1, 20, 30, 50, 87] {
            let lab = Lab::new(LabConfig { mode: Mode::Virtual, seed: number, ..LabConfig::default() });
            kernel().registry.set("Handlers", Value::Dword(handlers));
            kernel().registry.set("Minor", Value::Dword(minor));
            let drivers = vec![built("filters/handlers.sys")];
            let life =
                Lifecycle { drivers, rounds: 4, transparent: true, strict: false, failing: Plan::None, thorough: true };
            let frames = lifecycle::run(&lab, &life).unwrap_or_else(|why| panic!("{handlers:#x} 6.{minor}: {why:#}"));
            assert!(frames > 0, "{handlers:#x} 6.{minor}");
            let verdict = lab.finish();
            assert!(verdict.violations.is_empty(), "{handlers:#x} 6.{minor}: {:?}", verdict.violations);
        }
    }
}

/// A life of `misuse.sys`, with one fault or none (0).
fn misuse(fault: u32) {
    let lab = Lab::new(LabConfig { mode: Mode::Virtual, ..LabConfig::default() });
    kernel().registry.set("Fault", Value::Dword(fault));
    let drivers = vec![built("filters/misuse.sys")];
    let life = Lifecycle { drivers, rounds: 4, transparent: false, strict: false, failing: Plan::None, thorough: true };
    let frames = lifecycle::run(&lab, &life).unwrap_or_else(|why| panic!("fault {fault}: {why:#}"));
    assert!(frames > 0, "fault {fault}");
    let verdict = lab.finish();
    assert!(verdict.violations.is_empty(), "fault {fault}: {:?}", verdict.violations);
}

#[test]
fn a_filter_may_add_restart_attributes_and_indicate_when_it_is_detached() {
    misuse(0);
}

#[test]
fn what_a_filter_does_wrong_is_said() {
    let cases: [(&str, &[&str]); 10] = [
        ("paged pool", &["V09: ", "tag Mise, which is pageable, at DISPATCH_LEVEL"]),
        ("pageable code", &["V09: execution of ", "which is pageable, at DISPATCH_LEVEL"]),
        ("a clone freed as an NBL", &["V10: NdisFreeNetBufferList of ", "made for NdisFreeCloneNetBufferList"]),
        ("a clone freed with other flags", &["V10: NdisFreeCloneNetBufferList of ", "with 0x2: it was made"]),
        ("words of the protocol's", &["V21: NBL ", "ProtocolReserved[1] was "]),
        ("bytes written unsaid", &["V32: ", "with 0x0 and left BytesWritten as it was"]),
        ("a request after its end", &["V16: read of ", "its OID request was completed"]),
        ("a status of nobody", &["V18: NdisFIndicateStatus by ", "no handle of an adapter's"]),
        ("a timer in freed memory", &["V36: freed memory with the set timer"]),
        ("attributes on the stack", &["V36: ", "left restart attributes that NDIS cannot free"]),
    ];
    for (fault, (case, expected)) in (1..).zip(cases) {
        assert_said(case, expected, || misuse(fault));
    }
}

#[test]
fn exceptions_are_handled_where_the_driver_does() {
    checks_hold("exceptions", 9);
}

#[test]
fn a_programs_memory_is_there_in_its_context() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = start("program_memory", mode);
        let input: Vec<u8> = (1..=100).collect();
        let copied = rig.call(code(0, 3), &input, 100);
        assert_eq!((copied.status, copied.data), (SUCCESS, input.clone()));
        let zeroed = rig.call(code(1, 3), &[], 5000);
        assert_eq!((zeroed.status, zeroed.data), (SUCCESS, vec![0; 5000]));
        let filled = rig.call(code(2, 3), &[], 9000);
        assert_eq!((filled.status, filled.data), (SUCCESS, vec![9; 9000]));
        assert_eq!(rig.call(code(3, 3), &input, 0).status, ACCESS_VIOLATION, "it cannot be written");
        assert_eq!(rig.call(code(4, 3), &[], 8).status, ACCESS_VIOLATION, "nothing lies there");
        assert_eq!(rig.call(code(0, 3), &input, 0).status, ACCESS_VIOLATION, "no room for it");
        rig.finish();
    }
}

#[test]
fn a_programs_memory_is_touched_as_the_documents_say() {
    let cases: [(&str, &[&str]); 9] = [
        ("unguarded", &["V41: read of", "outside of any __try block, by program_memory.sys+"]),
        ("unprobed", &["V41: read of", "which was not probed for that, by program_memory.sys+"]),
        ("probed for reading", &["V41: write of", "which was not probed for that"]),
        ("in another context", &["V41: read of", "outside of that program's context"]),
        (
            "copied unguarded",
            &["V41: read of", "outside of any __try block, by the lab for the call at program_memory.sys+"],
        ),
        ("locked unguarded", &["V41: MmProbeAndLockPages of a program's pages outside of any __try block"]),
        ("left locked", &["V40: program.exe died with 1 locks on its pages"]),
        ("used unlocked", &["V40: write of", "its pages were unlocked by MmUnlockPages"]),
        ("at dispatch", &["V41: read of", "at DISPATCH_LEVEL, by program_memory.sys+"]),
    ];
    for (number, (case, expected)) in (10..).zip(cases) {
        assert_said(case, expected, || {
            let rig = start("program_memory", Mode::Virtual);
            rig.call(code(number, 3), &[1; 8], 8);
            rig.finish();
        });
    }
}

#[test]
fn calls_of_each_method_reach_a_wdm_driver() {
    let rig = start("queue_device", Mode::Virtual);
    let whose = rig.call(code(0, 0), &41_u32.to_le_bytes(), 12);
    let word = |at: usize| u32::from_le_bytes(whose.data[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((whose.status, whose.information, word(8)), (SUCCESS, 12, 42));
    assert!(word(0) != 0 && word(0) == word(4), "the dispatch routine runs in the caller's context");
    let second = rig.lab.process("other.exe");
    let other = second.open(r"\\.\queue_device").expect("a second program opens it");
    assert_ne!(other.ioctl(code(0, 0), &[], 12).wait().data[..4], whose.data[..4]);
    assert_eq!(rig.call(code(1, 1), &[], 5000).status, SUCCESS);
    let filled = rig.call(code(2, 2), &[7], 5000);
    assert_eq!((filled.information, filled.data), (5000, vec![7; 5000]));
    assert_eq!(rig.call(code(4, 0), &[], 0).status, SUCCESS, "by a work item");
    other.close();
    rig.finish();
}

#[test]
fn a_device_opens_to_whom_its_descriptor_says() {
    let rig = start("queue_device", Mode::Virtual);
    let denied = Process::new("guest.exe", false).open(r"\\.\queue_device").err();
    assert_eq!(denied, Some(NtStatus(0xc000_0022)));
    rig.finish();
}

#[test]
fn a_cancel_safe_queue_gives_each_read_to_one() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = start("queue_device", mode);
        assert_eq!(rig.handle.write(b"early").wait().status, DEVICE_BUSY);
        let reads: Vec<_> = (0..4).map(|_| rig.handle.read(16)).collect();
        assert_eq!(rig.handle.under_way(), 4);
        reads[1].cancel();
        assert_eq!(reads[1].wait().status, CANCELLED);
        assert_eq!(rig.handle.write(b"first").wait().information, 5);
        assert_eq!(rig.handle.write(b"second").wait().information, 6);
        let got = |at: usize| (reads[at].wait().status, reads[at].wait().data);
        assert_eq!(got(0), (SUCCESS, b"first".to_vec()));
        assert_eq!(got(2), (SUCCESS, b"second".to_vec()));
        assert!(reads[3].try_result().is_none());
        let kept = rig.handle.ioctl(code(3, 0), &[], 0);
        kept.cancel();
        assert_eq!(kept.wait().status, CANCELLED, "a cancel routine of its own");
        rig.handle.close();
        assert_eq!(reads[3].wait().status, CANCELLED, "by the cleanup of its file");
        rig.finish();
    }
}

#[test]
fn a_program_that_dies_leaves_nothing() {
    let rig = start("queue_device", Mode::Virtual);
    let process = rig.lab.process("short-lived.exe");
    let handle = process.open(r"\\.\queue_device").expect("it opens");
    let reads: Vec<_> = (0..3).map(|_| handle.read(64)).collect();
    let kept = handle.ioctl(code(3, 0), &[], 0);
    process.kill();
    assert!(reads.iter().all(|read| read.wait().status == CANCELLED) && kept.wait().status == CANCELLED);
    rig.finish();
}

#[test]
fn what_a_driver_does_wrong_is_said_by_name() {
    let cases: [(&str, &[&str]); 11] = [
        ("fails_fast", &["V36: fast fail 0x3 (CORRUPT_LIST_ENTRY) at wrong.sys+"]),
        ("calls_what_is_lacking", &["BUGCHECK: ntoskrnl.exe!KeDoTheImpossible was called from wrong.sys+"]),
        ("stops_interrupts", &["BUGCHECK: general protection fault: the lab has no privileged instruction Cli"]),
        ("reads_an_msr", &["BUGCHECK: general protection fault: the lab has no privileged instruction Rdmsr"]),
        ("waits_at_dispatch", &["V38: KeWaitForSingleObject waits at IRQL 2"]),
        ("returns_at_dispatch", &["V09: DispatchDeviceControl was entered at IRQL 0 and returned at 2"]),
        ("lowers_with_a_lock", &["V39: IRQL lowered to 0 with spin locks held"]),
        ("takes_a_fast_mutex_twice", &["V39: ExAcquireFastMutex: the thread holds the mutex"]),
        ("frees_a_resource", &["V36: freed memory with the ERESOURCE"]),
        ("leaves_a_handle", &["V35: wrong.sys was unloaded and left open: handle"]),
        ("takes_executable_pool", &["V37: ExAllocatePoolWithTag of executable pool"]),
    ];
    wrongs_are_said("wrong", 0, &cases);
}

#[test]
fn what_the_lab_lacks_is_named_however_it_is_used() {
    const NAMED: &str = "BUGCHECK: ntoskrnl.exe!KeDoTheImpossible was called from ";
    wrongs_are_said(
        "lacks",
        20,
        &[
            ("called", &[NAMED, "from lacks.sys+", "(calls+"]),
            ("jumped to", &[NAMED, "(calls_what_jumps+", "through lacks.sys+", "which ends by a jump"]),
            ("by a pointer", &[NAMED, "(calls_by_pointer+"]),
            ("in a DPC", &[NAMED, "(at_dispatch+", "in DPC"]),
            ("at unload", &[NAMED, "(unload_it+", "in DriverUnload: the lab lacks"]),
            ("read", &["BUGCHECK: read of ntoskrnl.exe!KeImpossibleData, by lacks.sys+", "(reads+"]),
            ("at the end", &[NAMED, "a jump at the end of DPC"]),
        ],
    );
}

#[test]
fn what_a_driver_does_wrong_with_an_irp_is_said() {
    let cases: [(&str, &[&str]); 8] = [
        ("completed twice", &["V43: IofCompleteRequest of what is no IRP of the driver's"]),
        ("pended unsaid", &["V43: IRP", "did not mark it pending and returned PENDING"]),
        ("forgotten", &["V43: IRP", "returned SUCCESS and did not complete it"]),
        ("marked and not pended", &["V43: IRP", "marked it pending and returned SUCCESS"]),
        ("another status", &["V43: IRP", "completed with CANCELLED, and its dispatch routine returned SUCCESS"]),
        ("read after completion", &["V43: read of", "its request was completed"]),
        ("with a cancel routine", &["V44: IRP", "completed with its cancel routine set"]),
        ("more than there is", &["V46: IRP", "completed with Information 9, more than its 8 bytes"]),
    ];
    for (len, (case, expected)) in (1..).zip(cases) {
        assert_said(case, expected, || {
            start("wrong", Mode::Virtual).handle.read(len).wait();
        });
    }
}

/// A life of the filter `endless`, with what it does; a callback may run on for a second, not for ten.
fn endless_life(what: u32) {
    let lab = Lab::new(LabConfig::default());
    kernel().cpu_time.set_limit_ns(2_500_000);
    kernel().registry.set("Where", Value::Dword(what));
    lab.run(&built("filters/endless.sys")).expect("it starts");
    let adapter = lab.adapter(AdapterConfig::default());
    kernel().sched.pump();
    adapter.send(&[send_of(frame_bytes(60, 1))], 0);
    adapter.pause();
    let verdict = lab.finish();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
}

#[test]
fn a_callback_that_does_not_return_is_reported() {
    let cases: [(&str, &[&str]); 6] = [
        ("attach spins", &["BUGCHECK: FilterAttach of endless.sys does not return: it has run for 1 s", "(spin+"]),
        ("attach spins by calls", &["BUGCHECK: FilterAttach of endless.sys does not return", "(spin_by_calls+"]),
        ("send spins", &["V28: FilterSendNetBufferLists of endless.sys does not return", "(spin+"]),
        ("pause delays", &["V01: FilterPause of endless.sys does not return: it has waited", "(delay_for_ever+"]),
        (
            "attach delays",
            &["BUGCHECK: FilterAttach of endless.sys does not return: it has waited", "(delay_for_ever+"],
        ),
        ("detach spins", &["V04: FilterDetach of endless.sys does not return", "(spin+"]),
    ];
    for (what, (case, expected)) in (1..).zip(cases) {
        assert_said(case, expected, || endless_life(what));
    }
}

#[test]
fn a_callback_that_spins_for_what_comes_returns() {
    (20..23).for_each(endless_life);
}

#[test]
fn the_lab_runs_any_filter_and_reports() {
    let sys = |name: &str| built(name).display().to_string();
    for filter in ["filters/queue_device.sys", "filters/ndis_device.sys", "filters/passthru.sys", "nblease.sys"] {
        let (code, said) = lab(&["run", "--sys", &sys(filter)]);
        assert_eq!(code, Some(0), "{filter}\n{said}");
        assert!(said.contains("run: ok"), "{filter}\n{said}");
    }
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/own.pcapng");
    let (code, said) = lab(&["run", "--sys", &sys("filters/lacking.sys"), "--replay", capture, "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let json = said.lines().find(|line| line.starts_with('{')).expect("a report in JSON");
    let report: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let lacking = report["drivers"][0]["lacking"].as_array().expect("a list");
    assert_eq!(lacking, &["ntoskrnl.exe!IoDoTheImpossible"], "{report}");
    assert!(report["frames"].as_u64().is_some_and(|frames| frames > 0), "{report}");
}

#[test]
fn ours_stands_above_and_below_another() {
    let sys = |name: &str| built(name).display().to_string();
    let (ours, other) = (sys("nblease.sys"), sys("filters/queue_device.sys"));
    for stack in [[&ours, &other], [&other, &ours]] {
        let (code, said) = lab(&["run", "--sys", stack[0], "--sys", stack[1], "--transparent"]);
        assert_eq!(code, Some(0), "{stack:?}\n{said}");
    }
}
