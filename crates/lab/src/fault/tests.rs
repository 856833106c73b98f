//! Faults end the process with a report, each by its rule, with the place in the driver.

use crate::{
    clock::Mode,
    code,
    history::Event,
    kernel::{Kernel, kernel},
    memory::{Access, Kind, PAGE, pool::PoolKind},
    testing::{TestDriver, is_child, report_of, report_of_case},
};

code!(read, "nop", "movzx eax, byte ptr [rcx]", "ret");
code!(write, "mov byte ptr [rcx], 1", "ret");
code!(jump, "call rcx", "ret");
code!(overflow, "2: push rax", "jmp 2b");
code!(breakpoint, "int3", "ret");
code!(undefined, "ud2");
code!(fast_fail, "mov ecx, 7", "int 0x29");
code!(divide, "xor ecx, ecx", "xor edx, edx", "div ecx", "ret");
code!(privileged, "cli", "ret");
// Calls the first import with the arguments as they are.
code!(pass_on, "lea rax, [rip + lab_test_pass_on]", "sub rsp, 40", "call [rax + 0x1000]", "add rsp, 40", "ret");

fn install() {
    Kernel::install(Mode::Virtual, 1);
}

fn run(code: Vec<u8>, argument: usize) {
    TestDriver::load(code, &[]).call([argument, 0, 0]);
}

/// The report's first line starts like this, and all the other pieces are in the report.
fn expect(report: &str, start: &str, pieces: &[&str]) {
    let first = report.lines().find(|line| !line.is_empty() && !line.starts_with("running")).unwrap_or_default();
    assert!(first.starts_with(start), "expected {start}\n{report}");
    for piece in pieces {
        assert!(report.contains(piece), "expected {piece}\n{report}");
    }
}

#[test]
fn payload_after_hand_off_is_v16_with_its_history() {
    let report = report_of("fault::tests::payload_after_hand_off_is_v16_with_its_history", || {
        install();
        let span = kernel().memory.alloc(Kind::Payload, 60);
        span.open(Access::ReadWrite);
        span.note(Event::of_lab("indicated up"));
        run(read(), span.driver().addr());
        span.close("it was handed to NDIS");
        run(read(), span.driver().addr() + 8);
    });
    let pieces = ["byte 8 of 60 bytes of payload", "it was handed to NDIS", "by sample.sys+0x1001", "indicated up"];
    expect(&report, "V16: read", &pieces);
}

#[test]
fn payload_that_was_freed_is_v16() {
    let report = report_of("fault::tests::payload_that_was_freed_is_v16", || {
        install();
        let span = kernel().memory.alloc(Kind::Descriptor, 60);
        let address = span.driver().addr();
        span.open(Access::ReadWrite);
        drop(span);
        run(write(), address);
    });
    expect(&report, "V16: write", &["it was freed"]);
}

#[test]
fn a_request_buffer_after_completion_is_v43() {
    let report = report_of("fault::tests::a_request_buffer_after_completion_is_v43", || {
        install();
        let span = kernel().memory.alloc(Kind::ReadBuffer, 60);
        span.open(Access::ReadWrite);
        span.close("its request was completed");
        run(write(), span.driver().addr());
    });
    expect(&report, "V43: write", &["its request was completed"]);
}

#[test]
fn beyond_a_span_is_v36() {
    let report = report_of("fault::tests::beyond_a_span_is_v36", || {
        install();
        let span = kernel().memory.alloc(Kind::Payload, 60);
        span.open(Access::ReadWrite);
        run(read(), span.driver().addr() + PAGE);
    });
    expect(&report, "V36: read", &["byte 4096 of 60 bytes of payload"]);
}

#[test]
fn writing_to_a_read_only_span_is_v30() {
    let report = report_of("fault::tests::writing_to_a_read_only_span_is_v30", || {
        install();
        let span = kernel().memory.alloc(Kind::Payload, 60);
        span.open(Access::ReadOnly);
        run(read(), span.driver().addr());
        run(write(), span.driver().addr());
    });
    expect(&report, "V30: write", &["may read and not write"]);
}

fn allocate(len: usize) -> usize {
    let tag = u32::from_le_bytes(*b"Test");
    kernel().memory.pool.allocate(None, tag, len, PoolKind::NonPaged, true).addr()
}

#[test]
fn pool_overrun_is_v36() {
    let report = report_of("fault::tests::pool_overrun_is_v36", || {
        install();
        run(write(), allocate(64) + 64);
    });
    expect(&report, "V36: write", &["byte 64 of 64 bytes of pool at", "tag Test"]);
}

#[test]
fn pool_after_free_is_v36() {
    let report = report_of("fault::tests::pool_after_free_is_v36", || {
        install();
        let block = allocate(64);
        kernel().memory.pool.free(block, None);
        run(read(), block);
    });
    expect(&report, "V36: read", &["byte 0 of freed 64 bytes of pool at", "tag Test", "s: freed"]);
}

