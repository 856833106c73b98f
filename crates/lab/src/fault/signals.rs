//! The signal handlers: memory faults, illegal instructions, arithmetic faults, and the traps of single steps.

use std::{mem::MaybeUninit, ptr, sync::OnceLock};

use iced_x86::Register;
use libc::{c_int, c_void, siginfo_t};

use super::{
    report::{BadTouch, How},
    slow, user,
};
use crate::{
    call_stack,
    kernel::{driver_instruction, kernel},
    memory::pool,
    nt::{
        exception::{self, ACCESS_VIOLATION, Context, Record, Unhandled},
        probe::Verdict,
    },
    processor::emulate,
    thread::{self, DISPATCH_LEVEL},
    watchdog,
};

/// Seconds that a report may take.
const REPORT_SECONDS: u32 = 20;

// Bits of a page fault's error code.
const WRITE: i64 = 1 << 1;
const FETCH: i64 = 1 << 4;

const HANDLED: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];

/// What was there before, for faults that are none of the lab's business.
static BEFORE: OnceLock<Vec<(c_int, libc::sigaction)>> = OnceLock::new();

/// Installs the handlers.
pub fn install() {
    let before = HANDLED.iter().map(|signal| (*signal, install_one(*signal))).collect();
    let _ = BEFORE.set(before);
}

fn install_one(signal: c_int) -> libc::sigaction {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a `sigaction` of zeros is a valid value.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = handle;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and lives as long as the program.
    unsafe { libc::sigaction(signal, &raw const action, before.as_mut_ptr()) };
    // SAFETY: filled by the call, or zeros.
    unsafe { before.assume_init() }
}

/// The registers of the interrupted thread.
pub struct Registers<'a> {
    context: &'a mut libc::ucontext_t,
}

impl Registers<'_> {
    /// One of `libc::REG_*`.
    pub fn get(&self, register: c_int) -> i64 {
        self.context.uc_mcontext.gregs[register.cast_unsigned() as usize]
    }

    /// Sets one of `libc::REG_*`.
    pub fn set(&mut self, register: c_int, value: u64) {
        self.context.uc_mcontext.gregs[register.cast_unsigned() as usize] = value.cast_signed();
    }

    fn address(&self, register: c_int) -> usize {
        self.get(register).cast_unsigned() as usize
    }

    /// Address of the instruction that was interrupted.
    pub fn instruction(&self) -> usize {
        self.address(libc::REG_RIP)
    }

    /// Turns single stepping on or off.
    pub fn step(&mut self, on: bool) {
        const TRAP_FLAG: i64 = 1 << 8;
        let flags = &mut self.context.uc_mcontext.gregs[libc::REG_EFL.cast_unsigned() as usize];
        *flags = if on { *flags | TRAP_FLAG } else { *flags & !TRAP_FLAG };
    }
}

extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the interrupted thread's context, which is this handler's until it returns.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    // SAFETY: the kernel passes a filled structure.
    let info = unsafe { &*info };
    let mut registers = Registers { context };
    match signal {
        libc::SIGTRAP if stepped(&mut registers) => {}
        libc::SIGSEGV | libc::SIGBUS => on_memory_fault(signal, info, &mut registers),
        _ => on_other_fault(signal, &mut registers),
    }
}

/// A trap: whether it ended a step, of slow mode or of an emulated read.
fn stepped(registers: &mut Registers<'_>) -> bool {
    let counted = slow::stepped(registers);
    let program = user::stepped(registers);
    emulate::stepped(registers) || counted || program
}

