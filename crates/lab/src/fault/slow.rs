//! Slow mode: payload and read buffers are closed to the driver though it may touch them; each access faults, is
//! counted from the instruction that makes it, and is let through for one step.
//!
//! While a thread steps, the span is open to all: one step at a time, by a lock. A driver thread that touches the same
//! span in that moment is not counted, which is why figures are taken in virtual mode, where there is no other.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use iced_x86::{Decoder, DecoderOptions, Instruction, InstructionInfoFactory, OpAccess, Register};

use super::{
    report::How,
    signals::{Registers, index_of},
};
use crate::{
    kernel::{driver_instruction, kernel},
    memory::{
        PAGE,
        span::{Access, Kind, Record, arena},
    },
    sync::lock,
};

/// Whether a thread steps.
static STEPPING: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The spans that are open for this thread's step; none: it does not step.
    static OPEN: RefCell<Vec<Arc<Record>>> = const { RefCell::new(Vec::new()) };
}

/// A fault at `address`: whether it was slow mode's own. The access was then counted and is made on return.
pub fn faulted(address: usize, how: How, registers: &mut Registers<'_>) -> bool {
    let Some(record) = steppable(address, how) else { return false };
    OPEN.with_borrow_mut(|open| {
        // A second span of the same instruction: it was counted with the first.
        if open.is_empty() {
            while STEPPING.swap(true, Ordering::Acquire) {
                std::thread::yield_now();
            }
            count(registers);
            registers.step(true);
        }
        // Read-only stays so: an instruction that then writes faults again, and is reported.
        let access = lock(&record.state).access;
        record.protect(record.resting_protection(access, false));
        open.push(record);
    });
    true
}

/// The span at an address, if the driver may do this to it and slow mode watches it.
fn steppable(address: usize, how: How) -> Option<Arc<Record>> {
    let record = arena().find(address).filter(|record| record.kind.is_watched())?;
    let inside = address < record.driver().addr() + record.pages * PAGE;
    let allowed = match lock(&record.state).access {
        Some(Access::ReadWrite) => how != How::Execute,
        Some(Access::ReadOnly) => how == How::Read,
        None => false,
    };
    (kernel().memory.is_slow() && inside && allowed).then_some(record)
}

/// A trap: whether it ended a step.
pub fn stepped(registers: &mut Registers<'_>) -> bool {
    OPEN.with_borrow_mut(|open| {
        if open.is_empty() {
            return false;
        }
        for record in open.drain(..) {
            let state = lock(&record.state);
            record.protect(record.resting_protection(state.access, kernel().memory.is_slow()));
        }
        registers.step(false);
        STEPPING.store(false, Ordering::Release);
        true
    })
}

/// Counts what the instruction touches, if it is a driver's. (The lab's own touches are the lab's business.)
fn count(registers: &Registers<'_>) {
    let at = registers.instruction();
    let Some(bytes) = driver_instruction(at) else { return };
    let instruction = Decoder::with_ip(64, &bytes, at as u64, DecoderOptions::NONE).decode();
    let memory = &kernel().memory;
    memory.counters.steps.fetch_add(1, Ordering::Relaxed);
    let mut from_payload = 0;
    let mut to_buffer = 0;
    for access in accesses(&instruction, registers) {
        let kind = arena().find(access.address).map(|record| record.kind);
        if access.read {
            memory.count(kind, false, access.size);
            from_payload += if kind == Some(Kind::Payload) { access.size } else { 0 };
        }
        if access.written {
            memory.count(kind, true, access.size);
            to_buffer += if kind == Some(Kind::ReadBuffer) { access.size } else { 0 };
        }
    }
    memory.count_straight(from_payload.min(to_buffer));
}

/// A touch of memory by an instruction.
#[derive(Debug, PartialEq, Eq)]
struct MemoryAccess {
    address: usize,
    size: usize,
    read: bool,
    written: bool,
}

/// What an instruction touches. A repeated string instruction touches one element in a step.
fn accesses(instruction: &Instruction, registers: &Registers<'_>) -> Vec<MemoryAccess> {
    let mut factory = InstructionInfoFactory::new();
    let used = factory.info(instruction).used_memory();
    let touched = used.iter().filter_map(|used| {
        // The size of all repetitions together is not known to the decoder; that of one is the instruction's.
        let size = match used.memory_size().size() {
            0 => instruction.memory_size().size(),
            size => size,
        };
        let address = used.virtual_address(0, |register, _, _| value(register, registers))?;
        let (read, written) = match used.access() {
            OpAccess::Read | OpAccess::CondRead => (true, false),
            OpAccess::Write | OpAccess::CondWrite => (false, true),
            OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
            OpAccess::None | OpAccess::NoMemAccess => return None,
        };
        Some(MemoryAccess { address: address as usize, size, read, written })
    });
    touched.collect()
}

/// A register's value when the instruction faulted.
fn value(register: Register, registers: &Registers<'_>) -> Option<u64> {
    if register.is_segment_register() {
        // Segments but fs and gs start at 0 in 64-bit code; what lies behind those two is no span.
        return Some(0);
    }
    let index = index_of(register)?;
    let whole = registers.get(index).cast_unsigned();
    Some(match register.size() {
        8 => whole,
        4 => whole & 0xffff_ffff,
        size => whole & ((1 << (size * 8)) - 1),
    })
}
