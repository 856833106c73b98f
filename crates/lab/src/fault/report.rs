//! What a touch of the wrong memory means: which rule it breaks, and what is known of the place.

use crate::{
    call_stack,
    judge::{Rule, rule},
    kernel::kernel,
    memory::{
        PAGE,
        span::{Access, Record, arena},
    },
    ndis::LOAN_IS_OVER,
    sync::lock,
    thread,
};

/// What was done to the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Read.
    Read,
    /// Written.
    Write,
    /// Run as code.
    Execute,
}

impl How {
    /// `read`, `write`, `execution`.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execution",
        }
    }
}

/// A touch that cannot be allowed.
pub struct BadTouch {
    address: usize,
    how: How,
    /// The instruction that did it; none: the lab, for the driver's call.
    instruction: Option<usize>,
    stack_pointer: Option<usize>,
    /// What makes it wrong, where the place does not say it.
    why: &'static str,
}

impl BadTouch {
    /// An instruction's fault.
    pub fn by_instruction(address: usize, how: How, instruction: usize, stack_pointer: usize) -> Self {
        Self { address, how, instruction: Some(instruction), stack_pointer: Some(stack_pointer), why: "" }
    }

    /// A touch that the driver asked the lab for.
    pub fn by_the_lab(address: usize, how: How) -> Self {
        Self { address, how, instruction: None, stack_pointer: None, why: "" }
    }

    /// With what makes it wrong: `, outside of ...`.
    #[must_use]
    pub fn since(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    /// Reports it and ends the run.
    pub fn report(&self) -> ! {
        let judge = &kernel().judge;
        let pageable = &kernel().memory.pageable;
        let is_out = pageable.is_out(self.address);
        // A report reads code too.
        pageable.follow(thread::PASSIVE_LEVEL);
        if let (Some(instruction), Some(stack_pointer)) = (self.instruction, self.stack_pointer) {
            call_stack::faulted(instruction, stack_pointer);
        }
        let (verdict, history) = if is_out { (Some(rule::V09), Vec::new()) } else { self.judge() };
        let why = if is_out { ", which is pageable, at DISPATCH_LEVEL" } else { self.why };
        let what =
            format!("{} of {}{why}, {}", self.how.verb(), kernel().memory.describe(self.address), self.by_whom());
        match verdict {
            Some(rule) => judge.fatal(rule, what, history),
            None => judge.bug_check(what),
        }
    }

    /// `by x.sys+0x1234`: who did it.
    pub fn by_whom(&self) -> String {
        let site = kernel().describe_address(thread::call_site());
        match self.instruction {
            Some(at) if kernel().driver_at(at).is_some() => format!("by {}", kernel().describe_address(at)),
            Some(at) if self.how == How::Execute => format!("after a jump to {at:#x}; the last call was from {site}"),
            _ => format!("by the lab for the call at {site}"),
        }
    }

    /// The rule that it breaks, if one says it, and the history of the memory.
    fn judge(&self) -> (Option<Rule>, Vec<String>) {
        let memory = &kernel().memory;
        if let Some(record) = arena().find(self.address) {
            return (Some(self.rule_of_span(&record)), record.history());
        }
        let in_pool = memory.pool.describe(self.address).is_some();
        let rule = match self.how {
            How::Execute if in_pool => Some(rule::V37),
            How::Execute if kernel().driver_at(self.address).is_some() => Some(rule::V37),
            _ if in_pool || kernel().driver_at(self.address).is_some() => Some(rule::V36),
            _ if memory.is_user(self.address) => Some(rule::V41),
            _ if self.is_stack_overflow() => Some(rule::V42),
            // Nothing that the driver was ever given lies there.
            _ => Some(rule::V36),
        };
        (rule, Vec::new())
    }

    fn rule_of_span(&self, record: &Record) -> Rule {
        let inside = self.address < record.driver().addr() + record.pages * PAGE;
        let (access, why) = {
            let state = lock(&record.state);
            (state.access, state.why)
        };
        match (access, record.kind) {
            _ if !inside => rule::V36,
            // It was kept though it was only lent.
            (None, _) if why == LOAN_IS_OVER => rule::V14,
            (Some(Access::ReadOnly), _) => rule::V30,
            (Some(Access::ReadWrite), _) => rule::V36,
            (None, kind) => kind.rule(),
        }
    }

    /// The stack's end lies a few pages around the stack pointer.
    fn is_stack_overflow(&self) -> bool {
        self.stack_pointer.is_some_and(|pointer| pointer.abs_diff(self.address) < 16 * PAGE)
    }
}