fn on_memory_fault(signal: c_int, info: &siginfo_t, registers: &mut Registers<'_>) {
    // SAFETY: both signals carry an address.
    let address = unsafe { info.si_addr() }.addr();
    let code = registers.get(libc::REG_ERR);
    let how = match code {
        code if code & FETCH != 0 => How::Execute,
        code if code & WRITE != 0 => How::Write,
        _ => How::Read,
    };
    // A general protection fault has no address: a privileged instruction, or an address that is not canonical.
    let has_address = info.si_code != libc::SI_KERNEL;
    // Before anything reads the instruction, which may be what is out.
    if has_address && thread::is_in_driver() && kernel().memory.pageable.is_out(address) {
        begin_report();
        let (at, stack) = (registers.instruction(), registers.address(libc::REG_RSP));
        BadTouch::by_instruction(address, how, at, stack).report();
    }
    if has_address && slow::faulted(address, how, registers) {
        return;
    }
    if has_address {
        // Code that only reads the time gets no other chance to let time pass.
        watchdog::in_code(registers.instruction(), registers.address(libc::REG_RSP));
    }
    if is_the_drivers(registers) && emulate::emulated(has_address.then_some(address), how, registers) {
        return;
    }
    // What a driver freed or left may be touched for it when none of its code runs: a timer in freed pool.
    if !(is_the_drivers(registers) || has_address && pool::contains(address)) {
        return give_back(signal);
    }
    if has_address && touched_lacking(address, how, registers) {
        return;
    }
    if has_address {
        let (at, stack) = (registers.instruction(), registers.address(libc::REG_RSP));
        let touch = BadTouch::by_instruction(address, how, at, stack);
        let touch = match user::faulted(address, how, registers) {
            Verdict::Permitted => return,
            Verdict::Exception => touch,
            Verdict::Broken(why) => {
                begin_report();
                touch.since(why).report();
            }
        };
        if how != How::Execute && driver_instruction(at).is_some() && exception::is_exception(address) {
            let record = Record::new(ACCESS_VIOLATION, at as u64, &[u64::from(how == How::Write), address as u64]);
            return raise(record, Unhandled::Touch(touch), registers);
        }
        begin_report();
        touch.report();
    }
    begin_report();
    call_stack::faulted(registers.instruction(), registers.address(libc::REG_RSP));
    let (rule, what) = emulate::refusal(registers);
    let what = format!("{what} at {}", kernel().describe_address(registers.instruction()));
    match rule {
        Some(rule) => kernel().judge.fatal(rule, what, Vec::new()),
        None => kernel().judge.bug_check(what),
    }
}

/// A touch of an import that the lab lacks: a call goes on with what names it, a read or write is reported; false where no
/// such import lies there.
fn touched_lacking(address: usize, how: How, registers: &mut Registers<'_>) -> bool {
    let Some(import) = kernel().lacking_at(address) else { return false };
    if how == How::Execute {
        registers.set(libc::REG_RIP, import.thunk as u64);
        return true;
    }
    begin_report();
    let (at, stack) = (registers.instruction(), registers.address(libc::REG_RSP));
    call_stack::faulted(at, stack);
    let (verb, name) = (how.verb(), import.name);
    let by = BadTouch::by_instruction(address, how, at, stack).by_whom();
    kernel().judge.bug_check(format!("{verb} of {name}, {by}: the lab lacks this import"));
}

fn on_other_fault(signal: c_int, registers: &mut Registers<'_>) {
    if !is_the_drivers(registers) {
        return give_back(signal);
    }
    let (what, code) = match signal {
        libc::SIGILL => ("illegal instruction", exception::ILLEGAL_INSTRUCTION),
        libc::SIGFPE => ("division by zero or overflow", exception::DIVIDE_BY_ZERO),
        _ => ("breakpoint", exception::BREAKPOINT),
    };
    let at = registers.instruction();
    let what = format!("{what} at {}", kernel().describe_address(at));
    if driver_instruction(at).is_some() && thread::irql() < DISPATCH_LEVEL {
        // A breakpoint is reported behind its instruction, and is an exception at it.
        let at = if signal == libc::SIGTRAP { at - 1 } else { at };
        registers.set(libc::REG_RIP, at as u64);
        return raise(Record::new(code, at as u64, &[]), Unhandled::Fault(what), registers);
    }
    begin_report();
    call_stack::faulted(registers.instruction(), registers.address(libc::REG_RSP));
    kernel().judge.bug_check(what);
}

