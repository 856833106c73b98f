//! IRQL: asking, raising, lowering. Any IRQL.

use nblease_ndis::sys::KIRQL;

use super::{HIGH_LEVEL, enter};
use crate::{
    exports,
    judge::rule,
    kernel::kernel,
    pe::Export,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    KeGetCurrentIrql => ke_get_current_irql,
    KeLowerIrql => ke_lower_irql,
    KfRaiseIrql => kf_raise_irql,
};

unsafe extern "efiapi" fn ke_get_current_irql() -> KIRQL {
    enter("KeGetCurrentIrql", HIGH_LEVEL);
    thread::irql()
}

unsafe extern "efiapi" fn kf_raise_irql(to: KIRQL) -> KIRQL {
    enter("KfRaiseIrql", HIGH_LEVEL);
    let from = thread::irql();
    kernel().judge.check(rule::V09, from <= to, || format!("KfRaiseIrql from {from} down to {to}"));
    thread::set_irql(to)
}

unsafe extern "efiapi" fn ke_lower_irql(to: KIRQL) {
    enter("KeLowerIrql", HIGH_LEVEL);
    let from = thread::irql();
    kernel().judge.check(rule::V09, from >= to, || format!("KeLowerIrql from {from} up to {to}"));
    lower(to);
}

/// Raises to DISPATCH_LEVEL: the IRQL before.
pub(super) fn raise_to_dispatch() -> KIRQL {
    thread::set_irql(thread::irql().max(DISPATCH_LEVEL))
}

/// Lowers; DPCs that waited for it run.
pub(super) fn lower(to: KIRQL) {
    thread::may_lower(to);
    let from = thread::set_irql(to);
    if from >= DISPATCH_LEVEL && to < DISPATCH_LEVEL {
        kernel().irql_fell();
    }
}
