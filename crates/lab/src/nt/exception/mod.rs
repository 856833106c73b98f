//! Structured exceptions: raised by faults of a driver's and by the kernel's functions, handled where the driver has a
//! `__try` around them.
//!
//! As in NT there are two passes. The first asks the handlers of the driver's frames, innermost first, by their language
//! handler (`__C_specific_handler`, with the filters of `__except`). The second unwinds to the frame that takes it, and
//! runs the `__finally` blocks between. Frames of the lab's end the search: nobody handles it. Faults are exceptions only
//! below DISPATCH_LEVEL and only for addresses of programs, for divisions and for what is no instruction; touching the
//! kernel's memory wrongly is a rule broken.

mod context;
mod unwind;

use std::cell::Cell;

use nblease_ndis::sys::{NTSTATUS, PVOID};

pub(super) use context::raising;
pub use context::{Context, Record};
use context::{Dispatcher, Pointers, RAX};
pub use unwind::callers;

use super::enter;
use crate::{
    exports,
    fault::{
        report::{BadTouch, How},
        signals::begin_report,
    },
    kernel::kernel,
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "__C_specific_handler" => c_specific_handler,
    "ExRaiseAccessViolation" => ex_raise_access_violation,
    "ExRaiseDatatypeMisalignment" => ex_raise_datatype_misalignment,
    "ExRaiseStatus" => ex_raise_status,
    "RtlRaiseStatus" => ex_raise_status,
};

/// `STATUS_ACCESS_VIOLATION`.
pub const ACCESS_VIOLATION: u32 = 0xc000_0005;
/// `STATUS_INTEGER_DIVIDE_BY_ZERO`.
pub const DIVIDE_BY_ZERO: u32 = 0xc000_0094;
/// `STATUS_ILLEGAL_INSTRUCTION`.
pub const ILLEGAL_INSTRUCTION: u32 = 0xc000_001d;
/// `STATUS_BREAKPOINT`.
pub const BREAKPOINT: u32 = 0x8000_0003;
/// `STATUS_DATATYPE_MISALIGNMENT`.
const MISALIGNMENT: u32 = 0x8000_0002;

// EXCEPTION_*
const NON_CONTINUABLE: u32 = 1;
const UNWINDING: u32 = 2;
const EXIT_UNWIND: u32 = 4;
const TARGET_UNWIND: u32 = 0x20;

// EXCEPTION_DISPOSITION
const CONTINUE_EXECUTION: i32 = 0;
const CONTINUE_SEARCH: i32 = 1;

/// Frames that are looked at before the stack counts as broken.
const DEEPEST: usize = 256;

type Handler = unsafe extern "win64" fn(*mut Record, u64, *mut Context, *mut Dispatcher) -> i32;
type Filter = unsafe extern "win64" fn(*mut Pointers, u64) -> i32;
type Termination = unsafe extern "win64" fn(u8, u64);

/// What to say where nobody handles it.
pub enum Unhandled {
    /// A touch of memory that is wrong for another reason too.
    Touch(BadTouch),
    /// A bug check in these words.
    Fault(String),
}

thread_local! {
    /// For the fault under way on this thread.
    static UNHANDLED: Cell<Option<Unhandled>> = const { Cell::new(None) };
}

/// A fault is to be dispatched: this is what to say should nobody handle it.
pub fn expect(unhandled: Unhandled) {
    UNHANDLED.set(Some(unhandled));
}

/// Where a fault goes on, on the driver's stack: with a record and a context as arguments.
pub unsafe extern "win64" fn dispatch_fault(record: *mut Record, context: *mut Context) -> ! {
    // SAFETY: the fault handler put it on this stack, below which this runs.
    let record = unsafe { &mut *record };
    // SAFETY: as above.
    let context = unsafe { &mut *context };
    dispatch(record, context);
    begin_report();
    match UNHANDLED.take() {
        Some(Unhandled::Touch(touch)) => touch.report(),
        Some(Unhandled::Fault(what)) => kernel().judge.bug_check(what),
        None => kernel().judge.bug_check("a fault"),
    }
}

/// Raises an exception for the caller whose context this is.
pub(super) fn raise(code: u32, parameters: &[u64], context: &mut Context) -> ! {
    let at = context.rip;
    let mut record = Record::new(code, at, parameters);
    record.flags = NON_CONTINUABLE;
    dispatch(&mut record, context);
    let place = kernel().describe_address(at as usize);
    kernel().judge.bug_check(format!("exception {code:#x} raised for the call at {place}, and nobody handles it"))
}

/// A function of the lab's touches a program's memory for a driver, whose context this is.
pub(super) fn raise_touch(address: usize, how: How, context: &mut Context) -> ! {
    let parameters = [u64::from(how == How::Write), address as u64];
    dispatch(&mut Record::new(ACCESS_VIOLATION, context.rip, &parameters), context);
    BadTouch::by_the_lab(address, how).report();
}