/// The state of the interrupted code, as exceptions have it.
pub(super) fn context_of(registers: &Registers<'_>) -> Context {
    let mut context = Context::zeroed();
    context.rip = registers.get(libc::REG_RIP).cast_unsigned();
    context.eflags = registers.get(libc::REG_EFL).cast_unsigned() as u32;
    for (to, index) in context.general.iter_mut().zip(GENERAL) {
        *to = registers.get(index).cast_unsigned();
    }
    // SAFETY: the kernel saved the floating point state of the interrupted code there.
    let float = unsafe { &*registers.context.uc_mcontext.fpregs };
    for (to, from) in context.xmm.iter_mut().zip(&float._xmm) {
        let [a, b, c, d] = from.element.map(u64::from);
        *to = [b << 32 | a, d << 32 | c];
    }
    context
}

/// Makes the interrupted code go on with the dispatch of an exception, on its own stack.
fn raise(record: Record, unhandled: Unhandled, registers: &mut Registers<'_>) {
    let context = context_of(registers);
    let room = size_of::<Context>() + size_of::<Record>();
    let low = (registers.address(libc::REG_RSP) - room) & !15;
    let context_at: *mut Context = ptr::with_exposed_provenance_mut(low);
    let record_at: *mut Record = ptr::with_exposed_provenance_mut(low + size_of::<Context>());
    // SAFETY: the driver's stack goes on below its stack pointer; code for Windows keeps nothing there.
    unsafe { context_at.write(context) };
    // SAFETY: as above.
    unsafe { record_at.write(record) };
    exception::expect(unhandled);
    registers.set(libc::REG_RCX, record_at.addr() as u64);
    registers.set(libc::REG_RDX, context_at.addr() as u64);
    // As a call leaves it: the home of four arguments, and a return address that is never used.
    registers.set(libc::REG_RSP, (low - 40) as u64);
    registers.set(libc::REG_RIP, (exception::dispatch_fault as *const ()).expose_provenance() as u64);
}

/// The general registers by their numbers in instructions.
const GENERAL: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// A driver's code runs on this thread, directly or by a call into the lab.
fn is_the_drivers(registers: &Registers<'_>) -> bool {
    thread::is_in_driver() || driver_instruction(registers.instruction()).is_some()
}

/// The fault is another's: its handler is put back, and the instruction faults again.
fn give_back(signal: c_int) {
    let before = BEFORE.get().and_then(|all| all.iter().find(|(of, _)| *of == signal));
    if let Some((_, action)) = before {
        // SAFETY: what was installed before the lab's handler.
        unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
    }
}

/// From here on the process ends, at the latest by an alarm.
pub fn begin_report() {
    // SAFETY: the default action of SIGALRM ends the process.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_DFL) };
    // SAFETY: sets a timer of this process.
    unsafe { libc::alarm(REPORT_SECONDS) };
}

/// The index (`libc::REG_*`) of a general register, whatever part of it is named; none for other registers.
pub fn index_of(register: Register) -> Option<c_int> {
    Some(match register.full_register() {
        Register::RAX => libc::REG_RAX,
        Register::RBX => libc::REG_RBX,
        Register::RCX => libc::REG_RCX,
        Register::RDX => libc::REG_RDX,
        Register::RSI => libc::REG_RSI,
        Register::RDI => libc::REG_RDI,
        Register::RBP => libc::REG_RBP,
        Register::RSP => libc::REG_RSP,
        Register::R8 => libc::REG_R8,
        Register::R9 => libc::REG_R9,
        Register::R10 => libc::REG_R10,
        Register::R11 => libc::REG_R11,
        Register::R12 => libc::REG_R12,
        Register::R13 => libc::REG_R13,
        Register::R14 => libc::REG_R14,
        Register::R15 => libc::REG_R15,
        _ => return None,
    })
}
