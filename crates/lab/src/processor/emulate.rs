//! What a driver's instruction may do and a program's may not, done for it when it faults.
//!
//! * `mov reg, cr8` and `mov cr8, reg`: the IRQL (`KeGetCurrentIrql`, `KeRaiseIrql` and `KeLowerIrql` inline).
//! * Reads of KUSER_SHARED_DATA: the instruction is run once more with its base register pointed at a copy.
//!
//! All other privileged instructions are refused by name. Runs in the signal handler.

use std::{arch::naked_asm, cell::Cell};

use iced_x86::{Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

use super::shared_data;
use crate::{
    fault::{
        report::How,
        signals::{Registers, index_of},
    },
    judge::{Rule, rule},
    kernel::{driver_instruction, kernel},
    memory::PAGE,
    thread::{self, DISPATCH_LEVEL},
};

thread_local! {
    /// The base register that points at a copy while the thread steps.
    static STEP: Cell<Option<Step>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Step {
    register: Register,
    original: u64,
    /// What the step leaves in the register.
    after: After,
}

#[derive(Clone, Copy)]
enum After {
    /// The value that it had.
    Original,
    /// What the instruction loaded, in its low bytes: so many.
    Loaded(usize),
    /// What the instruction made of it, which moved on by some bytes: the distance to the copy is taken back.
    Moved(u64),
}

/// A fault of a driver's instruction, with the address that it touched if it has one: whether it was emulated, so that
/// the driver goes on.
pub fn emulated(address: Option<usize>, how: How, registers: &mut Registers<'_>) -> bool {
    let Some(instruction) = decode(registers) else { return false };
    match address {
        None => control_register(&instruction, registers),
        Some(address) if how == How::Read && is_shared(address) => shared_read(&instruction, address, registers),
        Some(_) => false,
    }
}

fn is_shared(address: usize) -> bool {
    (shared_data::ADDRESS..shared_data::ADDRESS + PAGE).contains(&address)
}

fn decode(registers: &Registers<'_>) -> Option<Instruction> {
    let at = registers.instruction();
    let bytes = driver_instruction(at)?;
    let instruction = Decoder::with_ip(64, &bytes, at as u64, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then_some(instruction)
}

/// `mov` from or to CR8.
fn control_register(instruction: &Instruction, registers: &mut Registers<'_>) -> bool {
    if instruction.mnemonic() != Mnemonic::Mov {
        return false;
    }
    let (to, from) = (instruction.op0_register(), instruction.op1_register());
    let next = instruction.next_ip();
    if from == Register::CR8 {
        let Some(to) = index_of(to) else { return false };
        registers.set(to, u64::from(thread::irql()));
        registers.set(libc::REG_RIP, next);
        return true;
    }
    let Some(from) = index_of(from).filter(|_| to == Register::CR8) else { return false };
    let Ok(level) = u8::try_from(registers.get(from)) else { return false };
    if level > HIGH_LEVEL {
        return false;
    }
    registers.set(libc::REG_RIP, next);
    set_irql(level, registers);
    true
}

/// The highest level that CR8 takes.
const HIGH_LEVEL: u8 = 15;

fn set_irql(level: u8, registers: &mut Registers<'_>) {
    thread::may_lower(level);
    kernel().judge.evaluated(rule::V09);
    let before = thread::set_irql(level);
    if before >= DISPATCH_LEVEL && level < DISPATCH_LEVEL {
        // The interrupt that was held off comes now: on the driver's stack, when this handler has returned.
        call(registers, irql_fell as *const ());
    }
}

/// Makes the interrupted code call a function of the lab's, which keeps all registers, before it goes on.
fn call(registers: &mut Registers<'_>, function: *const ()) {
    let stack = registers.get(libc::REG_RSP) - 8;
    let slot: *mut u64 = std::ptr::with_exposed_provenance_mut(stack.cast_unsigned() as usize);
    // SAFETY: the driver's stack continues below its stack pointer; code for Windows keeps nothing there.
    unsafe { slot.write(registers.get(libc::REG_RIP).cast_unsigned()) };
    registers.set(libc::REG_RSP, stack.cast_unsigned());
    registers.set(libc::REG_RIP, function.expose_provenance() as u64);
}

/// Runs what waited for the IRQL to fall, as an interrupt does: every register and flag is as before.
#[unsafe(naked)]
unsafe extern "win64" fn irql_fell() {
    naked_asm!(
        "pushfq",
        "push rbp",
        "push rax",
        "push rcx",
        "push rdx",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "mov rbp, rsp",
        "sub rsp, 640",
        "and rsp, -64",
        "fxsave64 [rsp + 64]",
        "cld",
        "call {run}",
        "fxrstor64 [rsp + 64]",
        "mov rsp, rbp",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "pop rbp",
        "popfq",
        "ret",
        run = sym run_held_off,
    )
}

unsafe extern "win64" fn run_held_off() {
    kernel().irql_fell();
}

/// A read of the shared page: from the copy, by a step or at once.
fn shared_read(instruction: &Instruction, address: usize, registers: &mut Registers<'_>) -> bool {
    let copy = shared_data::page();
    let base = base_of(instruction, address, registers);
    let Some(index) = index_of(base) else { return absolute_read(instruction, address, copy, registers) };
    let distance = (copy.expose_provenance() as u64).wrapping_sub(shared_data::ADDRESS as u64);
    let original = registers.get(index).cast_unsigned();
    let mut factory = InstructionInfoFactory::new();
    let used = factory.info(instruction).used_registers();
    let writes = |access| matches!(access, OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite);
    let written = used.iter().find(|r| writes(r.access()) && r.register().full_register() == base.full_register());
    let after = match written {
        None => After::Original,
        Some(_) if instruction.is_string_instruction() => After::Moved(distance),
        Some(written) => After::Loaded(written.register().size()),
    };
    STEP.set(Some(Step { register: base, original, after }));
    registers.set(index, original.wrapping_add(distance));
    registers.step(true);
    true
}

/// The register that an instruction's address starts from; for strings the one that holds the address.
fn base_of(instruction: &Instruction, address: usize, registers: &Registers<'_>) -> Register {
    if !instruction.is_string_instruction() {
        return instruction.memory_base();
    }
    let holds = |index| registers.get(index).cast_unsigned() as usize == address;
    if holds(libc::REG_RSI) { Register::RSI } else { Register::RDI }
}

/// `mov al, [address]` and its wider kin, which have no base register.
fn absolute_read(instruction: &Instruction, address: usize, copy: *mut u8, registers: &mut Registers<'_>) -> bool {
    let size = instruction.memory_size().size();
    let to = instruction.op0_register();
    let plain = instruction.mnemonic() == Mnemonic::Mov
        && instruction.op1_kind() == OpKind::Memory
        && instruction.memory_index() == Register::None;
    let Some(index) = index_of(to).filter(|_| plain && size <= 8) else { return false };
    let offset = address - shared_data::ADDRESS;
    let bytes = (0..size).rev().map(|at| {
        // SAFETY: the copy is a whole page, and a read beyond it wraps around in it.
        u64::from(unsafe { copy.wrapping_add((offset + at) % PAGE).read() })
    });
    let value = bytes.fold(0, |value, byte| value << 8 | byte);
    registers.set(index, loaded(registers.get(index).cast_unsigned(), value, size));
    registers.set(libc::REG_RIP, instruction.next_ip());
    true
}

/// What is in a register after its low `size` bytes were loaded: 4 clear the upper half, fewer leave the rest.
fn loaded(before: u64, value: u64, size: usize) -> u64 {
    match size {
        8 => value,
        4 => value & 0xffff_ffff,
        size => {
            let mask = (1 << (8 * size)) - 1;
            before & !mask | value & mask
        }
    }
}

/// A trap: whether it ended a step of an emulated read.
pub fn stepped(registers: &mut Registers<'_>) -> bool {
    let Some(Step { register, original, after }) = STEP.take() else { return false };
    let Some(index) = index_of(register) else { return false };
    let now = registers.get(index).cast_unsigned();
    let value = match after {
        After::Original => original,
        After::Loaded(size) => loaded(original, now, size),
        After::Moved(distance) => now.wrapping_sub(distance),
    };
    registers.set(index, value);
    registers.step(false);
    true
}

/// Why an instruction that faulted without an address cannot go on.
pub fn refusal(registers: &Registers<'_>) -> (Option<Rule>, String) {
    match driver_instruction(registers.instruction()) {
        Some([0xcd, 0x29, ..]) => {
            let code = registers.get(libc::REG_RCX).cast_unsigned() as u32;
            // The compiler's and the headers' checks for memory that was overwritten.
            let corrupt = matches!(fast_fail_name(code), "STACK_COOKIE_CHECK_FAILURE" | "CORRUPT_LIST_ENTRY");
            return (corrupt.then_some(rule::V36), format!("fast fail {code:#x} ({})", fast_fail_name(code)));
        }
        Some([0xcd, 0x2c, ..]) => return (None, "assertion failed (int 2Ch)".to_owned()),
        Some([0xcd, vector, ..]) => return (None, format!("interrupt {vector:#x} by an instruction")),
        _ => {}
    }
    let privileged = decode(registers).filter(Instruction::is_privileged);
    privileged.map_or_else(
        || {
            let what = "general protection fault: an address that is not canonical, or misaligned vectors";
            (Some(rule::V36), what.to_owned())
        },
        |i| (None, format!("general protection fault: the lab has no privileged instruction {:?}", i.mnemonic())),
    )
}

/// `FAST_FAIL_*` of `wdm.h`.
fn fast_fail_name(code: u32) -> &'static str {
    const NAMES: [&str; 31] = [
        "LEGACY_GS_VIOLATION",
        "VTGUARD_CHECK_FAILURE",
        "STACK_COOKIE_CHECK_FAILURE",
        "CORRUPT_LIST_ENTRY",
        "INCORRECT_STACK",
        "INVALID_ARG",
        "GS_COOKIE_INIT",
        "FATAL_APP_EXIT",
        "RANGE_CHECK_FAILURE",
        "UNSAFE_REGISTRY_ACCESS",
        "GUARD_ICALL_CHECK_FAILURE",
        "GUARD_WRITE_CHECK_FAILURE",
        "INVALID_FIBER_SWITCH",
        "INVALID_SET_OF_CONTEXT",
        "INVALID_REFERENCE_COUNT",
        "15",
        "16",
        "17",
        "INVALID_JUMP_BUFFER",
        "MRDATA_MODIFIED",
        "CERTIFICATION_FAILURE",
        "INVALID_EXCEPTION_CHAIN",
        "CRYPTO_LIBRARY",
        "INVALID_CALL_IN_DLL_CALLOUT",
        "INVALID_IMAGE_BASE",
        "DLOAD_PROTECTION_FAILURE",
        "UNSAFE_EXTENSION_CALL",
        "DEPRECATED_SERVICE_INVOKED",
        "INVALID_BUFFER_ACCESS",
        "INVALID_BALANCED_TREE",
        "INVALID_NEXT_THREAD",
    ];
    NAMES.get(code as usize).copied().unwrap_or("a code of the driver's own")
}
