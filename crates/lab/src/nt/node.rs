//! NUMA nodes, of which the lab's machine has one, and whether a DPC has run too long. Any IRQL.

use nblease_ndis::sys::{BOOLEAN, USHORT};

use super::{HIGH_LEVEL, enter};
use crate::{
    exports,
    pe::Export,
    thread::{self, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "KeGetCurrentNodeNumber" => ke_get_current_node_number,
    "KeQueryHighestNodeNumber" => ke_query_highest_node_number,
    "KeQueryNodeActiveAffinity" => ke_query_node_active_affinity,
    "KeShouldYieldProcessor" => ke_should_yield_processor,
};

/// `GROUP_AFFINITY`.
#[repr(C)]
struct GroupAffinity {
    mask: usize,
    group: USHORT,
    reserved: [USHORT; 3],
}

unsafe extern "win64" fn ke_get_current_node_number() -> USHORT {
    enter("KeGetCurrentNodeNumber", HIGH_LEVEL);
    0
}

unsafe extern "win64" fn ke_query_highest_node_number() -> USHORT {
    enter("KeQueryHighestNodeNumber", HIGH_LEVEL);
    0
}

/// Either pointer may be null; a node that is not there has no processors.
unsafe extern "win64" fn ke_query_node_active_affinity(node: USHORT, affinity: *mut GroupAffinity, count: *mut USHORT) {
    enter("KeQueryNodeActiveAffinity", HIGH_LEVEL);
    let processors = if node == 0 { thread::processors() } else { 0 };
    if !affinity.is_null() {
        let mask = 1_usize.checked_shl(processors).map_or(usize::MAX, |bit| bit - 1);
        // SAFETY: the DDI demands null or storage.
        unsafe { affinity.write(GroupAffinity { mask, group: 0, reserved: [0; 3] }) };
    }
    if !count.is_null() {
        // SAFETY: as above.
        unsafe { count.write(processors as USHORT) };
    }
}

/// DPCs of the lab are judged by their processor time (V28), never asked to yield.
unsafe extern "win64" fn ke_should_yield_processor() -> BOOLEAN {
    enter("KeShouldYieldProcessor", DISPATCH_LEVEL);
    0
}
