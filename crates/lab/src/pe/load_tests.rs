use nblease_ndis::sys::STATUS_UNSUCCESSFUL;

use super::*;
use crate::{
    clock::Mode,
    code,
    kernel::{Kernel, one_at_a_time},
    nt::driver,
    pe::sample::Sample,
    testing::{TestDriver, report_of},
};

// DriverEntry: returns the pointer at 0x2f00, which the loader relocated.
code!(relocated, "lea rax, [rip + lab_test_relocated]", "mov rax, [rax + 0x1f00]", "ret");
// DriverEntry: puts the routine below at DriverUnload (offset 104) and succeeds; the routine calls the first import.
code!(
    unloads,
    "lea rax, [rip + 2f]",
    "mov [rcx + 104], rax",
    "xor eax, eax",
    "ret",
    "2: lea rax, [rip + lab_test_unloads]",
    "sub rsp, 40",
    "call [rax + 0x1000]",
    "add rsp, 40",
    "ret",
);
// DriverEntry: allocates 24 bytes and fails.
code!(
    leaks,
    "sub rsp, 40",
    "mov ecx, 0x40",
    "mov edx, 24",
    "mov r8d, 0x6b61656c",
    "lea rax, [rip + lab_test_leaks]",
    "call [rax + 0x1000]",
    "add rsp, 40",
    "mov eax, 0xc0000001",
    "ret",
);
// Uses as many bytes of stack as rcx says, then calls the first import.
code!(
    uses_stack,
    "push rbp",
    "mov rbp, rsp",
    "lea rax, [rip + lab_test_uses_stack]",
    "sub rsp, rcx",
    "call [rax + 0x1000]",
    "mov rsp, rbp",
    "pop rbp",
    "ret",
);
// Needs a frame of rcx bytes, as the compiler's prologue does; the second import is not called.
code!(
    probes_stack,
    "push rbp",
    "mov rbp, rsp",
    "mov rax, rcx",
    "lea r10, [rip + lab_test_probes_stack]",
    "call [r10 + 0x1000]",
    "sub rsp, rax",
    "mov byte ptr [rsp], 1",
    "mov rsp, rbp",
    "pop rbp",
    "ret",
);

fn load_code(code: Vec<u8>, imports: &[&'static str]) -> DriverId {
    let sample = Sample { code, imports: imports.to_vec(), ..Sample::default() };
    load_bytes("sample.sys", &sample.file(), vec![(0x1000, "entry".to_owned())]).unwrap()
}

fn broken() -> Vec<String> {
    kernel().judge.verdict().violations.into_iter().map(|v| format!("{}: {}", v.rule, v.what)).collect()
}

#[test]
fn addresses_are_relocated_and_named() {
    let _serial = one_at_a_time();
    Kernel::install(Mode::Virtual, 1);
    let id = load_code(relocated(), &[]);
    let base = kernel().driver(id).unwrap().base;
    let status = driver::start(id);
    assert_eq!(status, (base as u32).cast_signed() + 0x1000, "the low half of the address");
    assert_eq!(kernel().describe_address(base + 0x1005), "sample.sys+0x1005 (entry+0x5)");
    assert_eq!(kernel().driver_at(base + 0x3fff), Some(id));
    assert_eq!(kernel().driver_at(base + 0x4000), None);
}

#[test]
fn a_driver_is_started_and_unloaded() {
    let _serial = one_at_a_time();
    Kernel::install(Mode::Virtual, 1);
    let id = load_code(unloads(), &["KeGetCurrentIrql"]);
    assert_eq!(driver::start(id), 0);
    assert!(driver::unload(id));
    assert_eq!(broken(), Vec::<String>::new());
    let no_routine = load_code(vec![0x31, 0xc0, 0xc3], &[]);
    assert_eq!(driver::start(no_routine), 0);
    assert!(!driver::unload(no_routine), "it has no unload routine");
}

#[test]
fn a_failed_entry_that_leaks_breaks_v35_with_the_place() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.judge.stop_at_first(false);
    let id = load_code(leaks(), &["ExAllocatePool2"]);
    assert_eq!(driver::start(id), STATUS_UNSUCCESSFUL);
    assert_eq!(broken(), ["V35: sample.sys left 1 allocations, 24 bytes, with tag leak"]);
    let history = kernel.judge.verdict().violations[0].history.clone();
    assert!(history[0].contains("sample.sys+0x10") && history[0].contains("(entry+"), "{history:?}");
}