#[test]
fn running_pool_is_v37() {
    let report = report_of("fault::tests::running_pool_is_v37", || {
        install();
        run(jump(), allocate(64));
    });
    expect(&report, "V37: execution", &["after a jump to"]);
}

#[test]
fn running_data_is_v37() {
    let report = report_of("fault::tests::running_data_is_v37", || {
        install();
        let driver = TestDriver::load(jump(), &[]);
        let data = kernel().driver(driver.id).unwrap().base + 0x2f00;
        driver.call([data, 0, 0]);
    });
    expect(&report, "V37: execution", &["sample.sys+0x2f00"]);
}

#[test]
fn writing_code_is_v36() {
    let report = report_of("fault::tests::writing_code_is_v36", || {
        install();
        let driver = TestDriver::load(write(), &[]);
        let code = kernel().driver(driver.id).unwrap().base + 0x1000;
        driver.call([code, 0, 0]);
    });
    expect(&report, "V36: write of sample.sys+0x1000", &[]);
}

#[test]
fn a_program_address_is_v41() {
    let report = report_of("fault::tests::a_program_address_is_v41", || {
        install();
        let address = kernel().memory.user_address(100);
        run(read(), address);
    });
    expect(&report, "V41: read", &["address of a user program"]);
}

#[test]
fn a_stack_overflow_is_v42() {
    let report = report_of("fault::tests::a_stack_overflow_is_v42", || {
        install();
        run(overflow(), 0);
    });
    expect(&report, "V42: write", &["sample.sys+0x1000"]);
}

#[test]
fn other_faults_are_told_with_their_place() {
    const NAME: &str = "fault::tests::other_faults_are_told_with_their_place";
    let cases = [
        (read as fn() -> Vec<u8>, "V36: read", "sample.sys+0x1001"),
        (breakpoint, "BUGCHECK: breakpoint", "sample.sys+0x1001"),
        (undefined, "BUGCHECK: illegal instruction", "sample.sys+0x1000"),
        (fast_fail, "BUGCHECK: fast fail 0x7", "sample.sys+0x1005"),
        (divide, "BUGCHECK: division", "sample.sys+0x1004"),
        (privileged, "BUGCHECK: general protection", "sample.sys+0x1000"),
    ];
    for (index, (code, start, place)) in cases.into_iter().enumerate() {
        let report = report_of_case(NAME, index, || {
            install();
            run(code(), 8);
        });
        if !is_child() {
            expect(&report, start, &[place]);
        }
    }
}

#[test]
fn the_lab_judges_what_it_copies_for_the_driver() {
    let report = report_of("fault::tests::the_lab_judges_what_it_copies_for_the_driver", || {
        install();
        let span = kernel().memory.alloc(Kind::Payload, 60);
        let mut buffer = [0_u8; 8];
        let driver = TestDriver::load(pass_on(), &["memcpy"]);
        span.open(Access::ReadOnly);
        let arguments = [buffer.as_mut_ptr().expose_provenance(), span.driver().addr(), 8];
        assert_eq!(driver.call(arguments), arguments[0]);
        span.close("it was handed to NDIS");
        driver.call(arguments);
    });
    expect(&report, "V16: read", &["by the lab for the call at sample.sys+0x1011", "stack, innermost first:"]);
}

#[test]
fn a_wild_pointer_given_to_the_lab_is_reported_too() {
    let report = report_of("fault::tests::a_wild_pointer_given_to_the_lab_is_reported_too", || {
        install();
        TestDriver::load(pass_on(), &["KeSetEvent"]).call([0x18, 0, 0]);
    });
    expect(&report, "V36:", &["by the lab for the call at sample.sys+0x1011", "KeSetEvent from sample.sys+0x1011"]);
}

code!(add_to, "add byte ptr [rcx], 1", "ret");

#[test]
fn slow_mode_keeps_read_only_spans_read_only() {
    let report = report_of("fault::tests::slow_mode_keeps_read_only_spans_read_only", || {
        install();
        kernel().memory.slow(true);
        let span = kernel().memory.alloc(Kind::Payload, 60);
        span.open(Access::ReadOnly);
        run(read(), span.driver().addr());
        run(add_to(), span.driver().addr());
    });
    expect(&report, "V30: write", &["may read and not write"]);
}

#[test]
fn slow_mode_reports_closed_spans() {
    let report = report_of("fault::tests::slow_mode_reports_closed_spans", || {
        install();
        kernel().memory.slow(true);
        let span = kernel().memory.alloc(Kind::Payload, 60);
        span.open(Access::ReadWrite);
        run(add_to(), span.driver().addr());
        span.close("it was handed to NDIS");
        run(read(), span.driver().addr());
    });
    expect(&report, "V16: read", &["it was handed to NDIS"]);
}
