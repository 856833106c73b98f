//! A driver's touches of programs' memory: each faults, is judged (`nt::probe`), and is let through for one step.
//!
//! While a thread steps, the page is open to all threads: a touch of the same page by another in that moment is not seen.

use std::cell::RefCell;

use super::{
    report::How,
    signals::{Registers, context_of},
};
use crate::{
    kernel::{driver_instruction, kernel},
    memory::{Access, PAGE, Protection, map, user},
    nt::{
        exception,
        probe::{self, Verdict},
    },
};

thread_local! {
    /// The pages that are open for this thread's step; none: it does not step.
    static OPEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A fault at `address`, maybe a program's. Where the touch is permitted, it is made on return.
pub fn faulted(address: usize, how: How, registers: &mut Registers<'_>) -> Verdict {
    if !user::contains(address) || how == How::Execute {
        return Verdict::Exception;
    }
    let by_driver = driver_instruction(registers.instruction()).is_some();
    let guarded = || {
        if by_driver { exception::is_guarded(&context_of(registers)) } else { exception::is_call_guarded() }
    };
    let verdict = probe::verdict(address, 1, how, guarded);
    if verdict == Verdict::Permitted {
        let Some(buffer) = kernel().memory.programs.find(address) else { return Verdict::Exception };
        let page = address - address % PAGE;
        let protection = match buffer.access {
            Access::ReadWrite => Protection::ReadWrite,
            Access::ReadOnly => Protection::Read,
        };
        map::protect(std::ptr::with_exposed_provenance_mut(page), PAGE, protection);
        OPEN.with_borrow_mut(|open| open.push(page));
        registers.step(true);
    }
    verdict
}

/// A trap: whether it ended a step.
pub fn stepped(registers: &mut Registers<'_>) -> bool {
    OPEN.with_borrow_mut(|open| {
        for page in open.iter() {
            map::protect(std::ptr::with_exposed_provenance_mut(*page), PAGE, Protection::None);
        }
        let stepped = !open.is_empty();
        open.clear();
        if stepped {
            registers.step(false);
        }
        stepped
    })
}