// Calls the first import.
code!(calls, "lea rax, [rip + lab_test_calls]", "sub rsp, 40", "call [rax + 0x1000]", "add rsp, 40", "ret");

#[test]
fn an_import_that_is_lacking_is_listed() {
    let _serial = one_at_a_time();
    Kernel::install(Mode::Virtual, 1);
    let lacking = |dll, imports: &[&'static str]| {
        let sample = Sample { imports: imports.to_vec(), dll, ..Sample::default() };
        let id = load_bytes("x", &sample.file(), Vec::new()).map_err(|error| format!("{error:#}"))?;
        Ok(kernel().driver(id).unwrap().names_of_lacking())
    };
    let expected: Result<_, String> = Ok(vec!["ntoskrnl.exe!KeDoTheImpossible".to_owned()]);
    assert_eq!(lacking("ntoskrnl.exe", &["KeGetCurrentIrql", "KeDoTheImpossible"]), expected);
    assert_eq!(lacking("fwpkclnt.sys", &["FwpsX"]), Ok(vec!["fwpkclnt.sys!FwpsX".to_owned()]));
    assert_eq!(lacking("HAL.dll", &["KeGetCurrentIrql"]), Ok(Vec::new()));
    let refusal = lacking("KERNEL32.dll", &["CreateFileW"]).unwrap_err();
    assert!(refusal.starts_with("KERNEL32.dll!CreateFileW: a light filter may not import"));
}

#[test]
fn a_call_of_a_lacking_import_ends_the_run_and_names_it() {
    let report = report_of("pe::load::tests::a_call_of_a_lacking_import_ends_the_run_and_names_it", || {
        Kernel::install(Mode::Virtual, 1);
        TestDriver::load(calls(), &["KeDoTheImpossible"]).call([0, 0, 0]);
    });
    let expected = "BUGCHECK: ntoskrnl.exe!KeDoTheImpossible was called from sample.sys+0x1011 in Sample: the lab lacks this import";
    assert!(report.contains(expected), "{report}");
}

#[test]
fn a_section_writable_and_executable_breaks_v37() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.judge.stop_at_first(false);
    let sample = Sample { code_flags: 0xe000_0020, ..Sample::default() };
    load_bytes("sample.sys", &sample.file(), Vec::new()).unwrap();
    assert_eq!(broken(), ["V37: section .text of sample.sys is both writable and executable"]);
}

#[test]
fn stack_beyond_the_limit_breaks_v42() {
    let _serial = one_at_a_time();
    let kernel = Kernel::install(Mode::Virtual, 1);
    kernel.judge.stop_at_first(false);
    let driver = TestDriver::load(uses_stack(), &["KeGetCurrentIrql"]);
    driver.call([4096, 0, 0]);
    assert_eq!(broken(), Vec::<String>::new());
    driver.call([16 << 10, 0, 0]);
    let broken = broken();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("V42: Sample used 16"), "{broken:?}");
}

#[test]
fn large_frames_are_probed() {
    let _serial = one_at_a_time();
    Kernel::install(Mode::Virtual, 1);
    let driver = TestDriver::load(probes_stack(), &["__chkstk"]);
    for size in [0, 16, 4080, 4096, 8192, 70_000] {
        assert_eq!(driver.call([size, 0, 0]), size, "rax is as it was");
    }
}
