//! Bug checks, breakpoints and assertions of drivers. Any IRQL.

use nblease_ndis::sys::{ULONG, ULONG_PTR};

use super::{HIGH_LEVEL, enter, string};
use crate::{exports, kernel::kernel, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "DbgBreakPoint" => dbg_break_point,
    "KeBugCheck" => ke_bug_check,
    "KeBugCheckEx" => ke_bug_check_ex,
    "RtlAssert" => rtl_assert,
};

unsafe extern "win64" fn dbg_break_point() {
    enter("DbgBreakPoint", HIGH_LEVEL);
    kernel().judge.bug_check("the driver called DbgBreakPoint, and no debugger is there");
}

unsafe extern "win64" fn rtl_assert(assertion: *const u8, file: *const u8, line: ULONG, message: *const u8) {
    enter("RtlAssert", HIGH_LEVEL);
    let text = |at| String::from_utf8_lossy(&string::c_string(at)).into_owned();
    let (assertion, file, message) = (text(assertion), text(file), text(message));
    kernel().judge.bug_check(format!("assertion failed: {assertion} at {file}:{line} {message}"));
}

unsafe extern "win64" fn ke_bug_check(code: ULONG) {
    bug_check(code, [0; 4]);
}

unsafe extern "win64" fn ke_bug_check_ex(
    code: ULONG,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
    fourth: ULONG_PTR,
) {
    bug_check(code, [first, second, third, fourth]);
}

fn bug_check(code: u32, parameters: [usize; 4]) -> ! {
    let [first, second, third, fourth] = parameters;
    kernel().judge.bug_check(format!(
        "the driver called KeBugCheckEx({code:#x}, {first:#x}, {second:#x}, {third:#x}, {fourth:#x})"
    ))
}
