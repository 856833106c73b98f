//! What drivers read of the processor inline, by a few instructions each.

use super::{shared_data, thread_object};
use crate::{
    clock::Mode,
    code,
    kernel::{Kernel, one_at_a_time},
    testing::{TestDriver, is_child, report_of_case},
    thread::{DISPATCH_LEVEL, PASSIVE_LEVEL},
};

code!(current_thread, "mov rax, gs:[0x188]", "ret");
code!(processor_number, "mov eax, gs:[0x1a4]", "ret");
code!(own_pcr, "mov rax, gs:[0x18]", "mov rax, [rax + 0x188]", "ret");
code!(read_cr8, "mov rax, cr8", "ret");
code!(raise_and_lower, "mov rax, cr8", "mov cr8, rcx", "mov rdx, cr8", "mov cr8, rax", "mov rax, rdx", "ret");
code!(
    lower_keeps_registers,
    "mov r11, 7",
    "movq xmm3, r11",
    "stc",
    "mov cr8, rcx",
    "setc al",
    "movzx eax, al",
    "movq rdx, xmm3",
    "shl eax, 8",
    "add rax, rdx",
    "add rax, r11",
    "ret"
);
code!(shared_qword, "mov rax, [rcx]", "ret");
code!(shared_same_register, "mov rcx, [rcx]", "mov rax, rcx", "ret");
code!(shared_word, "mov rax, -1", "mov ax, [rcx + 0x10]", "ret");
code!(shared_compare, "xor eax, eax", "cmp byte ptr [rcx + rdx], 0", "setne al", "sub rcx, r8", "add rax, rcx", "ret");
code!(shared_absolute, "movabs rax, [0xfffff78000000320]", "ret");
code!(
    shared_string,
    "push rsi",
    "push rdi",
    "mov rsi, rcx",
    "mov rdi, rdx",
    "mov rax, rsi",
    "movsq",
    "sub rsi, rax",
    "mov rax, rsi",
    "pop rdi",
    "pop rsi",
    "ret"
);
code!(stop_interrupts, "cli", "ret");
code!(shared_write, "mov byte ptr [rcx], 1", "ret");
code!(list_corrupt, "mov ecx, 3", "int 0x29");
code!(assertion, "int 0x2c", "ret");

fn run(code: Vec<u8>, arguments: [usize; 3]) -> usize {
    TestDriver::load(code, &[]).call(arguments)
}

#[test]
fn gs_leads_to_the_processor_and_its_thread() {
    let _serial = one_at_a_time();
    Kernel::install(Mode::Virtual, 1);
    assert_eq!(run(current_thread(), [0; 3]), thread_object().addr());
    assert_eq!(run(own_pcr(), [0; 3]), thread_object().addr());
    assert_eq!(run(processor_number(), [0; 3]), 0);
    let here = thread_object().addr();
    let there = std::thread::spawn(|| run(current_thread(), [0; 3])).join().unwrap();
    assert_ne!(here, there, "each thread has its own");
}

#[test]
fn cr8_is_the_irql() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    assert_eq!(run(read_cr8(), [0; 3]), 0);
    assert_eq!(TestDriver::load(read_cr8(), &[]).call_at(DISPATCH_LEVEL, [0; 3]), 2);
    assert_eq!(run(raise_and_lower(), [2, 0, 0]), 2);
    assert_eq!(kernel.judge.verdict().violations.len(), 0, "it was lowered again");
}

#[test]
fn dpcs_run_when_cr8_falls_and_disturb_nothing() {
    static RAN: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.judge.stop_at_first(false);
    let driver = TestDriver::load(lower_keeps_registers(), &[]);
    kernel.sched.queue_dpc(
        driver.id,
        Box::new(|| {
            std::hint::black_box(std::array::from_fn::<f64, 8, _>(|i| f64::from(i as u32).sqrt()));
            RAN.store(crate::thread::irql(), std::sync::atomic::Ordering::SeqCst);
        }),
    );
    let returned = driver.call_at(DISPATCH_LEVEL, [usize::from(PASSIVE_LEVEL), 0, 0]);
    assert_eq!(returned, 0x100 + 7 + 7, "carry, xmm3 and r11 are as before");
    assert_eq!(RAN.load(std::sync::atomic::Ordering::SeqCst), DISPATCH_LEVEL);
}

#[test]
fn the_shared_page_is_read_by_any_instruction() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.clock.advance(10_000_000_000);
    let base = shared_data::ADDRESS;
    let ticks = (kernel.clock.now_ns() / 15_625_000) as usize;
    assert_eq!(run(shared_qword(), [base + 0x320, 0, 0]), ticks);
    assert_eq!(run(shared_same_register(), [base + 0x320, 0, 0]), ticks);
    assert_eq!(run(shared_absolute(), [0; 3]), ticks);
    let high = ((kernel.clock.now_ns() / 100) >> 32) as usize;
    assert_eq!(run(shared_word(), [base, 0, 0]), !0xffff | high & 0xffff, "InterruptTime.High2Time, low half");
    assert_eq!(run(shared_compare(), [base, 0x268, base]), 1, "ProductTypeIsValid, and the base register is as before");
    let mut copied = [0_u64; 2];
    let moved = run(shared_string(), [base + 0x320, copied.as_mut_ptr().expose_provenance(), 0]);
    assert_eq!((moved, copied[0]), (8, ticks as u64));
}

#[test]
fn what_the_lab_lacks_is_named() {
    const NAME: &str = "processor::tests::what_the_lab_lacks_is_named";
    let cases = [
        (stop_interrupts as fn() -> Vec<u8>, "the lab has no privileged instruction Cli at sample.sys+0x1000"),
        (shared_write, "write of"),
        (list_corrupt, "fast fail 0x3 (CORRUPT_LIST_ENTRY) at sample.sys+0x1005"),
        (assertion, "assertion failed (int 2Ch) at sample.sys+0x1000"),
    ];
    for (index, (code, expected)) in cases.into_iter().enumerate() {
        let report = report_of_case(NAME, index, || {
            Kernel::install(Mode::Virtual, 1);
            run(code(), [shared_data::ADDRESS, 0, 0]);
        });
        assert!(is_child() || report.contains(expected), "{expected}\n{report}");
    }
}
