//! Privileges of the program whose call this is (`SeSinglePrivilegeCheck`). PASSIVE_LEVEL.
//!
//! Programs of the lab have enabled what their tokens hold: an administrator's holds what a fresh Windows gives that group.

use nblease_ndis::sys::{BOOLEAN, KPROCESSOR_MODE, KernelMode};

use super::enter;
use crate::{exports, io, kernel::kernel, pe::Export, thread::PASSIVE_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "SeSinglePrivilegeCheck" => se_single_privilege_check,
};

/// `SE_CHANGE_NOTIFY_PRIVILEGE`, `SE_SHUTDOWN_PRIVILEGE`: everybody's.
const EVERYBODYS: [u64; 2] = [23, 19];
/// Those of the system and its services alone, `SE_CREATE_TOKEN_PRIVILEGE` to `SE_RELABEL_PRIVILEGE`.
const SYSTEMS: [u64; 10] = [2, 3, 4, 6, 7, 16, 21, 26, 31, 32];

unsafe extern "win64" fn se_single_privilege_check(privilege: u64, mode: KPROCESSOR_MODE) -> BOOLEAN {
    enter("SeSinglePrivilegeCheck", PASSIVE_LEVEL);
    let administrators = kernel().io.is_administrators(io::current_number());
    let held = i32::from(mode) == KernelMode
        || EVERYBODYS.contains(&privilege)
        || administrators && !SYSTEMS.contains(&privilege);
    BOOLEAN::from(held)
}
