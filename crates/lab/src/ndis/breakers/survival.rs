//! Calls that fail by plan: V29.

use super::*;
use crate::faults::{FaultKind, Plan};

/// A filter that leaves a pool behind: V06, where no call was made to fail.
fn leaving() -> Script {
    Script {
        attach: |handle| {
            nbl_pool(handle);
            NDIS_STATUS_SUCCESS
        },
        ..Script::default()
    }
}

#[test]
fn v29_what_breaks_after_a_failed_call_was_not_survived() {
    let _one = one_at_a_time();
    let broken = broken_by(leaving(), |adapter| {
        kernel().faults.plan(Plan::NthOf(FaultKind::NetBuffer, 1));
        as_filter(adapter, |handle| assert!(nbl_pool(handle).is_null()));
    });
    assert_eq!(broken, ["V29"]);
    let what = kernel().judge.verdict().violations.remove(0).what;
    assert!(
        what.starts_with("did not survive the failure of NetBuffer number 1 (NdisAllocateNetBufferListPool from "),
        "{what}"
    );
    assert!(what.contains(": V06: "), "{what}");
}

#[test]
fn a_plan_that_failed_nothing_changes_no_rule() {
    let _one = one_at_a_time();
    let broken = broken_by(leaving(), |_| kernel().faults.plan(Plan::NthOf(FaultKind::NetBuffer, 1)));
    assert_eq!(broken, ["V06"]);
}