/// Whether a `__try` block with a handler is around the code whose context this is, in its function or a caller's.
pub fn is_guarded(context: &Context) -> bool {
    let mut context = *context;
    for _ in 0..DEEPEST {
        let pc = context.rip;
        let Some(frame) = unwind::unwind(&mut context, unwind::HANDLES_EXCEPTIONS) else { return false };
        if guards(&frame, pc) {
            return true;
        }
    }
    false
}

/// As [`is_guarded`], for the driver's last call into the lab, as far as its callers are known.
pub fn is_call_guarded() -> bool {
    let (site, stack, top) = thread::last_call();
    let mut context = Context::zeroed();
    context.rip = site as u64;
    context.general[context::RSP] = stack as u64 + 8;
    while context.rip != 0 && (context.general[context::RSP] as usize) < top {
        let pc = context.rip;
        // Where its frame is kept in a register the callers are not known: one of them may guard it.
        let last = unwind::has_frame_register(pc);
        match unwind::unwind(&mut context, unwind::HANDLES_EXCEPTIONS) {
            Some(frame) if guards(&frame, pc) => return true,
            Some(_) if last => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// Whether a frame's scope table has a `__try` block with a handler around an address in its function.
fn guards(frame: &unwind::Frame, pc: u64) -> bool {
    /// No function has more; what is no scope table says so.
    const MOST: u32 = 4096;
    let Some((_, data)) = frame.handler else { return false };
    let table: *const u32 = std::ptr::with_exposed_provenance(data as usize);
    let offset = pc - frame.base;
    // A handler that is not C's own (of security cookies) has other data, which make no scopes.
    let count = Scope::count(table).min(MOST);
    let all = (0..count).map(|index| Scope::read(table, index)).take_while(|scope| scope.begin < scope.end);
    all.filter(|scope| scope.target != 0).any(|scope| (scope.begin..scope.end).contains(&offset))
}

/// Asks the handlers of the driver's frames. Returns where none takes it.
fn dispatch(record: &mut Record, context: &mut Context) {
    let mut frame_context = *context;
    for _ in 0..DEEPEST {
        let control_pc = frame_context.rip;
        let Some(frame) = unwind::unwind(&mut frame_context, unwind::HANDLES_EXCEPTIONS) else { return };
        let Some((handler, handler_data)) = frame.handler else { continue };
        let mut dispatcher = Dispatcher {
            control_pc,
            image_base: frame.base,
            function: frame.function,
            frame: frame.establisher,
            target_ip: 0,
            context: &raw mut frame_context,
            handler,
            handler_data,
            history: 0,
            scope_index: 0,
            fill: 0,
        };
        let disposition = call(handler, record, frame.establisher, context, &mut dispatcher);
        if disposition == CONTINUE_EXECUTION {
            if record.flags & NON_CONTINUABLE != 0 {
                kernel().judge.bug_check(format!("exception {:#x} was continued, which it cannot be", record.code));
            }
            UNHANDLED.set(None);
            // SAFETY: the context of the driver's own code, further up this stack.
            unsafe { context::resume(context) };
        }
    }
}

fn call(handler: u64, record: &mut Record, frame: u64, context: &mut Context, dispatcher: &mut Dispatcher) -> i32 {
    let handler: PVOID = std::ptr::with_exposed_provenance_mut(handler as usize);
    // SAFETY: the image's table says that this is a language handler.
    let handler = unsafe { std::mem::transmute::<PVOID, Handler>(handler) };
    // SAFETY: as above.
    unsafe { handler(record, frame, context, dispatcher) }
}

/// Unwinds from an exception's context to a frame, and goes on there.
fn unwind_to(target: u64, target_ip: u64, record: &mut Record, context: &mut Context) -> ! {
    record.flags |= UNWINDING;
    let mut frame_context = *context;
    for _ in 0..DEEPEST {
        let mut own = frame_context;
        let Some(frame) = unwind::unwind(&mut frame_context, unwind::HANDLES_UNWINDING) else { break };
        let arrived = frame.establisher == target;
        if arrived {
            record.flags |= TARGET_UNWIND;
        }
        if let Some((handler, handler_data)) = frame.handler {
            let mut dispatcher = Dispatcher {
                control_pc: own.rip,
                image_base: frame.base,
                function: frame.function,
                frame: frame.establisher,
                target_ip,
                context: &raw mut own,
                handler,
                handler_data,
                history: 0,
                scope_index: 0,
                fill: 0,
            };
            call(handler, record, frame.establisher, context, &mut dispatcher);
        }
        if arrived {
            own.rip = target_ip;
            own.general[RAX] = u64::from(record.code);
            UNHANDLED.set(None);
            // SAFETY: the context of a frame of the driver's, further up this stack.
            unsafe { context::resume(&raw const own) };
        }
    }
    kernel().judge.bug_check("unwinding for an exception did not come to the frame that handles it")
}

/// An entry of a scope table: a `__try` block, its filter or `__finally` block, and where the `__except` block begins.
#[derive(Clone, Copy)]
struct Scope {
    begin: u64,
    end: u64,
    handler: u64,
    target: u64,
}

impl Scope {
    fn word(table: *const u32, at: usize) -> u32 {
        // SAFETY: the handler's data are the function's scope table: a count, then four words for each.
        unsafe { table.wrapping_add(at).read_unaligned() }
    }

    fn count(table: *const u32) -> u32 {
        Self::word(table, 0)
    }

    fn read(table: *const u32, index: u32) -> Self {
        let word = |at: usize| u64::from(Self::word(table, 1 + 4 * index as usize + at));
        Self { begin: word(0), end: word(1), handler: word(2), target: word(3) }
    }
}

/// The scopes of a function from a number on, innermost first.
fn scopes(dispatcher: &Dispatcher) -> impl Iterator<Item = (u32, Scope)> + use<> {
    let table: *const u32 = std::ptr::with_exposed_provenance(dispatcher.handler_data as usize);
    (dispatcher.scope_index..Scope::count(table)).map(move |index| (index, Scope::read(table, index)))
}

/// The language handler of C: filters in the first pass, `__finally` blocks in the second.
unsafe extern "win64" fn c_specific_handler(
    record: *mut Record,
    frame: u64,
    context: *mut Context,
    dispatcher: *mut Dispatcher,
) -> i32 {
    // SAFETY: called by `dispatch` and `unwind_to`, maybe through a handler in the image, with what they passed.
    let record = unsafe { &mut *record };
    // SAFETY: as above.
    let context = unsafe { &mut *context };
    // SAFETY: as above.
    let dispatcher = unsafe { &mut *dispatcher };
    let base = dispatcher.image_base;
    let pc = dispatcher.control_pc - base;
    let inside = |scope: &Scope, address: u64| (scope.begin..scope.end).contains(&address);
    if record.flags & (UNWINDING | EXIT_UNWIND) == 0 {
        for (_, scope) in scopes(dispatcher).filter(|(_, scope)| inside(scope, pc) && scope.target != 0) {
            match ask(scope.handler, base, record, frame, context) {
                0 => {}
                ..0 => return CONTINUE_EXECUTION,
                _ => unwind_to(frame, base + scope.target, record, context),
            }
        }
        return CONTINUE_SEARCH;
    }
    let target = dispatcher.target_ip.wrapping_sub(base);
    let at_target = record.flags & TARGET_UNWIND != 0;
    for (index, scope) in scopes(dispatcher).filter(|(_, scope)| inside(scope, pc)) {
        if at_target && (inside(&scope, target) || scope.target == target) {
            break;
        }
        if scope.target == 0 {
            dispatcher.scope_index = index + 1;
            let block: PVOID = std::ptr::with_exposed_provenance_mut((base + scope.handler) as usize);
            // SAFETY: the scope table says that this is a `__finally` block.
            let block = unsafe { std::mem::transmute::<PVOID, Termination>(block) };
            // SAFETY: as above, for this frame.
            unsafe { block(1, frame) };
        }
    }
    CONTINUE_SEARCH
}

/// What a filter says to an exception: 1 stands for `EXCEPTION_EXECUTE_HANDLER` itself.
fn ask(filter: u64, base: u64, record: &mut Record, frame: u64, context: &mut Context) -> i32 {
    if filter == 1 {
        return 1;
    }
    let filter: PVOID = std::ptr::with_exposed_provenance_mut((base + filter) as usize);
    // SAFETY: the scope table says that this is a filter.
    let filter = unsafe { std::mem::transmute::<PVOID, Filter>(filter) };
    let mut pointers = Pointers { record, context };
    // SAFETY: as above, for this frame.
    unsafe { filter(&raw mut pointers, frame) }
}

raising! {
    ex_raise_status => raise_status;
    ex_raise_access_violation => raise_access_violation;
    ex_raise_datatype_misalignment => raise_misalignment;
}

fn context_of<'a>(context: *mut Context) -> &'a mut Context {
    // SAFETY: the functions that `raising!` declares pass one on their own stack.
    unsafe { &mut *context }
}

unsafe extern "win64" fn raise_status(status: NTSTATUS, _second: usize, _third: usize, context: *mut Context) {
    enter("ExRaiseStatus", APC_LEVEL);
    raise(status.cast_unsigned(), &[], context_of(context));
}

unsafe extern "win64" fn raise_access_violation(_first: usize, _second: usize, _third: usize, context: *mut Context) {
    enter("ExRaiseAccessViolation", APC_LEVEL);
    raise(ACCESS_VIOLATION, &[0, 0], context_of(context));
}

unsafe extern "win64" fn raise_misalignment(_first: usize, _second: usize, _third: usize, context: *mut Context) {
    enter("ExRaiseDatatypeMisalignment", APC_LEVEL);
    raise(MISALIGNMENT, &[], context_of(context));
}

/// Whether a fault at an address is an exception, rather than a rule broken.
pub fn is_exception(address: usize) -> bool {
    /// Where null pointers lead.
    const NULL_AREA: usize = 1 << 16;
    thread::irql() < DISPATCH_LEVEL && (address < NULL_AREA || kernel().memory.is_user(address))
}
